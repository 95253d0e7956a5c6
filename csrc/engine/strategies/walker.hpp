// What the strategies have in common that walk output rows, one thread's share of them.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <vector>

#include "../cursor.hpp"
#include "../prepared_rows.hpp"
#include "../scratch.hpp"
#include "strategies.hpp"

namespace tilepool {

class Walker {
 public:
  Walker(const Call& call, const Share& share)
      : form_(call.plan.form),
        schedule_(call.plan.schedule),
        kernel_(call.kernel()),
        maker_(kernel_, call.plan.form, call.input, call.beside),
        cursor_(call.plan, call.input, call.result),
        patience_(call.interrupt, share.is_caller()) {}
  Walker(const Walker&) = delete;
  Walker& operator=(const Walker&) = delete;

  Cursor& cursor() { return cursor_; }

  /// What a walk may ask of a strategy: to go on with another tile; to do output rows [from, to) of a column; and the
  /// same where the plane sees no cell at all.
  void enter_tile() {}
  void pool_nothing(std::int64_t from, std::int64_t to) {
    assert(kernel_.finish != nullptr || !form_.steps.finished || is_extremum(form_.op));
    std::vector<Span> spans = cursor_.tile().spans;
    for (Span& span : spans) span.count = 0;
    Along along = cursor_.tile().along;
    along.spans = spans.data();
    along.widening = {};
    for (std::int64_t o = from; o < to; ++o) {
      finish(o, 1, cursor_.divisor(o), [&](double divisor, void* out, const Lines& lines) {
        kernel_.pool_buffer(along, nullptr, nullptr, divisor, out, lines, kernel_.keying);
      });
    }
  }

 protected:
  /// The most rows that are combined at a time; the longest lists take turns.
  static constexpr std::int64_t most_listed = 1024;
  std::int64_t most_at_once() const { return prepares() ? prepared_.count() : most_listed; }

  std::int64_t listed() const { return static_cast<std::int64_t>(rows_.size()); }

  bool prepares() const { return maker_.makes(); }

  /// The listed rows, `most_at_once` or fewer, as the loops take them.
  void prepare_listed(std::int64_t elements) {
    if (prepares()) prepared_.prepare(rows_, elements, maker_);
  }

  /// The output rows from `o` on, `most` of them at most, that see the same rows as `o` does, each so many further on,
  /// where these lie in the array or, as they do there, in a block.
  Lines lines_alike(std::int64_t o, std::int64_t to, std::int64_t most, std::int64_t write_step,
                    bool in_block = false) const {
    const Windows& windows = schedule_.column.windows;
    const Outputs interior = windows.interior();
    const std::int64_t alike = std::min(interior.end, to) - o;
    if (o < interior.begin || alike <= 1 || (prepares() && !in_block)) return {1, 0, write_step};
    return {std::clamp<std::int64_t>(most, 1, alike), windows.stride() * schedule_.column.input_stride, write_step};
  }

  /// The most rows that a window sees.
  std::int64_t rows_seen() const {
    const auto taps = [](const NormalAxis& axis) { return std::min(axis.windows.kernel(), axis.windows.input()); };
    std::int64_t rows = taps(schedule_.column);
    for (const NormalAxis& axis : schedule_.outer) rows = saturating_mul(rows, taps(axis));
    return rows;
  }

