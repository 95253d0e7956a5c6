// WHAT a survey keeps of whole windows in ascending order: quantiles and modes.
#pragma once

#include <utility>

#include "conversions.hpp"
#include "extrema.hpp"
#include "functions.hpp"
#include "lanes.hpp"

namespace tilepool {
namespace {

/// Elements of type T as signed integers in their order: -0 is +0, and every NaN comes after infinity.
template <class T>
struct Order {
  using In = Lane<T>;
  using Key = std::conditional_t<sizeof(In) == 1, std::int8_t,
                                 std::conditional_t<sizeof(In) == 2, std::int16_t,
                                                    std::conditional_t<sizeof(In) == 4, std::int32_t, std::int64_t>>>;
  static constexpr Key lowest = std::numeric_limits<Key>::min(), greatest = std::numeric_limits<Key>::max();
  static constexpr bool is_float = !std::is_same_v<In, T> || std::is_floating_point_v<T>;
  /// So many NaNs are there of each sign.
  static constexpr Key nans = static_cast<Key>((std::int64_t{1} << mantissa_bits<T>)-1);
  /// Greater keys are those of NaNs.
  static constexpr Key last_number = static_cast<Key>(is_float ? greatest - nans - nans : greatest);

  template <int N>
  static TILEPOOL_INLINE Vec<Key, N> mirrored(Vec<Key, N> v) {
    const Vec<Key, N> sign = static_cast<Vec<Key, N>>(v >> (8 * static_cast<int>(sizeof(Key)) - 1));
    return static_cast<Vec<Key, N>>(v ^ (sign & splat<N>(greatest)));
  }
  template <int N>
  static TILEPOOL_INLINE Vec<Key, N> key(Vec<In, N> element) {
    const auto bits = bits_as<Vec<Key, N>>(element);
    if constexpr (is_float) {
      const Vec<Key, N> number = bits == splat<N>(lowest) ? Vec<Key, N>{} : bits;
      return static_cast<Vec<Key, N>>(mirrored<N>(number) - splat<N>(nans));
    } else {
      return std::is_unsigned_v<In> ? static_cast<Vec<Key, N>>(bits ^ splat<N>(lowest)) : bits;
    }
  }
  template <int N>
  static TILEPOOL_INLINE Vec<In, N> element(Vec<Key, N> key) {
    if constexpr (is_float) {
      return bits_as<Vec<In, N>>(mirrored<N>(static_cast<Vec<Key, N>>(key + splat<N>(nans))));
    } else {
      return bits_as<Vec<In, N>>(std::is_unsigned_v<In> ? static_cast<Vec<Key, N>>(key ^ splat<N>(lowest)) : key);
    }
  }
};

/// Calls exchange(i, j), i < j, for what sorts n numbers: Batcher's merge exchange (Knuth, The Art of Computer
/// Programming 3, algorithm 5.2.2 M).
template <class Exchange>
constexpr void merge_exchange(std::int64_t n, const Exchange& exchange) {
  std::int64_t top = 1;
  while (2 * top < n) top *= 2;
  for (std::int64_t p = n > 1 ? top : 0; p > 0; p /= 2) {
    for (std::int64_t q = top, r = 0, d = p;; d = q - p, q /= 2, r = p) {
      for (std::int64_t block = r; block < n - d; block += 2 * p) {
        const std::int64_t end = block + p < n - d ? block + p : n - d;
        for (std::int64_t i = block; i < end; ++i) exchange(i, i + d);
      }
      if (q == p) break;
    }
  }
}

template <class V>
TILEPOOL_INLINE void exchange(V& a, V& b) {
  const V low = less_of(a, b), high = greater_of(a, b);
  a = low;
  b = high;
}

/// The exchanges for n numbers as a list.
template <int n>
struct Network {
  static constexpr int count() {
    int exchanges = 0;
    merge_exchange(n, [&](std::int64_t, std::int64_t) { ++exchanges; });
    return exchanges;
  }
  std::int64_t first[count()]{}, second[count()]{};
  constexpr Network() {
    int at = 0;
    merge_exchange(n, [&](std::int64_t i, std::int64_t j) {
      first[at] = i;
      second[at++] = j;
    });
  }
};

template <int n, class V, int... I>
TILEPOOL_INLINE void sort_in_registers(V* to, std::integer_sequence<int, I...>) {
  constexpr Network<n> network;
  V v[n];
  for (int i = 0; i < n; ++i) v[i] = to[i];
  (exchange(v[network.first[I]], v[network.second[I]]), ...);
  for (int i = 0; i < n; ++i) to[i] = v[i];
}

/// Sorts n vectors lane by lane; those of common windows in registers.
template <class V>
void sort_lanes(V* v, std::int64_t n) {
#define TILEPOOL_IN_REGISTERS(taps) \
  if (n == taps) return sort_in_registers<taps>(v, std::make_integer_sequence<int, Network<taps>::count()>{});
  TILEPOOL_IN_REGISTERS(4)
  TILEPOOL_IN_REGISTERS(8)
  TILEPOOL_IN_REGISTERS(9)
  TILEPOOL_IN_REGISTERS(25)
#undef TILEPOOL_IN_REGISTERS
  merge_exchange(n, [&](std::int64_t i, std::int64_t j) TILEPOOL_INLINE_LAMBDA { exchange(v[i], v[j]); });
}

/// Calls step(i) for i < n; false where the call ends on the way.
template <class Step>
TILEPOOL_INLINE bool watched(std::int64_t n, const Watch& watch, const Step& step) {
  for (std::int64_t i = 0; i < n;) {
    const std::int64_t left = n - i, part = left < operations_between_watches ? left : operations_between_watches;
    if (watch.over(part)) return false;
    for (const std::int64_t stop = i + part; i < stop; ++i) step(i);
  }
  return true;
}

/// Sorts n keys byte by byte, the lowest first, to and fro between `keys` and `spare`. Returns where they end up, in
/// whatever order where the call ends on the way.
template <class Key>
Key* sort_bytes(Key* keys, Key* spare, std::int64_t n, const Watch& watch) {
  for (int byte = 0; byte < static_cast<int>(sizeof(Key)); ++byte) {
    const auto digit = [&](Key key) TILEPOOL_INLINE_LAMBDA {
      return static_cast<std::uint64_t>(static_cast<std::int64_t>(key) - std::numeric_limits<Key>::min()) >> 8 * byte &
             255;
    };
    std::int64_t places[256] = {};
    if (!watched(n, watch, [&](std::int64_t i) TILEPOOL_INLINE_LAMBDA { ++places[digit(keys[i])]; })) break;
    std::int64_t before = 0;
    for (std::int64_t& place : places) before += std::exchange(place, before);
    const auto move = [&](std::int64_t i) TILEPOOL_INLINE_LAMBDA { spare[places[digit(keys[i])]++] = keys[i]; };
    if (!watched(n, watch, move)) break;
    std::swap(keys, spare);
  }
  return keys;
}

/// The numbers in ascending order between which a quantile lies, and how far from the first to the second.
struct Ranks {
  Ranks(double q, Between between, std::int64_t count) {
    const double place = q * static_cast<double>(count - 1);
    low = static_cast<std::int64_t>(place);
    fraction = place - static_cast<double>(low);
    high = fraction > 0 ? low + 1 : low;
    const bool up = between == Between::higher ||
                    (between == Between::nearest && (fraction > 0.5 || (fraction == 0.5 && low % 2 != 0)));
    if (between == Between::midpoint) {
      fraction = 0.5;
    } else if (between != Between::linear) {
      low = high = up ? high : low;
    }
  }
  std::int64_t low, high;
  double fraction;
};

/// From a to b, as numpy.quantile and numpy.median do it, but for numbers that are too far apart.
template <int N>
TILEPOOL_INLINE Vec<double, N> between(Vec<double, N> a, Vec<double, N> b, double fraction) {
  const auto far = [](Vec<double, N> v)
                       TILEPOOL_INLINE_LAMBDA { return (v == splat<N>(infinity)) | (v == splat<N>(-infinity)); };
  const auto weigh = [&]() TILEPOOL_INLINE_LAMBDA { return a * splat<N>(1 - fraction) + b * splat<N>(fraction); };
  Vec<double, N> result;
  if (fraction == 0.5) {
    const Vec<double, N> sum = a + b;
    result = far(sum) ? weigh() : sum * splat<N>(0.5);
  } else {
    const Vec<double, N> apart = b - a;
    const auto near = fraction < 0.5 ? a + apart * splat<N>(fraction) : b - apart * splat<N>(1 - fraction);
    result = far(apart) ? weigh() : near;
  }
  return a == b ? a : result;
}

/// The modes of N windows of four keys, if the greatest key that there can be is not among the taps of a window without
/// equal ones. False if it is.
template <class Key, int N, class V = Vec<Key, N>>
TILEPOOL_INLINE bool modes_of_four(V a, V b, V c, V d, V& modes) {
  const V none = splat<N>(std::numeric_limits<Key>::max());
  const V of_a = a == b ? a : a == c ? a : a == d ? a : none, of_b = b == c ? b : b == d ? b : none;
  modes = less_of(of_a, less_of(of_b, c == d ? c : none));  // of two pairs the lesser one
  if (!any(modes == none)) return true;
  if (any((modes == none) & (greater_of(greater_of(a, b), greater_of(c, d)) == none))) return false;
  modes = modes == none ? less_of(less_of(a, b), less_of(c, d)) : modes;
  return true;
}

/// The modes of N windows of some keys, if in each the first two are most of it, or the last one where these differ.
template <class Key, int N>
TILEPOOL_INLINE bool majorities(const Key* keys, std::int64_t taps, Vec<Key, N>& modes) {
  const auto tap = [=](std::int64_t i) TILEPOOL_INLINE_LAMBDA { return load<N>(keys + i * N); };
  modes = tap(0) == tap(1) ? tap(0) : tap(taps - 1);
  Vec<Key, N> count{};
  for (std::int64_t i = 0; i < taps; ++i) count -= tap(i) == modes;
  return !any(count <= splat<N>(static_cast<Key>(taps / 2)));
}

/// The modes of N windows of sorted keys, of which there are no more than the greatest one says.
template <class Key, int N>
TILEPOOL_INLINE Vec<Key, N> sorted_modes(const Key* keys, std::int64_t taps) {
  if (taps == 4) {  // those of two pairs or more are known by which neighbours are equal
    const Vec<Key, N> first = load<N>(keys), second = load<N>(keys + N), third = load<N>(keys + 2 * N);
    const Vec<Key, N> last = third == load<N>(keys + 3 * N) ? third : first;
    return first == second ? first : second == third ? second : last;
  }
  Vec<Key, N> best = load<N>(keys), last = best, run{}, most{};
  for (std::int64_t i = 0; i < taps; ++i) {
    const Vec<Key, N> key = load<N>(keys + i * N);
    run = key == last ? run + splat<N>(Key{1}) : splat<N>(Key{1});
    last = key;
    const auto better = run > most;
    most = better ? run : most;
    best = better ? key : best;
  }
  return best;
}

/// Sorted windows: key i of window `lane` is keys[i * pitch + lane].
template <class T, class O>
struct Sorted {
  using Keys = Order<T>;
  using Key = typename Keys::Key;
  using In = Lane<T>;
  using Out = Lane<O>;
  using Number = typename Element<T>::Number;

