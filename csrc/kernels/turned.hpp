// Windows that begin far apart along a row, some at a time.
#pragma once

#include "rows.hpp"

namespace tilepool {
namespace {

/// As `transpose`: lane j of vector i goes to lane i of vector j. Of 16 bytes, which x86 interleaves at once, each step
/// is one instruction, whatever the size of a lane.
template <int N, class T, int Stages = N>
TILEPOOL_INLINE void turn(Vec<T, N>* v) {
  if constexpr (Stages > 1) {
    Vec<T, N> turned[N];
    for (int i = 0; i < N / 2; ++i) {
      turned[2 * i] = in_turn<0, N, T>(v[i], v[i + N / 2]);
      turned[2 * i + 1] = in_turn<1, N, T>(v[i], v[i + N / 2]);
    }
    for (int i = 0; i < N; ++i) v[i] = turned[i];
    turn<N, T, Stages / 2>(v);
  }
}

/// As many windows as 16 bytes have lanes are loaded, as many taps of each at a time, and turned, so that a vector has
/// one tap of all of them. Taps are combined in the order of a window by itself. (Xeon, 2.9 million cells, windows of 5
/// to 15 that do not overlap: 0.1 to 0.2 of the time for extrema of 8 and 16 bits, 0.3 to 0.55 for float32, 0.5 to 0.8
/// for float64.)
template <class Op, class Src>
struct TurnedWindows {
  using Acc = typename Op::Acc;
  static constexpr int N = 16 / static_cast<int>(sizeof(Acc));

  /// Calls put(Lanes<N>, o, windows) for vectors of the windows of `taps` that start at first, first + stride ... in a
  /// row of `width`. Returns how many it made: of the last ones not more than their taps could be read.
  template <class Put>
  static TILEPOOL_NOINLINE std::int64_t each(const Src& from, std::int64_t first, std::int64_t stride,
                                             std::int64_t taps, std::int64_t outputs, std::int64_t width,
                                             const Put& put) {
    const Src source = from;  // a copy whose address is not known is held in registers, whatever is written
    const std::int64_t read = (taps + N - 1) / N * N;
    std::int64_t o = 0;
    for (; o + N <= outputs && first + (o + N - 1) * stride + read <= width; o += N) {
      Vec<Acc, N> acc{};
      for (std::int64_t t = 0; t < taps; t += N) {
        Vec<Acc, N> tap[N];
        for (int w = 0; w < N; ++w) tap[w] = source.template load<N>(first + (o + w) * stride + t);
        turn<N, Acc>(tap);
        acc = t == 0 ? tap[0] : Op::template combine<N>(acc, tap[0]);
        for (int i = 1; i < N && t + i < taps; ++i) acc = Op::template combine<N>(acc, tap[i]);
      }
      put(Lanes<N>{}, o, acc);
    }
    return o;
  }
};

}  // namespace
}  // namespace tilepool
