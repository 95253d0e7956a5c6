// Hot cells: from elements to results in one pass, without a buffer, where rows are read once or twice.
#include "conversions.hpp"
#include "endless.hpp"
#include "extrema.hpp"
#include "finish.hpp"
#include "lines.hpp"
#include "part.hpp"
#include "prepare.hpp"

namespace tilepool {
namespace {

/// An op on elements that a step of `prepare.hpp` makes accumulators of.
template <class Op, class Element, class Step>
struct Lifted : Op {
  using In = Element;
  struct Lift {
    explicit Lift(const Keying& keying) : flip(static_cast<typename Op::Acc>(keying.in)) {}
    template <int N>
    TILEPOOL_INLINE Vec<typename Op::Acc, N> of(Vec<Element, N> v) const {
      return Step::template of<N>(v, flip);
    }
    typename Op::Acc flip;
  };
};

/// Sums of integers in 32 bits that become averages as float32.
struct MeanOfIntegers : Sum<std::int32_t> {
  using Out = float;
  using Scale = Mean<float>::Scale;
  template <int N>
  static TILEPOOL_INLINE Vec<float, N> finish(Vec<std::int32_t, N> sum, const Scale& scale) {
    return Mean<float>::finish<N>(convert_numbers<float, N>(sum), scale);
  }
};

/// Magnitudes as integers, which have the same order.
template <class T>
struct GreatestMagnitude : Key<IntegerLike<T>> {
  using In = T;
  using Out = T;
  using Acc = IntegerLike<T>;
  struct Lift : NoLift {
    using NoLift::NoLift;
    template <int N>
    TILEPOOL_INLINE Vec<Acc, N> of(Vec<T, N> v) const {
      return MagnitudeKey<Acc, T>::template bits<N>(v);
    }
  };
  using Scale = NoScale;
  static constexpr Acc identity() { return 0; }
  template <int N>
  static TILEPOOL_INLINE Vec<T, N> finish(Vec<Acc, N> key, const NoScale&) {
    return bits_as<Vec<T, N>>(key);
  }
};

/// Sums of squares in float64 that become norms as float32.
struct RootOfSum : Sum<double> {
  using Out = float;
  template <int N>
  static TILEPOOL_INLINE Vec<float, N> finish(Vec<double, N> sum, const NoScale&) {
    return convert_numbers<float, N>(square_root<N>(sum));
  }
};

/// Extrema of float32, combined as floats, or as keys where they are combined many times.
template <int Sign>
struct ExtremumOfFloats : AsItIs<float> {
  static constexpr bool is_common = true;
  struct Lift : NoLift {
    using NoLift::NoLift;
    template <int N>
    TILEPOOL_INLINE Vec<float, N> of(Vec<float, N> v) const {
      return in_register(v);
    }
  };
  static constexpr float identity() { return -Sign * std::numeric_limits<float>::infinity(); }
  template <int N>
  static TILEPOOL_INLINE Vec<float, N> combine(Vec<float, N> a, Vec<float, N> b) {
    return extremum_or_nan<Sign, N, float>(a, b);
  }
};

/// `Both`: by the same loops, where a maximum is no instruction of its own.
template <int Sign, bool Both>
constexpr FusedLoops extremum{pool_rows<LeastFloat>, pool_endless<LeastFloat, KeyOfLeast>};
template <int Sign>
constexpr FusedLoops extremum<Sign, false>{pool_rows<ExtremumOfFloats<Sign>>,
                                           pool_endless<ExtremumOfFloats<Sign>, OrderedFloat>};

template <class Op, class Element, class Step>
constexpr FusedLoops only_endless{nullptr, pool_endless<Lifted<Op, Element, Step>, Lifted<Op, Element, Step>>};
template <class T>
constexpr FusedLoops mean = only_endless<MeanOfIntegers, T, Converted<std::int32_t, T>>;
template <class T>
constexpr FusedLoops greatest_magnitude{nullptr, pool_endless<GreatestMagnitude<T>, GreatestMagnitude<T>>};
template <class T>
constexpr FusedLoops sum_of_magnitudes = only_endless<Mean<T>, T, Magnitude<T>>;
using Norm = Lifted<RootOfSum, float, Square>;
constexpr FusedLoops norm{pool_rows<Norm>, pool_endless<Norm, Norm>};

constexpr Fused fill() {
  Fused fused{};
  const auto set = [&](Op op, DType dtype, const FusedLoops& loops) {
    fused.loops[static_cast<int>(op)][static_cast<int>(dtype)] = &loops;
  };
  set(Op::max, DType::float32, extremum<1, !orders_zeros>);
  set(Op::min, DType::float32, extremum<-1, !orders_zeros>);
#ifdef __AVX2__
  set(Op::average, DType::boolean, mean<std::uint8_t>);
  set(Op::average, DType::int8, mean<std::int8_t>);
  set(Op::average, DType::uint8, mean<std::uint8_t>);
  set(Op::average, DType::int16, mean<std::int16_t>);
  set(Op::average, DType::uint16, mean<std::uint16_t>);
  set(Op::max_magnitude, DType::float32, greatest_magnitude<float>);
  set(Op::max_magnitude, DType::float64, greatest_magnitude<double>);
  set(Op::sum_magnitude, DType::float32, sum_of_magnitudes<float>);
  set(Op::sum_magnitude, DType::float64, sum_of_magnitudes<double>);
  set(Op::root_sum_square, DType::float32, norm);
#endif
  return fused;
}
constexpr Fused filled = fill();

constexpr Kernels fused = Filler{}.with(&Kernels::fused, filled).kernels;

}  // namespace
}  // namespace tilepool
TILEPOOL_EXPORT(fused, fused)
