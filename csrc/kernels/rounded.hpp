// Exact averages of integers, rounded to integers and saturated; 0 where the divisor is 0.
#pragma once

#include "conversions.hpp"
#include "lanes.hpp"
#include "ops.hpp"

namespace tilepool {
namespace {

/// The numbers that an integer type holds.
struct Limits {
  explicit Limits(DType dtype) {
    const DTypeInfo& info = info_of(dtype);
    highest = ~std::uint64_t{0} >> (64 - 8 * info.size + (info.kind == 'u' ? 0 : 1));
    lowest = info.kind == 'u' ? 0 : -static_cast<std::int64_t>(highest) - 1;
  }
  std::int64_t lowest;
  std::uint64_t highest;
};

/// Writes integers as those of so many bytes, which hold them.
template <int N, class Integer>
TILEPOOL_INLINE void store_integers(void* to, std::int64_t i, std::int64_t bytes, Vec<Integer, N> v) {
  if (bytes == 1) return store(static_cast<std::int8_t*>(to) + i, convert_numbers<std::int8_t, N>(v));
  if (bytes == 2) return store(static_cast<std::int16_t*>(to) + i, convert_numbers<std::int16_t, N>(v));
  if (bytes == 4) return store(static_cast<std::int32_t*>(to) + i, convert_numbers<std::int32_t, N>(v));
  store(static_cast<std::int64_t*>(to) + i, convert_numbers<std::int64_t, N>(v));
}

/// By floats, whose quotients are moved by less than the distance that is left between them and the next number where
/// another integer would be taken, and then made integers by the processor: in the last place of a number that is
/// added.
///
/// Let sums be at most L = 2**20 (for float64 2**48), divisors d at most 2 * L + 1 (larger ones give what this one
/// does), u = 2**-24 (2**-53). The quotient is wrong by at most L / d * u = 1 / (16 * d), twice that where something
/// has been added to it, and what is added by at most u / 4, which is less than 1 / (16 * d). To even: other quotients
/// differ from a half by 1 / (2 * d) at least, and a half is exact. Halves up: they are moved up by 1 / (4 * d). All
/// others differ from them by 1 / (2 * d) at least. Down: moved down by a half, but for 1 / (2 * d), they are that far
/// from the halves at least. (To even nothing is moved, and less than L / d * u = 1 / (2 * d) will do: for integers
/// of up to 16 bits, which stay far below the number that is added, L is 2**23.) The same moves quotients of smaller
/// divisors well enough, if none is greater than L / d: they are wrong by no more, and differ from halves and integers
/// by more.
template <class Number>
struct RoundedQuotient {
  using Integer = IntegerLike<Number>;
  static constexpr bool is_float = sizeof(Number) == 4;
  static constexpr Number last_place_is_1 = is_float ? 0x1.8p23 : 0x1.8p52;

  /// The greatest sums.
  static double most(const ToInteger& how) {
    const bool is_near = how.rounding == Rounding::half_even && info_of(how.dtype).size <= 2;
    return is_float && is_near ? 0x1p23 : most_rounded(is_float ? DType::float32 : DType::float64);
  }

  RoundedQuotient(double by, ToInteger how) {
    const double limit = 2 * most(how) + 1, positive = by < 0 ? -by : by;
    const double clamped = positive > limit ? limit : positive;
    divisor = static_cast<Number>(by < 0 ? -clamped : clamped);
    const auto part = [&](double of) { return static_cast<Number>(1 / (of * clamped)); };
    moved = how.rounding == Rounding::half_even ? Number(0)
            : how.rounding == Rounding::half_up ? part(4)
                                                : part(2) - Number(0.5);
    sign = how.rounding == Rounding::trunc ? std::numeric_limits<Integer>::min() : Integer(0);
    const Limits limits(how.dtype);
    const auto all = static_cast<std::int64_t>(most(how));
    lowest = static_cast<Number>(limits.lowest < -all ? -all : limits.lowest);
    highest = static_cast<Number>(
        limits.highest > static_cast<std::uint64_t>(all) ? all : static_cast<std::int64_t>(limits.highest));
  }

  template <int N>
  TILEPOOL_INLINE Vec<Integer, N> of(Vec<Number, N> sum) const {
    return rounded<N>(sum / splat<N>(divisor));
  }

