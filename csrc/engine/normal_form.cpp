// WHERE and WHAT: checks a request, orders its axes by memory and merges them.
#include "normal_form.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace tilepool {
namespace {

/// The axes from the outermost in memory to the innermost: a stable insertion sort by stride in which axes without a
/// place of their own (size 1 or stride 0) stay where they are (the rule of numpy's nditer).
std::vector<std::size_t> memory_order(const std::vector<ArrayAxis>& axes) {
  std::vector<std::size_t> order;
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    std::size_t place = order.size();
    for (std::size_t i = order.size(); i-- > 0;) {
      const ArrayAxis &before = axes[order[i]], &after = axes[axis];
      if (before.size <= 1 || after.size <= 1 || before.stride == 0 || after.stride == 0) continue;
      if (std::abs(before.stride) >= std::abs(after.stride)) break;
      place = i;
    }
    order.insert(order.begin() + static_cast<std::ptrdiff_t>(place), axis);
  }
  return order;
}

/// Whether indices go on like that, too.
bool continues(const NormalAxis& outer, const NormalAxis& inner) {
  return outer.weight == saturating_mul(inner.windows.input(), inner.weight);
}

/// `outer` and `inner` as one axis, if they lie end to end and are both unpooled or both global, or if `inner` has
/// equal windows that fill it, so that an unpooled axis only repeats it.
std::optional<NormalAxis> merged(const NormalAxis& outer, const NormalAxis& inner, bool repeat) {
  if (!is_dense(outer, inner, inner.input_stride) || !continues(outer, inner)) return std::nullopt;
  const auto as_one = [&](const Windows& windows) {
    return NormalAxis{windows, inner.input_stride, inner.result_stride, inner.weight};
  };
  const bool unpooled = outer.windows.is_identity();
  if (repeat) {
    if (!unpooled || inner.windows.is_identity() || !inner.windows.repeats()) return std::nullopt;
    return as_one(inner.windows.repeated(outer.windows.outputs()));
  }
  const std::int64_t cells = checked_mul(outer.windows.input(), inner.windows.input());
  if (unpooled && inner.windows.is_identity()) return as_one(Windows::identity(cells));
  if (!outer.windows.is_global() || !inner.windows.is_global()) return std::nullopt;
  return as_one(Windows::sliding(cells, cells, cells, 0, 0, 1, Fit::floor));
}

void merge_neighbours(std::vector<NormalAxis>& axes, bool repeat) {
  std::vector<NormalAxis> result;
  for (const NormalAxis& axis : axes) {
    const auto both = result.empty() ? std::nullopt : merged(result.back(), axis, repeat);
    if (both) result.pop_back();
    result.push_back(both ? *both : axis);
  }
  axes.swap(result);
}

DType source_of(const Request& request) { return request.source.value_or(request.dtype); }

/// Whether the elements of the innermost axis lie side by side, and can be read as they lie.
bool is_in_place(const Request& request, const std::vector<std::size_t>& order) {
  const std::int64_t size = info_of(request.dtype).size;
  if (request.swapped || source_of(request) != request.dtype) return false;
  bool inner = true;
  for (std::size_t i = order.size(); i-- > 0;) {
    const ArrayAxis& axis = request.axes[order[i]];
    if (axis.size <= 1) continue;
    if (axis.stride % size != 0 || (inner && axis.stride != size)) return false;
    inner = false;
  }
  return request.order.empty();
}

