"""What is done with indices afterwards: other ways of counting, and values put back to where they came from."""

from __future__ import annotations  # so that help() shows the short names below

from typing import TYPE_CHECKING, overload

import numpy as np

from .. import _arguments as arguments
from .. import _arrays as arrays
from .. import _indices as indices_of
from .._adapters import is_tensor
from .._docs import complete
from .._indices import CELL_BASES
from .._indices import index_base as base_of
from .._windows import pooled_axes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from .._types import Array, Axis, CellBase, Flag, Integers, Layout, Stride, T


@overload
def max_unpool(
    x: NDArray[T], indices: ArrayLike, kernel_size: Integers, stride: Stride = ..., padding: Integers = ...,
    output_size: Integers | None = ..., *, layout: Layout | None = ..., axis: Axis = ...,
    index_base: CellBase = ..., out: Array | None = ...,
) -> NDArray[T]: ...  # fmt: skip
@overload
def max_unpool(
    x: ArrayLike, indices: ArrayLike, kernel_size: Integers, stride: Stride = ..., padding: Integers = ...,
    output_size: Integers | None = ..., *, layout: Layout | None = ..., axis: Axis = ...,
    index_base: CellBase = ..., out: Array | None = ...,
) -> Array: ...  # fmt: skip
@complete
def max_unpool(
    x: ArrayLike, indices: ArrayLike, kernel_size: Integers, stride: Stride = None, padding: Integers = 0,
    output_size: Integers | None = None, *, layout: Layout | None = None, axis: Axis = None,
    index_base: CellBase = "plane", out: Array | None = None,
) -> Array:  # fmt: skip
    """Put the values of a max-pooling back to where they were found, and zeros everywhere else.

    This is no gradient: of a cell that is the maximum of several windows one value is kept, not their sum.

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
        The sizes of the pooled axes, or of all axes, instead: where the windows did not fill the array, it was larger.
        They differ from the default by less than the stride. Axes that are not pooled have the sizes of x.
    %(axes)s
    index_base : {"plane", "batch", "array"}, default "plane"
        What the indices count, as in `max_pool`.
    out : numpy.ndarray, optional
        Array of the result's shape to write the result to.

    Returns
    -------
    numpy.ndarray
        `out`, or an array of the dtype and the memory order of `x`.

    Raises
    ------
    TypeError, ValueError
        As `max_pool`; an index is not in the array; shapes do not fit; `output_size` is not given, and an index is not
        in its window of an array of the default size: the array that was pooled had another one (or the pooling a
        dilation).

    Notes
    -----
    Names, order and defaults of the positional arguments are those of PyTorch's ``max_unpool2d``, as is what
    `output_size` may be. PyTorch leaves open what happens to repeated indices, and puts values to other cells where
    `output_size` is missing and the array was larger.

    Examples
    --------
    %(imports)s
    >>> x = np.array([1, 5, 2, 3, 4, 0])
    >>> values, indices = tp.max_pool(x, 2, axis=0, return_indices=True)
    >>> tp.max_unpool(values, indices, 2, axis=0)
    array([0, 5, 0, 3, 4, 0])
    """
    if type(x) is not np.ndarray and is_tensor(type(x)):
        from .._adapters.torch import unpool

        words = {"output_size": output_size, "layout": layout, "axis": axis, "index_base": index_base}
        return unpool(max_unpool, x, indices, (kernel_size, stride, padding), out, words)  # type: ignore[no-any-return]
    values = arrays.plain("x", x)
    axes = pooled_axes(layout, axis).of(values.ndim)
    base = base_of("index_base", index_base, CELL_BASES)
    pooled = indices_of.unpooled(values.shape, axes, kernel_size, stride, padding, output_size)
    return indices_of.unpool(values, indices, pooled, base, out)


@complete
def convert_indices(
    indices: ArrayLike, shape: tuple[int, ...], source: CellBase, target: CellBase, *, layout: Layout | None = None,
    axis: Axis = None, column_major: Flag = False,
) -> NDArray[np.int64]:  # fmt: skip
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
    %(axes)s
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
    %(imports)s
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
    axes = pooled_axes(layout, axis).of(len(sizes))
    bases = [base_of(name, base, CELL_BASES) for name, base in (("source", source), ("target", target))]
    return indices_of.convert(indices, sizes, bases[0], bases[1], axes, arguments.flag("column_major", column_major))
