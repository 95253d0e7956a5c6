"""Gradients of the poolings of other windows, and of any pooling by its name."""

from __future__ import annotations  # so that help() shows the short names below

from typing import TYPE_CHECKING

from .. import _arguments as arguments
from .._fractional import fractional
from .._gradients import gradient
from .._ops import op as op_named
from .._ops import op_without_padding
from .._run import Request
from .._windows import Whole, adaptive, pooled_axes, pyramid, sliding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal

    from numpy.typing import ArrayLike

    from .._fractional import Fractional
    from .._ops import AnyOp
    from .._types import (
        Array,
        Axis,
        CeilMode,
        CellBase,
        Flag,
        IndexBase,
        Integers,
        Layout,
        NanPolicy,
        Padding,
        Sizes,
        Stride,
        Threads,
    )


def drawn(kernel_size: object, boundaries: object, overlapping: object) -> Fractional:
    if boundaries is None:
        raise ValueError("boundaries must be given, not None: those that the pooling had (return_boundaries=True)")
    return fractional(kernel_size, None, None, overlapping, True, None, boundaries, False)


def described(op: str, indices: object, index_base: object, options: dict[str, Any], padded: bool = True) -> AnyOp:
    """The operation of that name; refuses what only poolings of other names have."""
    for name in ("return_indices", "index_dtype", "dtype", "rounding"):
        if name in options:
            raise TypeError(f"op {op!r} has no argument {name!r} here: it is about the result alone")
    kept = (op_named if padded else op_without_padding)(op, **options)
    if kept.name not in ("max", "min"):
        for name, is_given in (("indices", indices is not None), ("index_base", index_base != "plane")):
            if is_given:
                raise TypeError(f"op {op!r} has no argument {name!r} here")
    return kept


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
    return Request(op_named("max"), adaptive(output_size), pooled_axes(layout, axis))


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
    return Request(op_named("min"), adaptive(output_size), pooled_axes(layout, axis))


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
    return Request(op_named("avg"), adaptive(output_size), pooled_axes(layout, axis))


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
    return Request(op_named("sum"), adaptive(output_size), pooled_axes(layout, axis))


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
    return Request(op_named("max"), windows, pooled_axes(layout, axis))


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
    return Request(op_named("avg"), windows, pooled_axes(layout, axis))


@gradient
def pool(
    g: ArrayLike, x: ArrayLike | tuple[int, ...], kernel_size: Integers, op: str = "max", stride: Stride = None,
    padding: Padding = 0, dilation: Integers = 1, ceil_mode: CeilMode = False, *, indices: ArrayLike | None = None,
    index_base: IndexBase = "plane", layout: Layout | None = None, axis: Axis = None,
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    weights: ArrayLike | None = None, wrt: Literal["x", "weights"] = "x", out: Array | None = None,
    threads: Threads = None, **options: Any,
) -> Request:  # fmt: skip
    """The gradient of ``sum(g * tilepool.pool(x, ...))`` with respect to `x` or to its weights.

    Parameters
    ----------
    %(g)s
    %(x_or_shape)s
    %(kernel_size)s
    op : str
        "max", "min", "avg" (or "mean", "average"), "sum" or "lp". The gradients of others are not there yet, or do not
        exist.
    %(sliding)s
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    indices, index_base, weights, wrt
        Where the op has them: see `max_pool` and `avg_pool`.
    %(gradient_out)s
    %(options)s

    %(gradient)s

    %(errors)s
        NotImplementedError is raised for an op whose gradient is not there yet.

    Examples
    --------
    %(imports)s
    >>> tp.grad.pool(np.array([10.0]), np.array([3.0, -4.0]), 2, "lp", norm_type=2, axis=0)
    array([ 6., -8.])
    """
    windows = sliding(kernel_size, stride, padding, dilation, ceil_mode)
    return Request(described(op, indices, index_base, options), windows, pooled_axes(layout, axis))


