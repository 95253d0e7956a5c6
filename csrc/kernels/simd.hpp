// Vec<T, N>: N lanes of T over compiler vector extensions. This file, shuffles.hpp, conversions.hpp, division.hpp and
// extrema.hpp are the only ones that name instructions of a CPU.
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
#define TILEPOOL_NOINLINE __attribute__((noinline))
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

/// Keeps compilers from loading or making it again, which costs more than a register: where vectors lie across cache
/// lines, or are broadcast.
template <class V>
TILEPOOL_INLINE V in_register(V v) {
#if defined(__AVX2__) && defined(__GNUC__)
  if constexpr (!std::is_integral_v<V>) asm("" : "+v"(v));
#endif
  return v;
}

/// Keeps compilers from moving it together with its neighbour: a vector of what two stores have just written is not
/// read before all stores ahead of these are done, which takes long where they write to memory.
template <class T>
TILEPOOL_INLINE T* by_itself(T* pointer) {
#ifdef __GNUC__
  asm("" : "+r"(pointer));
#endif
  return pointer;
}

template <class T, class V>
TILEPOOL_INLINE void store(T* to, V v) {
  std::memcpy(to, &v, sizeof v);
}

/// Asks for the memory of n results that will be written a little later than those at `to`, to the right (1) or to the
/// left of them (-1): it is read first, and hardware does not ask for it early enough where loops compute for long.
template <int n, int direction = 1, class T>
TILEPOOL_INLINE void write_later(T* to) {
  constexpr int line = 64, ahead = 1024;
  const auto* const bytes = reinterpret_cast<const char*>(to) + direction * ahead;
  for (int i = 0; i < n * static_cast<int>(sizeof(T)); i += line) __builtin_prefetch(bytes + i, 1);
}

/// Whether `stream` goes past the caches.
template <class V>
constexpr bool streams =
#if defined(__SSE2__) && defined(__GNUC__) && !defined(__clang__)
    sizeof(V) == vector_bytes;
#else
    false;
#endif

/// A store that does not read the cache line first, where `to` is aligned; `finish_streams` must follow.
template <class T, class V>
TILEPOOL_INLINE void stream(T* to, V v) {
#if defined(__SSE2__) && defined(__GNUC__) && !defined(__clang__)
  if constexpr (streams<V>) {
    if (reinterpret_cast<std::uintptr_t>(to) % sizeof(V) == 0) {
      using Numbers = typename VecOf<float, sizeof(V) / sizeof(float)>::type;
      Numbers numbers;
      std::memcpy(&numbers, &v, sizeof v);
      auto* const target = reinterpret_cast<float*>(to);
#if defined(__AVX512BW__)
      __builtin_ia32_movntps512(target, numbers);
#elif defined(__AVX2__)
      __builtin_ia32_movntps256(target, numbers);
#else
      __builtin_ia32_movntps(target, numbers);
#endif
      return;
    }
  }
#endif
  store(to, v);
}

/// After this, what was streamed is written before anything that follows.
TILEPOOL_INLINE void finish_streams() {
#if defined(__SSE2__) && defined(__GNUC__) && !defined(__clang__)
  __builtin_ia32_sfence();
#endif
}

template <int N, class T>
TILEPOOL_INLINE Vec<T, N> splat(T value) {
  if constexpr (N == 1) {
    return value;
  } else {
    return value - Vec<T, N>{};  // a broadcast; x - 0 keeps NaN, infinities and the sign of zero
  }
}

/// The same bits as another type of the same size.
template <class To, class From>
TILEPOOL_INLINE To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

/// Whether any bit of a vector is set.
template <class V>
TILEPOOL_INLINE bool any(V v) {
#if defined(__AVX512BW__) && defined(__GNUC__) && !defined(__clang__)
  if constexpr (sizeof(V) == 64) {
    const auto numbers = bits_as<typename VecOf<int, 16>::type>(v);
    return __builtin_ia32_ptestmd512(numbers, numbers, -1) != 0;
  }
#endif
#if defined(__AVX2__) && defined(__GNUC__)
  if constexpr (sizeof(V) == 32) {
    const auto numbers = bits_as<typename VecOf<long long, 4>::type>(v);
    return __builtin_ia32_ptestz256(numbers, numbers) == 0;
  }
#endif
  std::uint64_t words[(sizeof v + 7) / 8] = {}, some = 0;
  std::memcpy(words, &v, sizeof v);
  for (const std::uint64_t word : words) some |= word;
  return some != 0;
}

