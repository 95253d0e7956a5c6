"""Where the windows of fractional pooling lie: sequences of cells, drawn or given, and the sentences that refuse them.

Graham, "Fractional Max-Pooling", arXiv:1412.6071. All arithmetic is on integers: a float is only drawn.
"""

from fractions import Fraction
from itertools import pairwise
from math import floor
from typing import Any, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from ._arguments import LIMIT, Listed, is_integer, shown

RATIOS = "a number or a tuple of numbers"
Points: TypeAlias = npt.NDArray[np.int64]


def generator(word: object) -> np.random.Generator:
    if isinstance(word, np.random.Generator):
        return word
    if word is not None and not is_integer(word):
        raise TypeError(f"rng must be None, an integer or a numpy.random.Generator, not {shown(word)}")
    if word is not None and word < 0:
        raise ValueError(f"rng must not be negative, not {shown(word)}")
    return np.random.default_rng(word)


def sequence(cells: int, steps: int, rng: np.random.Generator, pseudorandom: bool) -> Points:
    """From 0 to `cells` in so many steps, each of cells / steps rounded down or up."""
    if cells * (steps + 1) >= LIMIT:
        raise ValueError(f"x must have pooled axes whose cells times outputs are below 2**63, not {cells} cells")
    if pseudorandom:  # floor(alpha * (i + u)), alpha = cells / steps, in integers: adding a fraction < 1 changes none
        numbers: Points = (np.arange(steps + 1) * cells + floor(Fraction(rng.random()) * cells)) // steps
        return np.asarray(numbers - numbers[0])
    lengths = np.full(steps, cells // steps, np.int64)
    lengths[: cells % steps] += 1
    return np.append(0, np.cumsum(rng.permutation(lengths)))


def ratios(word: object, count: int) -> list[float]:
    values = tuple(word) if isinstance(word, tuple | list) else (word,) * count
    numbers = [value for value in values if is_integer(value) or isinstance(value, float | np.floating)]
    if len(numbers) != len(values):
        raise TypeError(f"output_ratio must be {RATIOS}, not {shown(word)}")
    if len(numbers) != count:
        raise ValueError(f"output_ratio must have one value for each of {count} pooled axes, not {shown(word)}")
    if not all(0 < value <= 1 for value in numbers):  # neither is a NaN
        raise ValueError(f"output_ratio must be above 0 and at most 1, not {shown(word)}")
    return [float(value) for value in numbers]


def points(word: object, sizes: tuple[int, ...], kernels: tuple[int, ...] | None) -> list[Points]:
    """Sequences of the caller's, checked."""
    rule = "boundaries must be a tuple with a sequence of integers for each pooled axis"
    lists = [part.tolist() if isinstance(part, np.ndarray) else part for part in word] if is_list(word) else None
    if lists is None or not all(is_list(part) and all(map(is_integer, part)) for part in lists):
        raise TypeError(f"{rule}, not {shown(word)}")
    if len(lists) != len(sizes):
        raise ValueError(f"boundaries must have one sequence for each of {len(sizes)} pooled axes, not {len(lists)}")
    last = sizes if kernels is None else [n - k for n, k in zip(sizes, kernels, strict=True)]
    least = 2 if kernels is None else 1
    for part, end in zip(lists, last, strict=True):
        if len(part) < least:
            raise ValueError(f"boundaries must have at least {least} cells along each axis, not {shown(part)}")
        if part[0] < 0 or part[-1] > end or any(after <= before for before, after in pairwise(part)):
            raise ValueError(f"boundaries must increase from 0 or more to {end} or less, not {shown(part)}")
    return [np.array(part, np.int64) for part in lists]


def is_list(word: object) -> TypeGuard[tuple[Any, ...] | list[Any]]:
    return isinstance(word, tuple | list)


def drawn(
    sizes: tuple[int, ...],
    kernels: tuple[int, ...] | None,
    output_size: object,
    output_ratio: object,
    pseudorandom: bool,
    rng: np.random.Generator,
) -> list[Points]:
    """One sequence for each axis, drawn in the order in which the axes are named."""
    count = len(sizes)
    if output_ratio is None:
        outputs, name, word = arguments.positive("output_size", output_size, count), "output_size", output_size
    else:
        outputs = tuple(int(n * ratio) for n, ratio in zip(sizes, ratios(output_ratio, count), strict=True))
        name, word = "output_ratio", output_ratio
        if 0 in outputs:
            raise ValueError(f"output_ratio must leave one output or more of {sizes} cells, not {shown(word)}")
    most = sizes if kernels is None else tuple(n - k + 1 for n, k in zip(sizes, kernels, strict=True))
    if any(m > limit for m, limit in zip(outputs, most, strict=True)):
        raise ValueError(f"{name} must give at most {most} outputs, not {shown(word)}")
    if kernels is None:
        return [sequence(n, m, rng, pseudorandom) for n, m in zip(sizes, outputs, strict=True)]
    return [
        sequence(limit - 1, m - 1, rng, pseudorandom) if m > 1 else np.array([limit - 1])  # the last cells are seen
        for limit, m in zip(most, outputs, strict=True)
    ]


def windows(
    sizes: tuple[int, ...],
    kernel_size: object,
    output_size: object,
    output_ratio: object,
    overlapping: object,
    pseudorandom: object,
    rng: object,
    boundaries: object,
) -> tuple[Listed, tuple[Points, ...]]:
    """The windows over pooled axes of the given sizes, and the sequences that they were made from."""
    shared = arguments.flag("overlapping", overlapping)
    pseudo = arguments.flag("pseudorandom", pseudorandom)
    given = sum(word is not None for word in (output_size, output_ratio, boundaries))
    if given != 1:
        raise ValueError(f"one of output_size, output_ratio and boundaries must be given, not {given} of them")
    kernels = None if kernel_size is None else arguments.positive("kernel_size", kernel_size, len(sizes))
    if kernels is not None and shared:
        raise ValueError("overlapping must be False where kernel_size is given, not True")
    arguments.refuse_empty(sizes)
    if kernels is not None and any(k > n for k, n in zip(kernels, sizes, strict=True)):
        raise ValueError(f"kernel_size {kernels} is larger than the input {sizes}")
    if boundaries is None:
        cells = drawn(sizes, kernels, output_size, output_ratio, pseudo, generator(rng))
    elif rng is not None:
        raise ValueError(f"rng must be None where boundaries are given, not {shown(rng)}")
    else:
        cells = points(boundaries, sizes, kernels)

    axes = []
    for axis, (n, part) in enumerate(zip(sizes, cells, strict=True)):
        firsts = part if kernels is not None else part[:-1]
        stops = part + kernels[axis] if kernels is not None else np.minimum(part[1:] + shared, n)
        axes.append((tuple(firsts.tolist()), tuple((stops - firsts).tolist())))
    return Listed(axes), tuple(cells)
