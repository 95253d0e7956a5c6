// Results that depend on how many cells are not left out, and NaNs that may not be there at all.
#include "pieces.hpp"

#include <algorithm>
#include <vector>

#include "cursor.hpp"
#include "scratch.hpp"

namespace tilepool {
namespace {

/// Planes that a plan pools together.
std::int64_t planes_together(const Plan& plan) {
  return std::holds_alternative<by::Bundled>(plan.schedule.strategy) ? cell_bytes / acc_size(plan.form) : 1;
}

/// The pieces that output rows are done in, in the order plane, tile, output of the column. Where there are several
/// tiles, a piece has rows of one.
class Pieces {
 public:
  explicit Pieces(const Plan& plan) : schedule_(plan.schedule) {
    constexpr std::int64_t piece_bytes = 256 << 10;  // half a second-level cache
    const Windows& column = schedule_.column.windows;
    const std::int64_t outputs = column.outputs(), all = schedule_.plane_count * schedule_.tiles * outputs;
    // Their numbers are powers of two.
    std::int64_t planes = planes_together(plan.counted == nullptr ? plan : plan.counted->values);
    if (plan.counted != nullptr) planes = std::max(planes, planes_together(plan.counted->counts));
    if (plan.whole != nullptr) planes = std::max(planes, planes_together(*plan.whole));
    flat_ = schedule_.tiles == 1;
    rows_ = piece_bytes / std::max<std::int64_t>(1, plan.form.traffic / all);
    // Windows that overlap down a column are combined from blocks of rows, each of which has to be seen as a whole.
    constexpr std::int64_t windows_beside = 8;  // one more or less matters little
    if (planes == 1 && column.kernel() > column.stride()) {
      rows_ = std::max(rows_, saturating_mul(windows_beside, column.kernel() / column.stride()));
    }
    rows_ = std::clamp<std::int64_t>(rows_, 1, flat_ ? all : outputs);
    if (planes > 1) rows_ = ((rows_ - 1) / (planes * outputs) + 1) * planes * outputs;
    if (plan.counted != nullptr && !plan.counted->alike) {  // the other rows are those of one piece
      flat_ = true;
      rows_ = all;
    }
    of_column_ = flat_ ? 0 : (outputs - 1) / rows_ + 1;
    count_ = flat_ ? (all - 1) / rows_ + 1 : all / outputs * of_column_;
    all_ = all;
  }

  std::int64_t count() const { return count_; }

  /// Those of a piece.
  Outputs rows(std::int64_t piece) const {
    if (flat_) return {piece * rows_, std::min(all_, (piece + 1) * rows_)};
    const std::int64_t outputs = schedule_.column.windows.outputs(), first = piece / of_column_ * outputs;
    const std::int64_t begin = piece % of_column_ * rows_;
    return {first + begin, first + std::min(outputs, begin + rows_)};
  }

  /// Calls visit(plane, tile, output of the column) for each of some rows.
  template <class Visit>
  void each_row(Outputs rows, const Visit& visit) const {
    const std::int64_t outputs = schedule_.column.windows.outputs();
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      const std::int64_t column = row / outputs;
      visit(column / schedule_.tiles, column % schedule_.tiles, row % outputs);
    }
  }

 private:
  const Schedule& schedule_;
  bool flat_;
  std::int64_t rows_, all_, of_column_, count_;
};

/// One thread of a call.
class PieceWalker {
 public:
  PieceWalker(const Call& call, const Pieces& pieces, const Share& share)
      : call_(call), pieces_(pieces), share_(share), cursor_(of_rows(call.plan), call.input, call.result) {}
  PieceWalker(const PieceWalker&) = delete;
  PieceWalker& operator=(const PieceWalker&) = delete;

  void pool(std::int64_t piece) {
    const Outputs rows = pieces_.rows(piece);
    const Plan& plan = call_.plan;
    if (plan.whole != nullptr && --waits_ < 0) {
      run_rows(*plan.whole, call_.result, rows);
      if (!finds_nan(rows)) {
        hopeless_ = 0;
        return;
      }
      // Where there are NaNs, there are others: attempts are further and further apart.
      waits_ = hopeless_ = std::min(4 * hopeless_ + 3, most_waits);
    }
    if (plan.counted == nullptr) {
      run_rows(plan, call_.result, rows);
    } else {
      count(*plan.counted, rows);
    }
  }

