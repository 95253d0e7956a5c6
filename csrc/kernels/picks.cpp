// Max and min with the places where they are found.
#include "part.hpp"
#include "pick.hpp"

namespace tilepool {
namespace {

constexpr Picks fill() {
  Picks picks{};
  const auto set = [&](DType dtype, PickRows max, PickRows min) {
    picks.rows[0][static_cast<int>(dtype)] = max;
    picks.rows[1][static_cast<int>(dtype)] = min;
  };
  set(DType::float32, pick_rows<Pick<float>>, pick_rows<Pick<float, -1>>);
  set(DType::float64, pick_rows<Pick<double>>, pick_rows<Pick<double, -1>>);
  for (const DType dtype : {DType::float16, DType::bfloat16}) {
    set(dtype, pick_rows<PickHalf>, pick_rows<PickHalf>);
  }
  for (const DType dtype : {DType::boolean, DType::int8, DType::uint8}) {
    set(dtype, pick_rows<Pick<std::int32_t, 1, std::int8_t>>, pick_rows<Pick<std::int32_t, 1, std::int8_t>>);
  }
  for (const DType dtype : {DType::int16, DType::uint16}) {
    set(dtype, pick_rows<Pick<std::int32_t, 1, std::int16_t>>, pick_rows<Pick<std::int32_t, 1, std::int16_t>>);
  }
  for (const DType dtype : {DType::int32, DType::uint32}) {
    set(dtype, pick_rows<Pick<std::int32_t>>, pick_rows<Pick<std::int32_t>>);
  }
  for (const DType dtype : {DType::int64, DType::uint64}) {
    set(dtype, pick_rows<Pick<std::int64_t>>, pick_rows<Pick<std::int64_t>>);
  }
  return picks;
}
constexpr Picks filled = fill();

constexpr Kernels picks = Filler{}.with(&Kernels::picks, filled).kernels;

}  // namespace
}  // namespace tilepool
TILEPOOL_EXPORT(picks, picks)
