// The loops that pool a span of equal windows of a row along itself.
#pragma once

#include "long_windows.hpp"
#include "pixels.hpp"
#include "rows.hpp"
#include "turned.hpp"

namespace tilepool {
namespace {

/// A span of one row. Every loop below writes all of its outputs, or those of one of its pixels.
template <class Op, class Src>
struct AlongRow {
  using Acc = typename Op::Acc;
  using Out = typename Op::Out;
  static constexpr int lanes = Op::lanes, narrow = 16 / static_cast<int>(sizeof(Acc));

  const Along& along;
  Src source;
  typename Op::Scale scale;
  std::int64_t first, count, distance;  // in elements: the first tap, the taps, and from tap to tap
  std::int64_t outputs;
  Out* out;

  template <int N>
  TILEPOOL_INLINE void put(std::int64_t index, Vec<Acc, N> acc) const {
    store(out + index, Op::template finish<N>(acc, scale));
  }

  /// Taps 0 to count - 1 of the outputs at `at`. K > 0 tells the count at compile time.
  template <int N, int K = 0>
  TILEPOOL_INLINE Vec<Acc, N> window(std::int64_t at) const {
    if constexpr (Op::rounds && K == 0) {
      if (count > most_added) return AlongRow(*this).template pairwise<N>(at, count);
    }
    return one_by_one<N>(at, K > 0 ? K : count);
  }

  template <int N>
  TILEPOOL_INLINE Vec<Acc, N> one_by_one(std::int64_t at, std::int64_t taps) const {
    auto acc = source.template load<N>(at);
    for (std::int64_t t = 1; t < taps; ++t) {
      acc = Op::template combine<N>(acc, source.template load<N>(at + t * distance));
    }
    return acc;
  }

  /// Halves of the taps, each by itself, while they are more than `most_added` / 2.
  template <int N>
  TILEPOOL_NOINLINE Vec<Acc, N> pairwise(std::int64_t at, std::int64_t taps) const {
    if (taps <= most_added / 2) return one_by_one<N>(at, taps);
    const std::int64_t half = taps / 2;
    return Op::template combine<N>(pairwise<N>(at, half), pairwise<N>(at + half * distance, taps - half));
  }

  /// Of some pixel: n outputs whose taps are neighbours where the outputs are.
  TILEPOOL_INLINE void flat(std::int64_t from, std::int64_t to, std::int64_t n) const {
    std::int64_t i = 0;
    if constexpr (lanes > 1) {
      const std::int64_t end = Op::rounds && count > most_added ? 0 : n;
      // Vectors of long rows lie in whole cache lines where the first row lets them. (Xeon with AVX-512, averages of
      // 2 x 2 pixels of 256 channels from memory: 0.85 of the time.)
      if (end >= 16 * lanes) {
        i = behind_line_end<typename Src::Read, lanes>(source.rows[0] + from);
        if (i > 0) put<lanes>(to, window<lanes>(from));
      }
      for (; i + 4 * lanes <= end; i += 4 * lanes) {
        Vec<Acc, lanes> acc[4];
        for (int u = 0; u < 4; ++u) acc[u] = source.template load<lanes>(from + i + u * lanes);
        for (std::int64_t t = 1; t < count; ++t) {
          for (int u = 0; u < 4; ++u) {
            const std::int64_t at = from + i + u * lanes + t * distance;
            acc[u] = Op::template combine<lanes>(acc[u], source.template load<lanes>(at));
          }
        }
        for (int u = 0; u < 4; ++u) put<lanes>(to + i + u * lanes, acc[u]);
        if constexpr (Src::row_count != 2)
          write_later<4 * lanes>(out + to + i);  // two rows are written as they are read
      }
      if (i == n) return;
    }
    sweep_overlapping<Acc, lanes>(n - i, [&](auto width, std::int64_t at) TILEPOOL_INLINE_LAMBDA {
      constexpr int N = decltype(width)::value;
      put<N>(to + i + at, window<N>(from + i + at));
    });
  }

