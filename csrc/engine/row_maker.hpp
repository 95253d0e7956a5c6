// Makes rows of elements that lie in memory with gaps between them, with their bytes swapped, as another type, or
// among others that are left out.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernel.hpp"

namespace tilepool {

/// A row as a dense copy of the array would have it, made of the array itself; then prepared, if need be.
class RowMaker {
 public:
  RowMaker(const Kernel& kernel, const NormalForm& form, const void* input, const void* mask)
      : kernel_(kernel),
        form_(form),
        input_(static_cast<const char*>(input)),
        mask_(static_cast<const char*>(mask)),
        neutral_(static_cast<std::int64_t>(neutral_bits(form.op, form.dtype))),
        one_(static_cast<std::int64_t>(neutral_bits(Op::product, form.dtype))) {}
  RowMaker(const RowMaker&) = delete;
  RowMaker& operator=(const RowMaker&) = delete;

  /// Whether rows are not read where they lie.
  bool makes() const { return kernel_.prepare != nullptr || !form_.source.axes.empty(); }

  /// Bytes of what an element becomes.
  std::int64_t size() const { return kernel_.prepare != nullptr ? acc_size(form_) : info_of(form_.dtype).size; }

  /// `row` is where the row would lie if the array were dense.
  void make(void* to, const void* row, std::int64_t n) const {
    if (form_.source.axes.empty()) return kernel_.prepare(to, row, n, form_.steps.flip);
    const std::int64_t first = (static_cast<const char*>(row) - input_) / info_of(form_.dtype).size;
    if (kernel_.prepare == nullptr) return read(static_cast<char*>(to), first, n);
    if (kernel_.convert == nullptr && !form_.source.leaves_out())
      return by_step(kernel_.prepare, acc_size(form_), static_cast<char*>(to), first, n);
    alignas(64) char some[most * 8];
    for (std::int64_t i = 0; i < n; i += most) {
      const std::int64_t count = std::min(most, n - i);
      read(some, first + i, count);
      kernel_.prepare(static_cast<char*>(to) + i * acc_size(form_), some, count, form_.steps.flip);
    }
  }

 private:
  static constexpr std::int64_t most = 512;  // elements that are on their way

  /// Elements in memory, and their bytes of the mask, if there is one: from one to the next it is always as far.
  struct Run {
    const char* elements;
    std::int64_t stride;
    const char* mask;
    std::int64_t mask_stride;

    Run behind(std::int64_t count) const {
      return {elements + count * stride, stride, mask + count * mask_stride, mask_stride};
    }
  };

  /// Elements of the type that is pooled. `first` counts those before it.
  void read(char* to, std::int64_t first, std::int64_t n) const {
    const std::int64_t size = info_of(form_.dtype).size;
    if (form_.source.leaves_out()) return read_present(to, first, n);
    if (kernel_.convert != nullptr) return by_step(kernel_.convert, size, to, first, n);
    each_run(first, n, [&](std::int64_t done, const Run& from, std::int64_t count) {
      run(to + done * size, from.elements, from.stride, count);
    });
  }

