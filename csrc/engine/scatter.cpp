// A plane is cut into bands of rows that fit a cache. Each is set to 0 just before it takes the values of windows.
#include "scatter.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "dispatch.hpp"
#include "parallel.hpp"
#include "scratch.hpp"

namespace tilepool {
namespace {

/// The first of [begin, end) for which `is_behind` holds, or end.
template <class IsBehind>
std::int64_t first_behind(std::int64_t begin, std::int64_t end, const IsBehind& is_behind) {
  while (begin < end) {
    const std::int64_t middle = begin + (end - begin) / 2;
    if (is_behind(middle)) {
      end = middle;
    } else {
      begin = middle + 1;
    }
  }
  return begin;
}

/// Cells of a plane that take values: those of `count` pixels, from the `first` one on.
template <class T>
struct Target {
  T* cells;
  std::int64_t first;
  std::uint64_t count;
  std::int64_t inner;  // elements of a pixel
};

/// Adds n values of neighbouring elements, the first of which is element `channel` of its pixel. Returns how many named
/// other cells, and were not added. `Crosses`: about half of them may be such, so that no branch could be foreseen.
/// (By itself, so that all it needs stays in registers: half of the time.)
template <bool Crosses, class T, class Index>
[[gnu::noinline]] std::int64_t add_values(Target<T> target, const T* values, const Index* indices, std::int64_t n,
                                          std::int64_t channel) {
  std::int64_t elsewhere = 0;
  T none{};  // takes the others
  const auto add = [&](T* cells, std::int64_t pixel, Index index, T value) __attribute__((always_inline)) {
    const std::int64_t at = static_cast<std::int64_t>(index) - target.first;
    const bool is_here = static_cast<std::uint64_t>(at) < target.count;
    if constexpr (Crosses) {
      T* const cell = is_here ? cells + at * pixel : &none;
      *cell += value;
      elsewhere += !is_here;
    } else if (__builtin_expect(is_here, true)) {
      cells[at * pixel] += value;
    } else {
      ++elsewhere;
    }
  };
  if (target.inner == 1) {
    for (std::int64_t i = 0; i < n; ++i) add(target.cells, 1, indices[i], values[i]);
    return elsewhere;
  }
  for (std::int64_t i = 0; i < n; channel = 0) {
    T* cells = target.cells + channel;
    for (const std::int64_t end = std::min(n, i + target.inner - channel); i < end; ++i, ++cells) {
      add(cells, target.inner, indices[i], values[i]);
    }
  }
  return elsewhere;
}

/// The same for four whole planes of `count` cells and n values each, a value of each in turn: an addition to a cell
/// waits for the one before, which is the neighbour's where windows overlap, but not for those in other planes. (Two
/// planes hide half of what that takes, eight no more than four.)
constexpr std::int64_t planes_in_turn = 4;
template <class T, class Index>
[[gnu::noinline]] std::int64_t add_in_turn(T* cells, std::int64_t count, const T* values, const Index* indices,
                                           std::int64_t n) {
  std::int64_t elsewhere = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto add = [&](std::int64_t plane) __attribute__((always_inline)) {
      const auto at = static_cast<std::int64_t>(indices[plane * n + i]);
      if (__builtin_expect(static_cast<std::uint64_t>(at) < static_cast<std::uint64_t>(count), true)) {
        cells[plane * count + at] += values[plane * n + i];
      } else {
        ++elsewhere;
      }
    };
    add(0), add(1), add(2), add(3);
  }
  return elsewhere;
}

/// Neighbouring bands of a plane, which one thread fills: rows [begin, end) of its cells. Or several whole planes.
struct Run {
  std::int64_t plane, begin, end, planes;
};

/// Neighbouring rows [begin, end) of outputs, whose indices name cells of the rows [low, high): of the band in which
/// their windows lie, or of a single window that sees several bands.
struct Group {
  std::int64_t begin, end, low, high;
};

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
    constexpr std::int64_t windows_beside = 8;      // those that see two bands are groups of their own
    const Windows& first = form.windows[0];
    const std::int64_t row_bytes = saturating_mul(row_cells_ * form.inner, acc_bytes());
    const std::int64_t fitting = std::max(band_bytes / row_bytes, saturating_mul(windows_beside, first.extent(1)));
    rows_ = std::clamp<std::int64_t>(fitting, 1, first.input());
    of_plane_ = (first.input() - 1) / rows_ + 1;
    is_small_ = of_plane_ == 1 && form.inner == 1 && !is_half();
  }

  std::int64_t count() const { return checked_mul(form_.planes, of_plane_); }
  /// The fewest that are worth a range of their own.
  std::int64_t least() const { return is_small_ ? 16 * planes_in_turn : 1; }

  /// Calls `take` with bands [begin, end), which count those of all planes. 16-bit floats are added up as float32, in a
  /// band of which there is one at a time.
  template <class Take>
  void each_run(std::int64_t begin, std::int64_t end, const Take& take) const {
    for (std::int64_t band = begin, next; band < end; band = next) {
      const std::int64_t plane = band / of_plane_;
      if (is_small_ && end - band >= planes_in_turn) {
        next = band + planes_in_turn;
        take(Run{plane, 0, rows_, planes_in_turn});
        continue;
      }
      next = is_half() ? band + 1 : std::min(end, (plane + 1) * of_plane_);
      const std::int64_t rows = (next - plane * of_plane_) * rows_;
      take(Run{plane, band % of_plane_ * rows_, std::min(form_.windows[0].input(), rows), 1});
    }
  }

  /// Whether each index of windows that begin in a run is -1 or names a cell of the rows that its group may name.
  bool are_near(const Run& run, Patience& patience) const {
    return visit(run, patience, [&](const Group& group) { return are_near(run, group); });
  }

  /// Bytes of scratch that a thread needs.
  std::int64_t scratch_bytes() const {
    return is_half() ? rows_ * row_cells_ * form_.inner * acc_bytes() + chunk * acc_bytes() : 0;
  }

  /// `scratch` has so many bytes. Returns whether no value is lost.
  template <class Index>
  bool fill(const Run& run, char* scratch, Patience& patience) const {
    if (form_.dtype == DType::float64) return fill_as<double, Index>(run, scratch, patience);
    return fill_as<float, Index>(run, scratch, patience);
  }

 private:
  static constexpr std::int64_t chunk = 1024;  // values of 16-bit floats that are converted at a time

  bool is_half() const { return info_of(form_.dtype).size == 2; }
  std::int64_t acc_bytes() const { return is_half() ? 4 : info_of(form_.dtype).size; }

  /// Calls `take` with the groups of all windows that see a run, in their order. Returns whether all of them did.
  template <class Take>
  bool visit(const Run& run, Patience& patience, const Take& take) const {
    const Windows& first = form_.windows[0];
    const std::int64_t input = first.input(), outputs = first.outputs();
    const auto start = [&](std::int64_t o) { return std::clamp<std::int64_t>(first.start(o), 0, input - 1); };
    const auto stop = [&](std::int64_t o) { return std::min(first.stop(o), input); };
    const auto sees = [&](std::int64_t o) { return start(o) >= run.begin || stop(o) > run.begin; };
    const auto is_behind = [&](std::int64_t o) { return start(o) >= run.end; };
    const std::int64_t behind = run.end == input ? outputs : first_behind(0, outputs, is_behind);
    bool all = true;
    for (std::int64_t o = run.begin == 0 ? 0 : first_behind(0, outputs, sees), next; o < behind; o = next) {
      const std::int64_t begin = start(o) / rows_ * rows_, end = std::min(input, begin + rows_);
      next = first_behind(o, behind, [&](std::int64_t other) { return start(other) >= end || stop(other) > end; });
      Group group{o, next, begin, end};
      if (next == o) group = {o, ++next, start(o), stop(o)};
      all = take(group) && all;
      if (patience.is_over((next - o) * row_outputs_ * form_.inner)) break;
    }
    return all;
  }

  bool are_near(const Run& run, const Group& group) const {
    if (group.low < run.begin) return true;  // they begin in another run
    const std::int64_t n = row_outputs_ * form_.inner, from = run.plane * form_.windows[0].outputs() + group.begin;
    const std::int64_t size = form_.index_bytes, low = group.low * row_cells_, high = group.high * row_cells_ - 1;
    return steps_.are_within[size == 8](indices_ + from * n * size, run.planes * (group.end - group.begin) * n, low,
                                        high);
  }

  template <class T, class Index>
  bool fill_as(const Run& run, char* scratch, Patience& patience) const {
    if (run.planes > 1) return fill_in_turn<T, Index>(run, patience);
    const std::int64_t size = info_of(form_.dtype).size, row = row_cells_ * form_.inner;
    const Windows& first = form_.windows[0];
    char* const target = cells_ + (run.plane * first.input() + run.begin) * row * size;
    T* const sums = reinterpret_cast<T*>(is_half() ? scratch : target);
    T* const room = reinterpret_cast<T*>(scratch) + (is_half() ? rows_ * row : 0);
    std::int64_t cleared = run.begin;
    const auto clear = [&](std::int64_t end) {
      if (end <= cleared) return;
      std::memset(sums + (cleared - run.begin) * row, 0, static_cast<std::size_t>((end - cleared) * row) * sizeof(T));
      cleared = end;
    };
    const bool complete = visit(run, patience, [&](const Group& group) {
      const std::int64_t low = std::max(group.low, run.begin), high = std::min(group.high, run.end);
      clear(high);  // now, so that they are in a cache
      const Target<T> cells{sums + (low - run.begin) * row, low * row_cells_,
                            static_cast<std::uint64_t>(std::max<std::int64_t>(0, high - low) * row_cells_),
                            form_.inner};
      const bool crosses = low > group.low || high < group.high;
      const std::int64_t from = run.plane * first.outputs();
      const bool whole = crosses ? add_rows<true, T, Index>(cells, from + group.begin, from + group.end, room)
                                 : add_rows<false, T, Index>(cells, from + group.begin, from + group.end, room);
      return whole || are_near(run, group);
    });
    clear(run.end);
    if (is_half()) {
      const auto dtype = static_cast<std::size_t>(form_.dtype);
      const Finish finish = steps_.finish[static_cast<std::size_t>(Accumulator::sum_float)][dtype];
      finish(target, sums, (run.end - run.begin) * row, 1, {});
    }
    return complete;
  }

  template <class T, class Index>
  bool fill_in_turn(const Run& run, Patience& patience) const {
    const std::int64_t cells = run.end * row_cells_, outputs = form_.outputs(), from = run.plane * outputs;
    T* const sums = reinterpret_cast<T*>(cells_) + run.plane * cells;
    std::memset(sums, 0, static_cast<std::size_t>(run.planes * cells) * sizeof(T));
    const std::int64_t elsewhere = add_in_turn(sums, cells, reinterpret_cast<const T*>(values_) + from,
                                               reinterpret_cast<const Index*>(indices_) + from, outputs);
    patience.is_over(run.planes * outputs);
    return elsewhere == 0 || are_near(run, patience);
  }

  /// Adds rows of outputs, those of all planes counted. Returns whether all belonged to these cells.
  template <bool Crosses, class T, class Index>
  bool add_rows(const Target<T>& cells, std::int64_t begin, std::int64_t end, T* room) const {
    const std::int64_t row = row_outputs_ * form_.inner, n = (end - begin) * row, size = info_of(form_.dtype).size;
    const auto* const indices = reinterpret_cast<const Index*>(indices_) + begin * row;
    const char* const values = values_ + begin * row * size;
    if (!is_half()) return add_values<Crosses>(cells, reinterpret_cast<const T*>(values), indices, n, 0) == 0;
    const auto dtype = static_cast<std::size_t>(form_.dtype);
    const Prepare convert = steps_.prepare[static_cast<std::size_t>(Accumulator::sum_float)][dtype];
    std::int64_t elsewhere = 0;
    for (std::int64_t i = 0; i < n; i += chunk) {
      const std::int64_t some = std::min(n - i, chunk);
      convert(room, values + i * size, some, 0);
      elsewhere += add_values<Crosses>(cells, room, indices + i, some, i % form_.inner);
    }
    return elsewhere == 0;
  }

  const Scatter& form_;
  const char *const values_, *const indices_;
  char* const cells_;
  const std::int64_t row_cells_, row_outputs_;  // of the other pooled axes
  const RowSteps& steps_;
  std::int64_t rows_, of_plane_;
  bool is_small_;  // planes of single elements that are one band
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
  parallel_for(threads, bands.count(), bands.least(), interrupt, [&](Share& share) {
    Patience patience(interrupt, share.is_caller());
    for (std::int64_t begin, end; share.next(begin, end);) {
      bands.each_run(begin, end, [&](const Run& run) {
        if (can && !interrupt.stopped() && !bands.are_near(run, patience)) can = false;
      });
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
  parallel_for(threads, bands.count(), bands.least(), interrupt, [&](Share& share) {
    Scratch scratch;
    Patience patience(interrupt, share.is_caller());
    char* const room = scratch.at_least(static_cast<std::size_t>(bands.scratch_bytes()));
    for (std::int64_t begin, end; share.next(begin, end);) {
      bands.each_run(begin, end, [&](const Run& run) {
        if (interrupt.stopped()) return;
        const bool whole = form.index_bytes == 8 ? bands.fill<std::int64_t>(run, room, patience)
                                                 : bands.fill<std::int32_t>(run, room, patience);
        if (!whole) complete = false;
      });
    }
  });
  return complete;
}

}  // namespace tilepool
