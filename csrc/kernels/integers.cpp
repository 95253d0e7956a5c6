// Sums of integers.
#include "loops.hpp"
#include "part.hpp"

namespace tilepool {
namespace {
constexpr Kernels integers = Filler{}
                                 .with(Accumulator::sum_int32, loops_of<Accumulator::sum_int32, Sum<std::int32_t>>)
                                 .with(Accumulator::sum_int64, loops_of<Accumulator::sum_int64, Sum<std::int64_t>>)
                                 .kernels;
}  // namespace
}  // namespace tilepool
TILEPOOL_EXPORT(integers, integers)
