// The loops that find extrema with their places: of equal taps the first one counts, of NaNs too.
#pragma once

#include "rows.hpp"

namespace tilepool {
namespace {

/// What a comparison of taps needs of an op: elements are held in lanes of 32 or 64 bits, and so are places.
template <class Op>
struct Pick {
  using In = typename Op::In;
  using Held = std::conditional_t<sizeof(In) < 4, std::int32_t, In>;
  using Place = std::conditional_t<sizeof(Held) == 4, std::int32_t, std::int64_t>;
  static constexpr int lanes = full_lanes<Held>;

  template <int N>
  static TILEPOOL_INLINE Vec<Held, N> hold(Vec<In, N> v) {
    return convert<Held, N>(v);
  }
  template <int N>
  static TILEPOOL_INLINE Vec<In, N> release(Vec<Held, N> v) {
    return convert<In, N>(v);
  }
  /// Whether a tap takes the place of the best one before it.
  template <int N>
  static TILEPOOL_INLINE auto replaces(Vec<Held, N> tap, Vec<Held, N> best) {
    const auto better = Op::prefers_greater ? tap > best : tap < best;
    if constexpr (std::is_floating_point_v<Held>) {
      return better | ((tap != tap) & (best == best));
    } else {
      return better;
    }
  }
};

template <class P, int Lanes_, class Place>
struct PickRow {
  using In = typename P::In;
  using Held = typename P::Held;

  const Along& along;
  const void* const* rows;
  std::int64_t row_count;
  const Indexing& indexing;
  std::int64_t first, count, distance;  // in elements: the first tap, the taps, and from tap to tap
  std::int64_t outputs;
  In* out;
  std::int64_t out_begin;  // of the span: what `indexing.out` is addressed by
  std::int64_t base;       // index of the first tap of the first output

  /// Writes N outputs whose indices are `hop` apart.
  template <int N>
  TILEPOOL_INLINE void put(std::int64_t to, Vec<Held, N> best, Vec<Place, N> place, std::int64_t start,
                           std::int64_t hop) const {
    store(out + to, P::template release<N>(best));
    auto index = convert<std::int64_t, N>(place) + splat<N>(start);
    if constexpr (N == 1) {
      put_index<N>(to, index);
    } else {
      index += iota<N>() * splat<N>(hop);
      put_index<N>(to, index);
    }
  }

  template <int N>
  TILEPOOL_INLINE void put_index(std::int64_t to, Vec<std::int64_t, N> index) const {
    if (indexing.wide) {
      store(static_cast<std::int64_t*>(indexing.out) + out_begin + to, index);
    } else {
      store(static_cast<std::int32_t*>(indexing.out) + out_begin + to, convert<std::int32_t, N>(index));
    }
  }

  /// Every tap of N outputs, in order: take(element, place) gets where it lies in its row.
  template <int N>
  struct Best {
    Vec<Held, N> value;
    Vec<Place, N> place;
    TILEPOOL_INLINE void take(Vec<Held, N> tap, std::int64_t where) {
      const auto replaced = P::template replaces<N>(tap, value);
      value = replaced ? tap : value;
      place = replaced ? splat<N>(static_cast<Place>(where)) : place;
    }
  };

  template <int N>
  TILEPOOL_INLINE Vec<Held, N> tap_at(std::int64_t row, std::int64_t at) const {
    return P::template hold<N>(load<N>(static_cast<const In*>(rows[row]) + at));
  }
  TILEPOOL_INLINE std::int64_t place_of(std::int64_t row) const { return indexing.rows[row] - indexing.rows[0]; }

  /// Outputs whose taps are neighbours where the outputs are.
  void flat(std::int64_t from, std::int64_t to, std::int64_t n, std::int64_t start, std::int64_t hop) const {
    sweep_overlapping<Held, Lanes_>(n, [&](auto width, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
      constexpr int N = decltype(width)::value;
      Best<N> best{tap_at<N>(0, from + i), Vec<Place, N>{}};
      for (std::int64_t r = 0; r < row_count; ++r) {
        for (std::int64_t t = r == 0 ? 1 : 0; t < count; ++t) {
          best.take(tap_at<N>(r, from + i + t * distance), place_of(r) + t * indexing.tap);
        }
      }
      put<N>(to + i, best.value, best.place, start + i * hop, hop);
    });
  }

