// Averages of windows that lie end to end along a row, of 2, 3, 4 or 8 pixels: from elements to averages in registers.
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

/// The rows that windows see: from which byte on, and how many bytes further on what will be read later.
struct SeenRows {
  const void* const* rows;
  std::int64_t count, place, ahead;
};

template <class T>
TILEPOOL_INLINE const T* elements_of(const void* row, std::int64_t place) {
  return reinterpret_cast<const T*>(static_cast<const char*>(row) + place);
}

/// Windows of `Taps` pixels of C elements, whose sums are at most 65535 where these are bytes.
template <class Quotient, int C, int Taps>
struct EndToEnd {
  using T = typename Quotient::Result;
  using Sum = typename Quotient::Sum;
  static constexpr int N = full_lanes<Sum>, pieces = vector_bytes / 16;
  // In each 16 bytes, a piece, the taps of some windows are brought together, those of each of the C in a group of
  // lanes, of which one average is made.
  static constexpr int piece = 16 / static_cast<int>(sizeof(T)), group = Taps == 3 ? 4 : Taps, groups = piece / group;
  static constexpr int windows = piece / (Taps * C) < groups / C ? piece / (Taps * C) : groups / C;
  static constexpr int read = windows * Taps * C, made = windows * C;
  static constexpr int halvings = group == 2 ? 0 : group == 4 ? 1 : 2;
  static constexpr bool exists = windows > 0 && (vector_bytes > 16 || Taps == 2) && (sizeof(T) == 1 || Taps <= 4);
  static constexpr int vectors = 2 << halvings, block = vectors * pieces * made;  // of a row at once, and its averages
  // In averages, of whole pixels: what vectors read, or write, beyond the last ones.
  static constexpr int surplus_read = (2 * N - pieces * read + Taps - 1) / Taps;
  static constexpr int surplus_written = 2 * N - 2 * N / groups * made;
  static constexpr int surplus = ((surplus_read > surplus_written ? surplus_read : surplus_written) + C - 1) / C * C;

  /// Sums, each of two neighbours.
  static TILEPOOL_INLINE Vec<Sum, N> pairs(const T* from) {
    auto v = load_pieces<read, 2 * N>(from);
    if constexpr (C > 1 || Taps == 3) v = taps_together<C, Taps, 2 * N, T>(v);
    if constexpr (Taps == 3) v = (counting<T, 2 * N>() & T(3)) != T(3) ? v : Vec<T, 2 * N>{};
    return pair_sums<2 * N>(v);
  }

  /// n averages but for the last ones, which fill no block: how many were made.
  static TILEPOOL_NOINLINE std::int64_t average(const SeenRows& from, const Quotient& by, T* to, std::int64_t n) {
    const Quotient quotient = by;  // copies whose addresses are not known are held in registers, whatever is written
    const void* const* const rows = from.rows;
    const std::int64_t count = from.count, place = from.place, ahead = from.ahead;
    const auto make = [&](auto number, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
      constexpr int V = decltype(number)::value, step = pieces * read;
      Vec<Sum, N> sum[V] = {};
      for (std::int64_t r = 0; r < count; ++r) {
        const T* const row = elements_of<T>(rows[r], place) + i * Taps;
        fetch_later<V * step>(row, ahead);
        for (int v = 0; v < V; ++v) sum[v] += pairs(row + v * step);
      }
      for (int left = V / 2; left >= V >> halvings && halvings > 0; left /= 2) {
        for (int v = 0; v < left; ++v) sum[v] = sums_of_neighbours<N, Sum>(sum + 2 * v);
      }
      for (int v = 0; v < V >> halvings; v += 2) {
        auto averages = quotients_of<T>(sum + v, quotient);
        if constexpr (made < groups) averages = closed_up(side_by_side<made, groups, 2 * N, T>(averages));
        store(to + i + v * N / groups * made, averages);
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
template <class Quotient>
struct EndToEndLoop {
  using T = typename Quotient::Result;
  static constexpr std::int64_t most_rows = 64, most_least = 128;  // copies of 64 rows of 4 * 84 bytes are 22 KB
  std::int64_t (*average)(const SeenRows&, const Quotient&, T*, std::int64_t) = nullptr;
  std::int64_t least = 0;

  template <int C, int Taps>
  static EndToEndLoop of() {
    using Loop = EndToEnd<Quotient, C, Taps>;
    if constexpr (Loop::exists) {
      static_assert(Loop::block + 2 * Loop::surplus <= most_least);
      return {Loop::average, Loop::block + 2 * Loop::surplus};
    } else {
      return {};
    }
  }
  template <int C>
  static EndToEndLoop of(std::int64_t taps) {
    return taps == 2 ? of<C, 2>() : taps == 3 ? of<C, 3>() : taps == 4 ? of<C, 4>() : of<C, 8>();
  }
  static EndToEndLoop of(std::int64_t pixel, std::int64_t taps) {
    if (taps < 2 || (taps > 4 && taps != 8)) return {};
    return pixel == 1 ? of<1>(taps) : pixel == 3 ? of<3>(taps) : pixel == 4 ? of<4>(taps) : EndToEndLoop{};
  }

  /// n averages of windows of so many taps; `space` is for copies of what fills no block.
  void run(const SeenRows& seen, const Quotient& by, T* to, std::int64_t n, std::int64_t taps, void* space) const {
    const std::int64_t done = average(seen, by, to, n), left = n - done;
    if (left == 0) return;
    const void* copies[most_rows];
    T averages[most_least];
    for (std::int64_t r = 0; r < seen.count; ++r) {
      T* const copy = static_cast<T*>(space) + r * least * taps;
      std::memcpy(copy, elements_of<T>(seen.rows[r], seen.place) + done * taps,
                  static_cast<std::size_t>(left * taps) * sizeof(T));
      copies[r] = copy;
    }
    average({copies, seen.count, 0, 0}, by, averages, least);
    std::memcpy(to + done, averages, static_cast<std::size_t>(left) * sizeof(T));
  }
};

/// A span of outputs of some lines, whose windows lie end to end and see nothing beyond a row: false where there is no
/// loop for them.
template <class Quotient>
bool average_end_to_end(const Along& along, const Span& span, const void* const* rows, std::int64_t count,
                        const Quotient& quotient, void* space, typename Quotient::Result* out, const Lines& lines) {
  using Loop = EndToEndLoop<Quotient>;
  const Loop loop = Loop::of(along.inner, span.count);
  if (loop.average == nullptr || count > Loop::most_rows) return false;
  const std::int64_t size = sizeof(*out), n = (span.end - span.begin) * along.inner;
  for (std::int64_t line = 0; line < lines.count; ++line) {
    const SeenRows seen{rows, count, span.first * along.inner * size + line * lines.read_step, lines.ahead};
    auto* const to = reinterpret_cast<char*>(out + span.begin * along.inner) + line * lines.write_step;
    loop.run(seen, quotient, reinterpret_cast<typename Quotient::Result*>(to), n, span.count, space);
  }
  return true;
}

}  // namespace
}  // namespace tilepool
