"""The public functions whose windows follow from the size of the result: adaptive, global, pyramid, fractional."""

from __future__ import annotations  # so that help() shows the short names below

from collections.abc import Sequence
from math import prod
from typing import Any, SupportsIndex, TypeAlias

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from . import _fractional as fractional
from ._api import Array, Integers, Layout, NanPolicy, pool
from ._reducers import function_of

Outputs: TypeAlias = SupportsIndex | Sequence[SupportsIndex | None] | None
Boundaries: TypeAlias = tuple[Array, ...]


def placed(windows: object, layout: object, axis: object, *rest: object) -> tuple[object, ...]:
    """The words of a call whose windows are of another kind than sliding."""
    return (windows, None, 0, 1, False, layout, axis, *rest)


def adaptive_max_pool(
    x: npt.ArrayLike,
    output_size: Outputs,
    *,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    nan_policy: NanPolicy = "propagate",
    out: Array | None = None,
    threads: SupportsIndex | None = None,
) -> Array:
    """The largest value of each of so many windows as the result is to have.

    Windows cover each pooled axis as evenly as whole cells allow: of m outputs over n cells, output i sees the cells
    from ``floor(i * n / m)`` to ``ceil((i + 1) * n / m) - 1``. Where m does not divide n they have different sizes and
    neighbours may share a cell; where m is larger than n, cells are repeated.

    Parameters
    ----------
    output_size : int, None, or tuple of int and None
        Outputs along each pooled axis: one number for all, or one for each. None leaves an axis as it is. Positive.
    x, layout, axis, nan_policy, out, threads
        As in `max_pool`.

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the dtype and the memory order of `x`, and of `output_size` along the pooled axes. A
        window that sees a NaN gives NaN.

    Raises
    ------
    TypeError, ValueError
        As `max_pool`.

    See Also
    --------
    max_pool : describes all other parameters.

    Notes
    -----
    Windows are those of PyTorch's ``adaptive_max_pool2d``, for any number of axes; an `output_size` of 0 is refused.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> tp.adaptive_max_pool(np.array([3, 1, 4, 1, 5]), 3, axis=0)  # sees cells 0 and 1, 1 to 3, 3 and 4
    array([3, 4, 5])
    """
    return pool("max", x, placed(arguments.Adaptive(output_size), layout, axis), out, threads, nan_policy)


def adaptive_min_pool(
    x: npt.ArrayLike,
    output_size: Outputs,
    *,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    nan_policy: NanPolicy = "propagate",
    out: Array | None = None,
    threads: SupportsIndex | None = None,
) -> Array:
    """The smallest value of each of so many windows as the result is to have.

    Windows, parameters, result and errors are those of `adaptive_max_pool`.

    See Also
    --------
    adaptive_max_pool : describes windows and parameters.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> tp.adaptive_min_pool(np.array([3, 1, 4, 1, 5]), 2, axis=0)
    array([1, 1])
    """
    return pool("min", x, placed(arguments.Adaptive(output_size), layout, axis), out, threads, nan_policy)


def adaptive_avg_pool(
    x: npt.ArrayLike,
    output_size: Outputs,
    *,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    dtype: npt.DTypeLike | None = None,
    nan_policy: NanPolicy = "propagate",
    out: Array | None = None,
    threads: SupportsIndex | None = None,
) -> Array:
    """The average of each of so many windows as the result is to have.

    Windows, parameters and errors are those of `adaptive_max_pool`; `dtype`, accuracy and the dtype of the result are
    those of `avg_pool`. Each window is divided by the number of its cells.

    See Also
    --------
    adaptive_max_pool : describes windows and parameters.
    avg_pool : describes `dtype`.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> tp.adaptive_avg_pool(np.array([3.0, 1.0, 4.0, 1.0, 6.0]), 3, axis=0)
    array([2. , 2. , 3.5])
    >>> tp.adaptive_avg_pool(np.ones((1, 8, 14, 9)), (7, None)).shape  # the last axis stays as it is
    (1, 8, 7, 9)
    """
    return pool("average", x, placed(arguments.Adaptive(output_size), layout, axis, dtype), out, threads, nan_policy)


