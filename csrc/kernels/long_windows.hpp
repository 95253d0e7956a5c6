// Long windows along a row, each combined in lanes of its own.
#pragma once

#include "rows.hpp"

namespace tilepool {
namespace {

/// Each window is added up in 64 bytes of accumulators, whatever the vector width: tap t goes to accumulator t modulo
/// their number (the last ones are counted from the end of the window); then the lower half of them is combined with
/// the upper half until one is left. Of sums that round, halves of more than `most_added` taps for each accumulator are
/// added up by themselves.
template <class Op, class Src>
struct LongWindows {
  using Acc = typename Op::Acc;
  static constexpr int total = 64 / static_cast<int>(sizeof(Acc));
  static constexpr int parts = Op::lanes < total ? Op::lanes : total;

  /// Calls put(Lanes<N>, o, windows) for vectors of the windows of `taps` that start at first, first + stride ...
  template <class Put>
  static TILEPOOL_INLINE void each(const Src& source, std::int64_t first, std::int64_t stride, std::int64_t taps,
                                   std::int64_t outputs, const Put& put) {
    std::int64_t o = 0;
    if constexpr (Op::rounds) {
      if (taps > most_added * total) {
        for (; o < outputs; ++o) put(Lanes<1>{}, o, pairwise(source, first + o * stride, taps));
        return;
      }
    }
    if constexpr (sizeof(Acc) < 4) {  // extrema, which do not mind taps that are seen twice
      constexpr int few = 16 / static_cast<int>(sizeof(Acc));
      const auto window = [&](std::int64_t at) TILEPOOL_INLINE_LAMBDA {
        auto acc = source.template load<few>(at + taps - few);
        for (std::int64_t t = 0; t < taps - few; t += few) {
          acc = Op::template combine<few>(acc, source.template load<few>(at + t));
        }
        return acc;
      };
      if (taps >= few && taps < total) {
        for (; o + few <= outputs; o += few) {
          Vec<Acc, few> windows[few];
          for (int w = 0; w < few; ++w) windows[w] = window(first + (o + w) * stride);
          put(Lanes<few>{}, o, halved<few, few>(windows));
        }
        for (; o < outputs; ++o) put(Lanes<1>{}, o, halved<few>(window(first + o * stride)));
        return;
      }
    }
    for (; o + parts <= outputs; o += parts) {
      Vec<Acc, parts> windows[parts];
      for (int w = 0; w < parts; ++w) windows[w] = in_lanes(source, first + (o + w) * stride, taps);
      put(Lanes<parts>{}, o, halved<parts, parts>(windows));
    }
    for (; o < outputs; ++o) put(Lanes<1>{}, o, halved<parts>(in_lanes(source, first + o * stride, taps)));
  }

  static TILEPOOL_NOINLINE Acc pairwise(const Src& source, std::int64_t at, std::int64_t taps) {
    if (taps <= most_added * total) return halved<parts>(in_lanes(source, at, taps));
    const std::int64_t half = taps / (2 * total) * total;
    return Op::template combine<1>(pairwise(source, at, half), pairwise(source, at + half, taps - half));
  }

  static TILEPOOL_INLINE Vec<Acc, parts> in_lanes(const Src& source, std::int64_t at, std::int64_t taps) {
    constexpr int N = parts, groups = total / N;
    Vec<Acc, N> acc[groups];
    if (taps < total) {
      alignas(64) Acc few[total];
      for (int t = 0; t < total; ++t) few[t] = t < taps ? source.template load<1>(at + t) : Op::identity();
      for (int g = 0; g < groups; ++g) acc[g] = load<N>(few + g * N);
    } else {
      for (int g = 0; g < groups; ++g) acc[g] = source.template load<N>(at + g * N);
      std::int64_t t = total;
      for (; t + total <= taps; t += total) {
        for (int g = 0; g < groups; ++g) {
          acc[g] = Op::template combine<N>(acc[g], source.template load<N>(at + t + g * N));
        }
      }
      if (t < taps) {
        const auto seen = static_cast<int>(total - (taps - t));  // accumulators whose tap has been taken before
        for (int g = 0; g < groups; ++g) {
          const auto last = source.template load<N>(at + taps - total + g * N);
          acc[g] = Op::template combine<N>(acc[g], from_lane<N>(last, seen - g * N));
        }
      }
    }
    for (int width = groups / 2; width > 0; width /= 2) {
      for (int g = 0; g < width; ++g) acc[g] = Op::template combine<N>(acc[g], acc[g + width]);
    }
    return acc[0];
  }

  /// The lanes from `begin` on; the op's identity before.
  template <int N>
  static TILEPOOL_INLINE Vec<Acc, N> from_lane(Vec<Acc, N> v, int begin) {
    alignas(64) static constexpr struct Masks {
      Acc lane[2 * N];
      constexpr Masks() : lane() {
        for (int i = 0; i < 2 * N; ++i) lane[i] = static_cast<Acc>(i < N ? 0 : 1);
      }
    } masks;
    const int clamped = begin < 0 ? 0 : begin > N ? N : begin;
    const auto keep = load<N>(masks.lane + N - clamped);
    if constexpr (N == 1) {
      return keep != 0 ? v : Op::identity();
    } else {
      return keep != splat<N>(Acc(0)) ? v : splat<N>(Op::identity());
    }
  }

  template <int N>
  static TILEPOOL_INLINE Acc halved(Vec<Acc, N> v) {
    if constexpr (N == 1) {
      return v;
    } else {
      return halved<N / 2>(Op::template combine<N / 2>(half<0, N, Acc>(v), half<1, N, Acc>(v)));
    }
  }

  /// The same for N windows at once, of which each vector holds N / W with W accumulators each.
  template <int N, int W>
  static TILEPOOL_INLINE Vec<Acc, N> halved(Vec<Acc, N>* v) {
    if constexpr (W > 1) {
      for (int i = 0; i < W / 2; ++i) {
        v[i] = Op::template combine<N>(halves<0, W, N, Acc>(v[2 * i], v[2 * i + 1]),
                                       halves<1, W, N, Acc>(v[2 * i], v[2 * i + 1]));
      }
      return halved<N, W / 2>(v);
    } else {
      return v[0];
    }
  }
};

}  // namespace
}  // namespace tilepool
