// Max and min that tell where, by pairs of a key and its place: how windows are put together, and when that is worth
// it.
#pragma once

#include <cstdint>
#include <vector>

#include "axis_roles.hpp"

namespace tilepool {

/// Steps, of which each makes larger windows of those of the one before, which may overlap: so the cost grows with the
/// logarithm of the window. Distances and places are those of one tap.
std::vector<PairTaps> pair_steps(const Windows& windows, std::int64_t distance, std::int64_t place);

/// Bytes of a key, and of a place.
inline std::int64_t pair_lane(const NormalForm& form) { return info_of(form.dtype).size == 8 ? 8 : 4; }

/// Bytes of a row of pairs for so many outputs, with what their windows see beside them.
std::int64_t pair_row_bytes(const AxisRoles& roles, const NormalForm& form, std::int64_t outputs);

/// What an output costs, in looks at a tap.
std::int64_t pair_looks(const AxisRoles& roles);

/// Whether these are fewer than if each tap of each window is looked at, places fit 31 bits, and the pairs of what two
/// outputs see, twice as many rows as there are in a window, so many bytes. Windows slide.
bool can_be_paired(const AxisRoles& roles, const NormalForm& form, std::int64_t most_bytes);

}  // namespace tilepool