@gradient
def adaptive_pool(
    g: ArrayLike, x: ArrayLike | tuple[int, ...], output_size: Sizes, op: str, *, indices: ArrayLike | None = None,
    index_base: IndexBase = "plane", layout: Layout | None = None, axis: Axis = None,
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    weights: ArrayLike | None = None, wrt: Literal["x", "weights"] = "x", out: Array | None = None,
    threads: Threads = None, **options: Any,
) -> Request:  # fmt: skip
    """The gradient of ``sum(g * tilepool.adaptive_pool(x, ...))`` with respect to `x` or to its weights.

    Parameters
    ----------
    %(g)s
    %(x_or_shape)s
    %(output_size)s
    op : str
        "max", "min", "avg" (or "mean", "average"), "sum" or "lp". The gradients of others are not there yet, or do not
        exist.
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    indices, index_base, weights, wrt
        Where the op has them: see `max_pool` and `avg_pool`.
    %(gradient_out)s
    %(options)s

    %(gradient)s

    %(errors)s
        NotImplementedError is raised for an op whose gradient is not there yet.

    Examples
    --------
    %(imports)s
    >>> tp.grad.adaptive_pool(np.array([3.0, 6.0]), (5,), 2, "avg", axis=0)
    array([1., 1., 3., 2., 2.])
    """
    return Request(described(op, indices, index_base, options, False), adaptive(output_size), pooled_axes(layout, axis))


@gradient
def global_pool(
    g: ArrayLike, x: ArrayLike | tuple[int, ...], op: str = "avg", *, keepdims: Flag = True,
    indices: ArrayLike | None = None, index_base: IndexBase = "plane", layout: Layout | None = None, axis: Axis = None,
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    weights: ArrayLike | None = None, wrt: Literal["x", "weights"] = "x", out: Array | None = None,
    threads: Threads = None, **options: Any,
) -> Request:  # fmt: skip
    """The gradient of ``sum(g * tilepool.global_pool(x, ...))`` with respect to `x` or to its weights.

    Parameters
    ----------
    %(g)s
    %(x_or_shape)s
    keepdims : bool, default True
        Whether the pooling kept the pooled axes.
    op : str
        "max", "min", "avg" (or "mean", "average"), "sum" or "lp". The gradients of others are not there yet, or do not
        exist.
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    indices, index_base, weights, wrt
        Where the op has them: see `max_pool` and `avg_pool`.
    %(gradient_out)s
    %(options)s

    %(gradient)s

    %(errors)s
        NotImplementedError is raised for an op whose gradient is not there yet.

    Examples
    --------
    %(imports)s
    >>> tp.grad.global_pool(np.array([[4.0]]), (1, 1, 2, 2), keepdims=False)
    array([[[[1., 1.],
             [1., 1.]]]])
    """
    windows = Whole(arguments.flag("keepdims", keepdims))
    return Request(described(op, indices, index_base, options, False), windows, pooled_axes(layout, axis))


@gradient
def pyramid_pool(
    g: ArrayLike, x: ArrayLike | tuple[int, ...], grids: Sequence[Sizes], op: str = "max", *,
    indices: ArrayLike | None = None, index_base: IndexBase = "plane", layout: Layout | None = None, axis: Axis = None,
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    weights: ArrayLike | None = None, wrt: Literal["x", "weights"] = "x", out: Array | None = None,
    threads: Threads = None, **options: Any,
) -> Request:  # fmt: skip
    """The gradient of ``sum(g * tilepool.pyramid_pool(x, ...))`` with respect to `x` or to its weights.

    Parameters
    ----------
    %(g)s
    %(x_or_shape)s
    grids : tuple or list of int, None, or tuple of int and None
        As in `tilepool.pyramid_pool`.
    op : str
        "max", "min", "avg" (or "mean", "average"), "sum" or "lp". The gradients of others are not there yet, or do not
        exist.
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    indices, index_base, weights, wrt
        Where the op has them: see `max_pool` and `avg_pool`.
    %(gradient_out)s
    %(options)s

    %(gradient)s

    %(errors)s
        NotImplementedError is raised for an op whose gradient is not there yet.

    Examples
    --------
    %(imports)s
    >>> tp.grad.pyramid_pool(np.ones((1, 1, 5)), np.arange(16.0).reshape(1, 1, 4, 4), [1, 2])
    array([[[[0., 0., 0., 0.],
             [0., 1., 0., 1.],
             [0., 0., 0., 0.],
             [0., 1., 0., 2.]]]])
    """
    return Request(described(op, indices, index_base, options, False), pyramid(grids), pooled_axes(layout, axis))
