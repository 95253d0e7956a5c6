"""How far reducers may be off: their roundings, counted op by op.

A rounding to float64 is off by at most ROUNDING of what is rounded. Of a product or quotient the errors of both parts
add up, of a sum of terms of one sign the larger counts, of a power p times the error, of a root of p its p-th part.
What is counted here is what the formulas of docs/semantics.md need, not what was seen.
"""

import math
from typing import Any

import numpy as np

ROUNDING = 2.0**-53

# Of exponentials and logarithms, which are within 2 units in the last place (csrc/kernels/functions.hpp), each of which
# is up to 2 of ROUNDING. Those of numpy and its powers are within 4, with AVX-512.
FUNCTION = 4
FUNCTION_OF_NUMPY = 8

# What is calculated in pairs of float64 is off by 2 of the logarithms, by 3 of the sum and its logarithm (each 2**-63
# of a logarithm up to 1454), and by 3 of the last exponential.
IN_PAIRS = 8


def in_float64(n: int) -> float:
    """Of sums of n terms: n of the sum, 4 of each exponential, logarithm and root (2 units in the last place), 2 of
    their arguments, whose effect on all terms together does not exceed log(n). Temperatures that make more of that are
    up to 6 times what the result is measured by; a p of 0.5 makes twice as much.
    """
    return 6 * (n + 8 + 7 * math.log(n))


def error(roundings: Any) -> Any:
    """Of so many roundings, one after the other, relative to what is rounded: (1 + ROUNDING)**k - 1 at most."""
    return roundings * ROUNDING / (1 - roundings * ROUNDING)


def additions(n: int, lanes: int = 1) -> float:
    """In how many of them a term takes part: in a chain, or in one for each of some lanes, whose sums are added up in
    pairs. A row of one window has 8 (docs/design.md, Surveys).
    """
    return min(n - 1, math.ceil(n / lanes) - 1 + math.log2(lanes))


# ---- the library -------------------------------------------------------------------------------------------------


def power_sum(n: int, p: float, mean: bool = False, lanes: int = 1) -> float:
    """(sum a**p)**(1/p) for a p from 0.5 on, or of the mean, relative to the result.

    A p of 1 and of 2 has no powers but squares. For others the largest a is divided by first, a rounding that the power
    makes p times as large. The power of a whole p up to 64 has p factors, and so p - 1 products of two. Any other is
    exp(p * log(a)), where a product and a logarithm are off relative to an exponent whose mean, weighted by the terms,
    is at most log(n) (it is their entropy, less the logarithm of their sum, which is 1 or more). The root is
    exp(log(sum) / p), where abs(log(sum)) is at most log(n). It is multiplied by the largest a.
    """
    total = additions(n, lanes) + mean
    if p in (1, 2):
        return total if p == 1 else (1 + total) / 2 + 1
    whole = p <= 64 and p == int(p)
    power = p - 1 if whole else FUNCTION + (FUNCTION + 1) * math.log(n)
    return (p + power + total) / p + (FUNCTION + 1) * math.log(n) / p + FUNCTION + 1


def gradient_of_norm(p: float, of_norm: Any) -> Any:
    """g * sign(x) * (abs(x) / norm)**(p - 1), relative to itself, where the norm has so many.

    g is divided by the power of the norm, which is off by abs(p - 1) times as much and by its own, and multiplied by
    that of the cell.
    """
    return 0 if p == 1 else abs(p - 1) * of_norm + 2 * power_apart(p - 1) + 2


def power_apart(exponent: float) -> float:
    """Of a power whose power of two is apart, of numbers without error. 1 is none, 2 is a product. Of others it is that
    of a fraction: so small a power that it fits, for each bit of the exponent from the ninth on a square, which is 1 on
    top of twice what there is. What a power of two has behind the point is an exp2: its argument, itself, a product.
    """
    if exponent in (1, 2):
        return exponent - 1
    squares = max(0, math.frexp(exponent)[1] - 8)
    of_fraction = (FUNCTION_OF_NUMPY + 1) * 2.0**squares - 1
    return of_fraction + (0 if exponent % 1 == 0 else 1 + FUNCTION_OF_NUMPY + 1)