def adaptive_sum_pool(
    x: npt.ArrayLike,
    output_size: Outputs,
    *,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    dtype: npt.DTypeLike | None = None,
    nan_policy: NanPolicy = "propagate",
    out: Array | None = None,
    threads: SupportsIndex | None = None,
) -> Array:
    """The sum of each of so many windows as the result is to have.

    Windows, parameters and errors are those of `adaptive_max_pool`; `dtype`, accuracy and the dtype of the result are
    those of `sum_pool`.

    See Also
    --------
    adaptive_max_pool : describes windows and parameters.
    sum_pool : describes `dtype`.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> tp.adaptive_sum_pool(np.array([3, 1, 4, 1, 5]), 1, axis=0)
    array([14])
    """
    return pool("sum", x, placed(arguments.Adaptive(output_size), layout, axis, dtype), out, threads, nan_policy)


def adaptive_pool(
    x: npt.ArrayLike,
    output_size: Outputs,
    op: str,
    *,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    **options: Any,
) -> Any:
    """Any pooling over so many windows as the result is to have.

    Windows are those of `adaptive_max_pool`, ops and their options those of `pool`.

    Parameters
    ----------
    output_size : int, None, or tuple of int and None
        As in `adaptive_max_pool`.
    op : str
        What is kept of each window, as in `pool`.
    x, layout, axis
        As in `max_pool`.
    **options
        Any other argument of the op's function that is not about windows.

    Returns
    -------
    numpy.ndarray
        As `pool`, of `output_size` along the pooled axes.

    Raises
    ------
    TypeError, ValueError
        As `pool`.

    See Also
    --------
    adaptive_max_pool : describes the windows.
    pool : describes ops and options.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> tp.adaptive_pool(np.array([3, 1, 4, 1, 5]), 2, "median", axis=0)  # sees cells 0 to 2, 2 to 4
    array([3., 4.])
    """
    return function_of(op)(x, kernel_size=arguments.Adaptive(output_size), layout=layout, axis=axis, **options)


def global_pool(
    x: npt.ArrayLike,
    op: str = "avg",
    *,
    keepdims: bool | np.bool_ = True,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    out: Array | None = None,
    **options: Any,
) -> Array:
    """One value of all cells of the pooled axes.

    Parameters
    ----------
    op : str, default "avg"
        What is kept of the cells, as in `pool`: "max", "min", "avg", "sum", "median" ...
    keepdims : bool, default True
        Keep the pooled axes, with one value each, or drop them.
    x, layout, axis, out
        As in `max_pool`.
    **options
        Any other argument of the op's function that is not about windows: ``dtype`` of averages and sums, ``threads``,
        ``nan_policy`` ...

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the memory order of `x`. Cells that have a NaN among them give NaN.

    Raises
    ------
    TypeError, ValueError
        As `pool`.

    See Also
    --------
    pool : describes ops and options.

    Notes
    -----
    The Global*Pool operators of ONNX, and Keras' Global*Pooling layers, whose `keepdims` is False where it is not
    given.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> x = np.arange(12.0).reshape(1, 3, 2, 2)
    >>> tp.global_pool(x, keepdims=False)
    array([[1.5, 5.5, 9.5]])
    >>> tp.global_pool(x, "max").shape
    (1, 3, 1, 1)
    """
    array = arguments.array(x)
    axes = arguments.pooled_axes(layout, axis, array.ndim)

    def pooled(target: Array | None) -> Array:
        kept: Array = adaptive_pool(array, 1, op, layout=layout, axis=axis, out=target, **options)
        return kept

    if arguments.flag("keepdims", keepdims):
        return pooled(out)
    target = arguments.output(out)
    if target is None:
        return np.squeeze(pooled(None), axes)
    arguments.check_shape(target, tuple(n for place, n in enumerate(array.shape) if place not in axes))
    pooled(np.expand_dims(target, axes))
    return target


