// Memory for buffers that a thread keeps from call to call.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace tilepool {

/// Memory that a thread keeps for its next call; what is beyond `kept_bytes` goes back at the end of the call.
class Scratch {
 public:
  char* at_least(std::size_t bytes) {
    if (bytes > size_) {
      memory_.reset();
      size_ = 0;
      memory_.reset(static_cast<char*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64)));
      if (!memory_) throw std::bad_alloc();
      size_ = bytes;
    }
    return memory_.get();
  }
  void trim() {
    constexpr std::size_t kept_bytes = 16 << 20;
    if (size_ <= kept_bytes) return;
    memory_.reset();
    size_ = 0;
  }

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  std::unique_ptr<char, Free> memory_;
  std::size_t size_ = 0;
};

inline thread_local Scratch thread_scratch;

}  // namespace tilepool
