// Averages of the cells that are not left out, and NaNs that may not be there at all.
#include "pieces.hpp"

#include <algorithm>
#include <vector>

#include "cursor.hpp"
#include "scratch.hpp"

namespace tilepool {
namespace {

/// The pieces that a plan's units are done in. Each has whole output rows: where rows have several tiles, those of one
/// column of a tile.
class Pieces {
 public:
  explicit Pieces(const Plan& plan) : schedule_(plan.schedule) {
    constexpr std::int64_t piece_bytes = 256 << 10;  // half a second-level cache
    const Windows& column = schedule_.column.windows;
    const bool bundled = std::holds_alternative<by::Bundled>(schedule_.strategy);
    flat_ = schedule_.tiles == 1;
    if (bundled) planes_ = cell_bytes / acc_size(plan.form);
    std::int64_t units = piece_bytes / std::max<std::int64_t>(1, plan.form.traffic / schedule_.units);
    // Windows that overlap down a column are combined from blocks of rows, each of which has to be seen as a whole.
    constexpr std::int64_t windows_beside = 8;  // one more or less matters little
    if (!bundled && column.kernel() > column.stride()) {
      units = std::max(units, saturating_mul(windows_beside, column.kernel() / column.stride()));
    }
    units_ = std::clamp<std::int64_t>(units, 1, flat_ ? schedule_.units : column.outputs());
    of_column_ = flat_ ? 0 : (column.outputs() - 1) / units_ + 1;
    count_ = flat_ ? (schedule_.units - 1) / units_ + 1 : schedule_.units / column.outputs() * of_column_;
  }

  std::int64_t count() const { return count_; }

  /// Those of a piece.
  Outputs units(std::int64_t piece) const {
    if (flat_) return {piece * units_, std::min(schedule_.units, (piece + 1) * units_)};
    const std::int64_t outputs = schedule_.column.windows.outputs(), first = piece / of_column_ * outputs;
    const std::int64_t begin = piece % of_column_ * units_;
    return {first + begin, first + std::min(outputs, begin + units_)};
  }

  /// Calls visit(plane, tile, output of the column) for each output row of some units.
  template <class Visit>
  void each_row(Outputs units, const Visit& visit) const {
    const std::int64_t outputs = schedule_.column.windows.outputs();
    std::int64_t begin = units.begin, end = units.end;
    if (planes_ > 0) {
      begin = std::min(schedule_.plane_count, begin * planes_) * outputs;
      end = std::min(schedule_.plane_count, end * planes_) * outputs;
    }
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t column = row / outputs;
      visit(column / schedule_.tiles, column % schedule_.tiles, row % outputs);
    }
  }

 private:
  const Schedule& schedule_;
  bool flat_;
  std::int64_t planes_ = 0;  // of a bundle, where units are bundles
  std::int64_t units_, of_column_, count_;
};

/// One thread of a call.
class PieceWalker {
 public:
  PieceWalker(const Call& call, const Pieces& pieces, const Share& share)
      : call_(call), pieces_(pieces), share_(share), cursor_(call.plan, call.input, call.result) {}
  PieceWalker(const PieceWalker&) = delete;
  PieceWalker& operator=(const PieceWalker&) = delete;

  void pool(std::int64_t piece) {
    const Outputs units = pieces_.units(piece);
    const Plan& plan = call_.plan;
    if (plan.whole != nullptr && --waits_ < 0) {
      run_units(*plan.whole, call_.result, units);
      if (!finds_nan(units)) {
        hopeless_ = 0;
        return;
      }
      // Where there are NaNs, there are others: attempts are further and further apart.
      waits_ = hopeless_ = std::min(4 * hopeless_ + 3, most_waits);
    }
    if (plan.average == nullptr) {
      run_units(plan, call_.result, units);
    } else {
      divide(*plan.average, units);
    }
  }

 private:
  static constexpr std::int64_t most_waits = 63;

  void run_units(const Plan& plan, void* result, Outputs units) {
    const Call call{plan, call_.table, call_.input, result, nullptr, call_.interrupt, call_.beside};
    Share some(share_, units.begin, units.end);
    run(call, some);
  }

  std::int64_t row_elements() const { return cursor_.tile().spans.back().end * call_.plan.schedule.inner; }

  bool finds_nan(Outputs units) {
    const auto dtype = static_cast<std::size_t>(call_.plan.form.result_dtype);
    const auto has_nan = call_.table.kernels.steps->has_nan[dtype];
    bool found = false;
    pieces_.each_row(units, [&](std::int64_t plane, std::int64_t tile, std::int64_t o) {
      if (found) return;
      cursor_.go(plane, tile);
      found = has_nan(cursor_.target(o), row_elements());
    });
    return found;
  }

  /// Sums and counts of a piece, and their quotients.
  void divide(const Average& average, Outputs units) {
    const NormalForm& form = call_.plan.form;
    const std::int64_t size = info_of(form.result_dtype).size;
    auto* const result = static_cast<char*>(call_.result);
    std::int64_t first = most_int64, end = 0;  // bytes of the result that the piece lies in
    pieces_.each_row(units, [&](std::int64_t plane, std::int64_t tile, std::int64_t o) {
      cursor_.go(plane, tile);
      const std::int64_t at = cursor_.target(o) - result;
      first = std::min(first, at);
      end = std::max(end, at + row_elements() * size);
    });
    char* const counts = scratch_.at_least(static_cast<std::size_t>(end - first));
    // Written as the result is, whose first byte would lie here.
    auto* const origin =
        reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(counts) - static_cast<std::uintptr_t>(first));
    run_units(average.sums, call_.result, units);
    run_units(average.counts, origin, units);
    const Divide divides = call_.table.kernels.steps->divide[static_cast<std::size_t>(form.dtype)];
    pieces_.each_row(units, [&](std::int64_t plane, std::int64_t tile, std::int64_t o) {
      cursor_.go(plane, tile);
      char* const row = cursor_.target(o);
      divides(row, counts + (row - result - first), padding(plane, tile, o), row_elements());
    });
  }

  /// How many cells of the padding each element of an output row has in its window, where they count; else nullptr.
  const double* padding(std::int64_t plane, std::int64_t tile, std::int64_t o) {
    if (!pads_) return nullptr;
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
    see(schedule.column.windows.at(o));
    if (tile != tile_) {
      tile_ = tile;
      row_inside_.clear();
      row_padded_.clear();
      for (std::int64_t i = 0; i < cursor_.tile().spans.back().end; ++i) {
        const Window window = schedule.row.windows.at(cursor_.tile().output_begin + i);
        const auto inner = static_cast<std::size_t>(schedule.inner);
        row_inside_.insert(row_inside_.end(), inner, static_cast<double>(window.count));
        row_padded_.insert(row_padded_.end(), inner, static_cast<double>(window.size));
      }
      padding_.resize(row_inside_.size());
    }
    for (std::size_t i = 0; i < padding_.size(); ++i) padding_[i] = padded * row_padded_[i] - inside * row_inside_[i];
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

  const Call& call_;
  const Pieces& pieces_;
  const Share& share_;
  Cursor cursor_;
  Scratch scratch_;
  const bool pads_ = pads(call_.plan);
  std::vector<double> row_inside_, row_padded_, padding_;  // of a tile's rows; of one of them
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
