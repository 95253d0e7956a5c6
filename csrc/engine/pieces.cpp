// Averages of the cells that are not left out, and NaNs that may not be there at all.
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
    std::int64_t planes = planes_together(plan.average == nullptr ? plan : plan.average->sums);
    if (plan.average != nullptr) planes = std::max(planes, planes_together(plan.average->counts));
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
      : call_(call), pieces_(pieces), share_(share), cursor_(call.plan, call.input, call.result) {}
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
    if (plan.average == nullptr) {
      run_rows(plan, call_.result, rows);
    } else {
      divide(*plan.average, rows);
    }
  }

 private:
  static constexpr std::int64_t most_waits = 63;

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
    const std::int64_t size = info_of(call_.plan.form.result_dtype).size;
    pieces_.each_row(rows, [&](std::int64_t plane, std::int64_t tile, std::int64_t o) {
      cursor_.go(plane, tile);
      visit((cursor_.target(o) - static_cast<char*>(call_.result)) / size, row_elements());
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

  /// Sums and counts of a piece, and their quotients.
  void divide(const Average& average, Outputs rows) {
    const DType dtype = call_.plan.form.result_dtype, count_dtype = average.counts.form.result_dtype;
    const std::int64_t size = info_of(dtype).size, count_size = info_of(count_dtype).size;
    std::int64_t begin = most_int64, end = 0;  // of the elements of the result among which those of the piece lie
    each_run(rows, [&](std::int64_t first, std::int64_t count) {
      begin = std::min(begin, first);
      end = std::max(end, first + count);
    });
    char* const counts = scratch_.at_least(static_cast<std::size_t>((end - begin) * count_size));
    // Written as the result is, whose first element would lie here.
    auto* const origin = reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(counts) -
                                                 static_cast<std::uintptr_t>(begin * count_size));
    run_rows(average.sums, call_.result, rows);
    run_rows(average.counts, origin, rows);
    const RowSteps& steps = *call_.table.kernels.steps;
    const Divide divides = size == 4 ? steps.divide : count_size == 4 ? steps.divide_doubles : steps.divide_weighted;
    const auto divide_some = [&](std::int64_t first, std::int64_t count, const double* padding) {
      divides(static_cast<char*>(call_.result) + first * size, counts + (first - begin) * count_size, padding, count,
              average.fewest);
    };
    if (!pads_) return each_run(rows, [&](std::int64_t first, std::int64_t n) { divide_some(first, n, nullptr); });
    const std::int64_t outputs = call_.plan.schedule.column.windows.outputs(), plane_elements = outputs * whole_row_;
    constexpr std::int64_t most_elements = 1 << 12;  // whose padding is 32 KiB
    if (is_dense_ && plane_elements <= most_elements) {
      for (std::int64_t row = rows.begin; row < rows.end;) {
        const std::int64_t next = std::min(rows.end, (row / outputs + 1) * outputs);
        divide_some(row * whole_row_, (next - row) * whole_row_,
                    padding_of(row / outputs, 0, 0, outputs) + row % outputs * whole_row_);
        row = next;
      }
      return;
    }
    const Outputs whole = call_.plan.schedule.row.windows.interior();
    const std::int64_t inner = call_.plan.schedule.inner;
    pieces_.each_row(rows, [&](std::int64_t plane, std::int64_t tile, std::int64_t o) {
      cursor_.go(plane, tile);
      const std::int64_t first = (cursor_.target(o) - static_cast<char*>(call_.result)) / size, n = row_elements();
      const double* const padding = padding_of(plane, tile, o, o + 1);
      // In a row that sees no padding, only windows at its ends do.
      const bool alone = inside_ == padded_;
      const auto within = [&](std::int64_t output) {
        return std::clamp<std::int64_t>((output - cursor_.tile().output_begin) * inner, 0, n);
      };
      const std::int64_t from = alone ? within(whole.begin) : n, to = alone ? std::max(from, within(whole.end)) : n;
      divide_some(first, from, padding);
      divide_some(first + from, to - from, nullptr);
      divide_some(first + to, n - to, padding + to);
    });
  }

  /// How many cells of the padding each element of output rows [from, to) of a tile has in its window.
  const double* padding_of(std::int64_t plane, std::int64_t tile, std::int64_t from, std::int64_t to) {
    const Schedule& schedule = call_.plan.schedule;
    double inside = 1, padded = 1;
    const auto see = [&](const Window& window) {
      inside *= static_cast<double>(window.count);
      padded *= static_cast<double>(window.size);
    };
    std::int64_t left = schedule.plane_count;
    for (const NormalAxis& axis : schedule.outer) {
      left /= axis.windows.outputs();
      see(axis.windows.at(plane / left));
      plane %= left;
    }
    const Windows& column = schedule.column.windows;
    const bool single = to - from == 1;  // many of which have the same
    if (single) see(column.at(from));
    if (tile == tile_ && inside == inside_ && padded == padded_) return padding_.data();
    tile_ = tile;
    inside_ = inside;
    padded_ = padded;
    padding_.clear();
    const std::int64_t first = tile * schedule.tile_outputs;
    const std::int64_t end = std::min(first + schedule.tile_outputs, schedule.row.windows.outputs());
    for (std::int64_t o = from; o < to; ++o) {
      const Window window = single ? Window{0, 1, 1} : column.at(o);
      const double row_inside = inside * static_cast<double>(window.count);
      const double row_padded = padded * static_cast<double>(window.size);
      for (std::int64_t i = first; i < end; ++i) {
        const Window along = schedule.row.windows.at(i);
        padding_.insert(padding_.end(), static_cast<std::size_t>(schedule.inner),
                        row_padded * static_cast<double>(along.size) - row_inside * static_cast<double>(along.count));
      }
    }
    return padding_.data();
  }

  /// Whether some window has a cell of the padding, and they count.
  static bool pads(const Plan& plan) {
    if (!plan.form.count_padding) return false;
    const auto of = [](const Windows& windows) {
      const Window first = windows.at(0), last = windows.at(windows.outputs() - 1);
      return first.size != first.count || last.size != last.count;
    };
    const auto of_axis = [&](const NormalAxis& axis) { return of(axis.windows); };
    return std::any_of(plan.form.axes.begin(), plan.form.axes.end(), of_axis);
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
  const bool pads_ = pads(call_.plan);
  const std::int64_t whole_row_ = call_.plan.schedule.row.windows.outputs() * call_.plan.schedule.inner;  // elements
  const bool is_dense_ = is_dense(call_.plan.schedule, whole_row_* info_of(call_.plan.form.result_dtype).size);
  std::vector<double> padding_;
  double inside_ = 0, padded_ = 0;  // what it was made of
  std::int64_t tile_ = -1;
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
