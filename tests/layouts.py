"""Numbers to pool, and the same numbers in every memory layout that numpy can express."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import ml_dtypes
import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

import reference
from tilepool import _core

Array = NDArray[Any]
Generator = np.random.Generator
Item = TypeVar("Item")

FLOATS = tuple(dtype for dtype in _core.dtypes if "float" in dtype)
INTEGERS = tuple(dtype for dtype in _core.dtypes if "int" in dtype)
NUMBERS = (*FLOATS, *INTEGERS)


def line(n: int, dtype: str = "float32") -> Array:
    """1, 2, 3 and so on."""
    return np.arange(1, n + 1).astype(dtype)


def any_numbers(rng: Generator, shape: Sequence[int], dtype: Any) -> Array:
    """Numbers of the dtype's whole range with many ties, for operations that return one of them.

    Floats have one special value in twenty: NaN, both infinities and zeros, denormals and the largest number.
    """
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return np.asarray(rng.random(shape) < rng.choice((0.1, 0.5, 0.9)))
    if not reference.is_float(dtype):
        info = np.iinfo(dtype)
        numbers = rng.integers(info.min, info.max, size=shape, dtype=dtype, endpoint=True)
        ties = rng.integers(0, 3, size=shape, dtype=dtype)
        extremes = rng.choice(np.array([info.min, info.max], dtype), size=shape)
        kind = rng.random(shape)
        return np.where(kind < 0.1, extremes, np.where(kind < 0.5, ties, numbers))
    info_f: Any = ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]
    specials = [
        math.nan,
        math.copysign(math.nan, -1),
        math.inf,
        -math.inf,
        0.0,
        -0.0,
        info_f.smallest_subnormal,
        info_f.max,
        info_f.min,
    ]
    numbers = np.round(rng.normal(scale=4, size=shape), 1).astype(dtype)
    return np.where(rng.random(shape) < 0.05, rng.choice(np.array(specials, dtype), size=shape), numbers)


def summable_numbers(rng: Generator, shape: Sequence[int], dtype: Any) -> Array:
    """Numbers whose sums neither overflow a float nor are exact in it; integers of the whole range (they may wrap)."""
    dtype = np.dtype(dtype)
    if not reference.is_float(dtype):
        return any_numbers(rng, shape, dtype)
    largest = 1 if dtype == np.float16 else 4
    return np.asarray(rng.normal(size=shape) * 10 ** rng.uniform(-4, largest, size=shape)).astype(dtype)


def whole_numbers(rng: Generator, shape: Sequence[int], dtype: Any) -> Array:
    """Small whole numbers: sums of thousands of them are exact in every dtype, so that `==` may be asked."""
    if np.dtype(dtype).kind == "b":
        return any_numbers(rng, shape, dtype)
    low = 0 if np.dtype(dtype).kind == "u" else -64
    return rng.integers(low, 65, size=shape).astype(dtype)


def share(items: Iterable[Item], dtype: str, turn: int = 0, parts: int = 2) -> Sequence[Item]:
    """One in so many of the items, for tests of which there are many. Neighbours in the list of dtypes, which share
    most of their code, get different ones. `parts` should have no factor in common with a period of the items.
    """
    return list(items)[(_core.dtypes.index(dtype) + turn) % parts :: parts]


def in_turn(rows: Iterable[tuple[Any, ...]], columns: Sequence[Any]) -> list[Any]:
    """Parameters of tests: each row with each column. Quick runs have one column of each row, in turn."""
    return [
        pytest.param(*row, column, marks=() if number % len(columns) == place else pytest.mark.slow)
        for number, row in enumerate(rows)
        for place, column in enumerate(columns)
    ]


def lay_out(
    values: Array,
    *,
    order: Sequence[int] | None = None,
    steps: Sequence[int] | None = None,
    margin: int = 0,
    offset: int = 0,
    swapped: bool = False,
) -> Array:
    """A view equal to `values` whose axes lie in memory in the given `order` (outermost first).

    Neighbours along axis `a` are `steps[a]` cells apart (negative: reversed), `margin` cells of junk lie on both sides
    of every axis, and the first byte of the memory is `offset` bytes behind a multiple of 64. The junk is what no
    result may contain: NaN, or values outside the usual range.
    """
    order = range(values.ndim) if order is None else order
    steps = [1] * values.ndim if steps is None else steps
    dtype = values.dtype.newbyteorder("S" if swapped else "=")
    extents = [max(1, values.shape[a]) * abs(steps[a]) + 2 * margin for a in order]
    size = math.prod(extents) * dtype.itemsize
    memory = np.empty(size + 64 + offset, np.uint8)
    begin = -memory.ctypes.data % 64 + offset
    stored = memory[begin : begin + size].view(dtype).reshape(extents).transpose(np.argsort(order))
    stored[...] = math.nan if reference.is_float(dtype) else dtype.kind == "b" or np.iinfo(dtype).max
    cut = tuple(slice(margin, margin + n * abs(s), abs(s)) for n, s in zip(values.shape, steps, strict=True))
    turn = tuple(slice(None, None, -1 if step < 0 else 1) for step in steps)
    view: Array = stored[cut][turn]
    view[...] = values
    return view


def _read_only(values: Array) -> Array:
    view = values.copy()
    view.flags.writeable = False
    return view


def _broadcast(values: Array) -> Array:
    """The first slice along the first axis, repeated without memory."""
    return np.broadcast_to(values[:1], values.shape)


def _overlapping(values: Array) -> Array:
    """Rows that start one element after each other: most elements belong to several rows."""
    line = np.resize(values, values.shape[0] + math.prod(values.shape[1:]))
    inner = np.empty(values.shape[1:], values.dtype).strides
    return as_strided(line, values.shape, (values.itemsize, *inner), writeable=False)


# By name, for tests that go through all of them. The last two have other values than those given.
LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C order": np.ascontiguousarray,
    "Fortran order": np.asfortranarray,
    "permuted": lambda values: lay_out(values, order=[values.ndim - 1, *range(values.ndim - 1)]),
    "sliced": lambda values: lay_out(values, margin=1),
    "stepped": lambda values: lay_out(values, steps=[2] * values.ndim),
    "stepped outer axes": lambda values: lay_out(values, steps=[3] * (values.ndim - 1) + [1]),
    "reversed": lambda values: lay_out(values, steps=[-1] * values.ndim),
    "reversed outer axes": lambda values: lay_out(values, steps=[-1] * (values.ndim - 1) + [1]),
    "reversed fastest axis": lambda values: lay_out(values, steps=[1] * (values.ndim - 1) + [-1]),
    "unaligned": lambda values: lay_out(values, offset=1),
    "byte-swapped": lambda values: lay_out(values, swapped=True),
    "read-only": _read_only,
    "broadcast": _broadcast,
    "overlapping": _overlapping,
}
