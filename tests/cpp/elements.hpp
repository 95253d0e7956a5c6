// Elements of every type as numbers, and memory of exactly as many bytes as an array has.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

#include "table.hpp"

namespace tilepool::tests {

/// Holds every element exactly: 64 bits of integers, too.
using Number = long double;
static_assert(std::numeric_limits<Number>::digits >= 64);

constexpr Number not_a_number = std::numeric_limits<Number>::quiet_NaN();
constexpr Number infinite = std::numeric_limits<Number>::infinity();

inline bool is_float(DType dtype) { return info_of(dtype).kind == 'f'; }

/// Bits of the significand of a float, the first one included.
inline int digits_of(DType dtype) {
  if (dtype == DType::float16) return 11;
  if (dtype == DType::bfloat16) return 8;
  return dtype == DType::float32 ? 24 : 53;
}

/// The limits of what an element can be.
inline Number lowest(DType dtype) {
  const DTypeInfo& info = info_of(dtype);
  if (info.kind == 'f') return -infinite;
  return info.kind == 'i' ? -std::ldexp(Number{1}, static_cast<int>(8 * info.size - 1)) : 0;
}
inline Number highest(DType dtype) {
  const DTypeInfo& info = info_of(dtype);
  if (info.kind == 'f') return infinite;
  if (info.kind == 'b') return 1;
  return std::ldexp(Number{1}, static_cast<int>(8 * info.size - (info.kind == 'i' ? 1 : 0))) - 1;
}

template <class T>
T bits_at(const void* at) {
  T bits;
  std::memcpy(&bits, at, sizeof bits);
  return bits;
}

inline Number element(DType dtype, const void* at) {
  switch (dtype) {
    case DType::float16: {
      const auto bits = bits_at<std::uint16_t>(at);
      const int exponent = bits >> 10 & 31, fraction = bits & 1023;
      const Number sign = (bits & 0x8000) != 0 ? -1 : 1;
      if (exponent == 31) return fraction != 0 ? not_a_number : sign * infinite;
      if (exponent == 0) return sign * std::ldexp(Number(fraction), -24);
      return sign * std::ldexp(Number(fraction + 1024), exponent - 25);
    }
    case DType::bfloat16: {
      const std::uint32_t bits = std::uint32_t{bits_at<std::uint16_t>(at)} << 16;
      return bits_at<float>(&bits);
    }
    case DType::float32:
      return bits_at<float>(at);
    case DType::float64:
      return bits_at<double>(at);
    case DType::boolean:
    case DType::uint8:
      return bits_at<std::uint8_t>(at);
    case DType::int8:
      return bits_at<std::int8_t>(at);
    case DType::int16:
      return bits_at<std::int16_t>(at);
    case DType::int32:
      return static_cast<Number>(bits_at<std::int32_t>(at));
    case DType::int64:
      return static_cast<Number>(bits_at<std::int64_t>(at));
    case DType::uint16:
      return bits_at<std::uint16_t>(at);
    case DType::uint32:
      return static_cast<Number>(bits_at<std::uint32_t>(at));
    case DType::uint64:
      return static_cast<Number>(bits_at<std::uint64_t>(at));
  }
  return not_a_number;
}

template <class T>
void put_bits(void* at, T bits) {
  std::memcpy(at, &bits, sizeof bits);
}

/// Writes a number that the type has. Of a float16 it must be 0, infinite, no number, or at least 2**-14 in magnitude.
inline void put_element(DType dtype, void* at, Number number) {
  const auto single = static_cast<float>(number);
  const auto bits = bits_at<std::uint32_t>(&single);
  switch (dtype) {
    case DType::float16: {
      const std::uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
      const std::uint32_t rest = magnitude == 0            ? 0
                                 : std::isnan(single)      ? 0x7e00
                                 : magnitude == 0x7f800000 ? 0x7c00
                                                           : (magnitude - (112u << 23)) >> 13;
      return put_bits(at, static_cast<std::uint16_t>(sign | rest));
    }
    case DType::bfloat16:
      return put_bits(at, static_cast<std::uint16_t>(bits >> 16));
    case DType::float32:
      return put_bits(at, single);
    case DType::float64:
      return put_bits(at, static_cast<double>(number));
    case DType::uint64:
      return put_bits(at, static_cast<std::uint64_t>(number));
    default: {  // as many of the lowest bytes as it has: the machine is little-endian
      const auto integer = static_cast<std::int64_t>(number);
      std::memcpy(at, &integer, static_cast<std::size_t>(info_of(dtype).size));
    }
  }
}

/// As many bytes as are asked for and no more, so that AddressSanitizer sees the first one beyond them.
class Block {
 public:
  explicit Block(std::int64_t size)
      : size_(static_cast<std::size_t>(size)), memory_(static_cast<char*>(std::malloc(size_))) {
    if (!memory_) throw std::bad_alloc();
    poison();
  }
  /// As a float a tiny negative number, as an integer neither zero nor an extreme.
  void poison() { std::memset(memory_.get(), 0xA5, size_); }
  char* begin() const { return memory_.get(); }
  bool operator==(const Block& other) const {
    return size_ == other.size_ && std::memcmp(begin(), other.begin(), size_) == 0;
  }

 private:
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  std::size_t size_;
  std::unique_ptr<char, Free> memory_;
};

}  // namespace tilepool::tests
