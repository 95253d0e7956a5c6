// Products of floats, and sums of 64-bit integers in 128 bits: rarely wanted.
#include "loops.hpp"
#include "part.hpp"

namespace tilepool {
namespace {
constexpr Kernels products =
    Filler{}
        .with(Accumulator::product_float, loops_of<Accumulator::product_float, Product<float>, Rows::one>)
        .with(Accumulator::product_double, loops_of<Accumulator::product_double, Product<double>, Rows::one>)
        .with(Accumulator::sum_int128, loops_of<Accumulator::sum_int128, Sum<__int128>, Rows::one>)
        .kernels;
}  // namespace
}  // namespace tilepool
TILEPOOL_EXPORT(products, products)
