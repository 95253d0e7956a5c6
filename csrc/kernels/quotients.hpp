// Quotients of the sums of short integers: as what these are, exactly rounded, or as the nearest float32.
#pragma once

#include "conversions.hpp"
#include "extrema.hpp"
#include "rounded.hpp"

namespace tilepool {
namespace {

/// Sums divided by a power of two from 2 on: moved up to where the integer below is the rounded one. To even: by a half
/// less 1, and by 1 more where that lies above an odd integer, which moves nothing but halves to another one.
template <class Sum>
struct PowerQuotient {
  PowerQuotient() = default;
  PowerQuotient(std::uint32_t by, Rounding rounding) : to_even(rounding == Rounding::half_even) {
    while (by >> (shift + 1) != 0) ++shift;
    if (to_even || rounding == Rounding::half_up) moved = static_cast<Sum>(by / 2 - (to_even ? 1 : 0));
  }

  template <int N>
  TILEPOOL_INLINE Vec<Sum, N> of(Vec<Sum, N> sum) const {
    sum += splat<N>(moved);
    if (to_even) sum += shifted<N>(sum) & splat<N>(Sum(1));
    return shifted<N>(sum);
  }

  template <int N>
  TILEPOOL_INLINE Vec<Sum, N> shifted(Vec<Sum, N> sum) const {
    if constexpr (sizeof(Sum) == 2) {  // x86 takes two steps for a shift by a variable, and one for a product
      return upper_product<N>(sum, splat<N>(static_cast<Sum>(0x10000 >> shift)));
    } else {
      return sum >> shift;
    }
  }

  int shift = 0;
  Sum moved = 0;
  bool to_even = false;
};

/// Sums of bytes, divided in 16 bits by a multiplication: of at most 256 cells, by divisors d from 1 to 256. Quotients
/// beyond 255 are less than 2**15, which is what `saturated` takes: by 1 sums of at most 128 cells are divided, or of
/// bools.
///
/// A sum of at most 255 * 256, and up to d / 2 for halves are t < 2**16 - 1, whose quotient is floor(t * m / 2**k) for
/// k = 16 + s, 2**s <= d < 2**(s + 1) and one of two multipliers. Let e = (-2**k mod d), so that m = (2**k + e) / d:
/// t * m / 2**k exceeds t / d by t * e / (d * 2**k), which is less than 1 / d where e * t < 2**k. Or let
/// e' = d - e and m = (2**k - e') / d: (t + 1) * m / 2**k is less than (t + 1) / d, and by no more than 1 / d where
/// e' * (t + 1) <= 2**k. One of e and e' is at most d / 2 < 2**s, and t + 1 < 2**16. (Of 1 the first m has 17 bits, and
/// e' = 1 will do.)
struct ByteQuotient {
  using Sum = std::uint16_t;
  using Result = std::uint8_t;
  ByteQuotient(double by, ToInteger how) : divisor(static_cast<Sum>(by)) {
    const std::uint32_t d = divisor;
    if (d == 0) return;  // m = 0: all averages are 0
    while (d >> (shift + 1) != 0) ++shift;
    is_power = d > 1 && (d & (d - 1)) == 0;
    if (is_power) power = PowerQuotient<Sum>(d, how.rounding);
    const std::uint32_t one = std::uint32_t{1} << (16 + shift), rest = one % d == 0 ? d : one % d;
    const bool above = 2 * rest > d && rest < d;
    multiplier = static_cast<Sum>((one - rest) / d + (above ? 1 : 0));
    to_even = how.rounding == Rounding::half_even && d % 2 == 0;
    less = above ? 0 : 1;
    const bool to_nearest = how.rounding == Rounding::half_even || how.rounding == Rounding::half_up;
    moved = static_cast<Sum>((to_nearest ? d / 2 : 0) + less);
  }

  template <int N>
  TILEPOOL_INLINE Vec<Sum, N> of(Vec<Sum, N> sum) const {
    using V = Vec<Sum, N>;
    if (is_power) return power.of<N>(sum);
    const V t = sum + splat<N>(moved);
    V quotient = upper_product<N>(t, splat<N>(multiplier)) >> shift;
    if (to_even) {  // an odd one that is a half further up than the average goes down
      const V product = quotient * splat<N>(divisor) + splat<N>(less);
      quotient -= static_cast<V>(product == t ? quotient & splat<N>(Sum(1)) : V{});
    }
    return quotient;
  }

  PowerQuotient<Sum> power;
  Sum divisor, multiplier = 0, moved = 0, less = 0;
  int shift = 0;
  bool is_power = false, to_even = false;
};

/// Sums of 16 bits in 32 bits, as many as `RoundedQuotient` divides.
struct ShortQuotient {
  using Sum = std::uint32_t;
  using Result = std::uint16_t;
  ShortQuotient(double by, ToInteger how) : number(by, how) {
    constexpr double largest = 1 << 20;
    const auto d = static_cast<std::uint32_t>(by >= 2 && by <= largest ? by : 0);
    is_power = d > 0 && (d & (d - 1)) == 0;
    if (is_power) power = PowerQuotient<Sum>(d, how.rounding);
  }

