// Times the `pool` entry on every case of cases.csv and on one of each strategy, with one thread and with all, beside a
// copy of as many bytes; and the steps of kernels (step_bench.cpp).
//
// GB/s counts the bytes of the input and of the result, once each. `of_copy` is the time of a copy that moves as many
// bytes (it reads half of them and writes half), measured just before and after with the same threads, over the
// pooling's. TILEPOOL_ISA chooses the instruction set, TILEPOOL_THREADS what "all" means, TILEPOOL_BENCH_CASES another
// list.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "arrays.hpp"
#include "case_list.hpp"
#include "engine/dispatch.hpp"
#include "engine/parallel.hpp"
#include "engine/plan.hpp"
#include "engine/pool.hpp"
#include "step_bench.hpp"

namespace {

using tilepool::DType;
using tilepool_bench::Memory;
using tilepool_bench::random_array;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// A plain copy, each thread of one part.
class Copy {
 public:
  explicit Copy(std::int64_t bytes)
      : bytes_(bytes), from_(random_array(DType::uint8, bytes)), to_(random_array(DType::uint8, bytes)) {}

  /// Seconds per copy by that many threads, or by one where that is faster: few bytes are not worth a team.
  double seconds(int threads) const {
    const double alone = measure(1);
    return threads == 1 ? alone : std::min(alone, measure(threads));
  }

 private:
  /// The mean over at least 5 ms, after a first copy that wakes the threads.
  double measure(int threads) const {
    run(threads);
    const Clock::time_point begin = Clock::now();
    std::int64_t copies = 0;
    double total = 0;
    for (std::int64_t batch = 1; total < 0.005; batch *= 2) {
      for (std::int64_t i = 0; i < batch; ++i) run(threads);
      copies += batch;
      total = seconds_since(begin);
    }
    return total / static_cast<double>(copies);
  }

  void run(int threads) const {
    tilepool::parallel_for(threads, bytes_, [this](std::int64_t begin, std::int64_t end) {
      std::memcpy(to_.get() + begin, from_.get() + begin, static_cast<std::size_t>(end - begin));
    });
    benchmark::ClobberMemory();
  }

