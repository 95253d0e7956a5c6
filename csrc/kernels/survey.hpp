// The loops that lay out all taps of some windows, to be looked at more than once.
#pragma once

#include "order.hpp"
#include "statistics.hpp"

namespace tilepool {
namespace {

/// The taps of windows that are read with one pattern: rows, and so many taps `distance` elements apart in each.
template <class In>
struct Pattern {
  const void* const* rows;
  std::int64_t row_count, shift;  // bytes from the listed rows to those of the line
  std::int64_t count, distance;
  const Watch& watch;

  std::int64_t taps() const { return row_count * count; }

  /// Calls take(number, from) for each tap of the window whose first tap is element `at` of the rows; for fewer where
  /// the call ends.
  template <class Take>
  TILEPOOL_INLINE void each(std::int64_t at, const Take& take) const {
    std::int64_t number = 0;
    for (std::int64_t r = 0; r < row_count; ++r) {
      const auto* const row = reinterpret_cast<const In*>(static_cast<const char*>(rows[r]) + shift) + at;
      for (std::int64_t t = 0; t < count;) {
        const std::int64_t end = count - t < operations_between_watches ? count : t + operations_between_watches;
        for (; t < end; ++t) take(number++, row + t * distance);
        if (t < count && watch.over(operations_between_watches)) return;
      }
    }
  }

