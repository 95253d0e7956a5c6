// Averages of short integers as what they are, or as float32, where a window's sum fits twice their width.
//
// A row of outputs is made in three steps, in the first-level cache: rows are added up, neighbouring taps are added up
// and averaged at every place, and of these averages those are kept where a window begins. Averages that are not kept
// cost less than gaps between lanes would. (Those in float32, which are wider than sums, are made of the sums that are
// kept.) Integers may be added up in any order.
#pragma once

#include "conversions.hpp"
#include "extrema.hpp"
#include "lanes.hpp"
#include "rounded.hpp"

namespace tilepool {
namespace {

/// Sums of bytes, divided in 16 bits by a multiplication: of at most 256 cells, by divisors d from 1 to 256.
///
/// A sum, no more than 255 * d, and up to d / 2 for halves are t < 2**16 - 1, whose quotient is floor(t * m / 2**k) for
/// k = 16 + s, 2**s <= d < 2**(s + 1) and one of two multipliers. Let e = (-2**k mod d), so that m = (2**k + e) / d:
/// t * m / 2**k exceeds t / d by t * e / (d * 2**k), which is less than 1 / d where e * t < 2**k. Or let
/// e' = d - e and m = (2**k - e') / d: (t + 1) * m / 2**k is less than (t + 1) / d, and by no more than 1 / d where
/// e' * (t + 1) <= 2**k. One of e and e' is at most d / 2 < 2**s, and t + 1 < 2**16. (Of powers of two the first m has
/// 17 bits, and e' = d = 2**s will do.)
struct ByteQuotient {
  using Sum = std::uint16_t;
  using Result = std::uint8_t;
  ByteQuotient(double by, ToInteger how) : divisor(static_cast<Sum>(by)) {
    const auto d = static_cast<std::uint32_t>(by);
    if (d == 0) return;  // m = 0: all averages are 0
    while (d >> (shift + 1) != 0) ++shift;
    const std::uint32_t power = std::uint32_t{1} << (16 + shift), rest = power % d == 0 ? d : power % d;
    const bool above = 2 * rest > d && rest < d;
    multiplier = static_cast<Sum>((power - rest) / d + (above ? 1 : 0));
    const bool to_even = how.rounding == Rounding::half_even && d % 2 == 0;
    ties = !to_even ? Ties::none : rest == d ? Ties::of_power : Ties::of_other;
    less = above ? 0 : 1;
    const bool to_nearest = how.rounding == Rounding::half_even || how.rounding == Rounding::half_up;
    moved = static_cast<Sum>((to_nearest ? d / 2 : 0) + less - (ties == Ties::of_power ? 1 : 0));
    highest = static_cast<Sum>(255 * d);
  }

  template <int N>
  TILEPOOL_INLINE Vec<Sum, N> of(Vec<Sum, N> sum) const {
    using V = Vec<Sum, N>;
    sum = less_of(sum, splat<N>(highest));
    V t = sum + splat<N>(moved);
    if (ties == Ties::of_power) t += (sum >> shift) & splat<N>(Sum(1));  // up from an odd one alone
    V quotient = upper_product<N>(t, splat<N>(multiplier)) >> shift;
    if (ties == Ties::of_other) {  // an odd one that is a half further up than the average goes down
      const V product = quotient * splat<N>(divisor) + splat<N>(less);
      quotient -= static_cast<V>(product == t ? quotient & splat<N>(Sum(1)) : V{});
    }
    return quotient;
  }

  Sum divisor, multiplier = 0, moved = 0, less = 0, highest = 0;
  int shift = 0;
  enum class Ties : std::uint8_t { none, of_power, of_other } ties = Ties::none;  // that go to the even one
};

/// Sums of 16 bits in 32 bits.
struct ShortQuotient : RoundedQuotient<float> {
  using Sum = std::uint32_t;
  using Result = std::uint16_t;
  using RoundedQuotient<float>::RoundedQuotient;
  template <int N>
  TILEPOOL_INLINE Vec<Sum, N> of(Vec<Sum, N> sum) const {
    const auto number = convert_numbers<float, N>(bits_as<Vec<std::int32_t, N>>(sum));
    return bits_as<Vec<Sum, N>>(RoundedQuotient<float>::of<N>(number));
  }
};

/// Averages as the nearest float32.
template <class Integer>
struct FloatQuotient {
  using Sum = Integer;
  using Result = float;
  FloatQuotient(double by, ToInteger) : scale(by, {}) {}
  template <int N>
  TILEPOOL_INLINE Vec<float, N> of(Vec<Sum, N> sum) const {
    const auto integer = bits_as<Vec<std::int32_t, N>>(convert_numbers<std::uint32_t, N>(sum));
    return Mean<float>::finish<N>(convert_numbers<float, N>(integer), scale);
  }
  Mean<float>::Scale scale;
};

/// Instead of a quotient: sums as they are.
struct Undivided {};

/// Sums of elements of type T.
template <class T, class SumOf>
struct NarrowSums {
  using Sum = SumOf;
  static constexpr int N = full_lanes<Sum>;

