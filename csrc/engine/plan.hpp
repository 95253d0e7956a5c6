// All that is known of a call before its arrays: made once, run on any arrays of that form.
#pragma once

#include <algorithm>
#include <limits>
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
  std::shared_ptr<const Average> average{};  // what is divided; its plans have the same rows
  std::shared_ptr<const Plan> whole{};       // the same with nothing left out, which is right where it gives no NaN

  bool has_pieces() const { return average != nullptr || whole != nullptr; }
};

/// An average of the cells that are not left out: sums, how many cells there are, and how many there must be.
struct Average {
  Plan sums, counts;
  double fewest;
};

/// The fewest cells that must be there, as a float holds it that counts to `taps` exactly.
inline double fewest_of(std::int64_t min_count, std::int64_t taps) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return min_count <= 0 ? -infinity : min_count > taps ? infinity : static_cast<double>(min_count);
}

/// Whether each window sees so many cells. False also where they would have to be counted.
inline bool all_have(const Request& request, std::int64_t min_count) {
  if (min_count <= 1) return true;  // of no cell an average is NaN
  std::int64_t taps = 1;
  for (const ArrayAxis& axis : request.axes) {
    if (!axis.windows) continue;
    const Outputs inside = axis.windows->interior();
    if (!axis.windows->slide() || inside.begin > 0 || inside.end < axis.windows->outputs()) return false;
    taps = saturating_mul(taps, axis.windows->kernel());
  }
  return taps >= min_count;
}

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

/// Whether output rows of one schedule, cut into tiles, are those of the other.
inline bool has_same_rows(const Schedule& a, const Schedule& b) {
  return a.tiles == b.tiles && a.tile_outputs == b.tile_outputs && a.plane_count == b.plane_count &&
         a.inner == b.inner && a.column.windows.outputs() == b.column.windows.outputs() &&
         a.row.windows.outputs() == b.row.windows.outputs();
}

/// Cuts rows as those of another schedule are cut, where results do not depend on it. False where that cannot be.
inline bool cut_alike(Schedule& s, const Schedule& other) {
  // Buffers of narrow averages have room for any number of outputs, others for those of a tile. Some take whole rows.
  const bool fits = std::holds_alternative<by::Narrow>(s.strategy) || other.tile_outputs <= s.tile_outputs;
  const bool whole = std::holds_alternative<by::Framed>(s.strategy) ||
                     std::holds_alternative<by::Endless>(s.strategy) || std::holds_alternative<by::Bundled>(s.strategy);
  Schedule cut = s;
  cut.tiles = other.tiles;
  cut.tile_outputs = other.tile_outputs;
  if (!fits || (whole && other.tiles > 1) || !has_same_rows(cut, other)) return false;
  if (!whole) cut.units = checked_mul(checked_mul(cut.plane_count, cut.tiles), cut.column.windows.outputs());
  s = std::move(cut);
  return true;
}

/// Counts of the cells of which there are such sums, as float32, in the same rows: of bytes where windows are small. Or
/// sums of weights.
inline Plan make_counts(const Request& request, const Plan& sums) {
  Request part = request;
  part.op = Op::sum;
  part.present = true;
  constexpr std::int64_t most_exact = 1 << 24, least_row = 64;  // outputs, of which a vector of bytes has as many
  if (!part.cell_weights && sums.form.taps <= most_exact) {
    part.source = part.source.value_or(part.dtype);
    part.dtype = DType::float32;
    Request bytes = part;
    bytes.op = Op::average;
    bytes.dtype = DType::boolean;
    bytes.divisor = 1;
    for (const Request& one : {bytes, part}) {
      Plan counts = make_simple_plan(one);
      const bool is_narrow = std::holds_alternative<by::Narrow>(counts.schedule.strategy);
      const bool is_long = counts.schedule.row.windows.outputs() * counts.schedule.inner >= least_row;
      if (((is_narrow && is_long) || one.op == Op::sum) && cut_alike(counts.schedule, sums.schedule)) return counts;
    }
  }
  part.dtype = request.dtype;
  return make_simple_plan(part);
}

/// Throws std::invalid_argument where the request cannot be run, std::overflow_error where 64 bits do not suffice.
inline Plan make_plan(const Request& request) {
  Plan plan = make_simple_plan(request);
  const NormalForm& form = plan.form;
  const bool divides = form.averages && form.divisor == 0 && form.source.changes() && form.indices == Indices::none;
  if (request.min_count > 0 && (!divides || request.cell_weights))
    throw std::invalid_argument("cells are counted where averages leave some out");
  if (form.empty || !form.source.changes() || form.indices != Indices::none) return plan;
  if (divides) {
    if (form.dtype != DType::float32 && form.dtype != DType::float64)
      throw std::invalid_argument("averages of what is not left out must be of float32 or float64");
    if (form.dtype == DType::float32 && form.taps > 1 << 24)
      throw std::invalid_argument("float32 must be able to count the cells of a window");
    Request part = request;
    part.op = Op::sum;
    part.min_count = 0;
    Plan sums = make_simple_plan(part);
    Plan counts = make_counts(part, sums);
    plan.schedule = sums.schedule;
    const double fewest = fewest_of(request.min_count, form.taps);
    plan.average = std::make_shared<const Average>(Average{std::move(sums), std::move(counts), fewest});
  }
  // NaNs are seen in the result, if it is one of floats.
  const Source& source = form.source;
  if (source.nans_omitted && !source.masked && !source.weighted && !source.present && info_of(form.dtype).kind == 'f' &&
      all_have(request, request.min_count)) {
    Request all = request;
    all.omit = false;
    all.min_count = 0;
    Plan whole = make_simple_plan(all);
    // Direct loops take each window by itself: where rows are cut makes no difference.
    if (std::holds_alternative<by::Direct>(whole.schedule.strategy)) cut_alike(whole.schedule, plan.schedule);
    if (has_same_rows(whole.schedule, plan.schedule)) plan.whole = std::make_shared<const Plan>(std::move(whole));
  }
  return plan;
}

}  // namespace tilepool