/// The signed integer of as many bytes as a T.
template <class T>
using IntegerLike = std::conditional_t<
    sizeof(T) == 1, std::int8_t,
    std::conditional_t<sizeof(T) == 2, std::int16_t, std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>>>;

/// 0, 1, 2, ...
template <class T, int N, int... I>
TILEPOOL_INLINE Vec<T, N> counting(std::integer_sequence<int, I...>) {
  return Vec<T, N>{static_cast<T>(I)...};
}
template <class T, int N>
TILEPOOL_INLINE Vec<T, N> counting() {
  return counting<T, N>(std::make_integer_sequence<int, N>{});
}

/// The numbers of N lanes of T, from `lane` on.
template <class T, int N>
TILEPOOL_INLINE Vec<IntegerLike<T>, N> lanes_from(std::int64_t lane) {
  return counting<IntegerLike<T>, N>() + splat<N>(static_cast<IntegerLike<T>>(lane));
}

/// Lanes [begin, end) of `v`; `other` in those before and behind.
template <int N, class T>
TILEPOOL_INLINE Vec<T, N> within(Vec<T, N> v, T other, std::int64_t begin, std::int64_t end) {
  using I = IntegerLike<T>;
  const auto lane = counting<I, N>();
  const auto clamped = [](std::int64_t i) TILEPOOL_INLINE_LAMBDA {
    return splat<N>(static_cast<I>(i < 0 ? 0 : i > N ? N : i));
  };
  return ((lane >= clamped(begin)) & (lane < clamped(end))) != 0 ? v : splat<N>(other);
}

/// Whether `load_some` is one instruction.
template <int N, class T>
constexpr bool cheap_masks =
    vector_bytes == N * sizeof(T) && (vector_bytes == 64 || (vector_bytes == 32 && sizeof(T) >= 4));

/// Lanes [begin, end); anything in those before and behind, for which nothing is read.
template <int N, class T>
TILEPOOL_INLINE Vec<T, N> load_some(const T* from, std::int64_t begin, std::int64_t end) {
  begin = begin < 0 ? 0 : begin;
  end = end < N ? end : N;
  if (begin >= end) return Vec<T, N>{};
#if defined(__AVX512BW__) && defined(__GNUC__) && !defined(__clang__)
  if constexpr (N * sizeof(T) == 64) {
    const std::uint64_t wanted = ~std::uint64_t{0} >> (64 - (end - begin)) << begin;
#define TILEPOOL_USE(number, mask, builtin)                                                   \
  if constexpr (sizeof(T) == sizeof(number)) {                                                \
    const auto* const numbers = reinterpret_cast<const number*>(from);                        \
    return bits_as<Vec<T, N>>(builtin(numbers, Vec<number, N>{}, static_cast<mask>(wanted))); \
  }
    TILEPOOL_USE(char, unsigned long long, __builtin_ia32_loaddquqi512_mask)
    TILEPOOL_USE(short, unsigned, __builtin_ia32_loaddquhi512_mask)
    TILEPOOL_USE(int, unsigned short, __builtin_ia32_loaddqusi512_mask)
    TILEPOOL_USE(long long, unsigned char, __builtin_ia32_loaddqudi512_mask)
#undef TILEPOOL_USE
  }
#endif
#if defined(__AVX2__) && defined(__GNUC__) && !defined(__clang__)
  if constexpr (N * sizeof(T) == 32 && sizeof(T) >= 4) {
    using Number = std::conditional_t<sizeof(T) == 4, int, long long>;
    using V = Vec<Number, N>;
    const auto lane = counting<Number, N>();
    const V wanted = (lane >= static_cast<Number>(begin)) & (lane < static_cast<Number>(end));
    const auto* const numbers = reinterpret_cast<const V*>(from);
    if constexpr (sizeof(T) == 4) return bits_as<Vec<T, N>>(__builtin_ia32_maskloadd256(numbers, wanted));
    if constexpr (sizeof(T) == 8) return bits_as<Vec<T, N>>(__builtin_ia32_maskloadq256(numbers, wanted));
  }
#endif
  alignas(64) T lanes[N] = {};
  for (std::int64_t i = begin; i < end; ++i) lanes[i] = from[i];
  return load<N>(lanes);
}

