// Rows of accumulators made to rows of results.
#pragma once

#include "conversions.hpp"
#include "ops.hpp"
#include "rounded.hpp"
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

/// Counts of cells, or of weights, as numbers.
template <class T, int N, class Count>
TILEPOOL_INLINE Vec<T, N> counted(const Count* counts) {
  const auto count = load<N>(counts);
  if constexpr (sizeof(Count) == 1) {
    return convert_numbers<T, N>(bits_as<Vec<std::int32_t, N>>(convert_numbers<std::uint32_t, N>(count)));
  } else {
    return convert_numbers<T, N>(count);
  }
}

/// Sums of type T that are divided by numbers of cells; NaN where these are too few.
template <class T, class Count>
struct Quotients {
  const T* sums;
  const Count* counts;
  const double* added;
  bool alike;
  T fewest, more;

  Quotients(const void* of, const Divisors& by)
      : sums(static_cast<const T*>(of)),
        counts(static_cast<const Count*>(by.counts)),
        added(by.added),
        alike(by.alike),
        fewest(static_cast<T>(by.fewest)),
        more(by.alike ? static_cast<T>(*by.added) : T(0)) {}

  template <int N>
  TILEPOOL_INLINE Vec<T, N> at(std::int64_t i) const {
    const Vec<T, N> present = counted<T, N>(counts + i);
    Vec<T, N> divisor = present + splat<N>(more);
    if (!alike) divisor = convert_numbers<T, N>(convert_numbers<double, N>(present) + load<N>(added + i));
    const auto quotient = static_cast<Vec<T, N>>(load<N>(sums + i) / divisor);
    return present < splat<N>(fewest) ? splat<N>(std::numeric_limits<T>::quiet_NaN()) : quotient;
  }
};

/// See Divide.
template <class T, class Count>
void divide(void* sums, const Divisors& by, std::int64_t n) {
  const Quotients<T, Count> quotients(sums, by);
  sweep<T, full_lanes<T>>(0, n, [&](auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
    store(static_cast<T*>(sums) + i, quotients.template at<decltype(lanes)::value>(i));
  });
}

/// See DivideRounded.
template <class T, class Count>
void divide_rounded(void* to, const void* sums, const Divisors& by, std::int64_t n, double most_cells,
                    ToInteger to_integer) {
  const Quotients<T, Count> quotients(sums, by);
  const RoundedQuotient<T> rounded(most_cells, to_integer);
  const std::int64_t bytes = info_of(to_integer.dtype).size;
  sweep_overlapping<T, full_lanes<T>>(n, [&](auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
    constexpr int N = decltype(lanes)::value;
    const auto quotient = quotients.template at<N>(i);
    const auto number = quotient == quotient ? quotient : splat<N>(T(0));
    store_integers<N, IntegerLike<T>>(to, i, bytes, rounded.template rounded<N>(number));
  });
}

/// See AreEnough.
template <class Count>
void are_enough(void* kept, const void* counts, std::int64_t n, double fewest) {
  auto* const target = static_cast<std::uint8_t*>(kept);
  const auto* const from = static_cast<const Count*>(counts);
  using Bits = IntegerLike<Count>;
  constexpr double most = sizeof(Count) == 1 ? 255 : std::numeric_limits<double>::infinity();
  const Bits one = fewest > most ? 0 : 1;
  const auto least = static_cast<Count>(fewest > 0 && one != 0 ? fewest : 0);
  sweep<Count, full_lanes<Count>>(0, n, [&](auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
    constexpr int N = decltype(lanes)::value;
    const auto are = load<N>(from + i) >= splat<N>(least);
    store(target + i, convert_numbers<std::uint8_t, N>(are ? splat<N>(one) : Vec<Bits, N>{}));
  });
}

/// The square root as a float32.
inline void finish_root(void* to, const void* accumulators, std::int64_t n, double, ToInteger) {
  finish_row<float, double>(to, accumulators, n, [](auto lanes, auto v) TILEPOOL_INLINE_LAMBDA {
    constexpr int N = decltype(lanes)::value;
    return convert_numbers<float, N>(square_root<N>(v));
  });
}

}  // namespace
}  // namespace tilepool
