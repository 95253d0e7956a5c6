// Lists what scans read and write, so that sliding windows are put together from halves of blocks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "../../blocks.hpp"
#include "../../table.hpp"
#include "../windows.hpp"

namespace tilepool {

/// The block of rows in which the window of output `from` starts. Blocks start at multiples of the kernel size, so that
/// who computes an output does not matter.
class Block {
 public:
  Block(const Windows& windows, std::int64_t from, std::int64_t to) : windows_(windows), from_(from) {
    const std::int64_t kernel = windows.kernel(), start = windows.start(from);
    const std::int64_t next = start - ((start % kernel) + kernel) % kernel + kernel;
    end_ = std::min(to, from + (next - start - 1) / windows.stride() + 1);
    border_ = inside(next);
  }

  /// Where the next block starts, of the rows that there are.
  std::int64_t border() const { return border_; }
  /// The next output, at most `to`, that does not start here.
  std::int64_t end() const { return end_; }

  /// See `walk_block`.
  template <class Take, class Suffix, class Turn, class Whole>
  void walk(const Take& take, const Suffix& suffix, const Turn& turn, const Whole& whole) const {
    walk_block(
        from_, end_, border_, [&](std::int64_t o) { return inside(windows_.start(o)); },
        [&](std::int64_t o) { return inside(windows_.stop(o)); }, take, suffix, turn, whole);
  }

 private:
  std::int64_t inside(std::int64_t row) const { return std::clamp<std::int64_t>(row, 0, windows_.input()); }

  const Windows& windows_;
  std::int64_t from_, end_ = 0, border_ = 0;
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

  /// Adds the outputs that start in a block.
  template <class ListRow, class TargetOf>
  void add_block(const Block& block, const ListRow& list_row, const TargetOf& target_of) {
    const auto add = [&](std::int64_t o, bool seen) {
      if (seen) stop(target_of(o));
    };
    begin_scan();
    block.walk([&](std::int64_t row, bool) { list_row(row); }, add, [&] { begin_scan(); }, add);
  }

  /// Adds all outputs, from halves or tap by tap. No window may be empty.
  template <class ListRow, class TargetOf>
  void add_all(const Windows& windows, bool in_halves, const ListRow& list_row, const TargetOf& target_of) {
    for (std::int64_t o = 0; o < windows.outputs();) {
      if (in_halves) {
        const Block block(windows, o, windows.outputs());
        add_block(block, list_row, target_of);
        o = block.end();
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

  void stop(void* target) { stops_.push_back({static_cast<std::int64_t>(rows_.size() - scans_.back().row), target}); }

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
