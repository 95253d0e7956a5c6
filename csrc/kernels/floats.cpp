// Sums, averages and extrema of float32: as keys, where rows are read more than once.
#include "loops.hpp"
#include "part.hpp"

namespace tilepool {
namespace {
constexpr Loops make_keys() {
  Loops loops = loops_of<Accumulator::float_key, OrderedFloat, Rows::none>;
  loops.fold_rows = fold_rows<OrderedFloat, LeastFloat, KeyOfLeast::Lift>;
  return loops;
}
constexpr Loops keys = make_keys();
constexpr Kernels floats = Filler{}
                               .with(Accumulator::float_key, keys)
                               .with(Accumulator::sum_float, loops_of<Accumulator::sum_float, Mean<float>>)
                               .kernels;
}  // namespace
}  // namespace tilepool
TILEPOOL_EXPORT(floats, floats)