  const void* const* rows;
  std::int64_t count;
  Sum *sums, *shared;  // down the columns, and of some neighbouring taps

  /// How many sums are made of 16 bytes of pixels of C elements, in pairs.
  template <int C, int pixel = C == 0 ? 1 : C>
  static constexpr int sums_of_piece = 16 / static_cast<int>(sizeof(T)) / (2 * pixel) * pixel;

  /// Lanes that are elements (C = 0), or the sums of pairs of pixels of C elements: those of each 16 bytes.
  template <int M, int C>
  static TILEPOOL_INLINE Vec<Sum, M> lifted(const T* from) {
    if constexpr (C == 0) {
      return convert_numbers<Sum, M>(load<M>(from));
    } else if constexpr (C == 1) {
      return pair_sums<2 * M>(load<2 * M>(from));
    } else {
      return pair_sums<2 * M>(paired_pixels<C, 2 * M, T>(load_pieces<2 * M>(from, 2 * sums_of_piece<C>)));
    }
  }

  /// Sums [from, to) down the columns, or of pairs of them, of which the first one would lie at byte `place` of the
  /// rows.
  template <int C>
  TILEPOOL_NOINLINE void add_rows(std::int64_t place, std::int64_t from, std::int64_t to) const {
    constexpr int step = C == 0 ? 1 : 2;
    const auto row = [&](std::int64_t r, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
      return reinterpret_cast<const T*>(static_cast<const char*>(rows[r]) + place) + i * step;
    };
    const auto some = [&](auto vectors, auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
      constexpr int V = decltype(vectors)::value, M = decltype(lanes)::value;
      constexpr int made = C < 2 ? M : M * static_cast<int>(sizeof(Sum)) / 16 * sums_of_piece<C>;
      Vec<Sum, M> sum[V] = {};
      for (std::int64_t r = 0; r < count; ++r) {
        for (int v = 0; v < V; ++v) sum[v] += lifted<M, C>(row(r, i) + v * made * step);
      }
      for (int v = 0; v < V; ++v) {
        if constexpr (C < 2) {
          store(sums + i + v * M, sum[v]);
        } else {
          store_pieces<16 / sizeof(Sum), M, Sum>(sums + i + v * made, sum[v], sums_of_piece<C>);
        }
      }
    };
    std::int64_t i = from;
    if constexpr (C < 2) {
      for (; i + 4 * N <= to; i += 4 * N) some(Lanes<4>{}, Lanes<N>{}, i);
      if (i >= to) return;
      sweep_overlapping<Sum, N>(
          to - i, [&](auto lanes, std::int64_t at) TILEPOOL_INLINE_LAMBDA { some(Lanes<1>{}, lanes, i + at); });
    } else {
      constexpr int piece = 16 / static_cast<int>(sizeof(T)), made = vector_bytes / 16 * sums_of_piece<C>;
      constexpr int beyond = piece / 2 - sums_of_piece<C>;  // sums of what the last piece reads and nothing is made of
      for (; i + 2 * made + beyond <= to; i += 2 * made) some(Lanes<2>{}, Lanes<N>{}, i);
      for (; i + made + beyond <= to; i += made) some(Lanes<1>{}, Lanes<N>{}, i);
      if (i >= to) return;
      T rest[2 * (made + beyond)] = {};
      Vec<Sum, N> sum{};
      for (std::int64_t r = 0; r < count; ++r) {
        std::memcpy(rest, row(r, i), static_cast<std::size_t>(to - i) * 2 * sizeof(T));
        sum += lifted<N, C>(rest);
      }
      store_pieces<16 / sizeof(Sum), N, Sum>(sums + i, sum, sums_of_piece<C>);
    }
  }

