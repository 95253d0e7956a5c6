"""Windows that do not slide: adaptive, global, pyramids, fractional; and sliding ones with ceil_mode="full"."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import reference
import tilepool as tp
from agreement import ADAPTIVE, EXACT_OPS, FRACTIONAL, FUNCTIONS, OPS, check, differs, using_isa
from layouts import lay_out, summable_numbers
from test_determinism import THREADS, bits, numbers
from test_oracle_agreement import MOST_CELLS, SEEDS, TEAMS, memories
from tilepool import _core

Array = NDArray[Any]


@st.composite
def places(draw: st.DrawFn, most_pooled: int = 3) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A shape and the axes that are pooled."""
    pooled, rest = draw(st.integers(1, most_pooled)), draw(st.integers(0, 2))
    axis = draw(st.permutations(range(pooled + rest)))[:pooled]
    sizes = st.integers(1, MOST_CELLS[pooled])
    shape = [draw(sizes if a in axis else st.integers(1, 5)) for a in range(pooled + rest)]
    return tuple(shape), tuple(axis)


def made(data: st.DataObject, op: str, shape: tuple[int, ...], dtype: str, seed: int) -> Array:
    values = numbers(op)(np.random.default_rng(seed), shape, dtype)
    return lay_out(values, **data.draw(memories(values.ndim)))


# ---- adaptive ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", OPS)
@settings(max_examples=120)
@given(data=st.data(), place=places(), dtype=st.sampled_from(_core.dtypes), seed=SEEDS, threads=TEAMS)
def test_adaptive_windows(
    op: str, data: st.DataObject, place: tuple[Any, Any], dtype: str, seed: int, threads: tuple[int | None, ...]
) -> None:
    """Fewer outputs than cells, as many, or more."""
    shape, axis = place
    outputs: Any = tuple(data.draw(st.integers(1, min(20, 2 * shape[a])) | st.none()) for a in axis)
    outputs = data.draw(st.sampled_from((outputs, list(outputs), outputs[0])))
    check(op, made(data, op, shape, dtype, seed), axis, threads=threads, note=f"{seed=}", output_size=outputs)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
def test_adaptive_rows_of_every_width(op: str, dtype: str) -> None:
    """Long rows of many tiles, short ones, pixels of one element and of some: all ends of all vectors."""
    rng = np.random.default_rng(1)
    for shape, axis, outputs in [
        ((5, 67), (0, 1), (2, 31)),
        ((9, 67), (0, 1), (4, 66)),
        ((4, 35, 3), (0, 1), (3, 20)),
        ((7, 19, 33), (0, 1), (5, 8)),
        ((7, 33, 19), (0, 2), (5, 30)),
        ((3, 20_011), (1,), (97,)),
        ((2, 8009), (1,), (6000,)),
        ((60, 501), (0, 1), (7, 1)),
        ((40, 6), (0,), (7,)),
    ]:
        check(op, numbers(op)(rng, shape, dtype), axis, note=str(shape), output_size=outputs)


