// The part of every row that one tile covers, as the kernels take it.
#pragma once

#include <cstdint>
#include <vector>

#include "plan.hpp"

namespace tilepool {

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
