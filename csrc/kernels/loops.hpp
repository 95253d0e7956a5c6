// The loops of one accumulator, all of them.
#pragma once

#include "buffer.hpp"
#include "bundle.hpp"
#include "endless.hpp"
#include "flow.hpp"
#include "fold.hpp"

namespace tilepool {
namespace {

/// Up to how many rows are pooled while they are read in place.
enum class Rows { none, one, few };

template <Accumulator accumulator, class Op, Rows rows>
constexpr Loops make_loops() {
  static_assert(sizeof(typename Op::Acc) == size_of(accumulator));
  Loops loops{};
  loops.fold_rows = fold_rows<Op>;
  loops.scan_rows = scan_rows<Op>;
  loops.scan_row = scan_row<Op>;
  loops.widen = widen_rows<Op>;
  if constexpr (rows == Rows::one) loops.pool_rows = pool_one_row<Op>;
  if constexpr (rows == Rows::few) loops.pool_rows = pool_rows<Op>;
  loops.pool_buffer = pool_buffer<Op>;
  if constexpr (Op::rounds) loops.pool_flow = pool_flow<Op>;
  if constexpr (has_planes(accumulator)) {
    if constexpr (rows != Rows::none) loops.pool_endless = pool_endless<Op, Op>;
    loops.interleave = interleave<Op>;
    loops.scan_cells = scan_cells<Op>;
    loops.separate = separate<Op>;
  }
  return loops;
}

template <Accumulator accumulator, class Op, Rows rows = Rows::few>
constexpr Loops loops_of = make_loops<accumulator, Op, rows>();

}  // namespace
}  // namespace tilepool
