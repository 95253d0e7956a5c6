"""What a pooling with any of its keywords gives, window by window: the oracle's definitions, composed.

A pooling here is an op, the oracle's windows along the pooled axes, and a dictionary of keywords. Whatever a keyword
changes, it changes here in one place; `Refused` names the keyword whose value does not fit the others.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import reference
from rounding_errors import error, expectation

Array = NDArray[Any]
Keywords = dict[str, Any]


class Refused(Exception):  # noqa: N818 # no error of the test
    """A call that has no meaning; its arguments are the keywords of which the sentence names one."""


@dataclass(frozen=True)
class Meaning:
    """Values, how far from them a result may be (0: not at all), and where in ``x.ravel()`` they were found."""

    values: Array
    dtype: np.dtype[Any]
    bound: Array
    places: Array | None = None


def cells_that_count(x: Array, keywords: Keywords) -> Array:
    """Those of the mask that are no NaN under "omit"; under "raise" none of them may be one."""
    there = np.broadcast_to(np.asarray(keywords.get("mask", True)), x.shape)
    nan, policy = np.isnan(x), keywords.get("nan_policy")
    if policy == "raise" and (nan & there).any():
        raise Refused("nan_policy")
    return there & ~nan if policy == "omit" else there


def meaning(
    op: str, x: Array, axes: Sequence[int], windows: Sequence[reference.Windows], keywords: Keywords
) -> Meaning:
    """Of the pooling of an array."""
    valid = cells_that_count(x, keywords)
    found = of_cells(op, x, axes, windows, valid, keywords)
    few = reference.without(x, axes, windows, valid, lambda cells, _: len(cells), np.dtype(int))
    few = few < keywords.get("min_count", 0)
    if not few.any():
        return found
    nothing: Any = math.nan
    if not reference.is_float(found.dtype):
        nothing = 0 if op == "stochastic" else of_cells(op, x, axes, windows, np.zeros(x.shape, bool), keywords).values
    places = None if found.places is None else np.where(few, -1, found.places)
    return Meaning(np.where(few, nothing, found.values), found.dtype, np.where(few, 0, found.bound), places)


def of_cells(
    op: str, x: Array, axes: Sequence[int], windows: Sequence[reference.Windows], valid: Array, keywords: Keywords
) -> Meaning:
    """Whatever the number of cells that count."""
    arguments = (x, axes, windows, valid, keywords)
    if op in ("max", "min"):
        values = reference.extremum_without(op, x, axes, windows, valid)
        places = reference.place_without(op, x, axes, windows, valid)
        return exact(values, x.dtype, places)
    if op in ("sum", "avg"):
        return weighted(op, *arguments)
    if op == "stochastic":
        return drawn(*arguments)
    if op == "mixed":
        return mixed(*arguments)
    return reduced(op, *arguments)


def exact(values: Array, dtype: Any, places: Array | None = None) -> Meaning:
    return Meaning(values, np.dtype(dtype), np.zeros(values.shape), places)


def rounded(values: Array, errors: Array, dtype: np.dtype[Any]) -> Meaning:
    """Numbers of float64 that are rounded once to a float dtype: within an ulp, or equal where they are exact."""
    nearest = reference.rounded(values, dtype).astype(np.float64)
    known = (errors == 0) | ~np.isfinite(nearest)
    with np.errstate(invalid="ignore", over="ignore"):
        near = errors + 2 * reference.unit(dtype) * np.abs(values)
    return Meaning(np.where(known, nearest, values), dtype, np.where(known, 0, near))


# ---- sums, averages, mixtures ----------------------------------------------------------------------------------------


def weighted(
    op: str, x: Array, axes: Sequence[int], windows: Sequence[reference.Windows], valid: Array, keywords: Keywords
) -> Meaning:
    """The numbers in x and weights are small and of few digits: sums of their products are exact."""
    place = (x, axes, windows, valid)
    weights, asked = keywords.get("weights"), keywords.get("dtype")
    dtype: np.dtype[Any]
    if asked is not None:
        dtype = np.dtype(asked)
    elif op == "avg":
        dtype = reference.avg_dtype(x.dtype)
    elif weights is None or reference.is_float(x.dtype):
        dtype = reference.sum_dtype(x.dtype)
    else:
        unsigned = {x.dtype.kind, weights.dtype.kind} == {"u"}
        dtype = np.dtype(np.float64 if reference.is_float(weights.dtype) else np.uint64 if unsigned else np.int64)
    whole = not reference.is_float(dtype)
    if op == "sum":
        if whole and weights is not None and reference.is_float(weights.dtype):
            raise Refused("weights", "dtype")
        if whole and np.isnan(x[valid]).any():
            raise Refused("dtype")
        cells = np.trunc(np.where(valid, x, 0)) if whole else x
        sums = reference.sum_without(cells, *place[1:], dtype, weights)
        return exact(sums if whole else reference.rounded(sums, dtype), dtype)
    rounding = keywords.get("rounding", "half_even")
    if not whole and rounding != "half_even":
        raise Refused("rounding")
    division = {name: keywords[name] for name in ("count_include_pad", "divisor_override") if name in keywords}
    divisors = reference.divisor_without(*place, **division, weights=weights)
    if whole and weights is None and not reference.is_float(x.dtype):
        return exact(reference.rounded_average_without(*place, divisors, dtype, rounding), dtype)
    sums = reference.sum_without(*place, np.float64, weights)
    with np.errstate(all="ignore"):
        averages = sums / divisors
    if not whole:
        return exact(reference.rounded(averages, dtype), dtype)
    averages = np.where((sums == 0) & (divisors == 0), 0.0, averages)
    if np.isnan(averages).any():
        raise Refused("dtype")
    numbers = [reference.to_integer(average, dtype, rounding) for average in averages.ravel()]
    return exact(reference.integers(numbers, averages.shape).astype(dtype), dtype)


def mixed(
    x: Array, axes: Sequence[int], windows: Sequence[reference.Windows], valid: Array, keywords: Keywords
) -> Meaning:
    """alpha * max + (1 - alpha) * avg, where what has the share 0 is not looked at."""
    largest = reference.extremum_without("max", x, axes, windows, valid).astype(np.float64)
    average = weighted("avg", x, axes, windows, valid, keywords)
    alpha = np.asarray(keywords.get("alpha", 0.5), np.float64)
    if np.broadcast_shapes(alpha.shape, largest.shape) != largest.shape:
        raise Refused("alpha")
    share = np.broadcast_to(alpha, largest.shape)
    with np.errstate(invalid="ignore"):
        mixture = share * largest + (1 - share) * average.values.astype(np.float64)
    mixture = np.where(share == 1, largest, np.where(share == 0, average.values, mixture))
    return exact(reference.rounded(mixture, average.dtype), average.dtype)


# ---- chance and reducers ---------------------------------------------------------------------------------------------


def drawn(
    x: Array, axes: Sequence[int], windows: Sequence[reference.Windows], valid: Array, keywords: Keywords
) -> Meaning:
    """A cell that is left out is one of activation 0."""
    cells = np.where(valid, x, np.zeros((), x.dtype))
    if not keywords.get("training", True):
        values = reference.expectation(cells, axes, windows)
        taps = math.prod(max(len(window.taps) for window in of_axis) for of_axis in windows)
        return rounded(values, error(expectation(taps) + 1) * values, reference.avg_dtype(x.dtype))  # the oracle has 1
    waits = np.random.default_rng(keywords["rng"]).standard_exponential(x.size).reshape(x.shape)
    places = reference.race_winners(cells, waits, axes, windows)
    return exact(np.where(places < 0, 0, x.ravel()[places]).astype(x.dtype), x.dtype, places)


def reduced(
    op: str, x: Array, axes: Sequence[int], windows: Sequence[reference.Windows], valid: Array, keywords: Keywords
) -> Meaning:
    options = {name: keywords[name] for name in OPTIONS if name in keywords}
    dtype = reference.reduced_dtype(op, x.dtype, **options, dtype=keywords.get("dtype"))
    row, nothing = reference.REDUCERS[op]
    if isinstance(nothing, float) and not reference.is_float(dtype):
        nothing = 0
    if op == "logsumexp" and options.get("normalize"):
        nothing = math.nan
    if op == "prod":
        with np.errstate(invalid="ignore"):
            x = np.where(valid, x, np.zeros((), x.dtype)).astype(dtype)
    numbers = (x if dtype.kind in "iub" and x.dtype.kind in "iub" else x.astype(np.float64)).ravel()

    def outcome(cells: NDArray[np.intp], _: int) -> Any:
        taken = numbers[cells]
        if np.isnan(taken).any() and op not in ("any", "all", "count_nonzero"):
            return (math.nan, 0)
        return row(taken, dtype, **options) if len(taken) else (nothing, 0)

    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        outcomes = reference.without(x, axes, windows, valid, outcome, np.dtype([("v", "O"), ("e", "f8")]))
    values = outcomes["v"].astype(np.float64 if reference.is_float(dtype) else dtype)
    return rounded(values, outcomes["e"], dtype) if reference.is_float(dtype) else exact(values, dtype)


OPTIONS = ("norm_type", "p", "eps", "temperature", "normalize", "ddof", "q", "method")


# ---- indices ---------------------------------------------------------------------------------------------------------


def indices_of(
    places: Array,
    shape: Sequence[int],
    axes: Sequence[int],
    windows: Sequence[reference.Windows],
    taps: Sequence[int] | None,
    keywords: Keywords,
) -> Array:
    """Places in ``x.ravel()`` as what `index_base` counts, in row-major order; -1, or 255, stays that of no cell.

    `taps` are the numbers of taps of all windows along each axis, where these are equal.
    """
    base: str = keywords.get("index_base", "plane")
    dtype: np.dtype[Any] = np.dtype(keywords.get("index_dtype", "int64"))
    along = dict(sorted(zip(axes, windows, strict=True)))
    if (base == "batch" and 0 in along) or (base == "window" and taps is None):
        raise Refused("index_base")
    counted = {"batch": range(1, len(shape)), "array": range(len(shape))}.get(base, tuple(along))
    sizes = dict(zip(axes, taps, strict=True)) if base == "window" and taps is not None else dict(enumerate(shape))
    counts = [sizes[axis] for axis in counted]
    if math.prod(counts) - 1 >= np.iinfo(dtype).max:
        raise Refused("index_dtype")
    result = np.full(places.shape, -1, np.int64)
    for output in np.ndindex(places.shape):
        if places[output] < 0:
            continue
        cell = [int(number) for number in np.unravel_index(places[output], shape)]
        if base == "window":
            for axis, of_axis in along.items():
                window = of_axis[output[axis]]
                assert window.numbers is not None
                cell[axis] = int(window.numbers[window.taps.tolist().index(cell[axis])])
        result[output] = np.ravel_multi_index([cell[axis] for axis in counted], counts)
    return result.astype(dtype)


# ---- windows between points that are drawn ---------------------------------------------------------------------------


def drawn_windows(keywords: Keywords, sizes: Sequence[int]) -> tuple[list[list[reference.Window]], list[list[int]]]:
    """Those of a fractional pooling, and their boundaries, which have the order in which axes are named."""
    given = {"output_size", "output_ratio", "boundaries"} & keywords.keys()
    if len(given) != 1:
        raise Refused(*given)
    kernel = keywords.get("kernel_size")
    if kernel is not None and keywords.get("overlapping"):
        raise Refused("overlapping", "kernel_size")
    if "boundaries" in keywords and "rng" in keywords:
        raise Refused("boundaries", "rng")
    if "boundaries" in keywords and keywords.get("pseudorandom") is False:
        raise Refused("boundaries", "pseudorandom")
    count = len(sizes)
    kernels = kernel if isinstance(kernel, tuple) else (kernel,) * count
    counts: Any = keywords.get("output_size")
    if "output_ratio" in keywords:
        ratio = keywords["output_ratio"]
        ratios = ratio if isinstance(ratio, tuple) else (ratio,) * count
        counts = tuple(int(n * share) for n, share in zip(sizes, ratios, strict=True))
    counts = counts if isinstance(counts, tuple) else (counts,) * count
    points = keywords.get("boundaries", (None,) * count)
    rng = np.random.default_rng(keywords.get("rng"))
    windows, boundaries = [], []
    for n, k, m, part in zip(sizes, kernels, counts, points, strict=True):
        end = n - (k or 0)
        if part is not None and part[-1] > end:
            raise Refused("boundaries")
        if m == 0:
            raise Refused("output_ratio")
        if end < 0 or (part is None and m > end + (k is not None)):
            raise Refused("kernel_size", *given)
        if part is None:
            part = sequence(end, m - (k is not None), rng, keywords.get("pseudorandom", True))
        boundaries.append(part)
        windows.append(reference.fractional(n, part, k, keywords.get("overlapping", False)))
    return windows, boundaries


def sequence(cells: int, steps: int, rng: np.random.Generator, pseudorandom: bool) -> list[int]:
    if steps == 0:
        return [cells]
    if pseudorandom:
        return reference.fractional_boundaries(cells, steps, rng.random())
    lengths = [cells // steps + (step < cells % steps) for step in range(steps)]
    return [0, *itertools.accumulate(rng.permutation(lengths).tolist())]
