// Fills the table of one ISA. Compiled once per ISA, with TILEPOOL_ISA as its name and the flags of that ISA.
#include "rows.hpp"

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

template <class Op>
constexpr Kernel kernel() {
  using In = typename Op::In;
  using Acc = typename Op::Acc;
  return {fold<Op, In>,    fold<Op, Acc>, widen<Op>, pool_rows<Op>, pool_buffer<Op>, dtype_of<typename Op::Out>,
          sizeof(Acc)};
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
        {kernel<Max<float>>(), kernel<Max<double>>(), kernel<Max<uint8_t>>(), kernel<Max<int32_t>>(),
         kernel<Max<int64_t>>()},
        {kernel<Min<float>>(), kernel<Min<double>>(), kernel<Min<uint8_t>>(), kernel<Min<int32_t>>(),
         kernel<Min<int64_t>>()},
        {kernel<Sum<float, float, float>>(), kernel<Sum<double, double, double>>(),
         kernel<Sum<uint8_t, int32_t, uint64_t>>(), kernel<Sum<int32_t, int64_t, int64_t>>(),
         kernel<Sum<int64_t, int64_t, int64_t>>()},
        {kernel<Average<float, float, float>>(), kernel<Average<double, double, double>>(),
         kernel<Average<uint8_t, int32_t, float>>(), kernel<Average<int32_t, double, double>>(),
         kernel<Average<int64_t, double, double>>()},
        {none, none, kernel<AverageRounded<uint8_t, int64_t>>(), kernel<AverageRounded<int32_t, int64_t>>(),
         kernel<AverageRounded<int64_t, __int128>>()},
    },
};

}  // namespace tilepool
