// Averages of small windows where cells are left out: from elements and their mask to results in one pass.
//
// Some columns at a time, in the first-level cache: down the columns the cells that are there are added up, and counted
// in lanes of the same type; then both are added up along the row, and divided. Rows first, then taps along the row
// from first to last, as where rows are pooled while they are read.
#pragma once

#include "quotients.hpp"

namespace tilepool {
namespace {

/// Sums and counts of elements of type T, and Numbers that they are divided as: of some lines, `pitch` apart.
template <class T, class Sum, class Number>
struct PresentSums {
  static constexpr int N = full_lanes<Sum>;
  static constexpr bool is_byte = sizeof(T) == 1;
  // What is counted down the columns: bytes, which more lanes have room for; or numbers of the type of sums.
  using Counted = std::conditional_t<is_byte, T, Sum>;
  static constexpr int M = full_lanes<Counted>, parts = M / N, together = 4 / parts;
  using Rounded = std::conditional_t<is_byte, CountedQuotient, RoundedQuotient<Number>>;  // as elements

  const PresentRows& rows;
  const Rounded& rounded;
  double fewest;
  Sum *sums, *counts;
  std::int64_t pitch;

  static TILEPOOL_INLINE void add(Vec<Sum, N>* sum, Vec<Counted, M> v) {
    if constexpr (is_byte) {
      sum[0] += convert_numbers<Sum, N>(half<0, M, Counted>(v));
      sum[1] += convert_numbers<Sum, N>(half<1, M, Counted>(v));
    } else {
      sum[0] += v;
    }
  }

  /// Of `columns`, of which the first one would be element `place` of the rows. Those before `from` and from `to` on
  /// see nothing.
  template <bool masked, bool omits>
  TILEPOOL_NOINLINE void add_rows(std::int64_t place, std::int64_t columns, std::int64_t from, std::int64_t to) const {
    using Truth = IntegerLike<Counted>;
    const PresentRows seen = rows;  // copies whose addresses are not known are held in registers, whatever is written
    Sum *to_sums = sums, *to_counts = counts;
    const auto* elements = seen.elements;
    const auto* masks = seen.masks;
    // V vectors of columns from i on, or (0) the columns of a row that fill no vector.
    const auto some = [&](auto vectors, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
      constexpr bool few = decltype(vectors)::value == 0;
      constexpr int V = few ? 1 : decltype(vectors)::value;
      const auto loaded = [&](const auto* cells)
                              TILEPOOL_INLINE_LAMBDA { return few ? load_some<M>(cells, 0, to - i) : load<M>(cells); };
      Vec<Sum, N> sum[V * parts];
      Vec<Counted, M> count[V] = {};
      for (auto& s : sum) s = splat<N>(static_cast<Sum>(-0.0));  // x + -0 is x for both zeros
      for (std::int64_t r = 0; r < seen.count; ++r) {
        const T* const cells = static_cast<const T*>(elements[r]) + place + i;
        const std::uint8_t* mask = nullptr;
        fetch_later<V * M>(cells, seen.ahead * static_cast<std::int64_t>(sizeof(T)));
        if constexpr (masked) {
          mask = static_cast<const std::uint8_t*>(masks[r]) + place + i;
          fetch_later<V * M>(mask, seen.ahead);
        }
        for (int v = 0; v < V; ++v) {
          auto number = convert_numbers<Counted, M>(loaded(cells + v * M));
          // (GCC 12 makes no code of a conversion from memory that a mask is merged with.)
          if constexpr (std::is_integral_v<T>) number = in_register(number);
          auto is_there = splat<M>(Truth(-1));
          if constexpr (masked) is_there = convert_numbers<Truth, M>(loaded(mask + v * M)) != Truth(0);
          if constexpr (omits) is_there &= number == number;
          const auto kept = [&](Vec<Counted, M> of) TILEPOOL_INLINE_LAMBDA {
            return bits_as<Vec<Counted, M>>(bits_as<Vec<Truth, M>>(of) & is_there);
          };
          add(sum + v * parts, kept(number));
          count[v] += kept(splat<M>(Counted(1)));
        }
      }
      for (int v = 0; v < V; ++v) {
        Vec<Sum, N> counted[parts] = {};
        add(counted, count[v]);
        for (int p = 0; p < parts; ++p) {
          store(to_sums + i + v * M + p * N, sum[v * parts + p]);
          store(to_counts + i + v * M + p * N, counted[p]);
        }
      }
    };
    const auto nothing = [&](std::int64_t first, std::int64_t end) {
      if (first >= end) return;
      for (Sum* of : {to_sums, to_counts}) {
        std::memset(of + first, 0, static_cast<std::size_t>(end - first) * sizeof(Sum));
      }
    };
    for (std::int64_t line = 0; line < seen.lines; ++line) {
      std::int64_t i = from;
      for (; i + together * M <= to; i += together * M) some(Lanes<together>{}, i);
      if (to - from < M) {
        if (i < to) some(Lanes<0>{}, i);
      } else {
        for (; i < to; i += M) some(Lanes<1>{}, i < to - M ? i : to - M);
      }
      nothing(0, from);
      nothing(to, columns);
      to_sums += pitch;
      to_counts += pitch;
      elements += seen.count;
      masks += masked ? seen.count : 0;
    }
  }

