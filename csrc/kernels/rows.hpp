// The loops over rows: fold rows elementwise, widen a row, pool a row along itself. One text for all ops and types.
//
// Lanes run across outputs. The order in which the taps of one output are combined depends on the window and on the
// op alone, never on the lane count: rows first, in the order listed, then taps along the row from first to last
// (`widen` and `long_windows` have fixed trees of their own).
#pragma once

#include "../table.hpp"
#include "ops.hpp"

namespace tilepool {
namespace {

/// Elements that are addressed by their index and are combined from R rows when loaded.
template <class Op, class Element, int R>
struct Source {
  const Element* rows[R];

  template <int N>
  TILEPOOL_INLINE Vec<typename Op::Acc, N> load(std::int64_t index) const {
    auto acc = lifted<N>(rows[0] + index);
    for (int r = 1; r < R; ++r) acc = Op::template combine<N>(acc, lifted<N>(rows[r] + index));
    return acc;
  }

 private:
  template <int N>
  static TILEPOOL_INLINE Vec<typename Op::Acc, N> lifted(const Element* from) {
    if constexpr (std::is_same_v<Element, typename Op::Acc>) {
      return tilepool::load<N>(from);
    } else {
      return Op::template lift<N>(tilepool::load<N>(from));
    }
  }
};

/// Calls step(Lanes<M>, i) for vectors that cover [i, n) without overlap, wide ones first.
template <int N, class Step>
TILEPOOL_INLINE void sweep(std::int64_t i, std::int64_t n, const Step& step) {
  for (; i + N <= n; i += N) step(Lanes<N>{}, i);
  if constexpr (N > 1) {
    if (i < n) sweep<N / 2>(i, n, step);
  }
}

/// The same where a step may be repeated: a rest shorter than a vector redoes the end of the last one.
template <int N, class Step>
TILEPOOL_INLINE void sweep_overlapping(std::int64_t n, const Step& step) {
  if constexpr (N > 1) {
    if (n < N) return sweep_overlapping<N / 2>(n, step);
  }
  std::int64_t i = 0;
  for (; i + N <= n; i += N) step(Lanes<N>{}, i);
  if (i < n) step(Lanes<N>{}, n - N);
}

/// Eight streams are what hardware prefetchers follow well: longer lists are folded in several passes over the target.
constexpr std::int64_t fold_streams = 8;

template <class Op, class Element>
void fold(void* target_bytes, const void* start_bytes, const void* const* rows, std::int64_t count, std::int64_t n) {
  using Acc = typename Op::Acc;
  auto* const target = static_cast<Acc*>(target_bytes);
  const auto* start = static_cast<const Acc*>(start_bytes);
  if (start == nullptr && count == 0) {
    for (std::int64_t i = 0; i < n; ++i) target[i] = Op::identity();
    return;
  }
  using One = Source<Op, Element, 1>;
  const auto row = [&](std::int64_t r) { return One{{static_cast<const Element*>(rows[r])}}; };
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
    sweep<N>(i, n, [&](auto lanes, std::int64_t at) {
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

/// Pools one span after the other; every loop below writes the outputs of one span.
template <class Op, class Src>
struct AlongRow {
  using Acc = typename Op::Acc;
  using Out = typename Op::Out;
  static constexpr int lanes = Op::lanes;

  const Along& along;
  const Src& source;
  typename Op::Scale scale;
  std::int64_t first, count, distance;  // in elements: the first tap, the taps, and from tap to tap
  std::int64_t outputs;
  Out* out;

  template <int N>
  TILEPOOL_INLINE void put(std::int64_t index, Vec<Acc, N> acc) const {
    store(out + index, Op::template finish<N>(acc, scale));
  }

  template <int N>
  TILEPOOL_INLINE Vec<Acc, N> window(std::int64_t at) const {
    auto acc = source.template load<N>(at);
    for (std::int64_t t = 1; t < count; ++t) {
      acc = Op::template combine<N>(acc, source.template load<N>(at + t * distance));
    }
    return acc;
  }

  /// Outputs whose taps are neighbours where the outputs are: stride 1, or one pixel.
  void flat(std::int64_t from, std::int64_t to, std::int64_t n) const {
    std::int64_t i = 0;
    if constexpr (lanes > 1) {
      for (; i + 4 * lanes <= n; i += 4 * lanes) {
        Vec<Acc, lanes> acc[4];
        for (int u = 0; u < 4; ++u) acc[u] = source.template load<lanes>(from + i + u * lanes);
        for (std::int64_t t = 1; t < count; ++t) {
          for (int u = 0; u < 4; ++u) {
            acc[u] = Op::template combine<lanes>(
                acc[u], source.template load<lanes>(from + i + u * lanes + t * distance));
          }
        }
        for (int u = 0; u < 4; ++u) put<lanes>(to + i + u * lanes, acc[u]);
      }
      if (i == n) return;
    }
    sweep_overlapping<lanes>(n - i, [&](auto width, std::int64_t at) {
      constexpr int N = decltype(width)::value;
      put<N>(to + i + at, window<N>(from + i + at));
    });
  }

  /// Windows of neighbouring taps, S apart, of single-element pixels: whole vectors are loaded and de-interleaved.
  template <int S>
  void strided() const {
    const std::int64_t readable = along.width;
    const std::int64_t lead = count < S ? S - count : 0;  // what the last group reads in front of the first tap
    sweep_overlapping<lanes>(outputs, [&](auto width, std::int64_t o) {
      constexpr int N = decltype(width)::value;
      const std::int64_t at = first + o * S;
      if constexpr (N == 1) {
        put<1>(o, window<1>(at));
      } else if (at >= lead && at - lead + (N - 1) * S + (count < S ? S : count) <= readable) {
        put<N>(o, deinterleaved<S, N>(at));
      } else if (at + N * S <= readable) {  // count < S at the start of the row: read behind the last tap instead
        put<N>(o, trailing<S, N>(at, std::make_integer_sequence<int, S>{}));
      } else {
        for (int j = 0; j < N; ++j) put<1>(o + j, window<1>(at + j * S));
      }
    });
  }

  template <int S, int N>
  TILEPOOL_INLINE void load_parts(Vec<Acc, N>* parts, std::int64_t at) const {
    for (int s = 0; s < S; ++s) parts[s] = source.template load<N>(at + s * N);
  }

  /// Groups of S taps, then the rest as the last phases of a group that ends with the window.
  template <int S, int N>
  TILEPOOL_INLINE Vec<Acc, N> deinterleaved(std::int64_t at) const {
    Vec<Acc, N> parts[S], acc{};
    std::int64_t t = 0;
    for (; t + S <= count; t += S) {
      load_parts<S, N>(parts, at + t);
      acc = t == 0 ? every<0, S, N, Acc>(parts)
                   : Op::template combine<N>(acc, every<0, S, N, Acc>(parts));
      acc = Op::template combine<N>(acc, every<1, S, N, Acc>(parts));
      if constexpr (S > 2) acc = Op::template combine<N>(acc, every<2, S, N, Acc>(parts));
      if constexpr (S > 3) acc = Op::template combine<N>(acc, every<3, S, N, Acc>(parts));
    }
    if (t == count) return acc;
    load_parts<S, N>(parts, at + count - S);
    bool started = t > 0;
    const auto take = [&](auto phase) {
      constexpr int P = decltype(phase)::value;
      if (P < S - (count - t)) return;
      const auto tap = every<P, S, N, Acc>(parts);
      acc = started ? Op::template combine<N>(acc, tap) : tap;
      started = true;
    };
    if constexpr (S > 3) take(Lanes<S - 3>{});
    if constexpr (S > 2) take(Lanes<S - 2>{});
    take(Lanes<S - 1>{});
    return acc;
  }

  /// Fewer taps than S, as the first phases of a group.
  template <int S, int N, int... P>
  TILEPOOL_INLINE Vec<Acc, N> trailing(std::int64_t at, std::integer_sequence<int, P...>) const {
    Vec<Acc, N> parts[S];
    load_parts<S, N>(parts, at);
    Vec<Acc, N> acc = every<0, S, N, Acc>(parts);
    ((P > 0 && P < count ? void(acc = Op::template combine<N>(acc, every<P, S, N, Acc>(parts))) : void()), ...);
    return acc;
  }

  /// Pixels of less than a vector: each is written as a whole vector, whose surplus the next pixel overwrites.
  template <int N>
  void small_pixels() const {
    const std::int64_t inner = along.inner, reach = (count - 1) * distance + N;
    std::int64_t o = 0;
    for (; o < outputs; ++o) {
      const std::int64_t at = first + o * along.stride * inner;
      if (o * inner + N > outputs * inner || at + reach > along.width * inner) break;
      put<N>(o * inner, window<N>(at));
    }
    for (; o < outputs; ++o) {
      const std::int64_t at = first + o * along.stride * inner;
      for (std::int64_t i = 0; i < inner; ++i) put<1>(o * inner + i, window<1>(at + i));
    }
  }

  template <int N = 2>
  void pixels() const {
    if constexpr (N <= lanes) {
      if (along.inner > lanes / 2) {
        for (std::int64_t o = 0; o < outputs; ++o) {
          flat(first + o * along.stride * along.inner, o * along.inner, along.inner);
        }
      } else if (along.inner <= N) {
        small_pixels<N>();
      } else {
        pixels<2 * N>();
      }
    } else {
      small_pixels<1>();
    }
  }

  /// One window in 64 bytes of accumulators, whatever the vector width: tap t goes to accumulator t modulo their number
  /// (the last ones are counted from the end of the window); then halves are combined until one is left.
  Acc long_window(std::int64_t at) const {
    constexpr int total = 64 / static_cast<int>(sizeof(Acc)), N = lanes < total ? lanes : total, groups = total / N;
    Vec<Acc, N> acc[groups];
    if (count < total) {
      alignas(64) Acc taps[total];
      for (int t = 0; t < total; ++t) taps[t] = t < count ? source.template load<1>(at + t) : Op::identity();
      for (int g = 0; g < groups; ++g) acc[g] = load<N>(taps + g * N);
    } else {
      for (int g = 0; g < groups; ++g) acc[g] = source.template load<N>(at + g * N);
      std::int64_t t = total;
      for (; t + total <= count; t += total) {
        for (int g = 0; g < groups; ++g) {
          acc[g] = Op::template combine<N>(acc[g], source.template load<N>(at + t + g * N));
        }
      }
      if (t < count) {
        const auto seen = static_cast<int>(total - (count - t));  // accumulators whose tap has been taken before
        for (int g = 0; g < groups; ++g) {
          const auto last = source.template load<N>(at + count - total + g * N);
          acc[g] = Op::template combine<N>(acc[g], from_lane<N>(last, seen - g * N));
        }
      }
    }
    for (int width = groups / 2; width > 0; width /= 2) {
      for (int g = 0; g < width; ++g) acc[g] = Op::template combine<N>(acc[g], acc[g + width]);
    }
    return halved<N>(acc[0]);
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

  void pool() const {
    if (count == 0) {
      for (std::int64_t i = 0; i < outputs * along.inner; ++i) put<1>(i, Op::identity());
    } else if (along.long_windows) {
      for (std::int64_t o = 0; o < outputs; ++o) put<1>(o, long_window(first + o * along.stride));
    } else if (along.stride == 1 || outputs == 1) {
      flat(first, 0, outputs * along.inner);
    } else if (along.inner > 1) {
      pixels();
    } else if (along.stride == 2 && along.step == 1) {
      strided<2>();
    } else if (along.stride == 3 && along.step == 1) {
      strided<3>();
    } else if (along.stride == 4 && along.step == 1) {
      strided<4>();
    } else {
      for (std::int64_t o = 0; o < outputs; ++o) put<1>(o, window<1>(first + o * along.stride));
    }
  }
};

template <class Op, class Src>
void pool_spans(const Along& along, const Src& source, double divisor, void* out) {
  for (std::int64_t s = 0; s < along.span_count; ++s) {
    const Span& span = along.spans[s];
    const AlongRow<Op, Src> row{along,
                                source,
                                typename Op::Scale(span.divisor * divisor),
                                span.first * along.inner,
                                span.count,
                                along.step * along.inner,
                                span.end - span.begin,
                                static_cast<typename Op::Out*>(out) + span.begin * along.inner};
    row.pool();
  }
}

template <class Op, class Element, int R>
void pool_listed(const Along& along, const void* const* rows, double divisor, void* out) {
  Source<Op, Element, R> source;
  for (int r = 0; r < R; ++r) source.rows[r] = static_cast<const Element*>(rows[r]);
  pool_spans<Op>(along, source, divisor, out);
}

template <class Op>
void pool_rows(const Along& along, const void* const* rows, std::int64_t count, double divisor, void* out) {
  static_assert(pool_rows_limit == 3);
  using In = typename Op::In;
  if (count == 1) pool_listed<Op, In, 1>(along, rows, divisor, out);
  if (count == 2) pool_listed<Op, In, 2>(along, rows, divisor, out);
  if (count == 3) pool_listed<Op, In, 3>(along, rows, divisor, out);
}

template <class Op>
void pool_buffer(const Along& along, const void* buffer, double divisor, void* out) {
  pool_listed<Op, typename Op::Acc, 1>(along, &buffer, divisor, out);
}

}  // namespace
}  // namespace tilepool
