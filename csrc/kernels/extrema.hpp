// The greater and the less of lanes, with NaNs, signs of zero and places.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "simd.hpp"

namespace tilepool {
namespace {

/// a > b ? a : b, lane by lane: b where either is NaN. For floats this is one instruction of x86, which GCC 12 does not
/// find once a test for NaN follows.
template <class V>
TILEPOOL_INLINE V greater_of(V a, V b) {
  if constexpr (std::is_floating_point_v<V>) return greater_of(first_lane(a), first_lane(b))[0];
#define TILEPOOL_USE(type, bytes, builtin) \
  if constexpr (std::is_same_v<V, Vec<type, bytes / sizeof(type)>>) return builtin;
#if defined(__AVX512F__) && defined(__GNUC__) && !defined(__clang__)
  TILEPOOL_USE(float, 64, __builtin_ia32_maxps512_mask(a, b, a, -1, 4))
  TILEPOOL_USE(double, 64, __builtin_ia32_maxpd512_mask(a, b, a, -1, 4))
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
  TILEPOOL_USE(float, 64, __builtin_ia32_minps512_mask(a, b, a, -1, 4))
  TILEPOOL_USE(double, 64, __builtin_ia32_minpd512_mask(a, b, a, -1, 4))
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

/// For each lane of integers one of two numbers, `below` where the lane is negative.
template <int N, class T>
TILEPOOL_INLINE Vec<T, N> by_sign(Vec<T, N> v, T above, T below) {
  const Vec<T, N> sign = static_cast<Vec<T, N>>(v >> (8 * static_cast<int>(sizeof(T)) - 1));
#if defined(__AVX2__) && !defined(__AVX512F__) && defined(__GNUC__) && !defined(__clang__)
  if constexpr (std::is_same_v<Vec<T, N>, Vec<std::int32_t, 8>>) {  // one instruction instead of two
    const Vec<T, N> both{above, below, below, below, above, below, below, below};
    return bits_as<Vec<T, N>>(__builtin_ia32_vpermilvarps256(bits_as<Vec<float, 8>>(both), sign));
  }
#endif
  return static_cast<Vec<T, N>>((sign & splat<N>(static_cast<T>(above ^ below))) ^ splat<N>(above));
}

#if defined(__AVX512DQ__) && defined(__AVX512VL__) && defined(__GNUC__) && !defined(__clang__)
constexpr bool orders_zeros = true;
/// The greater (Sign > 0) or the less of a and b, lane by lane, -0 before +0; NaN where either is.
template <int Sign, int N, class T>
TILEPOOL_INLINE Vec<T, N> extremum_or_nan(Vec<T, N> a, Vec<T, N> b) {
  if constexpr (N == 1) return extremum_or_nan<Sign, 16 / sizeof(T), T>(first_lane(a), first_lane(b))[0];
  if constexpr (N > 1 && sizeof a < 16) {
    Vec<T, 16 / sizeof(T)> wide_a{}, wide_b{};
    std::memcpy(&wide_a, &a, sizeof a);
    std::memcpy(&wide_b, &b, sizeof b);
    const auto wide = extremum_or_nan<Sign, 16 / sizeof(T), T>(wide_a, wide_b);
    std::memcpy(&a, &wide, sizeof a);
    return a;
  }
  const auto nan = splat<N>(std::numeric_limits<T>::quiet_NaN());
  constexpr int numbers = 7, how = Sign > 0 ? 5 : 4;
  using V = Vec<T, N>;
  TILEPOOL_USE(float, 64,
               __builtin_ia32_rangeps512_mask(a, b, how, nan, __builtin_ia32_cmpps512_mask(a, b, numbers, -1, 4), 4))
  TILEPOOL_USE(double, 64,
               __builtin_ia32_rangepd512_mask(a, b, how, nan, __builtin_ia32_cmppd512_mask(a, b, numbers, -1, 4), 4))
  TILEPOOL_USE(float, 32,
               __builtin_ia32_rangeps256_mask(a, b, how, nan, __builtin_ia32_cmpps256_mask(a, b, numbers, -1)))
  TILEPOOL_USE(double, 32,
               __builtin_ia32_rangepd256_mask(a, b, how, nan, __builtin_ia32_cmppd256_mask(a, b, numbers, -1)))
  TILEPOOL_USE(float, 16,
               __builtin_ia32_rangeps128_mask(a, b, how, nan, __builtin_ia32_cmpps128_mask(a, b, numbers, -1)))
  TILEPOOL_USE(double, 16,
               __builtin_ia32_rangepd128_mask(a, b, how, nan, __builtin_ia32_cmppd128_mask(a, b, numbers, -1)))
}
#else
constexpr bool orders_zeros = false;
/// The less of a and b, lane by lane, -0 before +0; a NaN where either is. Of equal numbers and of NaNs x86 gives the
/// second one: asked in both orders it gives both, whose bits together are those of -0, or of a NaN.
template <int Sign, int N, class T>
TILEPOOL_INLINE Vec<T, N> extremum_or_nan(Vec<T, N> a, Vec<T, N> b) {
  static_assert(Sign < 0);
  if constexpr (N == 1) return extremum_or_nan<Sign, 16 / sizeof(T), T>(first_lane(a), first_lane(b))[0];
  using Bits = Vec<IntegerLike<T>, N>;
  return bits_as<Vec<T, N>>(bits_as<Bits>(less_of(a, b)) | bits_as<Bits>(less_of(b, a)));
}
#endif
#undef TILEPOOL_USE

/// Of numbers that are taken one after the other, lane by lane the best one and its place: the greatest integer or the
/// least float, of equal ones the first. A NaN is better than any number, and nothing is better than a NaN. The least
/// zero has a sign where one has, wherever it is.
template <class T, class Place, int N, class = void>
struct BestLanes {
  Vec<T, N> best;
  Vec<Place, N> place{};

  TILEPOOL_INLINE void take(Vec<T, N> v, Vec<Place, N> here) {
    if constexpr (std::is_floating_point_v<T>) {
      const auto better = ((v >= best) == 0) & (best == best);
      best = extremum_or_nan<-1, N, T>(v, best);
      place = better ? here : place;
    } else {
      place = v > best ? here : place;
      best = greater_of(v, best);
    }
  }

  TILEPOOL_INLINE Vec<T, N> value() const { return best; }
};

#if defined(__AVX512DQ__) && defined(__GNUC__) && !defined(__clang__)
/// GCC 12 makes vectors of the masks: half as fast.
template <class T, class Place, int N>
struct BestLanes<T, Place, N, std::enable_if_t<std::is_floating_point_v<T> && N * sizeof(T) == 64>> {
  using Mask = std::conditional_t<sizeof(T) == 4, unsigned short, unsigned char>;
  Vec<T, N> best;
  Vec<Place, N> place{};
  Mask numbers = static_cast<Mask>(-1);  // where there was no NaN yet, which the best one of numbers does not wait for

  TILEPOOL_INLINE void take(Vec<T, N> v, Vec<Place, N> here) {
    constexpr int not_greater_or_equal = 0x19, ordered = 7, least = 4;
#define TILEPOOL_TAKE(floats, integers)                                                                \
  const Mask better = __builtin_ia32_cmp##floats##512_mask(v, best, not_greater_or_equal, numbers, 4); \
  numbers = __builtin_ia32_cmp##floats##512_mask(v, v, ordered, numbers, 4);                           \
  best = __builtin_ia32_range##floats##512_mask(v, best, least, v, static_cast<Mask>(-1), 4);          \
  place = bits_as<Vec<Place, N>>(                                                                      \
      __builtin_ia32_blendm##integers##_512_mask(bits_as<Numbers>(place), bits_as<Numbers>(here), better));
    if constexpr (sizeof(T) == 4) {
      using Numbers = Vec<int, N>;
      TILEPOOL_TAKE(ps, d)
    } else {
      using Numbers = Vec<long long, N>;
      TILEPOOL_TAKE(pd, q)
    }
#undef TILEPOOL_TAKE
  }

  TILEPOOL_INLINE Vec<T, N> value() const {
    const auto nan = splat<N>(std::numeric_limits<T>::quiet_NaN());
    if constexpr (sizeof(T) == 4) return __builtin_ia32_blendmps_512_mask(nan, best, numbers);
    if constexpr (sizeof(T) == 8) return __builtin_ia32_blendmpd_512_mask(nan, best, numbers);
  }
};
#endif

}  // namespace
}  // namespace tilepool