  /// Writes to `taps` those of N windows that start `apart` elements from each other, as convert makes them of
  /// elements. Where there are only `live` < N windows, lanes are filled up with the first one.
  template <int N, class To, class Convert>
  TILEPOOL_INLINE void gather(std::int64_t at, std::int64_t apart, std::int64_t live, To* taps,
                              const Convert& convert) const {
    if (apart == 1 && live == N) {
      each(at, [&](std::int64_t number, const In* from)
                   TILEPOOL_INLINE_LAMBDA { store(taps + number * N, convert(load<N>(from))); });
      return;
    }
    each(at, [&](std::int64_t number, const In* from) TILEPOOL_INLINE_LAMBDA {
      In lanes[N];
      for (int lane = 0; lane < N; ++lane) lanes[lane] = from[lane < live ? lane * apart : 0];
      store(taps + number * N, convert(load<N>(lanes)));
    });
  }
};

/// Unless the call ends, calls window(pattern, at, apart, live, to) for up to N windows at a time: the first tap of the
/// first one, the elements from one to the next, how many there are, and the output element of the first one. The last
/// N windows of a row may be visited twice.
template <class In, int N, class Window>
void visit_windows(const Along& along, const void* const* rows, std::int64_t row_count, std::int64_t result_size,
                   const Lines& lines, const Watch& watch, const Window& window) {
  for (std::int64_t line = 0; line < lines.count; ++line) {
    for (std::int64_t s = 0; s < along.span_count; ++s) {
      const Span& span = along.spans[s];
      const Pattern<In> pattern{
          rows, row_count, line * lines.read_step, row_count > 0 ? span.count : 0, along.step * along.inner, watch};
      const std::int64_t outputs = span.end - span.begin, line_to = line * lines.write_step / result_size;
      const bool pixels = along.inner > 1;
      // A row of outputs, or the elements of one pixel after the other.
      const std::int64_t parts = pixels ? outputs : 1, n = pixels ? along.inner : outputs;
      const std::int64_t apart = pixels ? 1 : along.stride;
      for (std::int64_t part = 0; part < parts; ++part) {
        const std::int64_t first = span.first * along.inner + part * along.stride * along.inner;
        const std::int64_t to = line_to + span.begin * along.inner + part * along.inner;
        for (std::int64_t i = 0; i < n; i += N) {
          const std::int64_t at = n < N ? 0 : i < n - N ? i : n - N;
          if (watch.over(pattern.taps() * N)) return;
          window(pattern, first + at * apart, apart, n < N ? n : N, to + at);
        }
      }
    }
  }
}

/// Ops on numbers: elements of type T in, of type O out.
template <class T, class O>
void survey_numbers(const Along& along, const void* const* rows, std::int64_t count, const Survey& survey, void* out,
                    const Lines& lines) {
  using In = Lane<T>;
  using Out = Lane<O>;
  constexpr int N = number_lanes;
  auto* const taps = static_cast<double*>(survey.scratch);
  const Statistic statistic = statistic_of(survey.op);
  const auto number = [](Vec<In, N> v) TILEPOOL_INLINE_LAMBDA {
    return convert_numbers<double, N>(convert<typename Element<T>::Number, T, N>(v));
  };
  const auto put = [&](Numbers result, std::int64_t live, std::int64_t to) {
    using Rounded = typename Element<O>::Number;
    const Vec<Out, N> written = convert<O, Rounded, N>(convert_numbers<Rounded, N>(result));
    auto* const target = static_cast<Out*>(out) + to;
    if (live == N) return store(target, written);
    for (int lane = 0; lane < live; ++lane) target[lane] = written[lane];
  };
  visit_windows<In, N>(
      along, rows, count, sizeof(Out), lines, survey.watch,
      [&](const Pattern<In>& pattern, std::int64_t at, std::int64_t apart, std::int64_t live, std::int64_t to) {
        std::int64_t length = pattern.taps();
        if (survey.single) {  // its taps side by side, filled up with what is not there
          pattern.each(at, [&](std::int64_t place, const In* from) TILEPOOL_INLINE_LAMBDA {
            taps[place] = static_cast<double>(convert<typename Element<T>::Number, T, 1>(*from));
          });
          for (; length % single_lanes != 0; ++length) taps[length] = not_a_number;
          length /= N;
        } else {
          pattern.template gather<N>(at, apart, live, taps, number);
        }
        Cells cells{reinterpret_cast<const Numbers*>(taps), length, survey.single, all(0.0), survey.watch};
        cells.count = cells.sum([](Numbers) TILEPOOL_INLINE_LAMBDA { return all(1.0); });
        Numbers result = statistic(cells, survey.parameters);
        result = cells.count > all(0.0) ? result : all(nothing(survey.op, survey.parameters));
        const Numbers whole = all(static_cast<double>(pattern.taps()));
        put(survey.omit || pattern.taps() == 0 ? result : cells.count < whole ? all(not_a_number) : result, live, to);
      });
}

/// From so many taps on, a window is sorted on its own, in time that grows with the taps alone.
constexpr std::int64_t many_taps = 2048, many_taps_of_one = 64;

/// Ops on elements in ascending order.
template <class T, class O>
void survey_order(const Along& along, const void* const* rows, std::int64_t count, const Survey& survey, void* out,
                  const Lines& lines) {
  using Keys = Order<T>;
  using Key = typename Keys::Key;
  using In = Lane<T>;
  constexpr int N = full_lanes<Key>;
  auto* const keys = static_cast<Key*>(survey.scratch);
  const auto result_size = static_cast<std::int64_t>(survey.op == Op::quantile ? sizeof(Lane<O>) : sizeof(In));
  visit_windows<In, N>(
      along, rows, count, result_size, lines, survey.watch,
      [&](const Pattern<In>& pattern, std::int64_t at, std::int64_t apart, std::int64_t live, std::int64_t to) {
        const std::int64_t taps = pattern.taps();
        if (taps <= (survey.single ? many_taps_of_one : many_taps)) {
          pattern.template gather<N>(at, apart, live, keys,
                                     [&](Vec<In, N> v) TILEPOOL_INLINE_LAMBDA { return Keys::template key<N>(v); });
          sort_lanes(reinterpret_cast<Vec<Key, N>*>(keys), taps);
          Sorted<T, O>{survey, keys, N, taps, out}.template all_of<N>(live, to);
          return;
        }
        for (std::int64_t lane = 0; lane < live; ++lane) {
          pattern.each(at + lane * apart, [&](std::int64_t number, const In* from)
                                              TILEPOOL_INLINE_LAMBDA { keys[number] = Keys::template key<1>(*from); });
          const Key* const sorted = sort_bytes(keys, keys + taps, taps, survey.watch);
          if (survey.watch.over(taps)) return;
          Sorted<T, O>{survey, sorted, 1, taps, out}.one(0, to + lane);
        }
      });
}

}  // namespace
}  // namespace tilepool
