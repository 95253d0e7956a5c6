// All that is known of a call before its arrays: made once, run on any arrays of that form.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <stdexcept>
#include <utility>

#include "combination_order.hpp"
#include "normal_form.hpp"
#include "schedule.hpp"

namespace tilepool {

struct Counted;

struct Plan {
  NormalForm form;
  Schedule schedule;  // of an empty result: meaningless

  // Where cells are left out:
  std::shared_ptr<const Counted> counted{};  // results that depend on how many cells there are
  std::shared_ptr<const Plan> whole{};       // the same with nothing left out, which is right where it gives no NaN

  bool has_pieces() const { return counted != nullptr || whole != nullptr; }
};

/// Values, how many cells there are, and how many there must be. Sums are divided by their number.
struct Counted {
  Plan values, counts;
  double fewest;
  bool divides;
  bool alike;              // both plans have the same rows
  ToInteger to_integer{};  // quotients become integers, if `most_cells`
  double most_cells = 0;   // by which one may be divided
};

/// The fewest cells that must be there, as a float holds it that counts to `taps` exactly.
inline double fewest_of(std::int64_t min_count, std::int64_t taps) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return min_count <= 0 ? -infinity : min_count > taps ? infinity : static_cast<double>(min_count);
}

/// Whether each window sees so many cells. False also where they would have to be counted.
inline bool all_have(const Request& request, std::int64_t min_count) {
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
  const bool matters = surveys(form.op) ? form.op < Op::quantile : depends_on_order(form.steps.accumulator);
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

/// Whether a plan is narrow, and its rows fill vectors of bytes.
inline bool is_narrow_and_long(const Schedule& schedule) {
  constexpr std::int64_t least_row = 64;  // outputs, of which the widest vector of bytes has as many
  return std::holds_alternative<by::Narrow>(schedule.strategy) &&
         schedule.row.windows.outputs() * schedule.inner >= least_row;
}

/// Sums of the cells that are not left out, as what is divided. Those of short integers are narrow in small windows.
inline Plan make_sums(const Request& request) {
  Request part = request;
  part.min_count = 0;
  const DType source = part.source.value_or(part.dtype);
  if (part.dtype == DType::float32 && info_of(source).kind != 'f' && info_of(source).size <= 2 && !part.cell_weights) {
    part.dtype = source;
    part.divisor = 1;
    return make_simple_plan(part);
  }
  part.op = Op::sum;
  return make_simple_plan(part);
}

/// Counts of the cells of which there are such values: of small windows as bytes, else as float32 or float64. Or sums
/// of weights. If need be, the rows of either are cut as those of the other are; `alike` tells whether that can be.
inline Plan make_counts(const Request& request, Plan& values, bool& alike) {
  Request part = request;
  part.op = Op::sum;
  part.dtype = DType::float64;
  part.present = true;
  part.min_count = 0;
  if (!part.cell_weights) {
    part.source = part.source.value_or(request.dtype);
    Request bytes = part;
    bytes.op = Op::average_rounded;
    bytes.dtype = DType::boolean;
    bytes.to_integer = {Rounding::half_even, DType::uint8};
    bytes.divisor = 1;
    constexpr std::int64_t most_in_bytes = 255, most_exact = 1 << 24;
    if (values.form.taps <= most_in_bytes) {
      Plan counts = make_simple_plan(bytes);
      alike = is_narrow_and_long(counts.schedule) && cut_alike(counts.schedule, values.schedule);
      if (alike) return counts;
    }
    if (values.form.taps <= most_exact) {
      Request singles = part;
      singles.dtype = DType::float32;
      Plan counts = make_simple_plan(singles);
      alike = cut_alike(counts.schedule, values.schedule);
      if (alike) return counts;
    }
  }
  Plan counts = make_simple_plan(part);
  const bool any_order = !depends_on_order(values.form.steps.accumulator);
  alike = cut_alike(counts.schedule, values.schedule) || (any_order && cut_alike(values.schedule, counts.schedule));
  return counts;
}

/// The most cells that an average is divided by.
inline double most_cells(const Request& request) {
  double most = 1;
  for (const ArrayAxis& axis : request.axes) {
    if (!axis.windows) continue;
    const Outputs inside = axis.windows->interior();
    std::int64_t cells = inside.begin < inside.end ? axis.windows->kernel() : 0;
    for (std::int64_t o = 0; cells < axis.windows->kernel() && o < axis.windows->outputs(); ++o) {
      const Window window = axis.windows->at(o);
      cells = std::max(cells, request.count_padding ? window.size : window.count);
    }
    most *= static_cast<double>(cells);
  }
  return most;
}

/// What is rounded, of integers, as the quotients of floats. Throws std::invalid_argument where these would not do.
inline Request quotients_of(const Request& request, Counted& counted) {
  Request quotients = request;
  quotients.op = Op::average;
  counted.to_integer = request.to_integer;
  counted.most_cells = std::max(1.0, most_cells(request));
  const DTypeInfo& source = info_of(request.source.value_or(request.dtype));
  const double largest = std::ldexp(counted.most_cells, 8 * static_cast<int>(source.size));
  if (source.kind == 'f' || !request.mask || request.divisor != 0 || request.cell_weights || request.omit)
    throw std::invalid_argument(
        "floats are rounded to integers where they are averages of integers that a mask leaves");
  if (largest > most_rounded(request.dtype))
    throw std::invalid_argument(std::string(info_of(request.dtype).name) + " must hold sums that are to be rounded");
  return quotients;
}

/// Throws std::invalid_argument where the request cannot be run, std::overflow_error where 64 bits do not suffice.
inline Plan make_plan(const Request& request) {
  Counted counted{};
  const Request quotients = rounds_quotients(request) ? quotients_of(request, counted) : request;
  Plan plan = make_simple_plan(request);
  const NormalForm& form = plan.form;
  const bool divides = form.averages && form.divisor == 0 && form.source.changes() && form.indices == Indices::none;
  if (request.min_count > 0 && (!form.source.changes() || form.indices != Indices::none || request.cell_weights ||
                                form.source.present || surveys(form.op)))
    throw std::invalid_argument("cells are counted where some are left out, and nothing else is made of them");
  if (form.empty || !form.source.changes() || form.indices != Indices::none) return plan;
  if (divides) {
    if (form.dtype != DType::float32 && form.dtype != DType::float64)
      throw std::invalid_argument("averages of what is not left out must be of float32 or float64");
    if (form.dtype == DType::float32 && form.taps > 1 << 24)
      throw std::invalid_argument("float32 must be able to count the cells of a window");
  }
  if (auto* const present = std::get_if<by::Present>(&plan.schedule.strategy); present != nullptr) {
    present->fewest = fewest_of(request.min_count, form.taps);
    present->most_cells = counted.most_cells;
  } else if (divides || request.min_count > 0) {
    counted.values = divides ? make_sums(quotients) : plan;
    counted.fewest = fewest_of(request.min_count, form.taps);
    counted.divides = divides;
    counted.counts = make_counts(quotients, counted.values, counted.alike);
    plan.schedule = counted.values.schedule;
    plan.counted = std::make_shared<const Counted>(std::move(counted));
  }
  // NaNs are seen in the result, if it is one of floats.
  const Source& source = form.source;
  const bool enough = request.min_count <= (divides ? 1 : 0) || all_have(request, request.min_count);  // 0 / 0 is NaN
  if (source.nans_omitted && !source.masked && !source.weighted && !source.present && info_of(form.dtype).kind == 'f' &&
      enough) {
    Request all = request;
    all.omit = false;
    all.min_count = 0;
    Plan whole = make_simple_plan(all);
    // Direct loops take each window by itself, and one that is doubled comes out the same in any tile: where rows are
    // cut makes no difference.
    const auto* const gathered = std::get_if<by::Gathered>(&whole.schedule.strategy);
    const bool flows = gathered != nullptr && gathered->flows;
    if (flows || std::holds_alternative<by::Direct>(whole.schedule.strategy)) cut_alike(whole.schedule, plan.schedule);
    if (has_same_rows(whole.schedule, plan.schedule)) plan.whole = std::make_shared<const Plan>(std::move(whole));
  }
  return plan;
}

}  // namespace tilepool
