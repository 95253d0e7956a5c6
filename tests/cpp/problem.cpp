// Lays arrays out, fills them, and asks the oracle for every output.
#include "problem.hpp"

#include <algorithm>
#include <sstream>
#include <thread>

#include "engine/pool.hpp"

namespace tilepool::tests {
namespace {

/// SplitMix64.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t bits() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::int64_t below(std::int64_t limit) {
    return static_cast<std::int64_t>(bits() % static_cast<std::uint64_t>(limit));
  }

 private:
  std::uint64_t state_;
};

/// Ties and extremes for ops that return one of the cells; else what neither overflows nor is exact in sums.
Number draw(Random& random, Op op, DType dtype) {
  const bool picks = op == Op::max || op == Op::min || op == Op::max_magnitude;
  const std::int64_t kind = random.below(400);
  if (dtype == DType::boolean) return Number(random.below(2));
  if (is_float(dtype)) {
    if (kind == 0) return not_a_number;
    if (kind < 8 && picks) return kind % 2 == 0 ? infinite : -infinite;
    if (surveys(op)) return Number(random.below(17) - 8);
    if (op == Op::product) return (random.below(2) == 0 ? -1 : 1) * (1 + Number(random.below(33) - 16) / 128);
    const Number fraction = dtype == DType::bfloat16 ? 8 : 128;
    const Number narrow = Number(random.below(255) - 127) / fraction;
    return dtype == DType::float32 || dtype == DType::float64 ? narrow * static_cast<float>(1.1) : narrow;
  }
  if (surveys(op)) return Number(random.below(17)) - (info_of(dtype).kind == 'u' ? 0 : 8);
  if (kind < 40) return kind % 2 == 0 ? lowest(dtype) : highest(dtype);
  if (kind < 160) return Number(random.below(3));
  const std::uint64_t bits = random.bits();
  return element(dtype, &bits);  // of the whole range
}

std::vector<std::size_t> memory_order(const Pooling& pooling, Layout layout) {
  std::vector<std::size_t> order(pooling.shape.size());
  for (std::size_t axis = 0; axis < order.size(); ++axis) order[axis] = axis;
  if (layout == Layout::fortran) std::reverse(order.begin(), order.end());
  if (layout == Layout::channels_last) {  // the last axis that is not pooled, or else the first one
    std::size_t last = 0;
    for (const std::size_t axis : order) {
      if (!pooling.words[axis]) last = axis;
    }
    if (!order.empty())
      std::rotate(order.begin() + static_cast<std::ptrdiff_t>(last),
                  order.begin() + static_cast<std::ptrdiff_t>(last) + 1, order.end());
  }
  return order;
}

std::int64_t size_of(const std::vector<std::int64_t>& shape) {
  std::int64_t size = 1;
  for (const std::int64_t n : shape) size *= n;
  return size;
}

/// Calls visit(place) for each place of an array of that shape, in C order.
template <class Visit>
void each_place(const std::vector<std::int64_t>& shape, const Visit& visit) {
  std::vector<std::int64_t> place(shape.size());
  for (std::int64_t left = size_of(shape); left > 0; --left) {
    visit(place);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      if (++place[axis] < shape[axis]) break;
      place[axis] = 0;
    }
  }
}

}  // namespace

