// Which loop pools the lines of rows along themselves, and what of them is pooled by which.
#pragma once

#include "along.hpp"

namespace tilepool {
namespace {

/// One span of some lines, of which `AlongRow` is the first one.
template <class Op, class Src>
struct AlongLines : AlongRow<Op, Src> {
  using Row = AlongRow<Op, Src>;
  using Row::along, Row::source, Row::first, Row::count, Row::outputs, Row::out, Row::lanes, Row::narrow;
  std::int64_t ahead;  // see `Lines`; the first span asks for whole rows

  /// Asks for the rows that a later line sees. (Loops that asked while they read a line would take 0.9 of the time on a
  /// Xeon with AVX2, 2 x 2 windows on planes of 224 x 224, but with AVX-512 1.1 in a second-level cache.)
  TILEPOOL_INLINE void fetch_line() const {
    constexpr int cache_line = 64 / sizeof(typename Src::Read);
    for (std::int64_t i = 0; i < along.width * along.inner; i += cache_line) {
      for (int r = 0; r < Src::row_count; ++r) fetch_later<cache_line>(source.rows[r] + i, ahead);
    }
  }

  TILEPOOL_INLINE void next_line(std::int64_t read_step, std::int64_t write_step) {
    for (int r = 0; r < Src::row_count; ++r) source.rows[r] = by_itself(source.rows[r] + read_step);
    out += write_step;
  }

  /// Lines of common windows. Copies whose addresses are not known are held in registers, whatever is written.
  template <class Loop>
  TILEPOOL_NOINLINE void in_registers(std::int64_t lines, std::int64_t read_step, std::int64_t write_step,
                                      const Loop& by) {
    const Loop loop = by;
    AlongLines row = *this;
    row.next_line(0, 0);  // pointers are read one by one, as they were written
    for (std::int64_t line = 0; line < lines; ++line, row.next_line(read_step, write_step)) loop(row);
    next_line(lines * read_step, lines * write_step);
    if (along.streams) finish_streams();
  }

  /// The pixels of one line lie apart from each other, or are one.
  void pixels(std::int64_t lines, std::int64_t read_step, std::int64_t write_step) {
    const bool is_one = along.stride == 1;
    const std::int64_t apart = is_one ? 1 : outputs, hop = along.stride * along.inner;
    const std::int64_t n = is_one ? outputs * along.inner : along.inner;
    in_registers(lines, read_step, write_step, [=](const Row& row) TILEPOOL_INLINE_LAMBDA {
      for (std::int64_t p = 0; p < apart; ++p) row.flat(row.first + p * hop, p * n, n);
    });
  }

  /// So many lines; then this is the line behind them. Where later rows are asked for, the lines are taken one by one.
  void pool(std::int64_t lines, std::int64_t read_step, std::int64_t write_step) {
    if (Src::row_count == 1 || ahead == 0) return pool_lines(lines, read_step, write_step);
    for (std::int64_t line = 0; line < lines; ++line) {
      fetch_line();
      pool_lines(1, read_step, write_step);
    }
  }

