// WHERE: which cells of one axis each output sees. The only place that knows how windows are made.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

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

/// What becomes of cells behind the last sliding window that fits: `floor` leaves them; `ceil` adds a window that hangs
/// over the end, if it starts before the padding behind the input (the rule of PyTorch and of ONNX since opset 22);
/// `full` adds it wherever it starts (the rule of MXNet), so that it may see no cell at all.
enum class Fit { floor, ceil, full };

/// The windows of one axis, as data: sliding (equal, and equally far from each other) or not. Sliding windows may reach
/// over the edges of the input, `at` clips them; others lie inside. Neither first nor last taps ever go back.
class Windows {
 public:
  /// One tap per output: an axis that is not pooled.
  static Windows identity(std::int64_t input);

  /// Sliding windows over `input` cells with `before` and `after` cells of padding.
  /// The number of outputs is floor((input + before + after - extent) / stride) + 1 with
  /// extent = dilation * (kernel - 1) + 1; `ceil` and `full` round up instead, but `ceil` drops a last window that
  /// would start at or after input + before.
  /// Throws std::invalid_argument where a rule is broken, std::overflow_error where 64 bits do not suffice.
  static Windows sliding(std::int64_t input, std::int64_t kernel, std::int64_t stride, std::int64_t before,
                         std::int64_t after, std::int64_t dilation, Fit fit);

  /// Windows that cover `input` cells as evenly as may be (the rule of PyTorch): output i sees the cells from
  /// floor(i * input / outputs) to ceil((i + 1) * input / outputs) - 1. Throws as `sliding` does.
  static Windows adaptive(std::int64_t input, std::int64_t outputs);

  /// Output i sees the counts[i] cells from firsts[i] on: one or more, all of them inside the input. Neither their
  /// first nor their last cells may go back from one output to the next. Throws as `sliding` does.
  static Windows listed(std::int64_t input, const std::vector<std::int64_t>& firsts,
                        const std::vector<std::int64_t>& counts);

  /// Of every cell of the input the outputs that see it: windows over the outputs, which slide where these have a
  /// stride of 1. Throws std::invalid_argument where such outputs are no neighbours: of dilated windows at a stride.
  Windows transposed() const;

  /// Transposed windows at a stride, over a row in which each cell is followed by stride - 1 others: they slide there.
  struct Spread;
  /// nullptr where there is no such row.
  const Spread* spread() const { return spread_.get(); }

  std::int64_t input() const { return input_; }
  std::int64_t outputs() const { return outputs_; }
  /// Whether these are sliding windows. Made as such or not: windows that might be sliding ones are.
  bool slide() const { return !uneven_; }
  /// Taps of each window; the most where windows do not slide. Those in front or behind that see no cell in any window
  /// are left out: no loop counts what is asked for, but what there is.
  std::int64_t kernel() const { return kernel_; }
  /// Taps of each window, with those that are left out.
  std::int64_t taps() const { return taps_; }
  /// From one first tap to the next; where windows do not slide, a common distance.
  std::int64_t stride() const { return stride_; }
  std::int64_t step() const { return step_; }

  /// First tap of output `o` before clipping; may be negative.
  std::int64_t start(std::int64_t o) const { return uneven_ ? uneven(o).first : o * stride_ - before_; }
  /// One behind the last tap of output `o` before clipping.
  std::int64_t stop(std::int64_t o) const {
    if (!uneven_) return start(o) + reach_ + 1;
    const Window window = uneven(o);
    return window.first + window.count;
  }
  /// The number of the tap of output `o`, whether left out or not, that sees a cell.
  std::int64_t tap_number(std::int64_t o, std::int64_t cell) const { return (cell - start(o)) / step_ + left_out_; }
  /// The most cells that so many neighbouring outputs see before clipping, from the first to the last; or a few more.
  std::int64_t extent(std::int64_t outputs) const;

  Window at(std::int64_t o) const {
    if (uneven_) return uneven(o);
    const std::int64_t begin = start(o);
    if (begin >= 0 && begin + reach_ < input_ && taps_ == kernel_) return {begin, kernel_, kernel_};
    return clipped(begin);
  }

  /// The outputs whose sliding windows lie wholly inside the input, those without taps that are left out.
  Outputs interior() const;

  /// Whether every output sees a cell. False also where that would have to be looked for.
  bool all_see() const {
    return (uneven_ && !gaps_) ||
           (!uneven_ && taps_ == kernel_ && step_ <= input_ && stop(0) > 0 && start(outputs_ - 1) < input_);
  }

  /// Whether every output does, if that has to be looked for.
  bool never_empty() const;

  /// What windows reach beyond the input in front and behind.
  std::int64_t border() const {
    const std::int64_t before = -start(0), behind = stop(outputs_ - 1) - input_;
    return (before > 0 ? before : 0) + (behind > 0 ? behind : 0);
  }

  bool is_identity() const {
    return !uneven_ && taps_ == 1 && before_ == 0 && outputs_ == input_ && (stride_ == 1 || input_ == 1);
  }

  /// One output that sees every cell once and no padding.
  bool is_global() const {
    return outputs_ == 1 && kernel_ == input_ && taps_ == kernel_ && step_ == 1 && before_ == 0;
  }

  /// Whether windows of this axis laid end to end over `input` cells each are one series of equal windows,
  /// so that a neighbouring axis that is not pooled can be merged into this one.
  bool repeats() const {
    return !uneven_ && taps_ == kernel_ && before_ == 0 && outputs_ * stride_ == input_ && reach_ < stride_;
  }

  /// `count` copies of a repeating axis laid end to end.
  Windows repeated(std::int64_t count) const;

 private:
  void leave_out();
  Spread over_spread() const;
  Window clipped(std::int64_t begin) const;
  Window uneven(std::int64_t o) const;

  std::int64_t input_ = 0, outputs_ = 0, kernel_ = 1, stride_ = 1, step_ = 1, before_ = 0, after_ = 0;
  std::int64_t taps_ = 1, left_out_ = 0;  // of each window; of these, so many in front that are left out
  std::int64_t reach_ = 0;                // distance from the first to the last tap
  bool uneven_ = false;                   // windows do not slide: they are listed, or else adaptive
  bool gaps_ = false;                     // listed windows may see no cell
  std::shared_ptr<const std::vector<Window>> list_;
  std::shared_ptr<const Windows> of_;     // the windows at a stride that these are transposed from ...
  std::shared_ptr<const Spread> spread_;  // ... and the row over which these slide
};

struct Windows::Spread {
  std::int64_t by;  // a cell and the others behind it
  bool copies;      // these are copies of it, else zeros
  Windows windows;
};

}  // namespace tilepool
