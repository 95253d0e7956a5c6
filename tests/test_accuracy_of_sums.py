"""Sums and averages of floats: the error is at most (64 + log2 taps) u sum(abs(x)), however many taps there are.

Each addition of floats is right but for a factor of 1 + u (u is half a unit in the last place of 1). A number that
takes part in k of them is off by about k u times itself, and the sum by k u sum(abs(x)): none takes part in more than
64 + log2(taps). An average is divided once more.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

import tilepool as tp
from agreement import using_isa
from rounding_errors import error
from test_determinism import bits
from tilepool import _core

Array = NDArray[Any]
U = {"float32": 2.0**-24, "float64": 2.0**-53}
HERE = error(10)  # of the calculation of bounds: an exact sum, rounded, on either side, a logarithm, sums and products

NUMBERS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Array]] = {
    "constant": lambda rng, shape: np.full(shape, 0.2),
    "ramp": lambda rng, shape: np.linspace(1, 2, math.prod(shape)).reshape(shape),
    "noise": lambda rng, shape: np.asarray(rng.random(shape)),
    "mixed signs": lambda rng, shape: np.asarray(rng.standard_normal(shape)),
    "a large one first": lambda rng, shape: np.where(np.arange(math.prod(shape)).reshape(shape) == 0, 1e6, 0.1),
}

# Shape, pooled axes, windows: along rows, down columns, both, few and many channels first and last, global.
POOLINGS: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((3, 200, 300), (1, 2), {"kernel_size": (200, 300)}),
    ((200, 300, 3), (0, 1), {"kernel_size": (200, 300)}),
    ((200, 300, 70), (0, 1), {"kernel_size": (200, 300)}),
    ((120_001,), (0,), {"kernel_size": 120_001}),
    ((120_001,), (0,), {"kernel_size": 1000, "stride": 1}),
    ((120_001,), (0,), {"kernel_size": 20_000, "stride": 9_000, "padding": 300}),
    ((50_000, 3), (0,), {"kernel_size": 5_000, "stride": 2_500}),
    ((3_000, 40), (0,), {"kernel_size": 1_000, "stride": 1, "padding": 200}),
    ((3_000, 40), (0,), {"kernel_size": 1_000, "stride": 333}),
    ((3_000, 40), (0, 1), {"kernel_size": (2_500, 30), "stride": (7, 2)}),
    ((400, 500), (0, 1), {"kernel_size": 129, "stride": 1, "padding": 20}),
    ((400, 500, 2), (0, 1), {"kernel_size": 150, "stride": 50}),
    ((70, 6, 6, 6), (0, 1, 2, 3), {"kernel_size": (70, 6, 6, 6)}),
    ((12, 10, 90, 5), (0, 1, 2), {"kernel_size": (12, 10, 80), "stride": 1}),
    ((1, 16, 130, 130), (2, 3), {"kernel_size": 100, "stride": 1}),
    ((40, 20, 100, 20), (2, 3), {"kernel_size": (100, 20)}),
    ((3_000,), (0,), {"kernel_size": 200, "stride": 50, "dilation": 3}),
]


def some_windows(x: Array, axes: tuple[int, ...], words: dict[str, Any], result: Array) -> list[tuple[Any, Array]]:
    """A few results, and the taps of their windows."""
    found = []
    for corner in (0.0, 0.37, 1.0):
        place = tuple(int(corner * (n - 1)) for n in result.shape)
        taps: Array = x
        for axis in reversed(range(x.ndim)):
            if axis not in axes:
                taps = taps.take([place[axis]], axis)
                continue
            kernel, stride, padding, dilation = (
                value[axes.index(axis)] if isinstance(value, tuple) else value
                for value in (
                    words["kernel_size"],
                    words.get("stride", words["kernel_size"]),
                    words.get("padding", 0),
                    words.get("dilation", 1),
                )
            )
            cells = place[axis] * stride - padding + dilation * np.arange(kernel)
            taps = taps.take(cells[(cells >= 0) & (cells < x.shape[axis])], axis)
        found.append((result[place], taps.ravel()))
    return found


def on_every_isa(call: Callable[[], Array]) -> Array:
    """A result that has the same bits on all of them: the exact sums are calculated once."""
    results = []
    for isa in _core.available_isas():
        with using_isa(isa):
            results.append(call())
    assert len(set(map(bits, results))) == 1
    return results[0]


@pytest.mark.parametrize("dtype", U)
@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("number", range(len(POOLINGS)))
def test_the_bound(number: int, kind: str, dtype: str) -> None:
    shape, axes, words = POOLINGS[number]
    x = NUMBERS[kind](np.random.default_rng(number), shape).astype(dtype)
    total = on_every_isa(lambda: tp.sum_pool(x, axis=axes, **words))
    for sum_, taps in some_windows(x, axes, words, total):
        off, magnitudes = math.fsum([*taps.tolist(), -float(sum_)]), math.fsum(np.abs(taps).tolist())
        bound = (64 + math.log2(taps.size)) * U[dtype] * magnitudes * (1 + HERE)
        assert abs(off) <= bound, (abs(off) / (U[dtype] * magnitudes), taps.size)
    mean = on_every_isa(lambda: tp.avg_pool(x, axis=axes, count_include_pad=False, **words))
    for average, taps in some_windows(x, axes, words, mean):
        off, magnitudes = math.fsum([*taps.tolist(), *[-float(average)] * taps.size]), math.fsum(np.abs(taps).tolist())
        bound = ((64 + math.log2(taps.size)) * (1 + U[dtype]) + 1) * U[dtype] * magnitudes * (1 + HERE)
        assert abs(off) <= bound, (abs(off) / (U[dtype] * magnitudes), taps.size)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_functions_that_add_up(dtype: str, isa: str) -> None:
    """All of them say 0.2 of an array of 0.2, to their own rounding and one more of float32."""
    x = np.full((3, 400, 500), 0.2, dtype)
    exact, close = float(x[0, 0, 0]), 2.0**-10 if dtype == "float16" else 66 * U[dtype] + 20 * U[dtype]
    mask = np.ones(x.shape, bool)
    results = {
        "avg": tp.avg_pool(x, (400, 500), axis=(1, 2)),
        "adaptive": tp.adaptive_avg_pool(x, 1, axis=(1, 2)),
        "global": tp.global_pool(x, "avg", axis=(1, 2)),
        "channels last": tp.global_pool(x.transpose(1, 2, 0).copy(), "avg", axis=(0, 1)),
        "lp 1": tp.lp_pool(-x.astype("f4" if dtype == "float16" else dtype), 1.0, (400, 500), axis=(1, 2)) / 200_000,
        "mask": tp.avg_pool(x, (400, 500), axis=(1, 2), mask=mask),
        "omit": tp.avg_pool(x, (400, 500), axis=(1, 2), nan_policy="omit"),
        "weights": tp.avg_pool(x, (400, 500), axis=(1, 2), weights=mask.astype(dtype)),
    }
    for name, result in results.items():
        assert np.abs(result.astype(np.float64) / exact - 1).max() <= close, (name, result)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
@pytest.mark.parametrize(("size", "channels"), [(8192, 1), (2048, 23), (300, 1000)])
def test_tens_of_millions_of_cells(
    size: int, channels: int, layout: Literal["channels_first", "channels_last"]
) -> None:
    shape = (1, channels, size, size) if layout == "channels_first" else (1, size, size, channels)
    mean = tp.global_pool(np.full(shape, 0.1, np.float32), "avg", layout=layout)
    assert np.abs(mean / np.float32(0.1) - 1).max() < 1e-6
