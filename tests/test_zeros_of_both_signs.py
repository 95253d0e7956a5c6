"""Max and min put -0 before +0 and give NaN where there is one, on every path: strategies, layouts, indices."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from agreement import FUNCTIONS, check, expected, function_of, other_zero, windows_of
from layouts import FLOATS, in_turn, lay_out
from reference import places
from test_strategies import EXAMPLES, strategies

Array = NDArray[Any]

ALL = [(name, number) for name in EXAMPLES for number in range(len(EXAMPLES[name]))]
SIZES = [(kernel, stride) for kernel in (1, 2, 3, 5, 8, 17, 40, 130) for stride in (1, 2, 3)]


def zeros(shape: tuple[int, ...], dtype: str, share: float, seed: int = 0) -> Array:
    """Zeros of both signs, other numbers and NaNs of any sign and payload."""
    rng = np.random.default_rng(seed)
    x = rng.choice(np.array([0.0, -0.0, 1.0, -1.0]), shape, p=[share, share, 0.5 - share, 0.5 - share])
    x = x.astype(dtype)
    bits = x.view(f"u{x.itemsize}")
    there = rng.random(shape) < 0.002
    nan = np.array(np.nan).astype(x.dtype).view(bits.dtype)
    sign = np.array(1 << (8 * x.itemsize - 1), bits.dtype)
    payloads, signs = (rng.integers(0, most, there.sum()).astype(bits.dtype) for most in (60, 2))
    bits[there] = nan | payloads | sign * signs
    return x


@pytest.mark.parametrize(("name", "number", "dtype"), in_turn(ALL, FLOATS))
def test_every_strategy(name: str, number: int, dtype: str) -> None:
    shape, order, axes, arguments = EXAMPLES[name][number]
    for op in ("max", "min"):
        x = lay_out(zeros(shape, dtype, 0.25, number), order=order)
        if dtype == "float32":
            assert strategies(function_of(op, arguments), x, axis=axes, **arguments) == [name]
        check(op, x, axes, threads=(1, 3), **arguments)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", ["max", "min"])
def test_windows_of_any_size_along_rows_and_columns(op: str, dtype: str) -> None:
    """One sign is rare: a zero that is overlooked is not made up for by its neighbour."""
    for minus in (0.02, 0.98):
        x = zeros((140, 150), dtype, 0.25, 3)
        signs = np.random.default_rng(1).random(x.shape) < minus
        x = np.where(x == 0, np.where(signs, -0.0, 0.0).astype(x.dtype), x)
        for kernel, stride in SIZES:
            for axis in (0, 1):
                check(op, x, axis, kernel_size=kernel, stride=stride, padding=kernel // 2)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", ["max", "min"])
def test_values_with_indices_are_those_without(op: str, dtype: str, isa: str) -> None:
    """Indices are those of the first of equal cells, as everywhere else: zeros of both signs are equal."""
    x = zeros((3, 31, 67), dtype, 0.3, 5)
    for arguments in ({"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1}, {"kernel_size": (5, 1)}):
        values, indices = FUNCTIONS[op](x, axis=(1, 2), return_indices=True, **arguments)
        wanted, _, _ = expected(op, x, (1, 2), arguments)
        assert not other_zero(values, wanted).any(), (arguments, isa)
        assert np.array_equal(values == 0, wanted == 0)
        assert np.array_equal(np.isnan(values), np.isnan(wanted))
        found = places(op, x, (1, 2), windows_of(x, (1, 2), arguments))
        assert np.array_equal(indices, found[1] * x.shape[2] + found[2]), (arguments, isa)


@pytest.mark.parametrize("dtype", FLOATS)
def test_cells_left_out_and_other_layouts(dtype: str, isa: str) -> None:
    x = zeros((40, 41), dtype, 0.3, 7)
    there = np.random.default_rng(8).random(x.shape) < 0.8
    for op in ("max", "min"):
        least = -np.inf if op == "max" else np.inf
        wanted, _, _ = expected(op, np.where(there, x, np.array(least, x.dtype)), (0, 1), {"kernel_size": 4})
        masked = FUNCTIONS[op](x, 4, axis=(0, 1), mask=there)
        assert not other_zero(masked, wanted).any(), (op, isa)
        dense = FUNCTIONS[op](x, 3, 2, axis=(0, 1))
        for steps in ([2, 3], [-1, -2], [-1, 1]):
            strided = FUNCTIONS[op](lay_out(x, steps=steps), 3, 2, axis=(0, 1))
            assert not other_zero(strided, dense).any(), (op, isa, steps)
