// Lanes of float64 divided by one number, correctly rounded, at the price of two multiplications.
#pragma once

#include "lanes.hpp"

namespace tilepool {
namespace {

#if defined(__FMA__) && defined(__AVX2__) && defined(__GNUC__) && !defined(__clang__)
/// Whether N lanes have the instructions below, and division takes longer: that of float32 is as fast as all else that
/// an average needs.
template <int N, class T>
constexpr bool multiplies_and_adds = std::is_same_v<T, double> && N * sizeof(T) == vector_bytes;

/// a * b + c, rounded once.
template <int N>
TILEPOOL_INLINE Vec<double, N> product_and_sum(Vec<double, N> a, Vec<double, N> b, Vec<double, N> c) {
#if defined(__AVX512BW__)
  return __builtin_ia32_vfmaddpd512_mask(a, b, c, -1, 4);
#else
  return __builtin_ia32_vfmaddpd256(a, b, c);
#endif
}

/// Whether the magnitude of a lane is less than `limit`, but no 0. Twice its bits, from which the sign is gone, less 1
/// are compared, which makes 0 the greatest number.
template <int N>
TILEPOOL_INLINE bool has_tiny(Vec<double, N> v, double limit) {
  using Bits = Vec<std::uint64_t, N>;
  using Signed = Vec<long long, N>;
  const auto bits = bits_as<Bits>(v);
  const std::uint64_t end = 2 * bits_as<std::uint64_t>(limit) - 1;
#if defined(__AVX512BW__)
  constexpr int is_less = 1;
  return __builtin_ia32_ucmpq512_mask(bits_as<Signed>(bits + bits - 1), bits_as<Signed>(splat<N>(end)), is_less, -1);
#else  // AVX2 compares signed numbers
  constexpr std::uint64_t top = std::uint64_t{1} << 63;
  const auto are_less = bits_as<Signed>(bits + bits + (top - 1)) < bits_as<Signed>(splat<N>(end ^ top));
  return __builtin_ia32_movmskpd256(bits_as<Vec<double, N> >(are_less)) != 0;
#endif
}
#else
template <int N, class T>
constexpr bool multiplies_and_adds = false;
template <int N>
Vec<double, N> product_and_sum(Vec<double, N>, Vec<double, N>, Vec<double, N>);
template <int N>
bool has_tiny(Vec<double, N>, double);
#endif

/// 1 / d for an integer d below 2**40 that is no power of two: upper + lower, of which `upper` is rounded towards zero,
/// so that neither is 0 and both have one sign. Then a * upper + round(a * lower), rounded once, has the infinities,
/// NaNs and signs of zero that a / d has, and is that quotient. Let u = 2**-53: round(a * lower) is wrong by 4 * u * u
/// * |a / d| at most, which is 4 * u of the last place of the quotient. Another number would be taken beyond the middle
/// between two of them, M / 2 places for an odd M of 54 bits. No quotient is one: M * d has more bits than a. a and
/// M * d / 2 places are multiples of half a place, so that a / d differs from the middle by 1 / (2 * d) places at
/// least, which is 2**-41 > 4 * u. Where a * lower would lose bits below the smallest normal number, lanes must be
/// divided.
template <class T>
struct Reciprocal {
  explicit Reciprocal(double) {}
};
template <>
struct Reciprocal<double> {
  explicit Reciprocal(double divisor) {
    if constexpr (multiplies_and_adds<full_lanes<double>, double>) {
      const double magnitude = divisor < 0 ? -divisor : divisor;
      if (!(magnitude >= 1 && magnitude < 0x1p40)) return;
      const auto integer = static_cast<std::int64_t>(magnitude);
      if (static_cast<double>(integer) != magnitude || (integer & (integer - 1)) == 0) return;
      upper = 1 / divisor;
      const auto missing = [&] { return __builtin_fma(-upper, divisor, 1.0); };  // exact: a multiple of upper's place
      if (missing() < 0) upper = bits_as<double>(bits_as<std::int64_t>(upper) - 1);
      lower = missing() / divisor;
    }
  }

  template <int N>
  TILEPOOL_INLINE bool divides(Vec<double, N> v) const {
    constexpr double least = 0x1p-900;  // times `lower`, at least 2**-53 / 2**40 / 2**40, far from 2**-1022
    return lower != 0 && !has_tiny<N>(v, least);
  }
  template <int N>
  TILEPOOL_INLINE Vec<double, N> quotient(Vec<double, N> v) const {
    return product_and_sum<N>(v, splat<N>(upper), v * splat<N>(lower));
  }

  double upper = 0, lower = 0;
};

}  // namespace
}  // namespace tilepool