  /// Which averages of a line there are: in `runs`, which begin `hop` places apart, n neighbours each, or every Hop-th.
  struct Places {
    std::int64_t runs, hop, n;
    std::int64_t taps, distance;  // along the row
  };

  /// A vector of windows of K taps (0: of `taps`), Hop places apart.
  template <int Hop, int K>
  static TILEPOOL_INLINE Vec<Sum, N> windows(const Sum* of, std::int64_t taps, std::int64_t distance) {
    Vec<Sum, N> sum[Hop];
    for (int h = 0; h < Hop; ++h) {
      sum[h] = load<N>(of + h * N);
      for (std::int64_t t = 1; t < (K > 0 ? K : taps); ++t) sum[h] += load<N>(of + h * N + t * distance);
    }
    if constexpr (Hop == 1) {
      return sum[0];
    } else {
      return every<0, Hop, N, Sum>(sum);
    }
  }

  template <int L>
  static TILEPOOL_INLINE Vec<Number, L> numbers(Vec<Sum, L> v) {
    if constexpr (std::is_floating_point_v<Sum>) {
      return v;
    } else {  // none is beyond 2**31, and signed integers are what is converted at once
      using Wide = std::conditional_t<std::is_signed_v<Sum>, std::int32_t, std::uint32_t>;
      return convert_numbers<Number, L>(bits_as<Vec<std::int32_t, L>>(convert_numbers<Wide, L>(v)));
    }
  }

  /// As numbers, or rounded as elements.
  template <int Hop, int K, class Result>
  TILEPOOL_NOINLINE void divide(void* out, const Places& where) const {
    constexpr bool rounds = !std::is_same_v<Result, Number>;
    const Places places = where;  // copies whose addresses are not known are held in registers, whatever is written
    const Rounded quotients = rounded;
    const auto least = static_cast<Number>(fewest);
    const auto put = [&](auto width, Result* to, auto sum, auto count) TILEPOOL_INLINE_LAMBDA {
      constexpr int L = decltype(width)::value;
      const auto divisor = numbers<L>(count);
      const auto quotient = static_cast<Vec<Number, L>>(numbers<L>(sum) / divisor);
      const auto enough = divisor < splat<L>(least) ? splat<L>(std::numeric_limits<Number>::quiet_NaN()) : quotient;
      if constexpr (!rounds) {
        store(to, enough);
      } else if constexpr (!is_byte) {
        const auto number = enough == enough ? enough : splat<L>(Number(0));
        store(to, convert_numbers<Result, L>(quotients.template rounded<L>(number)));
      }
    };
    const auto some = [&](Result* to, const Sum* sum_of, const Sum* count_of) TILEPOOL_INLINE_LAMBDA {
      const auto sum = windows<Hop, K>(sum_of, places.taps, places.distance);
      const auto count = windows<Hop, K>(count_of, places.taps, places.distance);
      if constexpr (rounds && is_byte) {
        store(to, convert_numbers<T, N>(quotients.template of<N>(sum, count)));
      } else if constexpr (sizeof(Sum) < sizeof(Number)) {
        put(Lanes<N / 2>{}, to, half<0, N, Sum>(sum), half<0, N, Sum>(count));
        put(Lanes<N / 2>{}, to + N / 2, half<1, N, Sum>(sum), half<1, N, Sum>(count));
      } else {
        put(Lanes<N>{}, to, sum, count);
      }
    };
    for (std::int64_t line = 0; line < rows.lines; ++line) {
      auto* to = reinterpret_cast<Result*>(static_cast<char*>(out) + line * rows.write_step);
      const Sum *sum = sums + line * pitch, *count = counts + line * pitch;
      for (std::int64_t run = 0; run < places.runs; ++run, to += places.n, sum += places.hop, count += places.hop) {
        Result few[N];
        for (std::int64_t i = 0; i < places.n; i += N) {
          const std::int64_t last = places.n < N ? 0 : places.n - N, at = i < last ? i : last;
          some(places.n < N ? few : to + at, sum + at * Hop, count + at * Hop);
        }
        if (places.n < N) std::memcpy(to, few, static_cast<std::size_t>(places.n) * sizeof(Result));
      }
    }
  }

