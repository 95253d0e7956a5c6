"""Gradients of the poolings of sliding windows."""

from __future__ import annotations  # so that help() shows the short names below

from typing import TYPE_CHECKING

from .._gradients import gradient
from .._ops import op
from .._run import Request
from .._windows import pooled_axes, sliding

if TYPE_CHECKING:
    from typing import Any, Literal, NoReturn, SupportsIndex

    from numpy.typing import ArrayLike

    from .._types import Array, Axis, CeilMode, Flag, IndexBase, Integers, Layout, NanPolicy, Padding, Stride, Threads


@gradient
def max_pool(
    g: ArrayLike, x: ArrayLike, kernel_size: Integers, stride: Stride = None, padding: Padding = 0,
    dilation: Integers = 1, ceil_mode: CeilMode = False, *, indices: ArrayLike | None = None,
    index_base: IndexBase = "plane", layout: Layout | None = None, axis: Axis = None,
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The gradient of ``sum(g * tilepool.max_pool(x, ...))`` with respect to `x`.

    Parameters
    ----------
    %(g)s
    %(pooled_x)s
    %(kernel_size)s
    %(sliding)s
    %(indices)s
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(gradient_out)s

    %(gradient)s

    %(errors)s

    Notes
    -----
    All of a window's `g` goes to the first of equal cells in row-major order, as in PyTorch; to the first NaN where
    there is one. A cell's values are added up in row-major order of the windows, in the dtype of `g` (16-bit floats as
    float32): the same bits for any number of threads and any instruction set.

    Examples
    --------
    %(imports)s
    >>> x = np.array([1.0, 5.0, 2.0, 3.0])
    >>> tp.grad.max_pool(np.array([1.0, 10.0, 100.0]), x, 2, stride=1, axis=0)
    array([  0.,  11.,   0., 100.])
    >>> values, indices = tp.max_pool(x, 2, stride=1, axis=0, return_indices=True)
    >>> tp.grad.max_pool(values, x, 2, stride=1, axis=0, indices=indices)  # no second search
    array([ 0., 10.,  0.,  3.])
    """
    return Request(op("max"), sliding(kernel_size, stride, padding, dilation, ceil_mode), pooled_axes(layout, axis))


@gradient
def min_pool(
    g: ArrayLike, x: ArrayLike, kernel_size: Integers, stride: Stride = None, padding: Padding = 0,
    dilation: Integers = 1, ceil_mode: CeilMode = False, *, indices: ArrayLike | None = None,
    index_base: IndexBase = "plane", layout: Layout | None = None, axis: Axis = None,
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The gradient of ``sum(g * tilepool.min_pool(x, ...))`` with respect to `x`.

    Parameters
    ----------
    %(g)s
    %(pooled_x)s
    %(kernel_size)s
    %(sliding)s
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
    max_pool : tells which cell a gradient goes to.

    Examples
    --------
    %(imports)s
    >>> tp.grad.min_pool(np.array([1.0, 10.0]), np.array([4.0, 3.0, 3.0, 7.0]), 2, axis=0)
    array([ 0.,  1., 10.,  0.])
    """
    return Request(op("min"), sliding(kernel_size, stride, padding, dilation, ceil_mode), pooled_axes(layout, axis))


@gradient
def avg_pool(
    g: ArrayLike, x: ArrayLike | tuple[int, ...], kernel_size: Integers, stride: Stride = None,
    padding: Padding = 0, ceil_mode: CeilMode = False, count_include_pad: Flag = True,
    divisor_override: SupportsIndex | None = None, *, dilation: Integers = 1, layout: Layout | None = None,
    axis: Axis = None, nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    weights: ArrayLike | None = None, wrt: Literal["x", "weights"] = "x", out: Array | None = None,
    threads: Threads = None,
) -> Request:  # fmt: skip
    """The gradient of ``sum(g * tilepool.avg_pool(x, ...))`` with respect to `x` or to its weights.

    Parameters
    ----------
    %(g)s
    %(x_or_shape)s
    %(kernel_size)s
    %(sliding)s
    %(avg_divisors)s
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(wrt)s
    %(gradient_out)s

    %(gradient)s

    %(errors)s

    Notes
    -----
    Each cell gets the sum of ``g / divisor`` over the windows that see it: the error is at most
    ``(64 + log2(windows)) * u * sum(abs(g / divisor))`` and the roundings of one division, u as in `tilepool.avg_pool`.

    Examples
    --------
    %(imports)s
    >>> tp.grad.avg_pool(np.array([1.0, 3.0, 5.0]), (4,), 2, stride=1, axis=0)  # of any x of four cells
    array([0.5, 2. , 4. , 2.5])
    >>> x, weights = np.array([2.0, 6.0, 1.0, 4.0]), np.array([3.0, 1.0, 1.0, 2.0])
    >>> tp.grad.avg_pool(np.array([4.0, 3.0]), x, 2, axis=0, weights=weights)
    array([3., 1., 1., 2.])
    >>> tp.grad.avg_pool(np.array([4.0, 3.0]), x, 2, axis=0, weights=weights, wrt="weights")
    array([-1.,  3., -2.,  1.])
    """
    kept = op("avg", count_include_pad=count_include_pad, divisor_override=divisor_override)
    return Request(kept, sliding(kernel_size, stride, padding, dilation, ceil_mode), pooled_axes(layout, axis))


