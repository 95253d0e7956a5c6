// The loops that lay out all taps of some windows, to be looked at more than once.
#pragma once

#include "../table.hpp"
#include "conversions.hpp"
#include "lanes.hpp"

namespace tilepool {
namespace {

/// Every second lane from the first on, of two vectors that overlap in one: nothing behind the last one is read.
template <int N, class T, int... I>
TILEPOOL_INLINE Vec<T, N> load_every_second(const T* from, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(load<N>(from), load<N>(from + N - 1), (I < N / 2 ? 2 * I : 2 * I + 1)...);
}
template <int N, class T>
TILEPOOL_INLINE Vec<T, N> load_every_second(const T* from) {
  return load_every_second<N, T>(from, std::make_integer_sequence<int, N>{});
}

/// Where up to N windows start in a row.
template <int N>
struct Starts {
  std::int64_t first, count;
  std::int64_t apart;      // from each to the next, where it is the same; else 0
  std::int64_t behind[N];  // the first one, where it is not

  TILEPOOL_INLINE Starts(std::int64_t at, std::int64_t windows, std::int64_t distance)
      : first(at), count(windows), apart(distance) {}

  /// Those from element `from` on of pixels that lie `hop` elements apart, the first one at 0.
  TILEPOOL_NOINLINE void take_pixels(std::int64_t from, std::int64_t pixel, std::int64_t hop) {
    std::int64_t part = from % pixel, at = 0;
    first = from / pixel * hop + part;
    apart = 0;
    for (std::int64_t lane = 0; lane < count; ++lane, ++part, ++at) {
      if (part == pixel) part = 0, at += hop - pixel;
      behind[lane] = at;
    }
  }

  std::int64_t at(std::int64_t lane) const { return first + (apart != 0 ? lane * apart : behind[lane]); }
};

/// The taps of windows that are read with one pattern: rows, and so many taps `distance` elements apart in each.
template <class In>
struct Pattern {
  const void* const* rows;
  std::int64_t row_count, shift;  // bytes from the listed rows to those of the line
  std::int64_t count, distance;
  const Watch& watch;

  std::int64_t taps() const { return row_count * count; }
  const In* row(std::int64_t r) const { return reinterpret_cast<const In*>(static_cast<const char*>(rows[r]) + shift); }

  /// Asks for the cache lines that begin so many bytes behind the first taps of windows in each row.
  template <int N>
  TILEPOOL_INLINE void fetch(const Starts<N>& starts, std::int64_t ahead) const {
    constexpr std::int64_t line = 64;
    const std::int64_t bytes = (starts.at(starts.count - 1) + 1 - starts.first) * static_cast<std::int64_t>(sizeof(In));
    for (std::int64_t r = 0; r < row_count; ++r) {
      const char* const from = reinterpret_cast<const char*>(row(r) + starts.first) + ahead;
      const auto beyond = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(from) % line);
      for (std::int64_t at = (line - beyond) % line; at < bytes; at += line) __builtin_prefetch(from + at);
    }
  }

  /// Calls take(number, from) for each tap of the window whose first tap is element `at` of the rows; for fewer where
  /// the call ends.
  template <class Take>
  TILEPOOL_INLINE void each(std::int64_t at, const Take& take) const {
    std::int64_t number = 0;
    for (std::int64_t r = 0; r < row_count; ++r) {
      const In* const from = row(r) + at;
      for (std::int64_t t = 0; t < count;) {
        const std::int64_t end = count - t < operations_between_watches ? count : t + operations_between_watches;
        for (; t < end; ++t) take(number++, from + t * distance);
        if (t < count && watch.over(operations_between_watches)) return;
      }
    }
  }

  /// Writes to `taps` those of N windows, as convert makes them of elements. Where there are fewer windows, lanes are
  /// filled up with the first one.
  template <int N, class To, class Convert>
  TILEPOOL_INLINE void gather(const Starts<N>& starts, To* taps, const Convert& convert) const {
    const auto lay_out = [&](auto read) TILEPOOL_INLINE_LAMBDA {
      each(starts.first, [&](std::int64_t number, const In* from)
                             TILEPOOL_INLINE_LAMBDA { store(taps + number * N, convert(read(from))); });
    };
    if (starts.count == N && starts.apart == 1) return lay_out([](const In* from) { return load<N>(from); });
    if (starts.count == N && starts.apart == 2)
      return lay_out([](const In* from) { return load_every_second<N>(from); });
    if (starts.count < N) return gather_some<N>(starts, taps, convert);
    std::int64_t behind[N];
    for (int lane = 0; lane < N; ++lane) behind[lane] = starts.at(lane) - starts.first;
    lay_out([&](const In* from) TILEPOOL_INLINE_LAMBDA {
      In lanes[N];
      for (int lane = 0; lane < N; ++lane) lanes[lane] = from[behind[lane]];
      return load<N>(lanes);
    });
  }

