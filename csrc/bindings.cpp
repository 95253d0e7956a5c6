// The module: makes plans of Python's arguments, gives up the GIL and runs them.
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "arguments.hpp"
#include "call_key.hpp"
#include "engine/dispatch.hpp"
#include "engine/parallel.hpp"
#include "engine/pool.hpp"
#include "engine/scatter.hpp"
#include "plan_arrays.hpp"
#include "pybind.hpp"

namespace py = pybind11;
using namespace tilepool;

namespace {

Plan plan_from(const std::string& op, const std::string& dtype, const py::tuple& shape, const py::tuple& strides,
               const py::tuple& windows, bool count_padding, double divisor, const std::string& rounding,
               const std::string& integer, const std::string& indices, const py::tuple& weights, bool wide_indices,
               const std::array<double, 2>& parameters, bool omit, const std::optional<std::string>& source,
               bool swapped, const py::tuple& order, const std::optional<py::tuple>& mask,
               const std::optional<py::tuple>& cell_weights, bool present, std::int64_t min_count) {
  if (strides.size() != shape.size() || windows.size() != shape.size()) {
    throw py::value_error("shape, strides and windows must have the same length");
  }
  Request request{};
  request.op = static_cast<Op>(index_of(op, op_names, "op"));
  request.dtype = dtype_named(dtype);
  request.count_padding = count_padding;
  if (!(std::abs(divisor) < 9007199254740992.0) || std::trunc(divisor) != divisor) {
    throw py::value_error("divisor must be an integer below 2**53 in magnitude");
  }
  request.divisor = divisor;
  request.to_integer = {static_cast<Rounding>(index_of(rounding, rounding_names, "rounding")), dtype_named(integer)};
  request.indices = static_cast<Indices>(index_of(indices, indices_names, "indices"));
  request.wide_indices = wide_indices;
  std::copy(parameters.begin(), parameters.end(), request.parameters);
  request.omit = omit;
  if (source) request.source = dtype_named(*source);
  request.swapped = swapped;
  for (const std::int64_t axis : integers(order)) request.order.push_back(static_cast<std::size_t>(axis));
  if (mask) request.mask = integers(*mask);
  if (cell_weights) request.cell_weights = integers(*cell_weights);
  request.min_count = min_count;
  request.present = present;
  const std::vector<std::int64_t> sizes = integers(shape), steps = integers(strides);
  std::vector<std::int64_t> index_steps = integers(weights);
  if (request.indices == Indices::none) index_steps.assign(sizes.size(), 0);
  if (index_steps.size() != sizes.size()) throw py::value_error("shape and weights must have the same length");
  for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
    request.axes.push_back({sizes[axis], steps[axis], windows_from(windows[axis], sizes[axis]), index_steps[axis]});
  }
  return make_plan(request);
}

/// Waits for the GIL. Up to Python 3.13 a thread that waits while the interpreter ends is unwound from here, through
/// frames that would then use Python: it sleeps until the process is gone instead, as it does from 3.14 on.
void take_gil(PyThreadState* state) {
  try {
    PyEval_RestoreThread(state);
  } catch (...) {
    for (;;) pause();
  }
}

/// Runs `work` while other Python threads may run. Returns its exception.
template <typename Work>
std::exception_ptr without_gil(const Work& work) {
  std::exception_ptr error;
  PyThreadState* const state = PyEval_SaveThread();
  try {
    work();
  } catch (...) {
    error = std::current_exception();
  }
  take_gil(state);
  return error;
}

/// The one that Python's signal handlers run on: in a forked child, the one that forked.
std::atomic<unsigned long> main_thread{0};

/// Of the main thread, while a call runs on it: lets handlers of signals run. Whether one raised an exception.
bool signal_raises() {
  take_gil(PyGILState_GetThisThreadState());
  const bool raises = PyErr_CheckSignals() != 0;
  PyEval_SaveThread();
  return raises;
}

/// A plan that Python made without __init__ has no such pointer, and pybind11 refuses it.
using PlanPointer = std::shared_ptr<const Plan>;

/// Whether a plan writes its results to these arrays, and so needs no temporary ones.
bool fits(const PlanPointer& plan, const py::object& x, const py::object& out, const py::object& out_indices,
          const py::object& mask) {
  require_array(x, "x");
  if (!mask.is_none()) require_array(mask, "mask");
  for (const py::object& object : {out, out_indices}) {
    if (!object.is_none() && !py::isinstance<py::array>(object)) return false;
  }
  if (plan->form.indices == Indices::none && !out_indices.is_none()) return false;
  return unwritable(*plan, py::reinterpret_borrow<py::array>(x), mask, out, out_indices).empty();
}

