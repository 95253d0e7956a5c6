// Sums, averages and extrema of float64.
#include "loops.hpp"
#include "part.hpp"

namespace tilepool {
namespace {
constexpr Kernels doubles = Filler{}
                                .with(Accumulator::least_double, loops_of<Accumulator::least_double, Least<double>>)
                                .with(Accumulator::sum_double, loops_of<Accumulator::sum_double, Mean<double>>)
                                .kernels;
}  // namespace
}  // namespace tilepool
TILEPOOL_EXPORT(doubles, doubles)
