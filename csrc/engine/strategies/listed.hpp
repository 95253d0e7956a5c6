// Output rows straight from lists of the rows that they see.
#pragma once

#include "walker.hpp"

namespace tilepool {

class ListedWalker : public Walker {
 public:
  using Walker::Walker;

 protected:
  /// Memory for all rows that a window sees, and what else is asked for.
  template <std::size_t N = 0>
  std::array<char*, N> reserve_rows(const std::array<std::int64_t, N>& sizes = {}) {
    return reserve_bytes(sizes, 0, rows_seen());
  }

  /// Calls pool(o, window, lines) for output rows [from, to), several of them at a time where the rows that they see
  /// are the same number of rows further on; `rows_` are those of the first one. `work` are the operations for a row.
  template <class Pool>
  void each_list(std::int64_t from, std::int64_t to, std::int64_t work, const Pool& pool) {
    for (std::int64_t o = from; o < to;) {
      const Windows& windows = schedule_.column.windows;
      const Window window = windows.at(o);
      rows_.clear();
      cursor_.each_row(window, 0, window.count, [&](const char* row) { rows_.push_back(row); });
      // (Rows of less than 512 bytes are a single stream as they are, and would be slower: 1.1.)
      const std::int64_t row_bytes = cursor_.tile().input_width * schedule_.row.input_stride;
      const bool fetches = row_bytes >= 512 && listed() > 1 && listed() <= most_listed && this->fetches();
      // Several lines a call save calls; half a first-level cache is enough, and less where the next lines should be
      // on their way while these are computed.
      const std::int64_t together_bytes = fetches ? 2 << 10 : 16 << 10;
      const std::int64_t bytes = std::max<std::int64_t>(1, saturating_mul(windows.stride(), row_bytes));
      const Lines lines = lines_alike(o, to, together_bytes / bytes, schedule_.column.result_stride);
      if (fetches) fetch_ahead(window, lines.count);
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
};

}  // namespace tilepool
