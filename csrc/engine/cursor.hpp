// One position of a thread in a plan: a plane, a tile, and what is seen from there.
#pragma once

#include <cstdint>

#include "plane_taps.hpp"
#include "row_tile.hpp"

namespace tilepool {

class Cursor {
 public:
  Cursor(const Plan& plan, const void* input, void* result)
      : plan_(plan), input_(static_cast<const char*>(input)), result_(static_cast<char*>(result)) {}
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  /// Goes to a plane and a tile; returns whether the tile is another one than before.
  bool go(std::int64_t plane, std::int64_t tile);

  const RowTile& tile() const { return tile_; }

  /// Elements of an input row in the tile.
  std::int64_t elements() const { return tile_.input_width * schedule_.inner; }

  /// The taps on the outer axes, at column 0 and at the start of the tile.
  PlaneTaps& taps() { return taps_; }

  /// Where a tap lies.
  const char* at(const Place& place) const { return input_ + place.bytes; }

  /// Where the tile of output row `o` is written, and how many elements of the result lie before it in memory.
  char* target(std::int64_t o) const { return target_ + o * schedule_.column.result_stride; }
  std::int64_t elements_before(std::int64_t o) const {
    return (target(o) - result_) / info_of(plan_.form.result_dtype).size;
  }

  /// That of output row `o`; the spans have that along it.
  double divisor(std::int64_t o) const {
    const NormalForm& form = plan_.form;
    if (!form.averages) return 1;
    if (form.divisor != 0) return form.divisor;
    const Window window = schedule_.column.windows.at(o);
    return divisor_ * static_cast<double>(form.count_padding ? window.size : window.count);
  }

  /// The first tap of output `o` of an axis, whose window is given.
  Place first_tap(const NormalAxis& axis, std::int64_t o, const Window& window) const {
    const bool taps = plan_.form.indices == Indices::of_taps;
    return {window.first * axis.input_stride,
            axis.weight * (taps ? axis.windows.tap_number(o, window.first) : window.first)};
  }

  /// From one tap to the next.
  Place tap_step(const NormalAxis& axis) const {
    const std::int64_t step = axis.windows.step();
    return {step * axis.input_stride, axis.weight * (plan_.form.indices == Indices::of_taps ? 1 : step)};
  }

  /// Calls visit(row) for taps [from, to) of a column window, through all outer axes.
  template <class Visit>
  void each_row(const Window& window, std::int64_t from, std::int64_t to, const Visit& visit) {
    const std::int64_t step = schedule_.column.windows.step() * schedule_.column.input_stride;
    const char* const origin = input_ + window.first * schedule_.column.input_stride;
    taps_.each([&](const Place& place) {
      for (std::int64_t t = from; t < to; ++t) visit(origin + place.bytes + t * step);
    });
  }

  /// The same for one row of the column.
  template <class Visit>
  void each_plane(std::int64_t row, const Visit& visit) {
    each_row({row, 1, 1}, 0, 1, visit);
  }

 private:
  const Plan& plan_;
  const Schedule& schedule_ = plan_.schedule;
  const char* const input_;
  char* const result_;
  RowTile tile_;
  std::int64_t tile_index_ = -1;
  PlaneTaps taps_;
  double divisor_ = 1;      // of the plane
  char* target_ = nullptr;  // the plane's result at column output 0
};

}  // namespace tilepool
