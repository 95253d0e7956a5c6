// Reads the environment, the affinity and the quotas of cgroups.
#include "thread_count.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace tilepool {
namespace {

/// The number in a variable of the environment, from 1 to `most_threads`; 0 where there is none. Of a list, which
/// OMP_NUM_THREADS may be (a number for each level of nesting), the first counts.
int environment_threads(const char* name, bool may_be_list) {
  const char* text = std::getenv(name);
  if (text == nullptr) return 0;
  long first = 0;
  for (;;) {
    char* end = nullptr;
    errno = 0;
    const long value = std::strtol(text, &end, 10);
    if (end == text || errno != 0 || value < 1) return 0;
    if (first == 0) first = value;
    while (*end == ' ' || *end == '\t') ++end;
    if (*end == '\0') return first <= most_threads ? static_cast<int>(first) : 0;
    if (*end != ',' || !may_be_list) return 0;
    text = end + 1;
  }
}

/// CPUs that the quota of one cgroup pays for; `most_threads` where it has none.
double quota_of(const std::string& folder, bool unified) {
  std::string quota;  // may be "max"; -1 where there is none
  double period = 0;
  if (unified) {
    std::ifstream(folder + "/cpu.max") >> quota >> period;
  } else {
    std::ifstream(folder + "/cpu.cfs_quota_us") >> quota;
    std::ifstream(folder + "/cpu.cfs_period_us") >> period;
  }
  const double paid = std::strtod(quota.c_str(), nullptr);
  return paid > 0 && period > 0 ? paid / period : most_threads;
}

/// The least quota of the cgroup `path` and of those above it. In a container the path may be that of the host, of
/// which only the end of the way up is there.
double least_quota(const std::string& mount, std::string path, bool unified) {
  double least = quota_of(mount, unified);
  for (; path.size() > 1; path.resize(path.rfind('/'))) least = std::min(least, quota_of(mount + path, unified));
  return least;
}

std::atomic<int> chosen{0};

}  // namespace

int quota_cpus(const std::string& root) {
  const std::string mount = root + "/sys/fs/cgroup";
  double least = most_threads;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // number:controllers:/path
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos || line.compare(second + 1, 1, "/") != 0) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), path = line.substr(second + 1);
    if (controllers.empty()) {
      least = std::min(least, least_quota(mount, path, true));
    } else if ((',' + controllers + ',').find(",cpu,") != std::string::npos) {
      for (const std::string& name : {controllers, std::string("cpu")}) {
        least = std::min(least, least_quota(mount + '/' + name, path, false));
      }
    }
  }
  return std::clamp(static_cast<int>(std::ceil(least)), 1, most_threads);
}

int usable_cpus() {
  int cpus = static_cast<int>(std::thread::hardware_concurrency());
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cpus = CPU_COUNT(&set);
#endif
  return std::clamp(std::min(cpus, quota_cpus()), 1, most_threads);
}

int get_threads() {
  const int set = chosen.load(std::memory_order_relaxed);
  if (set > 0) return set;
  static const int initial = [] {
    if (const int threads = environment_threads("TILEPOOL_THREADS", false); threads > 0) return threads;
    if (const int threads = environment_threads("OMP_NUM_THREADS", true); threads > 0) return threads;
    return usable_cpus();
  }();
  return initial;
}

int set_threads(int threads) { return chosen.exchange(std::clamp(threads, 0, most_threads)); }

std::string threads_warning() {
  const char* text = std::getenv("TILEPOOL_THREADS");
  if (text == nullptr || *text == '\0' || environment_threads("TILEPOOL_THREADS", false) > 0) return {};
  return "TILEPOOL_THREADS must be an integer from 1 to " + std::to_string(most_threads) + ", not " + text +
         "; using the default";
}

}  // namespace tilepool
