"""The poolings that are no operation of the core's: cells that are drawn by chance, and mixtures of two poolings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _arrays as arrays
from ._arguments import is_integer, shown
from ._arrays import copied, memory_order
from ._averages import filled
from ._dtypes import FLOAT64, is_float, readable
from ._indices import cells, index_steps
from ._missing import results as missing_results
from ._ops import MAX, neutral

if TYPE_CHECKING:
    from ._ops import Mixed, Stochastic
    from ._plan import Call, Missing, Pooling
    from ._types import Array
    from ._windows import Cells

SMALL = 2.0**-200  # keys of a race are between 2**-200 and 2**888
AT_ONCE = 1 << 20  # draws of some hundredths of a second: signals are handled between them


def drawn(
    x: Array, op: Stochastic, pooling: Pooling, call: Call, missing: Array | None, threads: int
) -> tuple[Array, ...]:
    """The cells that win the race, and their indices if these are asked for. `pooling` is of maxima with indices."""
    if missing is not None:
        x = filled(x, missing, neutral(op.row, readable(x.dtype)))
    activations = copied(x, FLOAT64)
    best, indices = pooling.call(activations).results(race(activations, op.rng), (None, None), threads)
    nowhere = best == -np.inf
    base = "plane" if pooling.op.counting is None else pooling.op.counting.base
    places = cells(np.where(nowhere, 0, indices), x.shape, pooling.axes.of(x.ndim), base)
    # By one number for each: an array of 64 dimensions has no room for as many arrays of indices.
    steps = index_steps("array", x.shape, ())
    values = np.take(x, sum((n * step for n, step in zip(places, steps, strict=True)), np.zeros_like(indices)))
    values[nowhere] = 0
    results = values, np.where(nowhere, np.int64(-1), indices)
    order = memory_order(x.shape, x.strides)
    both = tuple(copied(part, dtype, order) for part, dtype in zip(results, call.dtypes, strict=True))
    return both if op.counting is not None else both[:1]


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


def mixed(x: Array, op: Mixed, pooling: Pooling, call: Call, missing: Missing, threads: int) -> Array:
    """alpha * max + (1 - alpha) * avg. `pooling` is that of the averages."""
    share = shares(op.alpha, call.shape)
    averages, maxima = (
        missing_results(x, each, each.call(x), missing, threads)[0] for each in (pooling, pooling.of(MAX))
    )
    with np.errstate(all="ignore"):
        largest, means = maxima.astype(FLOAT64), averages.astype(FLOAT64)
        result = np.empty_like(means)
        np.multiply(largest, share, out=result)
        result += means * (1 - share)
        for part, whole in ((largest, share == 1), (means, share == 0)):  # 0 * infinity is no number
            np.copyto(result, part, where=whole)
        return result.astype(averages.dtype, copy=False)


def shares(alpha: Any, shape: Cells) -> Array:
    """The numbers of `alpha` as float64, if they broadcast to the shape."""
    rule = f"alpha must be a number from 0 to 1 or an array of such, not {shown(alpha)}"
    if is_integer(alpha) and not 0 <= alpha <= 1:  # of any size
        raise ValueError(rule)
    if isinstance(alpha, np.ndarray):
        arrays.plain("alpha", alpha)  # whose sentence about subclasses says more than the rule
    try:
        array = arrays.plain("alpha", alpha)
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