  template <int Hop>
  void divide(void* out, const Places& where, bool rounds) const {
    const auto by = [&](auto known) {
      constexpr int K = decltype(known)::value;
      if constexpr (std::is_integral_v<T>) {
        if (rounds) return divide<Hop, K, T>(out, where);
      }
      divide<Hop, K, Number>(out, where);
    };
    if (where.taps == 2) return by(Lanes<2>{});
    if constexpr (Hop == 1) {
      if (where.taps == 3) return by(Lanes<3>{});
    }
    by(Lanes<0>{});
  }
};

/// See AveragePresent.
template <class T, class Sum, class Number>
void average_present(const Along& along, const PresentRows& rows, const Presence& presence, void* space, void* out) {
  const std::int64_t inner = along.inner, width = along.width * inner, distance = along.step * inner;
  const std::int64_t most = present_outputs(along);
  const bool rounds = presence.most_cells > 0;
  const std::int64_t size = rounds ? sizeof(T) : sizeof(Number);
  using Sums = PresentSums<T, Sum, Number>;
  const typename Sums::Rounded rounded(Sums::is_byte ? presence.fewest
                                       : rounds      ? presence.most_cells
                                                     : 1,
                                       presence.to_integer);
  for (std::int64_t s = 0; s < along.span_count; ++s) {
    const Span& span = along.spans[s];
    const std::int64_t outputs = span.end - span.begin, taps = span.count > 0 ? span.count : 1;
    const std::int64_t stride = outputs > 1 ? along.stride : 1;  // of one output it may be any number
    const std::int64_t pitch = present_pitch(along, outputs, (taps - 1) * along.step + 1);
    auto* const sums = static_cast<Sum*>(space);
    const Sums windows{rows, rounded, presence.fewest, sums, sums + rows.lines * pitch, pitch};
    for (std::int64_t o = 0; o < outputs; o += most) {
      const std::int64_t together = outputs - o < most ? outputs - o : most;
      const std::int64_t columns = ((together - 1) * stride + 1) * inner + (taps - 1) * distance;
      const std::int64_t first = (span.first + o * stride) * inner;
      const auto within = [=](std::int64_t i) { return i < 0 || span.count == 0 ? 0 : i < columns ? i : columns; };
      const std::int64_t from = within(-first), to = within(width - first);
      if (presence.masked && !(std::is_floating_point_v<T> && presence.omits)) {
        windows.template add_rows<true, false>(first, columns, from, to);
      } else if constexpr (std::is_floating_point_v<T>) {
        if (presence.masked) {
          windows.template add_rows<true, true>(first, columns, from, to);
        } else {
          windows.template add_rows<false, true>(first, columns, from, to);
        }
      }
      char* const target = static_cast<char*>(out) + (span.begin + o) * inner * size;
      if (stride == 1) {
        windows.template divide<1>(target, {1, 0, together * inner, taps, distance}, rounds);
      } else if (inner == 1) {
        windows.template divide<2>(target, {1, 0, together, taps, distance}, rounds);
      } else {
        windows.template divide<1>(target, {together, stride * inner, inner, taps, distance}, rounds);
      }
    }
  }
}

}  // namespace
}  // namespace tilepool
