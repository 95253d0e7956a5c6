// Vec<T, N>: N lanes of T over compiler vector extensions; the only file with compiler- or CPU-specific text.
#pragma once

#ifdef __FAST_MATH__
#error "tilepool promises NaN and bit-identical sums: do not compile it with -ffast-math"
#endif

#include <cstdint>
#include <cstring>
#include <limits>
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

/// Keeps compilers from loading it again, which costs more than a register where vectors lie across cache lines.
template <class V>
TILEPOOL_INLINE V in_register(V v) {
#if defined(__AVX512F__) && defined(__GNUC__)
  asm("" : "+v"(v));
#endif
  return v;
}

template <class T, class V>
TILEPOOL_INLINE void store(T* to, V v) {
  std::memcpy(to, &v, sizeof v);
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

/// The same bits as another type of the same size.
template <class To, class From>
TILEPOOL_INLINE To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
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

/// Every second pixel of C lanes, side by side; the lanes behind those that there are may be anything.
template <int C, int N, class T, int... I>
TILEPOOL_INLINE Vec<T, N> even_pixels(Vec<T, N> v, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(v, v, (I / C * 2 * C + I % C) % N...);
}

template <int C, int N, class T>
TILEPOOL_INLINE Vec<T, N> even_pixels(Vec<T, N> v) {
  return even_pixels<C, N, T>(v, std::make_integer_sequence<int, N>{});
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
