// What a plan asks of the arrays that it is run on: checked again here, whatever Python has checked.
#include "plan_arrays.hpp"

#include <vector>

namespace py = pybind11;

namespace tilepool {
namespace {

/// What keeps an array from being exactly what the plan is for; null where nothing does.
const char* misfit(const py::array& array, DType dtype, const std::vector<std::int64_t>& shape,
                   const std::vector<std::int64_t>& strides, bool aligned = true) {
  const auto* const expected = numpy_dtype(dtype).ptr();
  if (array.dtype().ptr() != expected && !array.dtype().equal(numpy_dtype(dtype))) return "the dtype of the plan";
  if (static_cast<std::size_t>(array.ndim()) != shape.size()) return "the shape of the plan";
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const auto dimension = static_cast<py::ssize_t>(axis);
    if (array.shape(dimension) != shape[axis]) return "the shape of the plan";
    if (shape[axis] > 1 && array.size() > 0 && array.strides(dimension) != strides[axis]) {
      return "the strides of the plan";
    }
  }
  if (!aligned) return nullptr;
  const auto alignment = static_cast<std::uintptr_t>(info_of(dtype).size);
  return reinterpret_cast<std::uintptr_t>(array.data()) % alignment != 0 ? "aligned elements" : nullptr;
}

/// The bytes [low, high) that an array's elements lie in.
struct Extent {
  explicit Extent(const py::array& array) : low(reinterpret_cast<std::uintptr_t>(array.data())), high(low) {
    for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
      const auto reach = static_cast<std::uintptr_t>((array.shape(axis) - 1) * array.strides(axis));
      (array.strides(axis) < 0 ? low : high) += reach;
    }
    high += static_cast<std::uintptr_t>(array.itemsize());
  }
  std::uintptr_t low, high;
};

void require(const char* name, const py::array& array, DType dtype, const std::vector<std::int64_t>& shape,
             const std::vector<std::int64_t>& strides) {
  const char* const rule = misfit(array, dtype, shape, strides, false);
  if (rule != nullptr) throw py::value_error(std::string(name) + " must have " + rule);
}

}  // namespace

// Kept for the life of the process: there is no safe time to release them.
const py::dtype& numpy_dtype(DType dtype) {
  static const auto* const dtypes = [] {
    auto* list = new std::vector<py::dtype>;
    for (int i = 0; i < dtype_count; ++i) {
      list->emplace_back(static_cast<DType>(i) == DType::bfloat16 ? "uint16" : dtype_info[i].name);
    }
    return list;
  }();
  return (*dtypes)[static_cast<std::size_t>(dtype)];
}

bool overlap(const py::array& left, const py::array& right) {
  const Extent a(left), b(right);
  return a.low < b.high && b.low < a.high;
}

DType index_dtype(const Plan& plan) { return plan.form.wide_indices ? DType::int64 : DType::int32; }

std::vector<std::int64_t> index_strides(const Plan& plan) {
  std::vector<std::int64_t> strides = plan.form.result_strides;
  for (std::int64_t& stride : strides) {
    stride = stride / info_of(plan.form.result_dtype).size * info_of(index_dtype(plan)).size;
  }
  return strides;
}

std::string unwritable(const Plan& plan, const py::array& x, const py::object& mask, const py::object& out,
                       const py::object& out_indices) {
  const auto refusal = [&](const py::object& object, const char* name, DType dtype,
                           const std::vector<std::int64_t>& strides, const py::object& other) -> std::string {
    const auto array = py::reinterpret_borrow<py::array>(object);
    if (const char* const rule = misfit(array, dtype, plan.form.result_shape, strides)) {
      return std::string(name) + " must have " + rule;
    }
    if (!array.writeable()) return "output array is read-only";
    if (plan.form.empty) return {};
    if (overlap(array, x)) return std::string(name) + " must not overlap x";
    if (!mask.is_none() && overlap(array, py::reinterpret_borrow<py::array>(mask))) {
      return std::string(name) + " must not overlap mask";
    }
    if (!other.is_none() && overlap(array, py::reinterpret_borrow<py::array>(other))) {
      return std::string(name) + " must not overlap out";
    }
    return {};
  };
  std::string why;
  if (!out.is_none()) why = refusal(out, "out", plan.form.result_dtype, plan.form.result_strides, py::none());
  if (!why.empty() || out_indices.is_none()) return why;
  return refusal(out_indices, "out_indices", index_dtype(plan), index_strides(plan), out);
}

void require_array(const py::object& object, const char* name) {
  if (!py::isinstance<py::array>(object)) throw py::type_error(std::string(name) + " must be a numpy array");
}

Inputs::Inputs(const Plan& plan, const py::object& x, const py::object& mask, const py::object& weights) {
  const NormalForm& form = plan.form;
  require_array(x, "x");
  array = py::reinterpret_borrow<py::array>(x);
  require("x", array, form.source.dtype, form.input_shape, form.input_strides);
  const auto read = [&](const char* name, const py::object& object, bool is_read, DType dtype,
                        const std::vector<std::int64_t>& strides) -> const void* {
    if (object.is_none() != !is_read) {
      throw py::value_error(std::string(name) + (is_read ? " must be given" : " must be None"));
    }
    if (!is_read) return nullptr;
    require_array(object, name);
    const auto other = py::reinterpret_borrow<py::array>(object);
    require(name, other, dtype, form.input_shape, strides);
    return other.data();
  };
  beside.mask = read("mask", mask, form.source.masked, DType::boolean, form.mask_strides);
  beside.weights = read("weights", weights, form.source.weighted, DType::float64, form.weight_strides);
}

}  // namespace tilepool
