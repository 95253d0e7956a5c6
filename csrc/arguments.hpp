// Python's arguments as the engine's values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalogue.hpp"
#include "engine/windows.hpp"
#include "pybind.hpp"

namespace tilepool {

/// The place of a name in a list. Throws ValueError about `what`, as the others do about theirs.
template <std::size_t N>
std::size_t index_of(const std::string& name, const char* const (&names)[N], const char* what) {
  for (std::size_t i = 0; i < N; ++i) {
    if (name == names[i]) return i;
  }
  throw pybind11::value_error(std::string(what) + " is unknown: " + name);
}

DType dtype_named(const std::string& name);

std::int64_t integer(const pybind11::handle& value);
std::vector<std::int64_t> integers(const pybind11::tuple& values);

/// The windows of an axis of so many cells, from a tuple that says what they are; none where it is None.
std::optional<Windows> windows_from(const pybind11::handle& words, std::int64_t size);

}  // namespace tilepool
