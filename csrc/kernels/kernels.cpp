// Fills the table of one ISA. Compiled once per ISA, with TILEPOOL_ISA as its name and the flags of that ISA.
#include "buffer.hpp"
#include "bundle.hpp"
#include "endless.hpp"
#include "fold.hpp"
#include "pick.hpp"
#include "survey.hpp"

namespace tilepool {
namespace {

/// Whether lanes of type T can hold elements of that dtype. The sign of an integer is a matter of what is done with it.
template <class T>
constexpr bool holds(DType dtype) {
  const DTypeInfo& info = info_of(dtype);
  return sizeof(T) == info.size && std::is_floating_point_v<T> == (info.kind == 'f' && info.size > 2);
}

/// `Direct` works on listed rows, `Through` where rows are combined in a buffer.
template <Op op, DType dtype, class Direct, class Through = Direct>
constexpr Kernel kernel() {
  using In = typename Direct::In;
  using Out = typename Direct::Out;
  using Buffered = typename Through::Buffered;
  static_assert(std::is_same_v<typename Through::In, In> && std::is_same_v<typename Buffered::Out, Out>);
  static_assert(std::is_same_v<typename Through::Acc, typename Buffered::Acc>);
  static_assert(sizeof(typename Buffered::Acc) == acc_size(op, dtype));
  static_assert(holds<In>(dtype) && holds<Out>(result_dtype(op, dtype)));
  Kernel kernel{fold<typename Through::Folds, In>,
                scan_rows<typename Through::Folds>,
                scan_row<typename Through::Folds>,
                widen_rows<typename Buffered::Folds>,
                pool_rows<Direct>,
                pool_buffer<Buffered>,
                nullptr,
                nullptr,
                nullptr,
                nullptr,
                nullptr,
                nullptr};
  if constexpr (has_planes(op, dtype)) {
    kernel.pool_endless = pool_endless<Direct, Through>;
    kernel.interleave = interleave<typename Through::Folds>;
    kernel.scan_cells = scan_cells<typename Buffered::Folds>;
    kernel.separate = separate<Buffered>;
  }
  if constexpr (op == Op::max || op == Op::min) kernel.pick_rows = pick_rows<Direct>;
  return kernel;
}

using std::int16_t, std::int32_t, std::int64_t, std::int8_t, std::uint16_t, std::uint32_t, std::uint64_t, std::uint8_t;

/// The kernels of a table as they are filled in: one element type after the other.
struct Filler {
  Table table;

  template <Op op, DType dtype, class Direct, class Through = Direct>
  constexpr void set() {
    if constexpr (is_built(dtype)) {
      static_assert(exists(op, dtype));
      table.kernels[static_cast<int>(op)][static_cast<int>(dtype)] = kernel<op, dtype, Direct, Through>();
    }
  }

  /// `T` as max and min see it through a buffer, `A` as sums and averages accumulate it.
  template <DType dtype, class T, class A>
  constexpr void floats() {
    using Greatest = OrderedExtremum<1, T>;
    using Least = OrderedExtremum<-1, T>;
    if constexpr (std::is_same_v<T, float>) {  // read once, two floats are compared faster than they are lifted
      set<Op::max, dtype, Max<T>, Greatest>();
      set<Op::min, dtype, Min<T>, Least>();
    } else if constexpr (std::is_same_v<T, double>) {
      set<Op::max, dtype, Max<T>>();
      set<Op::min, dtype, Min<T>>();
    } else {
      set<Op::max, dtype, Greatest>();
      set<Op::min, dtype, Least>();
    }
    set<Op::sum, dtype, Sum<T, A, T>>();
    set<Op::average, dtype, Average<T, A, T>>();
    if constexpr (std::is_same_v<T, A>) {
      set<Op::product, dtype, Product<T>>();
      set<Op::sum_magnitude, dtype, SumMagnitude<T>>();
      set<Op::max_magnitude, dtype, MaxMagnitude<T>>();
    }
    if constexpr (std::is_same_v<T, float>) set<Op::root_sum_square, dtype, RootSumSquare>();
    surveys<dtype, T, T>();
  }

  /// `O` is what numbers between the elements are written as.
  template <DType dtype, class T, class O>
  constexpr void surveys() {
    if constexpr (is_built(dtype)) {
      for (int op = static_cast<int>(Op::power_sum); op < op_count; ++op) {
        const bool ordered = op >= static_cast<int>(Op::quantile);
        table.kernels[op][static_cast<int>(dtype)].survey_rows = ordered ? survey_order<T, O> : survey_numbers<T, O>;
      }
    }
  }

  template <DType dtype, class T, class Least = Min<T>>
  constexpr void integers() {
    constexpr bool is_short = sizeof(T) <= 2;
    using Exact = std::conditional_t<is_short, int32_t, int64_t>;
    using Float = std::conditional_t<is_short, float, double>;
    using Wide = std::conditional_t<sizeof(T) == 8, __int128, Exact>;
    using Wrapping = std::conditional_t<sizeof(T) == 8, int64_t, T>;  // modulo 2**64 the sign makes no difference
    set<Op::max, dtype, Max<T>>();
    set<Op::min, dtype, Least>();
    set<Op::sum, dtype, Sum<Wrapping, Exact, int64_t>>();
    set<Op::average, dtype, Average<T, std::conditional_t<is_short, int32_t, double>, Float>>();
    set<Op::average_rounded, dtype, AverageRounded<T, Wide>>();
    if constexpr (sizeof(T) == 8) set<Op::product, dtype, Product<T>>();
    surveys<dtype, T, Float>();
  }
};

constexpr Table filled(const char* isa) {
  Filler to{{isa, {}}};
  to.floats<DType::float16, Float16, float>();
  to.floats<DType::bfloat16, BFloat16, float>();
  to.floats<DType::float32, float, float>();
  to.floats<DType::float64, double, double>();
  to.integers<DType::boolean, uint8_t, MinOfBool>();
  to.integers<DType::int8, int8_t>();
  to.integers<DType::int16, int16_t>();
  to.integers<DType::int32, int32_t>();
  to.integers<DType::int64, int64_t>();
  to.integers<DType::uint8, uint8_t>();
  to.integers<DType::uint16, uint16_t>();
  to.integers<DType::uint32, uint32_t>();
  to.integers<DType::uint64, uint64_t>();
  return to.table;
}

}  // namespace

#define TILEPOOL_TABLE_OF(isa) table_##isa
#define TILEPOOL_TABLE(isa) TILEPOOL_TABLE_OF(isa)
#define TILEPOOL_NAME_OF(isa) #isa
#define TILEPOOL_NAME(isa) TILEPOOL_NAME_OF(isa)

// The one export.
extern const Table TILEPOOL_TABLE(TILEPOOL_ISA);
constexpr Table TILEPOOL_TABLE(TILEPOOL_ISA) = filled(TILEPOOL_NAME(TILEPOOL_ISA));

}  // namespace tilepool
