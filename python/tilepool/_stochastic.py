"""The public functions that choose or mix what a window gives: stochastic and mixed pooling."""

from __future__ import annotations  # so that help() shows the short names below

from typing import Any, Literal, SupportsIndex, overload

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from ._api import Array, CeilMode, Integers, Layout, NanPolicy, Output, Padding, pool
from ._arguments import CELL_BASES, is_integer, shown
from ._call import copied, find, memory_order
from ._dtypes import FLOAT64, DType, is_float, readable
from ._fractional import generator
from ._indices import cells
from ._missing import filled, left_out
from ._reducers import reduce

SMALL = 2.0**-200  # keys of a race are between 2**-200 and 2**888
AT_ONCE = 1 << 20  # draws of some hundredths of a second: signals are handled between them


@overload
def stochastic_pool(
    x: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = ...,
    padding: Padding = ...,
    dilation: Integers = ...,
    ceil_mode: CeilMode = ...,
    *,
    training: bool | np.bool_ = ...,
    rng: np.random.Generator | SupportsIndex | None = ...,
    return_indices: Literal[False] = ...,
    layout: Layout = ...,
    axis: Integers | None = ...,
    index_dtype: npt.DTypeLike = ...,
    index_base: Literal["plane", "batch", "array"] = ...,
    nan_policy: NanPolicy = ...,
    out: Array | None = ...,
    threads: SupportsIndex | None = ...,
) -> Array: ...
@overload
def stochastic_pool(
    x: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = ...,
    padding: Padding = ...,
    dilation: Integers = ...,
    ceil_mode: CeilMode = ...,
    *,
    training: bool | np.bool_ = ...,
    rng: np.random.Generator | SupportsIndex | None = ...,
    return_indices: Literal[True],
    layout: Layout = ...,
    axis: Integers | None = ...,
    index_dtype: npt.DTypeLike = ...,
    index_base: Literal["plane", "batch", "array"] = ...,
    nan_policy: NanPolicy = ...,
    out: Output = ...,
    threads: SupportsIndex | None = ...,
) -> tuple[Array, Array]: ...
def stochastic_pool(
    x: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = None,
    padding: Padding = 0,
    dilation: Integers = 1,
    ceil_mode: CeilMode = False,
    *,
    training: bool | np.bool_ = True,
    rng: np.random.Generator | SupportsIndex | None = None,
    return_indices: bool | np.bool_ = False,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    index_dtype: npt.DTypeLike = "int64",
    index_base: Literal["plane", "batch", "array"] = "plane",
    nan_policy: NanPolicy = "propagate",
    out: Output = None,
    threads: SupportsIndex | None = None,
) -> Array | tuple[Array, Array]:
    """One cell of each window, drawn by chance: the larger, the likelier.

    With a = max(x, 0), the activation, a cell is drawn with the probability of its share ``a / sum(a)`` in the
    window. Parameters that are not listed here, shapes and errors are those of `max_pool`.

    Parameters
    ----------
    training : bool, default True
        Draw. Else the result is the average of what would be drawn, ``sum(a**2) / sum(a)``, and nothing is random.
    rng : numpy.random.Generator or int, optional
        What is drawn from, or its seed. Default: a new one at every call. Not used where `training` is False.
    return_indices : bool, default False
        Return a second array that tells which cells were drawn: what `max_unpool` takes. -1 where there is none. Only
        where `training`.
    index_dtype, index_base
        As in `max_pool`, but for "window".
    nan_policy : {"propagate", "omit", "raise"}, default "propagate"
        As in `max_pool`; a NaN that is left out is never drawn.
    out : numpy.ndarray, optional
        As in `max_pool`; with `return_indices` it may be a pair.

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the dtype and the memory order of `x`; where `training` is False, with the dtype of
        `avg_pool`. A window that sees a NaN gives NaN, one with an infinite activation this (the first one's index),
        and one without a positive cell 0, with the index -1.
    indices : numpy.ndarray
        Only with `return_indices`: an array of `index_dtype`.

    Raises
    ------
    TypeError, ValueError
        As `max_pool`; and where `rng` is none, or indices are asked for and `training` is False.

    See Also
    --------
    max_pool : describes all other parameters.

    Notes
    -----
    Zeiler and Fergus, "Stochastic Pooling for Regularization of Deep Convolutional Neural Networks", 2013
    (arXiv:1301.3557). Each cell of x gets one standard exponential number e, in row-major order whatever lies where in
    memory, and the cell of a window with the largest a / e is drawn. That is right because e / a is an exponential
    waiting time of rate a, and the first of several such times to end is each with the probability of its share in the
    sum of the rates. Windows that share cells share their numbers: each has the right distribution, but neighbours are
    not independent. The draw depends on the seed, the shape and the values alone. 64-bit integers count as the nearest
    float64.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> x = np.array([0.0, 3.0, -1.0, 1.0])
    >>> draws = tp.stochastic_pool(np.tile(x, 100_000), 4, axis=0, rng=0)  # 3 with probability 3/4
    >>> round(float(np.mean(draws == 3)), 2), round(float(np.mean(draws == 1)), 2)
    (0.75, 0.25)
    >>> tp.stochastic_pool(x, 4, axis=0, training=False)
    array([2.5])
    """
    words = (kernel_size, stride, padding, dilation, ceil_mode, layout, axis)
    x = arguments.array(x)
    missing = left_out(x, nan_policy, None)
    if missing is not None:
        x = filled(x, missing, np.zeros((), readable(x.dtype)))
    indexed = arguments.flag("return_indices", return_indices)
    if not arguments.flag("training", training):
        if indexed:
            raise ValueError(f"return_indices must be False where training is False, not {shown(return_indices)}")
        return expectation(x, words, out, threads)
    if not indexed:
        return drawn(x, words, rng, "plane", "int64", (out, None), threads)[0]
    return drawn(x, words, rng, index_base, index_dtype, arguments.output_pair(out), threads)