  const Survey& survey;
  const Key* keys;
  std::int64_t pitch, taps;
  void* out;

  template <int N>
  TILEPOOL_INLINE Vec<Key, N> at(std::int64_t i, std::int64_t lane) const {
    return load<N>(keys + i * pitch + lane);
  }

  template <class Written, class V>
  TILEPOOL_INLINE void put(std::int64_t to, V v) const {
    store(static_cast<Written*>(out) + to, v);
  }

  /// A window on its own.
  void one(std::int64_t lane, std::int64_t to) const {
    std::int64_t count = taps;
    while (count > 0 && at<1>(count - 1, lane) > Keys::last_number) --count;
    if (count == 0 || (count < taps && !survey.omit)) return put_nothing(to);
    if (survey.op == Op::mode) {
      std::int64_t most = 0, run = 0;
      Key best = 0, last = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        const Key key = at<1>(i, lane);
        run = i > 0 && key == last ? run + 1 : 1;
        last = key;
        if (run > most) most = run, best = key;
      }
      return put<In>(to, Keys::template element<1>(best));
    }
    quantile<1>(lane, to, Ranks(survey.parameters[0], static_cast<Between>(survey.parameters[1]), count));
  }

  void put_nothing(std::int64_t to) const {
    if (survey.op == Op::quantile)
      return put<Out>(to, convert<O, typename Element<O>::Number, 1>(
                              std::numeric_limits<typename Element<O>::Number>::quiet_NaN()));
    if constexpr (Keys::is_float) {
      put<In>(to, convert<T, Number, 1>(std::numeric_limits<Number>::quiet_NaN()));
    } else {
      put<In>(to, In{0});
    }
  }

