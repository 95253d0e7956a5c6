// Picked: max and min that tell where they found their values look at every tap of every window, in row-major order.
#include "listed.hpp"

namespace tilepool {
namespace {

class Picked : public ListedWalker {
 public:
  Picked(const Call& call, const Share& share)
      : ListedWalker(call, share), indices_(static_cast<char*>(call.indices)) {}

  /// Finds the index of the first tap of each span.
  void enter_tile() {
    choose_fetches();
    if (prepares()) reserve_rows();
    span_indices_.clear();
    for (const Span& span : cursor_.tile().spans) {
      const std::int64_t o = cursor_.tile().output_begin + span.begin;
      Window window = schedule_.row.windows.at(o);
      if (schedule_.row_loop.unclipped) window.first = schedule_.row.windows.start(o);
      span_indices_.push_back(cursor_.first_tap(schedule_.row, o, window).index);
    }
  }

  void pool(std::int64_t from, std::int64_t to) {
    each_list(from, to, work_of_taps(), [&](std::int64_t o, const Window& window, const Lines& lines) {
      number_rows(o, window);
      prepare_listed(cursor_.elements());
      const NormalAxis &column = schedule_.column, &row = schedule_.row;
      const bool taps = form_.indices == Indices::of_taps;
      const std::int64_t index_size = form_.wide_indices ? 8 : 4;
      const Indexing indexing{row_indices_.data(),
                              span_indices_.data(),
                              taps ? 0 : between_outputs(row),
                              row.weight * (taps ? 1 : row.windows.step()),
                              taps ? 0 : schedule_.inner_weight,
                              taps ? 0 : between_outputs(column),
                              form_.far_indices,
                              form_.wide_indices,
                              indices_ + cursor_.elements_before(o) * index_size,
                              patience_.watch()};
      kernel_.pick_rows(form_.op, form_.dtype, cursor_.tile().along, rows_.data(), listed(), indexing,
                        cursor_.target(o), lines);
    });
  }
  void pool_nothing(std::int64_t from, std::int64_t to) { pool(from, to); }

 private:
  /// What indices grow by from output to output, if there is another one.
  static std::int64_t between_outputs(const NormalAxis& axis) {
    return axis.windows.outputs() > 1 ? axis.weight * axis.windows.stride() : 0;
  }

  /// The index that each listed row begins with.
  void number_rows(std::int64_t o, const Window& window) {
    row_indices_.clear();
    const NormalAxis& column = schedule_.column;
    const std::int64_t first = cursor_.first_tap(column, o, window).index, step = cursor_.tap_step(column).index;
    cursor_.taps().each([&](const Place& place) {
      for (std::int64_t t = 0; t < window.count; ++t) row_indices_.push_back(place.index + first + t * step);
    });
  }

  char* const indices_;
  std::vector<std::int64_t> row_indices_, span_indices_;
};

}  // namespace

void run(const by::Picked&, const Call& call, Share& share) { walk(Picked(call, share), call.plan.schedule, share); }

}  // namespace tilepool
