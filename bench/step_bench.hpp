// The steps of kernels as benchmarks.
#pragma once

namespace tilepool_bench {

/// Registers prepare/, combine/, finish/ and fused/: each entry of the tables in use, on rows that fit a first-level
/// cache, a second-level cache, and neither.
void register_steps();

}  // namespace tilepool_bench
