// Walks the output rows of a plan: lists the input rows of each, and hands them to the row kernels.
#include "pool.hpp"

#include <algorithm>
#include <vector>

#include "bundle.hpp"
#include "dispatch.hpp"
#include "loops.hpp"
#include "parallel.hpp"
#include "scan_lists.hpp"
#include "scratch.hpp"

namespace tilepool {
namespace {

/// Below this many bytes read and written, starting threads costs more than they save.
constexpr std::int64_t serial_bytes = 128 << 10;

/// What one thread does: a range of output rows, in the order line, tile, column output.
class Worker {
 public:
  Worker(const Plan& plan, const Kernel& kernel, const void* input, void* result, void* indices)
      : plan_(plan),
        kernel_(kernel),
        acc_size_(acc_size(plan.op, plan.dtype)),
        input_(static_cast<const char*>(input)),
        result_(static_cast<char*>(result)),
        indices_(static_cast<char*>(indices)) {
    for (const PlanAxis& axis : plan.lines) crosses_lines_ = crosses_lines_ || axis.windows.kernel() > 1;
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void run(std::int64_t begin, std::int64_t end) {
    const std::int64_t outputs = plan_.column.windows.outputs();
    const std::int64_t column = begin / outputs;
    std::int64_t from = begin % outputs, line = column / plan_.tiles, tile = column % plan_.tiles;
    for (std::int64_t left = end - begin; left > 0;) {
      const std::int64_t to = std::min(outputs, from + left);
      enter(line, tile);
      if (offsets_.empty() && plan_.indices == Indices::none && plan_.survey_bytes == 0) {
        for (std::int64_t o = from; o < to; ++o) pool_nothing(o);
      } else if (plan_.endless) {
        endless(from, to);
      } else if (plan_.planes) {
        plane(from, to);
      } else if (plan_.slides) {
        slide(from, to);
      } else if (plan_.buffered) {
        for (std::int64_t o = from; o < to; ++o) gather(o);
      } else {
        for (std::int64_t o = from; o < to;) o += list(o, to);
      }
      left -= to - from;
      from = 0;
      if (++tile == plan_.tiles) {
        tile = 0;
        ++line;
      }
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
      if (plan_.indices != Indices::none) number_spans();
      if (plan_.survey_bytes > 0) {
        survey_ = plan_.survey;
        survey_.scratch = scratch_.at_least(static_cast<std::size_t>(plan_.survey_bytes));
      }
    }
    // Every combination of taps of the line axes, the innermost axis fastest.
    offsets_.assign(1, {tile_.input_begin * plan_.row.input_stride, 0});
    target_ = result_ + tile_.output_begin * plan_.row.result_stride;
    divisor_ = 1;
    std::int64_t left = plan_.line_count;
    for (const PlanAxis& axis : plan_.lines) {
      left /= axis.windows.outputs();
      const std::int64_t o = left > 1 ? line / left : line;
      line -= o * left;
      target_ += o * axis.result_stride;
      const Window window = axis.windows.at(o);
      divisor_ *= static_cast<double>(plan_.count_padding ? window.size : window.count);
      multiplied_.clear();
      for (const Place& place : offsets_) {
        for (std::int64_t t = 0; t < window.count; ++t) multiplied_.push_back(place + tap_of(axis, o, window, t));
      }
      offsets_.swap(multiplied_);
    }
  }

  /// Where a tap lies: in the memory of the array, and in the count of the indices.
  struct Place {
    std::int64_t bytes, index;
    Place operator+(const Place& other) const { return {bytes + other.bytes, index + other.index}; }
  };

  /// Tap `t` of output `o`, whose window is given.
  Place tap_of(const PlanAxis& axis, std::int64_t o, const Window& window, std::int64_t t) const {
    const std::int64_t cell = window.first + t * axis.windows.step();
    const bool taps = plan_.indices == Indices::of_taps;
    return {cell * axis.input_stride,
            axis.weight * (taps ? (cell - axis.windows.start(o)) / axis.windows.step() : cell)};
  }

  void reserve() {
    if (!plan_.buffered) return;
    const Windows& windows = plan_.column.windows;
    pitch_ = tile_.along.width * plan_.inner * acc_size_;
    // Whole cache lines, and an odd number of them, so that rows below each other do not share cache sets.
    if (pitch_ >= 1024) pitch_ = ((pitch_ + 63) / 64 | 1) * 64;
    above_ = plan_.planes ? std::max<std::int64_t>(0, -windows.start(0)) : 0;
    const std::int64_t rows =
        plan_.planes ? above_ + std::max(windows.input(), windows.stop(windows.outputs() - 1)) : 1;
    // A few columns of so many rows, read and written, fill a first-level cache. (Xeon, float32 planes of
    // 2048 x 2048: 0.9 to 1.05 of the time for windows of 39 x 39, 0.6 to 0.9 for larger ones. Rows of 256 bytes: 1.4.)
    constexpr std::int64_t many_rows = 40, least_row = 512;
    by_rows_ = plan_.slides && plan_.slots >= many_rows && pitch_ >= least_row;
    // Short rows of sliding windows are finished together: half a first-level cache of them.
    together_ = plan_.slides ? std::clamp<std::int64_t>((8 << 10) / pitch_, 1, plan_.slots) : 1;
    const auto bytes = [&](std::int64_t count) {
      return static_cast<std::size_t>((count * pitch_ + buffer_slack + 63) / 64 * 64);
    };
    const std::size_t buffer = bytes(std::max(rows, together_));
    buffer_ = scratch_.at_least(3 * buffer + bytes(1) + bytes(plan_.slots) + 64) + alignment();
    widened_ = buffer_ + buffer;
    spare_ = widened_ + buffer;
    running_ = spare_ + buffer;
    first_slot_ = running_ + bytes(1);
    body_ = buffer_ + above_ * pitch_ + tile_.before * plan_.inner * acc_size_;
    // Rows are written between the borders, which stay.
    if (plan_.planes) {
      kernel_.fold_rows(buffer_, nullptr, nullptr, 0, rows * pitch_ / acc_size_, {});
    } else {
      fill_borders(buffer_);
      fill_borders(running_);
      for (std::int64_t i = 0; i < plan_.slots; ++i) fill_borders(slot(i));
    }
  }

  /// Bytes beyond a cache line at which buffers start, so that rows of whole cache lines lie in them as they do in the
  /// input: what is aligned there is aligned here. (Arrays of numpy start 16 bytes behind a page.)
  std::int64_t alignment() const {
    constexpr std::int64_t cache_line = 64;
    if (!plan_.slides || acc_size_ != info_of(plan_.dtype).size) return 0;
    const char* const row = input_ + tile_.input_begin * plan_.row.input_stride;
    const std::int64_t before = tile_.before * plan_.inner * acc_size_;
    return (static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(row) % cache_line) + cache_line -
            before % cache_line) %
           cache_line;
  }

