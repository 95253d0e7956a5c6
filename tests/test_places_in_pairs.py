"""Max and min that tell where, by pairs of a key and its place: ties, NaNs, zeros of both signs, bases and types."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilepool as tp
from agreement import FUNCTIONS, using_isa
from layouts import FLOATS, any_numbers, lay_out
from test_indices import check, same
from test_strategies import PAIRED, Example, strategies
from test_zeros_of_both_signs import zeros
from tilepool import _core

Array = NDArray[Any]

ALL = pytest.mark.parametrize("example", PAIRED, ids=[str(i) for i in range(len(PAIRED))])
SOME = PAIRED[:3] + PAIRED[5:6]


def is_paired(op: str, x: Array, example: Example, **arguments: Any) -> bool:
    _, _, axes, windows = example
    words = {**windows, **arguments}
    return strategies(FUNCTIONS[op], x, axis=axes, return_indices=True, **words) == ["paired"]


@ALL
@pytest.mark.parametrize("base", ["plane", "array", "window"])
def test_every_example_agrees_with_the_oracle(example: Example, base: str) -> None:
    shape, order, axes, arguments = example
    rng = np.random.default_rng(0)
    for op, dtype in (("max", "float32"), ("min", "int32"), ("max", "uint8"), ("min", "float64")):
        x = lay_out(any_numbers(rng, shape, dtype), order=order)
        if dtype != "float64":  # vectors of half as many elements make less of what they share
            assert is_paired(op, x, example, index_base=base), (op, dtype)
        check(op, x, axes, arguments, base)


@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("example", SOME, ids=[str(i) for i in range(len(SOME))])
def test_every_type_and_both_ends_of_it(example: Example, dtype: str) -> None:
    """Most cells have the lowest or the greatest value there is: no cell beyond the array may be taken for one."""
    shape, order, axes, arguments = example
    rng = np.random.default_rng(1)
    numbers = any_numbers(rng, shape, dtype)
    if "float" in dtype:
        ends = [np.array(end).astype(numbers.dtype) for end in (-np.inf, np.inf)]
    elif dtype == "bool":
        ends = [np.array(end) for end in (False, True)]
    else:
        ends = [np.array(end, dtype) for end in (np.iinfo(dtype).min, np.iinfo(dtype).max)]
    for end in ends:
        for share in (0.9, 1.0):
            x = np.where(rng.random(shape) < share, end, numbers).astype(numbers.dtype)
            for op in ("max", "min"):
                check(op, lay_out(x, order=order), axes, arguments, "window")


@pytest.mark.parametrize("dtype", FLOATS)
@ALL
def test_zeros_of_both_signs_and_nans(example: Example, dtype: str) -> None:
    """The place is that of the first zero, the sign that of the greatest or the least; the first NaN of any kind."""
    shape, order, axes, arguments = example
    x = lay_out(zeros(shape, dtype, 0.45), order=order)
    for op in ("max", "min"):
        check(op, x, axes, arguments, "plane")
        for isa in _core.available_isas():
            with using_isa(isa):
                plain = FUNCTIONS[op](x, axis=axes, **arguments)
                values, _ = FUNCTIONS[op](x, axis=axes, return_indices=True, **arguments)
            is_zero = np.asarray(plain == 0)
            assert np.array_equal(np.signbit(plain)[is_zero], np.signbit(values)[is_zero]), (op, isa)


def test_the_first_of_equal_cells_across_rows_and_planes(isa: str) -> None:
    x = np.zeros((12, 12, 12), np.float32)
    for axes in ((0, 1, 2), (1, 2)):
        _, indices = tp.max_pool(x, 5, 1, axis=axes, return_indices=True, index_base="window")
        assert not indices.any(), (axes, isa)
    # In each window the same value twice, the later row first in its columns.
    x = np.zeros((12, 40), np.float32)
    x[4, 3::5] = x[5, 0::5] = 1
    _, indices = tp.max_pool(x, (12, 5), (1, 1), axis=(0, 1), return_indices=True)
    assert set((indices // 40).ravel().tolist()) == {4}, isa


@pytest.mark.parametrize("example", SOME, ids=[str(i) for i in range(len(SOME))])
def test_rows_that_are_made_and_cells_left_out(example: Example, isa: str) -> None:
    shape, order, axes, arguments = example
    rng = np.random.default_rng(2)
    for dtype in ("float32", "uint8"):
        x = lay_out(any_numbers(rng, shape, dtype), order=order)
        for op in ("max", "min"):
            wanted = FUNCTIONS[op](x, axis=axes, return_indices=True, **arguments)
            for other in (lay_out(x, order=order, steps=[2] * x.ndim), x.astype(x.dtype.newbyteorder(">"))):
                found = FUNCTIONS[op](other, axis=axes, return_indices=True, **arguments)
                assert same(found[0].astype(x.dtype), wanted[0]), (op, dtype, isa)
                assert np.array_equal(found[1], wanted[1]), (op, dtype, isa)
            there = rng.random(shape) < 0.7
            masked = FUNCTIONS[op](x, axis=axes, return_indices=True, mask=there, **arguments)
            end = {"max": {"float32": -np.inf, "uint8": 0}, "min": {"float32": np.inf, "uint8": 255}}[op][dtype]
            filled = np.where(there, x, np.array(end, dtype))
            assert same(masked[0], FUNCTIONS[op](filled, axis=axes, **arguments)), (op, dtype, isa)
            # A place is that of a cell that is there.
            base = {"index_base": "array", "return_indices": True}
            places = FUNCTIONS[op](x, axis=axes, mask=there, **base, **arguments)[1]
            assert there.ravel()[places[places >= 0]].all(), (op, dtype, isa)


def test_windows_without_cells_beside_others(isa: str) -> None:
    """Rows of which some are seen by no window, and windows that see none."""
    x = np.arange(12 * 31, dtype=np.float32).reshape(12, 31)
    arguments: dict[str, Any] = {"stride": 1, "padding": ((8, 8), (4, 4)), "dilation": (16, 1), "axis": (0, 1)}
    assert strategies(tp.max_pool, x, (2, 9), return_indices=True, **arguments) == ["paired"]
    values, indices = tp.max_pool(x, (2, 9), return_indices=True, **arguments)
    seen = indices >= 0
    assert not seen.all()
    assert np.array_equal(x.ravel()[indices[seen]], values[seen]), isa
    assert np.array_equal(values, tp.max_pool(x, (2, 9), **arguments)), isa
    assert (values[~seen] == -np.inf).all(), isa