def logsumexp(n: int, temperature: float, largest: Any, value: Any, normalize: bool = False) -> Any:
    """t * log(sum(exp(x / t))), or of the mean, whose value is known, of numbers up to `largest`: an error.

    With the greatest number taken out first. Exponents are a difference and a division; as those of `power_sum` they
    count log(n) in the mean. Then an exponential, a sum, a division with `normalize`. These are of what the logarithm,
    of up to log(n), is taken of, and so of 1. It has its own and a product with t. A greatest number comes on top.
    Where t is more than 4 times the largest of a mean, exponents are down to -1/2, and the mean is that of exp(x) - 1,
    down to -0.4: log1p makes 1.3 times as much of its error. All are of up to 2 * largest then.
    """
    if normalize and temperature > 4 * largest:
        return error(1.3 * (2 + FUNCTION + n) + FUNCTION + 1) * 2 * largest + error(1) * abs(value)
    of_logarithm = 2 * math.log(n) + FUNCTION + n - 1 + normalize + (FUNCTION + 1) * math.log(n)
    return error(of_logarithm) * temperature + error(1) * abs(value)


def softmax(n: int, temperature: float, largest: Any, greatest: Any, value: Any) -> Any:
    """sum(w * x) / sum(w) with w = exp(x / t), whose value is known, of numbers up to `largest`: an error.

    It is the greatest number less what the others lack: a mean of differences d, with w = exp(-d / t). Above are a
    difference, a product, an exponential and a sum, below an exponential and a sum, and there is a division. Exponents
    are a difference and a division, which count log(n) in the mean, below of what is lacking, above of d, which is at
    most 2 * largest, or 708 * t: what is below that weighs nothing.
    """
    relative = 2 + FUNCTION + n - 1 + FUNCTION + n - 1 + 1 + 2 * math.log(n)
    depth = np.minimum(2 * largest, 708 * temperature)
    return error(relative) * abs(greatest - value) + error(2 * math.log(n)) * depth + error(1) * abs(value)


def variance(n: int, lanes: int = 1) -> float:
    """sum((x - mean)**2) / (n - ddof), relative to itself.

    All cells are moved by the largest of them, o, first, and the mean is that of what is left. A distance is two
    differences. The second is off by 1 of itself, and its square by 2. The first is off by 1 of x - o: the squares of
    these add up to at most n times those of the distances (which is reached where all but o are equal), so that, as in
    any norm, the sum of the squares is off by 2 * sqrt(n). A mean that is off moves all distances alike, and adds n
    times the square of that to the sum: below 2 * n * (n + 1)**2 * ROUNDING**2 of it, for the range squared is at most
    twice the sum; less than half a rounding of up to 100,000 cells. A square is 1, and so is the division.
    """
    assert n <= 100_000
    return 2 + 2 * math.sqrt(n) + 0.5 + 1 + additions(n, lanes) + 1


def root(roundings: float) -> float:
    """Of the square root of what has so many."""
    return roundings / 2 + 1


def expectation(n: int) -> int:
    """sum(a**2) / sum(a) for a of one sign, relative to itself: a square, two sums, a division."""
    return 1 + 2 * (n - 1) + 1


# ---- numpy -------------------------------------------------------------------------------------------------------


def power_sum_of_numpy(n: int, p: float, values: Any, mean: bool = False) -> Any:
    """The formula as it stands: powers, a sum, a root, whose exponent 1/p is rounded: that is one of log(result)."""
    with np.errstate(divide="ignore"):
        exponents = np.where(values == 0, 0, np.abs(np.log(values)))
    return (FUNCTION_OF_NUMPY + n - 1 + mean) / p + exponents + FUNCTION_OF_NUMPY


def gradient_of_norm_of_numpy(p: float, of_norm: Any) -> Any:
    """As `gradient_of_norm`, with one quotient, one power and one product."""
    return abs(p - 1) * (of_norm + 1) + FUNCTION_OF_NUMPY + 1


def norm_of_numpy(n: int, p: float, values: Any) -> Any:
    """numpy.linalg.norm has its own sum of magnitudes and root of squares."""
    if p in (1, 2):
        return n - 1 if p == 1 else root(n)
    return power_sum_of_numpy(n, p, values)


def variance_of_numpy(n: int) -> int:
    """Of the distances from its mean: 2 of a distance that is squared, 1 of the square, a sum and a division. How much
    that mean is off comes on top: `moved`.
    """
    return 2 + 1 + n - 1 + 1


def moved(n: int, of_mean: float, largest: Any, ddof: int = 0) -> Any:
    """What a mean that is off by some roundings of the largest number adds to the variance around it."""
    return (error(of_mean) * largest) ** 2 * n / (n - ddof)


# ---- comparisons -------------------------------------------------------------------------------------------------


def assert_close(found: Any, expected: Any, bound: Any, note: str = "") -> None:
    """Everywhere within a bound, which may differ from place to place; 0: equal."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert found.shape == expected.shape
    off = np.abs(found - expected)
    wrong = ~(off <= bound)
    bounds = np.broadcast_to(bound, off.shape)
    assert not wrong.any(), f"{note}: {found[wrong][0]}, not {expected[wrong][0]}: {off[wrong][0]} > {bounds[wrong][0]}"
