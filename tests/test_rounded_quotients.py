"""Averages of integers that a mask leaves, rounded to integers: exact, for all sums and divisors where these are few.

The core divides floats and rounds their quotients. What it must not get wrong is what lies next to an integer, or next
to a half: sums of d cells that are multiples of d, halves of it, and one more or less.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilepool
from layouts import INTEGERS

Array = NDArray[Any]

tp: Any = tilepool  # dtypes are named by variables here, not by literals


def half_even(sums: Array, counts: Array) -> Array:
    floor, rest = sums // counts, sums % counts
    return np.asarray(floor + (2 * rest > counts) + ((2 * rest == counts) & (floor % 2 != 0)))


ROUNDED: dict[str, Callable[[Array, Array], Array]] = {
    "half_even": half_even,
    "half_up": lambda sums, counts: (2 * sums + counts) // (2 * counts),
    "floor": lambda sums, counts: sums // counts,
    "trunc": lambda sums, counts: np.sign(sums) * (abs(sums) // counts),
}


def windows_of(sums: Array, counts: Array, taps: int, dtype: str) -> tuple[Array, Array]:
    """Columns of `taps` cells, of which so many are left and have those sums; the others hold what must not be seen."""
    here = np.arange(taps)[:, None] < counts
    x = sums // counts + (np.arange(taps)[:, None] < sums % counts)
    return np.where(here, x, np.iinfo(dtype).max).astype(dtype), here


def check(sums: Array, counts: Array, taps: int, dtype: str, to: str) -> None:
    x, mask = windows_of(sums, counts, taps, dtype)
    limits = np.iinfo(to)
    for rounding, rounded in ROUNDED.items():
        expected = np.clip(rounded(sums, counts), limits.min, limits.max)
        result = tp.avg_pool(x, taps, axis=0, dtype=to, rounding=rounding, mask=mask)[0]
        assert result.dtype == to
        np.testing.assert_array_equal(result, expected, f"{rounding}, {taps} taps")


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
def test_all_sums_of_few_bytes(dtype: str, isa: str) -> None:
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    counts = np.concatenate([np.full((high - low) * d + 1, d) for d in range(1, 17)])
    sums = np.concatenate([np.arange(low * d, high * d + 1) for d in range(1, 17)])
    for to in (dtype, "int64", "uint8", "int8"):
        check(sums, counts, 16, dtype, to)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("taps", [1, 2, 3, 7, 15, 16, 17, 63, 100, 255, 1024, 4096, 5000])
def test_sums_next_to_integers_and_halves(taps: int, dtype: str, isa: str) -> None:
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    rng = np.random.default_rng(taps)
    counts = np.concatenate([rng.integers(1, taps + 1, 100), np.full(100, taps)])
    span = min(high - low, 2**45)  # sums that int64 holds here
    low, high = max(low, -span), min(high, span)
    number = rng.integers(low, high, 200, endpoint=True)
    number[:20] = rng.choice([low, high - 1, 0, -1 if low else 1], 20)
    sums = number * counts + rng.choice([0, 1, -1], 200) + rng.choice([0, 1], 200) * (counts // 2)
    check(np.clip(sums, low * counts, high * counts), counts, taps, dtype, dtype)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_windows_without_cells_are_0_and_too_few_cells_too(dtype: str, isa: str) -> None:
    x = np.full((4, 200), 7, dtype)
    mask = np.arange(4)[:, None] < np.arange(200) % 5
    for rounding in ROUNDED:
        for least in (0, 1, 3):
            result = tp.avg_pool(x, 4, axis=0, dtype=dtype, rounding=rounding, mask=mask, min_count=least)[0]
            np.testing.assert_array_equal(result, np.where(np.arange(200) % 5 >= max(1, least), 7, 0))


@pytest.mark.parametrize("include", [False, True])
@pytest.mark.parametrize("geometry", [(3, 1, 1), (5, 2, 2), (4, 4, 1), ((7, 3), (1, 2), (3, 1))])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32"])
def test_padding_that_counts_and_that_does_not(dtype: str, geometry: Any, include: bool, isa: str) -> None:
    rng = np.random.default_rng(3)
    x, mask = rng.integers(0, 120, (2, 41, 150)).astype(dtype), rng.random((2, 41, 150)) < 0.7
    options: dict[str, Any] = {"axis": (1, 2), "count_include_pad": include}
    kept = np.where(mask, x, 0)
    sums = tp.sum_pool(kept, *geometry, axis=(1, 2))
    counts = tp.sum_pool(mask.astype("int64"), *geometry, axis=(1, 2))
    if include:
        inside = tp.sum_pool(np.ones(x.shape, "int64"), *geometry, axis=(1, 2))
        ones = tp.avg_pool(np.ones(x.shape), *geometry, **options)  # inside / padded
        counts = counts + np.rint(inside / ones).astype("int64") - inside
    for rounding, rounded in ROUNDED.items():
        expected = np.where(counts > 0, rounded(sums.astype("int64"), np.maximum(counts, 1)), 0)
        for threads in (1, 2):
            result = tp.avg_pool(x, *geometry, dtype=dtype, rounding=rounding, mask=mask, threads=threads, **options)
            np.testing.assert_array_equal(result, expected, rounding)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32"])
def test_rows_of_every_kind(dtype: str, seed: int, isa: str) -> None:
    """Short and long ones, with windows that reach over both ends: sums and counts are not always cut alike."""
    rng = np.random.default_rng(seed)
    for _ in range(25):
        ndim = int(rng.integers(1, 4))
        shape = tuple(rng.choice([1, 2, 3, 5, 7, 17, 33, 64, 65, 257], ndim).tolist())
        axes = tuple(range(ndim)) if rng.random() < 0.5 else (int(rng.integers(ndim)),)
        sizes = [shape[axis] for axis in axes]
        kernel = tuple(int(rng.integers(1, n + 4)) for n in sizes)
        stride = tuple(int(rng.integers(1, 4)) for _ in sizes)
        padding = tuple(int(rng.integers(k // 2 + 1)) for k in kernel)
        if any(n + 2 * p < k for n, p, k in zip(sizes, padding, kernel, strict=True)) or np.prod(shape) > 2**17:
            continue
        x = rng.integers(0, 2 if dtype == "bool" else 120, shape).astype(dtype)
        mask = rng.random(shape) < rng.choice([0.1, 0.5, 0.95])
        how: dict[str, Any] = {"axis": axes, "ceil_mode": bool(rng.integers(2))}
        sums = tp.sum_pool(np.where(mask, x, 0).astype("int64"), kernel, stride, padding, **how)
        counts = tp.sum_pool(mask.astype("int64"), kernel, stride, padding, **how)
        how |= {"mask": mask, "count_include_pad": False}
        note = f"{shape} {kernel} {stride} {padding} {axes}"
        for rounding, rounded in ROUNDED.items():
            result = tp.avg_pool(x, kernel, stride, padding, dtype="int64", rounding=rounding, **how)
            expected = np.where(counts > 0, rounded(sums, np.maximum(counts, 1)), 0)
            np.testing.assert_array_equal(result, expected, f"{rounding} {note}")
        if x.itemsize <= 2:
            with np.errstate(invalid="ignore"):
                quotients = sums.astype("float32") / counts.astype("float32")  # both are exact
            result = tp.avg_pool(x, kernel, stride, padding, dtype="float32", **how)
            np.testing.assert_array_equal(result, quotients, note)
