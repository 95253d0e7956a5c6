// Whether arrays are exactly what a plan is for.
#pragma once

#include <string>

#include "engine/plan.hpp"
#include "engine/pool.hpp"
#include "pybind.hpp"

namespace tilepool {

/// numpy's dtype of an element type; of bfloat16, which numpy lacks, that of its bits.
const pybind11::dtype& numpy_dtype(DType dtype);

DType index_dtype(const Plan& plan);
std::vector<std::int64_t> index_strides(const Plan& plan);

/// Whether the memory of one array reaches into that of the other.
bool overlap(const pybind11::array& left, const pybind11::array& right);

/// Throws TypeError where an object is no array.
void require_array(const pybind11::object& object, const char* name);

/// Why a plan cannot write to arrays, as a sentence about one of them; empty where it can. None is a new array.
std::string unwritable(const Plan& plan, const pybind11::array& x, const pybind11::object& mask,
                       const pybind11::object& out, const pybind11::object& out_indices);

/// What a plan reads: an array, and what lies beside it. Throws where it is not what the plan is for.
struct Inputs {
  Inputs(const Plan& plan, const pybind11::object& x, const pybind11::object& mask, const pybind11::object& weights);

  pybind11::array array;
  Beside beside;
};

}  // namespace tilepool
