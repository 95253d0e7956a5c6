// The pool of helpers. It is never destroyed: at the end of the process its threads just end with it. A forked child,
// in which they are not, forgets it and makes another.
#include "team.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <new>
#include <thread>

#include "thread_count.hpp"

#ifdef __linux__
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace tilepool {
namespace {

using Clock = std::chrono::steady_clock;

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

using std::chrono::microseconds;

/// Looks again and again whether it has come true, and lets `between` pass: sleeping and waking take tens of
/// microseconds.
template <typename Between, typename Condition>
bool spin(microseconds patience, const Between& between, const Condition& condition) {
  const auto end = Clock::now() + patience;
  do {
    for (int i = 0; i < 16; ++i) {
      if (condition()) return true;
      between();
    }
  } while (Clock::now() < end);
  return false;
}

constexpr microseconds short_wait{50}, end_wait{200}, long_wait{2000};

#ifdef __linux__

/// A thread, and the CPUs that it may be on. What the system does with helpers is not always good: it may wake them on
/// the CPU of their caller, wake a caller on the CPU of the helper that it has waited for, or leave both there for a
/// second, though another CPU is idle (seen with Linux 6.18: helpers wait awake and let others have the CPU, which does
/// not look like waiting for one). Then both take turns of some milliseconds, and the helper is none.
class Affinity {
 public:
  /// That of this thread.
  void take() { thread_ = static_cast<pid_t>(syscall(SYS_gettid)); }

  /// Off this CPU, if there is another. `stay` must follow.
  void leave(int cpu) {
    left_ = left_ || (cpu >= 0 && cpu < CPU_SETSIZE && sched_getaffinity(thread_, sizeof all_, &all_) == 0 &&
                      CPU_COUNT(&all_) > 1 && CPU_ISSET(cpu, &all_));
    if (!left_) return;
    cpu_set_t others = all_;
    CPU_CLR(cpu, &others);
    sched_setaffinity(thread_, sizeof others, &others);
  }

  /// Where it is now, until the system finds a better place.
  void stay() {
    if (left_) sched_setaffinity(thread_, sizeof all_, &all_);
    left_ = false;
  }

  static int current_cpu() { return sched_getcpu(); }

 private:
  pid_t thread_ = 0;
  cpu_set_t all_;
  bool left_ = false;
};

#else

struct Affinity {
  void take() {}
  void leave(int) {}
  void stay() {}
  static int current_cpu() { return -1; }
};

#endif

struct Job {
  const std::function<void(int)>& work;
  const int cpu = Affinity::current_cpu();  // of the caller
  std::atomic<int> members{1};
};

/// One thread and its mailbox. What it shares with callers is its own and stays, while jobs end with their calls.
class Helper {
 public:
  Helper(bool spins, const Job& job) : spins_(spins), mailbox_(offered(job)) {}

  /// False if it has something else to do.
  bool offer(const Job& job) {
    Mail idle = 0;
    if (!mailbox_.compare_exchange_strong(idle, offered(job))) return false;
    if (asleep_) {
      wake(job.cpu);
    } else if (waits_on_ == job.cpu && job.cpu >= 0) {
      move(job.cpu);  // it would wait for this thread
    }
    return true;
  }

  /// Takes an offer back, if it has not begun.
  void take_back(const Job& job) {
    Mail mail = offered(job);
    mailbox_.compare_exchange_strong(mail, 0);
  }

  bool works_on(const Job& job) const { return mailbox_ == begun(job); }

  /// Waits a while for the end of its work on the job: awake as long as a range may take, for who is woken comes to the
  /// CPU of the helper.
  void await(const Job& job) {
    const auto ended = [&] { return !works_on(job); };
    if (spins_ && spin(end_wait, relax, ended)) return;
    std::unique_lock<std::mutex> lock(mutex_);
    awaited_ = true;
    changed_.wait_for(lock, std::chrono::milliseconds(20), ended);
  }

  [[noreturn]] void serve() {
    affinity_.take();
    for (;;) {
      Mail mail = mailbox_;
      if (mail == 0) {
        rest();
      } else if (mailbox_.compare_exchange_strong(mail, mail | 1)) {
        Job& job = *reinterpret_cast<Job*>(mail);
        if (spins_ && Affinity::current_cpu() == job.cpu) move(job.cpu);
        job.work(job.members++);
        mailbox_ = 0;
        if (awaited_.exchange(false)) {
          wake(-1);
          if (spins_) give_way();
        }
      }
    }
  }

 private:
  /// 0, or the address of a job, plus one when it has begun. Whether a thread must be woken is asked after a change
  /// here, and changes here are looked for again after it was said; both in the one order of all such operations.
  using Mail = std::uintptr_t;

  static Mail offered(const Job& job) { return reinterpret_cast<Mail>(&job); }
  static Mail begun(const Job& job) { return offered(job) | 1; }

  /// Until the mailbox has something, or until it was woken for something that was taken back: more may follow soon.
  /// Where calls have followed each other soon, it waits for the next one awake, but lets others have the CPU.
  void rest() {
    const auto called = [&] { return mailbox_ != 0; };
    const auto begin = Clock::now();
    if (spins_ && spin(short_wait, relax, called)) return;
    if (spins_ && soon_ && spin(long_wait, [this] { give_way(); }, called)) return;
    std::unique_lock<std::mutex> lock(mutex_);
    asleep_ = true;
    if (!called()) changed_.wait(lock);
    asleep_ = false;
    affinity_.stay();
    soon_ = Clock::now() - begin < long_wait;
  }

  /// Lets others have this CPU, and tells where that is.
  void give_way() {
    waits_on_ = Affinity::current_cpu();
    std::this_thread::yield();
    waits_on_ = -1;
  }

  /// The helper, not where the one is that calls it; or those who wait for it.
  void wake(int cpu) {
    mutex_.lock();  // it sleeps, or has not yet looked for the change
    if (spins_ && asleep_) affinity_.leave(cpu);
    mutex_.unlock();
    changed_.notify_all();
  }

  void move(int cpu) {
    const std::lock_guard<std::mutex> lock(mutex_);
    affinity_.leave(cpu);
    affinity_.stay();
  }

  const bool spins_;
  bool soon_ = false;  // the helper's own
  std::atomic<Mail> mailbox_;
  std::atomic<bool> asleep_{false}, awaited_{false};
  std::atomic<int> waits_on_{-1};  // the CPU that it lets others have
  std::mutex mutex_;
  std::condition_variable changed_;
  Affinity affinity_;  // of the helper; who changes it holds the mutex
};

extern "C" void* serve(void* helper) { static_cast<Helper*>(helper)->serve(); }

/// Starts a thread that is on its own, and that no signal interrupts but those of its own faults: signals are for the
/// threads of the application.
bool start(Helper& helper) {
  sigset_t blocked, before;
  sigfillset(&blocked);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) sigdelset(&blocked, fault);
  if (pthread_sigmask(SIG_SETMASK, &blocked, &before) != 0) return false;
  pthread_t thread;
  const bool started = pthread_create(&thread, nullptr, serve, &helper) == 0;
  if (started) pthread_detach(thread);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

class Pool {
 public:
  void offer(const Job& job, int wanted) {
    int left = wanted;
    for (Helper* const helper : *this) {
      if (left > 0 && helper->offer(job)) --left;
    }
    if (left > 0) grow(job, left, std::max(wanted, cpus_ - 1));
  }

  Helper* const* begin() const { return helpers_.data(); }
  Helper* const* end() const { return helpers_.data() + count_; }

 private:
  /// Makes helpers for the job, while there are less than `most`. The system may have no more threads or memory: then
  /// those do it all that are there, and the system is asked again after a while.
  void grow(const Job& job, int wanted, int most) {
    const std::lock_guard<std::mutex> lock(growth_);
    for (int there = count_; wanted > 0 && there < most && Clock::now() >= again_; --wanted) {
      // Those that spin leave a CPU to the caller.
      Helper* const helper = new (std::nothrow) Helper(there < cpus_ - 1, job);
      if (helper == nullptr || !start(*helper)) {
        delete helper;
        again_ = Clock::now() + std::chrono::seconds(1);
        return;
      }
      helpers_[static_cast<std::size_t>(there)] = helper;
      count_ = ++there;
    }
  }

  const int cpus_ = usable_cpus();
  std::array<Helper*, most_threads> helpers_{};  // the first `count_`, which stay
  std::atomic<int> count_{0};
  std::mutex growth_;
  Clock::time_point again_{};
};

std::atomic<Pool*> pool_of_process{nullptr};
std::atomic<unsigned> forks{0};

/// From the loading of the library on.
const bool knows_of_forks = pthread_atfork(nullptr, nullptr, [] {
                              pool_of_process = nullptr;
                              ++forks;
                            }) == 0;

/// Null where there is no memory for it.
Pool* find_pool() {
  Pool* pool = pool_of_process;
  if (pool != nullptr) return pool;
  Pool* const made = new (std::nothrow) Pool;
  if (made != nullptr && pool_of_process.compare_exchange_strong(pool, made)) return made;
  delete made;
  return pool;
}

}  // namespace

bool run_team(int helpers, Interrupt& interrupt, const std::function<void(int)>& work) {
  if (!knows_of_forks) return false;
  const unsigned born = forks;
  Job job{work};
  Pool* const pool = find_pool();
  if (pool != nullptr) pool->offer(job, helpers);
  work(0);
  if (forks != born) return false;
  if (pool == nullptr) return true;
  for (Helper* const helper : *pool) helper->take_back(job);
  for (Helper* const helper : *pool) {
    while (helper->works_on(job)) {
      helper->await(job);
      interrupt.ask();
      if (forks != born) return false;
    }
  }
  return true;
}

}  // namespace tilepool
