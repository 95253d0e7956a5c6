// Where a cursor finds itself.
#include "cursor.hpp"

namespace tilepool {

bool Cursor::go(std::int64_t plane, std::int64_t tile) {
  const bool other = tile != tile_index_;
  if (other) {
    make_row_tile(plan_, tile, tile_);
    tile_index_ = tile;
  }
  taps_.start({tile_.input_begin * schedule_.row.input_stride, 0});
  target_ = result_ + tile_.output_begin * schedule_.row.result_stride;
  divisor_ = 1;
  std::int64_t left = schedule_.plane_count;
  for (const NormalAxis& axis : schedule_.outer) {
    left /= axis.windows.outputs();
    const std::int64_t o = left > 1 ? plane / left : plane;
    plane -= o * left;
    target_ += o * axis.result_stride;
    const Window window = axis.windows.at(o);
    divisor_ *= static_cast<double>(plan_.form.count_padding ? window.size : window.count);
    taps_.add_axis(window.count, first_tap(axis, o, window), tap_step(axis));
  }
  taps_.finish();
  return other;
}

}  // namespace tilepool
