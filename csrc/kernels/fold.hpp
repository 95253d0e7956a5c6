// The loops that combine rows elementwise: fold and scan.
#pragma once

#include "rows.hpp"

namespace tilepool {
namespace {

/// Eight streams are what hardware prefetchers follow well: longer lists are folded in several passes over the target.
constexpr std::int64_t fold_streams = 8;

/// Vectors of columns that a scan takes down the rows together.
constexpr int scan_unroll = 4;

template <class Op, class Element>
void fold_line(typename Op::Acc* target, const typename Op::Acc* start, const void* const* rows, std::int64_t count,
               std::int64_t shift, std::int64_t n) {
  using Acc = typename Op::Acc;
  using One = Source<Op, Element, 1>;
  const auto row = [&](std::int64_t r)
                       TILEPOOL_INLINE_LAMBDA { return One{{static_cast<const Element*>(rows[r]) + shift}}; };
  for (std::int64_t done = 0; done == 0 || done < count;) {
    const std::int64_t first = done + (start == nullptr ? 1 : 0);
    const std::int64_t end = count - done < fold_streams ? count : done + fold_streams;
    constexpr int N = Op::lanes;
    constexpr int unroll = N > 1 ? 4 : 1;
    std::int64_t i = 0;
    for (; i + unroll * N <= n; i += unroll * N) {
      Vec<Acc, N> acc[unroll];
      for (int u = 0; u < unroll; ++u) {
        acc[u] = start != nullptr ? load<N>(start + i + u * N) : row(done).template load<N>(i + u * N);
      }
      for (std::int64_t r = first; r < end; ++r) {
        const One source = row(r);
        for (int u = 0; u < unroll; ++u) {
          acc[u] = Op::template combine<N>(acc[u], source.template load<N>(i + u * N));
        }
      }
      for (int u = 0; u < unroll; ++u) store(target + i + u * N, acc[u]);
    }
    sweep<Acc, N>(i, n, [&](auto lanes, std::int64_t at) TILEPOOL_INLINE_LAMBDA {
      constexpr int M = decltype(lanes)::value;
      Vec<Acc, M> acc = start != nullptr ? load<M>(start + at) : row(done).template load<M>(at);
      for (std::int64_t r = first; r < end; ++r) {
        acc = Op::template combine<M>(acc, row(r).template load<M>(at));
      }
      store(target + at, acc);
    });
    start = target;
    done = end;
    if (done == 0) break;  // only a start
  }
}

template <class Op, class Element>
void fold(void* target, const void* start, const void* const* rows, std::int64_t count, std::int64_t n,
          const Lines& lines) {
  using Acc = typename Op::Acc;
  for (std::int64_t line = 0; line < lines.count; ++line) {
    auto* const to = reinterpret_cast<Acc*>(static_cast<char*>(target) + line * lines.write_step);
    const std::int64_t shift = line * lines.read_step / static_cast<std::int64_t>(sizeof(Element));
    if (start != nullptr || count > 1) {
      fold_line<Op, Element>(to, static_cast<const Acc*>(start), rows, count, shift, n);
    } else if (count == 1) {
      const Source<Op, Element, 1> source{{static_cast<const Element*>(rows[0]) + shift}};
      sweep_overlapping<Acc, Op::lanes>(n, [&](auto lanes, std::int64_t at) TILEPOOL_INLINE_LAMBDA {
        store(to + at, source.template load<decltype(lanes)::value>(at));
      });
    } else {
      for (std::int64_t i = 0; i < n; ++i) to[i] = Op::identity();
    }
  }
}

template <class Op, bool Merge, int Vectors, int N>
TILEPOOL_INLINE void scan_at(const Scan& scan, std::int64_t at) {
  using Acc = typename Op::Acc;
  const auto row = [&](std::int64_t r) TILEPOOL_INLINE_LAMBDA {
    return Source<Op, typename Op::In, 1>{{static_cast<const typename Op::In*>(scan.rows[r])}};
  };
  if (scan.stop_count == 0) return;
  Vec<Acc, N> acc[Vectors];
  for (int u = 0; u < Vectors; ++u) acc[u] = row(0).template load<N>(at + u * N);
  std::int64_t r = 1;
  for (std::int64_t s = 0; s < scan.stop_count; ++s) {
    for (; r < scan.stops[s].rows; ++r) {
      for (int u = 0; u < Vectors; ++u) {
        acc[u] = Op::template combine<N>(acc[u], row(r).template load<N>(at + u * N));
      }
    }
    auto* const to = static_cast<Acc*>(scan.stops[s].target) + at;
    for (int u = 0; u < Vectors; ++u) {
      store(to + u * N, Merge ? Op::template combine<N>(load<N>(to + u * N), acc[u]) : acc[u]);
    }
  }
}

/// The most stops of two scans that share a first-level cache.
constexpr std::int64_t most_stops_together = 64;

/// Some vectors of columns at a time: their running combinations stay in registers, and few stops in a cache.
template <class Op>
void scan_rows(const Scan& first, const Scan& second, bool merge, std::int64_t n) {
  using In = typename Op::In;
  constexpr int N = Op::lanes, unroll = N > 1 ? scan_unroll : 1;
  const auto scan_second = [&](auto vectors, auto lanes, std::int64_t at) TILEPOOL_INLINE_LAMBDA {
    constexpr int V = decltype(vectors)::value, L = decltype(lanes)::value;
    if (merge) return scan_at<Op, true, V, L>(second, at);
    scan_at<Op, false, V, L>(second, at);
  };
  const auto scan_first = [&](auto vectors, auto lanes, std::int64_t at) TILEPOOL_INLINE_LAMBDA {
    scan_at<Op, false, decltype(vectors)::value, decltype(lanes)::value>(first, at);
  };
  const auto strips = [&](std::int64_t i, const auto& scan) TILEPOOL_INLINE_LAMBDA {
    for (; i + unroll * N <= n; i += unroll * N) scan(Lanes<unroll>{}, Lanes<N>{}, i);
    return i;
  };
  const auto apart = [&](const auto& scan) TILEPOOL_INLINE_LAMBDA {
    sweep<typename Op::Acc, N>(
        strips(0, scan), n, [&](auto lanes, std::int64_t at) TILEPOOL_INLINE_LAMBDA { scan(Lanes<1>{}, lanes, at); });
  };
  if (first.stop_count + second.stop_count > most_stops_together) {
    apart(scan_first);
    return apart(scan_second);
  }
  const auto both = [&](auto vectors, auto lanes, std::int64_t at) TILEPOOL_INLINE_LAMBDA {
    scan_first(vectors, lanes, at);
    scan_second(vectors, lanes, at);
  };
  const void* const row = first.stop_count > 0 ? first.rows[0] : second.stop_count > 0 ? second.rows[0] : nullptr;
  const std::int64_t head = n >= 2 * unroll * N ? behind_line_end<In, N>(row) : 0;
  if (head > 0) both(Lanes<1>{}, Lanes<N>{}, 0);
  const std::int64_t i = strips(head, both);
  if (i == n) return;
  sweep_overlapping<typename Op::Acc, N>(
      n - i, [&](auto lanes, std::int64_t at) TILEPOOL_INLINE_LAMBDA { both(Lanes<1>{}, lanes, i + at); });
}

}  // namespace
}  // namespace tilepool
