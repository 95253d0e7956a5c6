// WHERE: how windows are made, checked against overflow.
#include "windows.hpp"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>

namespace tilepool {
namespace {

std::int64_t checked_add(std::int64_t a, std::int64_t b) {
  std::int64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) throw std::overflow_error("window extents must fit 64 bits");
  return sum;
}

std::int64_t checked_mul(std::int64_t a, std::int64_t b) {
  std::int64_t product;
  if (__builtin_mul_overflow(a, b, &product)) throw std::overflow_error("window extents must fit 64 bits");
  return product;
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0); }
std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return a / b + (a % b > 0); }

void require(bool kept, const char* rule, std::int64_t value) {
  if (!kept) throw std::invalid_argument(std::string(rule) + ", not " + std::to_string(value));
}

}  // namespace

Windows Windows::identity(std::int64_t input) {
  Windows windows;
  windows.input_ = windows.outputs_ = input;
  return windows;
}

Windows Windows::sliding(std::int64_t input, std::int64_t kernel, std::int64_t stride, std::int64_t before,
                         std::int64_t after, std::int64_t dilation, Fit fit) {
  require(input >= 1, "a pooled axis must have at least one cell", input);
  require(kernel >= 1, "kernel_size must be positive", kernel);
  require(stride >= 1, "stride must be positive", stride);
  require(dilation >= 1, "dilation must be positive", dilation);
  require(before >= 0, "padding must not be negative", before);
  require(after >= 0, "padding must not be negative", after);
  const std::int64_t reach = checked_mul(kernel - 1, dilation);
  require(before <= reach, "padding must be smaller than the extent of the window", before);
  require(after <= reach, "padding must be smaller than the extent of the window", after);
  const std::int64_t padded = checked_add(checked_add(input, before), after);
  const std::int64_t room = padded - 1 - reach;  // reach >= 0 and padded >= 1: no overflow
  std::int64_t outputs = checked_add(fit == Fit::floor ? floor_div(room, stride) : ceil_div(room, stride), 1);
  checked_add(checked_mul(std::max<std::int64_t>(outputs, 1), stride), reach);  // every start and end fits
  if (fit == Fit::ceil && outputs >= 1 && (outputs - 1) * stride >= input + before) --outputs;
  require(outputs >= 1, "kernel_size must not be larger than the padded input", kernel);

  Windows windows;
  windows.input_ = input;
  windows.outputs_ = outputs;
  windows.kernel_ = windows.taps_ = kernel;
  // The stride of a single output is free. One that spans the input lets copies of the axis be laid end to end; beyond
  // input and kernel it makes no difference, but products with it might overflow.
  const std::int64_t enough = kernel / 2 <= input ? std::max(input, kernel) : input;
  windows.stride_ = outputs > 1 ? stride : before == 0 && reach < input ? input : std::min(stride - 8, enough) + 8;
  windows.step_ = dilation;
  windows.before_ = before;
  windows.after_ = after;
  windows.reach_ = reach;
  windows.leave_out();
  return windows;
}

void Windows::leave_out() {
  const std::int64_t last_start = start(outputs_ - 1), first_end = start(0) + reach_;
  std::int64_t front = last_start < 0 ? ceil_div(-last_start, step_) : 0;
  std::int64_t behind = first_end >= input_ ? (first_end - input_) / step_ + 1 : 0;
  if (front == 0 && behind == 0) return;
  front = std::min(front, kernel_ - 1);  // windows that see nothing at all keep one tap
  behind = std::min(behind, kernel_ - 1 - front);
  left_out_ = front;
  kernel_ -= front + behind;
  before_ -= front * step_;
  reach_ = (kernel_ - 1) * step_;
}

