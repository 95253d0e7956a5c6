// Cuts a row's windows into spans of equal ones.
#include "row_tile.hpp"

#include <algorithm>
#include <cassert>

namespace tilepool {
namespace {

/// Adds a run of outputs to the spans: to the last one where the run continues it.
void append(std::vector<Span>& spans, const Span& next, std::int64_t stride) {
  if (!spans.empty()) {
    Span& last = spans.back();
    if (last.count == next.count && last.divisor == next.divisor &&
        next.first == last.first + (next.begin - last.begin) * stride) {
      last.end = next.end;
      return;
    }
  }
  spans.push_back(next);
}

/// Whether spans have all outputs of a tile, one after the other.
[[maybe_unused]] bool cover(const std::vector<Span>& spans, std::int64_t outputs) {
  std::int64_t next = 0;
  for (const Span& span : spans) {
    if (span.begin != next || span.end <= span.begin || span.count < 0) return false;
    next = span.end;
  }
  return next == outputs;
}

double divisor_of(const NormalForm& form, const Window& window) {
  if (!form.averages || form.divisor != 0) return 1;
  return static_cast<double>(form.count_padding ? window.size : window.count);
}

/// The tile of a row that has but one window, of which each piece is one more row.
void make_piece(const Plan& plan, std::int64_t piece, RowTile& tile) {
  const Schedule& schedule = plan.schedule;
  const Window window = schedule.row.windows.at(0);
  tile.output_begin = tile.before = 0;
  tile.input_begin = window.first;
  tile.input_width = piece;
  tile.spans.assign(1, {0, 1, 0, piece, divisor_of(plan.form, window)});
  tile.along = {schedule.inner,    1, 1, piece, schedule.row_loop.streams, schedule.row_loop.long_windows, {},
                tile.spans.data(), 1};
}

}  // namespace

void make_row_tile(const Plan& plan, std::int64_t index, RowTile& tile) {
  const NormalForm& form = plan.form;
  const Schedule& schedule = plan.schedule;
  const RowLoop& loop = schedule.row_loop;
  const auto* const gathered = std::get_if<by::Gathered>(&schedule.strategy);
  if (gathered != nullptr && gathered->piece > 0) return make_piece(plan, gathered->piece, tile);

  const Windows& windows = schedule.row.windows;
  const std::int64_t begin = index * schedule.tile_outputs;
  const std::int64_t end = std::min(windows.outputs(), begin + schedule.tile_outputs);
  const std::int64_t seen_begin = windows.start(begin), seen_end = windows.stop(end - 1);
  const auto inside = [&](std::int64_t at) { return std::clamp<std::int64_t>(at, 0, windows.input()); };
  tile.output_begin = begin;
  tile.input_begin = inside(seen_begin);
  tile.input_width = inside(seen_end) - tile.input_begin;
  tile.before = loop.bordered ? std::max<std::int64_t>(0, tile.input_begin - seen_begin) : 0;

  // A divisor may differ, whether windows are clipped or not.
  const bool beyond = loop.bordered || loop.in_blocks;
  const std::int64_t origin = beyond ? seen_begin : tile.input_begin;
  const bool whole = loop.unclipped && (!form.averages || form.divisor != 0);
  const auto span = [&](std::int64_t from, std::int64_t to) {
    const Window window = windows.at(from);
    const std::int64_t taps = loop.unclipped ? loop.across.parts : window.count;
    const std::int64_t first = loop.unclipped ? windows.start(from) : window.first;
    return Span{from - begin, to - begin, first - origin, taps, divisor_of(form, window)};
  };
  tile.spans.clear();
  const Outputs interior = windows.interior();
  for (std::int64_t o = begin; o < end;) {
    const bool run = whole || (o >= interior.begin && o < interior.end);
    const std::int64_t next = whole ? end : run ? std::min(end, interior.end) : o + 1;
    append(tile.spans, span(o, next), windows.stride());
    o = next;
  }
  assert(cover(tile.spans, end - begin));
  tile.along = {schedule.inner,
                windows.stride(),
                windows.step() * loop.across.hop,
                beyond ? seen_end - seen_begin : tile.input_width,
                loop.streams,
                loop.long_windows,
                {loop.across.taps, windows.step() * schedule.inner, loop.in_blocks, 0, tile.input_begin - seen_begin,
                 tile.input_width},
                tile.spans.data(),
                static_cast<std::int64_t>(tile.spans.size())};
}

}  // namespace tilepool
