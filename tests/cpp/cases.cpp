// Shapes and windows beside the way they are there for (csrc/engine/loops.cpp decides, by element type, too).
#include "cases.hpp"

namespace tilepool::tests {

const std::vector<Pooling>& poolings() {
  static const std::vector<Pooling> list_of_all = [] {
    constexpr auto none = std::nullopt;
    constexpr Fit ceil = Fit::ceil, full = Fit::full;
    std::vector<Pooling> all{
        // nothing pooled, nothing there, one cell
        {{}, {}},
        {{7}, {none}},
        {{3, 0, 4}, {slide(1, 1), none, none}},
        {{1, 1}, {slide(3, 2, 1), slide(1, 1)}},
        {{4, 1, 5}, {none, slide(5, 1, 4), none}},
        // rows read while they are pooled
        {{3, 9, 70}, {none, slide(2, 2), slide(2, 2)}},
        {{2, 11, 45}, {none, slide(3, 2, 1), slide(3, 2, 1)}},
        {{2, 6, 37}, {none, slide(1, 1), slide(4, 3, 2, 2)}},
        {{5, 83}, {none, slide(5, 4, 2, 1, ceil)}},
        {{5, 61}, {none, slide(3, 3, 1, 1, full)}},
        {{3, 20, 33}, {none, slide(1, 3), slide(2, 5, 1, 4)}},
        {{40000}, {slide(2, 2)}},
        {{3, 8, 20, 3}, {none, slide(2, 2), slide(2, 2), none}},
        {{2, 8, 20, 4}, {none, slide(3, 2, 1), slide(3, 2, 1), none}},
        // windows that see nothing
        {{3, 4, 5}, {none, slide(2, 5, 4, 7, full), slide(2, 1, 2, 4)}},
        {{2, 3, 2}, {slide(2, 1, 3, 5), slide(1, 2), slide(2, 4, 3, 3, full)}},
        // all axes; windows across the lines
        {{4, 5, 6, 17}, {slide(2, 1), slide(2, 2, 1), slide(3, 1, 1), slide(2, 1)}},
        {{6, 5, 40}, {slide(3, 2, 1), slide(1, 1), slide(3, 1, 1)}},
        {{3, 4, 3, 4, 5}, {slide(2, 1), none, slide(2, 1), none, slide(2, 1)}},
        // whole planes as one row
        {{3, 12, 19}, {none, slide(3, 1, 1), slide(3, 1, 1)}},
        {{2, 12, 90}, {none, slide(5, 1, 2), slide(5, 1, 2)}},
        {{4, 12, 21}, {slide(3, 1, 1), slide(3, 1, 1), slide(3, 1, 1)}},
        {{2, 14, 33}, {none, slide(3, 1, 2, 2), slide(3, 1, 1)}},
        // small planes side by side
        {{21, 7, 7}, {none, slide(3, 2, 1), slide(3, 2, 1)}},
        {{35, 9, 8}, {none, slide(5, 1, 2), slide(6, 1)}},
        {{18, 13, 12}, {none, adapt(5), adapt(7)}},
        {{17, 10, 9}, {none, list({0, 2, 2}, {3, 3, 8}), slide(2, 1)}},
        // buffers, with and without borders
        {{2, 10, 40}, {none, slide(4, 2, 1), slide(3, 2, 1)}},
        {{2, 23, 31}, {none, adapt(4), adapt(9)}},
        {{23, 31}, {list({0, 3, 4, 9}, {9, 6, 19, 14}), list({1, 1, 30}, {2, 29, 1})}},
        {{9, 6000}, {slide(5, 3, 2), slide(3, 1, 1)}},
        {{3, 40}, {none, slide(37, 1, 36)}},
        // doubling
        {{3, 300}, {none, slide(17, 1, 8)}},
        {{2, 3, 150}, {none, slide(2, 1), slide(40, 2, 39)}},
        {{3, 9000}, {none, slide(12, 1, 3)}},
        // blocks in a bordered plane
        {{3, 12, 13}, {none, slide(3, 1, 1), slide(9, 1, 4)}},
        {{2, 15, 18}, {none, slide(9, 1, 8), slide(8, 1)}},
        {{2, 12, 11, 3}, {none, slide(4, 1, 2), slide(9, 1), none}},
        // columns from suffixes and prefixes, by columns and by rows
        {{2, 30, 20}, {none, slide(9, 2, 4), slide(3, 1, 1)}},
        {{40, 600}, {slide(11, 1, 5), slide(2, 2)}},
        {{70, 530}, {slide(43, 1, 20), slide(3, 5)}},
        {{130, 9, 80}, {slide(90, 3, 89), none, slide(2, 4)}},
        {{7, 24, 9, 5}, {slide(2, 1), slide(8, 2), none, none}},
        // blocks along pixels
        {{3, 30, 70}, {none, slide(9, 1, 4), none}},
        {{9, 33, 66}, {slide(2, 1), slide(11, 2, 10), none}},
        {{2, 10, 24, 65}, {none, slide(4, 1), slide(8, 1, 3), none}},
        // long windows
        {{5, 400}, {none, slide(20, 6)}},
        {{3, 5, 500}, {none, slide(2, 1), slide(500, 1)}},
        {{4, 2500}, {none, slide(2500, 1)}},
        {{11, 13}, {slide(11, 11), slide(13, 13)}},
        {{6, 5, 9}, {slide(6, 1), none, none}},
        // more taps than the accumulators of short integers hold
        {{70, 520}, {slide(66, 2), slide(510, 5)}},
        {{2, 40000}, {none, slide(40000, 1)}},
        // pixels of a page
        {{5, 4, 1100}, {slide(3, 2, 1), none, none}},
    };
    for (std::int64_t width = 1; width < 36; ++width) {
      all.push_back({{3, width}, {slide(2, 1, 1), slide(3, 2, 2)}});
      all.push_back({{2, width, width % 6 + 2}, {none, slide(2, 1, 1), none}});
      all.push_back({{2, width + 8}, {none, slide(width % 9 + 1, width % 4 + 1)}});
    }
    return all;
  }();
  return list_of_all;
}

Manner manner_of(Op op, DType dtype, std::uint64_t number) {
  constexpr std::int64_t far = std::int64_t{1} << 33;
  const auto turn = [&number](std::uint64_t of) {
    const std::uint64_t value = number % of;
    number /= of;
    return value;
  };
  Manner manner;
  switch (op) {
    case Op::max:
    case Op::min:
      manner.indices = static_cast<Indices>(turn(3));
      manner.wide_indices = turn(2) == 0;
      if (manner.wide_indices && turn(2) == 0) manner.weight = far;
      break;
    case Op::average:
    case Op::average_rounded: {
      constexpr double divisors[] = {0, 0, 7, -4, 0x1p52};
      manner.count_padding = turn(2) == 0;
      manner.to_integer.rounding = static_cast<Rounding>(turn(4));
      constexpr DType integers[] = {DType::int64, DType::uint8,  DType::int16, DType::uint64,
                                    DType::int8,  DType::uint16, DType::int32, DType::uint32};
      manner.to_integer.dtype = turn(3) == 0 ? integers[turn(8)] : dtype == DType::boolean ? DType::uint8 : dtype;
      manner.divisor = divisors[turn(dtype == DType::float16 ? 4 : 5)];
      break;
    }
    case Op::power_sum:
      manner.parameters[0] = turn(2) == 0 ? 2 : 3;
      break;
    case Op::power_mean:
      manner.parameters[0] = 3;
      manner.parameters[1] = 1e-6;
      break;
    case Op::log_sum_exp:
      manner.parameters[0] = 2;
      manner.parameters[1] = static_cast<double>(turn(2));
      break;
    case Op::softmax:
      manner.parameters[0] = 2;
      break;
    case Op::variance:
    case Op::deviation:
      manner.parameters[0] = static_cast<double>(turn(2));
      break;
    case Op::quantile:
    case Op::quantile_of_cells: {
      constexpr Between of_cells[] = {Between::lower, Between::higher, Between::nearest};
      constexpr Between others[] = {Between::linear, Between::midpoint};
      constexpr double quantiles[] = {0.5, 0.3, 0, 1, 0.75};
      manner.parameters[1] = static_cast<double>(op == Op::quantile ? others[turn(2)] : of_cells[turn(3)]);
      manner.parameters[0] = quantiles[turn(5)];
      break;
    }
    default:
      break;
  }
  manner.omit = surveys(op) && turn(2) == 0;
  return manner;
}

std::set<std::string> ways_of(const Plan& plan) {
  if (plan.form.empty) return {"empty"};
  std::set<std::string> ways;
  const auto add = [&](bool taken, const char* way) {
    if (taken) ways.insert(way);
  };
  const Schedule& schedule = plan.schedule;
  const RowLoop& loop = schedule.row_loop;
  const auto is = [&](const char* name) { return strategy_names[schedule.strategy.index()] == std::string(name); };
  add(is("picked") && plan.form.far_indices, "indices far apart");
  add(is("picked") && !plan.form.far_indices, "indices");
  add(is("paired"), "indices in pairs");
  const auto* const surveyed = std::get_if<by::Surveyed>(&schedule.strategy);
  add(surveyed != nullptr && surveyed->single, "survey of single windows");
  add(surveyed != nullptr && !surveyed->single, "survey");
  add(is("bundled"), "bundles");
  add(is("narrow"), "averages in twice the width");
  const auto* const endless = std::get_if<by::Endless>(&schedule.strategy);
  add(endless != nullptr, "endless");
  add(endless != nullptr && endless->crosses_planes, "endless across planes");
  add(is("framed") && schedule.inner == 1, "planes");
  add(is("framed") && schedule.inner > 1, "planes of pixels");
  const auto* const scanned = std::get_if<by::Scanned>(&schedule.strategy);
  add(scanned != nullptr && !scanned->row_by_row, "slides by columns");
  add(scanned != nullptr && scanned->row_by_row, "slides by rows");
  add(is("gathered") && loop.bordered, "buffer with borders");
  add(is("gathered") && !loop.bordered, "buffer without borders");
  add(!surveys(plan.form.op) && plan.form.steps.prepared && !is("picked") && !is("narrow"), "prepared rows");
  add(!surveys(plan.form.op) && plan.form.steps.finished && !is("picked") && !is("narrow"), "finished rows");
  add(loop.in_blocks, "blocks along the row");
  add(loop.across.taps > 1 && !loop.in_blocks, "doubling");
  add(loop.long_windows && !is("direct"), "long windows of a buffer");
  add(loop.long_windows && is("direct"), "long windows");
  add(is("direct") && loop.unclipped, "lists of unclipped rows");
  add(is("direct") && !loop.unclipped, "lists");
  add(schedule.tiles > 1 && !is("picked") && !is("surveyed"), "tiles");
  return ways;
}

const std::set<std::string>& all_ways() {
  static const std::set<std::string> all{"empty",
                                         "indices far apart",
                                         "indices",
                                         "indices in pairs",
                                         "survey of single windows",
                                         "survey",
                                         "bundles",
                                         "averages in twice the width",
                                         "endless",
                                         "endless across planes",
                                         "planes",
                                         "planes of pixels",
                                         "slides by columns",
                                         "slides by rows",
                                         "buffer with borders",
                                         "buffer without borders",
                                         "prepared rows",
                                         "finished rows",
                                         "blocks along the row",
                                         "doubling",
                                         "long windows of a buffer",
                                         "long windows",
                                         "lists of unclipped rows",
                                         "lists",
                                         "tiles"};
  return all;
}

}  // namespace tilepool::tests
