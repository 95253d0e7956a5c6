// Products of integers, for which AVX-512 has an instruction.
#include "loops.hpp"
#include "part.hpp"

namespace tilepool {
namespace {
constexpr Kernels int_products =
    Filler{}
        .with(Accumulator::product_int64, loops_of<Accumulator::product_int64, Product<std::int64_t>, Rows::one>)
        .kernels;
}  // namespace
}  // namespace tilepool
TILEPOOL_EXPORT(int_products, int_products)
