// Windows seen from the other side, sums over them, and values that go to the cells that indices name.
#include <doctest/doctest.h>

#include <random>
#include <stdexcept>

#include "engine/pool.hpp"
#include "engine/scatter.hpp"
#include "problem.hpp"

using namespace tilepool;
using namespace tilepool::tests;

namespace {

using Generator = std::mt19937_64;

std::int64_t between(Generator& random, std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(high - low + 1));
}

/// Windows of any kind over so many cells; none that are dilated at a stride.
std::pair<Words, Windows> some_windows(Generator& random, std::int64_t cells) {
  for (;;) {
    Words words = slide(between(random, 1, 9), between(random, 1, 7), 0, 1, static_cast<Fit>(between(random, 0, 2)));
    if (between(random, 0, 3) == 0) {
      words.stride = 1;
      words.dilation = between(random, 2, 4);
    }
    words.before = between(random, 0, words.dilation * (words.kernel - 1));
    words.after = between(random, 0, words.dilation * (words.kernel - 1));
    if (between(random, 0, 4) == 0) words = adapt(between(random, 1, cells + 3));
    if (between(random, 0, 4) == 0) {
      words = list({}, {});
      for (std::int64_t first = 0; first < cells; first += between(random, 1, 4)) {
        const std::int64_t least = words.firsts.empty() ? 1 : words.firsts.back() + words.counts.back() - first;
        words.firsts.push_back(first);
        words.counts.push_back(std::min(cells - first, std::max<std::int64_t>(least, between(random, 1, 5))));
      }
    }
    try {
      return {words, windows_of(words, cells)};
    } catch (const std::invalid_argument&) {
    }
  }
}

/// Of every cell, the outputs that see it.
std::vector<std::vector<std::int64_t>> seen_by(const Words& words, std::int64_t cells) {
  std::vector<std::vector<std::int64_t>> result(static_cast<std::size_t>(cells));
  const std::vector<Seen> outputs = seen_along(words, cells);
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    for (const std::int64_t cell : outputs[o].cells) {
      result[static_cast<std::size_t>(cell)].push_back(static_cast<std::int64_t>(o));
    }
  }
  return result;
}

}  // namespace

TEST_CASE("transposed windows see the outputs that see a cell") {
  Generator random(1);
  for (int i = 0; i < 4000; ++i) {
    const std::int64_t cells = between(random, 1, 40);
    const auto [words, windows] = some_windows(random, cells);
    const Windows transposed = windows.transposed();
    REQUIRE(transposed.input() == windows.outputs());
    REQUIRE(transposed.outputs() == cells);
    const auto expected = seen_by(words, cells);
    bool all_see = true;
    for (std::int64_t cell = 0; cell < cells; ++cell) {
      const Window window = transposed.at(cell);
      std::vector<std::int64_t> outputs;
      for (std::int64_t t = 0; t < window.count; ++t) outputs.push_back(window.first + t * transposed.step());
      REQUIRE(outputs == expected[static_cast<std::size_t>(cell)]);
      REQUIRE(window.count <= transposed.kernel());
      all_see = all_see && window.count > 0;
    }
    CHECK((all_see || !transposed.all_see()));
    for (const std::int64_t some : {std::int64_t{1}, std::int64_t{2}, cells}) {
      for (std::int64_t cell = 0; cell + some <= cells; ++cell) {
        REQUIRE(transposed.stop(cell + some - 1) - transposed.start(cell) <= transposed.extent(some));
      }
    }
  }
}

TEST_CASE("transposed windows near the limits of 64 bits are made or refused") {
  constexpr std::int64_t one = 1;
  int made = 0;
  for (const std::int64_t size : {one, std::int64_t{3}, one << 31, (one << 62) - 1, one << 62}) {
    for (const std::int64_t kernel : {one, std::int64_t{2}, one << 31, one << 61}) {
      for (const std::int64_t stride : {one, std::int64_t{2}, one << 32, one << 62}) {
        for (const std::int64_t padding : {std::int64_t{0}, kernel - 1}) {
          try {
            const Windows windows = windows_of(slide(kernel, stride, padding), size).transposed();
            const Window last = windows.at(windows.outputs() - 1);
            CHECK(last.count >= 0);
            CHECK(windows.extent(1) >= 0);
            ++made;
          } catch (const std::invalid_argument&) {
          } catch (const std::overflow_error&) {
          }
        }
      }
    }
  }
  CHECK(made > 50);
}

TEST_CASE("sums over transposed windows, rows of cells with others between them included") {
  Generator random(2);
  for (int i = 0; i < 1500; ++i) {
    const std::int64_t rows = between(random, 1, 9), columns = between(random, 1, 60), pixel = between(random, 1, 5);
    const auto [row_words, row] = some_windows(random, rows);
    const auto [column_words, column] = some_windows(random, columns);
    const Windows by_row = row.transposed(), by_column = column.transposed();
    const std::int64_t n = by_row.input(), m = by_column.input();
    Request request{};
    request.op = Op::sum;
    request.dtype = i % 2 == 0 ? DType::float32 : DType::float16;
    const std::int64_t size = info_of(request.dtype).size;
    request.axes = {{n, m * pixel * size, by_row, 0}, {m, pixel * size, by_column, 0}, {pixel, size, std::nullopt, 0}};
    const Plan plan = make_plan(request);
    const Block values(n * m * pixel * size), sums(rows * columns * pixel * size);
    for (std::int64_t v = 0; v < n * m * pixel; ++v) {
      put_element(request.dtype, values.begin() + v * size, static_cast<Number>(v % 7 - 3));
    }
    pool(plan, values.begin(), sums.begin());
    const auto of_row = seen_by(row_words, rows), of_column = seen_by(column_words, columns);
    std::int64_t wrong = 0;
    for (std::int64_t cell = 0; cell < rows * columns * pixel; ++cell) {
      Number expected = 0;
      for (const std::int64_t r : of_row[static_cast<std::size_t>(cell / pixel / columns)]) {
        for (const std::int64_t c : of_column[static_cast<std::size_t>(cell / pixel % columns)]) {
          expected += static_cast<Number>(((r * m + c) * pixel + cell % pixel) % 7 - 3);
        }
      }
      wrong += element(request.dtype, sums.begin() + cell * size) != expected;
    }
    REQUIRE(wrong == 0);
  }
}

