// HOW: which loops pool a plan, and how long its tiles are. All by shape, windows and op alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "plan.hpp"

namespace tilepool {

inline constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

/// Products that are only compared: they stop where a few of them can still be added, instead of overflowing.
inline std::int64_t saturating_mul(std::int64_t a, std::int64_t b) {
  std::int64_t product;
  return __builtin_mul_overflow(a, b, &product) ? most / 4 : std::min(product, most / 4);
}

/// Chooses the loops for a plan that has its axes.
void choose_loops(Plan& plan);

/// Chooses the tiles for the loops, and tells the work: tiles keep buffers in the first-level cache (those of block
/// suffixes in the second) and give threads parts of one long row. A tile is at least as long as two windows, so that
/// neighbours share little.
void choose_tiles(Plan& plan);

/// Whether a plan that has its tiles would need more memory for its buffers than a thread should take: then its pooled
/// axis is better a column of short rows.
bool takes_wide_rows(const Plan& plan);

/// How taps down the column of a block are combined, for outputs from `from` on, in rows of `pitch` accumulators.
Widening widening_down(const Plan& plan, std::int64_t from, std::int64_t pitch);

}  // namespace tilepool
