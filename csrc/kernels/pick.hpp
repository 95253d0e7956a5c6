// The loops that find extrema with their places: of equal taps the first one counts, of NaNs too.
#pragma once

#include "../table.hpp"
#include "conversions.hpp"
#include "extrema.hpp"
#include "lanes.hpp"

namespace tilepool {
namespace {

/// The greatest of integers, or the least of floats: see `flip_of` and `Least`. Elements are held as T, in which those
/// of type `Stored` have room.
template <class T, class Stored = T>
struct Pick {
  using Held = T;
  using Bits = IntegerLike<Stored>;
  static constexpr bool is_float = std::is_floating_point_v<T>;
  static constexpr bool is_common = sizeof(Stored) >= 4;  // worth the code for windows of two and three taps
  Bits flip;

  Pick(Op op, DType dtype) : flip(static_cast<Bits>(flip_of(op, dtype) ^ (is_float ? flip_of(Op::min, dtype) : 0))) {}

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
    return is_float ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
  }
  template <int N>
  TILEPOOL_INLINE Vec<Stored, N> flipped(Vec<Stored, N> v) const {
    return bits_as<Vec<Stored, N>>(static_cast<Vec<Bits, N>>(bits_as<Vec<Bits, N>>(v) ^ splat<N>(flip)));
  }
};

/// 16-bit floats, held as float32.
template <class Half>
struct PickHalf {
  using Held = float;
  static constexpr bool is_common = false;
  std::int32_t flip;

  PickHalf(Op op, DType) : flip(Pick<float>(op, DType::float32).flip) {}

  static constexpr std::int64_t size() { return sizeof(std::uint16_t); }
  template <int N>
  TILEPOOL_INLINE Vec<float, N> read(const char* from) const {
    return flipped<N>(convert<float, Half, N>(load<N>(reinterpret_cast<const std::uint16_t*>(from))));
  }
  template <int N>
  TILEPOOL_INLINE Vec<float, N> read_some(const char* from, std::int64_t begin, std::int64_t end) const {
    alignas(64) float lanes[N] = {};
    for (std::int64_t i = begin < 0 ? 0 : begin; i < N && i < end; ++i) lanes[i] = read<1>(from + i * size());
    return load<N>(lanes);
  }
  template <int N>
  TILEPOOL_INLINE void write(char* to, Vec<float, N> v) const {
    store(to, convert<Half, float, N>(flipped<N>(v)));
  }
  static constexpr float nothing() { return std::numeric_limits<float>::infinity(); }
  template <int N>
  TILEPOOL_INLINE Vec<float, N> flipped(Vec<float, N> v) const {
    using Bits = Vec<std::int32_t, N>;
    return bits_as<Vec<float, N>>(bits_as<Bits>(v) ^ splat<N>(flip));
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
    put_indices<N>(to, place, steps, splat<(N < index_lanes ? N : index_lanes)>(start));
  }

  /// A vector of them at a time: GCC 12 takes those that are two vectors apart, by way of memory.
  static constexpr int index_lanes = full_lanes<std::int64_t>;
  template <int N, class Start>
  TILEPOOL_INLINE void put_indices(std::int64_t to, Vec<Place, N> place, const std::int64_t* further,
                                   Start start) const {
    if constexpr (N > index_lanes) {
      put_indices<N / 2>(to, half<0, N, Place>(place), further, start);
      put_indices<N / 2>(to + N / 2, half<1, N, Place>(place), further + N / 2, start);
    } else {
      const auto index = convert_numbers<std::int64_t, N>(place) + (load<N>(further) + start);
      if (indexing.wide) {
        store(static_cast<std::int64_t*>(indices) + to, index);
      } else {
        store(static_cast<std::int32_t*>(indices) + to, convert_numbers<std::int32_t, N>(index));
      }
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
  using Best = BestLanes<Held, Place, N>;

  /// Of N outputs: taps(row, take) calls take(tap) for taps `begin`, `begin` + 1, ... of a row. Nothing is better than
  /// nothing, but the taps that there are begin at `place`, and the first of them may be no better.
  template <int N, class Taps>
  TILEPOOL_INLINE Best<N> best_of(Vec<Place, N> place, std::int64_t begin, const Taps& taps) const {
    Best<N> best{splat<N>(P::nothing()), place};
    const auto further = in_register(splat<N>(static_cast<Place>(indexing.tap)));
    for (std::int64_t r = 0; r < row_count; ++r) {
      auto here = splat<N>(static_cast<Place>(indexing.rows[r] - indexing.rows[0] + begin * indexing.tap));
      taps(row_at(r), [&](Vec<Held, N> tap) TILEPOOL_INLINE_LAMBDA {
        best.take(tap, here);
        here += further;
      });
    }
    return best;
  }

  template <int N, class Taps>
  TILEPOOL_INLINE void outputs_at(std::int64_t to, std::int64_t start, Vec<Place, N> place, const Taps& taps) const {
    const Best<N> best = best_of<N>(place, 0, taps);
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
                      for (std::int64_t t = 0; t < taps; ++t) take(tap_at<N>(row, at + t * distance));
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
  TILEPOOL_NOINLINE void flat_row() const {
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
  TILEPOOL_NOINLINE void strided() const {
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
          return take(shifted<1, N, Held>(every<0, S, N, Held>(parts), behind));
        }
        load_parts(row, t);
        take(every<0, S, N, Held>(parts));
        if (t + 1 < taps) take(every<1, S, N, Held>(parts));
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
    const auto best = best_of<N>(splat<N>(static_cast<Place>(begin * indexing.tap)), begin,
                                 [&](const char* row, const auto& take) TILEPOOL_INLINE_LAMBDA {
                                   for (std::int64_t t = begin; t < end;) {
                                     const std::int64_t left = end - t, most = operations_between_watches;
                                     const std::int64_t stop = t + (left < most ? left : most);
                                     if (left > most && indexing.watch.over(most)) return;
                                     for (; t < stop; ++t) take(lane(row, t));
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
