// The order of combination as numbers: what of a schedule it depends on.
#include "combination_order.hpp"

namespace tilepool {
namespace {

/// Which windows an axis has. Those that are merged with others of their kind are as before, but for their number.
void list(std::vector<std::int64_t>& numbers, const Windows& windows) {
  numbers.insert(numbers.end(), {windows.kernel(), windows.stride(), windows.step(), windows.start(0)});
  if (!windows.slide()) numbers.insert(numbers.end(), {windows.input(), windows.outputs()});
}

}  // namespace

std::vector<std::int64_t> order_of(const Schedule& s) {
  struct Numbers {
    using List = std::vector<std::int64_t>;
    // Few rows one after the other, then the taps along the row: whether in a buffer, in planes or at once.
    List operator()(const by::Direct&) const { return {0, 0, 0}; }
    List operator()(const by::Gathered& n) const { return {0, n.piece, n.levels}; }
    List operator()(const by::Endless&) const { return {0, 0, 0}; }
    List operator()(const by::Scanned& n) const { return {1, n.levels}; }
    List operator()(const by::Framed& n) const { return {2, n.in_blocks}; }
    List operator()(const by::Bundled& n) const { return {3, n.scans_columns, n.scans_rows}; }
    List operator()(const by::Narrow&) const { return {6}; }  // of integers, which may be added up in any order
    List operator()(const by::Present&) const { return {0, 0, 0}; }
    List operator()(const by::Picked&) const { return {4}; }
    List operator()(const by::Paired&) const { return {4}; }
    List operator()(const by::Surveyed& n) const { return {5, n.single}; }
  };
  std::vector<std::int64_t> numbers = std::visit(Numbers{}, s.strategy);
  list(numbers, s.row.windows);
  list(numbers, s.column.windows);
  for (const NormalAxis& axis : s.outer) {
    if (!axis.windows.is_identity()) list(numbers, axis.windows);
  }
  const RowLoop& loop = s.row_loop;
  numbers.insert(numbers.end(),
                 {loop.across.taps, loop.across.parts, loop.across.hop, loop.in_blocks, loop.long_windows});
  if (loop.in_blocks) numbers.insert(numbers.end(), {s.tile_outputs, s.row.windows.outputs()});  // where blocks begin
  return numbers;
}

}  // namespace tilepool
