// Vectors that cover a row.
#pragma once

#include <cstdint>

#include "shuffles.hpp"

namespace tilepool {
namespace {

/// As many as fill one vector.
template <class T>
constexpr int full_lanes = vector_bytes / static_cast<int>(sizeof(T));

/// The lane count below N: 16 bytes of lanes, then single ones.
template <class T, int N>
constexpr int fewer_lanes = N * static_cast<int>(sizeof(T)) > 16 && sizeof(T) < 16 ? 16 / static_cast<int>(sizeof(T))
                                                                                   : 1;

/// Asks for what lies so many bytes behind `n` elements. (Nothing is read where there is no memory.)
template <int n, class T>
TILEPOOL_INLINE void fetch_later(const T* elements, std::int64_t ahead) {
  constexpr int line = 64 / sizeof(T);
  for (int i = 0; i < n; i += line) __builtin_prefetch(reinterpret_cast<const char*>(elements + i) + ahead);
}

/// Calls step(Lanes<N>, i) for vectors that cover [i, n) without overlap, wide ones first.
template <class T, int N, class Step>
TILEPOOL_INLINE void sweep(std::int64_t i, std::int64_t n, const Step& step) {
  for (; i + N <= n; i += N) step(Lanes<N>{}, i);
  if constexpr (N > 1) {
    if (i < n) sweep<T, fewer_lanes<T, N>>(i, n, step);
  }
}

/// The same for [0, n), n > 0, where a step may be repeated: the last vector ends at n and redoes some of the one
/// before. `Whole`: what does not fill one vector is taken by itself.
template <class T, int N, bool Whole = false, class Step>
TILEPOOL_INLINE void sweep_overlapping(std::int64_t n, const Step& step) {
  if constexpr (N == 1) {
    for (std::int64_t i = 0; i < n; ++i) step(Lanes<1>{}, i);
  } else {
    if (n < N) return sweep_overlapping<T, Whole ? 1 : fewer_lanes<T, N>>(n, step);
    for (std::int64_t i = 0; i < n; i += N) step(Lanes<N>{}, i < n - N ? i : n - N);
  }
}

}  // namespace
}  // namespace tilepool
