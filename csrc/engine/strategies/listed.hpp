// Output rows straight from lists of the rows that they see.
#pragma once

#include <algorithm>
#include <cstring>

#include "walker.hpp"

namespace tilepool {

class ListedWalker : public Walker {
 public:
  using Walker::Walker;

 protected:
  enum class Loops : std::uint8_t { only_read, fetch };

  /// Memory for all rows that a window sees, or for those of a block, and what else is asked for.
  template <std::size_t N = 0>
  std::array<char*, N> reserve_rows(const std::array<std::int64_t, N>& sizes = {}) {
    std::array<std::int64_t, N + 1> all{};
    std::copy(sizes.begin(), sizes.end(), all.begin());
    block_rows_ = rows_of_block();
    all[N] = block_rows_ * row_elements() * maker_.size();
    const auto memory = reserve_bytes(all, 0, block_rows_ > 0 ? 1 : rows_seen());
    block_ = memory[N];
    plane_ = nullptr;
    std::array<char*, N> result;
    std::copy_n(memory.begin(), N, result.begin());
    return result;
  }

  void prepare_listed(std::int64_t elements) {
    if (block_rows_ == 0) Walker::prepare_listed(elements);
  }

  /// Calls pool(o, window, lines) for output rows [from, to), several of them at a time where the rows that they see
  /// are the same number of rows further on; `rows_` are those of the first one. `work` are the operations for a row.
  /// Loops that fetch ask for later rows while they read: see `ahead`.
  template <class Pool>
  void each_list(std::int64_t from, std::int64_t to, std::int64_t work, const Pool& pool,
                 Loops loops = Loops::only_read) {
    // Rows of less than 512 bytes are a single stream as they are: to ask beforehand would be slower, 1.1, and to ask
    // while they are read is worth more (Xeon, 3 x 3 windows at stride 2, rows of 224 and 448 bytes: 0.7 of the time).
    const std::int64_t least = loops == Loops::fetch ? 64 : 512;
    for (std::int64_t o = from; o < to;) {
      const Windows& windows = schedule_.column.windows;
      const Window window = windows.at(o);
      rows_.clear();
      cursor_.each_row(window, 0, window.count, [&](const char* row) { rows_.push_back(row); });
      const std::int64_t row_bytes = cursor_.tile().input_width * schedule_.row.input_stride;
      const bool fetches = row_bytes >= least && listed() > 1 && listed() <= most_listed && this->fetches();
      // Several lines a call save calls; half a first-level cache is enough, and less where the next lines should be
      // on their way while these are computed.
      const bool beforehand = fetches && loops == Loops::only_read;
      const std::int64_t together_bytes = beforehand ? 2 << 10 : 16 << 10;
      const std::int64_t bytes = std::max<std::int64_t>(1, saturating_mul(windows.stride(), row_bytes));
      const bool in_block = block_rows_ > 0 && window.count > 0;
      std::int64_t most = in_block ? (block_rows_ - windows.extent(1)) / windows.stride() + 1 : together_bytes / bytes;
      if (kernel_.finish != nullptr) most = std::min(most, most_finished());
      Lines lines = lines_alike(o, to, most, schedule_.column.result_stride, in_block);
      if (in_block) list_block(window, lines, std::min(windows.input(), windows.stop(to - 1)));
      if (beforehand) fetch_ahead(window, lines.count);
      if (fetches && !beforehand) lines.ahead = ahead();
      patience_.spend(saturating_mul(lines.count * std::max<std::int64_t>(1, listed()), work));
      pool(o, window, lines);
      o += lines.count;
    }
  }

  /// Operations for one row in one output row, where each tap of each window is looked at.
  std::int64_t work_of_taps() const {
    const Windows& windows = schedule_.row.windows;
    return saturating_mul(schedule_.tile_outputs * schedule_.inner, std::min(windows.kernel(), windows.input()));
  }

 private:
  /// Of a row of the array, of which a tile may see less.
  std::int64_t row_elements() const { return schedule_.row.windows.input() * schedule_.inner; }

  /// How many rows are made at once, where a plane is one piece: half a first-level cache of them, or those of two
  /// windows and as many outputs between them. 0: each by itself.
  std::int64_t rows_of_block() const {
    constexpr std::int64_t usual_bytes = 16 << 10, most_bytes = 64 << 10;
    const Windows& windows = schedule_.column.windows;
    bool alone = true;
    for (const NormalAxis& axis : schedule_.outer) alone = alone && axis.windows.kernel() == 1;
    const bool dense = schedule_.column.input_stride == row_elements() * info_of(form_.dtype).size;
    const bool skips = windows.kernel() < windows.stride();  // rows that no window sees
    if (!prepares() || schedule_.tiles > 1 || !alone || !dense || !windows.slide() || skips) return 0;
    const std::int64_t row_bytes = row_elements() * maker_.size();
    const std::int64_t windows_beside = windows.kernel() > windows.stride() ? 2 : 1;
    const std::int64_t rows = std::max(usual_bytes / row_bytes, saturating_mul(windows_beside, windows.extent(1)));
    if (windows.outputs() == 1 || saturating_mul(rows, row_bytes) > most_bytes) return 0;
    return std::min(windows.input(), rows);
  }

  /// Lists the rows of a window in a block that has those of all lines. Else it is made, with as many of the rows
  /// before `end` as it has room for.
  void list_block(const Window& window, Lines& lines, std::int64_t end) {
    const Windows& windows = schedule_.column.windows;
    const std::int64_t pitch = row_elements() * maker_.size();
    const std::int64_t last = window.first + (lines.count - 1) * windows.stride() + (window.count - 1) * windows.step();
    const char* const plane = cursor_.at(cursor_.taps().first());
    if (plane != plane_ || window.first < begin_ || last >= end_) {
      const bool goes_on = plane == plane_ && window.first >= begin_ && window.first < end_;
      const std::int64_t there = goes_on ? end_ - window.first : 0;
      if (there > 0)
        std::memmove(block_, block_ + (window.first - begin_) * pitch, static_cast<std::size_t>(there * pitch));
      plane_ = plane;
      begin_ = window.first;
      end_ = std::min(begin_ + block_rows_, std::max(last + 1, end));
      const char* const from = plane + (begin_ + there) * schedule_.column.input_stride;
      maker_.make(block_ + there * pitch, from, (end_ - begin_ - there - 1) * row_elements() + cursor_.elements());
    }
    for (std::int64_t t = 0; t < listed(); ++t) {
      rows_[static_cast<std::size_t>(t)] = block_ + (window.first - begin_ + t * windows.step()) * pitch;
    }
    lines.read_step = windows.stride() * pitch;
  }

  std::int64_t block_rows_ = 0;
  char* block_ = nullptr;  // rows [begin, end) of a plane
  const char* plane_ = nullptr;
  std::int64_t begin_ = 0, end_ = 0;
};

}  // namespace tilepool
