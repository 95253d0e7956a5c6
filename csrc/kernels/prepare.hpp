// Rows of elements made to rows of accumulators.
#pragma once

#include "conversions.hpp"
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
    } else if constexpr (std::is_same_v<From, Float16> || std::is_same_v<From, BFloat16>) {
      return convert_numbers<To, N>(convert<float, From, N>(v));
    } else {
      return convert<To, From, N>(v);
    }
  }
};

/// Whether numbers differ from 0, as bytes.
template <class From>
struct Truth {
  template <int N>
  static TILEPOOL_INLINE Vec<std::uint8_t, N> of(Vec<Lane<From>, N> v, std::uint8_t) {
    using Number = typename Element<From>::Number;
    using Bits = IntegerLike<Lane<From>>;
    constexpr bool is_float = std::is_floating_point_v<Number>;
    // Both zeros of floats are all 0 but for the sign. (0x7f...: the bits that count.)
    const auto bits = bits_as<Vec<Bits, N>>(v) & splat<N>(is_float ? std::numeric_limits<Bits>::max() : Bits(-1));
    return convert_numbers<std::uint8_t, N>(bits != Bits(0) ? splat<N>(Bits(1)) : Vec<Bits, N>{});
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
  constexpr int most = AsItIs<To>::lanes, other = vector_bytes / static_cast<int>(sizeof(Lane<From>));
  constexpr bool whole = !std::is_same_v<From, Lane<From>>;  // 16-bit floats have no conversion of two lanes
  sweep_overlapping<To, (most < other ? most : other), whole>(
      n, [&](auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
        constexpr int N = decltype(lanes)::value;
        store(target + i, Step::template of<N>(load<N>(from + i), bits));
      });
}
template <class To, class From>
constexpr Prepare converts = prepare<To, From, Converted<To, From>>;

}  // namespace
}  // namespace tilepool
