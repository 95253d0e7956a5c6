// Float64 lanes of twice the precision: sums of two, for what a rounding would spoil. Plain arithmetic in a fixed
// order.
#pragma once

#include "functions.hpp"

namespace tilepool {
namespace {

/// high + low, with low no more than a rounding of high. Of lanes, or of plain numbers.
template <class V>
struct Pair {
  V high, low;
};
using NumberPair = Pair<Numbers>;

TILEPOOL_INLINE NumberPair pair(Numbers v) { return {v, all(0.0)}; }

/// a + b, exactly (Knuth).
template <class V>
TILEPOOL_INLINE Pair<V> exact_sum(V a, V b) {
  const V sum = a + b, b_of_it = sum - a;
  return {sum, (a - (sum - b_of_it)) + (b - b_of_it)};
}

/// The same where a is 0 or not the smaller of both in magnitude (Dekker).
template <class V>
TILEPOOL_INLINE Pair<V> ordered_sum(V a, V b) {
  const V sum = a + b;
  return {sum, b - (sum - a)};
}

/// Within 2**-104 of the larger one in magnitude.
template <class V>
TILEPOOL_INLINE Pair<V> operator+(Pair<V> a, Pair<V> b) {
  const Pair<V> sum = exact_sum<V>(a.high, b.high);
  return ordered_sum<V>(sum.high, sum.low + (a.low + b.low));
}

template <class V>
TILEPOOL_INLINE Pair<V> operator-(Pair<V> a, Pair<V> b) {
  return a + Pair<V>{-b.high, -b.low};
}

/// a * b, within 2**-105: factors are cut in two halves whose products are exact (Veltkamp, Dekker).
TILEPOOL_INLINE NumberPair exact_product(Numbers a, Numbers b) {
  const auto upper = [](Numbers v) TILEPOOL_INLINE_LAMBDA {
    return bits_as<Numbers>(bits_as<NumberBits>(v) & ~std::int64_t{0x7ffffff});
  };
  const Numbers product = a * b, a1 = upper(a), a2 = a - a1, b1 = upper(b), b2 = b - b1;
  return {product, ((a1 * b1 - product) + (a1 * b2 + a2 * b1)) + a2 * b2};
}

TILEPOOL_INLINE NumberPair operator*(NumberPair a, NumberPair b) {
  const NumberPair product = exact_product(a.high, b.high);
  return ordered_sum<Numbers>(product.high, product.low + (a.high * b.low + a.low * b.high));
}

TILEPOOL_INLINE NumberPair operator/(NumberPair a, Numbers b) {
  const Numbers quotient = a.high / b;
  const NumberPair product = exact_product(quotient, b);
  return ordered_sum<Numbers>(quotient, (((a.high - product.high) - product.low) + a.low) / b);
}

template <class Mask>
TILEPOOL_INLINE NumberPair chosen(Mask mask, NumberPair a, NumberPair b) {
  return {mask ? a.high : b.high, mask ? a.low : b.low};
}

/// x = k * ln2 + r with |r| <= ln2 / 2.
struct Reduced {
  Numbers k;
  NumberPair r;
};
TILEPOOL_INLINE Reduced reduced(NumberPair x) {
  const Numbers k = nearest_integer(x.high * all(0x1.71547652b82fep0));
  constexpr double fewer_bits = 0x1.62e42fefa3p-1, rest = ln2 - fewer_bits + ln2_rest;  // for k beyond 2**11
  return {k, exact_sum<Numbers>(x.high - k * all(fewer_bits), x.low - k * all(rest))};
}

/// e**r - 1 for |r| <= ln2 / 2, within 2**-64 of it: what is calculated with 53 bits is below 2**-11 of the result.
TILEPOOL_INLINE NumberPair little_exponential_less_one(NumberPair r) {
  const Numbers rest = polynomial(
      r.high, {1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800,
               1.0 / 479001600, 1.0 / 6227020800, 1.0 / 87178291200, 1.0 / 1307674368000, 1.0 / 20922789888000});
  constexpr double sixth = 1.0 / 6, sixth_rest = 0x1.5555555555555p-57, part = 1.0 / 24,
                   part_rest = 0x1.5555555555555p-59;
  NumberPair sum = NumberPair{all(part), all(part_rest)} + pair(r.high * rest);
  sum = NumberPair{all(sixth), all(sixth_rest)} + r * sum;
  sum = pair(all(0.5)) + r * sum;
  return r + r * (r * sum);
}

/// e**x - 1 for x <= 0, within 2**-63 of it; -1 below -708.
TILEPOOL_INLINE NumberPair exponential_less_one(NumberPair x) {
  const Reduced of_x = reduced(x);
  const NumberPair less = little_exponential_less_one(of_x.r);
  const Numbers power = power_of_two(of_x.k);
  const NumberPair result = exact_sum<Numbers>(all(-1.0), power) + NumberPair{less.high * power, less.low * power};
  return chosen(x.high < all(-708.0), pair(all(-1.0)), result);
}

/// log(1 + x) for x > -1, within 2**-63 of it: one step of Newton's method from what 53 bits give.
TILEPOOL_INLINE NumberPair logarithm_of_one_more(NumberPair x) {
  const NumberPair sum = pair(all(1.0)) + x;
  const Normal normal = normalized(sum.high);
  const Numbers power = power_of_two(-normal.k);
  const NumberPair beyond_one = pair(sum.high * power - all(1.0)) + pair(sum.low * power);
  const NumberPair f = chosen(normal.k == all(0.0), x, beyond_one);  // a little x would lose its last bits beside 1
  const Numbers near = logarithm_near_one(f.high);
  const NumberPair less = little_exponential_less_one(pair(-near));
  const NumberPair missing = f + (less + f * less);  // (1 + f) / e**near - 1
  return exact_sum<Numbers>(normal.k * all(ln2), near) + pair(missing.high + normal.k * all(ln2_rest));
}

/// log(x) for x > 0, off by less than 2**-53 whatever its magnitude.
TILEPOOL_INLINE NumberPair fine_logarithm(Numbers x) {
  const Normal normal = normalized(x);
  return exact_sum<Numbers>(normal.k * all(ln2), logarithm_near_one(normal.f) + normal.k * all(ln2_rest));
}

/// v * 2**shift * e**x for v from 2**-52 to 4: rounded once where it is subnormal, infinity where it is too large.
TILEPOOL_INLINE Numbers scaled_exponential(Numbers v, Numbers shift, NumberPair x) {
  const auto clamped = [](Numbers n, double most) TILEPOOL_INLINE_LAMBDA {
    return n > all(most) ? all(most) : n < all(-most) ? all(-most) : n;
  };
  const auto far = magnitude(x.high) > all(2000.0);
  const Reduced of_x = reduced({clamped(x.high, 2000), far ? all(0.0) : x.low});
  const NumberPair less = little_exponential_less_one(of_x.r);
  const Numbers k = clamped(of_x.k + shift, 1200), half = nearest_integer(k * all(0.5));
  return (v + (v * less.high + v * less.low)) * power_of_two(half) * power_of_two(k - half);
}

}  // namespace
}  // namespace tilepool
