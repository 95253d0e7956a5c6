// The loops that combine rows elementwise: fold and scans.
#pragma once

#include "rows.hpp"

namespace tilepool {
namespace {

/// Eight rows are what hardware prefetchers follow well: longer lists are folded in several passes over the target.
constexpr std::int64_t most_folded = 8;

/// Vectors of columns that a scan takes down the rows together.
constexpr int scan_unroll = 4;

/// Rows are combined by `Rows`, and what they make is lifted by `Lift` to go on with: see `fold_rows`. What lies
/// `ahead` bytes behind what is read is asked for, if that is not 0.
template <class Op, class Rows, class Lift>
void fold_line(typename Op::Acc* target, const typename Op::Acc* start, const void* const* rows, std::int64_t count,
               std::int64_t shift, std::int64_t n, std::int64_t ahead, const typename Rows::Lift& rows_lift,
               const Lift& lift) {
  using Acc = typename Op::Acc;
  using Element = typename Rows::In;
  using One = Source<Rows, Element, 1>;
  constexpr bool lifts = !std::is_same_v<Op, Rows>;
  const auto row = [=](std::int64_t r) TILEPOOL_INLINE_LAMBDA {
    return One{{static_cast<const Element*>(rows[r]) + shift}, rows_lift};
  };
  for (std::int64_t done = 0; done < count;) {
    const std::int64_t first = done + (lifts || start == nullptr ? 1 : 0);
    const std::int64_t end = count - done < most_folded ? count : done + most_folded;
    const auto fold = [=](auto vectors, auto lanes, std::int64_t i) TILEPOOL_INLINE_LAMBDA {
      constexpr int V = decltype(vectors)::value, N = decltype(lanes)::value;
      const auto fetch = [=](std::int64_t r) TILEPOOL_INLINE_LAMBDA {
        if (N > 1 && ahead != 0) fetch_later<V * N>(static_cast<const Element*>(rows[r]) + shift + i, ahead);
      };
      Vec<typename Rows::Acc, N> seen[V];
      if (first > done) fetch(done);
      for (int u = 0; u < V; ++u) {
        if constexpr (lifts) {
          seen[u] = row(done).template load<N>(i + u * N);
        } else {
          seen[u] = start != nullptr ? load<N>(start + i + u * N) : row(done).template load<N>(i + u * N);
        }
      }
      for (std::int64_t r = first; r < end; ++r) {
        const One source = row(r);
        fetch(r);
        for (int u = 0; u < V; ++u) {
          seen[u] = Rows::template combine<N>(seen[u], source.template load<N>(i + u * N));
        }
      }
      for (int u = 0; u < V; ++u) {
        if constexpr (lifts) {
          Vec<Acc, N> acc = lift.template of<N>(seen[u]);
          if (start != nullptr) acc = Op::template combine<N>(acc, load<N>(start + i + u * N));
          store(target + i + u * N, acc);
        } else {
          store(target + i + u * N, seen[u]);
        }
      }
    };
    constexpr int N = Op::lanes, unroll = N > 1 ? 4 : 1;
    const auto fold_few = [=](std::int64_t from, std::int64_t to) TILEPOOL_NOINLINE {
      sweep<Acc, N>(from, to, [&](auto lanes, std::int64_t at) TILEPOOL_INLINE_LAMBDA { fold(Lanes<1>{}, lanes, at); });
    };
    // Vectors of long rows lie in whole cache lines where the first row lets them. (Xeon, 49 rows of 5 KiB, 16 bytes
    // behind a cache line: 0.6 of the time with AVX-512, 0.7 with AVX2.)
    std::int64_t i = 0;
    if (N > 1 && sizeof(Element) >= 4 && n >= 16 * N) {
      i = behind_line_end<Element, N>(static_cast<const Element*>(rows[done]) + shift);
      if (i > 0) fold_few(0, i);
    }
    for (; i + unroll * N <= n; i += unroll * N) fold(Lanes<unroll>{}, Lanes<N>{}, i);
    if (i < n) fold_few(i, n);
    start = target;
    done = end;
  }
}

/// `Rows`, `Lift`: if a combination is cheaper than making an accumulator, rows are combined as they are by another op,
/// of whose result `Lift` makes an accumulator.
template <class Op, class Rows = Op, class Lift = NoLift>
void fold_rows(void* target, const void* start, const void* const* rows, std::int64_t count, std::int64_t n,
               const Lines& lines, const Keying& keying) {
  using Acc = typename Op::Acc;
  using Element = typename Op::In;
  const typename Op::Lift one_lift(keying);
  const typename Rows::Lift rows_lift(keying);
  const Lift lift(keying);
  for (std::int64_t line = 0; line < lines.count; ++line) {
    auto* const to = reinterpret_cast<Acc*>(static_cast<char*>(target) + line * lines.write_step);
    const auto* const from = static_cast<const Acc*>(start);
    const std::int64_t shift = line * lines.read_step / static_cast<std::int64_t>(sizeof(Element));
    if (count > 1 || (count == 1 && start != nullptr)) {
      fold_line<Op, Rows>(to, from, rows, count, shift, n, lines.ahead, rows_lift, lift);
    } else if (count == 1) {
      const Source<Op, Element, 1> source{{static_cast<const Element*>(rows[0]) + shift}, one_lift};
      sweep_overlapping<Acc, Op::lanes>(n, [&](auto lanes, std::int64_t at) TILEPOOL_INLINE_LAMBDA {
        store(to + at, source.template load<decltype(lanes)::value>(at));
      });
    } else {
      sweep<Acc, Op::lanes>(0, n, [&](auto lanes, std::int64_t at) TILEPOOL_INLINE_LAMBDA {
        constexpr int N = decltype(lanes)::value;
        store(to + at, start != nullptr ? load<N>(from + at) : splat<N>(Op::identity()));
      });
    }
  }
}

/// Some vectors of what a scan reads and writes: where the first one lies in rows and in targets, and how far from it
/// the next ones.
struct Strip {
  std::int64_t read, write, read_hop, write_hop;
};

template <class Op, class Element, bool Merge, int Vectors, int N>
TILEPOOL_INLINE void scan_strip(const Scan& scan, const Strip& strip, const typename Op::Lift& lift) {
  using Acc = typename Op::Acc;
  const auto part = [&](std::int64_t r, int u) TILEPOOL_INLINE_LAMBDA {
    const Source<Op, Element, 1> source{{static_cast<const Element*>(scan.rows[r])}, lift};
    return source.template load<N>(strip.read + u * strip.read_hop);
  };
  if (scan.stop_count == 0) return;
  Vec<Acc, N> acc[Vectors];
  for (int u = 0; u < Vectors; ++u) acc[u] = part(0, u);
  std::int64_t r = 1;
  for (std::int64_t s = 0; s < scan.stop_count; ++s) {
    for (; r < scan.stops[s].rows; ++r) {
      for (int u = 0; u < Vectors; ++u) acc[u] = Op::template combine<N>(acc[u], part(r, u));
    }
    auto* const to = static_cast<Acc*>(scan.stops[s].target) + strip.write;
    for (int u = 0; u < Vectors; ++u) {
      auto* const at = to + u * strip.write_hop;
      store(at, Merge ? Op::template combine<N>(load<N>(at), acc[u]) : acc[u]);
    }
  }
}

template <class Op, class Element, int Vectors, int N>
TILEPOOL_INLINE void scan_halves(const Halves& halves, const Strip& strip, const typename Op::Lift& lift) {
  scan_strip<Op, Element, false, Vectors, N>(halves.first, strip, lift);
  if (halves.first.stop_count > 0) return scan_strip<Op, Element, true, Vectors, N>(halves.second, strip, lift);
  scan_strip<Op, Element, false, Vectors, N>(halves.second, strip, lift);
}

/// Some vectors of columns at a time: their running combinations stay in registers, and what stops write in a cache
/// until the second half is merged with it.
template <class Op>
void scan_rows(const Halves& halves, std::int64_t n, const Keying& keying) {
  using In = typename Op::In;
  const typename Op::Lift lift(keying);
  const Scan& any = halves.first.stop_count > 0 ? halves.first : halves.second;
  if (any.stop_count == 0) return;
  sweep_columns<typename Op::Acc, Op::lanes, scan_unroll, scan_unroll>(
      static_cast<const In*>(any.rows[0]), n, [&](auto vectors, auto lanes, std::int64_t at) TILEPOOL_INLINE_LAMBDA {
        scan_halves<Op, In, vectors, lanes>(halves, {at, at, lanes, lanes}, lift);
      });
}

/// `One`: a step from a start by one row. `Adds`: there is another.
template <class Op, bool One, bool Adds>
struct RowStep {
  using In = typename Op::In;
  using Acc = typename Op::Acc;
  const Acc* start;
  const void* const* rows;
  std::int64_t count;
  Acc* target;
  const Acc* other;
  Acc* sum;
  typename Op::Lift lift;

