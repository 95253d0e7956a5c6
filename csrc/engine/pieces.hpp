// Pools where cells are left out, piece by piece: what is read twice is still in a cache then.
#pragma once

#include "strategies/strategies.hpp"

namespace tilepool {

/// A call whose plan has pieces (Plan::has_pieces).
void pool_pieces(const Call& call, int threads);

}  // namespace tilepool
