// Allocations and starts of threads that fail on demand. All of the program's operator new go through here, and what
// the engine calls of malloc and its kind (the linker's --wrap).
#pragma once

#include <cstdint>

namespace tilepool::tests {

/// While it lives, attempt number `place` (from 0 on, of all threads) fails, and no other.
class FailingOnce {
 public:
  explicit FailingOnce(std::int64_t place);
  ~FailingOnce();
  FailingOnce(const FailingOnce&) = delete;
  FailingOnce& operator=(const FailingOnce&) = delete;

  /// Whether there were so many attempts.
  bool happened() const;
};

/// Blocks that have been allocated and not been freed.
std::int64_t blocks_in_use();

}  // namespace tilepool::tests