/// Runs work(threads, question) while other Python threads may run, unless it is small. Throws its exceptions, and
/// those of handlers of signals.
template <typename Work>
void run_work(std::int64_t size, int threads, const Work& work) {
  // Handing the GIL over and back costs more than pooling the smallest arrays.
  constexpr std::int64_t small_work = 16 << 10;
  if (size < small_work) return work(1, nullptr);
  const Interrupt::Question question = PyThread_get_thread_ident() == main_thread ? signal_raises : nullptr;
  const std::exception_ptr error = without_gil([&] { work(threads, question); });
  if (PyErr_Occurred() != nullptr) throw py::error_already_set();
  if (error) std::rethrow_exception(error);
}

/// The values and, with a plan that has them, the indices.
std::pair<py::array, py::array> run_plan(const Plan& plan, const py::object& x, const py::object& out,
                                         const py::object& out_indices, int threads, const py::object& mask,
                                         const py::object& weights = py::none()) {
  if (!out.is_none()) require_array(out, "out");
  if (!out_indices.is_none()) require_array(out_indices, "out_indices");
  const Inputs inputs(plan, x, mask, weights);
  const py::array& input = inputs.array;
  const auto& form = plan.form;
  if (threads < 0 || threads > most_threads) throw py::value_error("threads must be from 0 to 1024");
  if (!out.is_none() || !out_indices.is_none()) {
    const std::string why = unwritable(plan, input, mask, out, out_indices);
    if (!why.empty()) throw py::value_error(why);
    if (!weights.is_none() &&
        overlap(py::reinterpret_borrow<py::array>(out), py::reinterpret_borrow<py::array>(weights)))
      throw py::value_error("out must not overlap weights");
  }
  auto result = out.is_none() ? py::array(numpy_dtype(form.result_dtype), form.result_shape, form.result_strides)
                              : py::reinterpret_borrow<py::array>(out);
  py::array indices;
  if (form.indices != Indices::none) {
    indices = out_indices.is_none() ? py::array(numpy_dtype(index_dtype(plan)), form.result_shape, index_strides(plan))
                                    : py::reinterpret_borrow<py::array>(out_indices);
  }
  const void* const from = input.data();
  void* const to = result.mutable_data();
  void* const places = form.indices != Indices::none ? indices.mutable_data() : nullptr;
  run_work(plan.schedule.work, threads, [&](int team, Interrupt::Question question) {
    pool(plan, from, to, team, places, question, inputs.beside);
  });
  return {result, indices};
}

py::array run(const PlanPointer& plan, const py::object& x, const py::object& out, int threads, const py::object& mask,
              const py::object& weights) {
  if (plan->form.indices != Indices::none) throw py::value_error("run must have a plan without indices");
  return run_plan(*plan, x, out, py::none(), threads, mask, weights).first;
}

py::tuple pick(const PlanPointer& plan, const py::object& x, const py::object& out, const py::object& out_indices,
               int threads, const py::object& mask) {
  if (plan->form.indices == Indices::none) throw py::value_error("pick must have a plan with indices");
  const auto [values, indices] = run_plan(*plan, x, out, out_indices, threads, mask);
  return py::make_tuple(values, indices);
}

