// Walks the output rows of a plan: lists the input rows of each, and hands them to the row kernels.
#include "pool.hpp"

#include <algorithm>
#include <vector>

#include "bundle.hpp"
#include "dispatch.hpp"
#include "line_taps.hpp"
#include "loops.hpp"
#include "parallel.hpp"
#include "scan_lists.hpp"
#include "scratch.hpp"
#include "wide_rows.hpp"

namespace tilepool {
namespace {

/// Work below this costs less than starting threads does.
constexpr std::int64_t serial_work = 128 << 10;

const Kernel& kernel_of(const Plan& plan, const Table& table) {
  return table.kernels[static_cast<int>(plan.op)][static_cast<int>(kernel_dtype(plan))];
}

/// What one thread does: a range of output rows, in the order line, tile, column output.
class Worker {
 public:
  Worker(const Plan& plan, const Table& table, const void* input, void* result, void* indices, Patience patience)
      : plan_(plan),
        kernel_(kernel_of(plan, table)),
        wide_rows_(table, plan.dtype),
        acc_size_(acc_size(plan)),
        input_(static_cast<const char*>(input)),
        result_(static_cast<char*>(result)),
        indices_(static_cast<char*>(indices)),
        patience_(patience) {
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
      if (taps_.count() == 0 && plan_.indices == Indices::none && plan_.survey_bytes == 0) {
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
      const bool each_tap = plan_.indices != Indices::none || plan_.survey_bytes > 0;
      row_work_ = each_tap ? plan_.tile_outputs * plan_.inner * plan_.row.windows.kernel() : elements_;
      reserve();
      if (plan_.indices != Indices::none) number_spans();
      if (plan_.survey_bytes > 0) {
        survey_ = plan_.survey;
        survey_.watch = patience_.watch();
        survey_.scratch = scratch_.at_least(static_cast<std::size_t>(plan_.survey_bytes));
      }
    }
    taps_.start({tile_.input_begin * plan_.row.input_stride, 0});
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
      taps_.add_axis(window.count, first_tap(axis, o, window), tap_step(axis));
    }
  }

  /// The first tap of output `o`, whose window is given.
  Place first_tap(const PlanAxis& axis, std::int64_t o, const Window& window) const {
    const bool taps = plan_.indices == Indices::of_taps;
    return {window.first * axis.input_stride,
            axis.weight * (taps ? axis.windows.tap_number(o, window.first) : window.first)};
  }

  /// From one tap to the next.
  Place tap_step(const PlanAxis& axis) const {
    const std::int64_t step = axis.windows.step();
    return {step * axis.input_stride, axis.weight * (plan_.indices == Indices::of_taps ? 1 : step)};
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
    // Lists that would be too long need not be made row by row.
    constexpr std::int64_t many_rows = 40, least_row = 512;
    by_rows_ = plan_.slides && ((plan_.slots >= many_rows && pitch_ >= least_row) || plan_.long_lists);
    // Short rows of sliding windows are finished together: half a first-level cache of them.
    together_ = plan_.slides ? std::clamp<std::int64_t>((8 << 10) / pitch_, 1, plan_.slots) : 1;
    const auto bytes = [&](std::int64_t count) {
      return static_cast<std::size_t>((count * pitch_ + buffer_slack + 63) / 64 * 64);
    };
    const std::size_t buffer = bytes(std::max(rows, together_));
    const auto wide = static_cast<std::size_t>(plan_.wide ? WideRows::bytes(elements_) : 0);
    buffer_ = scratch_.at_least(3 * buffer + bytes(1) + bytes(plan_.slots) + 64 + wide) + alignment();
    widened_ = buffer_ + buffer;
    spare_ = widened_ + buffer;
    running_ = spare_ + buffer;
    first_slot_ = running_ + bytes(1);
    wide_row_ = first_slot_ + bytes(plan_.slots);
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
  [[gnu::always_inline]] void fetch_ahead(std::int64_t row_bytes, const Window& window, std::int64_t lines) {
    constexpr std::int64_t page = 4096, ahead = 2 * page, cache_line = 64;
    if (row_bytes > page || row_bytes == 0 || !is_far() || taps_.count() > listed_rows) return;
    const Windows& windows = plan_.column.windows;
    const std::int64_t stride = windows.stride(), pitch = plan_.column.input_stride;
    const auto fetch = [](const char* from, std::int64_t bytes) __attribute__((always_inline)) {
      for (std::int64_t at = 0; at < bytes; at += cache_line) __builtin_prefetch(from + at);
    };
    // Rows that lie end to end are one piece, which goes on in the next plane; of others, those that windows see.
    const bool dense = pitch == row_bytes && windows.kernel() >= stride;
    const std::int64_t taps = std::min(windows.kernel(), stride), further = (ahead - 1) / row_bytes + 1;
    taps_.each([&](const Place& place) {
      const char* const plane = input_ + place.bytes;
      if (dense) {
        const std::int64_t rows = std::min(lines * stride, windows.input() - window.first);
        return fetch(plane + window.first * pitch + ahead, rows * row_bytes);
      }
      for (std::int64_t line = 0; line < lines; ++line) {
        for (std::int64_t t = 0; t < taps; ++t) {
          const std::int64_t row = window.first + line * stride + further + t * windows.step();
          if (row >= windows.input()) return;
          fetch(plane + row * pitch, row_bytes);
        }
      }
    });
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
    patience_.spend(lines.count * std::max<std::int64_t>(1, static_cast<std::int64_t>(rows_.size())) * row_work_);
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
    each_row(window, from, to, [&](const char* row) { rows_.push_back(row); });
  }

  template <class Visit>
  void each_row(const Window& window, std::int64_t from, std::int64_t to, const Visit& visit) {
    const std::int64_t step = plan_.column.windows.step() * plan_.column.input_stride;
    const char* const origin = input_ + window.first * plan_.column.input_stride;
    taps_.each([&](const Place& place) {
      for (std::int64_t t = from; t < to; ++t) visit(origin + place.bytes + t * step);
    });
  }

  /// The index of the first tap of each span.
  void number_spans() {
    span_indices_.clear();
    for (const Span& span : tile_.spans) {
      const std::int64_t o = tile_.output_begin + span.begin;
      Window window = plan_.row.windows.at(o);
      if (plan_.unclipped) window.first = plan_.row.windows.start(o);
      span_indices_.push_back(first_tap(plan_.row, o, window).index);
    }
  }

  /// The listed rows' extrema and their indices.
  void pick(const Window& window, std::int64_t o, const Lines& lines) {
    const PlanAxis& column = plan_.column;
    row_indices_.clear();
    const std::int64_t first = first_tap(column, o, window).index, step = tap_step(column).index;
    taps_.each([&](const Place& place) {
      for (std::int64_t t = 0; t < window.count; ++t) row_indices_.push_back(place.index + first + t * step);
    });
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
                            indices_ + (target(o) - result_) / info_of(plan_.result_dtype).size * index_size,
                            patience_.watch()};
    kernel_.pick_rows(tile_.along, rows_.data(), static_cast<std::int64_t>(rows_.size()), indexing, target(o), lines);
  }

