"""Windows of every length, next to each other, over rows of a few results and of some vectors of them.

How many taps registers hold, and of what windows are put together, changes with the length, the dtype and the
instruction set; what they hold does not.
"""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import tilepool as tp
from agreement import using_isa
from tilepool import _core

LENGTHS = range(1, 140)  # more than four vectors of float32
RESULTS = (1, 7, 16, 33, 70)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8", "float16"])
def test_extremes_and_sums_of_integers(dtype: str, isa: str) -> None:
    rng = np.random.default_rng(8)
    x = rng.integers(0, 200, (3, LENGTHS[-1] + RESULTS[-1])).astype(dtype)
    for kernel in LENGTHS:
        for results in RESULTS:
            rows = x[:, : kernel + results - 1].copy()
            windows = sliding_window_view(rows, kernel, axis=1)
            for pool, expected in ((tp.max_pool, windows.max(-1)), (tp.min_pool, windows.min(-1))):
                np.testing.assert_array_equal(pool(rows, kernel, 1, axis=1), expected, f"{kernel} {results}")
            if dtype != "float16":  # in which sums round
                sums = tp.sum_pool(rows, kernel, 1, axis=1)
                np.testing.assert_array_equal(sums, windows.sum(-1, dtype=sums.dtype), f"{kernel} {results}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_of_sums(dtype: str, isa: str) -> None:
    rng = np.random.default_rng(9)
    x = (rng.standard_normal((3, 300)) * 10.0 ** rng.integers(-3, 4, (3, 300))).astype(dtype)
    for kernel in LENGTHS:
        for results in RESULTS:
            rows = x[:, : kernel + results - 1].copy()
            with using_isa(_core.available_isas()[0]):
                expected = tp.sum_pool(rows, kernel, 1, axis=1)
            assert tp.sum_pool(rows, kernel, 1, axis=1).tobytes() == expected.tobytes(), (kernel, results)
