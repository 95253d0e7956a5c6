// What is done with rows before and after they are combined.
#include "conversions.hpp"
#include "finish.hpp"
#include "part.hpp"
#include "prepare.hpp"
#include "rounded.hpp"

namespace tilepool {
namespace {

using std::int16_t, std::int32_t, std::int64_t, std::int8_t, std::uint16_t, std::uint32_t, std::uint64_t, std::uint8_t;

/// What elements of type T are converted to.
template <class T>
constexpr void convert(RowSteps& steps, DType dtype) {
  using TruthOf = std::conditional_t<std::is_integral_v<T>, IntegerLike<T>, T>;  // that of signed ones as well
  Prepare* const to = steps.convert[static_cast<int>(dtype)];
  to[static_cast<int>(DType::float32)] = converts<float, T>;
  to[static_cast<int>(DType::float64)] = converts<double, T>;
  to[static_cast<int>(DType::boolean)] = prepare_truth<TruthOf, Truth<TruthOf>>;
  if constexpr (std::is_integral_v<T>) {
    to[static_cast<int>(DType::int64)] = converts<int64_t, T>;
    to[static_cast<int>(DType::uint64)] = converts<int64_t, T>;  // modulo 2**64 the sign makes no difference
  }
}

/// What is left out of floats of type T.
template <class T>
constexpr void leave_out(RowSteps& steps, DType dtype) {
  steps.omit[static_cast<int>(dtype)] = prepare<typename Omitted<T>::Bits, T, Omitted<T>>;
  steps.count[static_cast<int>(dtype)] = prepare<typename Omitted<T>::Bits, T, Counted<T>>;
  steps.present[static_cast<int>(dtype)] = prepare_truth<T, Present<T>>;
  steps.has_nan[static_cast<int>(dtype)] = has_nan<T>;
}

constexpr RowSteps fill() {
  RowSteps steps{};
  leave_out<Float16>(steps, DType::float16);
  leave_out<BFloat16>(steps, DType::bfloat16);
  leave_out<float>(steps, DType::float32);
  leave_out<double>(steps, DType::float64);
  steps.multiply = multiply;
  steps.divide[0][0] = divide<float, uint8_t>;
  steps.divide[0][1] = divide<float, float>;
  steps.divide[0][2] = divide<float, double>;
  steps.divide[1][0] = divide<double, uint8_t>;
  steps.divide[1][1] = divide<double, float>;
  steps.divide[1][2] = divide<double, double>;
  steps.divide_rounded[0][0] = divide_rounded<float, uint8_t>;
  steps.divide_rounded[0][1] = divide_rounded<float, float>;
  steps.divide_rounded[0][2] = divide_rounded<float, double>;
  steps.divide_rounded[1][0] = divide_rounded<double, uint8_t>;
  steps.divide_rounded[1][1] = divide_rounded<double, float>;
  steps.divide_rounded[1][2] = divide_rounded<double, double>;
  steps.are_enough[0] = are_enough<uint8_t>;
  steps.are_enough[1] = are_enough<float>;
  steps.are_enough[2] = are_enough<double>;
  steps.keep[0] = keep<int8_t>;
  steps.keep[1] = keep<int16_t>;
  steps.keep[2] = keep<int32_t>;
  steps.keep[3] = keep<int64_t>;
  steps.are_within[0] = are_within<int32_t>;
  steps.are_within[1] = are_within<int64_t>;
  steps.spread[0] = spread<int8_t>;
  steps.spread[1] = spread<int16_t>;
  steps.spread[2] = spread<int32_t>;
  steps.spread[3] = spread<int64_t>;
  convert<Float16>(steps, DType::float16);
  convert<BFloat16>(steps, DType::bfloat16);
  convert<float>(steps, DType::float32);
  convert<double>(steps, DType::float64);
  convert<uint8_t>(steps, DType::boolean);
  convert<int8_t>(steps, DType::int8);
  convert<int16_t>(steps, DType::int16);
  convert<int32_t>(steps, DType::int32);
  convert<int64_t>(steps, DType::int64);
  convert<uint8_t>(steps, DType::uint8);
  convert<uint16_t>(steps, DType::uint16);
  convert<uint32_t>(steps, DType::uint32);
  convert<uint64_t>(steps, DType::uint64);
  const auto prepares = [&](Accumulator accumulator, DType dtype, Prepare prepare) {
    steps.prepare[static_cast<int>(accumulator)][static_cast<int>(dtype)] = prepare;
  };
  const auto finishes = [&](Accumulator accumulator, DType dtype, Finish finish) {
    steps.finish[static_cast<int>(accumulator)][static_cast<int>(dtype)] = finish;
  };
  const auto rounds = [&](Accumulator accumulator, Finish finish) {
    steps.round[static_cast<int>(accumulator)] = finish;
  };

  prepares(Accumulator::sum_float, DType::float16, converts<float, Float16>);
  prepares(Accumulator::sum_float, DType::bfloat16, converts<float, BFloat16>);
  prepares(Accumulator::sum_int32, DType::boolean, converts<int32_t, uint8_t>);
  prepares(Accumulator::sum_int32, DType::int8, converts<int32_t, int8_t>);
  prepares(Accumulator::sum_int32, DType::uint8, converts<int32_t, uint8_t>);
  prepares(Accumulator::sum_int32, DType::int16, converts<int32_t, int16_t>);
  prepares(Accumulator::sum_int32, DType::uint16, converts<int32_t, uint16_t>);
  prepares(Accumulator::sum_int64, DType::boolean, converts<int64_t, uint8_t>);
  prepares(Accumulator::sum_int64, DType::int8, converts<int64_t, int8_t>);
  prepares(Accumulator::sum_int64, DType::uint8, converts<int64_t, uint8_t>);
  prepares(Accumulator::sum_int64, DType::int16, converts<int64_t, int16_t>);
  prepares(Accumulator::sum_int64, DType::uint16, converts<int64_t, uint16_t>);
  prepares(Accumulator::sum_int64, DType::int32, converts<int64_t, int32_t>);
  prepares(Accumulator::sum_int64, DType::uint32, converts<int64_t, uint32_t>);
  prepares(Accumulator::sum_int128, DType::boolean, converts<__int128, uint8_t>);
  prepares(Accumulator::sum_int128, DType::int8, converts<__int128, int8_t>);
  prepares(Accumulator::sum_int128, DType::uint8, converts<__int128, uint8_t>);
  prepares(Accumulator::sum_int128, DType::int16, converts<__int128, int16_t>);
  prepares(Accumulator::sum_int128, DType::uint16, converts<__int128, uint16_t>);
  prepares(Accumulator::sum_int128, DType::int32, converts<__int128, int32_t>);
  prepares(Accumulator::sum_int128, DType::uint32, converts<__int128, uint32_t>);
  prepares(Accumulator::sum_int128, DType::int64, converts<__int128, int64_t>);
  prepares(Accumulator::sum_int128, DType::uint64, converts<__int128, uint64_t>);
  prepares(Accumulator::sum_double, DType::int32, converts<double, int32_t>);
  prepares(Accumulator::sum_double, DType::uint32, converts<double, uint32_t>);
  prepares(Accumulator::sum_double, DType::int64, converts<double, int64_t>);
  prepares(Accumulator::sum_double, DType::uint64, converts<double, uint64_t>);
  prepares(Accumulator::sum_double, DType::float32, prepare<double, float, Square>);
  prepares(Accumulator::sum_float, DType::float32, prepare<float, float, Magnitude<float>>);
  prepares(Accumulator::sum_double, DType::float64, prepare<double, double, Magnitude<double>>);
  prepares(Accumulator::key32, DType::float32, prepare<int32_t, float, MagnitudeKey<int32_t, float>>);
  prepares(Accumulator::key64, DType::float64, prepare<int64_t, double, MagnitudeKey<int64_t, double>>);

  finishes(Accumulator::sum_float, DType::float16, finish_converted<Float16, float>);
  finishes(Accumulator::sum_float, DType::bfloat16, finish_converted<BFloat16, float>);
  finishes(Accumulator::sum_double, DType::float32, finish_root);
  finishes(Accumulator::sum_int32, DType::int64, finish_converted<int64_t, int32_t>);
  finishes(Accumulator::sum_int32, DType::uint64, finish_converted<int64_t, int32_t>);
  finishes(Accumulator::sum_int32, DType::float32, finish_mean<float, int32_t>);
  finishes(Accumulator::sum_int64, DType::float64, finish_mean<double, int64_t>);
  rounds(Accumulator::sum_int32, finish_rounded<int32_t>);
  rounds(Accumulator::sum_int64, finish_rounded<int64_t>);
  rounds(Accumulator::sum_int128, finish_rounded<__int128>);
  return steps;
}
constexpr RowSteps steps = fill();

constexpr Kernels rows = Filler{}.with(&Kernels::steps, steps).kernels;

}  // namespace
}  // namespace tilepool
TILEPOOL_EXPORT(rows, rows)
