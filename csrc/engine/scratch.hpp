// Memory for the buffers of a call, which its thread keeps for the next one.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

#include "thread_slot.hpp"

namespace tilepool {

/// Of one thread in one call. A call within a call, as handlers of signals may make it, has its own.
class Scratch {
 public:
  Scratch() : block_(static_cast<Block*>(kept().get())) {
    if (block_ != nullptr) kept().set(nullptr);
  }
  ~Scratch() {
    constexpr std::size_t kept_bytes = 16 << 20;
    if (block_ == nullptr) return;
    if (block_->bytes <= kept_bytes && kept().get() == nullptr && kept().set(block_)) return;
    std::free(block_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  /// The same memory as before where that was enough; else other memory, and the former is gone.
  char* at_least(std::size_t bytes) {
    if (block_ == nullptr || bytes > block_->bytes) {
      std::free(block_);
      block_ = static_cast<Block*>(std::aligned_alloc(alignof(Block), sizeof(Block) + (bytes + 63) / 64 * 64));
      if (block_ == nullptr) throw std::bad_alloc();
      block_->bytes = bytes;
    }
    return reinterpret_cast<char*>(block_ + 1);
  }

 private:
  /// What lies in front of the memory.
  struct alignas(64) Block {
    std::size_t bytes;
  };

  static const ThreadSlot& kept() {
    static const ThreadSlot slot(std::free);
    return slot;
  }

  Block* block_;
};

}  // namespace tilepool
