// How many threads a call has by default: what was set, what the environment says, else the CPUs there are.
#pragma once

#include <string>

namespace tilepool {

constexpr int most_threads = 1024;

/// The default number of threads: `set_threads`, else TILEPOOL_THREADS, else OMP_NUM_THREADS, else `usable_cpus`.
int get_threads();

/// Sets the default, 0 unsets it; returns what was set before (0: nothing). At most `most_threads`.
int set_threads(int threads);

/// What was wrong with TILEPOOL_THREADS, byte for byte; empty if nothing was.
std::string threads_warning();

/// The CPUs that the process may use now (affinity, cgroup quota), at least 1.
int usable_cpus();

/// The CPUs that the quotas of the process's cgroups pay for, rounded up: the least of its own group and all above it.
/// `most_threads` without a quota. `root` is in front of /proc and /sys.
int quota_cpus(const std::string& root = {});

}  // namespace tilepool
