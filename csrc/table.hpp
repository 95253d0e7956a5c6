// The contract between engine and kernels: plain structs and one table of function pointers per ISA.
#pragma once

#include <cstdint>
#include <limits>

#include "catalogue.hpp"

namespace tilepool {

/// A run of consecutive outputs along a row whose windows have equal tap counts and equally spaced first taps.
/// Where inner == 1 windows may reach beyond the row, where they see nothing.
struct Span {
  std::int64_t begin, end;  // outputs, counted from the start of the tile; every span is non-empty
  std::int64_t first;       // first tap of output `begin`, in pixels from the start of the row that is read
  std::int64_t count;       // taps of each window; may be 0
  double divisor;           // of each window along this axis; used by averages only
};

/// Neighbouring taps that are combined beforehand: `taps` of them, `distance` accumulators apart, by doubling or in
/// blocks, of which one starts `phase` taps before the first window. Windows in blocks may reach beyond the `count`
/// pixels of a row, where they see nothing: the first one starts `before` pixels in front of it.
struct Widening {
  std::int64_t taps = 1, distance = 1;
  bool in_blocks = false;
  std::int64_t phase = 0;
  std::int64_t before = 0, count = 0;
};

/// How a row is pooled along itself. A pixel is `inner` neighbouring elements that are never mixed.
struct Along {
  std::int64_t inner;   // elements of one pixel
  std::int64_t stride;  // pixels between the first taps of neighbouring outputs inside one span
  std::int64_t step;    // pixels between the taps of one window
  std::int64_t width;   // pixels that may be read
  bool streams;         // results may be written past the caches
  bool long_windows;    // add each window up in lanes of its own; needs inner == 1, step == 1 and a single row
  Widening widening;    // of the taps of a buffer
  const Span* spans;
  std::int64_t span_count;
};

/// The same work on several lines: from one to the next, what is read and what is written move by so many bytes.
struct Lines {
  std::int64_t count = 1, read_step = 0, write_step = 0;
  std::int64_t ahead = 0;  // bytes from what is read to what a loop may ask for beforehand; 0: nothing is far
};

/// Where a running combination of rows is written: after so many of them.
struct Stop {
  std::int64_t rows;
  void* target;
};

/// A running combination of rows, and its stops in the order of their rows, of which the first has some.
struct Scan {
  const Stop* stops;
  std::int64_t stop_count;
  const void* const* rows;
};

/// The two halves of some windows. What the second one writes is combined with what the first one wrote there, unless
/// it has no stops at all.
struct Halves {
  Scan first, second;
};

/// A step of a running combination of rows, from `start` (or the first of these rows) over `count` of them, at least
/// one where there is no start; and what is combined with `other`, if there is such.
struct ScanStep {
  const void* start;
  const void* const* rows;
  std::int64_t count;
  void* target;
  const void* other;
  void* sum;
};

/// Bundles are planes side by side: a cell has as many accumulators, one of each plane, as fill a cache line.
constexpr std::int64_t cell_bytes = 64;

/// What kernels that may take long ask, about once a million operations: whether the call is to end. Then they return,
/// and what they have written does not matter.
struct Watch {
  bool (*ends)(void* call, std::int64_t operations);
  void* call;
  // Inlined always: kernels are to have no copy of what others might use.
  [[gnu::always_inline]] bool over(std::int64_t operations) const { return ends(call, operations); }
};
constexpr std::int64_t operations_between_watches = 1 << 20;

/// Indices of taps: that of tap t of row r, for element e of output o of span s, is
/// rows[r] + spans[s] + output * (o - begin of the span) + tap * t + element * e, and `line` more on each further line.
struct Indexing {
  const std::int64_t* rows;
  const std::int64_t* spans;
  std::int64_t output, tap, element, line;
  bool far;   // within a window they differ by 2**31 or more
  bool wide;  // they are written as int64, else as int32
  void* out;  // beside the values, in the same order; -1 where a window has no tap
  Watch watch;
};

/// What a survey is told beside the windows.
struct Survey {
  Op op;
  double parameters[2];
  bool omit;      // NaNs are not there; else a window that has one gives NaN
  bool single;    // of each row there is but one output, of one element
  void* scratch;  // survey_bytes of its largest window
  Watch watch;
};

/// Of windows of so many taps.
constexpr std::int64_t survey_bytes(std::int64_t taps, bool single) { return (single ? 16 : 64) * taps + 4096; }

/// The most rows that `pool_rows` takes; longer lists are folded into a buffer first.
constexpr std::int64_t pool_rows_limit = 3;

/// Windows that keep the width of a row need not be pooled line by line: the lines of a plane, end to end, are one
/// endless row, in which a window sees nothing beyond the ends of its own line. inner, stride and step are 1.
struct Endless {
  std::int64_t width;       // of a line
  std::int64_t taps;        // along a line: as many before an output as behind it
  std::int64_t begin, end;  // what all rows have
  double divisor;
};
constexpr bool endless_taps(std::int64_t taps) { return taps == 3 || taps == 5; }

/// What is seen of an endless row: in the middle of its window output i sees element offset + i of the plane, if
/// begin <= i < end.
struct EndlessRow {
  std::int64_t offset;
  std::int64_t begin, end;
};

/// Whether so many rows are pooled while they are read, in windows like that: there are loops for common ones.
constexpr bool pools_at_once(Accumulator accumulator, std::int64_t rows, std::int64_t taps, std::int64_t stride,
                             std::int64_t step, std::int64_t inner) {
  if (rows == 1) return true;
  if (accumulator >= Accumulator::sum_int128 || rows > pool_rows_limit) return false;  // rarely wanted
  return stride == 1 || inner > 1 || (stride == 2 && step == 1 && taps == rows);
}

/// The loops of one accumulator. Rows are elements where these are read in place; else they have been prepared, and
/// are accumulators. Results are elements, or accumulators that are to be finished.
/// A buffer of accumulators may be read and written up to `buffer_slack` bytes beyond the n that is asked for;
/// nothing else is read or written beyond its end. No pointer needs any alignment.
struct Loops {
  /// target[i] = start[i] + rows[0][i] + ... + rows[count - 1][i] for i < n, combined in this order with the op's "+".
  /// Without `start` the first row starts; without both target is filled with the op's identity. target may be start.
  /// Of several lines all have the same start.
  void (*fold_rows)(void* target, const void* start, const void* const* rows, std::int64_t count, std::int64_t n,
                    const Lines&, const Keying&);
  /// For each stop of the first scan: target[i] = rows[0][i] + ... + rows[stop.rows - 1][i] for i < n; then the same
  /// for the second one.
  void (*scan_rows)(const Halves&, std::int64_t n, const Keying&);
  /// target[i] = start[i] + rows[0][i] + ... + rows[count - 1][i] and sum[i] = other[i] + target[i] for i < n. target
  /// may be start.
  void (*scan_row)(const ScanStep&, std::int64_t n, const Keying&);
  /// Combines neighbouring taps, of the same column, in `rows` rows of n accumulators each: as many rows are left as
  /// have all of them below. source and target do not overlap.
  void (*widen)(void* target, const void* source, std::int64_t rows, std::int64_t n, const Widening&);
  /// Combines rows, as many as `pools_at_once` allows, pools the result along itself, divides by span and `divisor`,
  /// writes out.
  void (*pool_rows)(const Along&, const void* const* rows, std::int64_t count, double divisor, void* out, const Lines&,
                    const Keying&);
  /// The same for one row of accumulators, whose neighbouring taps may be combined beforehand, in a space as large as
  /// all lines are.
  void (*pool_buffer)(const Along&, const void* buffer, void* space, double divisor, void* out, const Lines&,
                      const Keying&);
  /// Sums of floats, where they are accumulators as they lie: pools a row of `width` along itself whose windows are one
  /// span at stride 1 and combined beforehand, in a space of `flow_bytes`.
  void (*pool_flow)(const Along&, const void* row, void* space, double divisor, void* out);
  /// Where `has_planes`: combines any number of rows and pools the result along itself, n outputs.
  void (*pool_endless)(const Endless&, const void* plane, const EndlessRow* rows, std::int64_t count, void* out,
                       std::int64_t n, const Keying&);
  /// Where `has_planes`: element i of each plane is lifted into cell i, for i < cells, which are as many as planes or
  /// more.
  void (*interleave)(void* bundle, const void* const* planes, std::int64_t cells, const Keying&);
  /// As `scan_rows` does, one after the other, but for a cell of each line.
  void (*scan_cells)(const Halves*, std::int64_t count, const Lines&);
  /// The inverse of `interleave`: divides by the divisor of the cell (`alike`: of the first cell) and writes out.
  void (*separate)(const void* bundle, std::int64_t cells, const double* divisors, bool alike, void* const* planes,
                   const Keying&);
};

/// Windows that are doubled while a row flows by are kept in rings: each has room for those that half of the next ones
/// reaches over and for a chunk, in so many bytes, which are a power of two.
constexpr std::int64_t flow_chunk = 1024;
[[gnu::always_inline]] constexpr std::int64_t flow_ring(std::int64_t half) {
  std::int64_t bytes = 2 * flow_chunk;
  while (bytes < half + flow_chunk) bytes *= 2;
  return bytes;
}
/// Room for the rings of windows of so many taps, each with a chunk behind it, and for what the last chunks see.
constexpr std::int64_t flow_bytes(std::int64_t taps, std::int64_t size) {
  std::int64_t bytes = taps * size + 2 * flow_chunk;
  for (std::int64_t half = taps / 2; half > 1; half /= 2) bytes += flow_ring(half * size) + flow_chunk;
  return bytes;
}

/// Makes n accumulators of as many elements. `flip` is that of keys.
using Prepare = void (*)(void* to, const void* elements, std::int64_t n, std::int64_t flip);

/// Makes n results of as many accumulators.
using Finish = void (*)(void* to, const void* accumulators, std::int64_t n, double divisor, ToInteger);

/// n elements, `other` in the place of those whose byte of the mask is 0. What is written may be what is read.
using Keep = void (*)(void* to, const void* elements, const void* mask, std::int64_t n, std::int64_t other);

/// How pixels lie in a row that has others behind each of them.
struct Spreading {
  std::int64_t by;     // from a pixel to the next, in pixels
  std::int64_t pixel;  // elements of one
  std::int64_t phase;  // elements of the row that are left away, fewer than by * pixel
  bool copies;         // the others are copies of the one in front of them, else zeros
};

/// n elements of such a row, which is made of the pixels in `from`.
using SpreadRows = void (*)(void* to, const void* from, std::int64_t n, const Spreading&);

/// Whether n indices are -1 or from `low` to `high`.
using AreWithin = bool (*)(const void* indices, std::int64_t n, std::int64_t low, std::int64_t high);

/// target[i] = from[i] * by[i] for i < n. target may be from.
using Multiply = void (*)(double* target, const double* from, const double* by, std::int64_t n);

/// What sums are divided by: counts[i] + added[i]. `alike`: added[0] is what is added to all of them, and the results'
/// type holds these divisors. Sums of fewer cells than `fewest` are not divided: they give NaN.
struct Divisors {
  const void* counts;
  const double* added;
  bool alike;
  double fewest;
};

/// Divides sums[i] for i < n.
using Divide = void (*)(void* sums, const Divisors&, std::int64_t n);

/// Divides sums up to `most_rounded`, and writes the quotients as integers, NaN as 0. No divisor is greater than
/// `most_cells`.
using DivideRounded = void (*)(void* to, const void* sums, const Divisors&, std::int64_t n, double most_cells,
                               ToInteger);

/// kept[i] = counts[i] >= fewest for i < n, as bytes that are 1 or 0.
using AreEnough = void (*)(void* kept, const void* counts, std::int64_t n, double fewest);

/// What cells are counted in: uint8, float32, float64. Weights are float64.
constexpr int count_types = 3;

/// Max and min: the first of the best taps of any number of rows, in the order of rows, then along them, and its index.
using PickRows = void (*)(Op, DType, const Along&, const void* const* rows, std::int64_t count, const Indexing&,
                          void* out, const Lines&);

/// Ops that survey: all taps of each window, of any number of rows.
using SurveyRows = void (*)(const Along&, const void* const* rows, std::int64_t count, const Survey&, void* out,
                            const Lines&);

/// Averages of short integers, from any number of rows of elements. `space` has `narrow_bytes`.
using AverageRows = void (*)(const Along&, const void* const* rows, std::int64_t count, double divisor, ToInteger,
                             void* space, void* out, const Lines&);

/// So many outputs are made at a time, of columns whose sums fit half a first-level cache. (Inlined always: as Watch.)
constexpr std::int64_t narrow_columns = 4096;
[[gnu::always_inline]] constexpr std::int64_t narrow_outputs(const Along& along) {
  const std::int64_t pixels = narrow_columns / along.inner;
  return along.stride < pixels ? pixels / along.stride : 1;
}
/// Room for averages of `narrow_outputs`, or sums, and for what vectors have too many, in whole cache lines; behind
/// them, twice, for their sums, where a window reaches over `extent` pixels. Sums have twice the size of elements.
[[gnu::always_inline]] constexpr std::int64_t narrow_averages(const Along& along) {
  return (narrow_columns + along.inner) / cell_bytes * cell_bytes + 3 * cell_bytes;
}
[[gnu::always_inline]] constexpr std::int64_t narrow_sums(const Along& along, std::int64_t extent) {
  return narrow_averages(along) + (extent * along.inner / cell_bytes + 1) * cell_bytes;
}
[[gnu::always_inline]] constexpr std::int64_t narrow_bytes(const Along& along, std::int64_t extent, std::int64_t size) {
  return (narrow_averages(along) + 2 * narrow_sums(along, extent)) * 2 * size;
}

/// Rows of elements and of their masks, of which a byte other than 0 says that a cell is there: `count` of them for
/// each of some lines, whose results lie `write_step` bytes apart. No masks: all are there, but for NaNs. Of both what
/// lies `ahead` elements further on may be asked for.
struct PresentRows {
  const void* const* elements;
  const void* const* masks;
  std::int64_t count, lines, write_step, ahead;
};

/// Which cells are there, and what sums of them become: as `Divisors` and `DivideRounded` do.
struct Presence {
  bool masked;  // those that the mask has
  bool omits;   // those that are no NaNs
  double fewest;
  double most_cells;  // 0: nothing is rounded; else integers of the size of elements are written
  ToInteger to_integer;
};

/// Averages of the cells that are there, of any number of rows, in windows of neighbouring places, of every second one
/// of single elements, or of pixels of 16 elements and more. `space` has `present_bytes`, and there are `present_lines`
/// at most.
using AveragePresent = void (*)(const Along&, const PresentRows&, const Presence&, void* space, void* out);
constexpr bool divides_present(std::int64_t stride, std::int64_t inner) {
  return stride == 1 || inner >= 16 || (stride == 2 && inner == 1);
}

/// Columns are added up, and counted, some at a time, of one line or of several, which fit half a first-level cache.
/// Those of a line are of as many outputs, and there is room for what vectors have too many.
constexpr std::int64_t present_columns = 1024;
[[gnu::always_inline]] constexpr std::int64_t present_outputs(const Along& along) {
  const std::int64_t pixels = present_columns / along.inner;
  return along.stride < pixels ? pixels / along.stride : 1;
}
[[gnu::always_inline]] constexpr std::int64_t present_pitch(const Along& along, std::int64_t outputs,
                                                            std::int64_t extent) {
  const std::int64_t most = present_outputs(along), together = outputs < most ? outputs : most;
  return (((together - 1) * along.stride + extent) * along.inner / cell_bytes + 2) * cell_bytes;
}
[[gnu::always_inline]] constexpr std::int64_t present_lines(const Along& along, std::int64_t outputs,
                                                            std::int64_t extent) {
  const std::int64_t lines =
      outputs < present_outputs(along) ? present_columns / present_pitch(along, outputs, extent) : 1;
  return lines > 1 ? lines : 1;
}
/// Of sums of so many bytes, of as many outputs in a row.
[[gnu::always_inline]] constexpr std::int64_t present_bytes(const Along& along, std::int64_t outputs,
                                                            std::int64_t extent, std::int64_t size) {
  return 2 * present_lines(along, outputs, extent) * present_pitch(along, outputs, extent) * size;
}

/// Loops from elements to results for rows that are read once or twice, instead of those of the accumulator, which need
/// prepared rows, or keys.
struct FusedLoops {
  decltype(Loops::pool_rows) pool_rows;
  decltype(Loops::pool_endless) pool_endless;
};
struct Fused {
  const FusedLoops* loops[static_cast<int>(Op::power_sum)][dtype_count];  // nullptr where there are none
};

/// Taps that lie 0, hop, 2 * hop ... `last` times a distance further on: `count` of them. A place grows by `place` as
/// often.
struct PairTaps {
  std::int64_t count, hop, last;
  std::int64_t distance;  // in keys
  std::int64_t place;
};

/// A row of elements between cells that are not there.
struct PairRow {
  std::int64_t before, count, width;
};

/// Where pairs are written as what they are.
struct PairPut {
  const void* firsts;       // of the windows along the row: the place of the first tap that there is
  const void* origins;      // what indices have beside places and `base`
  std::int64_t first_row;   // the place of the first row that there is
  std::int64_t base, line;  // the same of all outputs of a line, and `line` more on each further line
  bool wide;                // indices are written as int64, else as int32
  void *values, *indices;
  std::int64_t index_step;  // bytes from line to line
};

/// Max and min with places, as pairs of a key and a place, of 4 bytes or 8 each, in two arrays: for elements of so many
/// bytes. A place counts from the first tap of a window. Steps of lines count keys, or bytes of what else is read or
/// written. Of arrays of pairs, but of nothing else, `buffer_slack` bytes more may be read and written.
struct PairLoops {
  void (*make_keys)(void* keys, const void* elements, const PairRow&, const Lines&, const KeyBits&);
  /// The first of the best of all taps, for n pairs; the result may lie where the first tap does. Without places these
  /// are those of the taps alone.
  void (*combine)(void* to_keys, void* to_places, const void* keys, const void* places, std::int64_t n, const PairTaps&,
                  const KeyBits&);
  /// Every so many pixels, to elsewhere.
  void (*thin)(void* to_keys, void* to_places, const void* keys, const void* places, std::int64_t outputs,
               std::int64_t stride, std::int64_t inner);
  /// Writes values and indices.
  void (*put)(const void* keys, const void* places, std::int64_t n, const PairPut&, const Lines&, const KeyBits&);
};
struct Pairs {
  PairLoops loops[4];  // by the binary logarithm of an element's size
};

/// What is done with rows before and after. nullptr where nothing is.
struct RowSteps {
  Prepare convert[dtype_count][dtype_count];  // from one type to another, see `converts`
  Prepare prepare[accumulator_count][dtype_count];
  Prepare omit[dtype_count];     // floats: the bits `flip` in the place of NaNs
  Prepare count[dtype_count];    // floats: 0 for NaNs, else the bits `flip`
  Prepare present[dtype_count];  // floats: a byte for each, 0 for NaNs, else 1
  Keep keep[4];                  // by the binary logarithm of an element's size
  SpreadRows spread[4];          // likewise
  Multiply multiply;
  Divide divide[2][count_types];                 // of float32, of float64
  DivideRounded divide_rounded[2][count_types];  // likewise
  AreEnough are_enough[count_types];
  bool (*has_nan[dtype_count])(const void* elements, std::int64_t n);  // floats
  AreWithin are_within[2];                                             // of int32, of int64
  Finish finish[accumulator_count][dtype_count];                       // by the type that is written
  Finish round[accumulator_count];                                     // those of `average_rounded`
};

/// Kernels that look at each tap.
struct Picks {
  PickRows rows[dtype_count];
};
struct Surveys {
  SurveyRows rows[dtype_count];
};
struct Averages {
  AverageRows rows[dtype_count];
  AverageRows floats[dtype_count];  // as float32
  AveragePresent present[dtype_count];
};

/// Kernels of an instruction set; what an object file exports are some of them, and nullptr for the others.
struct Kernels {
  const Loops* loops[accumulator_count];
  const Fused* fused;
  const RowSteps* steps;
  const Picks* picks;
  const Pairs* pairs;
  const Surveys* numbers;  // ops on numbers
  const Surveys* orders;   // ops on elements in ascending order
  const Averages* averages;
};

constexpr std::int64_t buffer_slack = 256;  // four vectors of the widest ISA: what one unrolled step may overrun

}  // namespace tilepool
