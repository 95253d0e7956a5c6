// Surveyed: ops that need more than one look at a window get all of its taps at once.
#include "listed.hpp"

namespace tilepool {
namespace {

class Surveyed : public ListedWalker {
 public:
  Surveyed(const by::Surveyed& numbers, const Call& call, const Share& share)
      : ListedWalker(call, share),
        survey_{form_.op,
                {form_.parameters[0], form_.parameters[1]},
                form_.omit,
                numbers.single,
                scratch_.at_least(static_cast<std::size_t>(numbers.bytes)),
                patience_.watch()} {}

  void enter_tile() { choose_fetches(); }

  void pool(std::int64_t from, std::int64_t to) {
    each_list(from, to, work_of_taps(), [&](std::int64_t o, const Window&, const Lines& lines) {
      kernel_.survey_rows(cursor_.tile().along, rows_.data(), listed(), survey_, cursor_.target(o), lines);
    });
  }
  void pool_nothing(std::int64_t from, std::int64_t to) { pool(from, to); }

 private:
  const Survey survey_;
};

}  // namespace

void run(const by::Surveyed& numbers, const Call& call, Share& share) {
  walk(Surveyed(numbers, call, share), call.plan.schedule, share);
}

}  // namespace tilepool
