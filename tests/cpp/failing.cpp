// Counts every attempt, and refuses one.
#include "failing.hpp"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::int64_t> attempts_left{-1};  // before the one that fails; below 0: none does, or it is over
std::atomic<bool> refused{false};
std::atomic<std::int64_t> in_use{0};

/// Whether this attempt is the one.
bool refuse() {
  if (attempts_left.load() < 0 || attempts_left.fetch_sub(1) != 0) return false;
  refused = true;
  return true;
}

void* counted(void* memory) {
  if (memory != nullptr) ++in_use;
  return memory;
}

}  // namespace

extern "C" {
void* __real_malloc(std::size_t size);
void* __real_calloc(std::size_t count, std::size_t size);
void* __real_realloc(void* memory, std::size_t size);
void* __real_aligned_alloc(std::size_t alignment, std::size_t size);
int __real_posix_memalign(void** memory, std::size_t alignment, std::size_t size);
void __real_free(void* memory);

void* __wrap_malloc(std::size_t size) { return refuse() ? nullptr : counted(__real_malloc(size)); }
void* __wrap_calloc(std::size_t count, std::size_t size) {
  return refuse() ? nullptr : counted(__real_calloc(count, size));
}
void* __wrap_realloc(void* memory, std::size_t size) {
  if (memory == nullptr) return __wrap_malloc(size);
  return refuse() ? nullptr : __real_realloc(memory, size);
}
void* __wrap_aligned_alloc(std::size_t alignment, std::size_t size) {
  return refuse() ? nullptr : counted(__real_aligned_alloc(alignment, size));
}
int __wrap_posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  if (refuse()) return ENOMEM;
  const int error = __real_posix_memalign(memory, alignment, size);
  if (error == 0) counted(*memory);
  return error;
}
void __wrap_free(void* memory) {
  if (memory != nullptr) --in_use;
  __real_free(memory);
}

/// std::thread calls it in libstdc++, where no --wrap reaches.
int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*), void* argument) {
  static const auto next = reinterpret_cast<decltype(&pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
  return refuse() ? EAGAIN : next(thread, attributes, start, argument);
}
}

void* operator new(std::size_t size) {
  void* const memory = __wrap_malloc(size > 0 ? size : 1);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto whole = static_cast<std::size_t>(alignment);
  void* const memory = __wrap_aligned_alloc(whole, (size + whole - 1) / whole * whole);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { __wrap_free(memory); }
void operator delete(void* memory, std::size_t) noexcept { __wrap_free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { __wrap_free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { __wrap_free(memory); }

namespace tilepool::tests {

FailingOnce::FailingOnce(std::int64_t place) {
  refused = false;
  attempts_left = place;
}
FailingOnce::~FailingOnce() { attempts_left = -1; }

bool FailingOnce::happened() const { return refused; }

std::int64_t blocks_in_use() { return in_use; }

}  // namespace tilepool::tests