def mixed_pool(
    x: npt.ArrayLike,
    kernel_size: Integers,
    stride: Integers | None = None,
    padding: Padding = 0,
    dilation: Integers = 1,
    ceil_mode: CeilMode = False,
    *,
    alpha: float | npt.ArrayLike = 0.5,
    count_include_pad: bool | np.bool_ = True,
    layout: Layout = "channels_first",
    axis: Integers | None = None,
    nan_policy: NanPolicy = "propagate",
    out: Array | None = None,
    threads: SupportsIndex | None = None,
) -> Array:
    """A mixture of the largest value and the average of each window: ``alpha * max + (1 - alpha) * avg``.

    Parameters that are not listed here, shapes and errors are those of `max_pool`.

    Parameters
    ----------
    alpha : float or array_like, default 0.5
        The share of the maximum, from 0 to 1: one for all windows, or an array that broadcasts to the shape of the
        result. One number per channel is of shape ``(channels, 1, 1)``; the gate of gated pooling, which the caller
        calculates from x, has one for each window.
    count_include_pad : bool, default True
        As in `avg_pool`.
    nan_policy : {"propagate", "omit", "raise"}, default "propagate"
        As in `max_pool`.

    Returns
    -------
    numpy.ndarray
        `out`, or an array with the dtype of `avg_pool` and the memory order of `x`. Where alpha is 1 it is exactly that
        of `max_pool`, where 0 that of `avg_pool`, whatever the other is (a window that sees only padding included).

    Raises
    ------
    TypeError, ValueError
        As `max_pool`; and where `alpha` is no such number or does not broadcast.

    See Also
    --------
    max_pool, avg_pool : describe all other parameters.

    Notes
    -----
    Lee, Gallagher and Tu, "Generalizing Pooling Functions in Convolutional Neural Networks: Mixed, Gated, and Tree",
    2016. Yu, Wang, Chen and Wei, "Mixed Pooling for Convolutional Neural Networks", 2014, draw each alpha from {0, 1}:
    ``alpha=rng.integers(0, 2, (channels, 1, 1))``. The mixture is calculated in float64 and rounded once.

    Examples
    --------
    >>> import numpy as np
    >>> import tilepool as tp
    >>> x = np.array([[1.0, 3.0, 0.0, 8.0], [1.0, 3.0, 0.0, 8.0]])
    >>> tp.mixed_pool(x, 2, axis=1, alpha=0.25)
    array([[2.25, 5.  ],
           [2.25, 5.  ]])
    >>> tp.mixed_pool(x, 2, axis=1, alpha=[[1], [0]])
    array([[3., 8.],
           [2., 4.]])
    """
    words = (kernel_size, stride, padding, dilation, ceil_mode, layout, axis)
    return mixed(x, words, alpha, count_include_pad, nan_policy, out, threads)


