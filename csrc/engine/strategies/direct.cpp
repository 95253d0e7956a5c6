// Direct: up to three rows, of which few taps are combined, are pooled along themselves while they are read.
#include "listed.hpp"

namespace tilepool {
namespace {

class Direct : public ListedWalker {
 public:
  using ListedWalker::ListedWalker;

  void enter_tile() {
    choose_fetches();
    if (prepares()) reserve_rows();
  }

  void pool(std::int64_t from, std::int64_t to) {
    const auto pool_lines = [&](std::int64_t o, const Window&, const Lines& lines) {
      if (rows_.empty()) return pool_nothing(o, o + 1);
      prepare_listed(cursor_.elements());
      finish(o, lines.count, cursor_.divisor(o), [&](double divisor, void* out, Lines written) {
        written.read_step = lines.read_step;
        written.ahead = lines.ahead;
        kernel_.pool_rows(cursor_.tile().along, rows_.data(), listed(), divisor, out, written, kernel_.keying);
      });
    };
    // Lines of few bytes do not pay for being taken one by one. (Xeon, AVX2, 2 x 2 windows, rows of 112: 1.5.)
    const bool few = info_of(form_.dtype).size == 1 && cursor_.elements() < 512;
    each_list(from, to, cursor_.elements(), pool_lines, prepares() || few ? Loops::only_read : Loops::fetch);
  }
};

}  // namespace

void run(const by::Direct&, const Call& call, Share& share) { walk(Direct(call, share), call.plan.schedule, share); }

}  // namespace tilepool
