"""Gradients of norms: powers of any size, and sums over the outputs that see a cell, which are windows, too."""

from __future__ import annotations

from math import frexp, inf, log2
from typing import TYPE_CHECKING

import numpy as np

from . import _arrays as arrays
from . import _missing as missing_cells
from ._dtypes import FLOAT64

if TYPE_CHECKING:
    from ._gradients_of_sums import Part
    from ._types import Array

FLOAT64_TYPE = np.finfo(np.float64)
BITS = 1000  # of numbers from 2**-BITS to 2**BITS none is too large or has lost digits
BAND = 1400  # of what is added up together; the sums, and their products with numbers of 257 bits, stay within BITS


def of_norms(part: Part) -> Array:
    """``g * sign(x) * (abs(x) / norm)**(p - 1)``, in float64; 0 where x is 0.

    The power of the quotient is a quotient of powers, so that sums of ``g / norm**(p - 1)`` over transposed windows do.
    """
    exponent = min(part.pooling.op.parameters[0] - 1, 2.0**50)  # beyond, what decides is the rounding of norms
    dtype = part.g.dtype
    with np.errstate(all="ignore"):
        cells = part.x.astype(FLOAT64)
        magnitudes = np.abs(cells)
        norms = norms_of(part, magnitudes)
        known = (norms > 0) & (norms < inf)
        part = part._replace(g=part.g.astype(FLOAT64))
        if fits(part.g, norms, exponent):
            shares = part.g / power(norms, exponent)
            np.copyto(shares, 0, where=~known)
            result = times_power(part.transposed(shares), magnitudes, exponent)
        else:
            result = in_bands(part, magnitudes, norms, known, exponent)
        result *= np.sign(cells)
        np.copyto(result, 0, where=~((magnitudes > 0) & (magnitudes < inf)))  # what was times 0, infinity or NaN
        unknown = ~np.isfinite(norms)
        if unknown.any():  # NaN, and infinity: its share of itself is not known, that of others is 0
            seen = part.transposed(np.where(unknown, 1.0, 0.0)) > 0
            of_nan = part.transposed(np.where(np.isnan(norms), 1.0, 0.0)) > 0
            result[(of_nan & (magnitudes != 0)) | (seen & np.isinf(magnitudes))] = np.nan
        result = part.left_in(result + 0.0)  # -0 is 0
        return arrays.copied(result, dtype, part.order)


def norms_of(part: Part, magnitudes: Array) -> Array:
    """Of all windows, in float64."""
    # What numpy has converted has no NaN other than that of x.
    call = part.pooling.call(magnitudes)
    return missing_cells.results(magnitudes, part.pooling, call, part.missing, part.threads)[0]


def fits(g: Array, norms: Array, exponent: float) -> bool:
    """Whether all shares of windows, and sums of them, are within BITS, and no norm has lost digits."""
    of_g, of_norms = bits_of(np.abs(g)), bits_of(norms)
    return of_norms <= BITS and of_g + abs(exponent) * of_norms + log2(g.size + 1) <= BITS


def bits_of(magnitudes: Array) -> float:
    """By how many powers of two they are away from 1, but for 0, infinity and NaN."""
    low, high = magnitudes.min(initial=1), magnitudes.max(initial=1)
    if not (low > 0 and high < inf):
        known = np.where((magnitudes > 0) & (magnitudes < inf), magnitudes, 1)
        low, high = known.min(initial=1), known.max(initial=1)
    return max(-log2(low), log2(high))


def power(numbers: Array, exponent: float) -> Array:
    if exponent == 1:
        return numbers
    return numbers * numbers if exponent == 2 else np.asarray(numbers**exponent)


def times_power(sums: Array, magnitudes: Array, exponent: float) -> Array:
    """The products, also where a power is too large or has lost digits."""
    powers = power(magnitudes, exponent)
    result: Array = sums * powers
    lost = (magnitudes > 0) & ~((powers >= FLOAT64_TYPE.tiny) & (powers <= FLOAT64_TYPE.max))
    if lost.any():
        fractions, twos = np.frexp(sums[lost])
        powers, more = power_apart(*np.frexp(magnitudes[lost]), exponent)
        result[lost] = times_power_of_two(fractions * powers, twos + more)
    return result


# ---- beyond float64 --------------------------------------------------------------------------------------------------


def in_bands(part: Part, magnitudes: Array, norms: Array, known: Array, exponent: float) -> Array:
    """What windows pass on, but for the sign, where it does not fit: exponents are kept apart, as frexp has them, and
    windows are taken together whose shares are of a like size.
    """
    fractions, twos = np.frexp(norms)
    few = known & (norms < FLOAT64_TYPE.tiny)
    if few.any():  # these have lost digits: they are taken of larger cells
        larger, more = np.frexp(norms_of(part, magnitudes * 2.0**52))
        fractions, twos = np.where(few, larger, fractions), np.where(few, more - 52, twos)
    powers, of_norms = power_apart(fractions, twos, exponent)
    fractions, of_g = np.frexp(part.g)
    shares, more = np.frexp(fractions / powers)
    twos = of_g + more - of_norms
    known = known & (shares != 0)
    powers, of_cells = power_apart(*np.frexp(magnitudes), exponent)
    result = np.zeros(magnitudes.shape)
    low = twos.min(where=known, initial=2**63 - 1)
    bands = (twos - low) // BAND
    for band in np.unique(bands[known]):
        middle = low + band * BAND + BAND // 2
        of_band = np.where(known & (bands == band), times_power_of_two(shares, twos - middle), 0)
        result += times_power_of_two(part.transposed(of_band) * powers, of_cells + middle)
    return result


def power_apart(fractions: Array, twos: Array, exponent: float) -> tuple[Array, Array]:
    """``(fractions * 2**twos)**exponent`` as numbers from 2**-257 to 2**257 and powers of two, of up to 62 bits."""
    squares = max(0, frexp(exponent)[1] - 8)
    result, whole = power(fractions, exponent / 2**squares), np.zeros(twos.shape, np.int64)
    for _ in range(squares):
        result, more = np.frexp(result * result)
        whole = 2 * whole + more
    if exponent % 1 == 0:
        return result, whole + twos * np.int64(exponent)
    first = float(np.float32(exponent))  # 24 bits, and 29 are left: products with twos, which have 11, are exact
    steps = np.floor(twos * first)
    rest = twos * first - steps + twos * (exponent - first)
    more = np.floor(rest)
    return result * np.exp2(rest - more), whole + (steps + more).astype(np.int64)


def times_power_of_two(numbers: Array, twos: Array) -> Array:
    """Rounded once, where the result is no full number of float64; numbers are within 2**-BITS and 2**BITS."""
    return np.ldexp(numbers, np.clip(twos, -4000, 4000).astype(np.int32))