  /// Windows of neighbouring taps, S apart, of single-element pixels: whole vectors are loaded and de-interleaved.
  template <int S, int K = 0>
  TILEPOOL_INLINE void strided() const {
    // A group that starts at the first tap may reach beyond the last tap, but not beyond the row.
    const std::int64_t reachable = (along.width - first - (count < S ? S : count)) / S + 1;
    std::int64_t o = outputs < reachable ? outputs : reachable;
    if (o > 0) {
      const auto outputs_at = [&](auto width, std::int64_t at) TILEPOOL_INLINE_LAMBDA {
        constexpr int N = decltype(width)::value;
        if constexpr (N == 1) {
          put<1>(at, window<1>(first + at * S));
        } else {
          put<N>(at, deinterleaved<S, N, N == lanes ? K : 0>(first + at * S));
        }
      };
      if (K == 2 && along.streams && o >= 2 * lanes) {  // vectors in whole cache lines, and one at each end
        std::int64_t at = behind_line_end<Out, lanes>(out);
        outputs_at(Lanes<lanes>{}, 0);
        for (; at + lanes <= o; at += lanes) {
          stream(out + at, Op::template finish<lanes>(deinterleaved<S, lanes, K>(first + at * S), scale));
        }
        outputs_at(Lanes<lanes>{}, o - lanes);
      } else {
        // Few windows of many taps are not worth code for 16 bytes of them.
        sweep_overlapping<Acc, lanes, K == 0>(o, outputs_at);
      }
    }
    for (o = o > 0 ? o : 0; o < outputs; ++o) put<1>(o, window<1>(first + o * S));
  }

  template <int S, int N, bool Clipped = false>
  TILEPOOL_INLINE void load_parts(Vec<Acc, N>* group, std::int64_t at) const {
    for (int s = 0; s < S; ++s) group[s] = vector_at<N, Clipped>(at + s * N);
  }

  template <int N, bool Clipped>
  TILEPOOL_INLINE Vec<Acc, N> vector_at(std::int64_t at) const {
    if constexpr (Clipped) {
      return source.template load_clipped<N>(at, along.width);
    } else {
      return source.template load<N>(at);
    }
  }

  /// Groups of S taps, then the rest: the last phases of a group that ends with the window, or, where the window is
  /// shorter than a group, the first phases of the only one.
  template <int S, int N, int K, bool Clipped = false>
  TILEPOOL_INLINE Vec<Acc, N> deinterleaved(std::int64_t at) const {
    const std::int64_t taps = K > 0 ? K : count;
    Vec<Acc, N> group[S], acc{};
    const auto take = [&](auto phase, bool start) TILEPOOL_INLINE_LAMBDA {
      const auto tap = every<decltype(phase)::value, S, N, Acc>(group);
      acc = start ? tap : Op::template combine<N>(acc, tap);
    };
    load_parts<S, N, Clipped>(group, at);
    take(Lanes<0>{}, true);
    if (taps > 1) take(Lanes<1>{}, false);
    if constexpr (S > 2) {
      if (taps > 2) take(Lanes<2>{}, false);
    }
    if constexpr (S > 3) {
      if (taps > 3) take(Lanes<3>{}, false);
    }
    if constexpr (K == S + 1) {  // the first phase again, a lane further on
      const auto behind = splat<N>(source.template load<1>(at + S * N));
      return Op::template combine<N>(acc, shifted<1, N, Acc>(every<0, S, N, Acc>(group), behind));
    }
    static_assert(!Clipped || K == S + 1);
    std::int64_t t = S;
    for (; t + S <= taps; t += S) {
      load_parts<S, N>(group, at + t);
      take(Lanes<0>{}, false);
      take(Lanes<1>{}, false);
      if constexpr (S > 2) take(Lanes<2>{}, false);
      if constexpr (S > 3) take(Lanes<3>{}, false);
    }
    if (t >= taps) return acc;
    load_parts<S, N>(group, at + taps - S);
    if constexpr (S > 3) {
      if (taps - t > 2) take(Lanes<S - 3>{}, false);
    }
    if constexpr (S > 2) {
      if (taps - t > 1) take(Lanes<S - 2>{}, false);
    }
    take(Lanes<S - 1>{}, false);
    return acc;
  }

  /// Pixels of at most 16 bytes: each is written as many elements, whose surplus the next pixel overwrites. Where the
  /// number of elements C and the stride 2 are known, a vector makes all pixels that lie in it.
  template <int C = 0>
  TILEPOOL_INLINE void small_pixels() const {
    constexpr int N = C > 0 && cheap_shifts<Acc> ? lanes : narrow;
    constexpr int together = C > 0 && N > C ? (N - C) / (2 * C) + 1 : 1;
    const std::int64_t inner = C > 0 ? C : along.inner, hop = (C > 0 ? 2 : along.stride) * inner, n = outputs * inner;
    const std::int64_t readable = along.width * inner - (count - 1) * distance - N;
    std::int64_t to = 0, at = first;
    for (; to + N <= n && at <= readable; to += together * inner, at += together * hop) {
      if constexpr (together > 1) {
        put<N>(to, even_pixels<C, N, Acc>(count == 2 ? window<N, 2>(at) : window<N>(at)));
      } else {
        put<N>(to, window<N>(at));
      }
    }
    for (; to < n; to += inner, at += hop) {
      for (std::int64_t i = 0; i < inner; ++i) put<1>(to + i, window<1>(at + i));
    }
  }

