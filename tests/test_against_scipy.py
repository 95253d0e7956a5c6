"""SciPy gives the same: its filters and correlations, taken at every stride, are an oracle that nobody here wrote.

Its filters have windows at every cell of an array that is padded by hand. Whole numbers, so that sums are exact in any
order, and averages one correctly rounded division: they are compared with ==.
"""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import tilepool as tp
from layouts import whole_numbers
from rounding_errors import (
    assert_close,
    error,
    moved,
    norm_of_numpy,
    power_sum,
    power_sum_of_numpy,
    root,
    variance,
    variance_of_numpy,
)

ndimage: Any = pytest.importorskip("scipy.ndimage")
signal: Any = pytest.importorskip("scipy.signal")

Array = NDArray[Any]
SEEDS = st.integers(0, 2**32 - 1)
NUMBERS = ("float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
Words = dict[str, Any]


@st.composite
def calls(draw: st.DrawFn) -> tuple[tuple[int, ...], Words]:
    """A shape, all axes of which are pooled, and windows, with padding of any width and on either side."""
    ndim = draw(st.integers(1, 3))
    shape = tuple(draw(st.integers(1, (40, 14, 8)[ndim - 1])) for _ in range(ndim))
    kernel = tuple(draw(st.integers(1, 6 if ndim < 3 else 4)) for _ in shape)
    dilation = tuple(draw(st.integers(1, 3)) for _ in shape)
    extents = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    padding = tuple((draw(st.integers(0, e - 1)), draw(st.integers(0, e - 1))) for e in extents)
    assume(all(e <= n + sum(pair) for e, n, pair in zip(extents, shape, padding, strict=True)))
    stride = tuple(draw(st.integers(1, 5)) for _ in shape)
    words = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    return shape, words | {"ceil_mode": draw(st.sampled_from((False, True, "full"))), "axis": tuple(range(ndim))}


def footprint(words: Words) -> Array:
    """Ones at the taps of a window."""
    taps = np.zeros([d * (k - 1) + 1 for k, d in zip(words["kernel_size"], words["dilation"], strict=True)], bool)
    taps[tuple(slice(None, None, d) for d in words["dilation"])] = True
    return taps


def number_of_windows(n: int, extent: int, stride: int, pads: tuple[int, int], ceil_mode: bool | str) -> int:
    """Those that fit, and with ceil_mode one that hangs over the end: any, or one that starts before x ends."""
    room = n + sum(pads) - extent
    starts = list(range(0, room + 1, stride))
    hangs_over = starts[-1] < room and (ceil_mode == "full" or starts[-1] + stride < n + pads[0])
    return len(starts) + (bool(ceil_mode) and hangs_over)


def sampled(x: Array, words: Words, filtered: Any, outside: Any, inside_padding: Any = None) -> Array:
    """What a function of the array around x, for a window at each of its cells, says of the windows that are asked for.

    `filtered` gets x, its padding (of `outside`, or what else it is to hold) and what hangs over it (of `outside`), and
    gives a value for each place at which a window fits.
    """
    parts = list(zip(x.shape, footprint(words).shape, words["stride"], words["padding"], strict=True))
    counts = [number_of_windows(*part, words["ceil_mode"]) for part in parts]
    padded = np.pad(x, words["padding"], constant_values=outside if inside_padding is None else inside_padding)
    ends = [(m - 1) * s + e - n - sum(pads) for m, (n, e, s, pads) in zip(counts, parts, strict=True)]
    around = np.pad(padded, [(0, max(0, end)) for end in ends], constant_values=outside)
    places = tuple(slice(0, (m - 1) * s + 1, s) for m, s in zip(counts, words["stride"], strict=True))
    return np.asarray(filtered(around)[places])


def fitting(filtered: Array, extents: tuple[int, ...]) -> Array:
    """Of values for windows centred at each cell, those of the windows that lie inside."""
    cut = tuple(slice(e // 2, n - (e - 1) // 2) for e, n in zip(extents, filtered.shape, strict=True))
    return filtered[cut]


def window_sums(x: Array, words: Words) -> Array:
    return np.asarray(np.rint(signal.correlate(x, footprint(words).astype(x.dtype), "valid", "direct")))


@pytest.mark.parametrize("op", ["max", "min"])
@given(call=calls(), dtype=st.sampled_from(NUMBERS[:-2]), seed=SEEDS)  # scipy filters 64 bits as float64
def test_extrema(op: str, call: tuple[tuple[int, ...], Words], dtype: str, seed: int) -> None:
    shape, words = call
    x = whole_numbers(np.random.default_rng(seed), shape, dtype)
    info: Any = np.finfo(dtype) if np.dtype(dtype).kind == "f" else np.iinfo(dtype)
    limits = (-math.inf, math.inf) if np.dtype(dtype).kind == "f" else (info.min, info.max)
    taps = footprint(words)
    name, outside = ("maximum_filter", limits[0]) if op == "max" else ("minimum_filter", limits[1])
    expected = sampled(
        x, words, lambda around: fitting(getattr(ndimage, name)(around, footprint=taps), taps.shape), outside
    )
    assert np.array_equal((tp.max_pool if op == "max" else tp.min_pool)(x, **words), expected)


@given(call=calls(), dtype=st.sampled_from(NUMBERS), seed=SEEDS)
def test_sums(call: tuple[tuple[int, ...], Words], dtype: str, seed: int) -> None:
    shape, words = call
    x = whole_numbers(np.random.default_rng(seed), shape, dtype)
    expected = sampled(x.astype(np.float64), words, lambda around: window_sums(around, words), 0)
    result = tp.sum_pool(x, **words)
    if result.dtype.kind == "u":
        assert expected.min(initial=0) >= 0
    assert np.array_equal(result, expected)


@given(
    call=calls(),
    dtype=st.sampled_from(("float32", "float64", "uint8", "int64")),
    seed=SEEDS,
    count_include_pad=st.booleans(),
    divisor=st.none() | st.integers(-9, 9).filter(bool),
)
def test_averages(
    call: tuple[tuple[int, ...], Words], dtype: str, seed: int, count_include_pad: bool, divisor: int | None
) -> None:
    """Sums, over sums of ones: where x is, or where x and its padding are, but never what hangs over."""
    shape, words = call
    x = whole_numbers(np.random.default_rng(seed), shape, dtype)
    sums = sampled(x.astype(np.float64), words, lambda around: window_sums(around, words), 0)
    padding = 1 if count_include_pad else 0
    counts = sampled(np.ones(shape), words, lambda around: window_sums(around, words), 0, padding)
    divisors = counts if divisor is None else divisor
    result = tp.avg_pool(x, count_include_pad=count_include_pad, divisor_override=divisor, **words)
    with np.errstate(invalid="ignore"):
        expected = (sums / divisors).astype(result.dtype)
    assert result.shape == expected.shape
    assert np.array_equal(result, expected, equal_nan=True)


@settings(max_examples=200)
@given(call=calls(), dtype=st.sampled_from(NUMBERS), q=st.sampled_from((0, 0.25, 0.3, 0.5, 0.9, 1)), seed=SEEDS)
def test_quantiles(call: tuple[tuple[int, ...], Words], dtype: str, q: float, seed: int) -> None:
    """Windows inside x: a rank filter takes a certain one of all its taps."""
    shape, words = call
    words = words | {"padding": 0, "ceil_mode": False}
    taps = footprint(words)
    assume(all(e <= n for e, n in zip(taps.shape, shape, strict=True)))
    x = whole_numbers(np.random.default_rng(seed), shape, dtype)
    places = tuple(slice(None, None, s) for s in words["stride"])
    h = q * (np.count_nonzero(taps) - 1)
    ranks: tuple[tuple[Any, int], ...] = (("lower", math.floor(h)), ("higher", math.ceil(h)))
    for method, rank in ranks:
        filtered = ndimage.rank_filter(x[None], rank, footprint=taps[None])[0]  # of a line alone it takes cells between
        expected = fitting(filtered, taps.shape)[places]
        assert np.array_equal(tp.quantile_pool(x, q, method=method, **words), expected), method


@settings(max_examples=100)
@given(call=calls(), op=st.sampled_from(("var", "std", "gem", "lp", "prod", "any", "all", "count_nonzero")), seed=SEEDS)
def test_other_reducers(call: tuple[tuple[int, ...], Words], op: str, seed: int) -> None:
    """Windows inside x, through ndimage's generic filter and numpy's functions in float64.

    Both sides may be off by their roundings. Sums of whole numbers are exact, so that numpy's means are off by one, of
    up to 64; so are products of powers of two.
    """
    shape, words = call
    words = words | {"padding": 0, "ceil_mode": False}
    taps = footprint(words)
    assume(all(e <= n for e, n in zip(taps.shape, shape, strict=True)))
    x = whole_numbers(np.random.default_rng(seed), shape, "float64")
    if op == "prod":
        x = np.sign(x) * (1 + (x == 7))  # 0, 1, 2 and their negatives
    functions: dict[str, tuple[Any, Words]] = {
        "var": (np.var, {}),
        "std": (np.std, {}),
        "gem": (lambda cells: np.mean(np.maximum(cells, 1e-6) ** 3) ** (1 / 3), {}),
        "lp": (lambda cells: np.linalg.norm(cells, 3), {"norm_type": 3}),
        "prod": (np.prod, {}),
        "any": (lambda cells: float(np.any(cells)), {}),
        "all": (lambda cells: float(np.all(cells)), {}),
        "count_nonzero": (np.count_nonzero, {}),
    }
    function, options = functions[op]
    places = tuple(slice(None, None, s) for s in words["stride"])
    expected = fitting(ndimage.generic_filter(x, function, footprint=taps), taps.shape)[places]
    result = vars(tp)["pool"](x, op=op, **words, **options)
    n = int(np.count_nonzero(taps))
    bound = 0.0
    if op == "gem":
        bound = error(power_sum(n, 3, mean=True) + power_sum_of_numpy(n, 3, expected, mean=True)) * expected
    elif op == "lp":
        bound = error(power_sum(n, 3) + norm_of_numpy(n, 3, expected)) * expected
    elif op == "var":
        bound = error(variance(n) + variance_of_numpy(n)) * expected + moved(n, 1, 64)
    elif op == "std":
        bound = error(root(variance(n)) + root(variance_of_numpy(n))) * expected
        bound += np.sqrt(expected**2 + moved(n, 1, 64)) - expected
    assert_close(result, expected, bound, op)
