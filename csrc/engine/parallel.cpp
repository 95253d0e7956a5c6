// The back ends of parallel_for: TILEPOOL_THREADS, TILEPOOL_OPENMP or none.
#include "parallel.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <new>
#include <utility>
#include <vector>

#if defined(TILEPOOL_THREADS)
#include "team.hpp"
#elif defined(TILEPOOL_OPENMP)
#include <omp.h>
#include <pthread.h>

#include <mutex>
#include <thread>

#include "thread_slot.hpp"
#endif

namespace tilepool {

class Ranges {
 public:
  Ranges(std::int64_t count, int team, std::int64_t least, Interrupt& interrupt,
         const std::function<void(Share&)>& body)
      : count_(count),
        team_(team),
        parts_(parts_of(count / team, least)),
        interrupt_(interrupt),
        body_(body),
        taken_(static_cast<std::size_t>(team)) {}

  void run(int member) noexcept {
    try {
      Share share(*this, member);
      body_(share);
    } catch (const std::bad_alloc&) {
      if (member == 0) {
        fail();
      } else {
        lacks_memory_ = true;  // each thread needs some; the calling one may have it
      }
    } catch (...) {
      fail();
    }
  }

  bool next(int member, std::int64_t& begin, std::int64_t& end) {
    if (member == 0 ? interrupt_.ask() : interrupt_.stopped()) return false;
    if (lacks_memory_.load(std::memory_order_relaxed)) return false;
    for (int i = 0; i < team_; ++i) {
      const int owner = (member + i) % team_;
      const int part = taken_[static_cast<std::size_t>(owner)].fetch_add(1, std::memory_order_relaxed);
      if (part >= parts_) continue;
      const std::int64_t share = count_ / team_, rest = count_ % team_, length = share + (owner < rest ? 1 : 0);
      const std::int64_t share_end = share * owner + std::min<std::int64_t>(owner, rest) + length;
      begin = share_end - (length >> part);
      end = part + 1 < parts_ ? share_end - (length >> (part + 1)) : share_end;
      return true;
    }
    return false;
  }

  /// Whether a helper left out ranges that the calling thread can do.
  bool incomplete() const { return lacks_memory_ && !failed_; }

  /// Does everything (again) on this thread, whatever others had begun.
  void run_alone() {
    for (std::atomic<int>& part : taken_) part = 0;
    lacks_memory_ = failed_ = false;
    error_ = nullptr;
    run(0);
  }

  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
    if (interrupt_.stopped()) throw Interrupted();
  }

 private:
  /// Keeps the exception that is being handled, if it is the first.
  void fail() {
    interrupt_.stop();
    if (!failed_.exchange(true)) error_ = std::current_exception();
  }

  /// Into how many ranges a share is split: the last two are as long.
  static int parts_of(std::int64_t share, std::int64_t least) {
    constexpr int most = 5;
    int parts = 1;
    while (parts < most && share >> parts >= std::max<std::int64_t>(1, least)) ++parts;
    return parts;
  }

  const std::int64_t count_;
  const int team_, parts_;
  Interrupt& interrupt_;
  const std::function<void(Share&)>& body_;
  std::vector<std::atomic<int>> taken_;
  std::atomic<bool> failed_{false}, lacks_memory_{false};
  std::exception_ptr error_;
};

bool Share::next(std::int64_t& begin, std::int64_t& end) {
  if (ranges_ != nullptr) return ranges_->next(member_, begin, end);
  begin = std::exchange(begin_, end_);
  end = end_;
  return begin < end;
}

namespace {

// Each back end calls work(0) on this thread and work(1) ... on others. False where it cannot, or where others that had
// begun did not end.
#if defined(TILEPOOL_THREADS)

bool run(int threads, Interrupt& interrupt, const std::function<void(int)>& work) {
  return run_team(threads - 1, interrupt, work);
}

#elif defined(TILEPOOL_OPENMP)

/// In a forked child the threads of libgomp, whoever used it, are gone, and waiting for them would never end. (Nor does
/// it end where a handler of a signal forks during a call, and the child goes on with it.)
std::atomic<bool> forked{false};
const bool knows_of_forks = pthread_atfork(nullptr, nullptr, [] { forked = true; }) == 0;

/// Whether the system can start `wanted` threads, which libgomp ends the process for. It is tried with threads whose
/// failure can be caught, and some more than will be needed. That is no promise: other threads may come in between.
bool startable(int wanted) {
  const auto spare = static_cast<std::size_t>(wanted + wanted / 4);
  std::vector<std::thread> team;
  std::mutex ended;
  std::unique_lock<std::mutex> lock(ended);
  try {
    team.reserve(spare);
    while (team.size() < spare) team.emplace_back([&ended] { const std::lock_guard<std::mutex> wait(ended); });
  } catch (const std::exception&) {
    // The number tells.
  }
  const bool all = team.size() == spare;
  lock.unlock();
  for (std::thread& thread : team) thread.join();
  return all;
}

bool run(int threads, Interrupt&, const std::function<void(int)>& work) {
  if (!knows_of_forks || forked || omp_in_parallel() != 0) return false;
  // libgomp has a pool for each thread that calls, as large as its last team.
  static const ThreadSlot last_team;
  const auto size = static_cast<std::intptr_t>(threads);
  if (size > reinterpret_cast<std::intptr_t>(last_team.get()) && !startable(threads)) return false;
  last_team.set(reinterpret_cast<void*>(size));
#pragma omp parallel num_threads(threads)
  work(omp_get_thread_num());
  return true;
}

#else

bool run(int, Interrupt&, const std::function<void(int)>&) { return false; }

#endif

}  // namespace

const char* parallel_backend() {
#if defined(TILEPOOL_THREADS)
  return "threads";
#elif defined(TILEPOOL_OPENMP)
  return "openmp";
#else
  return "serial";
#endif
}

void parallel_for(int threads, std::int64_t count, std::int64_t least, Interrupt& interrupt,
                  const std::function<void(Share&)>& body) {
  if (count <= 0) return;
  if (threads <= 0) threads = get_threads();
  threads = static_cast<int>(std::min<std::int64_t>({threads, most_threads, count}));
  Ranges ranges(count, threads, threads > 1 ? least : count, interrupt, body);
  const bool all = threads > 1 && run(threads, interrupt, [&ranges](int member) { ranges.run(member); });
  if (!all || ranges.incomplete()) ranges.run_alone();
  ranges.rethrow();
}

}  // namespace tilepool
