// The back ends of parallel_for (TILEPOOL_OPENMP, TILEPOOL_STD_THREADS or none) and the default number of threads.
#include "parallel.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#ifdef TILEPOOL_OPENMP
#include <omp.h>
#endif
#ifdef __linux__
#include <pthread.h>
#include <sched.h>
#endif

namespace tilepool {
namespace {

/// Set in a forked child: the threads of libgomp's pool did not come along, and waiting for them would never end.
std::atomic<bool> forked{false};

void watch_for_forks() {
#ifdef __linux__
  static const int registered = pthread_atfork(nullptr, nullptr, [] { forked = true; });
  static_cast<void>(registered);
#endif
}

/// Whether the system can start a team of `wanted` threads. libgomp exits the process where one cannot be started, so
/// the first use of a larger team tries with threads whose failure can be caught, and some more than will be needed.
bool startable(int wanted) {
  static std::mutex mutex;
  static int proven = 1, refused = most_threads + 1;
  const std::lock_guard<std::mutex> lock(mutex);
  if (wanted <= proven) return true;
  if (wanted >= refused) return false;
  const auto spare = static_cast<std::size_t>(wanted + wanted / 4);
  std::vector<std::thread> team;
  std::atomic<bool> go{false};
  try {
    team.reserve(spare);
    while (team.size() < spare) {
      team.emplace_back([&go] {
        while (!go) std::this_thread::yield();
      });
    }
    proven = wanted;
  } catch (const std::exception&) {
    refused = wanted;
  }
  go = true;
  for (std::thread& thread : team) thread.join();
  return wanted <= proven;
}

/// Runs body on range `index` of `team` and keeps the first exception.
class Ranges {
 public:
  Ranges(std::int64_t count, const std::function<void(std::int64_t, std::int64_t)>& body)
      : count_(count), body_(body) {}
  void run(int index, int team) noexcept {
    const std::int64_t share = count_ / team, rest = count_ % team;
    const std::int64_t begin = share * index + std::min<std::int64_t>(index, rest);
    const std::int64_t end = begin + share + (index < rest ? 1 : 0);
    if (begin == end) return;
    try {
      body_(begin, end);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  const std::int64_t count_;
  const std::function<void(std::int64_t, std::int64_t)>& body_;
  std::mutex mutex_;
  std::exception_ptr error_;
};

#if defined(TILEPOOL_OPENMP)

void run_team(int threads, Ranges& ranges) {
#pragma omp parallel num_threads(threads)
  ranges.run(omp_get_thread_num(), omp_get_num_threads());
}

bool inside_region() { return omp_in_parallel() != 0; }

#elif defined(TILEPOOL_STD_THREADS)

void run_team(int threads, Ranges& ranges) {
  std::vector<std::thread> team;
  team.reserve(static_cast<std::size_t>(threads));
  int started = 1;
  try {
    for (; started < threads; ++started)
      team.emplace_back([&ranges, started, threads] { ranges.run(started, threads); });
  } catch (const std::system_error&) {
    // The caller does the ranges of the threads that could not be started.
  }
  for (int index = started; index < threads; ++index) ranges.run(index, threads);
  ranges.run(0, threads);
  for (std::thread& thread : team) thread.join();
}

bool inside_region() { return false; }

#else

void run_team(int, Ranges& ranges) { ranges.run(0, 1); }

bool inside_region() { return true; }

#endif

/// The leading integer of an environment variable within [1, most_threads]; 0 where there is none.
int environment_threads(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return 0;
  char* end = nullptr;
  errno = 0;
  const long value = std::strtol(text, &end, 10);
  const bool whole = end != text && (*end == '\0' || *end == ',');  // OMP_NUM_THREADS may list nested levels
  return whole && errno == 0 && value >= 1 && value <= most_threads ? static_cast<int>(value) : 0;
}

/// CPUs that the cgroup's quota pays for, rounded up; `most_threads` without a quota.
int quota_cpus() {
  double quota = -1, period = 0;
  std::string first;
  if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); v2 >> first >> period) {
    quota = first == "max" ? -1 : std::strtod(first.c_str(), nullptr);
  } else {
    std::ifstream quota_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
        period_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    if (!(quota_file >> quota) || !(period_file >> period)) return most_threads;
  }
  if (quota <= 0 || period <= 0 || quota / period >= most_threads) return most_threads;
  return std::max(1, static_cast<int>(quota / period + 0.999));
}

int usable_cpus() {
  int cpus = static_cast<int>(std::thread::hardware_concurrency());
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cpus = CPU_COUNT(&set);
#endif
  return std::clamp(std::min(cpus, quota_cpus()), 1, most_threads);
}

std::atomic<int> chosen{0};

}  // namespace

const char* parallel_backend() {
#if defined(TILEPOOL_OPENMP)
  return "openmp";
#elif defined(TILEPOOL_STD_THREADS)
  return "threads";
#else
  return "serial";
#endif
}

void parallel_for(int threads, std::int64_t count, const std::function<void(std::int64_t, std::int64_t)>& body) {
  if (threads <= 0) threads = get_threads();
  threads = static_cast<int>(std::min<std::int64_t>({threads, most_threads, count}));
  if (threads > 1 && (forked || inside_region())) threads = 1;
  if (threads > 1) {
    watch_for_forks();
    if (!startable(threads)) threads = 1;
  }
  if (threads <= 1) {
    if (count > 0) body(0, count);
    return;
  }
  Ranges ranges(count, body);
  run_team(threads, ranges);
  ranges.rethrow();
}

int get_threads() {
  const int set = chosen.load(std::memory_order_relaxed);
  if (set > 0) return set;
  static const int initial = [] {
    for (const char* name : {"TILEPOOL_THREADS", "OMP_NUM_THREADS"}) {
      if (const int threads = environment_threads(name); threads > 0) return threads;
    }
    return usable_cpus();
  }();
  return initial;
}

int set_threads(int threads) { return chosen.exchange(std::clamp(threads, 0, most_threads)); }

std::string threads_warning() {
  const char* text = std::getenv("TILEPOOL_THREADS");
  if (text == nullptr || *text == '\0' || environment_threads("TILEPOOL_THREADS") > 0) return {};
  return "TILEPOOL_THREADS must be an integer from 1 to " + std::to_string(most_threads) + ", not " + text +
         "; using the default";
}

}  // namespace tilepool
