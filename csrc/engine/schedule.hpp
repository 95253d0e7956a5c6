// HOW: how long tiles are, and which strategy walks them. Every choice that the bits of a result may depend on is made
// here, or by the roles of axes: by shape, windows and op alone, never by threads or ISA.
#pragma once

#include <cstdint>
#include <variant>

#include "axis_roles.hpp"

namespace tilepool {

/// How windows are put together: from `parts` windows of `taps` each, `hop` taps apart. More than one tap is combined
/// beforehand: see Widening.
struct Parts {
  std::int64_t taps, parts, hop;
};

/// How a row is pooled along itself.
struct RowLoop {
  Parts across;       // of the windows of a buffered row
  bool in_blocks;     // ... in blocks: Widening::in_blocks
  bool bordered;      // a buffered row has identity pixels on both sides, so that no window is clipped
  bool unclipped;     // spans have whole windows: their kernels, or borders, have nothing beyond the input
  bool long_windows;  // Along::long_windows
  bool streams;       // Along::streams
};

/// The strategies, each with its own numbers. Each is a file in strategies/.
namespace by {
struct Direct {};
struct Gathered {
  std::int64_t piece;  // a window that is alone in its row is taken in pieces of so many pixels; 0: it is not
  int levels;          // sums of more than `most_added` rows are added up in pairs on so many levels; 0: there are none
  bool flows = false;  // a row is pooled by Loops::pool_flow
};
struct Scanned {
  std::int64_t slots;     // output rows of a block that are made at a time
  std::int64_t together;  // of which so many are finished at a time
  bool row_by_row;        // else some columns at a time
  int levels;             // as those of Gathered; row by row
};
struct Framed {
  std::int64_t above;  // rows of the frame above the plane ...
  std::int64_t rows;   // ... and of all of it
  bool in_blocks;      // its columns are combined in blocks
};
struct Endless {
  bool crosses_planes;  // windows go through several planes ...
  std::int64_t planes;  // ... so many at most
};
struct Bundled {
  std::int64_t bundles;
  bool scans_columns, scans_rows;  // windows are put together from halves, else tap by tap
};
struct Narrow {
  std::int64_t extent;  // pixels that a window reaches over
};
struct Present {
  std::int64_t extent;    // pixels that a window reaches over
  double fewest = 0;      // Presence::fewest
  double most_cells = 0;  // Presence::most_cells
};
struct Picked {};
struct Paired {
  std::int64_t rows;  // of the input that a block sees
};
struct Surveyed {
  bool single;         // Survey::single
  std::int64_t bytes;  // of scratch
};
}  // namespace by

using Strategy = std::variant<by::Direct, by::Gathered, by::Scanned, by::Framed, by::Endless, by::Bundled, by::Narrow,
                              by::Picked, by::Surveyed, by::Paired, by::Present>;
/// In the order of the variant.
constexpr const char* strategy_names[] = {"direct", "gathered", "scanned",  "framed", "endless", "bundled",
                                          "narrow", "picked",   "surveyed", "paired", "present"};

struct Schedule : AxisRoles {
  std::int64_t tile_outputs;  // outputs of the row axis in one tile (the last tile may have fewer)
  std::int64_t tiles;         // tiles of a row

  RowLoop row_loop;
  Strategy strategy;

  std::int64_t units;  // what threads share: output rows of a tile, or bundles
  std::int64_t work;   // in bytes of traffic that would take as long, for the choice of the thread count
};

/// Throws std::invalid_argument where the form cannot be run (the axis that is innermost in memory must have unit
/// stride), std::overflow_error where 64 bits do not suffice.
Schedule make_schedule(const NormalForm& form);

/// Whether the arrays do not fit a second-level cache.
inline bool is_far(const NormalForm& form) { return form.traffic > 1 << 20; }

/// Bytes of a buffered row of so many bytes: whole cache lines, and an odd number of them, so that rows below each
/// other do not share cache sets.
constexpr std::int64_t pitch_of(std::int64_t bytes) { return bytes >= 1024 ? ((bytes + 63) / 64 | 1) * 64 : bytes; }

}  // namespace tilepool