Windows Windows::adaptive(std::int64_t input, std::int64_t outputs) {
  require(input >= 1, "a pooled axis must have at least one cell", input);
  require(outputs >= 1, "output_size must be positive", outputs);
  checked_mul(input, outputs);  // the largest number on the way to a cell
  const std::int64_t whole = input / outputs, rest = input % outputs;
  if (whole >= 1 && rest <= 1) return sliding(input, whole + rest, whole, 0, 0, 1, Fit::floor);

  Windows windows;
  windows.input_ = input;
  windows.outputs_ = outputs;
  // Windows start at multiples of `step` parts of a cell, of which a cell has `outputs`.
  const std::int64_t step = std::gcd(rest, outputs);
  windows.kernel_ = windows.taps_ = whole + (rest > step ? 2 : 1);
  windows.stride_ = std::max<std::int64_t>(1, whole + (rest > outputs / 2 ? 1 : 0));
  windows.uneven_ = true;
  return windows;
}

Windows Windows::listed(std::int64_t input, const std::vector<std::int64_t>& firsts,
                        const std::vector<std::int64_t>& counts) {
  const auto outputs = static_cast<std::int64_t>(firsts.size());
  require(input >= 1, "a pooled axis must have at least one cell", input);
  require(outputs >= 1, "windows must be listed for at least one output", outputs);
  require(counts.size() == firsts.size(), "first taps and counts must be of one number", outputs);
  auto list = std::make_shared<std::vector<Window>>();
  list->reserve(firsts.size());
  const std::int64_t kernel = counts[0], stride = outputs > 1 ? firsts[1] - firsts[0] : input;
  Windows windows;
  bool slides = firsts[0] == 0;
  std::int64_t first = 0, stop = 0;
  for (std::size_t i = 0; i < firsts.size(); ++i) {
    require(counts[i] >= 1, "windows must have at least one tap", counts[i]);
    require(firsts[i] >= first, "windows must not go back, and must start inside the input", firsts[i]);
    require(firsts[i] < input && counts[i] <= input - firsts[i], "windows must lie inside the input", firsts[i]);
    require(firsts[i] + counts[i] >= stop, "windows must not end before the one before them", firsts[i]);
    slides = slides && counts[i] == kernel && (i == 0 || firsts[i] - first == stride);
    first = firsts[i];
    stop = first + counts[i];
    list->push_back({first, counts[i], counts[i]});
    windows.kernel_ = windows.taps_ = std::max(windows.kernel_, counts[i]);
  }
  // As many sliding windows must fit: none may be left out behind the last.
  if (slides && stride >= 1 && (input - kernel) / stride == outputs - 1) {
    return sliding(input, kernel, stride, 0, 0, 1, Fit::floor);
  }
  windows.input_ = input;
  windows.outputs_ = outputs;
  windows.stride_ = std::max<std::int64_t>(1, (first - firsts[0]) / std::max<std::int64_t>(1, outputs - 1));
  windows.uneven_ = true;
  windows.list_ = std::move(list);
  return windows;
}

Windows Windows::transposed() const {
  if (uneven_ && !list_ && !of_) return adaptive(outputs_, input_);  // whether they meet goes both ways
  Windows windows;
  windows.input_ = outputs_;
  windows.outputs_ = input_;
  if (!uneven_ && (stride_ == 1 || (outputs_ == 1 && step_ > 1))) {
    windows.kernel_ = windows.taps_ = kernel_;
    windows.step_ = step_;
    windows.before_ = reach_ - before_;
    windows.reach_ = reach_;
    windows.leave_out();
    return windows;
  }
  windows.uneven_ = true;
  if (!uneven_) {
    require(step_ == 1 || kernel_ == 1, "windows at a stride must not be dilated where they are transposed", step_);
    auto of = std::make_shared<Windows>(*this);
    if (outputs_ == 1) of->stride_ = kernel_;
    windows.kernel_ = windows.taps_ = std::min(outputs_, (kernel_ - 1) / of->stride_ + 1);
    windows.gaps_ = kernel_ < stride_ || start(0) > 0 || stop(outputs_ - 1) < input_;
    windows.spread_ = std::make_shared<const Spread>(of->over_spread());
    windows.of_ = std::move(of);
    return windows;
  }
  auto list = std::make_shared<std::vector<Window>>();
  list->reserve(static_cast<std::size_t>(input_));
  for (std::int64_t cell = 0, first = 0, end = 0; cell < input_; ++cell) {
    while (end < outputs_ && start(end) <= cell) ++end;
    while (first < end && stop(first) <= cell) ++first;
    list->push_back({first, end - first, end - first});
    windows.kernel_ = windows.taps_ = std::max(windows.kernel_, end - first);
    windows.gaps_ = windows.gaps_ || first == end;
  }
  windows.list_ = std::move(list);
  return windows;
}

