// Whether two schedules combine cells in the same order, and so give the same bits.
#pragma once

#include <cstdint>
#include <vector>

#include "schedule.hpp"

namespace tilepool {

/// All that the order in which cells are combined depends on: schedules with the same numbers give the same bits.
std::vector<std::int64_t> order_of(const Schedule& schedule);

}  // namespace tilepool
