// Pools small planes in bundles: so many side by side as fill cache lines with one accumulator of each.
#pragma once

#include "plan.hpp"

namespace tilepool {

/// Pools bundles [begin, end) of a plan that has some; input and result as for `pool`.
void pool_bundles(const Plan& plan, const Kernel& kernel, const void* input, void* result, std::int64_t begin,
                  std::int64_t end);

}  // namespace tilepool