  auto writer() const {
    return [this](auto width, std::int64_t o, auto acc) TILEPOOL_INLINE_LAMBDA { put<decltype(width)::value>(o, acc); };
  }

  void long_windows() const { LongWindows<Op, Src>::each(source, first, along.stride, count, outputs, writer()); }

  /// N outputs whose windows may reach beyond the row.
  template <int N>
  TILEPOOL_INLINE Vec<Acc, N> clipped_window(std::int64_t at) const {
    const auto tap = [&](std::int64_t t) TILEPOOL_INLINE_LAMBDA {
      return source.template load_clipped<N>(at + t * distance, along.width);
    };
    auto acc = tap(0);
    for (std::int64_t t = 1; t < count; ++t) acc = Op::template combine<N>(acc, tap(t));
    return acc;
  }

  /// A vector of neighbouring ones, from `o` on.
  TILEPOOL_NOINLINE void clipped_vector(std::int64_t o) const { put<lanes>(o, clipped_window<lanes>(first + o)); }

  /// Of pixels of one element: the outputs whose windows lie inside the row, [first_inside, last_inside), and those
  /// that are left when the others have been pooled.
  struct Inside {
    std::int64_t first_inside, last_inside, begin, end;
  };

  /// A vector that has all outputs of one end costs as much as two or three of them by themselves.
  Inside inside() const {
    const std::int64_t stride = along.stride, last = along.width - 1 - (count - 1) * along.step - first;
    const bool whole = first >= 0 && last >= (outputs - 1) * stride;
    if (along.inner > 1 || count == 0 || whole) return {0, outputs, 0, outputs};
    const auto limited = [&](std::int64_t o, std::int64_t least) {
      return o < least ? least : o < outputs ? o : outputs;
    };
    const std::int64_t begin = first < 0 ? limited((-first - 1) / stride + 1, 0) : 0;
    const std::int64_t end = limited(last < 0 ? 0 : last / stride + 1, begin);
    Inside result{begin, end, begin, end};
    if constexpr (lanes > 1 && cheap_masks<lanes, typename Src::Read>) {
      const bool neighbours = stride == 1, halving = stride == 2 && along.step == 1 && count == 3;
      if ((neighbours || halving) && begin > 0 && begin <= lanes && end >= lanes) result.begin = lanes;
      if (neighbours && end < outputs && outputs - end <= lanes && outputs - lanes >= result.begin) {
        result.end = outputs - lanes;
      }
    }
    return result;
  }

  /// The outputs before `begin` and from `end` on.
  void ends(const Inside& inside) const {
    if constexpr (lanes > 1 && cheap_masks<lanes, typename Src::Read>) {
      if (inside.begin > inside.first_inside) {
        if (along.stride == 1) {
          clipped_vector(0);
        } else {
          put<lanes>(0, deinterleaved<2, lanes, 3, true>(first));
        }
      }
      if (inside.end < inside.last_inside) clipped_vector(inside.end);
    }
    if (inside.begin == inside.first_inside) single_outputs(0, inside.begin);
    if (inside.end == inside.last_inside) single_outputs(inside.end, outputs);
  }

  TILEPOOL_NOINLINE void single_outputs(std::int64_t from, std::int64_t to) const {
    for (std::int64_t o = from; o < to; ++o) put<1>(o, clipped_window<1>(first + o * along.stride));
  }

  void nothing() const {
    for (std::int64_t i = 0; i < outputs * along.inner; ++i) put<1>(i, Op::identity());
  }

  void single_windows() const {
    std::int64_t o = 0;
    if constexpr (lanes > 1 && Src::row_count == 1) {  // see `pools_at_once`
      if (distance == 1 && !(Op::rounds && count > most_added)) {
        o = TurnedWindows<Op, Src>::each(source, first, along.stride, count, outputs, along.width, writer());
      }
    }
    for (; o < outputs; ++o) put<1>(o, window<1>(first + o * along.stride));
  }
};

}  // namespace
}  // namespace tilepool
