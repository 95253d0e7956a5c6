"""Cells that are left out of their windows, and cells that weigh: `nan_policy`, `mask` and `weights` over the core.

What is left out is filled with what changes nothing (the lowest value, the highest, or 0) in a copy of x, which is then
pooled as any array. That leaves what filling cannot say: by how much to divide, and where an extremum lies.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _arguments as arguments
from . import _arrays as arrays
from ._arrays import copied
from ._core import dtypes
from ._dtypes import FLOAT32, FLOAT64, INT64, UINT64, choose_sum, is_float, readable, supported
from ._ops import MAX, SUM, neutral
from ._plan import saturated
from ._windows import taps_along

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._plan import Call, Pooling
    from ._types import Array, DType
    from ._windows import Cells

POLICIES = ("propagate", "omit", "raise")


def left_out(x: Array, nan_policy: object, mask: object) -> Array | None:
    """The cells that count as if they were not there, in a shape that broadcasts to that of x; None: there are none."""
    policy = arguments.choice("nan_policy", nan_policy, POLICIES)
    hidden = None if mask is None else ~arrays.mask_of(mask, x.shape)
    if hidden is not None and not hidden.any():
        hidden = None
    if policy == "propagate" or not is_float(x.dtype):
        return hidden
    with np.errstate(invalid="ignore"):  # signalling NaNs
        nan = np.isnan(x)
    if policy == "raise":
        arrays.refuse_nan("x", nan if hidden is None else nan & ~hidden, " where nan_policy is 'raise'")
        return hidden
    if not nan.any():
        return hidden
    if hidden is not None:
        nan |= hidden
    return nan


def results(
    x: Array, pooling: Pooling, call: Call, missing: Array | None, masked: bool, threads: int
) -> tuple[Array, ...]:
    """The results of a call, new arrays, where cells are left out: NaNs alone, or those of a mask, too."""
    op = pooling.op
    nowhere = (None,) * len(call.dtypes)
    if missing is None:
        return call.results(x, nowhere, threads)
    if op.row.omits and not masked:
        return pooling.call(x, omit=True).results(x, nowhere, threads)
    if op.name == "avg" and not op.division.divisor:
        return (average(x, pooling, call, missing, threads),)
    nothing = neutral(op.row, readable(x.dtype))
    full = filled(x, missing, nothing)
    if op.counting is None:
        return pooling.call(full).results(full, nowhere, threads)
    values, indices = pooling.call(full).results(full, nowhere, threads)
    with np.errstate(invalid="ignore"):  # bfloat16 warns of NaN
        equal, alike = values == nothing, full == nothing
    if equal.any():  # the place may be one that was filled: look among the others
        alike &= ~missing
        found, places = pooling.of(MAX._replace(counting=op.counting)).call(alike).results(alike, nowhere, threads)
        places[~found] = np.array(-1).astype(places.dtype)
        np.copyto(indices, places, where=equal)
    return values, indices


def filled(x: Array, missing: Array | None, value: Array) -> Array:
    """A copy of x in its memory order and of the dtype of `value`, which takes the place of the missing cells."""
    copy = copied(x, value.dtype)
    if missing is not None:
        np.copyto(copy, value, where=missing)
    return copy


# ---- averages --------------------------------------------------------------------------------------------------------


def average(x: Array, pooling: Pooling, call: Call, missing: Array, threads: int) -> Array:
    """Sums divided by the taps that are left, once."""
    op, dtype = pooling.op, call.dtypes[0]
    inside, padded = taps(x.shape, pooling)
    missed = summed(spread(missing, x.shape, pooling), pooling, None, threads)
    divisors = (padded if op.division.count_include_pad else inside) - missed

    # What the core's average reads and adds up: integers of 8 and 16 bits exactly, floats as they are divided.
    source = choose_sum("average", readable(x.dtype), op.dtype).source
    full = filled(x, missing, np.zeros((), source))
    if not is_float(source) and not is_float(dtype):
        return whole_quotients(whole_sums(full, pooling, threads), divisors, call)
    number = FLOAT32 if dtype.itemsize == 2 else dtype
    if not is_float(dtype):
        number = FLOAT64
    exact = not is_float(source) and source.itemsize <= 2
    sums = summed(full, pooling, None if exact else number, threads).astype(number, copy=False)
    return quotients(sums, divisors.astype(number), call)


def summed(x: Array, pooling: Pooling, dtype: DType | None, threads: int) -> Array:
    """The sums of an array's windows, as a new array."""
    return pooling.of(SUM._replace(dtype=dtype)).call(x).results(x, (None,), threads)[0]


def quotients(sums: Array, divisors: Array, call: Call) -> Array:
    """Floats divided and converted to the call's dtype. Overwrites `sums`, whose memory order is that of x."""
    with np.errstate(all="ignore"):
        if is_float(call.dtypes[0]):
            return np.divide(sums, divisors, out=sums).astype(call.dtypes[0], copy=False)
        empty = (sums == 0) & (divisors == 0)
        np.divide(sums, divisors, out=sums)
    sums[empty] = 0
    if np.isnan(sums).any():
        raise ValueError(f"x must not have a window whose average is NaN where dtype is {call.dtypes[0]}")
    return saturated(sums, call.dtypes[0], call.rounding)


def whole_sums(x: Array, pooling: Pooling, threads: int) -> Array:
    """The exact sums of integers: of 64 bits as Python's integers, of fewer as int64."""
    if x.dtype.itemsize < 8:
        return summed(x, pooling, INT64, threads)
    high, low = (summed(half, pooling, None, threads).astype(object) for half in (x >> 32, x & 0xFFFFFFFF))
    return np.asarray(high * 2**32 + low)


