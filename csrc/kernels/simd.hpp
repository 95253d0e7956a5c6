// Vec<T, N>: N lanes of T over compiler vector extensions; the only file with compiler- or CPU-specific text.
#pragma once

#ifdef __FAST_MATH__
#error "tilepool promises NaN and bit-identical sums: do not compile it with -ffast-math"
#endif

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

namespace tilepool {
namespace {

#if defined(__AVX512BW__)
constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif

#define TILEPOOL_INLINE inline __attribute__((always_inline))
#define TILEPOOL_INLINE_LAMBDA __attribute__((always_inline))

template <class T, int N>
struct VecOf {
  typedef T type __attribute__((vector_size(N * sizeof(T))));
};
template <class T>
struct VecOf<T, 1> {
  using type = T;
};

/// One lane is the plain type, so that a scalar tail is the same text as a vector.
template <class T, int N>
using Vec = typename VecOf<T, N>::type;

/// A compile-time lane count, to be passed to generic lambdas.
template <int N>
using Lanes = std::integral_constant<int, N>;

template <int N, class T>
TILEPOOL_INLINE Vec<T, N> load(const T* from) {
  Vec<T, N> v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

template <class T, class V>
TILEPOOL_INLINE void store(T* to, V v) {
  std::memcpy(to, &v, sizeof v);
}

template <int N, class T>
TILEPOOL_INLINE Vec<T, N> splat(T value) {
  if constexpr (N == 1) {
    return value;
  } else {
    return value - Vec<T, N>{};  // a broadcast; x - 0 keeps NaN, infinities and the sign of zero
  }
}

/// The integer type of twice the size.
template <class T>
struct Wider;
template <>
struct Wider<std::uint8_t> {
  using type = std::uint16_t;
};

/// Converts lane by lane as static_cast does.
template <class To, int N, class V>
TILEPOOL_INLINE Vec<To, N> convert(V v) {
  if constexpr (std::is_same_v<V, Vec<To, N>>) {
    return v;
  } else if constexpr (N == 1) {
    return static_cast<To>(v);
#if defined(__AVX512F__) && defined(__GNUC__) && !defined(__clang__)
  } else if constexpr (std::is_same_v<V, Vec<std::uint8_t, 16>> && std::is_same_v<To, std::int32_t>) {
    return __builtin_ia32_pmovzxbd512_mask(reinterpret_cast<Vec<char, 16>>(v), Vec<std::int32_t, 16>{}, 0xffff);
#endif
  } else if constexpr (sizeof(To) * N > 2 * sizeof(V)) {  // in steps: GCC 12 takes longer ones apart into scalars
    using From = std::remove_reference_t<decltype(v[0])>;
    return convert<To, N>(__builtin_convertvector(v, Vec<typename Wider<From>::type, N>));
  } else {
    return __builtin_convertvector(v, Vec<To, N>);
  }
}

/// A float as the first of 16 bytes of lanes: what compilers make of a choice between two scalars may be a branch.
template <class T>
TILEPOOL_INLINE Vec<T, 16 / sizeof(T)> first_lane(T value) {
  return Vec<T, 16 / sizeof(T)>{value};
}

/// a > b ? a : b, lane by lane: b where either is NaN. For floats this is one instruction of x86, which GCC 12 does not
/// find once a test for NaN follows.
template <class V>
TILEPOOL_INLINE V greater_of(V a, V b) {
  if constexpr (std::is_floating_point_v<V>) return greater_of(first_lane(a), first_lane(b))[0];
#define TILEPOOL_USE(type, bytes, builtin) \
  if constexpr (std::is_same_v<V, Vec<type, bytes / sizeof(type)>>) return builtin;
#if defined(__AVX512F__) && defined(__GNUC__) && !defined(__clang__)
  TILEPOOL_USE(float, 64, __builtin_ia32_maxps512_mask(a, b, a, 0xffff, 4))
  TILEPOOL_USE(double, 64, __builtin_ia32_maxpd512_mask(a, b, a, 0xff, 4))
#endif
#if defined(__AVX__)
  TILEPOOL_USE(float, 32, __builtin_ia32_maxps256(a, b))
  TILEPOOL_USE(double, 32, __builtin_ia32_maxpd256(a, b))
#endif
#if defined(__SSE2__)
  TILEPOOL_USE(float, 16, __builtin_ia32_maxps(a, b))
  TILEPOOL_USE(double, 16, __builtin_ia32_maxpd(a, b))
#endif
  return a > b ? a : b;
}

/// a < b ? a : b, lane by lane: b where either is NaN.
template <class V>
TILEPOOL_INLINE V less_of(V a, V b) {
  if constexpr (std::is_floating_point_v<V>) return less_of(first_lane(a), first_lane(b))[0];
#if defined(__AVX512F__) && defined(__GNUC__) && !defined(__clang__)
  TILEPOOL_USE(float, 64, __builtin_ia32_minps512_mask(a, b, a, 0xffff, 4))
  TILEPOOL_USE(double, 64, __builtin_ia32_minpd512_mask(a, b, a, 0xff, 4))
#endif
#if defined(__AVX__)
  TILEPOOL_USE(float, 32, __builtin_ia32_minps256(a, b))
  TILEPOOL_USE(double, 32, __builtin_ia32_minpd256(a, b))
#endif
#if defined(__SSE2__)
  TILEPOOL_USE(float, 16, __builtin_ia32_minps(a, b))
  TILEPOOL_USE(double, 16, __builtin_ia32_minpd(a, b))
#endif
  return a < b ? a : b;
}

/// The greater of a and b, lane by lane; NaN where either is.
template <class V>
TILEPOOL_INLINE V greater_or_nan(V a, V b) {
  if constexpr (std::is_floating_point_v<V>) return greater_or_nan(first_lane(a), first_lane(b))[0];
#if defined(__AVX512F__) && defined(__GNUC__) && \
    !defined(__clang__)  // greater_of only in the lanes where a is a number
  TILEPOOL_USE(float, 64, __builtin_ia32_maxps512_mask(a, b, a, __builtin_ia32_cmpps512_mask(a, a, 7, 0xffff, 4), 4))
  TILEPOOL_USE(double, 64, __builtin_ia32_maxpd512_mask(a, b, a, __builtin_ia32_cmppd512_mask(a, a, 7, 0xff, 4), 4))
#endif
  return a != a ? a : greater_of(a, b);
}

/// The less of a and b, lane by lane; NaN where either is.
template <class V>
TILEPOOL_INLINE V less_or_nan(V a, V b) {
  if constexpr (std::is_floating_point_v<V>) return less_or_nan(first_lane(a), first_lane(b))[0];
#if defined(__AVX512F__) && defined(__GNUC__) && !defined(__clang__)
  TILEPOOL_USE(float, 64, __builtin_ia32_minps512_mask(a, b, a, __builtin_ia32_cmpps512_mask(a, a, 7, 0xffff, 4), 4))
  TILEPOOL_USE(double, 64, __builtin_ia32_minpd512_mask(a, b, a, __builtin_ia32_cmppd512_mask(a, a, 7, 0xff, 4), 4))
#endif
  return a != a ? a : less_of(a, b);
}
#undef TILEPOOL_USE

/// The same bits as another type of the same size.
template <class To, class From>
TILEPOOL_INLINE To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

/// Lanes D, D + 1, ... of `v` and, behind them, of `next`.
template <int D, int N, class T, int... I>
TILEPOOL_INLINE Vec<T, N> shifted(Vec<T, N> v, Vec<T, N> next, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(v, next, (D + I)...);
}

template <int D, int N, class T>
TILEPOOL_INLINE Vec<T, N> shifted(Vec<T, N> v, Vec<T, N> next) {
  static_assert(D >= 0 && D <= N);
  return shifted<D, N, T>(v, next, std::make_integer_sequence<int, N>{});
}

/// Whether `shifted` is one instruction, which beats a load across the border of two cache lines.
template <class T>
constexpr bool cheap_shifts = vector_bytes == 64 && sizeof(T) >= 4 && sizeof(T) <= 8;

/// Lanes Phase, Phase + Stride, Phase + 2 * Stride ... of `Stride` vectors laid end to end.
template <int Phase, int Stride, int N, class T, int... I>
TILEPOOL_INLINE Vec<T, N> every(const Vec<T, N>* parts, std::integer_sequence<int, I...>) {
  if constexpr (Stride == 2) {
    return __builtin_shufflevector(parts[0], parts[1], (Phase + I * Stride)...);
  } else if constexpr (Stride == 3) {
    // The lanes of the first two parts move to the front; those of the third follow.
    const auto front = __builtin_shufflevector(parts[0], parts[1], (Phase + I * 3 < 2 * N ? Phase + I * 3 : 0)...);
    return __builtin_shufflevector(front, parts[2], (Phase + I * 3 < 2 * N ? I : Phase + I * 3 - N)...);
  } else {
    static_assert(Stride == 4);
    const auto front = __builtin_shufflevector(parts[0], parts[1], (I < N / 2 ? Phase + I * 4 : 0)...);
    const auto back = __builtin_shufflevector(parts[2], parts[3], (I < N / 2 ? Phase + I * 4 : 0)...);
    return __builtin_shufflevector(front, back, (I < N / 2 ? I : N / 2 + I)...);
  }
}

template <int Phase, int Stride, int N, class T>
TILEPOOL_INLINE Vec<T, N> every(const Vec<T, N>* parts) {
  static_assert(Phase >= 0 && Phase < Stride);
  return every<Phase, Stride, N, T>(parts, std::make_integer_sequence<int, N>{});
}

/// The lower half (Upper = 0) or the upper half (Upper = 1) of a vector.
template <int Upper, int N, class T, int... I>
TILEPOOL_INLINE Vec<T, N / 2> half(Vec<T, N> v, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(v, v, (Upper * N / 2 + I)...);
}

template <int Upper, int N, class T>
TILEPOOL_INLINE Vec<T, N / 2> half(Vec<T, N> v) {
  if constexpr (N == 2) {
    return v[Upper];
  } else {
    return half<Upper, N, T>(v, std::make_integer_sequence<int, N / 2>{});
  }
}

/// The lower (Upper = 0) or upper halves of all segments of W lanes of `a`, then of `b`.
template <int Upper, int W, int N, class T, int... I>
TILEPOOL_INLINE Vec<T, N> halves(Vec<T, N> a, Vec<T, N> b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, (I / (W / 2) * W + Upper * (W / 2) + I % (W / 2))...);
}

template <int Upper, int W, int N, class T>
TILEPOOL_INLINE Vec<T, N> halves(Vec<T, N> a, Vec<T, N> b) {
  return halves<Upper, W, N, T>(a, b, std::make_integer_sequence<int, N>{});
}

}  // namespace
}  // namespace tilepool