 private:
  static constexpr std::int64_t most_waits = 63;

  /// The plan whose rows those of the result are: elements of the latter may have another size.
  static const Plan& of_rows(const Plan& plan) { return plan.counted == nullptr ? plan : plan.counted->values; }

  void run_rows(const Plan& plan, void* result, Outputs rows) {
    const Call call{plan, call_.table, call_.input, result, nullptr, call_.interrupt, call_.beside};
    Outputs units = rows;
    if (std::holds_alternative<by::Bundled>(plan.schedule.strategy)) {
      const std::int64_t bundle = planes_together(plan) * plan.schedule.column.windows.outputs();
      units = {rows.begin / bundle, (rows.end - 1) / bundle + 1};
    }
    Share some(share_, units.begin, units.end);
    run(call, some);
  }

  std::int64_t row_elements() const { return cursor_.tile().spans.back().end * call_.plan.schedule.inner; }

  /// Calls visit(elements of the result before them, elements) for all of some rows: those that lie end to end at once.
  template <class Visit>
  void each_run(Outputs rows, const Visit& visit) {
    if (is_dense_) return visit(rows.begin * whole_row_, (rows.end - rows.begin) * whole_row_);
    pieces_.each_row(rows, [&](std::int64_t plane, std::int64_t tile, std::int64_t o) {
      cursor_.go(plane, tile);
      visit(cursor_.elements_before(o), row_elements());
    });
  }

  bool finds_nan(Outputs rows) {
    const DType dtype = call_.plan.form.result_dtype;
    const auto has_nan = call_.table.kernels.steps->has_nan[static_cast<std::size_t>(dtype)];
    bool found = false;
    each_run(rows, [&](std::int64_t first, std::int64_t count) {
      found = found || has_nan(static_cast<char*>(call_.result) + first * info_of(dtype).size, count);
    });
    return found;
  }

  /// Values and counts of a piece, and what is made of both.
  void count(const Counted& counted, Outputs rows) {
    const std::int64_t size = info_of(call_.plan.form.result_dtype).size;
    const std::int64_t count_size = info_of(counted.counts.form.result_dtype).size;
    std::int64_t begin = most_int64, end = 0;  // of the elements of the result among which those of the piece lie
    each_run(rows, [&](std::int64_t first, std::int64_t count) {
      begin = std::min(begin, first);
      end = std::max(end, first + count);
    });
    // Written as the result is, whose first element would lie here.
    const auto origin = [begin](char* memory, std::int64_t bytes) {
      return reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(memory) -
                                     static_cast<std::uintptr_t>(begin * bytes));
    };
    const bool rounds = counted.most_cells > 0;
    const std::int64_t value_size = rounds ? info_of(counted.values.form.result_dtype).size : size;
    const std::int64_t value_bytes = rounds ? (end - begin) * value_size : 0;
    char* const memory = scratch_.at_least(static_cast<std::size_t>(value_bytes + (end - begin) * count_size));
    char *const counts = memory + value_bytes, *const result = static_cast<char*>(call_.result);
    run_rows(counted.values, rounds ? origin(memory, value_size) : result, rows);
    const Schedule& others = counted.counts.schedule;
    const std::int64_t all = others.plane_count * others.tiles * others.column.windows.outputs();
    run_rows(counted.counts, origin(counts, count_size), counted.alike ? rows : Outputs{0, all});
    const Of of{counted, rounds ? memory : result + begin * size, counts, begin, value_size, count_size};
    if (!counted.divides) {
      each_run(rows, [&](std::int64_t first, std::int64_t n) { erase(of, first, n); });
    } else if (!pads_) {
      each_run(rows, [&](std::int64_t first, std::int64_t n) { divide(of, first, n, &none, true); });
    } else {
      divide_padded(of, rows);
    }
  }

