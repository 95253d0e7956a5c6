// Max and min of 16-bit floats.
#include "loops.hpp"
#include "part.hpp"

namespace tilepool {
namespace {
template <bool Flips = true>
using Half = FloatKey<std::uint16_t, std::int16_t, Flips>;

/// Maxima of two rows are what layers of networks ask for.
void pool_half_rows(const Along& along, const void* const* rows, std::int64_t count, double divisor, void* out,
                    const Lines& lines, const Keying& keying) {
#ifdef __AVX2__
  if (count == 2 && keying.in == 0) {
    return pool_listed<Half<false>, std::uint16_t, 2>(along, rows, divisor, out, lines, keying);
  }
#endif
  pool_rows<Half<>>(along, rows, count, divisor, out, lines, keying);
}

constexpr Loops make_loops() {
  Loops loops = loops_of<Accumulator::half_key, Half<>>;
  loops.pool_rows = pool_half_rows;
  return loops;
}
constexpr Loops loops = make_loops();
constexpr Kernels half_keys = Filler{}.with(Accumulator::half_key, loops).kernels;
}  // namespace
}  // namespace tilepool
TILEPOOL_EXPORT(halves, half_keys)
