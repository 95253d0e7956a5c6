"""Averages of small windows of cells that are not all there: sums and counts in one pass, against exact arithmetic.

Elements are small integers, so that sums are exact in every type, and a quotient of floats is the nearest one.
"""

import inspect
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilepool
from guarded_memory import between_guard_pages
from tilepool import _plan

Array = NDArray[Any]

tp: Any = tilepool  # dtypes are named by variables here, not by literals

# Shape, pooled axes, kernel, stride and padding: neighbouring windows, every second one, pixels; long rows and rows
# that fill no vector, or just one more cell than some.
WALKED: list[tuple[tuple[int, ...], tuple[int, ...], Any, Any, Any]] = [
    ((20, 64), (0, 1), 2, 2, 0),
    ((21, 65), (0, 1), 3, 1, 1),
    ((3, 17, 130), (1, 2), 3, 2, 1),
    ((9, 3000), (1,), 5, 1, 2),
    ((9, 3000), (0, 1), (3, 2), (1, 2), 0),
    ((6, 2500, 3), (0, 1), (2, 3), 1, (0, 1)),
    ((14, 15, 40), (0, 1), (3, 2), 2, 1),
    ((4, 5, 6, 70), (0, 1, 2), 2, (1, 2, 2), 0),
    ((40, 64), (0,), 3, 3, 0),
    ((12, 31, 17), (0, 1), (2, 3), (5, 4), (1, 1)),
    ((5, 4, 99), (0, 1), (5, 3), 1, 0),
]
# The type of the elements, and that of the averages.
TYPES = [
    ("float32", "float32"),
    ("float64", "float64"),
    ("uint8", "uint8"),
    ("uint8", "float32"),
    ("bool", "float32"),
    ("int16", "int16"),
    ("int16", "float32"),
    ("uint16", "uint16"),
    ("uint16", "float32"),
]


def strategy(x: Array, mask: Array, kernel: Any, stride: Any, padding: Any, axis: Any) -> str:
    """That of averages as floats of the elements' size, or as float32."""
    to = x.dtype if x.dtype.kind == "f" else "float32"
    options: dict[str, Any] = {"axis": axis, "dtype": to, "count_include_pad": False}
    request = inspect.unwrap(tp.avg_pool)(x, kernel, stride, padding, **options)
    pooling = _plan.Pooling(request.op, request.windows, request.axes)
    return pooling.call(x, _plan.Missing(False, mask)).plan.strategy


def expected(x: Array, there: Array, geometry: Any, dtype: str, least: int) -> Array:
    """By sums of float64, which hold all of these exactly."""
    kernel, stride, padding, axis = geometry
    how: dict[str, Any] = {"stride": stride, "padding": padding, "axis": axis}
    sums = tp.sum_pool(np.where(there, x, 0).astype("float64"), kernel, **how)
    counts = tp.sum_pool(there.astype("float64"), kernel, **how)
    quotient = np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts >= max(1, least))
    if np.dtype(dtype).kind == "f":
        return np.asarray(quotient.astype(dtype))
    return np.asarray(np.rint(np.where(np.isnan(quotient), 0, quotient)).astype(dtype))


