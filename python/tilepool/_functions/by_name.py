"""Any pooling by the name of what it keeps of a window, over windows of any kind."""

from __future__ import annotations  # so that help() shows the short names below

from typing import TYPE_CHECKING

from .. import _arguments as arguments
from .._ops import op as op_named
from .._ops import op_without_padding
from .._run import Request, pooling
from .._windows import Whole, adaptive, pooled_axes, pyramid, sliding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import ArrayLike

    from .._types import Axis, CeilMode, Flag, Integers, Layout, NanPolicy, Output, Padding, Sizes, Stride, Threads


@pooling
def pool(
    x: ArrayLike, kernel_size: Integers, op: str = "max", stride: Stride = None, padding: Padding = 0,
    dilation: Integers = 1, ceil_mode: CeilMode = False, *, layout: Layout | None = None, axis: Axis = None,
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    weights: ArrayLike | None = None, out: Output = None, threads: Threads = None, **options: Any,
) -> Request:  # fmt: skip
    """Any pooling by the name of what it keeps of each window.

    Parameters
    ----------
    %(x)s
    %(kernel_size)s
    %(op)s
    %(sliding)s
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    mask, weights : array_like, optional
        Where the op has them: see `max_pool` and `avg_pool`.
    %(out)s
    %(options)s

    Returns
    -------
    numpy.ndarray or tuple of numpy.ndarray
        As that function.

    %(errors)s

    See Also
    --------
    adaptive_pool, global_pool, pyramid_pool : the same ops over other windows.

    Examples
    --------
    %(imports)s
    >>> x = np.array([1, 2, 3, 4, 0, 6])
    >>> tp.pool(x, 3, "prod", axis=0)
    array([6, 0])
    >>> tp.pool(x, 3, "quantile", axis=0, q=0.25)
    array([1.5, 2. ])
    """
    windows = sliding(kernel_size, stride, padding, dilation, ceil_mode)
    return Request(op_named(op, **options), windows, pooled_axes(layout, axis))


@pooling
def adaptive_pool(
    x: ArrayLike, output_size: Sizes, op: str, *, layout: Layout | None = None, axis: Axis = None,
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    weights: ArrayLike | None = None, out: Output = None, threads: Threads = None, **options: Any,
) -> Request:  # fmt: skip
    """Any pooling over so many windows as the result is to have.

    Windows are those of `adaptive_max_pool`.

    Parameters
    ----------
    %(x)s
    %(output_size)s
    %(op)s
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    mask, weights : array_like, optional
        Where the op has them: see `max_pool` and `avg_pool`.
    %(out)s
    %(options)s

    Returns
    -------
    numpy.ndarray or tuple of numpy.ndarray
        As that function, of `output_size` along the pooled axes.

    %(errors)s

    See Also
    --------
    adaptive_max_pool : describes the windows.
    pool : the same ops over sliding windows.

    Examples
    --------
    %(imports)s
    >>> tp.adaptive_pool(np.array([3, 1, 4, 1, 5]), 2, "median", axis=0)  # sees cells 0 to 2, 2 to 4
    array([3., 4.])
    """
    return Request(op_without_padding(op, **options), adaptive(output_size), pooled_axes(layout, axis))


@pooling
def global_pool(
    x: ArrayLike, op: str = "avg", *, keepdims: Flag = True, layout: Layout | None = None, axis: Axis = None,
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    weights: ArrayLike | None = None, out: Output = None, threads: Threads = None, **options: Any,
) -> Request:  # fmt: skip
    """One value of all cells of the pooled axes.

    Parameters
    ----------
    %(x)s
    %(op)s
        Default "avg".
    keepdims : bool, default True
        Keep the pooled axes, with one value each, or drop them.
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    mask, weights : array_like, optional
        Where the op has them: see `max_pool` and `avg_pool`.
    %(out)s
    %(options)s

    Returns
    -------
    numpy.ndarray or tuple of numpy.ndarray
        `out`, or an array with the memory order of `x`. Cells that have a NaN among them give NaN.

    %(errors)s

    See Also
    --------
    pool : the same ops over sliding windows.

    Notes
    -----
    The Global*Pool operators of ONNX, and Keras' Global*Pooling layers, whose `keepdims` is False where it is not
    given.

    Examples
    --------
    %(imports)s
    >>> x = np.arange(12.0).reshape(1, 3, 2, 2)
    >>> tp.global_pool(x, keepdims=False)
    array([[1.5, 5.5, 9.5]])
    >>> tp.global_pool(x, "max").shape
    (1, 3, 1, 1)
    """
    windows = Whole(arguments.flag("keepdims", keepdims))
    return Request(op_without_padding(op, **options), windows, pooled_axes(layout, axis))


@pooling
def pyramid_pool(
    x: ArrayLike, grids: Sequence[Sizes], op: str = "max", *, layout: Layout | None = None, axis: Axis = None,
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    weights: ArrayLike | None = None, out: Output = None, threads: Threads = None, **options: Any,
) -> Request:  # fmt: skip
    """A spatial pyramid: adaptive pooling to several grids, all their cells in one axis.

    The result has the same size for images of any size.

    Parameters
    ----------
    %(x)s
    grids : tuple or list of int, None, or tuple of int and None
        The size of each grid, as `output_size` in `adaptive_max_pool`: one number for all pooled axes, or one for each.
    %(op)s
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    mask, weights : array_like, optional
        Where the op has them: see `max_pool` and `avg_pool`.
    %(out)s
    %(options)s

    Returns
    -------
    numpy.ndarray or tuple of numpy.ndarray
        `out`, or an array in which one axis, at the place of the first of the pooled ones, stands for all of these:
        ``(batch, channel, cells)`` or, channels last, ``(batch, cells, channel)``. It has the grids one after the
        other, each in row-major order of the pooled axes as they are named.

    %(errors)s

    See Also
    --------
    adaptive_max_pool : describes the windows.
    pool : the same ops over sliding windows.

    Notes
    -----
    He, Zhang, Ren and Sun, "Spatial Pyramid Pooling in Deep Convolutional Networks for Visual Recognition", 2014
    (arXiv:1406.4729). Each window is that of `adaptive_max_pool`.

    Examples
    --------
    %(imports)s
    >>> tp.pyramid_pool(np.arange(16).reshape(1, 1, 4, 4), [1, 2])
    array([[[15,  5,  7, 13, 15]]])
    >>> tp.pyramid_pool(np.ones((8, 3, 37, 51)), [1, 2, 4]).shape
    (8, 3, 21)
    """
    return Request(op_without_padding(op, **options), pyramid(grids), pooled_axes(layout, axis))
