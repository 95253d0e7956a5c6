// What tells one call from another: the form of its array and the exact values of its arguments, as bytes.
#pragma once

#include <Python.h>

namespace tilepool {

/// Adds `call_key(x, arguments, options)` to the module. Throws pybind11's errors.
void add_call_key(PyObject* module);

}  // namespace tilepool
