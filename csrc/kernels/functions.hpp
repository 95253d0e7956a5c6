// Functions of float64 lanes that processors have no instruction for. Plain arithmetic in a fixed order: the same bits
// on every ISA. Exponential and logarithm are within 2 units in the last place, as far as millions of samples tell.
#pragma once

#include <limits>

#include "simd.hpp"

namespace tilepool {
namespace {

/// What fills a vector: compilers take wider ones apart into scalars.
constexpr int number_lanes = vector_bytes / 8;
using Numbers = Vec<double, number_lanes>;
using NumberBits = Vec<std::int64_t, number_lanes>;

TILEPOOL_INLINE Numbers all(double value) { return splat<number_lanes>(value); }
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double ln2 = 0x1.62e42fefa38p-1, ln2_rest = 0x1.ef35793c7673p-45;  // so many bits that k * ln2 is exact

/// c[0] + c[1] * x + c[2] * x**2 ...
template <int Terms>
TILEPOOL_INLINE Numbers polynomial(Numbers x, const double (&c)[Terms]) {
  Numbers sum = all(c[Terms - 1]);
  for (int i = Terms - 2; i >= 0; --i) sum = sum * x + all(c[i]);
  return sum;
}

TILEPOOL_INLINE Numbers magnitude(Numbers v) { return bits_as<Numbers>(bits_as<NumberBits>(v) & 0x7fffffffffffffff); }

/// An integer that is added to this is found in the lowest bits of the sum.
constexpr double integer_places = 0x1.8p52;
TILEPOOL_INLINE Numbers nearest_integer(Numbers v) { return v + all(integer_places) - all(integer_places); }

/// 2**k for integers from -1022 to 1023.
TILEPOOL_INLINE Numbers power_of_two(Numbers k) {
  return bits_as<Numbers>(bits_as<NumberBits>(k + all(integer_places + 1023)) << 52);
}

/// e**x = (1 + less) * 2**k.
struct Exponential {
  Numbers k, less;
};
TILEPOOL_INLINE Exponential parts_of_exponential(Numbers x) {
  // x = k * ln2 + r with |r| <= ln2 / 2, and e**r by its Taylor series: the first term left out is below 2**-57.
  const Numbers k = nearest_integer(x * all(0x1.71547652b82fep0));
  const Numbers r = (x - k * all(ln2)) - k * all(ln2_rest);
  const Numbers series =
      polynomial(r, {1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880,
                     1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800});
  return {k, series * r};
}

/// e**x; 0 below -708, infinity above 709.
TILEPOOL_INLINE Numbers exponential(Numbers x) {
  const Exponential parts = parts_of_exponential(x);
  const Numbers result = (parts.less + all(1.0)) * power_of_two(parts.k);
  return x < all(-708.0) ? all(0.0) : x > all(709.0) ? all(infinity) : result;
}

/// e**x - 1 for x <= 0, not less exact where that is little.
TILEPOOL_INLINE Numbers exponential_less_one(Numbers x) {
  const Exponential parts = parts_of_exponential(x);
  const Numbers power = power_of_two(parts.k);
  return x < all(-708.0) ? all(-1.0) : parts.less * power + (power - all(1.0));
}

/// x = (1 + f) * 2**k with 1 + f from sqrt(1/2) to sqrt(2), for x > 0.
struct Normal {
  Numbers k, f;
};
TILEPOOL_INLINE Normal normalized(Numbers x) {
  const auto tiny = x < all(0x1p-1022);
  const NumberBits bits = bits_as<NumberBits>(tiny ? x * all(0x1p54) : x);
  const Numbers m = bits_as<Numbers>((bits & 0xfffffffffffff) | 0x3ff0000000000000);
  const auto large = m > all(0x1.6a09e667f3bcdp0);
  const Numbers exponent = bits_as<Numbers>((bits >> 52) | 0x4330000000000000) - all(0x1p52 + 1023);
  return {exponent + (large ? all(1.0) : all(0.0)) - (tiny ? all(54.0) : all(0.0)),
          (large ? m * all(0.5) : m) - all(1.0)};
}

/// log(1 + f) = 2 * artanh(f / (2 + f)) for such f.
TILEPOOL_INLINE Numbers logarithm_near_one(Numbers f) {
  const Numbers s = f / (all(2.0) + f), z = s * s;
  const Numbers series = z * polynomial(z, {2.0 / 3, 2.0 / 5, 2.0 / 7, 2.0 / 9, 2.0 / 11, 2.0 / 13, 2.0 / 15, 2.0 / 17,
                                            2.0 / 19, 2.0 / 21, 2.0 / 23});
  return s + s + s * series;
}

/// The natural logarithm of x >= 0; -infinity of 0.
TILEPOOL_INLINE Numbers logarithm(Numbers x) {
  const Normal normal = normalized(x);
  const Numbers result = normal.k * all(ln2) + (logarithm_near_one(normal.f) + normal.k * all(ln2_rest));
  return x == all(0.0) ? all(-infinity) : x == all(infinity) ? x : result;
}

/// log(1 + x) for -1 < x <= 0, not less exact where that is little.
TILEPOOL_INLINE Numbers logarithm_of_one_more(Numbers x) {
  return x < all(-0.25) ? logarithm(all(1.0) + x) : logarithm_near_one(x);
}

/// r**p for r >= 0 and p > 0.
TILEPOOL_INLINE Numbers power(Numbers r, double p) {
  if (p > 64 || p != static_cast<double>(static_cast<int>(p))) return exponential(logarithm(r) * all(p));
  Numbers result = all(1.0);
  for (int n = static_cast<int>(p); n > 0; n >>= 1) {
    if ((n & 1) != 0) result = result * r;
    r = r * r;
  }
  return result;
}

/// s**(1/p).
TILEPOOL_INLINE Numbers root(Numbers s, double p) {
  if (p == 1) return s;
  if (p == 2) return square_root<number_lanes>(s);
  return exponential(logarithm(s) / all(p));
}

/// A power of two that brings numbers up to `magnitude` below 4, and leaves those that are not 0 above 2**-52.
TILEPOOL_INLINE Numbers scale_of(Numbers magnitude) {
  const NumberBits exponent = bits_as<NumberBits>(magnitude) >> 52 & 0x7ff;
  const NumberBits inverse = (splat<number_lanes>(std::int64_t{2046}) - exponent) << 52;
  return exponent > 2045 ? all(0x1p-1022) : bits_as<Numbers>(inverse);
}

}  // namespace
}  // namespace tilepool