/// The array as it lies in memory, neighbouring axes merged where they go on.
std::vector<SourceAxis> source_axes(const Request& request, const std::vector<std::size_t>& order) {
  std::vector<SourceAxis> axes;
  const auto stride_of = [](const auto& strides, std::size_t a) { return strides ? (*strides)[a] : 0; };
  const auto goes_on = [](std::int64_t outer, std::int64_t size, std::int64_t inner) {
    return outer == saturating_mul(size, inner);
  };
  const auto add = [&](const SourceAxis& axis) {
    const std::int64_t pixels = axis.size / axis.pixel;
    if (!axes.empty() && goes_on(axes.back().stride, axis.size, axis.stride) &&
        goes_on(axes.back().mask_stride, pixels, axis.mask_stride) &&
        goes_on(axes.back().weight_stride, pixels, axis.weight_stride)) {
      const std::int64_t size = checked_mul(axes.back().size, axis.size);
      axes.back() = axis;
      axes.back().size = size;
    } else {
      axes.push_back(axis);
    }
  };
  for (const std::size_t a : order) {
    if (request.axes[a].size == 1) continue;
    add({request.axes[a].size, request.axes[a].stride, stride_of(request.mask, a), stride_of(request.cell_weights, a)});
  }
  // What lies beside the pixels of a row, and not beside each of their elements.
  if (axes.size() > 1) {
    const SourceAxis inner = axes.back(), pixels = axes[axes.size() - 2];
    if (inner.mask_stride == 0 && inner.weight_stride == 0 && goes_on(pixels.stride, inner.size, inner.stride)) {
      axes.resize(axes.size() - 2);
      add({checked_mul(pixels.size, inner.size), inner.stride, pixels.mask_stride, pixels.weight_stride, inner.size});
    }
  }
  if (axes.empty()) axes.push_back({1, 0, 0, 0});
  return axes;
}

/// Axes in memory order, without those of a single cell, neighbours merged where they can be.
std::vector<NormalAxis> normal_axes(const Request& request, const std::vector<std::size_t>& order,
                                    const std::vector<std::int64_t>& input_strides,
                                    const std::vector<std::int64_t>& result_strides) {
  std::vector<NormalAxis> axes;
  for (const std::size_t a : order) {
    const ArrayAxis& from = request.axes[a];
    NormalAxis axis{from.windows ? *from.windows : Windows::identity(from.size), input_strides[a], result_strides[a],
                    from.weight};
    const Windows& windows = axis.windows;
    if (windows.input() == 1) {  // its stride means nothing
      axis.input_stride = info_of(request.dtype).size;
      if (windows.outputs() == 1) {
        if (!windows.is_identity()) axes.insert(axes.begin(), axis);
        continue;
      }
    }
    axes.push_back(axis);
  }
  merge_neighbours(axes, false);
  merge_neighbours(axes, true);
  return axes;
}

/// Whether all outputs are copies of a single cell.
bool is_copied(const ArrayAxis& axis) {
  const Windows::Spread* const spread = axis.windows ? axis.windows->spread() : nullptr;
  return spread != nullptr && axis.size == 1 && spread->copies && spread->by == axis.windows->outputs() &&
         spread->windows.is_identity();
}

/// Transposed windows at a stride along a row slide over one that is made of it; on other axes they are listed.
SpreadRow spread_row(Request& request, const std::vector<std::size_t>& order) {
  std::int64_t pixel = 1;
  for (std::size_t i = order.size(); i-- > 0;) {
    ArrayAxis& axis = request.axes[order[i]];
    if (!axis.windows || axis.windows->is_identity()) {
      pixel = saturating_mul(pixel, axis.size);
      continue;
    }
    const Windows::Spread* const spread = axis.windows->spread();
    if (spread == nullptr || !are_pixels(pixel, info_of(request.dtype).size)) break;
    SpreadRow row{spread->by, spread->copies, pixel, axis.size, spread->windows.input()};
    // Axes of a single cell that lie next to each other are one.
    for (; is_copied(axis) && i > 0 && is_copied(request.axes[order[i - 1]]); --i) {
      ArrayAxis& other = request.axes[order[i - 1]];
      row.by = row.width = checked_mul(row.width, other.windows->outputs());
      other.windows = std::nullopt;
    }
    Windows windows = row.width == spread->windows.input() ? spread->windows : Windows::identity(row.width);
    axis.size = row.width;
    axis.windows = std::move(windows);
    return row;
  }
  return {};
}

