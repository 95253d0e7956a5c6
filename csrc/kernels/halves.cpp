// Max and min of 16-bit floats.
#include "loops.hpp"
#include "part.hpp"

namespace tilepool {
namespace {
constexpr Kernels half_keys =
    Filler{}
        .with(Accumulator::half_key, loops_of<Accumulator::half_key, FloatKey<std::uint16_t, std::int16_t>>)
        .kernels;
}  // namespace
}  // namespace tilepool
TILEPOOL_EXPORT(halves, half_keys)
