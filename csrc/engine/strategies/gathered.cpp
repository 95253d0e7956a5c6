// Gathered: more rows than direct loops take, which no two output rows share, are combined in a buffer.
#include "buffered.hpp"

namespace tilepool {
namespace {

class Gathered : public BufferedWalker {
 public:
  Gathered(const by::Gathered& numbers, const Call& call, const Share& share)
      : BufferedWalker(call, share), piece_(numbers.piece), levels_(numbers.levels), flows_(numbers.flows) {}

  void enter_tile() {
    choose_fetches();
    together_ = together();
    const auto [buffer, space, sums] = reserve({together_, std::max(together_, flow_rows()), Cascade::rows(levels_)});
    buffer_ = buffer;
    space_ = space;
    cascade_.start(sums, pitch(), levels_);
    for (std::int64_t line = 0; line < together_; ++line) fill_borders(buffer_ + line * pitch());
  }

  void pool(std::int64_t from, std::int64_t to) {
    const bool flows = flows_ && cursor_.tile().spans.size() == 1;
    for (std::int64_t o = from; o < to;) o = flows ? flow(o) : pool_some(o, to);
  }

 private:
  /// The loops ask for later rows while they combine those that lie in the array.
  bool loops_fetch() const { return fetches() && !prepares(); }

  /// Of short rows some are combined in a call: half a first-level cache of them, and less where the next rows should
  /// be on their way while these are computed.
  std::int64_t together() const {
    const std::int64_t together_bytes = fetches() && !loops_fetch() ? 1 << 10 : 8 << 10;
    const RowTile& tile = cursor_.tile();
    const std::int64_t row_bytes = pitch_of(tile.along.width * schedule_.inner * acc_size_);
    return std::clamp<std::int64_t>(together_bytes / row_bytes, 1, schedule_.column.windows.outputs());
  }

  /// As many rows as have the space in which one flows by.
  std::int64_t flow_rows() const {
    if (!flows_) return 0;
    const std::int64_t row_bytes = cursor_.tile().along.width * acc_size_;
    return flow_bytes(schedule_.row.windows.kernel(), acc_size_) / row_bytes + 1;
  }

  /// Output row `o`, of the row itself where that has no border; returns the one behind it.
  std::int64_t flow(std::int64_t o) {
    const RowTile& tile = cursor_.tile();
    const Window window = schedule_.column.windows.at(o);
    if (window.count == 0) return pool_some(o, o + 1);
    rows_.clear();
    cursor_.each_row(window, 0, 1, [&](const char* row) { rows_.push_back(row); });
    if (tile.input_width < tile.along.width) {
      fold_listed(buffer_ + border_bytes(), nullptr, cursor_.elements());
      rows_[0] = buffer_;
    }
    finish(o, 1, cursor_.divisor(o), [&](double divisor, void* out, const Lines&) {
      kernel_.pool_flow(tile.along, rows_[0], space_, divisor, out);
    });
    patience_.spend(2 * cursor_.elements());
    return o + 1;
  }

  /// Output rows from `o` on; returns the one behind them.
  std::int64_t pool_some(std::int64_t o, std::int64_t to) {
    const Window window = schedule_.column.windows.at(o);
    const std::int64_t planes = cursor_.taps().count();
    Lines lines{1, 0, pitch()};
    if (piece_ == 0 && levels_ == 0 && saturating_mul(window.count, planes + 1) <= most_listed &&
        window.count * planes <= most_at_once()) {
      rows_.resize(static_cast<std::size_t>(window.count * planes));
      const void** next = rows_.data();
      cursor_.each_row(window, 0, window.count, [&](const char* row) { *next++ = row; });
      if (together_ > 1) lines = lines_alike(o, to, together_, pitch());
      if (loops_fetch()) {
        lines.ahead = ahead();
      } else {
        fetch_ahead(window, lines.count);
      }
      fold_listed(buffer_ + border_bytes(), nullptr, cursor_.elements(), lines);
    } else {
      if (planes <= most_listed) fetch_ahead(window, 1);
      fold_parts(window, std::max<std::int64_t>(1, most_listed / (planes + 1)));
    }
    finish_rows(buffer_, space_, o, o + lines.count, listed() + 1);
    return o + lines.count;
  }

  /// So many taps of the column on all planes, then the next ones: the order of these parts is part of the result.
  void fold_parts(const Window& window, std::int64_t part) {
    const auto each = [&](const auto& take) {
      for (std::int64_t t = 0; t < window.count; t += part) {
        cursor_.each_row(window, t, std::min(window.count, t + part), take);
      }
    };
    if (piece_ > 0) {
      fold_pieces(each);
    } else {
      fold_all(buffer_ + border_bytes(), nullptr, cursor_.elements(), each);
    }
  }

  /// Combines the pieces of each row.
  template <class Each>
  void fold_pieces(const Each& each) {
    const std::int64_t pixels = schedule_.row.windows.at(0).count, pieces = pixels / piece_, rest = pixels % piece_;
    const std::int64_t bytes = piece_ * schedule_.row.input_stride;
    fold_all(buffer_, nullptr, cursor_.elements(), [&](const auto& take) {
      each([&](const char* row) {
        for (std::int64_t i = 0; i < pieces; ++i) take(row + i * bytes);
      });
    });
    if (rest == 0) return;
    fold_all(buffer_, buffer_, rest * schedule_.inner,
             [&](const auto& take) { each([&](const char* row) { take(row + pieces * bytes); }); });
  }

  template <class List>
  void fold_all(char* target, const char* start, std::int64_t elements, const List& list) {
    if (levels_ == 0) return fold(target, start, elements, list);
    if (start == nullptr) return fold_in_pairs(cascade_, target, elements, list);
    fold_in_pairs(cascade_, space_, elements, list);
    const void* const sum = space_;
    kernel_.fold_rows(target, start, &sum, 1, elements, {}, {});
  }

  const std::int64_t piece_;
  const int levels_;
  const bool flows_;
  std::int64_t together_ = 1;  // rows of the buffer
  Cascade cascade_;
  char *buffer_ = nullptr, *space_ = nullptr;
};

}  // namespace

void run(const by::Gathered& numbers, const Call& call, Share& share) {
  walk(Gathered(numbers, call, share), call.plan.schedule, share);
}

}  // namespace tilepool
