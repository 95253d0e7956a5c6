// WHAT a survey keeps of the numbers of whole windows: powers, exponentials, variances. All in float64.
#pragma once

#include "extrema.hpp"
#include "lanes.hpp"
#include "pairs.hpp"

namespace tilepool {
namespace {

/// A single window has its cells side by side in so many lanes on every ISA, so that sums have the same order on all.
constexpr int single_lanes = 8;

/// The cells of some windows, one in each lane, or of a single window in all lanes. NaNs are not there.
struct Cells {
  const Numbers* taps;
  std::int64_t length;  // of a single window a multiple of single_lanes / number_lanes
  bool single;
  Numbers count;  // of the cells that are there
  const Watch& watch;

  /// Calls step(place) for every `apart`-th tap; for fewer where the call ends.
  template <class Step>
  TILEPOOL_INLINE void each(int apart, const Step& step) const {
    constexpr std::int64_t most = operations_between_watches / number_lanes;
    for (std::int64_t t = 0; t < length;) {
      const std::int64_t end = length - t < most ? length : t + most;
      for (; t < end; t += apart) step(t);
      if (t < length && watch.over(operations_between_watches)) return;
    }
  }

  /// combine(...combine(combine(start, term(tap)), term(next tap))...), across the lanes, too, where all are of one
  /// window.
  template <class Term, class Combine>
  TILEPOOL_INLINE Numbers combined(double start, const Term& term, const Combine& combine) const {
    if (!single) {
      Numbers v = all(start);
      each(1, [&](std::int64_t t) TILEPOOL_INLINE_LAMBDA { v = combine(v, term(taps[t])); });
      return v;
    }
    constexpr int parts = single_lanes / number_lanes;
    Numbers v[parts];
    for (Numbers& part : v) part = all(start);
    each(parts, [&](std::int64_t t) TILEPOOL_INLINE_LAMBDA {
      for (int k = 0; k < parts; ++k) v[k] = combine(v[k], term(taps[t + k]));
    });
    double lanes[single_lanes];
    std::memcpy(lanes, v, sizeof lanes);
    for (int apart = single_lanes / 2; apart > 0; apart /= 2) {
      for (int lane = 0; lane < apart; ++lane) lanes[lane] = combine(lanes[lane], lanes[lane + apart]);
    }
    return all(lanes[0]);
  }

  template <class Term>
  TILEPOOL_INLINE Numbers sum(const Term& term) const {
    return combined(
        0.0, [&](Numbers x) TILEPOOL_INLINE_LAMBDA { return x == x ? term(x) : all(0.0); },
        [](auto a, auto b) TILEPOOL_INLINE_LAMBDA { return a + b; });
  }

  /// A sum without roundings that would count, of terms that are pairs.
  template <class Term>
  TILEPOOL_INLINE NumberPair pair_sum(const Term& term) const {
    const auto next = [&](NumberPair sum, Numbers x)
                          TILEPOOL_INLINE_LAMBDA { return chosen(x == x, sum + term(x), sum); };
    constexpr int parts = single_lanes / number_lanes;
    NumberPair v[parts] = {};
    if (!single) {
      each(1, [&](std::int64_t t) TILEPOOL_INLINE_LAMBDA { v[0] = next(v[0], taps[t]); });
      return v[0];
    }
    each(parts, [&](std::int64_t t) TILEPOOL_INLINE_LAMBDA {
      for (int k = 0; k < parts; ++k) v[k] = next(v[k], taps[t + k]);
    });
    Pair<double> sum{};
    for (int lane = 0; lane < single_lanes; ++lane) {
      const NumberPair& part = v[lane / number_lanes];
      sum = sum + Pair<double>{part.high[lane % number_lanes], part.low[lane % number_lanes]};
    }
    return {all(sum.high), all(sum.low)};
  }

