// The loops that pool bundles: planes side by side, whose cells have one accumulator of each of them.
#pragma once

#include "fold.hpp"

namespace tilepool {
namespace {

/// Planes of a bundle.
template <class Acc>
constexpr int bundled = static_cast<int>(cell_bytes / sizeof(Acc));

/// Calls square(plane, cell) for squares of N planes and N cells that cover all of them, some of them twice: those that
/// lie in whole cache lines of the first plane come first.
template <class Acc, int N, class T, class Square>
TILEPOOL_INLINE void squares(const T* plane, std::int64_t cells, const Square& square) {
  const std::int64_t head = cells >= 8 * N ? behind_line_end<T, N>(plane) : 0;
  for (std::int64_t i = head > 0 ? head - N : 0; i < cells; i += N) {
    const std::int64_t cell = i < 0 ? 0 : i < cells - N ? i : cells - N;
    for (int first = 0; first < bundled<Acc>; first += N) square(first, cell);
  }
}

template <class Op>
void interleave(void* bundle, const void* const* planes, std::int64_t cells, const Keying& keying) {
  using In = typename Op::In;
  using Acc = typename Op::Acc;
  constexpr int N = Op::lanes;
  const typename Op::Lift lift(keying);
  auto* const to = static_cast<Acc*>(bundle);
  squares<Acc, N>(static_cast<const In*>(planes[0]), cells, [&](int plane, std::int64_t cell) TILEPOOL_INLINE_LAMBDA {
    Vec<Acc, N> v[N];
    for (int i = 0; i < N; ++i) {
      v[i] = lift.template of<N>(load<N>(static_cast<const In*>(planes[plane + i]) + cell));
    }
    transpose<N, Acc>(v);
    for (int i = 0; i < N; ++i) store(to + (cell + i) * bundled<Acc> + plane, v[i]);
  });
}

template <class Op>
void separate(const void* bundle, std::int64_t cells, const double* divisors, bool alike, void* const* planes,
              const Keying& keying) {
  using Acc = typename Op::Acc;
  using Out = typename Op::Out;
  constexpr int N = Op::lanes;
  const auto* const from = static_cast<const Acc*>(bundle);
  const auto write = [&](int plane, std::int64_t cell, const auto& scale) TILEPOOL_INLINE_LAMBDA {
    Vec<Acc, N> v[N];
    for (int i = 0; i < N; ++i) v[i] = load<N>(from + (cell + i) * bundled<Acc> + plane);
    transpose<N, Acc>(v);
    for (int i = 0; i < N; ++i) {
      store(static_cast<Out*>(planes[plane + i]) + cell, Op::template finish<N>(v[i], scale));
    }
  };
  const typename Op::Scale scale(divisors[0], keying);
  if constexpr (Op::rounds) {
    if (!alike) {
      return squares<Acc, N>(static_cast<Out*>(planes[0]), cells,
                             [&](int plane, std::int64_t cell) TILEPOOL_INLINE_LAMBDA {
                               write(plane, cell, typename Op::template Scales<N>(divisors + cell));
                             });
    }
  }
  squares<Acc, N>(static_cast<Out*>(planes[0]), cells,
                  [&](int plane, std::int64_t cell) TILEPOOL_INLINE_LAMBDA { write(plane, cell, scale); });
}

/// Some lines at a time, of which the last ones may be taken twice.
template <class Op>
void scan_cells(const Halves* halves, std::int64_t count, const Lines& lines) {
  using Acc = typename Op::Acc;
  constexpr int N = Op::lanes;
  const std::int64_t read_hop = lines.read_step / static_cast<std::int64_t>(sizeof(Acc));
  const std::int64_t write_hop = lines.write_step / static_cast<std::int64_t>(sizeof(Acc));
  const typename Op::Lift none(Keying{});  // they have been lifted
  const auto scan = [&](auto vectors, std::int64_t line) TILEPOOL_INLINE_LAMBDA {
    constexpr int V = decltype(vectors)::value;
    for (int lane = 0; lane < bundled<Acc>; lane += N) {
      const Strip strip{line * read_hop + lane, line * write_hop + lane, read_hop, write_hop};
      for (std::int64_t h = 0; h < count; ++h) scan_halves<Op, Acc, V, N>(halves[h], strip, none);
    }
  };
  constexpr int unroll = scan_unroll;
  if (lines.count < unroll) {
    for (std::int64_t line = 0; line < lines.count; ++line) scan(Lanes<1>{}, line);
  } else {
    for (std::int64_t line = 0; line < lines.count; line += unroll) {
      scan(Lanes<unroll>{}, line < lines.count - unroll ? line : lines.count - unroll);
    }
  }
}

}  // namespace
}  // namespace tilepool
