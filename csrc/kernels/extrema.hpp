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

/// Floats with the highest bits of others as their signs; integers as they are.
template <int N, class T>
TILEPOOL_INLINE Vec<T, N> with_signs(Vec<T, N> v, Vec<IntegerLike<T>, N> signs) {
  if constexpr (std::is_floating_point_v<T>) {
    const auto others = splat<N>(std::numeric_limits<IntegerLike<T>>::max());
    return bits_as<Vec<T, N>>((bits_as<Vec<IntegerLike<T>, N>>(v) & others) | (signs & ~others));
  } else {
    return v;
  }
}

/// Of numbers that are taken one after the other, lane by lane the best one and its place: of equal ones the first. A
/// NaN is better than any number, and nothing is better than a NaN. The greatest number has a sign where all have one,
/// the least where one has: so has a zero, wherever it is.
template <bool Greater, class T, class Place, int N>
struct BestLanes {
  using Bits = Vec<IntegerLike<T>, N>;
  Vec<T, N> best;
  Vec<Place, N> place{}, open = ~Vec<Place, N>{};  // open: where there was no NaN yet
  Bits signs = Greater ? ~Bits{} : Bits{};         // the highest bit of all

  TILEPOOL_INLINE void take(Vec<T, N> v, Vec<Place, N> here) {
    auto better = Greater ? v > best : v < best;
    if constexpr (std::is_floating_point_v<T>) {
      better = ((Greater ? v <= best : v >= best) == 0) & open;
      open &= v == v;
      signs = Greater ? signs & bits_as<Bits>(v) : signs | bits_as<Bits>(v);
    }
    best = better ? v : best;
    place = better ? here : place;
  }

  TILEPOOL_INLINE Vec<T, N> value() const { return with_signs<N, T>(best, signs); }
};

#if defined(__AVX512F__) && defined(__GNUC__) && !defined(__clang__)
/// GCC 12 makes vectors of the masks: half as fast.
template <bool Greater>
struct BestLanes<Greater, float, std::int32_t, 16> {
  Vec<float, 16> best;
  Vec<std::int32_t, 16> place{};
  unsigned short open = 0xffff;
  Vec<std::int32_t, 16> signs = Greater ? ~Vec<std::int32_t, 16>{} : Vec<std::int32_t, 16>{};

  TILEPOOL_INLINE void take(Vec<float, 16> v, Vec<std::int32_t, 16> here) {
    constexpr int not_less_or_equal = 0x16, not_greater_or_equal = 0x19, ordered = 7;
    constexpr int relation = Greater ? not_less_or_equal : not_greater_or_equal;
    const unsigned short better = __builtin_ia32_cmpps512_mask(v, best, relation, open, 4);
    open = __builtin_ia32_cmpps512_mask(v, v, ordered, open, 4);
    best = __builtin_ia32_blendmps_512_mask(best, v, better);
    place = __builtin_ia32_blendmd_512_mask(place, here, better);
    signs = Greater ? signs & bits_as<Vec<std::int32_t, 16>>(v) : signs | bits_as<Vec<std::int32_t, 16>>(v);
  }

  TILEPOOL_INLINE Vec<float, 16> value() const { return with_signs<16, float>(best, signs); }
};
#endif

}  // namespace
}  // namespace tilepool
