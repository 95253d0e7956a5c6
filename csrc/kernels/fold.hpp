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

template <class Op, int Vectors, int N, bool Merge>
TILEPOOL_INLINE void scan_at(const Stop* stops, std::int64_t stop_count, const void* const* rows, std::int64_t at) {
  using Acc = typename Op::Acc;
  const auto row = [&](std::int64_t r) TILEPOOL_INLINE_LAMBDA {
    return Source<Op, typename Op::In, 1>{{static_cast<const typename Op::In*>(rows[r])}};
  };
  Vec<Acc, N> acc[Vectors];
  for (int u = 0; u < Vectors; ++u) acc[u] = row(0).template load<N>(at + u * N);
  std::int64_t r = 1;
  for (std::int64_t s = 0; s < stop_count; ++s) {
    for (; r < stops[s].rows; ++r) {
      for (int u = 0; u < Vectors; ++u) {
        acc[u] = Op::template combine<N>(acc[u], row(r).template load<N>(at + u * N));
      }
    }
    auto* const to = static_cast<Acc*>(stops[s].target) + at;
    for (int u = 0; u < Vectors; ++u) {
      store(to + u * N, Merge ? Op::template combine<N>(load<N>(to + u * N), acc[u]) : acc[u]);
    }
  }
}

/// Down the rows, some vectors of columns at a time: their running combinations stay in registers.
template <class Op, bool Merge>
void scan_columns(const Stop* stops, std::int64_t stop_count, const void* const* rows, std::int64_t n) {
  constexpr int N = Op::lanes;
  constexpr int unroll = N > 1 ? scan_unroll : 1;
  std::int64_t i = 0;
  for (; i + unroll * N <= n; i += unroll * N) scan_at<Op, unroll, N, Merge>(stops, stop_count, rows, i);
  sweep<typename Op::Acc, N>(i, n, [&](auto lanes, std::int64_t at) TILEPOOL_INLINE_LAMBDA {
    scan_at<Op, 1, decltype(lanes)::value, Merge>(stops, stop_count, rows, at);
  });
}

template <class Op>
void scan_rows(const Stop* stops, std::int64_t stop_count, const void* const* rows, std::int64_t n, bool merge) {
  if (merge) {
    scan_columns<Op, true>(stops, stop_count, rows, n);
  } else {
    scan_columns<Op, false>(stops, stop_count, rows, n);
  }
}

}  // namespace
}  // namespace tilepool
