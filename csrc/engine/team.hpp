// Threads of the process's own that help with calls: made on demand, kept, shared by all callers.
#pragma once

#include <functional>

#include "interrupt.hpp"

namespace tilepool {

/// Calls work(0) on this thread and work(1), work(2) ... on up to `helpers` others, as many as are idle or can be made,
/// while it lasts. Returns when all that have begun have ended: nobody waits for a helper that has not. While it waits,
/// `interrupt` is asked. False where helpers that had begun are gone, because this is a child that was forked
/// meanwhile, or where it cannot be known whether it is. `work` must not throw.
bool run_team(int helpers, Interrupt& interrupt, const std::function<void(int)>& work);

}  // namespace tilepool
