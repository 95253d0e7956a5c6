// A pooling with all that it needs: an array in some layout, the request and its plan, and what the oracle expects.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/interrupt.hpp"
#include "oracle.hpp"

namespace tilepool::tests {

/// Windows on an array of that shape. Axes without words are not pooled.
struct Pooling {
  std::vector<std::int64_t> shape;
  std::vector<std::optional<Words>> words;
};

/// How an array lies in memory. The innermost axis in memory always has unit stride.
enum class Layout { dense, channels_last, fortran, reversed, sliced, broadcast };
constexpr int layout_count = 6;

/// The other words of a request.
struct Manner {
  bool count_padding = false;
  double divisor = 0;
  ToInteger to_integer{};
  Indices indices = Indices::none;
  bool wide_indices = true;
  std::int64_t weight = 1;  // of the innermost axis; times it indices of others
  double parameters[2] = {};
  bool omit = false;
};

/// What a call has written.
struct Written {
  Block values, indices;
};

class Problem {
 public:
  Problem(Op op, DType dtype, const Pooling& pooling, Layout layout, const Manner& manner, std::uint64_t seed);

  const Request& request() const { return request_; }
  /// Made from the request; tests may change what must not change results.
  Plan plan;

  /// Has the plan pool as if the array were large: with threads, and with requests for rows further on.
  void seem_large() { plan.form.traffic = plan.schedule.work = std::int64_t{2} << 20; }

  /// Blocks for the results, poisoned.
  Written blank() const;
  void pool_into(const Written& written, int threads, Interrupt::Question question = nullptr) const;

  /// Pools with fresh blocks for the results. Where `alone`, in a thread of its own, whose scratch is no larger than
  /// this plan needs.
  Written pooled(int threads = 1, bool alone = false, Interrupt::Question question = nullptr) const;

  /// What is wrong with these results; empty if nothing is.
  std::string difference(const Written& written) const;
  /// The same for results that must be equal to those, but for which NaN it is.
  std::string difference(const Written& written, const Written& others) const;

  /// All of it in words.
  std::string text() const;

 private:
  void fill(const Pooling& pooling, std::uint64_t seed);
  void expect(const Pooling& pooling);
  std::int64_t offset_of(std::int64_t output) const;

  Request request_;
  Layout layout_;
  std::vector<std::size_t> order_;      // of the axes in memory, outermost first
  std::int64_t origin_;                 // of the first element in the block
  std::shared_ptr<const Block> input_;  // copies share it
  std::vector<Expected> expected_;      // in C order; `place` is the index
};

}  // namespace tilepool::tests
