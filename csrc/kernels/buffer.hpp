// The loops that pool rows of accumulators along themselves.
#pragma once

#include "lines.hpp"
#include "widen.hpp"

namespace tilepool {
namespace {

/// What windows at stride 1 are put together of in registers: windows of `taps`, or two of them that begin `step` apart
/// and, if that is not 0, tap `last`.
struct Halving {
  std::int64_t taps = 0, step = 0, last = 0;
};

/// Of no taps where registers do not hold them.
template <class Op>
Halving halving_of(const Along& along) {
  const std::int64_t taps = along.widening.taps, half = taps / 2;
  Halving halving{taps};
  if (along.spans[0].count == 2) halving.step = along.step;
  if (along.spans[0].count == 1 && taps > most_doubled<Op> && taps % 2 != 0) halving = {half, half, taps - 1};
  const bool fits = along.inner == 1 && along.stride == 1 && along.span_count == 1 && along.spans[0].count <= 2 &&
                    along.widening.distance == 1 && taps > 1 && halving.taps <= most_doubled<Op> &&
                    halving.step <= most_doubled<Op>;
  return fits ? halving : Halving{};
}

/// Lines of such windows: vectors are taken from right to left. What lies behind the outputs of a line may be written
/// where later lines will be. `Far`: two that begin a vector or more apart.
template <class Op, bool Far, class Windows>
void pool_doubled(Windows windows, const Halving halving, const Along& along, const typename Op::Acc* rows,
                  double divisor, typename Op::Out* out, const Lines& lines, const Keying& keying) {
  using Acc = typename Op::Acc;
  using Out = typename Op::Out;
  constexpr int N = Op::lanes;
  using V = Vec<Acc, N>;
  const Span& span = along.spans[0];
  const typename Op::Scale scale(span.divisor * divisor, keying);
  const std::int64_t outputs = span.end - span.begin;
  const std::int64_t seen = outputs + halving.taps - 1 + halving.step, tail = halving.last;
  const bool overlap = halving.step > 0;
  const std::int64_t read_step = lines.read_step / static_cast<std::int64_t>(sizeof(Acc));
  const std::int64_t write_step = lines.write_step / static_cast<std::int64_t>(sizeof(Out));
  const auto second = lanes_from<Acc, N>(Far ? halving.step - N : halving.step), rest = lanes_from<Acc, N>(outputs % N);
  for (std::int64_t line = 0; line < lines.count; ++line) {
    const Acc* const from = rows + line * read_step + span.first;
    V further{};
    const auto step = [&](std::int64_t i) TILEPOOL_INLINE_LAMBDA {
      const V behind = windows.behind, last = further, part = windows.step(from + i);
      if constexpr (Far) {
        further = behind;
        return Op::template combine<N>(part, moved<N, Acc>(behind, last, second));
      }
      return overlap ? Op::template combine<N>(part, moved<N, Acc>(part, behind, second)) : part;
    };
    const auto whole = [&](std::int64_t i) TILEPOOL_INLINE_LAMBDA {
      const V both = step(i);
      return Far && tail > 0 ? Op::template combine<N>(both, load<N>(from + i + tail)) : both;
    };
    Out* const to = out + line * write_step + span.begin;
    const auto put = [&](std::int64_t at, V acc) TILEPOOL_INLINE_LAMBDA {
      store(to + at, Op::template finish<N>(acc, scale));
      write_later<N, -1>(to + at);
    };
    std::int64_t i = (seen - 1) / N * N;
    for (; i >= outputs; i -= N) step(i);
    if (outputs < N) {
      const auto result = Op::template finish<N>(whole(i), scale);
      if (write_step == outputs && (lines.count - line) * outputs >= N) {
        store(to, result);
      } else {
        alignas(64) Out few[N];
        store(few, result);
        for (std::int64_t o = 0; o < outputs; ++o) to[o] = few[o];
      }
      continue;
    }
    if (outputs % N != 0) {  // the last vector of outputs ends with the line
      const auto last = whole(i), before = whole(i - N);
      put(outputs - N, moved<N, Acc>(before, last, rest));
      put(i - N, before);
      i -= 2 * N;
    }
    for (; i >= 0; i -= N) put(i, whole(i));
  }
}

/// Lines of pixels whose windows are combined in blocks.
template <class Op>
void pool_in_blocks(const Along& along, const void* buffer, void* space, double divisor, void* out, const Lines& lines,
                    const Keying& keying) {
  using Acc = typename Op::Acc;
  using Out = typename Op::Out;
  const Widening& widening = along.widening;
  const std::int64_t inner = along.inner, outputs = along.width - widening.taps + 1;
  const bool at_once = along.stride == 1 && along.span_count == 1;
  for (std::int64_t line = 0; line < lines.count; ++line) {
    const auto* const row = reinterpret_cast<const Acc*>(static_cast<const char*>(buffer) + line * lines.read_step);
    auto* const to = reinterpret_cast<Out*>(static_cast<char*>(out) + line * lines.write_step);
    auto* const combined = static_cast<Acc*>(space);
    if (at_once) {
      const typename Op::Scale scale(along.spans[0].divisor * divisor, keying);
      combine_blocks<Op>(combined, row, outputs, widening.count, inner, widening,
                         [=, &scale](std::int64_t pixel, std::int64_t at, auto v) TILEPOOL_INLINE_LAMBDA {
                           constexpr int N = sizeof v / sizeof(Acc);
                           store(to + pixel * inner + at, Op::template finish<N>(v, scale));
                         });
      continue;
    }
    combine_blocks<Op>(combined, row, outputs, widening.count, inner, widening);
    const void* const pooled = combined;
    pool_listed<Op, Acc, 1>(along, &pooled, divisor, to, {}, keying);
  }
}

/// Windows at stride 1 of an odd number of taps: two halves and a tap, which are combined as the results are written.
template <class Op>
void pool_halves(const Along& along, const typename Op::Acc* rows, const typename Op::Acc* halves, double divisor,
                 typename Op::Out* out, const Lines& lines, const Keying& keying) {
  using Acc = typename Op::Acc;
  const Span& span = along.spans[0];
  const typename Op::Scale scale(span.divisor * divisor, keying);
  const std::int64_t half = along.widening.taps / 2;
  for (std::int64_t line = 0; line < lines.count; ++line) {
    const std::int64_t at = line * lines.read_step / static_cast<std::int64_t>(sizeof(Acc)) + span.first;
    auto* const to = out + line * lines.write_step / static_cast<std::int64_t>(sizeof(typename Op::Out)) + span.begin;
    sweep_overlapping<Acc, Op::lanes>(span.end - span.begin, [&](auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
      constexpr int N = decltype(lanes)::value;
      const auto whole =
          twice<Op, N>(load<N>(halves + at + i), load<N>(halves + at + i + half), true, rows + at + i + 2 * half);
      store(to + i, Op::template finish<N>(whole, scale));
      write_later<N>(to + i);
    });
  }
}

template <class Op>
void pool_buffer(const Along& along, const void* buffer, void* space, double divisor, void* out, const Lines& lines,
                 const Keying& keying) {
  const Keying lifted{0, keying.out, keying.nans};  // accumulators in, results out
  using Acc = typename Op::Acc;
  const Widening& widening = along.widening;
  if (widening.in_blocks) return pool_in_blocks<Op>(along, buffer, space, divisor, out, lines, lifted);
  if constexpr (doubles_in_registers<Op>) {
    const Halving halving = halving_of<Op>(along);
    if (halving.taps > 0) {
      return doubled<Op>(halving.taps, [&](const auto& windows) {
        const auto pool = [&](auto far) {
          pool_doubled<Op, far.value>(windows, halving, along, static_cast<const Acc*>(buffer), divisor,
                                      static_cast<typename Op::Out*>(out), lines, lifted);
        };
        if constexpr (std::decay_t<decltype(windows)>::longest > Op::lanes) {
          if (halving.step >= Op::lanes) return pool(std::true_type{});
        }
        pool(std::false_type{});
      });
    }
  }
  if (widening.taps > 1) {
    const auto pitch = lines.read_step / static_cast<std::int64_t>(sizeof(Acc));
    const std::int64_t n = (lines.count - 1) * pitch + along.width * along.inner;
    const auto* const rows = static_cast<const Acc*>(buffer);
    if (widening.distance == 1 && along.stride == 1 && along.span_count == 1 && along.spans[0].count == 1 &&
        widening.taps % 2 != 0 && widening.taps > 3) {
      widen<Op>(static_cast<Acc*>(space), rows, n, widening.taps / 2, 1);
      return pool_halves<Op>(along, rows, static_cast<Acc*>(space), divisor, static_cast<typename Op::Out*>(out), lines,
                             lifted);
    }
    widen<Op>(static_cast<Acc*>(space), rows, n, widening.taps, widening.distance);
    buffer = space;
  }
  pool_listed<Op, Acc, 1>(along, &buffer, divisor, out, lines, lifted);
}

}  // namespace
}  // namespace tilepool