/// Adds values to the cells that indices name: see Scatter. Arrays are dense, of the sizes that are said. Returns
/// whether none was lost; with `check_first` nothing is written otherwise.
bool add_to_cells(const py::array& values, const py::array& indices, py::array& cells, const std::string& dtype,
                  std::int64_t planes, std::int64_t inner, const py::tuple& sizes, const py::tuple& windows,
                  int threads, bool check_first) {
  Scatter form{dtype_named(dtype), indices.itemsize(), planes, inner, {}};
  const std::vector<std::int64_t> axes = integers(sizes);
  if (axes.empty() || windows.size() != axes.size() || planes < 0 || inner < 0)
    throw py::value_error("sizes must be those of the windows' axes, and not negative");
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    const std::optional<Windows> along = windows_from(windows[axis], axes[axis]);
    if (!along) throw py::value_error("all axes must have windows");
    form.windows.push_back(*along);
  }
  const auto require = [](const py::array& array, const py::dtype& expected, std::int64_t size, const char* name) {
    const bool dense = (array.flags() & py::array::c_style) != 0 &&
                       reinterpret_cast<std::uintptr_t>(array.data()) % static_cast<std::size_t>(array.itemsize()) == 0;
    if (!array.dtype().equal(expected) || array.size() != size || !dense)
      throw py::value_error(std::string(name) + " must be dense, of the dtype and the size that is said");
  };
  if (info_of(form.dtype).kind != 'f') throw py::value_error("values must be floats");
  if (indices.dtype().kind() != 'i' || (form.index_bytes != 4 && form.index_bytes != 8))
    throw py::value_error("indices must be int64 or int32");
  const std::int64_t pixels = checked_mul(planes, inner), size = checked_mul(pixels, form.outputs());
  require(values, numpy_dtype(form.dtype), size, "values");
  require(indices, indices.dtype(), size, "indices");
  require(cells, numpy_dtype(form.dtype), checked_mul(pixels, form.cells()), "cells");
  if (!cells.writeable()) throw py::value_error("output array is read-only");
  if (size > 0 && (overlap(cells, values) || overlap(cells, indices)))
    throw py::value_error("cells must not overlap the others");
  const void *const from = values.data(), *const places = indices.data();
  void* const to = cells.mutable_data();
  bool complete = true;
  run_work(static_cast<std::int64_t>(values.nbytes() + indices.nbytes() + cells.nbytes()), threads,
           [&](int team, Interrupt::Question question) {
             complete = (!check_first || can_scatter(form, places, team, question)) &&
                        scatter(form, from, places, to, team, question);
           });
  return complete;
}

using Bytes = py::array_t<std::uint8_t, py::array::c_style>;

/// Copies bytes `times` times with the threads that pool: what the benchmarks measure time in. Here, because a module
/// of their own would have threads of its own, or another libgomp.
void copy(const Bytes& source, Bytes& target, int threads, std::int64_t times) {
  if (target.nbytes() != source.nbytes()) throw py::value_error("target must have as many bytes as source");
  if (threads < 0 || threads > most_threads) throw py::value_error("threads must be from 0 to 1024");
  if (!target.writeable()) throw py::value_error("target is read-only");
  const auto bytes = static_cast<std::int64_t>(source.nbytes());
  const std::uint8_t* const from = source.data();
  std::uint8_t* const to = target.mutable_data();
  if (std::less<>()(from, to + bytes) && std::less<>()(to, from + bytes)) {
    throw py::value_error("target must not overlap source");
  }
  const std::exception_ptr error = without_gil([&] {
    for (std::int64_t i = 0; i < times; ++i) {
      parallel_for(threads, bytes, [=](std::int64_t begin, std::int64_t end) {
        std::memcpy(to + begin, from + begin, static_cast<std::size_t>(end - begin));
      });
    }
  });
  if (error) std::rethrow_exception(error);
}

py::tuple names_of(const std::vector<std::string>& names) { return py::cast(names).cast<py::tuple>(); }

/// A constructor for Python as py::init makes it, but for one thing: pybind11 registers a new object where no exception
/// is caught, or has it point to what is gone, if memory for that is missing.
template <typename... Arguments>
auto constructor_from(Plan (*make)(Arguments...)) {
  return [make](py::detail::value_and_holder& self, Arguments... arguments) {
    const auto plan = std::make_shared<Plan>(make(std::forward<Arguments>(arguments)...));
    self.value_ptr() = plan.get();
    try {
      self.type->init_instance(self.inst, &plan);
    } catch (...) {
      self.value_ptr() = nullptr;
      throw;
    }
  };
}

/// Text from the environment, which may be any bytes.
py::str readable(const std::string& text) {
  PyObject* const decoded =
      PyUnicode_DecodeUTF8(text.data(), static_cast<py::ssize_t>(text.size()), "backslashreplace");
  if (decoded == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(decoded);
}

/// What tilepool warns of when it is imported.
py::list warnings() {
  py::list result;
  for (const std::string& message : {isa_warning(), threads_warning()}) {
    if (!message.empty()) result.append(readable(message));
  }
  return result;
}

void watch_main_thread() {
  main_thread = py::cast<unsigned long>(py::module_::import("threading").attr("main_thread")().attr("ident"));
  static const bool watched = pthread_atfork(nullptr, nullptr, [] { main_thread = PyThread_get_thread_ident(); }) == 0;
  if (!watched) throw std::bad_alloc();
}

}  // namespace

