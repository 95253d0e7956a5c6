// All that is known of a call before its arrays: made once, run on any arrays of that form.
#pragma once

#include <utility>

#include "normal_form.hpp"
#include "schedule.hpp"

namespace tilepool {

struct Plan {
  NormalForm form;
  Schedule schedule;  // of an empty result: meaningless
};

/// Throws std::invalid_argument where the request cannot be run, std::overflow_error where 64 bits do not suffice.
inline Plan make_plan(const Request& request) {
  NormalForm form = normal_form(request);
  Schedule schedule = make_schedule(form);
  return {std::move(form), std::move(schedule)};
}

}  // namespace tilepool
