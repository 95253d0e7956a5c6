// The row, then the column are taken off the end of the axes; what is left is outer.
#include "axis_roles.hpp"

#include <cstddef>
#include <stdexcept>

namespace tilepool {
namespace {

/// Takes the row axis (and `inner`) off the end of `outer`; with `pixels`, a row is no more than a pixel.
void take_row(AxisRoles& roles, const NormalForm& form, bool pixels) {
  const std::int64_t size = info_of(form.dtype).size, result_size = info_of(form.result_dtype).size;
  roles.inner = 1;
  if (roles.outer.empty()) {
    roles.row = {Windows::identity(1), size, result_size, 0};
    return;
  }
  const auto take = [&] {
    roles.row = roles.outer.back();
    roles.outer.pop_back();
  };
  take();
  if (roles.row.input_stride != size) {
    throw std::invalid_argument("the axis that is innermost in memory must have unit stride");
  }
  const std::int64_t elements = roles.row.windows.input();
  if (roles.row.windows.is_identity() && !roles.outer.empty() && !roles.outer.back().windows.is_identity() &&
      is_dense(roles.outer.back(), roles.row, size) && are_pixels(elements, size)) {
    roles.inner = elements;
    roles.inner_weight = roles.row.weight;
    take();
  }
  if (pixels && !roles.row.windows.is_identity()) {
    roles.outer.push_back(roles.row);
    roles.row = {Windows::identity(1), roles.inner * size, roles.inner * result_size, 0};
  }
}

/// Takes the column axis off `outer`: the one with the largest windows worth scanning, else the innermost.
void take_column(AxisRoles& roles, const NormalForm& form) {
  roles.column = {Windows::identity(1), 0, 0, 0};
  roles.column_scans = false;
  if (roles.outer.empty()) return;
  std::size_t column = roles.outer.size() - 1;
  for (std::size_t a = roles.outer.size(); a-- > 0;) {
    const Windows& windows = roles.outer[a].windows;
    if (!worth_scanning(windows) || looks_at_each_tap(form)) continue;
    if (!roles.column_scans || windows.kernel() > roles.outer[column].windows.kernel()) column = a;
    roles.column_scans = true;
  }
  roles.column = roles.outer[column];
  roles.outer.erase(roles.outer.begin() + static_cast<std::ptrdiff_t>(column));
}

}  // namespace

bool worth_scanning(const Windows& windows) {
  return windows.slide() && windows.step() == 1 && windows.kernel() >= 4 &&
         (windows.kernel() - 1) / 2 >= windows.stride() && windows.outputs() > 2;
}

AxisRoles roles_of(const NormalForm& form, bool pixels) {
  AxisRoles roles{};
  roles.outer = form.axes;
  take_row(roles, form, pixels);
  take_column(roles, form);
  roles.plane_count = 1;
  for (const NormalAxis& axis : roles.outer) {
    roles.plane_count = checked_mul(roles.plane_count, axis.windows.outputs());
  }
  return roles;
}

}  // namespace tilepool
