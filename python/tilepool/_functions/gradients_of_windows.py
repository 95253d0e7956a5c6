"""Gradients of the poolings of adaptive windows and of drawn ones."""

from __future__ import annotations  # so that help() shows the short names below

from typing import TYPE_CHECKING

from .._fractional import fractional
from .._gradients import gradient
from .._ops import op
from .._run import Request
from .._windows import adaptive, pooled_axes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from numpy.typing import ArrayLike

    from .._fractional import Fractional
    from .._types import Array, Axis, CellBase, Flag, Integers, Layout, NanPolicy, Sizes, Threads


def drawn(kernel_size: object, boundaries: object, overlapping: object) -> Fractional:
    if boundaries is None:
        raise ValueError("boundaries must be given, not None: those that the pooling had (return_boundaries=True)")
    return fractional(kernel_size, None, None, overlapping, True, None, boundaries, False)


@gradient
def adaptive_max_pool(
    g: ArrayLike, x: ArrayLike, output_size: Sizes, *, indices: ArrayLike | None = None,
    index_base: CellBase = "plane", layout: Layout | None = None, axis: Axis = None,
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The gradient of ``sum(g * tilepool.adaptive_max_pool(x, ...))`` with respect to `x`.

    Parameters
    ----------
    %(g)s
    %(pooled_x)s
    %(output_size)s
    %(indices)s
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(gradient_out)s

    %(gradient)s

    %(errors)s

    See Also
    --------
    max_pool : describes the gradient.

    Examples
    --------
    %(imports)s
    >>> tp.grad.adaptive_max_pool(np.array([1.0, 10.0]), np.array([3, 1, 4, 1, 5]), 2, axis=0)
    array([ 0.,  0.,  1.,  0., 10.])
    """
    return Request(op("max"), adaptive(output_size), pooled_axes(layout, axis))


@gradient
def adaptive_min_pool(
    g: ArrayLike, x: ArrayLike, output_size: Sizes, *, indices: ArrayLike | None = None,
    index_base: CellBase = "plane", layout: Layout | None = None, axis: Axis = None,
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The gradient of ``sum(g * tilepool.adaptive_min_pool(x, ...))`` with respect to `x`.

    Parameters
    ----------
    %(g)s
    %(pooled_x)s
    %(output_size)s
    %(indices)s
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(gradient_out)s

    %(gradient)s

    %(errors)s

    See Also
    --------
    min_pool : describes the gradient.

    Examples
    --------
    %(imports)s
    >>> tp.grad.adaptive_min_pool(np.array([1.0, 10.0]), np.array([3, 1, 4, 1, 5]), 2, axis=0)
    array([ 0.,  1.,  0., 10.,  0.])
    """
    return Request(op("min"), adaptive(output_size), pooled_axes(layout, axis))


@gradient
def adaptive_avg_pool(
    g: ArrayLike, x: ArrayLike | tuple[int, ...], output_size: Sizes, *, layout: Layout | None = None,
    axis: Axis = None, nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    weights: ArrayLike | None = None, wrt: Literal["x", "weights"] = "x",
    out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The gradient of ``sum(g * tilepool.adaptive_avg_pool(x, ...))`` with respect to `x` or to its weights.

    Parameters
    ----------
    %(g)s
    %(x_or_shape)s
    %(output_size)s
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(wrt)s
    %(gradient_out)s

    %(gradient)s

    %(errors)s

    See Also
    --------
    avg_pool : describes the gradient.

    Examples
    --------
    %(imports)s
    >>> tp.grad.adaptive_avg_pool(np.array([3.0, 6.0]), (5,), 2, axis=0)
    array([1., 1., 3., 2., 2.])
    """
    return Request(op("avg"), adaptive(output_size), pooled_axes(layout, axis))


@gradient
def adaptive_sum_pool(
    g: ArrayLike, x: ArrayLike | tuple[int, ...], output_size: Sizes, *, layout: Layout | None = None,
    axis: Axis = None, nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    weights: ArrayLike | None = None, wrt: Literal["x", "weights"] = "x",
    out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The gradient of ``sum(g * tilepool.adaptive_sum_pool(x, ...))`` with respect to `x` or to its weights.

    Parameters
    ----------
    %(g)s
    %(x_or_shape)s
    %(output_size)s
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(wrt)s
    %(gradient_out)s

    %(gradient)s

    %(errors)s

    See Also
    --------
    sum_pool : describes the gradient.

    Examples
    --------
    %(imports)s
    >>> tp.grad.adaptive_sum_pool(np.array([3.0, 6.0]), (5,), 2, axis=0)
    array([3., 3., 9., 6., 6.])
    """
    return Request(op("sum"), adaptive(output_size), pooled_axes(layout, axis))


@gradient
def fractional_max_pool(
    g: ArrayLike, x: ArrayLike, kernel_size: Integers | None = None, *,
    boundaries: Sequence[Sequence[int] | Array], overlapping: Flag = False, indices: ArrayLike | None = None,
    index_base: CellBase = "plane", layout: Layout | None = None,
    axis: Axis = None, nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The gradient of ``sum(g * tilepool.fractional_max_pool(x, ...))`` with respect to `x`.

    Parameters
    ----------
    %(g)s
    %(pooled_x)s
    kernel_size, overlapping
        As in `tilepool.fractional_max_pool`.
    boundaries : tuple of sequences of int
        Those that the pooling had, which it returns with ``return_boundaries=True``.
    %(indices)s
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(gradient_out)s

    %(gradient)s

    %(errors)s

    See Also
    --------
    max_pool : describes the gradient.

    Examples
    --------
    %(imports)s
    >>> x = np.array([3.0, 1.0, 4.0, 1.0, 5.0])
    >>> values, boundaries = tp.fractional_max_pool(x, output_size=2, rng=0, axis=0, return_boundaries=True)
    >>> tp.grad.fractional_max_pool(np.ones(2), x, boundaries=boundaries, axis=0)
    array([0., 0., 1., 0., 1.])
    """
    windows = drawn(kernel_size, boundaries, overlapping)
    return Request(op("max"), windows, pooled_axes(layout, axis))


@gradient
def fractional_avg_pool(
    g: ArrayLike, x: ArrayLike | tuple[int, ...], kernel_size: Integers | None = None, *,
    boundaries: Sequence[Sequence[int] | Array], overlapping: Flag = False, layout: Layout | None = None,
    axis: Axis = None, nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    weights: ArrayLike | None = None, wrt: Literal["x", "weights"] = "x",
    out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The gradient of ``sum(g * tilepool.fractional_avg_pool(x, ...))`` with respect to `x` or to its weights.

    Parameters
    ----------
    %(g)s
    %(x_or_shape)s
    kernel_size, overlapping
        As in `tilepool.fractional_avg_pool`.
    boundaries : tuple of sequences of int
        Those that the pooling had, which it returns with ``return_boundaries=True``.
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(wrt)s
    %(gradient_out)s

    %(gradient)s

    %(errors)s

    See Also
    --------
    avg_pool : describes the gradient.

    Examples
    --------
    %(imports)s
    >>> x = np.array([3.0, 1.0, 4.0, 1.0, 5.0])
    >>> values, boundaries = tp.fractional_avg_pool(x, output_size=2, rng=0, axis=0, return_boundaries=True)
    >>> 6 * tp.grad.fractional_avg_pool(np.ones(2), x, boundaries=boundaries, axis=0)
    array([2., 2., 2., 3., 3.])
    """
    windows = drawn(kernel_size, boundaries, overlapping)
    return Request(op("avg"), windows, pooled_axes(layout, axis))
