// WHAT loops combine: one struct per accumulator with its identity, lift, combine and finish.
//
// It has the types In (lane that holds an element read in place), Acc (what is combined), Out (lane that holds what is
// written), `lanes` (how many accumulators are worked on at once), a Lift, made once per call, which makes accumulators
// of elements, and a Scale, made once per span, which `finish` applies.
#pragma once

#include <limits>

#include "../table.hpp"
#include "conversions.hpp"
#include "division.hpp"
#include "extrema.hpp"
#include "lanes.hpp"

namespace tilepool {
namespace {

/// Elements that are accumulators, and accumulators that are results.
struct NoLift {
  explicit NoLift(const Keying&) {}
  template <int N, class V>
  TILEPOOL_INLINE V of(V v) const {
    return v;
  }
};
struct NoScale {
  NoScale(double, const Keying&) {}
};
template <class T>
struct AsItIs {
  using In = T;
  using Acc = T;
  using Out = T;
  using Lift = NoLift;
  using Scale = NoScale;
  static constexpr int lanes = sizeof(T) > 8 ? 1 : full_lanes<T>;  // compilers have no vectors of 128-bit integers
  static constexpr bool rounds = false;     // whether many taps are added up pairwise, so that errors do not grow
  static constexpr bool is_common = false;  // worth code of its own at the borders of arrays
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> finish(Vec<T, N> acc, const Scale&) {
    return acc;
  }
};

/// The smallest of floats, -0 before +0; NaN if there is one. The largest is that of which the sign is flipped.
template <class T>
struct Least : AsItIs<T> {
  struct Flip {
    explicit Flip(const Keying& keying) : sign(static_cast<IntegerLike<T>>(keying.in)) {}
    template <int N>
    TILEPOOL_INLINE Vec<T, N> of(Vec<T, N> v) const {
      if constexpr (N == 1) return of<16 / sizeof(T)>(first_lane(v))[0];  // which keeps it in the registers of floats
      return bits_as<Vec<T, N>>(bits_as<Vec<IntegerLike<T>, N>>(v) ^ splat<N>(sign));
    }
    IntegerLike<T> sign;
  };
  using Lift = Flip;
  struct Scale {
    Scale(double, const Keying& keying) : back(Keying{keying.out, 0, 0}) {}
    Flip back;
  };
  static constexpr T identity() { return std::numeric_limits<T>::infinity(); }
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> combine(Vec<T, N> a, Vec<T, N> b) {
    return extremum_or_nan<-1, N, T>(a, b);
  }
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> finish(Vec<T, N> acc, const Scale& scale) {
    return scale.back.template of<N>(acc);
  }
};

/// The greatest of integers, which are the bits of integers, flipped: see `flip_of`.
template <class T>
struct Key : AsItIs<T> {
  struct Flip {
    explicit Flip(const Keying& keying) : flip(static_cast<T>(keying.in)) {}
    template <int N>
    TILEPOOL_INLINE Vec<T, N> of(Vec<T, N> v) const {
      return static_cast<Vec<T, N>>(v ^ splat<N>(flip));
    }
    T flip;
  };
  using Lift = Flip;
  struct Scale {
    Scale(double, const Keying& keying) : back(Keying{keying.out, 0, 0}) {}
    Flip back;
  };
  static constexpr T identity() { return std::numeric_limits<T>::lowest(); }
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> combine(Vec<T, N> a, Vec<T, N> b) {
    return greater_of(a, b);
  }
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> finish(Vec<T, N> acc, const Scale& scale) {
    return scale.back.template of<N>(acc);
  }
};

/// The greatest of floats as integers in the order of the floats (-0 before +0), with every NaN behind infinity: a
/// combination is one instruction. For 16-bit floats, which have none of their own, and for float32 where a value is
/// combined many times. The smallest one is that of which the sign is flipped.
/// `Flips`: otherwise that is known to be none.
template <class Element, class T, bool Flips = true>
struct FloatKey : Key<T> {
  using In = Element;
  using Out = Element;
  struct Order {
    explicit Order(const Keying& keying) : bits(static_cast<T>(keying.in)), nans(static_cast<T>(keying.nans)) {}
    /// Negative floats have descending bits: all but the sign are flipped. So mirrored, the numbers have NaNs on both
    /// sides: moving the order by as many places as one side has, modulo 2**n, puts all of them on the side where they
    /// win.
    template <int N>
    TILEPOOL_INLINE Vec<T, N> of(Vec<Element, N> element) const {
      const auto v = bits_as<Vec<T, N>>(element);
      const T above = bits < 0 ? T{-1} : T{0}, below = bits < 0 ? bits : rest;
      return static_cast<Vec<T, N>>((v ^ (Flips ? by_sign<N>(v, above, below) : by_sign<N>(v, T{0}, rest))) -
                                    splat<N>(nans));
    }
    template <int N>
    TILEPOOL_INLINE Vec<Element, N> back(Vec<T, N> key) const {
      const auto v = static_cast<Vec<T, N>>(key + splat<N>(nans));
      const T above = Flips ? bits : T{0};
      const auto element = static_cast<Vec<T, N>>(v ^ by_sign<N>(v, above, static_cast<T>(above ^ rest)));
      return bits_as<Vec<Element, N>>(element);
    }
    static constexpr T rest = std::numeric_limits<T>::max();  // all bits but the sign
    T bits, nans;
  };
  using Lift = Order;
  struct Scale {
    Scale(double, const Keying& keying) : order(Keying{keying.out, 0, keying.nans}) {}
    Order order;
  };
  template <int N>
  static TILEPOOL_INLINE Vec<Element, N> finish(Vec<T, N> acc, const Scale& scale) {
    return scale.order.template back<N>(acc);
  }
};

using OrderedFloat = FloatKey<float, std::int32_t>;

/// Extrema of float32, combined as floats: both of them by the least one, whose order is that of keys of which the
/// sign is flipped.
constexpr std::int64_t sign_of_float = std::numeric_limits<std::int32_t>::min();
struct LeastFloat : Least<float> {
  static constexpr bool is_common = true;
  struct Lift : Flip {
    explicit Lift(const Keying& keying) : Flip(Keying{keying.in ^ sign_of_float}) {}
  };
  struct Scale : Least<float>::Scale {
    Scale(double, const Keying& keying) : Least<float>::Scale(1, Keying{0, keying.out ^ sign_of_float}) {}
  };
  template <int N>
  static TILEPOOL_INLINE Vec<float, N> finish(Vec<float, N> acc, const Scale& scale) {
    return Least<float>::finish<N>(acc, scale);
  }
};
/// What makes keys of what has been combined so.
struct KeyOfLeast : OrderedFloat {
  struct Lift : Order {
    explicit Lift(const Keying& keying) : Order(Keying{sign_of_float, 0, keying.nans}) {}
  };
};

/// Sums. Integers wrap (the kernels are compiled with -fwrapv).
template <class T>
struct Sum : AsItIs<T> {
  static constexpr bool rounds = std::is_floating_point_v<T>;
  static constexpr T identity() { return 0; }
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> combine(Vec<T, N> a, Vec<T, N> b) {
    return a + b;
  }
};

/// Sums of floats, divided by the divisor, correctly rounded: a power of two is multiplied by, which is exact and
/// cheaper.
template <class T>
struct Mean : Sum<T> {
  struct Scale : Reciprocal<T> {
    Scale(double by, const Keying&)
        : Reciprocal<T>(by), divisor(static_cast<T>(by)), reciprocal(T(1) / divisor), exact(power_of_two(by)) {}
    static bool power_of_two(double divisor) {
      const double magnitude = divisor < 0 ? -divisor : divisor;
      if (!(magnitude < 0x1p64)) return false;
      const auto integer = static_cast<std::uint64_t>(magnitude);
      return integer != 0 && static_cast<double>(integer) == magnitude && (integer & (integer - 1)) == 0;
    }
    T divisor, reciprocal;
    bool exact;
  };
  /// Of lanes whose divisors differ.
  template <int N>
  struct Scales {
    explicit Scales(const double* by) : divisors(convert_numbers<T, N>(load<N>(by))) {}
    Vec<T, N> divisors;
  };
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> finish(Vec<T, N> sum, const Scale& scale) {
    if (scale.exact) return sum * splat<N>(scale.reciprocal);
    if constexpr (multiplies_and_adds<N, T>) {
      if (scale.template divides<N>(sum)) return scale.template quotient<N>(sum);
    }
    return sum / splat<N>(scale.divisor);
  }
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> finish(Vec<T, N> sum, const Scales<N>& scales) {
    return sum / scales.divisors;
  }
};

/// The product. Integers wrap. The sign of NaNs would depend on the order of the factors.
template <class T>
struct Product : AsItIs<T> {
  static constexpr T identity() { return 1; }
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> combine(Vec<T, N> a, Vec<T, N> b) {
    return a * b;
  }
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> finish(Vec<T, N> acc, const NoScale&) {
    if constexpr (std::is_integral_v<T>) {
      return acc;
    } else {
      return one_nan<N, T>(acc);
    }
  }
};

}  // namespace
}  // namespace tilepool
