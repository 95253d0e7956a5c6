// Rows of accumulators made to rows of results.
#pragma once

#include "conversions.hpp"
#include "ops.hpp"
#include "rows.hpp"

namespace tilepool {
namespace {

/// Calls result(Lanes<N>, accumulators) for vectors of those of n results.
template <class To, class From, class Result>
TILEPOOL_INLINE void finish_row(void* to, const void* accumulators, std::int64_t n, const Result& result) {
  auto* const target = static_cast<To*>(to);
  const auto* const from = static_cast<const From*>(accumulators);
  sweep_overlapping<From, AsItIs<From>::lanes>(n, [&](auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
    store(target + i, result(lanes, load<decltype(lanes)::value>(from + i)));
  });
}

/// Numbers in another type.
template <class To, class From>
void finish_converted(void* to, const void* accumulators, std::int64_t n, double, ToInteger) {
  finish_row<Lane<To>, From>(to, accumulators, n, [](auto lanes, auto v) TILEPOOL_INLINE_LAMBDA {
    return convert<To, From, decltype(lanes)::value>(v);
  });
}

/// Integers divided by the divisor, correctly rounded once they are a float.
template <class To, class From>
void finish_mean(void* to, const void* accumulators, std::int64_t n, double divisor, ToInteger) {
  const typename Mean<To>::Scale scale(divisor, {});
  finish_row<To, From>(to, accumulators, n, [&](auto lanes, auto v) TILEPOOL_INLINE_LAMBDA {
    constexpr int N = decltype(lanes)::value;
    return Mean<To>::template finish<N>(convert_numbers<To, N>(v), scale);
  });
}

/// See Divide.
template <class T>
void divide(void* sums, const void* counts, const double* added, std::int64_t n) {
  auto* const target = static_cast<T*>(sums);
  const auto* const by = static_cast<const T*>(counts);
  sweep<T, full_lanes<T>>(0, n, [&](auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
    constexpr int N = decltype(lanes)::value;
    auto divisor = load<N>(by + i);
    if (added != nullptr) {
      divisor = convert_numbers<T, N>(convert_numbers<double, N>(divisor) + load<N>(added + i));
    }
    store(target + i, load<N>(target + i) / divisor);
  });
}

/// The square root as a float32.
inline void finish_root(void* to, const void* accumulators, std::int64_t n, double, ToInteger) {
  finish_row<float, double>(to, accumulators, n, [](auto lanes, auto v) TILEPOOL_INLINE_LAMBDA {
    constexpr int N = decltype(lanes)::value;
    return convert_numbers<float, N>(square_root<N>(v));
  });
}

/// The exact average of integers, rounded and saturated to 64 bits; 0 where the divisor is 0. (The bits of a uint64 are
/// written as an int64.)
template <class T>
struct Rounded {
  using Integer = std::conditional_t<sizeof(T) == 16, __int128, std::int64_t>;

  Rounded(double by, ToInteger how) : divisor(clamped(by)), to_integer(how) {}

  /// Divisors beyond twice any sum are all alike.
  static Integer clamped(double by) {
    constexpr double most = sizeof(Integer) == 16 ? 0x1p126 : 0x1p62;
    return static_cast<Integer>(by < -most ? -most : by > most ? most : by);
  }

  std::int64_t of(T acc) const {
    if (divisor == 0) return 0;
    const Integer sum = divisor < 0 ? -Integer{acc} : Integer{acc};
    const Integer positive = divisor < 0 ? -divisor : divisor;
    Integer quotient = sum / positive;
    Integer rest = sum % positive;
    if (rest < 0) {
      rest += positive;
      --quotient;
    }
    if (rounds_up(quotient, rest, positive - rest)) ++quotient;
    const bool is_unsigned = to_integer.is_unsigned;
    const __int128 lowest = is_unsigned ? 0 : std::numeric_limits<std::int64_t>::min();
    const __int128 highest = is_unsigned ? __int128{std::numeric_limits<std::uint64_t>::max()}
                                         : __int128{std::numeric_limits<std::int64_t>::max()};
    return static_cast<std::int64_t>(quotient < lowest ? lowest : quotient > highest ? highest : quotient);
  }

  /// Whether the integer above is taken of a number that is `below` / (below + above) beyond `floor`.
  bool rounds_up(Integer floor, Integer below, Integer above) const {
    if (to_integer.rounding == Rounding::half_even) return below > above || (below == above && (floor & 1) != 0);
    if (to_integer.rounding == Rounding::half_up) return below >= above;
    return to_integer.rounding == Rounding::trunc && floor < 0 && below > 0;
  }

  Integer divisor;
  ToInteger to_integer;
};

template <class T>
void finish_rounded(void* to, const void* accumulators, std::int64_t n, double divisor, ToInteger to_integer) {
  const Rounded<T> rounded(divisor, to_integer);
  const auto* const from = static_cast<const T*>(accumulators);
  for (std::int64_t i = 0; i < n; ++i) store(static_cast<std::int64_t*>(to) + i, rounded.of(load<1>(from + i)));
}

}  // namespace
}  // namespace tilepool
