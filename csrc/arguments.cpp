// How windows, dtypes and integers are said.
#include "arguments.hpp"

namespace py = pybind11;

namespace tilepool {

DType dtype_named(const std::string& name) {
  for (int i = 0; i < dtype_count; ++i) {
    if (name == dtype_info[i].name) return static_cast<DType>(i);
  }
  throw py::value_error("dtype is unknown: " + name);
}

std::int64_t integer(const py::handle& value) {
  const std::int64_t result = PyLong_AsLongLong(value.ptr());
  if (result == -1 && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    throw py::value_error("integers must fit 64 bits, not " + py::cast<std::string>(py::repr(value)));
  }
  return result;
}

std::vector<std::int64_t> integers(const py::tuple& values) {
  std::vector<std::int64_t> result;
  for (const py::handle value : values) result.push_back(integer(value));
  return result;
}

std::optional<Windows> windows_from(const py::handle& words, std::int64_t size) {
  if (words.is_none()) return std::nullopt;
  const auto require = [](bool kept) {
    if (!kept) throw py::value_error("windows must be sliding, adaptive, listed or transposed");
  };
  if (!py::isinstance<py::tuple>(words)) throw py::type_error("windows must be tuples");
  const auto window = py::reinterpret_borrow<py::tuple>(words);
  require(window.size() > 0);
  const std::string kind = py::isinstance<py::str>(window[0]) ? py::cast<std::string>(window[0]) : "sliding";
  if (kind == "adaptive") {
    require(window.size() == 2);
    return Windows::adaptive(size, integer(window[1]));
  }
  if (kind == "transposed") {  // of windows over an axis of so many cells
    require(window.size() == 3);
    const std::optional<Windows> of = windows_from(window[1], integer(window[2]));
    require(of.has_value());
    Windows transposed = of->transposed();
    if (transposed.input() != size) throw py::value_error("transposed windows must be those of as many outputs");
    return transposed;
  }
  if (kind == "listed") {
    require(window.size() == 3 && py::isinstance<py::tuple>(window[1]) && py::isinstance<py::tuple>(window[2]));
    return Windows::listed(size, integers(window[1]), integers(window[2]));
  }
  require(window.size() == 6);
  const std::int64_t fit = integer(window[5]);
  require(fit >= 0 && fit <= 2);
  return Windows::sliding(size, integer(window[0]), integer(window[1]), integer(window[2]), integer(window[3]),
                          integer(window[4]), static_cast<Fit>(fit));
}

}  // namespace tilepool
