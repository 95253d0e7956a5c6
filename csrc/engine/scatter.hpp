// Values added to the cells that indices name: the gradient of a maximum.
#pragma once

#include <cstdint>

#include "../catalogue.hpp"
#include "interrupt.hpp"
#include "normal_form.hpp"

namespace tilepool {

/// Arrays of planes of pooled axes: all sizes in elements, everything side by side in memory, outermost first.
struct Scatter {
  DType dtype;               // of values and cells: floats
  std::int64_t index_bytes;  // 8, 4 (signed; -1 is no cell) or 1 (unsigned; 255 is none)
  std::int64_t planes;       // what lies outside of the pooled axes ...
  std::int64_t inner;        // ... and inside of them: elements of a pixel
  Windows first;             // of the outermost pooled axis
  std::int64_t cells;        // pixels of all other pooled axes ...
  std::int64_t outputs;      // ... and outputs
};

/// Writes to each cell the sum of the values whose index names it, which counts the pixels of a plane: added up one
/// after the other in the order in which they lie, those of 16-bit floats as float32. Every cell is written by one
/// thread. Returns false where a value is lost, because its index is neither that of no cell nor one of a row that its
/// window sees. Throws as `pool` does.
bool scatter(const Scatter& form, const void* values, const void* indices, void* cells, int threads,
             Interrupt::Question question = nullptr);

}  // namespace tilepool
