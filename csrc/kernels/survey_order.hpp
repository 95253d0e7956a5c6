// The loops over windows whose taps are laid out as keys: to be sorted, or to find modes that need no sorting.
#pragma once

#include "conversions.hpp"
#include "order.hpp"
#include "survey.hpp"

namespace tilepool {
namespace {

/// From so many taps on, a window is sorted on its own, in time that grows with the taps alone.
constexpr std::int64_t many_taps = 2048, many_taps_of_one = 64;

/// The taps of windows, as `key` makes keys of them; asks for what lies so many bytes ahead, if any.
template <class In, int N, class Key, class MakeKey>
TILEPOOL_INLINE void lay_out(const Pattern<In>& pattern, const Starts<N>& starts, Key* keys, std::int64_t ahead,
                             const MakeKey& key) {
  if (ahead != 0) pattern.template fetch<N>(starts, ahead);
  pattern.template gather<N>(starts, keys, key);
}

/// The integers that are most frequent in windows, if none is empty or has so many taps that it is sorted on its own.
/// False if one is. Signed ones; of others `flip` is the highest bit.
template <class Key>
bool survey_modes(const Along& along, const void* const* rows, std::int64_t count, const Survey& survey, void* out,
                  const Lines& lines, Key flip) {
  constexpr int N = full_lanes<Key>;
  using V = Vec<Key, N>;
  for (std::int64_t s = 0; s < along.span_count; ++s) {
    const std::int64_t taps = count * along.spans[s].count;
    if (taps < 1 || taps > many_taps || taps > std::numeric_limits<Key>::max()) return false;
  }
  auto* const keys = static_cast<Key*>(survey.scratch);
  const auto flipped = [mask = splat<N>(flip)](V v) TILEPOOL_INLINE_LAMBDA { return static_cast<V>(v ^ mask); };
  // Windows that have a majority need no sorting. Where it was in vain to look for these, that is done now and then
  // only; and never with AVX-512, which sorts as fast. (Xeon, labels of uint64, 2 x 2 x 2 windows: 0.3 of the time with
  // AVX2; 3 x 3 windows 0.65, but 1.15 with AVX-512.)
  std::int64_t pause = 0, left = 0;
  const auto find = [&](std::int64_t taps, V& modes) TILEPOOL_INLINE_LAMBDA {
    const auto tap = [&](int i) TILEPOOL_INLINE_LAMBDA { return load<N>(keys + i * N); };
    if (taps == 4) return modes_of_four<Key, N>(tap(0), tap(1), tap(2), tap(3), modes);
    if (vector_bytes == 64 || taps < 3 || left-- > 0) return false;
    const bool found = majorities<Key, N>(keys, taps, modes);
    left = pause = found ? 0 : pause < 15 ? 2 * pause + 1 : pause;
    return found;
  };
  const auto window = [&](const Pattern<Key>& pattern, const Starts<N>& starts, std::int64_t to) {
    const std::int64_t taps = pattern.taps();
    auto* const target = static_cast<Key*>(out) + to;
    V modes;
    if (pattern.row_count == 2 && pattern.count == 2 && pattern.distance == 1 && starts.apart == 2 &&
        starts.count == N) {  // 2 x 2 cells that lie side by side
      const auto pairs = [&](int r) TILEPOOL_INLINE_LAMBDA {
        const Key* const row = pattern.row(r) + starts.first;
        const V both[] = {flipped(load<N>(row)), flipped(load<N>(row + N))};
        return std::pair(every<0, 2, N, Key>(both), every<1, 2, N, Key>(both));
      };
      if (lines.ahead != 0) pattern.template fetch<N>(starts, lines.ahead);
      const auto [a, b] = pairs(0);
      const auto [c, d] = pairs(1);
      if (modes_of_four<Key, N>(a, b, c, d, modes)) return store(target, flipped(modes));
    }
    lay_out(pattern, starts, keys, lines.ahead, flipped);
    if (!find(taps, modes)) {
      sort_lanes(reinterpret_cast<V*>(keys), taps);
      modes = sorted_modes<Key, N>(keys, taps);
    }
    modes = flipped(modes);
    if (starts.count == N) return store(target, modes);
    for (std::int64_t lane = 0; lane < starts.count; ++lane) target[lane] = modes[lane];
  };
  visit_windows<Key, N>(along, rows, count, sizeof(Key), lines, survey.watch, window);
  return true;
}

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
  if constexpr (!Keys::is_float) {
    constexpr Key flip = std::is_unsigned_v<In> ? Keys::lowest : Key{0};
    if (survey.op == Op::mode && !survey.single && survey_modes<Key>(along, rows, count, survey, out, lines, flip))
      return;
  }
  const auto window = [&](const Pattern<In>& pattern, const Starts<N>& starts, std::int64_t to) {
    const std::int64_t taps = pattern.taps();
    if (taps <= (survey.single ? many_taps_of_one : many_taps)) {
      lay_out(pattern, starts, keys, lines.ahead,
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
