"""The public functions that keep something else of a window than extremum, sum or average; and any of them by name."""

from __future__ import annotations  # so that help() shows the short names below

from collections.abc import Callable
from math import inf
from typing import Any, Literal, SupportsIndex, TypeAlias

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from ._api import Array, CeilMode, Integers, Layout, NanPolicy, Padding, avg_pool, max_pool, min_pool, sum_pool
from ._arguments import shown
from ._call import find
from ._core import methods
from ._dtypes import Op, readable
from ._missing import filled, left_out

Method: TypeAlias = Literal["linear", "lower", "higher", "nearest", "midpoint"]

# What stands for a NaN where the core has no way to omit it.
NEUTRAL = {"product": 1, "any": 0, "all": 1, "count_nonzero": 0}


def reduce(
    op: str,
    parameters: tuple[float, float],
    x: npt.ArrayLike,
    words: tuple[object, ...],
    nan_policy: object,
    out: Array | None,
    threads: object,
) -> Array:
    """The way of every call of this file; `words` are what `_call.make` understands."""
    array = arguments.array(x)
    missing = left_out(array, nan_policy, None)
    if missing is not None and op in NEUTRAL:
        array, missing = filled(array, missing, np.array(NEUTRAL[op], readable(array.dtype))), None
    return find(Op(op, parameters, missing is not None), array, words).run(array, out, arguments.threads(threads))


def real(name: str, word: object, rule: str, allowed: Callable[[float], bool]) -> float:
    """A real number that is allowed."""
    if not (arguments.is_integer(word) or isinstance(word, float | np.floating)):
        raise TypeError(f"{name} must be a real number, not {shown(word)}")
    try:
        number = float(word)
    except OverflowError:
        raise ValueError(f"{name} must be {rule} and within float64, not {shown(word)}") from None
    if not allowed(number):
        raise ValueError(f"{name} must be {rule}, not {shown(word)}")
    return number


def positive(name: str, word: object) -> float:
    return real(name, word, "positive and finite", lambda number: 0 < number < inf)


def degrees(ddof: object) -> float:
    if not arguments.is_integer(ddof):
        raise TypeError(f"ddof must be an integer, not {shown(ddof)}")
    if not 0 <= ddof < 2**53:
        raise ValueError(f"ddof must be from 0 to 2**53 - 1, not {shown(ddof)}")
    return float(ddof)


def quantiles(
    q: float,
    method: object,
    x: npt.ArrayLike,
    words: tuple[object, ...],
    nan_policy: object,
    out: Array | None,
    threads: object,
) -> Array:
    """Those that are always one of the cells keep its dtype."""
    number = way(method)
    op = "quantile_of_cells" if method in ("lower", "higher", "nearest") else "quantile"
    return reduce(op, (q, number), x, words, nan_policy, out, threads)


def way(method: object) -> float:
    """The core's number of a way between two cells."""
    rule = "method must be " + ", ".join(map(repr, methods[:-1])) + f" or {methods[-1]!r}"
    if not isinstance(method, str):
        raise TypeError(f"{rule}, not {shown(method)}")
    if method not in methods:
        raise ValueError(f"{rule}, not {shown(method)}")
    return float(methods.index(method))


