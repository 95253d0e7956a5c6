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
  using Bits = IntegerLike<Lane<From>>;
  /// 1 or 0.
  template <int N>
  static TILEPOOL_INLINE Vec<Bits, N> wide(Vec<Lane<From>, N> v) {
    constexpr bool is_float = std::is_floating_point_v<typename Element<From>::Number>;
    // Both zeros of floats are all 0 but for the sign. (0x7f...: the bits that count.)
    const auto bits = bits_as<Vec<Bits, N>>(v) & splat<N>(is_float ? std::numeric_limits<Bits>::max() : Bits(-1));
    return bits != Bits(0) ? splat<N>(Bits(1)) : Vec<Bits, N>{};
  }
  template <int N>
  static TILEPOOL_INLINE Vec<std::uint8_t, N> of(Vec<Lane<From>, N> v, std::uint8_t) {
    return convert_numbers<std::uint8_t, N>(wide<N>(v));
  }
};

/// The lowest bytes of the lanes of as many vectors as a lane has bytes.
template <class T>
TILEPOOL_INLINE Vec<std::int8_t, vector_bytes> lowest_bytes(const Vec<T, full_lanes<T>>* v) {
  if constexpr (sizeof(T) == 1) {
    return v[0];
  } else {
    using Half =
        std::conditional_t<sizeof(T) == 2, std::int8_t, std::conditional_t<sizeof(T) == 4, std::int16_t, std::int32_t>>;
    constexpr int N = full_lanes<Half>, count = sizeof(T) / 2;
    Vec<Half, N> lower[count];
    for (int i = 0; i < count; ++i) {
      const Vec<Half, N> both[] = {bits_as<Vec<Half, N>>(v[2 * i]), bits_as<Vec<Half, N>>(v[2 * i + 1])};
      lower[i] = every<0, 2, N, Half>(both);
    }
    return lowest_bytes<Half>(lower);
  }
}

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

/// Truths, a vector of bytes at a time where there are as many: what wide numbers are converted to fills a small part
/// of one.
template <class From>
void prepare_truth(void* to, const void* elements, std::int64_t n, std::int64_t flip) {
  using Bits = typename Truth<From>::Bits;
  constexpr int N = full_lanes<Bits>, count = sizeof(Bits);
  if (count < 4 || n < N * count) return prepare<std::uint8_t, From, Truth<From>>(to, elements, n, flip);
  for (std::int64_t done = 0; done < n; done += N * count) {
    const std::int64_t i = done < n - N * count ? done : n - N * count;
    const auto* const from = static_cast<const Lane<From>*>(elements) + i;
    Vec<Bits, N> truths[count];
    for (int part = 0; part < count; ++part) truths[part] = Truth<From>::template wide<N>(load<N>(from + part * N));
    store(static_cast<std::uint8_t*>(to) + i, lowest_bytes<Bits>(truths));
  }
}
template <class To, class From>
constexpr Prepare converts = prepare<To, From, Converted<To, From>>;

}  // namespace
}  // namespace tilepool
