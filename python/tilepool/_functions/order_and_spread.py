"""Quantiles, modes and variances of sliding windows."""

from __future__ import annotations  # so that help() shows the short names below

from typing import TYPE_CHECKING, overload

from .._ops import op
from .._run import Request, pooling
from .._windows import pooled_axes, sliding

if TYPE_CHECKING:
    from typing import Any, Literal, SupportsIndex, Unpack

    from numpy.typing import ArrayLike, NDArray

    from .._types import (
        Array,
        Axis,
        CeilMode,
        F,
        Integers,
        Layout,
        Masked,
        Method,
        Named,
        NanPolicy,
        Padding,
        Stride,
        T,
        Threads,
    )


@overload
def median_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def median_pool(
    x: NDArray[F], kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, method: Method = ..., **options: Unpack[Masked],
) -> NDArray[F]: ...  # fmt: skip
@overload
def median_pool(
    x: NDArray[T], kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, method: Literal["lower", "higher", "nearest"], **options: Unpack[Masked],
) -> NDArray[T]: ...  # fmt: skip
@overload
def median_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, method: Method = ..., **options: Unpack[Masked],
) -> Array: ...  # fmt: skip
@pooling
def median_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = None, padding: Padding = 0, dilation: Integers = 1,
    ceil_mode: CeilMode = False, *, method: Method = "linear", layout: Layout | None = None,
    axis: Axis = None, nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The median of each window: of an even number of cells the mean of the middle two.

    Parameters
    ----------
    %(x)s
    %(kernel_size)s
    %(sliding)s
    method : {"linear", "lower", "higher", "nearest", "midpoint"}, default "linear"
        What is taken of an even number of cells: the mean of the middle two ("linear", "midpoint"), the lower or the
        higher one of them, or that whose rank is even ("nearest"), as in `numpy.quantile`.
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(out)s

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the memory order of `x`. "lower", "higher" and "nearest" keep the dtype of x; else
        floats keep theirs, bool and integers of 8 or 16 bits give float32, larger ones float64. A window without cells
        gives NaN, and 0 where the result has integers.

    %(errors)s

    See Also
    --------
    quantile_pool : any other quantile.

    Examples
    --------
    %(imports)s
    >>> x = np.array([[9, 1, 2], [4, 5, 6], [7, 8, 3]], dtype=np.uint8)
    >>> tp.median_pool(x, 3, axis=(0, 1))
    array([[5.]], dtype=float32)
    >>> tp.median_pool(x, 3, 1, 1, axis=(0, 1), method="lower")
    array([[4, 4, 2],
           [5, 5, 3],
           [5, 5, 5]], dtype=uint8)
    """
    windows = sliding(kernel_size, stride, padding, dilation, ceil_mode)
    return Request(op("median", method=method), windows, pooled_axes(layout, axis))


@overload
def quantile_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def quantile_pool(
    x: NDArray[F], q: float, kernel_size: Integers, stride: Stride = ..., padding: Padding = ...,
    dilation: Integers = ..., ceil_mode: CeilMode = ..., *, method: Method = ..., **options: Unpack[Masked],
) -> NDArray[F]: ...  # fmt: skip
@overload
def quantile_pool(
    x: NDArray[T], q: float, kernel_size: Integers, stride: Stride = ..., padding: Padding = ...,
    dilation: Integers = ..., ceil_mode: CeilMode = ..., *, method: Literal["lower", "higher", "nearest"],
    **options: Unpack[Masked],
) -> NDArray[T]: ...  # fmt: skip
@overload
def quantile_pool(
    x: ArrayLike, q: float, kernel_size: Integers, stride: Stride = ..., padding: Padding = ...,
    dilation: Integers = ..., ceil_mode: CeilMode = ..., *, method: Method = ..., **options: Unpack[Masked],
) -> Array: ...  # fmt: skip
@pooling
def quantile_pool(
    x: ArrayLike, q: float, kernel_size: Integers, stride: Stride = None, padding: Padding = 0,
    dilation: Integers = 1, ceil_mode: CeilMode = False, *, method: Method = "linear",
    layout: Layout | None = None, axis: Axis = None, nan_policy: NanPolicy = "propagate", min_count: int = 0,
    mask: ArrayLike | None = None, out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The q-quantile of each window.

    Parameters
    ----------
    %(x)s
    q : float
        From 0, the smallest cell, to 1, the largest.
    %(kernel_size)s
    %(sliding)s
    method : {"linear", "lower", "higher", "nearest", "midpoint"}, default "linear"
        What is taken between two cells, as in `numpy.quantile`.
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(out)s

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the memory order of `x`. "lower", "higher" and "nearest" keep the dtype of x; else
        floats keep theirs, bool and integers of 8 or 16 bits give float32, larger ones float64. A window without cells
        gives NaN, and 0 where the result has integers.

    %(errors)s

    See Also
    --------
    median_pool : the quantile 0.5.

    Notes
    -----
    The cells of many windows are sorted at once, one window in each lane of vectors: a window of k taps costs about
    ``log2(k)**2 / 4`` steps per tap. Those of more than 2048 taps are sorted one by one.

    Examples
    --------
    %(imports)s
    >>> x = np.array([1, 2, 4, 8, 9, 7])
    >>> tp.quantile_pool(x, 0.75, 3, axis=0)
    array([3. , 8.5])
    >>> tp.quantile_pool(x, 0.75, 3, axis=0, method="lower")
    array([2, 8])
    """
    windows = sliding(kernel_size, stride, padding, dilation, ceil_mode)
    return Request(op("quantile", q=q, method=method), windows, pooled_axes(layout, axis))


