// Vectors of pixels: pieces of 16 bytes that are apart in memory, and pixels of some lanes moved within vectors.
#pragma once

#include <cstdint>
#include <utility>

#include "shuffles.hpp"

namespace tilepool {
namespace {

/// `a` and, behind it, `b`.
template <int N, class T, int... I>
TILEPOOL_INLINE Vec<T, 2 * N> joined(Vec<T, N> a, Vec<T, N> b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, I...);
}

/// Pieces of 12 bytes that lie end to end, each as the first of 16 bytes.
template <class V, int... I>
TILEPOOL_INLINE V spread(V v, std::integer_sequence<int, I...>) {
  const auto words = bits_as<Vec<std::uint32_t, sizeof...(I)>>(v);
  return bits_as<V>(__builtin_shufflevector(words, words, (I / 4 * 3 + I % 4)...));
}
template <class V>
TILEPOOL_INLINE V spread(V v) {
  return spread(v, std::make_integer_sequence<int, sizeof(V) / 4>{});
}

/// The first 12 of each 16 bytes, end to end; those behind them may be anything.
template <class V, int... I>
TILEPOOL_INLINE V closed_up(V v, std::integer_sequence<int, I...>) {
  constexpr int all = sizeof...(I);
  const auto words = bits_as<Vec<std::uint32_t, all>>(v);
  return bits_as<V>(__builtin_shufflevector(words, words, ((I / 3 * 4 + I % 3) % all)...));
}
template <class V>
TILEPOOL_INLINE V closed_up(V v) {
  return closed_up(v, std::make_integer_sequence<int, sizeof(V) / 4>{});
}

/// N lanes in pieces of 16 bytes that begin `Apart` elements apart; at most N elements are read.
template <int Apart, int N, class T>
TILEPOOL_INLINE Vec<T, N> load_pieces(const T* from) {
  constexpr int bytes = N * sizeof(T);
  if constexpr (Apart * sizeof(T) == 16 || bytes == 16) {
    return load<N>(from);
  } else if constexpr (Apart * sizeof(T) == 12) {
    return spread(load<N>(from));
  } else {
    constexpr int half = N / 2, pieces = bytes / 32;
    return joined<half, T>(load_pieces<Apart, half>(from), load_pieces<Apart, half>(from + pieces * Apart),
                           std::make_integer_sequence<int, N>{});
  }
}

/// The same where it is only known now how far apart they begin.
template <int N, class T>
TILEPOOL_INLINE Vec<T, N> load_pieces(const T* from, std::int64_t apart) {
  constexpr int half = N / 2, bytes = N * sizeof(T);
  if constexpr (bytes == 16) {
    return load<N>(from);
  } else {
    return joined<half, T>(load_pieces<half>(from, apart), load_pieces<half>(from + bytes / 32 * apart, apart),
                           std::make_integer_sequence<int, N>{});
  }
}

/// In each 16 bytes windows of `Taps` pixels of C lanes, tap beside tap, in groups of 2, 4 or 8 lanes, each of a window
/// and one of the C; what lies in lanes without a tap may be anything.
template <int C, int Taps, int N, class T, int... I>
TILEPOOL_INLINE Vec<T, N> taps_together(Vec<T, N> v, std::integer_sequence<int, I...>) {
  constexpr int lanes = 16 / sizeof(T), group = Taps == 3 ? 4 : Taps, windows = lanes / (Taps * C);
  return __builtin_shufflevector(
      v, v,
      (I / lanes * lanes + (I % group < Taps && I % lanes / group < windows * C
                                ? (I % lanes / group / C * Taps + I % group) * C + I % lanes / group % C
                                : 0))...);
}

template <int C, int Taps, int N, class T>
TILEPOOL_INLINE Vec<T, N> taps_together(Vec<T, N> v) {
  return taps_together<C, Taps, N, T>(v, std::make_integer_sequence<int, N>{});
}

/// In each 16 bytes the first `Kept` of each `Of` lanes, side by side; those behind them may be anything.
template <int Kept, int Of, int N, class T, int... I>
TILEPOOL_INLINE Vec<T, N> side_by_side(Vec<T, N> v, std::integer_sequence<int, I...>) {
  constexpr int lanes = 16 / sizeof(T), all = lanes / Of * Kept;
  return __builtin_shufflevector(
      v, v, (I / lanes * lanes + (I % lanes < all ? I % lanes / Kept * Of + I % lanes % Kept : 0))...);
}

template <int Kept, int Of, int N, class T>
TILEPOOL_INLINE Vec<T, N> side_by_side(Vec<T, N> v) {
  return side_by_side<Kept, Of, N, T>(v, std::make_integer_sequence<int, N>{});
}

/// Every second pixel of C lanes, side by side; the lanes behind those that there are may be anything.
template <int C, int N, class T, int... I>
TILEPOOL_INLINE Vec<T, N> even_pixels(Vec<T, N> v, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(v, v, (I / C * 2 * C + I % C) % N...);
}

template <int C, int N, class T>
TILEPOOL_INLINE Vec<T, N> even_pixels(Vec<T, N> v) {
  return even_pixels<C, N, T>(v, std::make_integer_sequence<int, N>{});
}

}  // namespace
}  // namespace tilepool
