// The loops that combine neighbouring taps in buffers: by doubling, or by suffixes and prefixes of blocks.
#pragma once

#include "../blocks.hpp"
#include "rows.hpp"

namespace tilepool {
namespace {

/// The step of doubling: two windows of w taps make one of 2w, or with the tap behind them one of 2w + 1. All that
/// follows repeats it until a window is whole, in registers or in passes over a buffer.
template <class Op, int N, class V>
TILEPOOL_INLINE V twice(V first, V second, bool is_odd, const typename Op::Acc* behind) {
  const V both = Op::template combine<N>(first, second);
  return is_odd ? Op::template combine<N>(both, load<N>(behind)) : both;
}

/// The W taps from `at` on.
template <class Op, int W, int N>
TILEPOOL_INLINE Vec<typename Op::Acc, N> tree(const typename Op::Acc* at, std::int64_t distance) {
  if constexpr (W == 1) {
    return load<N>(at);
  } else {
    return twice<Op, N>(tree<Op, W / 2, N>(at, distance), tree<Op, W / 2, N>(at + W / 2 * distance, distance),
                        W % 2 != 0, at + (W - 1) * distance);
  }
}

/// The most taps that are combined in registers.
template <class Op>
constexpr int most_doubled = 2 * Op::lanes;

/// Neighbouring taps in registers, Doublings times from windows of taps / 2 to those of `taps`.
template <class Op, int Doublings>
struct Doubled {
  static constexpr int N = Op::lanes, longest = (2 << Doublings) - 1;
  using Acc = typename Op::Acc;
  using V = Vec<Acc, N>;
  Doubled<Op, Doublings - 1> half;
  Vec<IntegerLike<Acc>, N> second;
  std::int64_t last;  // the tap beyond two halves, if any
  V behind{};

  explicit TILEPOOL_INLINE Doubled(std::int64_t taps)
      : half(taps / 2), second(lanes_from<Acc, N>(taps / 2)), last(taps % 2 != 0 ? taps - 1 : 0) {}

  /// The windows that start at `at`, a vector to the left of those before.
  TILEPOOL_INLINE V step(const Acc* at) {
    const V half_behind = half.behind, sum = half.step(at);
    if constexpr (1 << Doublings == most_doubled<Op>) return behind = Op::template combine<N>(sum, half_behind);
    return behind = twice<Op, N>(sum, moved<N, Acc>(sum, half_behind, second), last > 0, at + last);
  }
};

template <class Op>
struct Doubled<Op, 0> {
  using V = Vec<typename Op::Acc, Op::lanes>;
  V behind{};
  explicit TILEPOOL_INLINE Doubled(std::int64_t) {}
  TILEPOOL_INLINE V step(const typename Op::Acc* at) { return behind = load<Op::lanes>(at); }
};

/// Calls with_doubled(Doubled) for windows of two taps and more.
template <class Op, int Doublings = 1, class Step>
TILEPOOL_INLINE void doubled(std::int64_t taps, const Step& with_doubled) {
  if constexpr (2 << Doublings <= most_doubled<Op>) {
    if (taps >> Doublings > 1) return doubled<Op, Doublings + 1>(taps, with_doubled);
  }
  with_doubled(Doubled<Op, Doublings>(taps));
}

/// Whether neighbouring taps are combined in registers.
template <class Op>
constexpr bool doubles_in_registers = cheap_shifts<typename Op::Acc> && Op::lanes > 7;

/// Windows of `width` taps, in one pass. May read three vectors more than n, and write one.
template <class Op, int W = 2>
void widen_first(typename Op::Acc* target, const typename Op::Acc* source, std::int64_t n, std::int64_t width,
                 std::int64_t distance) {
  constexpr int N = Op::lanes;
  if constexpr (doubles_in_registers<Op>) {
    if (distance == 1) {
      return doubled<Op>(width, [&](auto windows) TILEPOOL_INLINE_LAMBDA {
        for (std::int64_t i = (n - 1) / N * N; i >= 0; i -= N) store(target + i, windows.step(source + i));
      });
    }
  }
  if constexpr (W < 7) {
    if (W < width) return widen_first<Op, W + 1>(target, source, n, width, distance);
  }
  for (std::int64_t i = 0; i < n - (W - 1) * distance; i += N) store(target + i, tree<Op, W, N>(source + i, distance));
}

/// Whether windows of 8, 16 and 32 neighbouring taps are made of those of 4 by moving lanes so far as AVX2 moves them
/// in one or two instructions.
template <class Op>
constexpr bool doubles_by_halves = vector_bytes == 32 && Op::lanes > 1;

/// Neighbouring taps in registers, from windows of 4 to those of W, a power of two.
template <class Op, int W>
struct Halved {
  static constexpr int N = Op::lanes, half = W / 2, kept = half > N ? half / N : 1;
  using V = Vec<typename Op::Acc, N>;
  Halved<Op, half> halves;
  V behind[kept] = {};  // to the right: the next vector first

