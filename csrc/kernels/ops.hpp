// WHAT a pooling keeps of a window: one struct per op with its identity, lift, combine and finish.
//
// An op has the types In (lane that holds an element read), Acc (what is combined), Out (lane that holds an element
// written), `lanes` (how many accumulators are worked on at once), and a Scale, made once per span, that `finish`
// applies. So that ops share code, it also names the op that has the same lift and combine (Folds), and the op that
// does the same with elements that are accumulators already (Buffered).
#pragma once

#include <limits>

#include "../table.hpp"
#include "simd.hpp"

namespace tilepool {
namespace {

/// As many accumulators as fill one vector.
template <class Acc>
constexpr int full_lanes = vector_bytes / static_cast<int>(sizeof(Acc));

struct NoScale {
  NoScale(double, ToInteger) {}
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
  using Folds = Max;
  using Buffered = Max;
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
  using Folds = Min;
  using Buffered = Min;
  static constexpr T identity() {
    return std::is_floating_point_v<T> ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
  }
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> combine(Vec<T, N> a, Vec<T, N> b) {
    return std::is_floating_point_v<T> ? less_or_nan(b, a) : less_of(a, b);
  }
};

/// Min of the bytes of bools.
struct MinOfBool : Min<std::uint8_t> {
  using Folds = MinOfBool;
  using Buffered = MinOfBool;
  static constexpr std::uint8_t identity() { return 1; }
};

/// Max (Sign = 1) or Min (Sign = -1) of floats of type T on integers in the order of the floats (-0 before +0), with
/// every NaN behind the infinity that is preferred: a combination is one instruction. For 16-bit floats, which have
/// none of their own, and for float32 where a value is combined many times.
template <int Sign, class T>
struct OrderedExtremum {
  static constexpr bool prefers_greater = Sign > 0;
  using In = Lane<T>;
  using Acc = std::conditional_t<sizeof(In) == 2, std::int16_t, std::int32_t>;
  using Out = In;
  using Folds = OrderedExtremum;
  using Buffered = OrderedExtremum;
  using Scale = NoScale;
  static constexpr int lanes = full_lanes<Acc>;
  /// The infinity that anything replaces has the last place in the order.
  static constexpr Acc identity() {
    return Sign > 0 ? std::numeric_limits<Acc>::min() : std::numeric_limits<Acc>::max();
  }

