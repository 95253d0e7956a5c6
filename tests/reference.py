"""The oracle: pooling in slow and obvious numpy, written from the definitions in docs/semantics.md.

Nothing of tilepool is imported. Windows come first, as one list per axis; a pooling then visits its windows one by one
and keeps what its name says of the cells inside. Sums are exact (math.fsum, Python integers), so that what a
comparison has to tolerate are the roundings of the library alone; `sum_bound` says how large these may be.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import ml_dtypes  # has bfloat16, and teaches numpy its name
import numpy as np
from numpy.typing import NDArray

import rounding_errors
from rounding_errors import error, power_sum, root, variance

Array = NDArray[Any]


@dataclass(frozen=True)
class Window:
    """What one output sees along one axis."""

    taps: NDArray[np.intp]  # the cells of the input that are looked at
    size: int  # taps inside the padded input
    numbers: NDArray[np.intp] | None = None  # of the taps, counted from the start of the window before clipping


Windows = Sequence[Window]  # of one axis, one per output


def same_padding(n: int, kernel: int, stride: int, dilation: int = 1, *, lower: bool = False) -> tuple[int, int]:
    """As much padding as gives ceil(n / stride) outputs; the odd cell goes after, or before with `lower`."""
    extent = dilation * (kernel - 1) + 1
    outputs = math.ceil(Fraction(n, stride))
    total = max(0, (outputs - 1) * stride + extent - n)
    small, large = total // 2, total - total // 2
    return (large, small) if lower else (small, large)


def sliding(
    n: int,
    kernel: int,
    stride: int | None = None,
    padding: tuple[int, int] = (0, 0),
    dilation: int = 1,
    ceil_mode: bool | str = False,
) -> list[Window]:
    """The windows of one axis of n cells; cell 0 of the input has number 0, padding has numbers below 0 and from n.

    `ceil_mode` "full" keeps a last window that starts behind the input and the padding before it, True does not.
    """
    ceil_mode = {"floor": False, "ceil": True}.get(str(ceil_mode), ceil_mode)
    stride = kernel if stride is None else stride
    before, after = padding
    extent = dilation * (kernel - 1) + 1
    steps = Fraction(n + before + after - extent, stride)
    outputs = (math.ceil(steps) if ceil_mode else math.floor(steps)) + 1
    if ceil_mode is True and (outputs - 1) * stride >= n + before:
        outputs -= 1
    windows = []
    for output in range(outputs):
        taps = output * stride - before + dilation * np.arange(kernel)
        inside = (taps >= 0) & (taps < n)
        size = int(np.sum((taps >= -before) & (taps < n + after)))
        windows.append(Window(taps[inside], size, np.flatnonzero(inside)))
    return windows


def listed(firsts: Sequence[int], counts: Sequence[int]) -> list[Window]:
    """Windows of neighbouring cells, as they are named."""
    return [Window(np.arange(first, first + count), count) for first, count in zip(firsts, counts, strict=True)]


def adaptive(n: int, outputs: int) -> list[Window]:
    """Output i sees the cells that the i-th of `outputs` equal parts of the axis touches."""
    edges = [Fraction(i * n, outputs) for i in range(outputs + 1)]
    firsts = [math.floor(edge) for edge in edges[:-1]]
    return listed(firsts, [math.ceil(edge) - first for edge, first in zip(edges[1:], firsts, strict=True)])


def fractional_boundaries(cells: int, steps: int, u: float) -> list[int]:
    """floor(a * (i + u)) - floor(a * u) with a = cells / steps (Graham 2014, counted from 0)."""
    a = Fraction(cells, steps)
    return [math.floor(a * (i + Fraction(u))) - math.floor(a * Fraction(u)) for i in range(steps + 1)]


def fractional(n: int, boundaries: Sequence[int], kernel: int | None = None, overlapping: bool = False) -> list[Window]:
    """Windows of `kernel` cells from each boundary on; without one, the cells from a boundary to the next."""
    if kernel is not None:
        return listed(boundaries, [kernel] * len(boundaries))
    ends = [min(n, end + 1) if overlapping else end for end in boundaries[1:]]
    return listed(boundaries[:-1], [end - first for first, end in zip(boundaries[:-1], ends, strict=True)])


def pool(
    x: Array, axes: Sequence[int], windows: Sequence[Windows], keep: Callable[[Array, int], Any], dtype: Any
) -> Array:
    """Visit every window: `keep(cells, size)` gets its real cells along the last axis and its taps inside the padding.

    `axes` are the pooled axes, `windows` their windows in the same order. A window of several axes is the product of
    one window per axis.
    """
    axes = [axis % x.ndim for axis in axes]
    last = range(x.ndim - len(axes), x.ndim)
    shape = list(x.shape)
    for axis, windows_of_axis in zip(axes, windows, strict=True):
        shape[axis] = len(windows_of_axis)
    result = np.empty(shape, dtype)
    cells_last, result_last = np.moveaxis(x, axes, last), np.moveaxis(result, axes, last)
    rest = cells_last.shape[: x.ndim - len(axes)]
    for output in itertools.product(*(range(len(w)) for w in windows)):
        seen = [w[o] for w, o in zip(windows, output, strict=True)]
        taps: tuple[Any, ...] = np.ix_(*(w.taps for w in seen))
        cells = cells_last[(..., *taps)]
        cells = cells.reshape(*rest, math.prod(len(w.taps) for w in seen))
        place: tuple[Any, ...] = (..., *output)
        result_last[place] = keep(cells, math.prod(w.size for w in seen))
    return result


# ---- the operations ----------------------------------------------------------------------------------------------


def max_pool(x: Array, axes: Sequence[int], windows: Sequence[Windows]) -> Array:
    """The largest cell; NaN where one is NaN; the lowest value of the dtype where there is no cell."""
    return pool(x, axes, windows, lambda cells, _: extremum("max", cells), native(x.dtype))


def min_pool(x: Array, axes: Sequence[int], windows: Sequence[Windows]) -> Array:
    """The smallest cell; NaN where one is NaN; the highest value of the dtype where there is no cell."""
    return pool(x, axes, windows, lambda cells, _: extremum("min", cells), native(x.dtype))


def extremum(op: str, cells: Array) -> Array:
    """Along the last axis. Of zeros of both signs -0 is the smaller one, which numpy leaves open."""
    with np.errstate(invalid="ignore"):  # bfloat16 warns of NaN
        if op == "max":
            best = np.max(cells, axis=-1, initial=lowest(cells.dtype))
        else:
            best = np.min(cells, axis=-1, initial=highest(cells.dtype))
        if not is_float(cells.dtype):
            return np.asarray(best)
        minus = np.signbit(cells)
        other = ((cells == 0) & (~minus if op == "max" else minus)).any(axis=-1)
        zero = np.where(other == (op == "max"), np.array(0.0, best.dtype), np.array(-0.0, best.dtype))
        return np.asarray(np.where(best == 0, zero, best))


def places(
    op: str, x: Array, axes: Sequence[int], windows: Sequence[Windows], by_number: bool = False
) -> dict[int, NDArray[np.int64]]:
    """Along each pooled axis the cell where max or min is found first, in row-major order of the axes; -1: nowhere.
    With `by_number` the number of the tap in its window instead.

    numpy.argmax and argmin are the definition: the first of equal cells, the first NaN where there is one.
    """
    by_axis = dict(sorted(zip((axis % x.ndim for axis in axes), windows, strict=True)))
    order = tuple(by_axis)
    first_of = np.argmax if op == "max" else np.argmin
    if x.dtype.kind not in "iub":
        x = x.astype(np.float64)  # exact; numpy's argmax does not know every float

    def first(cells: Array, _: int) -> Any:
        return first_of(cells, axis=-1) if cells.shape[-1] > 0 else -1

    numbers = pool(x, order, list(by_axis.values()), first, np.int64)
    found = {axis: np.full(numbers.shape, -1, np.int64) for axis in order}
    for output in itertools.product(*(range(len(w)) for w in by_axis.values())):
        seen = [w[o] for w, o in zip(by_axis.values(), output, strict=True)]
        counts = [len(window.taps) for window in seen]
        if 0 in counts:
            continue
        at = [slice(None)] * x.ndim
        for axis, o in zip(order, output, strict=True):
            at[axis] = slice(o, o + 1)
        for axis, window, tap in zip(order, seen, np.unravel_index(numbers[tuple(at)], counts), strict=True):
            kept = window.numbers if by_number else window.taps
            assert kept is not None
            found[axis][tuple(at)] = kept[tap]
    return found


def sum_pool(x: Array, axes: Sequence[int], windows: Sequence[Windows], dtype: Any = None) -> Array:
    """The sum: of floats exact but for one rounding to float64, of integers exact modulo the range of the result."""
    result = np.dtype(dtype) if dtype is not None else sum_dtype(x.dtype)
    converted = x.astype(result)
    if is_float(result):
        return pool(converted, axes, windows, lambda cells, _: exact_sums(cells), np.float64)
    return pool(converted, axes, windows, lambda cells, _: np.sum(cells, axis=-1, dtype=result), result)


def avg_pool(
    x: Array,
    axes: Sequence[int],
    windows: Sequence[Windows],
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    dtype: Any = None,
    rounding: str = "half_even",
) -> Array:
    """The sum by the divisor: exact but for a few roundings in float64 where the result is to be a float.

    Where it is to be an integer and x has integers, the quotient is a fraction, rounded by the rule and clipped.
    """
    result = np.dtype(dtype) if dtype is not None else avg_dtype(x.dtype)

    def divisor(cells: Array, size: int) -> int:
        if divisor_override is not None:
            return divisor_override
        return size if count_include_pad else cells.shape[-1]

    def quotients(cells: Array, size: int) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            return exact_sums(cells) / np.float64(divisor(cells, size))

    def rounded_quotients(cells: Array, size: int) -> Array:
        sums = np.asarray(np.sum(cells.astype(object), axis=-1))  # Python's integers: they do not wrap
        if divisor(cells, size) == 0:
            return np.zeros_like(sums)
        quotients = [Fraction(int(s), divisor(cells, size)) for s in sums.ravel()]
        return integers([to_integer(quotient, result, rounding) for quotient in quotients], sums.shape)

    if is_float(result):
        # An average of uint8 is one of the exact sums; all else is converted first, as numpy.sum does.
        converted = x if x.dtype == np.uint8 and dtype is None else x.astype(result)
        return pool(converted, axes, windows, quotients, np.float64)
    if is_float(x.dtype):
        averages = pool(x.astype(np.float64), axes, windows, quotients, np.float64)
        return integers([to_integer(a, result, rounding) for a in averages.ravel()], averages.shape).astype(result)
    return pool(x, axes, windows, rounded_quotients, result)


def to_integer(number: Any, dtype: Any, rounding: str) -> int:
    """The integer next to a fraction or float by the rule, or the limit of the dtype that it is beyond."""
    if math.isinf(number):
        return int(lowest(dtype) if number < 0 else highest(dtype))
    exact = Fraction(number)
    integer = {
        "half_even": round(exact),
        "half_up": math.floor(exact + Fraction(1, 2)),
        "floor": math.floor(exact),
        "trunc": math.trunc(exact),
    }[rounding]
    return min(max(integer, int(lowest(dtype))), int(highest(dtype)))


def integers(numbers: Sequence[int], shape: Sequence[int]) -> Array:
    """Python's integers as an array of them: numpy would make floats of some beside uint64."""
    return np.array(numbers, object).reshape(shape)


