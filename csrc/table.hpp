// The contract between engine and kernels: plain structs and one table of function pointers per ISA.
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
constexpr const DTypeInfo& info_of(DType dtype) { return dtype_info[static_cast<int>(dtype)]; }

/// Which integer an average becomes: the nearest, a half going to the even one or up, the one below, the one towards 0.
enum class Rounding : std::uint8_t { half_even, half_up, floor, trunc };
constexpr const char* rounding_names[] = {"half_even", "half_up", "floor", "trunc"};

/// How `average_rounded` writes: saturated to int64, or to uint64.
struct ToInteger {
  Rounding rounding = Rounding::half_even;
  bool is_unsigned = false;
};

/// A run of consecutive outputs along a row whose windows have equal tap counts and equally spaced first taps.
/// Where inner == 1 windows may reach beyond the row, where they see nothing.
struct Span {
  std::int64_t begin, end;  // outputs, counted from the start of the tile; every span is non-empty
  std::int64_t first;       // first tap of output `begin`, in pixels from the start of the row that is read
  std::int64_t count;       // taps of each window; may be 0
  double divisor;           // of each window along this axis; used by averages only
};

/// Neighbouring taps that are combined beforehand: `taps` of them, `distance` accumulators apart, by doubling or in
/// blocks, of which one starts `phase` taps before the first window. Windows in blocks may reach beyond the `count`
/// pixels of a row, where they see nothing: the first one starts `before` pixels in front of it.
struct Widening {
  std::int64_t taps = 1, distance = 1;
  bool in_blocks = false;
  std::int64_t phase = 0;
  std::int64_t before = 0, count = 0;
};

/// How a row is pooled along itself. A pixel is `inner` neighbouring elements that are never mixed.
struct Along {
  std::int64_t inner;    // elements of one pixel
  std::int64_t stride;   // pixels between the first taps of neighbouring outputs inside one span
  std::int64_t step;     // pixels between the taps of one window
  std::int64_t width;    // pixels that may be read
  bool streams;          // results may be written past the caches
  bool long_windows;     // add each window up in lanes of its own; needs inner == 1, step == 1 and a single row
  ToInteger to_integer;  // used by `average_rounded` only
  Widening widening;     // of the taps of a buffer
  const Span* spans;
  std::int64_t span_count;
};

/// The same work on several lines: from one to the next, what is read and what is written move by so many bytes.
struct Lines {
  std::int64_t count = 1, read_step = 0, write_step = 0;
};

/// Where a running combination of rows is written: after so many of them.
struct Stop {
  std::int64_t rows;
  void* target;
};

/// A running combination of rows, and its stops in the order of their rows, of which the first has some.
struct Scan {
  const Stop* stops;
  std::int64_t stop_count;
  const void* const* rows;
};

/// The two halves of some windows. What the second one writes is combined with what the first one wrote there, unless
/// it has no stops at all.
struct Halves {
  Scan first, second;
};

/// A step of a running combination of rows, from `start` (or the first of these rows) over `count` of them, at least
/// one where there is no start; and what is combined with `other`, if there is such.
struct ScanStep {
  const void* start;
  const void* const* rows;
  std::int64_t count;
  void* target;
  const void* other;
  void* sum;
};

/// Bundles are planes side by side: a cell has as many accumulators, one of each plane, as fill a cache line.
constexpr std::int64_t cell_bytes = 64;

/// What kernels that may take long ask, about once a million operations: whether the call is to end. Then they return,
/// and what they have written does not matter.
struct Watch {
  bool (*ends)(void* call, std::int64_t operations);
  void* call;
  bool over(std::int64_t operations) const { return ends(call, operations); }
};
constexpr std::int64_t operations_between_watches = 1 << 20;

/// Indices of taps: that of tap t of row r, for element e of output o of span s, is
/// rows[r] + spans[s] + output * (o - begin of the span) + tap * t + element * e, and `line` more on each further line.
struct Indexing {
  const std::int64_t* rows;
  const std::int64_t* spans;
  std::int64_t output, tap, element, line;
  bool far;   // within a window they differ by 2**31 or more
  bool wide;  // they are written as int64, else as int32
  void* out;  // beside the values, in the same order; -1 where a window has no tap
  Watch watch;
};

/// What a survey is told beside the windows.
struct Survey {
  Op op;
  double parameters[2];
  bool omit;      // NaNs are not there; else a window that has one gives NaN
  bool single;    // of each row there is but one output, of one element
  void* scratch;  // survey_bytes of its largest window
  Watch watch;
};

/// Of windows of so many taps.
constexpr std::int64_t survey_bytes(std::int64_t taps, bool single) { return (single ? 16 : 64) * taps + 4096; }

/// The most rows that `pool_rows` takes; longer lists are folded into a buffer first.
constexpr std::int64_t pool_rows_limit = 3;

/// Windows that keep the width of a row need not be pooled line by line: the lines of a plane, end to end, are one
/// endless row, in which a window sees nothing beyond the ends of its own line. inner, stride and step are 1.
struct Endless {
  std::int64_t width;       // of a line
  std::int64_t taps;        // along a line: as many before an output as behind it
  std::int64_t begin, end;  // what all rows have
  double divisor;
  ToInteger to_integer;
};
constexpr bool endless_taps(std::int64_t taps) { return taps == 3 || taps == 5; }

