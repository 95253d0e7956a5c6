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

/// Calls take(problem, number) for problems that together take all ways of pooling: every op on every element type. Of
/// them one in `parts`; the others are not made.
template <class Take>
void each_problem(std::uint64_t part, std::uint64_t parts, const Take& take) {
  constexpr std::uint64_t step = 4;  // types that share most of their code share the poolings, too
  std::uint64_t count = 0;
  for (int op = 0; op < op_count; ++op) {
    for (int dtype = 0; dtype < dtype_count; ++dtype) {
      if (!exists(static_cast<Op>(op), static_cast<DType>(dtype))) continue;
      auto seed = static_cast<std::uint64_t>(op * dtype_count + dtype);
      for (const Pooling& pooling : poolings()) {
        if (++seed % step != 0 || count++ % parts != part) continue;
        const auto layout = static_cast<Layout>((seed + seed / layout_count) % layout_count);
        const Manner manner = manner_of(static_cast<Op>(op), static_cast<DType>(dtype), seed * 7 + seed / 5);
        take(Problem(static_cast<Op>(op), static_cast<DType>(dtype), pooling, layout, manner, seed), seed / step);
      }
    }
  }
}

void check_results(std::uint64_t half) {
  each_problem(half, 2, [](const Problem& problem, std::uint64_t number) {
    CAPTURE(problem.text());
    const Written expected = problem.pooled();
    CHECK(problem.difference(expected) == "");
    for (const std::string& isa : available_isas()) {
      const std::string before = set_isa(isa);
      CAPTURE(isa);
      each_variation(problem, number,
                     [&](const Written& written) { CHECK(problem.difference(written, expected) == ""); });
      set_isa(before);
    }
  });
}

}  // namespace

// Two processes share them.
TEST_CASE("results are those of the oracle, first half") { check_results(0); }
TEST_CASE("results are those of the oracle, second half") { check_results(1); }

TEST_CASE("every way of pooling is looked at") {
  std::set<std::string> taken;
  each_problem(0, 1, [&](const Problem& problem, std::uint64_t) { taken.merge(ways_of(problem.plan)); });
  CHECK(taken == all_ways());
}
