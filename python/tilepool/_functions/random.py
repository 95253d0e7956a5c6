"""Poolings in which something is drawn by chance, windows or cells; and mixtures."""

from __future__ import annotations  # so that help() shows the short names below

from typing import TYPE_CHECKING, overload

from .._fractional import fractional
from .._ops import op
from .._run import Request, pooling
from .._windows import pooled_axes, sliding

if TYPE_CHECKING:
    from typing import Any, Literal, Unpack

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from .._types import (
        Array,
        Axis,
        Boundaries,
        CeilMode,
        CellBase,
        Drawn,
        F,
        Flag,
        Indexed,
        IndexedDrawing,
        Indices,
        Integers,
        Layout,
        Masked,
        Named,
        NanPolicy,
        Output,
        Padding,
        Random,
        Ratios,
        Rounding,
        Stride,
        T,
        Threads,
        WeightedDrawing,
    )


@overload
def fractional_max_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def fractional_max_pool(
    x: NDArray[T], kernel_size: Integers | None = ..., *, return_boundaries: Literal[False] = ...,
    return_indices: Literal[False] = ..., **options: Unpack[IndexedDrawing],
) -> NDArray[T]: ...  # fmt: skip
@overload
def fractional_max_pool(
    x: NDArray[T], kernel_size: Integers | None = ..., *, return_boundaries: Literal[True],
    return_indices: Literal[False] = ..., **options: Unpack[IndexedDrawing],
) -> tuple[NDArray[T], Boundaries]: ...  # fmt: skip
@overload
def fractional_max_pool(
    x: ArrayLike, kernel_size: Integers | None = ..., *, return_boundaries: Literal[False] = ...,
    return_indices: Literal[True], **options: Unpack[IndexedDrawing],
) -> tuple[Array, Indices]: ...  # fmt: skip
@overload
def fractional_max_pool(
    x: ArrayLike, kernel_size: Integers | None = ..., *, return_boundaries: Literal[True],
    return_indices: Literal[True], **options: Unpack[IndexedDrawing],
) -> tuple[Array, Indices, Boundaries]: ...  # fmt: skip
@overload
def fractional_max_pool(
    x: ArrayLike, kernel_size: Integers | None = ..., *, return_boundaries: Flag = ..., return_indices: Flag = ...,
    **options: Unpack[IndexedDrawing],
) -> Array | tuple[Array, Boundaries] | tuple[Array, Indices] | tuple[Array, Indices, Boundaries]: ...  # fmt: skip
@pooling
def fractional_max_pool(
    x: ArrayLike, kernel_size: Integers | None = None, *, output_size: Integers | None = None,
    output_ratio: Ratios = None, overlapping: Flag = False, pseudorandom: Flag = True,
    rng: Random = None, boundaries: Drawn = None,
    return_boundaries: Flag = False, return_indices: Flag = False, layout: Layout | None = None,
    axis: Axis = None, index_dtype: DTypeLike = "int64", index_base: CellBase = "plane",
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    out: Output = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The largest value of each window, where windows are of uneven sizes that are drawn by chance.

    One of `output_size`, `output_ratio` and `boundaries` says how many windows there are. Each pooled axis has one
    sequence of windows, which all images and channels share.

    Parameters
    ----------
    %(x)s
    %(fractional)s
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
        `out`, or an array with the dtype and the memory order of `x`. A window that sees a NaN gives NaN.
    indices : numpy.ndarray
        Only with `return_indices`: an array of `index_dtype` with the shape and the memory order of the result.
    boundaries : tuple of numpy.ndarray
        Only with `return_boundaries`: int64, one array for each pooled axis in the order in which these are named.

    %(errors)s

    Notes
    -----
    Graham, "Fractional Max-Pooling", arXiv:1412.6071. With `kernel_size` and `pseudorandom` the windows are those of
    PyTorch's ``fractional_max_pool2d`` for the same u (which draws one for each image and channel). Without
    `kernel_size` they are those of TensorFlow's ``fractional_max_pool``, whose ``pooling_ratio`` is
    ``1 / output_ratio``, whose ``pseudo_random`` is `pseudorandom` and False where it is not given.

    Examples
    --------
    %(imports)s
    >>> x = np.array([3, 1, 4, 1, 5, 9, 2])
    >>> tp.fractional_max_pool(x, boundaries=([0, 1, 3, 4, 6, 7],), axis=0)
    array([3, 4, 1, 9, 2])
    >>> values, boundaries = tp.fractional_max_pool(x, output_ratio=0.7, rng=0, return_boundaries=True, axis=0)
    >>> bool((tp.fractional_max_pool(x, boundaries=boundaries, axis=0) == values).all())
    True
    """
    kept = op("max", return_indices=return_indices, index_dtype=index_dtype, index_base=index_base)
    windows = fractional(
        kernel_size, output_size, output_ratio, overlapping, pseudorandom, rng, boundaries, return_boundaries
    )
    return Request(kept, windows, pooled_axes(layout, axis))


@overload
def fractional_avg_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def fractional_avg_pool(
    x: NDArray[F], kernel_size: Integers | None = ..., *, return_boundaries: Literal[False] = ..., dtype: None = ...,
    rounding: Rounding = ..., **options: Unpack[WeightedDrawing],
) -> NDArray[F]: ...  # fmt: skip
@overload
def fractional_avg_pool(
    x: ArrayLike, kernel_size: Integers | None = ..., *, return_boundaries: Literal[False] = ...,
    dtype: DTypeLike | None = ..., rounding: Rounding = ..., **options: Unpack[WeightedDrawing],
) -> Array: ...  # fmt: skip
@overload
def fractional_avg_pool(
    x: ArrayLike, kernel_size: Integers | None = ..., *, return_boundaries: Literal[True],
    dtype: DTypeLike | None = ..., rounding: Rounding = ..., **options: Unpack[WeightedDrawing],
) -> tuple[Array, Boundaries]: ...  # fmt: skip
@overload
def fractional_avg_pool(
    x: ArrayLike, kernel_size: Integers | None = ..., *, return_boundaries: Flag = ...,
    dtype: DTypeLike | None = ..., rounding: Rounding = ..., **options: Unpack[WeightedDrawing],
) -> Array | tuple[Array, Boundaries]: ...  # fmt: skip
@pooling
def fractional_avg_pool(
    x: ArrayLike, kernel_size: Integers | None = None, *, output_size: Integers | None = None,
    output_ratio: Ratios = None, overlapping: Flag = False, pseudorandom: Flag = True,
    rng: Random = None, boundaries: Drawn = None,
    return_boundaries: Flag = False, layout: Layout | None = None, axis: Axis = None,
    dtype: DTypeLike | None = None, rounding: Rounding = "half_even", nan_policy: NanPolicy = "propagate",
    min_count: int = 0, mask: ArrayLike | None = None, weights: ArrayLike | None = None,
    out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The average of each window, where windows are of uneven sizes that are drawn by chance.

    Windows are those of `fractional_max_pool`. Each is divided by the number of its cells.

    Parameters
    ----------
    %(x)s
    %(fractional)s
    %(axes)s
    %(dtype)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(avg_weights)s
    %(out)s

    Returns
    -------
    numpy.ndarray
        `out`, or an array of `dtype` with the memory order of `x`. A window that sees a NaN gives NaN.
    boundaries : tuple of numpy.ndarray
        Only with `return_boundaries`: int64, one array for each pooled axis in the order in which these are named.

    %(errors)s

    See Also
    --------
    fractional_max_pool : where the windows come from.

    Examples
    --------
    %(imports)s
    >>> x = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0])
    >>> tp.fractional_avg_pool(x, boundaries=([0, 1, 3, 4, 6],), axis=0)
    array([3. , 2.5, 1. , 7. ])
    >>> tp.fractional_avg_pool(x, boundaries=([0, 1, 3, 4, 6],), overlapping=True, axis=0)
    array([2., 2., 3., 7.])
    """
    windows = fractional(
        kernel_size, output_size, output_ratio, overlapping, pseudorandom, rng, boundaries, return_boundaries
    )
    return Request(op("avg", dtype=dtype, rounding=rounding), windows, pooled_axes(layout, axis))


@overload
def stochastic_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def stochastic_pool(
    x: NDArray[T], kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, training: Literal[True] = ..., rng: Random = ...,
    return_indices: Literal[False] = ..., **options: Unpack[Indexed],
) -> NDArray[T]: ...  # fmt: skip
@overload
def stochastic_pool(
    x: NDArray[T], kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, training: Literal[True] = ..., rng: Random = ..., return_indices: Literal[True],
    **options: Unpack[Indexed],
) -> tuple[NDArray[T], Indices]: ...  # fmt: skip
@overload
def stochastic_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, training: Flag = ..., rng: Random = ..., return_indices: Literal[False] = ...,
    **options: Unpack[Indexed],
) -> Array: ...  # fmt: skip
@overload
def stochastic_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, training: Flag = ..., rng: Random = ..., return_indices: Flag = ...,
    **options: Unpack[Indexed],
) -> Array | tuple[Array, Indices]: ...  # fmt: skip
@pooling
def stochastic_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = None, padding: Padding = 0, dilation: Integers = 1,
    ceil_mode: CeilMode = False, *, training: Flag = True, rng: Random = None, return_indices: Flag = False,
    layout: Layout | None = None, axis: Axis = None, index_dtype: DTypeLike = "int64",
    index_base: CellBase = "plane", nan_policy: NanPolicy = "propagate", min_count: int = 0,
    mask: ArrayLike | None = None, out: Output = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """One cell of each window, drawn by chance: the larger, the likelier.

    With a = max(x, 0), the activation, a cell is drawn with the probability of its share ``a / sum(a)`` in the window.

    Parameters
    ----------
    %(x)s
    %(kernel_size)s
    %(sliding)s
    training : bool, default True
        Draw. Else the result is the average of what would be drawn, ``sum(a**2) / sum(a)``, and nothing is random.
    rng : numpy.random.Generator or int, optional
        What is drawn from, or its seed. Default: a new one at every call. Only where `training`.
    return_indices : bool, default False
        Return a second array that tells which cells were drawn: what `max_unpool` takes. -1 where there is none. Only
        where `training`.
    %(axes)s
    %(counting)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(out)s

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the dtype and the memory order of `x`; where `training` is False, with the dtype of
        `avg_pool`. A window that sees a NaN gives NaN, one with an infinite activation this (the first one's index),
        and one without a positive cell 0, with the index -1.
    indices : numpy.ndarray
        Only with `return_indices`: an array of `index_dtype`.

    %(errors)s

    Notes
    -----
    Zeiler and Fergus, "Stochastic Pooling for Regularization of Deep Convolutional Neural Networks", 2013
    (arXiv:1301.3557). Each cell of x gets one standard exponential number e, in row-major order whatever lies where in
    memory, and the cell of a window with the largest a / e is drawn. That is right because e / a is an exponential
    waiting time of rate a, and the first of several such times to end is each with the probability of its share in the
    sum of the rates. Windows that share cells share their numbers: each has the right distribution, but neighbours are
    not independent. The draw depends on the seed, the shape and the values alone. 64-bit integers count as the nearest
    float64. `index_base` is not "window".

    Examples
    --------
    %(imports)s
    >>> x = np.array([0.0, 3.0, -1.0, 1.0])
    >>> draws = tp.stochastic_pool(np.tile(x, 100_000), 4, axis=0, rng=0)  # 3 with probability 3/4
    >>> round(float(np.mean(draws == 3)), 2), round(float(np.mean(draws == 1)), 2)
    (0.75, 0.25)
    >>> tp.stochastic_pool(x, 4, axis=0, training=False)
    array([2.5])
    """
    places = {"return_indices": return_indices, "index_dtype": index_dtype, "index_base": index_base}
    windows = sliding(kernel_size, stride, padding, dilation, ceil_mode)
    return Request(op("stochastic", training=training, rng=rng, **places), windows, pooled_axes(layout, axis))


