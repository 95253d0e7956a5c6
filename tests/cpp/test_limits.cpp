// Sizes, windows and indices near the limits of the integers that hold them: refused, or calculated without overflow.
#include <doctest/doctest.h>

#include <stdexcept>

#include "engine/pool.hpp"
#include "problem.hpp"

using namespace tilepool;
using namespace tilepool::tests;

namespace {

constexpr std::int64_t one = 1, most = std::numeric_limits<std::int64_t>::max();

const std::vector<std::int64_t>& large() {
  static const std::vector<std::int64_t> numbers = [] {
    std::vector<std::int64_t> all{1, 2, 3};
    for (const int bits : {31, 32, 53, 61, 62}) {
      for (const std::int64_t beside : {-1, 0, 1}) all.push_back((one << bits) + beside);
    }
    all.insert(all.end(), {most / 3, most - 1, most});
    return all;
  }();
  return numbers;
}

/// What a number of outputs must be by the definition, where 128 bits hold it.
__int128 outputs_of(__int128 size, const Words& words) {
  const __int128 room = size + words.before + words.after - words.dilation * (__int128(words.kernel) - 1) - 1;
  const auto floor = [&](__int128 a) { return a / words.stride - (a % words.stride < 0 ? 1 : 0); };
  if (words.fit == Fit::floor) return floor(room) + 1;
  const __int128 outputs = floor(room + words.stride - 1) + 1;
  const bool drops = words.fit == Fit::ceil && (outputs - 1) * words.stride >= size + words.before;
  return outputs - (drops ? 1 : 0);
}

/// A plan of the axes, where there is one; and where it has few cells and outputs, what it pools.
void try_plan(const Request& request, int& made) {
  constexpr std::int64_t few_cells = 3, few_outputs = 64;
  static const double storage[few_cells + 1] = {1, 1, 1, 1};
  try {
    const Plan plan = make_plan(request);
    ++made;
    CHECK(plan.form.result_shape.size() == request.axes.size());
    __int128 size = 1;
    for (const std::int64_t n : plan.form.result_shape) size *= n;
    CHECK(size >= 0);
    CHECK(size * info_of(plan.form.result_dtype).size <= most);
    bool is_small = size <= few_outputs;
    for (const ArrayAxis& axis : request.axes) is_small = is_small && axis.size <= few_cells;
    if (!is_small) return;
    const Block values(few_outputs * 8), indices(few_outputs * 8);
    pool(plan, storage, values.begin(), 1, indices.begin());
  } catch (const std::invalid_argument&) {
  } catch (const std::overflow_error&) {
  }
}

}  // namespace

TEST_CASE("windows near the limits of 64 bits have as many outputs as the definition says") {
  int made = 0;
  for (const std::int64_t size : large()) {
    for (const std::int64_t kernel : large()) {
      for (const std::int64_t stride : large()) {
        for (const std::int64_t padding : {std::int64_t{0}, kernel / 2, kernel - 1}) {
          for (const std::int64_t dilation : {one, one << 31, most}) {
            for (const Fit fit : {Fit::floor, Fit::ceil, Fit::full}) {
              const Words words = slide(kernel, stride, padding, dilation, fit);
              try {
                const Windows windows = windows_of(words, size);
                ++made;
                const bool right = windows.outputs() == outputs_of(size, words);
                CHECK(right);
                for (const std::int64_t o : {std::int64_t{0}, windows.outputs() / 2, windows.outputs() - 1}) {
                  const Window window = windows.at(o);
                  CHECK(window.count >= 0);
                  CHECK(window.size >= window.count);
                  if (window.count > 0) CHECK(window.first + (window.count - 1) * windows.step() < size);
                }
                windows.interior();
                windows.extent(windows.outputs());
              } catch (const std::invalid_argument&) {
              } catch (const std::overflow_error&) {
              }
            }
          }
        }
      }
    }
  }
  CHECK(made > 1000);
}

