"""Stochastic pooling draws: who wins the race of a window, on what that depends, and where results go."""

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

import reference
import tilepool as tp
from agreement import using_isa, windows_of
from layouts import LAYOUTS, any_numbers, lay_out
from rounding_errors import assert_close, error
from test_determinism import THREADS, bits
from test_errors import refused
from test_indices import same
from test_oracle_agreement import SEEDS, Geometry, few_enough, geometries, memories
from test_stochastic_expectation import most_taps, near
from tilepool import _core

Array = NDArray[Any]
SAME_VALUES = [name for name in LAYOUTS if name not in ("broadcast", "overlapping")]


def drawn(x: Array, *args: Any, **words: Any) -> tuple[Array, Array]:
    result: tuple[Array, Array] = tp.stochastic_pool(x, *args, return_indices=True, **words)
    return result


def winners(x: Array, seed: int, axes: Sequence[int], windows: Sequence[reference.Windows]) -> tuple[Array, Array]:
    """Values and places in the whole array, of one exponential number for each cell in row-major order."""
    waits = np.random.default_rng(seed).standard_exponential(x.size).reshape(x.shape)
    places = reference.race_winners(x, waits, axes, windows)
    values = np.array([x.ravel()[place] if place >= 0 else 0 for place in places.ravel()], reference.native(x.dtype))
    return values.reshape(places.shape), places


class Fixed(np.random.Generator):
    """Draws what it was given."""

    def __init__(self, waits: Any) -> None:
        super().__init__(np.random.PCG64())
        self.waits = np.array(waits)

    def standard_exponential(self, size: Any = None, *args: Any, **kwargs: Any) -> Any:
        return self.waits.reshape(size)


# ---- the race ------------------------------------------------------------------------------------------------------


@given(data=st.data(), geometry=geometries(4), dtype=st.sampled_from(_core.dtypes), seed=SEEDS)
def test_random_calls_agree_with_the_oracle(data: st.DataObject, geometry: Geometry, dtype: str, seed: int) -> None:
    """Values, indices and memory order; floats with NaN, infinities, zeros and the extremes among them.

    Numbers of another seed than the draws: integers of 64 bits would be the bits of which their waits are made, times
    one of 256 numbers, and two with the same one have quotients that differ by roundings alone.
    """
    values = any_numbers(np.random.default_rng((seed, 1)), geometry.shape, dtype)
    x = lay_out(values, **data.draw(memories(values.ndim)))
    assume(few_enough(x, geometry.axis, geometry.arguments))
    axes = [axis % x.ndim for axis in geometry.axis]
    expected, places = winners(x, seed, axes, windows_of(x, axes, geometry.arguments))
    base: Any = data.draw(st.sampled_from(("plane", "array", "batch")))
    base = "array" if base == "batch" and 0 in axes else base
    indices = tp.convert_indices(places, x.shape, "array", base, axis=geometry.axis)
    for isa, threads in itertools.product(_core.available_isas(), (1, 2)):
        with using_isa(isa):
            words: dict[str, Any] = {"rng": seed, "axis": geometry.axis, "threads": threads, **geometry.arguments}
            result = drawn(x, index_base=base, index_dtype="int32", **words)
            alone = tp.stochastic_pool(x, **words)
        assert result[0].dtype == expected.dtype
        assert result[1].dtype == np.int32
        assert same(result[0], expected), (isa, threads)
        assert np.array_equal(result[1], indices), (isa, threads)
        assert same(alone, expected)
    several = [axis for axis, n in enumerate(expected.shape) if n > 1 and x.shape[axis] > 1]
    order = [axis for axis in np.argsort([-abs(stride) for stride in x.strides], kind="stable") if axis in several]
    for part in (*result, alone):
        steps = [part.strides[axis] for axis in order]
        assert steps == sorted(steps, reverse=True)


