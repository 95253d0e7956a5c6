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

}  // namespace

class Ranges {
 public:
  Ranges(std::int64_t count, int team, int parts, Interrupt& interrupt, const std::function<void(Share&)>& body)
      : count_(count),
        team_(team),
        parts_(parts),
        interrupt_(interrupt),
        body_(body),
        taken_(static_cast<std::size_t>(team)) {}

  void run(int member) noexcept {
    try {
      Share share(*this, member);
      body_(share);
    } catch (...) {
      interrupt_.stop();
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }

  bool next(int member, std::int64_t& begin, std::int64_t& end) {
    if (interrupt_.stopped()) return false;
    for (int i = 0; i < team_; ++i) {
      const int owner = (member + i) % team_;
      const int part = taken_[static_cast<std::size_t>(owner)].fetch_add(1, std::memory_order_relaxed);
      if (part >= parts_) continue;
      const std::int64_t ranges = std::int64_t{team_} * parts_, range = std::int64_t{owner} * parts_ + part;
      const std::int64_t share = count_ / ranges, rest = count_ % ranges;
      begin = share * range + std::min(range, rest);
      end = begin + share + (range < rest ? 1 : 0);
      if (begin < end) return true;
    }
    return false;
  }

  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
    if (interrupt_.stopped()) throw Interrupted();
  }

 private:
  const std::int64_t count_;
  const int team_, parts_;
  Interrupt& interrupt_;
  const std::function<void(Share&)>& body_;
  std::vector<std::atomic<int>> taken_;
  std::mutex mutex_;
  std::exception_ptr error_;
};

bool Share::next(std::int64_t& begin, std::int64_t& end) { return ranges_.next(member_, begin, end); }

namespace {

#if defined(TILEPOOL_OPENMP)

void run_team(int threads, Ranges& ranges) {
#pragma omp parallel num_threads(threads)
  ranges.run(omp_get_thread_num());
}

bool inside_region() { return omp_in_parallel() != 0; }

#elif defined(TILEPOOL_STD_THREADS)

void run_team(int threads, Ranges& ranges) {
  std::vector<std::thread> team;
  team.reserve(static_cast<std::size_t>(threads));
  int started = 1;
  try {
    for (; started < threads; ++started) team.emplace_back([&ranges, started] { ranges.run(started); });
  } catch (const std::system_error&) {
    // Others do the ranges of the threads that could not be started.
  }
  ranges.run(0);
  for (std::thread& thread : team) thread.join();
}

bool inside_region() { return false; }

#else

void run_team(int, Ranges& ranges) { ranges.run(0); }

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

void parallel_for(int threads, std::int64_t count, int parts, Interrupt& interrupt,
                  const std::function<void(Share&)>& body) {
  if (count <= 0) return;
  if (threads <= 0) threads = get_threads();
  threads = static_cast<int>(std::min<std::int64_t>({threads, most_threads, count}));
  if (threads > 1 && (forked || inside_region())) threads = 1;
  if (threads > 1) {
    watch_for_forks();
    if (!startable(threads)) threads = 1;
  }
  Ranges ranges(count, threads, threads > 1 ? parts : 1, interrupt, body);
  if (threads > 1) {
    run_team(threads, ranges);
  } else {
    ranges.run(0);
  }
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
