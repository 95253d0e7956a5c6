// The loop that pools whole planes as one row: lines laid end to end, whose windows keep their width.
#pragma once

#include "rows.hpp"

namespace tilepool {
namespace {

/// Windows of K taps. Rows are combined a vector at a time, once; the taps of a window are the lanes of that vector and
/// the next one, moved, but for those that lie on another line.
template <class Op, int K>
struct EndlessWindows {
  using In = typename Op::In;
  using Acc = typename Op::Acc;
  using Out = typename Op::Out;
  using Place = IntegerLike<Acc>;
  static constexpr int N = Op::lanes, before = K / 2;

  const EndlessRow* rows;
  std::int64_t row_count, n, begin, end;
  Place width;
  typename Op::Scale scale;
  Out* out;

  /// The rows at [at, at + N), all of which they have.
  TILEPOOL_INLINE Vec<Acc, N> inside(std::int64_t at) const {
    const auto row = [&](std::int64_t r) TILEPOOL_INLINE_LAMBDA {
      return Op::template lift<N>(load<N>(static_cast<const In*>(rows[r].origin) + at));
    };
    auto acc = row(0);
    for (std::int64_t r = 1; r < row_count; ++r) acc = Op::template combine<N>(acc, row(r));
    return acc;
  }

  /// The same with nothing beyond the ends of a row: what is clipped does not depend on where vectors begin.
  TILEPOOL_INLINE Vec<Acc, N> clipped(std::int64_t at) const {
    auto acc = clipped_row(rows[0], at);
    for (std::int64_t r = 1; r < row_count; ++r) acc = Op::template combine<N>(acc, clipped_row(rows[r], at));
    return acc;
  }

  static TILEPOOL_INLINE Vec<Acc, N> clipped_row(const EndlessRow& row, std::int64_t at) {
    const auto nothing = splat<N>(Op::identity());
    const std::int64_t from = row.begin - at, to = row.end - at;
    const In* const origin = static_cast<const In*>(row.origin) + at;
    if (from <= 0 && to >= N) return Op::template lift<N>(load<N>(origin));
    if (from >= N || to <= 0) return nothing;
    return within<N>(Op::template lift<N>(load_some<N>(origin, from, to)), Op::identity(), from, to);
  }

  TILEPOOL_INLINE Vec<Acc, N> combined(std::int64_t at) const {
    return at >= begin && at + N <= end ? inside(at) : clipped(at);
  }

  /// Tap T of the windows whose first taps lie in `here`, at `at`.
  template <int T>
  TILEPOOL_INLINE Vec<Acc, N> tap(std::int64_t at, Vec<Place, N> column, Vec<Acc, N> here, Vec<Acc, N> next) const {
    Vec<Acc, N> v;
    if constexpr (T <= N) {
      v = shifted<T, N, Acc>(here, next);
    } else {
      v = combined(at + T);
    }
    const auto nothing = splat<N>(Op::identity());
    if constexpr (T < before) return column >= splat<N>(Place(before - T)) ? v : nothing;
    if constexpr (T > before) return column < splat<N>(static_cast<Place>(width - (T - before))) ? v : nothing;
    return v;
  }

  template <int... T>
  TILEPOOL_INLINE Vec<Out, N> windows(std::int64_t at, Vec<Place, N> column, Vec<Acc, N> here, Vec<Acc, N> next,
                                      std::integer_sequence<int, T...>) const {
    auto acc = tap<0>(at, column, here, next);
    ((acc = Op::template combine<N>(acc, tap<T + 1>(at, column, here, next))), ...);
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

    Vec<Acc, N> here{};
    Vec<Out, N> result{}, last;
    for (std::int64_t i = -N; i < n; i += N) {
      const auto next = combined(i + N - before);
      if (i >= 0) {
        last = result;
        result = windows(i - before, column, here, next, std::make_integer_sequence<int, K - 1>{});
        if (i + N <= n) {
          store(out + i, result);
        } else {
          write_end(i, last, result);
        }
        column += hop;
        column = column >= line ? column - line : column;
      }
      here = next;
    }
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

template <class Op, int K>
void pool_endless_of(const Endless& windows, const EndlessRow* rows, std::int64_t count, void* out, std::int64_t n) {
  using Windows = EndlessWindows<Op, K>;
  Windows{rows,
          count,
          n,
          windows.begin,
          windows.end,
          static_cast<typename Windows::Place>(windows.width),
          typename Op::Scale(windows.divisor, windows.to_integer),
          static_cast<typename Op::Out*>(out)}
      .pool();
}

template <class Op>
void pool_endless(const Endless& windows, const EndlessRow* rows, std::int64_t count, void* out, std::int64_t n) {
  if (windows.taps == 3) pool_endless_of<Op, 3>(windows, rows, count, out, n);
  if (windows.taps == 5) pool_endless_of<Op, 5>(windows, rows, count, out, n);
}

}  // namespace
}  // namespace tilepool