def lp_pool(
    x: npt.ArrayLike,
    norm_type: float,
    kernel_size: Integers,
    stride: Integers | None = None,
    padding: Padding = 0,
    ceil_mode: CeilMode = False,
    *,
    dilation: Integers = 1,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    nan_policy: NanPolicy = "propagate",
    out: Array | None = None,
    threads: SupportsIndex | None = None,
) -> Array:
    """The p-norm of each window: ``sum(abs(x)**p)**(1/p)``.

    Parameters that are not listed here, shapes and errors are those of `max_pool`.

    Parameters
    ----------
    norm_type : float
        The p of the norm: positive. ``math.inf`` gives the largest magnitude.
    nan_policy : {"propagate", "omit", "raise"}, default "propagate"
        A window that sees a NaN gives NaN; NaNs are left out, as if they were padding; or x must not have one.

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the memory order of `x`: floats keep their dtype, bool and integers of 8 or 16 bits give
        float32, larger ones float64. A window without cells gives 0.

    See Also
    --------
    max_pool : describes all other parameters.
    gem_pool : the mean instead of the sum.

    Notes
    -----
    Names, order and defaults of the positional arguments are those of PyTorch's ``lp_pool2d``, which does not take
    absolute values; the value is that of ONNX's ``LpPool``. Nothing overflows where the result does not. Norms other
    than 1 and 2 of float32, and any of float64 but 1 and infinity, take time that grows with the number of taps.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> tp.lp_pool(np.array([3.0, -4.0, 1.0, 0.0]), 2, 2, axis=0)
    array([5., 1.])
    """
    words = (kernel_size, stride, padding, dilation, ceil_mode, layout, axis)
    p = real("norm_type", norm_type, "positive", lambda number: number > 0)
    return reduce("norm", (p, 0.0), x, words, nan_policy, out, threads)


def gem_pool(
    x: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = None,
    padding: Padding = 0,
    dilation: Integers = 1,
    ceil_mode: CeilMode = False,
    *,
    p: float = 3.0,
    eps: float = 1e-6,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    nan_policy: NanPolicy = "propagate",
    out: Array | None = None,
    threads: SupportsIndex | None = None,
) -> Array:
    """The generalised mean of each window: ``mean(maximum(x, eps)**p)**(1/p)``.

    From the average (p = 1) it moves towards the maximum as p grows. Parameters that are not listed here, shapes and
    errors are those of `max_pool`, `nan_policy` and the dtype of the result are those of `lp_pool`.

    Parameters
    ----------
    p : float, default 3.0
        The power: positive.
    eps : float, default 1e-6
        Smaller cells count as this: positive.

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the memory order of `x`. A window without cells gives NaN.

    See Also
    --------
    max_pool, lp_pool : describe all other parameters.

    Notes
    -----
    Radenovic, Tolias and Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation", 2018 (arXiv:1711.02512).

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> tp.gem_pool(np.array([1.0, 7.0, 2.0, 2.0]), 2, axis=0, p=2).round(6)
    array([5., 2.])
    """
    words = (kernel_size, stride, padding, dilation, ceil_mode, layout, axis)
    parameters = real("p", p, "positive", lambda number: number > 0), positive("eps", eps)
    return reduce("power_mean", parameters, x, words, nan_policy, out, threads)


def logsumexp_pool(
    x: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = None,
    padding: Padding = 0,
    dilation: Integers = 1,
    ceil_mode: CeilMode = False,
    *,
    temperature: float = 1.0,
    normalize: bool | np.bool_ = False,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    nan_policy: NanPolicy = "propagate",
    out: Array | None = None,
    threads: SupportsIndex | None = None,
) -> Array:
    """The smooth maximum of each window: ``t * log(sum(exp(x / t)))`` with t the temperature.

    Parameters that are not listed here, shapes and errors are those of `max_pool`, `nan_policy` and the dtype of the
    result are those of `lp_pool`.

    Parameters
    ----------
    temperature : float, default 1.0
        The smaller, the closer to the maximum. Positive and finite.
    normalize : bool, default False
        Take the mean of the exponentials instead of their sum: the result then lies between average and maximum.

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the memory order of `x`. A window without cells gives -infinity, and NaN with
        `normalize`.

    See Also
    --------
    max_pool, lp_pool : describe all other parameters.

    Notes
    -----
    The largest cell is subtracted before exponentials are taken: nothing overflows. With `normalize` this is the
    log-sum-exp pooling of Pinheiro and Collobert, "From Image-level to Pixel-level Labeling with Convolutional
    Networks", 2015 (arXiv:1411.6228), whose r is ``1 / temperature``.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> np.exp(tp.logsumexp_pool(np.log([1.0, 2.0, 3.0, 5.0]), 2, axis=0))
    array([3., 8.])
    """
    words = (kernel_size, stride, padding, dilation, ceil_mode, layout, axis)
    parameters = positive("temperature", temperature), float(arguments.flag("normalize", normalize))
    return reduce("log_sum_exp", parameters, x, words, nan_policy, out, threads)


