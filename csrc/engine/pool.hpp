// Runs a plan on pointers: the C++ entry that bindings and benchmarks share.
#pragma once

#include "interrupt.hpp"
#include "plan.hpp"

namespace tilepool {

/// What lies beside an array: bytes of a mask, and weights of float64.
struct Beside {
  const void* mask = nullptr;
  const void* weights = nullptr;
};

/// Pools `input` into `result`, which must not overlap. The pointers are those of the first elements of arrays with the
/// plan's dtypes, shapes and strides, aligned to their element size. `threads` 0 takes the default. Throws
/// std::bad_alloc where memory for scratch is missing, Interrupted where the answer to `question` (see Interrupt) ends
/// the call; nothing else. A plan with indices writes them to `indices`, which have the shape and the memory order of
/// the result; one with a mask or weights reads them beside the array.
void pool(const Plan& plan, const void* input, void* result, int threads = 0, void* indices = nullptr,
          Interrupt::Question question = nullptr, const Beside& beside = {});

}  // namespace tilepool
