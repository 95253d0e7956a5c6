// Max and min of integers.
#include "extrema.hpp"
#include "loops.hpp"
#include "part.hpp"

namespace tilepool {
namespace {

/// The largest of numbers that need no keys.
template <class T>
struct Largest : AsItIs<T> {
  static constexpr T identity() { return std::numeric_limits<T>::lowest(); }
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> combine(Vec<T, N> a, Vec<T, N> b) {
    return greater_of(a, b);
  }
};

/// Images are of unsigned bytes, and mostly halved: their maxima are those of the bytes, which are not made keys first.
template <class T>
void pool_key_rows(const Along& along, const void* const* rows, std::int64_t count, double divisor, void* out,
                   const Lines& lines, const Keying& keying) {
#ifdef __AVX2__
  using Number = std::make_unsigned_t<T>;
  if (count == 2 && keying.in == flip_of(Op::max, sizeof(T) == 1 ? DType::uint8 : DType::uint16)) {
    return pool_listed<Largest<Number>, Number, 2>(along, rows, divisor, out, lines, keying);
  }
#endif
  pool_rows<Key<T>>(along, rows, count, divisor, out, lines, keying);
}

template <Accumulator accumulator, class T>
constexpr Loops make_keys() {
  Loops loops = loops_of<accumulator, Key<T>>;
  if constexpr (sizeof(T) <= 2) loops.pool_rows = pool_key_rows<T>;
  return loops;
}
template <Accumulator accumulator, class T>
constexpr Loops keys = make_keys<accumulator, T>();

constexpr Kernels integer_keys = Filler{}
                                     .with(Accumulator::key8, keys<Accumulator::key8, std::int8_t>)
                                     .with(Accumulator::key16, keys<Accumulator::key16, std::int16_t>)
                                     .with(Accumulator::key32, keys<Accumulator::key32, std::int32_t>)
                                     .with(Accumulator::key64, keys<Accumulator::key64, std::int64_t>)
                                     .kernels;
}  // namespace
}  // namespace tilepool
TILEPOOL_EXPORT(keys, integer_keys)
