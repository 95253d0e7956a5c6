// Lanes of one type made to those of another.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "simd.hpp"

namespace tilepool {
namespace {

/// Elements that are no C++ numbers: IEEE 754 binary16, and the upper half of a float32.
struct Float16 {};
struct BFloat16 {};

/// What elements of type T are held in (16-bit floats as their bits), and what they are calculated in.
template <class T>
struct Element {
  using Lane = T;
  using Number = T;
};
template <>
struct Element<Float16> {
  using Lane = std::uint16_t;
  using Number = float;
};
template <>
struct Element<BFloat16> {
  using Lane = std::uint16_t;
  using Number = float;
};
template <class T>
using Lane = typename Element<T>::Lane;

/// Of floats: the bits behind the point. 0 for integers.
template <class T>
constexpr int mantissa_bits = std::is_same_v<T, double> ? 52 : 0;
template <>
constexpr int mantissa_bits<float> = 23;
template <>
constexpr int mantissa_bits<Float16> = 10;
template <>
constexpr int mantissa_bits<BFloat16> = 7;

/// NaNs are made the quiet one without a sign.
template <int N, class T>
TILEPOOL_INLINE Vec<T, N> one_nan(Vec<T, N> v) {
  return v != v ? splat<N>(std::numeric_limits<T>::quiet_NaN()) : v;
}

/// Converts lane by lane as static_cast does.
template <class To, int N, class V>
TILEPOOL_INLINE Vec<To, N> convert_numbers(V v) {
  if constexpr (std::is_same_v<V, Vec<To, N>>) {
    return v;
  } else if constexpr (N == 1) {
    return static_cast<To>(v);
  } else {
    using From = std::remove_reference_t<decltype(v[0])>;
#if defined(__AVX512F__) && defined(__GNUC__) && !defined(__clang__)
    if constexpr (sizeof(From) == 1 && std::is_same_v<To, std::int32_t> && N == 16) {
      const auto bytes = bits_as<Vec<char, 16>>(v);
      constexpr bool zeros = std::is_unsigned_v<From>;
      return zeros ? __builtin_ia32_pmovzxbd512_mask(bytes, Vec<std::int32_t, 16>{}, 0xffff)
                   : __builtin_ia32_pmovsxbd512_mask(bytes, Vec<std::int32_t, 16>{}, 0xffff);
    }
#endif
    if constexpr (std::is_same_v<From, std::uint32_t> && std::is_same_v<To, double>) {  // GCC 12 knows the signed ones
      const auto moved = bits_as<Vec<std::int32_t, N>>(v ^ splat<N>(0x80000000u));
      return __builtin_convertvector(moved, Vec<double, N>) + splat<N>(0x1p31);
    } else if constexpr (sizeof(To) == 1 && sizeof(From) > 2 && std::is_integral_v<From>) {  // in steps, as below
      using Narrower = std::conditional_t<sizeof(From) == 8, std::int32_t, std::int16_t>;
      return convert_numbers<To, N>(__builtin_convertvector(v, Vec<Narrower, N>));
    } else if constexpr (sizeof(From) == 1 &&
                         sizeof(To) > 2) {  // in steps: GCC 12 takes longer ones apart into scalars
      using Wider = std::conditional_t<std::is_unsigned_v<From>, std::uint16_t, std::int16_t>;
      return convert_numbers<To, N>(__builtin_convertvector(v, Vec<Wider, N>));
    } else {
      return __builtin_convertvector(v, Vec<To, N>);
    }
  }
}

/// Exact; a NaN stays one, and becomes quiet.
template <int N>
TILEPOOL_INLINE Vec<float, N> from_float16(Vec<std::uint16_t, N> v) {
#if defined(__F16C__) && defined(__GNUC__) && !defined(__clang__)
#if defined(__AVX512F__)
  if constexpr (N == 16) {
    return __builtin_ia32_vcvtph2ps512_mask(bits_as<Vec<short, 16>>(v), Vec<float, 16>{}, -1, 4);
  }
#endif
  if constexpr (N == 8) return __builtin_ia32_vcvtph2ps256(bits_as<Vec<short, 8>>(v));
  if constexpr (N <= 4) {
    Vec<short, 8> wide{};
    std::memcpy(&wide, &v, sizeof v);
    const Vec<float, 4> numbers = __builtin_ia32_vcvtph2ps(wide);
    if constexpr (N == 1) {
      return numbers[0];
    } else {
      return numbers;
    }
  }
#endif
  if constexpr (N == 1) {
    return from_float16<4>(Vec<std::uint16_t, 4>{v})[0];
  } else {
    using Bits = Vec<std::uint32_t, N>;
    const Bits bits = convert_numbers<std::uint32_t, N>(v), magnitude = bits & 0x7fff;
    const Bits rebiased = (magnitude << 13) + (112u << 23);  // float32 has exponents that are larger by 112
    const Bits quiet = magnitude > 0x7c00 ? splat<N>(1u << 22) : Bits{};
    const Bits special = (rebiased + (112u << 23)) | quiet;  // and the greatest ones are no numbers
    const auto small = __builtin_convertvector(bits_as<Vec<std::int32_t, N>>(magnitude), Vec<float, N>) * 0x1p-24f;
    const Bits number = magnitude < 0x400 ? bits_as<Bits>(small) : magnitude < 0x7c00 ? rebiased : special;
    return bits_as<Vec<float, N>>(number | (bits & 0x8000) << 16);
  }
}

/// Rounded to nearest, ties to even, too large ones to infinity. `v` has only NaNs without a sign or payload.
template <int N>
TILEPOOL_INLINE Vec<std::uint16_t, N> to_float16(Vec<float, N> v) {
#if defined(__F16C__) && defined(__GNUC__) && !defined(__clang__)
#if defined(__AVX512F__)
  if constexpr (N == 16) {
    return bits_as<Vec<std::uint16_t, 16>>(__builtin_ia32_vcvtps2ph512_mask(v, 0, Vec<short, 16>{}, 0xffff));
  }
#endif
  if constexpr (N == 8) return bits_as<Vec<std::uint16_t, 8>>(__builtin_ia32_vcvtps2ph256(v, 0));
  if constexpr (N <= 4) {
    Vec<float, 4> wide{};
    std::memcpy(&wide, &v, sizeof v);
    const Vec<short, 8> halves = __builtin_ia32_vcvtps2ph(wide, 0);
    Vec<std::uint16_t, N> result;
    std::memcpy(&result, &halves, sizeof result);
    return result;
  }
#endif
  if constexpr (N == 1) {
    return to_float16<4>(Vec<float, 4>{v})[0];
  } else {
    using Bits = Vec<std::uint32_t, N>;
    const Bits bits = bits_as<Bits>(v), magnitude = bits & 0x7fffffff;
    const Bits large = (magnitude + 0xfff + (magnitude >> 13 & 1) - (112u << 23)) >> 13;
    // Added to 0.5, whose last place is the smallest float16, a small number is rounded by the processor.
    const Bits small = bits_as<Bits>(bits_as<Vec<float, N>>(magnitude) + 0.5f) - 0x3f000000;
    const Bits number = magnitude < (113u << 23) ? small : large < 0x7c00 ? large : splat<N>(0x7c00u);
    const Bits result = (magnitude > 0x7f800000 ? splat<N>(0x7e00u) : number) | (bits >> 16 & 0x8000);
    return __builtin_convertvector(result, Vec<std::uint16_t, N>);
  }
}

template <int N>
TILEPOOL_INLINE Vec<float, N> from_bfloat16(Vec<std::uint16_t, N> v) {
  return bits_as<Vec<float, N>>(convert_numbers<std::uint32_t, N>(v) << 16);
}

/// As `to_float16`.
template <int N>
TILEPOOL_INLINE Vec<std::uint16_t, N> to_bfloat16(Vec<float, N> v) {
  const auto bits = bits_as<Vec<std::uint32_t, N>>(v);
  return convert_numbers<std::uint16_t, N>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// Converts elements as static_cast does. A NaN becomes the one without a sign or payload where it is rounded.
template <class To, class From, int N>
TILEPOOL_INLINE Vec<Lane<To>, N> convert(Vec<Lane<From>, N> v) {
  if constexpr (std::is_same_v<To, From>) {
    return v;
  } else if constexpr (std::is_same_v<From, Float16>) {
    return from_float16<N>(v);
  } else if constexpr (std::is_same_v<From, BFloat16>) {
    return from_bfloat16<N>(v);
  } else if constexpr (!std::is_same_v<Lane<To>, To>) {
    const Vec<float, N> canonical = one_nan<N, float>(v);
    if constexpr (std::is_same_v<To, Float16>) return to_float16<N>(canonical);
    if constexpr (std::is_same_v<To, BFloat16>) return to_bfloat16<N>(canonical);
  } else {
    return convert_numbers<To, N>(v);
  }
}

}  // namespace
}  // namespace tilepool
