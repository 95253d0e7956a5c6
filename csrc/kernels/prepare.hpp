// Rows of elements made to rows of accumulators.
#pragma once

#include "rows.hpp"

namespace tilepool {
namespace {

/// Numbers as they are, in a wider type.
template <class To, class From>
struct Converted {
  template <int N>
  static TILEPOOL_INLINE Vec<To, N> of(Vec<Lane<From>, N> v, To) {
    if constexpr (sizeof(To) > 8) {
      return To{v};
    } else {
      return convert<To, From, N>(v);
    }
  }
};

/// The bits of floats without a sign: integers in the order of magnitudes, NaNs above infinity. Flipped as keys are.
template <class To, class From>
struct MagnitudeKey {
  template <int N>
  static TILEPOOL_INLINE Vec<To, N> bits(Vec<From, N> v) {
    return bits_as<Vec<To, N>>(v) & splat<N>(std::numeric_limits<To>::max());
  }
  template <int N>
  static TILEPOOL_INLINE Vec<To, N> of(Vec<From, N> v, To flip) {
    return bits<N>(v) ^ splat<N>(flip);
  }
};

/// Absolute values.
template <class T>
struct Magnitude {
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> of(Vec<T, N> v, T) {
    return bits_as<Vec<T, N>>(MagnitudeKey<IntegerLike<T>, T>::template bits<N>(v));
  }
};

/// The square of float32: float64 holds each of them exactly.
struct Square {
  template <int N>
  static TILEPOOL_INLINE Vec<double, N> of(Vec<float, N> v, double) {
    const Vec<double, N> number = convert_numbers<double, N>(v);
    return number * number;
  }
};

/// `From` is the type of elements, `To` that of accumulators.
template <class To, class From, class Step>
void prepare(void* to, const void* elements, std::int64_t n, std::int64_t flip) {
  auto* const target = static_cast<To*>(to);
  const auto* const from = static_cast<const Lane<From>*>(elements);
  const auto bits = static_cast<To>(flip);
  sweep_overlapping<To, AsItIs<To>::lanes>(n, [&](auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
    constexpr int N = decltype(lanes)::value;
    store(target + i, Step::template of<N>(load<N>(from + i), bits));
  });
}
template <class To, class From>
constexpr Prepare converts = prepare<To, From, Converted<To, From>>;

}  // namespace
}  // namespace tilepool
