// The loops that combine rows elementwise, and a row with itself: fold and widen.
#pragma once

#include "rows.hpp"

namespace tilepool {
namespace {

/// Eight streams are what hardware prefetchers follow well: longer lists are folded in several passes over the target.
constexpr std::int64_t fold_streams = 8;

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

/// Double and add: from windows of w taps come windows of 2w, or of 2w + 1 with one tap of the source.
template <class Op>
void widen(void* target_bytes, const void* source_bytes, std::int64_t n, std::int64_t taps, std::int64_t distance) {
  using Acc = typename Op::Acc;
  constexpr int N = Op::lanes;
  auto* const target = static_cast<Acc*>(target_bytes);
  const auto* const source = static_cast<const Acc*>(source_bytes);
  int shift = 0;
  while (taps >> shift > 7) ++shift;
  std::int64_t width = taps >> shift;  // 4 to 7 taps in the first pass, or as few as there are
  for (std::int64_t i = 0; i < n - (width - 1) * distance; i += N) {  // may overrun into the slack
    auto acc = load<N>(source + i);
    for (std::int64_t t = 1; t < width; ++t) acc = Op::template combine<N>(acc, load<N>(source + i + t * distance));
    store(target + i, acc);
  }
  while (shift-- > 0) {
    const bool odd = (taps >> shift & 1) != 0;
    const std::int64_t wider = 2 * width + (odd ? 1 : 0);
    const std::int64_t valid = n - (wider - 1) * distance;
    for (std::int64_t i = 0; i < valid; i += N) {  // in place: what is read lies at or behind what is written
      auto acc = Op::template combine<N>(load<N>(target + i), load<N>(target + i + width * distance));
      if (odd) acc = Op::template combine<N>(acc, load<N>(source + i + 2 * width * distance));
      store(target + i, acc);
    }
    width = wider;
  }
}

}  // namespace
}  // namespace tilepool