  /// Memory for a tile, in so many bytes each, that starts so many bytes behind a cache line, and room for the rows
  /// that are prepared and finished beside it: `at_once` of them at least.
  template <std::size_t N>
  std::array<char*, N> reserve_bytes(const std::array<std::int64_t, N>& sizes, std::int64_t alignment = 0,
                                     std::int64_t at_once = 1) {
    const auto whole_lines = [](std::int64_t bytes) { return (bytes + buffer_slack + 63) / 64 * 64; };
    const std::int64_t row_bytes = PreparedRows::row_bytes(cursor_.elements(), maker_.size());
    const std::int64_t kept =
        prepares() ? std::max(at_once, std::min(rows_seen(), PreparedRows::rows_kept(row_bytes))) : 0;
    const RowTile& tile = cursor_.tile();
    finished_pitch_ = tile.spans.back().end * schedule_.inner * acc_size(form_);
    finished_lines_ = kernel_.finish == nullptr ? 0 : std::max<std::int64_t>(1, (8 << 10) / finished_pitch_);
    std::int64_t total = 64 + kept * row_bytes + whole_lines(finished_lines_ * finished_pitch_);
    for (const std::int64_t bytes : sizes) total += whole_lines(bytes);
    char* memory = scratch_.at_least(static_cast<std::size_t>(total)) + alignment;
    std::array<char*, N> result;
    for (std::size_t i = 0; i < N; ++i) {
      result[i] = memory;
      memory += whole_lines(sizes[i]);
    }
    const Windows& windows = schedule_.column.windows;
    const bool overlap = windows.outputs() > 1 && windows.kernel() > windows.stride();
    const bool meet_again = overlap || windows.outputs() > windows.input();
    if (kept > 0) prepared_.start(memory, row_bytes, kept, meet_again);
    finished_ = memory + kept * row_bytes;
    return result;
  }

  /// Calls pool(divisor, out, lines) to write some lines from output row `o` on: accumulators, where these are to be
  /// finished, else results.
  template <class Pool>
  [[gnu::always_inline]] void finish(std::int64_t o, std::int64_t count, double divisor, const Pool& pool) {
    assert(count >= 1 && o >= 0 && o + count <= schedule_.column.windows.outputs());
    assert(kernel_.finish == nullptr || count <= most_finished());
    const bool finishes = kernel_.finish != nullptr;
    pool(divisor, finishes ? finished_ : cursor_.target(o),
         Lines{count, 0, finishes ? finished_pitch_ : schedule_.column.result_stride});
    if (finishes) finish_accumulators(o, count, divisor);
  }
  /// Makes results of what lies in `finished_`.
  [[gnu::noinline]] void finish_accumulators(std::int64_t o, std::int64_t count, double divisor) {
    const std::int64_t result_pitch = schedule_.column.result_stride;
    const std::int64_t acc = acc_size(form_), size = info_of(form_.result_dtype).size;
    const std::vector<Span>& spans = cursor_.tile().spans;
    const std::int64_t n = spans.back().end * schedule_.inner;
    if (spans.size() == 1 && result_pitch == n * size) {  // end to end
      return kernel_.finish(cursor_.target(o), finished_, count * n, spans[0].divisor * divisor, form_.to_integer);
    }
    for (std::int64_t line = 0; line < count; ++line) {
      for (const Span& span : spans) {
        const std::int64_t first = span.begin * schedule_.inner, length = (span.end - span.begin) * schedule_.inner;
        kernel_.finish(cursor_.target(o + line) + first * size, finished_ + line * finished_pitch_ + first * acc,
                       length, span.divisor * divisor, form_.to_integer);
      }
    }
  }
  /// The most lines that are finished at a time.
  std::int64_t most_finished() const { return kernel_.finish == nullptr ? most_int64 : finished_lines_; }

  /// Asks for rows of up to a page that will be read some rows further on: hardware prefetchers follow one stream a
  /// page and lose those that a kernel reads side by side. (Two threads, from memory, EPYC of the Zen 4 kind: 2 x 2
  /// windows on planes of 224 x 224 in less than half the time. Xeon with AVX-512 and AMX: 0.57, 2 x 2 x 2 windows on
  /// 112 x 112 0.65.) Inlined because GCC drops calls of functions that do nothing but prefetch.
  [[gnu::always_inline]] void fetch_ahead(const Window& window, std::int64_t lines) {
    if (fetched_ == Fetched::nothing) return;
    const Windows& windows = schedule_.column.windows;
    const std::int64_t stride = windows.stride(), pitch = schedule_.column.input_stride;
    const auto fetch = [](const char* from, std::int64_t bytes) __attribute__((always_inline)) {
      constexpr std::int64_t cache_line = 64;
      for (std::int64_t at = 0; at < bytes; at += cache_line) __builtin_prefetch(from + at);
    };
    if (fetched_ == Fetched::piece) {
      const std::int64_t bytes = std::min(lines * stride, windows.input() - window.first) * pitch;
      const std::int64_t first = window.first * pitch + fetched_ahead;
      cursor_.taps().each([&](const Place& place)
                              __attribute__((always_inline)) { fetch(cursor_.at(place) + first, bytes); });
      return;
    }
    const std::int64_t row_bytes = cursor_.tile().input_width * schedule_.row.input_stride;
    const std::int64_t first = window.first + (fetched_ahead - 1) / row_bytes + 1;
    cursor_.taps().each([&](const Place& place) __attribute__((always_inline)) {
      for (std::int64_t line = 0; line < lines; ++line) {
        for (std::int64_t t = 0; t < std::min(windows.kernel(), stride); ++t) {
          const std::int64_t row = first + line * stride + t * windows.step();
          if (row >= windows.input()) return;
          fetch(cursor_.at(place) + row * pitch, row_bytes);
        }
      }
    });
  }

