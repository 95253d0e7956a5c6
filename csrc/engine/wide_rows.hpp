// Sums of short integers over more taps than their accumulators hold: rows go on as int64.
#pragma once

#include <cstdint>

#include "../table.hpp"

namespace tilepool {

/// Makes one row of int64 of some rows of short integers: their sum, in the accumulators of their type, which holds
/// that of `most_rows` elements, and then in 64 bits.
class WideRows {
 public:
  static constexpr std::int64_t most_rows = 1024;  // of uint16 in 32 bits, of uint32 in 64

  WideRows(const Table& table, DType dtype)
      : sums_(table.kernels[sum][static_cast<int>(dtype)]),
        narrow_(table.kernels[sum][static_cast<int>(DType::int32)]),
        is_short_(acc_size(Op::sum, dtype) == 4) {}

  /// In bytes: both rows of n elements.
  static std::int64_t bytes(std::int64_t n) { return 12 * n + 2 * buffer_slack; }

  /// Returns the sum of the rows, which lies in `space`.
  const void* operator()(const void* const* rows, std::int64_t count, std::int64_t n, char* space) const {
    char* const short_sums = space + 8 * n + buffer_slack;
    if (!is_short_) {
      sums_.fold_rows(space, nullptr, rows, count, n, {});
      return space;
    }
    sums_.fold_rows(short_sums, nullptr, rows, count, n, {});
    const Span span{0, n, 0, 1, 1};
    const Along each_by_itself{1, 1, 1, n, false, false, {}, {}, &span, 1};
    const void* const row = short_sums;
    narrow_.pool_rows(each_by_itself, &row, 1, 1, space, {});
    return space;
  }

 private:
  static constexpr int sum = static_cast<int>(Op::sum);
  const Kernel &sums_, &narrow_;
  const bool is_short_;
};

}  // namespace tilepool
