// Scanned: windows of four taps and more down a column, more than twice their stride, are put together from suffixes
// and prefixes of blocks (van Herk 1992, Gil and Werman 1993): the cost does not grow with the window.
#include "buffered.hpp"
#include "scan_lists.hpp"

namespace tilepool {
namespace {

class Scanned : public BufferedWalker {
 public:
  Scanned(const by::Scanned& numbers, const Call& call, const Share& share)
      : BufferedWalker(call, share), numbers_(numbers), input_(static_cast<const char*>(call.input)) {}

  void enter_tile() {
    const std::int64_t together = numbers_.together;
    const auto [buffer, space, running, slots] = reserve({1, together, 1, numbers_.slots}, alignment());
    buffer_ = buffer;
    space_ = space;
    running_ = running;
    first_slot_ = slots;
    fill_borders(buffer_);
    fill_borders(running_);
    for (std::int64_t i = 0; i < numbers_.slots; ++i) fill_borders(slot(i));
  }

  void pool(std::int64_t from, std::int64_t to) {
    const Windows& windows = schedule_.column.windows;
    for (std::int64_t o = from, end; o < to; o = end) {
      const Block block(windows, o, std::min(to, o + numbers_.slots));
      end = block.end;
      for (std::int64_t k = o; k < end; ++k) {
        if (windows.at(k).count == 0) fill(slot(k - o), accumulators());
      }
      if (numbers_.row_by_row) {
        scan_rows(o, block);
      } else {
        scan_columns(o, block);
      }
    }
  }

 private:
  char* slot(std::int64_t index) const { return first_slot_ + index * pitch(); }

  /// Bytes beyond a cache line at which buffers start, so that rows of whole cache lines lie in them as they do in the
  /// input: what is aligned there is aligned here. (Arrays of numpy start 16 bytes behind a page.)
  std::int64_t alignment() const {
    constexpr std::int64_t cache_line = 64;
    if (acc_size_ != info_of(form_.dtype).size) return 0;
    const char* const row = input_ + cursor_.tile().input_begin * schedule_.row.input_stride;
    const auto beyond = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(row) % cache_line);
    return (beyond + cache_line - border_bytes() % cache_line) % cache_line;
  }

  /// The outputs from `from` on that start in a block, some columns at a time: running combinations stay in registers.
  void scan_columns(std::int64_t from, const Block& block) {
    lists_.clear();
    lists_.add_block(
        schedule_.column.windows, from, block,
        [&](std::int64_t row) { cursor_.each_line(row, [&](const char* tap) { lists_.row(tap); }); },
        [&](std::int64_t output) { return slot(output - from) + border_bytes(); });
    kernel_.scan_rows(lists_.halves().front(), cursor_.elements());
    patience_.spend(lists_.row_count() * cursor_.elements());
    for (std::int64_t o = from, next; o < block.end; o = next) {
      next = std::min(block.end, o + numbers_.together);
      finish(slot(o - from), space_, o, next);
    }
  }

  /// The same row by row: hardware prefetchers follow rows, and each is finished while it lies in the first-level
  /// cache.
  void scan_rows(std::int64_t from, const Block& block) {
    const Windows& windows = schedule_.column.windows;
    const std::int64_t before = border_bytes(), elements = cursor_.elements();
    const auto inside = [&](std::int64_t row) { return std::clamp<std::int64_t>(row, 0, windows.input()); };
    const std::int64_t border = inside(block.border);
    const char* start = nullptr;
    const auto step = [&](char* target, const char* other) {
      if (form_.wide) widen_listed(elements);
      kernel_.scan_row({start, rows_.data(), listed(), target + before, other, buffer_ + before}, elements);
      patience_.spend((listed() + 1) * elements);
      rows_.clear();
      start = target + before;
    };
    const auto list_row = [&](std::int64_t row, char* target) {
      cursor_.each_line(row, [&](const char* tap) {
        if (listed() == most_listed) step(target, nullptr);
        rows_.push_back(tap);
      });
    };

    rows_.clear();
    std::int64_t seen = border;
    for (std::int64_t o = block.end; o-- > from;) {
      while (seen > inside(windows.start(o))) list_row(--seen, slot(o - from));
      if (seen < border) step(slot(o - from), nullptr);
    }
    start = nullptr;
    seen = border;
    for (std::int64_t o = from; o < block.end; ++o) {
      while (seen < inside(windows.stop(o))) list_row(seen++, running_);
      const char* whole = slot(o - from);
      if (seen > border) {
        step(running_, border > 0 ? whole + before : nullptr);
        whole = border > 0 ? buffer_ : running_;
      }
      finish(whole, space_, o, o + 1);
    }
  }

  const by::Scanned numbers_;
  const char* const input_;
  char *buffer_ = nullptr, *space_ = nullptr;  // a whole window; for finishing
  char* running_ = nullptr;                    // row by row: what is seen of the next block
  char* first_slot_ = nullptr;                 // the output rows of a block
  ScanLists lists_;
};

}  // namespace

void run(const by::Scanned& numbers, const Call& call, Share& share) {
  walk(Scanned(numbers, call, share), call.plan.schedule, share);
}

}  // namespace tilepool
