// The loops that find extrema with their places: of equal taps the first one counts, of NaNs too.
#pragma once

#include "../table.hpp"
#include "conversions.hpp"
#include "extrema.hpp"
#include "lanes.hpp"

namespace tilepool {
namespace {

/// The largest number (Sign = 1) or the smallest one; of integers the greatest key. Elements are held as T, in which
/// those of type `Stored` have room.
template <class T, int Sign = 1, class Stored = T>
struct Pick {
  using Held = T;
  static constexpr bool is_float = std::is_floating_point_v<T>;
  static constexpr bool prefers_greater = Sign > 0;
  static constexpr bool is_common = sizeof(Stored) == 4;  // worth the code for windows of two and three taps
  Stored flip;

  Pick(Op op, DType dtype) : flip(static_cast<Stored>(is_float ? 0 : flip_of(op, dtype))) {}

  constexpr std::int64_t size() const { return sizeof(Stored); }
  template <int N>
  TILEPOOL_INLINE Vec<T, N> read(const char* from) const {
    return convert_numbers<T, N>(flipped<N>(load<N>(reinterpret_cast<const Stored*>(from))));
  }
  template <int N>
  TILEPOOL_INLINE Vec<T, N> read_some(const char* from, std::int64_t begin, std::int64_t end) const {
    return convert_numbers<T, N>(flipped<N>(load_some<N>(reinterpret_cast<const Stored*>(from), begin, end)));
  }
  template <int N>
  TILEPOOL_INLINE void write(char* to, Vec<T, N> v) const {
    // Only what stands for a window without taps lies beyond what is stored.
    if constexpr (sizeof(Stored) < sizeof(T)) v = greater_of(v, splat<N>(T{std::numeric_limits<Stored>::lowest()}));
    store(to, flipped<N>(convert_numbers<Stored, N>(v)));
  }
  /// What a window without taps has.
  static constexpr T nothing() {
    return is_float ? -Sign * std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
  }
  template <int N>
  TILEPOOL_INLINE Vec<Stored, N> flipped(Vec<Stored, N> v) const {
    if constexpr (is_float) {
      return v;
    } else {
      return static_cast<Vec<Stored, N>>(v ^ splat<N>(flip));
    }
  }
};

/// Both types of 16-bit floats, held as float32. The smallest number is the greatest one with the sign flipped.
struct PickHalf {
  using Held = float;
  static constexpr bool prefers_greater = true, is_common = false;
  DType dtype;
  bool flips;

  PickHalf(Op op, DType of) : dtype(of), flips(op == Op::min) {}

  static constexpr std::int64_t size() { return sizeof(std::uint16_t); }
  template <int N>
  TILEPOOL_INLINE Vec<float, N> read(const char* from) const {
    const auto bits = load<N>(reinterpret_cast<const std::uint16_t*>(from));
    return flipped<N>(dtype == DType::float16 ? from_float16<N>(bits) : from_bfloat16<N>(bits));
  }
  template <int N>
  TILEPOOL_INLINE Vec<float, N> read_some(const char* from, std::int64_t begin, std::int64_t end) const {
    alignas(64) float lanes[N] = {};
    for (std::int64_t i = begin < 0 ? 0 : begin; i < N && i < end; ++i) lanes[i] = read<1>(from + i * size());
    return load<N>(lanes);
  }
  template <int N>
  TILEPOOL_INLINE void write(char* to, Vec<float, N> v) const {
    v = flipped<N>(v);
    store(to, dtype == DType::float16 ? convert<Float16, float, N>(v) : convert<BFloat16, float, N>(v));
  }
  static constexpr float nothing() { return -std::numeric_limits<float>::infinity(); }
  template <int N>
  TILEPOOL_INLINE Vec<float, N> flipped(Vec<float, N> v) const {
    return flips ? -v : v;
  }
};

/// One span of one line.
template <class P, int Widest, class Place>
struct PickRow {
  using Held = typename P::Held;

  const P op;

