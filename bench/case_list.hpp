// The list of benchmark cases (cases.csv), as data that C++ can use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/plan.hpp"

namespace tilepool_bench {

/// One row of the list. `axes` describes a dense array in C order; averages count padded cells.
struct Case {
  std::string name;
  tilepool::Request request;
};

/// Parses a line of a list. Throws std::exception where it is wrong.
Case parse_case(const std::string& line);

/// Reads a list. Throws std::runtime_error naming the line where one is wrong.
std::vector<Case> read_cases(const std::string& path);

}  // namespace tilepool_bench
