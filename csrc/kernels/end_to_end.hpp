// Averages of windows that lie end to end along a row, of up to 4 pixels, or any number of bytes: from elements to
// averages in registers.
#pragma once

#include "lanes.hpp"
#include "pixels.hpp"
#include "quotients.hpp"

namespace tilepool {
namespace {

/// The sums of neighbouring lanes of two vectors, which do not overflow.
template <int N, class T>
TILEPOOL_INLINE Vec<T, N> sums_of_neighbours(const Vec<T, N>* v) {
  if constexpr (sizeof(T) == 2) {  // as lanes of twice the width: half as many shuffles
    return saturated<T, std::uint32_t, N / 2>(pair_sums<N>(v[0]), pair_sums<N>(v[1]));
  } else {
    return every<0, 2, N, T>(v) + every<1, 2, N, T>(v);
  }
}

/// Each 8 bytes added up.
template <int N>
TILEPOOL_INLINE Vec<std::uint64_t, N / 8> sums_of_8(Vec<std::uint8_t, N> v) {
  using Sums = Vec<std::uint64_t, N / 8>;
#if defined(__GNUC__) && !defined(__clang__)
  using Bytes [[maybe_unused]] = Vec<char, N>;
#if defined(__AVX512BW__)
  if constexpr (N == 64) return bits_as<Sums>(__builtin_ia32_psadbw512(bits_as<Bytes>(v), Bytes{}));
#endif
#if defined(__AVX2__)
  if constexpr (N == 32) return bits_as<Sums>(__builtin_ia32_psadbw256(bits_as<Bytes>(v), Bytes{}));
#endif
#endif
  const auto pairs = bits_as<Sums>(pair_sums<N>(v)), quads = pairs + (pairs >> 32);
  return (quads + (quads >> 16)) & splat<N / 8>(std::uint64_t{65535});
}

/// In each 16 bytes one half of those of `a` and, behind it, of `b`.
template <int Upper, class V, int... I>
TILEPOOL_INLINE V joined_halves(V a, V b, std::integer_sequence<int, I...>) {
  constexpr int half = 8 / sizeof(a[0]), all = sizeof...(I);
  return __builtin_shufflevector(a, b, (I / (2 * half) * 2 * half + Upper * half + I % half + I / half % 2 * all)...);
}

/// Of lanes 0 to 7 of each 16 bytes 0, 4, 1, 5, ...
template <class V, int... I>
TILEPOOL_INLINE V halves_in_turn(V v, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(v, v, (I / 8 * 8 + I % 8 / 2 + I % 2 * 4)...);
}

/// The rows that windows see: from which byte on, and how many bytes further on what will be read later.
struct SeenRows {
  const void* const* rows;
  std::int64_t count, place, ahead;
};

template <class T>
TILEPOOL_INLINE const T* elements_of(const void* row, std::int64_t place) {
  return reinterpret_cast<const T*>(static_cast<const char*>(row) + place);
}

/// Writes the quotients of two vectors, one behind the other.
template <class T, class Quotient, class Sum = typename Quotient::Sum, int N = full_lanes<Sum>>
TILEPOOL_INLINE void put_quotients(T* to, const Vec<Sum, N>* sum, const Quotient& quotient) {
  if constexpr (!std::is_same_v<T, float>) {
    store(to, quotients_of<T>(sum, quotient));
  } else {
    for (int v = 0; v < 2; ++v) {
      if constexpr (sizeof(Sum) == 4) {
        store(to + v * N, quotient.template of<N>(sum[v]));
      } else {
        store(to + v * N, quotient.template of<N / 2>(half<0, N, Sum>(sum[v])));
        store(to + v * N + N / 2, quotient.template of<N / 2>(half<1, N, Sum>(sum[v])));
      }
    }
  }
}

/// Windows of `Taps` pixels of C elements (of 7: of up to 8; of 16: of any number), whose sums are at most 65535
/// where these are bytes.
template <class T, class Quotient, int C, int Taps>
struct EndToEnd {
  using Result = typename Quotient::Result;
  using Sum = typename Quotient::Sum;
  static constexpr int N = full_lanes<Sum>, pieces = vector_bytes / 16;
  // In each 16 bytes, a piece, the taps of some windows are brought together, those of each of the C in a group of
  // lanes, of which one average is made.
  static constexpr int piece = 16 / static_cast<int>(sizeof(T)),
                       group = Taps == 3   ? 4
                               : Taps == 7 ? 8
                                           : Taps,
                       groups = piece / group;
  static constexpr int windows = piece / (Taps * C) < groups / C ? piece / (Taps * C) : groups / C;
  static constexpr int read = windows * Taps * C, made = windows * C;
  static constexpr int halvings = group == 2 ? 0 : group == 4 ? 1 : group == 8 ? 2 : 3;
  static constexpr bool exists = windows > 0 && (vector_bytes > 16 || Taps == 2) &&
                                 (std::is_same_v<Result, T> || (C == 1 && Taps > 2 && Taps != 8));
  static constexpr bool is_open = Taps == 7 || Taps == 16;  // taps are counted when they are seen
  static constexpr bool by_8 = is_open && sizeof(T) == 1;
  static constexpr int alternating = by_8 ? 8 / windows : 1;  // vectors, from whose pieces windows are taken in turn
  static constexpr int vectors = 2 << halvings, block = vectors * pieces * made;  // of a row at once, and its averages
  // In averages, of whole pixels: what vectors read, or write, beyond the last ones.
  static constexpr int surplus_read = is_open ? windows : (2 * N - pieces * read + Taps - 1) / Taps;
  static constexpr int surplus_written = 2 * N - 2 * N / groups * made;
  static constexpr int surplus = ((surplus_read > surplus_written ? surplus_read : surplus_written) + C - 1) / C * C;

