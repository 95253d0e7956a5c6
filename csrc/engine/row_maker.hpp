// Makes rows of elements that lie in memory with gaps between them, with their bytes swapped, as another type, or
// among others that are left out or weigh more.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernel.hpp"
#include "pool.hpp"
#include "present_cells.hpp"

namespace tilepool {

/// A row as a dense copy of the array would have it, made of the array itself; then prepared, if need be.
class RowMaker {
 public:
  RowMaker(const Kernel& kernel, const NormalForm& form, const void* input, const Beside& beside)
      : kernel_(kernel),
        form_(form),
        input_(static_cast<const char*>(input)),
        beside_(beside),
        present_(kernel, form) {}
  RowMaker(const RowMaker&) = delete;
  RowMaker& operator=(const RowMaker&) = delete;

  /// Whether rows are not read where they lie.
  bool makes() const { return kernel_.prepare != nullptr || !form_.source.axes.empty(); }

  /// Bytes of what an element becomes.
  std::int64_t size() const { return kernel_.prepare != nullptr ? acc_size(form_) : info_of(form_.dtype).size; }

  /// Where the elements of a row lie, and what lies beside them: up to the end of the innermost axis of the source.
  Run run_of(const void* row) const {
    return run_from((static_cast<const char*>(row) - input_) / info_of(form_.dtype).size);
  }

  /// `row` is where the row would lie if the array were dense.
  void make(void* to, const void* row, std::int64_t n) const {
    if (form_.source.axes.empty()) return kernel_.prepare(to, row, n, form_.steps.flip);
    const std::int64_t first = (static_cast<const char*>(row) - input_) / info_of(form_.dtype).size;
    if (kernel_.prepare == nullptr) return read(static_cast<char*>(to), first, n);
    if (kernel_.convert == nullptr && !form_.source.changes() && form_.source.spread.by == 0)
      return by_step(kernel_.prepare, acc_size(form_), static_cast<char*>(to), first, n);
    alignas(64) char some[most * 8];
    for (std::int64_t i = 0; i < n; i += most) {
      const std::int64_t count = std::min(most, n - i);
      read(some, first + i, count);
      kernel_.prepare(static_cast<char*>(to) + i * acc_size(form_), some, count, form_.steps.flip);
    }
  }

 private:
  static constexpr std::int64_t most = PresentCells::most;

  /// Elements of the type that is pooled. `first` counts those before it.
  void read(char* to, std::int64_t first, std::int64_t n) const {
    if (form_.source.spread.by == 0) return read_array(to, first, n);
    const SpreadRow& spread = form_.source.spread;
    const std::int64_t row = spread.width * spread.pixel, cells = spread.cells * spread.pixel;
    const std::int64_t size = info_of(form_.dtype).size, fitting = most * 8 / size / cells;
    alignas(64) char some[most * 8];
    for (std::int64_t done = 0; done < n;) {
      const std::int64_t line = (first + done) / row, at = (first + done) % row;
      const std::int64_t lines = at > 0 ? 0 : std::min((n - done) / row, fitting);
      if (lines > 1) {  // short ones
        const char* const from = read_or_find(some, line * cells, lines * cells);
        for (std::int64_t i = 0; i < lines; ++i, done += row) {
          char* const target = to + done * size;
          const std::int64_t full = std::min(row, cells * spread.by);
          kernel_.spread(target, from + i * cells * size, full, {spread.by, spread.pixel, 0, spread.copies});
          std::memset(target + full * size, 0, static_cast<std::size_t>((row - full) * size));
        }
        continue;
      }
      const std::int64_t count = std::min(n - done, row - at);
      read_spread(to + done * size, line * cells, at, count);
      done += count;
    }
  }

  /// Elements `at` and those behind it of a row that is made of the one that begins at element `row` of the array.
  void read_spread(char* to, std::int64_t row, std::int64_t at, std::int64_t n) const {
    const SpreadRow& spread = form_.source.spread;
    const std::int64_t size = info_of(form_.dtype).size, pixel = spread.pixel;
    const std::int64_t full = std::clamp<std::int64_t>(spread.cells * spread.by * pixel - at, 0, n);
    std::memset(to + full * size, 0, static_cast<std::size_t>((n - full) * size));
    alignas(64) char some[most * 8];
    const std::int64_t fitting = most * 8 / size / pixel, group = spread.by * pixel;
    for (std::int64_t done = 0; done < full;) {
      const std::int64_t cell = (at + done) / group, phase = (at + done) % group;
      const std::int64_t cells = std::min(fitting, spread.cells - cell);
      const std::int64_t count = std::min(full - done, cells * group - phase);
      const char* const from = read_or_find(some, row + cell * pixel, ((phase + count - 1) / group + 1) * pixel);
      kernel_.spread(to + done * size, from, count, {spread.by, pixel, phase, spread.copies});
      done += count;
    }
  }

  /// Elements without others between them: where they lie, if they are what is wanted, else in `to`.
  const char* read_or_find(char* to, std::int64_t first, std::int64_t n) const {
    const std::vector<SourceAxis>& axes = form_.source.axes;
    const std::int64_t size = info_of(form_.dtype).size;
    const bool lie_so = axes.size() == 1 && axes[0].stride == size && kernel_.convert == nullptr;
    if (lie_so && !form_.source.swapped && !form_.source.changes()) return input_ + first * size;
    read_array(to, first, n);
    return to;
  }