  template <int N>
  TILEPOOL_INLINE void quantile(std::int64_t lane, std::int64_t to, const Ranks& ranks) const {
    const Vec<In, N> low = Keys::template element<N>(at<N>(ranks.low, lane));
    if (survey.op == Op::quantile_of_cells) return put<In>(to, low);
    if (ranks.high == ranks.low) return put<Out>(to, convert<O, T, N>(low));
    const auto number = [](Vec<In, N> v)
                            TILEPOOL_INLINE_LAMBDA { return convert_numbers<double, N>(convert<Number, T, N>(v)); };
    const Vec<double, N> high = number(Keys::template element<N>(at<N>(ranks.high, lane)));
    const Vec<double, N> result = between<N>(number(low), high, ranks.fraction);
    using Rounded = typename Element<O>::Number;
    put<Out>(to, convert<O, Rounded, N>(convert_numbers<Rounded, N>(result)));
  }

  /// `live` windows that lie in the lanes of vectors.
  template <int N>
  void all_of(std::int64_t live, std::int64_t to) const {
    bool numbers = live == N && taps > 0;
    if constexpr (Keys::is_float) {
      if (numbers) numbers = !any(at<N>(taps - 1, 0) > splat<N>(Keys::last_number));
    }
    if (numbers && survey.op != Op::mode) {
      const Ranks ranks(survey.parameters[0], static_cast<Between>(survey.parameters[1]), taps);
      constexpr int M = N < number_lanes ? N : number_lanes;
      for (int lane = 0; lane < N; lane += M) quantile<M>(lane, to + lane, ranks);
    } else if (numbers && taps <= Keys::greatest) {
      put<In>(to, Keys::template element<N>(sorted_modes<Key, N>(keys, taps)));
    } else {
      for (std::int64_t lane = 0; lane < live; ++lane) one(lane, to + lane);
    }
  }
};

}  // namespace
}  // namespace tilepool
