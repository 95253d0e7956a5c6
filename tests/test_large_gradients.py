"""Gradients of large arrays: the same bits for any number of threads and instruction set, and right."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import reference
import tilepool as tp
from agreement import using_isa
from gradient_cases import FLOATS, OPS
from gradient_meanings import Gradient, axes_of, difference, parts
from rounding_errors import gradient_of_norm, power_sum
from test_determinism import CALLS, bits
from tilepool import _core

Array = NDArray[Any]
Arguments = dict[str, Any]
grad: Any = vars(tp)["grad"]

THREADS = (1, 2, 5)
POWER = 3

# Long rows, many planes, one plane of several tiles, channels last; windows that meet, overlap, leave gaps; windows
# that do not slide.
LARGE: list[tuple[tuple[int, ...], Arguments]] = [
    ((1, 1, 601, 703), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ((1, 1, 601, 703), {"kernel_size": 2}),
    ((1, 1, 403, 601), {"kernel_size": (2, 3), "stride": (3, 4), "ceil_mode": True}),
    ((1, 2, 301, 307), {"kernel_size": 3, "stride": 2, "dilation": 3, "padding": 3}),
    ((1, 1, 40, 9001), {"kernel_size": 3, "stride": 1, "padding": "same"}),
    ((3, 50_003), {"axis": 1, "kernel_size": 4, "stride": 2, "padding": 1}),
    ((200_007,), {"axis": 0, "kernel_size": 3}),
    ((50_003, 3), {"axis": 0, "kernel_size": 5, "stride": 2}),
    ((3001, 9, 11), {"axis": (1, 2), "kernel_size": 3, "stride": 1, "padding": 1}),
    ((1001, 16, 17), {"axis": (1, 2), "kernel_size": 2}),
    ((2, 201, 203, 3), {"layout": "channels_last", "kernel_size": 3, "stride": 2, "padding": 1}),
    ((2, 57, 59, 64), {"layout": "channels_last", "kernel_size": 3, "stride": 2, "padding": 1}),
    ((2, 57, 59, 64), {"layout": "channels_last", "kernel_size": 2}),
    ((1, 12, 13, 2000), {"layout": "channels_last", "kernel_size": 3, "stride": 1, "padding": 1}),
    ((1, 12, 13, 2000), {"layout": "channels_last", "kernel_size": 2, "stride": 3}),
    ((101, 103, 31), {"axis": 0, "kernel_size": 7, "stride": 3, "padding": 3}),
    ((4, 16, 61, 60), {"output_size": 7}),
    ((2, 3, 200, 211), {"output_size": (70, 300)}),
    ((2, 61, 60, 33), {"layout": "channels_last", "output_size": (6, 7)}),
    ((3, 5, 120, 121), {}),
    ((2, 120, 121, 9), {"layout": "channels_last"}),
    ((2, 5, 100, 103), {"grids": (1, 2, 3, 6)}),
    ((10_001,), {"axis": 0, "kernel_size": 1000, "stride": 7}),
    *((shape, {"axis": axis, **words}) for shape, axis, words in CALLS if words["kernel_size"] != 1000),
]
SLOW = [(shape, words) for shape, words in LARGE if words.get("kernel_size") == 101]  # each norm has 10,000 powers


def function(op: str, arguments: Arguments) -> tuple[str, Arguments]:
    """Its name and how the op is told it."""
    named = {"output_size": "adaptive_pool", "grids": "pyramid_pool", "kernel_size": "pool"}
    name = next((name for word, name in named.items() if word in arguments), "global_pool")
    return name, {"op": op, **({"norm_type": POWER} if op == "lp" else {}), **arguments}


def spread(g: Array, axes: tuple[int, ...], windows: list[list[reference.Window]], shape: tuple[int, ...]) -> Array:
    """To each cell the sum over the windows that hold it, in float64, one axis after the other."""
    for axis, along in zip(axes, windows, strict=True):
        passed = np.moveaxis(g, axis, 0)
        cells = np.zeros((shape[axis], *passed.shape[1:]))
        for output, window in enumerate(along):
            cells[window.taps] += passed[output]
        g = np.moveaxis(cells, 0, axis)
    return g


def of_axes(axes: tuple[int, ...], ndim: int, numbers: list[Array]) -> Array:
    """The product of numbers along each axis, as it broadcasts."""
    product = np.ones((1,) * ndim)
    for axis, along in zip(axes, numbers, strict=True):
        product = product * np.reshape(along, [-1 if a == axis else 1 for a in range(ndim)])
    return product


def of_extrema(op: str, g: Array, x: Array, arguments: Arguments) -> Gradient:
    """Cells that are found come from the pooling itself; outputs are added up in their order."""
    name, words = function(op, arguments)
    number = reference.number_dtype(g.dtype)
    total, reached = np.zeros(x.size, number), np.zeros(x.size, bool)
    places = getattr(tp, name)(x, **words, return_indices=True, index_base="array")[1]
    there = places >= 0
    np.add.at(total, places[there], g[there].astype(number))
    reached[places[there]] = True
    return Gradient(total.reshape(x.shape).astype(float), np.zeros(x.shape), reached.reshape(x.shape))


def expected(op: str, g: Array, x: Array, arguments: Arguments) -> Gradient:
    """g is whole, so that sums are exact."""
    if op in ("max", "min"):
        return of_extrema(op, g, x, arguments)
    axes = axes_of(x.ndim, arguments)
    values, sizes, count = np.zeros((3, *x.shape))
    most = 1
    for part in parts(x.shape, g, arguments):
        shares = part.g.astype(np.float64)
        taps = [np.array([len(window.taps) for window in along]) for along in part.windows]
        if op == "avg":
            sizes_of_axes = [np.array([window.size for window in along]) for along in part.windows]
            shares = shares / of_axes(axes, x.ndim, sizes_of_axes)
        if op == "lp":
            kept = {word: value for word, value in arguments.items() if word != "grids"}
            grid = {"output_size": tuple(map(len, part.windows))} if "grids" in arguments else {}
            name, words = function(op, {**kept, **grid})
            norms = getattr(tp, name)(x.astype(np.float64), **words)
            shares = shares / np.where(norms == 0, 1, norms) ** (POWER - 1)
        values += spread(shares, axes, part.windows, x.shape)
        if op != "sum":
            sizes += spread(np.abs(shares), axes, part.windows, x.shape)
        hit = [np.concatenate([window.taps for window in along]) for along in part.windows]
        windows = [np.bincount(cells, minlength=x.shape[axis]) for axis, cells in zip(axes, hit, strict=True)]
        count += of_axes(axes, x.ndim, windows)
        most = max(most, math.prod(int(np.max(number)) for number in taps))
    number, cells = reference.number_dtype(g.dtype), x.astype(np.float64)
    unit, double = reference.unit(number), reference.unit(np.dtype(float))
    # Additions of the library, and of the oracle in float64; a division each.
    summed = np.minimum(count, 64 + np.log2(np.maximum(count, 1)))
    bound = (unit * (summed + 2) + double * (count + 2)) * sizes
    if op == "lp":
        # Both sides in float64, where the oracle has no more powers and products than the library; what each grid of
        # a pyramid gives is rounded, and added to the others.
        values *= np.sign(cells) * np.abs(cells) ** (POWER - 1)
        sizes *= np.abs(cells) ** (POWER - 1)
        of_norm = gradient_of_norm(POWER, power_sum(most, POWER))
        bound = double * (summed + count + 2 * of_norm) + unit * (2 * len(arguments.get("grids", (1,))) - 1)
        bound = bound * sizes + count * float(np.finfo(number).smallest_subnormal)
    return Gradient(values, bound, count > 0)


def numbers(number: int, dtype: str, whole: bool) -> tuple[Array, Array]:
    """g and an x with many ties."""
    rng = np.random.default_rng(number)
    shape, arguments = LARGE[number]
    name, words = function("sum", arguments)
    size = getattr(tp, name)(np.broadcast_to(np.uint8(0), shape), **words).shape
    g = rng.integers(-2, 3, size) if whole else rng.normal(size=size) * 10.0 ** rng.integers(-3, 3, size)
    return g.astype(dtype), (rng.integers(-30, 31, shape) / 4).astype(dtype)


def fault(op: str, number: int, dtype: str) -> str | None:
    """What is wrong with one of the calls."""
    arguments = LARGE[number][1]
    name, words = function(op, arguments)
    for whole in (True, False):
        g, x = numbers(number, dtype, whole)
        results = {}
        for isa, threads in itertools.product(_core.available_isas(), THREADS):
            with using_isa(isa):
                results[isa, threads] = getattr(grad, name)(g, x, threads=threads, **words)
        first = next(iter(results))
        for which, result in results.items():
            if bits(result) != bits(results[first]):
                return f"{which} and {first} differ at {np.argwhere(results[first] != result)[0]}"
        if whole or (op in ("max", "min") and "grids" not in arguments):  # which may be added up in any order
            wrong = difference(results[first], expected(op, g, x, arguments), g.dtype)
            if wrong is not None:
                return wrong
    return None


@pytest.mark.parametrize("op", OPS)
def test_some_large_arrays(op: str) -> None:
    check(op, "float32", [{"max": 0, "min": 10, "sum": 14, "avg": 16, "lp": 11}[op]])


@pytest.mark.slow
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", OPS)
def test_large_arrays(op: str, dtype: str) -> None:
    """Each of the calls for every op, and a quarter of them for a dtype."""
    turn = OPS.index(op) + FLOATS.index(dtype)
    some = [number for number in range(turn % 4, len(LARGE), 4) if op != "lp" or LARGE[number] not in SLOW]
    check(op, dtype, some)


def check(op: str, dtype: str, which: list[int]) -> None:
    failures = []
    for number in which:
        try:
            wrong = fault(op, number, dtype)
        except Exception as error:
            wrong = repr(error)
        if wrong is not None:
            name, words = function(op, LARGE[number][1])
            failures.append(f"tp.grad.{name}(g, x, **{words}), number {number}, x {dtype} {LARGE[number][0]}: {wrong}")
    assert not failures, "\n".join(failures)
    assert which


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_order_of_additions_shows(dtype: str) -> None:
    """The numbers of the tests above can tell one order from another."""
    g, _ = numbers(0, dtype, whole=False)
    line = g.ravel()[:1000].astype(reference.number_dtype(g.dtype))
    assert np.cumsum(line)[-1] != np.cumsum(line[::-1])[-1]
