// Bundled: many small planes whose rows are short for their windows are pooled side by side: interleaved, combined down
// the columns, then along the rows, and separated. Vectors are full whatever the shape of a plane.
#include <algorithm>
#include <vector>

#include "../row_maker.hpp"
#include "../scratch.hpp"
#include "scan_lists.hpp"
#include "strategies.hpp"

namespace tilepool {
namespace {

class Bundler {
 public:
  Bundler(const by::Bundled& numbers, const Call& call)
      : form_(call.plan.form),
        schedule_(call.plan.schedule),
        kernel_(call.kernel()),
        maker_(kernel_, form_, call.input, call.beside),
        input_(static_cast<const char*>(call.input)),
        result_(static_cast<char*>(call.result)),
        planes_(cell_bytes / acc_size(form_)) {
    const auto bytes = [](std::int64_t cells) { return static_cast<std::size_t>(cells * cell_bytes); };
    const std::size_t ends = bytes(std::max(columns() * rows_.input(), results() * rows_.outputs()));
    const std::size_t between = bytes(columns() * rows_.outputs()), beside = outside() ? ends : 0;
    cells_ = scratch_.at_least(ends + between + beside);
    combined_ = cells_ + ends;
    planes_beside_ = combined_ + between;
    down_ = list(down_lists_, rows_, numbers.scans_columns, cells_, combined_, columns() * cell_bytes);
    across_ = list(across_lists_, schedule_.row.windows, numbers.scans_rows, combined_, cells_, cell_bytes);
    list_divisors();
  }
  Bundler(const Bundler&) = delete;
  Bundler& operator=(const Bundler&) = delete;

  void pool(std::int64_t bundle) {
    for (std::int64_t i = 0; i < planes_; ++i) place(i, std::min(bundle * planes_ + i, schedule_.plane_count - 1));
    prepare();
    kernel_.interleave(cells_, inputs_, columns() * rows_.input(), kernel_.keying);
    scan(down_, {columns(), cell_bytes, cell_bytes});
    scan(across_, {rows_.outputs(), columns() * cell_bytes, results() * cell_bytes});
    separate(results() * rows_.outputs());
  }

 private:
  /// Whether planes of accumulators lie beside the bundle.
  bool outside() const { return maker_.makes() || kernel_.finish != nullptr; }

  char* plane_beside(std::int64_t i, std::int64_t cells) const {
    return planes_beside_ + i * cells * cell_bytes / planes_;
  }

  void prepare() {
    if (!maker_.makes()) return;
    const std::int64_t cells = columns() * rows_.input();
    for (std::int64_t i = 0; i < planes_; ++i) {
      char* const plane = plane_beside(i, cells);
      maker_.make(plane, inputs_[i], cells);
      inputs_[i] = plane;
    }
  }

  void separate(std::int64_t cells) {
    if (kernel_.finish == nullptr) {
      return kernel_.separate(cells_, cells, divisors_.data(), alike_, results_, kernel_.keying);
    }
    void* planes[cell_bytes];
    for (std::int64_t i = 0; i < planes_; ++i) planes[i] = plane_beside(i, cells);
    kernel_.separate(cells_, cells, divisors_.data(), alike_, planes, kernel_.keying);
    const std::int64_t size = info_of(form_.result_dtype).size, acc = cell_bytes / planes_;
    for (std::int64_t i = 0; i < planes_; ++i) {
      for (std::int64_t cell = 0, end; cell < cells; cell = end) {
        const double divisor = divisors_[alike_ ? 0 : static_cast<std::size_t>(cell)];
        for (end = alike_ ? cells : cell + 1; end < cells && divisors_[static_cast<std::size_t>(end)] == divisor;)
          ++end;
        kernel_.finish(static_cast<char*>(results_[i]) + cell * size, static_cast<char*>(planes[i]) + cell * acc,
                       end - cell, divisor, form_.to_integer);
      }
    }
  }

  std::int64_t columns() const { return schedule_.row.windows.input(); }
  std::int64_t results() const { return schedule_.row.windows.outputs(); }

  static std::vector<Halves> list(ScanLists& lists, const Windows& windows, bool in_halves, const char* from, char* to,
                                  std::int64_t step) {
    lists.add_all(
        windows, in_halves, [&](std::int64_t row) { lists.row(from + row * step); },
        [&](std::int64_t output) { return to + output * step; });
    return lists.halves();
  }

  void scan(const std::vector<Halves>& halves, const Lines& lines) const {
    kernel_.scan_cells(halves.data(), static_cast<std::int64_t>(halves.size()), lines);
  }

  /// Plane `i` of a bundle is one of all planes. (Behind the last one it is there again, and again.)
  void place(std::int64_t i, std::int64_t plane) {
    inputs_[i] = input_;
    results_[i] = result_;
    std::int64_t left = schedule_.plane_count;
    for (const NormalAxis& axis : schedule_.outer) {
      left /= axis.windows.outputs();
      const std::int64_t o = left > 1 ? plane / left : plane;
      plane -= o * left;
      inputs_[i] = static_cast<const char*>(inputs_[i]) + o * axis.input_stride;
      results_[i] = static_cast<char*>(results_[i]) + o * axis.result_stride;
    }
  }

  /// Of all cells, or of one where they are alike.
  void list_divisors() {
    const auto divisor = [&](const Window& window) {
      return static_cast<double>(form_.count_padding ? window.size : window.count);
    };
    if (!form_.averages || form_.divisor != 0) {
      divisors_.push_back(form_.averages ? form_.divisor : 1);
      return;
    }
    for (std::int64_t y = 0; y < rows_.outputs(); ++y) {
      for (std::int64_t x = 0; x < results(); ++x) {
        divisors_.push_back(divisor(rows_.at(y)) * divisor(schedule_.row.windows.at(x)));
        alike_ = alike_ && divisors_.back() == divisors_.front();
      }
    }
  }

  const NormalForm& form_;
  const Schedule& schedule_;
  const Kernel kernel_;
  const RowMaker maker_;
  const char* const input_;
  char* const result_;
  const std::int64_t planes_;                       // of a bundle
  const Windows& rows_ = schedule_.column.windows;  // of a plane
  Scratch scratch_;
  char *cells_ = nullptr, *combined_ = nullptr;  // what is pooled, then its results; between the two scans
  char* planes_beside_ = nullptr;
  ScanLists down_lists_, across_lists_;
  std::vector<Halves> down_, across_;
  std::vector<double> divisors_;
  bool alike_ = true;
  const void* inputs_[cell_bytes];
  void* results_[cell_bytes];
};

}  // namespace

void run(const by::Bundled& numbers, const Call& call, Share& share) {
  Bundler bundler(numbers, call);
  Patience patience(call.interrupt, share.is_caller());
  for (std::int64_t begin, end; share.next(begin, end);) {
    for (std::int64_t bundle = begin; bundle < end; ++bundle) {
      bundler.pool(bundle);
      patience.spend(call.plan.schedule.work / numbers.bundles);
    }
  }
}

}  // namespace tilepool
