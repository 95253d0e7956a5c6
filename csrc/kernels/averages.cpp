// Averages of short integers as what they are, or as float32; and of what a mask leaves.
#include "narrow.hpp"
#include "part.hpp"
#include "present.hpp"

namespace tilepool {
namespace {
constexpr Averages filled() {
  Averages averages{};
  const auto set = [&](DType dtype, AverageRows rows, AverageRows floats) {
    averages.rows[static_cast<int>(dtype)] = rows;
    averages.floats[static_cast<int>(dtype)] = floats;
  };
  constexpr AverageRows bytes = average_rows<std::uint8_t, FloatQuotient<std::uint16_t>>;
  set(DType::boolean, average_rows<std::uint8_t, ByteQuotient>, bytes);
  set(DType::uint8, average_rows<std::uint8_t, ByteQuotient>, bytes);
  set(DType::uint16, average_rows<std::uint16_t, ShortQuotient>,
      average_rows<std::uint16_t, FloatQuotient<std::uint32_t>>);
  const auto leaves = [&](DType dtype, AveragePresent present) { averages.present[static_cast<int>(dtype)] = present; };
  leaves(DType::boolean, average_present<std::uint8_t, std::uint16_t, float>);
  leaves(DType::uint8, average_present<std::uint8_t, std::uint16_t, float>);
  leaves(DType::uint16, average_present<std::uint16_t, std::uint32_t, float>);
  leaves(DType::int16, average_present<std::int16_t, std::int32_t, float>);
  leaves(DType::float32, average_present<float, float, float>);
  leaves(DType::float64, average_present<double, double, double>);
  return averages;
}
constexpr Averages of_all = filled();
constexpr Kernels averages = Filler{}.with(&Kernels::averages, of_all).kernels;
}  // namespace
}  // namespace tilepool
TILEPOOL_EXPORT(averages, averages)
