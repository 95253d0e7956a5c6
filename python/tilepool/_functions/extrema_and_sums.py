"""Maxima, minima, averages and sums of sliding windows."""

from __future__ import annotations  # so that help() shows the short names below

from typing import TYPE_CHECKING, overload

from .._ops import op
from .._run import Request, pooling
from .._windows import pooled_axes, sliding

if TYPE_CHECKING:
    from typing import Any, Literal, SupportsIndex, Unpack

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from .._types import (
        Array,
        Axis,
        CeilMode,
        F,
        Flag,
        IndexBase,
        Indexed,
        Indices,
        Integers,
        Layout,
        Named,
        NanPolicy,
        Output,
        Padding,
        Rounding,
        Stride,
        T,
        Threads,
        Weighted,
    )


@overload
def max_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def max_pool(
    x: NDArray[T], kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., return_indices: Literal[False] = ..., **options: Unpack[Indexed],
) -> NDArray[T]: ...  # fmt: skip
@overload
def max_pool(
    x: NDArray[T], kernel_size: Integers, stride: Stride, padding: Padding, dilation: Integers,
    ceil_mode: CeilMode, return_indices: Literal[True], **options: Unpack[Indexed],
) -> tuple[NDArray[T], Indices]: ...  # fmt: skip
@overload
def max_pool(
    x: NDArray[T], kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, return_indices: Literal[True], **options: Unpack[Indexed],
) -> tuple[NDArray[T], Indices]: ...  # fmt: skip
@overload
def max_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., return_indices: Literal[False] = ..., **options: Unpack[Indexed],
) -> Array: ...  # fmt: skip
@overload
def max_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., return_indices: Flag = ..., **options: Unpack[Indexed],
) -> Array | tuple[Array, Indices]: ...  # fmt: skip
@pooling
def max_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = None, padding: Padding = 0, dilation: Integers = 1,
    ceil_mode: CeilMode = False, return_indices: Flag = False, *, layout: Layout | None = None,
    axis: Axis = None, index_dtype: DTypeLike = "int64", index_base: IndexBase = "plane",
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    out: Output = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The largest value of each window.

    Parameters
    ----------
    %(x)s
    %(kernel_size)s
    %(sliding)s
    %(places)s
    %(axes)s
    %(counting)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(out)s

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the dtype and the memory order of `x`. Along a pooled axis of n cells it has
        ``floor((n + before + after - extent) / stride) + 1`` values (with `ceil_mode` ceil); other axes keep their
        size. A window that sees a NaN gives NaN; one that sees only padding, or cells that are left out, gives the
        lowest value of the dtype. The largest of bools is whether any is True.
    indices : numpy.ndarray
        Only with `return_indices`: an array of `index_dtype` with the shape and the memory order of the result.

    %(errors)s

    Notes
    -----
    Names, order and defaults of the positional arguments are those of PyTorch's ``max_pool2d``, as is the number of
    windows; padding up to the window's extent and padding by name are allowed in addition. The result is equal bit for
    bit for any number of threads and any instruction set. With `return_indices` the time grows with the number of taps
    where windows are uneven or share little.

    Examples
    --------
    %(imports)s
    >>> x = np.arange(16).reshape(1, 1, 4, 4)  # batch, channel, height, width
    >>> tp.max_pool(x, 3, stride=2, padding=1)
    array([[[[ 5,  7],
             [13, 15]]]])
    >>> values, indices = tp.max_pool(x, 2, return_indices=True)
    >>> indices
    array([[[[ 5,  7],
             [13, 15]]]])
    >>> tp.max_pool(np.array([1.0, np.nan, 4.0, 2.0]), 2, axis=0, nan_policy="omit")
    array([1., 4.])
    >>> tp.max_pool(np.array([1, 3, 4, 2]), 2, axis=0, mask=[True, False, True, True])
    array([1, 4])
    """
    kept = op("max", return_indices=return_indices, index_dtype=index_dtype, index_base=index_base)
    return Request(kept, sliding(kernel_size, stride, padding, dilation, ceil_mode), pooled_axes(layout, axis))


@overload
def min_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def min_pool(
    x: NDArray[T], kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., return_indices: Literal[False] = ..., **options: Unpack[Indexed],
) -> NDArray[T]: ...  # fmt: skip
@overload
def min_pool(
    x: NDArray[T], kernel_size: Integers, stride: Stride, padding: Padding, dilation: Integers,
    ceil_mode: CeilMode, return_indices: Literal[True], **options: Unpack[Indexed],
) -> tuple[NDArray[T], Indices]: ...  # fmt: skip
@overload
def min_pool(
    x: NDArray[T], kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, return_indices: Literal[True], **options: Unpack[Indexed],
) -> tuple[NDArray[T], Indices]: ...  # fmt: skip
@overload
def min_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., return_indices: Literal[False] = ..., **options: Unpack[Indexed],
) -> Array: ...  # fmt: skip
@overload
def min_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., return_indices: Flag = ..., **options: Unpack[Indexed],
) -> Array | tuple[Array, Indices]: ...  # fmt: skip
@pooling
def min_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = None, padding: Padding = 0, dilation: Integers = 1,
    ceil_mode: CeilMode = False, return_indices: Flag = False, *, layout: Layout | None = None,
    axis: Axis = None, index_dtype: DTypeLike = "int64", index_base: IndexBase = "plane",
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    out: Output = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The smallest value of each window.

    Parameters
    ----------
    %(x)s
    %(kernel_size)s
    %(sliding)s
    %(places)s
    %(axes)s
    %(counting)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(out)s

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the dtype and the memory order of `x`, of the shape that `max_pool` gives. A window that
        sees a NaN gives NaN; one that sees only padding, or cells that are left out, gives the highest value of the
        dtype, infinity for floats. The smallest of bools is whether all are True.
    indices : numpy.ndarray
        Only with `return_indices`: an array of `index_dtype` with the shape and the memory order of the result.

    %(errors)s

    Examples
    --------
    %(imports)s
    >>> tp.min_pool(np.array([3, 1, 2, 5, 4, 6]), 3, axis=0)
    array([1, 4])
    """
    kept = op("min", return_indices=return_indices, index_dtype=index_dtype, index_base=index_base)
    return Request(kept, sliding(kernel_size, stride, padding, dilation, ceil_mode), pooled_axes(layout, axis))


