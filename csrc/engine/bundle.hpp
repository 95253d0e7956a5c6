// Pools small planes in bundles: so many side by side as fill cache lines with one accumulator of each.
#pragma once

#include "parallel.hpp"
#include "plan.hpp"

namespace tilepool {

/// Pools a share of the bundles of a plan that has some; input and result as for `pool`.
void pool_bundles(const Plan& plan, const Kernel& kernel, const void* input, void* result, Share& share,
                  Patience patience);

}  // namespace tilepool
