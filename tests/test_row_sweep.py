"""Rows of every width around a vector x pixel sizes x kernels x strides agree with the oracle: all loops of a kernel.

What is walked through: halves and tails of vectors, the de-interleave of strides 2 to 4, strides without one, odd
numbers of channels, windows cut at both edges, buffered rows, dilation, and lists of several rows.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from agreement import EXACT_OPS, OPS, check
from layouts import any_numbers, share, summable_numbers
from tilepool import _core

WIDTHS = (*range(1, 71), *range(127, 131), *range(255, 258))
INNERS = (1, 2, 3, 4, 5, 7, 8, 16, 17, 33, 64, 65)
KERNELS = (*range(1, 10), 15, 31, 40, 63, 127)
STRIDES = (1, 2, 3, 4, 5)

# Few enough cells x outputs for the oracle; wide pixels then come with short rows.
MOST_ELEMENTS = 4000


def calls(op: str, dtype: str, stride: int) -> Iterator[tuple[int, Any, tuple[int, ...], dict[str, Any]]]:
    """A seed, an array of rows x width x inner, the axes and the arguments: kernels with pixel sizes."""
    for number, (kernel, inner) in share(enumerate(itertools.product(KERNELS, INNERS)), dtype, stride, parts=5):
        seed = 10_000 * stride + number
        rng = np.random.default_rng(seed)
        rows = int(rng.integers(1, 7))
        widest = max(kernel, MOST_ELEMENTS // (rows * inner))
        width = int(rng.choice([w for w in WIDTHS if w <= widest]))
        dilation = int(rng.choice((1, 1, 1, 2, 3)))
        extent = dilation * (kernel - 1) + 1
        missing = max(0, extent - width)  # what the padding has to add for one window to fit
        before = int(rng.choice((0, missing // 2, extent // 2, rng.integers(0, extent))))
        after = int(rng.choice((0, extent // 3, rng.integers(0, extent))))
        after = max(after, missing - before)
        if after >= extent:
            before, after = missing, 0
        numbers = any_numbers if op in EXACT_OPS else summable_numbers
        x = numbers(rng, (rows, width, inner), dtype)
        arguments: dict[str, Any] = {"stride": stride, "dilation": dilation, "ceil_mode": bool(rng.integers(2))}
        if op == "avg":
            arguments["count_include_pad"] = bool(rng.integers(2))
            if np.dtype(dtype).kind in "iu" and rng.integers(2):
                arguments |= {"dtype": dtype, "rounding": str(rng.choice(_core.roundings))}
        if rng.integers(3):
            arguments |= {"kernel_size": kernel, "padding": ((before, after),)}
            axis: tuple[int, ...] = (1,)
        else:
            other = int(rng.integers(1, min(3, rows) + 1))  # few rows: combined one by one
            other_dilation = 1 if dilation * (other - 1) >= rows else dilation
            arguments |= {
                "kernel_size": (other, kernel),
                "stride": (int(rng.integers(1, 4)), stride),
                "dilation": (other_dilation, dilation),
                "padding": ((0, 0), (before, after)),
            }
            axis = (0, 1)
        yield seed, x, axis, arguments


@pytest.mark.slow
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
def test_rows(op: str, dtype: str, stride: int) -> None:
    for seed, x, axis, arguments in calls(op, dtype, stride):
        check(op, x, axis, note=f"{seed=}", **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
def test_small_windows_on_planes_of_every_width(op: str, dtype: str) -> None:
    """The common windows, which may have loops of their own, on channels first and last."""
    windows: list[dict[str, Any]] = [
        {"kernel_size": 2},
        {"kernel_size": 3, "stride": 2, "padding": 1},
        {"kernel_size": 3, "stride": 1, "padding": "same"},
        {"kernel_size": 2, "stride": 1},
        {"kernel_size": (3, 2), "stride": (1, 2), "padding": ((1, 0), (0, 1)), "ceil_mode": True},
    ]
    numbers = any_numbers if op in EXACT_OPS else summable_numbers
    for width in share(WIDTHS, dtype, parts=3):
        rng = np.random.default_rng(width)
        plane = numbers(rng, (4, width), dtype)
        colours = numbers(rng, (3, width, int(rng.choice((1, 2, 3, 4, 5, 8)))), dtype)
        for arguments in windows[width % 2 :: 2] if width > 1 else windows[1:3]:
            check(op, plane, (0, 1), note=f"{width=}", **arguments)
            if width <= 70:
                check(op, colours, (0, 1), note=f"{width=}", **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
def test_windows_that_keep_the_width(op: str, dtype: str) -> None:
    """The lines of such planes may be pooled as one row: of every width, with all that windows of rows can be."""
    numbers = any_numbers if op in EXACT_OPS else summable_numbers
    columns: list[dict[str, Any]] = [
        {"kernel_size": 1},
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": 5, "padding": 2},
        {"kernel_size": 2, "padding": 1},
        {"kernel_size": 3, "padding": 4, "dilation": 4},  # windows without a row
        {"kernel_size": 9, "padding": 8},
    ]
    for number, (width, kernel) in share(enumerate(itertools.product(WIDTHS, (3, 5))), dtype, parts=3):
        rng = np.random.default_rng(number)
        column = columns[number % len(columns)]
        x = numbers(rng, (2, int(rng.integers(1, 8)), width), dtype)
        arguments: dict[str, Any] = {
            "kernel_size": (column["kernel_size"], kernel),
            "padding": (column.get("padding", 0), kernel // 2),
            "dilation": (column.get("dilation", 1), 1),
        }
        if op == "avg":
            divisors: list[dict[str, Any]] = [{}, {"count_include_pad": False}, {"divisor_override": 7}]
            arguments |= divisors[int(rng.integers(3))]
        check(op, x, (1, 2), stride=1, note=f"seed={number}", **arguments)
        if width <= 40:
            check(op, x, 2, kernel_size=kernel, stride=1, padding="same", note=f"seed={number}")
            volume = numbers(rng, (3, 2, width), dtype)
            check(op, volume, (0, 1, 2), kernel_size=3, stride=1, padding=1, note=f"seed={number}")
            apart: dict[str, Any] = {
                "kernel_size": (2, 1, kernel),
                "dilation": (4, 1, 1),
                "padding": (3, 0, kernel // 2),
            }
            check(op, volume, (0, 1, 2), stride=1, note=f"seed={number}", **apart)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
def test_windows_of_one_to_three_rows(op: str, dtype: str) -> None:
    """So few rows are read side by side, without a buffer; each of the strides that have loops of their own."""
    numbers = any_numbers if op in EXACT_OPS else summable_numbers
    results: list[dict[str, Any]] = [{}]
    if op == "avg" and np.dtype(dtype).kind in "iu":
        results.append({"dtype": dtype})  # rounded half to even
    for number, (rows, kernel, stride) in share(enumerate(itertools.product((1, 2, 3), range(1, 18), STRIDES)), dtype):
        rng = np.random.default_rng(number)
        width = int(rng.choice([w for w in WIDTHS if w >= kernel]))
        plane = numbers(rng, (rows + 1, width), dtype)
        for result in results:
            check(op, plane, (0, 1), kernel_size=(rows, kernel), stride=(1, stride), note=f"seed={number}", **result)


@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
def test_three_dimensional_windows(op: str, dtype: str) -> None:
    numbers = any_numbers if op in EXACT_OPS else summable_numbers
    for width in (2, 3, 7, 8, 9, 16, 17, 31, 33):
        rng = np.random.default_rng(width)
        volume = numbers(rng, (4, 3, width, 2), dtype)
        check(op, volume, (0, 1, 2), kernel_size=2, note=f"{width=}")
        check(op, volume, (1, 2, 3), kernel_size=2, stride=1, note=f"{width=}")
        check(op, volume, (0, 1, 2), kernel_size=(3, 2, 3), stride=(1, 1, 2), padding=(1, 0, 1), note=f"{width=}")
        check(op, volume, (0, 2), kernel_size=2, stride=(1, 3), ceil_mode=True, note=f"{width=}")
