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
template <class T, class Count>
void divide(void* sums, const void* counts, const double* added, std::int64_t n, double fewest) {
  auto* const target = static_cast<T*>(sums);
  const auto* const by = static_cast<const Count*>(counts);
  sweep<T, full_lanes<T>>(0, n, [&](auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
    constexpr int N = decltype(lanes)::value;
    const auto present = convert_numbers<T, N>(load<N>(by + i));
    auto divisor = present;
    if (added != nullptr) {
      divisor = convert_numbers<T, N>(convert_numbers<double, N>(divisor) + load<N>(added + i));
    }
    const auto quotient = static_cast<Vec<T, N>>(load<N>(target + i) / divisor);
    const auto nan = splat<N>(std::numeric_limits<T>::quiet_NaN());
    store(target + i, static_cast<Vec<T, N>>(present < splat<N>(static_cast<T>(fewest)) ? nan : quotient));
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
