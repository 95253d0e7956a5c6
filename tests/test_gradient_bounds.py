"""Gradients touch no byte outside g, x, indices and out, and kernels beyond any array do not make them slow."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import reference
import tilepool as tp
from gradient_cases import FLOATS, OPS, WORDS
from gradient_meanings import Part, difference, gradient_of
from guarded_memory import Margins, between_guard_pages
from layouts import LAYOUTS
from rounding_errors import additions, assert_close, error
from test_bounds import WINDOWS, shapes
from test_huge_arguments import HUGE, limited, placed, seen

Array = NDArray[Any]
grad: Any = vars(tp)["grad"]

NARROW = {"kernel_size": 1, "stride": 2}  # of shapes that have no room for a window


def arrays(op: str, dtype: str, number: int, shape: tuple[int, ...], axis: Any) -> tuple[Array, Array, dict[str, Any]]:
    """g, x and the arguments of one of the windows."""
    rng = np.random.default_rng(number)
    x = rng.integers(1, 9, shape).astype(dtype)
    for window in (WINDOWS[number % len(WINDOWS)], NARROW):
        arguments = {"axis": axis, **window, **WORDS[op]}
        try:
            y = tp.pool(x, op=op, **arguments)
        except ValueError:  # narrower than the window
            continue
        return rng.integers(-4, 5, y.shape).astype(dtype), x, arguments
    raise AssertionError("no window fits")


@pytest.mark.slow
@pytest.mark.parametrize("at_end", [True, False], ids=["before a guard page", "behind a guard page"])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", OPS)
def test_guard_pages(op: str, dtype: str, at_end: bool, isa: str) -> None:
    """Each shape with one of the windows in turn. The results are compared too: what is not written is seen."""
    turn = FLOATS.index(dtype) + at_end
    check_guard_pages(op, dtype, at_end, [*enumerate(shapes())][turn % 3 :: 3])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", OPS)
def test_some_guard_pages(op: str, dtype: str) -> None:
    check_guard_pages(op, dtype, True, [*enumerate(shapes())][FLOATS.index(dtype) :: 37])


def check_guard_pages(op: str, dtype: str, at_end: bool, some: list[tuple[int, tuple[Any, Any]]]) -> None:
    for number, (shape, axis) in some:
        g, x, arguments = arrays(op, dtype, number, shape, axis)
        expected = grad.pool(g, x, op=op, **arguments)
        indices = tp.pool(x, op=op, return_indices=True, **arguments)[1] if op in ("max", "min") else np.zeros(1, int)
        with (
            between_guard_pages(g.shape, dtype, at_end=at_end) as guarded_g,
            between_guard_pages(shape, dtype, at_end=at_end) as guarded_x,
            between_guard_pages(indices.shape, indices.dtype, at_end=at_end) as guarded_indices,
            between_guard_pages(shape, dtype, at_end=at_end) as out,
        ):
            guarded_g[...], guarded_x[...], guarded_indices[...] = g, x, indices
            for more in ({}, {"indices": guarded_indices}) if op in ("max", "min") else ({},):
                out[...] = 77
                grad.pool(guarded_g, guarded_x, op=op, out=out, **arguments, **more)
                assert np.array_equal(out, expected), (shape, arguments)
            del guarded_g, guarded_x, guarded_indices, out, more


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("steps", [None, (1, 2), (3, 1)])
def test_nothing_is_written_beside_out(op: str, steps: tuple[int, ...] | None, isa: str) -> None:
    for number, width in enumerate((*range(2, 40, 3), 63, 64, 65, 66, 127, 130, 257)):
        dtype = FLOATS[number % 4]
        g, x, arguments = arrays(op, dtype, number, (5, width), (0, 1))
        expected = grad.pool(g, x, op=op, **arguments)
        margins = Margins((5, width), dtype, steps)
        assert np.array_equal(grad.pool(g, x, op=op, out=margins.array, **arguments), expected)
        assert margins.intact(), (width, arguments)


@pytest.mark.parametrize("op", OPS)
def test_every_kind_of_out(op: str, isa: str) -> None:
    for number, dtype in enumerate(FLOATS):
        g, x, arguments = arrays(op, dtype, number, (4, 5, 19), (1, 2))
        expected = grad.pool(g, x, op=op, **arguments)
        for name, layout in LAYOUTS.items():
            out = layout(np.full(x.shape, 77).astype(dtype))
            if out.flags.writeable:
                assert grad.pool(g, x, op=op, out=out, **arguments) is out
                assert np.array_equal(out, expected), (name, dtype)
        wide = np.full(x.shape, 77.0)
        assert np.array_equal(grad.pool(g, x, op=op, out=wide, **arguments), expected)
        assert reference.is_float(expected.dtype)


@pytest.mark.parametrize("op", OPS)
def test_out_that_overlaps_what_is_read(op: str, isa: str) -> None:
    """As if it did not."""
    g, x, arguments = arrays(op, "float64", 2, (40, 40), (0, 1))
    expected = grad.pool(g, x, op=op, **arguments)
    for read in ("g", "x"):
        for begin in (0, 1, 7, 40, 41):
            memory = np.zeros((90, 40))
            flat = memory.ravel()
            values = {"g": g, "x": x}
            inside = flat[40 : 40 + values[read].size].reshape(values[read].shape)
            inside[...] = values[read]
            out = flat[begin : begin + x.size].reshape(x.shape)
            values[read] = inside
            assert grad.pool(values["g"], values["x"], op=op, out=out, **arguments) is out
            assert np.array_equal(out, expected), (read, begin)
    place = x.copy()
    assert np.array_equal(grad.pool(g, place, op=op, out=place, **arguments), expected)
    same = {"kernel_size": 3, "stride": 1, "padding": 1, "axis": (0, 1), **WORDS[op]}
    g = np.random.default_rng(0).integers(-3, 4, x.shape).astype(float)
    expected = grad.pool(g, x, op=op, **same)
    assert np.array_equal(grad.pool(g, x, op=op, out=g, **same), expected)


# ---- arguments beyond any array --------------------------------------------------------------------------------------


def check_huge_kernels() -> None:
    """The windows of tests/test_huge_arguments.py."""
    x = np.random.default_rng(0).integers(1, 9, 9).astype(np.float64)
    for op, kernel in ((op, kernel) for op in OPS for kernel in HUGE):
        for stride, before, after in placed(kernel):
            words: dict[str, Any] = {"count_include_pad": False} if op == "avg" else {}
            arguments = {"kernel_size": kernel, "stride": stride, "padding": ((before, after),), "axis": 0}
            windows = seen(len(x), kernel, stride, before, after)
            g = np.arange(1.0, len(windows) + 1)
            result = grad.pool(g, x, op=op, **arguments, **words, **WORDS[op])
            found = gradient_of(op, [Part([windows], g)], x, {"axis": 0, **WORDS[op]})
            wrong = difference(result, found, g.dtype)
            assert wrong is None, f"{op}: {arguments}: {wrong}"


def check_huge_options() -> None:
    x = np.random.default_rng(1).permutation(9).astype(np.float64)
    g = np.ones(9)
    for kernel in (2**31 + 1, 2**53 + 1, 2**61 - 1):
        same: dict[str, Any] = {"kernel_size": kernel, "stride": 1, "padding": "same", "axis": 0}
        sizes = [min(kernel, 9 + kernel // 2 - o + kernel // 2) for o in range(9)]
        # Each size is rounded, each quotient, and their sum; the exact one is rounded once.
        expected = float(sum(Fraction(1, size) for size in sizes))
        bound = error(2 + additions(9) + 1) * expected
        assert_close(grad.avg_pool(g, x, **same), np.full(9, expected), bound)
        mask = x != 8
        assert np.array_equal(grad.max_pool(g, x, mask=mask, **same), 9.0 * (x == 7))
        assert np.array_equal(grad.sum_pool(g, (9,), mask=mask, **same), 9.0 * mask)
        assert np.array_equal(grad.sum_pool(g, x, weights=x, **same), 9 * x)
        assert np.array_equal(grad.sum_pool(g, x, weights=g, wrt="weights", **same), 9 * x)
        places = tp.max_pool(x, return_indices=True, **same)[1]
        assert np.array_equal(grad.max_pool(g, x, indices=places, **same), 9.0 * (x == 8))
        if kernel < 2**62:
            places = tp.max_pool(x, return_indices=True, index_base="window", **same)[1]
            assert np.array_equal(grad.max_pool(g, x, indices=places, index_base="window", **same), 9.0 * (x == 8))
        for op, stride in ((op, stride) for op in OPS for stride in (2**31, 2**40, 2**62)):
            result = grad.pool(np.ones(1), np.ones(9), 1, op=op, stride=stride, axis=0, **WORDS[op])
            assert result.tolist() == [1, *[0] * 8]
    for dilation in (2**31, 2**40, 2**61):
        for op in OPS:
            words: dict[str, Any] = {"padding": ((dilation, dilation),), "dilation": dilation, "stride": 1, "axis": 0}
            words |= {"count_include_pad": False} if op == "avg" else {}
            result = grad.pool(np.arange(1.0, 10), np.ones(9), 3, op=op, **words, **WORDS[op])
            assert np.array_equal(result, np.arange(1.0, 10)), (op, dilation)


def check_growth() -> None:
    """Windows that see all are no more work than the signal; to find maxima each cell of each window is looked at."""
    for op, n in (("sum", 2**18), ("max", 2**12)):
        x = np.random.default_rng(0).permutation(n).astype(np.float64)
        for kernel in (2 * n + 1, 2**22 + 1, 2**40 + 1):
            result = grad.pool(np.ones(n), x, kernel, op=op, stride=1, padding="same", axis=0)
            assert np.array_equal(result, np.full(n, n) if op == "sum" else np.where(x == n - 1, n, 0))
    many = grad.adaptive_sum_pool(np.ones(2**20), (3,), 2**20, axis=0)
    assert many.sum() >= 2**20


@pytest.mark.slow
@pytest.mark.parametrize("function", ["check_huge_kernels", "check_huge_options", "check_growth"])
def test_arguments_of_any_size(function: str) -> None:
    limited(function, file=__name__)
