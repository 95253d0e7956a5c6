"""The oracle of gradients: what each window passes on to its cells, from the definitions, and sums of that.

The gradient of ``sum(g * pool(x))`` is a sum over windows: maxima and minima pass g on to the cell that they found, all
others a part of it to each of their cells. Windows come from tests/reference.py. Terms are calculated in float64 and
added up exactly, so that what a comparison has to tolerate are the roundings of the library alone.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import reference
from agreement import windows_of
from meanings import cells_that_count
from rounding_errors import IN_PAIRS, gradient_of_norm, power_sum

Array = NDArray[Any]
Arguments = dict[str, Any]
Flat = NDArray[np.float64]


@dataclass(frozen=True)
class Gradient:
    """Values, how far from them a result may be before it is rounded to 16 bits, and which cells a window reaches."""

    values: Array
    bound: Array
    reached: Array


@dataclass(frozen=True)
class Part:
    """Windows along the pooled axes, and g with one number for each of them: a pyramid has several."""

    windows: list[list[reference.Window]]
    g: Array


def axes_of(ndim: int, arguments: Arguments) -> tuple[int, ...]:
    axis = arguments.get("axis")
    if axis is None:
        return tuple(range(1, ndim - 1) if arguments.get("layout") == "channels_last" else range(2, ndim))
    return tuple(number % ndim for number in (axis if isinstance(axis, tuple) else (axis,)))


def windows_in(shape: Sequence[int], arguments: Arguments) -> list[list[list[reference.Window]]]:
    """Along each pooled axis; of each grid of a pyramid."""
    axes, x = axes_of(len(shape), arguments), np.empty(shape, bool)
    if "grids" in arguments:
        return [windows_of(x, axes, {"output_size": grid}) for grid in arguments["grids"]]
    if not {"kernel_size", "output_size", "boundaries"} & arguments.keys():
        return [[reference.sliding(shape[axis], shape[axis]) for axis in axes]]
    return [windows_of(x, axes, arguments)]


def shape_of(shape: Sequence[int], arguments: Arguments) -> tuple[int, ...]:
    """That of the result of the pooling, and of g."""
    axes, windows = axes_of(len(shape), arguments), windows_in(shape, arguments)
    if "grids" in arguments:
        kept = [n for axis, n in enumerate(shape) if axis not in axes]
        kept.insert(min(axes), sum(math.prod(map(len, along)) for along in windows))
        return tuple(kept)
    result: list[int | None] = list(shape)
    for axis, along in zip(axes, windows[0], strict=True):
        result[axis] = len(along) if arguments.get("keepdims", True) else None
    return tuple(n for n in result if n is not None)


def parts(shape: Sequence[int], g: Array, arguments: Arguments) -> list[Part]:
    axes, windows = axes_of(len(shape), arguments), windows_in(shape, arguments)
    if not arguments.get("keepdims", True):
        return [Part(windows[0], np.expand_dims(g, axes))]
    if "grids" not in arguments:
        return [Part(windows[0], g)]
    first, found, begin = min(axes), [], 0
    for along in windows:
        counts = [len(of_axis) for of_axis in along]
        end = begin + math.prod(counts)
        cells = g[(slice(None),) * first + (slice(begin, end),)]
        cells = cells.reshape(*g.shape[:first], *counts, *g.shape[first + 1 :])
        found.append(Part(along, np.moveaxis(cells, range(first, first + len(axes)), axes)))
        begin = end
    return found


def gradient(op: str, g: Array, x: Array, arguments: Arguments) -> Gradient:
    """With respect to x, or to weights where `wrt` says so; of max and min also the bits are defined."""
    return gradient_of(op, parts(x.shape, g, arguments), x, arguments)


def gradient_of(op: str, found: list[Part], x: Array, arguments: Arguments) -> Gradient:
    """The same of windows that are given; of the arguments what is not about windows counts."""
    axes, valid, dtype = axes_of(x.ndim, arguments), cells_that_count(x, arguments), found[0].g.dtype
    least = arguments.get("min_count", 0)
    with np.errstate(all="ignore"):
        if op in ("max", "min"):
            return of_extrema(op, x, axes, found, valid, least, dtype)
        if arguments.get("wrt", "x") == "weights":
            weights: Array = arguments["weights"]
            target = np.broadcast_to(np.arange(weights.size).reshape(weights.shape), x.shape).ravel()
            shape = weights.shape
        else:
            target, shape = np.arange(x.size), x.shape
        terms = list(passed_on(op, x, axes, found, valid, least, arguments))
        return added_up(terms, target, shape, dtype, arguments)


def of_extrema(
    op: str, x: Array, axes: Sequence[int], found: list[Part], valid: Array, least: int, dtype: np.dtype[Any]
) -> Gradient:
    """In row-major order of the outputs, in the numbers that g is calculated in. Grids of a pyramid may be added up in
    any order: n terms are then right to n units.
    """
    number = reference.number_dtype(reference.native(dtype))
    total, sizes, count = np.zeros(x.size, number), np.zeros(x.size), np.zeros(x.size, int)
    for part in found:
        places = reference.place_without(op, x, axes, part.windows, valid)
        cells = reference.without(x, axes, part.windows, valid, lambda cells, _: len(cells), int)
        there = (places >= 0) & (cells >= least)
        passed = part.g[there].astype(number)
        np.add.at(total, places[there], passed)
        np.add.at(sizes, places[there], np.abs(passed.astype(float)))
        np.add.at(count, places[there], 1)
    bound = count * reference.unit(number) * sizes if len(found) > 1 else np.zeros(x.size)
    bound[~np.isfinite(total) | (sizes == np.round(sizes)) & (sizes < 1 / reference.unit(number))] = 0
    return Gradient(*(of_cell.reshape(x.shape) for of_cell in (total.astype(float), bound, count > 0)))


@dataclass(frozen=True)
class Passed:
    """By one window to each of its cells: a term, the size of what is rounded on the way, in units, and whether it is a
    multiple of 1/256 as is all that it is made of.
    """

    cells: NDArray[np.intp]
    terms: Flat
    rounded: Flat
    exact: bool


def passed_on(
    op: str, x: Array, axes: Sequence[int], found: list[Part], valid: Array, least: int, arguments: Arguments
) -> Iterator[Passed]:
    numbers = x.ravel().astype(np.float64)
    weights = arguments.get("weights")
    heavy = None if weights is None else np.broadcast_to(weights, x.shape).ravel().astype(np.float64)
    for part in found:
        seen = reference.without(x, axes, part.windows, valid, lambda cells, size: (cells, size), object)
        for (cells, size), g in zip(seen.ravel(), part.g.ravel().astype(np.float64), strict=True):
            if len(cells) == 0 or len(cells) < least:
                continue
            w = None if heavy is None else heavy[cells]
            if op == "lp":
                yield of_norm(cells, numbers[cells], g, arguments["norm_type"])
            else:
                yield of_sum(op, cells, numbers[cells], w, size, g, arguments)


def of_sum(
    op: str, cells: NDArray[np.intp], x: Flat, w: Flat | None, size: int, g: np.float64, arguments: Arguments
) -> Passed:
    """g by the divisor, times the weight; of a weight g times what x is above the average, by the divisor."""
    heavy = np.ones(len(cells)) if w is None else w
    divisor = 1.0
    override = arguments.get("divisor_override")
    if op == "avg":
        padding = size - len(cells) if arguments.get("count_include_pad", True) else 0
        divisor = float(override) if override is not None else math.fsum(heavy) + padding
    share = np.float64(g) / np.float64(divisor)
    if arguments.get("wrt", "x") == "x":
        terms = heavy * share
        steps = (1 if op == "avg" else 0) + (0 if w is None else 2)  # division; sum of weights, product
        return Passed(cells, terms, steps * np.abs(terms), whole(share) and whole(heavy) and whole(terms))
    if op == "sum" or override is not None:
        terms, sizes = x * share, np.abs(x * share)
    else:
        terms = (x - (heavy @ x) / divisor) * share
        sizes = (np.abs(x) + (np.abs(heavy) @ np.abs(x)) / abs(divisor)) * abs(share)
    # The average adds up as many products, which are rounded too; its division, that of g, both sums and the product.
    steps = 2 * len(cells) + 6
    return Passed(cells, terms, steps * sizes, op == "sum" and whole(share) and whole(terms))


def of_norm(cells: NDArray[np.intp], x: Flat, g: np.float64, p: float) -> Passed:
    """g * sign(x) * (abs(x) / norm)**(p - 1), and nothing for a 0 of a p above 1 or among zeros."""
    norm = np.longdouble(reference.lp(x, np.dtype(np.float64), p)[0])
    ratios = np.where(x == 0, 0, np.abs(x) / norm) if norm != 0 else np.zeros(len(x))
    powers = np.where(ratios == 1, 1, ratios ** np.longdouble(p - 1)) if p != 1 else np.ones(len(x))
    if math.isfinite(p):  # infinity times a power is infinite, however small it is
        powers = np.maximum(powers, np.finfo(np.longdouble).smallest_subnormal)
    terms = np.where(x == 0, 0, g * np.sign(x) * powers).astype(np.float64)
    # Of a power below 0.5 the norm is off by what pairs of float64 are; one is the oracle's. Infinite: as maxima.
    n = len(cells)
    roundings = 0.0 if math.isinf(p) else gradient_of_norm(p, power_sum(n, p) if p >= 0.5 else IN_PAIRS) + 1
    return Passed(cells, terms, roundings * np.abs(terms), False)


def whole(numbers: Any) -> bool:
    """Multiples of 1/256 that are not too large."""
    return bool(np.all(np.abs(numbers) < 2**40) and np.all(numbers * 256 == np.round(numbers * 256)))


def added_up(
    passed: list[Passed], target: NDArray[np.intp], shape: Sequence[int], dtype: np.dtype[Any], arguments: Arguments
) -> Gradient:
    """The terms of each cell. No more than 64 numbers are added up one after the other, of more some at a time are,
    whose sums are added up in pairs: 64 + log2(n) roundings, and never more than n. What is added over axes that
    weights are broadcast along may take n.

    Equal where all are multiples of 1/256 whose sums are exact, and where a cell without weights has one term: a
    quotient that is rounded once.
    """
    size = math.prod(shape)
    number = reference.number_dtype(reference.native(dtype))
    # Of norms all is calculated in float64; what each grid of a pyramid gives is rounded, and added to the others.
    of_norms = math.isfinite(arguments.get("norm_type", math.inf))
    calculated = np.dtype(np.float64) if of_norms else number
    once = (2 * len(arguments.get("grids", (1,))) - 1) * reference.unit(number) if of_norms else 0
    values, bound, count = np.zeros(size), np.zeros(size), np.zeros(size, int)
    if passed:
        cells = target[np.concatenate([window.cells for window in passed])]
        order = np.argsort(cells, kind="stable")
        terms = np.concatenate([window.terms for window in passed])[order]
        extra = np.concatenate([window.rounded for window in passed])[order]
        exact = np.concatenate([np.full(len(window.cells), window.exact) for window in passed])[order]
        count = np.bincount(cells, minlength=size)
        ends = np.cumsum(count)
        alone = "weights" not in arguments and "norm_type" not in arguments
        for cell in np.flatnonzero(count):
            here = slice(ends[cell] - count[cell], ends[cell])
            values[cell] = reference.exact_sums(terms[here])
            absolute = np.sum(np.abs(terms[here]))
            sure = exact[here].all() and 256 * absolute <= 1 / reference.unit(number)
            if not np.isfinite(values[cell]) or sure or (alone and count[cell] == 1):
                continue
            n = count[cell]
            roundings = n if arguments.get("wrt") == "weights" else min(n, 64 + math.log2(n))
            bound[cell] = reference.unit(calculated) * (roundings * absolute + np.sum(extra[here])) + once * absolute
            bound[cell] += n * float(np.finfo(number).smallest_subnormal)
    return Gradient(*(of_cell.reshape(shape) for of_cell in (values, bound, count > 0)))


def difference(actual: Array, found: Gradient, dtype: np.dtype[Any]) -> str | None:
    """What is wrong with a result, or with what a gradient of `dtype` has written to an array of another one."""
    if actual.shape != found.values.shape:
        return f"has shape {actual.shape}, expected {found.values.shape}"

    def cast(values: Array) -> Array:
        return reference.rounded(values, reference.native(dtype)).astype(reference.native(actual.dtype))

    with np.errstate(all="ignore"):
        wanted = cast(np.where(found.reached, found.values, 0))
        least, most = cast(found.values - found.bound), cast(found.values + found.bound)
        right = (actual == wanted) | ((actual != actual) & (wanted != wanted)) | ((least <= actual) & (actual <= most))
        right &= found.reached | ((actual == 0) & ~np.signbit(actual))
    if right.all():
        return None
    first = tuple(np.argwhere(~right)[0])
    within = f" within {found.bound[first]}" if found.bound[first] else ""
    within += "" if found.reached[first] else ", where no window passes anything on"
    return (
        f"differs at {np.sum(~right)} of {actual.size} cells, first at {tuple(map(int, first))}: "
        f"{actual[first]!r}, expected {wanted[first]!r}{within}"
    )
