"""NaNs, infinities and the limits of each dtype, in the windows that see them, on every instruction set."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import reference
import tilepool as tp
from agreement import EXACT_OPS, FUNCTIONS, OPS
from layouts import FLOATS, INTEGERS

# ml_dtypes warns of NaN that signals, whatever is asked of it.
pytestmark = [pytest.mark.usefixtures("isa"), pytest.mark.filterwarnings("ignore:invalid value encountered")]


def nans(dtype: str) -> NDArray[Any]:
    """Quiet, signalling, and full of ones, with either sign."""
    bits = 8 * np.dtype(dtype).itemsize
    infinity = int(np.array(np.inf, dtype).view(f"uint{bits}"))
    quiet = int(np.array(np.nan, dtype).view(f"uint{bits}")) & ~(1 << (bits - 1))
    positive = [quiet, infinity + 1, 2 ** (bits - 1) - 1]
    return np.array([*positive, *(value | 1 << (bits - 1) for value in positive)], f"uint{bits}").view(dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", OPS)
def test_nan_propagates_to_the_windows_that_see_it_and_to_no_other(op: str, dtype: str) -> None:
    """At each place of rows with every kind of tail, for NaNs of either sign and with a payload."""
    payloads = nans(dtype)
    for n in (1, 3, 8, 17, 33, 40):
        for place in range(n):
            x = np.zeros(n, dtype)
            x[place] = payloads[place % len(payloads)]
            for kernel, stride in ((2, 2), (3, 1), (3, 2), (n, 1)):
                if kernel > n:
                    continue
                result = FUNCTIONS[op](x, kernel, stride, axis=0)
                starts = np.arange(len(result)) * stride
                assert np.array_equal(np.isnan(result), (starts <= place) & (place < starts + kernel)), (n, place)
                assert np.all(result[~np.isnan(result)] == 0)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kernel", [2, 3, 5, 9, 40])
@pytest.mark.parametrize("op", EXACT_OPS)
def test_every_nan_wins_over_every_number(op: str, kernel: int, dtype: str) -> None:
    """Whatever its sign and payload: NaNs of both signs lie beyond both infinities in the order of the bits."""
    for nan, other in itertools.product(nans(dtype), (0.0, -1.0, np.inf, -np.inf, reference.finfo(dtype).max)):
        x = np.full((64, 64), other, dtype)
        x[20, 30] = nan
        result = FUNCTIONS[op](x, kernel, 1, axis=(0, 1))
        expected = np.full(result.shape, other, dtype)
        expected[max(0, 21 - kernel) : 21, max(0, 31 - kernel) : 31] = np.nan
        assert np.array_equal(result, expected, equal_nan=True), (nan, other)


def test_all_nan_and_nan_beside_infinities() -> None:
    nan, inf = math.nan, math.inf
    x = np.array([nan, nan, inf, nan, -inf, nan, inf, -inf])
    assert np.array_equal(tp.max_pool(x, 2, axis=0), [nan, nan, nan, inf], equal_nan=True)
    assert np.array_equal(tp.min_pool(x, 2, axis=0), [nan, nan, nan, -inf], equal_nan=True)
    assert np.array_equal(tp.sum_pool(x, 2, axis=0), [nan, nan, nan, nan], equal_nan=True)
    assert np.array_equal(tp.avg_pool(x, 2, axis=0), [nan, nan, nan, nan], equal_nan=True)


@pytest.mark.parametrize("dtype", FLOATS)
def test_extreme_floats(dtype: str) -> None:
    info = reference.finfo(dtype)
    tiny, largest = info.smallest_subnormal, info.max
    x = np.array([tiny, 0, -tiny, tiny, largest, largest, -np.inf, largest], dtype)
    assert np.array_equal(tp.max_pool(x, 2, axis=0), np.array([tiny, tiny, largest, largest], dtype))
    assert np.array_equal(tp.min_pool(x, 2, axis=0), np.array([0, -tiny, largest, -np.inf], dtype))
    assert np.array_equal(tp.sum_pool(x, 2, axis=0), np.array([tiny, 0, np.inf, -np.inf], dtype))
    assert np.array_equal(tp.avg_pool(x[:4], 1, axis=0), x[:4])  # denormals are not flushed to zero


@pytest.mark.parametrize("dtype", INTEGERS)
def test_extreme_integers(dtype: str) -> None:
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    x = np.array([low, high, low, low, high, high], dtype)
    assert tp.max_pool(x, 2, axis=0).tolist() == [high, low, high]
    assert tp.min_pool(x, 2, axis=0).tolist() == [low, low, high]
    rounded = tp.avg_pool(x, 2, axis=0, dtype=dtype)
    assert rounded.tolist() == [round((low + high) / 2), low, high]  # halves to even; the sums do not wrap
    large = np.full(40, high, dtype)
    sums = [high * 40 % 2**64 - (2**64 if low < 0 and high * 40 % 2**64 >= 2**63 else 0)]
    assert tp.sum_pool(large, 40, axis=0).tolist() == sums
    assert tp.avg_pool(large, 40, axis=0).tolist() == [float(high)]


def test_sums_of_integers_are_wider_than_their_cells() -> None:
    bytes_ = np.full((40, 40), 255, np.uint8)
    assert tp.sum_pool(bytes_, 40, axis=(0, 1)).tolist() == [[255 * 1600]]
    assert tp.avg_pool(bytes_, 40, axis=(0, 1)).tolist() == [[255]]
    assert tp.max_pool(bytes_, 40, axis=(0, 1)).tolist() == [[255]]
    wide = np.array([2**31 - 1, 2**31 - 1, -(2**31), -(2**31)], np.int32)
    assert tp.sum_pool(wide, 2, axis=0).tolist() == [2**32 - 2, -(2**32)]
