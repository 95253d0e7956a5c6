// The strategies as `pool` knows them: each does a share of a call's work on the thread that it is called on.
#pragma once

#include "../dispatch.hpp"
#include "../interrupt.hpp"
#include "../kernel.hpp"
#include "../parallel.hpp"
#include "../plan.hpp"
#include "../pool.hpp"

namespace tilepool {

/// A plan and what it runs on.
struct Call {
  const Plan& plan;
  const Table& table;
  const void* input;
  void* result;
  void* indices;
  Interrupt& interrupt;
  Beside beside{};

  Kernel kernel() const { return kernel_of(table.kernels, plan.form, plan.schedule); }
};

void run(const by::Direct&, const Call&, Share&);
void run(const by::Gathered&, const Call&, Share&);
void run(const by::Scanned&, const Call&, Share&);
void run(const by::Framed&, const Call&, Share&);
void run(const by::Endless&, const Call&, Share&);
void run(const by::Bundled&, const Call&, Share&);
void run(const by::Narrow&, const Call&, Share&);
void run(const by::Present&, const Call&, Share&);
void run(const by::Picked&, const Call&, Share&);
void run(const by::Paired&, const Call&, Share&);
void run(const by::Surveyed&, const Call&, Share&);

/// The strategy of the plan.
inline void run(const Call& call, Share& share) {
  std::visit([&](const auto& strategy) { run(strategy, call, share); }, call.plan.schedule.strategy);
}

}  // namespace tilepool