Problem::Problem(Op op, DType dtype, const Pooling& pooling, Layout layout, const Manner& manner, std::uint64_t seed)
    : request_{op,
               dtype,
               {},
               manner.count_padding,
               manner.divisor,
               manner.to_integer,
               manner.indices,
               manner.wide_indices,
               {manner.parameters[0], manner.parameters[1]},
               manner.omit},
      layout_(layout),
      order_(memory_order(pooling, layout)),
      origin_(0) {
  for (std::size_t axis = 0; axis < pooling.shape.size(); ++axis) {
    const std::int64_t n = pooling.shape[axis];
    const auto& words = pooling.words[axis];
    request_.axes.push_back({n, 0, words ? std::optional(windows_of(*words, n)) : std::nullopt, 0});
  }
  std::int64_t stride = info_of(dtype).size, end = stride, weight = manner.weight;
  for (std::size_t i = order_.size(); i-- > 0;) {
    ArrayAxis& axis = request_.axes[order_[i]];
    const bool repeats = layout == Layout::broadcast && i == 0 && order_.size() > 1;
    axis.stride = repeats ? 0 : stride;
    if (layout == Layout::reversed && i + 1 < order_.size()) axis.stride = -stride;
    if (manner.indices == Indices::of_cells || (manner.indices == Indices::of_taps && axis.windows)) {
      axis.weight = weight;
    }
    weight *= manner.indices == Indices::of_taps && axis.windows ? axis.windows->kernel() : axis.size;
    const std::int64_t reach = std::max<std::int64_t>(0, axis.size - 1) * axis.stride;
    (reach < 0 ? origin_ : end) += std::abs(reach);
    stride *= axis.size + (layout == Layout::sliced ? 1 : 0);
  }
  input_ = std::make_shared<const Block>(origin_ + end);
  fill(pooling, seed);
  plan = make_plan(request_);
  expect(pooling);
}

void Problem::fill(const Pooling& pooling, std::uint64_t seed) {
  Random random(seed);
  each_place(pooling.shape, [&](const std::vector<std::int64_t>& place) {
    std::int64_t at = origin_;
    for (std::size_t axis = 0; axis < place.size(); ++axis) at += place[axis] * request_.axes[axis].stride;
    put_element(request_.dtype, input_->begin() + at, draw(random, request_.op, request_.dtype));
  });
}

void Problem::expect(const Pooling& pooling) {
  std::vector<std::vector<Seen>> seen;
  std::vector<std::int64_t> shape;
  for (std::size_t axis = 0; axis < pooling.shape.size(); ++axis) {
    seen.push_back(seen_along(pooling.words[axis], pooling.shape[axis]));
    shape.push_back(static_cast<std::int64_t>(seen.back().size()));
  }
  if (shape != plan.form.result_shape) return;  // which `difference` tells
  std::vector<Number> cells;
  std::vector<std::int64_t> indices;
  each_place(shape, [&](const std::vector<std::int64_t>& output) {
    std::vector<std::int64_t> counts;
    std::int64_t size = 1;
    for (const std::size_t axis : order_) {
      const Seen& window = seen[axis][static_cast<std::size_t>(output[axis])];
      counts.push_back(static_cast<std::int64_t>(window.cells.size()));
      size *= window.size;
    }
    cells.clear();
    indices.clear();
    each_place(counts, [&](const std::vector<std::int64_t>& tap) {
      std::int64_t at = origin_, index = 0;
      for (std::size_t i = 0; i < order_.size(); ++i) {
        const ArrayAxis& axis = request_.axes[order_[i]];
        const Seen& window = seen[order_[i]][static_cast<std::size_t>(output[order_[i]])];
        const std::int64_t cell = window.cells[static_cast<std::size_t>(tap[i])];
        at += cell * axis.stride;
        index += axis.weight *
                 (request_.indices == Indices::of_taps ? window.numbers[static_cast<std::size_t>(tap[i])] : cell);
      }
      cells.push_back(element(request_.dtype, input_->begin() + at));
      indices.push_back(index);
    });
    expected_.push_back(expected_of(request_, cells, size));
    Expected& last = expected_.back();
    if (last.place >= 0) last.place = indices[static_cast<std::size_t>(last.place)];
  });
}

Written Problem::blank() const {
  const std::int64_t size = size_of(plan.form.result_shape);
  const std::int64_t index_size = plan.form.indices == Indices::none ? 0 : plan.form.wide_indices ? 8 : 4;
  return {Block(size * info_of(plan.form.result_dtype).size), Block(size * index_size)};
}

void Problem::pool_into(const Written& written, int threads, Interrupt::Question question) const {
  pool(plan, input_->begin() + origin_, written.values.begin(), threads, written.indices.begin(), question);
}

Written Problem::pooled(int threads, bool alone, Interrupt::Question question) const {
  Written written = blank();
  if (alone) {
    std::thread([&] { pool_into(written, threads, question); }).join();
  } else {
    pool_into(written, threads, question);
  }
  return written;
}