def pyramid_pool(
    x: npt.ArrayLike,
    grids: Sequence[Outputs],
    op: str = "max",
    *,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    out: Array | None = None,
    **options: Any,
) -> Array:
    """A spatial pyramid: adaptive pooling to several grids, all their cells in one axis.

    The result has the same size for images of any size.

    Parameters
    ----------
    grids : tuple or list of int, None, or tuple of int and None
        The size of each grid, as `output_size` in `adaptive_max_pool`: one number for all pooled axes, or one for each.
    op : str, default "max"
        What is kept of the cells, as in `pool`: "max", "min", "avg", "sum", "median" ...
    x, layout, axis, out
        As in `max_pool`.
    **options
        Any other argument of the op's function that is not about windows.

    Returns
    -------
    numpy.ndarray
        `out`, or an array in which one axis, at the place of the first of the pooled ones, stands for all of these:
        ``(batch, channel, cells)`` or, channels last, ``(batch, cells, channel)``. It has the grids one after the
        other, each in row-major order of the pooled axes as they are named.

    Raises
    ------
    TypeError, ValueError
        As `pool`; and where `grids` is empty.

    See Also
    --------
    adaptive_max_pool : describes the windows.
    pool : describes ops and options.

    Notes
    -----
    He, Zhang, Ren and Sun, "Spatial Pyramid Pooling in Deep Convolutional Networks for Visual Recognition", 2014
    (arXiv:1406.4729). Each window is that of `adaptive_max_pool`.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> tp.pyramid_pool(np.arange(16).reshape(1, 1, 4, 4), [1, 2])
    array([[[15,  5,  7, 13, 15]]])
    >>> tp.pyramid_pool(np.ones((8, 3, 37, 51)), [1, 2, 4]).shape
    (8, 3, 21)
    """
    array = arguments.array(x)
    function = function_of(op)
    axes = arguments.pooled_axes(layout, axis, array.ndim)
    target = arguments.output(out)
    if not isinstance(grids, tuple | list):
        raise TypeError(f"grids must be a tuple or list of sizes, not {arguments.shown(grids)}")
    if not grids:
        raise ValueError(f"grids must name at least one size, not {arguments.shown(grids)}")

    first = min(axes)
    together = range(first, first + len(axes))
    parts = []
    for grid in grids:
        windows = arguments.Adaptive(grid, "grids")
        part = np.moveaxis(function(array, kernel_size=windows, layout=layout, axis=axis, **options), axes, together)
        cells = prod(part.shape[first : first + len(axes)])
        parts.append(part.reshape(*part.shape[:first], cells, *part.shape[first + len(axes) :]))
    result = np.concatenate(parts, first)
    if target is None:
        return result
    arguments.check_output(target, result.shape, result.dtype)
    np.copyto(target, result, casting="same_kind")
    return target


def fractional_max_pool(
    x: npt.ArrayLike,
    kernel_size: Integers | None = None,
    *,
    output_size: Integers | None = None,
    output_ratio: float | Sequence[float] | None = None,
    overlapping: bool | np.bool_ = False,
    pseudorandom: bool | np.bool_ = True,
    rng: np.random.Generator | SupportsIndex | None = None,
    boundaries: Sequence[Sequence[int] | Array] | None = None,
    return_boundaries: bool | np.bool_ = False,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    nan_policy: NanPolicy = "propagate",
    out: Array | None = None,
    threads: SupportsIndex | None = None,
) -> Array | tuple[Array, Boundaries]:
    """The largest value of each window, where windows are of uneven sizes that are drawn by chance.

    One of `output_size`, `output_ratio` and `boundaries` says how many windows there are. Each pooled axis has one
    sequence of windows, which all images and channels share.

    Parameters
    ----------
    kernel_size : int or tuple of int, optional
        Not given: windows lie between neighbouring boundaries and fill the axis. Given: windows have so many cells and
        may overlap; their first cells are the boundaries, from 0 to ``n - kernel_size``.
    output_size : int or tuple of int, optional
        Number of windows: at most n, or ``n - kernel_size + 1``.
    output_ratio : float or tuple of float, optional
        Number of windows as a share of the n cells: ``int(n * output_ratio)``. Above 0 and at most 1.
    overlapping : bool, default False
        A window also sees the first cell of the next one. Not where `kernel_size` is given.
    pseudorandom : bool, default True
        Whether boundary i is ``floor(a * (i + u)) - floor(a * u)`` with a the average step and one u drawn from [0, 1)
        for each axis. Else steps of ``floor(a)`` and ``ceil(a)`` come in random order.
    rng : numpy.random.Generator or int, optional
        What u or the order is drawn from, or its seed. Default: a new one at every call.
    boundaries : tuple of sequences of int, optional
        For each pooled axis the boundaries to use instead of drawing them: increasing, inside the axis, and one more
        than there are windows where `kernel_size` is not given.
    return_boundaries : bool, default False
        Return the boundaries, too.
    x, layout, axis, nan_policy, out, threads
        As in `max_pool`.

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the dtype and the memory order of `x`. A window that sees a NaN gives NaN.
    tuple of numpy.ndarray
        Only with `return_boundaries`: int64, one array for each pooled axis in the order in which these are named.

    Raises
    ------
    TypeError, ValueError
        As `max_pool`; where not exactly one argument says how many windows there are; where boundaries do not
        increase or reach beyond the axis.

    See Also
    --------
    max_pool : describes all other parameters.

    Notes
    -----
    Graham, "Fractional Max-Pooling", arXiv:1412.6071. With `kernel_size` and `pseudorandom` the windows are those of
    PyTorch's ``fractional_max_pool2d`` for the same u (which draws one for each image and channel). Without
    `kernel_size` they are those of TensorFlow's ``fractional_max_pool``, whose ``pooling_ratio`` is
    ``1 / output_ratio``, whose ``pseudo_random`` is `pseudorandom` and False where it is not given.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> x = np.array([3, 1, 4, 1, 5, 9, 2])
    >>> tp.fractional_max_pool(x, boundaries=([0, 1, 3, 4, 6, 7],), axis=0)
    array([3, 4, 1, 9, 2])
    >>> values, boundaries = tp.fractional_max_pool(x, output_ratio=0.7, rng=0, return_boundaries=True, axis=0)
    >>> bool((tp.fractional_max_pool(x, boundaries=boundaries, axis=0) == values).all())
    True
    """
    drawing = (kernel_size, output_size, output_ratio, overlapping, pseudorandom, rng, boundaries)
    return fractional_pool("max", x, drawing, return_boundaries, layout, axis, (), out, threads, nan_policy)