TEST_CASE("plans of axes near the limits of 64 bits are made or refused") {
  int made = 0;
  for (const Op op : {Op::max, Op::sum, Op::average, Op::average_rounded, Op::quantile}) {
    const DType dtype = op == Op::average_rounded ? DType::int64 : DType::float32;
    if (!exists(op, dtype)) continue;
    const std::int64_t element = info_of(dtype).size;
    for (const std::int64_t size : large()) {
      for (const std::int64_t kernel : large()) {
        for (const std::int64_t stride : large()) {
          for (const std::int64_t other : {one, std::int64_t{3}, one << 20, one << 40, one << 62}) {
            for (const bool inner : {false, true}) {
              Request request{};
              request.op = op;
              request.dtype = dtype;
              request.count_padding = inner;
              request.parameters[0] = 0.5;
              try {
                const Windows windows = Windows::sliding(size, kernel, stride, kernel / 2, kernel / 2, 1, Fit::ceil);
                // Broadcast, so that any size has memory; the innermost axis of several cells is as dense as it must
                // be.
                request.axes = {{other, 0, std::nullopt, 0}, {size, 0, windows, 0}, {3, element, std::nullopt, 0}};
                if (inner)
                  request.axes = {{other, 0, windows_of(slide(2, 1, 1), other), 0}, {size, element, windows, 0}};
              } catch (const std::exception&) {
                continue;
              }
              try_plan(request, made);
            }
          }
        }
      }
    }
  }
  CHECK(made > 1000);
}

TEST_CASE("weights and strides near the limits of 64 bits") {
  int made = 0;
  for (const std::int64_t weight : large()) {
    for (const std::int64_t stride : large()) {
      for (const std::int64_t sign : {one, -one}) {
        for (const Indices indices : {Indices::of_cells, Indices::of_taps}) {
          for (const bool wide : {false, true}) {
            Request request{};
            request.op = Op::max;
            request.dtype = DType::float32;
            request.indices = indices;
            request.wide_indices = wide;
            const Windows windows = Windows::sliding(3, 2, 1, 1, 1, 1, Fit::floor);
            request.axes = {{1, sign * stride, Windows::sliding(1, 3, 1, 2, 2, 1, Fit::floor), weight},
                            {3, 0, windows, weight},
                            {3, 4, windows, sign * weight}};
            try_plan(request, made);
            request.axes[1].stride = sign * stride;  // no memory is read: there is none so far apart
            try {
              make_plan(request);
              ++made;
            } catch (const std::invalid_argument&) {
            } catch (const std::overflow_error&) {
            }
          }
        }
      }
    }
  }
  CHECK(made > 100);
}

TEST_CASE("divisors that no 64 bits hold") {
  const std::int64_t kernel = one << 40;
  for (const DType dtype : {DType::float32, DType::float64, DType::int64}) {
    const bool rounded = !is_float(dtype);
    const Op op = rounded ? Op::average_rounded : Op::average;
    if (!exists(op, dtype)) continue;
    const std::int64_t size = info_of(dtype).size;
    const Block storage(3 * size);
    for (int i = 0; i < 3; ++i) put_element(dtype, storage.begin() + size * i, 1);
    Request request{};
    request.op = op;
    request.dtype = dtype;
    request.count_padding = true;
    const Windows windows = Windows::sliding(1, kernel, kernel, kernel - 1, kernel - 1, 1, Fit::floor);
    request.axes = {{1, size, windows, 0}, {1, size, windows, 0}, {3, size, std::nullopt, 0}};
    const Plan plan = make_plan(request);
    const Block values(3 * size);
    pool(plan, storage.begin(), values.begin());
    for (int i = 0; i < 3; ++i) {
      const Number got = element(plan.form.result_dtype, values.begin() + size * i);
      CHECK(got == (rounded ? 0 : std::ldexp(Number{1}, -80)));
    }
  }
}
