// Endless: windows of 3 or 5 taps at stride 1 that keep the width of the rows of dense planes: a plane is one row.
#include <cstring>

#include "walker.hpp"

namespace tilepool {
namespace {

class EndlessWalker : public Walker {
 public:
  EndlessWalker(const by::Endless& numbers, const Call& call, const Share& share)
      : Walker(call, share), crosses_planes_(numbers.crosses_planes), most_planes_(numbers.planes) {}

  void enter_tile() {
    if (!prepares()) return;
    const Windows& windows = schedule_.column.windows;
    const std::int64_t row_bytes = schedule_.row.windows.outputs() * maker_.size(), reach = windows.extent(1);
    together_ = std::max<std::int64_t>(1, prepared_bytes / (row_bytes * most_planes_) - reach);
    piece_bytes_ = (together_ + reach) * row_bytes;
    const auto [pieces, results] = reserve_bytes(std::array<std::int64_t, 2>{
        piece_bytes_ * most_planes_, together_ * schedule_.row.windows.outputs() * acc_size(form_)});
    pieces_ = pieces;
    results_ = results;
    made_ = {};
  }

  void pool(std::int64_t from, std::int64_t to) {
    for (std::int64_t o = from, next; o < to; o = next) {
      next = o + std::min(to - o, together_);
      pool_part(o, next);
    }
  }

 private:
  static constexpr std::int64_t prepared_bytes = 32 << 10;  // of a plane

  void pool_part(std::int64_t from, std::int64_t to) {
    const std::int64_t n = (to - from) * schedule_.row.windows.outputs();
    if (crosses_planes_ || listed_.begin != from || listed_.end != to) list(from, to);
    const char* plane = cursor_.at(cursor_.taps().first());
    if (prepares()) plane = prepared(from, to);
    void* const out = kernel_.finish == nullptr ? cursor_.target(from) : results_;
    kernel_.pool_endless(row_, plane, seen_.data(), static_cast<std::int64_t>(seen_.size()), out, n, kernel_.keying);
    if (kernel_.finish != nullptr) kernel_.finish(cursor_.target(from), out, n, row_.divisor, form_.to_integer);
    patience_.spend(static_cast<std::int64_t>(seen_.size()) * n);
  }

  /// The rows that output rows [from, to) see on each plane, prepared: those that the rows before have seen, too, are
  /// there. Returns where the first plane would begin.
  const char* prepared(std::int64_t from, std::int64_t to) {
    const Windows& windows = schedule_.column.windows;
    const std::int64_t width = schedule_.row.windows.outputs();
    const std::int64_t begin = std::clamp<std::int64_t>(windows.start(from), 0, windows.input());
    const std::int64_t end = std::clamp<std::int64_t>(windows.stop(to - 1), begin, windows.input());
    const std::int64_t row_bytes = width * maker_.size(), source_bytes = width * info_of(form_.dtype).size;
    const char* const first = cursor_.at(cursor_.taps().first());
    const std::int64_t planes = cursor_.taps().count();
    const bool goes_on = made_.first == first && made_.planes == planes && made_.begin <= begin && begin < made_.end;
    const std::int64_t there = goes_on ? std::min(end, made_.end) : begin;
    char* piece = pieces_;
    cursor_.taps().each([&](const Place& place) {
      if (there > begin && begin > made_.begin) {
        std::memmove(piece, piece + (begin - made_.begin) * row_bytes,
                     static_cast<std::size_t>((there - begin) * row_bytes));
      }
      if (there < end) {
        maker_.make(piece + (there - begin) * row_bytes, cursor_.at(place) + there * source_bytes,
                    (end - there) * width);
      }
      piece += piece_bytes_;
    });
    made_ = {first, planes, begin, end};
    return pieces_ - begin * row_bytes;
  }

  /// What output rows [from, to) see: the same on all planes, unless windows go through several of them.
  void list(std::int64_t from, std::int64_t to) {
    const Windows& windows = schedule_.column.windows;
    const std::int64_t width = schedule_.row.windows.outputs(), n = (to - from) * width;
    const std::int64_t size = info_of(form_.dtype).size;
    listed_ = {from, to};
    // What is prepared lies in a buffer, behind whose end vectors may go on.
    const std::int64_t readable = prepares() ? buffer_slack / maker_.size() : 0;
    row_ = {width, schedule_.row.windows.kernel(), 0, n + readable,
            cursor_.divisor(from) * cursor_.tile().spans[0].divisor};
    seen_.clear();
    for (std::int64_t t = 0; t < windows.kernel(); ++t) {
      const std::int64_t above = windows.start(from) + t * windows.step();
      const std::int64_t begin = std::max<std::int64_t>(0, -above * width);
      const std::int64_t end = std::min(n, (windows.input() - above) * width);
      row_.begin = std::max(row_.begin, begin);
      row_.end = std::min(row_.end, end == n ? n + readable : end);
      std::int64_t plane = 0;
      cursor_.taps().each([&](const Place& place) {
        const std::int64_t elements = (place.bytes - cursor_.taps().first().bytes) / size;
        const std::int64_t prepared = plane++ * (piece_bytes_ / maker_.size());
        seen_.push_back({(prepares() ? prepared : elements) + above * width, begin, end});
      });
    }
  }

  const bool crosses_planes_;
  const std::int64_t most_planes_;
  // Where rows are prepared: output rows at a time, bytes of what they see of each plane, and where it lies.
  std::int64_t together_ = most_int64, piece_bytes_ = 0;
  char *pieces_ = nullptr, *results_ = nullptr;
  struct {
    const char* first = nullptr;  // plane
    std::int64_t planes = 0, begin = 0, end = 0;
  } made_;  // rows that lie in the pieces
  Outputs listed_{0, 0};
  Endless row_{};
  std::vector<EndlessRow> seen_;
};

}  // namespace

void run(const by::Endless& numbers, const Call& call, Share& share) {
  walk(EndlessWalker(numbers, call, share), call.plan.schedule, share);
}

}  // namespace tilepool