def fractional_avg_pool(
    x: npt.ArrayLike,
    kernel_size: Integers | None = None,
    *,
    output_size: Integers | None = None,
    output_ratio: float | Sequence[float] | None = None,
    overlapping: bool | np.bool_ = False,
    pseudorandom: bool | np.bool_ = True,
    rng: np.random.Generator | SupportsIndex | None = None,
    boundaries: Sequence[Sequence[int] | Array] | None = None,
    return_boundaries: bool | np.bool_ = False,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    dtype: npt.DTypeLike | None = None,
    nan_policy: NanPolicy = "propagate",
    out: Array | None = None,
    threads: SupportsIndex | None = None,
) -> Array | tuple[Array, Boundaries]:
    """The average of each window, where windows are of uneven sizes that are drawn by chance.

    Windows, parameters, errors and the second result are those of `fractional_max_pool`; `dtype`, accuracy and the
    dtype of the result are those of `avg_pool`. Each window is divided by the number of its cells.

    See Also
    --------
    fractional_max_pool : describes windows and parameters.
    avg_pool : describes `dtype`.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> x = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0])
    >>> tp.fractional_avg_pool(x, boundaries=([0, 1, 3, 4, 6],), axis=0)
    array([3. , 2.5, 1. , 7. ])
    >>> tp.fractional_avg_pool(x, boundaries=([0, 1, 3, 4, 6],), overlapping=True, axis=0)
    array([2., 2., 3., 7.])
    """
    drawing = (kernel_size, output_size, output_ratio, overlapping, pseudorandom, rng, boundaries)
    return fractional_pool("average", x, drawing, return_boundaries, layout, axis, (dtype,), out, threads, nan_policy)


def fractional_pool(
    op: str,
    x: npt.ArrayLike,
    drawing: tuple[Any, ...],
    return_boundaries: object,
    layout: object,
    axis: object,
    rest: tuple[object, ...],
    out: Array | None,
    threads: object,
    nan_policy: object,
) -> Array | tuple[Array, Boundaries]:
    """The way of both; `drawing` is what `_fractional.windows` takes."""
    array = arguments.array(x)
    returned = arguments.flag("return_boundaries", return_boundaries)
    axes = arguments.pooled_axes(layout, axis, array.ndim)
    windows, boundaries = fractional.windows(tuple(array.shape[axis] for axis in axes), *drawing)
    result = pool(op, array, placed(windows, layout, axis, *rest), out, threads, nan_policy)
    return (result, boundaries) if returned else result
