// What all loops over rows share: rows that are combined as they are loaded.
//
// Lanes run across outputs. The order in which the taps of one output are combined depends on the window and on the
// op alone, never on the lane count: rows first, in the order listed, then taps along the row from first to last
// (`widen` and `long_windows` have fixed trees of their own).
#pragma once

#include "../table.hpp"
#include "lanes.hpp"
#include "ops.hpp"

namespace tilepool {
namespace {

/// Elements that are addressed by their index and are combined from R rows when loaded.
template <class Op, class Element, int R>
struct Source {
  using Read = Element;
  static constexpr int row_count = R;
  const Element* rows[R];
  typename Op::Lift lift;  // of elements; accumulators are taken as they are

  template <int N>
  TILEPOOL_INLINE Vec<typename Op::Acc, N> load(std::int64_t index) const {
    const auto row = [&](int r) TILEPOOL_INLINE_LAMBDA { return lifted<N>(tilepool::load<N>(rows[r] + index)); };
    auto acc = row(0);
    for (int r = 1; r < R; ++r) acc = Op::template combine<N>(acc, row(r));
    return acc;
  }

  /// The same where rows have `width` elements; the op's identity beyond them.
  template <int N>
  TILEPOOL_INLINE Vec<typename Op::Acc, N> load_clipped(std::int64_t index, std::int64_t width) const {
    if constexpr (N == 1) {
      return index >= 0 && index < width ? load<1>(index) : Op::identity();
    } else {
      const auto row = [&](int r) TILEPOOL_INLINE_LAMBDA {
        return lifted<N>(load_some<N>(rows[r] + index, -index, width - index));
      };
      auto acc = row(0);
      for (int r = 1; r < R; ++r) acc = Op::template combine<N>(acc, row(r));
      return within<N>(acc, Op::identity(), -index, width - index);
    }
  }

 private:
  template <int N>
  TILEPOOL_INLINE Vec<typename Op::Acc, N> lifted(Vec<Element, N> v) const {
    if constexpr (std::is_same_v<Element, typename Op::In>) {
      return lift.template of<N>(v);
    } else {
      return v;
    }
  }
};

/// The first element, less than N from `start`, that vectors of N of them must start at to lie in whole cache lines.
template <class T, int N>
TILEPOOL_INLINE std::int64_t behind_line_end(const void* start) {
  constexpr std::uintptr_t bytes = N * sizeof(T);
  const auto beyond = reinterpret_cast<std::uintptr_t>(start) % bytes;
  return beyond % sizeof(T) != 0 ? 0 : static_cast<std::int64_t>((bytes - beyond) % bytes / sizeof(T));
}

/// Calls step(Lanes<V>, Lanes<N>, i) for V vectors of columns from i on that cover rows of n, the first one of which
/// starts at `row`, n > 0: Most of them at a time, then half as many, at least Fewest, and the rest one by one. They
/// lie in whole cache lines where the row lets them: some columns are taken twice.
template <class Acc, int N, int Most, int Fewest, class T, class Step>
TILEPOOL_INLINE void sweep_columns(const T* row, std::int64_t n, const Step& step) {
  std::int64_t i = 0;
  if constexpr (N > 1) {
    i = n >= 2 * Most * N ? behind_line_end<T, N>(row) : 0;
    if (i > 0) step(Lanes<1>{}, Lanes<N>{}, 0);
    for (; i + Most * N <= n; i += Most * N) step(Lanes<Most>{}, Lanes<N>{}, i);
    if constexpr (Fewest < Most) {
      for (; i + Fewest * N <= n; i += Fewest * N) step(Lanes<Fewest>{}, Lanes<N>{}, i);
    }
  }
  if (i == n) return;
  sweep_overlapping<Acc, N>(
      n - i, [&](auto lanes, std::int64_t at) TILEPOOL_INLINE_LAMBDA { step(Lanes<1>{}, lanes, i + at); });
}

}  // namespace
}  // namespace tilepool
