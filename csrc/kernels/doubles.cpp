// Sums, averages and extrema of float64.
#include "loops.hpp"
#include "part.hpp"

namespace tilepool {
namespace {
constexpr Kernels doubles = Filler{}
                                .with(Accumulator::max_double, loops_of<Accumulator::max_double, Extremum<double, 1>>)
                                .with(Accumulator::min_double, loops_of<Accumulator::min_double, Extremum<double, -1>>)
                                .with(Accumulator::sum_double, loops_of<Accumulator::sum_double, Mean<double>>)
                                .kernels;
}  // namespace
}  // namespace tilepool
TILEPOOL_EXPORT(doubles, doubles)
