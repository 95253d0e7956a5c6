// Rows of accumulators, with borders if need be, that are pooled along themselves when they are complete.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "../wide_rows.hpp"
#include "walker.hpp"

namespace tilepool {

class BufferedWalker : public Walker {
 public:
  BufferedWalker(const Call& call, const Share& share) : Walker(call, share), acc_size_(acc_size(form_)) {
    if (form_.wide) wide_rows_.emplace(call.table, form_.dtype);
  }

 protected:
  /// Sets the pitch of the tile, and returns memory for the given numbers of rows, each number by itself: `rows[i]`
  /// begins at the i-th result. It starts so many bytes behind a cache line.
  template <std::size_t N>
  std::array<char*, N> reserve(const std::int64_t (&rows)[N], std::int64_t alignment = 0) {
    pitch_ = pitch_of(cursor_.tile().along.width * schedule_.inner * acc_size_);
    const auto bytes = [&](std::int64_t count) { return (count * pitch_ + buffer_slack + 63) / 64 * 64; };
    std::int64_t total = 64 + (form_.wide ? WideRows::bytes(cursor_.elements()) : 0);
    for (const std::int64_t count : rows) total += bytes(count);
    char* memory = scratch_.at_least(static_cast<std::size_t>(total)) + alignment;
    std::array<char*, N> result;
    for (std::size_t i = 0; i < N; ++i) {
      result[i] = memory;
      memory += bytes(rows[i]);
    }
    wide_row_ = memory;
    return result;
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
  void fill(char* target, std::int64_t n) const { kernel_.fold_rows(target, nullptr, nullptr, 0, n, {}); }

  /// The listed rows as the kernels take them.
  void widen_listed(std::int64_t elements) {
    if (rows_.empty()) return;
    rows_.assign(1, (*wide_rows_)(rows_.data(), listed(), elements, wide_row_));
  }

  /// Combines rows of so many elements in `target`, after `start` if there is one, and in parts where they are many:
  /// list(take) calls take(row) for each.
  template <class List>
  void fold(char* target, const char* start, std::int64_t elements, const List& list) {
    rows_.clear();
    list([&](const char* row) {
      rows_.push_back(row);
      if (listed() < most_listed) return;
      patience_.spend(most_listed * elements);
      fold_listed(target, start, elements);
      start = target;
      rows_.clear();
    });
    if (start == nullptr || !rows_.empty()) fold_listed(target, start, elements);
  }

  [[gnu::always_inline]] void fold_listed(char* target, const char* start, std::int64_t elements) {
    if (wide_rows_) widen_listed(elements);
    kernel_.fold_rows(target, start, rows_.data(), listed(), elements, {});
  }

  /// Pools the rows of accumulators of outputs [from, to) along themselves. `space` is for as many rows. Each was
  /// `work` times as many operations as it has elements.
  void finish(const char* rows, char* space, std::int64_t from, std::int64_t to, std::int64_t work = 1) {
    const bool differ = form_.averages && form_.divisor == 0;
    for (std::int64_t o = from; o < to;) {
      const double common = cursor_.divisor(o);
      std::int64_t end = differ ? o + 1 : to;
      while (end < to && cursor_.divisor(end) == common) ++end;
      kernel_.pool_buffer(cursor_.tile().along, rows + (o - from) * pitch_, space, common, cursor_.target(o),
                          {end - o, pitch_, schedule_.column.result_stride});
      o = end;
    }
    patience_.spend((to - from) * cursor_.elements() * work);
  }

  const std::int64_t acc_size_;

 private:
  std::optional<const WideRows> wide_rows_;
  std::int64_t pitch_ = 0;    // bytes of a row
  char* wide_row_ = nullptr;  // where wide rows are made
};

}  // namespace tilepool