  /// The averages of pairs of columns that are windows of their own, without a row of sums: how many of n whole vectors
  /// make.
  template <int C, class Quotient>
  TILEPOOL_NOINLINE std::int64_t average_pairs(const Quotient& by, std::int64_t place, T* to, std::int64_t n) const {
    constexpr int of_piece = sums_of_piece<C>, lanes = 16 / sizeof(Sum), made = vector_bytes / 16 * of_piece;
    const Quotient quotient = by;  // held in registers: see `average`
    std::int64_t i = 0;
    const auto some = [&](auto vectors) TILEPOOL_INLINE_LAMBDA {
      constexpr int V = decltype(vectors)::value;
      for (; i + V * made + lanes - of_piece <= n; i += V * made) {
        Vec<Sum, N> sum[V] = {};
        for (std::int64_t r = 0; r < count; ++r) {
          const T* const row = reinterpret_cast<const T*>(static_cast<const char*>(rows[r]) + place) + 2 * i;
          for (int v = 0; v < V; ++v) sum[v] += lifted<N, C>(row + 2 * v * made);
        }
        for (int v = 0; v < V; v += 2) {
          const auto averages = quotients(sum + v, quotient);
          store_pieces<of_piece == lanes ? 2 * N : lanes, 2 * N, T>(to + i + v * made, averages, of_piece);
        }
      }
    };
    some(Lanes<4>{});
    some(Lanes<2>{});
    return i;
  }

  /// The same where `rows` begin so many bytes further on than those whose sums there are, each where the next one did.
  TILEPOOL_NOINLINE void slide_rows(std::int64_t place, std::int64_t step, std::int64_t from, std::int64_t to) const {
    const T* const last = reinterpret_cast<const T*>(static_cast<const char*>(rows[count - 1]) + place);
    const T* const before = reinterpret_cast<const T*>(static_cast<const char*>(rows[0]) + place - step);
    sweep<Sum, N>(from, to, [&](auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
      constexpr int M = decltype(lanes)::value;
      const Vec<Sum, M> change = lifted<M, 0>(last + i) - lifted<M, 0>(before + i);
      store(sums + i, static_cast<Vec<Sum, M>>(load<M>(sums + i) + change));
    });
  }

  /// Taps of a row of sums, so many elements apart.
  struct Taps {
    const Sum* first;
    std::int64_t count, distance;

    TILEPOOL_INLINE void add(Vec<Sum, N>* sum, std::int64_t i) const {
      const Sum* tap = first + i;
      for (std::int64_t t = 0; t < count; ++t, tap += distance) {
        sum[0] += load<N>(tap);
        sum[1] += load<N>(tap + N);
      }
    }
  };

  /// n sums of neighbouring taps.
  TILEPOOL_NOINLINE void share(Taps taps, std::int64_t n) const {
    for (std::int64_t i = 0; i < n; i += 2 * N) {
      Vec<Sum, N> sum[2] = {};
      taps.add(sum, i);
      store(shared + i, sum[0]);
      store(shared + i + N, sum[1]);
    }
  }

  /// Of two vectors of sums.
  template <class Quotient>
  static TILEPOOL_INLINE Vec<T, 2 * N> quotients(const Vec<Sum, N>* sum, const Quotient& quotient) {
    const Vec<T, 2 * N> halves[] = {bits_as<Vec<T, 2 * N>>(quotient.template of<N>(sum[0])),
                                    bits_as<Vec<T, 2 * N>>(quotient.template of<N>(sum[1]))};
    return every<0, 2, 2 * N, T>(halves);
  }

  /// What is made of two vectors of sums, one behind the other.
  static TILEPOOL_INLINE void put(Sum* to, const Vec<Sum, N>* sum, Undivided) {
    store(to, sum[0]);
    store(to + N, sum[1]);
  }
  template <class Quotient>
  static TILEPOOL_INLINE void put(T* to, const Vec<Sum, N>* sum, const Quotient& quotient) {
    store(to, quotients(sum, quotient));
  }
  template <class Quotient>
  static TILEPOOL_INLINE void put(float* to, const Vec<Sum, N>* sum, const Quotient& quotient) {
    for (int v = 0; v < 2; ++v) {
      if constexpr (sizeof(Sum) == 4) {
        store(to + v * N, quotient.template of<N>(sum[v]));
      } else {
        store(to + v * N, quotient.template of<N / 2>(half<0, N, Sum>(sum[v])));
        store(to + v * N + N / 2, quotient.template of<N / 2>(half<1, N, Sum>(sum[v])));
      }
    }
  }

