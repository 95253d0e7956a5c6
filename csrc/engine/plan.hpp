// All that is known of a call before its arrays: made once, run on any arrays of that form.
#pragma once

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <utility>

#include "combination_order.hpp"
#include "normal_form.hpp"
#include "schedule.hpp"

namespace tilepool {

struct Average;

struct Plan {
  NormalForm form;
  Schedule schedule;  // of an empty result: meaningless

  // Where cells are left out:
  std::shared_ptr<const Average> average{};  // what is divided; its plans have the same schedule
  std::shared_ptr<const Plan> whole{};       // the same with nothing left out, which is right where it gives no NaN

  bool has_pieces() const { return average != nullptr || whole != nullptr; }
};

/// An average of the cells that are not left out: sums, and how many cells there are.
struct Average {
  Plan sums, counts;
};

/// Floats are combined in the order in which those of a dense copy of the array would be: where it differs from that of
/// the array as it lies, rows are made.
inline Plan make_simple_plan(const Request& request) {
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

/// Whether units of one schedule are those of the other.
inline bool has_same_units(const Schedule& a, const Schedule& b) {
  const auto is_bundled = [](const Schedule& s) { return std::holds_alternative<by::Bundled>(s.strategy); };
  return a.units == b.units && a.tiles == b.tiles && a.tile_outputs == b.tile_outputs &&
         a.plane_count == b.plane_count && a.column.windows.outputs() == b.column.windows.outputs() &&
         a.column.result_stride == b.column.result_stride && is_bundled(a) == is_bundled(b);
}

/// Throws std::invalid_argument where the request cannot be run, std::overflow_error where 64 bits do not suffice.
inline Plan make_plan(const Request& request) {
  Plan plan = make_simple_plan(request);
  const NormalForm& form = plan.form;
  if (form.empty || !form.source.changes() || form.indices != Indices::none) return plan;
  if (form.averages && form.divisor == 0) {
    if (form.dtype != DType::float32 && form.dtype != DType::float64)
      throw std::invalid_argument("averages of what is not left out must be of float32 or float64");
    if (form.dtype == DType::float32 && form.taps > 1 << 24)
      throw std::invalid_argument("float32 must be able to count the cells of a window");
    Request part = request;
    part.op = Op::sum;
    Plan sums = make_simple_plan(part);
    part.present = true;
    plan.schedule = sums.schedule;
    plan.average = std::make_shared<const Average>(Average{std::move(sums), make_simple_plan(part)});
  }
  // NaNs are seen in the result, if it is one of floats.
  const Source& source = form.source;
  if (source.nans_omitted && !source.masked && !source.weighted && !source.present && info_of(form.dtype).kind == 'f') {
    Request all = request;
    all.omit = false;
    Plan whole = make_simple_plan(all);
    if (has_same_units(whole.schedule, plan.schedule)) plan.whole = std::make_shared<const Plan>(std::move(whole));
  }
  return plan;
}

}  // namespace tilepool