@overload
def mixed_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def mixed_pool(
    x: NDArray[F], kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, alpha: float | ArrayLike = ..., count_include_pad: Flag = ...,
    **options: Unpack[Masked],
) -> NDArray[F]: ...  # fmt: skip
@overload
def mixed_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, alpha: float | ArrayLike = ..., count_include_pad: Flag = ...,
    **options: Unpack[Masked],
) -> Array: ...  # fmt: skip
@pooling
def mixed_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = None, padding: Padding = 0, dilation: Integers = 1,
    ceil_mode: CeilMode = False, *, alpha: float | ArrayLike = 0.5, count_include_pad: Flag = True,
    layout: Layout | None = None, axis: Axis = None, nan_policy: NanPolicy = "propagate", min_count: int = 0,
    mask: ArrayLike | None = None, out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """A mixture of the largest value and the average of each window: ``alpha * max + (1 - alpha) * avg``.

    Parameters
    ----------
    %(x)s
    %(kernel_size)s
    %(sliding)s
    alpha : float or array_like, default 0.5
        The share of the maximum, from 0 to 1: one for all windows, or an array that broadcasts to the shape of the
        result. One number per channel is of shape ``(channels, 1, 1)``; the gate of gated pooling, which the caller
        calculates from x, has one for each window.
    count_include_pad : bool, default True
        As in `avg_pool`.
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(out)s

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the dtype of `avg_pool` and the memory order of `x`. Where alpha is 1 it is exactly that
        of `max_pool`, where 0 that of `avg_pool`, whatever the other is (a window that sees only padding included).

    %(errors)s

    Notes
    -----
    Lee, Gallagher and Tu, "Generalizing Pooling Functions in Convolutional Neural Networks: Mixed, Gated, and Tree",
    2016. Yu, Wang, Chen and Wei, "Mixed Pooling for Convolutional Neural Networks", 2014, draw each alpha from {0, 1}:
    ``alpha=rng.integers(0, 2, (channels, 1, 1))``. The mixture is calculated in float64 from what
    `max_pool` and `avg_pool` give.

    Examples
    --------
    %(imports)s
    >>> x = np.array([[1.0, 3.0, 0.0, 8.0], [1.0, 3.0, 0.0, 8.0]])
    >>> tp.mixed_pool(x, 2, axis=1, alpha=0.25)
    array([[2.25, 5.  ],
           [2.25, 5.  ]])
    >>> tp.mixed_pool(x, 2, axis=1, alpha=[[1], [0]])
    array([[3., 8.],
           [2., 4.]])
    """
    kept = op("mixed", alpha=alpha, count_include_pad=count_include_pad)
    return Request(kept, sliding(kernel_size, stride, padding, dilation, ceil_mode), pooled_axes(layout, axis))