  void fill_borders(char* row) const {
    if (!plan_.bordered) return;
    const std::int64_t seen = tile_.before + tile_.input_width;
    kernel_.fold_rows(row, nullptr, nullptr, 0, tile_.before * plan_.inner, {});
    kernel_.fold_rows(row + seen * plan_.inner * acc_size_, nullptr, nullptr, 0,
                      (tile_.along.width - seen) * plan_.inner, {});
  }

  /// Asks for rows of up to a page that will be read some rows further on: hardware prefetchers follow one stream a
  /// page and lose those that a kernel reads side by side. (Two threads, from memory, EPYC of the Zen 4 kind: 2 x 2
  /// windows on planes of 224 x 224 in less than half the time. Xeon with AVX-512 and AMX: 0.57, 2 x 2 x 2 windows on
  /// 112 x 112 0.65. Direct rows of less than 512 bytes are a single stream as they are, and would be slower: 1.1.)
  /// Inlined because GCC drops calls of functions that do nothing but prefetch.
  [[gnu::always_inline]] void fetch_ahead(std::int64_t row_bytes, const Window& window, std::int64_t lines) const {
    constexpr std::int64_t page = 4096, ahead = 2 * page, cache_line = 64;
    const std::int64_t bytes = lines * plan_.column.windows.stride() * plan_.column.input_stride;
    if (row_bytes > page || !is_far()) return;
    for (const Place& place : offsets_) {
      const char* const from = input_ + place.bytes + window.first * plan_.column.input_stride + ahead;
      for (std::int64_t at = 0; at < bytes; at += cache_line) __builtin_prefetch(from + at);
    }
  }

  /// Whether the arrays do not fit a second-level cache.
  bool is_far() const { return plan_.traffic > 1 << 20; }

