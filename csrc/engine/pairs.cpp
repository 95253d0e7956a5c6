// Steps of pairs, and their cost.
#include "pairs.hpp"

#include <algorithm>

namespace tilepool {
namespace {

/// How many taps all steps together look at beside the first one.
std::int64_t work_of(const Windows& windows) {
  std::int64_t taps = 0;
  for (const PairTaps& step : pair_steps(windows, 0, 0)) taps += step.count - 1;
  return taps;
}

/// Taps of a window on the outer axes.
std::int64_t plane_taps(const AxisRoles& roles) {
  std::int64_t taps = 1;
  for (const NormalAxis& axis : roles.outer) {
    taps = saturating_mul(taps, std::min(axis.windows.kernel(), axis.windows.input()));
  }
  return taps;
}

}  // namespace

std::vector<PairTaps> pair_steps(const Windows& windows, std::int64_t distance, std::int64_t place) {
  constexpr std::int64_t most_at_once = 6, taps = 4;  // one more step costs about as much as two taps
  const std::int64_t kernel = windows.kernel();
  const auto step = [&](std::int64_t count, std::int64_t hop, std::int64_t last) {
    return PairTaps{count, hop, last, distance, place};
  };
  if (kernel <= most_at_once || kernel / 4 < windows.stride()) return {step(kernel, 1, kernel - 1)};
  std::vector<PairTaps> steps;
  std::int64_t made = 1;
  for (; kernel > taps * made; made *= taps) steps.push_back(step(taps, made, (taps - 1) * made));
  steps.push_back(step((kernel - 1) / made + 1, made, kernel - made));
  return steps;
}

std::int64_t pair_row_bytes(const AxisRoles& roles, const NormalForm& form, std::int64_t outputs) {
  const std::int64_t elements = saturating_mul(roles.row.windows.extent(outputs), roles.inner);
  return saturating_mul(elements, 2 * pair_lane(form)) + 2 * buffer_slack;
}

/// The cells that an output does not share are made keys and pooled along the row, in places of which few may be kept.
std::int64_t pair_looks(const AxisRoles& roles) {
  constexpr std::int64_t key = 3, result = 4;
  const Windows &row = roles.row.windows, &column = roles.column.windows;
  const auto cells = [](const Windows& windows) {
    return std::max(windows.stride(), windows.extent(windows.outputs()) / windows.outputs());
  };
  const std::int64_t along = saturating_mul(saturating_mul(cells(row), cells(column)), key + work_of(row));
  return saturating_mul(plane_taps(roles), along + work_of(column) + result);
}

namespace {

/// Whether places, counted from the first tap of a window, and what outputs of a row have beside them, fit 31 bits.
bool has_near_places(const AxisRoles& roles, const NormalForm& form) {
  std::int64_t apart =
      saturating_mul(saturating_mul(roles.row.weight, roles.row.windows.stride()), roles.row.windows.outputs());
  apart += saturating_mul(roles.inner_weight, roles.inner);
  for (const NormalAxis& axis : form.axes) {
    const std::int64_t step = form.indices == Indices::of_taps ? 1 : axis.windows.step();
    apart = std::min(most_int64 / 2, apart) + saturating_mul(axis.weight, saturating_mul(axis.windows.kernel(), step));
  }
  return !form.far_indices && apart < std::int64_t{1} << 31;
}

/// Taps are looked at in vectors or one by one: a vector across strides of 3 and more, or of pixels of less than 8
/// elements, is none. (Xeon, AVX2 and AVX-512: 3 x 3 at stride 1 on planes takes 0.4 and 0.8 of the time otherwise, on
/// pixels of 64 elements 0.6 and 1.1; 5 x 5 0.2 and 0.3, 0.25 and 0.6; 5 x 5 at stride 2 0.4 and 0.7, 0.5 and 1.2.)
bool are_cheaper(const AxisRoles& roles, const NormalForm& form) {
  const Windows &row = roles.row.windows, &column = roles.column.windows;
  const bool is_plane = roles.inner == 1, apart = row.stride() > 2 || (row.stride() == 2 && row.step() > 1);
  const bool one_by_one = is_plane ? apart : roles.inner < 8;
  const std::int64_t halves_of_a_look = one_by_one ? (pair_lane(form) == 8 ? 8 : 12) : is_plane ? 3 : 2;
  const auto taps = [](const Windows& windows) { return std::min(windows.kernel(), windows.input()); };
  const std::int64_t looks = saturating_mul(plane_taps(roles), saturating_mul(taps(row), taps(column)));
  return saturating_mul(looks, halves_of_a_look) > 2 * pair_looks(roles);
}

}  // namespace

bool can_be_paired(const AxisRoles& roles, const NormalForm& form, std::int64_t most_bytes) {
  const std::int64_t blocks = plane_taps(roles) > 1 ? 2 : 1;  // one of what has been seen of several planes
  const std::int64_t rows = saturating_mul(2 * blocks, roles.column.windows.extent(1));
  return are_cheaper(roles, form) && has_near_places(roles, form) &&
         saturating_mul(pair_row_bytes(roles, form, 2), rows) <= most_bytes && roles.row.windows.never_empty();
}

}  // namespace tilepool
