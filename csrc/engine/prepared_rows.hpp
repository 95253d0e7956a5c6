// Rows that are no accumulators as they lie in the array: each is prepared once, as long as there is room.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernel.hpp"

namespace tilepool {

/// Some rows of a tile, the least recently used of which give way. Nothing else than a row's place tells it from
/// others: all have the same length.
class PreparedRows {
 public:
  /// How many rows of n accumulators are kept: what a first-level cache has room for, but not many more than loops
  /// read side by side.
  static std::int64_t rows_kept(std::int64_t row_bytes) {
    constexpr std::int64_t cache_bytes = 24 << 10, fewest = 8, most = 32, most_bytes = 1 << 20;
    return std::clamp<std::int64_t>(cache_bytes / row_bytes,
                                    std::clamp<std::int64_t>(most_bytes / row_bytes, 1, fewest), most);
  }
  static std::int64_t row_bytes(std::int64_t n, std::int64_t acc_size) { return pitch_of(n * acc_size + buffer_slack); }

  /// Forgets all rows. `memory` has room for those that are kept.
  void start(char* memory, std::int64_t row_bytes, std::int64_t count) {
    memory_ = memory;
    row_bytes_ = row_bytes;
    kept_.assign(static_cast<std::size_t>(count), {nullptr, 0});
    time_ = 0;
  }

  /// The most rows that may be listed at a time.
  std::int64_t count() const { return static_cast<std::int64_t>(kept_.size()); }

  /// Makes listed rows of n elements the prepared ones.
  void prepare(std::vector<const void*>& rows, std::int64_t n, const Kernel& kernel, std::int64_t flip) {
    ++time_;
    for (const void*& row : rows) row = prepared(row, n, kernel, flip);
  }

 private:
  struct Row {
    const void* source;
    std::int64_t used;
  };

  const void* prepared(const void* source, std::int64_t n, const Kernel& kernel, std::int64_t flip) {
    std::size_t oldest = 0;
    for (std::size_t i = 0; i < kept_.size(); ++i) {
      if (kept_[i].source == source) {
        kept_[i].used = time_;
        return at(i);
      }
      if (kept_[i].used < kept_[oldest].used) oldest = i;
    }
    kernel.prepare(at(oldest), source, n, flip);
    kept_[oldest] = {source, time_};
    return at(oldest);
  }

  char* at(std::size_t i) const { return memory_ + static_cast<std::int64_t>(i) * row_bytes_; }

  char* memory_ = nullptr;
  std::int64_t row_bytes_ = 0;
  std::vector<Row> kept_;
  std::int64_t time_ = 0;
};

}  // namespace tilepool
