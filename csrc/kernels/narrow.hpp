// Averages of short integers as what they are, or as float32, where a window's sum fits twice their width.
//
// Windows that lie end to end are averaged in registers: see end_to_end.hpp. Of others a row of outputs is made in
// three steps, in the first-level cache: rows are added up, neighbouring taps are added up and averaged at every place,
// and of these averages those are kept where a window begins. Averages that are not kept cost less than gaps between
// lanes would, where windows are not far apart. (Those in float32, which are wider than sums, are made of the sums that
// are kept.) Integers may be added up in any order.
#pragma once

#include "end_to_end.hpp"

namespace tilepool {
namespace {

/// Instead of a quotient: sums as they are.
struct Undivided {};

/// What lanes are: elements, the sums of pairs of them, or the first ones of pairs.
enum class Lift { single, pair, first };

/// Sums of elements of type T.
template <class T, class SumOf>
struct NarrowSums {
  using Sum = SumOf;
  static constexpr int N = full_lanes<Sum>;

  const void* const* rows;
  std::int64_t count, ahead;
  Sum *sums, *shared;  // down the columns, and of some neighbouring taps

  template <int M, Lift lift>
  static TILEPOOL_INLINE Vec<Sum, M> lifted(const T* from) {
    if constexpr (lift == Lift::single) {
      return convert_numbers<Sum, M>(load<M>(from));
    } else {
      const auto v = load<2 * M>(from);
      return lift == Lift::pair ? pair_sums<2 * M>(v) : pair_sums<2 * M>(v & (counting<T, 2 * M>() % T(2) - T(1)));
    }
  }

  /// Sums [from, to) down the columns, of which the first one would lie at byte `place` of the rows.
  template <Lift lift>
  TILEPOOL_NOINLINE void add_rows(Sum* target, std::int64_t place, std::int64_t from, std::int64_t to) const {
    constexpr int step = lift == Lift::single ? 1 : 2;
    const auto some = [&](auto vectors, auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
      constexpr int V = decltype(vectors)::value, M = decltype(lanes)::value;
      Vec<Sum, M> sum[V] = {};
      for (std::int64_t r = 0; r < count; ++r) {
        const T* const first = elements_of<T>(rows[r], place) + i * step;
        fetch_later<V * M * step>(first, ahead);
        for (int v = 0; v < V; ++v) sum[v] += lifted<M, lift>(first + v * M * step);
      }
      for (int v = 0; v < V; ++v) store(target + i + v * M, sum[v]);
    };
    std::int64_t i = from;
    for (; i + 4 * N <= to; i += 4 * N) some(Lanes<4>{}, Lanes<N>{}, i);
    if (i >= to) return;
    sweep_overlapping<Sum, N>(
        to - i, [&](auto lanes, std::int64_t at) TILEPOOL_INLINE_LAMBDA { some(Lanes<1>{}, lanes, i + at); });
  }

  /// The same of pairs of pixels of C elements. (What vectors make too much the next ones overwrite.)
  template <int C>
  TILEPOOL_NOINLINE void add_pixels(std::int64_t place, std::int64_t from, std::int64_t to) const {
    constexpr int made = C == 3 ? N / 4 * 3 : N, read = 16 / sizeof(T) / (2 * C) * (2 * C);
    const auto add = [&](Vec<Sum, N>& sum, const T* elements) TILEPOOL_INLINE_LAMBDA {
      sum += pair_sums<2 * N>(taps_together<C, 2, 2 * N, T>(load_pieces<read, 2 * N>(elements)));
    };
    const auto put = [&](Sum* target, Vec<Sum, N> sum)
                         TILEPOOL_INLINE_LAMBDA { store(target, C == 3 ? closed_up(sum) : sum); };
    std::int64_t i = from;
    for (; i + made + N <= to; i += 2 * made) {
      Vec<Sum, N> sum[2] = {};
      for (std::int64_t r = 0; r < count; ++r) {
        const T* const first = elements_of<T>(rows[r], place) + 2 * i;
        fetch_later<4 * made>(first, ahead);
        for (int v = 0; v < 2; ++v) add(sum[v], first + 2 * v * made);
      }
      for (int v = 0; v < 2; ++v) put(sums + i + v * made, sum[v]);
    }
    for (; i < to; i += made) {
      const std::int64_t left = to - i < N ? to - i : N;
      T rest[2 * N] = {};
      Vec<Sum, N> sum{};
      for (std::int64_t r = 0; r < count; ++r) {
        std::memcpy(rest, elements_of<T>(rows[r], place) + 2 * i, static_cast<std::size_t>(left) * 2 * sizeof(T));
        add(sum, rest);
      }
      put(sums + i, sum);
    }
  }

