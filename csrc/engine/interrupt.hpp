// Lets a long call be given up: the calling thread asks now and then, all threads of the call stop.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>

namespace tilepool {

/// What ends a call that was given up. Its results are incomplete.
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "the pooling was interrupted"; }
};

/// One for each call, shared by its threads.
class Interrupt {
 public:
  /// `question` is asked on the calling thread only, no more often than the pause below; true ends the call. It must
  /// not throw.
  using Question = bool (*)();

  explicit Interrupt(Question question = nullptr) : question_(question) {}

  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }
  void stop() { stopped_.store(true, std::memory_order_relaxed); }

  /// For the calling thread: asks, if it is time to. Returns whether the call is to end.
  bool ask() {
    if (question_ == nullptr || stopped()) return stopped();
    const auto now = Clock::now();
    if (now - asked_ < std::chrono::milliseconds(20)) return false;
    if (question_()) stop();
    asked_ = Clock::now();
    return stopped();
  }

 private:
  using Clock = std::chrono::steady_clock;
  const Question question_;
  Clock::time_point asked_ = Clock::now();
  std::atomic<bool> stopped_{false};
};

}  // namespace tilepool