  /// Negative floats have descending bits: all but the sign are flipped. Its own inverse.
  template <int N>
  static TILEPOOL_INLINE Vec<Acc, N> mirrored(Vec<Acc, N> v) {
    const Vec<Acc, N> sign = static_cast<Vec<Acc, N>>(v >> (8 * static_cast<int>(sizeof(Acc)) - 1));
    return static_cast<Vec<Acc, N>>(v ^ (sign & splat<N>(std::numeric_limits<Acc>::max())));
  }
  /// Mirrored, the numbers have NaNs on both sides: moving the order by as many places as one side has, modulo 2**n,
  /// puts all of them on the side where they win.
  static constexpr Acc nans = Sign * ((1 << mantissa_bits<T>)-1);
  template <int N>
  static TILEPOOL_INLINE Vec<Acc, N> lift(Vec<In, N> v) {
    return static_cast<Vec<Acc, N>>(mirrored<N>(bits_as<Vec<Acc, N>>(v)) - splat<N>(nans));
  }
  template <int N>
  static TILEPOOL_INLINE Vec<Acc, N> combine(Vec<Acc, N> a, Vec<Acc, N> b) {
    return Sign > 0 ? greater_of(a, b) : less_of(a, b);
  }
  template <int N>
  static TILEPOOL_INLINE Vec<Out, N> finish(Vec<Acc, N> acc, const Scale&) {
    return bits_as<Vec<Out, N>>(mirrored<N>(static_cast<Vec<Acc, N>>(acc + splat<N>(nans))));
  }
};

/// What all sums share. Integers wrap (the kernels are compiled with -fwrapv).
template <class T, class A>
struct Additive {
  using In = Lane<T>;
  using Acc = A;
  using Folds = Additive;
  static constexpr int lanes = sizeof(Acc) > 8 ? 1 : full_lanes<Acc>;  // compilers have no vectors of 128-bit integers
  static constexpr Acc identity() { return 0; }
  template <int N>
  static TILEPOOL_INLINE Vec<Acc, N> lift(Vec<In, N> v) {
    return convert<Acc, T, N>(v);
  }
  template <int N>
  static TILEPOOL_INLINE Vec<Acc, N> combine(Vec<Acc, N> a, Vec<Acc, N> b) {
    return a + b;
  }
};

template <class T, class A, class O>
struct Sum : Additive<T, A> {
  using Out = Lane<O>;
  using Scale = NoScale;
  using Buffered = Sum<A, A, O>;
  template <int N>
  static TILEPOOL_INLINE Vec<Out, N> finish(Vec<A, N> acc, const Scale&) {
    return convert<O, A, N>(acc);
  }
};

/// The product. Integers wrap. Of all NaNs, whose sign depends on the order of the factors, one is written.
template <class T>
struct Product : Extremum<T> {
  using Folds = Product;
  using Buffered = Product;
  static constexpr T identity() { return 1; }
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> combine(Vec<T, N> a, Vec<T, N> b) {
    return a * b;
  }
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> finish(Vec<T, N> acc, const NoScale&) {
    return acc == acc ? acc : splat<N>(std::numeric_limits<T>::quiet_NaN());
  }
};

/// Absolute values of floats as integers, which have the same order; NaNs are above infinity.
template <class T>
struct MaxMagnitude {
  using In = T;
  using Acc = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  using Out = T;
  using Folds = MaxMagnitude;
  using Buffered = MaxMagnitude;
  using Scale = NoScale;
  static constexpr int lanes = full_lanes<Acc>;
  static constexpr Acc identity() { return 0; }
  template <int N>
  static TILEPOOL_INLINE Vec<Acc, N> lift(Vec<T, N> v) {
    return bits_as<Vec<Acc, N>>(v) & splat<N>(std::numeric_limits<Acc>::max());
  }
  template <int N>
  static TILEPOOL_INLINE Vec<Acc, N> combine(Vec<Acc, N> a, Vec<Acc, N> b) {
    return greater_of(a, b);
  }
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> finish(Vec<Acc, N> acc, const Scale&) {
    return bits_as<Vec<T, N>>(acc);
  }
};

/// The sum of absolute values.
template <class T>
struct SumMagnitude : Sum<T, T, T> {
  using Folds = SumMagnitude;
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> lift(Vec<T, N> v) {
    return MaxMagnitude<T>::template finish<N>(MaxMagnitude<T>::template lift<N>(v), NoScale(1, {}));
  }
};

/// The square root of a sum of accumulators.
template <class A, class O>
struct RootSum : Sum<A, A, O> {
  using Folds = Additive<A, A>;
  using Buffered = RootSum;
  template <int N>
  static TILEPOOL_INLINE Vec<O, N> finish(Vec<A, N> acc, const NoScale&) {
    return convert<O, A, N>(square_root<N>(acc));
  }
};

/// The square root of the sum of squares of float32: float64 holds each of them exactly.
struct RootSumSquare : RootSum<double, float> {
  using In = float;
  using Folds = RootSumSquare;
  using Buffered = RootSum<double, float>;
  template <int N>
  static TILEPOOL_INLINE Vec<double, N> lift(Vec<float, N> v) {
    const Vec<double, N> number = convert<double, float, N>(v);
    return number * number;
  }
};

/// The sum divided by the divisor, correctly rounded: a power of two is multiplied by, which is exact and cheaper.
template <class T, class A, class O>
struct Average : Additive<T, A> {
  using Out = Lane<O>;
  using Number = typename Element<O>::Number;
  using Buffered = Average<A, A, O>;
  struct Scale {
    Scale(double divisor, ToInteger)
        : divisor(static_cast<Number>(divisor)), reciprocal(Number(1) / this->divisor), exact(power_of_two(divisor)) {}
    static bool power_of_two(double divisor) {
      const double magnitude = divisor < 0 ? -divisor : divisor;
      if (!(magnitude < 0x1p64)) return false;
      const auto integer = static_cast<std::uint64_t>(magnitude);
      return integer != 0 && static_cast<double>(integer) == magnitude && (integer & (integer - 1)) == 0;
    }
    Number divisor, reciprocal;
    bool exact;
  };
  /// Of lanes whose divisors differ.
  template <int N>
  struct Scales {
    explicit Scales(const double* divisors) : divisors(convert<Number, double, N>(load<N>(divisors))) {}
    Vec<Number, N> divisors;
  };
  template <int N>
  static TILEPOOL_INLINE Vec<Out, N> finish(Vec<A, N> acc, const Scale& scale) {
    const Vec<Number, N> sum = convert<Number, A, N>(acc);
    if (scale.exact) return convert<O, Number, N>(sum * splat<N>(scale.reciprocal));
    return convert<O, Number, N>(sum / splat<N>(scale.divisor));
  }
  template <int N>
  static TILEPOOL_INLINE Vec<Out, N> finish(Vec<A, N> acc, const Scales<N>& scales) {
    return convert<O, Number, N>(convert<Number, A, N>(acc) / scales.divisors);
  }
};

/// The exact average of integers, rounded and saturated to 64 bits; 0 where the divisor is 0. (The bits of a uint64 are
/// written as an int64.)
template <class T, class A>
struct AverageRounded : Additive<T, A> {
  using Out = std::int64_t;
  using Buffered = AverageRounded<A, A>;
  using Integer = std::conditional_t<sizeof(A) == 16, __int128, std::int64_t>;
  static constexpr int lanes = 1;  // there is no vector division of integers
  struct Scale {
    Scale(double divisor, ToInteger to_integer) : divisor(clamped(divisor)), to_integer(to_integer) {}
    /// Divisors beyond twice any sum are all alike.
    static Integer clamped(double divisor) {
      constexpr double most = sizeof(Integer) == 16 ? 0x1p126 : 0x1p62;
      return static_cast<Integer>(divisor < -most ? -most : divisor > most ? most : divisor);
    }
    Integer divisor;
    ToInteger to_integer;
  };
  template <int N>
  static TILEPOOL_INLINE Vec<Out, N> finish(Vec<A, N> acc, const Scale& scale) {
    static_assert(N == 1);
    if (scale.divisor == 0) return 0;
    const Integer sum = scale.divisor < 0 ? -Integer{acc} : Integer{acc};
    const Integer divisor = scale.divisor < 0 ? -scale.divisor : scale.divisor;
    Integer quotient = sum / divisor;
    Integer rest = sum % divisor;
    if (rest < 0) {
      rest += divisor;
      --quotient;
    }
    if (rounds_up(scale.to_integer.rounding, quotient, rest, divisor - rest)) ++quotient;
    const bool is_unsigned = scale.to_integer.is_unsigned;
    const __int128 lowest = is_unsigned ? 0 : std::numeric_limits<std::int64_t>::min();
    const __int128 highest = is_unsigned ? __int128{std::numeric_limits<std::uint64_t>::max()}
                                         : __int128{std::numeric_limits<std::int64_t>::max()};
    return static_cast<Out>(quotient < lowest ? lowest : quotient > highest ? highest : quotient);
  }
  /// Whether the integer above is taken of a number that is `below` / (below + above) beyond `floor`.
  static TILEPOOL_INLINE bool rounds_up(Rounding rounding, Integer floor, Integer below, Integer above) {
    if (rounding == Rounding::half_even) return below > above || (below == above && (floor & 1) != 0);
    if (rounding == Rounding::half_up) return below >= above;
    return rounding == Rounding::trunc && floor < 0 && below > 0;
  }
};

}  // namespace
}  // namespace tilepool
