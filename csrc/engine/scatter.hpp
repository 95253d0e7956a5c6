// Values added to the cells that indices name: the gradient of a maximum.
#pragma once

#include <cstdint>
#include <vector>

#include "interrupt.hpp"
#include "normal_form.hpp"

namespace tilepool {

/// Arrays of planes of pooled axes, everything side by side in memory: values and indices are [planes][outputs of each
/// axis][inner], cells [planes][cells of each axis][inner].
struct Scatter {
  DType dtype;               // of values and cells: floats
  std::int64_t index_bytes;  // 8 or 4; -1 is no cell
  std::int64_t planes, inner;
  std::vector<Windows> windows;  // of the pooled axes, the outermost first

  std::int64_t cells() const;
  std::int64_t outputs() const;
};

/// Whether each index is -1 or that of a cell near its window. Planes are cut into bands of rows, as shape alone says:
/// near are all cells of the band in which a window lies, or the rows that it sees, where these are of several bands.
bool can_scatter(const Scatter& form, const void* indices, int threads, Interrupt::Question question = nullptr);

/// Writes to each cell the sum of the values whose index names it, which counts the cells of a plane: added up one
/// after the other in the order in which they lie, those of 16-bit floats as float32. Every cell is written by one
/// thread. Returns false where a value is lost, because `can_scatter` does not hold. Throws as `pool` does.
bool scatter(const Scatter& form, const void* values, const void* indices, void* cells, int threads,
             Interrupt::Question question = nullptr);

}  // namespace tilepool