TEST_CASE("values go to the cells that indices name, whatever the number of threads") {
  Generator random(3);
  for (int i = 0; i < 300; ++i) {
    // Some planes have several bands.
    const std::int64_t rows = i % 10 == 0 ? between(random, 500, 3000) : between(random, 1, 12);
    const std::int64_t columns = i % 10 == 0 ? between(random, 200, 400) : between(random, 1, 12);
    const auto [row_words, row] = some_windows(random, rows);
    const auto [column_words, column] = some_windows(random, columns);
    const DType dtype = std::vector{DType::float32, DType::float64, DType::bfloat16}[static_cast<std::size_t>(i % 3)];
    const Scatter form{dtype,
                       i % 2 == 0 ? 8 : 4,
                       between(random, 0, i % 10 == 0 ? 3 : 9),
                       i % 4 == 0 ? 1 : between(random, 1, 5),
                       {row, column}};
    const std::int64_t size = info_of(dtype).size, n = form.planes * form.outputs() * form.inner;
    const Block values(n * size), indices(n * form.index_bytes);
    const std::int64_t cells = form.planes * form.cells() * form.inner;
    std::vector<Number> expected(static_cast<std::size_t>(cells));
    const auto of_row = seen_along(row_words, rows), of_column = seen_along(column_words, columns);
    for (std::int64_t v = 0; v < n; ++v) {
      const std::int64_t output = v / form.inner % form.outputs(), plane = v / form.inner / form.outputs();
      const auto& r = of_row[static_cast<std::size_t>(output / column.outputs())].cells;
      const auto& c = of_column[static_cast<std::size_t>(output % column.outputs())].cells;
      std::int64_t index = -1;
      const auto value = static_cast<Number>(between(random, -3, 3));
      if (!r.empty() && !c.empty() && between(random, 0, 9) > 0) {
        index = r[random() % r.size()] * columns + c[random() % c.size()];
        expected[static_cast<std::size_t>((plane * form.cells() + index) * form.inner + v % form.inner)] += value;
      }
      put_element(dtype, values.begin() + v * size, value);
      const auto narrow = static_cast<std::int32_t>(index);
      std::memcpy(indices.begin() + v * form.index_bytes,
                  form.index_bytes == 8 ? static_cast<const void*>(&index) : &narrow,
                  static_cast<std::size_t>(form.index_bytes));
    }
    REQUIRE(can_scatter(form, indices.begin(), 2));
    for (const int threads : {1, 3}) {
      const Block sums(cells * size);
      REQUIRE(scatter(form, values.begin(), indices.begin(), sums.begin(), threads));
      std::int64_t wrong = 0;
      for (std::int64_t cell = 0; cell < cells; ++cell) {
        wrong += element(dtype, sums.begin() + cell * size) != expected[static_cast<std::size_t>(cell)];
      }
      REQUIRE(wrong == 0);
    }
  }
}

TEST_CASE("values whose index names no cell near their window are not lost without a word") {
  const Scatter form{
      DType::float32,
      8,
      1,
      1,
      {Windows::sliding(4000, 2, 2, 0, 0, 1, Fit::floor), Windows::sliding(100, 2, 2, 0, 0, 1, Fit::floor)}};
  const std::int64_t n = form.outputs();
  const Block values(n * 4), sums(form.cells() * 4);
  for (std::int64_t v = 0; v < n; ++v) put_element(DType::float32, values.begin() + v * 4, 1);
  for (const std::int64_t wrong : {std::int64_t{-2}, form.cells(), most_int64, -most_int64 - 1, form.cells() - 1}) {
    std::vector<std::int64_t> indices(static_cast<std::size_t>(n), -1);
    CHECK(can_scatter(form, indices.data(), 2));
    CHECK(scatter(form, values.begin(), indices.data(), sums.begin(), 2));
    indices[0] = wrong;
    CHECK(!can_scatter(form, indices.data(), 2));
    CHECK(!scatter(form, values.begin(), indices.data(), sums.begin(), 2));
  }
}

TEST_CASE("nor are those of small planes, whichever of them") {
  const auto axis = Windows::sliding(6, 2, 2, 0, 0, 1, Fit::floor);
  const Scatter form{DType::float32, 4, 6, 1, {axis, axis}};
  const std::int64_t n = form.planes * form.outputs();
  const Block values(n * 4), sums(form.planes * form.cells() * 4);
  for (std::int64_t v = 0; v < n; ++v) put_element(DType::float32, values.begin() + v * 4, 1);
  for (std::int64_t v = 0; v < n; ++v) {
    std::vector<std::int32_t> indices(static_cast<std::size_t>(n), -1);
    for (const std::int64_t index : {std::int64_t{-1}, form.cells() - 1, form.cells(), std::int64_t{-2}}) {
      indices[static_cast<std::size_t>(v)] = static_cast<std::int32_t>(index);
      const bool is_cell = index == -1 || index == form.cells() - 1;
      REQUIRE(can_scatter(form, indices.data(), 2) == is_cell);
      REQUIRE(scatter(form, values.begin(), indices.data(), sums.begin(), 2) == is_cell);
    }
  }
}