# ---- rules -------------------------------------------------------------------------------------------------------


def native(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype.newbyteorder("=")


def sum_dtype(dtype: Any) -> np.dtype[Any]:
    """Sums of integers widen as those of numpy.sum; floats keep their type."""
    return native(np.sum(np.zeros(1, dtype)).dtype)


def avg_dtype(dtype: Any) -> np.dtype[Any]:
    """Averages of floats keep their type; bool and integers of 8 or 16 bits give float32, larger ones float64."""
    if is_float(dtype):
        return native(np.dtype(dtype))
    return np.dtype(np.float32 if np.dtype(dtype).itemsize <= 2 else np.float64)


def is_float(dtype: Any) -> bool:
    return np.dtype(dtype).kind == "f" or bool(np.dtype(dtype).name == "bfloat16")


def finfo(dtype: Any) -> Any:
    return ml_dtypes.finfo(native(np.dtype(dtype)))  # type: ignore[no-untyped-call]


def number_dtype(result: Any) -> np.dtype[Any]:
    """What sums and averages of a float dtype are calculated in: the 16-bit ones in float32."""
    return np.dtype(np.float32) if np.dtype(result).itemsize == 2 else np.dtype(result)


def rounded(values: Any, result: Any) -> Array:
    """Exact numbers, or float64 quotients of whole ones, as a calculation in `number_dtype` gives them."""
    with np.errstate(over="ignore"):
        return np.asarray(np.asarray(values).astype(number_dtype(result)).astype(result))


def lowest(dtype: Any) -> Any:
    if np.dtype(dtype).kind == "b":
        return False
    return -math.inf if is_float(dtype) else int(np.iinfo(dtype).min)


def highest(dtype: Any) -> Any:
    if np.dtype(dtype).kind == "b":
        return True
    return math.inf if is_float(dtype) else int(np.iinfo(dtype).max)


def exact_sums(cells: Array) -> NDArray[np.float64]:
    """Sums along the last axis, rounded once, to float64. An infinity or NaN among the cells decides the sum."""
    shape = cells.shape[:-1]
    rows = cells.reshape(math.prod(shape), cells.shape[-1]).astype(np.float64).tolist()
    sums = [math.fsum(row) if all(map(math.isfinite, row)) else sum(row) for row in rows]
    return np.array(sums, np.float64).reshape(shape)


def sum_bound(x: Array, axes: Sequence[int], windows: Sequence[Windows], dtype: Any, extra: int = 0) -> Array:
    """How far a sum in float `dtype` may be from the exact one: (taps + extra) * u * sum(|x|) for each window.

    n - 1 additions in any order are off by at most (n - 1) * u * sum(|x|) (Jeannerod and Rump, 2013: no terms of
    higher order). Each further rounding of the result adds at most u * sum(|x|), the oracle's own included: one is
    in the bound already, `extra` is the number of others.
    """
    unit = float(np.finfo(dtype).eps) / 2

    def bound(cells: Array, _: int) -> Any:
        return (cells.shape[-1] + extra) * unit * np.sum(np.abs(cells.astype(np.float64)), axis=-1)

    return pool(x, axes, windows, bound, np.float64)


# ---- chance ------------------------------------------------------------------------------------------------------


def race_winners(x: Array, waits: Array, axes: Sequence[int], windows: Sequence[Windows]) -> NDArray[np.int64]:
    """Of each window the cell with the largest max(x, 0) / wait, as its place in the whole array in row-major order.

    -1 where no cell is positive; the first NaN, else the first infinity, where there is one.
    """
    numbers = [float(number) for number in x.ravel()]
    times = [Fraction(float(wait)) for wait in waits.ravel()]

    def winner(cells: Sequence[int]) -> int:
        positive = [cell for cell in cells if numbers[cell] > 0]
        special = [cell for cell in cells if math.isnan(numbers[cell])]
        special += [cell for cell in positive if math.isinf(numbers[cell])]
        if special:
            return special[0]
        return max(positive, key=lambda cell: Fraction(numbers[cell]) / times[cell], default=-1)

    def keep(cells: Array, _: int) -> Any:
        rows = cells.reshape(math.prod(cells.shape[:-1]), cells.shape[-1])
        return np.array([winner(row) for row in rows.tolist()], np.int64).reshape(cells.shape[:-1])

    by_axis = dict(sorted(zip((axis % x.ndim for axis in axes), windows, strict=True)))
    return pool(np.arange(x.size).reshape(x.shape), tuple(by_axis), list(by_axis.values()), keep, np.int64)


def expectation(x: Array, axes: Sequence[int], windows: Sequence[Windows]) -> Array:
    """sum(a**2) / sum(a) with a = max(x, 0), a fraction that is rounded once, to float64; 0 where no a is positive."""

    def mean(cells: Sequence[float]) -> float:
        if not all(map(math.isfinite, cells)):
            if any(map(math.isnan, cells)):
                return math.nan
            if math.inf in cells:
                return math.inf
        activations = [Fraction(cell) for cell in cells if cell > 0]
        return float(sum(a * a for a in activations) / sum(activations)) if activations else 0.0

    def keep(cells: Array, _: int) -> Any:
        rows = cells.reshape(math.prod(cells.shape[:-1]), cells.shape[-1]).astype(np.float64)
        return np.array([mean(row) for row in rows.tolist()], np.float64).reshape(cells.shape[:-1])

    return pool(x, axes, windows, keep, np.float64)


# ---- cells that are left out, and cells that weigh ---------------------------------------------------------------


def without(
    x: Array,
    axes: Sequence[int],
    windows: Sequence[Windows],
    valid: Array,
    keep: Callable[[NDArray[np.intp], int], Any],
    dtype: Any,
) -> Array:
    """Visit every window without its cells that are not valid, as if these were not there: `keep(cells, size)` gets
    the places of the others in ``x.ravel()``, in row-major order of `axes`, and how many taps inside the padding are
    left.
    """
    there = np.broadcast_to(valid, x.shape).ravel()

    def each(cells: Array, size: int) -> Array:
        rows = cells.reshape(math.prod(cells.shape[:-1]), cells.shape[-1])
        kept = np.empty(len(rows), dtype)
        for number, row in enumerate(rows):
            kept[number] = keep(row[there[row]], size - int(np.sum(~there[row])))
        return kept.reshape(cells.shape[:-1])

    return pool(np.arange(x.size).reshape(x.shape), axes, windows, each, dtype)


def extremum_without(op: str, x: Array, axes: Sequence[int], windows: Sequence[Windows], valid: Array) -> Array:
    """`max_pool` or `min_pool` of the valid cells."""
    values = x.ravel()
    return without(x, axes, windows, valid, lambda cells, _: extremum(op, values[cells]), native(x.dtype))


def place_without(op: str, x: Array, axes: Sequence[int], windows: Sequence[Windows], valid: Array) -> Array:
    """Where in ``x.ravel()`` these are found first; -1: nowhere."""
    by_axis = dict(sorted(zip((axis % x.ndim for axis in axes), windows, strict=True)))
    values = x.ravel() if x.dtype.kind in "iub" else x.ravel().astype(np.float64)
    first = np.argmax if op == "max" else np.argmin
    keep = lambda cells, _: cells[first(values[cells])] if len(cells) else -1  # noqa: E731
    return without(x, list(by_axis), list(by_axis.values()), valid, keep, np.int64)


def sum_without(
    x: Array, axes: Sequence[int], windows: Sequence[Windows], valid: Array, dtype: Any, weights: Array | None = None
) -> Array:
    """Sums of valid cells, each times its weight if there are such, as numbers of `dtype`: exact sums of floats,
    sums of integers modulo 2**n.
    """
    result = np.dtype(dtype)
    if is_float(result):
        values = x.ravel().astype(np.float64)
        if weights is not None:
            with np.errstate(invalid="ignore"):
                values = values * np.broadcast_to(weights, x.shape).ravel().astype(np.float64)
        return without(x, axes, windows, valid, lambda cells, _: exact_sums(values[cells]), np.float64)
    terms = [int(value) for value in x.ravel()]  # Python's integers
    if weights is not None:
        terms = [term * int(w) for term, w in zip(terms, np.broadcast_to(weights, x.shape).ravel(), strict=True)]
    span = 2 ** (8 * result.itemsize)
    low = int(np.iinfo(result).min)
    keep = lambda cells, _: (sum(terms[cell] for cell in cells) - low) % span + low  # noqa: E731
    return without(x, axes, windows, valid, keep, result)


def divisor_without(
    x: Array,
    axes: Sequence[int],
    windows: Sequence[Windows],
    valid: Array,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    weights: Array | None = None,
) -> Array:
    """What the sum of a window is divided by: the taps that are left, or what they weigh; one over the padding 1."""
    heavy = None if weights is None else np.broadcast_to(weights, x.shape).ravel().astype(np.float64)

    def divisor(cells: NDArray[np.intp], size: int) -> float:
        if divisor_override is not None:
            return divisor_override
        of_cells = len(cells) if heavy is None else float(exact_sums(heavy[cells]))
        return of_cells + (size - len(cells) if count_include_pad else 0)

    return without(x, axes, windows, valid, divisor, np.float64)


def rounded_average_without(
    x: Array, axes: Sequence[int], windows: Sequence[Windows], valid: Array, divisors: Array, dtype: Any, rounding: str
) -> Array:
    """The exact averages of integers as integers of `dtype`."""
    terms = [int(value) for value in x.ravel()]
    sums = without(x, axes, windows, valid, lambda cells, _: sum(terms[cell] for cell in cells), object)
    pairs = zip(sums.ravel(), divisors.ravel(), strict=True)
    quotients = [Fraction(total, int(divisor)) if divisor else 0 for total, divisor in pairs]
    return integers([to_integer(q, np.dtype(dtype), rounding) for q in quotients], sums.shape).astype(dtype)


# ---- reducers ----------------------------------------------------------------------------------------------------

Outcome = tuple[Any, Any]  # the value of a window, and how far from it a calculation in float64 may be


def lp(cells: Array, result: np.dtype[Any], norm_type: float) -> Outcome:
    """(sum abs(x)**p) ** (1/p), all of it relative to the largest. For p = 1 a sum in the dtype of the result.

    A p far below 1 would need more than the 64 bits of longdouble.
    """
    sizes = np.abs(cells.astype(np.longdouble))  # an extended range, and abs of the lowest integer
    largest = np.max(sizes)
    if norm_type == math.inf or largest in (0, math.inf):
        return largest, 0
    if norm_type == 1:
        total = np.sum(sizes)
        return total, (len(cells) + 1) * unit(number_dtype(result)) * total
    value = largest * np.sum((sizes / largest) ** norm_type) ** (1 / np.longdouble(norm_type))
    return value, error(power_sum(len(cells), norm_type)) * value


def gem(cells: Array, _: np.dtype[Any], p: float = 3.0, eps: float = 1e-6) -> Outcome:
    """(mean max(x, eps)**p) ** (1/p), as `lp`."""
    sizes = np.maximum(cells.astype(np.longdouble), eps)
    largest = np.max(sizes)
    if largest == math.inf:
        return largest, 0
    value = largest * np.mean((sizes / largest) ** p) ** (1 / np.longdouble(p))
    return value, error(power_sum(len(cells), p, mean=True)) * value


def logsumexp(cells: Array, _: np.dtype[Any], temperature: float = 1.0, normalize: bool = False) -> Outcome:
    """t * log(sum exp(x / t)), or of the mean."""
    numbers = cells.astype(np.longdouble)
    top = np.max(numbers)
    if np.isinf(top):
        return top, 0
    less = np.mean(np.expm1((numbers - top) / temperature))  # which is little where t is large
    value = top + temperature * (np.log1p(less) + (0 if normalize else np.log(np.longdouble(len(cells)))))
    sizes = np.max(np.abs(numbers[numbers > -math.inf]))
    return value, rounding_errors.logsumexp(len(cells), temperature, sizes, value, normalize)


def softmax(cells: Array, _: np.dtype[Any], temperature: float = 1.0) -> Outcome:
    """sum(w * x) / sum(w) with w = exp(x / t); an infinite maximum has all the weight."""
    numbers = cells.astype(np.longdouble)
    top = np.max(numbers)
    if np.isinf(top):
        return top, 0
    numbers = numbers[numbers > -math.inf]  # weight 0
    weights = np.exp((numbers - top) / temperature)
    value = np.sum(weights * numbers) / np.sum(weights)
    return value, rounding_errors.softmax(len(numbers), temperature, np.max(np.abs(numbers)), top, value)


def exact_variance(cells: Array, ddof: int) -> Fraction | None:
    """sum (x - mean)**2 / (n - ddof), or nothing where that is no number."""
    if len(cells) <= ddof or not np.all(np.isfinite(cells)):
        return None
    ratios = [value.as_integer_ratio() for value in cells.astype(np.float64).tolist()]
    scale = max(denominator for _, denominator in ratios)  # all are powers of two
    whole = [numerator * (scale // denominator) for numerator, denominator in ratios]
    squares = len(whole) * sum(number**2 for number in whole) - sum(whole) ** 2
    return Fraction(squares, scale**2 * len(whole) * (len(whole) - ddof))


def var(cells: Array, _: np.dtype[Any], ddof: int = 0) -> Outcome:
    exact = exact_variance(cells, ddof)
    if exact is None:
        return math.nan, 0
    value = nearest_float(exact)
    return value, error(variance(len(cells))) * value


def std(cells: Array, _: np.dtype[Any], ddof: int = 0) -> Outcome:
    exact = exact_variance(cells, ddof)
    if exact is None:
        return math.nan, 0
    value = nearest_float(square_root(exact))
    return value, error(root(variance(len(cells)))) * value


def square_root(number: Fraction) -> Fraction:
    """To 64 bits or more."""
    shift = max(0, 65 + (number.denominator.bit_length() - number.numerator.bit_length()) // 2)
    return Fraction(math.isqrt((number.numerator << 2 * shift) // number.denominator), 1 << shift)


def nearest_float(number: Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def quantile(cells: Array, result: np.dtype[Any], q: float, method: str = "linear") -> Outcome:
    """The cell number h = q * (n - 1) of the sorted ones, or what lies between its neighbours.

    Means are float64, rounded once more to a narrower result: nothing is allowed there but where float64's roundings
    cross the middle between two results. What "linear" gives beside an infinity is left open (numpy gives NaN for some
    cases that have a value).
    """
    ordered = np.sort(cells)
    h = q * (len(ordered) - 1)
    of_cells = {"lower": math.floor(h), "higher": math.ceil(h), "nearest": round(h)}
    if method in of_cells:
        return ordered[of_cells[method]], 0
    low, high = float(ordered[of_cells["lower"]]), float(ordered[of_cells["higher"]])
    if low == high:
        return low, 0
    if method == "linear" and q == 0.5:
        return (low + high) / 2, 0
    if method == "linear" and (math.isinf(low) or math.isinf(high)):
        raise ValueError("a linear quantile beside an infinity")
    value = (low + high) / 2
    if math.isinf(low) or math.isinf(high):
        return value, 0
    if method == "linear":
        value = nearest_float(Fraction(low) + (Fraction(high) - Fraction(low)) * (Fraction(h) - math.floor(h)))
    few_roundings = 4 * unit(np.dtype(np.float64)) * max(abs(low), abs(high))
    if result.itemsize == 4 and np.float32(value - few_roundings) == np.float32(value + few_roundings):
        return value, 0
    return value, few_roundings


def mode(cells: Array, _: np.dtype[Any]) -> Outcome:
    """The most frequent value, of several the smallest."""
    values, counts = np.unique(cells, return_counts=True)
    return values[np.argmax(counts)], 0


def prod(cells: Array, result: np.dtype[Any]) -> Outcome:
    """As numpy.prod: integers wrap. Of floats each product is rounded; none of them may over- or underflow."""
    if not is_float(result):
        return np.prod(cells, dtype=result), 0
    value = np.prod(cells.astype(np.longdouble))
    return value, len(cells) * 2 * unit(number_dtype(result)) * abs(value)


# The value of one window's cells (of which there is one or more, none a NaN): a result of its own, which is a float,
# that of x, or that of numpy's function. Then the value where there is no cell.
REDUCERS: dict[str, tuple[Callable[..., Outcome], Any]] = {
    "lp": (lp, 0.0),
    "gem": (gem, math.nan),
    "logsumexp": (logsumexp, -math.inf),
    "softmax": (softmax, math.nan),
    "var": (var, math.nan),
    "std": (std, math.nan),
    "median": (partial(quantile, q=0.5), math.nan),
    "quantile": (quantile, math.nan),
    "mode": (mode, math.nan),
    "prod": (prod, 1),
    "any": (lambda cells, _: (np.any(cells != 0), 0), False),
    "all": (lambda cells, _: (np.all(cells != 0), 0), True),
    "count_nonzero": (lambda cells, _: (np.count_nonzero(cells), 0), 0),
}


def reduced_dtype(op: str, given: np.dtype[Any], **options: Any) -> np.dtype[Any]:
    if op in ("any", "all", "count_nonzero"):
        return np.dtype(np.int64 if op == "count_nonzero" else bool)
    if op == "prod":
        return np.dtype(options["dtype"]) if options.get("dtype") is not None else sum_dtype(given)
    keeps = op == "mode" or options.get("method") in ("lower", "higher", "nearest")
    return native(given) if keeps else avg_dtype(given)


def reduced(
    op: str, x: Array, axes: Sequence[int], windows: Sequence[Windows], nan_policy: str = "propagate", **options: Any
) -> tuple[Array, Array]:
    """The values of a reducer, and how far from each a calculation may be that is not rounded to the result yet.

    Values of a float result are float64, and exact where the second array has 0.
    """
    result = reduced_dtype(op, x.dtype, **options)
    row, empty = REDUCERS[op]
    if op == "logsumexp" and options.get("normalize"):
        empty = math.nan
    if not is_float(result) and isinstance(empty, float):
        empty = 0
    given = {name: value for name, value in options.items() if name != "dtype"}
    if op == "prod":
        x = x.astype(result)
    keeps_integers = result.kind in "iub" and not is_float(x.dtype)
    x = x.astype(native(x.dtype) if keeps_integers else np.float64)

    def of_cells(cells: Array) -> Outcome:
        nan = np.isnan(cells)
        if nan_policy == "omit":
            cells = cells[~nan]
        elif nan.any() and op not in ("any", "all", "count_nonzero"):  # to which a NaN is as true as any number
            return math.nan, 0
        return row(cells, result, **given) if len(cells) > 0 else (empty, 0)

    def keep(cells: Array, _: int) -> Array:
        outcomes = np.empty(cells.shape[:-1], object)
        for place in np.ndindex(outcomes.shape):
            outcomes[place] = of_cells(cells[place])
        return outcomes

    with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # infinity times 0
        outcomes = pool(x, axes, windows, keep, object)
        values = np.empty(outcomes.shape, np.float64 if is_float(result) else result)
        errors = np.empty(outcomes.shape, np.float64)
        for place in np.ndindex(outcomes.shape):
            values[place], errors[place] = outcomes[place]
            if outcomes[place][1] > 0 and errors[place] == 0:  # of subnormal cells: float64 has no room for it
                errors[place] = np.finfo(np.float64).smallest_subnormal
    return values, errors


def unit(dtype: np.dtype[Any]) -> float:
    """Half the distance from 1 to the next larger float."""
    return float(np.finfo(dtype).eps) / 2