  const Along& along;
  const void* const* rows;
  std::int64_t row_count, shift;  // bytes from the listed rows to those of the line
  const Indexing& indexing;
  const std::int64_t* steps;            // what the index grows by from lane to lane
  std::int64_t first, count, distance;  // in elements: the first tap, the taps, and from tap to tap
  std::int64_t outputs, base;           // index of the first tap of the first output
  char* out;
  void* indices;

  /// Writes N outputs, the first of which has its first tap at index `start`.
  template <int N>
  TILEPOOL_INLINE void put(std::int64_t to, Vec<Held, N> best, Vec<Place, N> place, std::int64_t start) const {
    op.template write<N>(out + to * op.size(), best);
    const auto index = convert_numbers<std::int64_t, N>(place) + load<N>(steps) + splat<N>(start);
    if (indexing.wide) {
      store(static_cast<std::int64_t*>(indices) + to, index);
    } else {
      store(static_cast<std::int32_t*>(indices) + to, convert_numbers<std::int32_t, N>(index));
    }
  }

  template <int N>
  TILEPOOL_INLINE Vec<Held, N> tap_at(const char* row, std::int64_t at) const {
    return op.template read<N>(row + at * op.size());
  }
  /// Nothing beyond the row.
  template <int N, bool Clipped>
  TILEPOOL_INLINE Vec<Held, N> tap_at(const char* row, std::int64_t at) const {
    if constexpr (Clipped) {
      const std::int64_t behind = along.width - at;
      return within<N>(op.template read_some<N>(row + at * op.size(), -at, behind), P::nothing(), -at, behind);
    } else {
      return tap_at<N>(row, at);
    }
  }
  TILEPOOL_INLINE const char* row_at(std::int64_t row) const { return static_cast<const char*>(rows[row]) + shift; }

  template <int N>
  using Best = BestLanes<P::prefers_greater, Held, Place, N>;

  /// Of N outputs: taps(row, take) calls take(tap, number) for each tap of a row in order. Nothing is better than
  /// nothing, but the taps that there are begin at `place`, and the first of them may be no better.
  template <int N, class Taps>
  TILEPOOL_INLINE Best<N> best_of(Vec<Place, N> place, const Taps& taps) const {
    Best<N> best{splat<N>(P::nothing()), place};
    for (std::int64_t r = 0; r < row_count; ++r) {
      const std::int64_t row_place = indexing.rows[r] - indexing.rows[0];
      taps(row_at(r), [&](Vec<Held, N> tap, std::int64_t number) TILEPOOL_INLINE_LAMBDA {
        best.take(tap, splat<N>(static_cast<Place>(row_place + number * indexing.tap)));
      });
    }
    return best;
  }

  template <int N, class Taps>
  TILEPOOL_INLINE void outputs_at(std::int64_t to, std::int64_t start, Vec<Place, N> place, const Taps& taps) const {
    const Best<N> best = best_of<N>(place, taps);
    put<N>(to, best.value(), best.place, start);
  }

  /// Outputs whose taps are neighbours where the outputs are. K > 0 tells the taps at compile time.
  template <int K>
  TILEPOOL_INLINE void flat(std::int64_t from, std::int64_t to, std::int64_t n, std::int64_t start) const {
    const std::int64_t taps = K > 0 ? K : count;
    sweep_overlapping<Held, Widest>(n, [&](auto width, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
      constexpr int N = decltype(width)::value;
      const std::int64_t at = from + i;
      const std::int64_t lane = i * steps[1];
      outputs_at<N>(to + i, start + lane, Vec<Place, N>{},
                    [&](const char* row, const auto& take) TILEPOOL_INLINE_LAMBDA {
                      for (std::int64_t t = 0; t < taps; ++t) take(tap_at<N>(row, at + t * distance), t);
                    });
    });
  }

