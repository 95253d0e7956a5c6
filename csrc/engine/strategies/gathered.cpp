// Gathered: more rows than direct loops take, which no two output rows share, are combined in a buffer.
#include "buffered.hpp"

namespace tilepool {
namespace {

class Gathered : public BufferedWalker {
 public:
  Gathered(const by::Gathered& numbers, const Call& call, const Share& share)
      : BufferedWalker(call, share), piece_(numbers.piece) {}

  void enter_tile() {
    const auto [buffer, space] = reserve({1, 1});
    buffer_ = buffer;
    space_ = space;
    fill_borders(buffer_);
  }

  void pool(std::int64_t from, std::int64_t to) {
    for (std::int64_t o = from; o < to; ++o) pool(o);
  }

 private:
  void pool(std::int64_t o) {
    const Windows& windows = schedule_.column.windows;
    const Window window = windows.at(o);
    if (windows.stride() > 1) fetch_ahead(cursor_.tile().input_width * schedule_.row.input_stride, window, 1);
    // Some taps of the column on all lines, then the next ones: the order of these parts is part of the result.
    const std::int64_t part = std::max<std::int64_t>(1, most_listed / (cursor_.taps().count() + 1));
    const auto each = [&](const auto& take) {
      for (std::int64_t t = 0; t < window.count; t += part) {
        cursor_.each_row(window, t, std::min(window.count, t + part), take);
      }
    };
    if (piece_ > 0) {
      fold_pieces(each);
    } else {
      fold(buffer_ + border_bytes(), nullptr, cursor_.elements(), each);
    }
    finish(buffer_, space_, o, o + 1);
  }

  /// Combines the pieces of each row.
  template <class Each>
  void fold_pieces(const Each& each) {
    const std::int64_t pixels = schedule_.row.windows.at(0).count, pieces = pixels / piece_, rest = pixels % piece_;
    const std::int64_t bytes = piece_ * schedule_.row.input_stride;
    fold(buffer_, nullptr, cursor_.elements(), [&](const auto& take) {
      each([&](const char* row) {
        for (std::int64_t i = 0; i < pieces; ++i) take(row + i * bytes);
      });
    });
    if (rest == 0) return;
    fold(buffer_, buffer_, rest * schedule_.inner,
         [&](const auto& take) { each([&](const char* row) { take(row + pieces * bytes); }); });
  }

  const std::int64_t piece_;
  char *buffer_ = nullptr, *space_ = nullptr;
};

}  // namespace

void run(const by::Gathered& numbers, const Call& call, Share& share) {
  walk(Gathered(numbers, call, share), call.plan.schedule, share);
}

}  // namespace tilepool
