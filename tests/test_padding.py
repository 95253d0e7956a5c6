"""Padding holds nothing: windows over it, divisors of averages, windows without a cell; on every instruction set."""

from typing import Any

import numpy as np
import pytest

import tilepool as tp
from agreement import FUNCTIONS, OPS
from layouts import FLOATS, INTEGERS, NUMBERS, line

pytestmark = pytest.mark.usefixtures("isa")


# ---- padding -------------------------------------------------------------------------------------------------------


def test_padding_is_never_a_value() -> None:
    negative, positive = np.array([-3, -1, -2], np.int32), np.array([3, 1, 2], np.int32)
    assert tp.max_pool(negative, 3, 1, 1, axis=0).tolist() == [-1, -1, -1]
    assert tp.min_pool(positive, 3, 1, 1, axis=0).tolist() == [1, 1, 1]
    assert tp.max_pool(np.full(3, -np.inf, np.float32), 2, 1, 1, axis=0).tolist() == [-np.inf] * 4
    assert tp.sum_pool(positive, 3, 1, 1, axis=0).tolist() == [4, 6, 3]


def test_average_counts_padding_unless_told_not_to() -> None:
    x = np.array([6.0, 6.0])
    assert tp.avg_pool(x, 3, 1, 1, axis=0).tolist() == [4, 4]
    assert tp.avg_pool(x, 3, 1, 1, count_include_pad=False, axis=0).tolist() == [6, 6]
    assert tp.avg_pool(x, 3, 1, "same", axis=0).tolist() == [4, 4]
    assert tp.avg_pool(x, 3, 1, "same", count_include_pad=False, axis=0).tolist() == [6, 6]


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize(
    ("spelling", "pairs"),
    [
        (0, ((0, 0), (0, 0))),
        (1, ((1, 1), (1, 1))),
        ((0, 1), ((0, 0), (1, 1))),
        ([1, 2], ((1, 1), (2, 2))),
        ([[1, 0], [0, 2]], ((1, 0), (0, 2))),
        ("valid", ((0, 0), (0, 0))),
        ("same", ((0, 1), (1, 1))),  # 4 cells, stride 1 x 2: rows lack 1 in all, columns 2
        ("same_lower", ((1, 0), (1, 1))),
    ],
)
def test_spellings_of_padding(op: str, spelling: Any, pairs: Any) -> None:
    x = np.arange(20.0).reshape(4, 5)
    arguments: dict[str, Any] = {"kernel_size": (2, 3), "stride": (1, 2), "axis": (0, 1)}
    expected = FUNCTIONS[op](x, padding=pairs, **arguments)
    assert np.array_equal(FUNCTIONS[op](x, padding=spelling, **arguments), expected)


def test_padding_may_be_anything_below_the_extent() -> None:
    """PyTorch stops at half a kernel; here every window must only be able to reach the input."""
    x = line(4)
    assert tp.max_pool(x, 3, 1, 2, axis=0).tolist() == [1, 2, 3, 4, 4, 4]
    assert tp.max_pool(x, 2, 1, 3, 3, axis=0).tolist() == [1, 2, 3, 4, 2, 3, 4]  # extent 4: padding 3 on both sides


@pytest.mark.parametrize("padding", [3, ((0, 3),), ((3, 0),), 2**70])
@pytest.mark.parametrize("op", OPS)
def test_padding_of_the_whole_extent_is_refused(op: str, padding: Any) -> None:
    with pytest.raises(ValueError, match=r"^padding must be smaller"):
        FUNCTIONS[op](line(4), 3, 1, padding, axis=0)


# ---- windows without a cell, divisors ------------------------------------------------------------------------------


# Kernel 2 with dilation 4 over 2 cells, 4 of padding on both sides: the taps of 2 windows of 6 are all padding.
AROUND: dict[str, Any] = {"kernel_size": 2, "stride": 1, "padding": 4, "dilation": 4, "axis": 0}


@pytest.mark.parametrize("dtype", NUMBERS)
def test_a_window_without_a_real_cell(dtype: str) -> None:
    x = np.array([5, 7], dtype)
    lowest, highest = (-np.inf, np.inf) if dtype in FLOATS else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    assert tp.max_pool(x, **AROUND).tolist() == [5, 7, lowest, lowest, 5, 7]
    assert tp.min_pool(x, **AROUND).tolist() == [5, 7, highest, highest, 5, 7]
    assert tp.sum_pool(x, **AROUND).tolist() == [5, 7, 0, 0, 5, 7]
    assert tp.avg_pool(x, **AROUND).tolist() == [2.5, 3.5, 0, 0, 2.5, 3.5]
    assert tp.avg_pool(x, divisor_override=4, **AROUND).tolist() == [1.25, 1.75, 0, 0, 1.25, 1.75]
    excluded = tp.avg_pool(x, count_include_pad=False, **AROUND)
    assert np.array_equal(excluded, [5, 7, np.nan, np.nan, 5, 7], equal_nan=True)
    if dtype in INTEGERS:
        rounded = tp.avg_pool(x, count_include_pad=False, dtype=dtype, **AROUND)
        assert rounded.tolist() == [5, 7, 0, 0, 5, 7]


@pytest.mark.parametrize(("op", "empty"), [("max", False), ("min", True)])
@pytest.mark.parametrize("values", [[True, False], [False, True]])
def test_a_window_of_bools_without_a_real_cell(op: str, empty: bool, values: list[bool]) -> None:
    result = FUNCTIONS[op](np.array(values), **AROUND)
    assert result.view(np.uint8).tolist() == [*values, empty, empty, *values]  # no byte but 0 and 1


def test_average_divisor() -> None:
    ones = np.ones(4, np.float64)
    windows: dict[str, Any] = {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "axis": 0}
    assert tp.avg_pool(ones, **windows).tolist() == [2 / 3, 1, 1 / 2]  # what hangs over the padding is not counted
    assert tp.avg_pool(ones, count_include_pad=False, **windows).tolist() == [1, 1, 1]
    assert tp.avg_pool(ones, divisor_override=1, **windows).tolist() == [2, 3, 1]
    assert tp.avg_pool(ones, divisor_override=-4, count_include_pad=False, **windows).tolist() == [-0.5, -0.75, -0.25]
    assert tp.avg_pool(np.ones((4, 4)), 3, 2, 1, True, axis=(0, 1))[2].tolist() == [2 / 6, 3 / 6, 1 / 4]
    largest = 2**53 - 1
    assert tp.avg_pool(ones, 2, divisor_override=largest, axis=0).tolist() == [2 / largest, 2 / largest]
