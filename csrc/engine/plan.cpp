// HOW: orders and merges axes, picks the row and the loops, cuts rows into tiles.
#include "plan.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <string>

#include "scan_lists.hpp"

namespace tilepool {
namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

/// Products that are only compared: they stop where a few of them can still be added, instead of overflowing.
std::int64_t saturating_mul(std::int64_t a, std::int64_t b) {
  std::int64_t product;
  return __builtin_mul_overflow(a, b, &product) ? most / 4 : std::min(product, most / 4);
}

std::int64_t checked_mul(std::int64_t a, std::int64_t b) {
  std::int64_t product;
  if (__builtin_mul_overflow(a, b, &product)) throw std::overflow_error("the array is too big");
  return product;
}

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

/// Whether `outer` goes on where `inner` ends, in the input. (In the result all axes do, it is dense.)
bool is_dense(const PlanAxis& outer, const PlanAxis& inner, std::int64_t pixel_bytes) {
  return outer.input_stride == saturating_mul(inner.windows.input(), pixel_bytes);
}

/// Whether indices go on like that, too.
bool continues(const PlanAxis& outer, const PlanAxis& inner) {
  return outer.weight == saturating_mul(inner.windows.input(), inner.weight);
}

/// `outer` and `inner` as one axis, if they lie end to end and are both unpooled or both global, or if `inner` has
/// equal windows that fill it, so that an unpooled axis only repeats it.
std::optional<PlanAxis> merged(const PlanAxis& outer, const PlanAxis& inner, bool repeat) {
  if (!is_dense(outer, inner, inner.input_stride) || !continues(outer, inner)) return std::nullopt;
  const auto as_one = [&](const Windows& windows) {
    return PlanAxis{windows, inner.input_stride, inner.result_stride, inner.weight};
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

void merge_neighbours(std::vector<PlanAxis>& axes, bool repeat) {
  std::vector<PlanAxis> result;
  for (const PlanAxis& axis : axes) {
    const auto both = result.empty() ? std::nullopt : merged(result.back(), axis, repeat);
    if (both) result.pop_back();
    result.push_back(both ? *both : axis);
  }
  axes.swap(result);
}

/// Axes in memory order, without those of a single cell, neighbours merged where they can be.
std::vector<PlanAxis> normal_axes(const Request& request, const std::vector<std::size_t>& order,
                                  const std::vector<std::int64_t>& result_strides) {
  std::vector<PlanAxis> axes;
  for (const std::size_t a : order) {
    const ArrayAxis& from = request.axes[a];
    PlanAxis axis{from.windows ? *from.windows : Windows::identity(from.size), from.stride, result_strides[a],
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

/// Takes the row axis (and `inner`) off the end of `axes`.
void take_row(Plan& plan, std::vector<PlanAxis>& axes) {
  const std::int64_t size = info_of(plan.dtype).size;
  const std::int64_t result_size = info_of(plan.result_dtype).size;
  plan.inner = 1;
  if (axes.empty()) {
    plan.row = {Windows::identity(1), size, result_size, 0};
    return;
  }
  plan.row = axes.back();
  axes.pop_back();
  if (plan.row.input_stride != size) {
    throw std::invalid_argument("the axis that is innermost in memory must have unit stride");
  }
  // Pixels of a page or more are rows of their own; smaller ones form rows with the pooled axis outside of them.
  constexpr std::int64_t largest_pixel_bytes = 4096;
  const std::int64_t elements = plan.row.windows.input();
  if (plan.row.windows.is_identity() && !axes.empty() && !axes.back().windows.is_identity() &&
      is_dense(axes.back(), plan.row, size) && elements * size < largest_pixel_bytes) {
    plan.inner = elements;
    plan.inner_weight = plan.row.weight;
    plan.row = axes.back();
    axes.pop_back();
  }
}

/// Takes the column axis off `axes`: the one with the largest windows worth scanning, else the innermost.
void take_column(Plan& plan, std::vector<PlanAxis>& axes) {
  plan.column = {Windows::identity(1), 0, 0, 0};
  plan.slides = false;
  if (axes.empty()) return;
  std::size_t column = axes.size() - 1;
  for (std::size_t a = axes.size(); a-- > 0;) {
    if (!worth_scanning(axes[a].windows) || plan.indices != Indices::none || surveys(plan.op)) continue;
    if (!plan.slides || axes[a].windows.kernel() > axes[column].windows.kernel()) column = a;
    plan.slides = true;
  }
  plan.column = axes[column];
  axes.erase(axes.begin() + static_cast<std::ptrdiff_t>(column));
}

std::int64_t most_taps(const PlanAxis& axis) { return std::min(axis.windows.kernel(), axis.windows.input()); }

/// What windows of the row axis reach beyond the input in front and behind.
std::int64_t border(const Windows& windows) {
  const std::int64_t behind = windows.stop(windows.outputs() - 1) - windows.input();
  return std::max<std::int64_t>(0, -windows.start(0)) + std::max<std::int64_t>(0, behind);
}

/// How windows along a row of pixels are put together, of which those of `least` taps are worth it. The last doubling
/// is left to the pass that writes the results where that pass can do it: where windows are neighbours and two halves,
/// which overlap for max and min, make a whole.
Parts parts_of(Op op, const Windows& windows, bool in_blocks, std::int64_t least) {
  const std::int64_t kernel = windows.kernel();
  if (kernel < least || kernel / 4 < windows.stride()) return {1, kernel, 1};
  const bool idempotent = op == Op::max || op == Op::min || op == Op::max_magnitude;
  if (in_blocks || windows.stride() > 1 || (!idempotent && kernel % 2 != 0)) return {kernel, 1, 1};
  std::int64_t taps = kernel / 2;
  if (idempotent) {
    for (taps = 1; taps < kernel - taps;) taps *= 2;
  }
  return {taps, 2, kernel - taps};
}

/// Whether taps that lie so many bytes apart are better combined in blocks than by doubling: their cost does not grow,
/// and vectors have no neighbours to share. No window may be empty.
bool better_in_blocks(const Windows& windows, std::int64_t bytes) {
  constexpr std::int64_t widest_vector = 64, most_at_once = 7;
  return windows.step() == 1 && windows.at(windows.outputs() - 1).count > 0 && windows.kernel() > most_at_once &&
         bytes >= widest_vector;
}

/// Whether all windows of an axis have the same divisor, clipped or not.
bool is_uniform(const Plan& plan, const Windows& windows) {
  if (!plan.averages || plan.divisor != 0) return true;
  const auto divisor = [&](std::int64_t o) { return plan.count_padding ? windows.at(o).size : windows.at(o).count; };
  return divisor(0) == windows.kernel() && divisor(windows.outputs() - 1) == windows.kernel();
}

/// Whether whole planes can be pooled as one row: windows keep its width, and the lines of the input and of the result
/// lie end to end. `across` is the product of the taps of the line axes.
bool can_be_endless(const Plan& plan, std::int64_t across) {
  constexpr std::int64_t most_rows = 9, longest_row = 32 << 10, widest_border = 1 << 20;
  const Windows &row = plan.row.windows, &column = plan.column.windows;
  const bool keeps = row.slide() && row.stride() == 1 && row.step() == 1 && endless_taps(row.kernel()) &&
                     row.start(0) == -(row.kernel() / 2) && row.outputs() == row.input();
  const bool dense = plan.column.input_stride == plan.row.input_stride * row.input() &&
                     plan.column.result_stride == plan.row.result_stride * row.outputs();
  const bool few = saturating_mul(across, column.kernel()) <= most_rows && border(column) <= widest_border &&
                   plan.column.input_stride <= longest_row;
  return has_planes(plan.op, plan.dtype) && plan.inner == 1 && keeps && dense && few && column.slide() &&
         column.stride() == 1 && is_uniform(plan, row) && is_uniform(plan, column);
}

/// Whether every window sees a cell.
bool never_empty(const Windows& windows) {
  for (std::int64_t o = 0; o < windows.outputs(); ++o) {
    if (windows.at(o).count == 0) return false;
  }
  return true;
}

/// How many bundles pool the planes, or 0: where rows are short, the vectors of all other loops are half empty. (Xeon
/// with AVX-512, float32: a tenth to three quarters of the time for planes of 7 x 7 to 20 x 20. The others take about
/// as long where a row has 16 bytes for each tap of the row and of the column kernel, or 32 where windows overlap at a
/// stride.)
std::int64_t bundles_of(const Plan& plan) {
  constexpr std::int64_t most_cells = 4096, row_bytes_per_tap = 16;
  const Windows &row = plan.row.windows, &column = plan.column.windows;
  const std::int64_t size = acc_size(plan.op, plan.dtype), planes = cell_bytes / size;
  if (!has_planes(plan.op, plan.dtype) || plan.inner > 1 || plan.line_count < planes || column.is_identity()) return 0;
  for (const PlanAxis& axis : plan.lines) {
    if (!axis.windows.is_identity()) return 0;
  }
  const bool read_again = row.stride() > 1 && row.kernel() > row.stride();
  const std::int64_t taps = saturating_mul(row.kernel() + column.kernel(), read_again ? 2 : 1);
  const std::int64_t cells = saturating_mul(row.input(), column.input());
  const std::int64_t between = saturating_mul(row.input(), column.outputs());
  const std::int64_t results = saturating_mul(row.outputs(), column.outputs());
  const bool is_small = std::max({cells, between, results}) <= most_cells && std::min(cells, results) >= planes;
  const bool is_dense = plan.column.input_stride == plan.row.input_stride * row.input() &&
                        plan.column.result_stride == plan.row.result_stride * row.outputs();
  if (!is_small || !is_dense || row.input() * size > saturating_mul(row_bytes_per_tap, taps)) return 0;
  return never_empty(row) && never_empty(column) ? (plan.line_count - 1) / planes + 1 : 0;
}

void choose_loops(Plan& plan) {
  std::int64_t rows = 1;
  for (const PlanAxis& axis : plan.lines) rows = saturating_mul(rows, most_taps(axis));
  const bool endless = can_be_endless(plan, rows);
  rows = saturating_mul(rows, most_taps(plan.column));
  if (plan.indices != Indices::none || surveys(plan.op)) {  // every tap of every window is looked at, in order
    plan.across = {1, plan.row.windows.kernel(), 1};
    plan.unclipped = !surveys(plan.op) && plan.inner == 1 && plan.row.windows.slide();
    plan.survey.single = plan.inner == 1 && plan.row.windows.outputs() == 1;
    if (surveys(plan.op)) {
      plan.survey_bytes =
          survey_bytes(std::min(most / 128, saturating_mul(rows, most_taps(plan.row))), plan.survey.single);
    }
    return;
  }
  const Windows& windows = plan.row.windows;
  const std::int64_t kernel = windows.kernel(), stride = windows.stride();
  const bool single = windows.outputs() == 1;
  const std::int64_t limit = taps_limit(plan.op, plan.dtype);
  if (saturating_mul(rows, most_taps(plan.row)) > limit) {
    throw std::invalid_argument("sums of " + std::string(info_of(plan.dtype).name) + " must have at most " +
                                std::to_string(limit) + " taps");
  }

  plan.bundles = endless && kernel == 3 ? 0 : bundles_of(plan);
  if (plan.bundles > 0) {
    plan.across = {1, kernel, 1};
    plan.slides = false;
    return;
  }
  if (endless) {
    plan.endless = true;
    plan.across = {1, kernel, 1};
    plan.slides = false;
    return;
  }

  // Few long windows are added up one by one; many overlapping ones share their sums by doubling.
  const bool borderable = windows.slide() && border(windows) <= saturating_mul(4, windows.input()) + 1024;
  plan.long_windows = plan.inner == 1 && windows.step() == 1 && kernel >= 16 &&
                      (single || (stride > 4 && kernel < saturating_mul(4, stride)));
  const bool doubled = !plan.long_windows && !single && borderable;
  const bool in_blocks = better_in_blocks(windows, plan.inner * acc_size(plan.op, plan.dtype));
  plan.across = parts_of(plan.op, windows, in_blocks, doubled ? 8 : kernel + 1);
  plan.row_blocks = in_blocks && plan.across.taps > 1;

  // Loads and stores per vector of outputs, with and without a buffer; strides 2 to 4 load whole groups of taps.
  const bool grouped = plan.inner == 1 && stride > 1 && stride <= 4;
  const std::int64_t taps = grouped ? saturating_mul((kernel - 1) / stride + 1, stride) : kernel;
  const std::int64_t buffered_cost = saturating_mul(rows + 1, single ? 1 : stride) + taps;
  // Long rows that need no conversion are better pooled while they are read. (EPYC of the Zen 4 kind, 3 x 3 windows at
  // stride 1: 0.8 of the time for rows of 4 KiB and more, 1.2 to 1.4 for rows of 100 elements.)
  constexpr std::int64_t long_row = 4096;
  const std::int64_t size = info_of(plan.dtype).size;
  const bool at_once =
      saturating_mul(windows.outputs(), plan.inner * size) >= long_row && acc_size(plan.op, plan.dtype) == size;
  const bool cheaper = saturating_mul(rows, taps) > buffered_cost + (at_once ? 2 : 0);
  plan.buffered =
      plan.slides || plan.across.taps > 1 || rows > pool_rows_limit || (rows > 1 && (cheaper || plan.long_windows));
  plan.bordered = plan.buffered && borderable && !plan.row_blocks;
  plan.unclipped =
      plan.bordered || plan.row_blocks ||
      (!plan.buffered && plan.inner == 1 && windows.slide() && !plan.long_windows && is_uniform(plan, windows));

  // Small planes fit the first-level cache: whole blocks are combined flat, without row ends.
  constexpr std::int64_t most_cells = 16 << 10;
  const Windows& column = plan.column.windows;
  const std::int64_t padded = saturating_mul(column.input() + std::min(border(column), most_cells),
                                             (windows.input() + std::min(border(windows), most_cells)) * plan.inner);
  plan.planes = (plan.bordered || plan.row_blocks) && column.slide() && column.stride() == 1 && column.kernel() > 1 &&
                column.outputs() > 1 && saturating_mul(padded, acc_size(plan.op, plan.dtype)) <= most_cells;
  plan.slides = plan.slides && !plan.planes;
  if (plan.planes && plan.inner == 1) plan.across = parts_of(plan.op, windows, false, doubled ? 5 : kernel + 1);
}

/// Checks that every index fits its type, and tells how far those of one window may lie apart.
void choose_indices(Plan& plan, const Request& request) {
  plan.indices = request.indices;
  plan.wide_indices = request.wide_indices;
  if (request.indices == Indices::none) return;
  if (request.op != Op::max && request.op != Op::min) throw std::invalid_argument("op must be max or min for indices");
  std::int64_t last = 0, apart = 0;
  for (const ArrayAxis& axis : request.axes) {
    if (axis.weight < 0) throw std::invalid_argument("weights must not be negative");
    const bool taps = request.indices == Indices::of_taps;
    if (taps && !axis.windows && axis.weight != 0)
      throw std::invalid_argument("weights must be 0 where none is pooled");
    const std::int64_t kernel = axis.windows ? axis.windows->kernel() : 1;
    const std::int64_t reach = saturating_mul(kernel - 1, taps || !axis.windows ? 1 : axis.windows->step());
    last = std::min(most / 4, last) +
           saturating_mul(axis.weight, taps ? kernel - 1 : std::max<std::int64_t>(0, axis.size - 1));
    apart = std::min(most / 4, apart) + saturating_mul(axis.weight, reach);
  }
  if (last >= (request.wide_indices ? most / 4 : std::int64_t{1} << 31)) {
    throw std::invalid_argument("indices must fit their type");
  }
  plan.far_indices = apart >= std::int64_t{1} << 31;
}

/// Tiles keep buffers in the first-level cache (those of block suffixes in the second) and give threads parts of one
/// long row. A tile is at least as long as two windows, so that neighbours share little.
void choose_tiles(Plan& plan) {
  constexpr std::int64_t direct_bytes = 64 << 10, buffer_bytes = 16 << 10, block_bytes = 1 << 20, least_bytes = 8 << 10;
  const Windows& windows = plan.row.windows;
  const std::int64_t outputs = windows.outputs(), reach = windows.extent(1);
  std::int64_t bytes = plan.buffered ? buffer_bytes : direct_bytes;
  const Windows& column = plan.column.windows;
  plan.slots = plan.slides ? std::min(column.outputs(), (column.kernel() - 1) / column.stride() + 1) : 0;
  if (plan.slides) bytes = std::clamp(block_bytes / plan.slots, least_bytes, bytes);
  const std::int64_t element = plan.buffered ? acc_size(plan.op, plan.dtype) : info_of(plan.dtype).size;
  const std::int64_t pixels = std::max(bytes / (element * plan.inner), saturating_mul(2, reach));
  const std::int64_t fitting = std::max<std::int64_t>(1, pixels / windows.stride());
  plan.tiles = (outputs - 1) / fitting + 1;
  plan.tile_outputs = (outputs - 1) / plan.tiles + 1;
  plan.tiles = (outputs - 1) / plan.tile_outputs + 1;
  // Gigantic windows must not take gigantic memory: blocks are made in parts, each of which reads the block's rows
  // again.
  constexpr std::int64_t most_block_bytes = 32 << 20;
  const std::int64_t row_bytes = saturating_mul(windows.extent(plan.tile_outputs), element * plan.inner);
  plan.slots = std::min(plan.slots, most_block_bytes / row_bytes + 1);
}

/// Adds a run of outputs to the spans: to the last one where the run continues it.
void append(std::vector<Span>& spans, const Span& next, std::int64_t stride) {
  if (!spans.empty()) {
    Span& last = spans.back();
    if (last.count == next.count && last.divisor == next.divisor &&
        next.first == last.first + (next.begin - last.begin) * stride) {
      last.end = next.end;
      return;
    }
  }
  spans.push_back(next);
}

}  // namespace

Plan make_plan(const Request& request) {
  Plan plan{};
  plan.op = request.op;
  plan.dtype = request.dtype;
  plan.result_dtype = result_dtype(request.op, request.dtype);
  if (!exists(request.op, request.dtype)) {
    throw std::invalid_argument("op must be one for " + std::string(info_of(request.dtype).name));
  }
  if (request.op == Op::average_rounded) {
    if (request.to_integer.is_unsigned) plan.result_dtype = DType::uint64;
    plan.to_integer = request.to_integer;
  }
  plan.averages = request.op == Op::average || request.op == Op::average_rounded;
  plan.count_padding = request.count_padding;
  plan.divisor = request.divisor;
  plan.survey = {request.op, {request.parameters[0], request.parameters[1]}, request.omit, false, nullptr};
  if (request.op == Op::quantile || request.op == Op::quantile_of_cells) {
    const auto [q, between] = request.parameters;
    if (!(q >= 0 && q <= 1)) throw std::invalid_argument("quantiles must be from 0 to 1");
    if (!(between >= 0 && between <= static_cast<double>(Between::midpoint)))
      throw std::invalid_argument("quantiles must lie between their neighbours in a known way");
  }

  choose_indices(plan, request);

  const std::int64_t size = info_of(plan.dtype).size;
  const std::int64_t result_size = info_of(plan.result_dtype).size;
  std::int64_t input_bytes = size, result_bytes = result_size;
  for (const ArrayAxis& axis : request.axes) {
    if (axis.size < 0) throw std::invalid_argument("an axis must not have a negative size");
    if (axis.windows && axis.windows->input() != axis.size) throw std::invalid_argument("windows must fit their axis");
    if (axis.size > 1 && (axis.stride < -(most / 2) || axis.stride > most / 2))
      throw std::overflow_error("strides must fit 62 bits");
    plan.input_shape.push_back(axis.size);
    plan.input_strides.push_back(axis.stride);
    plan.result_shape.push_back(axis.windows ? axis.windows->outputs() : axis.size);
    plan.empty = plan.empty || axis.size == 0;
    input_bytes = saturating_mul(input_bytes, axis.stride == 0 ? 1 : axis.size);
  }
  const std::vector<std::size_t> order = memory_order(request.axes);
  plan.result_strides.resize(order.size());
  for (std::size_t i = order.size(); i-- > 0;) {
    plan.result_strides[order[i]] = result_bytes;
    result_bytes = checked_mul(result_bytes, std::max<std::int64_t>(1, plan.result_shape[order[i]]));
  }
  plan.traffic = input_bytes + std::min(result_bytes, most / 4);
  if (plan.empty) return plan;

  std::vector<PlanAxis> axes = normal_axes(request, order, plan.result_strides);
  take_row(plan, axes);
  take_column(plan, axes);
  plan.lines = std::move(axes);
  plan.line_count = 1;
  for (const PlanAxis& axis : plan.lines) plan.line_count = checked_mul(plan.line_count, axis.windows.outputs());
  // Results that no last-level cache would keep, in rows of a page and more. (2 x 2 averages of 8192 x 8192 on a Xeon:
  // 0.83 to 0.9 of the time. Rows of 28 elements would take six times as long.)
  constexpr std::int64_t least_streamed = 32 << 20, least_row = 4096;
  plan.streams = result_bytes >= least_streamed &&
                 saturating_mul(plan.row.windows.outputs(), plan.inner * result_size) >= least_row;
  choose_loops(plan);
  choose_tiles(plan);
  checked_mul(checked_mul(plan.line_count, plan.tiles), plan.column.windows.outputs());  // the work to be split
  return plan;
}

Widening widening_down(const Plan& plan, std::int64_t from, std::int64_t pitch) {
  const Windows& windows = plan.column.windows;
  const std::int64_t kernel = windows.kernel();
  const bool in_blocks = better_in_blocks(windows, pitch * acc_size(plan.op, plan.dtype));
  return {kernel, windows.step() * pitch, in_blocks, from * windows.stride() % kernel, 0, 0};
}

void make_row_tile(const Plan& plan, std::int64_t index, RowTile& tile) {
  const Windows& windows = plan.row.windows;
  const std::int64_t begin = index * plan.tile_outputs, end = std::min(windows.outputs(), begin + plan.tile_outputs);
  const std::int64_t seen_begin = windows.start(begin), seen_end = windows.stop(end - 1);
  const auto inside = [&](std::int64_t at) { return std::clamp<std::int64_t>(at, 0, windows.input()); };
  tile.output_begin = begin;
  tile.input_begin = inside(seen_begin);
  tile.input_width = inside(seen_end) - tile.input_begin;
  tile.before = plan.bordered ? std::max<std::int64_t>(0, tile.input_begin - seen_begin) : 0;

  // A divisor may differ, whether windows are clipped or not.
  const bool beyond = plan.bordered || plan.row_blocks;
  const std::int64_t origin = beyond ? seen_begin : tile.input_begin;
  const bool whole = plan.unclipped && (!plan.averages || plan.divisor != 0);
  const auto span = [&](std::int64_t from, std::int64_t to) {
    const Window window = windows.at(from);
    const std::int64_t divisor = plan.count_padding ? window.size : window.count;
    const std::int64_t taps = plan.unclipped ? plan.across.parts : window.count;
    return Span{from - begin, to - begin, (plan.unclipped ? windows.start(from) : window.first) - origin, taps,
                !plan.averages || plan.divisor != 0 ? 1.0 : static_cast<double>(divisor)};
  };
  tile.spans.clear();
  const Outputs interior = windows.interior();
  for (std::int64_t o = begin; o < end;) {
    const bool run = whole || (o >= interior.begin && o < interior.end);
    const std::int64_t next = whole ? end : run ? std::min(end, interior.end) : o + 1;
    append(tile.spans, span(o, next), windows.stride());
    o = next;
  }
  tile.along = {plan.inner,
                windows.stride(),
                windows.step() * plan.across.hop,
                beyond ? seen_end - seen_begin : tile.input_width,
                plan.streams,
                plan.long_windows,
                plan.to_integer,
                {plan.across.taps, windows.step() * plan.inner, plan.row_blocks, 0, tile.input_begin - seen_begin,
                 tile.input_width},
                tile.spans.data(),
                static_cast<std::int64_t>(tile.spans.size())};
}

}  // namespace tilepool
