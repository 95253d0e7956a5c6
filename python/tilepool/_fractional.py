"""Windows of uneven sizes: the points between which they lie, drawn by chance or given.

Graham, "Fractional Max-Pooling", arXiv:1412.6071. All arithmetic is on integers: a float is only drawn.
"""

from __future__ import annotations

from itertools import pairwise
from math import floor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _arguments as arguments
from ._arguments import LIMIT, PerAxis, for_each, is_integer, is_list, listed, positive, shown
from ._windows import Cells, Listed, refuse_empty

if TYPE_CHECKING:
    from ._types import Points


class Fractional(NamedTuple):
    """What says where the points lie."""

    kernel_size: PerAxis | None  # windows of so many cells start at the points; else they lie between them
    output_size: PerAxis | None
    output_ratio: tuple[float, ...] | float | None
    overlapping: bool
    pseudorandom: bool
    rng: np.random.Generator | None
    points: tuple[Cells, ...] | None
    return_boundaries: bool

    def drawn(self, sizes: Cells) -> tuple[Listed, tuple[Points, ...]]:
        """Windows over pooled axes of these sizes, and the points that they were made from."""
        refuse_empty(sizes)
        kernels = None if self.kernel_size is None else for_each("kernel_size", self.kernel_size, len(sizes))
        if kernels is not None and any(k > n for k, n in zip(kernels, sizes, strict=True)):
            raise ValueError(f"kernel_size {kernels} is larger than the input {sizes}")
        points = self.draw(sizes, kernels) if self.points is None else self.given(self.points, sizes, kernels)
        axes = []
        for axis, (n, part) in enumerate(zip(sizes, points, strict=True)):
            firsts = part[:-1] if kernels is None else part
            stops = np.minimum(part[1:] + self.overlapping, n) if kernels is None else part + kernels[axis]
            axes.append((tuple(firsts.tolist()), tuple((stops - firsts).tolist())))
        return Listed(tuple(axes)), tuple(points)

    def draw(self, sizes: Cells, kernels: Cells | None) -> list[Points]:
        """One sequence for each axis, drawn in the order in which the axes are named."""
        if self.rng is None:
            raise ValueError("rng must be a generator where boundaries are drawn, not None")
        name, value = ("output_size" if self.output_ratio is None else "output_ratio"), self.output_ratio
        if self.output_size is not None:
            value, counts = self.output_size, for_each("output_size", self.output_size, len(sizes))
        else:
            counts = tuple(int(n * ratio) for n, ratio in zip(sizes, self.ratios(len(sizes)), strict=True))
            if 0 in counts:
                raise ValueError(f"output_ratio must leave one output or more of {sizes} cells, not {shown(value)}")
        most = sizes if kernels is None else tuple(n - k + 1 for n, k in zip(sizes, kernels, strict=True))
        if any(m > limit for m, limit in zip(counts, most, strict=True)):
            raise ValueError(f"{name} must give at most {most} outputs, not {shown(value)}")
        if kernels is None:
            return [sequence(n, m, self.rng, self.pseudorandom) for n, m in zip(sizes, counts, strict=True)]
        return [
            # A single window sees the last cells.
            sequence(limit - 1, m - 1, self.rng, self.pseudorandom) if m > 1 else np.array([limit - 1])
            for limit, m in zip(most, counts, strict=True)
        ]

    def ratios(self, count: int) -> tuple[float, ...]:
        if not isinstance(self.output_ratio, tuple):
            return (self.output_ratio or 0.0,) * count
        if len(self.output_ratio) != count:
            raise ValueError(
                f"output_ratio must have one value for each of {count} pooled axes, not {shown(self.output_ratio)}"
            )
        return self.output_ratio

    @staticmethod
    def given(points: tuple[Cells, ...], sizes: Cells, kernels: Cells | None) -> list[Points]:
        """Sequences of the caller's, if they lie in the array."""
        if len(points) != len(sizes):
            raise ValueError(
                f"boundaries must have one sequence for each of {len(sizes)} pooled axes, not {len(points)}"
            )
        last = sizes if kernels is None else [n - k for n, k in zip(sizes, kernels, strict=True)]
        least = 2 if kernels is None else 1
        for part, end in zip(points, last, strict=True):
            if len(part) < least:
                raise ValueError(f"boundaries must have at least {least} cells along each axis, not {shown(part)}")
            if part[0] < 0 or part[-1] > end or any(after <= before for before, after in pairwise(part)):
                raise ValueError(f"boundaries must increase from 0 or more to {end} or less, not {shown(part)}")
        return [np.array(part, np.int64) for part in points]


