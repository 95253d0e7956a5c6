// Lanes of one type made to those of another.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

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

#if defined(__AVX2__) && defined(__GNUC__) && !defined(__clang__)
/// Whether one instruction makes a vector of so many wider lanes. GCC 12 takes these conversions apart, some into
/// scalars.
template <class To, class From, int N>
constexpr bool widens_at_once =
    sizeof(From) < sizeof(To) && (N * sizeof(To) == 16 || N * sizeof(To) == 32 || N * sizeof(To) == vector_bytes) &&
    (std::is_integral_v<From> ? std::is_integral_v<To> || (sizeof(From) == 4 && std::is_signed_v<From>) : true);

/// Such a vector.
template <class To, int N, class From>
TILEPOOL_INLINE Vec<To, N> widened(Vec<From, N> v) {
  using Taken = std::conditional_t<std::is_floating_point_v<From>, From,
                                   std::conditional_t<sizeof(From) == 1, char, IntegerLike<From>>>;
  using Made [[maybe_unused]] = std::conditional_t<sizeof(To) == 8, long long, IntegerLike<To>>;
  constexpr int bytes = N * sizeof(To), taken = sizeof v < 16 ? 16 / sizeof(From) : N;
  Vec<Taken, taken> from;
  if constexpr (sizeof v < 16) {  // the first lanes of 16 bytes, but not by way of memory
    using Number =
        std::conditional_t<sizeof v == 8, long long, std::conditional_t<sizeof v == 4, std::int32_t, std::int16_t>>;
    from = bits_as<Vec<Taken, taken>>(Vec<Number, 16 / sizeof(Number)>{bits_as<Number>(v)});
  } else {
    from = bits_as<Vec<Taken, taken>>(v);
  }
#if defined(__AVX512BW__)
#define TILEPOOL_IF_WIDEST(...) \
  if constexpr (bytes == 64) return __VA_ARGS__;
#else
#define TILEPOOL_IF_WIDEST(...)
#endif
#define TILEPOOL_USE(from_bytes, to_bytes, condition, name)                                            \
  if constexpr (sizeof(From) == from_bytes && sizeof(To) == to_bytes && condition) {                   \
    TILEPOOL_IF_WIDEST(bits_as<Vec<To, N>>(__builtin_ia32_##name##512_mask(from, Vec<Made, N>{}, -1))) \
    if constexpr (bytes == 32) return bits_as<Vec<To, N>>(__builtin_ia32_##name##256(from));           \
    if constexpr (bytes == 16) return bits_as<Vec<To, N>>(__builtin_ia32_##name##128(from));           \
  }
#define TILEPOOL_USE_BOTH(from_bytes, to_bytes, name)                      \
  TILEPOOL_USE(from_bytes, to_bytes, std::is_signed_v<From>, pmovsx##name) \
  TILEPOOL_USE(from_bytes, to_bytes, std::is_unsigned_v<From>, pmovzx##name)
  if constexpr (std::is_same_v<From, float>) {
    TILEPOOL_IF_WIDEST(__builtin_ia32_cvtps2pd512_mask(from, Vec<double, N>{}, -1, 4))
    if constexpr (bytes == 32) return __builtin_ia32_cvtps2pd256(from);
    if constexpr (bytes == 16) return __builtin_ia32_cvtps2pd(from);
  } else if constexpr (std::is_same_v<To, double>) {
    TILEPOOL_IF_WIDEST(__builtin_ia32_cvtdq2pd512_mask(from, Vec<double, N>{}, -1))
    if constexpr (bytes == 32) return __builtin_ia32_cvtdq2pd256(from);
    if constexpr (bytes == 16) return __builtin_ia32_cvtdq2pd(from);
  } else {
    TILEPOOL_USE_BOTH(1, 2, bw)
    TILEPOOL_USE_BOTH(1, 4, bd)
    TILEPOOL_USE_BOTH(1, 8, bq)
    TILEPOOL_USE_BOTH(2, 4, wd)
    TILEPOOL_USE_BOTH(2, 8, wq)
    TILEPOOL_USE_BOTH(4, 8, dq)
  }
#undef TILEPOOL_USE_BOTH
#undef TILEPOOL_USE
#undef TILEPOOL_IF_WIDEST
}
#else
template <class To, class From, int N>
constexpr bool widens_at_once = false;
template <class To, int N, class From>
Vec<To, N> widened(Vec<From, N>);
#endif

/// Integers of 64 bits as the nearest float64, in two exact halves: what lies in the bits of 2**52 + lower and of
/// 2**84 + 2**32 * upper. Only AVX-512 has an instruction.
template <int N, class From>
TILEPOOL_INLINE Vec<double, N> long_to_double(Vec<From, N> v) {
#if defined(__AVX512DQ__)
  return __builtin_convertvector(v, Vec<double, N>);
#else
  using Bits = Vec<std::uint64_t, N>;
  constexpr bool is_signed = std::is_signed_v<From>;
  const Bits bits = bits_as<Bits>(v) ^ splat<N>(is_signed ? std::uint64_t{1} << 63 : 0);
  const auto lower = bits_as<Vec<double, N>>((bits & 0xffffffff) | splat<N>(std::uint64_t{0x433} << 52));
  const auto upper = bits_as<Vec<double, N>>(bits >> 32 | splat<N>(std::uint64_t{0x453} << 52));
  return upper - splat<N>(is_signed ? 0x1p84 + 0x1p63 + 0x1p52 : 0x1p84 + 0x1p52) + lower;
#endif
}

/// Of integers of 64 bits those of 32 that are their lower halves.
template <int N, class From, class To, int... I>
TILEPOOL_INLINE Vec<To, N> lower_halves(Vec<From, N> v, std::integer_sequence<int, I...>) {
  const auto halves = bits_as<Vec<To, 2 * N>>(v);
  return __builtin_shufflevector(halves, halves, (2 * I)...);
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
    constexpr bool from_integer = std::is_integral_v<From>, to_integer = std::is_integral_v<To>;
    if constexpr (widens_at_once<To, From, N>) {
      return widened<To, N, From>(v);
    } else if constexpr (std::is_same_v<From, std::uint32_t> && std::is_same_v<To, double>) {
      // GCC 12 knows the signed ones.
      const auto moved = bits_as<Vec<std::int32_t, N>>(v ^ splat<N>(0x80000000u));
      return convert_numbers<double, N>(moved) + splat<N>(0x1p31);
    } else if constexpr (from_integer && sizeof(From) == 8 && std::is_same_v<To, double>) {
      return long_to_double<N, From>(v);
    } else if constexpr (sizeof(From) < 4 && !to_integer) {  // in steps, as below
      return convert_numbers<To, N>(convert_numbers<std::int32_t, N>(v));
    } else if constexpr (sizeof(To) == 4 && to_integer && sizeof(From) == 8 && from_integer) {
      return lower_halves<N, From, To>(v, std::make_integer_sequence<int, N>{});
#if defined(__AVX512BW__) && defined(__GNUC__) && !defined(__clang__)
    } else if constexpr (N == 16 && sizeof(From) == 4 && from_integer && to_integer && sizeof(To) < 4) {
      const auto from = bits_as<Vec<std::int32_t, 16>>(v);
      if constexpr (sizeof(To) == 1) {
        return bits_as<Vec<To, N>>(__builtin_ia32_pmovdb512_mask(from, Vec<char, 16>{}, -1));
      } else {
        return bits_as<Vec<To, N>>(__builtin_ia32_pmovdw512_mask(from, Vec<short, 16>{}, -1));
      }
#endif
    } else if constexpr (sizeof(To) == 1 && sizeof(From) > 2 && from_integer) {
      using Narrower = std::conditional_t<sizeof(From) == 8, std::int32_t, std::int16_t>;
      return convert_numbers<To, N>(convert_numbers<Narrower, N>(v));
    } else if constexpr (sizeof(From) == 1 && sizeof(To) > 2) {  // GCC 12 takes longer ones apart into scalars
      using Wider = std::conditional_t<std::is_unsigned_v<From>, std::uint16_t, std::int16_t>;
      return convert_numbers<To, N>(convert_numbers<Wider, N>(v));
    } else {
      return __builtin_convertvector(v, Vec<To, N>);
    }
  }
}

/// Halves of 16 bytes, of which those of two vectors lie in turn, one vector behind the other.
template <class To, int Halves, class V, int... I>
TILEPOOL_INLINE To halves_in_order(V v, std::integer_sequence<int, I...>) {
  const auto halves = bits_as<Vec<std::uint64_t, Halves>>(v);
  return bits_as<To>(__builtin_shufflevector(halves, halves, (2 * I % Halves + 2 * I / Halves)...));
}
template <class To, int Halves, class V>
TILEPOOL_INLINE To halves_in_order(V v) {
  return halves_in_order<To, Halves>(v, std::make_integer_sequence<int, Halves>{});
}

/// The lanes of `a` and, behind them, `b` in half their width: the greatest number instead of those beyond it, which
/// are to be less than half of what their lanes can hold.
template <class To, class From, int N>
TILEPOOL_INLINE Vec<To, 2 * N> saturated(Vec<From, N> a, Vec<From, N> b) {
  static_assert(sizeof(From) == 2 * sizeof(To) && std::is_unsigned_v<To> && sizeof(To) <= 2);
#if defined(__SSE4_1__) && defined(__GNUC__) && !defined(__clang__)
  constexpr int bytes = N * sizeof(From);
  using Numbers = Vec<std::conditional_t<sizeof(From) == 2, short, int>, N>;
  const auto x = bits_as<Numbers>(a), y = bits_as<Numbers>(b);
#define TILEPOOL_USE(width, shorts, ints)                                                                     \
  if constexpr (bytes == width && sizeof(To) == 1) return halves_in_order<Vec<To, 2 * N>, bytes / 8>(shorts); \
  if constexpr (bytes == width && sizeof(To) == 2) return halves_in_order<Vec<To, 2 * N>, bytes / 8>(ints);
#if defined(__AVX512BW__)
  TILEPOOL_USE(64, __builtin_ia32_packuswb512_mask(x, y, Vec<char, 64>{}, -1),
               __builtin_ia32_packusdw512_mask(x, y, Vec<short, 32>{}, -1))
#endif
#if defined(__AVX2__)
  TILEPOOL_USE(32, __builtin_ia32_packuswb256(x, y), __builtin_ia32_packusdw256(x, y))
#endif
  TILEPOOL_USE(16, __builtin_ia32_packuswb128(x, y), __builtin_ia32_packusdw128(x, y))
#undef TILEPOOL_USE
#else
  const auto most = splat<N>(static_cast<From>(std::numeric_limits<To>::max()));
  To both[2 * N];
  store(both, convert_numbers<To, N>(Vec<From, N>(a < most ? a : most)));
  store(both + N, convert_numbers<To, N>(Vec<From, N>(b < most ? b : most)));
  return load<2 * N>(both);
#endif
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