@pytest.mark.parametrize("dtype", _core.dtypes)
def test_other_windows(dtype: str) -> None:
    """Adaptive ones in the place of a kernel size; no values but those at the indices."""
    x = any_numbers(np.random.default_rng(1), (3, 11, 13), dtype)
    windows = [reference.adaptive(11, 4), reference.adaptive(13, 5)]
    expected, places = winners(x, 5, (1, 2), windows)
    words: dict[str, Any] = {"output_size": (4, 5), "op": "stochastic", "axis": (1, 2)}
    values, indices = tp.adaptive_pool(x, rng=5, return_indices=True, index_base="array", **words)
    assert same(values, expected)
    assert np.array_equal(indices, places)
    assert same(values[indices >= 0], x.ravel()[indices[indices >= 0]])
    means = tp.adaptive_pool(x.astype(np.float64), training=False, **words)
    assert near(means, reference.expectation(x, (1, 2), windows), np.float64, most_taps(windows))


def test_windows_by_hand() -> None:
    nan, inf = np.nan, np.inf
    x = np.array(
        [[-1, 0, -0.0], [3, nan, -nan], [5, inf, inf], [-inf, -2, 0], [-1, 4, -9], [nan, inf, 1], [-inf, 7, 0]]
    )
    for isa in _core.available_isas():
        with using_isa(isa):
            values, indices = drawn(x, 3, axis=1, rng=0)
        assert np.array_equal(values.ravel(), [0, nan, inf, 0, 4, nan, 7], equal_nan=True)
        assert indices.ravel().tolist() == [-1, 1, 1, -1, 1, 0, 1]
    # A window over padding only.
    values, indices = drawn(np.ones(3), 1, 3, ceil_mode="full", axis=0)
    assert (values.tolist(), indices.tolist()) == ([1, 0], [0, -1])
    assert drawn(-np.ones(3), 3, axis=0, index_dtype="uint8")[1].tolist() == [255]
    assert drawn(np.array([False, True, False]), 3, axis=0)[0].tolist() == [True]
    assert not np.signbit(tp.stochastic_pool(np.array([-0.0, -1]), 2, axis=0))
    for shape in ((0, 3, 4, 4), (3, 0, 4, 4)):
        values, indices = drawn(np.zeros(shape, np.float32), 2)
        assert values.shape == indices.shape == (*shape[:2], 2, 2)


def test_every_positive_number_races_with_all_of_its_digits() -> None:
    """From the smallest denormal to the largest number, with waits from 0 to the longest: none is lost or overtakes."""
    rng = np.random.default_rng(0)
    powers = np.array([-1074, -1073, -1060, -1022, -1021, -900, -200, -64, -1, 0, 1, 64, 900, 1000, 1022, 1023])
    largest = np.finfo(np.float64).max
    numbers = np.append(np.ldexp(rng.uniform(1, 2, powers.size), powers), [5e-324, 1e-323, largest])
    waits = np.append(np.ldexp(rng.uniform(1, 2, 9), [-58, -57, -40, -10, -1, 0, 1, 4, 5]), [1.0])
    a, e = (part.ravel() for part in np.meshgrid(numbers, waits))
    pairs = np.stack([part.ravel() for part in np.meshgrid(np.arange(a.size), np.arange(a.size))], 1)
    quotients = [Fraction(float(x)) / Fraction(float(y)) for x, y in zip(a, e, strict=True)]
    values, indices = drawn(a[pairs], 2, axis=1, rng=Fixed(e[pairs]))
    assert (values > 0).all()
    for (first, second), index in zip(pairs.tolist(), indices.ravel(), strict=True):
        ratio = quotients[first] / quotients[second]
        if abs(ratio - 1) > Fraction(1, 2**50):
            assert index == (ratio < 1), (a[first], e[first], a[second], e[second])
    # A wait of 0, which a generator may draw, wins unless another number is infinite.
    assert drawn(np.array([1.0, 2, 0, -1]), 4, axis=0, rng=Fixed([0, 1.0, 0, 0]))[1].tolist() == [0]
    assert drawn(np.array([largest, np.inf]), 2, axis=0, rng=Fixed([0, 1.0]))[1].tolist() == [1]
    assert drawn(np.zeros(3), 3, axis=0, rng=Fixed(np.zeros(3)))[1].tolist() == [-1]


# ---- what a draw depends on ----------------------------------------------------------------------------------------


def test_threads_and_instruction_sets_draw_the_same() -> None:
    x = any_numbers(np.random.default_rng(0), (3, 113, 127), "float32")
    results = set()
    for isa, threads in itertools.product(_core.available_isas(), THREADS):
        with using_isa(isa):
            results.add(tuple(map(bits, drawn(x, 3, 2, 1, axis=(1, 2), rng=8, threads=threads))))
    assert len(results) == 1


