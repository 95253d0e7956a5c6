"""How averages become integers: each `rounding`, ties, limits; on every instruction set."""

from typing import Any

import numpy as np
import pytest

import tilepool as tp
from layouts import INTEGERS, NUMBERS

pytestmark = pytest.mark.usefixtures("isa")


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_averages_round_half_to_even_and_saturate(dtype: str) -> None:
    x = np.array([0, 1, 1, 2, 2, 3, 3, 4, 100, 101], dtype)
    assert tp.avg_pool(x, 2, axis=0, dtype=dtype).tolist() == [0, 2, 2, 4, 100]  # 0.5, 1.5, 2.5, 3.5, 100.5
    assert tp.avg_pool(x, 2, axis=0, dtype="int8", divisor_override=1).tolist() == [1, 3, 5, 7, 127]
    assert tp.avg_pool(x, 2, axis=0, dtype="uint8", divisor_override=-1).tolist() == [0, 0, 0, 0, 0]
    assert tp.avg_pool(x, 2, axis=0, dtype="int32", divisor_override=-2).tolist() == [0, -2, -2, -4, -100]


def test_rounded_averages_of_floats() -> None:
    x = np.array([0, 1, 1, 2, -1, -2, 500, 501], np.float32)
    assert tp.avg_pool(x, 2, axis=0, dtype="int64").tolist() == [0, 2, -2, 500]
    assert tp.avg_pool(x, 2, axis=0, dtype="uint8").tolist() == [0, 2, 0, 255]
    with pytest.raises(ValueError, match="NaN"):
        tp.avg_pool(np.array([1, np.nan]), 2, axis=0, dtype="int32")


@pytest.mark.parametrize("dtype", INTEGERS)
def test_rounded_averages_of_floats_saturate(dtype: str) -> None:
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    huge = np.array([1e30, -1e30, np.inf, -np.inf, high + 1.0, low - 1.0])  # the sums are floats: 2**63 for int64
    assert tp.avg_pool(huge, 1, axis=0, dtype=dtype).tolist() == [high, low, high, low, high, low]
    largest = np.nextafter(high + 1.0, 0)
    assert tp.avg_pool(np.array([largest]), 1, axis=0, dtype=dtype).tolist() == [min(high, round(largest))]


ROUNDED = {
    "half_even": [-2, -2, -2, -1, 0, 0, 0, 1, 2, 2, 2],
    "half_up": [-2, -2, -1, -1, 0, 0, 1, 1, 2, 2, 3],
    "floor": [-3, -2, -2, -2, -1, 0, 0, 0, 1, 1, 2],
    "trunc": [-2, -1, -1, -1, 0, 0, 0, 0, 1, 1, 2],
}


@pytest.mark.parametrize("dtype", [dtype for dtype in NUMBERS if np.dtype(dtype).kind != "u"])
@pytest.mark.parametrize("rounding", ROUNDED)
def test_rounding_of_averages(rounding: Any, dtype: str) -> None:
    quarters = np.array([-10, -7, -6, -5, -2, 0, 2, 3, 6, 7, 10])  # of -2.5, -1.75, -1.5, -1.25, -0.5, 0, 0.5, ...
    words: dict[str, Any] = {"kernel_size": 4, "axis": 0, "rounding": rounding}
    x = np.zeros(4 * quarters.size, dtype)
    x[::4] = quarters
    for result in ("int8", "int64"):
        assert tp.avg_pool(x, dtype=result, **words).tolist() == ROUNDED[rounding]
    unsigned = tp.avg_pool(x, dtype="uint16", **words)
    assert unsigned.tolist() == [max(0, number) for number in ROUNDED[rounding]]
    turned = tp.avg_pool(-x, dtype="int32", divisor_override=-4, **words)
    assert turned.tolist() == ROUNDED[rounding]


MOST = 2**64 - 1


@pytest.mark.parametrize(
    ("rounding", "first"), [("half_even", MOST - 1), ("half_up", MOST), ("floor", MOST - 1), ("trunc", MOST - 1)]
)
def test_rounded_averages_of_64_bits(rounding: str, first: int) -> None:
    """Beyond float64: the sums are exact, and each result is clipped once."""
    x = np.array([MOST, MOST - 1, MOST, MOST], np.uint64)
    words: dict[str, Any] = {"kernel_size": 2, "axis": 0, "rounding": rounding}
    assert tp.avg_pool(x, dtype="uint64", **words).tolist() == [first, MOST]
    assert tp.avg_pool(x, dtype="int64", **words).tolist() == [2**63 - 1] * 2
    assert tp.avg_pool(x, dtype="uint64", divisor_override=1, **words).tolist() == [MOST, MOST]
    assert tp.avg_pool(x, dtype="int64", divisor_override=-1, **words).tolist() == [-(2**63)] * 2
    assert tp.avg_pool(x, dtype="uint64", divisor_override=-1, **words).tolist() == [0, 0]


def test_rounded_averages_leave_the_range_of_int64() -> None:
    signed = np.array([2**62, 2**62, 2**62 + 1, -1])
    assert tp.avg_pool(signed, 2, axis=0, dtype="uint64", divisor_override=1).tolist() == [2**63, 2**62]


def test_half_up_of_floats_next_to_a_half() -> None:
    """Adding a half and taking the floor would be wrong here: the sum is rounded to 1."""
    below = np.nextafter(0.5, 0)
    x = np.array([below, 0.5, -0.5, np.nextafter(-0.5, -1), 2.0**52 + 1, -below, np.inf])
    result = tp.avg_pool(x, 1, axis=0, dtype="int64", rounding="half_up")
    assert result.tolist() == [0, 1, 0, -1, 2**52 + 1, 0, 2**63 - 1]