def softmax_pool(
    x: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = None,
    padding: Padding = 0,
    dilation: Integers = 1,
    ceil_mode: CeilMode = False,
    *,
    temperature: float = 1.0,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    nan_policy: NanPolicy = "propagate",
    out: Array | None = None,
    threads: SupportsIndex | None = None,
) -> Array:
    """The mean of each window, weighted by the softmax of its cells: ``sum(w * x) / sum(w)`` with ``w = exp(x / t)``.

    Parameters that are not listed here, shapes and errors are those of `max_pool`, `nan_policy` and the dtype of the
    result are those of `lp_pool`.

    Parameters
    ----------
    temperature : float, default 1.0
        t: small ones lead to the maximum, large ones to the average. Positive and finite.

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the memory order of `x`. A window whose maximum is infinite gives that; one without
        cells gives NaN.

    See Also
    --------
    max_pool, lp_pool : describe all other parameters.

    Notes
    -----
    SoftPool: Stergiou, Poppe and Kalliatakis, "Refining Activation Downsampling with SoftPool", 2021
    (arXiv:2101.00440). The largest cell is subtracted before exponentials are taken: nothing overflows.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> tp.softmax_pool(np.array([0.0, np.log(3.0), 2.0, 2.0]), 2, axis=0) / [np.log(3.0), 1]
    array([0.75, 2.  ])
    """
    words = (kernel_size, stride, padding, dilation, ceil_mode, layout, axis)
    return reduce("softmax", (positive("temperature", temperature), 0.0), x, words, nan_policy, out, threads)


def var_pool(
    x: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = None,
    padding: Padding = 0,
    dilation: Integers = 1,
    ceil_mode: CeilMode = False,
    *,
    ddof: SupportsIndex = 0,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    nan_policy: NanPolicy = "propagate",
    out: Array | None = None,
    threads: SupportsIndex | None = None,
) -> Array:
    """The variance of each window: ``sum((x - mean)**2) / (n - ddof)`` for its n cells.

    Parameters that are not listed here, shapes and errors are those of `max_pool`, `nan_policy` and the dtype of the
    result are those of `lp_pool`.

    Parameters
    ----------
    ddof : int, default 0
        Subtracted from the number of cells, as in `numpy.var`. Not negative.

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the memory order of `x`. A window of no more than `ddof` cells gives NaN.

    See Also
    --------
    max_pool, lp_pool : describe all other parameters.
    std_pool : its square root.

    Notes
    -----
    Two passes over each window, in float64: nothing cancels.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> tp.var_pool(np.array([1, 3, 5, 9]), 2, axis=0)
    array([1., 4.])
    """
    words = (kernel_size, stride, padding, dilation, ceil_mode, layout, axis)
    return reduce("variance", (degrees(ddof), 0.0), x, words, nan_policy, out, threads)


def std_pool(
    x: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = None,
    padding: Padding = 0,
    dilation: Integers = 1,
    ceil_mode: CeilMode = False,
    *,
    ddof: SupportsIndex = 0,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    nan_policy: NanPolicy = "propagate",
    out: Array | None = None,
    threads: SupportsIndex | None = None,
) -> Array:
    """The standard deviation of each window: the square root of `var_pool`.

    Parameters that are not listed here, shapes and errors are those of `max_pool`, `nan_policy` and the dtype of the
    result are those of `lp_pool`.

    Parameters
    ----------
    ddof : int, default 0
        Subtracted from the number of cells, as in `numpy.std`. Not negative.

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the memory order of `x`. A window of no more than `ddof` cells gives NaN.

    See Also
    --------
    max_pool, lp_pool : describe all other parameters.
    var_pool : its square.

    Notes
    -----
    Two passes over each window, in float64: nothing cancels, and nothing overflows where the result does not.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> tp.std_pool(np.array([1, 3, 5, 9]), 2, axis=0)
    array([1., 2.])
    """
    words = (kernel_size, stride, padding, dilation, ceil_mode, layout, axis)
    return reduce("deviation", (degrees(ddof), 0.0), x, words, nan_policy, out, threads)