  /// Output row `o`, and those behind it whose rows are the same number of rows further on, from the lists of all the
  /// rows they see. Returns their number.
  std::int64_t list(std::int64_t o, std::int64_t to) {
    const Windows& windows = plan_.column.windows;
    const Window window = windows.at(o);
    list_rows(window, 0, window.count);
    const std::int64_t row_bytes = tile_.input_width * plan_.row.input_stride;
    const bool fetches = row_bytes >= 512 && rows_.size() > 1 && windows.stride() > 1 && is_far();
    // Several lines a call save calls; half a first-level cache is enough, and less where the next lines should be on
    // their way while these are computed.
    const std::int64_t together_bytes = fetches ? 2 << 10 : 16 << 10;
    const Outputs interior = windows.interior();
    Lines lines{1, windows.stride() * plan_.column.input_stride, plan_.column.result_stride};
    const std::int64_t alike = std::min(interior.end, to) - o;
    if (o >= interior.begin && alike > 1 && !rows_.empty()) {
      const std::int64_t bytes = std::max<std::int64_t>(1, windows.stride() * row_bytes);
      lines.count = std::clamp<std::int64_t>(together_bytes / bytes, 1, alike);
    }
    if (fetches) fetch_ahead(row_bytes, window, lines.count);
    if (plan_.indices != Indices::none) {
      pick(window, o, lines);
    } else if (plan_.survey_bytes > 0) {
      kernel_.survey_rows(tile_.along, rows_.data(), static_cast<std::int64_t>(rows_.size()), survey_, target(o),
                          lines);
    } else if (rows_.empty()) {
      pool_nothing(o);
    } else {
      kernel_.pool_rows(tile_.along, rows_.data(), static_cast<std::int64_t>(rows_.size()), divisor(o), target(o),
                        lines);
    }
    return lines.count;
  }

  /// Lists taps [from, to) of a column window, through all line axes.
  void list_rows(const Window& window, std::int64_t from, std::int64_t to) {
    rows_.clear();
    const std::int64_t step = plan_.column.windows.step() * plan_.column.input_stride;
    const char* const origin = input_ + window.first * plan_.column.input_stride;
    for (const Place& place : offsets_) {
      for (std::int64_t t = from; t < to; ++t) rows_.push_back(origin + place.bytes + t * step);
    }
  }

  /// The index of the first tap of each span.
  void number_spans() {
    span_indices_.clear();
    for (const Span& span : tile_.spans) {
      const std::int64_t o = tile_.output_begin + span.begin;
      Window window = plan_.row.windows.at(o);
      if (plan_.unclipped) window.first = plan_.row.windows.start(o);
      span_indices_.push_back(tap_of(plan_.row, o, window, 0).index);
    }
  }

  /// The listed rows' extrema and their indices.
  void pick(const Window& window, std::int64_t o, const Lines& lines) {
    const PlanAxis& column = plan_.column;
    row_indices_.clear();
    for (const Place& place : offsets_) {
      for (std::int64_t t = 0; t < window.count; ++t) {
        row_indices_.push_back(place.index + tap_of(column, o, window, t).index);
      }
    }
    const bool taps = plan_.indices == Indices::of_taps;
    const Windows& windows = plan_.row.windows;
    const std::int64_t index_size = plan_.wide_indices ? 8 : 4;
    const Indexing indexing{row_indices_.data(),
                            span_indices_.data(),
                            taps ? 0 : plan_.row.weight * windows.stride(),
                            plan_.row.weight * (taps ? 1 : windows.step()),
                            taps ? 0 : plan_.inner_weight,
                            taps ? 0 : column.weight * column.windows.stride(),
                            plan_.far_indices,
                            plan_.wide_indices,
                            indices_ + (target(o) - result_) / info_of(plan_.result_dtype).size * index_size};
    kernel_.pick_rows(tile_.along, rows_.data(), static_cast<std::int64_t>(rows_.size()), indexing, target(o), lines);
  }

  /// One output row from the buffer of all the rows it sees. Long lists are made in parts.
  void gather(std::int64_t o) {
    const Window window = plan_.column.windows.at(o);
    const std::int64_t part = std::max<std::int64_t>(1, listed_rows / static_cast<std::int64_t>(offsets_.size() + 1));
    std::int64_t t = 0;
    if (plan_.column.windows.stride() > 1) fetch_ahead(tile_.input_width * plan_.row.input_stride, window, 1);
    do {
      const std::int64_t end = std::min(window.count, t + part);
      list_rows(window, t, end);
      kernel_.fold_rows(body_, t == 0 ? nullptr : body_, rows_.data(), static_cast<std::int64_t>(rows_.size()),
                        elements_, {});
      t = end;
    } while (t < window.count);
    finish(buffer_, widened_, o, o + 1);
  }

  /// Output rows [from, to) as one.
  void endless(std::int64_t from, std::int64_t to) {
    const std::int64_t width = plan_.row.windows.outputs(), n = (to - from) * width;
    if (crosses_lines_ || endless_.begin != from || endless_.end != to) list_endless(from, to);
    kernel_.pool_endless(endless_row_, input_ + offsets_[0].bytes, endless_rows_.data(),
                         static_cast<std::int64_t>(endless_rows_.size()), target(from), n);
  }