/// Checks that every index fits its type, and tells how far those of one window may lie apart.
void choose_indices(NormalForm& form, const Request& request) {
  form.indices = request.indices;
  form.wide_indices = request.wide_indices;
  if (request.indices == Indices::none) return;
  if (request.op != Op::max && request.op != Op::min) throw std::invalid_argument("op must be max or min for indices");
  std::int64_t last = 0, apart = 0;
  for (const ArrayAxis& axis : request.axes) {
    if (axis.weight < 0) throw std::invalid_argument("weights must not be negative");
    const bool taps = request.indices == Indices::of_taps;
    if (taps && !axis.windows && axis.weight != 0)
      throw std::invalid_argument("weights must be 0 where none is pooled");
    const std::int64_t kernel = axis.windows ? axis.windows->taps() : 1;
    const std::int64_t reach = saturating_mul(kernel - 1, taps || !axis.windows ? 1 : axis.windows->step());
    last = std::min(most_int64 / 4, last) +
           saturating_mul(axis.weight, taps ? kernel - 1 : std::max<std::int64_t>(0, axis.size - 1));
    apart = std::min(most_int64 / 4, apart) + saturating_mul(axis.weight, reach);
  }
  if (last >= (request.wide_indices ? most_int64 / 4 : std::int64_t{1} << 31)) {
    throw std::invalid_argument("indices must fit their type");
  }
  form.far_indices = apart >= std::int64_t{1} << 31;
}

}  // namespace

