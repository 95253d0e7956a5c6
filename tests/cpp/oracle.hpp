// The oracle: what each window sees, and what an op keeps of it, slow and obvious.
#pragma once

#include <optional>
#include <vector>

#include "elements.hpp"
#include "engine/plan.hpp"

namespace tilepool::tests {

/// The words that windows are made from.
struct Words {
  enum Kind { sliding, adaptive, listed } kind = sliding;
  std::int64_t kernel = 1, stride = 1, before = 0, after = 0, dilation = 1;
  Fit fit = Fit::floor;
  std::int64_t outputs = 1;                  // adaptive
  std::vector<std::int64_t> firsts, counts;  // listed
};
Words slide(std::int64_t kernel, std::int64_t stride, std::int64_t padding = 0, std::int64_t dilation = 1,
            Fit fit = Fit::floor);
Words adapt(std::int64_t outputs);
Words list(std::vector<std::int64_t> firsts, std::vector<std::int64_t> counts);

/// The engine's windows of these words.
Windows windows_of(const Words& words, std::int64_t size);

/// What one output sees along one axis: cells, the numbers of their taps in the window, the taps in the padded input.
struct Seen {
  std::vector<std::int64_t> cells, numbers;
  std::int64_t size;
};

/// The same windows, from their definitions; without words, one cell each.
std::vector<Seen> seen_along(const std::optional<Words>& words, std::int64_t size);

/// A value, how far a calculation may be from it, and the place where max or min find it first.
struct Expected {
  Number value, tolerance;
  std::int64_t place;  // among the cells; -1 where there is none
};

/// What `request.op` keeps of these cells; `size` is the number of taps in the padded input.
Expected expected_of(const Request& request, const std::vector<Number>& cells, std::int64_t size);

}  // namespace tilepool::tests
