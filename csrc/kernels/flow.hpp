// The loop that doubles windows along a long row while it is read and written: in passes over a piece of it, memory and
// computation would wait for each other.
#pragma once

#include "widen.hpp"

namespace tilepool {
namespace {

/// Windows at stride 1 of some of a row, from right to left and a chunk at a time: the first ones are made of elements,
/// and each doubling makes wider ones of those that it keeps, as many as half of its windows reach over, in a ring.
template <class Op>
struct Flow {
  using Acc = typename Op::Acc;
  using Out = typename Op::Out;
  static constexpr int N = Op::lanes, unroll = 4;
  static constexpr std::int64_t size = sizeof(Acc), step = unroll * N, chunk = flow_chunk / size;
  static constexpr int most_first = doubles_in_registers<Op> ? 15 : 7;  // taps

  struct Doubling {
    std::int64_t hop, last;  // from half to half, and to the tap behind both of them, if there is one
    std::int64_t end;        // windows that are seen
    Acc* ring;
    std::int64_t mask;  // one less than what fits a ring, behind whose end it begins again with a chunk
  };
  Doubling doublings[64];  // a number of taps has fewer bits
  int count = 0;
  std::int64_t first_taps, first_seen;

  /// For so many outputs of windows of `taps`, or of two such windows, `hop` apart, if there is a hop. Moves `space`
  /// behind the rings.
  TILEPOOL_INLINE Flow(std::int64_t taps, std::int64_t hop, std::int64_t outputs, Acc*& space) {
    int shift = hop > 0 ? 0 : 1;  // there is a doubling at least
    while (taps >> shift > most_first) ++shift;
    first_taps = taps >> shift;
    const auto add = [&](std::int64_t width, bool is_odd) TILEPOOL_INLINE_LAMBDA {
      const std::int64_t fitting = flow_ring(width * size) / size;
      doublings[count++] = {width, is_odd ? 2 * width : 0, 0, space, fitting - 1};
      space += fitting + chunk;
    };
    while (shift-- > 0) add(taps >> (shift + 1), (taps >> shift & 1) != 0);
    if (hop > 0) add(hop, false);
    for (int d = count - 1; d >= 0; --d) {
      doublings[d].end = outputs;
      outputs += doublings[d].hop + (doublings[d].last > 0 ? 1 : 0);
    }
    first_seen = outputs;
  }

  /// How much of a chunk at `at` lies before `end`, in whole steps.
  static TILEPOOL_INLINE std::int64_t length(std::int64_t at, std::int64_t end) {
    const std::int64_t left = (end - at + step - 1) / step * step;
    return left < 0 ? 0 : left < chunk ? left : chunk;
  }
  template <class Take>
  static TILEPOOL_INLINE void each(std::int64_t n, const Take& take) {
    for (std::int64_t i = 0; i < n; i += step) {
      for (int u = 0; u < unroll; ++u) take(i + u * N);
    }
  }

  /// Where doubling d keeps the windows that start at `at`.
  TILEPOOL_INLINE Acc* kept(int d, std::int64_t at) const { return doublings[d].ring + (at & doublings[d].mask); }

  /// A chunk of them has been written.
  TILEPOOL_INLINE void close_ring(int d, std::int64_t at) const {
    Acc* const begin = doublings[d].ring;
    Acc* const end = begin + doublings[d].mask + 1;
    if (kept(d, at) != begin) return;
    each(chunk, [=](std::int64_t i) TILEPOOL_INLINE_LAMBDA { store(end + i, load<N>(begin + i)); });
  }

  /// Calls put(i, windows) for those that doubling d makes, of a chunk at `at`.
  template <class Put>
  TILEPOOL_INLINE void double_chunk(int d, const Acc* row, std::int64_t at, const Put& put) const {
    const Doubling by = doublings[d];
    const Acc* const first = kept(d, at);
    const Acc* const behind = row + at + by.last;
    const std::int64_t n = length(at, by.end), rest = cheap_shifts<Acc> ? by.hop % N : 0;
    const Acc* const second = kept(d, at + by.hop - rest);
    const auto lanes = lanes_from<Acc, N>(rest);
    auto here = load<N>(second);
    const auto all = [&](bool is_odd) TILEPOOL_INLINE_LAMBDA {
      each(n, [&](std::int64_t i) TILEPOOL_INLINE_LAMBDA {
        auto other = load<N>(second + i);
        if constexpr (cheap_shifts<Acc>) {
          const auto next = load<N>(second + i + N);
          other = moved<N, Acc>(here, next, lanes);
          here = next;
        }
        put(i, twice<Op, N>(load<N>(first + i), other, is_odd, behind + i));
      });
    };
    if (by.last > 0) return all(true);
    all(false);
  }

