// The loop over windows whose taps are laid out as keys, to be sorted.
#pragma once

#include "conversions.hpp"
#include "order.hpp"
#include "survey.hpp"

namespace tilepool {
namespace {

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
  const auto window = [&](const Pattern<In>& pattern, const Starts<N>& starts, std::int64_t to) {
    const std::int64_t taps = pattern.taps();
    if (taps <= (survey.single ? many_taps_of_one : many_taps)) {
      pattern.template gather<N>(starts, keys,
                                 [&](Vec<In, N> v) TILEPOOL_INLINE_LAMBDA { return Keys::template key<N>(v); });
      sort_lanes(reinterpret_cast<Vec<Key, N>*>(keys), taps);
      Sorted<T, O>{survey, keys, N, taps, out}.template all_of<N>(starts.count, to);
      return;
    }
    for (std::int64_t lane = 0; lane < starts.count; ++lane) {
      pattern.each(starts.at(lane), [&](std::int64_t number, const In* from)
                                        TILEPOOL_INLINE_LAMBDA { keys[number] = Keys::template key<1>(*from); });
      const Key* const sorted = sort_bytes(keys, keys + taps, taps, survey.watch);
      if (survey.watch.over(taps)) return;
      Sorted<T, O>{survey, sorted, 1, taps, out}.one(0, to + lane);
    }
  };
  visit_windows<In, N>(along, rows, count, result_size, lines, survey.watch, window);
}

}  // namespace
}  // namespace tilepool
