"""Cells that are left out of their windows, and cells that weigh: `nan_policy`, `mask` and `weights` over the core.

What is left out is filled with what changes nothing (the lowest value, the highest, or 0) in a copy of x, which is then
pooled as any array. That leaves what filling cannot say: by how much to divide, and where an extremum lies.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from . import _arguments as arguments
from ._arguments import Array, Windows
from ._call import Call, copied, find, memory_order, saturated
from ._core import dtypes
from ._dtypes import FLOAT32, FLOAT64, INT64, UINT64, DType, choose_sum, is_float, readable, supported

Words: TypeAlias = tuple[object, ...]

PROPAGATE = "propagate"
WINDOWS = 7  # so many words say where windows lie


class Asked(NamedTuple):
    """The words that follow those of the windows, of which a sum has the first."""

    dtype: object = None
    count_include_pad: object = True
    divisor_override: Any = None
    rounding: object = "half_even"


def pool(
    op: str, x: Array, words: Words, out: Any, threads: int, nan_policy: object, mask: object, weights: object
) -> Array:
    """The way of the calls without indices."""
    call = find(op, x, words)  # refuses what no call takes
    arguments.output(out)
    missing = left_out(x, nan_policy, mask)
    if weights is not None:
        reduced = weighted_sum if op == "sum" else weighted_average
        return written((reduced(x, words, call, missing, weighing(weights, x.shape), threads),), (out,))[0]
    if missing is None:
        return call.run(x, out, threads)
    if op == "average" and Asked(*words[WINDOWS:]).divisor_override is None:
        return written((average(x, words, call, missing, threads),), (out,))[0]
    full = filled(x, missing, identity(op, readable(x.dtype)))
    return find(op, full, words).run(full, out, threads)


def pick(
    op: str, x: Array, words: Words, outs: tuple[Any, Any], threads: int, nan_policy: object, mask: object
) -> tuple[Array, Array]:
    """The way of the calls that return indices."""
    call = find(op, x, words)
    missing = left_out(x, nan_policy, mask)
    if missing is None:
        return call.pick(x, outs, threads)
    nothing = identity(op, readable(x.dtype))
    full = filled(x, missing, nothing)
    values, indices = find(op, full, words).pick(full, (None, None), threads)
    with np.errstate(invalid="ignore"):  # bfloat16 warns of NaN
        equal, alike = values == nothing, full == nothing
    if equal.any():  # the place may be one that was filled: look among the others
        alike &= ~missing
        found, places = find("max", alike, words).pick(alike, (None, None), threads)
        places[~found] = np.array(-1).astype(places.dtype)
        np.copyto(indices, places, where=equal)
    values, indices = written((values, indices), outs)
    return values, indices


def left_out(x: Array, nan_policy: object, mask: object) -> Array | None:
    """The cells that count as if they were not there, in a shape that broadcasts to that of x; None: there are none."""
    policy = arguments.nan_policy(nan_policy)
    hidden = None if mask is None else ~arguments.mask(mask, x.shape)
    if hidden is not None and not hidden.any():
        hidden = None
    if policy == PROPAGATE or not is_float(x.dtype):
        return hidden
    nan = np.isnan(x)
    if policy == "raise":
        arguments.refuse_nan("x", nan if hidden is None else nan & ~hidden, " where nan_policy is 'raise'")
        return hidden
    if not nan.any():
        return hidden
    if hidden is not None:
        nan |= hidden
    return nan


def identity(op: str, dtype: DType) -> Array:
    """What an operation gives of no cells, and what changes no result."""
    value: Any = 0
    if op in ("max", "min"):
        limits: Any = (False, True) if dtype.kind == "b" else (-np.inf, np.inf)
        if dtype.kind in "iu":
            limits = np.iinfo(dtype).min, np.iinfo(dtype).max
        value = limits[op == "min"]
    return np.array(value).astype(dtype)


def filled(x: Array, missing: Array | None, value: Array) -> Array:
    """A copy of x in its memory order and of the dtype of `value`, which takes the place of the missing cells."""
    copy = copied(x, value.dtype, memory_order(x.shape, x.strides))
    if missing is not None:
        np.copyto(copy, value, where=missing)
    return copy


def written(results: Sequence[Array], outs: Sequence[Any]) -> Sequence[Array]:
    """Each result in its `out`, if there is one. Nothing is written where one of them cannot be."""
    targets = [arguments.output(out) for out in outs]
    for result, target in zip(results, targets, strict=True):
        if target is not None:
            arguments.check_output(target, result.shape, result.dtype)
    for result, target in zip(results, targets, strict=True):
        if target is not None:
            np.copyto(target, result, casting="unsafe")
    return [result if out is None else out for result, out in zip(results, outs, strict=True)]


# ---- averages ----------------------------------------------------------------------------------------------------


def average(x: Array, words: Words, call: Call, missing: Array, threads: int) -> Array:
    """Sums divided by the taps that are left, once."""
    asked = Asked(*words[WINDOWS:])
    inside, padded = taps(x.shape, words)
    missed = summed(spread(missing, x.shape, words), words, None, threads)
    divisors = (padded if asked.count_include_pad else inside) - missed

    # What the core's average reads and adds up: integers of 8 and 16 bits exactly, floats as they are divided.
    source = choose_sum("average", readable(x.dtype), asked.dtype).source
    full = filled(x, missing, identity("average", source))
    if not is_float(source) and not is_float(call.dtype):
        return whole_quotients(whole_sums(full, words, threads), divisors, call)
    number = FLOAT32 if call.dtype.itemsize == 2 else call.dtype
    if not is_float(call.dtype):
        number = FLOAT64
    exact = not is_float(source) and source.itemsize <= 2
    sums = summed(full, words, None if exact else number, threads).astype(number, copy=False)
    return quotients(sums, divisors.astype(number), call)


def summed(x: Array, words: Words, dtype: object, threads: int) -> Array:
    """The sums of an array's windows, as a new array."""
    return find("sum", x, (*words[:WINDOWS], dtype)).run(x, None, threads)


