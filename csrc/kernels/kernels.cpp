// Fills the table of one ISA. Compiled once per ISA, with TILEPOOL_ISA as its name and the flags of that ISA.
#include "along.hpp"
#include "fold.hpp"
#include "pick.hpp"

namespace tilepool {
namespace {

template <class T>
constexpr DType dtype_of = DType::float32;
template <>
constexpr DType dtype_of<double> = DType::float64;
template <>
constexpr DType dtype_of<std::uint8_t> = DType::uint8;
template <>
constexpr DType dtype_of<std::int32_t> = DType::int32;
template <>
constexpr DType dtype_of<std::int64_t> = DType::int64;
template <>
constexpr DType dtype_of<std::uint64_t> = DType::uint64;

/// `Direct` works on listed rows, `Buffered` where rows are combined in a buffer.
template <Op op, class Direct, class Buffered = Direct>
constexpr Kernel kernel() {
  using In = typename Direct::In;
  using Out = typename Direct::Out;
  static_assert(std::is_same_v<typename Buffered::In, In> && std::is_same_v<typename Buffered::Out, Out>);
  static_assert(sizeof(typename Buffered::Acc) == acc_size(op, dtype_of<In>) &&
                dtype_of<Out> == result_dtype(op, dtype_of<In>));
  Kernel kernel{fold<Buffered, In>, scan_rows<Buffered>,   widen<Buffered>,
                pool_rows<Direct>,  pool_buffer<Buffered>, nullptr};
  if constexpr (op == Op::max || op == Op::min) kernel.pick_rows = pick_rows<Direct>;
  return kernel;
}

constexpr Kernel none{};

using std::int32_t, std::int64_t, std::uint64_t, std::uint8_t;

}  // namespace

#define TILEPOOL_TABLE_OF(isa) table_##isa
#define TILEPOOL_TABLE(isa) TILEPOOL_TABLE_OF(isa)
#define TILEPOOL_NAME_OF(isa) #isa
#define TILEPOOL_NAME(isa) TILEPOOL_NAME_OF(isa)

// The one export. Rows are ops, columns are element types, both in the order of table.hpp.
extern const Table TILEPOOL_TABLE(TILEPOOL_ISA);
constexpr Table TILEPOOL_TABLE(TILEPOOL_ISA) = {
    TILEPOOL_NAME(TILEPOOL_ISA),
    {
        // float32, float64, uint8, int32, int64
        {kernel<Op::max, Max<float>, OrderedExtremum<1>>(), kernel<Op::max, Max<double>>(),
         kernel<Op::max, Max<uint8_t>>(), kernel<Op::max, Max<int32_t>>(), kernel<Op::max, Max<int64_t>>()},
        {kernel<Op::min, Min<float>, OrderedExtremum<-1>>(), kernel<Op::min, Min<double>>(),
         kernel<Op::min, Min<uint8_t>>(), kernel<Op::min, Min<int32_t>>(), kernel<Op::min, Min<int64_t>>()},
        {kernel<Op::sum, Sum<float, float, float>>(), kernel<Op::sum, Sum<double, double, double>>(),
         kernel<Op::sum, Sum<uint8_t, int32_t, uint64_t>>(), kernel<Op::sum, Sum<int32_t, int64_t, int64_t>>(),
         kernel<Op::sum, Sum<int64_t, int64_t, int64_t>>()},
        {kernel<Op::average, Average<float, float, float>>(), kernel<Op::average, Average<double, double, double>>(),
         kernel<Op::average, Average<uint8_t, int32_t, float>>(),
         kernel<Op::average, Average<int32_t, double, double>>(),
         kernel<Op::average, Average<int64_t, double, double>>()},
        {none, none, kernel<Op::average_rounded, AverageRounded<uint8_t, int64_t>>(),
         kernel<Op::average_rounded, AverageRounded<int32_t, int64_t>>(),
         kernel<Op::average_rounded, AverageRounded<int64_t, __int128>>()},
    },
};

}  // namespace tilepool
