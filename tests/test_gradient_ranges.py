"""Gradients of norms: each window passes on what it does alone, whatever the sizes of others, of g, and of powers."""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilepool as tp
from gradient_cases import Options, rows_of_pairs
from gradient_meanings import Arguments, difference, gradient, shape_of

Array = NDArray[Any]
grad: Any = vars(tp)["grad"]

# Exponents of two: of float64 and of narrower types, whose smallest number is 2**-149.
Exponents = tuple[tuple[int, int], tuple[int, int]]
RANGES: dict[str, Exponents] = {
    "equal": ((0, 0), (0, 0)),
    "usual": ((-9, 9), (-9, 9)),
    "beyond one power": ((-450, 450), (-60, 60)),
    "small": ((-1000, -900), (-120, -100)),
    "without all digits": ((-1074, -1022), (-149, -126)),
    "large": ((900, 1000), (100, 120)),
    "all": ((-1074, 1000), (-149, 120)),
}
Place = tuple[tuple[int, ...], str, Arguments]
WINDOWS: dict[str, Place] = {
    "disjoint": ((4, 24), "lp_pool", {"kernel_size": 3, "axis": 1}),
    "overlapping": ((4, 12), "lp_pool", {"kernel_size": (2, 3), "stride": 1, "padding": (1, 1), "axis": (0, 1)}),
    "apart": ((4, 24), "lp_pool", {"kernel_size": 2, "stride": 3, "dilation": 3, "axis": 1}),
    "many": ((1, 96), "lp_pool", {"kernel_size": 81, "stride": 1, "padding": "same", "axis": 1}),
    "adaptive": ((4, 24), "adaptive_pool", {"output_size": (2, 7), "axis": (0, 1)}),
    "global": ((8, 6), "global_pool", {"axis": 1, "keepdims": False}),
    "pyramid": ((4, 12), "pyramid_pool", {"grids": (1, 2, 3), "axis": (0, 1)}),
}
OPTIONS: dict[str, Sequence[Any]] = {
    "p": (1, 2, 3, 60, 0.5, 1.2, 2.7, 3.3, 700.5, 5000),
    "norms": tuple(RANGES),
    "g": (*RANGES, "0", "infinite", "NaN"),
    "cells": ("alike", "apart", "zeros"),
    "x dtype": ("float64", "float32"),
    "g dtype": ("float64", "float32", "float16"),
    "windows": tuple(WINDOWS),
    "missing": (None, "mask", "omit"),
}


def numbers(rng: np.random.Generator, kind: str, shape: Sequence[int], wide: bool) -> Array:
    """Of both signs, evenly among the exponents of a range."""
    low, high = RANGES[kind][0 if wide else 1]
    fractions = 1 + (kind != "equal") * rng.integers(1, 2**20, shape) / 2**20
    signs, exponents = rng.choice([-1, 1], shape), rng.integers(low, high + 1, shape)
    return np.asarray(np.ldexp(fractions * signs, exponents.astype(np.int32)))