  /// n sums, or their quotients, one behind the other, or `Hop` places apart. Of many taps some neighbours are added up
  /// beforehand.
  template <int Hop, class To, class Quotient>
  TILEPOOL_NOINLINE void average(const Quotient& by, To* to, std::int64_t n, std::int64_t taps,
                                 std::int64_t distance) const {
    const std::int64_t together = taps < 9 ? 1 : taps < 16 ? 3 : taps < 25 ? 4 : 5, parts = taps / together;
    const bool shares = together > 1;
    if (shares) share({sums, together, distance}, n * Hop + (parts - 1) * together * distance);
    const Taps some{shares ? shared : sums, parts, together * distance};
    const Taps more{sums + parts * together * distance, taps % together, distance};
    const Quotient quotient = by;  // a copy whose address is not known is held in registers, whatever is written
    To last[2 * N];
    const std::int64_t whole = n / (2 * N) * (2 * N);
    for (std::int64_t i = 0; i < n; i += 2 * N) {
      Vec<Sum, N> sum[2] = {};
      some.add(sum, i * Hop);
      more.add(sum, i * Hop);
      if constexpr (Hop == 2) {
        Vec<Sum, N> next[2] = {};
        some.add(next, i * Hop + 2 * N);
        more.add(next, i * Hop + 2 * N);
        sum[0] = every<0, 2, N, Sum>(sum);
        sum[1] = every<0, 2, N, Sum>(next);
      }
      put(i < whole ? to + i : last, sum, quotient);
    }
    std::memcpy(to + whole, last, static_cast<std::size_t>(n - whole) * sizeof(To));
  }
};

/// Of pixels of so many elements those at each `hop` elements, n elements altogether.
template <class T>
TILEPOOL_NOINLINE void keep_pixels(T* to, const T* from, std::int64_t n, std::int64_t pixel, std::int64_t hop) {
  constexpr int M = 16 / sizeof(T);
  const std::int64_t together = pixel > M ? 1 : (M - pixel) / hop + 1;
  std::int64_t i = 0;
  if (pixel <= M) {  // vectors whose surplus the next one overwrites
    using Lane = IntegerLike<T>;
    alignas(16) Lane lanes[M] = {};
    for (std::int64_t j = 0; j < together * pixel; ++j) lanes[j] = static_cast<Lane>(j / pixel * hop + j % pixel);
    const auto kept = load<M>(lanes);
    for (; i + M <= n; i += together * pixel, from += together * hop) store(to + i, chosen<M, T>(load<M>(from), kept));
  }
  for (; i < n; i += pixel, from += hop) std::memcpy(to + i, from, static_cast<std::size_t>(pixel) * sizeof(T));
}

/// A span of outputs of some lines.
template <class T, class Quotient>
void average_span(const Along& along, const Span& span, const void* const* rows, std::int64_t count,
                  const Quotient& quotient, void* space, typename Quotient::Result* out, const Lines& lines) {
  using Sum = typename Quotient::Sum;
  using Result = typename Quotient::Result;
  using Kept = std::conditional_t<sizeof(Result) < sizeof(Sum), Result, Sum>;
  const std::int64_t inner = along.inner, most = narrow_outputs(along), outputs = span.end - span.begin;
  const std::int64_t stride = outputs > 1 ? along.stride : 1;  // of one output it may be any number
  const std::int64_t width = along.width * inner, extent = (span.count - 1) * along.step + 1;
  const bool inside = span.first >= 0 && span.first + (outputs - 1) * stride + extent <= along.width;
  // Where taps and strides are even, pairs of neighbours are single pixels of twice the width.
  const bool pairs =
      inside && (inner == 1 || inner == 3 || inner == 4) && along.step == 1 && span.count % 2 == 0 && stride % 2 == 0;
  const std::int64_t taps = pairs ? span.count / 2 : span.count, distance = along.step * inner;
  const std::int64_t hop = (pairs ? stride / 2 : stride) * inner;
  bool slides = count > 2 && !pairs;
  for (std::int64_t r = 1; r < count; ++r) {
    slides = slides && static_cast<const char*>(rows[r]) - static_cast<const char*>(rows[r - 1]) == lines.read_step;
  }
  auto* const places = static_cast<Kept*>(space);
  auto* const sums = reinterpret_cast<Sum*>(places + narrow_averages(along));
  auto* const shared = sums + narrow_sums(along, extent);
  const NarrowSums<T, Sum> narrow{rows, count, sums, shared};
  for (std::int64_t o = 0; o < outputs; o += most) {
    const std::int64_t together = outputs - o < most ? outputs - o : most, n = (together - 1) * hop + inner;
    const std::int64_t columns = n + (taps - 1) * distance;
    // What windows see beyond a row is nothing.
    const std::int64_t first = (span.first + o * stride) * inner;
    const auto within = [=](std::int64_t i) { return i < 0 ? 0 : i < columns ? i : columns; };
    const std::int64_t from = inside ? 0 : within(-first), to = inside ? columns : within(width - first);
    if (!inside) {
      std::memset(sums, 0, static_cast<std::size_t>(from) * sizeof(Sum));
      std::memset(sums + to, 0, static_cast<std::size_t>(columns - to) * sizeof(Sum));
    }
    std::int64_t place = first * static_cast<std::int64_t>(sizeof(T));
    Result* target = out + (span.begin + o) * inner;
    for (std::int64_t line = 0; line < lines.count; ++line) {
      std::int64_t done = 0;
      if (pairs) {
        const auto add = [&](auto colours) TILEPOOL_INLINE_LAMBDA {
          constexpr int C = decltype(colours)::value;
          if constexpr (std::is_same_v<Result, T>) {
            if (hop == inner && taps == 1) done = narrow.template average_pairs<C>(quotient, place, target, n);
          }
          if (done < to) narrow.template add_rows<C>(place, done, to);
        };
        if (inner == 1) add(Lanes<1>{});
        if (inner == 3) add(Lanes<3>{});
        if (inner == 4) add(Lanes<4>{});
      } else if (slides && line > 0) {
        narrow.slide_rows(place, lines.read_step, from, to);
      } else {
        narrow.template add_rows<0>(place, from, to);
      }
      if (hop == inner) {
        const NarrowSums<T, Sum> rest{rows, count, sums + done, shared};
        if (done < n) rest.template average<1>(quotient, target + done, n - done, taps, distance);
      } else if (hop == 2 && inner == 1) {
        narrow.template average<2>(quotient, target, together, taps, distance);
      } else if constexpr (std::is_same_v<Kept, Result>) {
        narrow.template average<1>(quotient, places, n, taps, distance);
        keep_pixels(target, places, together * inner, inner, hop);
      } else {
        narrow.template average<1>(Undivided{}, places, n, taps, distance);
        keep_pixels(shared, places, together * inner, inner, hop);
        const NarrowSums<T, Sum> kept{nullptr, 0, shared, nullptr};
        kept.template average<1>(quotient, target, together * inner, 1, 1);
      }
      place += lines.read_step;
      target = reinterpret_cast<Result*>(reinterpret_cast<char*>(target) + lines.write_step);
    }
  }
}

/// Integers are 0 where nothing is seen or divided by; floats are what a sum of 0 gives.
template <class T, class Quotient>
void average_rows(const Along& along, const void* const* rows, std::int64_t count, double divisor, ToInteger to_integer,
                  void* space, void* out, const Lines& lines) {
  using Result = typename Quotient::Result;
  constexpr bool is_float = std::is_same_v<Result, float>;
  for (std::int64_t s = 0; s < along.span_count; ++s) {
    const Span& span = along.spans[s];
    const Quotient quotient(span.divisor * divisor, to_integer);
    if (span.count > 0 && (is_float || span.divisor * divisor != 0)) {
      average_span<T>(along, span, rows, count, quotient, space, static_cast<Result*>(out), lines);
      continue;
    }
    Result nothing = 0;
    if constexpr (is_float) nothing = quotient.template of<1>(0);
    for (std::int64_t line = 0; line < lines.count; ++line) {
      auto* const target = reinterpret_cast<Result*>(static_cast<char*>(out) + line * lines.write_step);
      for (std::int64_t i = span.begin * along.inner; i < span.end * along.inner; ++i) target[i] = nothing;
    }
  }
}

}  // namespace
}  // namespace tilepool
