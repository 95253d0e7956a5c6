// Averages of short integers as what they are.
#include "narrow.hpp"
#include "part.hpp"

namespace tilepool {
namespace {
constexpr Averages filled() {
  Averages averages{};
  const auto set = [&](DType dtype, AverageRows rows) { averages.rows[static_cast<int>(dtype)] = rows; };
  set(DType::boolean, average_rows<std::uint8_t, ByteQuotient>);
  set(DType::uint8, average_rows<std::uint8_t, ByteQuotient>);
  set(DType::uint16, average_rows<std::uint16_t, ShortQuotient>);
  return averages;
}
constexpr Averages of_all = filled();
constexpr Kernels averages = Filler{}.with(&Kernels::averages, of_all).kernels;
}  // namespace
}  // namespace tilepool
TILEPOOL_EXPORT(averages, averages)
