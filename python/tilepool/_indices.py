"""Indices of cells: how they count, as another library counts them, and values put back to where they point."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _arguments as arguments
from . import _arrays as arrays
from ._arguments import shown
from ._windows import window_sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from ._types import Array
    from ._windows import Window

CELL_BASES = ("plane", "batch", "array")  # of indices that name cells whatever the windows are
BASES = (*CELL_BASES, "window")
DTYPES = ("int64", "int32", "uint8")


class Counting(NamedTuple):
    """How the indices of a call count, and their dtype."""

    base: str = "plane"
    dtype: str = "int64"

    def steps(self, shape: tuple[int, ...], axes: tuple[int, ...], windows: Sequence[Window]) -> tuple[int, ...]:
        """What a cell, or a tap, further along each axis adds to an index. Refuses indices that do not fit."""
        sizes = shape
        if self.base == "window":
            kernels = window_sizes(windows)
            if kernels is None:
                raise ValueError("index_base must not be 'window' where windows are adaptive or drawn")
            taps = dict(zip(axes, kernels, strict=True))
            sizes = tuple(taps.get(axis, 1) for axis in range(len(shape)))
        steps = index_steps("plane" if self.base == "window" else self.base, sizes, axes)
        count = 1 + sum(step * (size - 1) for step, size in zip(steps, sizes, strict=True) if size > 0)
        if count > np.iinfo(self.dtype).max:  # uint8 has no -1: its 255 is that of a window without cells
            raise ValueError(f"index_dtype must hold indices up to {count - 1}, not {self.dtype}")
        return steps


def index_base(name: str, value: object, bases: Sequence[str] = BASES) -> str:
    return arguments.choice(name, value, bases)


def index_dtype(name: str, value: object) -> str:
    if type(value) is str and value in DTYPES:
        return value
    rule = f"{name} must be int64, int32 or uint8, not "
    try:
        dtype = np.dtype(value)  # type: ignore[call-overload]
    except Exception as error:  # numpy raises several kinds
        raise TypeError(rule + shown(value)) from error
    if dtype.name not in DTYPES:
        raise TypeError(f"{rule}{dtype}")
    return str(dtype.name)


def index_steps(base: str, shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """What a cell further along each axis adds to an index that counts as `base` says."""
    counted = {"plane": sorted(axes), "batch": range(1, len(shape)), "array": range(len(shape))}[base]
    if base == "batch" and 0 in axes:
        raise ValueError("index_base must not be 'batch' where the first axis is pooled")
    steps, step = [0] * len(shape), 1
    for axis in reversed(counted):
        steps[axis] = step
        step *= shape[axis]
    return tuple(steps)


def as_indices(indices: npt.ArrayLike) -> Array:
    array = arrays.plain("indices", indices)
    if array.dtype.kind not in "iu":
        raise TypeError(f"indices must be integers, not {array.dtype}")
    return array


def refuse_outside(indices: Array, size: int, cure: str = "") -> None:
    """-1 stands for no cell, all else must be one of `size` cells."""
    if indices.size == 0:
        return
    lowest, highest = int(indices.min()), int(indices.max())
    if lowest < -1 or highest >= size:
        wrong = lowest if lowest < -1 else highest
        raise ValueError(f"indices must be from -1 to {size - 1}, not {wrong}{cure}")


def cells(indices: Array, shape: tuple[int, ...], axes: Sequence[int], base: str, cure: str = "") -> list[Array]:
    """The cell along each axis of an array of the given shape that each index stands for; all 0 where it is -1."""
    if indices.ndim != len(shape):
        raise ValueError(f"indices must have as many dimensions as shape, {len(shape)}, not {indices.ndim}")
    for axis, (n, size) in enumerate(zip(indices.shape, shape, strict=True)):
        if axis not in axes and n != size:
            raise ValueError(f"indices must have the sizes of shape where none is pooled, {shape}, not {indices.shape}")
    steps = index_steps(base, shape, tuple(axes))
    counted = [axis for axis, step in enumerate(steps) if step > 0]
    refuse_outside(indices, prod(shape[axis] for axis in counted), cure)
    rest = np.where(indices < 0, 0, indices).astype(np.int64)
    places: list[Array] = list(np.indices(indices.shape, sparse=True))
    for axis in counted:
        places[axis], rest = np.divmod(rest, steps[axis])
    return places


def convert(
    indices: npt.ArrayLike,
    shape: tuple[int, ...],
    source: str,
    target: str,
    axes: tuple[int, ...],
    column_major: bool,
) -> npt.NDArray[np.int64]:
    """Indices that count from `source` as indices that count from `target`."""
    array = as_indices(indices)
    places = cells(array, shape, axes, source)
    order = list(range(len(shape)))
    if column_major:  # the pooled axes trade places with each other, last for first
        for axis, other in zip(sorted(axes), sorted(axes, reverse=True), strict=True):
            order[axis] = other
    permuted = index_steps(target, tuple(shape[axis] for axis in order), axes)
    steps = [0] * len(shape)
    for place, axis in enumerate(order):
        steps[axis] = permuted[place]
    total = sum((place * step for place, step in zip(places, steps, strict=True)), np.zeros(array.shape, np.int64))
    return np.where(array < 0, -1, total)


# ---- values put back -------------------------------------------------------------------------------------------------


class Unpooled(NamedTuple):
    """The shape that was pooled, and the windows that were taken from it."""

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    windows: tuple[tuple[int, int, int], ...]  # of each pooled axis: kernel, stride, padding
    guessed: bool  # the smallest shape that gives such a result, as none was named

    def refuse_moved(self, places: Sequence[Array], there: Array, base: str) -> None:
        """A guessed shape is wrong where a value would leave the window that it was found in."""
        steps = index_steps(base, self.shape, self.axes)
        later = [axis for axis in self.axes if steps[axis] and any(step > steps[axis] for step in steps)]
        if not later:
            return  # whatever the size of the one axis, or of the first one, indices count the same cells
        for axis, (kernel, stride, padding) in zip(self.axes, self.windows, strict=True):
            along = [1] * len(self.shape)
            along[axis] = -1
            starts = (stride * np.arange(there.shape[axis]) - padding).reshape(along)
            outside = there & ((places[axis] < starts) | (places[axis] >= starts + kernel))
            if outside.any():
                sizes = tuple(self.shape[axis] for axis in self.axes)
                raise ValueError(
                    f"output_size must be given where indices are not of an array of {sizes} pooled cells, not None: "
                    "pass the sizes of the array that was pooled"
                )


def unpooled(
    shape: tuple[int, ...],
    axes: tuple[int, ...],
    kernel_size: object,
    stride: object,
    padding: object,
    output_size: Any,
) -> Unpooled:
    """The shape that was pooled to `shape`: as asked for, else the smallest."""
    count = len(axes)
    kernels = arguments.for_each("kernel_size", arguments.positive("kernel_size", kernel_size), count)
    strides = kernels
    if stride is not None:
        strides = arguments.for_each("stride", arguments.positive("stride", stride), count)
    pads = arguments.for_each("padding", arguments.integers("padding", padding), count)
    if min(pads) < 0:
        raise ValueError(f"padding must not be negative, not {shown(padding)}")
    sizes = [(shape[axis] - 1) * s - 2 * p + k for axis, k, s, p in zip(axes, kernels, strides, pads, strict=True)]
    guessed = output_size is None
    if not guessed:
        asked = asked_sizes(output_size, shape, axes)
        for size, default, step in zip(asked, sizes, strides, strict=True):
            if not default - step < size < default + step:
                low, high = (tuple(n + sign * s for n, s in zip(sizes, strides, strict=True)) for sign in (-1, 1))
                raise ValueError(f"output_size must lie between {low} and {high}, not {shown(output_size)}")
        sizes = list(asked)
    result = list(shape)
    for axis, size in zip(axes, sizes, strict=True):
        if size < 1:
            raise ValueError(f"kernel_size, stride and padding must leave a positive output size, not {size}")
        result[axis] = size
    if prod(result) >= 2**60:
        raise ValueError(f"output_size must keep the array below 2**60 cells, not {tuple(result)}")
    return Unpooled(tuple(result), axes, tuple(zip(kernels, strides, pads, strict=True)), guessed)


def asked_sizes(output_size: object, shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes of the pooled axes, where all axes may have been named."""
    asked = arguments.integers("output_size", output_size)
    if isinstance(asked, tuple) and len(asked) == len(shape) != len(axes):
        if any(asked[axis] != n for axis, n in enumerate(shape) if axis not in axes):
            raise ValueError(
                f"output_size must have the sizes of x where none is pooled, {shape}, not {shown(output_size)}"
            )
        asked = tuple(asked[axis] for axis in axes)
    arguments.positive("output_size", asked)
    return arguments.for_each("output_size", asked, len(axes))


