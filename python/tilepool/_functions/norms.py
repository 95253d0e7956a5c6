"""Norms, generalised means and smooth maxima of sliding windows."""

from __future__ import annotations  # so that help() shows the short names below

from typing import TYPE_CHECKING, overload

from .._ops import op
from .._run import Request, pooling
from .._windows import pooled_axes, sliding

if TYPE_CHECKING:
    from typing import Any, Unpack

    from numpy.typing import ArrayLike, NDArray

    from .._types import (
        Array,
        Axis,
        CeilMode,
        F,
        Flag,
        Integers,
        Layout,
        Masked,
        Named,
        NanPolicy,
        Padding,
        Stride,
        Threads,
    )


@overload
def lp_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def lp_pool(
    x: NDArray[F], norm_type: float, kernel_size: Integers, stride: Stride = ..., padding: Padding = ...,
    ceil_mode: CeilMode = ..., *, dilation: Integers = ..., **options: Unpack[Masked],
) -> NDArray[F]: ...  # fmt: skip
@overload
def lp_pool(
    x: ArrayLike, norm_type: float, kernel_size: Integers, stride: Stride = ..., padding: Padding = ...,
    ceil_mode: CeilMode = ..., *, dilation: Integers = ..., **options: Unpack[Masked],
) -> Array: ...  # fmt: skip
@pooling
def lp_pool(
    x: ArrayLike, norm_type: float, kernel_size: Integers, stride: Stride = None, padding: Padding = 0,
    ceil_mode: CeilMode = False, *, dilation: Integers = 1, layout: Layout | None = None, axis: Axis = None,
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The p-norm of each window: ``sum(abs(x)**p)**(1/p)``.

    Parameters
    ----------
    %(x)s
    %(norm_type)s
    %(kernel_size)s
    %(sliding)s
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(out)s

    %(float_result)s
        A window without cells gives 0.

    %(errors)s

    See Also
    --------
    gem_pool : the mean instead of the sum.

    Notes
    -----
    Names, order and defaults of the positional arguments are those of PyTorch's ``lp_pool2d``, which does not take
    absolute values; the value is that of ONNX's ``LpPool``. Nothing overflows where the result does not. Norms other
    than 1 and 2 of float32, and any of float64 but 1 and infinity, take time that grows with the number of taps.

    Examples
    --------
    %(imports)s
    >>> tp.lp_pool(np.array([3.0, -4.0, 1.0, 0.0]), 2, 2, axis=0)
    array([5., 1.])
    """
    windows = sliding(kernel_size, stride, padding, dilation, ceil_mode)
    return Request(op("lp", norm_type=norm_type), windows, pooled_axes(layout, axis))


@overload
def gem_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def gem_pool(
    x: NDArray[F], kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, p: float = ..., eps: float = ..., **options: Unpack[Masked],
) -> NDArray[F]: ...  # fmt: skip
@overload
def gem_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, p: float = ..., eps: float = ..., **options: Unpack[Masked],
) -> Array: ...  # fmt: skip
@pooling
def gem_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = None, padding: Padding = 0, dilation: Integers = 1,
    ceil_mode: CeilMode = False, *, p: float = 3.0, eps: float = 1e-6, layout: Layout | None = None,
    axis: Axis = None, nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The generalised mean of each window: ``mean(maximum(x, eps)**p)**(1/p)``.

    From the average (p = 1) it moves towards the maximum as p grows.

    Parameters
    ----------
    %(x)s
    %(kernel_size)s
    %(sliding)s
    p : float, default 3.0
        The power: positive.
    eps : float, default 1e-6
        Smaller cells count as this: positive and finite.
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(out)s

    %(float_result)s
        A window without cells gives NaN.

    %(errors)s

    Notes
    -----
    Radenovic, Tolias and Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation", 2018 (arXiv:1711.02512).

    Examples
    --------
    %(imports)s
    >>> tp.gem_pool(np.array([1.0, 7.0, 2.0, 2.0]), 2, axis=0, p=2).round(6)
    array([5., 2.])
    """
    windows = sliding(kernel_size, stride, padding, dilation, ceil_mode)
    return Request(op("gem", p=p, eps=eps), windows, pooled_axes(layout, axis))


@overload
def logsumexp_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def logsumexp_pool(
    x: NDArray[F], kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, temperature: float = ..., normalize: Flag = ..., **options: Unpack[Masked],
) -> NDArray[F]: ...  # fmt: skip
@overload
def logsumexp_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, temperature: float = ..., normalize: Flag = ..., **options: Unpack[Masked],
) -> Array: ...  # fmt: skip
@pooling
def logsumexp_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = None, padding: Padding = 0, dilation: Integers = 1,
    ceil_mode: CeilMode = False, *, temperature: float = 1.0, normalize: Flag = False,
    layout: Layout | None = None, axis: Axis = None, nan_policy: NanPolicy = "propagate", min_count: int = 0,
    mask: ArrayLike | None = None, out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The smooth maximum of each window: ``t * log(sum(exp(x / t)))`` with t the temperature.

    Parameters
    ----------
    %(x)s
    %(kernel_size)s
    %(sliding)s
    temperature : float, default 1.0
        The smaller, the closer to the maximum. Positive and finite.
    normalize : bool, default False
        Take the mean of the exponentials instead of their sum: the result then lies between average and maximum.
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(out)s

    %(float_result)s
        A window without cells gives -infinity, and NaN with `normalize`.

    %(errors)s

    Notes
    -----
    The largest cell is subtracted before exponentials are taken: nothing overflows. With `normalize` this is the
    log-sum-exp pooling of Pinheiro and Collobert, "From Image-level to Pixel-level Labeling with Convolutional
    Networks", 2015 (arXiv:1411.6228), whose r is ``1 / temperature``.

    Examples
    --------
    %(imports)s
    >>> np.exp(tp.logsumexp_pool(np.log([1.0, 2.0, 3.0, 5.0]), 2, axis=0))
    array([3., 8.])
    """
    windows = sliding(kernel_size, stride, padding, dilation, ceil_mode)
    return Request(op("logsumexp", temperature=temperature, normalize=normalize), windows, pooled_axes(layout, axis))


@overload
def softmax_pool(x: Named, *args: Any, **options: Any) -> Any: ...
@overload
def softmax_pool(
    x: NDArray[F], kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, temperature: float = ..., **options: Unpack[Masked],
) -> NDArray[F]: ...  # fmt: skip
@overload
def softmax_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = ..., padding: Padding = ..., dilation: Integers = ...,
    ceil_mode: CeilMode = ..., *, temperature: float = ..., **options: Unpack[Masked],
) -> Array: ...  # fmt: skip
@pooling
def softmax_pool(
    x: ArrayLike, kernel_size: Integers, stride: Stride = None, padding: Padding = 0, dilation: Integers = 1,
    ceil_mode: CeilMode = False, *, temperature: float = 1.0, layout: Layout | None = None, axis: Axis = None,
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    out: Array | None = None, threads: Threads = None,
) -> Request:  # fmt: skip
    """The mean of each window, weighted by the softmax of its cells: ``sum(w * x) / sum(w)`` with ``w = exp(x / t)``.

    Parameters
    ----------
    %(x)s
    %(kernel_size)s
    %(sliding)s
    temperature : float, default 1.0
        t: small ones lead to the maximum, large ones to the average. Positive and finite.
    %(axes)s
    %(nan_policy)s
    %(min_count)s
    %(mask)s
    %(out)s

    %(float_result)s
        A window whose maximum is infinite gives that; one without cells gives NaN.

    %(errors)s

    Notes
    -----
    SoftPool: Stergiou, Poppe and Kalliatakis, "Refining Activation Downsampling with SoftPool", 2021
    (arXiv:2101.00440). The largest cell is subtracted before exponentials are taken: nothing overflows.

    Examples
    --------
    %(imports)s
    >>> tp.softmax_pool(np.array([0.0, np.log(3.0), 2.0, 2.0]), 2, axis=0) / [np.log(3.0), 1]
    array([0.75, 2.  ])
    """
    windows = sliding(kernel_size, stride, padding, dilation, ceil_mode)
    return Request(op("softmax", temperature=temperature), windows, pooled_axes(layout, axis))
