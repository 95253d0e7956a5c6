// HOW: tiles, and the choice of a strategy.
#include "schedule.hpp"

#include <algorithm>
#include <cassert>

#include "pairs.hpp"

namespace tilepool {
namespace {

/// Buffers of a thread are no larger than this.
constexpr std::int64_t most_scratch_bytes = 32 << 20;

std::int64_t most_taps(const NormalAxis& axis) { return std::min(axis.windows.kernel(), axis.windows.input()); }

/// Whether windows may be taken as whole ones: what they reach beyond the input is little beside it.
bool borderable(const Windows& windows) {
  return windows.slide() && windows.border() <= saturating_mul(4, windows.input()) + 1024;
}

/// Whether a window of so many taps may be combined tap by tap.
bool may_be_chained(const NormalForm& form, std::int64_t taps) {
  return taps <= most_added || !rounds(form.steps.accumulator);
}

/// On how many levels sums of blocks of rows are kept, each at least one of `row_bytes`: see Cascade.
int cascade_levels(const NormalForm& form, std::int64_t rows, std::int64_t row_bytes) {
  if (may_be_chained(form, rows)) return 0;
  int levels = 2;
  for (std::int64_t blocks = rows / (most_added / 2); blocks > 1; blocks /= 2) ++levels;
  return static_cast<int>(std::clamp<std::int64_t>(most_scratch_bytes / 2 / row_bytes, 2, levels));
}

/// Whether taps that lie so many bytes apart are better combined in blocks than by doubling: their cost does not grow,
/// and vectors have no neighbours to share. No window may be empty.
bool better_in_blocks(const NormalForm& form, const Windows& windows, std::int64_t bytes) {
  constexpr std::int64_t widest_vector = 64, most_at_once = 7;
  return may_be_chained(form, windows.kernel()) && windows.step() == 1 && windows.at(windows.outputs() - 1).count > 0 &&
         windows.kernel() > most_at_once && bytes >= widest_vector;
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

// ---- strategies ----------------------------------------------------------------------------------------------------

/// What the choices below look at again and again.
struct Facts {
  Facts(const AxisRoles& s, const NormalForm& form)
      : acc(acc_size(form)), size(info_of(form.dtype).size), pixel(s.inner * acc) {
    for (const NormalAxis& axis : s.outer) {
      plane_taps = saturating_mul(plane_taps, most_taps(axis));
      crosses_planes = crosses_planes || axis.windows.kernel() > 1;
      pools_planes = pools_planes || !axis.windows.is_identity();
    }
    rows = saturating_mul(plane_taps, most_taps(s.column));
  }
  std::int64_t acc, size, pixel;                      // bytes of an accumulator, an element, a buffered pixel
  std::int64_t plane_taps = 1, rows = 1;              // taps of a window on the outer axes, and on these and the column
  bool crosses_planes = false, pools_planes = false;  // several of them; the outer axes are pooled at all
};

/// Whether all windows of an axis have the same divisor, clipped or not.
bool is_uniform(const NormalForm& form, const Windows& windows) {
  if (!form.averages || form.divisor != 0) return true;
  const auto divisor = [&](std::int64_t o) { return form.count_padding ? windows.at(o).size : windows.at(o).count; };
  return divisor(0) == windows.kernel() && divisor(windows.outputs() - 1) == windows.kernel();
}

/// Whether the rows of a plane lie end to end, in the input and in the result.
bool has_dense_planes(const Schedule& s) {
  return s.column.input_stride == s.row.input_stride * s.row.windows.input() &&
         s.column.result_stride == s.row.result_stride * s.row.windows.outputs();
}

/// Whether whole planes can be pooled as one row: windows keep its width, and the rows of the input and of the result
/// lie end to end.
bool can_be_endless(const Schedule& s, const NormalForm& form, const Facts& facts) {
  constexpr std::int64_t most_rows = 9, longest_row = 32 << 10, widest_border = 1 << 20;
  const Windows &row = s.row.windows, &column = s.column.windows;
  const bool keeps = row.slide() && row.stride() == 1 && row.step() == 1 && endless_taps(row.kernel()) &&
                     row.start(0) == -(row.kernel() / 2) && row.outputs() == row.input();
  const bool few = saturating_mul(facts.plane_taps, column.kernel()) <= most_rows && column.border() <= widest_border &&
                   s.column.input_stride <= longest_row;
  return has_planes(form.steps.accumulator) && s.inner == 1 && keeps && has_dense_planes(s) && few && column.slide() &&
         column.stride() == 1 && is_uniform(form, row) && is_uniform(form, column);
}

/// How many bundles pool the planes, or 0: where rows are short, the vectors of all other loops are half empty. (Xeon
/// with AVX-512, float32: a tenth to three quarters of the time for planes of 7 x 7 to 20 x 20. The others take about
/// as long where a row has 16 bytes for each tap of the row and of the column kernel, or 32 where windows overlap at a
/// stride; by more than one tap, if none of them is clipped.)
std::int64_t bundles_of(const Schedule& s, const NormalForm& form, const Facts& facts) {
  constexpr std::int64_t most_cells = 4096, row_bytes_per_tap = 16;
  const Windows &row = s.row.windows, &column = s.column.windows;
  const std::int64_t planes = cell_bytes / facts.acc;
  if (!has_planes(form.steps.accumulator) || s.inner > 1 || s.plane_count < planes || facts.pools_planes ||
      column.is_identity()) {
    return 0;
  }
  const bool read_again = row.stride() > 1 && row.kernel() > row.stride() + (row.border() > 0 ? 0 : 1);
  const std::int64_t taps = saturating_mul(row.kernel() + column.kernel(), read_again ? 2 : 1);
  const std::int64_t cells = saturating_mul(row.input(), column.input());
  const std::int64_t between = saturating_mul(row.input(), column.outputs());
  const std::int64_t results = saturating_mul(row.outputs(), column.outputs());
  const bool may_chain = may_be_chained(form, row.kernel()) && may_be_chained(form, column.kernel());
  const bool is_small =
      may_chain && std::max({cells, between, results}) <= most_cells && std::min(cells, results) >= planes;
  if (!is_small || !has_dense_planes(s) || row.input() * facts.acc > saturating_mul(row_bytes_per_tap, taps)) return 0;
  return row.never_empty() && column.never_empty() ? (s.plane_count - 1) / planes + 1 : 0;
}

/// Cuts rows into tiles of about so many bytes, elements of the given size, but no more than `most_outputs`. A tile is
/// at least as long as two windows, so that neighbours share little.
void cut_tiles(Schedule& s, std::int64_t bytes, std::int64_t element, std::int64_t most_outputs = most_int64) {
  const Windows& windows = s.row.windows;
  const std::int64_t outputs = windows.outputs();
  const std::int64_t pixels = std::max(bytes / (element * s.inner), saturating_mul(2, windows.extent(1)));
  const std::int64_t fitting = std::min(std::max<std::int64_t>(1, pixels / windows.stride()), most_outputs);
  s.tiles = (outputs - 1) / fitting + 1;
  s.tile_outputs = (outputs - 1) / s.tiles + 1;
  s.tiles = (outputs - 1) / s.tile_outputs + 1;
}

constexpr std::int64_t direct_bytes = 64 << 10;     // of a tile that is not buffered
constexpr std::int64_t longest_direct = 128 << 10;  // of the taps of a window, or of what it reaches over

/// Tiles of windows that are looked at one by one take some hundredths of a second at most, so that threads share few
/// large windows and a call can be given up between them; but they fill the lanes of a vector.
void cut_tiles_of_taps(Schedule& s, const NormalForm& form) {
  constexpr std::int64_t most_taps_of_tile = 1 << 22, lanes = 64;
  cut_tiles(s, direct_bytes, info_of(form.dtype).size, most_taps_of_tile / form.taps / s.inner + lanes);
}

/// Whether one loop is best: averages of all places are made, of which few may be kept, and rows of several planes do
/// not slide. (Xeon, AVX2, 2048 x 2048: 15 x 15 at stride 1 takes 0.29 of the time otherwise, 1 x 128 0.73, 4 x 64 at
/// stride 64 0.63; 1 x 256 at stride 1 would take 1.07, 1 x 32 at stride 32 1.25.)
bool can_be_narrow(const Schedule& s, const NormalForm& form, const Facts& facts) {
  constexpr std::int64_t most_for_a_row = 16, most_rows = 32, some_outputs = 8;
  const Windows& windows = s.row.windows;
  const std::int64_t most_taps = facts.size == 1 || windows.stride() > 1 ? 128 : 32;
  const std::int64_t taps = std::min(windows.kernel(), windows.input());
  // Columns of some outputs are added up together, which is in vain where these are few and see the same ones.
  const std::int64_t longest_window = windows.kernel() > windows.stride() ? narrow_columns : 64 << 10;
  const bool apart = s.inner == 1 && windows.step() == 1 && windows.outputs() >= some_outputs;
  const bool few =
      apart || taps <= saturating_mul(most_for_a_row, facts.rows) || windows.kernel() / 4 >= windows.stride();
  return fits_twice_its_width(form) && windows.slide() && taps <= most_taps && few &&
         (facts.plane_taps == 1 || facts.rows <= most_rows) &&
         saturating_mul(windows.extent(1), s.inner) <= longest_window;
}

Strategy narrow(Schedule& s, const NormalForm& form) {
  s.row_loop.unclipped = borderable(s.row.windows);
  cut_tiles(s, direct_bytes, info_of(form.dtype).size);
  return by::Narrow{s.row.windows.extent(1)};
}

/// Whether cells that are left out are those of averages of small windows, of rows that lie side by side in the array
/// and in the mask. Integers may be added up in any order, floats where rows are combined first, and few taps one after
/// the other.
bool can_be_present(const Schedule& s, const NormalForm& form, const Facts& facts) {
  constexpr std::int64_t most_rows = 8, most_taps = 8, most_extent = 512, least_row = 64;
  constexpr std::int64_t most_of_bytes = 15;  // CountedQuotient::most_cells
  const Source& source = form.source;
  const DTypeInfo& element = info_of(source.dtype);
  const bool divides = form.averages && form.divisor == 0 && (source.masked || source.nans_omitted) &&
                       !source.weighted && !source.present && source.spread.by == 0;
  if (!divides || source.axes.empty() || facts.rows > most_rows) return false;
  const bool is_float = element.kind == 'f' && element.size >= 4;
  const DTypeInfo& result = info_of(form.result_dtype);
  const bool fits =
      result.kind == 'f' || (form.result_dtype == source.dtype && (element.size > 1 || form.taps <= most_of_bytes));
  const bool is_short = element.kind != 'f' && element.size <= 2 && source.dtype != DType::int8 &&
                        form.dtype == DType::float32 && source.masked && fits;
  const SourceAxis& along = source.axes.back();
  const bool lies_so = !source.swapped && along.stride == element.size &&
                       (!source.masked || (along.mask_stride == 1 && along.pixel == 1)) &&
                       along.size % (s.row.windows.input() * s.inner) == 0;
  const std::int64_t taps = s.row.windows.kernel();
  const bool is_small = s.row.windows.input() * s.inner >= least_row &&
                        saturating_mul(s.row.windows.extent(1), s.inner) <= most_extent && taps <= most_taps &&
                        divides_present(s.row.windows.stride(), s.inner);
  return (is_short || (is_float && source.dtype == form.dtype)) && lies_so && is_small && !pads(form);
}

/// `unclipped`: windows see cells beyond a row, which are +0, instead of none, which matters for sums of -0.
Strategy present(Schedule& s, const NormalForm& form, bool unclipped) {
  s.row_loop = {{1, s.row.windows.kernel(), 1}, false, false, unclipped, false, false};
  cut_tiles(s, direct_bytes, info_of(form.dtype).size);
  return by::Present{s.row.windows.extent(1)};
}

Strategy picked(Schedule& s, const NormalForm& form) {
  s.row_loop.unclipped = s.inner == 1 && borderable(s.row.windows);
  cut_tiles_of_taps(s, form);
  return by::Picked{};
}

/// Blocks lie in a second-level cache, and have several times as many rows as a window, of which two share some.
Strategy paired(Schedule& s, const NormalForm& form) {
  constexpr std::int64_t block_bytes = 512 << 10;
  const Windows& column = s.column.windows;
  const std::int64_t all = column.extent(column.outputs()), wanted = std::min(all, 4 * column.extent(1) + 8);
  s.row_loop.unclipped = s.row_loop.bordered = true;
  cut_tiles(s, block_bytes / wanted, 2 * pair_lane(form));
  const std::int64_t least = std::min(wanted, 2 * column.extent(1));
  return by::Paired{std::clamp(block_bytes / pair_row_bytes(s, form, s.tile_outputs), least, all)};
}

Strategy surveyed(Schedule& s, const NormalForm& form) {
  cut_tiles_of_taps(s, form);
  const bool single = s.inner == 1 && s.row.windows.outputs() == 1;
  return by::Surveyed{single, survey_bytes(std::min(most_int64 / 128, form.taps), single)};
}

/// Bytes of a buffered row of a tile, or of a piece of it.
std::int64_t row_bytes(const Schedule& s, const Facts& facts) {
  return saturating_mul(s.row.windows.extent(s.tile_outputs), facts.pixel) + buffer_slack;
}

/// A window that is alone in its row need not be buffered as a whole: its pieces are combined with each other first.
/// Those lie in the first-level cache where rows are prepared, or where pixels would be added up one after the other.
Strategy gathered(const Schedule& s, const NormalForm& form, const Facts& facts) {
  constexpr std::int64_t piece_bytes = 16 << 10;
  const Windows& windows = s.row.windows;
  const std::int64_t taps = windows.at(0).count;
  const bool in_cache = form.steps.prepared || (s.inner > 1 && !may_be_chained(form, taps));
  const std::int64_t longest = (in_cache ? piece_bytes : longest_direct) / facts.pixel;
  const bool whole = windows.outputs() > 1 || windows.step() > 1 || taps <= longest;
  const std::int64_t piece = whole ? 0 : std::max<std::int64_t>(1, piece_bytes / facts.pixel);
  const std::int64_t row = whole ? row_bytes(s, facts) : saturating_mul(piece, facts.pixel);
  return by::Gathered{piece, cascade_levels(form, saturating_mul(facts.rows, whole ? 1 : taps / piece), row)};
}

/// Whether long rows are doubled while they flow by: sums of floats that are read in place. (Xeon, float64, one thread,
/// 4 million cells: averages of 50 take 0.6 to 0.65 of the time, of 500 0.6 to 0.7.)
bool can_flow(const Schedule& s, const NormalForm& form, const Facts& facts) {
  constexpr std::int64_t least_row = 24 << 10, longest_window = 64 << 10;
  const Windows& windows = s.row.windows;
  return facts.rows == 1 && s.inner == 1 && windows.stride() == 1 && windows.step() == 1 && s.row_loop.bordered &&
         s.row_loop.across.taps > 3 && rounds(form.steps.accumulator) && !form.steps.finished && !makes_rows(form) &&
         saturating_mul(windows.kernel(), facts.acc) <= longest_window &&
         saturating_mul(windows.outputs(), facts.acc) >= least_row;
}

/// Blocks of suffixes are to lie in the second-level cache. Gigantic windows must not take gigantic memory: blocks are
/// made in parts, each of which reads the block's rows again, and their rows are not listed.
Strategy scanned(Schedule& s, const NormalForm& form, const Facts& facts) {
  constexpr std::int64_t buffer_bytes = 16 << 10, block_bytes = 1 << 20, least_bytes = 8 << 10, most_listed = 1 << 19;
  const Windows& column = s.column.windows;
  std::int64_t slots = std::min(column.outputs(), (column.kernel() - 1) / column.stride() + 1);
  cut_tiles(s, std::clamp(block_bytes / slots, least_bytes, buffer_bytes), facts.acc);
  slots = std::clamp<std::int64_t>(most_scratch_bytes / row_bytes(s, facts) - 4, 1, slots);
  // A few columns of so many rows, read and written, fill a first-level cache. (Xeon, float32 planes of
  // 2048 x 2048: 0.9 to 1.05 of the time for windows of 39 x 39, 0.6 to 0.9 for larger ones. Rows of 256 bytes: 1.4.)
  constexpr std::int64_t many_rows = 40, least_row = 512;
  const std::int64_t pitch = pitch_of(row_bytes(s, facts) - buffer_slack);
  const int levels = cascade_levels(form, saturating_mul(facts.plane_taps, column.kernel()), row_bytes(s, facts));
  const bool long_lists = makes_rows(form) || levels > 0 || facts.rows > most_listed;
  // Short rows are finished together: half a first-level cache of them.
  return by::Scanned{slots, std::clamp<std::int64_t>((8 << 10) / pitch, 1, slots),
                     (slots >= many_rows && pitch >= least_row) || long_lists, levels};
}

/// Small planes fit the first-level cache: whole blocks are combined flat, without row ends.
bool can_be_framed(const Schedule& s, const NormalForm& form, const Facts& facts) {
  constexpr std::int64_t most_cells = 16 << 10;
  const Windows &column = s.column.windows, &windows = s.row.windows;
  const std::int64_t padded = saturating_mul(column.input() + std::min(column.border(), most_cells),
                                             (windows.input() + std::min(windows.border(), most_cells)) * s.inner);
  return (s.row_loop.bordered || s.row_loop.in_blocks) && column.slide() && column.stride() == 1 &&
         column.kernel() > 1 && column.outputs() > 1 && may_be_chained(form, facts.plane_taps) &&
         saturating_mul(padded, facts.acc) <= most_cells;
}

Strategy framed(Schedule& s, const NormalForm& form, const Facts& facts) {
  const Windows& column = s.column.windows;
  const std::int64_t above = std::max<std::int64_t>(0, -column.start(0));
  const std::int64_t rows = above + std::max(column.input(), column.stop(column.outputs() - 1));
  const std::int64_t pitch = pitch_of(row_bytes(s, facts) - buffer_slack);
  assert(s.tiles == 1);
  return by::Framed{above, rows, better_in_blocks(form, column, pitch)};
}

/// The strategies that combine rows and then pool them along themselves.
Strategy by_rows(Schedule& s, const NormalForm& form, const Facts& facts) {
  RowLoop& loop = s.row_loop;
  const Windows& windows = s.row.windows;
  const std::int64_t kernel = windows.kernel(), stride = windows.stride(), rows = facts.rows;
  const bool single = windows.outputs() == 1;

  // Few long windows are added up one by one; many overlapping ones share their sums by doubling.
  loop.long_windows = s.inner == 1 && windows.step() == 1 && kernel >= 16 &&
                      (single || (stride > 4 && kernel < saturating_mul(4, stride)));
  const bool doubled = !loop.long_windows && !single && borderable(windows);
  const bool in_blocks = borderable(windows) && better_in_blocks(form, windows, facts.pixel);
  loop.across = parts_of(form.op, windows, in_blocks, doubled ? 8 : kernel + 1);
  loop.in_blocks = in_blocks && loop.across.taps > 1;

  // Loads and stores per vector of outputs, with and without a buffer; strides 2 to 4 load whole groups of taps.
  const bool grouped = s.inner == 1 && stride > 1 && stride <= 4;
  const std::int64_t taps = grouped ? saturating_mul((kernel - 1) / stride + 1, stride) : kernel;
  const std::int64_t buffered_cost = saturating_mul(rows + 1, single ? 1 : stride) + taps;
  // Long rows that need no conversion are better pooled while they are read. (EPYC of the Zen 4 kind, 3 x 3 windows at
  // stride 1: 0.8 of the time for rows of 4 KiB and more, 1.2 to 1.4 for rows of 100 elements.)
  constexpr std::int64_t long_row = 4096;
  const bool in_one_pass = facts.acc == facts.size || form.op == Op::root_sum_square;  // whose roots take as long
  const bool at_once = saturating_mul(windows.outputs(), s.inner * facts.size) >= long_row && in_one_pass;
  const bool cheaper = saturating_mul(rows, taps) > buffered_cost + (at_once ? 2 : 0);
  // A direct row is pooled in one go, and lies in the second-level cache where it is prepared. (The same for rows that
  // are not: a strided array is to have the bits of a dense one.)
  const bool added_up = windows.step() == 1 && (single || loop.long_windows);
  const bool too_long =
      (added_up || makes_rows(form)) &&
      saturating_mul(added_up && single ? windows.at(0).count : windows.extent(1), facts.pixel) > longest_direct;
  // Pixels of one window are better added up side by side.
  const bool too_long_to_chain = single && s.inner > 1 && !may_be_chained(form, windows.at(0).count);
  const bool buffered = too_long || too_long_to_chain || s.column_scans || loop.across.taps > 1 ||
                        !pools_at_once(form.steps.accumulator, rows, kernel, stride, windows.step(), s.inner) ||
                        (rows > 1 && (cheaper || loop.long_windows));
  if (!buffered) {
    loop.unclipped = s.inner == 1 && borderable(windows) && !loop.long_windows && is_uniform(form, windows) &&
                     may_be_chained(form, kernel);
    constexpr std::int64_t made_bytes = 16 << 10;  // up to three rows lie in the first-level cache
    cut_tiles(s, makes_rows(form) ? made_bytes : direct_bytes, makes_rows(form) ? facts.acc : facts.size);
    return by::Direct{};
  }

  loop.bordered = borderable(windows) && !loop.in_blocks;
  loop.unclipped = loop.bordered || loop.in_blocks;
  constexpr std::int64_t buffer_bytes = 16 << 10, flow_bytes = 128 << 10;
  const bool flows = can_flow(s, form, facts);
  cut_tiles(s, flows ? flow_bytes : buffer_bytes, facts.acc);
  if (flows) return by::Gathered{0, 0, true};
  if (can_be_framed(s, form, facts)) {
    if (s.inner == 1) loop.across = parts_of(form.op, windows, false, doubled ? 5 : kernel + 1);
    return framed(s, form, facts);
  }
  return s.column_scans ? scanned(s, form, facts) : gathered(s, form, facts);
}

/// Whether rows are combined first, one after the other, and then the taps along the row.
bool is_in_order(const Schedule& s, const Strategy& strategy) {
  const auto* const gathered = std::get_if<by::Gathered>(&strategy);
  const bool one_by_one = gathered != nullptr ? gathered->piece == 0 && gathered->levels == 0 && !gathered->flows
                                              : std::holds_alternative<by::Direct>(strategy) ||
                                                    std::holds_alternative<by::Endless>(strategy);
  return one_by_one && s.row_loop.across.taps == 1 && !s.row_loop.long_windows && s.row.windows.kernel() <= most_added;
}

Strategy choose_usual_strategy(Schedule& s, const NormalForm& form, const Facts& facts) {
  s.row_loop = {{1, s.row.windows.kernel(), 1}, false, false, false, false, false};
  // Results that no last-level cache would keep, in rows of a page and more. (2 x 2 averages of 8192 x 8192 on a
  // Xeon: 0.83 to 0.9 of the time. Rows of 28 elements would take six times as long.)
  constexpr std::int64_t least_streamed = 32 << 20, least_row = 4096;
  s.row_loop.streams = !form.steps.finished && form.result_bytes >= least_streamed &&
                       saturating_mul(s.row.windows.outputs(), s.inner * info_of(form.result_dtype).size) >= least_row;
  s.tiles = 1;
  s.tile_outputs = s.row.windows.outputs();
  if (form.indices != Indices::none) {
    const bool slide = borderable(s.row.windows) && borderable(s.column.windows);
    return slide && can_be_paired(s, form, most_scratch_bytes / 4) ? paired(s, form) : picked(s, form);
  }
  if (surveys(form.op)) return surveyed(s, form);
  const bool endless = can_be_endless(s, form, facts), best_endless = endless && s.row.windows.kernel() == 3;
  // (Float32 of uint8, Xeon: 1.5 to 3 times as long for 3 x 3 windows; 0.7 to 0.85 for 5 x 5 ones of 1024 cells.)
  const bool fused = best_endless && form.op == Op::average && !form.source.present;
  if (!fused && can_be_narrow(s, form, facts)) return narrow(s, form);
  const std::int64_t bundles = best_endless ? 0 : bundles_of(s, form, facts);
  if (bundles > 0) return by::Bundled{bundles, worth_scanning(s.column.windows), worth_scanning(s.row.windows)};
  if (endless) return by::Endless{facts.crosses_planes, facts.plane_taps};
  return by_rows(s, form, facts);
}

Strategy choose_strategy(Schedule& s, const NormalForm& form, const Facts& facts) {
  if (can_be_present(s, form, facts)) {
    if (info_of(form.source.dtype).kind != 'f') return present(s, form, borderable(s.row.windows));
    NormalForm sums = form;  // as floats would be added up, and then divided
    sums.op = Op::sum;
    sums.averages = false;
    const Strategy usual = choose_usual_strategy(s, sums, facts);
    const bool unclipped = s.row_loop.unclipped || std::holds_alternative<by::Endless>(usual);
    if (is_in_order(s, usual)) return present(s, form, unclipped);
  }
  return choose_usual_strategy(s, form, facts);
}

/// Whether buffers would need more memory than a thread should take. Sums of floats are kept where doubling adds them
/// up: one after the other, so many would not be exact.
bool needs_short_rows(const Schedule& s, const NormalForm& form, const Facts& facts) {
  const bool adds = form.op != Op::max && form.op != Op::min && form.op != Op::max_magnitude;
  const auto* const gathered = std::get_if<by::Gathered>(&s.strategy);
  const bool is_buffered =
      std::holds_alternative<by::Scanned>(s.strategy) || (gathered != nullptr && gathered->piece == 0);
  // Four rows and more: see BufferedWalker::reserve.
  return is_buffered && !(adds && info_of(form.dtype).kind == 'f') && row_bytes(s, facts) > most_scratch_bytes / 4;
}

/// Strides of 0 are no traffic, but work.
std::int64_t work_of(const Schedule& s, const NormalForm& form, const Facts& facts) {
  const std::int64_t rows = saturating_mul(s.plane_count, s.column.windows.outputs());
  if (looks_at_each_tap(form)) {
    const std::int64_t outputs = saturating_mul(rows, saturating_mul(s.row.windows.outputs(), s.inner));
    const std::int64_t looks = std::holds_alternative<by::Paired>(s.strategy) ? pair_looks(s) : form.taps;
    return std::max(form.traffic, saturating_mul(outputs, saturating_mul(looks, surveys(form.op) ? 16 : 4)));
  }
  // Rows that are combined for each output row lie in a cache, where they are read some times as fast.
  const std::int64_t row = saturating_mul(s.row.windows.input(), s.inner * facts.size);
  const bool lists = std::holds_alternative<by::Direct>(s.strategy) ||
                     std::holds_alternative<by::Gathered>(s.strategy) ||
                     std::holds_alternative<by::Narrow>(s.strategy) ||
                     std::holds_alternative<by::Present>(s.strategy) || std::holds_alternative<by::Endless>(s.strategy);
  return std::max(form.traffic, saturating_mul(saturating_mul(rows, row), ((lists ? facts.rows : 1) + 3) / 4));
}

/// What the strategies take for granted.
[[maybe_unused]] bool is_sound(const Schedule& s) {
  struct Numbers {
    bool operator()(const by::Direct&) const { return s.row_loop.across.taps == 1; }
    bool operator()(const by::Gathered& n) const {
      return n.piece >= 0 && n.levels >= 0 && (n.piece == 0 || s.row.windows.outputs() == 1);
    }
    bool operator()(const by::Scanned& n) const {
      return 1 <= n.together && n.together <= n.slots && n.levels >= 0 && (n.levels == 0 || n.row_by_row);
    }
    bool operator()(const by::Framed& n) const { return s.tiles == 1 && 0 <= n.above && n.above < n.rows; }
    bool operator()(const by::Endless& n) const { return s.tiles == 1 && s.inner == 1 && n.planes >= 1; }
    bool operator()(const by::Bundled& n) const { return s.tiles == 1 && s.inner == 1 && n.bundles >= 1; }
    bool operator()(const by::Narrow& n) const { return s.row_loop.across.taps == 1 && n.extent >= 1; }
    bool operator()(const by::Present& n) const { return s.row_loop.across.taps == 1 && n.extent >= 1; }
    bool operator()(const by::Picked&) const { return s.row_loop.across.taps == 1; }
    bool operator()(const by::Paired& n) const { return s.row_loop.bordered && n.rows >= s.column.windows.extent(1); }
    bool operator()(const by::Surveyed& n) const { return s.row_loop.across.taps == 1 && n.bytes > 0; }
    const Schedule& s;
  };
  const std::int64_t outputs = s.row.windows.outputs();
  const bool is_cut = s.tiles >= 1 && s.tile_outputs >= 1 && (outputs - 1) / s.tile_outputs + 1 == s.tiles;
  return is_cut && s.inner >= 1 && s.plane_count >= 1 && s.units >= 1 && s.work >= 0 &&
         !(s.row_loop.bordered && s.row_loop.in_blocks) && std::visit(Numbers{s}, s.strategy);
}

}  // namespace

Schedule make_schedule(const NormalForm& form) {
  Schedule s{};
  if (form.empty) return s;
  for (const bool pixels : {false, true}) {
    static_cast<AxisRoles&>(s) = roles_of(form, pixels);
    const Facts facts(s, form);
    s.strategy = choose_strategy(s, form, facts);
    s.work = work_of(s, form, facts);
    if (!needs_short_rows(s, form, facts)) break;
  }
  const auto* const bundled = std::get_if<by::Bundled>(&s.strategy);
  s.units = checked_mul(checked_mul(s.plane_count, s.tiles), s.column.windows.outputs());
  if (bundled != nullptr) s.units = bundled->bundles;
  assert(is_sound(s));
  return s;
}

}  // namespace tilepool