def fractional(
    kernel_size: object,
    output_size: object,
    output_ratio: object,
    overlapping: object,
    pseudorandom: object,
    rng: object,
    boundaries: object,
    return_boundaries: object,
) -> Fractional:
    shared = arguments.flag("overlapping", overlapping)
    pseudo = arguments.flag("pseudorandom", pseudorandom)
    returned = arguments.flag("return_boundaries", return_boundaries)
    given = sum(value is not None for value in (output_size, output_ratio, boundaries))
    if given != 1:
        raise ValueError(f"one of output_size, output_ratio and boundaries must be given, not {given} of them")
    kernels = None if kernel_size is None else positive("kernel_size", kernel_size)
    if kernels is not None and shared:
        raise ValueError("overlapping must be False where kernel_size is given, not True")
    counts = None if output_size is None else positive("output_size", output_size)
    shares = None if output_ratio is None else ratios(output_ratio)
    if boundaries is None:
        return Fractional(kernels, counts, shares, shared, pseudo, arguments.generator("rng", rng), None, returned)
    if rng is not None:
        raise ValueError(f"rng must be None where boundaries are given, not {shown(rng)}")
    if not pseudo:
        raise ValueError("pseudorandom must be True where boundaries are given, not False")
    return Fractional(kernels, None, None, shared, pseudo, None, points(boundaries), returned)


def ratios(value: object) -> tuple[float, ...] | float:
    numbers: tuple[Any, ...] = tuple(value) if is_list(value) else (value,)
    if not all(is_integer(n) or isinstance(n, float | np.floating) for n in numbers):
        raise TypeError(f"output_ratio must be a number or a tuple of numbers, not {shown(value)}")
    if not all(0 < n <= 1 for n in numbers):  # neither is a NaN
        raise ValueError(f"output_ratio must be above 0 and at most 1, not {shown(value)}")
    shares = tuple(map(float, numbers))
    return shares if is_list(value) else shares[0]


def points(value: object) -> tuple[Cells, ...]:
    """Sequences of integers, one for each pooled axis."""
    parts = [listed(part) for part in value] if is_list(value) else [None]
    if not all(is_list(part) and all(map(is_integer, part)) for part in parts):
        raise TypeError(
            f"boundaries must be a tuple with a sequence of integers for each pooled axis, not {shown(value)}"
        )
    return tuple(tuple(int(cell) for cell in part) for part in parts)  # type: ignore[attr-defined]


def sequence(cells: int, steps: int, rng: np.random.Generator, pseudorandom: bool) -> Points:
    """From 0 to `cells` in so many steps, each of cells / steps rounded down or up."""
    if cells * (steps + 1) >= LIMIT:
        raise ValueError(f"x must have pooled axes whose cells times outputs are below 2**63, not {cells} cells")
    if pseudorandom:  # floor(alpha * (i + u)), alpha = cells / steps, in integers: adding a fraction < 1 changes none
        numerator, denominator = rng.random().as_integer_ratio()
        numbers: Points = (np.arange(steps + 1) * cells + floor(numerator * cells // denominator)) // steps
        return np.asarray(numbers - numbers[0])
    lengths = np.full(steps, cells // steps, np.int64)
    lengths[: cells % steps] += 1
    return np.append(0, np.cumsum(rng.permutation(lengths)))
