// A pointer that each thread has for itself. A thread_local of a library ends the process where memory for it is
// missing.
#pragma once

#include <pthread.h>

namespace tilepool {

/// Never destroyed, so that threads may end after it would have been.
class ThreadSlot {
 public:
  /// `free` is given what is left in the slot when a thread ends.
  explicit ThreadSlot(void (*free)(void*) = nullptr) : usable_(pthread_key_create(&key_, free) == 0) {}

  void* get() const { return usable_ ? pthread_getspecific(key_) : nullptr; }

  /// False where it could not be kept. Null always can.
  bool set(void* pointer) const { return usable_ && pthread_setspecific(key_, pointer) == 0; }

 private:
  pthread_key_t key_{};
  const bool usable_;
};

}  // namespace tilepool
