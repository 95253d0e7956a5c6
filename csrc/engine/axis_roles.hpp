// HOW: the part that each axis plays.
#pragma once

#include <cstdint>
#include <vector>

#include "normal_form.hpp"

namespace tilepool {

/// Every output row lies on a plane, that of one output of each of the `outer` axes, at one output of the `column` axis
/// (axes that are not pooled have windows of one tap). The row axis has pixels of `inner` elements that lie side by
/// side in the input and in the result. What kernels call lines are rows of one plane.
struct AxisRoles {
  std::vector<NormalAxis> outer;  // outermost first
  std::int64_t plane_count;       // the product of their outputs
  NormalAxis column;              // its outputs are walked one after the other
  bool column_scans;              // its windows are better put together from halves
  NormalAxis row;
  std::int64_t inner;
  std::int64_t inner_weight;
};

/// With `pixels`, a row is no more than a pixel. Throws std::invalid_argument where the axis that is innermost in
/// memory has no unit stride, std::overflow_error where 64 bits do not suffice.
AxisRoles roles_of(const NormalForm& form, bool pixels);

/// Whether sliding windows are better put together from halves: that costs three loads and two stores per input row
/// whatever the kernel; listing the rows of each window costs `kernel` loads per output row.
bool worth_scanning(const Windows& windows);

/// Indices and surveys look at every tap of every window, in order: nothing is shared between windows.
inline bool looks_at_each_tap(const NormalForm& form) { return form.indices != Indices::none || surveys(form.op); }

}  // namespace tilepool
