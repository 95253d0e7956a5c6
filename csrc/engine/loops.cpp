// HOW: which loops pool a plan, and how long its tiles are.
#include "loops.hpp"

#include <algorithm>

namespace tilepool {
namespace {

std::int64_t most_taps(const PlanAxis& axis) { return std::min(axis.windows.kernel(), axis.windows.input()); }

/// What windows of the row axis reach beyond the input in front and behind.
std::int64_t border(const Windows& windows) {
  const std::int64_t behind = windows.stop(windows.outputs() - 1) - windows.input();
  return std::max<std::int64_t>(0, -windows.start(0)) + std::max<std::int64_t>(0, behind);
}

/// Whether windows may be taken as whole ones: what they reach beyond the input is little beside it.
bool borderable(const Windows& windows) {
  return windows.slide() && border(windows) <= saturating_mul(4, windows.input()) + 1024;
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

/// Whether the rows of a plane lie end to end, in the input and in the result.
bool has_dense_planes(const Plan& plan) {
  return plan.column.input_stride == plan.row.input_stride * plan.row.windows.input() &&
         plan.column.result_stride == plan.row.result_stride * plan.row.windows.outputs();
}

/// Whether whole planes can be pooled as one row: windows keep its width, and the lines of the input and of the result
/// lie end to end. `across` is the product of the taps of the line axes.
bool can_be_endless(const Plan& plan, std::int64_t across) {
  constexpr std::int64_t most_rows = 9, longest_row = 32 << 10, widest_border = 1 << 20;
  const Windows &row = plan.row.windows, &column = plan.column.windows;
  const bool keeps = row.slide() && row.stride() == 1 && row.step() == 1 && endless_taps(row.kernel()) &&
                     row.start(0) == -(row.kernel() / 2) && row.outputs() == row.input();
  const bool few = saturating_mul(across, column.kernel()) <= most_rows && border(column) <= widest_border &&
                   plan.column.input_stride <= longest_row;
  return has_planes(plan.op, plan.dtype) && plan.inner == 1 && keeps && has_dense_planes(plan) && few &&
         column.slide() && column.stride() == 1 && is_uniform(plan, row) && is_uniform(plan, column);
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
/// stride; by more than one tap, if none of them is clipped.)
std::int64_t bundles_of(const Plan& plan) {
  constexpr std::int64_t most_cells = 4096, row_bytes_per_tap = 16;
  const Windows &row = plan.row.windows, &column = plan.column.windows;
  const std::int64_t size = acc_size(plan), planes = cell_bytes / size;
  if (!has_planes(plan.op, plan.dtype) || plan.inner > 1 || plan.line_count < planes || column.is_identity()) return 0;
  for (const PlanAxis& axis : plan.lines) {
    if (!axis.windows.is_identity()) return 0;
  }
  const bool read_again = row.stride() > 1 && row.kernel() > row.stride() + (border(row) > 0 ? 0 : 1);
  const std::int64_t taps = saturating_mul(row.kernel() + column.kernel(), read_again ? 2 : 1);
  const std::int64_t cells = saturating_mul(row.input(), column.input());
  const std::int64_t between = saturating_mul(row.input(), column.outputs());
  const std::int64_t results = saturating_mul(row.outputs(), column.outputs());
  const bool is_small = std::max({cells, between, results}) <= most_cells && std::min(cells, results) >= planes;
  if (!is_small || !has_dense_planes(plan) || row.input() * size > saturating_mul(row_bytes_per_tap, taps)) return 0;
  return never_empty(row) && never_empty(column) ? (plan.line_count - 1) / planes + 1 : 0;
}

/// Indices and surveys: nothing is shared between windows.
bool looks_at_each_tap(const Plan& plan) { return plan.indices != Indices::none || surveys(plan.op); }

/// Buffers of a thread, if they are to be no larger than this, have room for so many rows.
constexpr std::int64_t most_scratch_bytes = 32 << 20;

std::int64_t row_bytes(const Plan& plan) {
  const std::int64_t pixel = plan.inner * acc_size(plan);
  return saturating_mul(plan.piece > 0 ? plan.piece : plan.row.windows.extent(plan.tile_outputs), pixel) + buffer_slack;
}

/// A window that is alone in its row need not be buffered as a whole: its pieces are combined with each other first.
std::int64_t piece_of(const Plan& plan) {
  constexpr std::int64_t bytes = 256 << 10;
  const Windows& windows = plan.row.windows;
  const std::int64_t pixel = plan.inner * acc_size(plan), count = windows.at(0).count;
  const std::int64_t longest = plan.wide ? bytes : most_scratch_bytes / 4;
  if (!plan.buffered || plan.slides || windows.outputs() > 1 || windows.step() > 1) return 0;
  return count <= longest / pixel ? 0 : std::max<std::int64_t>(1, bytes / pixel);
}

/// Work is counted in bytes of traffic that would take as long. Strides of 0 are no traffic, but work.
void estimate_work(Plan& plan) {
  const std::int64_t taps = plan.taps;
  const std::int64_t row_outputs = saturating_mul(plan.row.windows.outputs(), plan.inner);
  const std::int64_t rows = saturating_mul(plan.line_count, plan.column.windows.outputs());
  std::int64_t bytes;  // for each tap of each window
  if (surveys(plan.op)) {
    bytes = 16;
  } else if (plan.indices != Indices::none) {
    bytes = 4;
  } else {
    // Rows that are combined for each output row lie in a cache, where they are read some times as fast.
    const std::int64_t cells = saturating_mul(plan.row.windows.input(), plan.inner * info_of(plan.dtype).size);
    const std::int64_t seen = plan.slides || plan.bundles > 0 || plan.planes ? 1 : taps / most_taps(plan.row);
    plan.work = std::max(plan.traffic, saturating_mul(saturating_mul(rows, cells), (seen + 3) / 4));
    return;
  }
  plan.work = std::max(plan.traffic, saturating_mul(saturating_mul(rows, row_outputs), saturating_mul(taps, bytes)));
}

}  // namespace

void choose_loops(Plan& plan) {
  std::int64_t rows = 1;
  for (const PlanAxis& axis : plan.lines) rows = saturating_mul(rows, most_taps(axis));
  const bool endless = can_be_endless(plan, rows);
  rows = saturating_mul(rows, most_taps(plan.column));
  if (looks_at_each_tap(plan)) {  // in order
    plan.across = {1, plan.row.windows.kernel(), 1};
    plan.unclipped = !surveys(plan.op) && plan.inner == 1 && borderable(plan.row.windows);
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

  plan.bundles = plan.wide || (endless && kernel == 3) ? 0 : bundles_of(plan);
  if (plan.bundles > 0) {
    plan.across = {1, kernel, 1};
    plan.slides = false;
    return;
  }
  if (endless && !plan.wide) {
    plan.endless = true;
    plan.across = {1, kernel, 1};
    plan.slides = false;
    return;
  }

  // Few long windows are added up one by one; many overlapping ones share their sums by doubling.
  plan.long_windows = plan.inner == 1 && windows.step() == 1 && kernel >= 16 &&
                      (single || (stride > 4 && kernel < saturating_mul(4, stride)));
  const bool doubled = !plan.long_windows && !single && borderable(windows);
  const bool in_blocks = borderable(windows) && better_in_blocks(windows, plan.inner * acc_size(plan));
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
  const bool at_once = saturating_mul(windows.outputs(), plan.inner * size) >= long_row && acc_size(plan) == size;
  const bool cheaper = saturating_mul(rows, taps) > buffered_cost + (at_once ? 2 : 0);
  // A direct row is pooled in one go: not one that takes tenths of a second.
  constexpr std::int64_t longest_direct = 256 << 20;
  const bool too_long =
      single && windows.step() == 1 && saturating_mul(windows.at(0).count, plan.inner * size) > longest_direct;
  plan.buffered = too_long || plan.slides || plan.wide || plan.across.taps > 1 || rows > pool_rows_limit ||
                  (rows > 1 && (cheaper || plan.long_windows));
  plan.bordered = plan.buffered && borderable(windows) && !plan.row_blocks;
  plan.unclipped =
      plan.bordered || plan.row_blocks ||
      (!plan.buffered && plan.inner == 1 && borderable(windows) && !plan.long_windows && is_uniform(plan, windows));

  // Small planes fit the first-level cache: whole blocks are combined flat, without row ends.
  constexpr std::int64_t most_cells = 16 << 10;
  const Windows& column = plan.column.windows;
  const std::int64_t padded = saturating_mul(column.input() + std::min(border(column), most_cells),
                                             (windows.input() + std::min(border(windows), most_cells)) * plan.inner);
  plan.planes = (plan.bordered || plan.row_blocks) && column.slide() && column.stride() == 1 && column.kernel() > 1 &&
                column.outputs() > 1 && saturating_mul(padded, acc_size(plan)) <= most_cells && !plan.wide;
  plan.slides = plan.slides && !plan.planes;
  if (plan.planes && plan.inner == 1) plan.across = parts_of(plan.op, windows, false, doubled ? 5 : kernel + 1);
}

void choose_tiles(Plan& plan) {
  constexpr std::int64_t direct_bytes = 64 << 10, buffer_bytes = 16 << 10, block_bytes = 1 << 20, least_bytes = 8 << 10;
  const Windows& windows = plan.row.windows;
  const std::int64_t outputs = windows.outputs(), reach = windows.extent(1);
  std::int64_t bytes = plan.buffered ? buffer_bytes : direct_bytes;
  const Windows& column = plan.column.windows;
  plan.slots = plan.slides ? std::min(column.outputs(), (column.kernel() - 1) / column.stride() + 1) : 0;
  if (plan.slides) bytes = std::clamp(block_bytes / plan.slots, least_bytes, bytes);
  const std::int64_t element = plan.buffered ? acc_size(plan) : info_of(plan.dtype).size;
  const std::int64_t pixels = std::max(bytes / (element * plan.inner), saturating_mul(2, reach));
  plan.piece = piece_of(plan);
  std::int64_t fitting = std::max<std::int64_t>(1, pixels / windows.stride());
  // Where every tap is looked at for every output, a tile takes some hundredths of a second at most, so that threads
  // share few large windows and a call can be given up between them; but it fills the lanes of a vector.
  constexpr std::int64_t most_taps_of_tile = 1 << 22, lanes = 64;
  if (looks_at_each_tap(plan)) fitting = std::min(fitting, most_taps_of_tile / plan.taps / plan.inner + lanes);
  if (plan.endless || plan.bundles > 0) fitting = outputs;  // these do not look at tiles
  plan.tiles = (outputs - 1) / fitting + 1;
  plan.tile_outputs = (outputs - 1) / plan.tiles + 1;
  plan.tiles = (outputs - 1) / plan.tile_outputs + 1;
  // Gigantic windows must not take gigantic memory: blocks are made in parts, each of which reads the block's rows
  // again, and their rows are not listed.
  constexpr std::int64_t most_listed = 1 << 19;
  plan.slots =
      std::clamp<std::int64_t>(most_scratch_bytes / row_bytes(plan) - 4, 1, std::max<std::int64_t>(1, plan.slots));
  if (!plan.slides) plan.slots = 0;
  plan.long_lists = plan.slides && (plan.wide || plan.taps / most_taps(plan.row) > most_listed);
  estimate_work(plan);
}

bool takes_wide_rows(const Plan& plan) {
  // Four rows and more: see Worker::reserve. Sums of floats are kept where doubling adds them up: one after the other,
  // so many would not be exact.
  const bool adds = plan.op != Op::max && plan.op != Op::min && plan.op != Op::max_magnitude;
  if (!plan.buffered || plan.piece > 0 || (adds && info_of(plan.dtype).kind == 'f')) return false;
  return row_bytes(plan) > most_scratch_bytes / 4;
}

Widening widening_down(const Plan& plan, std::int64_t from, std::int64_t pitch) {
  const Windows& windows = plan.column.windows;
  const std::int64_t kernel = windows.kernel();
  const bool in_blocks = better_in_blocks(windows, pitch * acc_size(plan));
  return {kernel, windows.step() * pitch, in_blocks, from * windows.stride() % kernel, 0, 0};
}

}  // namespace tilepool
