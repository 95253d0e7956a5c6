// WHAT a pooling keeps of a window: one struct per op with its identity, lift, combine and finish.
//
// An op has the types In (element read), Acc (what is combined), Out (element written), `lanes` (how many
// accumulators are worked on at once), and a Scale, made once per span, that `finish` applies.
#pragma once

#include <limits>

#include "simd.hpp"

namespace tilepool {
namespace {

/// As many accumulators as fill one vector.
template <class Acc>
constexpr int full_lanes = vector_bytes / static_cast<int>(sizeof(Acc));

struct NoScale {
  explicit NoScale(double) {}
};

template <class T>
struct Extremum {
  using In = T;
  using Acc = T;
  using Out = T;
  using Scale = NoScale;
  static constexpr int lanes = full_lanes<Acc>;
  template <int N>
  static TILEPOOL_INLINE Vec<Acc, N> lift(Vec<In, N> v) {
    return v;
  }
  template <int N>
  static TILEPOOL_INLINE Vec<Out, N> finish(Vec<Acc, N> acc, const Scale&) {
    return acc;
  }
};

/// The largest value; NaN if there is one.
template <class T>
struct Max : Extremum<T> {
  static constexpr bool prefers_greater = true;
  static constexpr T identity() {
    return std::is_floating_point_v<T> ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
  }
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> combine(Vec<T, N> a, Vec<T, N> b) {
    return std::is_floating_point_v<T> ? greater_or_nan(b, a) : greater_of(a, b);
  }
};

/// The smallest value; NaN if there is one.
template <class T>
struct Min : Extremum<T> {
  static constexpr bool prefers_greater = false;
  static constexpr T identity() {
    return std::is_floating_point_v<T> ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
  }
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> combine(Vec<T, N> a, Vec<T, N> b) {
    return std::is_floating_point_v<T> ? less_or_nan(b, a) : less_of(a, b);
  }
};

/// Max (Sign = 1) or Min (Sign = -1) of float32 where a value is combined many times: on integers in the order of the
/// floats (-0 before +0), with every NaN behind the infinity that is preferred, a combination is one instruction.
template <int Sign>
struct OrderedExtremum {
  using In = float;
  using Acc = std::int32_t;
  using Out = float;
  using Scale = NoScale;
  static constexpr int lanes = full_lanes<Acc>;
  /// The infinity that anything replaces has the last place in the order.
  static constexpr Acc identity() {
    return Sign > 0 ? std::numeric_limits<Acc>::min() : std::numeric_limits<Acc>::max();
  }

  /// Negative floats have descending bits: all but the sign are flipped. Its own inverse.
  template <int N>
  static TILEPOOL_INLINE Vec<Acc, N> mirrored(Vec<Acc, N> v) {
    return v ^ ((v >> 31) & splat<N>(std::numeric_limits<Acc>::max()));
  }
  /// Mirrored, the numbers have NaNs on both sides: moving the order by as many places as one side has, modulo 2**32,
  /// puts all of them on the side where they win.
  static constexpr Acc nans = Sign * 0x7fffff;
  template <int N>
  static TILEPOOL_INLINE Vec<Acc, N> lift(Vec<In, N> v) {
    return mirrored<N>(bits_as<Vec<Acc, N>>(v)) - splat<N>(nans);
  }
  template <int N>
  static TILEPOOL_INLINE Vec<Acc, N> combine(Vec<Acc, N> a, Vec<Acc, N> b) {
    return Sign > 0 ? greater_of(a, b) : less_of(a, b);
  }
  template <int N>
  static TILEPOOL_INLINE Vec<Out, N> finish(Vec<Acc, N> acc, const Scale&) {
    return bits_as<Vec<Out, N>>(mirrored<N>(acc + splat<N>(nans)));
  }
};

/// What all sums share. Integers wrap (the kernels are compiled with -fwrapv).
template <class T, class A>
struct Additive {
  using In = T;
  using Acc = A;
  static constexpr int lanes = full_lanes<Acc>;
  static constexpr Acc identity() { return 0; }
  template <int N>
  static TILEPOOL_INLINE Vec<Acc, N> lift(Vec<In, N> v) {
    return convert<Acc, N>(v);
  }
  template <int N>
  static TILEPOOL_INLINE Vec<Acc, N> combine(Vec<Acc, N> a, Vec<Acc, N> b) {
    return a + b;
  }
};

template <class T, class A, class O>
struct Sum : Additive<T, A> {
  using Out = O;
  using Scale = NoScale;
  template <int N>
  static TILEPOOL_INLINE Vec<Out, N> finish(Vec<A, N> acc, const Scale&) {
    return convert<Out, N>(acc);
  }
};

/// The sum divided by the divisor, correctly rounded: a power of two is multiplied by, which is exact and cheaper.
template <class T, class A, class O>
struct Average : Additive<T, A> {
  using Out = O;
  struct Scale {
    explicit Scale(double divisor)
        : divisor(static_cast<O>(divisor)), reciprocal(O(1) / this->divisor), exact(power_of_two(divisor)) {}
    static bool power_of_two(double divisor) {
      const double magnitude = divisor < 0 ? -divisor : divisor;
      const auto integer = static_cast<std::uint64_t>(magnitude);
      return integer != 0 && static_cast<double>(integer) == magnitude && (integer & (integer - 1)) == 0;
    }
    O divisor, reciprocal;
    bool exact;
  };
  template <int N>
  static TILEPOOL_INLINE Vec<Out, N> finish(Vec<A, N> acc, const Scale& scale) {
    const Vec<Out, N> sum = convert<Out, N>(acc);
    if (scale.exact) return sum * splat<N>(scale.reciprocal);
    return sum / splat<N>(scale.divisor);
  }
};

/// The exact average of integers, rounded half to even and saturated to int64; 0 where the divisor is 0.
template <class T, class A>
struct AverageRounded : Additive<T, A> {
  using Out = std::int64_t;
  static constexpr int lanes = 1;  // compilers have no vectors of 128-bit integers, nor a vector integer division
  struct Scale {
    explicit Scale(double divisor) : divisor(static_cast<__int128>(divisor)) {}
    __int128 divisor;  // an integer of at most 63 bits
  };
  template <int N>
  static TILEPOOL_INLINE Vec<Out, N> finish(Vec<A, N> acc, const Scale& scale) {
    static_assert(N == 1);
    if (scale.divisor == 0) return 0;
    const __int128 sum = scale.divisor < 0 ? -static_cast<__int128>(acc) : static_cast<__int128>(acc);
    const __int128 divisor = scale.divisor < 0 ? -scale.divisor : scale.divisor;
    __int128 quotient = sum / divisor;
    __int128 rest = sum % divisor;
    if (rest < 0) {
      rest += divisor;
      --quotient;
    }
    const __int128 twice = 2 * rest;
    if (twice > divisor || (twice == divisor && (quotient & 1) != 0)) ++quotient;
    constexpr __int128 lowest = std::numeric_limits<Out>::min(), highest = std::numeric_limits<Out>::max();
    return static_cast<Out>(quotient < lowest ? lowest : quotient > highest ? highest : quotient);
  }
};

}  // namespace
}  // namespace tilepool