@overload
def avg_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def avg_pool(
    x: NDArray[F], kernel_size: Integers, stride: Stride = ..., padding: Padding = ...,
    ceil_mode: CeilMode = ..., count_include_pad: Flag = ..., divisor_override: SupportsIndex | None = ..., *,
    dilation: Integers = ..., dtype: None = ..., rounding: Rounding = ..., **options: Unpack[Weighted],
) -> NDArray[F]: ...  # fmt: skip
@overload
def avg_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = ..., padding: Padding = ...,
    ceil_mode: CeilMode = ..., count_include_pad: Flag = ..., divisor_override: SupportsIndex | None = ..., *,
    dilation: Integers = ..., dtype: DTypeLike | None = ..., rounding: Rounding = ..., **options: Unpack[Weighted],
) -> Array: ...  # fmt: skip
@pooling
def avg_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = None, padding: Padding = 0,
    ceil_mode: CeilMode = False, count_include_pad: Flag = True,
    divisor_override: SupportsIndex | None = None, *, dilation: Integers = 1, layout: Layout | None = None,
    axis: Axis = None, dtype: DTypeLike | None = None, rounding: Rounding = "half_even",
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    weights: ArrayLike | None = None, out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The average of each window.

    Parameters
    ----------
    %(x)s
    %(kernel_size)s
    %(sliding)s
    count_include_pad : bool, default True
        Divide by the taps inside the padded input; else by those inside `x`. What hangs over the padded input, as
        `ceil_mode` allows, is never counted. TensorFlow never counts padding: False.
    divisor_override : int, optional
        Divide every window by this instead. Not zero, and below 2**53 in magnitude.
    %(axes)s
    %(dtype)s
    %(nan_policy)s
    %(min_count)s
        A cell that is left out is taken off the divisor, unless that is `divisor_override`.
    %(mask)s
    %(avg_weights)s
    %(out)s

    Returns
    -------
    numpy.ndarray
        `out`, or an array of `dtype` with the memory order of `x`, of the shape that `max_pool` gives. A window that
        sees a NaN gives NaN; one whose divisor is 0 gives NaN as a float, 0 as an integer. (Where weights cancel, a sum
        that is not 0 is divided by 0: an infinity.)

    %(errors)s

    Notes
    -----
    Names, order and defaults of the positional arguments, and the divisors, are those of PyTorch's ``avg_pool2d``. A
    float is off by at most ``(64 + log2(taps)) * u * sum(abs(x)) / divisor`` and the rounding of the division, with u =
    2**-24 for float32 and 2**-53 for float64; float16 and bfloat16 are averaged as float32 and rounded to nearest in
    the end. There are no running sums: nothing cancels, and no infinity outlives its window. Where `dtype` is an
    integer, an average that is NaN is a ValueError; where it is none, so is a `rounding` that is not the default.

    Examples
    --------
    %(imports)s
    >>> x = np.array([2, 3, 3, 4], dtype=np.uint8)
    >>> tp.avg_pool(x, 2, axis=0)
    array([2.5, 3.5], dtype=float32)
    >>> tp.avg_pool(x, 2, axis=0, dtype="uint8")
    array([2, 4], dtype=uint8)
    >>> tp.avg_pool(x, 2, axis=0, dtype="uint8", rounding="half_up")
    array([3, 4], dtype=uint8)
    >>> tp.avg_pool(np.array([2.0, np.nan, 1.0, 4.0]), 2, axis=0, nan_policy="omit")
    array([2. , 2.5])
    >>> tp.avg_pool(np.array([2.0, 6.0, 1.0, 4.0]), 2, axis=0, weights=[3, 1, 0, 2])
    array([3., 4.])
    """
    divided = {"count_include_pad": count_include_pad, "divisor_override": divisor_override}
    kept = op("avg", dtype=dtype, rounding=rounding, **divided)
    return Request(kept, sliding(kernel_size, stride, padding, dilation, ceil_mode), pooled_axes(layout, axis))


@overload
def sum_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def sum_pool(
    x: NDArray[F], kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, dtype: None = ..., **options: Unpack[Weighted],
) -> NDArray[F]: ...  # fmt: skip
@overload
def sum_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, dtype: DTypeLike | None = ..., **options: Unpack[Weighted],
) -> Array: ...  # fmt: skip
@pooling
def sum_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = None, padding: Padding = 0, dilation: Integers = 1,
    ceil_mode: CeilMode = False, *, layout: Layout | None = None, axis: Axis = None,
    dtype: DTypeLike | None = None, nan_policy: NanPolicy = "propagate", min_count: int = 0,
    mask: ArrayLike | None = None, weights: ArrayLike | None = None, out: Array | None = None,
    threads: Threads = None,
) -> Request:  # fmt: skip
    """The sum of each window.

    Parameters
    ----------
    %(x)s
    %(kernel_size)s
    %(sliding)s
    %(axes)s
    %(sum_dtype)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(sum_weights)s
    %(out)s

    Returns
    -------
    numpy.ndarray
        `out`, or an array of `dtype` with the memory order of `x`, of the shape that `max_pool` gives. A window that
        sees a NaN gives NaN; one that sees only padding gives 0.

    %(errors)s

    Notes
    -----
    Integer sums are exact modulo 2**n. A float sum is off by at most ``(64 + log2(taps)) * u * sum(abs(x))`` with u =
    2**-24 for float32 and 2**-53 for float64; float16 and bfloat16 are summed as float32 and rounded to nearest in the
    end. There are no running sums: nothing cancels, and no infinity outlives its window.

    Examples
    --------
    %(imports)s
    >>> tp.sum_pool(np.array([200, 100, 3, 4], dtype=np.uint8), 2, axis=0)
    array([300,   7], dtype=uint64)
    >>> tp.sum_pool(np.array([200, 100, 3, 4], dtype=np.uint8), 2, axis=0, weights=[1, -1, 0, 2])
    array([100,   8])
    """
    windows = sliding(kernel_size, stride, padding, dilation, ceil_mode)
    return Request(op("sum", dtype=dtype), windows, pooled_axes(layout, axis))
