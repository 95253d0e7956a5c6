// Lists what scans read and write, so that sliding windows are put together from suffixes and prefixes of blocks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "../table.hpp"
#include "windows.hpp"

namespace tilepool {

/// Whether sliding windows are better put together from halves: that costs three loads and two stores per input row
/// whatever the kernel; listing the rows of each window costs `kernel` loads per output row.
inline bool worth_scanning(const Windows& windows) {
  return windows.slide() && windows.step() == 1 && windows.kernel() >= 4 &&
         (windows.kernel() - 1) / 2 >= windows.stride() && windows.outputs() > 2;
}

/// The block of rows in which the window of output `from` starts. Sliding windows cover the end of the block that they
/// start in and the beginning of the next one (van Herk 1992, Gil and Werman 1993). Blocks start at multiples of the
/// kernel size, so that who computes an output does not matter.
struct Block {
  Block(const Windows& windows, std::int64_t from, std::int64_t to) {
    const std::int64_t kernel = windows.kernel(), start = windows.start(from);
    border = start - ((start % kernel) + kernel) % kernel + kernel;
    end = std::min(to, from + (border - start - 1) / windows.stride() + 1);
  }
  std::int64_t border;  // where the next block starts
  std::int64_t end;     // the next output, at most `to`, that does not start here
};

/// Windows along one axis as `Halves`. `list_row(r)` is to call `row` for what is read of row r, and `target_of(o)`
/// tells where output o is written.
class ScanLists {
 public:
  void clear() {
    rows_.clear();
    stops_.clear();
    scans_.clear();
  }

  void row(const void* row) { rows_.push_back(row); }

  std::int64_t row_count() const { return static_cast<std::int64_t>(rows_.size()); }

  /// Adds the outputs from `from` on that start in the same block.
  template <class ListRow, class TargetOf>
  void add_block(const Windows& windows, std::int64_t from, const Block& block, const ListRow& list_row,
                 const TargetOf& target_of) {
    begin_scan();
    std::int64_t r = std::min(block.border, windows.input());
    for (std::int64_t o = block.end; o-- > from;) {
      while (r > std::max<std::int64_t>(0, windows.start(o))) list_row(--r);
      stop(target_of(o));
    }
    begin_scan();
    r = std::max<std::int64_t>(0, block.border);
    for (std::int64_t o = from; o < block.end; ++o) {
      while (r < std::min(windows.stop(o), windows.input())) list_row(r++);
      stop(target_of(o));
    }
  }

  /// Adds all outputs, by the better way. No window may be empty.
  template <class ListRow, class TargetOf>
  void add_all(const Windows& windows, const ListRow& list_row, const TargetOf& target_of) {
    for (std::int64_t o = 0; o < windows.outputs();) {
      if (worth_scanning(windows)) {
        const Block block(windows, o, windows.outputs());
        add_block(windows, o, block, list_row, target_of);
        o = block.end;
      } else {
        const Window window = windows.at(o);
        begin_scan();
        for (std::int64_t t = 0; t < window.count; ++t) list_row(window.first + t * windows.step());
        stop(target_of(o++));
        begin_scan();
      }
    }
  }

  /// What has been added; valid until more is.
  std::vector<Halves> halves() const {
    std::vector<Halves> result;
    for (std::size_t s = 0; s < scans_.size(); s += 2) result.push_back({scan(s), scan(s + 1)});
    return result;
  }

 private:
  struct Begin {
    std::size_t row, stop;
  };

  void begin_scan() { scans_.push_back({rows_.size(), stops_.size()}); }

  void stop(void* target) {
    const std::size_t rows = rows_.size() - scans_.back().row;
    if (rows > 0) stops_.push_back({static_cast<std::int64_t>(rows), target});
  }

  Scan scan(std::size_t s) const {
    const std::size_t end = s + 1 < scans_.size() ? scans_[s + 1].stop : stops_.size();
    return {stops_.data() + scans_[s].stop, static_cast<std::int64_t>(end - scans_[s].stop),
            rows_.data() + scans_[s].row};
  }

  std::vector<const void*> rows_;
  std::vector<Stop> stops_;
  std::vector<Begin> scans_;
};

}  // namespace tilepool