def call_of_row(number: int, row: Options) -> tuple[str, Array, Array, Arguments]:
    """Function, g, x and arguments. Three cells that follow each other have one scale."""
    rng = np.random.default_rng(number)
    shape, name, arguments = WINDOWS[row["windows"]]
    arguments = {**arguments, "norm_type": row["p"]}
    x = np.repeat(numbers(rng, row["norms"], (shape[0], shape[1] // 3), row["x dtype"] == "float64"), 3, axis=1)
    x = x * (rng.permutation(x.size).reshape(shape) / x.size)  # all different, and one 0
    if row["cells"] == "apart":
        x = np.ldexp(x, -rng.integers(0, 60, shape).astype(np.int32))
    if row["cells"] == "zeros":
        x[rng.random(shape) < 0.7] = 0
    if row["missing"] == "mask":
        arguments["mask"] = rng.random(shape) < 0.7
    elif row["missing"] == "omit":
        arguments["nan_policy"] = "omit"
        x[rng.random(shape) < 0.3] = np.nan
    kind, of_g = row["g"], shape_of(shape, arguments)
    g = numbers(rng, kind if kind in RANGES else "usual", of_g, row["g dtype"] == "float64")
    g = np.clip(g, *{"float16": (-60000, 60000)}.get(row["g dtype"], (-math.inf, math.inf)))
    if kind not in RANGES:
        g[rng.random(of_g) < 0.3] = {"0": 0, "infinite": rng.choice([-1, 1]) * math.inf, "NaN": math.nan}[kind]
    if row["p"] < 1:  # powers are above 1: a difference of infinities is not known
        x, g = np.abs(x), np.abs(g)
    return name, g.astype(row["g dtype"]), x.astype(row["x dtype"]), arguments


def fault(number: int, row: Options) -> str | None:
    name, g, x, arguments = call_of_row(number, row)
    op = {} if name == "lp_pool" else {"op": "lp"}
    result = getattr(grad, name)(g, x, **arguments, **op)
    return difference(result, gradient("lp", g, x, arguments), g.dtype)


def check(rows: Iterable[Options]) -> None:
    faults = [f"{n}: {row}: {wrong}" for n, row in enumerate(rows) if (wrong := fault(n, row)) is not None]
    assert not faults, f"{len(faults)}\n" + "\n".join(faults)


def test_pairs() -> None:
    """Every two values of two options meet."""
    check(rows_of_pairs(OPTIONS, seed=0))


@pytest.mark.slow
def test_all_ranges() -> None:
    """All powers and ranges of norms and g meet, with each value of any other option."""
    names = ("p", "norms", "g")
    rest = itertools.cycle(rows_of_pairs({name: of for name, of in OPTIONS.items() if name not in names}, seed=1))
    check(
        dict(zip(names, values, strict=True)) | next(rest) for values in itertools.product(*(OPTIONS[n] for n in names))
    )


# Of each two cells: p, their exponents of two, and those of g.
BESIDE: list[tuple[float, list[float], list[float]]] = [
    (3, [0, 0, -440, -441], [0, 664]),  # shares of the second window, before powers of its cells, fit no float64
    (60, [0, -3, -15, -18], [0, 997]),
    (3, [-300, -300, 0, 0], [500, 0]),
    (60, [0, -3.2, -15, -18.2], [0, 0]),  # powers of small cells would have lost digits
    (3, [0, -530, 0, -600], [400, 900]),
    (0.01, [0, -1070, 0, -1074], [-300, -400]),  # or be too large
    (2, [-1074, -1074, 0, 0], [0, 0]),  # and so have norms
    (1.2, [-1074, -1073, 0, 0], [0, 0]),
    (2, [0, 1, 1, 0], [1023, -1074]),
    (3, [0, 1, 1020, 1020], [1023, -1074]),
]


@pytest.mark.parametrize(("p", "cells", "of_g"), BESIDE)
def test_windows_are_as_they_are_alone(p: float, cells: list[float], of_g: list[float]) -> None:
    x, g = np.exp2(cells), np.exp2(of_g)
    arguments = {"norm_type": p, "kernel_size": 2, "axis": 0}
    expected = gradient("lp", g, x, arguments)
    for order in (slice(None), slice(None, None, -1)):
        result = grad.lp_pool(g[order], x[order], **arguments)[order]
        assert (wrong := difference(result, expected, g.dtype)) is None, wrong
    alone = np.concatenate([grad.lp_pool(g[w : w + 1], x[2 * w : 2 * w + 2], **arguments) for w in (0, 1)])
    assert (wrong := difference(alone, expected, g.dtype)) is None, wrong


def test_powers_without_end() -> None:
    """As the norm is the largest magnitude, it is a maximum."""
    x, g = np.array([1.0, 2.0, 4.0, 3.999, 1e-300, -1e300]), np.array([2.0, 3.0, 4.0])
    for p in (1e17, 1e300):
        assert grad.lp_pool(g, x, p, 2, axis=0).tolist() == [0, 2, 3, 0, 0, -4]


def test_cells_in_no_window() -> None:
    """Their powers need not fit."""
    x = np.array([1.0, 1e300, 2.0, np.inf, 4.0, np.nan, 0.0])
    for p in (2, 3, 60, 0.5):
        assert grad.lp_pool(np.ones(4), x, p, 1, stride=2, axis=0).tolist() == [1, 0, 1, 0, 1, 0, 0]


def test_zeros_in_windows_of_nan() -> None:
    for p in (2, 3, 60):
        for g in (1.0, 5e-324, math.inf):
            found = grad.lp_pool(np.array([g]), np.array([0, math.nan, 1]), p, 3, axis=0)
            assert np.array_equal(found, [0, math.nan, math.nan], equal_nan=True)
