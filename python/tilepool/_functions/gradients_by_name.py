"""Gradients of any pooling by its name."""

from __future__ import annotations  # so that help() shows the short names below

from typing import TYPE_CHECKING

from .. import _arguments as arguments
from .._gradients import gradient
from .._ops import op as op_named
from .._ops import op_without_padding
from .._run import Request
from .._windows import Whole, adaptive, pooled_axes, pyramid, sliding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal

    from numpy.typing import ArrayLike

    from .._ops import AnyOp
    from .._types import (
        Array,
        Axis,
        CeilMode,
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
    %(gradient_op)s
    %(sliding)s
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(where_the_op_has_them)s
    %(gradient_out)s
    %(gradient_options)s

    %(gradient)s

    %(errors)s
    %(not_yet)s

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
    %(gradient_op)s
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(where_the_op_has_them)s
    %(gradient_out)s
    %(gradient_options)s

    %(gradient)s

    %(errors)s
    %(not_yet)s

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
    %(gradient_op)s
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(where_the_op_has_them)s
    %(gradient_out)s
    %(gradient_options)s

    %(gradient)s

    %(errors)s
    %(not_yet)s

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
    %(gradient_op)s
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(where_the_op_has_them)s
    %(gradient_out)s
    %(gradient_options)s

    %(gradient)s

    %(errors)s
    %(not_yet)s

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
