// Endless: windows of 3 or 5 taps at stride 1 that keep the width of the rows of dense planes: a plane is one row.
#include "walker.hpp"

namespace tilepool {
namespace {

class EndlessWalker : public Walker {
 public:
  EndlessWalker(const by::Endless& numbers, const Call& call, const Share& share)
      : Walker(call, share), crosses_lines_(numbers.crosses_lines) {}

  void pool(std::int64_t from, std::int64_t to) {
    const std::int64_t n = (to - from) * schedule_.row.windows.outputs();
    if (crosses_lines_ || listed_.begin != from || listed_.end != to) list(from, to);
    kernel_.pool_endless(row_, cursor_.at(cursor_.taps().first()), seen_.data(),
                         static_cast<std::int64_t>(seen_.size()), cursor_.target(from), n);
    patience_.spend(static_cast<std::int64_t>(seen_.size()) * n);
  }

 private:
  /// What output rows [from, to) see: the same on all planes, unless windows go through several of them.
  void list(std::int64_t from, std::int64_t to) {
    const Windows& windows = schedule_.column.windows;
    const std::int64_t width = schedule_.row.windows.outputs(), n = (to - from) * width;
    const std::int64_t size = info_of(form_.dtype).size;
    listed_ = {from, to};
    row_ = {
        width,           schedule_.row.windows.kernel(), 0, n, cursor_.divisor(from) * cursor_.tile().spans[0].divisor,
        form_.to_integer};
    seen_.clear();
    for (std::int64_t t = 0; t < windows.kernel(); ++t) {
      const std::int64_t above = windows.start(from) + t * windows.step();
      const std::int64_t begin = std::max<std::int64_t>(0, -above * width);
      const std::int64_t end = std::min(n, (windows.input() - above) * width);
      row_.begin = std::max(row_.begin, begin);
      row_.end = std::min(row_.end, end);
      cursor_.taps().each([&](const Place& place) {
        seen_.push_back({(place.bytes - cursor_.taps().first().bytes) / size + above * width, begin, end});
      });
    }
  }

  const bool crosses_lines_;
  Outputs listed_{0, 0};
  Endless row_{};
  std::vector<EndlessRow> seen_;
};

}  // namespace

void run(const by::Endless& numbers, const Call& call, Share& share) {
  walk(EndlessWalker(numbers, call, share), call.plan.schedule, share);
}

}  // namespace tilepool
