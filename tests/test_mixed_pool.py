"""Mixtures of maximum and average: by the formula, and the one or the other where the share is 1 or 0."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import reference
import tilepool as tp
from agreement import differs, using_isa, windows_of
from layouts import any_numbers, lay_out, whole_numbers
from test_indices import same
from test_oracle_agreement import SEEDS, Geometry, few_enough, geometries, memories
from tilepool import _core

Array = NDArray[Any]


@settings(max_examples=200)
@given(data=st.data(), geometry=geometries(3), dtype=st.sampled_from(_core.dtypes), seed=SEEDS)
def test_mixtures_agree_with_the_oracle(data: st.DataObject, geometry: Geometry, dtype: str, seed: int) -> None:
    """Whole numbers and shares of sixteenths: nothing is rounded before the end but the average."""
    rng = np.random.default_rng(seed)
    x = lay_out(whole_numbers(rng, geometry.shape, dtype), **data.draw(memories(len(geometry.shape))))
    assume(few_enough(x, geometry.axis, geometry.arguments))
    count_include_pad = data.draw(st.booleans())
    windows = windows_of(x, geometry.axis, geometry.arguments)
    kind = reference.avg_dtype(x.dtype)
    largest = reference.max_pool(x, geometry.axis, windows).astype(np.float64)
    means = reference.rounded(reference.avg_pool(x, geometry.axis, windows, count_include_pad), kind).astype(np.float64)
    shape = [data.draw(st.sampled_from((1, n))) for n in means.shape]
    alpha: Any = data.draw(st.sampled_from((rng.integers(0, 17, shape) / 16, 0.25, np.float32(0.5), 1, 0)))
    share = np.broadcast_to(alpha, means.shape)
    expected = np.empty_like(means)
    for place in np.ndindex(means.shape):
        parts = [(float(share[place]), largest[place]), (1 - float(share[place]), means[place])]
        expected[place] = sum((weight * part for weight, part in parts if weight != 0), 0.0)
    with np.errstate(over="ignore"):
        expected = expected.astype(kind)
    for isa, threads in itertools.product(_core.available_isas(), (1, 2)):
        with using_isa(isa):
            words = geometry.arguments | {"axis": geometry.axis, "threads": threads, "alpha": alpha}
            result = tp.mixed_pool(x, count_include_pad=count_include_pad, **words)
        assert result.dtype == kind
        assert not differs(result, expected, None).any(), (isa, threads)


@pytest.mark.parametrize("dtype", _core.dtypes)
@settings(max_examples=20)
@given(geometry=geometries(3), seed=SEEDS)
def test_shares_of_one_and_zero_are_the_two(dtype: str, geometry: Geometry, seed: int) -> None:
    """Bit for bit, with NaN, infinities and windows over padding only."""
    x = any_numbers(np.random.default_rng(seed), geometry.shape, dtype)
    assume(few_enough(x, geometry.axis, geometry.arguments))
    words = {"axis": geometry.axis, **geometry.arguments}
    means = tp.avg_pool(x, **words)
    largest = tp.max_pool(x, **words).astype(means.dtype)
    assert same(tp.mixed_pool(x, alpha=0, **words), means)
    assert same(tp.mixed_pool(x, alpha=1.0, **words), largest)
    gate = np.random.default_rng(seed).integers(0, 2, means.shape)
    assert same(tp.mixed_pool(x, alpha=gate, **words), np.where(gate == 1, largest, means))


def test_mixtures_by_hand() -> None:
    inf = math.inf
    x = np.array([[1.0, 3], [-inf, 2], [inf, -inf], [1, math.nan]])
    for alpha, expected in ((0.25, [2.25, -inf, math.nan]), (0, [2, -inf, math.nan]), (1, [3, 2, inf])):
        result = tp.mixed_pool(x, 2, axis=1, alpha=alpha).ravel()
        assert np.array_equal(result, [*expected, math.nan], equal_nan=True)
    nothing: dict[str, Any] = {"kernel_size": 1, "stride": 3, "ceil_mode": "full", "axis": 0}
    assert tp.mixed_pool(np.ones(3), alpha=1, **nothing).tolist() == [1, -inf]
    assert np.isnan(tp.mixed_pool(np.ones(3), alpha=0, **nothing)[1])
    out = np.zeros((4, 1))
    assert tp.mixed_pool(x, 2, axis=1, out=out) is out
    assert out[0] == 2.5
    assert tp.mixed_pool(-np.ones(2), 2, padding=1, stride=2, axis=0).tolist() == [-0.75, -0.75]
    assert tp.mixed_pool(-np.ones(2), 2, 2, 1, axis=0, count_include_pad=False).tolist() == [-1, -1]
    transposed = np.ones((6, 8)).T
    gate = np.full((4, 3), 0.5)
    assert (
        tp.mixed_pool(transposed, 2, axis=(0, 1), alpha=gate).strides == tp.max_pool(transposed, 2, axis=(0, 1)).strides
    )