  /// Of pixels of one element: the outputs whose windows, of so many pixels, lie inside the row.
  struct Inside {
    std::int64_t begin, end;
  };
  Inside inside(std::int64_t reach) const {
    const auto limited = [&](std::int64_t o, std::int64_t least) {
      return o < least ? least : o < outputs ? o : outputs;
    };
    const std::int64_t last = along.width - reach - first;
    const std::int64_t begin = first < 0 ? limited((-first - 1) / along.stride + 1, 0) : 0;
    return {begin, limited(last < 0 ? 0 : last / along.stride + 1, begin)};
  }

  void scalars(std::int64_t begin, std::int64_t end) const {
    for (std::int64_t o = begin; o < end; ++o) scalar(o);
  }

  template <int K>
  void flat_row() const {
    if (along.inner == 1) {
      const auto [begin, end] = inside((count - 1) * along.step + 1);
      scalars(0, begin);
      if (begin < end) flat<K>(first + begin * along.stride, begin, end - begin, base + begin * indexing.output);
      return scalars(end, outputs);
    }
    for (std::int64_t o = 0; o < outputs; ++o) {
      flat<K>(first + o * along.stride * along.inner, o * along.inner, along.inner, base + o * indexing.output);
    }
  }

  /// Windows of neighbouring taps, S apart, of single-element pixels: whole vectors are loaded and de-interleaved.
  template <int S, int K = 0>
  void strided() const {
    constexpr int N = Widest;
    const std::int64_t taps = K > 0 ? K : count;
    // The outputs whose groups of S lie inside the row. K > S takes but one tap of the last group.
    const std::int64_t reach = K == S + 1 ? K : (taps - 1) / S * S + S;
    const auto [before, end] = inside(reach);
    std::int64_t begin = before;
    if constexpr (K == S + 1 && cheap_masks<N, Held>) {
      if (before > 0 && before <= N && end >= N) {
        deinterleaved<S, N, K, true>(0, taps);
        begin = N;
      }
    }
    if (begin == before) scalars(0, before);
    if (begin < end) {
      sweep_overlapping<Held, N>(end - begin, [&](auto width, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
        if constexpr (decltype(width)::value == 1) {
          scalar(begin + i);
        } else {
          deinterleaved<S, decltype(width)::value, K>(begin + i, taps);
        }
      });
    }
    scalars(end, outputs);
  }

  template <int S, int N, int K, bool Clipped = false>
  TILEPOOL_INLINE void deinterleaved(std::int64_t o, std::int64_t taps) const {
    const std::int64_t at = first + o * S;
    Vec<Held, N> parts[S];
    const auto load_parts = [&](const char* row, std::int64_t t) TILEPOOL_INLINE_LAMBDA {
      for (int s = 0; s < S; ++s) parts[s] = tap_at<N, Clipped>(row, at + t + s * N);
    };
    static_assert(S == 2);
    Vec<Place, N> place{};
    if constexpr (Clipped) {  // the taps that are missing come first
      const auto missing = splat<N>(static_cast<Place>(-at)) - counting<Place, N>() * S;
      place = missing > 0 ? missing * static_cast<Place>(indexing.tap) : place;
    }
    outputs_at<N>(o, base + o * indexing.output, place, [&](const char* row, const auto& take) TILEPOOL_INLINE_LAMBDA {
      for (std::int64_t t = 0; t < taps; t += S) {
        if (K == S + 1 && t == S) {  // the first phase again, a lane further on
          const auto behind = splat<N>(tap_at<1>(row, at + S * N));
          return take(shifted<1, N, Held>(every<0, S, N, Held>(parts), behind), S);
        }
        load_parts(row, t);
        take(every<0, S, N, Held>(parts), t);
        if (t + 1 < taps) take(every<1, S, N, Held>(parts), t + 1);
      }
    });
  }