  /// The same in `to`.
  void read_array(char* to, std::int64_t first, std::int64_t n) const {
    const std::int64_t size = info_of(form_.dtype).size;
    if (form_.source.changes()) return read_present(to, first, n);
    if (kernel_.convert != nullptr) return by_step(kernel_.convert, size, to, first, n);
    each_run(first, n, [&](std::int64_t done, const Run& from, std::int64_t count) {
      run(to + done * size, from.elements, from.stride, count);
    });
  }

  /// The same where cells are left out, counted or weighed.
  void read_present(char* to, std::int64_t first, std::int64_t n) const {
    const std::int64_t element = info_of(form_.source.dtype).size, size = info_of(form_.dtype).size;
    each_run(first, n, [&](std::int64_t done, const Run& whole, std::int64_t whole_count) {
      alignas(64) char some[most * 8];
      for (std::int64_t i = 0; i < whole_count; i += most) {
        const Run from = whole.behind(i);
        const std::int64_t count = std::min(most, whole_count - i);
        const char* elements = from.elements;
        if (from.stride != element || form_.source.swapped) {
          run(some, from.elements, from.stride, count);
          elements = some;
        } else if (is_far_ && !form_.source.present) {  // what is counted has been read for its sum
          fetch_ahead(elements, count * element);
        }
        present_.make(to + (done + i) * size, elements, from, count);
      }
    });
  }

  /// Asks for what will be read two pages further on: hardware prefetchers follow one stream to the end of its page,
  /// and rows are made one after the other.
  static void fetch_ahead(const char* from, std::int64_t bytes) {
    constexpr std::int64_t cache_line = 64, ahead = 2 << 12;
    for (std::int64_t at = 0; at < bytes; at += cache_line) __builtin_prefetch(from + ahead + at);
  }

  /// What a step makes of elements, `size` bytes of each: as they lie, or as they are gathered.
  void by_step(Prepare step, std::int64_t size, char* to, std::int64_t first, std::int64_t n) const {
    const std::int64_t element = info_of(form_.source.dtype).size;
    each_run(first, n, [&](std::int64_t done, const Run& from, std::int64_t count) {
      if (from.stride == element && !form_.source.swapped)
        return step(to + done * size, from.elements, count, form_.steps.flip);
      alignas(64) char some[most * 8];
      for (std::int64_t i = 0; i < count; i += most) {
        const std::int64_t part = std::min(most, count - i);
        run(some, from.behind(i).elements, from.stride, part);
        step(to + (done + i) * size, some, part, form_.steps.flip);
      }
    });
  }

  /// Calls visit(elements before it, run, elements) for each run of n elements in memory.
  template <class Visit>
  void each_run(std::int64_t first, std::int64_t n, const Visit& visit) const {
    const std::int64_t row = form_.source.axes.size() == 1 ? most_int64 : form_.source.axes.back().size;
    for (std::int64_t done = 0; done < n;) {
      const std::int64_t count = std::min(n - done, row - (first + done) % row);
      visit(done, run_from(first + done), count);
      done += count;
    }
  }

  /// From an element on.
  Run run_from(std::int64_t first) const {
    const std::vector<SourceAxis>& axes = form_.source.axes;
    const SourceAxis& along = axes.back();
    Run run{input_,
            along.stride,
            static_cast<const char*>(beside_.mask),
            along.mask_stride,
            static_cast<const char*>(beside_.weights),
            along.weight_stride,
            along.pixel,
            0};
    if (axes.size() == 1) return run.behind(first);
    run = run.behind(first % along.size);
    first /= along.size;
    for (std::size_t a = axes.size() - 1; a-- > 0;) {
      const std::int64_t cell = first % axes[a].size;
      run.elements += cell * axes[a].stride;
      run.mask += cell * axes[a].mask_stride;
      run.weights += cell * axes[a].weight_stride;
      first /= axes[a].size;
    }
    return run;
  }

  /// Elements as they are, in native byte order.
  void run(char* to, const char* from, std::int64_t stride, std::int64_t count) const {
    const bool swapped = form_.source.swapped;
    switch (info_of(form_.source.dtype).size) {
      case 1:
        return side_by_side<std::uint8_t>(to, from, stride, count, [](std::uint8_t v) { return v; });
      case 2:
        if (!swapped) return side_by_side<std::uint16_t>(to, from, stride, count, [](std::uint16_t v) { return v; });
        return side_by_side<std::uint16_t>(to, from, stride, count,
                                           [](std::uint16_t v) { return __builtin_bswap16(v); });
      case 4:
        if (!swapped) return side_by_side<std::uint32_t>(to, from, stride, count, [](std::uint32_t v) { return v; });
        return side_by_side<std::uint32_t>(to, from, stride, count,
                                           [](std::uint32_t v) { return __builtin_bswap32(v); });
      default:
        if (!swapped) return side_by_side<std::uint64_t>(to, from, stride, count, [](std::uint64_t v) { return v; });
        return side_by_side<std::uint64_t>(to, from, stride, count,
                                           [](std::uint64_t v) { return __builtin_bswap64(v); });
    }
  }

  const Kernel& kernel_;
  const NormalForm& form_;
  const char* const input_;
  const Beside beside_;
  const PresentCells present_;
  const bool is_far_ = is_far(form_);
};

}  // namespace tilepool
