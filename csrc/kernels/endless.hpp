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

  /// The rows at [at, at + N), all of which they have. K of them are `lines`.
  TILEPOOL_INLINE Vec<Acc, N> inside(const In* const* lines, std::int64_t at) const {
    const auto row = [&](const In* line)
                         TILEPOOL_INLINE_LAMBDA { return rows_lift.template of<N>(load<N>(line + at)); };
    Vec<Row, N> acc;
    if (row_count == K) {
      acc = row(lines[0]);
      for (int r = 1; r < K; ++r) acc = Rows::template combine<N>(acc, row(lines[r]));
    } else {
      acc = row(plane + rows[0].offset);
      for (std::int64_t r = 1; r < row_count; ++r) acc = Rows::template combine<N>(acc, row(plane + rows[r].offset));
    }
    return lifted(acc);
  }

  /// The same with nothing beyond the ends of a row.
  TILEPOOL_NOINLINE Vec<Acc, N> combined(std::int64_t at) const {
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

  /// Vectors that lie within a line need no look at columns.
  template <int T, bool Within>
  TILEPOOL_INLINE Vec<Acc, N> added(Vec<Acc, N> acc, std::int64_t at, Vec<Place, N> column, Vec<Acc, N> here,
                                    Vec<Acc, N> next) const {
    const auto sum = Op::template combine<N>(acc, tap<T>(at, here, next));
    if constexpr (T == before || Within) {
      return sum;
    } else {
      return is_there<T>(column) ? sum : acc;
    }
  }

  template <bool Within, int... T>
  TILEPOOL_INLINE Vec<Acc, N> windows(std::int64_t at, Vec<Place, N> column, Vec<Acc, N> here, Vec<Acc, N> next,
                                      std::integer_sequence<int, T...>) const {
    auto acc = tap<0>(at, here, next);
    if constexpr (!Within) acc = is_there<0>(column) ? acc : splat<N>(Op::identity());
    ((acc = added<T + 1, Within>(acc, at, column, here, next)), ...);
    return acc;
  }

  /// Lines of fewer vectors are not worth a loop between their ends, which is left once a line. (Xeon, 3 x 3: lines of
  /// 4 to 6 vectors take 0.73 to 0.9 of the time without, float32 and, with AVX-512, float64; of 7 as long, of 8 and
  /// more up to 1.5. Vectors of 4 lanes: lines of 5 vectors 1.06.)
  static constexpr int fewest_vectors = N >= 8 ? 7 : 4;

  void pool() const {
    const EndlessWindows own = *this;  // a copy whose address is not known is held in registers, whatever is written
    const auto lane = counting<Place, N>(), line = splat<N>(width), hop = splat<N>(static_cast<Place>(N % width));
    auto lane_columns = lane;  // where the first one is in column 0
    for (std::int64_t start = width; start < N; start += width) {
      const auto starts = splat<N>(static_cast<Place>(start));
      lane_columns = lane >= starts ? lane - starts : lane_columns;
    }
    const In* lines[K] = {};
    for (int r = 0; r < K && row_count == K; ++r) lines[r] = plane + rows[r].offset;

    auto here = combined(-before);
    std::int64_t i = 0, column = 0;  // of the first lane
    const auto pooled = [&](auto within, Vec<Place, N> columns, Vec<Acc, N> next) TILEPOOL_INLINE_LAMBDA {
      const auto acc = own.template windows<decltype(within)::value>(i - before, columns, here, next,
                                                                     std::make_integer_sequence<int, K - 1>{});
      here = next;
      return Op::template finish<N>(acc, own.scale);
    };
    // Behind `last` a row ends, or the results do; before `first` rows have not begun.
    const std::int64_t first = begin + before - N, whole = end + before - 2 * N, last = whole < n - N ? whole : n - N;
    const bool is_short = width < fewest_vectors * N;
    while (i < own.n) {
      auto columns = lane_columns + splat<N>(static_cast<Place>(column));
      columns = columns >= line ? columns - line : columns;
      const std::int64_t from = i;
      if (i < first || i > last) {
        const auto result = pooled(std::false_type{}, columns, combined(i + N - before));
        if (i + N > own.n) return write_end(i, result);
        store(own.out + i, result);
        i += N;
      } else if (is_short || column < before || column + N > own.width - before) {
        const std::int64_t to = is_short ? last : i;
        for (; i <= to; i += N) {
          store(own.out + i, pooled(std::false_type{}, columns, own.inside(lines, i + N - before)));
          columns += hop;
          columns = columns >= line ? columns - line : columns;
        }
      } else {
        const std::int64_t line_end = i + own.width - before - column - N, to = line_end < last ? line_end : last;
        for (; i <= to; i += N) {
          store(own.out + i, pooled(std::true_type{}, columns, own.inside(lines, i + N - before)));
        }
      }
      column += i - from;
      if (column >= own.width) column = is_short ? column % own.width : column - own.width;
    }
  }

  /// The results from i on, which are less than a vector; the vector before them has been written.
  TILEPOOL_INLINE void write_end(std::int64_t i, Vec<Out, N> result) const {
    alignas(64) Out ends[2 * N];
    store(ends + N, result);
    if (i > 0) {
      store(ends, load<N>(out + i - N));
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
