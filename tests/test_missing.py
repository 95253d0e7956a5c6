"""Cells that are left out (`nan_policy`, `mask`) or weigh (`weights`) agree with the oracle, and with numpy."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import reference
import tilepool as tp
from agreement import EXACT_OPS, FUNCTIONS, differs, using_isa, windows_of
from layouts import FLOATS, any_numbers, lay_out, summable_numbers, whole_numbers
from reference import is_float
from test_oracle_agreement import SEEDS, Geometry, divisions, few_enough, geometries, memories
from tilepool import _core

Array = NDArray[Any]


def with_nans(rng: np.random.Generator, values: Array, share: float) -> Array:
    """So many of the cells are NaN, of either sign."""
    if not is_float(values.dtype):
        return values
    nans = np.array([math.nan, math.copysign(math.nan, -1)]).astype(values.dtype)
    return np.where(rng.random(values.shape) < share, rng.choice(nans, values.shape), values)


SHARES = st.sampled_from((0.0, 0.05, 0.5, 0.9, 1.0))


@st.composite
def masks(draw: st.DrawFn, shape: tuple[int, ...]) -> Any:
    """None, or cells that are there: of a shape that broadcasts to this one, in any form that is an array of bool."""
    if draw(st.booleans()):
        return None
    sizes = [draw(st.sampled_from((n, n, 1))) for n in shape][draw(st.integers(0, len(shape))) :]
    rng = np.random.default_rng(draw(SEEDS))
    mask = np.asarray(rng.random(sizes) < draw(st.sampled_from((0.0, 0.1, 0.5, 0.9, 1.0))))
    return draw(st.sampled_from((mask, mask[..., ::-1] if sizes else mask, np.asfortranarray(mask), mask.tolist())))


def valid_cells(x: Array, nan_policy: str, mask: Any) -> Array:
    """The rule: a cell is there if the mask says so, and if it is no NaN that is omitted."""
    there = np.ones(x.shape, bool) if mask is None else np.broadcast_to(np.asarray(mask), x.shape)
    return there & ~np.isnan(x) if nan_policy == "omit" and is_float(x.dtype) else there


def agree(
    function: Any,
    x: Array,
    values: Array,
    result: Any,
    bound: Array | None,
    note: str,
    threads: int | None,
    **call: Any,
) -> None:
    """The call gives these values on every instruction set, in the memory order of the call that leaves out nothing."""
    new = ("nan_policy", "mask", "weights", "dtype", "rounding")
    plain = function(x, **{name: word for name, word in call.items() if name not in new})
    for isa in _core.available_isas():
        with using_isa(isa):
            actual = function(x, threads=threads, **call)
        assert actual.dtype == result, (note, x.dtype, call)
        assert actual.shape == values.shape
        order = [stride // actual.itemsize for stride, n in zip(actual.strides, actual.shape, strict=True) if n > 1]
        assert order == [s // plain.itemsize for s, n in zip(plain.strides, plain.shape, strict=True) if n > 1], note
        wrong = differs(actual, values, bound)
        assert not wrong.any(), f"{note} {isa=} {x.dtype} {x.shape} {call}: {actual[wrong][0]}, not {values[wrong][0]}"


@pytest.mark.slow
@pytest.mark.parametrize("op", EXACT_OPS)
@settings(max_examples=150)
@given(data=st.data(), geometry=geometries(most_pooled=3), dtype=st.sampled_from(_core.dtypes), seed=SEEDS)
def test_extrema_and_their_places(op: str, data: st.DataObject, geometry: Geometry, dtype: str, seed: int) -> None:
    """Also beside cells that have the value of no cell, -inf or the lowest integer: these are found, and none else."""
    rng = np.random.default_rng(seed)
    values = any_numbers(rng, geometry.shape, dtype)
    least = (reference.lowest if op == "max" else reference.highest)(values.dtype)
    values[rng.random(values.shape) < data.draw(st.sampled_from((0.0, 0.5)))] = least
    values = with_nans(rng, values, data.draw(SHARES))
    x = lay_out(values, **data.draw(memories(values.ndim)))
    assume(few_enough(x, geometry.axis, geometry.arguments))
    call = {"nan_policy": data.draw(st.sampled_from(("omit", "omit", "propagate"))), "mask": data.draw(masks(x.shape))}
    valid, windows = valid_cells(values, **call), windows_of(x, geometry.axis, geometry.arguments)
    expected = reference.extremum_without(op, values, geometry.axis, windows, valid)
    call |= {"axis": geometry.axis, **geometry.arguments}
    agree(FUNCTIONS[op], x, expected, expected.dtype, None, f"{seed=}", data.draw(st.sampled_from((None, 2))), **call)

    places = reference.place_without(op, values, geometry.axis, windows, valid)
    for isa in _core.available_isas():
        with using_isa(isa):
            found, indices = FUNCTIONS[op](x, return_indices=True, index_base="array", **call)
        assert np.array_equal(indices, places), (seed, isa, x.dtype, call)
        assert not differs(found, expected, None).any(), (seed, isa, x.dtype, call)


@pytest.mark.slow
@pytest.mark.parametrize("numbers", [summable_numbers, whole_numbers])
@pytest.mark.parametrize("op", ["sum", "avg"])
@settings(max_examples=150)
@given(data=st.data(), geometry=geometries(most_pooled=3), dtype=st.sampled_from(_core.dtypes), seed=SEEDS)
def test_sums_and_averages(
    op: str, numbers: Any, data: st.DataObject, geometry: Geometry, dtype: str, seed: int
) -> None:
    """Those of small whole numbers are compared with ==, and all integer ones."""
    rng = np.random.default_rng(seed)
    values = with_nans(rng, numbers(rng, geometry.shape, dtype), data.draw(SHARES))
    x = lay_out(values, **data.draw(memories(values.ndim)))
    assume(few_enough(x, geometry.axis, geometry.arguments))
    left = {"nan_policy": data.draw(st.sampled_from(("omit", "omit", "propagate"))), "mask": data.draw(masks(x.shape))}
    valid, windows = valid_cells(values, **left), windows_of(x, geometry.axis, geometry.arguments)
    place = (values, geometry.axis, windows, valid)
    division = data.draw(divisions()) if op == "avg" else {}
    call: dict[str, Any] = {"axis": geometry.axis, **geometry.arguments, **left, **division}
    result = (reference.sum_dtype if op == "sum" else reference.avg_dtype)(values.dtype)
    expected, bound = reference.sum_without(*place, result), None
    if reference.is_float(result):
        number = reference.number_dtype(result)
        taps = math.prod(max(len(window.taps) for window in along) for along in windows)
        divisors = reference.divisor_without(*place, **division) if op == "avg" else np.array(1.0)
        with np.errstate(all="ignore"):
            if (
                numbers is whole_numbers
                and np.max(np.abs(divisors), initial=1) <= 2**24
                and (result.itemsize > 2 or 64 * taps <= 2**24)
            ):
                expected = reference.rounded((expected / divisors).astype(number), result)
            else:
                bound = reference.sum_without(np.abs(values.astype(np.float64)), *place[1:], np.float64)
                bound = bound / np.abs(divisors) * (taps + 4) * float(np.finfo(number).eps) / 2
                bound = np.where(np.isfinite(bound), bound, 0) + float(np.finfo(number).smallest_subnormal)
                expected = expected / divisors
    agree(FUNCTIONS[op], x, expected, result, bound, f"{seed=}", data.draw(st.sampled_from((None, 3))), **call)


@settings(max_examples=150)
@given(
    data=st.data(),
    geometry=geometries(most_pooled=2),
    dtype=st.sampled_from(_core.dtypes),
    result=st.sampled_from([dtype for dtype in _core.dtypes if dtype != "bool"]),
    op=st.sampled_from(("sum", "avg")),
    seed=SEEDS,
)
def test_another_result_dtype(
    data: st.DataObject, geometry: Geometry, dtype: str, result: str, op: str, seed: int
) -> None:
    """Averages of integers as integers are exact, by every rule of rounding, for the extremes of 64 bits, too."""
    rng = np.random.default_rng(seed)
    of_floats, to_floats = dtype in FLOATS, result in FLOATS
    numbers = whole_numbers if of_floats or to_floats else any_numbers
    values = numbers(rng, geometry.shape, dtype)
    values = with_nans(rng, np.abs(values) if of_floats else values, data.draw(SHARES))
    x = lay_out(values, **data.draw(memories(values.ndim)))
    assume(few_enough(x, geometry.axis, geometry.arguments))
    left = {"nan_policy": "omit", "mask": data.draw(masks(x.shape))}
    place = (values, geometry.axis, windows_of(x, geometry.axis, geometry.arguments), valid_cells(values, **left))
    call: dict[str, Any] = {"axis": geometry.axis, **geometry.arguments, **left, "dtype": result}
    target = np.dtype(result)
    if op == "sum":
        cells = np.where(valid_cells(values, **left), values, 0) if of_floats else values
        expected = reference.sum_without(cells, *place[1:], target)
        assume(not to_floats or np.max(np.abs(expected), initial=0) < 2**24)
        expected = reference.rounded(expected, target) if to_floats else expected
    else:
        division = data.draw(divisions())
        divisors = reference.divisor_without(*place, **division)
        assume(np.max(np.abs(divisors), initial=0) < 2**24)
        if to_floats or of_floats:
            with np.errstate(all="ignore"):
                expected = reference.sum_without(*place, np.float64) / divisors
        call |= division
        if to_floats:
            number = reference.number_dtype(target)
            expected = reference.rounded(expected.astype(number), target)
        else:
            call["rounding"] = rounding = data.draw(st.sampled_from(_core.roundings))
            if of_floats:
                averages = [0 if math.isnan(a) else reference.to_integer(a, target, rounding) for a in expected.ravel()]
                expected = reference.integers(averages, expected.shape).astype(target)
            else:
                expected = reference.rounded_average_without(*place, divisors, target, rounding)
    agree(FUNCTIONS[op], x, expected, target, None, f"{seed=}", None, **call)


def small_weights(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    """Whole numbers, of either sign where the dtype has them, and zeros."""
    return rng.integers(0 if dtype[0] in "ub" else -3, 5, size=shape).astype(dtype)


@pytest.mark.slow
@pytest.mark.parametrize("op", ["sum", "avg"])
@settings(max_examples=150)
@given(
    data=st.data(),
    geometry=geometries(most_pooled=3),
    dtype=st.sampled_from(_core.dtypes),
    kind=st.sampled_from(_core.dtypes),
    seed=SEEDS,
)
def test_weights(op: str, data: st.DataObject, geometry: Geometry, dtype: str, kind: str, seed: int) -> None:
    """Whole numbers times whole weights are exact sums, so that only the division rounds."""
    rng = np.random.default_rng(seed)
    values = with_nans(rng, whole_numbers(rng, geometry.shape, dtype), data.draw(SHARES))
    x = lay_out(values, **data.draw(memories(values.ndim)))
    assume(few_enough(x, geometry.axis, geometry.arguments))
    left = {"nan_policy": data.draw(st.sampled_from(("omit", "propagate"))), "mask": data.draw(masks(x.shape))}
    sizes = [data.draw(st.sampled_from((n, n, 1))) for n in x.shape][data.draw(st.integers(0, x.ndim)) :]
    weights = small_weights(rng, tuple(sizes), kind)
    place = (values, geometry.axis, windows_of(x, geometry.axis, geometry.arguments), valid_cells(values, **left))
    call: dict[str, Any] = {"axis": geometry.axis, **geometry.arguments, **left, "weights": weights}
    if op == "avg":
        division = data.draw(divisions())
        call |= division
        result = reference.avg_dtype(values.dtype)
        with np.errstate(all="ignore"):
            expected = reference.sum_without(*place, np.float64, weights)
            expected = expected / reference.divisor_without(*place, **division, weights=weights)
            expected = expected.astype(result)
    else:
        result = reference.native(values.dtype)
        if not is_float(result):
            both = {result.kind, weights.dtype.kind} - {"b"}
            result = np.dtype(np.float64 if is_float(weights.dtype) else np.uint64 if both == {"u"} else np.int64)
        expected = reference.sum_without(*place, result, weights)
        if is_float(result):
            with np.errstate(over="ignore"):
                expected = expected.astype(result)
    agree(FUNCTIONS[op], x, expected, result, None, f"{seed=}", data.draw(st.sampled_from((None, 2))), **call)


@pytest.mark.parametrize("dtype", _core.dtypes)
def test_any_weights(dtype: str) -> None:
    """Weights that are no whole numbers: float64 all the way, and one rounding to the dtype of the result."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = summable_numbers(rng, (5, 9, 11), dtype)
        weights = rng.random((9, 11)) * 10.0 ** rng.integers(-3, 3)
        windows = windows_of(x, (1, 2), {"kernel_size": (3, 4), "stride": 2, "padding": 1})
        place = (x, (1, 2), windows, np.ones((), bool))
        exact = reference.sum_without(*place, np.float64, weights)
        sizes = reference.sum_without(np.abs(x.astype(np.float64)), *place[1:], np.float64, weights)
        divisors = reference.divisor_without(*place, weights=weights)
        for op, values, bound in (("sum", exact, sizes), ("avg", exact / divisors, sizes / divisors)):
            actual = FUNCTIONS[op](x, (3, 4), 2, 1, axis=(1, 2), weights=weights)
            unit = 0.0 if actual.itemsize == 2 else float(np.finfo(actual.dtype).eps) / 2
            assert not differs(actual, values, bound * 20 * 2.0**-53 + np.abs(values) * unit).any(), (seed, op)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numpy_gives_the_same(dtype: str, isa: str) -> None:
    """Over windows that do not overlap, numpy's functions of the same meaning give the same bits."""
    rng = np.random.default_rng(7)
    blocks = with_nans(rng, whole_numbers(rng, (3, 15, 16, 2, 4), dtype), 0.5)
    blocks[..., 0, 1] = 3  # numpy warns where all is NaN
    weights = rng.integers(1, 9, size=blocks.shape)
    x, heavy = (np.moveaxis(array, 3, 2).reshape(3, 30, 64) for array in (blocks, weights))
    there = ~np.isnan(blocks)
    ways: list[dict[str, Any]] = [{"nan_policy": "omit"}, {"mask": ~np.isnan(x)}]
    for way in ways:
        for op, function in (("max", np.nanmax), ("min", np.nanmin), ("avg", np.nanmean), ("sum", np.nansum)):
            assert np.array_equal(FUNCTIONS[op](x, (2, 4), axis=(1, 2), **way), function(blocks, axis=(3, 4))), op
        numbers, counts = np.where(there, blocks, 0).astype(np.float64), np.where(there, weights, 0)
        average = np.average(numbers, axis=(3, 4), weights=counts).astype(dtype)
        assert np.array_equal(tp.avg_pool(x, (2, 4), axis=(1, 2), weights=heavy, **way), average)