  /// The listed rows as the kernels take them.
  void widen_listed(std::int64_t elements) {
    if (!plan_.wide || rows_.empty()) return;
    rows_.assign(1, wide_rows_(rows_.data(), static_cast<std::int64_t>(rows_.size()), elements, wide_row_));
  }

  /// Combines rows of so many elements in `target`, after `start` if there is one, and in parts where they are many:
  /// list(take) calls take(row) for each.
  template <class List>
  void fold_all(char* target, const char* start, std::int64_t elements, const List& list) {
    rows_.clear();
    const auto fold = [&] {
      patience_.spend(static_cast<std::int64_t>(rows_.size() + 1) * elements);
      widen_listed(elements);
      kernel_.fold_rows(target, start, rows_.data(), static_cast<std::int64_t>(rows_.size()), elements, {});
      start = target;
      rows_.clear();
    };
    list([&](const char* row) {
      rows_.push_back(row);
      if (rows_.size() == listed_rows) fold();
    });
    if (start == nullptr || !rows_.empty()) fold();
  }

  /// Combines the pieces of rows.
  template <class Each>
  void fold_pieces(const Each& each) {
    const std::int64_t pixels = plan_.row.windows.at(0).count, pieces = pixels / plan_.piece;
    const std::int64_t rest = pixels % plan_.piece, bytes = plan_.piece * plan_.row.input_stride;
    fold_all(body_, nullptr, elements_, [&](const auto& take) {
      each([&](const char* row) {
        for (std::int64_t i = 0; i < pieces; ++i) take(row + i * bytes);
      });
    });
    if (rest == 0) return;
    fold_all(body_, body_, rest * plan_.inner,
             [&](const auto& take) { each([&](const char* row) { take(row + pieces * bytes); }); });
  }

  /// One output row from the buffer of all the rows it sees.
  void gather(std::int64_t o) {
    const Window window = plan_.column.windows.at(o);
    const std::int64_t part = std::max<std::int64_t>(1, listed_rows / (taps_.count() + 1));
    if (plan_.column.windows.stride() > 1) fetch_ahead(tile_.input_width * plan_.row.input_stride, window, 1);
    const auto each = [&](const auto& take) {
      for (std::int64_t t = 0; t < window.count; t += part) each_row(window, t, std::min(window.count, t + part), take);
    };
    if (plan_.piece > 0) {
      fold_pieces(each);
    } else {
      fold_all(body_, nullptr, elements_, each);
    }
    finish(buffer_, widened_, o, o + 1);
  }

