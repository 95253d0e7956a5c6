// Rows of accumulators, with borders if need be, that are pooled along themselves when they are complete.
#pragma once

#include <array>
#include <cstddef>

#include "../cascade.hpp"
#include "walker.hpp"

namespace tilepool {

class BufferedWalker : public Walker {
 public:
  BufferedWalker(const Call& call, const Share& share) : Walker(call, share), acc_size_(acc_size(form_)) {}

 protected:
  /// Sets the pitch of the tile, and returns memory for the given numbers of rows, each number by itself: `rows[i]`
  /// begins at the i-th result. It starts so many bytes behind a cache line.
  template <std::size_t N>
  std::array<char*, N> reserve(const std::int64_t (&rows)[N], std::int64_t alignment = 0) {
    pitch_ = pitch_of(cursor_.tile().along.width * schedule_.inner * acc_size_);
    std::array<std::int64_t, N> sizes;
    for (std::size_t i = 0; i < N; ++i) sizes[i] = rows[i] * pitch_;
    return reserve_bytes(sizes, alignment);
  }

  std::int64_t pitch() const { return pitch_; }
  std::int64_t accumulators() const { return pitch_ / acc_size_; }  // of a row

  /// Bytes from the start of a buffered row to what the first pixel of the input becomes.
  std::int64_t border_bytes() const { return cursor_.tile().before * schedule_.inner * acc_size_; }

  /// Rows are written between the borders, which stay.
  void fill_borders(char* row) const {
    if (!schedule_.row_loop.bordered) return;
    const RowTile& tile = cursor_.tile();
    const std::int64_t seen = tile.before + tile.input_width;
    fill(row, tile.before * schedule_.inner);
    fill(row + seen * schedule_.inner * acc_size_, (tile.along.width - seen) * schedule_.inner);
  }

  /// Fills n accumulators with the identity.
  void fill(char* target, std::int64_t n) const {
    kernel_.fold_rows(target, nullptr, nullptr, 0, n, {}, kernel_.keying);
  }

  /// Combines rows of so many elements in `target`, after `start` if there is one, and in parts where they are many:
  /// list(take) calls take(row) for each.
  template <class List>
  void fold(char* target, const char* start, std::int64_t elements, const List& list) {
    rows_.clear();
    const std::int64_t most = most_at_once();
    list([&](const char* row) {
      rows_.push_back(row);
      if (listed() < most) return;
      patience_.spend(most * elements);
      fold_listed(target, start, elements);
      start = target;
      rows_.clear();
    });
    if (start == nullptr || !rows_.empty()) fold_listed(target, start, elements);
  }

  /// The same for so many rows that they are added up in pairs.
  template <class List>
  void fold_in_pairs(Cascade& cascade, char* target, std::int64_t elements, const List& list) {
    cascade.clear();
    const std::int64_t most = std::min(most_at_once(), Cascade::block_rows);
    std::int64_t block_rows = 0;
    const char* start = nullptr;
    const auto end_part = [&] {
      patience_.spend(listed() * elements);
      fold_listed(cascade.block(), start, elements);
      start = cascade.block();
      rows_.clear();
    };
    const auto end_block = [&] {
      if (!rows_.empty()) end_part();
      cascade.add_block(kernel_, elements);
      start = nullptr;
      block_rows = 0;
    };
    rows_.clear();
    list([&](const char* row) {
      rows_.push_back(row);
      if (++block_rows == Cascade::block_rows) return end_block();
      if (listed() == most) end_part();
    });
    if (block_rows > 0) end_block();
    cascade.total(kernel_, target, elements);
  }

  [[gnu::always_inline]] void fold_listed(char* target, const char* start, std::int64_t elements,
                                          const Lines& lines = {}) {
    if (kernel_.prepare != nullptr && start == nullptr && listed() == 1) {
      return maker_.make(target, rows_[0], elements);
    }
    prepare_listed(elements);
    kernel_.fold_rows(target, start, rows_.data(), listed(), elements, lines, kernel_.keying);
  }

  /// Pools the rows of accumulators of outputs [from, to) along themselves. `space` is for as many rows. Each was
  /// `work` times as many operations as it has elements.
  void finish_rows(const char* rows, char* space, std::int64_t from, std::int64_t to, std::int64_t work = 1) {
    const bool differ = form_.averages && form_.divisor == 0;
    for (std::int64_t o = from; o < to;) {
      const double common = cursor_.divisor(o);
      const std::int64_t most = std::min(to, o + std::min(to - o, most_finished()));
      std::int64_t end = differ ? o + 1 : most;
      while (end < most && cursor_.divisor(end) == common) ++end;
      finish(o, end - o, common, [&](double divisor, void* out, Lines lines) {
        lines.read_step = pitch_;
        kernel_.pool_buffer(cursor_.tile().along, rows + (o - from) * pitch_, space, divisor, out, lines,
                            kernel_.keying);
      });
      o = end;
    }
    patience_.spend((to - from) * cursor_.elements() * work);
  }

  const std::int64_t acc_size_;

 private:
  std::int64_t pitch_ = 0;  // bytes of a row
};

}  // namespace tilepool
