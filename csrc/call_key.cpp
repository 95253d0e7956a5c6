// The key of a call: equal bytes for equal calls only, made in a fraction of the time of the smallest pooling.
#include "call_key.hpp"

#include <algorithm>
#include <cstdint>

#include "pybind.hpp"

namespace py = pybind11;

namespace tilepool {
namespace {

/// Bytes on the stack: calls with more are not kept.
class Key {
 public:
  bool add(const void* bytes, std::size_t count) {
    if (count > sizeof(bytes_) - size_) return false;
    std::copy_n(static_cast<const char*>(bytes), count, bytes_ + size_);  // there may be no bytes, and nowhere
    size_ += count;
    return true;
  }

  template <typename T>
  bool add(char kind, const T& value) {
    return add(&kind, 1) && add(&value, sizeof(value));
  }

  PyObject* bytes() const { return PyBytes_FromStringAndSize(bytes_, static_cast<Py_ssize_t>(size_)); }

 private:
  char bytes_[1000];
  std::size_t size_ = 0;
};

bool is_numpy_dtype(PyObject* value) {
  return PyObject_TypeCheck(value, py::detail::npy_api::get().PyArrayDescr_Type_) != 0;
}

/// Of numpy's own dtypes those of bools, integers and floats, which have no more to them than number and byte order.
bool is_number(int type_num) {
  constexpr int float16 = 23;  // numpy's NPY_HALF, which pybind11 has no name for
  return (type_num >= py::detail::npy_api::NPY_BOOL_ && type_num <= py::detail::npy_api::NPY_DOUBLE_) ||
         type_num == float16;
}

/// Whether it is exactly one of numpy's types of integers, which are static.
bool is_numpy_integer(PyTypeObject* type) {
  static PyTypeObject* const number = [] {
    const py::object integer = py::module_::import("numpy").attr("integer");
    return reinterpret_cast<PyTypeObject*>(integer.ptr());
  }();
  return (type->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0 && PyType_IsSubtype(type, number) != 0;
}

/// Adds a value, if its type is exactly one of Python's or numpy's own: whatever else is equal to it may mean another
/// thing.
bool add_value(Key& key, PyObject* value, int depth = 0) {
  PyTypeObject* const type = Py_TYPE(value);
  if (value == Py_None) return key.add("n", 1);
  if (type == &PyBool_Type) return key.add(value == Py_True ? "t" : "f", 1);
  if (type == &PyLong_Type) {
    int overflow = 0;
    const std::int64_t number = PyLong_AsLongLongAndOverflow(value, &overflow);
    return overflow == 0 && key.add('i', number);
  }
  if (type == &PyFloat_Type) return key.add('d', PyFloat_AS_DOUBLE(value));
  if (type == &PyUnicode_Type) {
    Py_ssize_t size = 0;
    const char* const text = PyUnicode_AsUTF8AndSize(value, &size);
    if (text == nullptr) {
      PyErr_Clear();
      return false;
    }
    return key.add('s', size) && key.add(text, static_cast<std::size_t>(size));
  }
  if (PyType_Check(value) != 0) {  // np.float64 as a dtype: types that are not made at run time stay where they are
    return (reinterpret_cast<PyTypeObject*>(value)->tp_flags & Py_TPFLAGS_HEAPTYPE) == 0 && key.add('y', value);
  }
  if (is_numpy_dtype(value)) {
    const auto* const dtype = py::detail::array_descriptor1_proxy(value);
    return is_number(dtype->type_num) && key.add('p', dtype->byteorder) && key.add('p', dtype->type_num);
  }
  if (is_numpy_integer(type)) {
    PyObject* const number = PyNumber_Index(value);
    if (number == nullptr) {
      PyErr_Clear();
      return false;
    }
    const bool added = key.add('g', type) && add_value(key, number, depth);
    Py_DECREF(number);
    return added;
  }
#ifdef Py_GIL_DISABLED
  const bool is_list = false;  // another thread may change it meanwhile
#else
  const bool is_list = type == &PyList_Type;
#endif
  if ((type != &PyTuple_Type && !is_list) || depth > 3) return false;
  const Py_ssize_t size = PySequence_Fast_GET_SIZE(value);
  if (!key.add(is_list ? 'l' : 'u', size)) return false;
  for (Py_ssize_t i = 0; i < size; ++i) {
    if (!add_value(key, PySequence_Fast_GET_ITEM(value, i), depth + 1)) return false;
  }
  return true;
}

/// Adds dtype, shape and strides of exactly a numpy array. Of the dtypes that can be pooled, number and byte order tell
/// one from another; its address would not, for a dtype may be gone and another one lie there.
bool add_form(Key& key, PyObject* x) {
  if (Py_TYPE(x) != py::detail::npy_api::get().PyArray_Type_) return false;
  const auto* const array = py::detail::array_proxy(x);
  const auto* const dtype = py::detail::array_descriptor1_proxy(array->descr);
  const auto rank = static_cast<std::size_t>(array->nd);
  return key.add(dtype->byteorder, dtype->type_num) && key.add(&array->nd, sizeof(array->nd)) &&
         key.add(array->dimensions, rank * sizeof(*array->dimensions)) &&
         key.add(array->strides, rank * sizeof(*array->strides));
}

/// call_key(x, arguments, options): bytes; or None, where x is no plain array or an argument no plain value.
PyObject* call_key(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 3 || !PyTuple_CheckExact(arguments[1]) || !PyDict_CheckExact(arguments[2])) {
    PyErr_SetString(PyExc_TypeError, "call_key must have an array, a tuple and a dict");
    return nullptr;
  }
  Key key;
  bool plain = add_form(key, arguments[0]) && add_value(key, arguments[1]);
  PyObject *name = nullptr, *value = nullptr;
  for (Py_ssize_t at = 0; plain && PyDict_Next(arguments[2], &at, &name, &value) != 0;) {
    plain = add_value(key, name) && add_value(key, value);
  }
  if (!plain) Py_RETURN_NONE;
  return key.bytes();
}

}  // namespace

void add_call_key(PyObject* module) {
  static PyMethodDef methods[] = {
      {"call_key", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(call_key)), METH_FASTCALL,
       "call_key(x, arguments, options)\n\nThe form of x and the values of all arguments as bytes; None where these "
       "are "
       "no plain values."},
      {nullptr, nullptr, 0, nullptr},
  };
  if (PyModule_AddFunctions(module, methods) != 0) throw py::error_already_set();
}

}  // namespace tilepool
