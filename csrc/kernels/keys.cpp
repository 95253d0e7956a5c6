// Max and min of integers.
#include "loops.hpp"
#include "part.hpp"

namespace tilepool {
namespace {
template <Accumulator accumulator, class T>
constexpr const Loops& keys = loops_of<accumulator, Key<T>>;

constexpr Kernels integer_keys = Filler{}
                                     .with(Accumulator::key8, keys<Accumulator::key8, std::int8_t>)
                                     .with(Accumulator::key16, keys<Accumulator::key16, std::int16_t>)
                                     .with(Accumulator::key32, keys<Accumulator::key32, std::int32_t>)
                                     .with(Accumulator::key64, keys<Accumulator::key64, std::int64_t>)
                                     .kernels;
}  // namespace
}  // namespace tilepool
TILEPOOL_EXPORT(keys, integer_keys)
