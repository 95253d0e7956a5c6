"""Sums along rows that are too long for a first-level cache have the bits of those of short pieces of them.

Long rows are doubled while they are read, short ones in passes over a buffer; and threads, tiles and instruction sets
cut and widen them in other places.
"""

from typing import Any

import numpy as np
import pytest

import tilepool as tp
from guarded_memory import between_guard_pages

CELLS = 40_000  # more than the 128 KiB of a tile, of float32
PIECE = 2000  # outputs; of float64 less than the 24 KiB from which rows are long
KERNELS = (8, 9, 10, 14, 15, 16, 17, 23, 31, 32, 33, 50, 63, 64, 65, 100, 127, 128, 255, 500, 1001, 2048, 3001)


def pooled_in_pieces(function: Any, x: Any, kernel: int) -> Any:
    outputs = x.shape[-1] - kernel + 1
    pieces = [x[..., at : min(at + PIECE, outputs) + kernel - 1].copy() for at in range(0, outputs, PIECE)]
    return np.concatenate([function(piece, kernel, 1, axis=-1) for piece in pieces], axis=-1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("function", [tp.sum_pool, tp.avg_pool])
def test_bits_of_long_rows(function: Any, dtype: str, isa: str) -> None:
    rng = np.random.default_rng(5)
    x = (rng.standard_normal(CELLS) * 10.0 ** rng.integers(-3, 4, CELLS)).astype(dtype)
    for kernel in KERNELS:
        expected = pooled_in_pieces(function, x, kernel)
        for threads in (1, 3):
            np.testing.assert_array_equal(function(x, kernel, 1, axis=0, threads=threads), expected, str(kernel))
        for before, after in ((kernel // 2, 0), (3, kernel - 1)):  # tiles at the ends are copied between zeros
            padded = function(np.pad(x, (before, after)), kernel, 1, axis=0)
            np.testing.assert_array_equal(function(x, kernel, 1, ((before, after),), axis=0), padded, str(kernel))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_of_rows_of_an_array(dtype: str, isa: str) -> None:
    x = np.random.default_rng(6).standard_normal((3, 9001)).astype(dtype)
    for kernel in (8, 9, 50, 501):
        expected = pooled_in_pieces(tp.avg_pool, x, kernel)
        np.testing.assert_array_equal(tp.avg_pool(x, kernel, 1, axis=1), expected)
        apart = np.full((3, 9100), np.nan, dtype)[:, 50:-49]  # cells beyond a row are not seen
        apart[:] = x
        np.testing.assert_array_equal(tp.avg_pool(apart, kernel, 1, axis=1), expected)


def test_infinities_stay_in_their_windows(isa: str) -> None:
    x = np.ones(CELLS)
    x[[0, 17_000, CELLS - 1]] = np.inf, np.nan, -np.inf
    for kernel in (9, 50, 500):
        sums = tp.sum_pool(x, kernel, 1, axis=0)
        expected = np.full_like(sums, kernel)
        expected[0], expected[17_000 - kernel + 1 : 17_001], expected[-1] = np.inf, np.nan, -np.inf
        np.testing.assert_array_equal(sums, expected)


def test_windows_behind_a_column_see_nothing(isa: str) -> None:
    x = np.ones((5, 9000))
    result = tp.sum_pool(x, (1, 20), (3, 1), axis=(0, 1), ceil_mode="full")
    np.testing.assert_array_equal(result[:, 0], [20, 20, 0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("at_end", [False, True])
def test_nothing_is_touched_beyond_a_long_row(at_end: bool, dtype: str, isa: str) -> None:
    for cells in (9001, 34_000, CELLS):
        for kernel in (8, 9, 15, 16, 33, 50, 500, 2048):
            with (
                between_guard_pages((cells,), dtype, at_end=at_end) as x,
                between_guard_pages((cells - kernel + 1,), dtype, at_end=at_end) as out,
            ):
                x[:] = 1
                tp.sum_pool(x, kernel, 1, axis=0, out=out, threads=1)
                assert out.min() == out.max() == kernel
