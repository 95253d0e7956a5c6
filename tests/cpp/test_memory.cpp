// Whatever allocation or start of a thread fails: the right result or std::bad_alloc, and the next call is as before.
#include <doctest/doctest.h>

#include <map>
#include <new>

#include "cases.hpp"
#include "engine/parallel.hpp"
#include "failing.hpp"

using namespace tilepool;
using namespace tilepool::tests;

namespace {

/// One problem for each way of pooling, large enough for threads.
std::vector<Problem> problems() {
  std::map<std::string, Problem> by_way;
  for (const Op op : {Op::max, Op::sum, Op::quantile, Op::variance}) {
    for (const Pooling& pooling : poolings()) {
      if (by_way.size() == all_ways().size()) break;
      Problem problem(op, DType::float32, pooling, Layout::dense, manner_of(op, DType::float32, by_way.size()), 1);
      problem.seem_large();
      for (const std::string& way : ways_of(problem.plan)) by_way.emplace(way, problem);
    }
  }
  std::vector<Problem> result;
  for (auto& [way, problem] : by_way) result.push_back(std::move(problem));
  return result;
}

}  // namespace

TEST_CASE("a plan that lacks memory") {
  for (const Problem& problem : problems()) {
    CAPTURE(problem.text());
    const std::int64_t before = blocks_in_use();
    bool happened = true;
    for (std::int64_t place = 0; happened; ++place) {
      CAPTURE(place);
      try {
        const FailingOnce failing(place);
        const Plan plan = make_plan(problem.request());
        happened = failing.happened();
        CHECK(plan.form.result_shape == problem.plan.form.result_shape);
      } catch (const std::bad_alloc&) {
      }
      CHECK(blocks_in_use() == before);
    }
  }
}

TEST_CASE("a pooling that lacks memory") {
  for (const Problem& problem : problems()) {
    CAPTURE(problem.text());
    for (const int threads : {1, 3}) {
      // libgomp ends the process where it lacks memory or threads.
      if (threads > 1 && std::string(parallel_backend()) == "openmp") continue;
      CAPTURE(threads);
      CHECK(problem.difference(problem.pooled(threads)) == "");
      const std::int64_t before = blocks_in_use();
      bool happened = true;
      for (std::int64_t place = 0; happened; ++place) {
        CAPTURE(place);
        Written written = problem.blank();
        try {
          const FailingOnce failing(place);
          problem.pool_into(written, threads);
          happened = failing.happened();
          CHECK(problem.difference(written) == "");
        } catch (const std::bad_alloc&) {
        }
        CHECK(problem.difference(problem.pooled(threads)) == "");
      }
      // Other threads keep scratch, when they come to it: their leaks are LeakSanitizer's to find.
      if (threads == 1) CHECK(blocks_in_use() <= before);
    }
  }
}