  /// Values and counts of the elements of the result from `begin` on.
  struct Of {
    const Counted& counted;
    char *values, *counts;
    std::int64_t begin, size, count_size;
  };
  static constexpr double none = 0;

  static std::size_t log2(std::int64_t size) { return static_cast<std::size_t>(__builtin_ctzll(size)); }
  static std::size_t type_of(const Of& of) { return of.count_size == 1 ? 0 : log2(of.count_size) - 1; }

  void divide(const Of& of, std::int64_t first, std::int64_t n, const double* added, bool alike) const {
    const RowSteps& steps = *call_.table.kernels.steps;
    const std::size_t type = of.size == 4 ? 0 : 1;
    const std::int64_t at = first - of.begin;
    char* const sums = of.values + at * of.size;
    const Divisors by{of.counts + at * of.count_size, added, alike, of.counted.fewest};
    if (of.counted.most_cells == 0) return steps.divide[type][type_of(of)](sums, by, n);
    char* const to = static_cast<char*>(call_.result) + first * info_of(call_.plan.form.result_dtype).size;
    steps.divide_rounded[type][type_of(of)](to, sums, by, n, of.counted.most_cells, of.counted.to_integer);
  }

  /// Values of too few cells become those of none, or NaN.
  void erase(const Of& of, std::int64_t first, std::int64_t n) const {
    const RowSteps& steps = *call_.table.kernels.steps;
    constexpr std::int64_t most = 4096;  // bytes on the stack
    alignas(64) char enough[most];
    for (std::int64_t at = first - of.begin; n > 0; at += most, n -= most) {
      const std::int64_t count = std::min(most, n);
      steps.are_enough[type_of(of)](enough, of.counts + at * of.count_size, count, of.counted.fewest);
      char* const values = of.values + at * of.size;
      steps.keep[log2(of.size)](values, values, enough, count, nothing_);
    }
  }

  void divide_padded(const Of& of, Outputs rows) {
    const std::int64_t outputs = call_.plan.schedule.column.windows.outputs(), plane_elements = outputs * whole_row_;
    constexpr std::int64_t most_elements = 1 << 12;  // whose padding is 32 KiB
    if (is_dense_ && plane_elements <= most_elements) {
      for (std::int64_t row = rows.begin; row < rows.end;) {
        const std::int64_t next = std::min(rows.end, (row / outputs + 1) * outputs);
        const double* const added = padding_of(row / outputs) + row % outputs * whole_row_;
        divide(of, row * whole_row_, (next - row) * whole_row_, added, false);
        row = next;
      }
      return;
    }
    pieces_.each_row(rows, [&](std::int64_t plane, std::int64_t tile, std::int64_t o) {
      cursor_.go(plane, tile);
      const Seen seen = with(seen_of(plane), call_.plan.schedule.column.windows.at(o));
      const std::int64_t first = cursor_.elements_before(o);
      const std::int64_t begin = cursor_.tile().output_begin, inner = call_.plan.schedule.inner;
      const std::int64_t end = begin + cursor_.tile().spans.back().end;
      each_padding(seen, begin, end, [&](std::int64_t output, std::int64_t count, const Seen& window) {
        const std::int64_t n = count * inner;
        const double added = window.padded - window.inside;
        constexpr double most_exact = 1 << 24;  // of float32
        if (of.size == 8 || window.padded <= most_exact)
          return divide(of, first + (output - begin) * inner, n, &added, true);
        padding_.assign(static_cast<std::size_t>(n), added);
        planes_ = {};
        divide(of, first + (output - begin) * inner, n, padding_.data(), false);
      });
    });
  }

  /// Cells of a window, or of a part of it, inside the input and inside the padded one.
  struct Seen {
    double inside = 0, padded = 0;
    bool operator==(const Seen& other) const { return inside == other.inside && padded == other.padded; }
  };
  static Seen with(const Seen& seen, const Window& window) {
    return {seen.inside * static_cast<double>(window.count), seen.padded * static_cast<double>(window.size)};
  }

