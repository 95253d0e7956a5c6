// All that is known of a call before its arrays: made once, run on any arrays of that form.
#pragma once

#include <algorithm>
#include <utility>

#include "combination_order.hpp"
#include "normal_form.hpp"
#include "schedule.hpp"

namespace tilepool {

struct Plan {
  NormalForm form;
  Schedule schedule;  // of an empty result: meaningless
};

/// Floats are combined in the order in which those of a dense copy of the array would be: where it differs from that of
/// the array as it lies, rows are made. Throws std::invalid_argument where the request cannot be run,
/// std::overflow_error where 64 bits do not suffice.
inline Plan make_plan(const Request& request) {
  NormalForm form = normal_form(request);
  Schedule schedule = make_schedule(form);
  const bool matters = !surveys(form.op) && depends_on_order(form.steps.accumulator);
  if (matters && !form.empty && form.source.axes.empty()) {
    const NormalForm copy = normal_form(request, Reading::of_a_copy);
    const auto alike = [](const NormalAxis& a, const NormalAxis& b) { return a.input_stride == b.input_stride; };
    const bool is_dense = std::equal(form.axes.begin(), form.axes.end(), copy.axes.begin(), copy.axes.end(), alike);
    if (!is_dense && order_of(make_schedule(copy)) != order_of(schedule)) {
      form = normal_form(request, Reading::made);
      schedule = make_schedule(form);
    }
  }
  return {std::move(form), std::move(schedule)};
}

}  // namespace tilepool