/// Bytes from the first element of the results, which lie dense, to that number in C order.
std::int64_t Problem::offset_of(std::int64_t output) const {
  std::int64_t offset = 0;
  for (std::size_t axis = plan.form.result_shape.size(); axis-- > 0;) {
    offset += output % plan.form.result_shape[axis] * plan.form.result_strides[axis];
    output /= plan.form.result_shape[axis];
  }
  return offset;
}

namespace {

std::string told(const char* what, std::int64_t output, Number got, Number expected) {
  std::ostringstream text;
  text.precision(21);
  text << what << " " << output << " is " << got << ", not " << expected;
  return text.str();
}

}  // namespace

std::string Problem::difference(const Written& written) const {
  const auto size = static_cast<std::int64_t>(expected_.size());
  if (size != size_of(plan.form.result_shape)) return "the shape of the result is another one";
  const std::int64_t result_size = info_of(plan.form.result_dtype).size;
  for (std::int64_t output = 0; output < size; ++output) {
    const Expected& expected = expected_[static_cast<std::size_t>(output)];
    const std::int64_t offset = offset_of(output);
    const Number got = element(plan.form.result_dtype, written.values.begin() + offset);
    // Written as a float, a number is rounded once more.
    const int digits = is_float(plan.form.result_dtype) ? digits_of(plan.form.result_dtype) : 64;
    const bool exact = expected.tolerance == 0 && is_float(request_.dtype);
    const Number least = plan.form.result_dtype == DType::float16 ? std::ldexp(Number{1}, -25) : 0;
    const Number rounding = exact ? 0 : std::ldexp(std::abs(expected.value) + expected.tolerance, -digits) + least;
    const bool alike = std::isnan(expected.value)
                           ? std::isnan(got)
                           : got == expected.value || std::abs(got - expected.value) <= expected.tolerance + rounding;
    if (!alike) return told("result", output, got, expected.value);
    if (plan.form.indices == Indices::none) continue;
    const char* const at = written.indices.begin() + offset / result_size * (plan.form.wide_indices ? 8 : 4);
    const std::int64_t index = plan.form.wide_indices ? bits_at<std::int64_t>(at) : bits_at<std::int32_t>(at);
    if (index != expected.place) return told("index", output, Number(index), Number(expected.place));
  }
  return {};
}

std::string Problem::difference(const Written& written, const Written& others) const {
  if (!(written.indices == others.indices)) return "the indices differ";
  if (written.values == others.values) return {};
  for (std::int64_t output = 0; output < size_of(plan.form.result_shape); ++output) {
    const Number got = element(plan.form.result_dtype, written.values.begin() + offset_of(output));
    const Number other = element(plan.form.result_dtype, others.values.begin() + offset_of(output));
    if (got != other && !(std::isnan(got) && std::isnan(other))) return told("result", output, got, other);
  }
  return {};
}

std::string Problem::text() const {
  constexpr const char* layout_names[layout_count] = {"dense",    "channels last", "fortran",
                                                      "reversed", "sliced",        "broadcast"};
  std::ostringstream text;
  text << op_names[static_cast<int>(request_.op)] << " of " << info_of(request_.dtype).name << ", "
       << layout_names[static_cast<int>(layout_)] << ":";
  for (const ArrayAxis& axis : request_.axes) {
    text << " " << axis.size << " cells at " << axis.stride << " bytes";
    if (axis.windows) {
      text << ", " << (axis.windows->slide() ? "" : "uneven ") << "kernel " << axis.windows->kernel() << " stride "
           << axis.windows->stride() << " step " << axis.windows->step() << " from " << axis.windows->start(0) << " to "
           << axis.windows->outputs() << " outputs";
    }
    text << ";";
  }
  text << " count_padding " << request_.count_padding << " divisor " << request_.divisor << " indices "
       << indices_names[static_cast<int>(request_.indices)] << " parameters " << request_.parameters[0] << " "
       << request_.parameters[1] << " omit " << request_.omit;
  return text.str();
}

}  // namespace tilepool::tests