  /// Sums of single elements, where `rows` begin so many bytes further on than those whose sums there are, each where
  /// the next one did.
  TILEPOOL_NOINLINE void slide_rows(std::int64_t place, std::int64_t step, std::int64_t from, std::int64_t to) const {
    const T* const last = elements_of<T>(rows[count - 1], place);
    const T* const before = elements_of<T>(rows[0], place - step);
    sweep<Sum, N>(from, to, [&](auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
      constexpr int M = decltype(lanes)::value;
      const Vec<Sum, M> change = lifted<M, Lift::single>(last + i) - lifted<M, Lift::single>(before + i);
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

  /// n sums of neighbouring taps that begin `hop` places apart: as many windows as 16 bytes have lanes are each added
  /// up in such lanes, then all of them.
  TILEPOOL_NOINLINE void add_apart(Sum* to, std::int64_t n, std::int64_t taps, std::int64_t hop) const {
    constexpr int W = 16 / sizeof(Sum);
    const std::int64_t whole = taps / W * W;
    const auto rest = bits_as<Vec<Sum, W>>(counting<Sum, W>() < splat<W>(static_cast<Sum>(taps - whole)));
    for (std::int64_t o = 0; o < n; o += W) {
      const Sum* window[W];
      Vec<Sum, W> sum[W];
      for (int w = 0; w < W; ++w) {
        window[w] = sums + (o + w < n ? o + w : n - 1) * hop;
        sum[w] = load<W>(window[w] + whole) & rest;
      }
      for (std::int64_t t = 0; t < whole; t += W) {
        for (int w = 0; w < W; ++w) sum[w] += load<W>(window[w] + t);
      }
      store(to + o, total<W, W>(sum));
    }
  }

  /// Of S vectors the sums of S lanes each, one behind the other.
  template <int S, int M>
  static TILEPOOL_INLINE Vec<Sum, M> total(Vec<Sum, M>* sum) {
    if constexpr (S == 1) {
      return sum[0];
    } else {
      for (int i = 0; i < S / 2; ++i) {
        sum[i] = halves<0, S, M, Sum>(sum[2 * i], sum[2 * i + 1]) + halves<1, S, M, Sum>(sum[2 * i], sum[2 * i + 1]);
      }
      return total<S / 2, M>(sum);
    }
  }

  /// What is made of two vectors of sums, one behind the other.
  static TILEPOOL_INLINE void put(Sum* to, const Vec<Sum, N>* sum, Undivided) {
    store(to, sum[0]);
    store(to + N, sum[1]);
  }
  template <class To, class Quotient>
  static TILEPOOL_INLINE void put(To* to, const Vec<Sum, N>* sum, const Quotient& quotient) {
    put_quotients(to, sum, quotient);
  }

  /// n sums, or their quotients, one behind the other, or `Hop` places apart. Of many taps some neighbours are added up
  /// beforehand. `firsts`, if any, are taps that are no neighbours of the others.
  template <int Hop, class To, class Quotient, class Firsts = std::nullptr_t>
  TILEPOOL_NOINLINE void average(const Quotient& by, To* to, std::int64_t n, std::int64_t taps, std::int64_t distance,
                                 Firsts firsts = nullptr) const {
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
      if constexpr (!std::is_same_v<Firsts, std::nullptr_t>) {
        for (int v = 0; v < 2; ++v) sum[v] += load<N>(firsts + i + v * N);
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

/// Where windows begin further apart, sums of other places cost more than those of each window by itself. (Xeon, AVX2,
/// bytes that lie end to end: 15 taps took 1.9 times as long, 9 as long, 10 in pairs 0.6; uint16: 10 in pairs 1.8.)
template <class Sum>
constexpr std::int64_t most_shared_hop = 16 / sizeof(Sum);

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
  // Where taps and strides are even, pairs of neighbours are single pixels of twice the width. At stride 2 the first
  // tap may be alone. (Xeon, 3 to 7 taps: 0.5 to 0.95 of the time in single rows, and for bytes with AVX2.)
  const int fewest = count == 1 || (sizeof(T) == 1 && vector_bytes < 64) ? 3 : 9;
  const bool odd = inner == 1 && stride == 2 && span.count >= fewest && span.count % 2 != 0 && outputs >= 64;
  const bool pairs = inside && (inner == 1 || inner == 3 || inner == 4) && along.step == 1 && stride % 2 == 0 &&
                     (span.count % 2 == 0 || odd);
  const bool touch = inside && along.step == 1 && (stride == span.count || outputs == 1);
  if (touch && average_end_to_end<T>(along, span, rows, count, quotient, space, out, lines)) return;
  const std::int64_t taps = pairs ? span.count / 2 : span.count, distance = along.step * inner;
  const std::int64_t hop = (pairs ? stride / 2 : stride) * inner;
  bool slides = count > 2 && !pairs;
  for (std::int64_t r = 1; r < count; ++r) {
    slides = slides && static_cast<const char*>(rows[r]) - static_cast<const char*>(rows[r - 1]) == lines.read_step;
  }
  auto* const places = static_cast<Kept*>(space);
  auto* const sums = reinterpret_cast<Sum*>(places + narrow_averages(along));
  auto* const shared = sums + narrow_sums(along, extent);
  auto* const firsts = pairs && odd ? shared - narrow_columns / 2 - cell_bytes : nullptr;  // of which `sums` need half
  const NarrowSums<T, Sum> narrow{rows, count, lines.ahead, sums, shared};
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
      if (pairs && inner == 1) {
        if (firsts != nullptr) narrow.template add_rows<Lift::first>(firsts, place, 0, n);
        const std::int64_t behind = firsts != nullptr ? sizeof(T) : 0;
        narrow.template add_rows<Lift::pair>(sums, place + behind, 0, to);
      } else if (pairs && inner == 3) {
        narrow.template add_pixels<3>(place, 0, to);
      } else if (pairs) {
        narrow.template add_pixels<4>(place, 0, to);
      } else if (slides && line > 0) {
        narrow.slide_rows(place, lines.read_step, from, to);
      } else {
        narrow.template add_rows<Lift::single>(sums, place, from, to);
      }
      if (firsts != nullptr) {
        narrow.template average<1>(quotient, target, n, taps, distance, static_cast<const Sum*>(firsts));
      } else if (hop == inner) {
        narrow.template average<1>(quotient, target, n, taps, distance);
      } else if (hop == 2 && inner == 1) {
        narrow.template average<2>(quotient, target, together, taps, distance);
      } else if (inner == 1 && along.step == 1 && hop > most_shared_hop<Sum>) {
        narrow.add_apart(shared, together, taps, hop);
        const NarrowSums<T, Sum> kept{nullptr, 0, 0, shared, nullptr};
        kept.template average<1>(quotient, target, together, 1, 1);
      } else if constexpr (std::is_same_v<Kept, Result>) {
        narrow.template average<1>(quotient, places, n, taps, distance);
        keep_pixels(target, places, together * inner, inner, hop);
      } else {
        narrow.template average<1>(Undivided{}, places, n, taps, distance);
        keep_pixels(shared, places, together * inner, inner, hop);
        const NarrowSums<T, Sum> kept{nullptr, 0, 0, shared, nullptr};
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
