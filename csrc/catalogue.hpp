// The lists: element types, ops, accumulators, and which steps an op is made of. (WHAT, as data.)
#pragma once

#include <cstdint>
#include <limits>

namespace tilepool {

/// What a pooling keeps of a window. `average_rounded` is the exact average of integers as an integer. From
/// `power_sum` on, all cells of a window are surveyed at once; before it, they are combined as they come.
enum class Op : std::uint8_t {
  max,
  min,
  sum,
  average,
  average_rounded,
  product,
  sum_magnitude,      // sum(abs(x))
  max_magnitude,      // max(abs(x))
  root_sum_square,    // sqrt(sum(x**2))
  power_sum,          // sum(abs(x)**p)**(1/p); parameters: p
  power_mean,         // mean(max(x, eps)**p)**(1/p); p, eps
  log_sum_exp,        // t * log(sum(exp(x/t))), of the mean where the second one is not 0; t, 0 or 1
  softmax,            // sum(w * x) / sum(w) with w = exp(x/t); t
  variance,           // sum((x - mean)**2) / (count - ddof); ddof
  deviation,          // its root; ddof
  self_weighted,      // sum(a**2) / sum(a) with a = max(x, 0)
  quantile,           // between neighbours in ascending order; q, Between
  quantile_of_cells,  // one of them, as an element; q, Between
  mode                // the most frequent number, of several the least
};
constexpr const char* op_names[] = {"max",
                                    "min",
                                    "sum",
                                    "average",
                                    "average_rounded",
                                    "product",
                                    "sum_magnitude",
                                    "max_magnitude",
                                    "root_sum_square",
                                    "power_sum",
                                    "power_mean",
                                    "log_sum_exp",
                                    "softmax",
                                    "variance",
                                    "deviation",
                                    "self_weighted",
                                    "quantile",
                                    "quantile_of_cells",
                                    "mode"};
constexpr int op_count = 19;
constexpr bool surveys(Op op) { return op >= Op::power_sum; }
constexpr bool is_extremum(Op op) { return op == Op::max || op == Op::min; }

/// Where a quantile lies between two neighbours in ascending order.
enum class Between : std::uint8_t { linear, lower, higher, nearest, midpoint };
constexpr const char* between_names[] = {"linear", "lower", "higher", "nearest", "midpoint"};

/// The list of element types.
enum class DType : std::uint8_t {
  float16,
  bfloat16,
  float32,
  float64,
  boolean,
  int8,
  int16,
  int32,
  int64,
  uint8,
  uint16,
  uint32,
  uint64
};
constexpr int dtype_count = 13;

struct DTypeInfo {
  const char* name;
  char kind;  // as numpy's: f(loat), b(ool), i(nteger), u(nsigned integer)
  std::int64_t size;
};
constexpr DTypeInfo dtype_info[dtype_count] = {
    {"float16", 'f', 2}, {"bfloat16", 'f', 2}, {"float32", 'f', 4}, {"float64", 'f', 8}, {"bool", 'b', 1},
    {"int8", 'i', 1},    {"int16", 'i', 2},    {"int32", 'i', 4},   {"int64", 'i', 8},   {"uint8", 'u', 1},
    {"uint16", 'u', 2},  {"uint32", 'u', 4},   {"uint64", 'u', 8}};
[[gnu::always_inline]] constexpr const DTypeInfo& info_of(DType dtype) { return dtype_info[static_cast<int>(dtype)]; }

/// Which integer an average becomes: the nearest, a half going to the even one or up, the one below, the one towards 0.
enum class Rounding : std::uint8_t { half_even, half_up, floor, trunc };
constexpr const char* rounding_names[] = {"half_even", "half_up", "floor", "trunc"};

/// How `average_rounded` writes: saturated to an integer type.
struct ToInteger {
  Rounding rounding = Rounding::half_even;
  DType dtype = DType::int64;
  double largest = std::numeric_limits<double>::infinity();  // no sum has a greater magnitude
};

/// The greatest sums of which float32 or float64 makes rounded averages, whatever the rounding: see RoundedQuotient.
constexpr double most_rounded(DType dtype) { return dtype == DType::float32 ? 0x1p20 : 0x1p48; }

/// The element type written (`average_rounded` writes the one that it is told to).
constexpr DType result_dtype(Op op, DType dtype) {
  const DTypeInfo& info = info_of(dtype);
  const bool keeps = is_extremum(op) || op == Op::quantile_of_cells || op == Op::mode;
  if (keeps || info.kind == 'f') return dtype;
  if (op == Op::sum || op == Op::product) return info.kind == 'u' ? DType::uint64 : DType::int64;
  if (op == Op::average_rounded) return DType::int64;
  return info.size <= 2 ? DType::float32 : DType::float64;
}

/// Whether there are kernels. Those that are missing would do what others do on converted elements.
constexpr bool exists(Op op, DType dtype) {
  const DTypeInfo& info = info_of(dtype);
  const bool is_float = dtype == DType::float32 || dtype == DType::float64;
  if (op == Op::average_rounded) return info.kind != 'f';
  if (op == Op::product) return is_float || info.size == 8;
  if (op == Op::sum_magnitude || op == Op::max_magnitude) return is_float;
  return op != Op::root_sum_square || dtype == DType::float32;
}

/// Whether elements of one type are made those of another as they are read.
constexpr bool converts(DType from, DType to) {
  const bool to_float = to == DType::float32 || to == DType::float64;
  const bool to_integer = to == DType::int64 || to == DType::uint64;
  return from == to || to_float || to == DType::boolean || (to_integer && info_of(from).kind != 'f');
}

/// Whether cells that a mask leaves out are NaNs that are omitted.
constexpr bool omits_masked(Op op) { return surveys(op) && op != Op::power_sum && op != Op::self_weighted; }

/// The bits of the element that changes nothing, which stands for a cell that is left out: of most ops that survey, a
/// NaN, which is left out where they look at all cells.
constexpr std::uint64_t neutral_bits(Op op, DType dtype) {
  const DTypeInfo& info = info_of(dtype);
  const std::uint64_t sign = std::uint64_t{1} << (8 * info.size - 1);
  if (info.kind == 'f') {
    const int mantissa = dtype == DType::float16    ? 10
                         : dtype == DType::bfloat16 ? 7
                         : dtype == DType::float32  ? 23
                                                    : 52;
    const std::uint64_t infinity = (sign - 1) >> mantissa << mantissa;
    const std::uint64_t one = infinity / 2 >> mantissa << mantissa;
    if (omits_masked(op)) return infinity | std::uint64_t{1} << (mantissa - 1);
    return op == Op::max ? infinity | sign : op == Op::min ? infinity : op == Op::product ? one : 0;
  }
  if (op == Op::max) return info.kind == 'i' ? sign : 0;
  if (op == Op::min) return info.kind == 'b' ? 1 : info.kind == 'i' ? sign - 1 : sign | (sign - 1);
  return op == Op::product ? 1 : 0;
}

/// What is combined, and how. Loops are compiled for these, not for ops and element types.
enum class Accumulator : std::uint8_t {
  key8,          // the greatest of signed integers, which are the bits of elements, flipped
  key16,         //
  key32,         //
  key64,         //
  half_key,      // the same of 16-bit floats, whose bits are put in the order of the numbers
  float_key,     // of float32
  least_double,  // the least of float64 with their signs flipped, or not; NaN if there is one
  sum_float,
  sum_double,
  sum_int32,
  sum_int64,
  sum_int128,
  product_float,
  product_double,
  product_int64
};
constexpr const char* accumulator_names[] = {"key8",          "key16",          "key32",        "key64",
                                             "half_key",      "float_key",      "least_double", "sum_float",
                                             "sum_double",    "sum_int32",      "sum_int64",    "sum_int128",
                                             "product_float", "product_double", "product_int64"};
constexpr int accumulator_count = 15;

/// Bytes of one accumulator, the same on every ISA.
constexpr std::int64_t size_of(Accumulator accumulator) {
  constexpr std::int64_t sizes[accumulator_count] = {1, 2, 4, 8, 2, 4, 8, 4, 8, 4, 8, 16, 4, 8, 8};
  return sizes[static_cast<int>(accumulator)];
}

/// Whether combinations round. No more than `most_added` accumulators are added up one after the other then; of more,
/// some at a time are, whose sums are added up in pairs: the error of a sum of n numbers is at most (64 + log2(n))
/// times half a unit in the last place of the sum of their magnitudes.
constexpr bool rounds(Accumulator accumulator) {
  return accumulator == Accumulator::sum_float || accumulator == Accumulator::sum_double;
}
constexpr std::int64_t most_added = 64;

/// Whether the bits of a combination depend on the order.
constexpr bool depends_on_order(Accumulator accumulator) {
  return rounds(accumulator) || accumulator == Accumulator::product_float || accumulator == Accumulator::product_double;
}

/// How keys are made of elements, and elements of keys: these bits are flipped. The bits of negative floats are put in
/// order then; `nans` of them are on either side of the numbers.
struct Keying {
  std::int64_t in = 0, out = 0, nans = 0;
};

/// The steps of an op: rows of elements are prepared (or combined as they are), accumulators are combined, and rows of
/// them are finished (or written as they are, but for a division of floats).
struct Steps {
  Accumulator accumulator;
  bool prepared, finished;
  std::int64_t flip;  // of keys, and of extrema of float64
};

/// Keys of integers: min is max of flipped bits, unsigned numbers are signed ones with one bit flipped. What is written
/// for a window without cells is the lowest key.
/// (Inlined always: kernels are to have no copy of what others might use.)
[[gnu::always_inline]] constexpr std::int64_t flip_of(Op op, DType dtype) {
  const DTypeInfo& info = info_of(dtype);
  const std::int64_t sign = static_cast<std::int64_t>(std::uint64_t{1} << (8 * info.size - 1));
  if (info.kind == 'f') return op == Op::max ? 0 : sign;  // of magnitudes, too: the lowest one is 0
  if (info.kind == 'b') return op == Op::max ? sign : sign | 1;
  if (info.kind == 'u') return op == Op::max ? sign : ~sign;
  return op == Op::max ? 0 : -1;
}

/// The accumulators of sums of so many taps: 16-bit integers and shorter ones fit 32 bits some thousand times.
constexpr Accumulator sum_of(DType dtype, std::int64_t taps) {
  const DTypeInfo& info = info_of(dtype);
  if (info.kind == 'f') return dtype == DType::float64 ? Accumulator::sum_double : Accumulator::sum_float;
  if (info.size <= 2 && taps <= std::int64_t{1} << (8 * (4 - info.size) - 1)) return Accumulator::sum_int32;
  return Accumulator::sum_int64;
}

/// Of an op that does not survey, on windows of at most so many taps.
constexpr Steps steps_of(Op op, DType dtype, std::int64_t taps) {
  const DTypeInfo& info = info_of(dtype);
  const bool is_float = info.kind == 'f', is_double = dtype == DType::float64, is_half = is_float && info.size == 2;
  const std::int64_t flip = flip_of(op, dtype);
  switch (op) {
    case Op::max:
    case Op::min:
      if (is_half) return {Accumulator::half_key, false, false, flip};
      if (is_double) return {Accumulator::least_double, false, false, flip ^ flip_of(Op::min, dtype)};
      if (is_float) return {Accumulator::float_key, false, false, flip};
      if (info.size == 1) return {Accumulator::key8, false, false, flip};
      if (info.size == 2) return {Accumulator::key16, false, false, flip};
      return {info.size == 4 ? Accumulator::key32 : Accumulator::key64, false, false, flip};
    case Op::max_magnitude:
      return {is_double ? Accumulator::key64 : Accumulator::key32, true, false, flip};
    case Op::sum_magnitude:
      return {sum_of(dtype, taps), true, false, 0};
    case Op::root_sum_square:
      return {Accumulator::sum_double, true, true, 0};
    case Op::product:
      if (is_float) return {is_double ? Accumulator::product_double : Accumulator::product_float, false, false, 0};
      return {Accumulator::product_int64, false, false, 0};
    case Op::average_rounded: {
      // Divisors beyond 2**62 are taken for 2**62, more than twice any sum: 64 bits have two to spare.
      const bool fits = info.size < 8 && taps <= std::int64_t{1} << (8 * (8 - info.size) - 3);
      return {fits ? sum_of(dtype, taps) : Accumulator::sum_int128, true, true, 0};
    }
    case Op::average:
      if (!is_float && info.size >= 4) return {Accumulator::sum_double, true, false, 0};
      [[fallthrough]];
    default: {
      const Accumulator sum = sum_of(dtype, taps);
      const bool in_place = (is_float && !is_half) || info.size == 8;
      const bool as_it_is = sum != Accumulator::sum_int32 && op == Op::sum && !is_half;
      return {sum, !in_place, !in_place && !as_it_is, 0};
    }
  }
}

constexpr Keying keying_of(const Steps& steps, DType dtype) {
  const std::int64_t nans = dtype == DType::float16    ? (1 << 10) - 1
                            : dtype == DType::bfloat16 ? (1 << 7) - 1
                                                       : (1 << 23) - 1;
  return {steps.prepared ? 0 : steps.flip, steps.finished ? 0 : steps.flip, nans};
}

/// How elements of extrema with places are made keys: these bits are flipped; of floats, by bits from the lowest up
/// (0 of integers), what is not the sign, infinity, and what stands for all NaNs.
struct KeyBits {
  std::int64_t flip, magnitude, infinity, quiet;
};
constexpr KeyBits key_bits_of(Op op, DType dtype) {
  const DTypeInfo& info = info_of(dtype);
  if (info.kind != 'f') return {flip_of(op, dtype), 0, 0, 0};
  const std::int64_t magnitude = static_cast<std::int64_t>((std::uint64_t{1} << (8 * info.size - 1)) - 1);
  const auto infinity = static_cast<std::int64_t>(neutral_bits(Op::min, dtype));
  const auto half_bit = (magnitude & ~infinity) / 2 + 1;
  return {flip_of(op, dtype), magnitude, infinity, infinity | half_bit};
}

/// Whether there are kernels for whole planes: for accumulators that have vectors of not too many lanes.
constexpr bool has_planes(Accumulator accumulator) { return size_of(accumulator) == 4 || size_of(accumulator) == 8; }

}  // namespace tilepool
