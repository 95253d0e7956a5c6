// Every op on every element type: windows, layouts and ways of pooling in turn, on every instruction set there is.
#include <doctest/doctest.h>

#include "cases.hpp"
#include "engine/dispatch.hpp"

using namespace tilepool;
using namespace tilepool::tests;

namespace {

/// Calls check(written) for plans and threads whose results must be those of `problem`.
template <class Check>
void each_variation(const Problem& problem, std::uint64_t number, const Check& check) {
  constexpr int threads[] = {1, 2, 3, 8};
  check(problem.pooled(1, true));
  Problem other = problem;
  other.seem_large();
  other.plan.schedule.row_loop.streams = true;
  other.plan.form.far_indices = true;
  check(other.pooled(threads[number % 4]));
}

}  // namespace

TEST_CASE("results are those of the oracle") {
  std::set<std::string> taken;
  constexpr std::uint64_t step = 4;  // types that share most of their code share the poolings, too
  for (int op = 0; op < op_count; ++op) {
    for (int dtype = 0; dtype < dtype_count; ++dtype) {
      if (!exists(static_cast<Op>(op), static_cast<DType>(dtype))) continue;
      const auto first = static_cast<std::uint64_t>(op * dtype_count + dtype);
      std::uint64_t seed = first;
      for (const Pooling& pooling : poolings()) {
        if (++seed % step != 0) continue;
        const auto layout = static_cast<Layout>((seed + seed / layout_count) % layout_count);
        const Manner manner = manner_of(static_cast<Op>(op), static_cast<DType>(dtype), seed * 7 + seed / 5);
        const Problem problem(static_cast<Op>(op), static_cast<DType>(dtype), pooling, layout, manner, seed);
        CAPTURE(problem.text());
        taken.merge(ways_of(problem.plan));
        const Written expected = problem.pooled();
        CHECK(problem.difference(expected) == "");
        for (const std::string& isa : available_isas()) {
          const std::string before = set_isa(isa);
          CAPTURE(isa);
          each_variation(problem, seed / step,
                         [&](const Written& written) { CHECK(problem.difference(written, expected) == ""); });
          set_isa(before);
        }
      }
    }
  }
  CHECK(taken == all_ways());
}
