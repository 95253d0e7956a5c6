// HOW: an array, its windows and an op brought to normal form, with tiles. Plain data, no pointers into arrays.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "../table.hpp"
#include "windows.hpp"

namespace tilepool {

/// One axis of the array as the caller sees it. Strides count bytes and may be zero or negative.
struct ArrayAxis {
  std::int64_t size;
  std::int64_t stride;
  std::optional<Windows> windows;  // none: the axis is not pooled
  std::int64_t weight = 0;         // what one cell further along the axis adds to an index
};

/// Whether max and min tell where they found their values, and how they count.
constexpr const char* indices_names[] = {"none", "cells", "taps"};
enum class Indices : std::uint8_t {
  none,
  of_cells,  // index = the sum of weight * cell over the axes
  of_taps,   // the sum of weight * (number of the tap in its window); weights of axes that are not pooled must be 0
};

struct Request {
  Op op;
  DType dtype;
  std::vector<ArrayAxis> axes;
  bool count_padding = false;  // averages: divide by the taps inside the padded input
  double divisor = 0;          // averages: divide by this instead, where it is not 0
  ToInteger to_integer{};      // average_rounded
  Indices indices = Indices::none;
  bool wide_indices = true;   // int64, else int32
  double parameters[2] = {};  // Survey::parameters
  bool omit = false;          // Survey::omit
};

/// An axis of the normal form; strides in bytes.
struct PlanAxis {
  Windows windows;
  std::int64_t input_stride;
  std::int64_t result_stride;
  std::int64_t weight;
};

/// How windows are put together: from `parts` windows of `taps` each, `hop` taps apart. More than one tap is combined
/// beforehand: see Widening.
struct Parts {
  std::int64_t taps, parts, hop;
};

/// The normal form. Every output row lies at one output of each of the `lines` axes and of the `column` axis (axes that
/// are not pooled have windows of one tap). The row axis has pixels of `inner` elements that lie side by side in the
/// input and in the result. Which loops run is decided here, by shape and windows alone: results must not depend on
/// threads, tiles or ISA.
struct Plan {
  Op op;
  DType dtype;
  DType result_dtype;
  std::vector<std::int64_t> input_shape, input_strides;    // as requested
  std::vector<std::int64_t> result_shape, result_strides;  // bytes; dense, in the memory order of the input
  bool empty;                                              // nothing to compute
  std::int64_t taps;                                       // the most cells that a window sees
  bool wide;                                               // more than fit the op's accumulators: see WideRows

  std::vector<PlanAxis> lines;  // outermost first
  std::int64_t line_count;      // the product of their outputs
  PlanAxis column;              // its outputs are walked one after the other
  PlanAxis row;
  std::int64_t inner;
  std::int64_t inner_weight;
  std::int64_t tile_outputs;  // outputs of the row axis in one tile (the last tile may have fewer)
  std::int64_t tiles;         // tiles of a row

  std::int64_t bundles;  // small planes are pooled side by side, in so many bundles; 0: they are not
  bool endless;          // whole planes are one row: `Endless`
  bool planes;           // a column and a row at a time are combined in one bordered block
  bool slides;           // column windows are put together from block suffixes and prefixes ...
  std::int64_t slots;    // ... of so many output rows at a time
  bool long_lists;       // ... which see too many rows to list them
  bool buffered;         // rows are combined into a buffer before the buffer is pooled along itself
  bool bordered;         // ... which has identity pixels on both sides, so that no window is clipped
  bool unclipped;        // spans have whole windows: their kernels, or borders, have nothing beyond the input
  std::int64_t piece;    // a window that is alone in its row is taken in pieces of so many pixels; 0: it is not
  Parts across;          // of the windows of a buffered row
  bool row_blocks;       // ... in blocks: Widening::in_blocks
  bool long_windows;     // Along::long_windows
  bool streams;          // Along::streams

  Indices indices;
  bool wide_indices;
  bool far_indices;  // Indexing::far

  Survey survey;              // of ops that survey; the scratch is each thread's own
  std::int64_t survey_bytes;  // of it; 0: no survey

  bool averages;  // divisors matter
  bool count_padding;
  double divisor;        // 0: of the windows
  ToInteger to_integer;  // Along::to_integer
  std::int64_t traffic;  // bytes read and written, each once
  std::int64_t work;     // in bytes of traffic that would take as long, for the choice of the thread count
};

/// The type whose kernels run: rows of others are made of it first.
constexpr DType kernel_dtype(const Plan& plan) { return plan.wide ? DType::int64 : plan.dtype; }
constexpr std::int64_t acc_size(const Plan& plan) { return acc_size(plan.op, kernel_dtype(plan)); }

/// Brings a request to normal form. Throws std::invalid_argument where the request cannot be run (among others: the
/// axis that is innermost in memory must have unit stride), std::overflow_error where 64 bits do not suffice.
Plan make_plan(const Request& request);

/// The part of a row that one tile covers: the spans for the kernel, and what part of the input row they read.
struct RowTile {
  Along along;
  std::vector<Span> spans;
  std::int64_t output_begin;  // first output
  std::int64_t input_begin;   // first pixel of the input row that is read ...
  std::int64_t input_width;   // ... and how many are
  std::int64_t before;        // identity pixels in front of them in the buffer; along.width counts these too
};

/// The tile number `index` of every row. `along.spans` points into `spans`: do not copy the tile.
void make_row_tile(const Plan& plan, std::int64_t index, RowTile& tile);

}  // namespace tilepool
