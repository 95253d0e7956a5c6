// Lets a long call be given up: the calling thread asks now and then, all threads of the call stop.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>

#include "../table.hpp"

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

/// Of one thread of a call: counts what it does, and looks from time to time whether the call is to end.
class Patience {
 public:
  Patience(Interrupt& interrupt, bool is_caller) : interrupt_(interrupt), is_caller_(is_caller) {}

  /// After so many operations: whether the call is to end.
  bool is_over(std::int64_t operations) {
    left_ -= operations;
    if (left_ > 0) return interrupt_.stopped();
    left_ = operations_between;
    return is_caller_ ? interrupt_.ask() : interrupt_.stopped();
  }

  /// The same as kernels ask it.
  Watch watch() {
    return {
        [](void* patience, std::int64_t operations) { return static_cast<Patience*>(patience)->is_over(operations); },
        this};
  }

  /// The same, where the call ends here.
  void spend(std::int64_t operations) {
    if (is_over(operations)) throw Interrupted();
  }

 private:
  static constexpr std::int64_t operations_between = operations_between_watches;  // some tenths of a millisecond
  Interrupt& interrupt_;
  const bool is_caller_;
  std::int64_t left_ = operations_between;
};

}  // namespace tilepool
