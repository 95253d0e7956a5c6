// Lanes that change their places, within a vector and between two.
#pragma once

#include "simd.hpp"

namespace tilepool {
namespace {

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

/// The numbered lanes of `v` and, behind them, of `next`.
template <int N, class T>
TILEPOOL_INLINE Vec<T, N> moved(Vec<T, N> v, Vec<T, N> next, Vec<IntegerLike<T>, N> lanes) {
#if defined(__GNUC__) && !defined(__clang__)
  return __builtin_shuffle(v, next, lanes);
#else
  alignas(64) T both[2 * N];
  store(both, v);
  store(both + N, next);
  for (int i = 0; i < N; ++i) v[i] = both[lanes[i]];
  return v;
#endif
}

/// The numbered lanes of each 16 bytes.
template <int N, class T>
TILEPOOL_INLINE Vec<T, N> chosen(Vec<T, N> v, Vec<IntegerLike<T>, N> lanes) {
#if defined(__GNUC__) && !defined(__clang__)
  if constexpr (N * sizeof(T) == 16) return __builtin_shuffle(v, lanes);
  using Bytes [[maybe_unused]] = Vec<char, N * sizeof(T)>;
#if defined(__AVX512BW__)
  if constexpr (N == 64) {
    return bits_as<Vec<T, N>>(__builtin_ia32_pshufb512_mask(bits_as<Bytes>(v), bits_as<Bytes>(lanes), Bytes{}, -1));
  }
#endif
#if defined(__AVX2__)
  if constexpr (N == 32 && sizeof(T) == 1) {
    return bits_as<Vec<T, N>>(__builtin_ia32_pshufb256(bits_as<Bytes>(v), bits_as<Bytes>(lanes)));
  }
#endif
#endif
  const auto first = counting<IntegerLike<T>, N>() & splat<N>(static_cast<IntegerLike<T>>(-16 / int{sizeof(T)}));
  return moved<N, T>(v, v, lanes + first);
}

/// Whether `shifted` and `moved` are one instruction, which beats a load across the border of two cache lines.
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

/// Of the segments of W lanes of `a` and `b` the even ones (Odd = 0) or the odd ones: of a, of b, and so on.
template <int Odd, int W, int N, class T, int... I>
TILEPOOL_INLINE Vec<T, N> segments(Vec<T, N> a, Vec<T, N> b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, (I + (I / W % 2 == 0 ? Odd * W : N - W + Odd * W))...);
}

/// Lane j of vector i goes to lane i of vector j.
template <int N, class T, int W = N / 2>
TILEPOOL_INLINE void transpose(Vec<T, N>* v) {
  if constexpr (W > 0) {
    for (int i = 0; i < N; ++i) {
      if (i / W % 2 != 0) continue;
      const Vec<T, N> a = v[i], b = v[i + W];
      v[i] = segments<0, W, N, T>(a, b, std::make_integer_sequence<int, N>{});
      v[i + W] = segments<1, W, N, T>(a, b, std::make_integer_sequence<int, N>{});
    }
    transpose<N, T, W / 2>(v);
  }
}

/// Lanes of the lower (Upper = 0) or upper halves of `a` and `b` in turn.
template <int Upper, int N, class T, int... I>
TILEPOOL_INLINE Vec<T, N> in_turn(Vec<T, N> a, Vec<T, N> b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, (Upper * N / 2 + I / 2 + I % 2 * N)...);
}

template <int Upper, int N, class T>
TILEPOOL_INLINE Vec<T, N> in_turn(Vec<T, N> a, Vec<T, N> b) {
  return in_turn<Upper, N, T>(a, b, std::make_integer_sequence<int, N>{});
}

/// Lanes of `a` and `b` in turn, of the lower or upper half of each 16 bytes: x86 does this at once, whatever the size
/// of a lane.
template <int Upper, class V, int... I>
TILEPOOL_INLINE V in_turn_of_16(V a, V b, std::integer_sequence<int, I...>) {
  constexpr int all = sizeof...(I), n = all * 16 / static_cast<int>(sizeof(V));
  return __builtin_shufflevector(a, b, (I / n * n + Upper * n / 2 + I % n / 2 + I % 2 * all)...);
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
