// parallel_for over threads of our own, OpenMP or nothing: fork-safe, and exceptions reach the caller.
#pragma once

#include <cstdint>
#include <functional>

#include "interrupt.hpp"
#include "thread_count.hpp"

namespace tilepool {

/// "openmp", "threads" or "serial".
const char* parallel_backend();

/// The ranges of [0, count) that the threads of a team take, one after the other, until there are none left.
class Ranges;

/// What one thread of a team takes from them.
class Share {
 public:
  Share(Ranges& ranges, int member) : ranges_(&ranges), member_(member) {}
  /// Of other work, one range of it: what the thread of a share does while it has taken a range.
  Share(const Share& taker, std::int64_t begin, std::int64_t end)
      : ranges_(nullptr), member_(taker.member_), begin_(begin), end_(end) {}

  /// The next range [begin, end); false if none is left, or if the call is to end.
  bool next(std::int64_t& begin, std::int64_t& end);

  /// Whether this is the thread that called parallel_for, which may ask whether to go on (Interrupt::ask).
  bool is_caller() const { return member_ == 0; }

 private:
  Ranges* const ranges_;
  const int member_;
  std::int64_t begin_ = 0, end_ = 0;
};

/// Splits [0, count) into equal contiguous shares for at most `threads` threads (0: the default), a share into ranges,
/// each half as long as the one before but none shorter than `least`, and calls body once on each of these threads, to
/// take ranges: first those of its share, which are neighbours, then those that nobody has begun. So threads end at
/// about the same time, though one may begin late or have less of a CPU. The calling thread takes part, so that all is
/// done whatever threads the system grants; where another one lacks memory, or is gone because a handler of a signal
/// has forked, it does everything again. Results must not depend on who does which range, and how often. Throws the
/// first exception of a body when all have ended, else Interrupted where the call was ended.
void parallel_for(int threads, std::int64_t count, std::int64_t least, Interrupt& interrupt,
                  const std::function<void(Share&)>& body);

/// The same for one range a thread, to the end.
inline void parallel_for(int threads, std::int64_t count, const std::function<void(std::int64_t, std::int64_t)>& body) {
  Interrupt none;
  parallel_for(threads, count, count, none, [&](Share& share) {
    for (std::int64_t begin, end; share.next(begin, end);) body(begin, end);
  });
}

}  // namespace tilepool
