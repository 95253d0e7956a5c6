// Makes rows of elements that lie in memory with gaps between them, with their bytes swapped, or as another type.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernel.hpp"

namespace tilepool {

/// A row as a dense copy of the array would have it, made of the array itself; then prepared, if need be.
class RowMaker {
 public:
  RowMaker(const Kernel& kernel, const NormalForm& form, const void* input)
      : kernel_(kernel), form_(form), input_(static_cast<const char*>(input)) {}
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
    if (kernel_.convert == nullptr) return by_step(kernel_.prepare, acc_size(form_), static_cast<char*>(to), first, n);
    alignas(64) char some[most * 8];
    for (std::int64_t i = 0; i < n; i += most) {
      const std::int64_t count = std::min(most, n - i);
      read(some, first + i, count);
      kernel_.prepare(static_cast<char*>(to) + i * acc_size(form_), some, count, form_.steps.flip);
    }
  }

 private:
  static constexpr std::int64_t most = 512;  // elements that are on their way

  /// Elements of the type that is pooled. `first` counts those before it.
  void read(char* to, std::int64_t first, std::int64_t n) const {
    const std::int64_t size = info_of(form_.dtype).size;
    if (kernel_.convert != nullptr) return by_step(kernel_.convert, size, to, first, n);
    each_run(first, n, [&](std::int64_t done, const char* from, std::int64_t stride, std::int64_t count) {
      run(to + done * size, from, stride, count);
    });
  }

  /// What a step makes of elements, `size` bytes of each: as they lie, or as they are gathered.
  void by_step(Prepare step, std::int64_t size, char* to, std::int64_t first, std::int64_t n) const {
    const std::int64_t element = info_of(form_.source.dtype).size;
    each_run(first, n, [&](std::int64_t done, const char* from, std::int64_t stride, std::int64_t count) {
      if (stride == element && !form_.source.swapped) return step(to + done * size, from, count, form_.steps.flip);
      alignas(64) char some[most * 8];
      for (std::int64_t i = 0; i < count; i += most) {
        const std::int64_t part = std::min(most, count - i);
        run(some, from + i * stride, stride, part);
        step(to + (done + i) * size, some, part, form_.steps.flip);
      }
    });
  }

  /// Calls visit(elements before it, its place, from one to the next, elements) for each run of n elements in memory.
  template <class Visit>
  void each_run(std::int64_t first, std::int64_t n, const Visit& visit) const {
    const std::vector<SourceAxis>& axes = form_.source.axes;
    const std::int64_t row = axes.back().size;
    if (axes.size() == 1) return visit(0, input_ + first * axes[0].stride, axes[0].stride, n);
    for (std::int64_t done = 0; done < n;) {
      std::int64_t rest = first + done, place = 0;
      for (std::size_t a = axes.size(); a-- > 0;) {
        place += rest % axes[a].size * axes[a].stride;
        rest /= axes[a].size;
      }
      const std::int64_t count = std::min(n - done, row - (first + done) % row);
      visit(done, input_ + place, axes.back().stride, count);
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
};

}  // namespace tilepool
