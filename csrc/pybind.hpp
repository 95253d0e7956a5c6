// pybind11, with memory for threads from the start.
#pragma once

// pybind11 has a pointer for each thread. Memory for it is to be there when a thread starts; else it is looked for at a
// thread's first call, and the process ends where there is none. (Not by a flag of the compiler, which would ask the
// same of the C++ library's own: that cannot be had where another module has loaded it before.)
#define thread_local thread_local __attribute__((tls_model("initial-exec")))
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#undef thread_local