def test_adaptive_windows_by_hand() -> None:
    """7 cells to 3: PyTorch's rule sees cells 0 to 2, 2 to 4, 4 to 6; 2 to 5: 0, 0, 0 and 1, 1, 1."""
    x = np.array([1, 9, 3, 4, 5, 2, 7])
    assert tp.adaptive_max_pool(x, 3, axis=0).tolist() == [9, 5, 7]
    assert tp.adaptive_sum_pool(x, 3, axis=0).tolist() == [13, 12, 14]
    assert tp.adaptive_avg_pool(np.array([2.0, 4.0]), 5, axis=0).tolist() == [2, 2, 3, 4, 4]
    assert tp.adaptive_min_pool(x, None, axis=0).tolist() == x.tolist()
    assert tp.adaptive_max_pool(np.zeros((2, 3, 8, 9)), (None, 4)).shape == (2, 3, 8, 4)
    assert tp.adaptive_max_pool(np.zeros((2, 8, 9, 3)), 5, layout="channels_last").shape == (2, 5, 5, 3)
    assert tp.adaptive_max_pool(np.zeros((0, 3, 8, 9)), 5).shape == (0, 3, 5, 5)
    assert tp.adaptive_avg_pool(np.array([1, 2, 4], np.uint8), 1, axis=0, dtype="uint8").tolist() == [2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_windows_that_happen_to_be_even_are_sliding(dtype: str) -> None:
    """The same loops, so the same order of additions: equal bits. That the order matters, the last line shows."""
    x = summable_numbers(np.random.default_rng(0), (2, 224, 224), dtype)
    for outputs, kernel, stride in ((7, 32, 32), (223, 2, 1), (1, 224, 1), (2, 112, 112), (224, 1, 1)):
        for function, same in ((tp.adaptive_avg_pool, tp.avg_pool), (tp.adaptive_sum_pool, tp.sum_pool)):
            result = function(x, outputs, axis=(1, 2))
            assert bits(result) == bits(same(x, kernel, stride, axis=(1, 2))), outputs
    assert bits(tp.adaptive_sum_pool(x, 7, axis=(1, 2))) != bits(x.reshape(2, 7, 32, 7, 32).sum((2, 4)))
    x = x[:, :223, :]
    assert bits(tp.adaptive_avg_pool(x, (2, 3), axis=(1, 2))) != bits(tp.avg_pool(x, (112, 74), axis=(1, 2)))
    assert bits(tp.adaptive_avg_pool(x, 2, axis=1)) == bits(tp.avg_pool(x, 112, 111, axis=1))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
def test_adaptive_windows_on_instruction_sets_and_threads(op: str, dtype: str) -> None:
    for number, (shape, axis, outputs) in enumerate(
        [((3, 113, 127), (1, 2), (50, 31)), ((70_001,), 0, 3000), ((31, 33, 65), (0, 1), (9, 40)), ((700, 101), 0, 3)]
    ):
        x = numbers(op)(np.random.default_rng(number), shape, dtype)
        results = set()
        for isa, threads in itertools.product(_core.available_isas(), THREADS):
            with using_isa(isa):
                results.add(bits(ADAPTIVE[op](x, outputs, axis=axis, threads=threads)))
        assert len(results) == 1, (shape, axis, outputs)


def test_many_more_outputs_than_cells() -> None:
    """Nothing is kept per output but the output."""
    result = tp.adaptive_max_pool(np.array([3, 5], np.uint8), 10**7, axis=0)
    assert result[: 5 * 10**6].max() == 3
    assert result[5 * 10**6 :].min() == 5
    with pytest.raises((MemoryError, ValueError)):
        tp.adaptive_max_pool(np.zeros(2, np.uint8), 2**61, axis=0)


@pytest.mark.parametrize("op", EXACT_OPS)
@settings(max_examples=40)
@given(data=st.data(), place=places(), dtype=st.sampled_from(_core.dtypes), seed=SEEDS)
def test_indices_of_adaptive_windows(
    op: str, data: st.DataObject, place: tuple[Any, Any], dtype: str, seed: int
) -> None:
    """By the name of the op, as all that has no function of its own."""
    shape, axis = place
    x = made(data, op, shape, dtype, seed)
    outputs = tuple(data.draw(st.integers(1, min(20, 2 * shape[a]))) for a in axis)
    windows = [reference.adaptive(shape[a], m) for a, m in zip(axis, outputs, strict=True)]
    found = reference.places(op, x, axis, windows)
    for isa in _core.available_isas():
        with using_isa(isa):
            values, indices = tp.adaptive_pool(x, outputs, op, axis=axis, return_indices=True)
            assert not differs(values, ADAPTIVE[op](x, outputs, axis=axis), None).any()
        expected = np.zeros(indices.shape, np.int64)
        for a in sorted(axis):
            expected = expected * shape[a] + found[a]
        assert np.array_equal(indices, expected)


# ---- global pooling and pyramids -----------------------------------------------------------------------------------


def oracle(op: str) -> Callable[..., Array]:
    """The reference of an operation whose numbers are compared by ==."""
    functions = {"max": reference.max_pool, "min": reference.min_pool, "sum": reference.sum_pool}
    return functions.get(op, reference.avg_pool)


@pytest.mark.parametrize("op", OPS)
@settings(max_examples=60)
@given(data=st.data(), place=places(), dtype=st.sampled_from(_core.dtypes), seed=SEEDS)
def test_global_pooling(op: str, data: st.DataObject, place: tuple[Any, Any], dtype: str, seed: int) -> None:
    shape, axis = place
    x = np.random.default_rng(seed).integers(0, 9, shape).astype(dtype)
    x = lay_out(x, **data.draw(memories(x.ndim)))
    expected = oracle(op)(x, axis, [reference.listed([0], [shape[a]]) for a in axis])
    result = tp.global_pool(x, op, axis=axis)
    assert result.dtype == FUNCTIONS[op](x, 1, axis=axis).dtype
    assert not differs(result, expected.astype(result.dtype), None).any()
    dropped = tp.global_pool(x, op, axis=axis, keepdims=False)
    assert dropped.shape == tuple(n for a, n in enumerate(shape) if a not in axis)
    assert bits(dropped) == bits(np.squeeze(result, axis))
    out = np.zeros(dropped.shape, result.dtype)
    out = lay_out(out, steps=[2] * out.ndim) if out.ndim else out
    assert tp.global_pool(x, op, axis=axis, keepdims=False, out=out) is out
    assert np.array_equal(out, dropped)


@pytest.mark.parametrize("op", OPS)
@settings(max_examples=60)
@given(data=st.data(), place=places(), dtype=st.sampled_from(_core.dtypes), seed=SEEDS)
def test_pyramids(op: str, data: st.DataObject, place: tuple[Any, Any], dtype: str, seed: int) -> None:
    """Cells one by one, from the definition."""
    shape, axis = place
    x = np.random.default_rng(seed).integers(0, 9, shape).astype(dtype)
    grids = data.draw(
        st.lists(st.lists(st.integers(1, 4), min_size=len(axis), max_size=len(axis)), min_size=1, max_size=3)
    )
    parts = []
    for grid in grids:
        windows = [reference.adaptive(shape[a], m) for a, m in zip(axis, grid, strict=True)]
        pooled = np.moveaxis(oracle(op)(x, axis, windows), axis, range(-len(axis), 0))
        parts.append(pooled.reshape(*pooled.shape[: -len(axis)], math.prod(grid)))
    expected = np.moveaxis(np.concatenate(parts, -1), -1, min(axis))
    result = tp.pyramid_pool(x, grids, op, axis=axis)
    assert result.dtype == FUNCTIONS[op](x, 1, axis=axis).dtype
    assert result.shape == expected.shape
    assert not differs(result, expected.astype(result.dtype), None).any()
    out = np.zeros(result.shape, np.float64)
    assert tp.pyramid_pool(x, grids, op, axis=axis, out=out) is out
    assert np.array_equal(out, result)


def test_shapes_of_pyramids() -> None:
    x = np.arange(2 * 3 * 8 * 9).reshape(2, 3, 8, 9)
    assert tp.pyramid_pool(x, [1, 2, 4]).shape == (2, 3, 21)
    assert tp.pyramid_pool(x, ((2, 3), 1), layout="channels_last").shape == (2, 7, 9)
    assert tp.pyramid_pool(x, [1, (2, 3)], axis=(3, 0)).shape == (7, 3, 8)
    assert tp.pyramid_pool(x[0, 0], [2], axis=(0, 1)).tolist() == [31, 35, 67, 71]  # of 8 x 9 cells: 3 * 9 + 4, ...
    assert tp.pyramid_pool(x[0, 0], [1], "min", axis=(0, 1)).tolist() == [0]
    assert tp.pyramid_pool(x[:0], [1, 2]).shape == (0, 3, 5)


# ---- fractional ----------------------------------------------------------------------------------------------------


def boundaries_of(data: st.DataObject, n: int, kernel: int | None) -> list[int]:
    last, least = (n, 2) if kernel is None else (n - kernel, 1)
    cells = st.integers(0, last)
    return sorted(data.draw(st.lists(cells, min_size=least, max_size=min(last + 1, 20), unique=True)))


@pytest.mark.parametrize("op", FRACTIONAL)
@settings(max_examples=120)
@given(data=st.data(), place=places(), dtype=st.sampled_from(_core.dtypes), seed=SEEDS, threads=TEAMS)
def test_fractional_windows(
    op: str, data: st.DataObject, place: tuple[Any, Any], dtype: str, seed: int, threads: tuple[int | None, ...]
) -> None:
    """Between any boundaries, disjoint or overlapping, and of any kernel from any cells on."""
    shape, axis = place
    arguments: dict[str, Any] = {}
    kernels: list[int | None] = [None] * len(axis)
    if data.draw(st.booleans()):
        arguments["kernel_size"] = kernels = [data.draw(st.integers(1, shape[a])) for a in axis]
    else:
        arguments["overlapping"] = data.draw(st.booleans())
    arguments["boundaries"] = [boundaries_of(data, shape[a], k) for a, k in zip(axis, kernels, strict=True)]
    check(op, made(data, op, shape, dtype, seed), axis, threads=threads, note=f"{seed=}", **arguments)


def draws(x: Array, *args: Any, **arguments: Any) -> tuple[Array, list[list[int]]]:
    result: Any = tp.fractional_max_pool(x, *args, return_boundaries=True, **arguments)
    values, boundaries = result
    assert all(part.dtype == np.int64 for part in boundaries)
    return values, [part.tolist() for part in boundaries]


@settings(max_examples=60)
@given(n=st.integers(1, 200), data=st.data(), seed=SEEDS)
def test_sequences_are_those_of_the_rule(n: int, data: st.DataObject, seed: int) -> None:
    """One u for each axis, drawn in the order in which the axes are named."""
    x = np.arange(n)[None] + np.zeros((3, 1), int)
    m = data.draw(st.integers(1, n))
    rng = np.random.default_rng(seed)
    u = [rng.random(), rng.random()]
    values, boundaries = draws(x, output_size=(m, 2), rng=seed, axis=(1, 0))
    assert boundaries == [reference.fractional_boundaries(n, m, u[0]), reference.fractional_boundaries(3, 2, u[1])]
    assert values.shape == (2, m)
    kernel = data.draw(st.integers(1, n))
    m = data.draw(st.integers(1, n - kernel + 1))
    values, boundaries = draws(x[0], kernel, output_size=m, rng=seed, axis=0)
    starts = reference.fractional_boundaries(n - kernel, m - 1, u[0]) if m > 1 else [n - kernel]
    assert boundaries == [starts]
    assert values.tolist() == [start + kernel - 1 for start in starts]


@settings(max_examples=60)
@given(n=st.integers(1, 200), data=st.data(), seed=SEEDS, pseudorandom=st.booleans())
def test_sequences_have_steps_of_two_sizes(n: int, data: st.DataObject, seed: int, pseudorandom: bool) -> None:
    """As many of each as fill the axis; and the same boundaries again give the same windows."""
    m = data.draw(st.integers(1, n))
    x = np.random.default_rng(seed).normal(size=n)
    values, boundaries = draws(x, output_size=m, rng=seed, axis=0, pseudorandom=pseudorandom)
    steps = np.diff(boundaries[0]).tolist()
    assert (boundaries[0][0], boundaries[0][-1], len(steps)) == (0, n, m)
    assert sorted(steps) == [n // m] * (m - n % m) + [n // m + 1] * (n % m)
    again, same = draws(x, boundaries=boundaries, axis=0)
    assert same == boundaries
    assert bits(again) == bits(values)
    assert values.tolist() == [max(x[a:b]) for a, b in itertools.pairwise(boundaries[0])]


def test_sequences_differ() -> None:
    """From seed to seed, from draw to draw of one generator, and from the pseudorandom to the random order."""
    x = np.zeros(100)
    rng = np.random.default_rng(5)
    drawn = [
        draws(x, output_size=61, axis=0, rng=r, pseudorandom=p)[1][0] for r in (1, 2, rng, rng) for p in (True, False)
    ]
    assert len(set(map(tuple, drawn))) == len(drawn)
    assert draws(x, output_size=61, axis=0, rng=2)[1][0] == drawn[2]
    assert draws(x, output_size=61, axis=0, rng=np.random.default_rng(2))[1][0] == drawn[2]
    assert len({tuple(draws(x, output_size=61, axis=0)[1][0]) for _ in range(20)}) > 1


def test_sequences_by_hand() -> None:
    """Graham's increments of 1 and 2 for ratios between 1 and 2, and PyTorch's starts for u = 0.5, worked by hand."""

    class Half(np.random.Generator):
        def random(self, *args: Any, **kwargs: Any) -> Any:
            return 0.5

    half = Half(np.random.PCG64())
    # a = (10 - 3) / (5 - 1) = 1.75; int((i + .5) * a) = 0, 2, 4, 6; the last start is 10 - 3.
    assert draws(np.zeros(10), 3, output_size=5, rng=half, axis=0)[1] == [[0, 2, 4, 6, 7]]
    # a = 25 / 18 = 1.388...; a * (i + 0.5) = .69, 2.08, 3.47, 4.86, 6.25, 7.64, 9.03, ...
    assert draws(np.zeros(25), output_size=18, rng=half, axis=0)[1][0][:7] == [0, 2, 3, 4, 6, 7, 9]
    for name, outputs in ((0.5, 12), (1 / 1.44, 17), (1.0, 25), (0.7, 17), (1, 25), (np.float32(0.5), 12)):
        assert draws(np.zeros(25), output_ratio=name, rng=half, axis=0)[0].shape == (outputs,)
    assert draws(np.zeros((2, 25, 9)), output_ratio=(0.5, 0.7), rng=half, axis=(1, 2))[0].shape == (2, 12, 6)


@pytest.mark.parametrize("op", FRACTIONAL)
def test_fractional_windows_on_instruction_sets_and_threads(op: str) -> None:
    x = numbers(op)(np.random.default_rng(0), (3, 211, 187), "float32")
    results = set()
    for isa, threads in itertools.product(_core.available_isas(), THREADS):
        with using_isa(isa):
            results.add(bits(FRACTIONAL[op](x, output_ratio=0.7, rng=3, axis=(1, 2), threads=threads)))
    assert len(results) == 1


# ---- ceil_mode="full" ----------------------------------------------------------------------------------------------


def test_a_window_behind_the_end_sees_nothing() -> None:
    """3 cells, kernel 1, stride 3: the second window starts at cell 3. Nor does what holds no cell count any."""
    x = np.array([5.0, 6.0, 7.0])
    assert tp.max_pool(x, 1, 3, ceil_mode="ceil", axis=0).tolist() == [5]
    assert tp.max_pool(x, 1, 3, ceil_mode="full", axis=0).tolist() == [5, -math.inf]
    assert tp.min_pool(x, 1, 3, ceil_mode="full", axis=0).tolist() == [5, math.inf]
    assert tp.sum_pool(x, 1, 3, ceil_mode="full", axis=0).tolist() == [5, 0]
    assert math.isnan(tp.avg_pool(x, 1, 3, ceil_mode="full", axis=0)[1])
    assert tp.avg_pool(x.astype(int), 1, 3, ceil_mode="full", axis=0, dtype=int).tolist() == [5, 0]
    assert tp.avg_pool(x, 1, 3, ceil_mode="full", divisor_override=2, axis=0).tolist() == [2.5, 0]
    assert tp.avg_pool(x, 1, 3, ceil_mode="full", axis=0, dtype=int).tolist() == [5, 0]  # a float average of nothing
    # 2 cells, kernel 3, stride 3, padding 1: MXNet has two windows, PyTorch one.
    assert tp.sum_pool(x[:2], 3, 3, 1, ceil_mode="full", axis=0).tolist() == [11, 0]
    assert tp.avg_pool(x[:2], 3, 3, 1, ceil_mode="full", axis=0).tolist() == [11 / 3, 0]  # of one cell of padding
    assert tp.sum_pool(x[:2], 3, 3, 1, ceil_mode="ceil", axis=0).tolist() == [11]


@pytest.mark.parametrize("op", OPS)
def test_a_window_behind_the_end_of_many(op: str, isa: str) -> None:
    """Alone in a tile or a thread, in rows, columns and lines; in every loop that has borders."""
    rng = np.random.default_rng(0)
    calls: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
        ((3, 7), (0, 1), {"kernel_size": 1, "stride": 3}),
        ((7, 10, 3), (0, 1), {"kernel_size": 2, "stride": (3, 4)}),
        ((9, 40), (0, 1), {"kernel_size": (8, 9), "stride": (2, 9), "padding": (7, 8)}),
        ((22, 41), (0, 1), {"kernel_size": 9, "stride": 4, "padding": 8}),
        ((1, 30_001), (1,), {"kernel_size": 2, "stride": 30_000, "padding": 1}),
        ((2, 8193), (1,), {"kernel_size": 9, "stride": 2, "padding": 7}),
        ((2, 8192, 2), (1,), {"kernel_size": 64, "stride": 16, "padding": (((1, 63)),)}),
    ]
    for shape, axis, arguments in calls:
        x = numbers(op)(rng, shape, "float32")
        check(op, x, axis, isas=[isa], threads=(1, 3), ceil_mode="full", note=str(shape), **arguments)


def test_a_window_far_behind_the_end(isa: str) -> None:
    """In a tile of its own, a million cells behind the last: its buffer has nothing but borders."""
    x = np.ones((4, 1_000_003), np.float32)
    arguments: dict[str, Any] = {"stride": (4, 1_000_000), "ceil_mode": "full", "axis": (0, 1)}
    assert tp.max_pool(x, (4, 2), **arguments).tolist() == [[1, 1, -math.inf]]
    assert tp.sum_pool(x, (4, 2), **arguments).tolist() == [[8, 8, 0]]
