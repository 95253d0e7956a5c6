// Framed: windows at stride 1 on planes that fit the first-level cache: the plane is copied into a frame of identity
// cells, and the columns of the whole block are combined at once, without row ends.
#include "buffered.hpp"

namespace tilepool {
namespace {

class Framed : public BufferedWalker {
 public:
  Framed(const by::Framed& numbers, const Call& call, const Share& share)
      : BufferedWalker(call, share), numbers_(numbers) {}

  void enter_tile() {
    const auto [block, widened, space] = reserve({numbers_.rows, numbers_.rows, numbers_.rows});
    block_ = block;
    widened_ = widened;
    space_ = space;
    fill(block_, numbers_.rows * accumulators());
  }

  void pool(std::int64_t from, std::int64_t to) {
    const Windows& windows = schedule_.column.windows;
    const std::int64_t start = windows.start(from), stop = windows.stop(to - 1);
    copy(std::max<std::int64_t>(0, start), std::min(windows.input(), stop));
    const std::int64_t cells = accumulators(), kernel = windows.kernel();
    kernel_.widen(widened_, row(start), stop - start, cells,
                  {kernel, windows.step() * cells, numbers_.in_blocks, from * windows.stride() % kernel, 0, 0});
    finish_rows(widened_, space_, from, to);
  }

 private:
  char* row(std::int64_t row) const { return block_ + (numbers_.above + row) * pitch(); }

  /// Rows [first, last), of all planes, go where they lie in the plane.
  void copy(std::int64_t first, std::int64_t last) {
    char* const target = row(first) + border_bytes();
    const std::int64_t elements = cursor_.elements();
    if (prepares() && cursor_.taps().count() == 1 &&
        schedule_.column.input_stride == elements * info_of(form_.dtype).size) {  // one piece, made where there is room
      const char* const from = cursor_.at(cursor_.taps().first()) + first * schedule_.column.input_stride;
      maker_.make(widened_, from, (last - first) * elements);
      const void* const made = widened_;
      kernel_.fold_rows(target, nullptr, &made, 1, elements, {last - first, elements * maker_.size(), pitch()},
                        kernel_.keying);
      return;
    }
    if (!prepares() && cursor_.taps().count() <= most_listed) {
      rows_.clear();
      cursor_.each_plane(first, [&](const char* tap) { rows_.push_back(tap); });
      kernel_.fold_rows(target, nullptr, rows_.data(), listed(), elements,
                        {last - first, schedule_.column.input_stride, pitch()}, kernel_.keying);
      return;
    }
    for (std::int64_t r = first; r < last; ++r) {
      fold(target + (r - first) * pitch(), nullptr, elements, [&](const auto& take) { cursor_.each_plane(r, take); });
    }
  }

  const by::Framed numbers_;
  char *block_ = nullptr, *widened_ = nullptr, *space_ = nullptr;
};

}  // namespace

void run(const by::Framed& numbers, const Call& call, Share& share) {
  walk(Framed(numbers, call, share), call.plan.schedule, share);
}

}  // namespace tilepool