def quantile_pool(
    x: npt.ArrayLike,
    q: float,
    kernel_size: Integers,
    stride: Integers | None = None,
    padding: Padding = 0,
    dilation: Integers = 1,
    ceil_mode: CeilMode = False,
    *,
    method: Method = "linear",
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    nan_policy: NanPolicy = "propagate",
    out: Array | None = None,
    threads: SupportsIndex | None = None,
) -> Array:
    """The q-quantile of each window.

    Parameters that are not listed here, shapes and errors are those of `max_pool`, `nan_policy` is that of `lp_pool`.

    Parameters
    ----------
    q : float
        From 0, the smallest cell, to 1, the largest.
    method : {"linear", "lower", "higher", "nearest", "midpoint"}, default "linear"
        What is taken between two cells, as in `numpy.quantile`.

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the memory order of `x`. "lower", "higher" and "nearest" keep the dtype of x; "linear"
        and "midpoint" give that of `lp_pool`. A window without cells gives NaN, and 0 where the result has integers.

    See Also
    --------
    max_pool, lp_pool : describe all other parameters.
    median_pool : the quantile 0.5.

    Notes
    -----
    The cells of many windows are sorted at once, one window in each lane of vectors: a window of k taps costs about
    ``log2(k)**2 / 4`` steps per tap. Those of more than 2048 taps are sorted one by one.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> x = np.array([1, 2, 4, 8, 9, 7])
    >>> tp.quantile_pool(x, 0.75, 3, axis=0)
    array([3. , 8.5])
    >>> tp.quantile_pool(x, 0.75, 3, axis=0, method="lower")
    array([2, 8])
    """
    words = (kernel_size, stride, padding, dilation, ceil_mode, layout, axis)
    quantile = real("q", q, "from 0 to 1", lambda number: 0 <= number <= 1)
    return quantiles(quantile, method, x, words, nan_policy, out, threads)


def median_pool(
    x: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = None,
    padding: Padding = 0,
    dilation: Integers = 1,
    ceil_mode: CeilMode = False,
    *,
    method: Method = "linear",
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    nan_policy: NanPolicy = "propagate",
    out: Array | None = None,
    threads: SupportsIndex | None = None,
) -> Array:
    """The median of each window: of an even number of cells the mean of the middle two.

    Parameters, dtypes and errors are those of `quantile_pool`, for the quantile 0.5.

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the memory order of `x`.

    See Also
    --------
    max_pool, quantile_pool : describe all parameters.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> x = np.array([[9, 1, 2], [4, 5, 6], [7, 8, 3]], dtype=np.uint8)
    >>> tp.median_pool(x, 3, axis=(0, 1))
    array([[5.]], dtype=float32)
    >>> tp.median_pool(x, 3, 1, 1, axis=(0, 1), method="lower")
    array([[4, 4, 2],
           [5, 5, 3],
           [5, 5, 5]], dtype=uint8)
    """
    words = (kernel_size, stride, padding, dilation, ceil_mode, layout, axis)
    return quantiles(0.5, method, x, words, nan_policy, out, threads)


