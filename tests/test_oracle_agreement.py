"""Random calls agree with the oracle: shapes x axes x memory layouts x windows x dtypes x ISAs x thread counts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import reference
from agreement import EXACT_OPS, OPS, check, windows_of
from layouts import LAYOUTS, any_numbers, lay_out, summable_numbers, whole_numbers
from tilepool import _core

# Cells per axis, by the number of pooled axes: some hundred cells in all, because the oracle is slow.
MOST_CELLS = {1: 90, 2: 14, 3: 7, 4: 5, 5: 4}

# Few enough outputs x taps for the oracle.
MOST_TAPS = 60_000


@dataclass(frozen=True)
class Geometry:
    """A shape, the axes that are pooled, as they are named, and the arguments that say how."""

    shape: tuple[int, ...]
    axis: tuple[int, ...]
    arguments: dict[str, Any]


@st.composite
def geometries(draw: st.DrawFn, most_pooled: int = 5) -> Geometry:
    pooled = draw(st.integers(1, most_pooled))
    rest = draw(st.integers(0, 2))
    order = draw(st.permutations(range(pooled + rest)))
    shape = [draw(st.integers(1, 5)) for _ in range(pooled + rest)]
    axis = []
    for position in order[:pooled]:
        shape[position] = draw(st.integers(1, MOST_CELLS[pooled]))
        axis.append(position - draw(st.sampled_from((0, pooled + rest))))
    sizes = [shape[a] for a in axis]

    def per_axis(values: st.SearchStrategy[int]) -> Any:
        """One number for all axes, or a tuple or list of one each."""
        numbers = [draw(values) for _ in axis]
        return draw(st.sampled_from((numbers[0], tuple(numbers), numbers)))

    # Mostly windows that fit; larger ones are valid too where the padding makes room for them.
    kernel_size = per_axis(st.integers(1, min(6, max(sizes) + 2)))
    dilation = per_axis(st.integers(1, 3)) if draw(st.booleans()) else 1
    stride = per_axis(st.integers(1, 5)) if draw(st.booleans()) else None
    kernels = kernel_size if isinstance(kernel_size, tuple | list) else [kernel_size] * pooled
    dilations = dilation if isinstance(dilation, tuple | list) else [dilation] * pooled
    extents = [d * (k - 1) + 1 for k, d in zip(kernels, dilations, strict=True)]
    spelling = draw(st.sampled_from(("none", "one", "per axis", "pairs", "pairs", "same", "same_lower", "valid")))
    padding: Any = 0
    if spelling == "one":
        padding = draw(st.integers(0, min(extents) - 1))
    elif spelling == "per axis":
        padding = tuple(draw(st.integers(0, e - 1)) for e in extents)
    elif spelling == "pairs":
        # Enough behind for one window at least, so that few examples are thrown away.
        befores = [draw(st.integers(0, e - 1)) for e in extents]
        padding = tuple(
            (before, draw(st.integers(min(e - 1, max(0, e - n - before)), e - 1)))
            for before, e, n in zip(befores, extents, sizes, strict=True)
        )
    elif spelling in ("same", "same_lower", "valid"):
        padding = spelling
    arguments = {
        "kernel_size": kernel_size,
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "ceil_mode": draw(st.sampled_from((False, True, "floor", "ceil", "full"))),
    }
    return Geometry(tuple(shape), tuple(axis), arguments)


@st.composite
def memories(draw: st.DrawFn, ndim: int) -> dict[str, Any]:
    """Arguments for lay_out: any order of the axes, steps, margins, alignment and byte order."""
    return {
        "order": draw(st.permutations(range(ndim))),
        "steps": draw(st.lists(st.sampled_from((1, 1, 1, -1, 2, -2)), min_size=ndim, max_size=ndim)),
        "margin": draw(st.integers(0, 2)),
        "offset": draw(st.sampled_from((0, 0, 8, 1, 3))),
        "swapped": draw(st.sampled_from((False, False, False, True))),
    }


def few_enough(x: Any, axes: tuple[int, ...], arguments: dict[str, Any]) -> bool:
    """Whether there is an output in every axis, and not more work than the oracle can do."""
    windows = windows_of(x, axes, arguments)
    taps = [sum(len(window.taps) for window in windows_of_axis) for windows_of_axis in windows]
    rest = x.size // int(np.prod([x.shape[a] for a in axes]))
    return all(windows) and rest * int(np.prod(taps)) <= MOST_TAPS


SEEDS = st.integers(0, 2**32 - 1)
TEAMS = st.sampled_from(((None,), (1,), (2, 3)))


@pytest.mark.parametrize("op", EXACT_OPS)
@given(data=st.data(), geometry=geometries(), dtype=st.sampled_from(_core.dtypes), seed=SEEDS, threads=TEAMS)
def test_max_and_min_are_exact(
    op: str, data: st.DataObject, geometry: Geometry, dtype: str, seed: int, threads: tuple[int | None, ...]
) -> None:
    """Also where the numbers are NaN, infinite, extreme, or tied."""
    values = any_numbers(np.random.default_rng(seed), geometry.shape, dtype)
    x = lay_out(values, **data.draw(memories(values.ndim)))
    assume(few_enough(x, geometry.axis, geometry.arguments))
    check(op, x, geometry.axis, threads=threads, note=f"{seed=}", **geometry.arguments)


@st.composite
def divisions(draw: st.DrawFn) -> dict[str, Any]:
    """What only an average has."""
    divisors = st.none() | st.none() | st.integers(-9, 9).filter(bool) | st.sampled_from((2**24 + 1, 1 - 2**53))
    return {"count_include_pad": draw(st.booleans()), "divisor_override": draw(divisors)}


@pytest.mark.parametrize("numbers", [summable_numbers, whole_numbers])
@pytest.mark.parametrize("op", ["sum", "avg"])
@given(data=st.data(), geometry=geometries(), dtype=st.sampled_from(_core.dtypes), seed=SEEDS, threads=TEAMS)
def test_sums_and_averages_are_within_their_bound(
    op: str,
    numbers: Any,
    data: st.DataObject,
    geometry: Geometry,
    dtype: str,
    seed: int,
    threads: tuple[int | None, ...],
) -> None:
    """Integer sums are exact modulo 2**n, sums and averages of small whole numbers are compared with == too."""
    values = numbers(np.random.default_rng(seed), geometry.shape, dtype)
    x = lay_out(values, **data.draw(memories(values.ndim)))
    assume(few_enough(x, geometry.axis, geometry.arguments))
    division = data.draw(divisions()) if op == "avg" else {}
    check(op, x, geometry.axis, threads=threads, note=f"{seed=}", **geometry.arguments, **division)


@given(
    data=st.data(),
    geometry=geometries(most_pooled=3),
    dtype=st.sampled_from(_core.dtypes),
    result=st.sampled_from([dtype for dtype in _core.dtypes if dtype != "bool"]),
    op=st.sampled_from(("sum", "avg")),
    seed=SEEDS,
)
def test_another_result_dtype(
    data: st.DataObject, geometry: Geometry, dtype: str, result: str, op: str, seed: int
) -> None:
    """x is converted first; integer averages are exact before they are rounded and saturated."""
    rng = np.random.default_rng(seed)
    of_floats, to_floats = reference.is_float(dtype), reference.is_float(result)
    wide = dtype == result or not (of_floats or result == "float16")  # what is out of range is undefined, or a warning
    values = (summable_numbers if wide and data.draw(st.booleans()) else whole_numbers)(rng, geometry.shape, dtype)
    if of_floats and not to_floats:
        values = np.abs(values)  # unsigned integers have no negative numbers
    x = lay_out(values, **data.draw(memories(values.ndim)))
    assume(few_enough(x, geometry.axis, geometry.arguments))
    division = data.draw(divisions()) if op == "avg" else {}
    if op == "avg" and not to_floats:
        division["rounding"] = data.draw(st.sampled_from(_core.roundings))
    if of_floats and not to_floats and op == "avg":
        # A window without a cell has the average NaN, which no integer can hold: test_errors.py.
        windows = windows_of(x, geometry.axis, geometry.arguments)
        assume(all(len(window.taps) for windows_of_axis in windows for window in windows_of_axis))
    check(op, x, geometry.axis, note=f"{seed=}", dtype=result, **geometry.arguments, **division)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("op", OPS)
def test_every_memory_layout(op: str, layout: str, dtype: str) -> None:
    """The named layouts, each with all dtypes, subsets of axes, and sizes that leave tails in every vector length."""
    rng = np.random.default_rng(len(layout))
    numbers = any_numbers if op in EXACT_OPS else summable_numbers
    x = LAYOUTS[layout](numbers(rng, (3, 4, 11, 37), dtype))
    for axis in ((2, 3), (1, 2), (0, 3), (3,), (2,), (0, 2)):
        check(op, x, axis, kernel_size=3, stride=2, padding=1, note=layout)


def test_the_oracle_agrees_with_numbers_worked_by_hand() -> None:
    """Who watches the watchman: each rule of the oracle once, on a line of five cells."""
    x = np.array([1.0, 5.0, 2.0, 4.0, 3.0])

    def results(function: Any, *window: Any, **arguments: Any) -> list[float]:
        windows = reference.sliding(5, *window)
        return [float(value) for value in function(x, [0], [windows], **arguments)]

    assert results(reference.max_pool, 2, 1) == [5, 5, 4, 4]
    assert results(reference.min_pool, 2) == [1, 2]  # the stride is the kernel, the fifth cell has no window
    assert results(reference.sum_pool, 2, None, (0, 0), 1, True) == [6, 6, 3]  # with ceil it has one
    assert results(reference.sum_pool, 3, 2, (1, 1)) == [6, 11, 7]
    assert results(reference.avg_pool, 3, 2, (1, 1)) == [6 / 3, 11 / 3, 7 / 3]
    assert results(reference.avg_pool, 3, 2, (1, 1), count_include_pad=False) == [6 / 2, 11 / 3, 7 / 2]
    assert results(reference.sum_pool, 2, 1, (0, 0), 3) == [5, 8]  # dilation 3: cells 0 and 3, 1 and 4
    assert results(reference.max_pool, 2, 3, (3, 3), 4)[0] == 5  # taps -3 and 1
    assert reference.same_padding(5, 2, 2) == (0, 1)
    assert reference.same_padding(5, 2, 2, lower=True) == (1, 0)
    assert reference.avg_pool(np.array([2, 3, 3, 4]), [0], [reference.sliding(4, 2)], dtype="uint8").tolist() == [2, 4]
