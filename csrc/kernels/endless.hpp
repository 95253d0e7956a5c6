// The loop that pools whole planes as one row: lines laid end to end, whose windows keep their width.
#pragma once

#include "rows.hpp"

namespace tilepool {
namespace {

/// Windows of K taps. Rows are combined a vector at a time, once, by `Rows`; the taps of a window are the lanes of that
/// vector and the next one, moved, but for those that lie on another line, and are combined by `Op`.
template <class Rows, class Op, int K>
struct EndlessWindows {
  using In = typename Rows::In;
  using Acc = typename Op::Acc;
  using Out = typename Op::Out;
  using Place = IntegerLike<Acc>;
  static constexpr int N = Op::lanes, before = K / 2;

  const In* plane;
  const EndlessRow* rows;
  std::int64_t row_count, n, begin, end;
  Place width;
  typename Rows::Lift rows_lift;
  typename Op::Lift lift;
  typename Op::Scale scale;
  Out* out;

  using Row = typename Rows::Acc;

  /// The rows at [at, at + N), all of which they have. R > 0 tells their number at compile time.
  template <int R = 0>
  TILEPOOL_INLINE Vec<Acc, N> inside(std::int64_t at) const {
    const auto row = [&](std::int64_t r) TILEPOOL_INLINE_LAMBDA {
      return rows_lift.template of<N>(load<N>(plane + rows[r].offset + at));
    };
    auto acc = row(0);
    const std::int64_t count = R > 0 ? R : row_count;
    for (std::int64_t r = 1; r < count; ++r) acc = Rows::template combine<N>(acc, row(r));
    return lifted(acc);
  }

  /// The same with nothing beyond the ends of a row: what is clipped does not depend on where vectors begin.
  TILEPOOL_INLINE Vec<Acc, N> clipped(std::int64_t at) const {
    auto acc = clipped_row(rows[0], at);
    for (std::int64_t r = 1; r < row_count; ++r) acc = Rows::template combine<N>(acc, clipped_row(rows[r], at));
    return lifted(acc);
  }

  TILEPOOL_INLINE Vec<Row, N> clipped_row(const EndlessRow& row, std::int64_t at) const {
    const std::int64_t from = row.begin - at, to = row.end - at;
    const In* const origin = plane + row.offset + at;
    if (from <= 0 && to >= N) return rows_lift.template of<N>(load<N>(origin));
    if (from >= N || to <= 0) return splat<N>(Rows::identity());
    return within<N>(rows_lift.template of<N>(load_some<N>(origin, from, to)), Rows::identity(), from, to);
  }

  TILEPOOL_INLINE Vec<Acc, N> lifted(Vec<Row, N> v) const {
    if constexpr (std::is_same_v<Row, Acc>) {
      return v;
    } else {
      return lift.template of<N>(v);
    }
  }

  TILEPOOL_INLINE Vec<Acc, N> combined(std::int64_t at) const {
    return at >= begin && at + N <= end ? inside(at) : clipped(at);
  }

  /// Tap T of the windows whose first taps lie in `here`, at `at`.
  template <int T>
  TILEPOOL_INLINE Vec<Acc, N> tap(std::int64_t at, Vec<Acc, N> here, Vec<Acc, N> next) const {
    Vec<Acc, N> v;
    if constexpr (T <= N) {
      v = shifted<T, N, Acc>(here, next);
    } else {
      v = combined(at + T);
    }
    return v;
  }

  /// Whether tap T lies on the line of its window.
  template <int T>
  TILEPOOL_INLINE auto is_there(Vec<Place, N> column) const {
    if constexpr (T < before) return column >= splat<N>(Place(before - T));
    if constexpr (T > before) return column < splat<N>(static_cast<Place>(width - (T - before)));
  }