  /// The same with the neutral element in the place of those that are left out, or a 1 in the place of all others.
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
        } else if (is_far_) {
          fetch_ahead(elements, count * element);
        }
        leave_out(to + (done + i) * size, elements, from, count);
      }
    });
  }

  /// Asks for what will be read two pages further on: hardware prefetchers follow one stream to the end of its page,
  /// and rows are made one after the other.
  static void fetch_ahead(const char* from, std::int64_t bytes) {
    constexpr std::int64_t cache_line = 64, ahead = 2 << 12;
    for (std::int64_t at = 0; at < bytes; at += cache_line) __builtin_prefetch(from + ahead + at);
  }

  /// Of so many elements, no more than `most`. NaNs are seen in floats: before these are made anything else.
  void leave_out(char* to, const char* elements, const Run& from, std::int64_t count) const {
    alignas(64) char bytes[most], present[most];
    const Source& source = form_.source;
    // Of converted floats only the NaNs are written anew: what is written twice, as ends of rows are, stays the same.
    const bool omits =
        source.nans_omitted && info_of(form_.dtype).kind == 'f' && !(source.present && kernel_.convert != nullptr);
    const char* kept = source.masked ? mask_of(from, count, bytes) : nullptr;
    if (source.nans_omitted && !omits) {
      kernel_.present(present, elements, count, 0);
      if (kept != nullptr) kernel_.keep_bytes(present, present, kept, count, 0);
      kept = present;
    }
    if (source.present && !omits) return make_truths(to, kept, count);
    if (kernel_.convert != nullptr) {
      kernel_.convert(to, elements, count, 0);
      elements = to;
    }
    if (omits) {
      kernel_.omit(to, elements, count, source.present ? one_ : neutral_);
      elements = to;
    }
    if (kept != nullptr) kernel_.keep(to, elements, kept, count, neutral_);
  }

  /// A 1 for each byte that is not 0.
  void make_truths(char* to, const char* bytes, std::int64_t count) const {
    alignas(64) char truths[most];
    if (bytes == nullptr) {
      std::fill_n(truths, count, char{1});
    } else {
      kernel_.truth(truths, bytes, count, 0);
    }
    kernel_.from_truth(to, truths, count, 0);
  }

  /// The mask of a run, side by side.
  const char* mask_of(const Run& from, std::int64_t count, char* bytes) const {
    if (from.mask_stride == 1) return from.mask;
    run_of<std::uint8_t>(bytes, from.mask, from.mask_stride, count, [](std::uint8_t v) { return v; });
    return bytes;
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
    const std::vector<SourceAxis>& axes = form_.source.axes;
    const std::int64_t row = axes.back().size;
    const Run all{input_, axes.back().stride, mask_, axes.back().mask_stride};
    if (axes.size() == 1) return visit(0, all.behind(first), n);
    for (std::int64_t done = 0; done < n;) {
      std::int64_t rest = first + done, place = 0, mask_place = 0;
      for (std::size_t a = axes.size(); a-- > 0;) {
        const std::int64_t cell = rest % axes[a].size;
        place += cell * axes[a].stride;
        mask_place += cell * axes[a].mask_stride;
        rest /= axes[a].size;
      }
      const std::int64_t count = std::min(n - done, row - (first + done) % row);
      visit(done, Run{input_ + place, all.stride, mask_ + mask_place, all.mask_stride}, count);
      done += count;
    }
  }

  /// Elements as they are, in native byte order.
  void run(char* to, const char* from, std::int64_t stride, std::int64_t count) const {
    const bool swapped = form_.source.swapped;
    switch (info_of(form_.source.dtype).size) {
      case 1:
        return run_of<std::uint8_t>(to, from, stride, count, [](std::uint8_t v) { return v; });
      case 2:
        if (!swapped) return run_of<std::uint16_t>(to, from, stride, count, [](std::uint16_t v) { return v; });
        return run_of<std::uint16_t>(to, from, stride, count, [](std::uint16_t v) { return __builtin_bswap16(v); });
      case 4:
        if (!swapped) return run_of<std::uint32_t>(to, from, stride, count, [](std::uint32_t v) { return v; });
        return run_of<std::uint32_t>(to, from, stride, count, [](std::uint32_t v) { return __builtin_bswap32(v); });
      default:
        if (!swapped) return run_of<std::uint64_t>(to, from, stride, count, [](std::uint64_t v) { return v; });
        return run_of<std::uint64_t>(to, from, stride, count, [](std::uint64_t v) { return __builtin_bswap64(v); });
    }
  }

  template <class T, class Order>
  static void run_of(char* to, const char* from, std::int64_t stride, std::int64_t count, const Order& order) {
    constexpr auto size = static_cast<std::int64_t>(sizeof(T));
    const auto move = [&](std::int64_t i, std::int64_t apart) {
      T v;
      std::memcpy(&v, from + i * apart, sizeof v);
      v = order(v);
      std::memcpy(to + i * size, &v, sizeof v);
    };
    if (stride == size) {
      for (std::int64_t i = 0; i < count; ++i) move(i, size);
    } else {
      for (std::int64_t i = 0; i < count; ++i) move(i, stride);
    }
  }

  const Kernel& kernel_;
  const NormalForm& form_;
  const char* const input_;
  const char* const mask_;
  const std::int64_t neutral_, one_;  // bits of elements
  const bool is_far_ = is_far(form_);
};

}  // namespace tilepool
