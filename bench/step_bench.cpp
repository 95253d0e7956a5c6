// Times the steps of kernels one by one: rows prepared, accumulators combined by each loop, rows finished, and the hot
// cells that go from elements to results. GB/s counts the bytes that a step reads and writes, each once.
#include "step_bench.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "engine/dispatch.hpp"

namespace tilepool_bench {
namespace {

using namespace tilepool;

constexpr std::pair<const char*, std::int64_t> places[] = {{"L1", 16 << 10}, {"L2", 512 << 10}, {"memory", 256 << 20}};

std::string name_of(DType dtype) { return info_of(dtype).name; }

/// Numbers that are accumulators, and elements where these are combined as they are.
DType dtype_of(Accumulator accumulator) {
  constexpr DType dtypes[accumulator_count] = {DType::int8,    DType::int16,   DType::int32,   DType::int64,
                                               DType::float16, DType::float32, DType::float64, DType::float32,
                                               DType::float64, DType::int32,   DType::int64,   DType::int64,
                                               DType::float32, DType::float64, DType::int64};
  return dtypes[static_cast<std::size_t>(accumulator)];
}

/// Runs work() and counts `bytes` for each time, but for the first one, which touches the memory.
template <class Work>
void measure(benchmark::State& state, std::int64_t bytes, const Work& work) {
  work();
  for (auto _ : state) {
    work();
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * bytes);
}

/// body(state, bytes) is to measure something that reads and writes about so many bytes.
template <class Body>
void register_at_places(const std::string& name, const Body& body) {
  for (const auto& [place, bytes] : places) {
    benchmark::RegisterBenchmark((name + "/" + place).c_str(), [body, bytes = bytes](benchmark::State& state) {
      body(state, bytes);
    })->Unit(benchmark::kMicrosecond);
  }
}

/// A step from rows of one type to rows of another: step(to, from, n).
template <class Step>
void register_step(const std::string& name, DType from, std::int64_t from_size, std::int64_t to_size,
                   const Step& step) {
  register_at_places(name, [=](benchmark::State& state, std::int64_t bytes) {
    const std::int64_t n = bytes / (from_size + to_size);
    const Memory elements = random_array(from, n * from_size), results = allocate(n * to_size);
    measure(state, n * (from_size + to_size), [&] { step(results.get(), elements.get(), n); });
  });
}

void register_rows_before_and_after(const RowSteps& steps) {
  for (int d = 0; d < dtype_count; ++d) {
    const auto dtype = static_cast<DType>(d);
    const std::int64_t size = info_of(dtype).size;
    for (int to = 0; to < dtype_count; ++to) {
      const Prepare convert = steps.convert[d][to];
      if (convert == nullptr || to == d) continue;
      const auto target = static_cast<DType>(to);
      register_step("prepare/" + name_of(dtype) + "_as_" + name_of(target), dtype, size, info_of(target).size,
                    [=](void* out, const void* in, std::int64_t n) { convert(out, in, n, 0); });
    }
    for (int a = 0; a < accumulator_count; ++a) {
      const auto accumulator = static_cast<Accumulator>(a);
      const std::string name = accumulator_names[a];
      if (const Prepare prepare = steps.prepare[a][d]) {
        register_step("prepare/" + name + "/" + name_of(dtype), dtype, size, size_of(accumulator),
                      [=](void* out, const void* in, std::int64_t n) { prepare(out, in, n, 0); });
      }
      if (const Finish finish = steps.finish[a][d]) {
        register_step("finish/" + name + "/" + name_of(dtype), dtype_of(accumulator), size_of(accumulator), size,
                      [=](void* out, const void* in, std::int64_t n) { finish(out, in, n, 9, {}); });
      }
    }
  }
  for (int a = 0; a < accumulator_count; ++a) {
    const auto accumulator = static_cast<Accumulator>(a);
    if (const Finish round = steps.round[a]) {
      register_step(std::string("finish/") + accumulator_names[a] + "/rounded", dtype_of(accumulator),
                    size_of(accumulator), 8,
                    [=](void* out, const void* in, std::int64_t n) { round(out, in, n, 9, {}); });
    }
  }
}

/// Rows of equal length in one block of memory.
struct Rows {
  Rows(DType dtype, std::int64_t size, std::int64_t count, std::int64_t length)
      : bytes(length * size), memory(random_array(dtype, count * bytes + buffer_slack)) {
    for (std::int64_t r = 0; r < count; ++r) list.push_back(memory.get() + r * bytes);
  }
  std::int64_t bytes;
  Memory memory;
  std::vector<const void*> list;
};

/// A row pooled along itself: windows of so many taps at some stride.
struct Whole {
  Whole(std::int64_t width, std::int64_t taps, std::int64_t stride)
      : outputs((width - taps) / stride + 1), span{0, outputs, 0, taps, static_cast<double>(taps)} {
    along = {1, stride, 1, width, false, false, {}, &span, 1};
  }
  Whole(const Whole&) = delete;
  std::int64_t outputs;
  Span span;
  Along along;
};

using PoolRows = decltype(Loops::pool_rows);
using PoolEndless = decltype(Loops::pool_endless);

void register_pool_rows(const std::string& name, PoolRows pool, DType dtype, std::int64_t size, std::int64_t out_size,
                        std::int64_t rows, std::int64_t taps, std::int64_t stride, const Keying& keying) {
  register_at_places(name, [=](benchmark::State& state, std::int64_t bytes) {
    const std::int64_t width = bytes * stride / (rows * stride * size + out_size);
    const Rows elements(dtype, size, rows, width);
    const Whole row(width, taps, stride);
    const Memory results = allocate(row.outputs * out_size);
    measure(state, width * rows * size + row.outputs * out_size,
            [&] { pool(row.along, elements.list.data(), rows, static_cast<double>(rows), results.get(), {}, keying); });
  });
}

/// Planes of lines of 64, in windows of 3 x 3.
void register_endless(const std::string& name, PoolEndless pool, DType dtype, std::int64_t size, std::int64_t out_size,
                      const Keying& keying) {
  register_at_places(name, [=](benchmark::State& state, std::int64_t bytes) {
    constexpr std::int64_t width = 64;
    const std::int64_t n = bytes / (size + out_size) / width * width;
    const Memory plane = random_array(dtype, n * size), results = allocate(n * out_size);
    std::vector<EndlessRow> rows;
    for (const std::int64_t line : {-width, std::int64_t{0}, width}) {
      rows.push_back({line, line < 0 ? width : 0, line > 0 ? n - width : n});
    }
    const Endless windows{width, 3, width, n - width, 9};
    measure(state, n * (size + out_size),
            [&] { pool(windows, plane.get(), rows.data(), 3, results.get(), n, keying); });
  });
}

/// Windows of 8 rows, one below the other, from the 8 rows above and the 8 rows below a border.
struct EightWindows {
  EightWindows(const std::vector<const void*>& rows, const std::vector<void*>& targets) {
    for (std::int64_t i = 0; i < 8; ++i) {
      up.push_back(rows[static_cast<std::size_t>(7 - i)]);
      down.push_back(rows[static_cast<std::size_t>(8 + i)]);
      suffixes.push_back({i + 1, targets[static_cast<std::size_t>(7 - i)]});
      if (i > 0) prefixes.push_back({i, targets[static_cast<std::size_t>(i)]});
    }
    halves = {{suffixes.data(), 8, up.data()}, {prefixes.data(), 7, down.data()}};
  }
  EightWindows(const EightWindows&) = delete;
  std::vector<const void*> up, down;
  std::vector<Stop> suffixes, prefixes;
  Halves halves;
};

void register_loops(Accumulator accumulator, const Loops& loops) {
  const std::int64_t size = size_of(accumulator);
  const DType dtype = dtype_of(accumulator);
  const std::string name = std::string("combine/") + accumulator_names[static_cast<int>(accumulator)] + "/";
  const auto rows_of = [=](std::int64_t bytes, std::int64_t count) {
    return Rows(dtype, size, count, bytes / count / size);
  };
  const auto writeable = [](const void* row) { return const_cast<void*>(row); };

  register_at_places(name + "fold", [=, &loops](benchmark::State& state, std::int64_t bytes) {
    const Rows rows = rows_of(bytes, 5);  // the last one is the target
    measure(state, 5 * rows.bytes,
            [&] { loops.fold_rows(writeable(rows.list[4]), nullptr, rows.list.data(), 4, rows.bytes / size, {}, {}); });
  });
  register_at_places(name + "scan", [=, &loops](benchmark::State& state, std::int64_t bytes) {
    const Rows rows = rows_of(bytes, 24);
    std::vector<void*> targets;
    for (std::size_t r = 16; r < 24; ++r) targets.push_back(writeable(rows.list[r]));
    const EightWindows windows(rows.list, targets);
    measure(state, 24 * rows.bytes, [&] { loops.scan_rows(windows.halves, rows.bytes / size, {}); });
  });
  register_at_places(name + "scan_step", [=, &loops](benchmark::State& state, std::int64_t bytes) {
    const Rows rows = rows_of(bytes, 5);
    void* const running = writeable(rows.list[1]);
    measure(state, 5 * rows.bytes, [&] {
      loops.scan_row({running, rows.list.data(), 1, running, rows.list[2], writeable(rows.list[3])}, rows.bytes / size,
                     {});
    });
  });
  for (const bool in_blocks : {false, true}) {
    register_at_places(
        name + (in_blocks ? "blocks" : "double"), [=, &loops](benchmark::State& state, std::int64_t bytes) {
          const std::int64_t columns = 64, count = bytes / 2 / size / columns;
          const Rows buffers = rows_of(2 * count * columns * size + 2 * buffer_slack, 2);
          const Widening widening{8, columns, in_blocks, 0, 0, count};
          measure(state, 2 * count * columns * size,
                  [&] { loops.widen(writeable(buffers.list[1]), buffers.list[0], count, columns, widening); });
        });
  }
  for (const std::int64_t stride : {1, 2}) {
    register_at_places(
        name + "along/3x1_stride_" + std::to_string(stride), [=, &loops](benchmark::State& state, std::int64_t bytes) {
          const Rows buffers = rows_of(bytes, 2);
          const Whole row(buffers.bytes / size, 3, stride);
          measure(state, buffers.bytes + row.outputs * size, [&] {
            loops.pool_buffer(row.along, buffers.list[0], nullptr, 1, writeable(buffers.list[1]), {}, {});
          });
        });
  }
  if (loops.pool_rows != nullptr) {
    register_pool_rows(name + "rows/2x2_stride_2", loops.pool_rows, dtype, size, size,
                       pools_at_once(accumulator, 2, 2, 2, 1, 1) ? 2 : 1, 2, 2, {});
  }
  if (loops.pool_endless != nullptr) {
    register_endless(name + "endless/3x3", loops.pool_endless, dtype, size, size, {});
  }
  if (!has_planes(accumulator)) return;
  const std::int64_t planes = cell_bytes / size;
  register_at_places(name + "interleave", [=, &loops](benchmark::State& state, std::int64_t bytes) {
    const std::int64_t cells = bytes / 2 / cell_bytes;
    const Rows rows(dtype, size, planes, cells);
    const Memory bundle = allocate(cells * cell_bytes);
    measure(state, 2 * cells * cell_bytes, [&] { loops.interleave(bundle.get(), rows.list.data(), cells, {}); });
  });
  register_at_places(name + "separate", [=, &loops](benchmark::State& state, std::int64_t bytes) {
    const std::int64_t cells = bytes / 2 / cell_bytes;
    const Rows rows(dtype, size, planes, cells);
    const Memory bundle = random_array(dtype, cells * cell_bytes);
    std::vector<void*> targets;
    for (const void* row : rows.list) targets.push_back(writeable(row));
    const double divisor = 9;
    measure(state, 2 * cells * cell_bytes,
            [&] { loops.separate(bundle.get(), cells, &divisor, true, targets.data(), {}); });
  });
  register_at_places(name + "scan_cells", [=, &loops](benchmark::State& state, std::int64_t bytes) {
    const std::int64_t lines = bytes / 24 / cell_bytes;
    const Memory cells = random_array(dtype, 24 * lines * cell_bytes);
    std::vector<const void*> rows;
    std::vector<void*> targets;
    for (std::int64_t i = 0; i < 24; ++i) {
      if (i < 16) rows.push_back(cells.get() + i * cell_bytes);
      if (i >= 16) targets.push_back(cells.get() + i * cell_bytes);
    }
    const EightWindows windows(rows, targets);
    measure(state, 24 * lines * cell_bytes,
            [&] { loops.scan_cells(&windows.halves, 1, {lines, 24 * cell_bytes, 24 * cell_bytes}); });
  });
}

void register_fused(const Fused& fused) {
  for (int o = 0; o < static_cast<int>(Op::power_sum); ++o) {
    for (int d = 0; d < dtype_count; ++d) {
      const FusedLoops* const loops = fused.loops[o][d];
      if (loops == nullptr) continue;
      const auto op = static_cast<Op>(o);
      const auto dtype = static_cast<DType>(d);
      const std::string name = std::string("fused/") + op_names[o] + "/" + name_of(dtype);
      const std::int64_t size = info_of(dtype).size, out_size = info_of(result_dtype(op, dtype)).size;
      Steps steps = steps_of(op, dtype, 9);
      steps.prepared = steps.finished = false;
      const Keying keying = keying_of(steps, dtype);
      if (loops->pool_rows != nullptr) {
        register_pool_rows(name + "/2x2_stride_2", loops->pool_rows, dtype, size, out_size, 2, 2, 2, keying);
        register_pool_rows(name + "/3x3_stride_2", loops->pool_rows, dtype, size, out_size, 3, 3, 2, keying);
      }
      if (loops->pool_endless != nullptr) {
        register_endless(name + "/3x3", loops->pool_endless, dtype, size, out_size, keying);
      }
    }
  }
}

/// Averages of short integers as what they are: of windows that lie end to end, and of some that overlap.
void register_averages(const Averages& averages) {
  constexpr std::pair<std::int64_t, std::int64_t> windows[] = {{2, 2}, {3, 3}, {4, 4}, {3, 2}};
  for (const DType dtype : {DType::uint8, DType::uint16}) {
    const AverageRows average = averages.rows[static_cast<int>(dtype)];
    const std::int64_t size = info_of(dtype).size;
    for (const auto& [taps, stride] : windows) {
      const std::string name = std::to_string(taps) + "x" + std::to_string(taps) + "_stride_" + std::to_string(stride);
      register_at_places("narrow/" + name_of(dtype) + "/" + name,
                         [=, taps = taps, stride = stride](benchmark::State& state, std::int64_t bytes) {
                           const std::int64_t width = bytes * stride / ((taps * stride + 1) * size);
                           const Rows elements(dtype, size, taps, width);
                           const Whole row(width, taps, stride);
                           const Memory space = allocate(narrow_bytes(row.along, taps, size));
                           const Memory results = allocate(row.outputs * size);
                           ToInteger rounding;
                           rounding.dtype = dtype;
                           measure(state, (width * taps + row.outputs) * size, [&] {
                             average(row.along, elements.list.data(), taps, static_cast<double>(taps), rounding,
                                     space.get(), results.get(), {});
                           });
                         });
    }
  }
}

}  // namespace

void register_steps() {
  const Kernels& kernels = active_table().kernels;
  register_rows_before_and_after(*kernels.steps);
  for (int a = 0; a < accumulator_count; ++a) register_loops(static_cast<Accumulator>(a), *kernels.loops[a]);
  register_fused(*kernels.fused);
  register_averages(*kernels.averages);
}

}  // namespace tilepool_bench
