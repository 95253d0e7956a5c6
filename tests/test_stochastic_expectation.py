"""The expectation of stochastic pooling, `training=False`: the mean of what would be drawn."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import reference
import tilepool as tp
from agreement import using_isa, windows_of
from layouts import any_numbers, lay_out, summable_numbers
from rounding_errors import assert_close, error, expectation
from test_oracle_agreement import SEEDS, Geometry, few_enough, geometries, memories
from tilepool import _core

Array = NDArray[Any]


def most_taps(windows: Sequence[reference.Windows]) -> int:
    return math.prod(max(len(window.taps) for window in of_axis) for of_axis in windows)


def near(result: Array, exact: Array, dtype: Any, taps: int) -> bool:
    """Off by the roundings of windows of at most `taps` cells, and by one of the oracle; rounded once."""
    bound = exact * error(expectation(taps) + 1)
    with np.errstate(invalid="ignore", over="ignore"):
        low, high = (np.asarray(exact + side).astype(dtype) for side in (-bound, bound))
        inside = (result >= low) & (result <= high)
    return bool((inside | (result == exact) | (np.isnan(result.astype(float)) & np.isnan(exact))).all())


@settings(max_examples=200)
@given(data=st.data(), geometry=geometries(3), dtype=st.sampled_from(_core.dtypes), seed=SEEDS)
def test_expectations_agree_with_the_oracle(data: st.DataObject, geometry: Geometry, dtype: str, seed: int) -> None:
    numbers = data.draw(st.sampled_from((any_numbers, summable_numbers)))
    x = lay_out(numbers(np.random.default_rng(seed), geometry.shape, dtype), **data.draw(memories(len(geometry.shape))))
    assume(few_enough(x, geometry.axis, geometry.arguments))
    windows = windows_of(x, geometry.axis, geometry.arguments)
    exact = reference.expectation(x, geometry.axis, windows)
    taps = most_taps(windows)
    for isa, threads in itertools.product(_core.available_isas(), (1, 2)):
        with using_isa(isa):
            result = tp.stochastic_pool(x, axis=geometry.axis, training=False, threads=threads, **geometry.arguments)
        assert result.dtype == reference.avg_dtype(x.dtype)
        assert result.shape == exact.shape
        assert near(result, exact, result.dtype, taps), (isa, threads)


def test_expectations_by_hand() -> None:
    def mean(*cells: float) -> Any:
        return tp.stochastic_pool(np.array(cells), len(cells), axis=0, training=False)[0]

    assert mean(1, 3) == 2.5
    assert mean(-1, 0, -5) == 0
    assert not np.signbit(mean(-0.0))
    assert math.isnan(mean(1, math.nan))
    assert mean(1, math.inf, -math.inf) == math.inf
    for power in (-1072, -1022, -700, -401, -399, 399, 401, 500, 1020):  # squares and sums that overflow or vanish
        assert mean(2.0**power, 3 * 2.0**power) == 2.5 * 2.0**power
    apart = np.array([1e200, 3e200, 1e-200, 3e-200, 1, 3])
    expected = 2.5 * apart[::2]
    # One more of what is expected, and two of cells that are not thrice as large.
    bound = error(expectation(2) + 1 + 2) * expected
    assert_close(tp.stochastic_pool(apart, 2, axis=0, training=False), expected, bound)
    assert tp.stochastic_pool(np.ones(3), 1, 3, ceil_mode="full", axis=0, training=False)[1] == 0