@pytest.mark.parametrize("layout", SAME_VALUES)
def test_memory_layouts_draw_the_same(layout: str) -> None:
    """And the result lies in memory as that of a maximum does."""
    x = any_numbers(np.random.default_rng(0), (4, 23, 18), "float64")
    expected = drawn(x, 3, 2, axis=(1, 2), rng=8)
    view = LAYOUTS[layout](x)
    result = drawn(view, 3, 2, axis=(1, 2), rng=8)
    for part, other in zip(result, expected, strict=True):
        assert same(part, other)
        assert part.strides == tp.max_pool(view, 3, 2, axis=(1, 2)).strides


def test_seeds() -> None:
    x = np.ones((2, 500))
    rng = np.random.default_rng(2)
    draws = [drawn(x, 4, axis=1, rng=r)[1].tolist() for r in (2, np.int8(2), rng, rng, 3, None, None)]
    assert draws[0] == draws[1] == draws[2]
    assert len(set(map(str, draws))) == 5
    assert draws[0][0] != [index - 4 for index in draws[0][1]]


def test_unpooling_what_was_drawn() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 8, 10))
    values, indices = drawn(x, 2, rng=1)
    back = tp.max_unpool(values, indices, 2)
    assert np.array_equal(back[back != 0], x[back != 0])
    assert np.count_nonzero(back) == np.count_nonzero(values)
    assert np.array_equal(tp.max_pool(back, 2), values)


# ---- out -----------------------------------------------------------------------------------------------------------


def test_out() -> None:
    x = np.array([3, 1, 2, 5], np.uint8)
    expected = drawn(x, 2, axis=0, rng=0)
    for outs in ((np.zeros(2, np.float32), np.zeros(4, np.int64)[::2]), (np.zeros(2, np.uint8), None), (None, None)):
        result = drawn(x, 2, axis=0, rng=0, out=outs)
        for part, out, other in zip(result, outs, expected, strict=True):
            assert out is None or part is out
            assert np.array_equal(part, other)
    shared = np.array([3.0, 1, 2, 5])
    values = tp.stochastic_pool(shared, 2, axis=0, rng=0)
    assert tp.stochastic_pool(shared, 2, axis=0, rng=0, out=shared[1:3]) is not shared
    assert np.array_equal(shared[1:3], values)
    for training in (True, False):
        out = np.zeros(2, ">f8")
        rng = 0 if training else None
        assert tp.stochastic_pool(x, 2, axis=0, rng=rng, training=training, out=out) is out
        assert np.array_equal(out, tp.stochastic_pool(x, 2, axis=0, rng=rng, training=training))


# ---- NaNs that are left out ----------------------------------------------------------------------------------------


def test_nan_policy() -> None:
    """A NaN is never drawn and adds nothing, in an array whose other cells keep their draws."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0.5, 1.5, (7, 3))
    x[0, 0] = x[3] = np.nan
    with_zeros = np.where(np.isnan(x), 0, x)
    for training in (True, False):
        seed = 3 if training else None
        result = tp.stochastic_pool(x, 3, axis=1, rng=seed, training=training, nan_policy="omit")
        assert bits(result) == bits(tp.stochastic_pool(with_zeros, 3, axis=1, rng=seed, training=training))
        assert result[3] == 0
        assert np.isnan(tp.stochastic_pool(x, 3, axis=1, training=training)[[0, 3]]).all()
        refused(
            ValueError,
            "^x must be free of NaN",
            tp.stochastic_pool,
            x,
            3,
            axis=1,
            training=training,
            nan_policy="raise",
        )
    mixture = tp.mixed_pool(x, 3, axis=1, alpha=0.25, nan_policy="omit")
    with np.errstate(all="ignore"):
        expected = 0.25 * np.fmax.reduce(x, axis=1) + 0.75 * np.nansum(x, axis=1) / np.sum(~np.isnan(x), axis=1)
    some = [0, 1, 2, 4, 5, 6]
    # On both sides two additions, a division, a product with the share, and the sum of both parts.
    assert_close(mixture[some, 0], expected[some], error(2 * 5) * expected[some])
    refused(ValueError, "^x must be free of NaN", tp.mixed_pool, x, 3, axis=1, nan_policy="raise")