  /// Sums, each of two neighbours, or the first of 4 lanes of 8 of them.
  static TILEPOOL_INLINE Vec<Sum, N> added(Vec<T, 2 * N> v) {
    if constexpr (by_8) {
      return bits_as<Vec<Sum, N>>(sums_of_8<2 * N>(v));
    } else {
      return pair_sums<2 * N>(v);
    }
  }

  /// Those of windows of which `taps` are left.
  static TILEPOOL_INLINE Vec<Sum, N> last_taps(const T* from, std::int64_t apart, std::int64_t taps) {
    if constexpr (is_open) {
      using Lane = IntegerLike<T>;
      const auto lane = counting<Lane, 2 * N>() & Lane(piece - 1), in_group = lane & Lane(group - 1);
      const auto is_tap = bits_as<Vec<T, 2 * N>>(in_group < splat<2 * N>(static_cast<Lane>(taps)));
      auto v = load_pieces<2 * N>(from, apart);
      if constexpr (windows > 1) {
        const auto behind = splat<2 * N>(static_cast<Lane>(taps));
        v = chosen<2 * N, T>(v, lane < Lane(group) ? in_group : in_group + behind);
      }
      return added(v & is_tap);
    } else {
      auto v = load_pieces<read, 2 * N>(from);
      if constexpr (C > 1 || Taps == 3) v = taps_together<C, Taps, 2 * N, T>(v);
      if constexpr (Taps == 3) v = (counting<T, 2 * N>() & T(3)) != T(3) ? v : Vec<T, 2 * N>{};
      return added(v);
    }
  }

  /// The sums of 8 of the windows of alternating vectors, in order.
  static TILEPOOL_INLINE Vec<Sum, N> in_order(const Vec<Sum, N>* sum) {
    constexpr auto all = std::make_integer_sequence<int, N>{};
    const auto packed = [&](int first) TILEPOOL_INLINE_LAMBDA {
      Vec<std::uint64_t, N / 4> v{};
      for (int i = 0; i < 4; ++i) v |= bits_as<Vec<std::uint64_t, N / 4>>(sum[first + i]) << (16 * i);
      return bits_as<Vec<Sum, N>>(v);
    };
    if constexpr (windows == 2) {
      return halves_in_turn(packed(0), all);
    } else {
      const auto a = packed(0), b = packed(4);
      return joined_halves<0>(a, b, all) + joined_halves<1>(a, b, all);
    }
  }

  /// n averages but for the last ones, which fill no block: how many were made.
  static TILEPOOL_NOINLINE std::int64_t average(const SeenRows& from, const Quotient& by, Result* to, std::int64_t n,
                                                std::int64_t count_of_taps) {
    const std::int64_t taps = is_open ? count_of_taps : Taps;
    const Quotient quotient = by;  // copies whose addresses are not known are held in registers, whatever is written
    const void* const* const rows = from.rows;
    const std::int64_t count = from.count, place = from.place, ahead = from.ahead;
    const auto make = [&](auto number, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
      constexpr int V = decltype(number)::value, most = pieces * read;
      const std::int64_t step = windows * taps, apart = alternating * step, hop = is_open ? pieces * apart : most;
      const std::int64_t whole = by_8 && windows == 1 ? (taps - 1) / piece * piece : 0;
      Vec<Sum, N> sum[V] = {};
      for (std::int64_t r = 0; r < count; ++r) {
        const T* row = elements_of<T>(rows[r], place) + i * taps;
        fetch_later<V * most>(row, ahead);
        const T* const last = row + whole;
        if constexpr (by_8 && windows == 1) {
          for (; row < last; row += piece) {
            for (int v = 0; v < V; ++v) {
              sum[v] += added(load_pieces<2 * N>(row + v / alternating * hop + v % alternating * step, apart));
            }
          }
        }
        for (int v = 0; v < V; ++v) {
          sum[v] += last_taps(last + v / alternating * hop + v % alternating * step, apart, taps - whole);
        }
      }
      if constexpr (by_8) {
        for (int v = 0; v < V >> halvings; ++v) sum[v] = in_order(sum + v * alternating);
      } else {
        for (int left = V / 2; left >= V >> halvings && halvings > 0; left /= 2) {
          for (int v = 0; v < left; ++v) sum[v] = sums_of_neighbours<N, Sum>(sum + 2 * v);
        }
      }
      for (int v = 0; v < V >> halvings; v += 2) {
        Result* const target = to + i + v * N / groups * made;
        if constexpr (made < groups) {
          store(target, closed_up(side_by_side<made, groups, 2 * N, T>(quotients_of<T>(sum + v, quotient))));
        } else {
          put_quotients(target, sum + v, quotient);
        }
      }
    };
    const std::int64_t whole = n - surplus;
    std::int64_t i = 0;
    if constexpr (halvings == 0) {
      for (; i + 2 * block <= whole; i += 2 * block) make(Lanes<2 * vectors>{}, i);
    }
    if (whole < block) return 0;
    for (; i < whole; i += block) make(Lanes<vectors>{}, i < whole - block ? i : whole - block);
    return whole;
  }
};

/// A loop of those above, and of how many averages it makes all that fill no block.
template <class T, class Quotient>
struct EndToEndLoop {
  using Result = typename Quotient::Result;
  static constexpr std::int64_t most_rows = 64, most_least = 128;  // copies of 64 rows of 4 * 84 bytes are 22 KB
  std::int64_t (*average)(const SeenRows&, const Quotient&, Result*, std::int64_t, std::int64_t) = nullptr;
  std::int64_t least = 0;