  /// A quotient of a divisor that is no greater.
  template <int N>
  TILEPOOL_INLINE Vec<Integer, N> rounded(Vec<Number, N> quotient) const {
    using Bits = Vec<Integer, N>;
    const Bits by = bits_as<Bits>(splat<N>(moved)) ^ (bits_as<Bits>(quotient) & splat<N>(sign));
    Vec<Number, N> v = quotient + bits_as<Vec<Number, N>>(by);
    v = less_of(greater_of(v, splat<N>(lowest)), splat<N>(highest));
    const auto base = splat<N>(last_place_is_1);
    return bits_as<Bits>(v + base) - bits_as<Bits>(base);
  }

  Number divisor, moved, lowest, highest;
  Integer sign;  // of which what is moved has that of the quotient
};

template <class Number, class T>
void round_quotients(void* to, const T* sums, std::int64_t n, double divisor, ToInteger to_integer) {
  const RoundedQuotient<Number> rounded(divisor, to_integer);
  const std::int64_t bytes = info_of(to_integer.dtype).size;
  sweep_overlapping<Number, full_lanes<Number>, true>(n, [&](auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
    constexpr int N = decltype(lanes)::value;
    const auto v = rounded.template of<N>(convert_numbers<Number, N>(load<N>(sums + i)));
    store_integers<N, typename RoundedQuotient<Number>::Integer>(to, i, bytes, v);
  });
}

/// By integers.
template <class T>
struct Rounded {
  Rounded(double by, ToInteger how) : divisor(clamped(by)), rounding(how.rounding), limits(how.dtype) {}

  /// Divisors beyond twice any sum are all alike.
  static T clamped(double by) {
    constexpr double most = sizeof(T) == 16 ? 0x1p126 : 0x1p62;
    return static_cast<T>(by < -most ? -most : by > most ? most : by);
  }

  std::int64_t of(T acc) const {
    if constexpr (sizeof(T) == 16) {  // as 64 bits, where they fit, it takes a third of the time
      constexpr T most = T{1} << 62;
      if (acc < most && acc > -most && divisor < most && divisor > -most) {
        return saturated(quotient(static_cast<std::int64_t>(acc), static_cast<std::int64_t>(divisor)));
      }
    }
    return saturated(quotient(acc, divisor));
  }

  template <class Integer>
  Integer quotient(Integer acc, Integer by) const {
    const Integer sum = by < 0 ? -acc : acc, positive = by < 0 ? -by : by;
    const Integer towards_zero = sum / positive, rest = sum % positive;
    const Integer is_below = rest < 0 ? 1 : 0, below = rest + (-is_below & positive);
    const Integer floor = towards_zero - is_below;
    return floor + rounds_up(floor, below, positive - below);
  }

  /// Whether (1) the integer above is taken of a number that is `below` / (below + above) beyond `floor`. Without
  /// branches, which nobody foresees.
  template <class Integer>
  int rounds_up(Integer floor, Integer below, Integer above) const {
    if (rounding == Rounding::half_even) return below > above - (floor & 1);
    if (rounding == Rounding::half_up) return below >= above;
    return rounding == Rounding::trunc ? (floor < 0) & (below > 0) : 0;
  }

  /// (The bits of a uint64 as an int64.)
  std::int64_t saturated(__int128 integer) const {
    return static_cast<std::int64_t>(integer < limits.lowest    ? limits.lowest
                                     : integer > limits.highest ? limits.highest
                                                                : integer);
  }

  T divisor;
  Rounding rounding;
  Limits limits;
};

template <class T>
void finish_rounded(void* to, const void* accumulators, std::int64_t n, double divisor, ToInteger to_integer) {
  const auto* const sums = static_cast<const T*>(accumulators);
  const std::int64_t bytes = info_of(to_integer.dtype).size;
  if (divisor == 0) {
    std::memset(to, 0, static_cast<std::size_t>(n * bytes));
    return;
  }
  if constexpr (sizeof(T) == 4) {
    if (to_integer.largest <= RoundedQuotient<float>::most(to_integer)) {
      return round_quotients<float>(to, sums, n, divisor, to_integer);
    }
  }
  if constexpr (sizeof(T) <= 8) {
    if (sizeof(T) == 4 || to_integer.largest <= RoundedQuotient<double>::most(to_integer)) {
      return round_quotients<double>(to, sums, n, divisor, to_integer);
    }
  }
  if constexpr (sizeof(T) > 4) {
    const Rounded<T> rounded(divisor, to_integer);
    for (std::int64_t i = 0; i < n; ++i) store_integers<1, std::int64_t>(to, i, bytes, rounded.of(load<1>(sums + i)));
  }
}

}  // namespace
}  // namespace tilepool