  /// Windows of neighbouring taps, S apart, of single-element pixels: whole vectors are loaded and de-interleaved.
  template <int S>
  void strided() const {
    const std::int64_t last_group = (count - 1) / S * S;
    const std::int64_t reachable = (along.width - first - last_group - S) / S + 1;
    std::int64_t o = outputs < reachable ? outputs : reachable;
    if (o > 0) {
      sweep_overlapping<Held, Lanes_>(
          o, [&](auto width, std::int64_t at) TILEPOOL_INLINE_LAMBDA { one<decltype(width)::value, S>(at); });
    }
    for (o = o > 0 ? o : 0; o < outputs; ++o) one<1, S>(o);
  }

  /// N outputs from output `o` on.
  template <int N, int S>
  TILEPOOL_INLINE void one(std::int64_t o) const {
    const std::int64_t at = first + o * along.stride;
    Best<N> best{};
    for (std::int64_t r = 0; r < row_count; ++r) {
      for (std::int64_t t = 0; t < count; t += S) {
        Vec<Held, N> parts[S];
        const auto take = [&](auto phase) TILEPOOL_INLINE_LAMBDA {
          constexpr int s = decltype(phase)::value;
          if (t + s >= count) return;
          Vec<Held, N> tap;
          if constexpr (N == 1) {
            tap = tap_at<1>(r, at + (t + s) * distance);
          } else {
            tap = every<s, S, N, Held>(parts);
          }
          if (r == 0 && t + s == 0) {
            best.value = tap;
            best.place = Vec<Place, N>{};
          } else {
            best.take(tap, place_of(r) + (t + s) * indexing.tap);
          }
        };
        if constexpr (N > 1) {
          for (int s = 0; s < S; ++s) parts[s] = tap_at<N>(r, at + t + s * N);
        }
        take(Lanes<0>{});
        if constexpr (S > 1) take(Lanes<1>{});
        if constexpr (S > 2) take(Lanes<2>{});
        if constexpr (S > 3) take(Lanes<3>{});
      }
    }
    put<N>(o, best.value, best.place, base + o * indexing.output, indexing.output);
  }

  void pick() const {
    if (along.inner > 1) {
      for (std::int64_t o = 0; o < outputs; ++o) {
        flat(first + o * along.stride * along.inner, o * along.inner, along.inner, base + o * indexing.output,
             indexing.element);
      }
    } else if (along.stride == 1 || outputs == 1) {
      flat(first, 0, outputs, base, indexing.output);
    } else {
      if constexpr (Lanes_ > 1) {
        if (along.step == 1 && along.stride == 2) return strided<2>();
        if (along.step == 1 && along.stride == 3) return strided<3>();
        if (along.step == 1 && along.stride == 4) return strided<4>();
      }
      for (std::int64_t o = 0; o < outputs; ++o) one<1, 1>(o);
    }
  }
};

template <class Op, int N, class Place>
void pick_spans(const Along& along, const void* const* rows, std::int64_t count, const Indexing& indexing, void* out) {
  using P = Pick<Op>;
  for (std::int64_t s = 0; s < along.span_count; ++s) {
    const Span& span = along.spans[s];
    const std::int64_t begin = span.begin * along.inner, outputs = span.end - span.begin;
    auto* const to = static_cast<typename P::In*>(out) + begin;
    PickRow<P, N, Place> row{along,
                             rows,
                             count,
                             indexing,
                             span.first * along.inner,
                             span.count,
                             along.step * along.inner,
                             outputs,
                             to,
                             begin,
                             count > 0 ? indexing.rows[0] + indexing.spans[s] : 0};
    if (count > 0 && span.count > 0) {
      row.pick();
      continue;
    }
    for (std::int64_t i = 0; i < outputs * along.inner; ++i) {
      to[i] = Op::identity();
      row.template put_index<1>(i, -1);
    }
  }
}

template <class Op>
void pick_rows(const Along& along, const void* const* rows, std::int64_t count, const Indexing& indexing, void* out) {
  using P = Pick<Op>;
  if (indexing.far) {
    pick_spans<Op, 1, std::int64_t>(along, rows, count, indexing, out);
  } else {
    pick_spans<Op, P::lanes, typename P::Place>(along, rows, count, indexing, out);
  }
}

}  // namespace
}  // namespace tilepool