  /// What output rows [from, to) see: the same on all planes, unless windows go through several of them.
  void list_endless(std::int64_t from, std::int64_t to) {
    const Windows& windows = plan_.column.windows;
    const std::int64_t width = plan_.row.windows.outputs(), n = (to - from) * width;
    const std::int64_t size = info_of(plan_.dtype).size;
    endless_ = {from, to};
    endless_row_ = {width, plan_.row.windows.kernel(), 0, n, divisor(from) * tile_.spans[0].divisor, plan_.to_integer};
    endless_rows_.clear();
    for (std::int64_t t = 0; t < windows.kernel(); ++t) {
      const std::int64_t above = windows.start(from) + t * windows.step();
      const std::int64_t begin = std::max<std::int64_t>(0, -above * width);
      const std::int64_t end = std::min(n, (windows.input() - above) * width);
      endless_row_.begin = std::max(endless_row_.begin, begin);
      endless_row_.end = std::min(endless_row_.end, end);
      for (const Place& place : offsets_) {
        endless_rows_.push_back({(place.bytes - offsets_[0].bytes) / size + above * width, begin, end});
      }
    }
  }

  /// Output rows [from, to) of a small plane. Its rows lie in a block with borders on all sides; the columns of the
  /// whole block are combined at once.
  void plane(std::int64_t from, std::int64_t to) {
    const Windows& windows = plan_.column.windows;
    const std::int64_t first = std::max<std::int64_t>(0, windows.start(from));
    const std::int64_t last = std::min(windows.input(), windows.stop(to - 1));
    rows_.clear();
    for (const Place& place : offsets_) rows_.push_back(input_ + place.bytes + first * plan_.column.input_stride);
    kernel_.fold_rows(body_ + first * pitch_, nullptr, rows_.data(), static_cast<std::int64_t>(rows_.size()), elements_,
                      {last - first, plan_.column.input_stride, pitch_});

    const std::int64_t cells = pitch_ / acc_size_, start = windows.start(from);
    kernel_.widen(widened_, buffer_ + (above_ + start) * pitch_, windows.stop(to - 1) - start, cells,
                  widening_down(plan_, from, cells));
    finish(widened_, spare_, from, to);
  }

  /// Output rows [from, to) from suffixes and prefixes of blocks of rows.
  void slide(std::int64_t from, std::int64_t to) {
    const Windows& windows = plan_.column.windows;
    for (std::int64_t o = from, end; o < to; o = end) {
      const Block block(windows, o, std::min(to, o + plan_.slots));
      end = block.end;
      for (std::int64_t k = o; k < end; ++k) {
        if (windows.at(k).count == 0) kernel_.fold_rows(slot(k - o), nullptr, nullptr, 0, pitch_ / acc_size_, {});
      }
      if (by_rows_) {
        slide_rows(o, block);
      } else {
        slide_columns(o, block);
      }
    }
  }

  /// The outputs from `from` on that start in a block, some columns at a time: running combinations stay in registers.
  void slide_columns(std::int64_t from, const Block& block) {
    const std::int64_t before = tile_.before * plan_.inner * acc_size_;
    scan_.clear();
    scan_.add_block(
        plan_.column.windows, from, block,
        [&](std::int64_t row) {
          for (const Place& place : offsets_) scan_.row(input_ + place.bytes + row * plan_.column.input_stride);
        },
        [&](std::int64_t output) { return slot(output - from) + before; });
    kernel_.scan_rows(scan_.halves().front(), elements_);
    for (std::int64_t o = from, next; o < block.end; o = next) {
      next = std::min(block.end, o + together_);
      finish(slot(o - from), widened_, o, next);
    }
  }

