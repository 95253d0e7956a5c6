// WHERE: which cells of one axis each output sees. The only place that knows strides, padding, ceil and dilation.
#pragma once

#include <cstdint>

namespace tilepool {

/// What one output sees: taps `first, first + step, ...`, all of them inside the input.
struct Window {
  std::int64_t first;
  std::int64_t count;  // taps inside the input; 0 is possible
  std::int64_t size;   // taps inside the padded input: the divisor that counts padding
};

/// A half-open range of outputs.
struct Outputs {
  std::int64_t begin, end;
};

/// The windows of one axis, as data. Windows may reach over the edges of the input; `at` clips them.
class Windows {
 public:
  /// One tap per output: an axis that is not pooled.
  static Windows identity(std::int64_t input);

  /// Sliding windows over `input` cells with `before` and `after` cells of padding.
  /// The number of outputs is floor((input + before + after - extent) / stride) + 1 with
  /// extent = dilation * (kernel - 1) + 1; `ceil` rounds up instead, but drops a last window that would start
  /// at or after input + before (the rule of PyTorch and of ONNX since opset 22).
  /// Throws std::invalid_argument where a rule is broken, std::overflow_error where 64 bits do not suffice.
  static Windows sliding(std::int64_t input, std::int64_t kernel, std::int64_t stride, std::int64_t before,
                         std::int64_t after, std::int64_t dilation, bool ceil);

  std::int64_t input() const { return input_; }
  std::int64_t outputs() const { return outputs_; }
  std::int64_t kernel() const { return kernel_; }
  std::int64_t stride() const { return stride_; }
  std::int64_t step() const { return step_; }

  /// First tap of output `o` before clipping; may be negative.
  std::int64_t start(std::int64_t o) const { return o * stride_ - before_; }
  /// One behind the last tap of output `o` before clipping.
  std::int64_t stop(std::int64_t o) const { return start(o) + reach_ + 1; }

  Window at(std::int64_t o) const {
    const std::int64_t begin = start(o);
    if (begin >= 0 && begin + reach_ < input_) return {begin, kernel_, kernel_};
    return clipped(begin);
  }

  /// The outputs whose windows lie wholly inside the input.
  Outputs interior() const;

  bool is_identity() const {
    return kernel_ == 1 && before_ == 0 && outputs_ == input_ && (stride_ == 1 || input_ == 1);
  }

  /// One output that sees every cell once and no padding.
  bool is_global() const { return outputs_ == 1 && kernel_ == input_ && step_ == 1 && before_ == 0; }

  /// Whether windows of this axis laid end to end over `input` cells each are one series of equal windows,
  /// so that a neighbouring axis that is not pooled can be merged into this one.
  bool repeats() const { return before_ == 0 && outputs_ * stride_ == input_ && reach_ < stride_; }

  /// `count` copies of a repeating axis laid end to end.
  Windows repeated(std::int64_t count) const;

 private:
  Window clipped(std::int64_t begin) const;

  std::int64_t input_ = 0, outputs_ = 0, kernel_ = 1, stride_ = 1, step_ = 1, before_ = 0, after_ = 0;
  std::int64_t reach_ = 0;  // distance from the first to the last tap
};

}  // namespace tilepool
