// Present: averages of small windows where cells are left out, whose sums and counts are made in one pass.
#include "walker.hpp"

namespace tilepool {
namespace {

class Present : public Walker {
 public:
  Present(const by::Present& numbers, const Call& call, const Share& share)
      : Walker(call, share),
        extent_(numbers.extent),
        presence_{form_.source.masked, form_.source.nans_omitted, numbers.fewest, numbers.most_cells, form_.to_integer},
        ahead_(is_far(form_) ? (2 << 12) / info_of(form_.source.dtype).size : 0) {}

  void enter_tile() {
    const RowTile& tile = cursor_.tile();
    const std::int64_t outputs = tile.spans.back().end;
    lines_ = present_lines(tile.along, outputs, extent_);
    space_ = reserve_bytes<1>({present_bytes(tile.along, outputs, extent_, acc_size(form_))})[0];
  }

  void pool(std::int64_t from, std::int64_t to) {
    while (from < to) {
      rows_.clear();
      masks_.clear();
      const std::int64_t count = list(from), first = from;
      for (++from; from < to && from - first < lines_ && schedule_.column.windows.at(from).count == seen_; ++from) {
        list(from);
      }
      patience_.spend(saturating_mul(std::max<std::int64_t>(1, listed()), cursor_.elements()));
      const PresentRows rows{rows_.data(), masks_.data(), count, from - first, schedule_.column.result_stride, ahead_};
      kernel_.average_present(cursor_.tile().along, rows, presence_, space_, cursor_.target(first));
    }
  }
  void pool_nothing(std::int64_t from, std::int64_t to) { pool(from, to); }

 private:
  /// The rows that an output row sees.
  std::int64_t list(std::int64_t o) {
    const std::int64_t before = listed();
    const Window window = schedule_.column.windows.at(o);
    seen_ = window.count;
    cursor_.each_row(window, 0, window.count, [&](const char* row) {
      const Run run = maker_.run_of(row);
      rows_.push_back(run.elements);
      masks_.push_back(run.mask);
    });
    return listed() - before;
  }

  const std::int64_t extent_;
  const Presence presence_;
  const std::int64_t ahead_;  // elements
  std::int64_t lines_ = 1;    // that are made at a time
  std::int64_t seen_ = 0;     // rows of a plane
  char* space_ = nullptr;
  std::vector<const void*> masks_;
};

}  // namespace

void run(const by::Present& numbers, const Call& call, Share& share) {
  walk(Present(numbers, call, share), call.plan.schedule, share);
}

}  // namespace tilepool