@gradient
def sum_pool(
    g: ArrayLike, x: ArrayLike | tuple[int, ...], kernel_size: Integers, stride: Stride = None,
    padding: Padding = 0, dilation: Integers = 1, ceil_mode: CeilMode = False, *, layout: Layout | None = None,
    axis: Axis = None, nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    weights: ArrayLike | None = None, wrt: Literal["x", "weights"] = "x", out: Array | None = None,
    threads: Threads = None,
) -> Request:  # fmt: skip
    """The gradient of ``sum(g * tilepool.sum_pool(x, ...))`` with respect to `x` or to its weights.

    Parameters
    ----------
    %(g)s
    %(x_or_shape)s
    %(kernel_size)s
    %(sliding)s
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
    avg_pool : tells how exact a gradient is.

    Examples
    --------
    %(imports)s
    >>> tp.grad.sum_pool(np.array([1.0, 3.0, 5.0]), (4,), 2, stride=1, axis=0)
    array([1., 4., 8., 5.])
    """
    return Request(op("sum"), sliding(kernel_size, stride, padding, dilation, ceil_mode), pooled_axes(layout, axis))


@gradient
def lp_pool(
    g: ArrayLike, x: ArrayLike, norm_type: float, kernel_size: Integers, stride: Stride = None,
    padding: Padding = 0, ceil_mode: CeilMode = False, *, dilation: Integers = 1, layout: Layout | None = None,
    axis: Axis = None, nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The gradient of ``sum(g * tilepool.lp_pool(x, ...))`` with respect to `x`.

    Parameters
    ----------
    %(g)s
    %(pooled_x)s
    norm_type : float
        The exponent p. Positive; infinity gives the largest magnitude.
    %(kernel_size)s
    %(sliding)s
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(gradient_out)s

    %(gradient)s

    %(errors)s

    Notes
    -----
    Each window adds ``g * sign(x) * (abs(x) / norm)**(p - 1)`` to its cells, in float64; 0 to a cell that is 0, where
    the derivative jumps or does not exist for p of 1 and less, so that windows of zeros pass no NaN on.

    Examples
    --------
    %(imports)s
    >>> tp.grad.lp_pool(np.array([10.0]), np.array([3.0, -4.0]), 2, 2, axis=0)
    array([ 6., -8.])
    """
    kept = op("lp", norm_type=norm_type)
    return Request(kept, sliding(kernel_size, stride, padding, dilation, ceil_mode), pooled_axes(layout, axis))


def without(name: str, why: str, kind: type[Exception]) -> Any:
    """A function for a pooling whose gradient cannot be had: it says so."""

    def refuse(*args: object, **options: object) -> NoReturn:
        raise kind(f"{name} {why}")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__module__ = "tilepool.grad"
    refuse.__doc__ = f"Raises {kind.__name__}: `tilepool.{name}` {why}."
    return refuse


LATER = "has no gradient here yet: it comes with a later release"
NEVER = "has no gradient: its results jump, or stay as they are"
gem_pool = without("gem_pool", LATER, NotImplementedError)
logsumexp_pool = without("logsumexp_pool", LATER, NotImplementedError)
median_pool = without("median_pool", LATER, NotImplementedError)
mixed_pool = without("mixed_pool", LATER, NotImplementedError)
mode_pool = without("mode_pool", NEVER, TypeError)
quantile_pool = without("quantile_pool", LATER, NotImplementedError)
softmax_pool = without("softmax_pool", LATER, NotImplementedError)
std_pool = without("std_pool", LATER, NotImplementedError)
stochastic_pool = without("stochastic_pool", LATER, NotImplementedError)
var_pool = without("var_pool", LATER, NotImplementedError)
