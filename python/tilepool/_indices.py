"""What is done with indices afterwards: other ways of counting, and putting values back to where they came from."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from ._arguments import Array, shown


def as_indices(indices: npt.ArrayLike) -> Array:
    array = arguments.array(indices)
    if array.dtype.kind not in "iu":
        raise TypeError(f"indices must be integers, not {array.dtype}")
    return array


def refuse_outside(indices: Array, size: int) -> None:
    """-1 stands for no cell, all else must be one of `size` cells."""
    if indices.size == 0:
        return
    lowest, highest = int(indices.min()), int(indices.max())
    if lowest < -1 or highest >= size:
        wrong = lowest if lowest < -1 else highest
        raise ValueError(f"indices must be from -1 to {size - 1}, not {wrong}")


def cells(indices: Array, shape: tuple[int, ...], axes: Sequence[int], base: str) -> list[Array]:
    """The cell along each axis of an array of the given shape that each index stands for; all 0 where it is -1."""
    if indices.ndim != len(shape):
        raise ValueError(f"indices must have as many dimensions as shape, {len(shape)}, not {indices.ndim}")
    for axis, (n, size) in enumerate(zip(indices.shape, shape, strict=True)):
        if axis not in axes and n != size:
            raise ValueError(f"indices must have the sizes of shape where none is pooled, {shape}, not {indices.shape}")
    weights = arguments.index_weights(base, shape, tuple(axes))
    counted = [axis for axis, weight in enumerate(weights) if weight > 0]
    refuse_outside(indices, prod(shape[axis] for axis in counted))
    rest = np.where(indices < 0, 0, indices).astype(np.int64)
    places: list[Array] = list(np.indices(indices.shape, sparse=True))
    for axis in counted:
        places[axis], rest = np.divmod(rest, weights[axis])
    return places


def convert(
    indices: npt.ArrayLike,
    shape: tuple[int, ...],
    source: str,
    target: str,
    axes: tuple[int, ...],
    column_major: bool,
) -> Array:
    array = as_indices(indices)
    places = cells(array, shape, axes, source)
    order = list(range(len(shape)))
    if column_major:  # the pooled axes trade places with each other, last for first
        for axis, other in zip(sorted(axes), sorted(axes, reverse=True), strict=True):
            order[axis] = other
    permuted = arguments.index_weights(target, tuple(shape[axis] for axis in order), axes)
    weights = [0] * len(shape)
    for place, axis in enumerate(order):
        weights[axis] = permuted[place]
    total = sum(
        (place * weight for place, weight in zip(places, weights, strict=True)), np.zeros(array.shape, np.int64)
    )
    return np.where(array < 0, -1, total)


def unpool(
    values: Array, indices: npt.ArrayLike, shape: tuple[int, ...], axes: tuple[int, ...], base: str, out: Array | None
) -> Array:
    """Zeros of the given shape with `values` at the places that the indices name."""
    array = as_indices(indices)
    if array.shape != values.shape:
        raise ValueError(f"indices must have the shape of x, {values.shape}, not {array.shape}")
    places = cells(array, shape, axes, base)
    target = arguments.output(out)
    if target is None:
        target = np.zeros(shape, values.dtype)
    else:
        arguments.check_output(target, shape, values.dtype)
        if np.shares_memory(target, values) or np.shares_memory(target, array):
            values, places = values.copy(), [place.copy() for place in places]
        target[...] = 0
    there = array >= 0
    if there.all():
        target[tuple(places)] = values  # where an index is repeated the last value stays
    else:
        target[tuple(np.broadcast_to(place, array.shape)[there] for place in places)] = values[there]
    return target if out is None else out


def unpooled_shape(
    shape: tuple[int, ...],
    axes: tuple[int, ...],
    kernel_size: object,
    stride: object,
    padding: object,
    output_size: Any,
) -> tuple[int, ...]:
    """The shape that was pooled: as asked for, else the smallest that gives `shape`."""
    kernels = arguments.positive("kernel_size", kernel_size, len(axes))
    strides = kernels if stride is None else arguments.positive("stride", stride, len(axes))
    pads = arguments.integers("padding", padding, len(axes))
    if min(pads) < 0:
        raise ValueError(f"padding must not be negative, not {shown(padding)}")
    sizes = [(shape[axis] - 1) * s - 2 * p + k for axis, k, s, p in zip(axes, kernels, strides, pads, strict=True)]
    if output_size is not None:
        asked = output_size
        if isinstance(asked, tuple | list) and len(asked) == len(shape) != len(axes):  # the whole shape
            asked = tuple(asked[axis] for axis in axes)
        sizes = list(arguments.positive("output_size", asked, len(axes)))
    result = list(shape)
    for axis, size in zip(axes, sizes, strict=True):
        if size < 1:
            raise ValueError(f"kernel_size, stride and padding must leave a positive output size, not {size}")
        result[axis] = size
    if prod(result) >= 2**60:
        raise ValueError(f"output_size must keep the array below 2**60 cells, not {tuple(result)}")
    return tuple(result)
