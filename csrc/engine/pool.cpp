// Runs a plan: threads share its work, the strategy of the plan does it.
#include "pool.hpp"

#include <algorithm>

#include "dispatch.hpp"
#include "parallel.hpp"
#include "pieces.hpp"
#include "strategies/strategies.hpp"

namespace tilepool {
namespace {

/// The fewest that are worth a range of their own.
std::int64_t least_units(const Schedule& schedule) {
  // (Xeon, two threads: ranges of 64 KB take 1.1 of the time for 1 MB in a cache.)
  constexpr std::int64_t range_work = 256 << 10;
  // Of overlapping ones, whose rows are begun with anew. (127 x 127 over 2048 x 2048: 1.04 to 1.08 with 1.)
  constexpr std::int64_t windows_beside = 2;
  const std::int64_t units = (range_work - 1) / (schedule.work / schedule.units + 1) + 1;
  if (std::holds_alternative<by::Bundled>(schedule.strategy)) return units;
  const Windows& column = schedule.column.windows;
  const std::int64_t overlap = (column.extent(1) - 1) / column.stride();
  return std::max(units, saturating_mul(windows_beside, overlap));
}

}  // namespace

void pool(const Plan& plan, const void* input, void* result, int threads, void* indices, Interrupt::Question question,
          const Beside& beside) {
  if (plan.form.empty) return;
  constexpr std::int64_t serial_work = 128 << 10;  // less costs less than starting threads does
  if (plan.schedule.work < serial_work) threads = 1;
  Interrupt interrupt(question);
  const Call call{plan, active_table(), input, result, indices, interrupt, beside};
  if (plan.has_pieces()) return pool_pieces(call, threads);
  parallel_for(threads, plan.schedule.units, least_units(plan.schedule), interrupt,
               [&](Share& share) { run(call, share); });
}

}  // namespace tilepool
