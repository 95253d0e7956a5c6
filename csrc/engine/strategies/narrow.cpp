// Narrow: averages of short integers as what they are, of small windows, whose sums fit twice their width.
#include "listed.hpp"

namespace tilepool {
namespace {

class Narrow : public ListedWalker {
 public:
  Narrow(const by::Narrow& numbers, const Call& call, const Share& share)
      : ListedWalker(call, share), extent_(numbers.extent) {}

  void enter_tile() {
    choose_fetches();
    space_ = reserve_rows<1>({narrow_bytes(cursor_.tile().along, extent_, info_of(form_.dtype).size)})[0];
  }

  void pool(std::int64_t from, std::int64_t to) {
    const auto average = [&](std::int64_t o, const Window&, const Lines& lines) {
      prepare_listed(cursor_.elements());
      kernel_.average_rows(cursor_.tile().along, rows_.data(), listed(), cursor_.divisor(o), form_.to_integer, space_,
                           cursor_.target(o), lines);
    };
    each_list(from, to, cursor_.elements(), average, Loops::fetch);
  }
  void pool_nothing(std::int64_t from, std::int64_t to) { pool(from, to); }

 private:
  const std::int64_t extent_;
  char* space_ = nullptr;
};

}  // namespace

void run(const by::Narrow& numbers, const Call& call, Share& share) {
  walk(Narrow(numbers, call, share), call.plan.schedule, share);
}

}  // namespace tilepool
