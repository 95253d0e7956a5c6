// The loops that combine pairs of a key and the place where it lies: of equal keys the first one counts. Keys are
// integers in the order of the elements, all NaNs one number behind all others, so that pairs are accumulators.
#pragma once

#include "../table.hpp"
#include "conversions.hpp"
#include "extrema.hpp"
#include "lanes.hpp"

namespace tilepool {
namespace {

/// Elements of as many bytes as a `Stored`, as keys of type T, which has room for one more below them all.
template <class T, class Stored>
struct PlaceKeys {
  static constexpr T lowest = std::numeric_limits<T>::lowest();
  const Stored flip;
  const T magnitude, infinity, quiet,
      zero;  // bits of floats, and the key of +0, which is that of -0 and 1; 0 of integers

  explicit PlaceKeys(const KeyBits& bits)
      : flip(static_cast<Stored>(bits.flip)),
        magnitude(static_cast<T>(bits.magnitude)),
        infinity(static_cast<T>(bits.infinity)),
        quiet(static_cast<T>(bits.quiet)),
        zero(bits.magnitude != 0) {}

  /// Negative floats have descending bits: all but the sign are flipped.
  template <int N>
  TILEPOOL_INLINE Vec<T, N> mirrored(Vec<T, N> v) const {
    return v ^ (v < 0 ? splat<N>(magnitude) : Vec<T, N>{});
  }
  template <int N>
  TILEPOOL_INLINE Vec<T, N> of(Vec<Stored, N> element) const {
    const auto v = convert_numbers<T, N>(static_cast<Vec<Stored, N>>(element ^ splat<N>(flip)));
    const auto nan = (v & splat<N>(magnitude)) > splat<N>(infinity);
    return (nan ? splat<N>(quiet) : mirrored<N>(v)) + splat<N>(zero);
  }
  template <int N>
  TILEPOOL_INLINE Vec<Stored, N> back(Vec<T, N> key) const {
    return static_cast<Vec<Stored, N>>(convert_numbers<Stored, N>(mirrored<N>(key - splat<N>(zero))) ^ splat<N>(flip));
  }
};

/// What a later key must be greater than: both zeros are equal.
template <int N, class T>
TILEPOOL_INLINE Vec<T, N> not_negative_zero(Vec<T, N> key, T zero) {
  if constexpr (N > 1 && (vector_bytes == 64 || (vector_bytes == 32 && sizeof(T) == 4))) {
    using Bits = std::make_unsigned_t<T>;
    return bits_as<Vec<T, N>>(greater_of(bits_as<Vec<Bits, N>>(key), splat<N>(static_cast<Bits>(zero))));
  } else {
    return key | (key == 0 ? splat<N>(zero) : Vec<T, N>{});
  }
}

template <class T, int N>
struct PairLanes {
  Vec<T, N> key, place;