  /// The same, by a loop that is chosen once.
  TILEPOOL_NOINLINE void pool_lines(std::int64_t lines, std::int64_t read_step, std::int64_t write_step) {
    const auto by = [&](auto loop) TILEPOOL_INLINE_LAMBDA {
      for (std::int64_t line = 0; line < lines; ++line, next_line(read_step, write_step)) loop(*this);
      if (along.streams) finish_streams();
    };
    const auto held = [&](auto loop) TILEPOOL_INLINE_LAMBDA { in_registers(lines, read_step, write_step, loop); };
    if (count == 0) return by([](const Row& row) { row.nothing(); });
    if constexpr (Src::row_count == 1) {
      if (along.long_windows) return by([](const Row& row) { row.long_windows(); });
    }
    if (along.stride == 1 || outputs == 1) return pixels(lines, read_step, write_step);
    if constexpr (lanes > 1) {
      if (along.inner > 1 && along.inner <= narrow) {
        const std::int64_t colours = along.stride == 2 ? along.inner : 0;
        if (colours == 3) return held([](const Row& row) TILEPOOL_INLINE_LAMBDA { row.template small_pixels<3>(); });
        if (colours == 4) return held([](const Row& row) TILEPOOL_INLINE_LAMBDA { row.template small_pixels<4>(); });
        return by([](const Row& row) { row.small_pixels(); });
      }
    }
    if (along.inner > 1) return pixels(lines, read_step, write_step);
    if constexpr (lanes > 1) {
      constexpr int R = Src::row_count;  // see `pools_at_once`
      const std::int64_t stride = along.step == 1 ? along.stride : 0;
      if constexpr (R < 3) {
        if (stride == 2 && count == 2)
          return held([](const Row& row) TILEPOOL_INLINE_LAMBDA { row.template strided<2, 2>(); });
      }
      if constexpr (R != 2 || Op::is_common) {
        if (stride == 2 && count == 3)
          return held([](const Row& row) TILEPOOL_INLINE_LAMBDA { row.template strided<2, 3>(); });
      }
      if constexpr (R == 1) {
        if (stride == 2) return by([](const Row& row) { row.template strided<2>(); });
        if (stride == 3) return by([](const Row& row) { row.template strided<3>(); });
        if (stride == 4) return by([](const Row& row) { row.template strided<4>(); });
      }
    }
    by([](const Row& row) { row.single_windows(); });
  }
};

/// Lines [from, to) of one span.
template <class Op, class Element, int R>
void pool_span(const Along& along, const Span& span, const void* const* rows, double divisor, void* out,
               const Lines& lines, const Keying& keying, std::int64_t from, std::int64_t to) {
  using Out = typename Op::Out;
  const std::int64_t read_step = lines.read_step / static_cast<std::int64_t>(sizeof(Element));
  const std::int64_t write_step = lines.write_step / static_cast<std::int64_t>(sizeof(Out));
  AlongLines<Op, Source<Op, Element, R>> row{{along,
                                              {{}, typename Op::Lift(keying)},
                                              typename Op::Scale(span.divisor * divisor, keying),
                                              span.first * along.inner,
                                              span.count,
                                              along.step * along.inner,
                                              span.end - span.begin,
                                              static_cast<Out*>(out) + span.begin * along.inner + from * write_step},
                                             span.begin == 0 ? lines.ahead : 0};
  for (int r = 0; r < R; ++r) {
    row.source.rows[r] = by_itself(static_cast<const Element*>(rows[r])) + from * read_step;
  }
  const auto inside = row.inside();
  if (inside.begin == 0 && inside.end == row.outputs) return row.pool(to - from, read_step, write_step);
  auto between = row;
  between.first += inside.begin * along.stride;
  between.outputs = inside.end - inside.begin;
  between.out += inside.begin;
  constexpr std::int64_t together = 8;  // in the first-level cache, so that memory is read in its order
  for (std::int64_t line = from; line < to; line += together) {
    const std::int64_t end = line + together < to ? line + together : to;
    if (between.outputs > 0) between.pool(end - line, read_step, write_step);
    for (std::int64_t i = line; i < end; ++i, row.next_line(read_step, write_step)) row.ends(inside);
  }
}

/// Line by line, because memory is read best in its order.
template <class Op, class Element, int R>
void pool_listed(const Along& along, const void* const* rows, double divisor, void* out, const Lines& lines,
                 const Keying& keying) {
  if (along.span_count == 1) {
    return pool_span<Op, Element, R>(along, along.spans[0], rows, divisor, out, lines, keying, 0, lines.count);
  }
  for (std::int64_t line = 0; line < lines.count; ++line) {
    for (std::int64_t s = 0; s < along.span_count; ++s) {
      pool_span<Op, Element, R>(along, along.spans[s], rows, divisor, out, lines, keying, line, line + 1);
    }
  }
}

template <class Op>
void pool_one_row(const Along& along, const void* const* rows, std::int64_t, double divisor, void* out,
                  const Lines& lines, const Keying& keying) {
  pool_listed<Op, typename Op::In, 1>(along, rows, divisor, out, lines, keying);
}

template <class Op>
void pool_rows(const Along& along, const void* const* rows, std::int64_t count, double divisor, void* out,
               const Lines& lines, const Keying& keying) {
  static_assert(pool_rows_limit == 3);
  using In = typename Op::In;
  if (count == 1) pool_listed<Op, In, 1>(along, rows, divisor, out, lines, keying);
  if (count == 2) pool_listed<Op, In, 2>(along, rows, divisor, out, lines, keying);
  if (count == 3) pool_listed<Op, In, 3>(along, rows, divisor, out, lines, keying);
}

}  // namespace
}  // namespace tilepool