  std::int64_t bytes_;
  Memory from_, to_;
};

std::int64_t product(const std::vector<std::int64_t>& sizes) {
  std::int64_t result = 1;
  for (const std::int64_t size : sizes) result *= size;
  return result;
}

void run_case(benchmark::State& state, const tilepool_bench::Case& chosen, int threads) {
  const tilepool::Plan plan = tilepool::make_plan(chosen.request);
  const std::string walked_by = tilepool::strategy_names[plan.schedule.strategy.index()];
  if (chosen.name.rfind("strategy/", 0) == 0 && chosen.name.rfind("strategy/" + walked_by + "/", 0) != 0) {
    throw std::logic_error("is walked by " + walked_by);
  }
  const tilepool::NormalForm& form = plan.form;
  const auto bytes_of = [](DType dtype) { return tilepool::info_of(dtype).size; };
  const std::int64_t read = product(form.input_shape) * bytes_of(form.dtype);
  const std::int64_t written = product(form.result_shape) * bytes_of(form.result_dtype);
  const Memory input = random_array(form.dtype, read);
  const Memory result = random_array(form.result_dtype, written);
  const std::int64_t index_size = form.indices == tilepool::Indices::none ? 0 : form.wide_indices ? 8 : 4;
  const Memory indices = tilepool_bench::allocate(product(form.result_shape) * index_size);
  const Copy copy((read + written) / 2);

  double copy_seconds = copy.seconds(threads);
  tilepool::pool(plan, input.get(), result.get(), threads, indices.get());
  const Clock::time_point begin = Clock::now();
  for (auto _ : state) {
    tilepool::pool(plan, input.get(), result.get(), threads, indices.get());
    benchmark::ClobberMemory();
  }
  const double pool_seconds = seconds_since(begin) / static_cast<double>(state.iterations());
  copy_seconds = (copy_seconds + copy.seconds(threads)) / 2;

  state.counters["GB/s"] = static_cast<double>(read + written) / pool_seconds / 1e9;
  state.counters["of_copy"] = copy_seconds / pool_seconds;
}

void register_case(const tilepool_bench::Case& chosen, int threads) {
  const std::string name = chosen.name + "/threads:" + std::to_string(threads);
  const auto body = [chosen, threads](benchmark::State& state) {
    try {
      run_case(state, chosen, threads);
    } catch (const std::exception& error) {
      state.SkipWithError(error.what());
    }
  };
  benchmark::RegisterBenchmark(name.c_str(), body)->UseRealTime()->Unit(benchmark::kMicrosecond);
}

/// One of each strategy that fits a second-level cache, and one that does not.
std::vector<tilepool_bench::Case> strategy_cases() {
  std::vector<tilepool_bench::Case> cases;
  for (const char* line : {"strategy/direct/L2,max,float32,channels_first,1x64x56x56,2,2,0",
                           "strategy/direct/memory,max,float32,channels_first,8x64x112x112,2,2,0",
                           "strategy/gathered/L2,sum,float32,channels_first,1x16x90x90,6,6,0",
                           "strategy/gathered/memory,sum,float32,channels_first,4x64x180x180,6,6,0",
                           "strategy/scanned/L2,max,float32,plane,300x300,15,1,7",
                           "strategy/scanned/memory,max,float32,plane,2048x2048,15,1,7",
                           "strategy/framed/L2,max,float32,channels_first,1x8x40x40,9,1,4",
                           "strategy/framed/memory,max,float32,channels_last,4096x8x8x16,9,1,4",
                           "strategy/endless/L2,max,float32,channels_first,1x64x28x28,3,1,1",
                           "strategy/endless/memory,max,float32,channels_first,8x256x56x56,3,1,1",
                           "strategy/bundled/L2,max,float32,channels_first,1x64x14x14,5,2,2",
                           "strategy/bundled/memory,max,float32,channels_first,64x512x14x14,5,2,2",
                           "strategy/narrow/L2,avg_rounded,uint8,channels_last,1x512x512x3,2,2,0",
                           "strategy/narrow/memory,avg_rounded,uint8,plane,8192x8192,2,2,0",
                           "strategy/paired/L2,max,float32,channels_first,1x16x56x56,5,1,2",
                           "strategy/paired/memory,max,float32,channels_first,8x64x112x112,5,1,2",
                           "strategy/picked/L2,max,float32,channels_first,1x64x56x56,3,2,1",
                           "strategy/picked/memory,max,float32,channels_first,8x64x112x112,3,2,1",
                           "strategy/surveyed/L2,var,float32,channels_first,1x16x56x56,3,2,1",
                           "strategy/surveyed/memory,var,float32,channels_first,8x16x112x112,3,2,1"}) {
    cases.push_back(tilepool_bench::parse_case(line));
    tilepool::Request& request = cases.back().request;
    const std::string& name = cases.back().name;
    if (name.find("/picked/") == std::string::npos && name.find("/paired/") == std::string::npos) continue;
    request.indices = tilepool::Indices::of_cells;
    for (std::size_t axis = 2; axis < 4; ++axis) request.axes[axis].weight = axis == 2 ? request.axes[3].size : 1;
  }
  return cases;
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  const char* named = std::getenv("TILEPOOL_BENCH_CASES");
  const std::string path = named ? named : TILEPOOL_BENCH_CASES;
  const int all = tilepool::get_threads();
  benchmark::AddCustomContext("tilepool_isa", tilepool::active_table().isa);
  benchmark::AddCustomContext("tilepool_threads", std::to_string(all) + " (" + tilepool::parallel_backend() + ")");
  for (const std::string& warning : {tilepool::isa_warning(), tilepool::threads_warning()}) {
    if (!warning.empty()) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  }
  try {
    for (const tilepool_bench::Case& chosen : tilepool_bench::read_cases(path)) {
      register_case(chosen, 1);
      if (all > 1) register_case(chosen, all);
    }
    for (const tilepool_bench::Case& chosen : strategy_cases()) register_case(chosen, 1);
    tilepool_bench::register_steps();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