  TILEPOOL_INLINE void take(Vec<T, N> later, Vec<T, N> there, T zero) {
    const auto bar = not_negative_zero<N, T>(key, zero);
    place = later > bar ? there : place;
    key = greater_of(later, key);
  }
};

/// Four vectors at a time, which share what is calculated of a tap. `First`: places are those of the taps alone.
template <bool First, class T>
void combine_all(T* to_keys, T* to_places, const T* keys, const T* places, std::int64_t n, const PairTaps& taps,
                 T zero) {
  constexpr int N = full_lanes<T>, unroll = 4;
  for (std::int64_t i = 0; i < n; i += unroll * N) {
    PairLanes<T, N> pairs[unroll];
    for (int u = 0; u < unroll; ++u) {
      pairs[u].key = load<N>(keys + i + u * N);
      pairs[u].place = First ? Vec<T, N>{} : load<N>(places + i + u * N);
    }
    for (std::int64_t t = 1; t < taps.count; ++t) {
      const std::int64_t hop = t * taps.hop < taps.last ? t * taps.hop : taps.last, from = i + hop * taps.distance;
      const auto further = splat<N>(static_cast<T>(hop * taps.place));
      for (int u = 0; u < unroll; ++u) {
        const auto there = First ? further : further + load<N>(places + from + u * N);
        pairs[u].take(load<N>(keys + from + u * N), there, zero);
      }
    }
    for (int u = 0; u < unroll; ++u) {
      store(to_keys + i + u * N, pairs[u].key);
      store(to_places + i + u * N, pairs[u].place);
    }
  }
}

template <class T>
void combine_pairs(void* to_keys, void* to_places, const void* keys, const void* places, std::int64_t n,
                   const PairTaps& taps, const KeyBits& bits) {
  const auto zero = static_cast<T>(bits.magnitude != 0);
  auto *const key = static_cast<T*>(to_keys), *const place = static_cast<T*>(to_places);
  if (places == nullptr) return combine_all<true, T>(key, place, static_cast<const T*>(keys), nullptr, n, taps, zero);
  combine_all<false, T>(key, place, static_cast<const T*>(keys), static_cast<const T*>(places), n, taps, zero);
}

template <class T, class Stored>
void make_keys(void* to, const void* elements, const PairRow& row, const Lines& lines, const KeyBits& bits) {
  constexpr int N = full_lanes<T>;
  const PlaceKeys<T, Stored> keys(bits);
  const auto lowest = splat<N>(keys.lowest);
  for (std::int64_t line = 0; line < lines.count; ++line) {
    T* const target = static_cast<T*>(to) + line * lines.write_step;
    const auto* const from =
        reinterpret_cast<const Stored*>(static_cast<const char*>(elements) + line * lines.read_step);
    for (std::int64_t i = 0; i < row.before; i += N) store(target + i, lowest);
    sweep_overlapping<T, N, true>(row.count, [&](auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
      constexpr int M = decltype(lanes)::value;
      store(target + row.before + i, keys.template of<M>(load<M>(from + i)));
    });
    for (std::int64_t i = row.before + row.count; i < row.width; i += N) store(target + i, lowest);
  }
}

template <class T>
void thin(T* to, const T* from, std::int64_t outputs, std::int64_t stride, std::int64_t inner) {
  constexpr int N = full_lanes<T>;
  std::int64_t o = 0;
  if (inner == 1 && stride == 2) {
    for (; o + N <= outputs; o += N) {
      const Vec<T, N> parts[2] = {load<N>(from + 2 * o), load<N>(from + 2 * o + N)};
      store(to + o, every<0, 2, N, T>(parts));
    }
  }
  // A vector may write more than a pixel has: what lies behind it is written later.
  for (; o < outputs; ++o) {
    const T* const pixel = from + o * stride * inner;
    for (std::int64_t e = 0; e < inner; e += N) store(to + o * inner + e, load<N>(pixel + e));
  }
}

template <class T>
void thin_pairs(void* to_keys, void* to_places, const void* keys, const void* places, std::int64_t outputs,
                std::int64_t stride, std::int64_t inner) {
  thin<T>(static_cast<T*>(to_keys), static_cast<const T*>(keys), outputs, stride, inner);
  thin<T>(static_cast<T*>(to_places), static_cast<const T*>(places), outputs, stride, inner);
}

template <class T, class Stored>
void put_pairs(const void* keys, const void* places, std::int64_t n, const PairPut& put, const Lines& lines,
               const KeyBits& bits) {
  constexpr int N = full_lanes<T>;
  const PlaceKeys<T, Stored> order(bits);
  const auto* const firsts = static_cast<const T*>(put.firsts);
  const auto* const origins = static_cast<const T*>(put.origins);
  const auto first_row = splat<N>(static_cast<T>(put.first_row));
  for (std::int64_t line = 0; line < lines.count; ++line) {
    const T* const key = static_cast<const T*>(keys) + line * lines.read_step;
    const T* const place = static_cast<const T*>(places) + line * lines.read_step;
    const std::int64_t base = put.base + line * put.line;
    char* const values = static_cast<char*>(put.values) + line * lines.write_step;
    char* const indices = static_cast<char*>(put.indices) + line * put.index_step;
    const auto vector = [&](std::int64_t i, Stored* to, auto* index) TILEPOOL_INLINE_LAMBDA {
      using Index = std::remove_reference_t<decltype(*index)>;
      const auto best = load<N>(key + i);
      // What stands beyond the array is never greater than a cell: where it is equal, all cells are.
      const auto within_window = best == order.lowest ? load<N>(firsts + i) + first_row : load<N>(place + i);
      store(to, order.template back<N>(best));
      const auto place_here = within_window + load<N>(origins + i);
      constexpr int M = sizeof(Index) > sizeof(T) ? N / 2 : N;  // of vectors that there are
      const auto indices_of = [&](Vec<T, M> some) TILEPOOL_INLINE_LAMBDA {
        return convert_numbers<Index, M>(some) + splat<M>(static_cast<Index>(base));
      };
      if constexpr (M < N) {
        store(index, indices_of(half<0, N, T>(place_here)));
        store(index + M, indices_of(half<1, N, T>(place_here)));
      } else {
        store(index, indices_of(place_here));
      }
    };
    const auto all = [&](auto* index) TILEPOOL_INLINE_LAMBDA {
      using Index = std::remove_reference_t<decltype(*index)>;
      auto* const to = reinterpret_cast<Stored*>(values);
      if (n < N) {
        Stored some[N];
        Index some_indices[N];
        vector(0, some, some_indices);
        for (std::int64_t i = 0; i < n; ++i) {
          to[i] = some[i];
          index[i] = some_indices[i];
        }
        return;
      }
      for (std::int64_t i = 0; i < n; i += N) {
        const std::int64_t at = i < n - N ? i : n - N;
        vector(at, to + at, index + at);
      }
    };
    if (put.wide) {
      all(reinterpret_cast<std::int64_t*>(indices));
    } else {
      all(reinterpret_cast<std::int32_t*>(indices));
    }
  }
}

template <class T, class Stored>
constexpr PairLoops pair_loops = {make_keys<T, Stored>, combine_pairs<T>, thin_pairs<T>, put_pairs<T, Stored>};

}  // namespace
}  // namespace tilepool