/// What is seen of an endless row: in the middle of its window output i sees element offset + i of the plane, if
/// begin <= i < end.
struct EndlessRow {
  std::int64_t offset;
  std::int64_t begin, end;
};

/// Row kernels of one op and element type. "Elements" have that type; "accumulators" are what the op combines.
/// A buffer of accumulators may be read and written up to `buffer_slack` bytes beyond the n that is asked for;
/// nothing else is read or written beyond its end. No pointer needs more alignment than its type.
struct Kernel {
  /// target[i] = start[i] + rows[0][i] + ... + rows[count - 1][i] for i < n, combined in this order with the op's "+".
  /// Without `start` the first row starts; without both target is filled with the op's identity. target may be start.
  /// Of several lines all have the same start.
  void (*fold_rows)(void* target, const void* start, const void* const* rows, std::int64_t count, std::int64_t n,
                    const Lines&);
  /// For each stop of the first scan: target[i] = rows[0][i] + ... + rows[stop.rows - 1][i] for i < n; then the same
  /// for the second one.
  void (*scan_rows)(const Halves&, std::int64_t n);
  /// target[i] = start[i] + rows[0][i] + ... + rows[count - 1][i] and sum[i] = other[i] + target[i] for i < n. target
  /// may be start.
  void (*scan_row)(const ScanStep&, std::int64_t n);
  /// Combines neighbouring taps, of the same column, in `rows` rows of n accumulators each: as many rows are left as
  /// have all of them below. source and target do not overlap.
  void (*widen)(void* target, const void* source, std::int64_t rows, std::int64_t n, const Widening&);
  /// Combines 1 to `pool_rows_limit` rows, pools the result along itself, divides by span and `divisor`, writes out.
  void (*pool_rows)(const Along&, const void* const* rows, std::int64_t count, double divisor, void* out, const Lines&);
  /// The same for one row of accumulators, whose neighbouring taps may be combined beforehand, in a space as large as
  /// all lines are.
  void (*pool_buffer)(const Along&, const void* buffer, void* space, double divisor, void* out, const Lines&);
  /// Where `has_planes`: combines any number of rows and pools the result along itself, n outputs.
  void (*pool_endless)(const Endless&, const void* plane, const EndlessRow* rows, std::int64_t count, void* out,
                       std::int64_t n);
  /// Where `has_planes`: element i of each plane is lifted into cell i, for i < cells, which are as many as planes or
  /// more.
  void (*interleave)(void* bundle, const void* const* planes, std::int64_t cells);
  /// As `scan_rows` does, one after the other, but for a cell of each line.
  void (*scan_cells)(const Halves*, std::int64_t count, const Lines&);
  /// The inverse of `interleave`: divides by the divisor of the cell (`alike`: of the first cell) and writes out.
  void (*separate)(const void* bundle, std::int64_t cells, const double* divisors, bool alike, void* const* planes);
  /// Max and min: the first of the best taps of any number of rows, in the order of rows, then along them, and its
  /// index.
  void (*pick_rows)(const Along&, const void* const* rows, std::int64_t count, const Indexing&, void* out,
                    const Lines&);
  /// Ops that survey: all taps of each window, of any number of rows.
  void (*survey_rows)(const Along&, const void* const* rows, std::int64_t count, const Survey&, void* out,
                      const Lines&);
};

/// The element type written (`average_rounded` writes uint64 where it is told to).
constexpr DType result_dtype(Op op, DType dtype) {
  const DTypeInfo& info = info_of(dtype);
  const bool keeps = op == Op::max || op == Op::min || op == Op::quantile_of_cells || op == Op::mode;
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

/// Bytes of one accumulator, the same on every ISA.
constexpr std::int64_t acc_size(Op op, DType dtype) {
  const std::int64_t size = info_of(dtype).size;
  if (op == Op::max || op == Op::min || op == Op::max_magnitude || surveys(op)) return size;
  if (op == Op::root_sum_square) return 8;
  if (size <= 2) return 4;
  if (info_of(dtype).kind == 'f') return size;
  return op == Op::average_rounded && size == 8 ? 16 : 8;
}

/// Whether there are kernels for whole planes: for accumulators that have vectors of not too many lanes.
constexpr bool has_planes(Op op, DType dtype) {
  return !surveys(op) && op != Op::average_rounded && (acc_size(op, dtype) == 4 || acc_size(op, dtype) == 8);
}

/// The most taps of one window: integers must not overflow their accumulators, but for 64-bit sums, which may wrap.
/// 64-bit averages have two bits to spare: divisors beyond 2**62 are taken for 2**62, more than twice any sum.
constexpr std::int64_t taps_limit(Op op, DType dtype) {
  const DTypeInfo& info = info_of(dtype);
  const bool adds = op == Op::sum || op == Op::average ? info.size <= 2 : op == Op::average_rounded && info.size <= 4;
  if (!adds || info.kind == 'f') return std::numeric_limits<std::int64_t>::max();
  return std::int64_t{1} << (8 * (acc_size(op, dtype) - info.size) - (info.size == 4 ? 3 : 1));
}

struct Table {
  const char* isa;
  Kernel kernels[op_count][dtype_count];  // function pointers are nullptr where the combination does not exist
};

constexpr std::int64_t buffer_slack = 256;  // four vectors of the widest ISA: what one unrolled step may overrun

}  // namespace tilepool
