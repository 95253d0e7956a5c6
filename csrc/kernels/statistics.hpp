// WHAT a survey keeps of the numbers of whole windows: powers, exponentials, variances. All in float64.
#pragma once

#include "functions.hpp"
#include "rows.hpp"

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

  /// combine(...combine(combine(start, term(tap)), term(next tap))...), across the lanes, too, where all are of one
  /// window.
  template <class Term, class Combine>
  TILEPOOL_INLINE Numbers combined(double start, const Term& term, const Combine& combine) const {
    if (!single) {
      Numbers v = all(start);
      for (std::int64_t t = 0; t < length; ++t) v = combine(v, term(taps[t]));
      return v;
    }
    constexpr int parts = single_lanes / number_lanes;
    Numbers v[parts];
    for (Numbers& part : v) part = all(start);
    for (std::int64_t t = 0; t < length; t += parts) {
      for (int k = 0; k < parts; ++k) v[k] = combine(v[k], term(taps[t + k]));
    }
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

  /// -infinity where there is no cell.
  template <class Term>
  TILEPOOL_INLINE Numbers max(const Term& term) const {
    return combined(-infinity, term, [](auto a, auto b) TILEPOOL_INLINE_LAMBDA { return greater_of(b, a); });
  }
};

TILEPOOL_INLINE Numbers magnitude(Numbers v) { return bits_as<Numbers>(bits_as<NumberBits>(v) & 0x7fffffffffffffff); }
TILEPOOL_INLINE Numbers identical(Numbers v) { return v; }

/// (sum of a**p, divided by the count with `mean`)**(1/p) with a = magnitude_of(x) >= 0. Scaled, no power overflows:
/// squares by a power of two, which is exact, others by the greatest of them.
template <class Magnitude>
Numbers power_norm(const Cells& cells, double p, bool mean, const Magnitude& magnitude_of) {
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
  const Numbers result = (exact ? root(total, p) : greatest * root(total, p)) / scale;
  return most < all(infinity) && most > all(0.0) ? result : most;
}

Numbers power_sum(const Cells& cells, const double* p) { return power_norm(cells, p[0], false, magnitude); }

Numbers power_mean(const Cells& cells, const double* p) {
  const auto raised = [&](Numbers x) TILEPOOL_INLINE_LAMBDA { return x < all(p[1]) ? all(p[1]) : x; };
  return power_norm(cells, p[0], true, raised);
}

/// exp((x - most) / t): 0 beside an infinite maximum.
TILEPOOL_INLINE Numbers weight(Numbers x, Numbers most, double t) { return exponential((x - most) / all(t)); }

Numbers log_sum_exp(const Cells& cells, const double* p) {
  const Numbers most = cells.max(identical);
  const Numbers total = cells.sum([&](Numbers x) TILEPOOL_INLINE_LAMBDA { return weight(x, most, p[0]); });
  const Numbers result = most + all(p[0]) * logarithm(p[1] != 0 ? total / cells.count : total);
  return magnitude(most) < all(infinity) ? result : most;
}

/// The greatest number and the weighted mean of what the others lack.
Numbers softmax(const Cells& cells, const double* p) {
  const Numbers most = cells.max(identical);
  const Numbers total = cells.sum([&](Numbers x) TILEPOOL_INLINE_LAMBDA { return weight(x, most, p[0]); });
  const Numbers lacking = cells.sum([&](Numbers x) TILEPOOL_INLINE_LAMBDA {
    const Numbers w = weight(x, most, p[0]);
    return w > all(0.0) ? w * (x - most) : all(0.0);
  });
  return magnitude(most) < all(infinity) ? most + lacking / total : most;
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
  const Numbers result = squares / total / scale;
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