def unpool(values: Array, indices: npt.ArrayLike, pooled: Unpooled, base: str, out: Array | None) -> Array:
    """Zeros, with `values` at the places that the indices name. Writes to nothing where it refuses."""
    array = as_indices(indices)
    if array.shape != values.shape:
        raise ValueError(f"indices must have the shape of x, {values.shape}, not {array.shape}")
    cure = ": pass output_size, the sizes of the array that was pooled" if pooled.guessed else ""
    places = cells(array, pooled.shape, pooled.axes, base, cure)
    there = array >= 0
    if pooled.guessed:
        pooled.refuse_moved(places, there, base)
    target = arrays.target(out, pooled.shape, values.dtype)
    if target is None:
        target = arrays.empty(pooled.shape, values.dtype, arrays.memory_order(values.shape, values.strides))
    elif np.shares_memory(target, values) or np.shares_memory(target, array):
        values, places = values.copy(), [place.copy() for place in places]
    target[...] = 0
    # Along axes of one cell nothing is looked up: numpy has no room for an array of indices for each of 64 axes.
    several = [axis for axis, n in enumerate(pooled.shape) if n != 1] or [0]
    view = target[tuple(slice(None) if axis in several else 0 for axis in range(target.ndim))]
    to = tuple(np.broadcast_to(places[axis], array.shape) for axis in several)
    if there.all():
        view[to] = values  # where an index is repeated the last value stays
    else:
        view[tuple(place[there] for place in to)] = values[there]
    return target if out is None else out
