// WHERE and WHAT: an array, its windows and an op brought to normal form. Plain data, no pointers into arrays.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <vector>

#include "../table.hpp"
#include "windows.hpp"

namespace tilepool {

inline constexpr std::int64_t most_int64 = std::numeric_limits<std::int64_t>::max();

/// Products that are only compared: they stop where a few of them can still be added, instead of overflowing.
inline std::int64_t saturating_mul(std::int64_t a, std::int64_t b) {
  std::int64_t product;
  return __builtin_mul_overflow(a, b, &product) ? most_int64 / 4 : std::min(product, most_int64 / 4);
}

/// Products that must fit.
inline std::int64_t checked_mul(std::int64_t a, std::int64_t b) {
  std::int64_t product;
  if (__builtin_mul_overflow(a, b, &product)) throw std::overflow_error("the array is too big");
  return product;
}

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
  ToInteger to_integer{};  // average_rounded: of integers, or of floats that integers become and a mask leaves some out
  Indices indices = Indices::none;
  bool wide_indices = true;          // int64, else int32
  double parameters[2] = {};         // Survey::parameters
  bool omit = false;                 // NaNs are left out
  std::optional<DType> source{};     // the type of the elements in memory, which become `dtype` first: see `converts`
  bool swapped = false;              // their bytes are in the order that is not this machine's
  std::vector<std::size_t> order{};  // the axes of the result, outermost in memory first; empty: those of the input
  std::optional<std::vector<std::int64_t>> mask{};          // strides of bytes that are 0 where a cell is left out
  std::optional<std::vector<std::int64_t>> cell_weights{};  // of float64: strides of what cells are multiplied by
  bool present = false;        // sums (averages of bool): of a 1 for each cell that is there, or of its weight
  std::int64_t min_count = 0;  // fewer cells that are not left out give what none gives, NaN as a float
};

/// Whether averages are rounded after floats have been divided: by the number of cells that are left.
inline bool rounds_quotients(const Request& request) {
  return request.op == Op::average_rounded && info_of(request.dtype).kind == 'f';
}

/// An axis of the normal form; strides in bytes.
struct NormalAxis {
  Windows windows;
  std::int64_t input_stride;
  std::int64_t result_stride;
  std::int64_t weight;
};

/// An axis of the array in memory.
struct SourceAxis {
  std::int64_t size, stride;
  std::int64_t mask_stride, weight_stride;  // if there are such: from one pixel to the next
  std::int64_t pixel = 1;                   // so many elements share a byte of the mask, and a weight
};

/// A row of pixels with others behind each of them, which is made of an array that has none: see Windows::Spread.
struct SpreadRow {
  std::int64_t by = 0;  // 0: there is no such row
  bool copies = false;
  std::int64_t pixel = 1;  // elements
  std::int64_t cells = 1;  // pixels of a row of the array ...
  std::int64_t width = 1;  // ... and of the row that is made of it; what is left behind the last one is 0
};

/// Where the elements lie, if they cannot be pooled as they lie, which of them are left out, and what others weigh.
struct Source {
  DType dtype;
  bool swapped;
  std::vector<SourceAxis> axes;  // outermost first, neighbours merged; none: the form has the strides of the array
  bool masked;                   // those whose byte of a mask is 0 are left out
  bool nans_omitted;             // those that are NaN are
  bool weighted;                 // Request::cell_weights
  bool present;                  // Request::present
  SpreadRow spread;

  /// Whether elements become others than they are.
  bool changes() const { return masked || nans_omitted || weighted || present; }
};

struct NormalForm {
  Op op;
  DType dtype;
  DType result_dtype;
  std::vector<std::int64_t> input_shape, input_strides;    // as requested
  std::vector<std::int64_t> mask_strides, weight_strides;  // as requested; none: there are no such
  std::vector<std::int64_t> result_shape, result_strides;  // bytes; dense, in the memory order of the input
  bool empty;                                              // nothing to compute

  /// Outermost in memory first, without those of a single cell, neighbours merged where they can be. With a source they
  /// are those of a dense copy of it.
  Source source;
  std::vector<NormalAxis> axes;
  std::int64_t taps;          // the most cells that a window sees
  Steps steps;                // of ops that do not survey
  std::int64_t traffic;       // bytes read and written, each once
  std::int64_t result_bytes;  // of these, those that are written

  Indices indices;
  bool wide_indices;
  bool far_indices;  // Indexing::far

  bool averages;  // divisors matter
  bool count_padding;
  double divisor;  // 0: of the windows
  ToInteger to_integer;
  double parameters[2];  // Survey::parameters
  bool omit;             // Survey::omit
};

/// Bytes of what is combined of an element.
constexpr std::int64_t acc_size(const NormalForm& form) {
  return surveys(form.op) ? info_of(form.dtype).size : size_of(form.steps.accumulator);
}

/// Whether some window has a cell of the padding, and they count.
inline bool pads(const NormalForm& form) {
  const auto of = [](const NormalAxis& axis) {
    const Window first = axis.windows.at(0), last = axis.windows.at(axis.windows.outputs() - 1);
    return first.size != first.count || last.size != last.count;
  };
  return form.count_padding && std::any_of(form.axes.begin(), form.axes.end(), of);
}

/// Whether rows are made of the array's before they are combined.
inline bool makes_rows(const NormalForm& form) { return form.steps.prepared || !form.source.axes.empty(); }

/// Whether averages of short integers without a sign have the type of their cells, or are floats, and all sums fit
/// twice the width of the cells.
bool fits_twice_its_width(const NormalForm& form);

/// Whether so many elements form rows with the pooled axis outside of them: those of a page or more are rows
/// themselves.
inline bool are_pixels(std::int64_t elements, std::int64_t size) {
  constexpr std::int64_t largest_pixel_bytes = 4096;
  return saturating_mul(elements, size) < largest_pixel_bytes;
}

/// Whether `outer` goes on where `inner` ends, in the input. (In the result all axes do, it is dense.)
inline bool is_dense(const NormalAxis& outer, const NormalAxis& inner, std::int64_t pixel_bytes) {
  return outer.input_stride == saturating_mul(inner.windows.input(), pixel_bytes);
}

/// Where the elements of a row come from: the array, wherever they can be read as they lie, or always a row of a dense
/// copy that is made of it; or the array, as if it was dense.
enum class Reading : std::uint8_t { in_place, made, of_a_copy };

/// Brings a request to normal form. Throws std::invalid_argument where the request cannot be run, std::overflow_error
/// where 64 bits do not suffice.
NormalForm normal_form(const Request& request, Reading reading = Reading::in_place);

}  // namespace tilepool
