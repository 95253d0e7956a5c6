"""What is done with indices afterwards: other ways of counting, and putting values back to where they came from."""

from __future__ import annotations  # so that help() shows the short names below

from collections.abc import Sequence
from math import prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from ._api import Integers, Layout
from ._arguments import CELL_BASES, Array, shown


def max_unpool(
    x: npt.ArrayLike,
    indices: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = None,
    padding: Integers = 0,
    output_size: Integers | None = None,
    *,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    index_base: Literal["plane", "batch", "array"] = "plane",
    out: Array | None = None,
) -> Array:
    """Put the values of a max-pooling back to where they were found, and zeros everywhere else.

    Parameters
    ----------
    x : array_like
        The values, of any dtype.
    indices : array_like
        Integers of the shape of x: where each value goes, as `max_pool` tells with `return_indices`. Every index is
        checked; a value with index -1 goes nowhere. Where an index is repeated, the last value in row-major order of
        `x` stays.
    kernel_size, stride, padding : int or tuple of int
        Those of the pooling, which tell the size of a pooled axis: ``(n - 1) * stride - 2 * padding + kernel_size``.
    output_size : int or tuple of int, optional
        The sizes of the pooled axes, or of all axes, instead. Axes that are not pooled have those of x.
    layout, axis
        The pooled axes, as in `max_pool`.
    index_base : {"plane", "batch", "array"}, default "plane"
        What the indices count, as in `max_pool`.
    out : numpy.ndarray, optional
        Array of the result's shape to write the result to.

    Returns
    -------
    numpy.ndarray
        `out`, or an array of the dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        As `max_pool`; an index is not in the array; shapes do not fit.

    Notes
    -----
    Names, order and defaults of the positional arguments are those of PyTorch's ``max_unpool2d``, which leaves open
    what happens to repeated indices.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> x = np.array([1, 5, 2, 3, 4, 0])
    >>> values, indices = tp.max_pool(x, 2, axis=0, return_indices=True)
    >>> tp.max_unpool(values, indices, 2, axis=0)
    array([0, 5, 0, 3, 4, 0])
    """
    values = arguments.array(x)
    axes = arguments.pooled_axes(layout, axis, values.ndim)
    base = arguments.index_base("index_base", index_base, CELL_BASES)
    shape = unpooled_shape(values.shape, axes, kernel_size, stride, padding, output_size)
    return unpool(values, indices, shape, axes, base, out)


def convert_indices(
    indices: npt.ArrayLike,
    shape: tuple[int, ...],
    source: Literal["plane", "batch", "array"],
    target: Literal["plane", "batch", "array"],
    *,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    column_major: bool | np.bool_ = False,
) -> Array:
    """Indices that count from one base as indices that count from another.

    Parameters
    ----------
    indices : array_like
        Integers as `max_pool` returns them. -1 stays -1.
    shape : tuple of int
        The shape of the array that was pooled.
    source, target : {"plane", "batch", "array"}
        What the given indices count and what the result is to count: see `max_pool`. TensorFlow's
        ``max_pool_with_argmax`` counts "batch", or "array" with ``include_batch_in_index``, both channels last; ONNX
        counts "array".
    layout, axis
        The pooled axes, as in `max_pool`.
    column_major : bool, default False
        Count the pooled axes of the result in column-major order: ``storage_order=1`` of ONNX.

    Returns
    -------
    numpy.ndarray
        int64 indices.

    Raises
    ------
    TypeError, ValueError
        An argument is not as described; an index is not in the array.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> x = np.arange(2 * 3 * 4).reshape(1, 2, 3, 4)  # batch, channel, height, width
    >>> _, indices = tp.max_pool(x, 3, return_indices=True)
    >>> indices.ravel()
    array([10, 10])
    >>> tp.convert_indices(indices, x.shape, "plane", "array").ravel()
    array([10, 22])
    >>> tp.convert_indices(indices, x.shape, "plane", "array", column_major=True).ravel()
    array([ 8, 20])
    """
    sizes = arguments.shape(shape)
    axes = arguments.pooled_axes(layout, axis, len(sizes))
    bases = [arguments.index_base(name, word, CELL_BASES) for name, word in (("source", source), ("target", target))]
    return convert(indices, sizes, bases[0], bases[1], axes, arguments.flag("column_major", column_major))


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
            whole = arguments.integers("output_size", asked, len(shape))
            if any(whole[axis] != n for axis, n in enumerate(shape) if axis not in axes):
                raise ValueError(
                    f"output_size must have the sizes of x where none is pooled, {shape}, not {shown(asked)}"
                )
            asked = tuple(whole[axis] for axis in axes)
        sizes = list(arguments.positive("output_size", asked, len(axes)))
    result = list(shape)
    for axis, size in zip(axes, sizes, strict=True):
        if size < 1:
            raise ValueError(f"kernel_size, stride and padding must leave a positive output size, not {size}")
        result[axis] = size
    if prod(result) >= 2**60:
        raise ValueError(f"output_size must keep the array below 2**60 cells, not {tuple(result)}")
    return tuple(result)