  TILEPOOL_INLINE RowStep(const ScanStep& step, const Keying& keying)
      : start(static_cast<const Acc*>(step.start)),
        rows(step.rows),
        count(step.count),
        target(static_cast<Acc*>(step.target)),
        other(static_cast<const Acc*>(step.other)),
        sum(static_cast<Acc*>(step.sum)),
        lift(keying) {}

  template <int N>
  TILEPOOL_INLINE Vec<Acc, N> combined(std::int64_t at) const {
    const auto row = [&](std::int64_t r) TILEPOOL_INLINE_LAMBDA {
      return Source<Op, In, 1>{{static_cast<const In*>(rows[r])}, lift}.template load<N>(at);
    };
    if constexpr (One) return Op::template combine<N>(load<N>(start + at), row(0));
    auto acc = start != nullptr ? load<N>(start + at) : row(0);
    for (std::int64_t r = start != nullptr ? 0 : 1; r < count; ++r) acc = Op::template combine<N>(acc, row(r));
    return acc;
  }

  template <int N>
  TILEPOOL_INLINE void put(std::int64_t at, Vec<Acc, N> acc) const {
    store(target + at, acc);
    if constexpr (Adds) store(sum + at, Op::template combine<N>(load<N>(other + at), acc));
  }

  /// Vectors lie in whole cache lines where the first row lets them. Those at both ends overlap with others: they are
  /// combined before these overwrite what they go on from.
  TILEPOOL_INLINE void take(std::int64_t n) const {
    constexpr int N = Op::lanes;
    if (N == 1 || n < N) {
      for (std::int64_t i = 0; i < n; ++i) put<1>(i, combined<1>(i));
    } else {
      const auto first = combined<N>(0), last = combined<N>(n - N);
      constexpr int unroll = 4;
      std::int64_t i = count > 0 ? behind_line_end<In, N>(rows[0]) : 0;
      for (; i + unroll * N <= n; i += unroll * N) {
        Vec<Acc, N> acc[unroll];
        for (int u = 0; u < unroll; ++u) acc[u] = combined<N>(i + u * N);
        for (int u = 0; u < unroll; ++u) put<N>(i + u * N, acc[u]);
      }
      for (; i + N <= n; i += N) put<N>(i, combined<N>(i));
      put<N>(0, first);
      put<N>(n - N, last);
    }
  }
};

template <class Op>
void scan_row(const ScanStep& step, std::int64_t n, const Keying& keying) {
  const bool one = step.start != nullptr && step.count == 1;
  if (step.other != nullptr) {
    if (one) return RowStep<Op, true, true>(step, keying).take(n);
    return RowStep<Op, false, true>(step, keying).take(n);
  }
  if (one) return RowStep<Op, true, false>(step, keying).take(n);
  RowStep<Op, false, false>(step, keying).take(n);
}

}  // namespace
}  // namespace tilepool
