// Scanned: windows of four taps and more down a column, more than twice their stride, are put together from suffixes
// and prefixes of blocks (van Herk 1992, Gil and Werman 1993): the cost does not grow with the window.
#include <cassert>

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
    const auto [buffer, space, running, slots, sums] =
        reserve({1, together, 1, numbers_.slots, Cascade::rows(numbers_.levels)}, alignment());
    buffer_ = buffer;
    space_ = space;
    running_ = running;
    first_slot_ = slots;
    cascade_.start(sums, pitch(), numbers_.levels);
    fill_borders(buffer_);
    fill_borders(running_);
    for (std::int64_t i = 0; i < numbers_.slots; ++i) fill_borders(slot(i));
  }

  void pool(std::int64_t from, std::int64_t to) {
    const Windows& windows = schedule_.column.windows;
    for (std::int64_t o = from, end; o < to; o = end) {
      const Block block(windows, o, std::min(to, o + numbers_.slots));
      end = block.end();
      assert(end > o && end - o <= numbers_.slots);
      for (std::int64_t k = o; k < end; ++k) {
        if (windows.at(k).count == 0) fill(slot(k - o), accumulators());
      }
      if (numbers_.levels > 0) {
        scan_in_pairs(o, block);
      } else if (numbers_.row_by_row) {
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
        block, [&](std::int64_t row) { cursor_.each_plane(row, [&](const char* tap) { lists_.row(tap); }); },
        [&](std::int64_t output) { return slot(output - from) + border_bytes(); });
    kernel_.scan_rows(lists_.halves().front(), cursor_.elements(), kernel_.keying);
    patience_.spend(lists_.row_count() * cursor_.elements());
    for (std::int64_t o = from, next; o < block.end(); o = next) {
      next = std::min(block.end(), o + numbers_.together);
      finish_rows(slot(o - from), space_, o, next);
    }
  }

  /// The same row by row: hardware prefetchers follow rows, and each is finished while it lies in the first-level
  /// cache.
  void scan_rows(std::int64_t from, const Block& block) {
    const std::int64_t before = border_bytes(), elements = cursor_.elements(), border = block.border();
    const char* start = nullptr;
    const auto step = [&](char* target, const char* other) {
      prepare_listed(elements);
      kernel_.scan_row({start, rows_.data(), listed(), target + before, other, buffer_ + before}, elements,
                       kernel_.keying);
      patience_.spend((listed() + 1) * elements);
      rows_.clear();
      start = target + before;
    };
    rows_.clear();
    block.walk(
        [&](std::int64_t row, bool) {
          cursor_.each_plane(row, [&](const char* tap) {
            if (listed() == most_at_once()) step(running_, nullptr);
            rows_.push_back(tap);
          });
        },
        [&](std::int64_t o, bool seen) {
          if (seen) step(slot(o - from), nullptr);
        },
        [&] { start = nullptr; },
        [&](std::int64_t o, bool seen) {
          const char* whole = slot(o - from);
          if (seen) {
            step(running_, border > 0 ? whole + before : nullptr);
            whole = border > 0 ? buffer_ : running_;
          }
          finish_rows(whole, space_, o, o + 1);
        });
  }

  /// Row by row again, for sums of more rows than may be added up one after the other: what is seen of a block is the
  /// sum of whole blocks of a cascade, `running_`, and that of the block at hand.
  void scan_in_pairs(std::int64_t from, const Block& block) {
    begin_sum();
    block.walk([&](std::int64_t row, bool) { add_row(row); },
               [&](std::int64_t o, bool seen) {
                 if (seen) write_sum(slot(o - from), nullptr);
               },
               [&] { begin_sum(); },
               [&](std::int64_t o, bool seen) {
                 const char* whole = slot(o - from);
                 if (seen) {
                   write_sum(buffer_, block.border() > 0 ? whole : nullptr);
                   whole = buffer_;
                 }
                 finish_rows(whole, space_, o, o + 1);
               });
  }

  void begin_sum() {
    cascade_.clear();
    rows_.clear();
    in_block_ = 0;
    has_blocks_ = false;
  }

  void add_row(std::int64_t row) {
    cursor_.each_plane(row, [&](const char* tap) {
      if (listed() == most_at_once()) add_listed();
      rows_.push_back(tap);
      if (in_block_ + listed() < Cascade::block_rows) return;
      add_listed();
      cascade_.add_block(kernel_, cursor_.elements());
      cascade_.total(kernel_, running_, cursor_.elements());
      has_blocks_ = true;
      in_block_ = 0;
    });
  }

  void add_listed() {
    if (rows_.empty()) return;
    patience_.spend((listed() + 1) * cursor_.elements());
    const std::int64_t count = listed();
    fold_listed(cascade_.block(), in_block_ > 0 ? cascade_.block() : nullptr, cursor_.elements());
    in_block_ += count;
    rows_.clear();
  }

  /// What has been seen, added to `start` if there is one.
  void write_sum(char* target, const char* start) {
    add_listed();
    const void* parts[2];
    std::int64_t count = 0;
    if (has_blocks_) parts[count++] = running_;
    if (in_block_ > 0) parts[count++] = cascade_.block();
    const std::int64_t before = border_bytes();
    kernel_.fold_rows(target + before, start != nullptr ? start + before : nullptr, parts, count, cursor_.elements(),
                      {}, {});
    patience_.spend(cursor_.elements());
  }

  const by::Scanned numbers_;
  const char* const input_;
  char *buffer_ = nullptr, *space_ = nullptr;  // a whole window; for finishing
  char* running_ = nullptr;                    // row by row: what is seen of the next block
  char* first_slot_ = nullptr;                 // the output rows of a block
  ScanLists lists_;
  Cascade cascade_;
  std::int64_t in_block_ = 0;  // rows in the cascade's block
  bool has_blocks_ = false;    // whether `running_` has whole ones
};

}  // namespace

void run(const by::Scanned& numbers, const Call& call, Share& share) {
  walk(Scanned(numbers, call, share), call.plan.schedule, share);
}

}  // namespace tilepool
