// What parallel_for promises, without Python and kernels: for sanitizers of threads and memory.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <stdexcept>
#include <thread>
#include <vector>

#include "engine/parallel.hpp"

using namespace tilepool;

namespace {

void require(bool kept, const char* what) {
  if (kept) return;
  std::fprintf(stderr, "not kept: %s\n", what);
  std::_Exit(1);
}

/// Every number once, whoever does it; ranges in order of nobody. Cells are plain: a race is a race.
void fill(int threads, std::int64_t count, std::int64_t least) {
  std::vector<int> cells(static_cast<std::size_t>(count));
  Interrupt interrupt;
  parallel_for(threads, count, least, interrupt, [&](Share& share) {
    for (std::int64_t begin, end; share.next(begin, end);) {
      for (std::int64_t i = begin; i < end; ++i) ++cells[static_cast<std::size_t>(i)];
    }
  });
  for (const int cell : cells) require(cell == 1, "every number is done once");
}

/// Shares are halved down to the least length; one thread has no others to wait for.
void lengths_of_ranges() {
  std::mutex mutex;
  std::map<std::int64_t, std::int64_t> ranges;
  const auto collect = [&](int threads, std::int64_t least) {
    ranges.clear();
    Interrupt interrupt;
    parallel_for(threads, 1001, least, interrupt, [&](Share& share) {
      for (std::int64_t begin, end; share.next(begin, end);) {
        const std::lock_guard<std::mutex> lock(mutex);
        ranges[begin] = end - begin;
      }
    });
    return ranges;
  };
  using Lengths = std::map<std::int64_t, std::int64_t>;
  require(collect(2, 100) == Lengths{{0, 251}, {251, 125}, {376, 125}, {501, 250}, {751, 125}, {876, 125}}, "halves");
  require(collect(2, 251) == Lengths{{0, 501}, {501, 500}}, "no range is shorter than the least");
  require(collect(1, 100) == Lengths{{0, 1001}}, "one range for one thread");
}

void callers_at_once() {
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 6; ++caller) {
    callers.emplace_back([caller] {
      for (int turn = 0; turn < 300; ++turn)
        fill(1 + (caller + turn) % 5, 1 + (turn * 37 + caller) % 500, 1 + turn % 40);
    });
  }
  for (std::thread& caller : callers) caller.join();
}

void exceptions() {
  for (const int bad : {0, 499, 999}) {
    Interrupt interrupt;
    try {
      parallel_for(3, 1000, 5, interrupt, [&](Share& share) {
        for (std::int64_t begin, end; share.next(begin, end);) {
          if (begin <= bad && bad < end) throw std::runtime_error("bad");
        }
      });
      require(false, "an exception reaches the caller");
    } catch (const std::runtime_error&) {
    }
    require(interrupt.stopped(), "an exception stops the others");
  }
}

/// Threads that have no memory leave all to the caller, and only its own lack is one.
void memory_that_is_missing() {
  for (const bool caller_too : {false, true}) {
    std::vector<int> cells(1000);
    Interrupt interrupt;
    bool threw = false;
    try {
      parallel_for(3, 1000, 5, interrupt, [&](Share& share) {
        std::int64_t begin, end;
        while (share.next(begin, end)) {
          if (!share.is_caller() || caller_too) throw std::bad_alloc();
          for (std::int64_t i = begin; i < end; ++i) cells[static_cast<std::size_t>(i)] = 1;
          std::this_thread::sleep_for(std::chrono::microseconds(200));
        }
      });
    } catch (const std::bad_alloc&) {
      threw = true;
    }
    require(threw == caller_too, "the caller can do without helpers");
    if (!caller_too) {
      for (const int cell : cells) require(cell == 1, "what helpers left is done");
    }
  }
}

void calls_within_calls() {
  std::atomic<int> sum{0};
  Interrupt interrupt;
  parallel_for(4, 8, 1, interrupt, [&](Share& share) {
    for (std::int64_t begin, end; share.next(begin, end);) {
      Interrupt inner;
      parallel_for(4, 100, 10, inner, [&](Share& within) {
        for (std::int64_t from, to; within.next(from, to);) sum += static_cast<int>((to - from) * (end - begin));
      });
    }
  });
  require(sum == 800, "calls within calls");
}

std::atomic<int> asked{0};

void interruptions() {
  for (int turn = 0; turn < 3; ++turn) {
    asked = 0;
    Interrupt interrupt([] { return ++asked == 3; });
    bool ended = false;
    try {
      parallel_for(3, 1'000'000, 1, interrupt, [&](Share& share) {
        for (std::int64_t begin, end; share.next(begin, end);)
          std::this_thread::sleep_for(std::chrono::milliseconds(25));  // longer than the pause between questions
      });
    } catch (const Interrupted&) {
      ended = true;
    }
    require(ended && asked == 3, "a call that is given up ends");
  }
}

/// The caller has done its own, and waits for helpers that have begun: it asks then, too.
void interruption_of_a_wait() {
  asked = 0;
  Interrupt interrupt([] { return ++asked == 2; });
  std::atomic<bool> begun{false};
  bool ended = false;
  try {
    parallel_for(2, 2, 1, interrupt, [&](Share& share) {
      if (share.is_caller()) {
        while (!begun) std::this_thread::yield();
        return;
      }
      begun = true;
      while (!interrupt.stopped()) std::this_thread::yield();
    });
  } catch (const Interrupted&) {
    ended = true;
  }
  require(ended && asked == 2, "a wait that is given up ends");
}

pid_t child = -1;

/// A handler forks during a call, and the child goes on with it.
void forks() {
  for (const bool at_work : {true, false}) {
    child = -1;
    Interrupt interrupt([] {
      if (child < 0) child = fork();
      return false;
    });
    std::atomic<bool> begun{false}, slept{false};
    std::vector<std::atomic<int>> cells(40);
    parallel_for(2, 40, at_work ? 1 : 40, interrupt, [&](Share& share) {
      for (std::int64_t begin, end; share.next(begin, end);) {
        if (!share.is_caller()) begun = true;
        while (!begun) std::this_thread::yield();
        // So long that the caller asks: at work, or while it waits.
        if (!share.is_caller() && !slept.exchange(true)) std::this_thread::sleep_for(std::chrono::milliseconds(150));
        for (std::int64_t i = begin; i < end; ++i) cells[static_cast<std::size_t>(i)] = 1;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
    });
    require(child >= 0, "it was asked");
    for (const std::atomic<int>& cell : cells) require(cell == 1, "parent and child do everything");
    fill(3, 1000, 4);
    if (child == 0) std::_Exit(7);
    int status = 0;
    waitpid(child, &status, 0);
    require(WIFEXITED(status) && WEXITSTATUS(status) == 7, "the child goes on");
  }
}

}  // namespace

int main(int, char** arguments) {
  for (const int threads : {1, 2, 3, 7, 40}) {
    for (const std::int64_t count : {1, 2, 5, 1000}) fill(threads, count, 3);
  }
  lengths_of_ranges();
  callers_at_once();
  exceptions();
  memory_that_is_missing();
  calls_within_calls();
  interruptions();
  if (std::string(parallel_backend()) == "threads") interruption_of_a_wait();
  // The sanitizer of threads does not let children make threads.
  if (std::string(parallel_backend()) == "threads" && arguments[1] != nullptr) forks();
  std::puts("kept");
}
