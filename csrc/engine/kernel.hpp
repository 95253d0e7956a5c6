// The kernels that a form needs, of one ISA.
#pragma once

#include "schedule.hpp"

namespace tilepool {

/// Loops for rows as they lie in the array where `prepare` is nullptr, else for those that it makes; they write results
/// where `finish` is nullptr, else accumulators, which it makes results of.
struct Kernel : Loops {
  Prepare convert = nullptr;  // elements to those of the type that is pooled, if they are others
  Prepare prepare = nullptr;
  Finish finish = nullptr;
  Keying keying;
  PickRows pick_rows = nullptr;
  const PairLoops* pairs = nullptr;
  SurveyRows survey_rows = nullptr;
  AverageRows average_rows = nullptr;
  AveragePresent average_present = nullptr;
  SpreadRows spread = nullptr;  // elements of the type that is pooled

  // Where cells are left out, counted or weighed (PresentCells):
  Prepare omit = nullptr;     // of NaNs in the type that is pooled: what stands for them, or for the others
  Prepare present = nullptr;  // of elements as they are stored, whether they are no NaNs: bytes
  Keep keep = nullptr;        // of elements of the type that is pooled
  Keep keep_bytes = nullptr;  // of such bytes
  SpreadRows spread_bytes = nullptr;
  Prepare truth = nullptr;       // of bytes that may be other than 0 and 1
  Prepare from_truth = nullptr;  // bytes in the type that is pooled
  Multiply multiply = nullptr;
};

/// Whether each output sees a row at least.
inline bool all_see(const Schedule& schedule) {
  bool see = schedule.column.windows.all_see();
  for (const NormalAxis& axis : schedule.outer) see = see && axis.windows.all_see();
  return see;
}

inline Kernel kernel_of(const Kernels& kernels, const NormalForm& form, const Schedule& schedule) {
  const Strategy& strategy = schedule.strategy;
  const auto op = static_cast<std::size_t>(form.op), dtype = static_cast<std::size_t>(form.dtype);
  Kernel kernel;
  if (form.source.dtype != form.dtype && !form.source.axes.empty()) {
    kernel.convert =
        kernels.steps->convert[static_cast<std::size_t>(form.source.dtype)][static_cast<std::size_t>(form.dtype)];
  }
  const auto log2 = [](std::int64_t size) { return static_cast<std::size_t>(__builtin_ctzll(size)); };
  kernel.spread = kernels.steps->spread[log2(info_of(form.dtype).size)];
  if (form.source.changes()) {
    const RowSteps& steps = *kernels.steps;
    kernel.omit = form.source.present ? steps.count[dtype] : steps.omit[dtype];
    kernel.present = steps.present[static_cast<std::size_t>(form.source.dtype)];
    kernel.keep = steps.keep[log2(info_of(form.dtype).size)];
    kernel.keep_bytes = steps.keep[0];
    kernel.spread_bytes = steps.spread[0];
    kernel.multiply = steps.multiply;
    constexpr auto boolean = static_cast<std::size_t>(DType::boolean);
    kernel.truth = steps.convert[boolean][boolean];
    kernel.from_truth = steps.convert[boolean][dtype];
  }
  if (surveys(form.op)) {
    kernel.survey_rows = (form.op >= Op::quantile ? kernels.orders : kernels.numbers)->rows[dtype];
    return kernel;
  }
  if (std::holds_alternative<by::Narrow>(strategy)) {
    const Averages& averages = *kernels.averages;
    kernel.average_rows = form.op == Op::average ? averages.floats[dtype] : averages.rows[dtype];
    return kernel;
  }
  if (std::holds_alternative<by::Present>(strategy)) {
    kernel.average_present = kernels.averages->present[static_cast<std::size_t>(form.source.dtype)];
    return kernel;
  }
  const auto accumulator = static_cast<std::size_t>(form.steps.accumulator);
  static_cast<Loops&>(kernel) = *kernels.loops[accumulator];
  if (is_extremum(form.op)) {
    kernel.pick_rows = kernels.picks->rows[dtype];
    kernel.pairs = &kernels.pairs->loops[__builtin_ctzll(info_of(form.dtype).size)];
  }

  Steps steps = form.steps;
  // What planes give that see no cell comes from the loops of the accumulator, which know no other results than these.
  const bool nothing_is_finished = steps.finished && !all_see(schedule);
  if (const FusedLoops* const fused = kernels.fused->loops[op][dtype]; fused != nullptr && !nothing_is_finished) {
    const bool rows = std::holds_alternative<by::Direct>(strategy) && fused->pool_rows != nullptr;
    if (rows) kernel.pool_rows = fused->pool_rows;
    if (rows || std::holds_alternative<by::Endless>(strategy)) steps.prepared = steps.finished = false;
    kernel.pool_endless = fused->pool_endless;
  }
  kernel.keying = keying_of(steps, form.dtype);
  if (steps.prepared) kernel.prepare = kernels.steps->prepare[accumulator][dtype];
  if (steps.finished && form.op == Op::average_rounded) {
    kernel.finish = kernels.steps->round[accumulator];
  } else if (steps.finished) {
    kernel.finish = kernels.steps->finish[accumulator][static_cast<std::size_t>(form.result_dtype)];
  }
  return kernel;
}

}  // namespace tilepool
