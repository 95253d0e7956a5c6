// Rows of elements made to rows of accumulators.
#pragma once

#include "conversions.hpp"
#include "rows.hpp"

namespace tilepool {
namespace {

/// Numbers as they are, in a wider type.
template <class To, class From>
struct Converted {
  template <int N>
  static TILEPOOL_INLINE Vec<To, N> of(Vec<Lane<From>, N> v, To) {
    if constexpr (sizeof(To) > 8) {
      return To{v};
    } else if constexpr (std::is_same_v<From, Float16> || std::is_same_v<From, BFloat16>) {
      return convert_numbers<To, N>(convert<float, From, N>(v));
    } else {
      return convert<To, From, N>(v);
    }
  }
};

/// What is true of some lanes, as bytes: 1 or 0.
template <class From, class Is>
struct Bytes {
  using Bits = IntegerLike<Lane<From>>;
  template <int N>
  static TILEPOOL_INLINE Vec<std::uint8_t, N> of(Vec<Lane<From>, N> v, std::uint8_t) {
    return convert_numbers<std::uint8_t, N>(Is::template in<N>(v) ? splat<N>(Bits(1)) : Vec<Bits, N>{});
  }
};

/// Whether numbers differ from 0.
template <class From>
struct Truth {
  using Bits = IntegerLike<Lane<From>>;
  template <int N>
  static TILEPOOL_INLINE auto in(Vec<Lane<From>, N> v) {
    constexpr bool is_float = std::is_floating_point_v<typename Element<From>::Number>;
    // Both zeros of floats are all 0 but for the sign. (0x7f...: the bits that count.)
    const auto bits = bits_as<Vec<Bits, N>>(v) & splat<N>(is_float ? std::numeric_limits<Bits>::max() : Bits(-1));
    return bits != Bits(0);
  }
};

/// Whether floats are numbers: of those that are no lanes, the magnitudes are those of infinity or less.
template <class From>
struct Present {
  using Bits = IntegerLike<Lane<From>>;
  template <int N>
  static TILEPOOL_INLINE auto in(Vec<Lane<From>, N> v) {
    if constexpr (std::is_same_v<Lane<From>, From>) {
      return v == v;
    } else {
      constexpr Bits magnitude = std::numeric_limits<Bits>::max();
      constexpr Bits infinity = magnitude >> mantissa_bits<From> << mantissa_bits<From>;
      return (bits_as<Vec<Bits, N>>(v) & splat<N>(magnitude)) <= splat<N>(infinity);
    }
  }
};

/// The bits of floats, other ones in the place of NaNs.
template <class From>
struct Omitted {
  using Bits = typename Present<From>::Bits;
  template <int N>
  static TILEPOOL_INLINE Vec<Bits, N> of(Vec<Lane<From>, N> v, Bits other) {
    return Present<From>::template in<N>(v) ? bits_as<Vec<Bits, N>>(v) : splat<N>(other);
  }
};

/// The opposite: 0 in the place of NaNs, and those bits in that of numbers.
template <class From>
struct Counted {
  using Bits = typename Present<From>::Bits;
  template <int N>
  static TILEPOOL_INLINE Vec<Bits, N> of(Vec<Lane<From>, N> v, Bits one) {
    return Present<From>::template in<N>(v) ? splat<N>(one) : Vec<Bits, N>{};
  }
};

/// Whether there is a NaN.
template <class From>
bool has_nan(const void* elements, std::int64_t n) {
  using Bits = typename Present<From>::Bits;
  constexpr int N = full_lanes<Bits>;
  const auto* const from = static_cast<const Lane<From>*>(elements);
  const auto nans = [&](auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
    constexpr int M = decltype(lanes)::value;
    return Present<From>::template in<M>(load<M>(from + i)) ? Vec<Bits, M>{} : splat<M>(Bits(1));
  };
  Vec<Bits, N> seen{};
  std::int64_t i = 0;
  for (; i + N <= n; i += N) seen |= nans(Lanes<N>{}, i);
  bool found = false;
  for (int lane = 0; lane < N; ++lane) found = found || seen[lane] != 0;
  for (; i < n; ++i) found = found || nans(Lanes<1>{}, i) != 0;
  return found;
}

/// Byte i of lane j goes to where byte j of lane i would be if lanes had N bytes.
template <int N, class T, int... I>
TILEPOOL_INLINE Vec<std::int8_t, vector_bytes> bytes_apart(Vec<T, N> v, std::integer_sequence<int, I...>) {
  const auto bytes = bits_as<Vec<std::int8_t, vector_bytes>>(v);
  return __builtin_shufflevector(bytes, bytes, (I % N * static_cast<int>(sizeof(T)) + I / N)...);
}

/// The bits of floats without a sign: integers in the order of magnitudes, NaNs above infinity. Flipped as keys are.
template <class To, class From>
struct MagnitudeKey {
  template <int N>
  static TILEPOOL_INLINE Vec<To, N> bits(Vec<From, N> v) {
    return bits_as<Vec<To, N>>(v) & splat<N>(std::numeric_limits<To>::max());
  }
  template <int N>
  static TILEPOOL_INLINE Vec<To, N> of(Vec<From, N> v, To flip) {
    return bits<N>(v) ^ splat<N>(flip);
  }
};

/// Absolute values.
template <class T>
struct Magnitude {
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> of(Vec<T, N> v, T) {
    return bits_as<Vec<T, N>>(MagnitudeKey<IntegerLike<T>, T>::template bits<N>(v));
  }
};

/// The square of float32: float64 holds each of them exactly.
struct Square {
  template <int N>
  static TILEPOOL_INLINE Vec<double, N> of(Vec<float, N> v, double) {
    const Vec<double, N> number = convert_numbers<double, N>(v);
    return number * number;
  }
};

/// `From` is the type of elements, `To` that of accumulators.
template <class To, class From, class Step>
void prepare(void* to, const void* elements, std::int64_t n, std::int64_t flip) {
  auto* const target = static_cast<To*>(to);
  const auto* const from = static_cast<const Lane<From>*>(elements);
  const auto bits = static_cast<To>(flip);
  constexpr int most = AsItIs<To>::lanes, other = vector_bytes / static_cast<int>(sizeof(Lane<From>));
  constexpr bool whole = !std::is_same_v<From, Lane<From>>;  // 16-bit floats have no conversion of two lanes
  sweep_overlapping<To, (most < other ? most : other), whole>(
      n, [&](auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
        constexpr int N = decltype(lanes)::value;
        store(target + i, Step::template of<N>(load<N>(from + i), bits));
      });
}

/// Truths, a vector of bytes at a time where there are as many: a byte of each lane is that of one of as many vectors.
template <class From, class Is>
void prepare_truth(void* to, const void* elements, std::int64_t n, std::int64_t flip) {
  using Bits = typename Is::Bits;
  constexpr int N = full_lanes<Bits>, count = sizeof(Bits);
  if (count < 4 || n < N * count) return prepare<std::uint8_t, From, Bytes<From, Is>>(to, elements, n, flip);
  for (std::int64_t done = 0; done < n; done += N * count) {
    const std::int64_t i = done < n - N * count ? done : n - N * count;
    const auto* const from = static_cast<const Lane<From>*>(elements) + i;
    Vec<Bits, N> truths{};
    for (int part = 0; part < count; ++part) {
      const Bits one = Bits{1} << (8 * part);
      truths |= Is::template in<N>(load<N>(from + part * N)) ? splat<N>(one) : Vec<Bits, N>{};
    }
    store(static_cast<std::int8_t*>(to) + i,
          bytes_apart<N, Bits>(truths, std::make_integer_sequence<int, vector_bytes>{}));
  }
}
template <class To, class From>
constexpr Prepare converts = prepare<To, From, Converted<To, From>>;

/// See Multiply.
inline void multiply(double* target, const double* from, const double* by, std::int64_t n) {
  sweep<double, full_lanes<double>>(0, n, [&](auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
    constexpr int N = decltype(lanes)::value;
    store(target + i, load<N>(from + i) * load<N>(by + i));
  });
}

/// See AreWithin.
template <class Index>
bool are_within(const void* indices, std::int64_t n, std::int64_t low, std::int64_t high) {
  constexpr int N = full_lanes<Index>;
  constexpr std::int64_t most = std::numeric_limits<Index>::max();
  const auto* const from = static_cast<const Index*>(indices);
  const auto first = static_cast<Index>(low < most ? low : most), last = static_cast<Index>(high < most ? high : most);
  const auto others = [&](auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
    constexpr int M = decltype(lanes)::value;
    const auto v = load<M>(from + i);
    const auto one = splat<M>(Index{1}), none = Vec<Index, M>{};
    const auto outside = (v < splat<M>(first) ? one : none) | (v > splat<M>(last) ? one : none);
    return v == splat<M>(Index{-1}) ? none : outside;
  };
  const auto any = [](Vec<Index, N> seen) TILEPOOL_INLINE_LAMBDA {
    bool found = false;
    for (int lane = 0; lane < N; ++lane) found = found || seen[lane] != 0;
    return found;
  };
  std::int64_t i = 0;
  if (first <= last) {
    // Mostly none is -1: from `first` on, as numbers from the lowest one on, they are compared once.
    using Bits = std::make_unsigned_t<Index>;
    constexpr auto lowest = static_cast<Bits>(std::numeric_limits<Index>::min());
    const auto down = splat<N>(static_cast<Bits>(lowest - static_cast<Bits>(first)));
    const auto end = splat<N>(static_cast<Index>(lowest + static_cast<Bits>(last - first)));
    Vec<Index, N> seen{};
    for (; i + N <= n; i += N) {
      seen |= bits_as<Vec<Index, N>>(bits_as<Vec<Bits, N>>(load<N>(from + i)) + down) > end;
    }
    if (any(seen)) i = 0;
  }
  Vec<Index, N> seen{};
  for (; i + N <= n; i += N) seen |= others(Lanes<N>{}, i);
  bool found = any(seen);
  for (; i < n; ++i) found = found || others(Lanes<1>{}, i) != 0;
  return !found;
}

/// See Keep.
template <class Bits>
void keep(void* to, const void* elements, const void* mask, std::int64_t n, std::int64_t other) {
  auto* const target = static_cast<Bits*>(to);
  const auto* const from = static_cast<const Bits*>(elements);
  const auto* const is_kept = static_cast<const std::uint8_t*>(mask);
  sweep_overlapping<Bits, full_lanes<Bits>>(n, [&](auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
    constexpr int N = decltype(lanes)::value;
    const auto kept = convert_numbers<Bits, N>(load<N>(is_kept + i));
    store(target + i, kept != Bits(0) ? load<N>(from + i) : splat<N>(static_cast<Bits>(other)));
  });
}

/// Pixels with others behind each of them: see Spreading.
template <class T>
void spread(void* to, const void* from, std::int64_t n, const Spreading& how) {
  constexpr int N = full_lanes<T>;
  auto* const target = static_cast<T*>(to);
  const auto* source = static_cast<const T*>(from);
  const std::int64_t by = how.by, pixel = how.pixel, group = by * pixel;
  std::int64_t i = 0;
  // Some elements of one group.
  const auto some = [&](std::int64_t begin, std::int64_t end) TILEPOOL_INLINE_LAMBDA {
    for (; begin < end; ++begin, ++i) target[i] = how.copies || begin < pixel ? source[begin % pixel] : T{};
  };
  if (how.phase > 0) {
    some(how.phase, n < group - how.phase ? how.phase + n : group);
    source += pixel;
  }
  if (by == 1) {
    sweep<T, N>(i, n, [&](auto lanes, std::int64_t at) TILEPOOL_INLINE_LAMBDA {
      store(target + at, load<decltype(lanes)::value>(source + (at - i)));
    });
    return;
  }
  if (sizeof(T) == 1 && how.copies && pixel == 1 && by > 2 && by <= 16) {  // vectors whose surplus the next overwrites
    for (; i + 16 <= n; i += by, ++source) store(target + i, splat<16>(*source));
  }
  if (by == 2 && pixel == 1) {
    for (; i + 2 * N <= n; i += 2 * N, source += N) {
      const auto v = load<N>(source), other = how.copies ? v : Vec<T, N>{};
      store(target + i, in_turn<0, N, T>(v, other));
      store(target + i + N, in_turn<1, N, T>(v, other));
    }
  }
  for (; i + group <= n; i += group, source += pixel) {
    T* const first = target + i;
    if (pixel == 1) {
      first[0] = *source;
      sweep<T, N>(1, by, [&](auto lanes, std::int64_t at) TILEPOOL_INLINE_LAMBDA {
        store(first + at, splat<decltype(lanes)::value>(how.copies ? *source : T{}));
      });
      continue;
    }
    for (std::int64_t begin = 0; begin < group; begin += pixel) {
      sweep<T, N>(0, pixel, [&](auto lanes, std::int64_t at) TILEPOOL_INLINE_LAMBDA {
        constexpr int M = decltype(lanes)::value;
        store(first + begin + at, how.copies || begin == 0 ? load<M>(source + at) : Vec<T, M>{});
      });
    }
  }
  some(0, n - i);
}

}  // namespace
}  // namespace tilepool
