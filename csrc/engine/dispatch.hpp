// Chooses the kernel table: what this build has, what this CPU can, and what TILEPOOL_ISA asks for.
#pragma once

#include <string>
#include <vector>

#include "../table.hpp"

namespace tilepool {

/// All kernels of an instruction set.
struct Table {
  const char* isa;
  Kernels kernels;
};

/// The table in use. The first call reads TILEPOOL_ISA, and throws std::runtime_error where the CPU can run none.
const Table& active_table();

/// Names of the ISAs that were compiled, lowest first.
std::vector<std::string> built_isas();

/// Those that this CPU can run.
std::vector<std::string> available_isas();

/// Uses another table from now on; returns the name of the one before. Throws std::invalid_argument for a name that is
/// not available. For tests and benchmarks: not to be called while other threads pool.
std::string set_isa(const std::string& name);

/// What was wrong with TILEPOOL_ISA; empty if nothing was.
std::string isa_warning();

}  // namespace tilepool
