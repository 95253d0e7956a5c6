// Sliding windows put together from halves of blocks.
#pragma once

#include <cstdint>

namespace tilepool {

/// A window that is as long as a block of rows covers the end of the block that it starts in and the beginning of the
/// next one: the cost does not grow with it (van Herk 1992, Gil and Werman 1993). Of the windows [from, to) that start
/// in a block before row `border`, window o sees the rows [first(o), end(o)) of those that there are.
///
/// Calls take(row, is_first) for the rows before the border, up from it, and suffix(o, seen) when those of window o
/// have been taken; then turn(); then take(row, is_first) for the rows from the border on, and whole(o, seen) when
/// those of window o have been taken. `seen`: whether there was any.
/// Inlined always: kernels are to have no copy of what others might use.
template <class First, class End, class Take, class Suffix, class Turn, class Whole>
[[gnu::always_inline]] inline void walk_block(std::int64_t from, std::int64_t to, std::int64_t border,
                                              const First& first, const End& end, const Take& take,
                                              const Suffix& suffix, const Turn& turn, const Whole& whole) {
  std::int64_t row = border;
  for (std::int64_t o = to; o-- > from;) {
    for (const std::int64_t least = first(o); row > least; --row) take(row - 1, row == border);
    suffix(o, row < border);
  }
  turn();
  row = border;
  for (std::int64_t o = from; o < to; ++o) {
    for (const std::int64_t behind = end(o); row < behind; ++row) take(row, row == border);
    whole(o, row > border);
  }
}

}  // namespace tilepool