  /// -infinity where there is no cell.
  template <class Term>
  TILEPOOL_INLINE Numbers max(const Term& term) const {
    return combined(-infinity, term, [](auto a, auto b) TILEPOOL_INLINE_LAMBDA { return greater_of(b, a); });
  }
};

TILEPOOL_INLINE Numbers identical(Numbers v) { return v; }

/// `power_norm` for a p that is so small that its root would make errors of the sum larger. With m the greatest a it is
/// m * exp(log(sum((a / m)**p)) / p), where the sum is the number of cells and, what a small p would lose beside that,
/// the sum of all (a / m)**p - 1.
template <class Magnitude>
Numbers small_power_norm(const Cells& cells, double p, bool mean, const Magnitude& magnitude_of) {
  const NumberPair power = pair(all(p < 0x1p-80 ? 0x1p-80 : p));  // a mean is the geometric one from there on
  const Numbers most = cells.max(magnitude_of), scale = scale_of(most);
  const NumberPair of_most = fine_logarithm(most);
  const NumberPair less = cells.pair_sum([&](Numbers x) TILEPOOL_INLINE_LAMBDA {
    const Numbers a = magnitude_of(x);
    const NumberPair term = exponential_less_one((fine_logarithm(a) - of_most) * power);
    return chosen(a > all(0.0), term, pair(all(-1.0)));
  });
  const NumberPair beyond_one = mean ? less / cells.count : less + pair(cells.count - all(1.0));
  const NumberPair exponent = logarithm_of_one_more(beyond_one) / power.high;
  const Numbers result = scaled_exponential(most * scale, -normalized(scale).k, exponent);
  return most < all(infinity) && most > all(0.0) ? result : most;
}

/// (sum of a**p, divided by the count with `mean`)**(1/p) with a = magnitude_of(x) >= 0. Scaled, no power overflows:
/// squares by a power of two, which is exact, others by the greatest of them.
template <class Magnitude>
Numbers power_norm(const Cells& cells, double p, bool mean, const Magnitude& magnitude_of) {
  if (p < 0.5) return small_power_norm(cells, p, mean, magnitude_of);
  const Numbers most = cells.max(magnitude_of), scale = scale_of(most), greatest = most * scale;
  if (p == infinity) return most;
  const bool exact = p == 1 || p == 2;
  Numbers total;
  if (exact) {
    total = cells.sum([&](Numbers x) TILEPOOL_INLINE_LAMBDA {
      const Numbers r = magnitude_of(x) * scale;
      return p == 1 ? r : r * r;
    });
  } else {
    total = cells.sum([&](Numbers x) TILEPOOL_INLINE_LAMBDA { return power(magnitude_of(x) * scale / greatest, p); });
  }
  if (mean) total = total / cells.count;
  Numbers result = (exact ? root(total, p) : greatest * root(total, p)) / scale;
  if (mean) result = less_of(result, most);  // roundings might lift it, from the largest number to infinity
  return most < all(infinity) && most > all(0.0) ? result : most;
}

Numbers power_sum(const Cells& cells, const double* p) { return power_norm(cells, p[0], false, magnitude); }

Numbers power_mean(const Cells& cells, const double* p) {
  const auto raised = [&](Numbers x) TILEPOOL_INLINE_LAMBDA { return x < all(p[1]) ? all(p[1]) : x; };
  return power_norm(cells, p[0], true, raised);
}

struct One {};
TILEPOOL_INLINE Numbers operator*(Numbers x, One) { return x; }
TILEPOOL_INLINE Numbers operator/(Numbers x, One) { return x; }

/// Calls of_scale(scale), with what all numbers are multiplied by so that no difference of two overflows: nothing where
/// the temperature is so low that an overflow has the weight 0.
template <class OfScale>
TILEPOOL_INLINE Numbers with_room(const Cells& cells, double temperature, const OfScale& of_scale) {
  if (temperature < 0x1p960) return of_scale(One{});
  const Numbers largest = cells.max([](Numbers x) TILEPOOL_INLINE_LAMBDA {
    const Numbers size = magnitude(x);
    return size < all(infinity) ? size : all(0.0);
  });
  return of_scale(largest > all(0x1p960) ? all(0x1p-64) : all(1.0));
}

/// exp((x - most) / t): 0 beside an infinite maximum.
TILEPOOL_INLINE Numbers weight(Numbers x, Numbers most, Numbers t) { return exponential((x - most) / t); }

TILEPOOL_INLINE bool any(NumberBits mask) {
  std::int64_t lanes = 0;
  for (int lane = 0; lane < number_lanes; ++lane) lanes |= mask[lane];
  return lanes != 0;
}

/// t * log(mean(exp(x / t))). Beside a t that is larger than all numbers the roundings of that mean, which is near 1,
/// would be large: there it is t * log1p(mean(expm1((x - most) / t))), and the same average from 2**64 times the
/// largest number on.
Numbers log_mean_exp(const Cells& cells, const double* p) {
  const Numbers greatest = cells.max(identical);
  return with_room(cells, p[0], [&](auto scale) TILEPOOL_INLINE_LAMBDA {
    const Numbers most = greatest * scale, t = all(p[0]) * scale;
    Numbers plain = all(0.0), fine = all(0.0);
    // A look at the greatest and at any one cell spares most windows the look at all of them.
    const Numbers large = cells.length > 0 ? greater_of(magnitude(cells.taps[0]) * scale, magnitude(most)) : most;
    NumberBits hot = t > large * all(4.0);
    bool all_hot = false;
    if (any(hot)) {
      const Numbers largest = cells.max(magnitude) * scale, high = largest * all(0x1p64);
      hot = t > largest * all(4.0);
      const Numbers lower = high > all(0.0) ? less_of(high, t) : all(1.0);
      if (any(hot)) {
        const Numbers less = cells.sum(
            [&](Numbers x) TILEPOOL_INLINE_LAMBDA { return exponential_less_one((x * scale - most) / lower); });
        fine = lower * logarithm_of_one_more(less / cells.count);
        all_hot = !any(~hot);
      }
    }
    if (!all_hot) {
      const Numbers total = cells.sum([&](Numbers x) TILEPOOL_INLINE_LAMBDA { return weight(x * scale, most, t); });
      plain = t * logarithm(total / cells.count);
    }
    const Numbers result = (most + (hot != 0 ? fine : plain)) / scale;
    return magnitude(greatest) < all(infinity) ? result : greatest;
  });
}

/// t * log(sum(exp(x / t))).
Numbers log_sum_exp(const Cells& cells, const double* p) {
  if (p[1] != 0) return log_mean_exp(cells, p);
  const Numbers greatest = cells.max(identical);
  return with_room(cells, p[0], [&](auto scale) TILEPOOL_INLINE_LAMBDA {
    const Numbers most = greatest * scale, t = all(p[0]) * scale;
    const Numbers total = cells.sum([&](Numbers x) TILEPOOL_INLINE_LAMBDA { return weight(x * scale, most, t); });
    const Numbers result = (most + t * logarithm(total)) / scale;
    return magnitude(greatest) < all(infinity) ? result : greatest;
  });
}

/// The greatest number and the weighted mean of what the others lack.
Numbers softmax(const Cells& cells, const double* p) {
  const Numbers greatest = cells.max(identical);
  return with_room(cells, p[0], [&](auto scale) TILEPOOL_INLINE_LAMBDA {
    const Numbers most = greatest * scale, t = all(p[0]) * scale;
    const Numbers total = cells.sum([&](Numbers x) TILEPOOL_INLINE_LAMBDA { return weight(x * scale, most, t); });
    const Numbers lacking = cells.sum([&](Numbers x) TILEPOOL_INLINE_LAMBDA {
      const Numbers w = weight(x * scale, most, t);
      return w > all(0.0) ? w * (x * scale - most) : all(0.0);
    });
    const Numbers result = (most + lacking / total) / scale;
    return magnitude(greatest) < all(infinity) ? result : greatest;
  });
}

/// The sum of squared distances from the mean of numbers that are scaled, and the scale. They are moved by one of them
/// first: equal numbers have no variance at all.
struct Spread {
  Numbers squares, scale;
};

Spread spread(const Cells& cells) {
  const Numbers scale = scale_of(cells.max(magnitude)), origin = cells.max(identical) * scale;
  const Numbers mean = cells.sum([&](Numbers x) TILEPOOL_INLINE_LAMBDA { return x * scale - origin; }) / cells.count;
  const auto distance = [&](Numbers x) TILEPOOL_INLINE_LAMBDA { return x * scale - origin - mean; };
  return {cells.sum([&](Numbers x) TILEPOOL_INLINE_LAMBDA { return distance(x) * distance(x); }), scale};
}

Numbers variance(const Cells& cells, const double* p) {
  const Spread s = spread(cells);
  const Numbers result = s.squares / (cells.count - all(p[0])) / s.scale / s.scale;
  return cells.count > all(p[0]) ? result : all(not_a_number);
}

Numbers deviation(const Cells& cells, const double* p) {
  const Spread s = spread(cells);
  const Numbers result = square_root<number_lanes>(s.squares / (cells.count - all(p[0]))) / s.scale;
  return cells.count > all(p[0]) ? result : all(not_a_number);
}

Numbers self_weighted(const Cells& cells, const double*) {
  const auto positive = [](Numbers x) TILEPOOL_INLINE_LAMBDA { return x > all(0.0) ? x : all(0.0); };
  const Numbers most = cells.max(positive), scale = scale_of(most);
  const Numbers total = cells.sum([&](Numbers x) TILEPOOL_INLINE_LAMBDA { return positive(x) * scale; });
  const Numbers squares = cells.sum([&](Numbers x) TILEPOOL_INLINE_LAMBDA {
    const Numbers r = positive(x) * scale;
    return r * r;
  });
  const Numbers result = less_of(squares / total / scale, most);  // as that of a mean of powers
  return most < all(infinity) && most > all(0.0) ? result : most;
}

using Statistic = Numbers (*)(const Cells&, const double* parameters);

constexpr Statistic statistic_of(Op op) {
  switch (op) {
    case Op::power_sum:
      return power_sum;
    case Op::power_mean:
      return power_mean;
    case Op::log_sum_exp:
      return log_sum_exp;
    case Op::softmax:
      return softmax;
    case Op::variance:
      return variance;
    case Op::deviation:
      return deviation;
    default:
      return self_weighted;
  }
}

/// What a window without a cell gives.
constexpr double nothing(Op op, const double* parameters) {
  if (op == Op::power_sum || op == Op::self_weighted) return 0;
  return op == Op::log_sum_exp && parameters[1] == 0 ? -infinity : not_a_number;
}

}  // namespace
}  // namespace tilepool