/// A number as the first of 16 bytes of lanes: what compilers make of a choice between two scalars may be a branch.
template <class T>
TILEPOOL_INLINE Vec<T, 16 / sizeof(T)> first_lane(T value) {
  return Vec<T, 16 / sizeof(T)>{value};
}

/// The square roots of float64 lanes, correctly rounded.
template <int N>
TILEPOOL_INLINE Vec<double, N> square_root(Vec<double, N> v) {
  if constexpr (N == 1) {
    return __builtin_sqrt(v);
  } else {
    for (int lane = 0; lane < N; ++lane) v[lane] = __builtin_sqrt(v[lane]);
    return v;
  }
}

/// The upper 16 bits of products.
template <int N>
TILEPOOL_INLINE Vec<std::uint16_t, N> upper_product(Vec<std::uint16_t, N> a, Vec<std::uint16_t, N> b) {
#if defined(__SSE2__) && defined(__GNUC__) && !defined(__clang__)
  using Number = Vec<short, N>;
  const auto x = bits_as<Number>(a), y = bits_as<Number>(b);
#if defined(__AVX512BW__)
  if constexpr (N == 32) return bits_as<Vec<std::uint16_t, N>>(__builtin_ia32_pmulhuw512_mask(x, y, x, -1));
#endif
#if defined(__AVX2__)
  if constexpr (N == 16) return bits_as<Vec<std::uint16_t, N>>(__builtin_ia32_pmulhuw256(x, y));
#endif
  if constexpr (N == 8) return bits_as<Vec<std::uint16_t, N>>(__builtin_ia32_pmulhuw128(x, y));
#else
  for (int i = 0; i < N; ++i) a[i] = static_cast<std::uint16_t>((std::uint32_t{a[i]} * b[i]) >> 16);
  return a;
#endif
}

/// The sums of neighbouring bytes.
template <int N>
TILEPOOL_INLINE Vec<std::uint16_t, N / 2> pair_sums(Vec<std::uint8_t, N> v) {
  using Sums = Vec<std::uint16_t, N / 2>;
#if defined(__SSSE3__) && defined(__GNUC__) && !defined(__clang__)
  const auto ones = splat<N>(char{1});
  const auto bytes = bits_as<Vec<char, N>>(v);
#if defined(__AVX512BW__)
  if constexpr (N == 64) return bits_as<Sums>(__builtin_ia32_pmaddubsw512_mask(bytes, ones, Vec<short, 32>{}, -1));
#endif
#if defined(__AVX2__)
  if constexpr (N == 32) return bits_as<Sums>(__builtin_ia32_pmaddubsw256(bytes, ones));
#endif
  if constexpr (N == 16) return bits_as<Sums>(__builtin_ia32_pmaddubsw128(bytes, ones));
#endif
  const auto both = bits_as<Sums>(v);
  return static_cast<Sums>(both & splat<N / 2>(std::uint16_t{255})) + static_cast<Sums>(both >> 8);
}

/// The sums of neighbouring lanes of 16 bits.
template <int N>
TILEPOOL_INLINE Vec<std::uint32_t, N / 2> pair_sums(Vec<std::uint16_t, N> v) {
  const auto both = bits_as<Vec<std::uint32_t, N / 2>>(v);
  return (both & splat<N / 2>(std::uint32_t{65535})) + (both >> 16);
}

}  // namespace
}  // namespace tilepool