/// A cell i is seen by outputs o with o * stride - before <= i < o * stride - before + kernel. Over a row of zeros with
/// output o at cell o * stride these are kernel cells; where the kernel is a multiple of the stride, kernel / stride
/// copies of different outputs over a row of copies.
Windows::Spread Windows::over_spread() const {
  const bool copies = kernel_ % stride_ == 0;
  Windows windows;
  windows.kernel_ = windows.taps_ = copies ? kernel_ / stride_ : kernel_;
  windows.step_ = copies ? stride_ : 1;
  windows.reach_ = (windows.kernel_ - 1) * windows.step_;
  windows.before_ = windows.reach_ - before_;
  windows.outputs_ = input_;
  // No window lies wholly behind the row.
  windows.input_ = std::max(checked_mul(outputs_, stride_), input_ - windows.before_);
  windows.leave_out();
  return {stride_, copies, windows};
}

Window Windows::uneven(std::int64_t o) const {
  if (list_) return (*list_)[static_cast<std::size_t>(o)];
  if (of_) {
    const std::int64_t end = std::clamp<std::int64_t>(floor_div(o + of_->before_, of_->stride_) + 1, 0, input_);
    const std::int64_t first = ceil_div(o + of_->before_ - of_->reach_, of_->stride_);
    const std::int64_t begin = std::clamp<std::int64_t>(first, 0, input_),
                       count = std::max<std::int64_t>(0, end - begin);
    return {begin, count, count};
  }
  const std::int64_t first = o * input_ / outputs_;
  const std::int64_t count = ceil_div((o + 1) * input_, outputs_) - first;
  return {first, count, count};
}

std::int64_t Windows::extent(std::int64_t outputs) const {
  if (!uneven_) return (outputs - 1) * stride_ + reach_ + 1;
  if (of_) return std::min(input_, (outputs - 1 + of_->reach_) / of_->stride_ + 1);
  if (!list_) return std::min(input_, outputs * input_ / outputs_ + 2);
  std::int64_t most = 0;
  for (std::int64_t o = 0; o + outputs <= outputs_; ++o) most = std::max(most, stop(o + outputs - 1) - start(o));
  return most;
}

Window Windows::clipped(std::int64_t begin) const {
  const std::int64_t skipped = begin < 0 ? ceil_div(-begin, step_) : 0;
  const std::int64_t inside = begin < input_ ? std::min(kernel_, ceil_div(input_ - begin, step_)) : 0;
  const std::int64_t padded_end = input_ + after_, first = begin - left_out_ * step_;
  const std::int64_t size = first < padded_end ? std::min(taps_, ceil_div(padded_end - first, step_)) : 0;
  if (inside <= skipped) return {0, 0, size};
  return {begin + skipped * step_, inside - skipped, size};
}

bool Windows::never_empty() const {
  for (std::int64_t o = 0; o < outputs_; ++o) {
    if (at(o).count == 0) return false;
  }
  return true;
}

Outputs Windows::interior() const {
  if (uneven_ || taps_ != kernel_) return {0, 0};
  const std::int64_t begin = std::clamp<std::int64_t>(ceil_div(before_, stride_), 0, outputs_);
  const std::int64_t last = input_ - 1 - reach_ + before_;  // the last start, counted from the padding, that fits
  const std::int64_t end = last < 0 ? 0 : std::min(outputs_, last / stride_ + 1);
  return {begin, std::max(begin, end)};
}

Windows Windows::repeated(std::int64_t count) const {
  Windows windows = *this;
  windows.input_ = checked_mul(input_, count);
  windows.outputs_ = checked_mul(outputs_, count);
  return windows;
}

}  // namespace tilepool