 private:
  template <int N, class To, class Convert>
  [[gnu::cold]] TILEPOOL_NOINLINE void gather_some(const Starts<N>& starts, To* taps, const Convert& convert) const {
    each(starts.first, [&](std::int64_t number, const In* from) TILEPOOL_INLINE_LAMBDA {
      In lanes[N];
      store(lanes, splat<N>(*from));
      for (std::int64_t lane = 1; lane < starts.count; ++lane) lanes[lane] = from[starts.at(lane) - starts.first];
      store(taps + number * N, convert(load<N>(lanes)));
    });
  }
};

/// Unless the call ends, calls window(pattern, starts, to) for up to N windows at a time, whose outputs are `to` and
/// those behind it. The last N windows of a row may be visited twice.
template <class In, int N, class Window>
void visit_windows(const Along& along, const void* const* rows, std::int64_t row_count, std::int64_t result_size,
                   const Lines& lines, const Watch& watch, const Window& window) {
  const std::int64_t pixel = along.inner, hop = along.stride * pixel;
  for (std::int64_t line = 0; line < lines.count; ++line) {
    for (std::int64_t s = 0; s < along.span_count; ++s) {
      const Span& span = along.spans[s];
      const Pattern<In> pattern{
          rows, row_count, line * lines.read_step, row_count > 0 ? span.count : 0, along.step * along.inner, watch};
      const std::int64_t outputs = span.end - span.begin;
      // The elements of one large pixel after the other, or all.
      const bool one_by_one = pixel >= N && along.stride > 1, is_even = one_by_one || pixel == 1 || along.stride == 1;
      const std::int64_t parts = one_by_one ? outputs : 1, n = one_by_one ? pixel : outputs * pixel;
      const std::int64_t apart = pixel == 1 ? along.stride : 1;
      for (std::int64_t part = 0; part < parts; ++part) {
        const std::int64_t first = span.first * pixel + part * hop;
        const std::int64_t to = line * lines.write_step / result_size + (span.begin + part) * pixel;
        for (std::int64_t i = 0; i < n; i += N) {
          const std::int64_t at = n < N ? 0 : i < n - N ? i : n - N, count = n < N ? n : N;
          if (watch.over(pattern.taps() * N)) return;
          Starts<N> starts(at * apart, count, apart);
          if (!is_even) starts.take_pixels(at, pixel, hop);
          starts.first += first;
          window(pattern, starts, to + at);
        }
      }
    }
  }
}

/// The loops of all element types: Rows::of<T, O> for elements of type T, where numbers between them are written as O.
template <class Rows>
constexpr Surveys surveys_of() {
  Surveys surveys{};
  const auto set = [&](DType dtype, SurveyRows rows) { surveys.rows[static_cast<int>(dtype)] = rows; };
  set(DType::float16, Rows::template of<Float16, Float16>);
  set(DType::bfloat16, Rows::template of<BFloat16, BFloat16>);
  set(DType::float32, Rows::template of<float, float>);
  set(DType::float64, Rows::template of<double, double>);
  set(DType::boolean, Rows::template of<std::uint8_t, float>);
  set(DType::int8, Rows::template of<std::int8_t, float>);
  set(DType::int16, Rows::template of<std::int16_t, float>);
  set(DType::int32, Rows::template of<std::int32_t, double>);
  set(DType::int64, Rows::template of<std::int64_t, double>);
  set(DType::uint8, Rows::template of<std::uint8_t, float>);
  set(DType::uint16, Rows::template of<std::uint16_t, float>);
  set(DType::uint32, Rows::template of<std::uint32_t, double>);
  set(DType::uint64, Rows::template of<std::uint64_t, double>);
  return surveys;
}

}  // namespace
}  // namespace tilepool