  template <int C, int Taps>
  static EndToEndLoop of() {
    using Loop = EndToEnd<T, Quotient, C, Taps>;
    if constexpr (Loop::exists) {
      static_assert(Loop::block + 2 * Loop::surplus <= most_least);
      return {Loop::average, Loop::block + 2 * Loop::surplus};
    } else {
      return {};
    }
  }
  template <int C>
  static EndToEndLoop of(std::int64_t taps, std::int64_t rows) {
    if (taps < 5) return taps == 2 ? of<C, 2>() : taps == 3 ? of<C, 3>() : of<C, 4>();
    if (rows > 2) return sizeof(T) == 1 && taps == 8 ? of<C, 8>() : EndToEndLoop{};  // rows are better added up first
    return taps < 9 ? of<C, 7>() : of<C, 16>();
  }
  static EndToEndLoop of(std::int64_t pixel, std::int64_t taps, std::int64_t rows) {
    if (taps < 2 || (taps > 16 && sizeof(T) > 1)) return {};
    return pixel == 1   ? of<1>(taps, rows)
           : pixel == 3 ? of<3>(taps, rows)
           : pixel == 4 ? of<4>(taps, rows)
                        : EndToEndLoop{};
  }

  /// n averages of windows of so many taps; `space` is for copies of what fills no block.
  void run(const SeenRows& seen, const Quotient& by, Result* to, std::int64_t n, std::int64_t taps, void* space) const {
    const std::int64_t done = average(seen, by, to, n, taps), left = n - done;
    if (left == 0) return;
    const void* copies[most_rows];
    Result averages[most_least];
    for (std::int64_t r = 0; r < seen.count; ++r) {
      T* const copy = static_cast<T*>(space) + r * least * taps;
      std::memcpy(copy, elements_of<T>(seen.rows[r], seen.place) + done * taps,
                  static_cast<std::size_t>(left * taps) * sizeof(T));
      copies[r] = copy;
    }
    average({copies, seen.count, 0, 0}, by, averages, least, taps);
    std::memcpy(to + done, averages, static_cast<std::size_t>(left) * sizeof(Result));
  }
};

/// A span of outputs of some lines, whose windows lie end to end and see nothing beyond a row: false where there is no
/// loop for them.
template <class T, class Quotient>
bool average_end_to_end(const Along& along, const Span& span, const void* const* rows, std::int64_t count,
                        const Quotient& quotient, void* space, typename Quotient::Result* out, const Lines& lines) {
  using Loop = EndToEndLoop<T, Quotient>;
  const Loop loop = Loop::of(along.inner, span.count, count);
  const std::int64_t size = sizeof(T), n = (span.end - span.begin) * along.inner;
  const bool too_few = span.count > 4 && n < loop.least / 4;  // and many taps of as many windows as fill a block
  if (loop.average == nullptr || count > Loop::most_rows || too_few) return false;
  for (std::int64_t line = 0; line < lines.count; ++line) {
    const SeenRows seen{rows, count, span.first * along.inner * size + line * lines.read_step, lines.ahead};
    auto* const to = reinterpret_cast<char*>(out + span.begin * along.inner) + line * lines.write_step;
    loop.run(seen, quotient, reinterpret_cast<typename Quotient::Result*>(to), n, span.count, space);
  }
  return true;
}

}  // namespace
}  // namespace tilepool
