"""Averages of the cells that are left, and of cells that weigh: by how much to divide, which no neutral value says."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _arrays as arrays
from ._arrays import copied
from ._core import dtypes
from ._dtypes import FLOAT32, FLOAT64, INT64, UINT64, choose_sum, is_float, readable, supported
from ._ops import AVERAGE, PRESENT, SUM, Division
from ._plan import ALL, Missing, Pooling, saturated
from ._windows import taps_along

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._ops import Op
    from ._plan import Call
    from ._types import Array, DType
    from ._windows import Cells


def average(x: Array, pooling: Pooling, call: Call, missing: Missing, threads: int) -> Array:
    """Sums divided by the taps that are left, once."""
    op, dtype = pooling.op, call.dtypes[0]
    # What the core's average reads and adds up: integers of 8 and 16 bits exactly, floats as they are divided.
    source = choose_sum("average", readable(x.dtype), op.dtype).source
    number = averaged_in(x, pooling, source, dtype)
    if number is not None:
        in_core = pooling.of(op._replace(dtype=number)).call(x, missing)
        with np.errstate(all="ignore"):
            return in_core.results(x, (None,), threads, missing)[0].astype(dtype, copy=False)

    counts = counted(x, pooling, missing, threads)
    if op.division.count_include_pad:
        inside, padded = taps(x.shape, pooling)
        counts = np.asarray(counts + (padded - inside))
    if not is_float(source) and not is_float(dtype):
        return whole_average(x, pooling, call, missing, counts, threads)
    number = FLOAT32 if dtype.itemsize == 2 else dtype
    if not is_float(dtype):
        number = FLOAT64
    exact = not is_float(source) and source.itemsize <= 2
    sums = summed(x, pooling, None if exact else number, threads, missing).astype(number, copy=False)
    return quotients(sums, counts.astype(number), call)


def averaged_in(x: Array, pooling: Pooling, source: DType, dtype: DType) -> DType | None:
    """The floats in which the core averages cells that are left: they count all cells of a window, and hold sums of
    integers of 8 and 16 bits. None: there is none, or the result is no float."""
    if not is_float(dtype):
        return None
    number = FLOAT32 if dtype.itemsize == 2 else dtype
    whole = not is_float(source) and source.itemsize <= 2
    most = 2 ** (24 if number == FLOAT32 else 53) >> (8 * source.itemsize if whole else 0)
    if x.size <= most or most_taps(x.shape, pooling)[0] <= most:
        return number
    return None if whole else FLOAT64


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


def rounded_in(x: Array, pooling: Pooling, source: DType, dtype: DType) -> DType | None:
    """The floats of whose quotients the core makes averages in integers, which are as if they were exact. None: there
    are none, or it is no such average.

    A sum of d integers of n bits, which is exact, divided by d is below 2**n, and 1 / (2 * d) or more from any integer,
    and from any number half way between two of them, that it is not. Its error is 2**(n - 24) at most in float32, and
    2**(n - 53) in float64; what it is moved by before it is rounded needs the other bits.
    """
    if is_float(source) or is_float(dtype) or pooling.op.division.divisor:
        return None
    sums = most_taps(x.shape, pooling)[1] << 8 * source.itemsize
    return FLOAT32 if sums <= 2**20 else FLOAT64 if sums <= 2**48 else None


def whole_average(x: Array, pooling: Pooling, call: Call, missing: Missing, divisors: Array, threads: int) -> Array:
    """Averages of integers, exact before they are rounded; 0 where there are none."""
    divisors = np.maximum(divisors, 1)
    if x.dtype.itemsize < 8:
        sums = summed(x, pooling, INT64, threads, missing)
        return rounded_quotients(sums // divisors, sums % divisors, divisors, call, sums)
    # Sums of 96 bits in two parts: what is above the lower 32 bits, rounded down, and all modulo 2**64.
    number = UINT64 if x.dtype.kind == "u" else INT64
    upper = AVERAGE._replace(dtype=number, division=Division(divisor=2.0**32, rounding="floor"))
    high = pooling.of(upper).call(x, missing).results(x, (None,), threads, missing)[0]
    low = summed(x, pooling, number, threads, missing).astype(UINT64) & np.uint64(2**32 - 1)
    if divisors.dtype == object or divisors.max(initial=1) >= 2**32:  # the padding counts, and is vast
        sums = high.astype(object) * 2**32 + low
        return rounded_quotients(sums // divisors, sums % divisors, divisors, call, high)
    floors, rests = np.divmod(high, divisors.astype(number))
    lower, rests = np.divmod(rests.astype(UINT64) << np.uint64(32) | low, divisors.astype(UINT64))
    floors = ((floors.astype(UINT64) << np.uint64(32)) + lower).astype(number)
    return rounded_quotients(floors, rests.astype(INT64), divisors, call, high)


def rounded_quotients(floors: Array, rests: Array, divisors: Array, call: Call, like: Array) -> Array:
    """Quotients of integers, rounded and saturated, in the memory order of `like`."""
    up: dict[str, Callable[[], Any]] = {
        "half_even": lambda: 2 * rests + (floors % 2).astype(rests.dtype) > divisors,  # odd ones go up at a half, too
        "half_up": lambda: 2 * rests >= divisors,
        "floor": lambda: np.False_,
        "trunc": lambda: (floors < 0) & (rests > 0),
    }
    whole = floors + up[call.rounding]()
    limits = np.iinfo(call.dtypes[0])
    lowest, highest = limits.min, limits.max
    if whole.dtype != object:  # has room for no more
        own = np.iinfo(whole.dtype)
        lowest, highest = max(lowest, own.min), min(highest, own.max)
    result = np.empty_like(like, call.dtypes[0])
    np.copyto(result, np.asarray(np.clip(whole, lowest, highest)), casting="unsafe")
    return result


# ---- weights -----------------------------------------------------------------------------------------------------


def weights_of(weights: Any, shape: tuple[int, ...]) -> Array:
    """The weights of an array of that shape, with as many dimensions."""
    values = arrays.plain("weights", weights)
    values = values.astype(supported("weights must be an array of", values.dtype, dtypes), copy=False)
    arrays.refuse_nan("weights", np.isnan(values))
    return arrays.broadcastable("weights", values, shape)


def weighted_dtype(op: Op, x: DType, weights: DType, usual: DType) -> DType:
    """Of the result: the usual one, but for sums of integers, which follow those of the weights, too."""
    dtype = usual
    if op.name != "avg" and op.dtype is None and not is_float(x):
        kinds = {x.kind, weights.kind} - {"b"}
        dtype = FLOAT64 if is_float(weights) else UINT64 if kinds == {"u"} else INT64
    if op.name == "sum" and not is_float(dtype) and is_float(weights):
        raise TypeError(f"weights must be integers where dtype is {dtype}, not {weights}")
    return dtype


def weighted(
    x: Array, pooling: Pooling, call: Call, missing: Missing, weights: Array, dtype: DType, threads: int
) -> Array:
    """A weighted sum or average, as a new array."""
    if not is_float(dtype) and pooling.op.name == "sum":
        return whole_products(x, pooling, missing, weights, dtype, threads)
    missing = missing._replace(weights=weights.astype(FLOAT64, copy=False))
    division = pooling.op.division
    op = pooling.op._replace(dtype=FLOAT64)
    if pooling.op.name == "avg" and (division.divisor or not is_float(dtype)):
        op = SUM._replace(dtype=FLOAT64)
    result = pooling.of(op).call(x, missing).results(x, (None,), threads, missing)[0]
    if op.name == pooling.op.name:
        with np.errstate(all="ignore"):
            return result.astype(dtype, copy=False)
    if division.divisor:
        return quotients(result, np.array(division.divisor), call)
    return quotients(result, weight_of_windows(x, pooling, missing, threads), call)


def weight_of_windows(x: Array, pooling: Pooling, missing: Missing, threads: int) -> Array:
    """What the cells of each window weigh, in float64; a tap over the padding weighs 1 where it counts."""
    weight = weight_of_cells(x, pooling, missing, threads)
    if not pooling.op.division.count_include_pad:
        return weight
    inside, padded = taps(x.shape, pooling)
    return np.asarray(weight + (padded - inside).astype(FLOAT64))


def weight_of_cells(x: Array, pooling: Pooling, missing: Missing, threads: int) -> Array:
    present = pooling.of(PRESENT._replace(dtype=FLOAT64))
    return present.call(x, missing).results(x, (None,), threads, missing)[0]


def whole_products(x: Array, pooling: Pooling, missing: Missing, weights: Array, dtype: DType, threads: int) -> Array:
    """Sums of products of integers, which are added modulo 2**n."""
    full = filled(x, missing.cells(x), np.zeros((), readable(x.dtype)))
    with np.errstate(all="ignore"):
        full = full.astype(UINT64 if dtype == UINT64 else INT64)  # of which fewer bits are the same
    np.multiply(full, weights.astype(full.dtype), out=full)
    return summed(full, pooling, dtype, threads)


# ---- sums and counts -------------------------------------------------------------------------------------------------


def summed(x: Array, pooling: Pooling, dtype: DType | None, threads: int, missing: Missing = ALL) -> Array:
    """The sums of an array's windows, as a new array."""
    return pooling.of(SUM._replace(dtype=dtype)).call(x, missing).results(x, (None,), threads, missing)[0]


def counted(x: Array, pooling: Pooling, missing: Missing, threads: int) -> Array:
    """How many cells of each window are there: in a shape that broadcasts to that of the result."""
    if missing.nothing:
        return taps(x.shape, pooling)[0]
    if missing.nans:
        return pooling.of(PRESENT).call(x, missing).results(x, (None,), threads, missing)[0]
    assert missing.mask is not None  # which may be smaller than x
    return summed(spread(missing.mask, x.shape, pooling), pooling, None, threads)


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


def most_taps(shape: Cells, pooling: Pooling) -> tuple[int, int]:
    """The most of these of any window."""
    counts = [taps_along(shape[axis], window) for axis, window in pooling.along(shape).items()]
    inside, padded = ((int(part.max(initial=0)) for part in parts) for parts in zip(*counts, strict=True))
    return prod(inside), prod(padded)


def filled(x: Array, places: Array | None, value: Array) -> Array:
    """A copy of x in its memory order and of the dtype of `value`, which takes these places."""
    copy = copied(x, value.dtype)
    if places is not None:
        np.copyto(copy, value, where=places)
    return copy
