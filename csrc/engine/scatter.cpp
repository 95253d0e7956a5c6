// A plane is cut into bands of rows that fit a cache. Each is set to 0 and takes the values of all windows that see it.
#include "scatter.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "dispatch.hpp"
#include "parallel.hpp"
#include "scratch.hpp"

namespace tilepool {
namespace {

template <class Index>
constexpr Index no_cell = static_cast<Index>(-1);

/// The first of [0, count) for which `is_behind` holds, or count.
template <class IsBehind>
std::int64_t first_behind(std::int64_t count, const IsBehind& is_behind) {
  std::int64_t low = 0;
  while (low < count) {
    const std::int64_t middle = low + (count - low) / 2;
    if (is_behind(middle)) {
      count = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

class Bands {
 public:
  Bands(const Scatter& form, const void* values, const void* indices, void* cells)
      : form_(form),
        values_(static_cast<const char*>(values)),
        indices_(static_cast<const char*>(indices)),
        cells_(static_cast<char*>(cells)),
        steps_(*active_table().kernels.steps) {
    constexpr std::int64_t band_bytes = 128 << 10;  // a quarter of a second-level cache
    constexpr std::int64_t windows_beside = 4;      // values of windows across the border of a band are read twice
    const Windows& first = form.first;
    const std::int64_t row_bytes = saturating_mul(form.cells * form.inner, acc_bytes());
    const std::int64_t fitting = std::max(band_bytes / row_bytes, saturating_mul(windows_beside, first.extent(1)));
    rows_ = std::clamp<std::int64_t>(fitting, 1, first.input());
    of_plane_ = (first.input() - 1) / rows_ + 1;
  }

  std::int64_t count() const { return checked_mul(form_.planes, of_plane_); }

  /// Bytes of scratch that a thread needs.
  std::int64_t scratch_bytes() const {
    return is_half() ? rows_ * form_.cells * form_.inner * acc_bytes() + chunk * acc_bytes() : 0;
  }

  /// `scratch` has so many bytes. Returns whether no value is lost.
  template <class Index>
  bool fill(std::int64_t band, char* scratch) const {
    if (form_.dtype == DType::float64) return fill_as<double, Index>(band, scratch);
    return fill_as<float, Index>(band, scratch);
  }

 private:
  static constexpr std::int64_t chunk = 1024;  // values of 16-bit floats that are converted at a time

  bool is_half() const { return info_of(form_.dtype).size == 2; }
  std::int64_t acc_bytes() const { return is_half() ? 4 : info_of(form_.dtype).size; }

  template <class T, class Index>
  bool fill_as(std::int64_t band, char* scratch) const {
    const Windows& first = form_.first;
    const std::int64_t size = info_of(form_.dtype).size, row = form_.cells * form_.inner;
    const std::int64_t plane = band / of_plane_, begin = band % of_plane_ * rows_;
    const std::int64_t end = std::min(first.input(), begin + rows_), elements = (end - begin) * row;
    char* const target = cells_ + (plane * first.input() + begin) * row * size;
    T* const sums = reinterpret_cast<T*>(is_half() ? scratch : target);
    std::memset(sums, 0, static_cast<std::size_t>(elements) * sizeof(T));

    // All windows that see the band; of these, it is home to those that begin in it.
    const std::int64_t outputs = first.outputs();
    const auto from = [&](std::int64_t cell) {
      return first_behind(outputs, [&](std::int64_t o) {
        return std::clamp<std::int64_t>(first.start(o), 0, first.input() - 1) >= cell;
      });
    };
    const std::int64_t home = from(begin), behind = end == first.input() ? outputs : from(end);
    const std::int64_t earliest =
        std::min(home, first_behind(outputs, [&](std::int64_t o) { return first.stop(o) > begin; }));
    const Adder<T, Index> adder{*this,
                                plane * outputs * form_.outputs * form_.inner,
                                begin * form_.cells,
                                static_cast<std::uint64_t>((end - begin) * form_.cells),
                                sums,
                                reinterpret_cast<T*>(scratch + (is_half() ? rows_ * row * 4 : 0))};
    const std::int64_t of_row = form_.outputs * form_.inner;
    adder.add(earliest * of_row, home * of_row);
    const bool complete = adder.add(home * of_row, behind * of_row);
    if (is_half()) {
      const auto dtype = static_cast<std::size_t>(form_.dtype);
      steps_.finish[static_cast<std::size_t>(Accumulator::sum_float)][dtype](target, sums, elements, 1, {});
    }
    return complete;
  }

  /// Adds values of a plane to a band of it.
  template <class T, class Index>
  struct Adder {
    const Bands& bands;
    std::int64_t origin;   // the elements before the plane's
    std::int64_t begin;    // the first pixel of the band ...
    std::uint64_t pixels;  // ... and how many there are
    T* sums;
    T* some;  // room for a chunk

    /// Returns whether the others are those of no cell, or of a row of another band that their window sees.
    bool add(std::int64_t from, std::int64_t to) const {
      const auto* const indices = reinterpret_cast<const Index*>(bands.indices_) + origin;
      if (!bands.is_half()) {
        return add_some(reinterpret_cast<const T*>(bands.values_) + origin + from, indices, from, to);
      }
      const auto dtype = static_cast<std::size_t>(bands.form_.dtype);
      const Prepare convert = bands.steps_.prepare[static_cast<std::size_t>(Accumulator::sum_float)][dtype];
      bool complete = true;
      for (std::int64_t i = from; i < to; i += chunk) {
        const std::int64_t end = std::min(to, i + chunk);
        convert(some, bands.values_ + (origin + i) * 2, end - i, 0);
        complete = add_some(some, indices, i, end) && complete;
      }
      return complete;
    }

    /// `values` are those from the first one on.
    bool add_some(const T* values, const Index* indices, std::int64_t from, std::int64_t to) const {
      const std::int64_t inner = bands.form_.inner;
      bool complete = true;
      const auto each = [&](std::int64_t i, std::int64_t of_pixel, std::int64_t c) {
        const auto index = static_cast<std::int64_t>(indices[i]);
        const auto at = static_cast<std::uint64_t>(index - begin);
        if (at < pixels && indices[i] != no_cell<Index>) {
          sums[static_cast<std::int64_t>(at) * of_pixel + c] += values[i - from];
        } else if (indices[i] != no_cell<Index>) {
          complete = complete && bands.is_seen(i, index);
        }
      };
      if (inner == 1) {
        for (std::int64_t i = from; i < to; ++i) each(i, 1, 0);
      } else {
        for (std::int64_t i = from, c = from % inner; i < to; c = 0) {
          for (const std::int64_t end = std::min(to, i + inner - c); i < end; ++i) each(i, inner, c++);
        }
      }
      return complete;
    }
  };

  /// Whether the window of a value of a plane sees the row of a pixel.
  bool is_seen(std::int64_t value, std::int64_t pixel) const {
    const std::int64_t o = value / (form_.outputs * form_.inner), row = pixel / form_.cells;
    return pixel >= 0 && row < form_.first.input() && form_.first.start(o) <= row && row < form_.first.stop(o);
  }

  const Scatter& form_;
  const char *const values_, *const indices_;
  char* const cells_;
  const RowSteps& steps_;
  std::int64_t rows_, of_plane_;
};

}  // namespace

bool scatter(const Scatter& form, const void* values, const void* indices, void* cells, int threads,
             Interrupt::Question question) {
  const std::int64_t pixels = checked_mul(form.planes, form.inner);
  const std::int64_t outputs = checked_mul(pixels, checked_mul(form.first.outputs(), form.outputs));
  if (pixels == 0 || form.cells == 0) return true;
  Interrupt interrupt(question);
  const Bands bands(form, values, indices, cells);
  std::atomic<bool> complete{true};
  constexpr std::int64_t serial_outputs = 16 << 10;  // fewer cost less than starting threads does
  if (outputs < serial_outputs) threads = 1;
  parallel_for(threads, bands.count(), 1, interrupt, [&](Share& share) {
    Scratch scratch;
    char* const room = scratch.at_least(static_cast<std::size_t>(bands.scratch_bytes()));
    for (std::int64_t begin, end; share.next(begin, end);) {
      for (std::int64_t band = begin; band < end && !interrupt.stopped(); ++band) {
        const bool whole = form.index_bytes == 8   ? bands.fill<std::int64_t>(band, room)
                           : form.index_bytes == 4 ? bands.fill<std::int32_t>(band, room)
                                                   : bands.fill<std::uint8_t>(band, room);
        if (!whole) complete = false;
      }
    }
  });
  return complete;
}

}  // namespace tilepool
