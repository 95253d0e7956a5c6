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
        row_cells_(form.cells() / form.windows[0].input()),
        row_outputs_(form.outputs() / form.windows[0].outputs()),
        steps_(*active_table().kernels.steps) {
    constexpr std::int64_t band_bytes = 512 << 10;  // a second-level cache
    constexpr std::int64_t windows_beside = 8;      // values of windows across the border of a band are read twice
    const Windows& first = form.windows[0];
    const std::int64_t row_bytes = saturating_mul(row_cells_ * form.inner, acc_bytes());
    const std::int64_t fitting = std::max(band_bytes / row_bytes, saturating_mul(windows_beside, first.extent(1)));
    rows_ = std::clamp<std::int64_t>(fitting, 1, first.input());
    of_plane_ = (first.input() - 1) / rows_ + 1;
  }

  std::int64_t count() const { return checked_mul(form_.planes, of_plane_); }

  /// Whether all indices are those of no cell, or of rows of cells that the windows of this row of outputs see.
  bool is_seen(std::int64_t plane, std::int64_t o) const {
    const Windows& windows = form_.windows[0];
    const std::int64_t n = row_outputs_ * form_.inner, size = form_.index_bytes;
    const std::int64_t low = std::max<std::int64_t>(0, windows.start(o)) * row_cells_;
    const std::int64_t high = std::min(windows.input(), windows.stop(o)) * row_cells_;
    return steps_.are_within[size == 8](indices_ + (plane * windows.outputs() + o) * n * size, n, low, high - 1);
  }

  /// Bytes of scratch that a thread needs.
  std::int64_t scratch_bytes() const {
    return is_half() ? rows_ * row_cells_ * form_.inner * acc_bytes() + chunk * acc_bytes() : 0;
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
    const Windows& first = form_.windows[0];
    const std::int64_t size = info_of(form_.dtype).size, row = row_cells_ * form_.inner;
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
                                plane * outputs,
                                begin * row_cells_,
                                static_cast<std::uint64_t>((end - begin) * row_cells_),
                                sums,
                                reinterpret_cast<T*>(scratch + (is_half() ? rows_ * row * 4 : 0))};
    bool complete = true;
    for (std::int64_t o = earliest; o < behind; ++o) {
      const bool is_whole = adder.add(o);
      complete = complete && (is_whole || o < home || is_seen(plane, o));
    }
    if (is_half()) {
      const auto dtype = static_cast<std::size_t>(form_.dtype);
      steps_.finish[static_cast<std::size_t>(Accumulator::sum_float)][dtype](target, sums, elements, 1, {});
    }
    return complete;
  }

  /// Adds values of a plane to a band of it, a row of the first axis at a time.
  template <class T, class Index>
  struct Adder {
    const Bands& bands;
    std::int64_t rows_before;  // of outputs, those before the plane's
    std::int64_t begin;        // the first pixel of the band ...
    std::uint64_t pixels;      // ... and how many there are
    T* sums;
    T* some;  // room for a chunk

    /// Returns whether all values were added.
    bool add(std::int64_t o) const {
      const Windows& windows = bands.form_.windows[0];
      const std::int64_t row = bands.row_cells_;
      const bool inside =
          windows.start(o) * row >= begin && windows.stop(o) * row <= begin + static_cast<std::int64_t>(pixels);
      return (inside ? add_row<false>(o) : add_row<true>(o)) == 0;
    }

    template <bool Crosses>
    std::int64_t add_row(std::int64_t o) const {
      const std::int64_t n = bands.row_outputs_ * bands.form_.inner, at = (rows_before + o) * n;
      const auto* const indices = reinterpret_cast<const Index*>(bands.indices_) + at;
      if (!bands.is_half()) return add_some<Crosses>(reinterpret_cast<const T*>(bands.values_) + at, indices, 0, n);
      const auto dtype = static_cast<std::size_t>(bands.form_.dtype);
      const Prepare convert = bands.steps_.prepare[static_cast<std::size_t>(Accumulator::sum_float)][dtype];
      std::int64_t elsewhere = 0;
      for (std::int64_t i = 0; i < n; i += chunk) {
        const std::int64_t end = std::min(n, i + chunk);
        convert(some, bands.values_ + (at + i) * 2, end - i, 0);
        elsewhere += add_some<Crosses>(some, indices, i, end);
      }
      return elsewhere;
    }

    /// `values` are those from the first one on. Returns how many were not added. `Crosses`: windows see other bands,
    /// too, so that no branch could be foreseen.
    template <bool Crosses>
    std::int64_t add_some(const T* values, const Index* indices, std::int64_t from, std::int64_t to) const {
      const std::int64_t inner = bands.form_.inner, first = begin;
      T* const cells = sums;
      const std::uint64_t count = pixels;
      std::int64_t elsewhere = 0;
      T none{};
      const auto take = [&](T* channel, std::int64_t pixel, Index index, T value) __attribute__((always_inline)) {
        const std::int64_t at = static_cast<std::int64_t>(index) - first;
        const bool is_here = static_cast<std::uint64_t>(at) < count;
        if constexpr (Crosses) {
          T* const cell = is_here ? channel + at * pixel : &none;
          *cell += value;
        } else if (is_here) {
          channel[at * pixel] += value;
        }
        elsewhere += !is_here;
      };
      if (inner == 1) {
        for (std::int64_t i = from; i < to; ++i) take(cells, 1, indices[i], values[i - from]);
        return elsewhere;
      }
      for (std::int64_t i = from, c = from % inner; i < to; c = 0) {
        for (const std::int64_t end = std::min(to, i + inner - c); i < end; ++i, ++c) {
          take(cells + c, inner, indices[i], values[i - from]);
        }
      }
      return elsewhere;
    }
  };

  const Scatter& form_;
  const char *const values_, *const indices_;
  char* const cells_;
  const std::int64_t row_cells_, row_outputs_;  // of the other pooled axes
  const RowSteps& steps_;
  std::int64_t rows_, of_plane_;
};

}  // namespace