  /// One output, in the first of 16 bytes of lanes: what compilers make of choices between scalars are branches. Taps
  /// beyond the row are skipped.
  TILEPOOL_NOINLINE void scalar(std::int64_t o) const {
    constexpr int N = sizeof(Place) == sizeof(Held) ? 16 / static_cast<int>(sizeof(Held)) : 1;
    const std::int64_t at = first + o * along.stride;
    std::int64_t begin = 0, end = count;
    if (along.inner == 1) {
      while (begin < end && at + begin * along.step < 0) ++begin;
      while (begin < end && at + (end - 1) * along.step >= along.width) --end;
      if (begin == end) return put<1>(o, P::nothing(), 0, -1);
    }
    const auto lane = [&](const char* row, std::int64_t t)
                          TILEPOOL_INLINE_LAMBDA { return Vec<Held, N>{tap_at<1>(row, at + t * distance)}; };
    const auto best = best_of<N>(splat<N>(static_cast<Place>(begin * indexing.tap)),
                                 [&](const char* row, const auto& take) TILEPOOL_INLINE_LAMBDA {
                                   for (std::int64_t t = begin; t < end;) {
                                     const std::int64_t left = end - t, most = operations_between_watches;
                                     const std::int64_t stop = t + (left < most ? left : most);
                                     if (left > most && indexing.watch.over(most)) return;
                                     for (; t < stop; ++t) take(lane(row, t), t);
                                   }
                                 });
    const std::int64_t start = base + o * indexing.output;
    if constexpr (N == 1) {
      put<1>(o, best.value(), best.place, start);
    } else {
      put<1>(o, best.value()[0], best.place[0], start);
    }
  }

  void pick() {
    if (outputs * along.inner == 1) return scalar(0);
    constexpr bool is_common = Widest > 1 && P::is_common;
    if (along.inner > 1 || along.stride == 1 || outputs == 1) {
      if constexpr (is_common) {
        if (count == 2) return flat_row<2>();
        if (count == 3) return flat_row<3>();
      }
      return flat_row<0>();
    }
    if constexpr (Widest > 1) {
      if (along.step == 1 && along.stride == 2) {
        if constexpr (is_common) {
          if (count == 2) return strided<2, 2>();
          if (count == 3) return strided<2, 3>();
        }
        return strided<2>();
      }
    }
    scalars(0, outputs);
  }
};

template <class P, int Widest, class Place>
void pick_lines(const P& op, const Along& along, const void* const* rows, std::int64_t count, const Indexing& indexing,
                void* out, const Lines& lines) {
  const std::int64_t index_size = indexing.wide ? 8 : 4;
  std::int64_t steps[Widest + 1];
  for (int i = 0; i <= Widest; ++i) steps[i] = i * (along.inner > 1 ? indexing.element : indexing.output);
  for (std::int64_t line = 0; line < lines.count; ++line) {
    for (std::int64_t s = 0; s < along.span_count; ++s) {
      const Span& span = along.spans[s];
      const std::int64_t to = span.begin * along.inner + line * lines.write_step / op.size();
      PickRow<P, Widest, Place> row{op,
                                    along,
                                    rows,
                                    count,
                                    line * lines.read_step,
                                    indexing,
                                    steps,
                                    span.first * along.inner,
                                    span.count,
                                    along.step * along.inner,
                                    span.end - span.begin,
                                    line * indexing.line,
                                    static_cast<char*>(out) + to * op.size(),
                                    static_cast<char*>(indexing.out) + to * index_size};
      if (count > 0 && span.count > 0) {
        row.base += indexing.rows[0] + indexing.spans[s];
        row.pick();
      } else {
        for (std::int64_t i = 0; i < row.outputs * along.inner; ++i) {
          row.template put<1>(i, P::nothing(), 0, -1);
        }
      }
    }
  }
}

template <class P>
void pick_rows(Op op_picked, DType dtype, const Along& along, const void* const* rows, std::int64_t count,
               const Indexing& indexing, void* out, const Lines& lines) {
  using Held = typename P::Held;
  const P op(op_picked, dtype);
  if (indexing.far) {
    pick_lines<P, 1, std::int64_t>(op, along, rows, count, indexing, out, lines);
  } else {
    pick_lines<P, full_lanes<Held>, IntegerLike<Held>>(op, along, rows, count, indexing, out, lines);
  }
}

}  // namespace
}  // namespace tilepool
