// All that is known of a call before its arrays: made once, run on any arrays of that form.
#pragma once

#include "normal_form.hpp"
#include "schedule.hpp"

namespace tilepool {

struct Plan {
  explicit Plan(const Request& request) : form(normal_form(request)), schedule(make_schedule(form)) {}
  NormalForm form;
  Schedule schedule;  // of an empty result: meaningless
};

}  // namespace tilepool
