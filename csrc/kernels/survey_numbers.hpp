// The loop over windows whose taps are laid out as numbers.
#pragma once

#include "conversions.hpp"
#include "statistics.hpp"
#include "survey.hpp"

namespace tilepool {
namespace {

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
  const auto window = [&](const Pattern<In>& pattern, const Starts<N>& starts, std::int64_t to) {
    constexpr bool has_nan = std::is_floating_point_v<typename Element<T>::Number>;
    std::int64_t length = pattern.taps();
    Numbers present = all(has_nan ? 0.0 : static_cast<double>(length));
    if (survey.single) {  // its taps side by side, filled up with what is not there
      pattern.each(starts.first, [&](std::int64_t place, const In* from) TILEPOOL_INLINE_LAMBDA {
        taps[place] = static_cast<double>(convert<typename Element<T>::Number, T, 1>(*from));
      });
      for (; length % single_lanes != 0; ++length) taps[length] = not_a_number;
      length /= N;
    } else {
      pattern.template gather<N>(starts, taps, [&](Vec<In, N> v) TILEPOOL_INLINE_LAMBDA {
        const Numbers x = number(v);
        if constexpr (has_nan) present += x == x ? all(1.0) : all(0.0);
        return x;
      });
    }
    Cells cells{reinterpret_cast<const Numbers*>(taps), length, survey.single, present, survey.watch};
    if (survey.single) cells.count = cells.sum([](Numbers) TILEPOOL_INLINE_LAMBDA { return all(1.0); });
    Numbers result = statistic(cells, survey.parameters);
    result = cells.count > all(0.0) ? result : all(nothing(survey.op, survey.parameters));
    const Numbers whole = all(static_cast<double>(pattern.taps()));
    put(survey.omit || pattern.taps() == 0 ? result
        : cells.count < whole              ? all(not_a_number)
                                           : result,
        starts.count, to);
  };
  visit_windows<In, N>(along, rows, count, sizeof(Out), lines, survey.watch, window);
}

}  // namespace
}  // namespace tilepool
