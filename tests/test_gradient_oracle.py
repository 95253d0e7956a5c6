"""The oracle of gradients itself: its values are what central differences of the poolings say."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gradient_cases import KINDS, Call, Options, calls, rows_of_pairs
from gradient_meanings import axes_of, gradient, windows_in

Array = NDArray[Any]

CELLS = 12  # of each call: differences take four poolings of the whole array for each
SMOOTH: Options = {"x dtype": "float64", "g dtype": "float64", "g": "whole", "x layout": "C order", "shape": False}


def check(call: Call) -> float:
    """Extrema and sums are linear in so small a part of each cell's line that differences are exact: numbers that are
    whole, and never equal, but for steps of a quarter.

    Averages are linear, too: all that differs is what F = sum(g * y) is rounded by, divided by the step. Norms and what
    weights do to averages are not: their differences of two steps are off by h**2 / 6 and a quarter of that, times the
    third derivative, and so the second by a third of what they differ by (times what has higher order: taken as 1).

    Returns for how many of the cells that says something.
    """
    rng = np.random.default_rng(0)
    of_weights = call.arguments.get("wrt") == "weights"
    x = distinct(rng, call.x)
    found = gradient(call.op, call.g, x, call.arguments)
    weights = call.arguments.get("weights")
    start = weights.astype(np.float64) if of_weights and weights is not None else x
    cells = rng.choice(start.size, min(CELLS, start.size), replace=False)
    curved = call.op == "lp" or (of_weights and call.op == "avg")

    def outcome(at: Array) -> Array:
        with np.errstate(all="ignore"):
            y = call.forward(x, weights=at) if of_weights else call.forward(at)
            return np.where(np.isfinite(y), y * call.g, 0)

    taps = max(
        math.prod(max(len(window.taps) for window in along) for along in windows)
        for windows in windows_in(x.shape, call.arguments)
    )
    largest = np.nanmax(np.abs(x)) * max(
        1, taps * 2 * np.max(np.abs(1.0 if weights is None else weights.astype(float)))
    )
    if call.op == "lp":
        largest = np.max(np.abs(outcome(x)))  # g is whole
    roundings = 2 * (taps + 8) * 2**-53 * largest * np.sum(np.abs(call.g))

    def slope(cell: int, h: float) -> float:
        ends = []
        for step in (h, -h):
            moved = start.copy()
            moved.ravel()[cell] += step
            ends.append(outcome(moved))
        return math.fsum([*ends[0].ravel(), *-ends[1].ravel()]) / (2 * h)

    useful = 0
    for cell in cells.tolist():
        h = 0.25 if not curved else 2**-12 * abs(start.ravel()[cell])
        if math.isnan(h):
            assert found.values.ravel()[cell] == 0
            useful += 1
            continue
        two = slope(cell, h / 2)
        tolerance = 0 if call.op in ("max", "min", "sum") and weights is None else roundings / (h / 2)
        tolerance += abs(slope(cell, h) - two) if curved else 0
        assert abs(two - found.values.ravel()[cell]) <= tolerance, f"{call}, cell {cell} of {x!r}, g {call.g!r}"
        useful += tolerance <= 0.01 * max(1, np.nanmax(np.abs(found.values)))
    return useful / len(cells)


def distinct(rng: np.random.Generator, like: Array) -> Array:
    """Whole numbers whose magnitudes are all different, and none 0; NaN where there was one."""
    numbers = (rng.permutation(like.size) + 1.0) * rng.choice([-1, 1], like.size)
    return np.where(np.isnan(like), np.nan, numbers.reshape(like.shape))


def check_all(op: str, kind: str, first: int | None = None) -> None:
    useful = [check(call) for call, row in calls(op, kind, first, **SMOOTH) if row["missing"] != "NaN"]
    assert len(useful) > 3
    assert np.mean(useful) > 0.9


@pytest.mark.parametrize(("op", "kind"), KINDS)
def test_central_differences(op: str, kind: str) -> None:
    check_all(op, kind, first=5)


@pytest.mark.slow
@pytest.mark.parametrize(("op", "kind"), KINDS)
def test_central_differences_of_all_pairs(op: str, kind: str) -> None:
    check_all(op, kind)


def test_windows_whose_axes_are_named_in_another_order() -> None:
    """The same windows, whichever order their axes are named in."""
    x = np.arange(30.0).reshape(5, 6)
    for op, kernel in (("max", (2, 3)), ("sum", (2, 3)), ("lp", (2, 3))):
        words: Options = {"norm_type": 2} if op == "lp" else {}
        found = gradient(op, np.ones((2, 2)), x, {"kernel_size": kernel, "axis": (0, 1), **words})
        other = gradient(op, np.ones((2, 2)), x, {"kernel_size": kernel[::-1], "axis": (1, 0), **words})
        assert np.array_equal(found.values, other.values)
    assert axes_of(4, {"axis": (-1, 1)}) == (3, 1)


def test_rows_of_pairs() -> None:
    """Each two values of two options meet."""
    table: dict[str, Any] = {"a": (1, 2, 3), "b": "xyzw", "c": (True, False)}
    rows = list(rows_of_pairs(table, 0))
    for one in table:
        for other in set(table) - {one}:
            assert len({(row[one], row[other]) for row in rows}) == len(table[one]) * len(table[other])
    assert len(rows) < 18