def drawn(
    x: npt.ArrayLike,
    words: tuple[object, ...],
    rng: object,
    index_base: object,
    index_dtype: object,
    outs: tuple[Any, Any],
    threads: object,
) -> tuple[Array, Array]:
    """Values and indices of the cells that win the race."""
    array = arguments.array(x)
    dtype = readable(array.dtype)
    axes = arguments.pooled_axes(words[5], words[6], array.ndim)  # layout, axis
    base = arguments.index_base("index_base", index_base, CELL_BASES)
    team = arguments.threads(threads)
    order = memory_order(array.shape, array.strides)
    activations = copied(array, FLOAT64, order)
    call = find("max", activations, (*words, None, True, None, "half_even", base, index_dtype))
    kinds = dtype, np.dtype(call.indices)
    for out, kind in zip(outs, kinds, strict=True):
        refuse_output(out, call.plan.result_shape, kind)

    best, indices = call.pick(race(activations, generator(rng)), (None, None), team)
    nowhere = best == -np.inf
    values = array[tuple(cells(np.where(nowhere, 0, indices), array.shape, axes, base))]
    values[nowhere] = 0
    results = values, np.where(nowhere, np.int64(-1), indices)
    written = [deliver(copied(part, kind, order), out) for part, kind, out in zip(results, kinds, outs, strict=True)]
    return written[0], written[1]


def race(activations: Array, rng: np.random.Generator) -> Array:
    """For each cell a key that grows with a / e: -inf where a is not positive, NaN where it is. Overwrites a.

    A quotient below 1 is kept as minus its reciprocal, because float64 has no room for all quotients: so none
    overflows or loses digits.
    """
    waits = np.empty(activations.shape)
    draws = waits.reshape(-1)
    for start in range(0, draws.size, AT_ONCE):
        part = draws[start : start + AT_ONCE]
        part[:] = rng.standard_exponential(part.size)
    np.maximum(waits, 2.0**-64, out=waits)  # the least draw but 0 is 2**-58
    with np.errstate(all="ignore"):
        np.maximum(activations, 0, out=activations)
        below = activations < waits
        keys = activations * SMALL
        keys /= waits
        waits *= -SMALL
        return np.divide(waits, activations, out=keys, where=below)


def expectation(x: npt.ArrayLike, words: tuple[object, ...], out: Any, threads: object) -> Array:
    """sum(a**2) / sum(a) of each window, a = max(x, 0); 0 where no a is positive."""
    return reduce("self_weighted", (0.0, 0.0), x, words, "propagate", out, threads)


def mixed(
    x: npt.ArrayLike,
    words: tuple[object, ...],
    alpha: object,
    count_include_pad: object,
    nan_policy: object,
    out: Any,
    threads: object,
) -> Array:
    array = arguments.array(x)
    averages = pool("average", array, (*words, None, count_include_pad), None, threads, nan_policy)
    share = shares(alpha, averages.shape)
    refuse_output(out, averages.shape, averages.dtype)
    largest = pool("max", array, words, None, threads, nan_policy).astype(FLOAT64)
    means = averages.astype(FLOAT64)
    result = np.empty_like(means)
    with np.errstate(all="ignore"):
        np.multiply(largest, share, out=result)
        result += means * (1 - share)
        for part, whole in ((largest, share == 1), (means, share == 0)):  # 0 * infinity is no number
            np.copyto(result, part, where=whole)
        return deliver(result.astype(averages.dtype, copy=False), out)


def shares(word: Any, shape: tuple[int, ...]) -> Array:
    """The numbers of `alpha` as float64, if they broadcast to the shape."""
    arguments.refuse_meaningful("alpha", word)
    rule = f"alpha must be a number from 0 to 1 or an array of such, not {shown(word)}"
    if is_integer(word) and not 0 <= word <= 1:  # of any size
        raise ValueError(rule)
    try:
        array = np.asarray(word)
    except Exception as error:  # nested lists of uneven lengths, and anything may refuse
        raise TypeError(rule) from error
    if array.dtype.kind not in "iu" and not is_float(array.dtype):
        raise TypeError(rule)
    numbers = array.astype(FLOAT64)
    if not ((numbers >= 0) & (numbers <= 1)).all():  # a NaN is neither
        raise ValueError(rule)
    try:
        return np.broadcast_to(numbers, shape)
    except ValueError as error:
        raise ValueError(f"alpha must broadcast to the shape of the result, {shape}, not have {array.shape}") from error


def refuse_output(out: Any, shape: tuple[int, ...], dtype: DType) -> None:
    target = arguments.output(out)
    if target is not None:
        arguments.check_output(target, shape, dtype)


def deliver(result: Array, out: Array | None) -> Array:
    """The result, or `out` with it, which was not refused."""
    if out is None:
        return result
    np.copyto(np.asarray(out), result, casting="same_kind")
    return out