def quotients(sums: Array, divisors: Array, call: Call) -> Array:
    """Floats divided and converted to the call's dtype. Overwrites `sums`, whose memory order is that of x."""
    with np.errstate(all="ignore"):
        if is_float(call.dtype):
            return np.divide(sums, divisors, out=sums).astype(call.dtype, copy=False)
        empty = (sums == 0) & (divisors == 0)
        np.divide(sums, divisors, out=sums)
    sums[empty] = 0
    if np.isnan(sums).any():
        raise ValueError(f"x must not have a window whose average is NaN where dtype is {call.dtype}")
    return saturated(sums, call.dtype, call.rounding)


def whole_sums(x: Array, words: Words, threads: int) -> Array:
    """The exact sums of integers: of 64 bits as Python's integers, of fewer as int64."""
    if x.dtype.itemsize < 8:
        return summed(x, words, INT64, threads)
    high, low = (summed(half, words, None, threads).astype(object) for half in (x >> 32, x & 0xFFFFFFFF))
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
    limits = np.iinfo(call.dtype)
    lowest, highest = limits.min, limits.max
    if whole.dtype == INT64:  # has room for no more
        lowest, highest = max(lowest, -(2**63)), min(highest, 2**63 - 1)
    result = np.empty_like(sums, call.dtype)
    np.copyto(result, np.asarray(np.clip(whole, lowest, highest)), casting="unsafe")
    return result


# ---- weights -----------------------------------------------------------------------------------------------------


def weighing(weights: Any, shape: tuple[int, ...]) -> Array:
    """The weights of an array of that shape, with as many dimensions."""
    arguments.refuse_meaningful("weights", weights)
    values = np.asarray(weights)
    values = values.astype(supported("weights must be an array of", values.dtype, dtypes), copy=False)
    arguments.refuse_nan("weights", np.isnan(values))
    return arguments.broadcastable("weights", values, shape)