  /// Bytes to the rows of windows that lie a page ahead, for loops that ask for these while they read: 0.8 of the time
  /// of asking for them before (Xeon with AVX2, 2 x 2 x 2 windows on 112 x 112; two pages ahead: 0.85).
  std::int64_t ahead() const {
    if (schedule_.column.windows.outputs() == 1) return fetched_ == Fetched::piece ? page : 0;  // of any stride
    const std::int64_t stride = schedule_.column.windows.stride();
    const std::int64_t row_bytes = cursor_.tile().input_width * schedule_.row.input_stride;
    return ((page - 1) / (stride * row_bytes) + 1) * stride * schedule_.column.input_stride;
  }

  /// Decides, for a tile, what `fetch_ahead` is to ask for.
  void choose_fetches() {
    const Windows& windows = schedule_.column.windows;
    const std::int64_t row_bytes = cursor_.tile().input_width * schedule_.row.input_stride;
    fetched_ = Fetched::nothing;
    if (!form_.source.axes.empty()) return;  // rows lie elsewhere
    if (windows.stride() == 1 || row_bytes > page || row_bytes == 0 || !is_far(form_)) return;
    // Rows that lie end to end are one piece, which goes on in the next plane; of others, those that windows see.
    const bool dense = schedule_.column.input_stride == row_bytes && windows.kernel() >= windows.stride();
    fetched_ = dense ? Fetched::piece : Fetched::rows;
  }
  bool fetches() const { return fetched_ != Fetched::nothing; }

  const NormalForm& form_;
  const Schedule& schedule_;
  const Kernel kernel_;
  const RowMaker maker_;
  Cursor cursor_;
  Patience patience_;
  Scratch scratch_;

 private:
  PreparedRows prepared_;
  char* finished_ = nullptr;
  std::int64_t finished_pitch_ = 0, finished_lines_ = 0;

  enum class Fetched : std::uint8_t { nothing, piece, rows } fetched_ = Fetched::nothing;
  static constexpr std::int64_t page = 4096, fetched_ahead = 2 * page;  // bytes

 protected:
  std::vector<const void*> rows_;
};

/// Lets a walker do a share of the output rows, in the order plane, tile, column.
template <class SomeWalker>
void walk(SomeWalker&& walker, const Schedule& schedule, Share& share) {
  const std::int64_t outputs = schedule.column.windows.outputs();
  for (std::int64_t begin, end; share.next(begin, end);) {
    const std::int64_t column = begin / outputs;
    std::int64_t from = begin % outputs, plane = column / schedule.tiles, tile = column % schedule.tiles;
    for (std::int64_t left = end - begin; left > 0;) {
      const std::int64_t to = std::min(outputs, from + left);
      if (walker.cursor().go(plane, tile)) walker.enter_tile();
      if (walker.cursor().taps().count() == 0) {
        walker.pool_nothing(from, to);
      } else {
        walker.pool(from, to);
      }
      left -= to - from;
      from = 0;
      if (++tile == schedule.tiles) {
        tile = 0;
        ++plane;
      }
    }
  }
}

}  // namespace tilepool
