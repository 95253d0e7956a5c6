// Runs a plan: threads share its work, the strategy of the plan does it.
#include "pool.hpp"

#include "dispatch.hpp"
#include "parallel.hpp"
#include "pieces.hpp"
#include "strategies/strategies.hpp"

namespace tilepool {

void pool(const Plan& plan, const void* input, void* result, int threads, void* indices, Interrupt::Question question,
          const Beside& beside) {
  if (plan.form.empty) return;
  constexpr std::int64_t serial_work = 128 << 10;  // less costs less than starting threads does
  if (plan.schedule.work < serial_work) threads = 1;
  Interrupt interrupt(question);
  const Call call{plan, active_table(), input, result, indices, interrupt, beside};
  if (plan.has_pieces()) return pool_pieces(call, threads);
  parallel_for(threads, plan.schedule.units, 1, interrupt, [&](Share& share) { run(call, share); });
}

}  // namespace tilepool
