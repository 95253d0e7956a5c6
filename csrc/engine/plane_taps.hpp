// The taps that a window has on the outer axes, one after the other, however many there are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tilepool {

/// Where a tap lies: in the memory of the array, and in the count of the indices.
struct Place {
  std::int64_t bytes, index;
  Place operator+(const Place& other) const { return {bytes + other.bytes, index + other.index}; }
  Place operator*(std::int64_t times) const { return {bytes * times, index * times}; }
};

/// Every combination of taps of some axes, the last axis fastest. Few are listed once, many are counted like an
/// odometer.
class PlaneTaps {
 public:
  /// No axes yet: one tap.
  void start(const Place& first) {
    axes_.clear();
    first_ = first;
    count_ = 1;
  }

  /// One more axis inside of the others, with `count` taps from `first` on.
  void add_axis(std::int64_t count, const Place& first, const Place& step) {
    first_ = first_ + first;
    count_ *= count;
    if (count > 1) axes_.push_back({count, 0, step});
  }

  /// No more axes.
  void finish() {
    constexpr std::int64_t few = 1024;
    listed_.clear();
    if (count_ <= few) turn_all([this](const Place& place) { listed_.push_back(place); });
  }

  std::int64_t count() const { return count_; }
  const Place& first() const { return first_; }

  /// Calls visit(place) for each tap. (Inlined, because GCC drops calls of functions that do nothing but prefetch,
  /// which a visit may do.)
  template <class Visit>
  [[gnu::always_inline]] void each(const Visit& visit) {
    for (const Place& place : listed_) visit(place);
    if (listed_.empty()) turn_all(visit);
  }

 private:
  struct Axis {
    std::int64_t count, digit;
    Place step;
  };

  template <class Visit>
  void turn_all(const Visit& visit) {
    if (count_ == 0) return;
    if (axes_.empty()) return visit(first_);
    Place outer = first_;
    do {
      Place place = outer;
      for (std::int64_t t = 0; t < axes_.back().count; ++t, place = place + axes_.back().step) visit(place);
    } while (turn(outer));
  }

  /// The next combination of all axes but the last one; false behind the last.
  bool turn(Place& outer) {
    for (std::size_t a = axes_.size() - 1; a-- > 0;) {
      Axis& axis = axes_[a];
      if (++axis.digit < axis.count) {
        outer = outer + axis.step;
        return true;
      }
      outer = outer + axis.step * (1 - axis.count);
      axis.digit = 0;
    }
    return false;
  }

  std::vector<Axis> axes_;
  std::vector<Place> listed_;
  Place first_{0, 0};
  std::int64_t count_ = 1;
};

}  // namespace tilepool