  /// The windows that start at `at`, a vector to the left of those before.
  TILEPOOL_INLINE V step(const typename Op::Acc* at) {
    const V first = halves.step(at), last = behind[kept - 1];
    for (int i = kept - 1; i > 0; --i) behind[i] = behind[i - 1];
    behind[0] = first;
    if constexpr (half < N) {
      return Op::template combine<N>(first, shifted<half, N, typename Op::Acc>(first, last));
    } else {
      return Op::template combine<N>(first, last);
    }
  }
};
template <class Op>
struct Halved<Op, 4> {
  TILEPOOL_INLINE auto step(const typename Op::Acc* at) { return tree<Op, 4, Op::lanes>(at, 1); }
};

/// Windows of 8, 16 or 32 taps; see `widen_first` for what is read and written.
template <class Op, int W = 8>
TILEPOOL_INLINE void widen_halved(typename Op::Acc* target, const typename Op::Acc* source, std::int64_t n,
                                  std::int64_t width) {
  if constexpr (W < 32) {
    if (W < width) return widen_halved<Op, 2 * W>(target, source, n, width);
  }
  constexpr int N = Op::lanes;
  Halved<Op, W> windows;
  for (std::int64_t i = (n - 1) / N * N; i >= 0; i -= N) store(target + i, windows.step(source + i));
}

/// target[i] = source[i] + source[i + distance] + ... (`taps` >= 2 of them), in about log2(taps) passes, for
/// i < n - (taps - 1) * distance. source and target hold n accumulators each and do not overlap.
template <class Op>
void widen(typename Op::Acc* target, const typename Op::Acc* source, std::int64_t n, std::int64_t taps,
           std::int64_t distance) {
  constexpr int N = Op::lanes;
  const bool halved = doubles_by_halves<Op> && distance == 1 && taps > 7 && (taps & (taps - 1)) == 0;
  const int most = halved ? 32 : doubles_in_registers<Op> && distance == 1 ? most_doubled<Op> : 7;
  int shift = 0;
  while (taps >> shift > most) ++shift;
  std::int64_t width = taps >> shift;
  if (halved) {
    if constexpr (doubles_by_halves<Op>) widen_halved<Op>(target, source, n, width);
  } else {
    widen_first<Op>(target, source, n, width, distance);
  }
  while (shift-- > 0) {
    const bool odd = (taps >> shift & 1) != 0;
    const std::int64_t wider = 2 * width + (odd ? 1 : 0);
    const std::int64_t valid = n - (wider - 1) * distance;
    for (std::int64_t i = 0; i < valid; i += N) {  // in place: what is read lies at or behind what is written
      store(target + i, twice<Op, N>(load<N>(target + i), load<N>(target + i + width * distance), odd,
                                     source + i + 2 * width * distance));
    }
    width = wider;
  }
}

/// Rows of accumulators, `pitch` apart, and windows of `taps` of them that start at rows -before to outputs - before -
/// 1 and see nothing beyond the `count` rows that there are. Blocks of `taps` rows start `phase` rows before the first
/// window, and every `taps` rows from there. Put is called with an output, a column, and the vector of results that
/// starts there.
template <class Op, class Put>
struct Blocks {
  using Acc = typename Op::Acc;
  Acc* suffixes;
  const Acc* source;
  std::int64_t outputs, count, before, taps, phase, pitch;
  Put put;