PYBIND11_MODULE(core, module, py::mod_gil_not_used()) {
  module.doc() = "The compiled core of tilepool.";
  module.attr("__version__") = TILEPOOL_VERSION;
  module.attr("compiler") = TILEPOOL_COMPILER;
  module.attr("backend") = parallel_backend();
  watch_main_thread();
  std::vector<std::string> dtypes;
  for (const DTypeInfo& info : dtype_info) dtypes.emplace_back(info.name);
  module.attr("dtypes") = names_of(dtypes);
  module.attr("methods") = names_of({std::begin(between_names), std::end(between_names)});
  module.attr("roundings") = names_of({std::begin(rounding_names), std::end(rounding_names)});

  module.def("built_isas", [] { return names_of(built_isas()); });
  module.def("available_isas", [] { return names_of(available_isas()); });
  module.def("get_isa", [] { return active_table().isa; });
  module.def("set_isa", &set_isa, py::arg("name"));
  module.def("warnings", &warnings);
  module.def("quota_cpus", &quota_cpus, py::arg("root"));
  module.def("get_threads", &get_threads);
  module.def(
      "set_threads",
      [](int n) {
        if (n < 0 || n > most_threads) throw py::value_error("n must be from 0 to 1024");
        return set_threads(n);
      },
      py::arg("n"));

  add_call_key(module.ptr());
  module.def("add_to_cells", &add_to_cells, py::arg("values").noconvert(), py::arg("indices").noconvert(),
             py::arg("cells").noconvert(), py::arg("dtype"), py::arg("planes"), py::arg("inner"), py::arg("sizes"),
             py::arg("windows"), py::arg("threads") = 0, py::arg("check_first") = false);
  module.def("copy", &copy, py::arg("source").noconvert(), py::arg("target").noconvert(), py::arg("threads") = 0,
             py::arg("times") = 1);

  py::class_<Plan, std::shared_ptr<Plan>>(module, "Plan")
      .def("__init__", constructor_from(&plan_from), py::detail::is_new_style_constructor(), py::arg("op"),
           py::arg("dtype"), py::arg("shape"), py::arg("strides"), py::arg("windows"), py::arg("count_padding") = false,
           py::arg("divisor") = 0.0, py::arg("rounding") = rounding_names[0], py::arg("integer") = "int64",
           py::arg("indices") = "none", py::arg("weights") = py::tuple(), py::arg("wide_indices") = true,
           py::arg("parameters") = std::array<double, 2>{}, py::arg("omit") = false, py::arg("source") = py::none(),
           py::arg("swapped") = false, py::arg("order") = py::tuple(), py::arg("mask") = py::none(),
           py::arg("cell_weights") = py::none(), py::arg("present") = false, py::arg("min_count") = 0)
      .def_property_readonly("result_shape",
                             [](const PlanPointer& plan) { return py::tuple(py::cast(plan->form.result_shape)); })
      .def_property_readonly("result_strides",
                             [](const PlanPointer& plan) { return py::tuple(py::cast(plan->form.result_strides)); })
      .def_property_readonly("result_dtype",
                             [](const PlanPointer& plan) { return info_of(plan->form.result_dtype).name; })
      .def_property_readonly("strategy",
                             [](const PlanPointer& plan) { return strategy_names[plan->schedule.strategy.index()]; })
      .def("fits", &fits, py::arg("x"), py::arg("out") = py::none(), py::arg("out_indices") = py::none(),
           py::arg("mask") = py::none())
      .def("run", &run, py::arg("x"), py::arg("out") = py::none(), py::arg("threads") = 0, py::arg("mask") = py::none(),
           py::arg("weights") = py::none())
      .def("pick", &pick, py::arg("x"), py::arg("out") = py::none(), py::arg("out_indices") = py::none(),
           py::arg("threads") = 0, py::arg("mask") = py::none());

  // std::overflow_error would become OverflowError; a size that does not fit is a wrong value like any other.
  py::register_local_exception_translator([](std::exception_ptr error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const std::overflow_error& overflow) {
      py::set_error(PyExc_ValueError, overflow.what());
    }
  });
}

/// pybind11 takes the GIL by functions that know the main interpreter only, and wait for ever in another one.
extern "C" PYBIND11_EXPORT PyObject* PyInit__core() {
  if (PyInterpreterState_Get() == PyInterpreterState_Main()) return PyInit_core();
  PyErr_SetString(PyExc_ImportError, "tilepool must be imported in the main interpreter, not in a subinterpreter");
  return nullptr;
}