  /// On the outer axes.
  Seen seen_of(std::int64_t plane) const {
    Seen seen{1, 1};
    std::int64_t left = call_.plan.schedule.plane_count;
    for (const NormalAxis& axis : call_.plan.schedule.outer) {
      left /= axis.windows.outputs();
      seen = with(seen, axis.windows.at(plane / left));
      plane %= left;
    }
    return seen;
  }

  /// Calls visit(first, outputs, seen) for outputs [begin, end) of a row whose windows see `of_row` on the other axes:
  /// for those that see as many cells at once.
  template <class Visit>
  void each_padding(const Seen& of_row, std::int64_t begin, std::int64_t end, const Visit& visit) const {
    const Windows& windows = call_.plan.schedule.row.windows;
    const Outputs interior = windows.interior();
    for (std::int64_t o = begin, next; o < end; o = next) {
      const Seen seen = with(of_row, windows.at(o));
      next = o;
      do {
        next = next >= interior.begin && next < interior.end ? std::min(end, interior.end) : next + 1;
      } while (next < end && with(of_row, windows.at(next)) == seen);
      visit(o, next - o, seen);
    }
  }

  /// How many cells of the padding each element of a plane has in its window.
  const double* padding_of(std::int64_t plane) {
    const Seen seen = seen_of(plane);
    if (seen == planes_) return padding_.data();
    planes_ = seen;
    padding_.clear();
    const Windows &column = call_.plan.schedule.column.windows, &row = call_.plan.schedule.row.windows;
    for (std::int64_t o = 0; o < column.outputs(); ++o) {
      each_padding(with(seen, column.at(o)), 0, row.outputs(),
                   [&](std::int64_t, std::int64_t count, const Seen& window) {
                     padding_.insert(padding_.end(), static_cast<std::size_t>(count * call_.plan.schedule.inner),
                                     window.padded - window.inside);
                   });
    }
    return padding_.data();
  }

  /// The bits of a result of too few cells.
  static std::uint64_t nothing_bits(const NormalForm& form) {
    const bool is_float = info_of(form.result_dtype).kind == 'f';
    return is_float ? neutral_bits(Op::quantile, form.result_dtype) : neutral_bits(form.op, form.dtype);
  }

  /// Whether the rows of all planes lie end to end in the result.
  static bool is_dense(const Schedule& schedule, std::int64_t row_bytes) {
    const auto goes_on = [&](const NormalAxis& axis) {
      const bool yes = axis.windows.outputs() == 1 || axis.result_stride == row_bytes;
      row_bytes = saturating_mul(row_bytes, axis.windows.outputs());
      return yes;
    };
    return schedule.tiles == 1 && goes_on(schedule.column) &&
           std::all_of(schedule.outer.rbegin(), schedule.outer.rend(), goes_on);
  }

  const Call& call_;
  const Pieces& pieces_;
  const Share& share_;
  Cursor cursor_;
  Scratch scratch_;
  const bool pads_ = pads(call_.plan.form);
  const std::int64_t whole_row_ = call_.plan.schedule.row.windows.outputs() * call_.plan.schedule.inner;  // elements
  const bool is_dense_ = is_dense(call_.plan.schedule, whole_row_* info_of(of_rows(call_.plan).form.result_dtype).size);
  const std::int64_t nothing_ = static_cast<std::int64_t>(nothing_bits(call_.plan.form));
  std::vector<double> padding_;
  Seen planes_;                            // what it was made of
  std::int64_t waits_ = 0, hopeless_ = 0;  // pieces until all cells are hoped to be there again; those of the last time
};

}  // namespace

void pool_pieces(const Call& call, int threads) {
  const Pieces pieces(call.plan);
  parallel_for(threads, pieces.count(), 1, call.interrupt, [&](Share& share) {
    PieceWalker walker(call, pieces, share);
    for (std::int64_t begin, end; share.next(begin, end);) {
      for (std::int64_t piece = begin; piece < end && !call.interrupt.stopped(); ++piece) walker.pool(piece);
    }
  });
}

}  // namespace tilepool