  /// The same row by row: hardware prefetchers follow rows, and each is finished while it lies in the first-level
  /// cache.
  void slide_rows(std::int64_t from, const Block& block) {
    const Windows& windows = plan_.column.windows;
    const std::int64_t before = tile_.before * plan_.inner * acc_size_;
    const auto inside = [&](std::int64_t row) { return std::clamp<std::int64_t>(row, 0, windows.input()); };
    const std::int64_t border = inside(block.border);
    const auto list_row = [&](std::int64_t row) {
      for (const Place& place : offsets_) rows_.push_back(input_ + place.bytes + row * plan_.column.input_stride);
    };
    const auto step = [&](const char* start, char* target, const char* other) {
      kernel_.scan_row(
          {start, rows_.data(), static_cast<std::int64_t>(rows_.size()), target + before, other, buffer_ + before},
          elements_);
      rows_.clear();
      return target + before;
    };

    rows_.clear();
    const char* start = nullptr;
    std::int64_t seen = border;
    for (std::int64_t o = block.end; o-- > from;) {
      while (seen > inside(windows.start(o))) list_row(--seen);
      if (seen < border) start = step(start, slot(o - from), nullptr);
    }
    start = nullptr;
    seen = border;
    for (std::int64_t o = from; o < block.end; ++o) {
      while (seen < inside(windows.stop(o))) list_row(seen++);
      const char* whole = slot(o - from);
      if (seen > border) {
        start = step(start, running_, border > 0 ? whole + before : nullptr);
        whole = border > 0 ? buffer_ : running_;
      }
      finish(whole, widened_, o, o + 1);
    }
  }

  char* slot(std::int64_t index) const { return first_slot_ + index * pitch_; }

  /// Pools the rows of accumulators of outputs [from, to) along themselves. `space` is for as many rows.
  void finish(const char* rows, char* space, std::int64_t from, std::int64_t to) {
    const bool differ = plan_.averages && plan_.divisor == 0;
    for (std::int64_t o = from; o < to;) {
      const double common = divisor(o);
      std::int64_t end = differ ? o + 1 : to;
      while (end < to && divisor(end) == common) ++end;
      kernel_.pool_buffer(tile_.along, rows + (o - from) * pitch_, space, common, target(o),
                          {end - o, pitch_, plan_.column.result_stride});
      o = end;
    }
  }

  /// An output row that sees no cell at all.
  void pool_nothing(std::int64_t o) {
    std::vector<Span> spans = tile_.spans;
    for (Span& span : spans) span.count = 0;
    Along along = tile_.along;
    along.spans = spans.data();
    along.widening = {};
    kernel_.pool_buffer(along, nullptr, nullptr, divisor(o), target(o), {});
  }

  double divisor(std::int64_t o) const {
    if (!plan_.averages) return 1;
    if (plan_.divisor != 0) return plan_.divisor;
    const Window window = plan_.column.windows.at(o);
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
  char* const indices_;
  bool crosses_lines_ = false;  // whether windows have taps on several lines

  Scratch scratch_;
  RowTile tile_;
  std::int64_t tile_index_ = -1;
  std::int64_t elements_ = 0;                // of an input row in the tile
  std::vector<Place> offsets_, multiplied_;  // the rows of the line, at column 0
  std::vector<const void*> rows_;
  Outputs endless_{0, 0};  // those whose rows are listed
  Endless endless_row_{};
  std::vector<EndlessRow> endless_rows_;
  std::vector<std::int64_t> row_indices_, span_indices_;
  Survey survey_{};
  double divisor_ = 1;      // of the line
  char* target_ = nullptr;  // the line's result at column output 0

  // Buffers of one row with borders (of a block of rows for planes), and where in the first one the input goes.
  char *buffer_ = nullptr, *widened_ = nullptr, *spare_ = nullptr, *body_ = nullptr;
  std::int64_t pitch_ = 0;      // bytes of a buffered row
  std::int64_t above_ = 0;      // rows of the border above a block
  char* first_slot_ = nullptr;  // more such buffers: the output rows of one block of sliding windows
  std::int64_t together_ = 1;   // so many of which are finished at a time
  ScanLists scan_;              // of one block of sliding windows
  bool by_rows_ = false;        // blocks are taken row by row, and ...
  char* running_ = nullptr;     // ... this is what is seen of the next one
};

}  // namespace

void pool(const Plan& plan, const void* input, void* result, int threads, void* indices, Interrupt::Question question) {
  if (plan.empty) return;
  const Kernel& kernel = active_table().kernels[static_cast<int>(plan.op)][static_cast<int>(plan.dtype)];
  const std::int64_t rows = plan.line_count * plan.tiles * plan.column.windows.outputs();
  if (plan.traffic < serial_bytes) threads = 1;
  Interrupt interrupt(question);
  if (plan.bundles > 0) {
    return parallel_for(threads, plan.bundles, 1, interrupt,
                        [&](Share& share) { pool_bundles(plan, kernel, input, result, share); });
  }
  parallel_for(threads, rows, 1, interrupt, [&](Share& share) {
    std::int64_t begin, end;
    Worker worker(plan, kernel, input, result, indices);
    while (share.next(begin, end)) worker.run(begin, end);
  });
}

}  // namespace tilepool
