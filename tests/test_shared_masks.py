"""Masks and weights that pixels, planes or rows share, by broadcasting: as if each element had its own."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilepool

Array = NDArray[Any]

tp: Any = tilepool  # dtypes are named by variables here, not by literals

# Shape of the array, that of what lies beside it, and the pooled axes: rows whose pieces begin amid a pixel, too.
SHARED: list[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]] = [
    ((9, 400, 3), (9, 400, 1), (0, 1)),
    ((9, 61, 4), (9, 61, 1), (0, 1)),
    ((12, 11, 2), (1, 11, 1), (0, 1)),
    ((5, 33, 16), (5, 33, 1), (0, 1)),
    ((5, 13, 70), (5, 13, 1), (1,)),
    ((2, 8, 30, 3), (1, 8, 30, 1), (1, 2)),
    ((2, 3, 14, 15), (2, 1, 14, 15), (2, 3)),
    ((30, 5, 7), (30, 1, 1), (0, 2)),
    ((7, 40), (7, 1), (0, 1)),
    ((300, 1, 3), (300, 1, 1), (0,)),
]
OPS = ["max", "sum", "avg", "median", "mode", "std"]


def drawn(shape: tuple[int, ...], dtype: str, seed: int) -> Array:
    return np.asarray(np.random.default_rng(seed).integers(0, 50, shape)).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("example", SHARED, ids=str)
def test_masks(example: Any, dtype: str, isa: str) -> None:
    shape, beside, axes = example
    x, mask = drawn(shape, dtype, 1), np.random.default_rng(2).random(beside) < 0.6
    own = np.ascontiguousarray(np.broadcast_to(mask, shape))
    for op, (kernel, stride) in product(OPS, [(2, 2), (3, 1)]):
        for least in (0, 2):
            options: dict[str, Any] = {"axis": axes, "padding": 1, "min_count": least, "op": op}
            want = tp.pool(x, kernel, stride=stride, mask=own, **options)
            for threads in (1, 2):
                result = tp.pool(x, kernel, stride=stride, mask=mask, threads=threads, **options)
                np.testing.assert_array_equal(result, want, f"{op} {kernel} {least}")


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("example", SHARED, ids=str)
def test_weights(example: Any, dtype: str, isa: str) -> None:
    shape, beside, axes = example
    x, weights = drawn(shape, dtype, 3), np.random.default_rng(4).integers(0, 9, beside).astype("float64")
    own = np.ascontiguousarray(np.broadcast_to(weights, shape))
    mask = np.random.default_rng(5).random(beside) < 0.6
    for op, with_mask in product(("avg", "sum"), (False, True)):
        options: dict[str, Any] = {"axis": axes, "padding": 1, "stride": 2, "op": op}
        if with_mask:
            options["mask"] = mask
        np.testing.assert_array_equal(tp.pool(x, 3, weights=weights, **options), tp.pool(x, 3, weights=own, **options))


def test_one_that_pixels_share_and_one_that_they_do_not(isa: str) -> None:
    x = drawn((9, 200, 3), "float32", 6)
    rng = np.random.default_rng(7)
    mask, weights = rng.random((9, 200, 1)) < 0.6, rng.integers(0, 9, (9, 200, 3)).astype("float64")
    own = np.ascontiguousarray(np.broadcast_to(mask, x.shape))
    options: dict[str, Any] = {"axis": (0, 1), "weights": weights}
    np.testing.assert_array_equal(tp.avg_pool(x, 2, mask=mask, **options), tp.avg_pool(x, 2, mask=own, **options))


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_arrays_with_gaps(dtype: str, isa: str) -> None:
    whole, mask = drawn((12, 90, 4), dtype, 8), np.random.default_rng(9).random((12, 90, 1)) < 0.6
    for part in (np.s_[:, :, :3], np.s_[:, ::2], np.s_[::-1, 3:80], np.s_[:, :, ::-1]):
        x, shared = whole[part], mask[part][..., :1]
        own = np.ascontiguousarray(np.broadcast_to(shared, x.shape))
        for function in (tp.max_pool, tp.avg_pool):
            want = function(x.copy(), 2, axis=(0, 1), mask=own)
            np.testing.assert_array_equal(function(x, 2, axis=(0, 1), mask=shared), want)
