// parallel_for over OpenMP, std::thread or nothing: fork-safe, and exceptions reach the caller.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace tilepool {

/// "openmp", "threads" or "serial".
const char* parallel_backend();

/// Splits [0, count) into contiguous ranges of nearly equal length and runs body(begin, end) on each, with at most
/// `threads` threads (0: the default). The first exception is rethrown when all ranges have ended. Which ranges there
/// are depends on how many threads the system grants; one thread is used in a child forked after the first use, and
/// inside a parallel region.
void parallel_for(int threads, std::int64_t count, const std::function<void(std::int64_t, std::int64_t)>& body);

constexpr int most_threads = 1024;

/// The default number of threads: `set_threads`, else TILEPOOL_THREADS, else OMP_NUM_THREADS, else the CPUs that the
/// process may use (affinity, cgroup quota).
int get_threads();

/// Sets the default, 0 unsets it; returns what was set before (0: nothing). At most `most_threads`.
int set_threads(int threads);

/// What was wrong with TILEPOOL_THREADS; empty if nothing was.
std::string threads_warning();

}  // namespace tilepool