@pytest.mark.parametrize(("dtype", "to"), TYPES)
@pytest.mark.parametrize("geometry", WALKED, ids=str)
def test_sums_and_counts(geometry: Any, dtype: str, to: str, isa: str) -> None:
    shape, axis, kernel, stride, padding = geometry
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2 if dtype == "bool" else 200, shape).astype(dtype)
    for part, least, nans in product((0.0, 0.6, 1.0), (0, 1, 3), (False, True)):
        mask = rng.random(shape) < part
        mask.flat[0] = False  # a mask of all cells is none
        there = mask
        if nans:
            if np.dtype(dtype).kind != "f":
                continue
            x = np.where(rng.random(shape) < 0.2, np.nan, x).astype(dtype)
            there = mask & ~np.isnan(x)
        want = expected(x, there, (kernel, stride, padding, axis), to, least)
        options: dict[str, Any] = {"axis": axis, "mask": mask, "min_count": least, "count_include_pad": False}
        for threads in (1, 2):
            policy = "omit" if nans else "propagate"
            result = tp.avg_pool(
                np.where(mask, x, 7 if dtype != "bool" else True).astype(dtype),  # what is left out is not looked at
                kernel, stride, padding, dtype=to, nan_policy=policy, threads=threads, **options,
            )  # fmt: skip
            np.testing.assert_array_equal(result, want, f"{part} {least} {nans}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("geometry", WALKED, ids=str)
def test_nans_without_a_mask(geometry: Any, dtype: str, isa: str) -> None:
    shape, axis, kernel, stride, padding = geometry
    rng = np.random.default_rng(2)
    for part in (0.001, 0.3, 1.0):
        x = np.where(rng.random(shape) < part, np.nan, rng.integers(-200, 200, shape)).astype(dtype)
        want = expected(x, ~np.isnan(x), (kernel, stride, padding, axis), dtype, 1)
        options: dict[str, Any] = {"axis": axis, "nan_policy": "omit", "count_include_pad": False}
        np.testing.assert_array_equal(tp.avg_pool(x, kernel, stride, padding, **options), want)


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int16", "uint16"])
def test_which_windows_are_walked_so(dtype: str) -> None:
    rng = np.random.default_rng(3)
    for shape, axis, kernel, stride, padding in WALKED:
        x = np.zeros(shape, dtype)
        assert strategy(x, rng.random(shape) < 0.5, kernel, stride, padding, axis) == "present"
    x = np.zeros((2, 3, 60, 80), dtype)
    mask = x == 0
    others = [(3, 3, 0), (9, 1, 0), ((2, 9), 1, 0)]  # apart, of too many rows, of too many taps along a row
    assert all(strategy(x, mask, *other, (2, 3)) != "present" for other in others)
    assert strategy(x[..., ::2], mask[..., ::2], 2, 2, 0, (2, 3)) != "present"
    assert strategy(x[..., :70], mask[..., :70], 2, 2, 0, (2, 3)) == "present"
    assert strategy(x, np.broadcast_to(mask[0, 0], x.shape), 2, 2, 0, (2, 3)) == "present"


@pytest.mark.parametrize("dtype", ["float32", "uint8", "uint16"])
def test_rows_that_lie_apart(dtype: str, isa: str) -> None:
    rng = np.random.default_rng(4)
    whole, mask = rng.integers(0, 200, (6, 40, 100)).astype(dtype), rng.random((6, 40, 100)) < 0.7
    dense: dict[str, Any] = {"axis": (1, 2), "dtype": dtype}
    for part in (np.s_[:, 3:, 5:80], np.s_[::2, ::-1], np.s_[:, ::3, 1:]):
        want = tp.avg_pool(whole[part].copy(), 3, 1, 1, mask=mask[part].copy(), **dense)
        np.testing.assert_array_equal(tp.avg_pool(whole[part], 3, 1, 1, mask=mask[part], **dense), want)
    one = mask[0]
    want = tp.avg_pool(whole, 2, mask=np.repeat(one[None], 6, 0), **dense)
    np.testing.assert_array_equal(tp.avg_pool(whole, 2, mask=one, **dense), want)


@pytest.mark.parametrize(("dtype", "to"), TYPES)
def test_windows_that_see_no_cell(dtype: str, to: str, isa: str) -> None:
    """All of them: of two taps two cells apart one lies before the only cell, and one behind it."""
    x, mask = np.ones((1, 33, 17), dtype), np.ones((1, 33, 17), bool)
    mask[0, 0, 0] = False
    options: dict[str, Any] = {"dilation": 2, "axis": 0, "mask": mask, "dtype": to, "count_include_pad": False}
    result = tp.avg_pool(x, 2, 1, 1, **options)
    nothing = 0 if np.dtype(to).kind in "iu" else np.nan
    np.testing.assert_array_equal(result, np.full(x.shape, nothing, to))


def test_zeros_keep_their_sign_where_windows_are_clipped(isa: str) -> None:
    x, mask = np.full((20, 30, 16), -0.0, "float32"), np.ones((20, 30, 16), bool)
    mask[5, 5] = False
    assert strategy(x, mask, (2, 3), 1, (1, 1), (0, 1)) == "present"
    result = tp.avg_pool(x, (2, 3), 1, (1, 1), axis=(0, 1), mask=mask, count_include_pad=False)
    assert np.signbit(result[0]).all()
    assert np.signbit(result[-1]).all()


@pytest.mark.parametrize("rounding", ["half_even", "half_up", "floor", "trunc"])
def test_all_sums_of_bytes(rounding: str, isa: str) -> None:
    """Of 1 to 15 cells: those of CountedQuotient, and its halves."""
    counts = np.concatenate([np.full(255 * c + 1, c) for c in range(1, 16)])
    sums = np.concatenate([np.arange(255 * c + 1) for c in range(1, 16)])
    images = -(-sums.size // 170)
    counts, sums = (np.resize(numbers, images * 170) for numbers in (counts, sums))
    taps = np.arange(15)[:, None]
    there = taps < counts
    x = np.where(there, sums // counts + (taps < sums % counts), 255).astype("uint8")
    # Cells in 5 rows of 3 pixels, and a fourth that the first window does not see.
    arrays = [np.moveaxis(cells.reshape(5, 3, images, 170), 2, 0) for cells in (x, there)]
    x, there = (np.pad(array, [(0, 0), (0, 0), (0, 1), (0, 0)]) for array in arrays)
    assert strategy(x, there, (5, 3), 1, 0, (1, 2)) == "present"
    averages = tp.avg_pool(x, (5, 3), 1, axis=(1, 2), dtype="uint8", rounding=rounding, mask=there)
    result = averages[:, 0, 0].reshape(-1)
    floor, rest = sums // counts, sums % counts
    up = {
        "half_even": (2 * rest > counts) | ((2 * rest == counts) & (floor % 2 == 1)),
        "half_up": 2 * rest >= counts,
    }.get(rounding, np.zeros(1, bool))
    np.testing.assert_array_equal(result, floor + up)


@pytest.mark.parametrize("at_end", [True, False], ids=["before a guard page", "behind a guard page"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int16"])
def test_nothing_is_read_or_written_beyond(dtype: str, at_end: bool, isa: str) -> None:
    rng = np.random.default_rng(5)
    for shape, axis, kernel, stride, padding in WALKED:
        cells, kept = rng.integers(0, 200, shape).astype(dtype), rng.random(shape) < 0.5
        options: dict[str, Any] = {"axis": axis, "dtype": dtype, "count_include_pad": False}
        want = tp.avg_pool(cells, kernel, stride, padding, mask=kept, **options)
        with (
            between_guard_pages(shape, dtype, at_end=at_end) as x,
            between_guard_pages(shape, "bool", at_end=at_end) as mask,
            between_guard_pages(want.shape, dtype, at_end=at_end) as out,
        ):
            x[...], mask[...] = cells, kept
            tp.avg_pool(x, kernel, stride, padding, mask=mask, out=out, **options)
            np.testing.assert_array_equal(out, want)
            del x, mask, out