NormalForm normal_form(const Request& asked, Reading reading) {
  NormalForm form{};
  Request request = asked;
  if (rounds_quotients(asked)) request.op = Op::average;
  form.op = request.op;
  form.dtype = request.dtype;
  form.result_dtype = result_dtype(request.op, request.dtype);
  if (!exists(request.op, request.dtype)) {
    throw std::invalid_argument("op must be one for " + std::string(info_of(request.dtype).name));
  }
  if (asked.op == Op::average_rounded) {
    const char kind = info_of(request.to_integer.dtype).kind;
    if (kind != 'i' && kind != 'u') throw std::invalid_argument("rounded averages must be integers");
    form.result_dtype = request.to_integer.dtype;
    form.to_integer = request.to_integer;
  }
  if (!converts(source_of(request), request.dtype)) {
    throw std::invalid_argument("elements of " + std::string(info_of(source_of(request)).name) + " cannot be read as " +
                                info_of(request.dtype).name);
  }
  std::vector<std::size_t> axes_in_order = request.order;
  std::sort(axes_in_order.begin(), axes_in_order.end());
  for (std::size_t i = 0; i < axes_in_order.size(); ++i) {
    if (axes_in_order.size() != request.axes.size() || axes_in_order[i] != i)
      throw std::invalid_argument("order must have each axis once");
  }
  const bool averages = request.op == Op::average || request.op == Op::average_rounded;
  const bool counts =
      request.op == Op::sum ? converts(DType::boolean, request.dtype) : averages && request.dtype == DType::boolean;
  if (request.present && !counts)
    throw std::invalid_argument("cells that are present are counted by sums of what bools convert to");
  const bool has_nans = info_of(source_of(request)).kind == 'f';
  form.source = {source_of(request),
                 request.swapped,
                 {},
                 request.mask.has_value(),
                 request.omit && has_nans && !surveys(request.op),
                 request.cell_weights.has_value(),
                 request.present,
                 {}};
  if (request.mask) form.mask_strides = *request.mask;
  if (request.cell_weights) form.weight_strides = *request.cell_weights;
  if (request.cell_weights && (request.dtype != DType::float64 || (request.op != Op::sum && request.op != Op::average)))
    throw std::invalid_argument("cells with weights are summed or averaged as float64");
  form.taps = 1;
  for (const ArrayAxis& axis : request.axes) {
    if (axis.windows) form.taps = saturating_mul(form.taps, std::min(axis.windows->kernel(), axis.windows->input()));
  }
  const DTypeInfo& info = info_of(form.dtype);
  form.to_integer.largest =
      std::ldexp(static_cast<double>(form.taps), 8 * static_cast<int>(info.size) - (info.kind == 'i' ? 1 : 0));
  form.steps = steps_of(form.op, form.dtype, form.taps);
  if (form.op == Op::average && form.steps.accumulator == Accumulator::sum_int64) form.result_dtype = DType::float64;
  form.averages = request.op == Op::average || request.op == Op::average_rounded;
  form.count_padding = request.count_padding;
  form.divisor = request.divisor;
  std::copy(std::begin(request.parameters), std::end(request.parameters), form.parameters);
  form.omit = request.omit || (request.mask && omits_masked(request.op));
  if (request.mask && omits_masked(request.op) && info_of(request.dtype).kind != 'f')
    throw std::invalid_argument("cells of surveys must be floats where a mask leaves some out");
  if (request.op == Op::quantile || request.op == Op::quantile_of_cells) {
    const auto [q, between] = request.parameters;
    if (!(q >= 0 && q <= 1)) throw std::invalid_argument("quantiles must be from 0 to 1");
    if (!(between >= 0 && between <= static_cast<double>(Between::midpoint)))
      throw std::invalid_argument("quantiles must lie between their neighbours in a known way");
  }

  choose_indices(form, request);

  for (const auto* const strides : {&request.mask, &request.cell_weights}) {
    if (*strides && (*strides)->size() != request.axes.size())
      throw std::invalid_argument("a mask and weights must have as many axes as the array");
  }
  const std::int64_t size = info_of(form.dtype).size;
  const std::int64_t result_size = info_of(form.result_dtype).size;
  std::int64_t input_bytes = size, result_bytes = result_size;
  for (const ArrayAxis& axis : request.axes) {
    if (axis.size < 0) throw std::invalid_argument("an axis must not have a negative size");
    if (axis.windows && axis.windows->input() != axis.size) throw std::invalid_argument("windows must fit their axis");
    if (axis.size > 1 && (axis.stride < -(most_int64 / 2) || axis.stride > most_int64 / 2))
      throw std::overflow_error("strides must fit 62 bits");
    form.input_shape.push_back(axis.size);
    form.input_strides.push_back(axis.stride);
    form.result_shape.push_back(axis.windows ? axis.windows->outputs() : axis.size);
    form.empty = form.empty || axis.size == 0;
    input_bytes = saturating_mul(input_bytes, axis.stride == 0 ? 1 : axis.size);
  }
  const std::vector<std::size_t> order = request.order.empty() ? memory_order(request.axes) : request.order;
  std::vector<std::int64_t> input_strides = form.input_strides;
  if (!form.empty) form.source.spread = spread_row(request, order);
  const bool changes = form.source.changes() || form.source.spread.by > 0;
  const bool in_place = reading == Reading::in_place && !changes && is_in_place(request, order);
  if (!form.empty && !in_place) {
    if (reading != Reading::of_a_copy) form.source.axes = source_axes(asked, order);
    std::int64_t bytes = size;
    for (std::size_t i = order.size(); i-- > 0;) {
      input_strides[order[i]] = bytes;
      bytes = checked_mul(bytes, request.axes[order[i]].size);
    }
  }
  form.result_strides.resize(order.size());
  for (std::size_t i = order.size(); i-- > 0;) {
    form.result_strides[order[i]] = result_bytes;
    result_bytes = checked_mul(result_bytes, std::max<std::int64_t>(1, form.result_shape[order[i]]));
  }
  form.traffic = input_bytes + std::min(result_bytes, most_int64 / 4);
  if (form.empty) return form;
  form.result_bytes = result_bytes;
  form.axes = normal_axes(request, order, input_strides, form.result_strides);
  return form;
}

bool fits_twice_its_width(const NormalForm& form) {
  const bool is_byte = form.dtype == DType::uint8 || form.dtype == DType::boolean,
             is_short = form.dtype == DType::uint16;
  const bool as_float = form.op == Op::average;
  if (!(as_float || form.op == Op::average_rounded) || !(is_byte || is_short)) return false;
  if (!as_float && form.result_dtype != (is_byte ? DType::uint8 : DType::uint16)) return false;
  // Times 2**16 the greatest sum that float32 divides: see RoundedQuotient.
  const bool to_even = as_float || form.to_integer.rounding == Rounding::half_even;
  const std::int64_t most = is_byte ? 256 : to_even ? 128 : 16;
  std::int64_t cells = 1;  // with those of the padding, which divisors count
  for (const NormalAxis& axis : form.axes) cells = saturating_mul(cells, axis.windows.kernel());
  const bool is_large = cells > 128 && form.dtype != DType::boolean;  // quotients by 1: see ByteQuotient
  const double fewest = is_large ? 2 : 1;
  const bool divides = form.divisor == 0 || (form.divisor >= fewest && form.divisor <= 256);
  return cells <= most && (as_float || is_short || divides);
}

}  // namespace tilepool