  template <int N>
  TILEPOOL_INLINE Vec<Sum, N> of(Vec<Sum, N> sum) const {
    if (is_power) return power.of<N>(sum);
    const auto as_float = convert_numbers<float, N>(bits_as<Vec<std::int32_t, N>>(sum));
    return bits_as<Vec<Sum, N>>(number.of<N>(as_float));
  }

  PowerQuotient<Sum> power;
  RoundedQuotient<float> number;
  bool is_power = false;
};

/// The bytes of floor((2**16 - 1) / c) for c of 1 to 15, in each 16 bytes; of 0 they are 0.
struct Reciprocals16 {
  alignas(64) std::uint8_t lower[vector_bytes], upper[vector_bytes];
  constexpr Reciprocals16() : lower(), upper() {
    for (int i = 0; i < vector_bytes; ++i) {
      const int c = i % 16, reciprocal = c > 0 ? 65535 / c : 0;
      lower[i] = static_cast<std::uint8_t>(reciprocal);
      upper[i] = static_cast<std::uint8_t>(reciprocal >> 8);
    }
  }
};
constexpr Reciprocals16 reciprocals16;

/// Sums of bytes divided in 16 bits by their own counts c of up to 15 cells: 0 where these are fewer than `fewest`.
///
/// Let t be a sum, and c / 2 for halves: at most 255 * c + c / 2, so that q = floor(t / c) is at most 255. It is
/// floor((t + 1) * m / 2**16) for m = floor((2**16 - 1) / c): t + 1 <= (q + 1) * c and m * c < 2**16, so that it is
/// less than q + 1; and as t >= q * c and m * c >= 2**16 - c, (t + 1) * m * c >= (q * c + 1) * (2**16 - c), which is at
/// least q * c * 2**16 where c * (q * c + 1) <= 2**16: 15 * (255 * 15 + 1) is less.
struct CountedQuotient {
  using Sum = std::uint16_t;
  static constexpr int most_cells = 15;

  CountedQuotient(double least, ToInteger how)
      : fewest(static_cast<Sum>(least > most_cells ? most_cells + 1
                                : least > 0        ? static_cast<int>(least)
                                                   : 0)),
        to_even(how.rounding == Rounding::half_even),
        shift(to_even || how.rounding == Rounding::half_up ? 1 : 15) {}

  template <int N>
  TILEPOOL_INLINE Vec<Sum, N> of(Vec<Sum, N> sum, Vec<Sum, N> count) const {
    using V = Vec<Sum, N>;
    const auto lanes = bits_as<Vec<std::int8_t, 2 * N>>(count);  // the upper one of two is 0, as what it chooses
    const auto byte = [&](const std::uint8_t* of) TILEPOOL_INLINE_LAMBDA {
      return bits_as<V>(chosen<2 * N, std::uint8_t>(load<2 * N>(of), lanes));
    };
    const V multiplier = byte(reciprocals16.lower) | byte(reciprocals16.upper) << 8, t = sum + (count >> shift),
            one = splat<N>(Sum(1));
    V quotient = upper_product<N>(t + one, multiplier);
    if (to_even) {  // an odd one that is a half further up than the average goes down
      quotient -= static_cast<V>(quotient * count == t ? quotient & ~count & one : V{});
    }
    return static_cast<V>(count >= splat<N>(fewest) ? quotient : V{});
  }

  Sum fewest;
  bool to_even;
  int shift;  // what it leaves of a count is added to the sum: half of it, or nothing
};

/// Two vectors of quotients as one of elements, the greatest one instead of what is beyond it.
template <class T, class Quotient, class Sum = typename Quotient::Sum, int N = full_lanes<Sum>>
TILEPOOL_INLINE Vec<T, 2 * N> quotients_of(const Vec<Sum, N>* sum, const Quotient& quotient) {
  return saturated<T, Sum, N>(quotient.template of<N>(sum[0]), quotient.template of<N>(sum[1]));
}

/// Averages as the nearest float32.
template <class Integer>
struct FloatQuotient {
  using Sum = Integer;
  using Result = float;
  FloatQuotient(double by, ToInteger) : scale(by, {}) {}
  template <int N>
  TILEPOOL_INLINE Vec<float, N> of(Vec<Sum, N> sum) const {
    const auto integer = bits_as<Vec<std::int32_t, N>>(convert_numbers<std::uint32_t, N>(sum));
    return Mean<float>::finish<N>(convert_numbers<float, N>(integer), scale);
  }
  Mean<float>::Scale scale;
};

}  // namespace
}  // namespace tilepool