@overload
def mode_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def mode_pool(
    x: NDArray[T], kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., **options: Unpack[Masked],
) -> NDArray[T]: ...  # fmt: skip
@overload
def mode_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., **options: Unpack[Masked],
) -> Array: ...  # fmt: skip
@pooling
def mode_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = None, padding: Padding = 0, dilation: Integers = 1,
    ceil_mode: CeilMode = False, *, layout: Layout | None = None, axis: Axis = None,
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The most frequent value of each window; of several the smallest. For images of labels.

    Parameters
    ----------
    %(x)s
    %(kernel_size)s
    %(sliding)s
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(out)s

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the dtype and the memory order of `x`. -0.0 counts as 0.0. A window without cells gives
        NaN, and 0 where x has integers.

    %(errors)s

    Examples
    --------
    %(imports)s
    >>> tp.mode_pool(np.array([7, 2, 7, 3, 1, 2]), 3, axis=0)
    array([7, 1])
    """
    return Request(op("mode"), sliding(kernel_size, stride, padding, dilation, ceil_mode), pooled_axes(layout, axis))


@overload
def var_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def var_pool(
    x: NDArray[F], kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, ddof: SupportsIndex = ..., **options: Unpack[Masked],
) -> NDArray[F]: ...  # fmt: skip
@overload
def var_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, ddof: SupportsIndex = ..., **options: Unpack[Masked],
) -> Array: ...  # fmt: skip
@pooling
def var_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = None, padding: Padding = 0, dilation: Integers = 1,
    ceil_mode: CeilMode = False, *, ddof: SupportsIndex = 0, layout: Layout | None = None, axis: Axis = None,
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The variance of each window: ``sum((x - mean)**2) / (n - ddof)`` for its n cells.

    Parameters
    ----------
    %(x)s
    %(kernel_size)s
    %(sliding)s
    ddof : int, default 0
        Subtracted from the number of cells, as in `numpy.var`. Not negative.
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(out)s

    %(float_result)s
        A window of no more than `ddof` cells gives NaN.

    %(errors)s

    See Also
    --------
    std_pool : its square root.

    Notes
    -----
    Two passes over each window, in float64: nothing cancels.

    Examples
    --------
    %(imports)s
    >>> tp.var_pool(np.array([1, 3, 5, 9]), 2, axis=0)
    array([1., 4.])
    """
    windows = sliding(kernel_size, stride, padding, dilation, ceil_mode)
    return Request(op("var", ddof=ddof), windows, pooled_axes(layout, axis))


@overload
def std_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def std_pool(
    x: NDArray[F], kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, ddof: SupportsIndex = ..., **options: Unpack[Masked],
) -> NDArray[F]: ...  # fmt: skip
@overload
def std_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, ddof: SupportsIndex = ..., **options: Unpack[Masked],
) -> Array: ...  # fmt: skip
@pooling
def std_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = None, padding: Padding = 0, dilation: Integers = 1,
    ceil_mode: CeilMode = False, *, ddof: SupportsIndex = 0, layout: Layout | None = None, axis: Axis = None,
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The standard deviation of each window: the square root of `var_pool`.

    Parameters
    ----------
    %(x)s
    %(kernel_size)s
    %(sliding)s
    ddof : int, default 0
        Subtracted from the number of cells, as in `numpy.std`. Not negative.
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(out)s

    %(float_result)s
        A window of no more than `ddof` cells gives NaN.

    %(errors)s

    See Also
    --------
    var_pool : its square.

    Notes
    -----
    Two passes over each window, in float64: nothing cancels, and nothing overflows where the result does not.

    Examples
    --------
    %(imports)s
    >>> tp.std_pool(np.array([1, 3, 5, 9]), 2, axis=0)
    array([1., 2.])
    """
    windows = sliding(kernel_size, stride, padding, dilation, ceil_mode)
    return Request(op("std", ddof=ddof), windows, pooled_axes(layout, axis))