def mode_pool(
    x: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = None,
    padding: Padding = 0,
    dilation: Integers = 1,
    ceil_mode: CeilMode = False,
    *,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    nan_policy: NanPolicy = "propagate",
    out: Array | None = None,
    threads: SupportsIndex | None = None,
) -> Array:
    """The most frequent value of each window; of several the smallest.

    For images of labels. Parameters, shapes and errors are those of `max_pool`, `nan_policy` is that of `lp_pool`.

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the dtype and the memory order of `x`. -0.0 counts as 0.0. A window without cells gives
        NaN, and 0 where x has integers.

    See Also
    --------
    max_pool, lp_pool : describe all parameters.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> tp.mode_pool(np.array([7, 2, 7, 3, 1, 2]), 3, axis=0)
    array([7, 1])
    """
    words = (kernel_size, stride, padding, dilation, ceil_mode, layout, axis)
    return reduce("mode", (0.0, 0.0), x, words, nan_policy, out, threads)


def named(op: str) -> Callable[..., Array]:
    """The function of an op that has a name only."""

    def function(
        x: npt.ArrayLike,
        kernel_size: Integers,
        stride: Integers | None = None,
        padding: Padding = 0,
        dilation: Integers = 1,
        ceil_mode: CeilMode = False,
        *,
        layout: Layout = "channels_first",
        axis: Integers | None = None,
        dtype: npt.DTypeLike | None = None,
        nan_policy: NanPolicy = "propagate",
        out: Array | None = None,
        threads: SupportsIndex | None = None,
    ) -> Array:
        words = (kernel_size, stride, padding, dilation, ceil_mode, layout, axis, dtype)
        return reduce(op, (0.0, 0.0), x, words, nan_policy, out, threads)

    return function


# What `pool` and its relatives can be asked for. `product` is the core's word.
OPS: dict[str, Callable[..., Any]] = {
    "max": max_pool,
    "min": min_pool,
    "avg": avg_pool,
    "sum": sum_pool,
    "lp": lp_pool,
    "gem": gem_pool,
    "logsumexp": logsumexp_pool,
    "softmax": softmax_pool,
    "var": var_pool,
    "std": std_pool,
    "median": median_pool,
    "quantile": quantile_pool,
    "mode": mode_pool,
    "prod": named("product"),
    "any": named("any"),
    "all": named("all"),
    "count_nonzero": named("count_nonzero"),
}


def function_of(op: object) -> Callable[..., Any]:
    """The function of a named op."""
    rule = "op must be " + ", ".join(map(repr, list(OPS)[:-1])) + f" or {list(OPS)[-1]!r}"
    if not isinstance(op, str):
        raise TypeError(f"{rule}, not {shown(op)}")
    if op not in OPS:
        raise ValueError(f"{rule}, not {shown(op)}")
    return OPS[op]


def pool(
    x: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = None,
    padding: Padding = 0,
    dilation: Integers = 1,
    ceil_mode: CeilMode = False,
    *,
    op: str,
    **options: Any,
) -> Any:
    """Any pooling by the name of what it keeps of each window.

    Parameters
    ----------
    op : str
        "max", "min", "avg", "sum", "lp", "gem", "logsumexp", "softmax", "var", "std", "median", "quantile" or "mode":
        what the function of that name does, `max_pool` and so on. "prod": the product, 1 of no cell, with integers that
        wrap and a `dtype` as in `sum_pool`. "any", "all": whether a cell or all cells are not 0, as bool.
        "count_nonzero": how many, as int64. A NaN is not 0.
    x, kernel_size, stride, padding, dilation, ceil_mode
        As in `max_pool`.
    **options
        Any other argument of the function: ``axis``, ``nan_policy`` and ``out`` of all of them, ``q`` of "quantile" ...

    Returns
    -------
    numpy.ndarray
        As the function.

    Raises
    ------
    TypeError, ValueError
        As the function; and where `op` is unknown.

    See Also
    --------
    adaptive_pool, global_pool, pyramid_pool : the same ops on other windows.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> x = np.array([1, 2, 3, 4, 0, 6])
    >>> tp.pool(x, 3, axis=0, op="prod")
    array([6, 0])
    >>> tp.pool(x, 3, axis=0, op="quantile", q=0.25)
    array([1.5, 2. ])
    """
    return function_of(op)(
        x,
        kernel_size=kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
        **options,
    )