  template <int T>
  TILEPOOL_INLINE Vec<Acc, N> added(Vec<Acc, N> acc, std::int64_t at, Vec<Place, N> column, Vec<Acc, N> here,
                                    Vec<Acc, N> next) const {
    const auto sum = Op::template combine<N>(acc, tap<T>(at, here, next));
    if constexpr (T == before) {
      return sum;
    } else {
      return is_there<T>(column) ? sum : acc;
    }
  }

  template <int... T>
  TILEPOOL_INLINE Vec<Out, N> windows(std::int64_t at, Vec<Place, N> column, Vec<Acc, N> here, Vec<Acc, N> next,
                                      std::integer_sequence<int, T...>) const {
    auto acc = is_there<0>(column) ? tap<0>(at, here, next) : splat<N>(Op::identity());
    ((acc = added<T + 1>(acc, at, column, here, next)), ...);
    return Op::template finish<N>(acc, scale);
  }

  void pool() const {
    const auto lane = counting<Place, N>();
    auto column = lane;
    for (std::int64_t line = width; line < N; line += width) {
      const auto start = splat<N>(static_cast<Place>(line));
      column = lane >= start ? lane - start : column;
    }
    const auto hop = splat<N>(static_cast<Place>(N % width)), line = splat<N>(width);

    auto here = combined(-before);
    Vec<Out, N> result{}, last{};
    std::int64_t i = 0;
    const auto add = [&](Vec<Acc, N> next) TILEPOOL_INLINE_LAMBDA {
      last = result;
      result = windows(i - before, column, here, next, std::make_integer_sequence<int, K - 1>{});
      column += hop;
      column = column >= line ? column - line : column;
      here = next;
      if (i + N <= n) store(out + i, result);
    };
    const auto at_ends = [&](std::int64_t to) TILEPOOL_INLINE_LAMBDA {
      for (; i < to; i += N) add(clipped(i + N - before));
    };
    const auto between = [&](auto count) TILEPOOL_INLINE_LAMBDA {
      for (; i + 2 * N - before <= end && i + N <= n; i += N) add(inside<decltype(count)::value>(i + N - before));
    };
    at_ends(begin + before - N < n ? begin + before - N : n);
    if (row_count == K) {
      between(Lanes<K>{});
    } else {
      between(Lanes<0>{});
    }
    at_ends(n);
    if (n % N != 0) write_end(n / N * N, last, result);
  }

  /// The results from i on, which are less than a vector; the vector before them has been written.
  void write_end(std::int64_t i, Vec<Out, N> last, Vec<Out, N> result) const {
    alignas(64) Out ends[2 * N];
    store(ends, last);
    store(ends + N, result);
    if (i > 0) {
      store(out + n - N, load<N>(ends + (n - i)));
    } else {
      for (std::int64_t o = 0; o < n; ++o) out[o] = ends[N + o];
    }
  }
};

template <class Rows, class Op, int K>
void pool_endless_of(const Endless& windows, const void* plane, const EndlessRow* rows, std::int64_t count, void* out,
                     std::int64_t n, const Keying& keying) {
  using Windows = EndlessWindows<Rows, Op, K>;
  Windows{static_cast<const typename Rows::In*>(plane),
          rows,
          count,
          n,
          windows.begin,
          windows.end,
          static_cast<typename Windows::Place>(windows.width),
          typename Rows::Lift(keying),
          typename Op::Lift(keying),
          typename Op::Scale(windows.divisor, keying),
          static_cast<typename Op::Out*>(out)}
      .pool();
}

template <class Rows, class Op>
void pool_endless(const Endless& windows, const void* plane, const EndlessRow* rows, std::int64_t count, void* out,
                  std::int64_t n, const Keying& keying) {
  if (windows.taps == 3) pool_endless_of<Rows, Op, 3>(windows, plane, rows, count, out, n, keying);
  if (windows.taps == 5) pool_endless_of<Rows, Op, 5>(windows, plane, rows, count, out, n, keying);
}

}  // namespace
}  // namespace tilepool
