// Sums of many rows, whose errors must not grow with their number: blocks of rows are added up, then pairs of blocks,
// pairs of pairs, and so on, as the carries of a binary counter go.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "kernel.hpp"

namespace tilepool {

class Cascade {
 public:
  static constexpr std::int64_t block_rows = most_added / 2;

  /// Rows of memory that so many levels need: those of the levels, and one for the block at hand.
  static std::int64_t rows(int levels) { return levels > 0 ? levels + 1 : 0; }

  void start(char* memory, std::int64_t pitch, int levels) {
    levels_.clear();
    for (int level = 0; level < levels; ++level) levels_.push_back({memory + level * pitch, false});
    block_ = memory + levels * pitch;
  }
  void clear() {
    for (Level& level : levels_) level.taken = false;
  }

  /// Where the sum of a block is to be made before it is added.
  char* block() { return block_; }

  void add_block(const Kernel& kernel, std::int64_t n) {
    std::size_t level = 0;
    for (; levels_[level].taken; ++level) {
      if (level + 1 == levels_.size()) return add(kernel, levels_[level].sum, levels_[level].sum, block_, n);
      add(kernel, block_, levels_[level].sum, block_, n);
      levels_[level].taken = false;
    }
    std::swap(block_, levels_[level].sum);
    levels_[level].taken = true;
  }

  /// Writes the sum of all blocks, of which there is one or more.
  void total(const Kernel& kernel, char* target, std::int64_t n) const {
    const char* sum = nullptr;
    for (const Level& level : levels_) {
      if (!level.taken) continue;
      if (sum != nullptr) add(kernel, target, level.sum, sum, n);
      sum = sum != nullptr ? target : level.sum;
    }
    if (sum != target) add(kernel, target, nullptr, sum, n);
  }

 private:
  struct Level {
    char* sum;
    bool taken;
  };

  /// target = start + row, of accumulators.
  static void add(const Kernel& kernel, char* target, const char* start, const void* row, std::int64_t n) {
    kernel.fold_rows(target, start, &row, 1, n, {}, {});
  }

  std::vector<Level> levels_;
  char* block_ = nullptr;
};

}  // namespace tilepool
