// Threads of a call, callers in several threads, and calls that are given up: all give the same results.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "cases.hpp"
#include "engine/parallel.hpp"

using namespace tilepool;
using namespace tilepool::tests;

namespace {

/// Every third problem of a few ops, large enough for threads.
template <class Visit>
void each_problem(const Visit& visit) {
  std::uint64_t number = 0;
  for (const Op op : {Op::max, Op::average, Op::mode}) {
    for (const Pooling& pooling : poolings()) {
      if (++number % 3 != 0) continue;
      const auto layout = static_cast<Layout>(number / 3 % layout_count);
      Problem problem(op, DType::float32, pooling, layout, manner_of(op, DType::float32, number), number);
      problem.seem_large();
      visit(problem);
    }
  }
}

}  // namespace

TEST_CASE("any number of threads gives the same bytes") {
  each_problem([](const Problem& problem) {
    CAPTURE(problem.text());
    const Written alone = problem.pooled(1);
    CHECK(problem.difference(alone) == "");
    for (const int threads : {2, 3, 8, 0}) {
      const Written written = problem.pooled(threads);
      CHECK(written.values == alone.values);
      CHECK(written.indices == alone.indices);
    }
  });
}

TEST_CASE("callers in several threads share a plan") {
  std::vector<Problem> problems;
  each_problem([&](const Problem& problem) { problems.push_back(problem); });
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (std::size_t caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&problems, &wrong, caller] {
      for (std::size_t i = 0; i < problems.size(); ++i) {
        const Problem& problem = problems[(i * (2 * caller + 1)) % problems.size()];
        if (!problem.difference(problem.pooled(static_cast<int>(caller))).empty()) ++wrong;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(wrong == 0);
}

TEST_CASE("a default number of threads that changes during calls") {
  const Problem problem(Op::sum, DType::float32, {{40, 90, 90}, {std::nullopt, slide(3, 2, 1), slide(3, 2, 1)}},
                        Layout::dense, {}, 1);
  std::atomic<bool> done{false};
  std::thread changes([&done] {
    for (int n = 0; !done; n = (n + 1) % 4) set_threads(n);
  });
  for (int turn = 0; turn < 100; ++turn) CHECK(problem.difference(problem.pooled(0)) == "");
  done = true;
  changes.join();
  set_threads(0);
}

TEST_CASE("a call that is given up leaves no trace in the next one") {
  const Problem problem(Op::quantile, DType::float32, {{60, 90}, {slide(21, 1, 10), slide(21, 1, 10)}}, Layout::dense,
                        manner_of(Op::quantile, DType::float32, 0), 1);
  for (const int threads : {1, 3}) {
    CAPTURE(threads);
    std::string difference;
    try {
      difference = problem.difference(problem.pooled(threads, false, [] { return true; }));
    } catch (const Interrupted&) {
    }
    CHECK(difference == "");
    CHECK(problem.difference(problem.pooled(threads, false, [] { return false; })) == "");
  }
}
