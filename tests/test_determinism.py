"""Equal bits: for every instruction set, any number of threads, any position in memory, and in every run."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agreement import FUNCTIONS, OPS, describe, using_isa
from layouts import any_numbers, lay_out, summable_numbers
from tilepool import _core

Array = NDArray[Any]

THREADS = (1, 2, 3, 5, 8)

# Shapes above the size at which threads are used, and small ones; rows that do not divide by any vector.
CALLS: list[tuple[tuple[int, ...], Any, dict[str, Any]]] = [
    ((2, 3, 113, 127), (2, 3), {"kernel_size": 2}),
    ((2, 3, 113, 127), (2, 3), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ((1, 1, 301, 303), (2, 3), {"kernel_size": 3, "stride": 1, "padding": "same"}),
    ((37, 35, 35), (1, 2), {"kernel_size": 3, "stride": 1, "padding": 1}),
    ((101, 20, 20), (1, 2), {"kernel_size": 5, "stride": 1, "padding": 2}),
    ((5, 11, 13, 47), (1, 2, 3), {"kernel_size": 3, "stride": 1, "padding": 1}),
    ((2, 111, 113, 3), (1, 2), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    ((2, 61, 63, 17), (1, 2), {"kernel_size": (5, 4), "stride": (3, 1)}),
    ((1, 33, 31, 129), (1, 2), {"kernel_size": 7, "stride": 7, "padding": 3}),
    ((70_001,), 0, {"kernel_size": 1000, "stride": 1}),
    ((70_001,), 0, {"kernel_size": 37, "stride": 3, "padding": 36}),
    ((70_001,), 0, {"kernel_size": 9, "stride": 2, "dilation": 5}),
    ((70_001,), 0, {"kernel_size": 70_001}),
    ((310, 301), (0, 1), {"kernel_size": 101, "stride": 1}),
    ((310, 301), (0, 1), {"kernel_size": (310, 301)}),
    ((310, 301), (0, 1), {"kernel_size": (64, 5), "stride": (13, 4), "padding": (60, 2), "dilation": (2, 1)}),
    ((3000, 31), (0, 1), {"kernel_size": (2050, 3), "stride": (50, 1)}),
    ((12, 14, 16, 40), (0, 1, 2), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ((9, 10, 11, 12, 13), (0, 2, 4), {"kernel_size": 3, "stride": 1}),
    ((7, 8, 9, 10, 11), (0, 1, 2, 3, 4), {"kernel_size": (2, 3, 2, 3, 4), "stride": (1, 2, 2, 1, 3)}),
    ((3, 5, 37), (1, 2), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ((40_000, 3), 0, {"kernel_size": 50, "stride": 1}),
    ((1000, 7, 9), 0, {"kernel_size": 3, "stride": 2}),
    # Small planes, which threads may cut in two; lines shorter than a vector; windows of 8 and more along pixels.
    ((101, 20, 20), (1, 2), {"kernel_size": 13, "stride": 1, "padding": 6}),
    ((33, 40, 41), (1, 2), {"kernel_size": (9, 8), "stride": 1}),
    ((401, 9, 11), (1, 2), {"kernel_size": 7, "stride": 1, "padding": 3}),
    ((2, 24, 26, 40), (1, 2), {"kernel_size": 9, "stride": 1, "padding": 4}),
    ((2, 24, 26, 40), (1, 2), {"kernel_size": (3, 10), "stride": 2}),
    ((130, 300), (0, 1), {"kernel_size": (9, 10), "stride": 1, "padding": (4, 5)}),
]


def bits(result: Array) -> bytes:
    """But for which NaN it is."""
    with np.errstate(invalid="ignore"):
        there: Array = np.asarray(result != result)
    return np.where(there, np.array(0, result.dtype), result).tobytes(order="A") + there.tobytes(order="A")


def numbers(op: str) -> Callable[..., Array]:
    """Sums that depend on the order of the additions; zeros of both signs and NaNs for max and min."""
    return any_numbers if op in ("max", "min") else summable_numbers


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
def test_instruction_sets_and_threads(op: str, dtype: str) -> None:
    for number, (shape, axis, arguments) in enumerate(CALLS):
        x = numbers(op)(np.random.default_rng(number), shape, dtype)
        results = {}
        for isa, threads in itertools.product(_core.available_isas(), THREADS):
            with using_isa(isa):
                results[isa, threads] = bits(FUNCTIONS[op](x, axis=axis, threads=threads, **arguments))
        first = results[_core.available_isas()[0], 1]
        for (isa, threads), result in results.items():
            assert result == first, describe(op, x, axis, arguments, isa, threads, f"seed={number}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", OPS)
def test_sums_of_which_the_order_matters_differ_from_sums_in_another_order(op: str, dtype: str) -> None:
    """The numbers of the test above can tell one order of additions from another (of max and min, the zeros' signs)."""
    x = numbers(op)(np.random.default_rng(0), (70_001,), dtype)
    if op in ("max", "min"):
        assert (np.signbit(x) & (x == 0)).any()
        assert (~np.signbit(x) & (x == 0)).any()
        assert np.isnan(x).any()
    else:
        forward, backward = (np.cumsum(y)[-1] for y in (x, x[::-1]))
        assert forward != backward


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
def test_positions_in_memory(op: str, dtype: str, isa: str) -> None:
    """The first element anywhere in a cache line."""
    for number, (shape, axis, arguments) in enumerate(CALLS):
        if np.prod(shape) > 80_000:
            continue
        values = numbers(op)(np.random.default_rng(number), shape, dtype)
        expected = bits(FUNCTIONS[op](values, axis=axis, **arguments))
        step = max(values.itemsize, 8 if values.size > 10_000 else 1)
        for offset in range(0, 64, step):
            x = lay_out(values, offset=offset)
            assert x.ctypes.data % 64 == offset
            result = bits(FUNCTIONS[op](x, axis=axis, **arguments))
            assert result == expected, describe(op, x, axis, arguments, isa, None, f"seed={number}")


@pytest.mark.slow
@pytest.mark.parametrize("op", OPS)
def test_runs(op: str, isa: str) -> None:
    """The same call many times, in memory that others have left dirty: nothing is read that was not written."""
    for number, (shape, axis, arguments) in enumerate(CALLS):
        x = numbers(op)(np.random.default_rng(number), shape, "float32")
        expected = bits(FUNCTIONS[op](x, axis=axis, threads=2, **arguments))
        for fill in (np.nan, 1e30, -np.inf):
            dirty = [np.full(size, fill, np.float32) for size in (100, 1000, 10_000, 100_000)]
            del dirty
            assert bits(FUNCTIONS[op](x, axis=axis, threads=2, **arguments)) == expected, (shape, axis, arguments)
