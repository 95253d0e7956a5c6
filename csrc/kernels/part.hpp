// What the source files of kernels share: each fills in a part of the table of one ISA, and exports it and nothing
// else.
#pragma once

#include "../table.hpp"

/// TILEPOOL_ISA is the name of the ISA; `part` that of the file.
#define TILEPOOL_JOINED_2(isa, part) kernels_##isa##_##part
#define TILEPOOL_JOINED(isa, part) TILEPOOL_JOINED_2(isa, part)
#define TILEPOOL_EXPORT(part, kernels)                             \
  namespace tilepool {                                             \
  extern const Kernels TILEPOOL_JOINED(TILEPOOL_ISA, part);        \
  constexpr Kernels TILEPOOL_JOINED(TILEPOOL_ISA, part) = kernels; \
  }

namespace tilepool {
namespace {

/// A table of nothing, to be filled in.
struct Filler {
  Kernels kernels{};

  constexpr Filler& with(Accumulator accumulator, const Loops& loops) {
    kernels.loops[static_cast<int>(accumulator)] = &loops;
    return *this;
  }
  template <class Part>
  constexpr Filler& with(const Part* Kernels::* place, const Part& part) {
    kernels.*place = &part;
    return *this;
  }
};

}  // namespace
}  // namespace tilepool