def whole_quotients(sums: Array, divisors: Array, call: Call) -> Array:
    """Integers divided exactly, rounded and saturated; 0 where the divisor is 0."""
    floors, rests = sums // np.maximum(divisors, 1), sums % np.maximum(divisors, 1)
    up: dict[str, Callable[[], Any]] = {
        "half_even": lambda: 2 * rests + floors % 2 > divisors,  # odd floors go up at a half, too
        "half_up": lambda: 2 * rests >= divisors,
        "floor": lambda: False,
        "trunc": lambda: (floors < 0) & (rests > 0),
    }
    whole = np.where(divisors == 0, 0, floors + up[call.rounding]())
    limits = np.iinfo(call.dtypes[0])
    lowest, highest = limits.min, limits.max
    if whole.dtype == INT64:  # has room for no more
        lowest, highest = max(lowest, -(2**63)), min(highest, 2**63 - 1)
    result = np.empty_like(sums, call.dtypes[0])
    np.copyto(result, np.asarray(np.clip(whole, lowest, highest)), casting="unsafe")
    return result


# ---- weights -----------------------------------------------------------------------------------------------------


def weights_of(weights: Any, shape: tuple[int, ...]) -> Array:
    """The weights of an array of that shape, with as many dimensions."""
    values = arrays.plain("weights", weights)
    values = values.astype(supported("weights must be an array of", values.dtype, dtypes), copy=False)
    arrays.refuse_nan("weights", np.isnan(values))
    return arrays.broadcastable("weights", values, shape)


def weighted_dtype(x: Array, pooling: Pooling, call: Call, weights: Array) -> DType:
    """Of the result: that of the call, but for sums of integers, which follow those of the weights, too."""
    if pooling.op.name == "avg" or pooling.op.dtype is not None or is_float(x.dtype):
        dtype = call.dtypes[0]
    else:
        kinds = {x.dtype.kind, weights.dtype.kind} - {"b"}
        dtype = FLOAT64 if is_float(weights.dtype) else UINT64 if kinds == {"u"} else INT64
    if pooling.op.name == "sum" and not is_float(dtype) and is_float(weights.dtype):
        raise TypeError(f"weights must be integers where dtype is {dtype}, not {weights.dtype}")
    return dtype


def weighted(
    x: Array, pooling: Pooling, call: Call, missing: Array | None, weights: Array, dtype: DType, threads: int
) -> Array:
    """A weighted sum or average, as a new array."""
    if pooling.op.name == "avg":
        return weighted_average(x, pooling, call, missing, weights, threads)
    if is_float(dtype):
        sums = summed(products(x, missing, weights), pooling, None, threads)
        with np.errstate(all="ignore"):
            return sums.astype(dtype, copy=False)
    full = filled(x, missing, np.zeros((), readable(x.dtype)))  # products of integers are added modulo 2**n
    with np.errstate(all="ignore"):
        full = full.astype(UINT64 if dtype == UINT64 else INT64)  # of which fewer bits are the same
    np.multiply(full, weights.astype(full.dtype), out=full)
    return summed(full, pooling, dtype, threads)


def weighted_average(
    x: Array, pooling: Pooling, call: Call, missing: Array | None, weights: Array, threads: int
) -> Array:
    """Sums of float64 products divided by sums of weights; a tap over the padding, where it counts, weighs 1."""
    division = pooling.op.division
    sums = summed(products(x, missing, weights), pooling, None, threads)
    if division.divisor:
        return quotients(sums, np.array(division.divisor), call)
    weights = weights.astype(FLOAT64)
    if missing is not None:
        weights = np.where(missing, 0, weights)
    divisors = summed(spread(weights, x.shape, pooling), pooling, None, threads)
    if division.count_include_pad:
        inside, padded = taps(x.shape, pooling)
        divisors = divisors + (padded - inside).astype(FLOAT64)
    return quotients(sums, divisors, call)


def products(x: Array, missing: Array | None, weights: Array) -> Array:
    """Cells times weights in float64, in the memory order of x; 0 where a cell is missing."""
    full = filled(x, None, np.zeros((), FLOAT64))
    with np.errstate(all="ignore"):
        np.multiply(full, weights, out=full, dtype=FLOAT64, casting="unsafe")
    if missing is not None:
        np.copyto(full, 0, where=missing)
    return full


# ---- windows ---------------------------------------------------------------------------------------------------------


def spread(array: Array, shape: Cells, pooling: Pooling) -> Array:
    """Broadcast along the pooled axes: along the others one cell may stand for all, and its windows for theirs."""
    axes = pooling.axes.of(len(shape))
    return np.broadcast_to(array, [shape[axis] if axis in axes else n for axis, n in enumerate(array.shape)])


def taps(shape: Cells, pooling: Pooling) -> tuple[Array, Array]:
    """How many taps windows have inside the input and inside the padded input, in shapes that broadcast."""
    counts = [(axis, *taps_along(shape[axis], window)) for axis, window in pooling.along(shape).items()]
    most = prod(int(padded.max()) for _, _, padded in counts)
    inside = padded = np.ones((1,) * len(shape), INT64 if most < 2**62 else object)
    for axis, *along in counts:
        of_axis = [-1 if other == axis else 1 for other in range(len(shape))]
        inside, padded = inside * along[0].reshape(of_axis), padded * along[1].reshape(of_axis)
    return inside, padded
