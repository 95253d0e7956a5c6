// The poolings that are walked: chosen so that every way of pooling is taken.
#pragma once

#include <set>
#include <string>

#include "problem.hpp"

namespace tilepool::tests {

/// Small ones first: each with its shape and windows.
const std::vector<Pooling>& poolings();

/// The manners in which an op can be asked for, one of which each number stands for.
Manner manner_of(Op op, DType dtype, std::uint64_t number);

/// The names of the ways that a plan takes.
std::set<std::string> ways_of(const Plan& plan);

/// Those that there are.
const std::set<std::string>& all_ways();

}  // namespace tilepool::tests
