// Arrays of random numbers for the C++ benchmarks.
#pragma once

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include "catalogue.hpp"

namespace tilepool_bench {

using tilepool::DType;

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<std::uint8_t, Free>;

/// Memory like that of a numpy array: large blocks on huge pages where the system has them.
inline Memory allocate(std::int64_t bytes) {
  constexpr std::size_t huge = std::size_t{1} << 21;
  const std::size_t alignment = static_cast<std::size_t>(bytes) >= 2 * huge ? huge : 64;
  const std::size_t size = (static_cast<std::size_t>(bytes) / alignment + 1) * alignment;
  Memory memory(static_cast<std::uint8_t*>(std::aligned_alloc(alignment, size)));
  if (!memory) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  if (alignment == huge) madvise(memory.get(), size, MADV_HUGEPAGE);
#endif
  return memory;
}

/// Random numbers from 1 to 256 (SplitMix64), never zeros.
class Random {
 public:
  int next() {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t bits = (state_ ^ (state_ >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return static_cast<int>(bits >> 56) + 1;
  }

 private:
  std::uint64_t state_ = 1;
};

template <class T>
void fill(std::uint8_t* memory, std::int64_t bytes, T scale) {
  Random random;
  T* values = reinterpret_cast<T*>(memory);
  for (std::int64_t i = 0; i < bytes / static_cast<std::int64_t>(sizeof(T)); ++i) {
    values[i] = static_cast<T>(static_cast<T>(random.next() % 255 + 1) * scale);
  }
}

inline Memory random_array(DType dtype, std::int64_t bytes) {
  Memory memory = allocate(bytes);
  switch (dtype) {
    case DType::float16:
    case DType::bfloat16:
      fill<std::uint16_t>(memory.get(), bytes, 64);  // numbers, no NaNs
      break;
    case DType::float32:
      fill<float>(memory.get(), bytes, 1.0f / 256);
      break;
    case DType::float64:
      fill<double>(memory.get(), bytes, 1.0 / 256);
      break;
    case DType::int16:
    case DType::uint16:
      fill<std::uint16_t>(memory.get(), bytes, 100);
      break;
    case DType::int32:
    case DType::uint32:
      fill<std::int32_t>(memory.get(), bytes, 1000);
      break;
    case DType::int64:
    case DType::uint64:
      fill<std::int64_t>(memory.get(), bytes, 1000);
      break;
    case DType::boolean:
      fill<bool>(memory.get(), bytes, true);
      break;
    case DType::int8:
    case DType::uint8:
      fill<std::uint8_t>(memory.get(), bytes, 1);
      break;
  }
  return memory;
}

}  // namespace tilepool_bench
