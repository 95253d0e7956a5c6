// Times the `pool` entry on every case of cases.csv, with one thread and with all, beside a copy of as many bytes.
//
// GB/s counts the bytes of the input and of the result, once each. `of_copy` is the time of a copy that moves as many
// bytes (it reads half of them and writes half), measured just before and after with the same threads, over the
// pooling's. TILEPOOL_ISA chooses the instruction set, TILEPOOL_THREADS what "all" means, TILEPOOL_BENCH_CASES another
// list.
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "case_list.hpp"
#include "engine/dispatch.hpp"
#include "engine/parallel.hpp"
#include "engine/plan.hpp"
#include "engine/pool.hpp"

namespace {

using tilepool::DType;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<std::uint8_t, Free>;

/// Memory like that of a numpy array: large blocks on huge pages where the system has them.
Memory allocate(std::int64_t bytes) {
  constexpr std::size_t huge = std::size_t{1} << 21;
  const std::size_t alignment = static_cast<std::size_t>(bytes) >= 2 * huge ? huge : 64;
  const std::size_t size = (static_cast<std::size_t>(bytes) / alignment + 1) * alignment;
  Memory memory(static_cast<std::uint8_t*>(std::aligned_alloc(alignment, size)));
  if (!memory) throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  if (alignment == huge) madvise(memory.get(), size, MADV_HUGEPAGE);
#endif
  return memory;
}

/// Random numbers from 1 to 256 (SplitMix64), never zeros.
class Random {
 public:
  int next() {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t bits = (state_ ^ (state_ >> 30)) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
    return static_cast<int>(bits >> 56) + 1;
  }

 private:
  std::uint64_t state_ = 1;
};

template <class T>
void fill(std::uint8_t* memory, std::int64_t bytes, T scale) {
  Random random;
  T* values = reinterpret_cast<T*>(memory);
  for (std::int64_t i = 0; i < bytes / static_cast<std::int64_t>(sizeof(T)); ++i) {
    values[i] = static_cast<T>(static_cast<T>(random.next() % 255 + 1) * scale);
  }
}

Memory random_array(DType dtype, std::int64_t bytes) {
  Memory memory = allocate(bytes);
  switch (dtype) {
    case DType::float16:
    case DType::bfloat16:
      fill<std::uint16_t>(memory.get(), bytes, 64);  // numbers, no NaNs
      break;
    case DType::float32:
      fill<float>(memory.get(), bytes, 1.0f / 256);
      break;
    case DType::float64:
      fill<double>(memory.get(), bytes, 1.0 / 256);
      break;
    case DType::int16:
    case DType::uint16:
      fill<std::uint16_t>(memory.get(), bytes, 100);
      break;
    case DType::int32:
    case DType::uint32:
      fill<std::int32_t>(memory.get(), bytes, 1000);
      break;
    case DType::int64:
    case DType::uint64:
      fill<std::int64_t>(memory.get(), bytes, 1000);
      break;
    case DType::boolean:
      fill<bool>(memory.get(), bytes, true);
      break;
    case DType::int8:
    case DType::uint8:
      fill<std::uint8_t>(memory.get(), bytes, 1);
      break;
  }
  return memory;
}

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
  const tilepool::NormalForm& form = plan.form;
  const auto bytes_of = [](DType dtype) { return tilepool::info_of(dtype).size; };
  const std::int64_t read = product(form.input_shape) * bytes_of(form.dtype);
  const std::int64_t written = product(form.result_shape) * bytes_of(form.result_dtype);
  const Memory input = random_array(form.dtype, read);
  const Memory result = random_array(form.result_dtype, written);
  const Copy copy((read + written) / 2);

  double copy_seconds = copy.seconds(threads);
  tilepool::pool(plan, input.get(), result.get(), threads);
  const Clock::time_point begin = Clock::now();
  for (auto _ : state) {
    tilepool::pool(plan, input.get(), result.get(), threads);
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
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
