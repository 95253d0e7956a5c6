// Surveyed: ops that need more than one look at a window get all of its taps at once.
#include "listed.hpp"

namespace tilepool {
namespace {

class Surveyed : public ListedWalker {
 public:
  Surveyed(const by::Surveyed& numbers, const Call& call, const Share& share)
      : ListedWalker(call, share),
        bytes_(numbers.bytes),
        survey_{form_.op,         {form_.parameters[0], form_.parameters[1]}, form_.omit, numbers.single, nullptr,
                patience_.watch()} {}

  void enter_tile() {
    choose_fetches();
    survey_.scratch = reserve_rows(std::array<std::int64_t, 1>{bytes_})[0];
  }

  void pool(std::int64_t from, std::int64_t to) {
    each_list(
        from, to, work_of_taps(),
        [&](std::int64_t o, const Window&, const Lines& lines) {
          prepare_listed(cursor_.elements());
          kernel_.survey_rows(cursor_.tile().along, rows_.data(), listed(), survey_, cursor_.target(o), lines);
        },
        form_.op >= Op::quantile ? Loops::fetch : Loops::only_read);
  }
  void pool_nothing(std::int64_t from, std::int64_t to) { pool(from, to); }

 private:
  const std::int64_t bytes_;
  Survey survey_;
};

}  // namespace

void run(const by::Surveyed& numbers, const Call& call, Share& share) {
  walk(Surveyed(numbers, call, share), call.plan.schedule, share);
}

}  // namespace tilepool
