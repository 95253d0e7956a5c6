// Rows that are no accumulators as they lie in the array: each is prepared once, as long as there is room.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <vector>

#include "row_maker.hpp"

namespace tilepool {

/// Some rows of a tile, the least recently used of which give way. A row is told from others by its place and length:
/// where rows overlap in memory, the rest of one may begin where a piece of another does.
class PreparedRows {
 public:
  /// How many rows of n accumulators are kept: what a first-level cache has room for, but not many more than loops
  /// read side by side.
  static std::int64_t rows_kept(std::int64_t row_bytes) {
    constexpr std::int64_t cache_bytes = 24 << 10, fewest = 8, most = most_kept, most_bytes = 1 << 20;
    return std::clamp<std::int64_t>(cache_bytes / row_bytes,
                                    std::clamp<std::int64_t>(most_bytes / row_bytes, 1, fewest), most);
  }
  static std::int64_t row_bytes(std::int64_t n, std::int64_t acc_size) { return pitch_of(n * acc_size + buffer_slack); }

  /// Forgets all rows. `memory` has room for those that are kept. `meet_again`: whether rows are listed more than once.
  void start(char* memory, std::int64_t row_bytes, std::int64_t count, bool meet_again) {
    meet_again_ = meet_again;
    memory_ = memory;
    row_bytes_ = row_bytes;
    kept_.assign(static_cast<std::size_t>(count), {nullptr, 0, 0});
    time_ = 0;
  }

  /// The most rows that may be listed at a time.
  std::int64_t count() const { return static_cast<std::int64_t>(kept_.size()); }

  /// Makes listed rows of n elements the prepared ones. More than are looked for among those that are kept take the
  /// place of all of them.
  void prepare(std::vector<const void*>& rows, std::int64_t n, const RowMaker& maker) {
    assert(rows.size() <= kept_.size());
    ++time_;
    if (!meet_again_ || rows.size() > most_kept) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        maker.make(at(i), rows[i], n);
        kept_[i] = {nullptr, 0, 0};
        rows[i] = at(i);
      }
      return;
    }
    for (const void*& row : rows) row = prepared(row, n, maker);
  }

 private:
  struct Row {
    const void* source;
    std::int64_t length, used;
  };

  static constexpr std::size_t most_kept = 32;

  const void* prepared(const void* source, std::int64_t n, const RowMaker& maker) {
    std::size_t oldest = 0;
    for (std::size_t i = 0; i < std::min(kept_.size(), most_kept); ++i) {
      if (kept_[i].source == source && kept_[i].length == n) {
        kept_[i].used = time_;
        return at(i);
      }
      if (kept_[i].used < kept_[oldest].used) oldest = i;
    }
    maker.make(at(oldest), source, n);
    kept_[oldest] = {source, n, time_};
    return at(oldest);
  }

  char* at(std::size_t i) const { return memory_ + static_cast<std::int64_t>(i) * row_bytes_; }

  bool meet_again_ = false;
  char* memory_ = nullptr;
  std::int64_t row_bytes_ = 0;
  std::vector<Row> kept_;
  std::int64_t time_ = 0;
};

}  // namespace tilepool
