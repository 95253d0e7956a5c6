// The definitions of docs/semantics.md, one window at a time, in 64 bits of precision or more.
#include "oracle.hpp"

#include <algorithm>
#include <cmath>

namespace tilepool::tests {

Words slide(std::int64_t kernel, std::int64_t stride, std::int64_t padding, std::int64_t dilation, Fit fit) {
  Words words;
  words.kernel = kernel;
  words.stride = stride;
  words.before = words.after = padding;
  words.dilation = dilation;
  words.fit = fit;
  return words;
}

Words adapt(std::int64_t outputs) {
  Words words;
  words.kind = Words::adaptive;
  words.outputs = outputs;
  return words;
}

Words list(std::vector<std::int64_t> firsts, std::vector<std::int64_t> counts) {
  Words words;
  words.kind = Words::listed;
  words.firsts = std::move(firsts);
  words.counts = std::move(counts);
  return words;
}

Windows windows_of(const Words& words, std::int64_t size) {
  if (words.kind == Words::adaptive) return Windows::adaptive(size, words.outputs);
  if (words.kind == Words::listed) return Windows::listed(size, words.firsts, words.counts);
  return Windows::sliding(size, words.kernel, words.stride, words.before, words.after, words.dilation, words.fit);
}

std::vector<Seen> seen_along(const std::optional<Words>& words, std::int64_t size) {
  std::vector<Seen> all;
  const auto add = [&](std::int64_t start, std::int64_t kernel, std::int64_t step, std::int64_t before,
                       std::int64_t after) {
    Seen seen{};
    for (std::int64_t t = 0; t < kernel; ++t) {
      const std::int64_t cell = start + t * step;
      if (cell >= -before && cell < size + after) ++seen.size;
      if (cell < 0 || cell >= size) continue;
      seen.cells.push_back(cell);
      seen.numbers.push_back(t);
    }
    all.push_back(seen);
  };
  if (!words) {
    for (std::int64_t cell = 0; cell < size; ++cell) add(cell, 1, 1, 0, 0);
  } else if (words->kind == Words::adaptive) {
    for (std::int64_t o = 0; o < words->outputs; ++o) {
      const std::int64_t first = o * size / words->outputs;
      const std::int64_t stop = ((o + 1) * size + words->outputs - 1) / words->outputs;
      add(first, stop - first, 1, 0, 0);
    }
  } else if (words->kind == Words::listed) {
    for (std::size_t o = 0; o < words->firsts.size(); ++o) add(words->firsts[o], words->counts[o], 1, 0, 0);
  } else {
    const std::int64_t extent = words->dilation * (words->kernel - 1) + 1;
    const std::int64_t room = size + words->before + words->after - extent;
    const double steps = static_cast<double>(room) / static_cast<double>(words->stride);
    auto outputs = static_cast<std::int64_t>(words->fit == Fit::floor ? std::floor(steps) : std::ceil(steps)) + 1;
    if (words->fit == Fit::ceil && (outputs - 1) * words->stride >= size + words->before) --outputs;
    for (std::int64_t o = 0; o < outputs; ++o) {
      add(o * words->stride - words->before, words->kernel, words->dilation, words->before, words->after);
    }
  }
  return all;
}

namespace {

using Cells = std::vector<Number>;

/// Half the distance from 1 to the next number of that many binary digits.
Number unit(int digits) { return std::ldexp(Number{1}, -digits); }

template <class Term>
Number sum(const Cells& cells, const Term& term) {
  Number total = 0;
  for (const Number x : cells) total += term(x);
  return total;
}

Number magnitudes(const Cells& cells) {
  return sum(cells, [](Number x) { return std::abs(x); });
}

Number greatest_magnitude(const Cells& cells) {
  Number greatest = 0;
  for (const Number x : cells) greatest = std::max(greatest, std::abs(x));
  return greatest;
}

/// The first of the best cells, or of those that are no numbers.
std::int64_t first_best(const Cells& cells, bool greatest) {
  std::int64_t best = -1;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const Number x = cells[i], last = best < 0 ? not_a_number : cells[static_cast<std::size_t>(best)];
    if (best >= 0 && std::isnan(last)) break;
    if (best < 0 || std::isnan(x) || (greatest ? x > last : x < last)) best = static_cast<std::int64_t>(i);
  }
  return best;
}

/// An integer modulo 2**64, as the type of the result has it.
Number wrapped(unsigned __int128 integer, bool is_unsigned) {
  const auto bits = static_cast<std::uint64_t>(integer);
  return is_unsigned ? static_cast<Number>(bits) : static_cast<Number>(static_cast<std::int64_t>(bits));
}

Number exact_total(const Cells& cells, bool is_unsigned, bool product) {
  unsigned __int128 total = product ? 1 : 0;
  for (const Number x : cells) {
    const auto integer = static_cast<unsigned __int128>(static_cast<__int128>(x));
    total = product ? total * integer : total + integer;
  }
  return wrapped(total, is_unsigned);
}

/// The quotient of integers by the rule, within the range of the result; 0 where the divisor is.
Number rounded_quotient(const Cells& cells, std::int64_t divisor, ToInteger to_integer) {
  __int128 total = 0;
  for (const Number x : cells) total += static_cast<__int128>(x);
  if (divisor == 0) return 0;
  if (divisor < 0) total = -total;
  const __int128 by = divisor < 0 ? -static_cast<__int128>(divisor) : divisor;
  __int128 floor = total / by;
  if (floor * by > total) --floor;
  const __int128 twice = 2 * (total - floor * by);
  bool up = false;
  if (to_integer.rounding == Rounding::half_even) up = twice > by || (twice == by && floor % 2 != 0);
  if (to_integer.rounding == Rounding::half_up) up = twice >= by;
  if (to_integer.rounding == Rounding::trunc) up = floor < 0 && twice > 0;
  return std::clamp(static_cast<Number>(floor + (up ? 1 : 0)), lowest(to_integer.dtype), highest(to_integer.dtype));
}

Number quantile(Cells cells, double q, Between between) {
  std::sort(cells.begin(), cells.end());
  const double place = q * static_cast<double>(cells.size() - 1), below = std::floor(place);
  const Number low = cells[static_cast<std::size_t>(below)];
  const Number high = cells[static_cast<std::size_t>(std::ceil(place))];
  const double fraction = place - below;
  switch (between) {
    case Between::lower:
      return low;
    case Between::higher:
      return high;
    case Between::nearest:
      return fraction < 0.5 || (fraction == 0.5 && std::fmod(below, 2) == 0) ? low : high;
    case Between::midpoint:
      return (low + high) / 2;
    case Between::linear:
      return low + (high - low) * fraction;
  }
  return not_a_number;
}

Number mode(Cells cells) {
  std::sort(cells.begin(), cells.end());
  std::size_t most = 0;
  Number best = 0;
  for (std::size_t i = 0, end; i < cells.size(); i = end) {
    for (end = i; end < cells.size() && cells[end] == cells[i];) ++end;
    if (end - i > most) {
      most = end - i;
      best = cells[i];
    }
  }
  return best;
}

/// Statistics of cells of which there is one or more.
Number statistic(Op op, const Cells& cells, const double* p) {
  const auto count = static_cast<Number>(cells.size());
  const Number greatest = *std::max_element(cells.begin(), cells.end());
  const auto weight = [&](Number x) { return std::exp((x - greatest) / p[0]); };
  const auto positive = [](Number x) { return std::max<Number>(x, 0); };
  switch (op) {
    case Op::power_sum:
      return std::pow(sum(cells, [&](Number x) { return std::pow(std::abs(x), Number(p[0])); }), 1 / Number(p[0]));
    case Op::power_mean: {
      const auto power = [&](Number x) { return std::pow(std::max<Number>(x, p[1]), Number(p[0])); };
      return std::pow(sum(cells, power) / count, 1 / Number(p[0]));
    }
    case Op::log_sum_exp:
      return greatest + p[0] * std::log(sum(cells, weight) / (p[1] != 0 ? count : 1));
    case Op::softmax:
      return sum(cells, [&](Number x) { return weight(x) * x; }) / sum(cells, weight);
    case Op::self_weighted: {
      const Number total = sum(cells, positive);
      return total > 0 ? sum(cells, [&](Number x) { return positive(x) * positive(x); }) / total : 0;
    }
    default: {
      if (count <= p[0]) return not_a_number;
      const Number mean = sum(cells, [](Number x) { return x; }) / count;
      const Number squares = sum(cells, [&](Number x) { return (x - mean) * (x - mean); });
      return op == Op::variance ? squares / (count - p[0]) : std::sqrt(squares / (count - p[0]));
    }
  }
}

Number nothing(const Request& request) {
  if (request.op == Op::mode || request.op == Op::quantile_of_cells) return is_float(request.dtype) ? not_a_number : 0;
  if (request.op == Op::power_sum || request.op == Op::self_weighted) return 0;
  return request.op == Op::log_sum_exp && request.parameters[1] == 0 ? -infinite : not_a_number;
}

/// Ops that survey.
Expected surveyed(const Request& request, Cells cells) {
  const auto end = std::remove_if(cells.begin(), cells.end(), [](Number x) { return std::isnan(x); });
  if (end != cells.end() && !request.omit) return {not_a_number, 0, -1};
  cells.erase(end, cells.end());
  if (cells.empty()) return {nothing(request), 0, -1};
  if (request.op == Op::mode) return {mode(cells), 0, -1};
  if (request.op == Op::quantile || request.op == Op::quantile_of_cells) {
    const Number value = quantile(cells, request.parameters[0], static_cast<Between>(request.parameters[1]));
    if (request.op == Op::quantile_of_cells) return {value, 0, -1};
    // Both neighbours, their difference, its part and the sum are rounded to float64.
    return {value, 5 * unit(53) * 2 * greatest_magnitude(cells), -1};
  }
  // In float64: each tap has some ten roundings, those of its power or exponential, and is added to numbers of at most
  // `square` each; a root of what is at least 1 / taps**2, or 0, makes an error larger by at most so many times.
  const auto taps = static_cast<Number>(cells.size());
  const Number greatest = greatest_magnitude(cells), square = std::max<Number>(1, greatest * greatest);
  return {statistic(request.op, cells, request.parameters), (3 * taps + 50) * taps * square * unit(53), -1};
}

}  // namespace

