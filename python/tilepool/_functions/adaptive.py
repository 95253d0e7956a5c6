"""Poolings over as many windows as the result is to have."""

from __future__ import annotations  # so that help() shows the short names below

from typing import TYPE_CHECKING, overload

from .._ops import op
from .._run import Request, pooling
from .._windows import adaptive, pooled_axes

if TYPE_CHECKING:
    from typing import Any, Literal, Unpack

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from .._types import (
        Array,
        Axis,
        CellBase,
        F,
        Flag,
        Indexed,
        Indices,
        Layout,
        Named,
        NanPolicy,
        Output,
        Rounding,
        Sizes,
        T,
        Threads,
        Weighted,
    )


@overload
def adaptive_max_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def adaptive_max_pool(
    x: NDArray[T], output_size: Sizes, *, return_indices: Literal[False] = ..., **options: Unpack[Indexed],
) -> NDArray[T]: ...  # fmt: skip
@overload
def adaptive_max_pool(
    x: NDArray[T], output_size: Sizes, *, return_indices: Literal[True], **options: Unpack[Indexed],
) -> tuple[NDArray[T], Indices]: ...  # fmt: skip
@overload
def adaptive_max_pool(
    x: ArrayLike, output_size: Sizes, *, return_indices: Literal[False] = ..., **options: Unpack[Indexed],
) -> Array: ...  # fmt: skip
@overload
def adaptive_max_pool(
    x: ArrayLike, output_size: Sizes, *, return_indices: Flag = ..., **options: Unpack[Indexed],
) -> Array | tuple[Array, Indices]: ...  # fmt: skip
@pooling
def adaptive_max_pool(
    x: ArrayLike, output_size: Sizes, *, return_indices: Flag = False, layout: Layout | None = None,
    axis: Axis = None, index_dtype: DTypeLike = "int64", index_base: CellBase = "plane",
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    out: Output = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The largest value of each of so many windows as the result is to have.

    Windows cover each pooled axis as evenly as whole cells allow: of m outputs over n cells, output i sees the cells
    from ``floor(i * n / m)`` to ``ceil((i + 1) * n / m) - 1``. Where m does not divide n they have different sizes and
    neighbours may share a cell; where m is larger than n, cells are repeated.

    Parameters
    ----------
    %(x)s
    %(output_size)s
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
        `out`, or an array with the dtype and the memory order of `x`, and of `output_size` along the pooled axes. A
        window that sees a NaN gives NaN.
    indices : numpy.ndarray
        Only with `return_indices`: an array of `index_dtype` with the shape and the memory order of the result.

    %(errors)s

    Notes
    -----
    Windows are those of PyTorch's ``adaptive_max_pool2d``, for any number of axes; an `output_size` of 0 is refused.

    Examples
    --------
    %(imports)s
    >>> tp.adaptive_max_pool(np.array([3, 1, 4, 1, 5]), 3, axis=0)  # sees cells 0 and 1, 1 to 3, 3 and 4
    array([3, 4, 5])
    >>> tp.adaptive_max_pool(np.array([3, 1, 4, 1, 5]), 3, axis=0, return_indices=True)[1]
    array([0, 2, 4])
    """
    kept = op("max", return_indices=return_indices, index_dtype=index_dtype, index_base=index_base)
    return Request(kept, adaptive(output_size), pooled_axes(layout, axis))


@overload
def adaptive_min_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def adaptive_min_pool(
    x: NDArray[T], output_size: Sizes, *, return_indices: Literal[False] = ..., **options: Unpack[Indexed],
) -> NDArray[T]: ...  # fmt: skip
@overload
def adaptive_min_pool(
    x: NDArray[T], output_size: Sizes, *, return_indices: Literal[True], **options: Unpack[Indexed],
) -> tuple[NDArray[T], Indices]: ...  # fmt: skip
@overload
def adaptive_min_pool(
    x: ArrayLike, output_size: Sizes, *, return_indices: Literal[False] = ..., **options: Unpack[Indexed],
) -> Array: ...  # fmt: skip
@overload
def adaptive_min_pool(
    x: ArrayLike, output_size: Sizes, *, return_indices: Flag = ..., **options: Unpack[Indexed],
) -> Array | tuple[Array, Indices]: ...  # fmt: skip
@pooling
def adaptive_min_pool(
    x: ArrayLike, output_size: Sizes, *, return_indices: Flag = False, layout: Layout | None = None,
    axis: Axis = None, index_dtype: DTypeLike = "int64", index_base: CellBase = "plane",
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    out: Output = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The smallest value of each of so many windows as the result is to have.

    Windows are those of `adaptive_max_pool`.

    Parameters
    ----------
    %(x)s
    %(output_size)s
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
        `out`, or an array with the dtype and the memory order of `x`, and of `output_size` along the pooled axes. A
        window that sees a NaN gives NaN.
    indices : numpy.ndarray
        Only with `return_indices`: an array of `index_dtype` with the shape and the memory order of the result.

    %(errors)s

    See Also
    --------
    adaptive_max_pool : describes the windows.

    Examples
    --------
    %(imports)s
    >>> tp.adaptive_min_pool(np.array([3, 1, 4, 1, 5]), 2, axis=0)
    array([1, 1])
    """
    kept = op("min", return_indices=return_indices, index_dtype=index_dtype, index_base=index_base)
    return Request(kept, adaptive(output_size), pooled_axes(layout, axis))


@overload
def adaptive_avg_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def adaptive_avg_pool(
    x: NDArray[F], output_size: Sizes, *, dtype: None = ..., rounding: Rounding = ..., **options: Unpack[Weighted],
) -> NDArray[F]: ...  # fmt: skip
@overload
def adaptive_avg_pool(
    x: ArrayLike, output_size: Sizes, *, dtype: DTypeLike | None = ..., rounding: Rounding = ...,
    **options: Unpack[Weighted],
) -> Array: ...  # fmt: skip
@pooling
def adaptive_avg_pool(
    x: ArrayLike, output_size: Sizes, *, layout: Layout | None = None, axis: Axis = None,
    dtype: DTypeLike | None = None, rounding: Rounding = "half_even", nan_policy: NanPolicy = "propagate",
    min_count: int = 0, mask: ArrayLike | None = None, weights: ArrayLike | None = None,
    out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The average of each of so many windows as the result is to have.

    Windows are those of `adaptive_max_pool`. Each is divided by the number of its cells.

    Parameters
    ----------
    %(x)s
    %(output_size)s
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
        `out`, or an array of `dtype` with the memory order of `x`, and of `output_size` along the pooled axes.

    %(errors)s

    See Also
    --------
    adaptive_max_pool : describes the windows.
    avg_pool : how exact an average is.

    Examples
    --------
    %(imports)s
    >>> tp.adaptive_avg_pool(np.array([3.0, 1.0, 4.0, 1.0, 6.0]), 3, axis=0)
    array([2. , 2. , 3.5])
    >>> tp.adaptive_avg_pool(np.ones((1, 8, 14, 9)), (7, None)).shape  # the last axis stays as it is
    (1, 8, 7, 9)
    """
    return Request(op("avg", dtype=dtype, rounding=rounding), adaptive(output_size), pooled_axes(layout, axis))


@overload
def adaptive_sum_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def adaptive_sum_pool(
    x: NDArray[F], output_size: Sizes, *, dtype: None = ..., **options: Unpack[Weighted],
) -> NDArray[F]: ...  # fmt: skip
@overload
def adaptive_sum_pool(
    x: ArrayLike, output_size: Sizes, *, dtype: DTypeLike | None = ..., **options: Unpack[Weighted],
) -> Array: ...  # fmt: skip
@pooling
def adaptive_sum_pool(
    x: ArrayLike, output_size: Sizes, *, layout: Layout | None = None, axis: Axis = None,
    dtype: DTypeLike | None = None, nan_policy: NanPolicy = "propagate", min_count: int = 0,
    mask: ArrayLike | None = None, weights: ArrayLike | None = None, out: Array | None = None,
    threads: Threads = None,
) -> Request:  # fmt: skip
    """The sum of each of so many windows as the result is to have.

    Windows are those of `adaptive_max_pool`.

    Parameters
    ----------
    %(x)s
    %(output_size)s
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
        `out`, or an array of `dtype` with the memory order of `x`, and of `output_size` along the pooled axes.

    %(errors)s

    See Also
    --------
    adaptive_max_pool : describes the windows.
    sum_pool : how exact a sum is.

    Examples
    --------
    %(imports)s
    >>> tp.adaptive_sum_pool(np.array([3, 1, 4, 1, 5]), 1, axis=0)
    array([14])
    """
    return Request(op("sum", dtype=dtype), adaptive(output_size), pooled_axes(layout, axis))
