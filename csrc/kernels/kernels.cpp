// Fills a part of the table of one ISA. Compiled for each ISA, with its flags, and for each group of element types:
// TILEPOOL_ISA and TILEPOOL_GROUP are their names.
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

/// The kernels of an element type as they are filled in, one op after the other.
template <DType dtype>
struct Filler {
  Kernels kernels{};

  template <Op op, class Direct, class Through = Direct>
  constexpr void set() {
    static_assert(exists(op, dtype));
    kernels.of[static_cast<int>(op)] = kernel<op, dtype, Direct, Through>();
  }

  /// `T` as max and min see it through a buffer, `A` as sums and averages accumulate it.
  template <class T, class A>
  constexpr Kernels floats() {
    using Greatest = OrderedExtremum<1, T>;
    using Least = OrderedExtremum<-1, T>;
    if constexpr (std::is_same_v<T, float>) {  // read once, two floats are compared faster than they are lifted
      set<Op::max, Max<T>, Greatest>();
      set<Op::min, Min<T>, Least>();
    } else if constexpr (std::is_same_v<T, double>) {
      set<Op::max, Max<T>>();
      set<Op::min, Min<T>>();
    } else {
      set<Op::max, Greatest>();
      set<Op::min, Least>();
    }
    set<Op::sum, Sum<T, A, T>>();
    set<Op::average, Average<T, A, T>>();
    if constexpr (std::is_same_v<T, A>) {
      set<Op::product, Product<T>>();
      set<Op::sum_magnitude, SumMagnitude<T>>();
      set<Op::max_magnitude, MaxMagnitude<T>>();
    }
    if constexpr (std::is_same_v<T, float>) set<Op::root_sum_square, RootSumSquare>();
    surveys<T, T>();
    return kernels;
  }

  /// `O` is what numbers between the elements are written as.
  template <class T, class O>
  constexpr void surveys() {
    for (int op = static_cast<int>(Op::power_sum); op < op_count; ++op) {
      const bool ordered = op >= static_cast<int>(Op::quantile);
      kernels.of[op].survey_rows = ordered ? survey_order<T, O> : survey_numbers<T, O>;
    }
  }

  template <class T, class Least = Min<T>>
  constexpr Kernels integers() {
    constexpr bool is_short = sizeof(T) <= 2;
    using Exact = std::conditional_t<is_short, int32_t, int64_t>;
    using Float = std::conditional_t<is_short, float, double>;
    using Wide = std::conditional_t<sizeof(T) == 8, __int128, Exact>;
    using Wrapping = std::conditional_t<sizeof(T) == 8, int64_t, T>;  // modulo 2**64 the sign makes no difference
    set<Op::max, Max<T>>();
    set<Op::min, Least>();
    set<Op::sum, Sum<Wrapping, Exact, int64_t>>();
    set<Op::average, Average<T, std::conditional_t<is_short, int32_t, double>, Float>>();
    set<Op::average_rounded, AverageRounded<T, Wide>>();
    if constexpr (sizeof(T) == 8) set<Op::product, Product<T>>();
    surveys<T, Float>();
    return kernels;
  }
};

template <DType dtype>
constexpr Kernels filled() {
  Filler<dtype> to;
  if constexpr (dtype == DType::float16) return to.template floats<Float16, float>();
  if constexpr (dtype == DType::bfloat16) return to.template floats<BFloat16, float>();
  if constexpr (dtype == DType::float32) return to.template floats<float, float>();
  if constexpr (dtype == DType::float64) return to.template floats<double, double>();
  if constexpr (dtype == DType::boolean) return to.template integers<uint8_t, MinOfBool>();
  if constexpr (dtype == DType::int8) return to.template integers<int8_t>();
  if constexpr (dtype == DType::int16) return to.template integers<int16_t>();
  if constexpr (dtype == DType::int32) return to.template integers<int32_t>();
  if constexpr (dtype == DType::int64) return to.template integers<int64_t>();
  if constexpr (dtype == DType::uint8) return to.template integers<uint8_t>();
  if constexpr (dtype == DType::uint16) return to.template integers<uint16_t>();
  if constexpr (dtype == DType::uint32) return to.template integers<uint32_t>();
  if constexpr (dtype == DType::uint64) return to.template integers<uint64_t>();
}

template <DType dtype>
constexpr Kernels kernels_of = filled<dtype>();

/// The groups: types that share code are compiled together.
enum class Group { half, single, twofold, narrow, wide };
constexpr Group group_of(DType dtype) {
  const DTypeInfo& info = info_of(dtype);
  if (info.kind == 'f') return info.size == 2 ? Group::half : info.size == 4 ? Group::single : Group::twofold;
  return info.size <= 2 ? Group::narrow : Group::wide;
}

template <int dtype>
constexpr const Kernels* part_of() {
  constexpr auto type = static_cast<DType>(dtype);
  if constexpr (is_built(type) && group_of(type) == Group::TILEPOOL_GROUP) {
    return &kernels_of<type>;
  } else {
    return nullptr;
  }
}

template <int... dtypes>
constexpr TablePart parts(std::integer_sequence<int, dtypes...>) {
  return {{part_of<dtypes>()...}};
}

}  // namespace

#define TILEPOOL_JOINED_2(isa, group) kernels_##isa##_##group
#define TILEPOOL_JOINED(isa, group) TILEPOOL_JOINED_2(isa, group)
#define TILEPOOL_PART TILEPOOL_JOINED(TILEPOOL_ISA, TILEPOOL_GROUP)

// The one export.
extern const TablePart TILEPOOL_PART;
constexpr TablePart TILEPOOL_PART = parts(std::make_integer_sequence<int, dtype_count>{});

}  // namespace tilepool