  /// Output rows [from, to) as one.
  void endless(std::int64_t from, std::int64_t to) {
    const std::int64_t width = plan_.row.windows.outputs(), n = (to - from) * width;
    if (crosses_lines_ || endless_.begin != from || endless_.end != to) list_endless(from, to);
    kernel_.pool_endless(endless_row_, input_ + taps_.first().bytes, endless_rows_.data(),
                         static_cast<std::int64_t>(endless_rows_.size()), target(from), n);
    patience_.spend(static_cast<std::int64_t>(endless_rows_.size()) * n);
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
      taps_.each([&](const Place& place) {
        endless_rows_.push_back({(place.bytes - taps_.first().bytes) / size + above * width, begin, end});
      });
    }
  }

  /// Output rows [from, to) of a small plane. Its rows lie in a block with borders on all sides; the columns of the
  /// whole block are combined at once.
  void plane(std::int64_t from, std::int64_t to) {
    const Windows& windows = plan_.column.windows;
    const std::int64_t first = std::max<std::int64_t>(0, windows.start(from));
    const std::int64_t last = std::min(windows.input(), windows.stop(to - 1));
    if (taps_.count() <= listed_rows) {
      list_rows({first, 1, 1}, 0, 1);
      kernel_.fold_rows(body_ + first * pitch_, nullptr, rows_.data(), static_cast<std::int64_t>(rows_.size()),
                        elements_, {last - first, plan_.column.input_stride, pitch_});
    } else {
      for (std::int64_t row = first; row < last; ++row) {
        fold_all(body_ + row * pitch_, nullptr, elements_,
                 [&](const auto& take) { each_row({row, 1, 1}, 0, 1, take); });
      }
    }

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
        [&](std::int64_t row) { each_row({row, 1, 1}, 0, 1, [&](const char* tap) { scan_.row(tap); }); },
        [&](std::int64_t output) { return slot(output - from) + before; });
    kernel_.scan_rows(scan_.halves().front(), elements_);
    patience_.spend(scan_.row_count() * elements_);
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
    const char* start = nullptr;
    const auto step = [&](char* target, const char* other) {
      widen_listed(elements_);
      kernel_.scan_row(
          {start, rows_.data(), static_cast<std::int64_t>(rows_.size()), target + before, other, buffer_ + before},
          elements_);
      patience_.spend(static_cast<std::int64_t>(rows_.size() + 1) * elements_);
      rows_.clear();
      start = target + before;
    };
    const auto list_row = [&](std::int64_t row, char* target) {
      each_row({row, 1, 1}, 0, 1, [&](const char* tap) {
        if (rows_.size() == listed_rows) step(target, nullptr);
        rows_.push_back(tap);
      });
    };

    rows_.clear();
    std::int64_t seen = border;
    for (std::int64_t o = block.end; o-- > from;) {
      while (seen > inside(windows.start(o))) list_row(--seen, slot(o - from));
      if (seen < border) step(slot(o - from), nullptr);
    }
    start = nullptr;
    seen = border;
    for (std::int64_t o = from; o < block.end; ++o) {
      while (seen < inside(windows.stop(o))) list_row(seen++, running_);
      const char* whole = slot(o - from);
      if (seen > border) {
        step(running_, border > 0 ? whole + before : nullptr);
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
      patience_.spend((end - o) * elements_);
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
  const WideRows wide_rows_;
  const std::int64_t acc_size_;
  const char* const input_;
  char* const result_;
  char* const indices_;
  bool crosses_lines_ = false;  // whether windows have taps on several lines

  Scratch scratch_;
  RowTile tile_;
  std::int64_t tile_index_ = -1;
  std::int64_t elements_ = 0;  // of an input row in the tile
  std::int64_t row_work_ = 0;  // operations for one of its rows in one output row
  LineTaps taps_;              // the rows of the line, at column 0
  std::vector<const void*> rows_;
  Outputs endless_{0, 0};  // those whose rows are listed
  Endless endless_row_{};
  std::vector<EndlessRow> endless_rows_;
  std::vector<std::int64_t> row_indices_, span_indices_;
  Survey survey_{};
  Patience patience_;
  double divisor_ = 1;      // of the line
  char* target_ = nullptr;  // the line's result at column output 0

  // Buffers of one row with borders (of a block of rows for planes), and where in the first one the input goes.
  char *buffer_ = nullptr, *widened_ = nullptr, *spare_ = nullptr, *body_ = nullptr;
  char* wide_row_ = nullptr;    // where wide rows are made
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
  const Table& table = active_table();
  const std::int64_t rows = plan.line_count * plan.tiles * plan.column.windows.outputs();
  if (plan.work < serial_work) threads = 1;
  Interrupt interrupt(question);
  if (plan.bundles > 0) {
    return parallel_for(threads, plan.bundles, 1, interrupt, [&](Share& share) {
      pool_bundles(plan, kernel_of(plan, table), input, result, share, Patience(interrupt, share.is_caller()));
    });
  }
  parallel_for(threads, rows, 1, interrupt, [&](Share& share) {
    std::int64_t begin, end;
    Worker worker(plan, table, input, result, indices, Patience(interrupt, share.is_caller()));
    while (share.next(begin, end)) worker.run(begin, end);
  });
}

}  // namespace tilepool