  /// A few vectors of columns, whose running combinations stay in registers.
  template <int Vectors, int N>
  TILEPOOL_INLINE void columns(std::int64_t at) const {
    const auto inside = [&](std::int64_t row) TILEPOOL_INLINE_LAMBDA {
      return row < 0 ? 0 : row < count ? row : count;
    };
    Vec<Acc, N> acc[Vectors] = {};
    for (std::int64_t from = 0, to, border = taps - phase - before; from < outputs; from = to, border += taps) {
      to = border + before < outputs ? border + before : outputs;
      walk_block(
          from, to, inside(border), [&](std::int64_t o) TILEPOOL_INLINE_LAMBDA { return inside(o - before); },
          [&](std::int64_t o) TILEPOOL_INLINE_LAMBDA { return inside(o - before + taps); },
          [&](std::int64_t row, bool first) TILEPOOL_INLINE_LAMBDA {
            for (int u = 0; u < Vectors; ++u) {
              const auto v = load<N>(source + row * pitch + at + u * N);
              acc[u] = first ? v : Op::template combine<N>(acc[u], v);
            }
          },
          [&](std::int64_t o, bool seen) TILEPOOL_INLINE_LAMBDA {
            if (!seen) return;
            for (int u = 0; u < Vectors; ++u) store(suffixes + o * pitch + at + u * N, acc[u]);
          },
          [] {},
          [&](std::int64_t o, bool seen) TILEPOOL_INLINE_LAMBDA {
            for (int u = 0; u < Vectors; ++u) {
              const std::int64_t column = at + u * N;
              const auto suffix = load<N>(suffixes + o * pitch + column);
              put(o, column, seen ? Op::template combine<N>(suffix, acc[u]) : suffix);
            }
          });
    }
  }

  void pool(std::int64_t n) const {
    sweep_columns<Acc, Op::lanes, 4, 2>(source, n,
                                        [&](auto vectors, auto lanes, std::int64_t at)
                                            TILEPOOL_INLINE_LAMBDA { columns<vectors, lanes>(at); });
  }
};

/// Of rows of n accumulators; `suffixes` has room for a row of each output.
template <class Op, class Put>
void combine_blocks(typename Op::Acc* suffixes, const typename Op::Acc* source, std::int64_t outputs,
                    std::int64_t count, std::int64_t n, const Widening& widening, const Put& put) {
  Blocks<Op, Put>{suffixes, source, outputs, count, widening.before, widening.taps, widening.phase, n, put}.pool(n);
}

template <class Op>
void combine_blocks(typename Op::Acc* target, const typename Op::Acc* source, std::int64_t outputs, std::int64_t count,
                    std::int64_t n, const Widening& widening) {
  combine_blocks<Op>(target, source, outputs, count, n, widening,
                     [=](std::int64_t row, std::int64_t at, auto v)
                         TILEPOOL_INLINE_LAMBDA { store(target + row * n + at, v); });
}

template <class Op>
void widen_rows(void* target, const void* source, std::int64_t rows, std::int64_t n, const Widening& widening) {
  using Acc = typename Op::Acc;
  auto* const to = static_cast<Acc*>(target);
  const auto* const from = static_cast<const Acc*>(source);
  if (widening.in_blocks) {
    combine_blocks<Op>(to, from, rows - widening.taps + 1, rows, n, widening);
  } else {
    widen<Op>(to, from, rows * n, widening.taps, widening.distance);
  }
}

}  // namespace
}  // namespace tilepool