  /// The windows of the next doubling.
  TILEPOOL_NOINLINE void widen_chunk(int d, const Acc* row, std::int64_t at) const {
    Acc* const to = kept(d + 1, at);
    double_chunk(d, row, at, [=](std::int64_t i, auto v) TILEPOOL_INLINE_LAMBDA { store(to + i, v); });
    close_ring(d + 1, at);
  }

  /// Those of the last one.
  TILEPOOL_NOINLINE void finish_chunk(const Acc* row, std::int64_t at, Out* out, const typename Op::Scale& with) const {
    const typename Op::Scale scale = with;  // a copy is held in registers, whatever is written
    double_chunk(count - 1, row, at, [=](std::int64_t i, auto v) TILEPOOL_INLINE_LAMBDA {
      store(out + i, Op::template finish<N>(v, scale));
      __builtin_prefetch(ahead(out + i), 1);
    });
  }

  /// So many bytes to the left, where the next chunks are, memory is asked for.
  static TILEPOOL_INLINE const char* ahead(const void* at) { return static_cast<const char*>(at) - 2 * flow_chunk; }

  /// The first windows of a chunk, by doubling in registers, which looks at those behind them.
  template <class First>
  TILEPOOL_NOINLINE void start_chunk(First& first, const Acc* row, std::int64_t at) const {
    Acc* const to = kept(0, at);
    for (std::int64_t i = length(at, first_seen) - N; i >= 0; i -= N) {
      store(to + i, first.step(row + at + i));
      __builtin_prefetch(ahead(row + at + i));
    }
  }

  /// The same at once, of W taps or more.
  template <int W>
  TILEPOOL_INLINE void start_chunk(Lanes<W>, const Acc* row, std::int64_t at) const {
    if constexpr (W < most_first) {
      if (W < first_taps) return start_chunk(Lanes<W + 1>{}, row, at);
    }
    Acc* const to = kept(0, at);
    each(length(at, first_seen), [&](std::int64_t i) TILEPOOL_INLINE_LAMBDA {
      store(to + i, tree<Op, W, N>(row + at + i, 1));
      __builtin_prefetch(ahead(row + at + i));
    });
  }

  /// Of a row of `width`, beyond which nothing is read: what the last chunks see is copied to where there is room.
  template <class First>
  TILEPOOL_INLINE void pool(First first, const Acc* row, std::int64_t width, std::int64_t outputs, Acc* space, Out* out,
                            const typename Op::Scale& scale) const {
    const std::int64_t last = (first_seen - 1) / chunk * chunk, whole = outputs / chunk * chunk;
    std::memcpy(space, row + whole, static_cast<std::size_t>((width - whole) * size));
    const Acc* const copy = space - whole;
    if constexpr (doubles_in_registers<Op>) {
      for (std::int64_t i = (width - 1) / N * N; i >= last + length(last, first_seen); i -= N) first.step(copy + i);
    }
    alignas(64) Out end[chunk];
    for (std::int64_t at = last; at >= 0; at -= chunk) {
      const Acc* const from = at < whole ? row : copy;
      start_chunk(first, from, at);
      close_ring(0, at);
      for (int d = 0; d < count - 1; ++d) widen_chunk(d, from, at);
      finish_chunk(from, at, at < whole ? out + at : end, scale);
      if (at == whole) std::memcpy(out + whole, end, static_cast<std::size_t>(outputs - whole) * sizeof(Out));
    }
  }
};

template <class Op>
void pool_flow(const Along& along, const void* row, void* space, double divisor, void* out) {
  using Acc = typename Op::Acc;
  const Span& span = along.spans[0];
  const std::int64_t outputs = span.end - span.begin, taps = along.widening.taps, hop = span.count > 1 ? along.step : 0;
  auto* room = static_cast<Acc*>(space);
  const Flow<Op> flow(taps, hop, outputs, room);
  const typename Op::Scale scale(span.divisor * divisor, Keying{});
  const auto with = [&](auto first) TILEPOOL_INLINE_LAMBDA {
    flow.pool(first, static_cast<const Acc*>(row) + span.first, outputs + taps - 1 + hop, outputs, room,
              static_cast<typename Op::Out*>(out) + span.begin, scale);
  };
  if constexpr (doubles_in_registers<Op>) {
    if (flow.first_taps > 7) return with(Doubled<Op, 3>(flow.first_taps));
    with(Doubled<Op, 2>(flow.first_taps));
  } else {
    with(Lanes<4>{});
  }
}

}  // namespace
}  // namespace tilepool
