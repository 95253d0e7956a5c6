// Cells that are left out of a row, counted or multiplied by their weights.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernel.hpp"

namespace tilepool {

/// Elements in memory, and what lies beside them, if there is such: from one to the next, or from one pixel to the
/// next, it is always as far.
struct Run {
  const char* elements;
  std::int64_t stride;
  const char* mask;
  std::int64_t mask_stride;
  const char* weights;
  std::int64_t weight_stride;
  std::int64_t pixel;  // SourceAxis::pixel
  std::int64_t phase;  // elements of the first pixel that lie before

  Run behind(std::int64_t count) const {
    Run run = *this;
    run.elements += count * stride;
    const std::int64_t pixels = pixel == 1 ? count : (phase + count) / pixel;
    run.mask += pixels * mask_stride;
    run.weights += pixels * weight_stride;
    run.phase = pixel == 1 ? 0 : (phase + count) % pixel;
    return run;
  }

  /// Pixels that so many elements are of.
  std::int64_t pixels(std::int64_t count) const { return pixel == 1 ? count : (phase + count - 1) / pixel + 1; }
};

/// Elements that are `stride` bytes apart, each as order(element).
template <class T, class Order>
void side_by_side(char* to, const char* from, std::int64_t stride, std::int64_t count, const Order& order) {
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

/// Makes elements of the type that is pooled: the neutral one in the place of those that are left out; or where they
/// are counted, a 1, or its weight, in the place of each other one.
class PresentCells {
 public:
  static constexpr std::int64_t most = 512;  // elements that are on their way

  PresentCells(const Kernel& kernel, const NormalForm& form)
      : kernel_(kernel),
        form_(form),
        neutral_(static_cast<std::int64_t>(neutral_bits(form.op, form.dtype))),
        one_(static_cast<std::int64_t>(neutral_bits(Op::product, form.dtype))) {}

  /// Of so many elements of a run, no more than `most`, in native byte order and side by side. NaNs are seen in floats:
  /// before these are made anything else.
  void make(char* to, const char* elements, const Run& from, std::int64_t count) const {
    alignas(64) char bytes[most], present[most];
    const Source& source = form_.source;
    // Of converted floats only the NaNs are written anew: what is written twice, as ends of rows are, stays the same.
    const bool omits = source.nans_omitted && info_of(form_.dtype).kind == 'f' && !source.weighted &&
                       !(source.present && kernel_.convert != nullptr);
    const char* kept = source.masked ? mask_of(from, count, bytes) : nullptr;
    const bool counts = source.present && !omits && !source.weighted, finds = source.nans_omitted && !omits;
    if (finds) {
      char* const found = counts && form_.dtype == DType::boolean ? to : present;
      kernel_.present(found, elements, count, 0);
      if (kept != nullptr) kernel_.keep_bytes(found, found, kept, count, 0);
      kept = found;
    }
    if (counts) return make_truths(to, kept, count, finds);
    if (kernel_.convert != nullptr) {
      kernel_.convert(to, elements, count, 0);
      elements = to;
    }
    if (omits) {
      kernel_.omit(to, elements, count, source.present ? one_ : neutral_);
      elements = to;
    }
    if (source.weighted) {
      weigh(to, elements, from, count);
      elements = to;
    }
    if (kept != nullptr) kernel_.keep(to, elements, kept, count, neutral_);
  }

 private:
  /// Products of float64 and their weights, or the weights alone.
  void weigh(char* to, const char* elements, const Run& from, std::int64_t count) const {
    alignas(64) char some[most * 8], all[most * 8];
    const char* weights = beside<std::uint64_t>(from.weights, from.weight_stride, from.pixels(count), some);
    if (from.pixel > 1) weights = for_each(all, weights, from, count, kernel_.spread);
    if (form_.source.present) {
      std::memcpy(to, weights, static_cast<std::size_t>(count * 8));
    } else {
      const auto numbers = [](const char* bytes) { return reinterpret_cast<const double*>(bytes); };
      kernel_.multiply(reinterpret_cast<double*>(to), numbers(elements), numbers(weights), count);
    }
  }

  /// A 1 for each byte that is not 0. (`are`: those that are not are 1.)
  void make_truths(char* to, const char* bytes, std::int64_t count, bool are) const {
    alignas(64) char some[most];
    const bool is_truth = form_.dtype == DType::boolean;
    char* const truths = is_truth ? to : some;
    if (bytes == nullptr) {
      std::fill_n(truths, count, char{1});
    } else if (!are) {
      kernel_.truth(truths, bytes, count, 0);
    } else if (!is_truth) {
      return kernel_.from_truth(to, bytes, count, 0);
    } else if (to != bytes) {
      std::memcpy(to, bytes, static_cast<std::size_t>(count));
    }
    if (!is_truth) kernel_.from_truth(to, truths, count, 0);
  }

  /// The mask of a run, side by side.
  const char* mask_of(const Run& from, std::int64_t count, char* bytes) const {
    alignas(64) char some[most];
    char* const gathered = from.pixel > 1 ? some : bytes;
    const char* const mask = beside<std::uint8_t>(from.mask, from.mask_stride, from.pixels(count), gathered);
    return from.pixel > 1 ? for_each(bytes, mask, from, count, kernel_.spread_bytes) : mask;
  }

  /// What lies so far apart, side by side: where it lies, if it does, else in `to`.
  template <class T>
  static const char* beside(const char* from, std::int64_t stride, std::int64_t count, char* to) {
    if (stride == static_cast<std::int64_t>(sizeof(T))) return from;
    side_by_side<T>(to, from, stride, count, [](T v) { return v; });
    return to;
  }

  /// That of each pixel as often as it has elements.
  static const char* for_each(char* to, const char* of_pixels, const Run& from, std::int64_t count, SpreadRows spread) {
    spread(to, of_pixels, count, {from.pixel, 1, from.phase, true});
    return to;
  }

  const Kernel& kernel_;
  const NormalForm& form_;
  const std::int64_t neutral_, one_;  // bits of elements
};

}  // namespace tilepool
