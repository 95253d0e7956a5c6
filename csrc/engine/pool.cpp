// Walks the output rows of a plan: lists the input rows of each, and hands them to the row kernels.
#include "pool.hpp"

#include <algorithm>
#include <vector>

#include "dispatch.hpp"
#include "parallel.hpp"
#include "scratch.hpp"

namespace tilepool {
namespace {

/// Below this many bytes read and written, starting threads costs more than they save.
constexpr std::int64_t serial_bytes = 128 << 10;

thread_local Scratch thread_scratch;

/// What one thread does: a range of output rows, in the order line, tile, column output.
class Worker {
 public:
  Worker(const Plan& plan, const Kernel& kernel, const void* input, void* result)
      : plan_(plan),
        kernel_(kernel),
        acc_size_(acc_size(plan.op, plan.dtype)),
        input_(static_cast<const char*>(input)),
        result_(static_cast<char*>(result)) {}
  ~Worker() { thread_scratch.trim(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void run(std::int64_t begin, std::int64_t end) {
    const std::int64_t outputs = plan_.column.windows.outputs();
    while (begin < end) {
      const std::int64_t column = begin / outputs, from = begin % outputs;
      const std::int64_t to = std::min(outputs, from + (end - begin));
      enter(column / plan_.tiles, column % plan_.tiles);
      if (plan_.planes) {
        plane(from, to);
      } else if (plan_.slides) {
        slide(from, to);
      } else if (plan_.buffered) {
        for (std::int64_t o = from; o < to; ++o) gather(o);
      } else {
        for (std::int64_t o = from; o < to;) o += list(o, to);
      }
      begin += to - from;
    }
  }

 private:
  /// Makes what all rows of a column, at one line and in one tile, have in common.
  void enter(std::int64_t line, std::int64_t index) {
    if (index != tile_index_) {
      make_row_tile(plan_, index, tile_);
      tile_index_ = index;
      elements_ = tile_.input_width * plan_.inner;
      reserve();
    }
    // Every combination of taps of the line axes, the innermost axis fastest.
    offsets_.assign(1, tile_.input_begin * plan_.row.input_stride);
    target_ = result_ + tile_.output_begin * plan_.row.result_stride;
    divisor_ = 1;
    std::int64_t left = plan_.line_count;
    for (const PlanAxis& axis : plan_.lines) {
      left /= axis.windows.outputs();
      const std::int64_t o = line / left;
      line %= left;
      target_ += o * axis.result_stride;
      const Window window = axis.windows.at(o);
      divisor_ *= static_cast<double>(plan_.count_padding ? window.size : window.count);
      multiplied_.clear();
      for (const std::int64_t offset : offsets_) {
        for (std::int64_t t = 0; t < window.count; ++t) {
          multiplied_.push_back(offset + (window.first + t * axis.windows.step()) * axis.input_stride);
        }
      }
      offsets_.swap(multiplied_);
    }
    suffix_block_ = prefix_block_ = -1;
  }

  void reserve() {
    if (!plan_.buffered) return;
    const Windows& windows = plan_.column.windows;
    pitch_ = tile_.along.width * plan_.inner * acc_size_;
    above_ = plan_.planes ? std::max<std::int64_t>(0, -windows.start(0)) : 0;
    block_ = plan_.planes ? above_ + std::max(windows.input(), windows.stop(windows.outputs() - 1)) : 1;
    const auto bytes = [](std::int64_t size) { return static_cast<std::size_t>((size + buffer_slack + 63) / 64 * 64); };
    const std::size_t buffer = bytes(block_ * pitch_);
    suffix_bytes_ = plan_.slides ? bytes(elements_ * acc_size_) : 0;
    const auto suffixes = static_cast<std::size_t>(plan_.slides ? block_rows() : 0);
    char* memory = thread_scratch.at_least(buffer * 3 + suffix_bytes_ * (suffixes + 1));
    buffer_ = memory;
    widened_ = memory + buffer;
    spare_ = memory + 2 * buffer;
    prefix_ = memory + 3 * buffer;
    suffix_ = prefix_ + suffix_bytes_;
    body_ = buffer_ + above_ * pitch_ + tile_.before * plan_.inner * acc_size_;
    // Rows are written between the borders, which stay.
    const std::int64_t behind = tile_.along.width - tile_.before - tile_.input_width;
    if (plan_.planes) {
      kernel_.fold_rows(buffer_, nullptr, nullptr, 0, block_ * pitch_ / acc_size_, {});
    } else {
      fill_border(buffer_, tile_.before);
      fill_border(body_ + elements_ * acc_size_, behind);
    }
  }

  void fill_border(char* at, std::int64_t pixels) const {
    if (pixels > 0) kernel_.fold_rows(at, nullptr, nullptr, 0, pixels * plan_.inner, {});
  }

  /// Whether rows that a kernel reads side by side have to be touched one after the other first. Hardware prefetchers
  /// follow one stream per page: rows of less than a page would come too late. (EPYC of the Zen 4 kind, 2 x 2 windows
  /// on planes of 224 x 224: less than half the time. Shorter rows are a single stream as they are.)
  bool needs_touch(std::int64_t row_bytes) const {
    constexpr std::int64_t least = 512, page = 4096;
    return row_bytes >= least && row_bytes <= page && rows_.size() > 1 && plan_.column.windows.stride() > 1;
  }

  /// Reads a byte of each cache line of the listed rows.
  void touch_rows(std::int64_t row_bytes, const Lines& lines) const {
    constexpr std::int64_t cache_line = 64;
    for (std::int64_t i = 0; i < lines.count; ++i) {
      for (const void* const row : rows_) {
        const auto* const from = static_cast<const volatile char*>(row) + i * lines.read_step;
        for (std::int64_t at = 0; at < row_bytes; at += cache_line) static_cast<void>(from[at]);
      }
    }
  }

  /// Output row `o`, and those behind it whose rows are the same number of rows further on, from the lists of all the
  /// rows they see. Returns their number.
  std::int64_t list(std::int64_t o, std::int64_t to) {
    const Windows& windows = plan_.column.windows;
    const Window window = windows.at(o);
    list_rows(window, 0, window.count);
    if (rows_.empty()) {
      pool_nothing(window, o);
      return 1;
    }
    const std::int64_t row_bytes = tile_.input_width * plan_.row.input_stride;
    const bool touch = needs_touch(row_bytes);
    // Several lines a call save calls; half a first-level cache is enough, and less where the next lines should be on
    // their way while these are computed.
    const std::int64_t together_bytes = touch ? 2 << 10 : 16 << 10;
    const Outputs interior = windows.interior();
    Lines lines{1, windows.stride() * plan_.column.input_stride, plan_.column.result_stride};
    if (o >= interior.begin && o < interior.end) {
      lines.count =
          std::clamp<std::int64_t>(together_bytes / (windows.stride() * row_bytes), 1, std::min(interior.end, to) - o);
    }
    if (touch) touch_rows(row_bytes, lines);
    kernel_.pool_rows(tile_.along, rows_.data(), static_cast<std::int64_t>(rows_.size()), divisor(window), target(o),
                      lines);
    return lines.count;
  }

  /// Lists taps [from, to) of a column window, through all line axes.
  void list_rows(const Window& window, std::int64_t from, std::int64_t to) {
    rows_.clear();
    const std::int64_t step = plan_.column.windows.step() * plan_.column.input_stride;
    const char* const origin = input_ + window.first * plan_.column.input_stride;
    for (const std::int64_t offset : offsets_) {
      for (std::int64_t t = from; t < to; ++t) rows_.push_back(origin + offset + t * step);
    }
  }

  /// One output row from the buffer of all the rows it sees. Long lists are made in parts.
  void gather(std::int64_t o) {
    const Window window = plan_.column.windows.at(o);
    const std::int64_t part = std::max<std::int64_t>(1, listed_rows / static_cast<std::int64_t>(offsets_.size() + 1));
    std::int64_t t = 0;
    do {
      const std::int64_t end = std::min(window.count, t + part);
      list_rows(window, t, end);
      kernel_.fold_rows(body_, t == 0 ? nullptr : body_, rows_.data(), static_cast<std::int64_t>(rows_.size()),
                        elements_, {});
      t = end;
    } while (t < window.count);
    finish(window, o);
  }

  /// Output rows [from, to) of a small plane. Its rows lie in a block with borders on all sides; the columns of the
  /// whole block are combined at once.
  void plane(std::int64_t from, std::int64_t to) {
    const Windows& windows = plan_.column.windows;
    const std::int64_t first = std::max<std::int64_t>(0, windows.start(from));
    const std::int64_t last = std::min(windows.input(), windows.stop(to - 1));
    rows_.clear();
    for (const std::int64_t offset : offsets_) rows_.push_back(input_ + offset + first * plan_.column.input_stride);
    kernel_.fold_rows(body_ + first * pitch_, nullptr, rows_.data(), static_cast<std::int64_t>(rows_.size()), elements_,
                      {last - first, plan_.column.input_stride, pitch_});

    const std::int64_t cells = pitch_ / acc_size_;
    kernel_.widen(widened_, buffer_ + (above_ + windows.start(from)) * pitch_,
                  (windows.stop(to - 1) - windows.start(from)) * cells, windows.kernel(), windows.step() * cells);
    const char* columns = widened_;
    if (plan_.widened) {
      kernel_.widen(spare_, widened_, (to - from) * cells, plan_.row.windows.kernel(),
                    plan_.row.windows.step() * plan_.inner);
      columns = spare_;
    }
    for (std::int64_t o = from; o < to;) {
      const double common = divisor(windows.at(o));
      std::int64_t end = plan_.averages && plan_.divisor == 0 ? o + 1 : to;
      while (end < to && divisor(windows.at(end)) == common) ++end;
      kernel_.pool_buffer(tile_.along, columns + (o - from) * pitch_, common, target(o),
                          {end - o, pitch_, plan_.column.result_stride});
      o = end;
    }
  }

  /// Output rows [from, to) from suffixes and prefixes of blocks of rows (van Herk 1992, Gil and Werman 1993). The
  /// blocks start at multiples of the kernel size in the input, so that who computes a row does not matter.
  void slide(std::int64_t from, std::int64_t to) {
    const std::int64_t block = block_rows();
    for (std::int64_t o = from; o < to; ++o) {
      const Window window = plan_.column.windows.at(o);
      const std::int64_t first = window.first, last = window.first + window.count - 1;
      extend_prefix(last);
      upcoming_ = last + 1 < plan_.column.windows.input() ? last + 1 : -1;
      fetch_quarter(0);
      if (first % block == 0 && first / block == last / block) {
        fold_buffers(body_, nullptr, prefix_);
      } else {
        extend_suffix(first);
        const char* const suffix = suffix_ + static_cast<std::size_t>(first % block) * suffix_bytes_;
        fold_buffers(body_, suffix, first / block == last / block ? nullptr : prefix_);
      }
      finish(window, o);
    }
  }

  std::int64_t block_rows() const { return std::min(plan_.column.windows.kernel(), plan_.column.windows.input()); }

  /// Makes prefix_ the combination of all rows from the start of the block of `last` to `last`.
  void extend_prefix(std::int64_t last) {
    const std::int64_t block = last / block_rows();
    const bool fresh = block != prefix_block_;
    for (std::int64_t r = fresh ? block * block_rows() : prefix_end_; r <= last; ++r) {
      fold_row(prefix_, r % block_rows() == 0 ? nullptr : prefix_, r);
    }
    if (fresh || prefix_end_ <= last) prefix_end_ = last + 1;
    prefix_block_ = block;
  }

  /// Makes suffix number `first` modulo the block the combination of all rows from `first` to the end of its block.
  void extend_suffix(std::int64_t first) {
    const std::int64_t block = first / block_rows();
    if (block == suffix_block_) return;  // made down to an earlier `first`
    const std::int64_t end = std::min((block + 1) * block_rows(), plan_.column.windows.input());
    for (std::int64_t r = end; r-- > first;) {
      char* const at = suffix_ + static_cast<std::size_t>(r % block_rows()) * suffix_bytes_;
      fold_row(at, r + 1 == end ? nullptr : at + suffix_bytes_, r);
    }
    suffix_block_ = block;
  }

  /// target = start + the rows at `r` of the column, through all line axes.
  void fold_row(char* target, const char* start, std::int64_t r) {
    rows_.clear();
    for (const std::int64_t offset : offsets_) rows_.push_back(input_ + offset + r * plan_.column.input_stride);
    kernel_.fold_rows(target, start, rows_.data(), static_cast<std::int64_t>(rows_.size()), elements_, {});
  }

  void fold_buffers(char* target, const char* start, const char* row) {
    const void* const rows[] = {row};
    kernel_.fold_buffers(target, start, rows, row == nullptr ? 0 : 1, elements_, {});
  }

  /// Asks for a quarter of the row that is read next: memory is idle during the passes over buffers that lie between
  /// two rows. (EPYC of the Zen 4 kind, windows of 15 x 15 and 127 x 127 on 2048 x 2048: 0.9 and 0.8 of the time.)
  void fetch_quarter(std::int64_t quarter) const {
    if (upcoming_ < 0 || offsets_.empty()) return;
    constexpr std::int64_t cache_line = 64;
    const std::int64_t bytes = tile_.input_width * plan_.row.input_stride / 4;
    const char* const row = input_ + offsets_[0] + upcoming_ * plan_.column.input_stride + quarter * bytes;
    for (std::int64_t at = 0; at < bytes; at += cache_line) __builtin_prefetch(row + at);
  }

  /// Pools the buffer along itself.
  void finish(const Window& window, std::int64_t o) {
    const char* buffer = buffer_;
    fetch_quarter(1);
    if (plan_.widened) {
      kernel_.widen(widened_, buffer_, pitch_ / acc_size_, plan_.row.windows.kernel(),
                    plan_.row.windows.step() * plan_.inner);
      buffer = widened_;
    }
    fetch_quarter(2);
    fetch_quarter(3);
    kernel_.pool_buffer(tile_.along, buffer, divisor(window), target(o), {});
  }

  /// An output row that sees no cell at all.
  void pool_nothing(const Window& window, std::int64_t o) {
    std::vector<Span> spans = tile_.spans;
    for (Span& span : spans) span.count = 0;
    Along along = tile_.along;
    along.spans = spans.data();
    kernel_.pool_buffer(along, nullptr, divisor(window), target(o), {});
  }

  double divisor(const Window& window) const {
    if (plan_.divisor != 0) return plan_.divisor;
    return divisor_ * static_cast<double>(plan_.count_padding ? window.size : window.count);
  }

  char* target(std::int64_t o) const { return target_ + o * plan_.column.result_stride; }

  /// The most pointers in a list; the longest lists take turns.
  static constexpr std::int64_t listed_rows = 1024;

  const Plan& plan_;
  const Kernel& kernel_;
  const std::int64_t acc_size_;
  const char* const input_;
  char* const result_;

  RowTile tile_;
  std::int64_t tile_index_ = -1;
  std::int64_t elements_ = 0;                       // of an input row in the tile
  std::vector<std::int64_t> offsets_, multiplied_;  // bytes from the input to the rows of the line, at column 0
  std::vector<const void*> rows_;
  double divisor_ = 1;      // of the line
  char* target_ = nullptr;  // the line's result at column output 0

  // Buffers of one row with borders (of a block of rows for planes), and where in the first one the input goes.
  char *buffer_ = nullptr, *widened_ = nullptr, *spare_ = nullptr, *body_ = nullptr;
  std::int64_t pitch_ = 0;              // bytes of a buffered row
  std::int64_t above_ = 0, block_ = 1;  // rows of a block: border above, all
  char *prefix_ = nullptr, *suffix_ = nullptr;
  std::size_t suffix_bytes_ = 0;
  std::int64_t upcoming_ = -1;  // row of the column to fetch; -1: none
  std::int64_t suffix_block_ = -1, prefix_block_ = -1, prefix_end_ = 0;
};

}  // namespace

void pool(const Plan& plan, const void* input, void* result, int threads) {
  if (plan.empty) return;
  const Kernel& kernel = active_table().kernels[static_cast<int>(plan.op)][static_cast<int>(plan.dtype)];
  const std::int64_t rows = plan.line_count * plan.tiles * plan.column.windows.outputs();
  if (plan.traffic < serial_bytes) threads = 1;
  parallel_for(threads, rows,
               [&](std::int64_t begin, std::int64_t end) { Worker(plan, kernel, input, result).run(begin, end); });
}

}  // namespace tilepool
