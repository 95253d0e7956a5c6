// Parses cases.csv: name,op,dtype,layout,shape,kernel,stride,padding, with sizes such as 8x64x112x112.
#include "case_list.hpp"

#include <cstddef>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>

namespace tilepool_bench {
namespace {

using tilepool::DType;
using tilepool::Op;

enum Column : std::size_t { name, op, dtype, layout, shape, kernel, stride, padding, column_count };

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

std::vector<std::int64_t> sizes(const std::string& text) {
  std::vector<std::int64_t> values;
  for (const std::string& part : split(text, 'x')) values.push_back(std::stoll(part));
  return values;
}

/// The size for pooled axis number `axis`; a list of one stands for all axes.
std::int64_t size_of(const std::vector<std::int64_t>& values, std::size_t axis) {
  return values.size() == 1 ? values[0] : values.at(axis);
}

DType dtype_named(const std::string& text) {
  for (int i = 0; i < tilepool::dtype_count; ++i) {
    if (text == tilepool::dtype_info[i].name) return static_cast<DType>(i);
  }
  throw std::invalid_argument("unknown dtype " + text);
}

}  // namespace

Case parse_case(const std::string& line) {
  static const std::map<std::string, Op> ops = {{"max", Op::max},      {"min", Op::min},
                                                {"sum", Op::sum},      {"avg", Op::average},
                                                {"var", Op::variance}, {"avg_rounded", Op::average_rounded}};
  // Axes before and after the pooled ones.
  static const std::map<std::string, std::pair<std::size_t, std::size_t>> layouts = {
      {"channels_first", {2, 0}}, {"channels_last", {1, 1}}, {"plane", {0, 0}}};

  const std::vector<std::string> cells = split(line, ',');
  if (cells.size() != column_count) throw std::invalid_argument("wrong number of columns");
  const auto [before, after] = layouts.at(cells[layout]);
  const std::vector<std::int64_t> extents = sizes(cells[shape]), kernels = sizes(cells[kernel]),
                                  strides = sizes(cells[stride]), paddings = sizes(cells[padding]);

  Case result;
  result.name = cells[name];
  result.request.op = ops.at(cells[op]);
  result.request.dtype = dtype_named(cells[dtype]);
  result.request.count_padding = true;
  if (result.request.op == Op::average_rounded) result.request.to_integer.dtype = result.request.dtype;
  result.request.axes.resize(extents.size());
  std::int64_t bytes = tilepool::info_of(result.request.dtype).size;
  for (std::size_t axis = extents.size(); axis-- > 0;) {
    tilepool::ArrayAxis& target = result.request.axes[axis];
    target.size = extents[axis];
    target.stride = bytes;
    bytes *= extents[axis];
    if (axis < before || axis + after >= extents.size()) continue;
    const std::size_t pooled = axis - before;
    const std::int64_t pad = size_of(paddings, pooled);
    target.windows = tilepool::Windows::sliding(extents[axis], size_of(kernels, pooled), size_of(strides, pooled), pad,
                                                pad, /*dilation=*/1, tilepool::Fit::floor);
  }
  return result;
}

std::vector<Case> read_cases(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::vector<Case> cases;
  std::string line;
  std::getline(file, line);  // the names of the columns
  for (int number = 2; std::getline(file, line); ++number) {
    try {
      if (!line.empty()) cases.push_back(parse_case(line));
    } catch (const std::exception& error) {
      throw std::runtime_error(path + ", line " + std::to_string(number) + ": " + error.what());
    }
  }
  return cases;
}

}  // namespace tilepool_bench
