// Windows that begin far apart along a row, some at a time.
#pragma once

#include "pixels.hpp"
#include "rows.hpp"

namespace tilepool {
namespace {

/// As `transpose`, of each 16 bytes: lane j of vector i goes to lane i of vector j.
template <int N, int M, class T, int Stages = N>
TILEPOOL_INLINE void turn(Vec<T, M>* v) {
  if constexpr (Stages > 1) {
    constexpr auto lanes = std::make_integer_sequence<int, M>{};
    Vec<T, M> turned[N];
    for (int i = 0; i < N / 2; ++i) {
      turned[2 * i] = in_turn_of_16<0>(v[i], v[i + N / 2], lanes);
      turned[2 * i + 1] = in_turn_of_16<1>(v[i], v[i + N / 2], lanes);
    }
    for (int i = 0; i < N; ++i) v[i] = turned[i];
    turn<N, M, T, Stages / 2>(v);
  }
}

/// As many windows as a vector has lanes are loaded, 16 bytes of taps of each at a time, and turned, so that a vector
/// has one tap of all of them. Taps are combined in the order of a window by itself. (Xeon, 2.9 million cells, windows
/// of 5 to 15 that do not overlap: 0.1 to 0.2 of the time for extrema of 8 and 16 bits, 0.3 to 0.55 for float32, 0.5 to
/// 0.8 for float64.) Floats are turned in whole vectors, in 0.5 to 0.9 of the time of 16 bytes. Integers, which one
/// instruction combines, gain nothing from that.
template <class Op, class Src>
struct TurnedWindows {
  using Acc = typename Op::Acc;
  static constexpr int N = 16 / static_cast<int>(sizeof(Acc));

  /// Calls put(Lanes<M>, o, windows) for vectors of the windows of `taps` that start at first, first + stride ... in a
  /// row of `width`. Returns how many it made: of the last ones not more than their taps could be read.
  template <class Put>
  static TILEPOOL_NOINLINE std::int64_t each(const Src& from, std::int64_t first, std::int64_t stride,
                                             std::int64_t taps, std::int64_t outputs, std::int64_t width,
                                             const Put& put) {
    const Src source = from;  // a copy whose address is not known is held in registers, whatever is written
    const std::int64_t read = (taps + N - 1) / N * N;
    std::int64_t o = 0;
    const auto some = [&](auto lanes) TILEPOOL_INLINE_LAMBDA {
      constexpr int M = decltype(lanes)::value;
      for (; o + M <= outputs && first + (o + M - 1) * stride + read <= width; o += M) {
        Vec<Acc, M> acc{};
        for (std::int64_t t = 0; t < taps; t += N) {
          Vec<Acc, M> tap[N];
          for (int w = 0; w < N; ++w) tap[w] = pieces<M>(source, first + (o + w) * stride + t, N * stride);
          turn<N, M, Acc>(tap);
          acc = t == 0 ? tap[0] : Op::template combine<M>(acc, tap[0]);
          for (int i = 1; i < N && t + i < taps; ++i) acc = Op::template combine<M>(acc, tap[i]);
        }
        put(Lanes<M>{}, o, acc);
      }
    };
    if constexpr (full_lanes<Acc> > N && std::is_floating_point_v<Acc>) some(Lanes<full_lanes<Acc>>{});
    some(Lanes<N>{});
    return o;
  }

 private:
  /// 16 bytes, and others so many cells further on.
  template <int M>
  static TILEPOOL_INLINE Vec<Acc, M> pieces(const Src& source, std::int64_t at, std::int64_t apart) {
    if constexpr (M == N) {
      return source.template load<N>(at);
    } else {
      return joined<M / 2, Acc>(pieces<M / 2>(source, at, apart), pieces<M / 2>(source, at + M / 2 / N * apart, apart),
                                std::make_integer_sequence<int, M>{});
    }
  }
};

}  // namespace
}  // namespace tilepool