Expected expected_of(const Request& request, const Cells& cells, std::int64_t size) {
  const bool has_nan = std::any_of(cells.begin(), cells.end(), [](Number x) { return std::isnan(x); });
  const DType result = result_dtype(request.op, request.dtype);
  const auto taps = static_cast<Number>(cells.size());
  if (surveys(request.op)) return surveyed(request, cells);
  if (request.op == Op::max || request.op == Op::min) {
    const bool greatest = request.op == Op::max;
    const std::int64_t place = first_best(cells, greatest);
    const Number empty = greatest ? lowest(request.dtype) : highest(request.dtype);
    return {place < 0 ? empty : cells[static_cast<std::size_t>(place)], 0, place};
  }
  const bool is_unsigned = info_of(request.dtype).kind == 'u';
  std::int64_t divisor = request.count_padding ? size : static_cast<std::int64_t>(cells.size());
  if (request.divisor != 0) divisor = static_cast<std::int64_t>(request.divisor);
  if (request.op == Op::average_rounded) return {rounded_quotient(cells, divisor, request.to_integer), 0, -1};
  if (!is_float(result)) return {exact_total(cells, is_unsigned, request.op == Op::product), 0, -1};
  if (has_nan) return {not_a_number, 0, -1};
  // What sums are calculated in: the 16-bit floats in float32. n - 1 additions in any order are off by at most
  // (n - 1) * u * sum(|x|) (Jeannerod and Rump, 2013); the conversion of each tap, the division and the rounding of a
  // total of integers add a u each.
  const Number u = unit(result == DType::float64 ? 53 : 24), bound = (taps + 2) * u * magnitudes(cells);
  const Number total = sum(cells, [](Number x) { return x; });
  switch (request.op) {
    case Op::max_magnitude:
      return {greatest_magnitude(cells), 0, -1};
    case Op::sum_magnitude:
      return {magnitudes(cells), bound, -1};
    case Op::root_sum_square: {
      const Number value = std::sqrt(sum(cells, [](Number x) { return x * x; }));
      return {value, (taps + 2) * unit(53) * value, -1};
    }
    case Op::product: {
      Number value = 1;
      for (const Number x : cells) value *= x;
      return {value, 2 * taps * u * std::abs(value), -1};
    }
    case Op::average: {
      const auto by = static_cast<Number>(divisor);
      return {total / by, std::abs(bound / by), -1};
    }
    default:
      return {total, bound, -1};
  }
}

}  // namespace tilepool::tests
