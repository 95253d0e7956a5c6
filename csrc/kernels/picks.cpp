// Max and min with the places where they are found.
#include "part.hpp"
#include "pick.hpp"
#include "places.hpp"

namespace tilepool {
namespace {

constexpr Picks fill() {
  Picks picks{};
  const auto set = [&](std::initializer_list<DType> dtypes, PickRows rows) {
    for (const DType dtype : dtypes) picks.rows[static_cast<int>(dtype)] = rows;
  };
  set({DType::float32}, pick_rows<Pick<float>>);
  set({DType::float64}, pick_rows<Pick<double>>);
  set({DType::float16}, pick_rows<PickHalf<Float16>>);
  set({DType::bfloat16}, pick_rows<PickHalf<BFloat16>>);
  set({DType::boolean, DType::int8, DType::uint8}, pick_rows<Pick<std::int32_t, std::int8_t>>);
  set({DType::int16, DType::uint16}, pick_rows<Pick<std::int32_t, std::int16_t>>);
  set({DType::int32, DType::uint32}, pick_rows<Pick<std::int32_t>>);
  set({DType::int64, DType::uint64}, pick_rows<Pick<std::int64_t>>);
  return picks;
}
constexpr Picks filled = fill();

constexpr Pairs pairs = {{pair_loops<std::int32_t, std::int8_t>, pair_loops<std::int32_t, std::int16_t>,
                          pair_loops<std::int32_t, std::int32_t>, pair_loops<std::int64_t, std::int64_t>}};

constexpr Kernels picks = Filler{}.with(&Kernels::picks, filled).with(&Kernels::pairs, pairs).kernels;

}  // namespace
}  // namespace tilepool
TILEPOOL_EXPORT(picks, picks)
