"""Numbers that depend on a seed alone, whatever numpy's version: bits from a counter, put together as elements."""

import math
from collections.abc import Sequence
from random import Random
from typing import Any, TypeVar

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Item = TypeVar("Item")

# By name: bits of mantissa and exponent.
FLOATS = {"float16": (10, 5), "bfloat16": (7, 8), "float32": (23, 8), "float64": (52, 11)}
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES = (*FLOATS, "bool", *INTEGERS)

# What is drawn, by name. Integers have the first three.
PROFILES = {
    "plain": "floats of both signs within 16 powers of two, whose sums round; integers of the whole range",
    "ties": "whole numbers from -8 to 8 (unsigned: to 16), whose sums are exact in every order",
    "wide": "floats of all exponents, of which the last one is NaNs of any payload, without zeros",
    "special": "ties, among them zeros of both signs, infinities, NaNs, denormals, the largest numbers and integers",
    "nans": "special without negative zeros",
    "holes": "ties, among them NaNs",
}


class Draw:
    """Choices that depend on a name alone: of `random.Random` only `random` is promised to stay as it is."""

    def __init__(self, name: str) -> None:
        self.random = Random(name).random

    def number(self, low: int, high: int) -> int:
        """From low to high, both included."""
        return low + int(self.random() * (high - low + 1))

    def of(self, items: Sequence[Item]) -> Item:
        return items[self.number(0, len(items) - 1)]

    def chance(self, share: float) -> bool:
        return self.random() < share

    def order(self, n: int) -> tuple[int, ...]:
        return tuple(sorted(range(n), key=[self.random() for _ in range(n)].__getitem__))


def words(seed: int, n: int) -> NDArray[np.uint64]:
    """n words of 64 random bits: SplitMix64 (Steele, Lea and Flood, 2014) of a counter."""
    state = np.arange(1, n + 1, dtype=np.uint64)
    state *= np.uint64(0x9E3779B97F4A7C15)
    state += np.uint64(seed % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state ^= state >> np.uint64(shift)
        state *= np.uint64(factor)
    state ^= state >> np.uint64(31)
    return state


def values(dtype: str, shape: Sequence[int], profile: str, seed: int) -> Array:
    """A dense array of the profile."""
    bits = words(seed, math.prod(shape))
    if dtype == "bool":
        return np.asarray(bits % np.uint64(16) < (1, 8, 15)[seed % 3], bool).reshape(shape)
    drawn = floats(dtype, bits, profile, seed) if dtype in FLOATS else integers(dtype, bits, profile)
    return drawn.reshape(shape)


def integers(dtype: str, bits: NDArray[np.uint64], profile: str) -> Array:
    size = np.dtype(dtype).itemsize
    whole = bits.astype(f"u{size}").view(dtype)  # the lower bits
    if profile in ("plain", "wide"):
        return whole
    few = ((bits >> np.uint64(40)) % np.uint64(17)).astype(dtype)
    if dtype[0] == "i":
        few -= np.array(8, dtype)
    if profile == "special":
        info = np.iinfo(dtype)
        kind = bits >> np.uint64(60)
        few[kind == 0], few[kind == 1] = info.min, info.max
        few[kind == 2] = whole[kind == 2]
    return few


def floats(dtype: str, bits: NDArray[np.uint64], profile: str, seed: int) -> Array:
    mantissa, exponent = FLOATS[dtype]
    size = (1 + mantissa + exponent) // 8
    bias, sign = 2 ** (exponent - 1) - 1, 1 << (mantissa + exponent)
    high = bits >> np.uint64(52)  # beyond any mantissa: where signs, exponents and kinds come from
    fraction = bits & np.uint64(2**mantissa - 1)
    if profile in ("plain", "wide"):
        if profile == "plain":
            exponents = high % np.uint64(16) + np.uint64(bias - 10)
        else:
            exponents = high % np.uint64(2**exponent)
            fraction |= np.uint64(1)
        negative = np.where(high >> np.uint64(11), np.uint64(sign), np.uint64(0))
        number = fraction | exponents << np.uint64(mantissa) | negative
        return np.asarray(number.astype(f"u{size}")).view(kind_of(dtype))
    few = ((bits % np.uint64(17)).astype("i8") - 8).astype("f8").astype(kind_of(dtype)).view(f"u{size}")
    if profile == "ties":
        return few.view(kind_of(dtype))
    infinity = (2**exponent - 1) << mantissa
    quiet = infinity | 1 << (mantissa - 1)
    specials = [quiet, quiet | sign, quiet | 5, quiet | sign | 3]
    if profile != "holes":
        specials += [0, 0, infinity, infinity | sign, 1, 1 | sign, 1 << mantissa, infinity - 1, infinity - 1 | sign]
    if profile == "special":
        specials += [sign, sign, sign, sign | 1 << mantissa]
    which = (bits >> np.uint64(20)) % np.uint64(len(specials))
    one_in = np.uint64((4, 16, 128)[seed % 3])
    chosen = np.array(specials, f"u{size}")[which.astype("i8")]
    return np.asarray(np.where(high % one_in == 0, chosen, few)).view(kind_of(dtype))


def kind_of(dtype: str) -> np.dtype[Any]:
    return np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