def weighted_sum(x: Array, words: Words, call: Call, missing: Array | None, weights: Array, threads: int) -> Array:
    """Products of integers are added modulo 2**n, all others as float64."""
    result = call.dtype
    if Asked(*words[WINDOWS:]).dtype is None and not is_float(x.dtype):
        kinds = {x.dtype.kind, weights.dtype.kind} - {"b"}
        result = FLOAT64 if is_float(weights.dtype) else UINT64 if kinds == {"u"} else INT64
    if is_float(result):
        sums = summed(products(x, missing, weights), words, None, threads)
        with np.errstate(all="ignore"):
            return sums.astype(result, copy=False)
    if is_float(weights.dtype):
        raise TypeError(f"weights must be integers where dtype is {result}, not {weights.dtype}")
    full = filled(x, missing, identity("sum", readable(x.dtype)))
    full = full.astype(UINT64 if result == UINT64 else INT64)  # of which fewer bits are the same
    np.multiply(full, weights.astype(full.dtype), out=full)
    return summed(full, words, result, threads)


def weighted_average(x: Array, words: Words, call: Call, missing: Array | None, weights: Array, threads: int) -> Array:
    """Sums of float64 products divided by sums of weights; a tap over the padding, where it counts, weighs 1."""
    asked = Asked(*words[WINDOWS:])
    sums = summed(products(x, missing, weights), words, None, threads)
    if asked.divisor_override is not None:
        return quotients(sums, np.array(float(asked.divisor_override)), call)
    weights = weights.astype(FLOAT64)
    if missing is not None:
        weights = np.where(missing, 0, weights)
    divisors = summed(spread(weights, x.shape, words), words, None, threads)
    if asked.count_include_pad:
        inside, padded = taps(x.shape, words)
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


# ---- windows -----------------------------------------------------------------------------------------------------


def pooled(shape: tuple[int, ...], words: Words) -> dict[int, Windows]:
    """The windows of each pooled axis."""
    kernel_size, stride, padding, dilation, ceil_mode, layout, axis = words[:WINDOWS]
    axes = arguments.pooled_axes(layout, axis, len(shape))
    sizes = tuple(shape[axis] for axis in axes)
    windows = arguments.windows(sizes, kernel_size, stride, padding, dilation, ceil_mode)
    return dict(zip(axes, windows, strict=True))


def spread(array: Array, shape: tuple[int, ...], words: Words) -> Array:
    """Broadcast along the pooled axes: along the others one cell may stand for all, and its windows for theirs."""
    axes = pooled(shape, words)
    return np.broadcast_to(array, [shape[axis] if axis in axes else n for axis, n in enumerate(array.shape)])


def taps(shape: tuple[int, ...], words: Words) -> tuple[Array, Array]:
    """How many taps windows have inside the input and inside the padded input, in shapes that broadcast."""
    counts = [(axis, *taps_along(shape[axis], window)) for axis, window in pooled(shape, words).items()]
    most = prod(int(padded.max()) for _, _, padded in counts)
    inside = padded = np.ones((1,) * len(shape), INT64 if most < 2**62 else object)
    for axis, *along in counts:
        of_axis = [-1 if other == axis else 1 for other in range(len(shape))]
        inside, padded = inside * along[0].reshape(of_axis), padded * along[1].reshape(of_axis)
    return inside, padded


def taps_along(n: int, window: Windows) -> tuple[Array, Array]:
    """The same of one axis of n cells: the rules of docs/semantics.md."""
    if window[0] == "listed":
        counts = np.array(window[2], INT64)
        return counts, counts
    if window[0] == "adaptive":
        edges = n * np.arange(window[1] + 1, dtype=INT64)
        counts = -(-edges[1:] // window[1]) - edges[:-1] // window[1]
        return counts, counts
    kernel, stride, before, after, dilation, _ = window
    starts = stride * np.arange(arguments.outputs(n, window), dtype=INT64) - before

    def below(end: int) -> Array:
        return np.asarray(np.clip(-((starts - end) // dilation), 0, kernel))

    return below(n) - below(0), below(n + after)