std::int64_t Scatter::cells() const {
  std::int64_t product = 1;
  for (const Windows& axis : windows) product = checked_mul(product, axis.input());
  return product;
}

std::int64_t Scatter::outputs() const {
  std::int64_t product = 1;
  for (const Windows& axis : windows) product = checked_mul(product, axis.outputs());
  return product;
}

bool can_scatter(const Scatter& form, const void* indices, int threads, Interrupt::Question question) {
  if (form.planes == 0 || form.inner == 0) return true;
  const Bands bands(form, nullptr, indices, nullptr);
  Interrupt interrupt(question);
  std::atomic<bool> can{true};
  constexpr std::int64_t at_a_time = 64;  // rows of outputs
  const std::int64_t outputs = form.windows[0].outputs(), blocks = (outputs - 1) / at_a_time + 1;
  parallel_for(threads, checked_mul(form.planes, blocks), 1, interrupt, [&](Share& share) {
    for (std::int64_t begin, end; share.next(begin, end);) {
      for (std::int64_t block = begin; block < end && can && !interrupt.stopped(); ++block) {
        const std::int64_t first = block % blocks * at_a_time, last = std::min(outputs, first + at_a_time);
        for (std::int64_t o = first; o < last; ++o) {
          if (!bands.is_seen(block / blocks, o)) can = false;
        }
      }
    }
  });
  return can;
}

bool scatter(const Scatter& form, const void* values, const void* indices, void* cells, int threads,
             Interrupt::Question question) {
  const std::int64_t outputs = checked_mul(checked_mul(form.planes, form.inner), form.outputs());
  if (form.planes == 0 || form.inner == 0) return true;
  Interrupt interrupt(question);
  constexpr std::int64_t serial_outputs = 16 << 10;  // fewer cost less than starting threads does
  if (outputs < serial_outputs) threads = 1;
  const Bands bands(form, values, indices, cells);
  std::atomic<bool> complete{true};
  parallel_for(threads, bands.count(), 1, interrupt, [&](Share& share) {
    Scratch scratch;
    char* const room = scratch.at_least(static_cast<std::size_t>(bands.scratch_bytes()));
    for (std::int64_t begin, end; share.next(begin, end);) {
      for (std::int64_t band = begin; band < end && !interrupt.stopped(); ++band) {
        const bool whole =
            form.index_bytes == 8 ? bands.fill<std::int64_t>(band, room) : bands.fill<std::int32_t>(band, room);
        if (!whole) complete = false;
      }
    }
  });
  return complete;
}

}  // namespace tilepool
