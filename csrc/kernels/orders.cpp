// Ops that look at whole windows in ascending order.
#include "part.hpp"
#include "survey_order.hpp"

namespace tilepool {
namespace {

/// Of elements of type T; `O` is what is written.
template <class T, class O>
constexpr void set(Surveys& surveys, DType dtype) {
  surveys.rows[static_cast<int>(dtype)] = survey_order<T, O>;
}

constexpr Surveys fill() {
  Surveys surveys{};
  set<Float16, Float16>(surveys, DType::float16);
  set<BFloat16, BFloat16>(surveys, DType::bfloat16);
  set<float, float>(surveys, DType::float32);
  set<double, double>(surveys, DType::float64);
  set<std::uint8_t, float>(surveys, DType::boolean);
  set<std::int8_t, float>(surveys, DType::int8);
  set<std::int16_t, float>(surveys, DType::int16);
  set<std::int32_t, double>(surveys, DType::int32);
  set<std::int64_t, double>(surveys, DType::int64);
  set<std::uint8_t, float>(surveys, DType::uint8);
  set<std::uint16_t, float>(surveys, DType::uint16);
  set<std::uint32_t, double>(surveys, DType::uint32);
  set<std::uint64_t, double>(surveys, DType::uint64);
  return surveys;
}
constexpr Surveys filled = fill();

constexpr Kernels orders() {
  Kernels kernels{};
  kernels.orders = &filled;
  return kernels;
}

}  // namespace
}  // namespace tilepool
TILEPOOL_EXPORT(orders, orders())
