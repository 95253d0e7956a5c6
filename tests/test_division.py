"""Averages of float64 are divided by multiplications: by any number of cells, to the bits of a division."""

import numpy as np
import pytest

import tilepool as tp

SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 2.0**-1022, 2.0**-900, -(2.0**-901), 2.0**1023]
# Around a power of two, around the largest divisor that has parts (2**40), and large primes on both sides.
EDGES = [1, 3, 7, 9, 49, 2**20 - 1, 2**20, 2**31 - 1, 2**40 - 87, 2**40 - 1, 2**40, 2**40 + 15, 2**52 - 47]


def _same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    numbers = ~np.isnan(b)
    return bool((np.isnan(a) != numbers).all()) and a[numbers].tobytes() == b[numbers].tobytes()


def _numbers(divisor: int, rng: np.random.Generator) -> np.ndarray:
    """Odd multiples of half the divisor, one place beside them, any bits, long integers, and special numbers."""
    near = (2 * rng.integers(0, 2**12, 500) + 1) * (divisor / 2) * 2.0 ** rng.integers(-1060, 900, 500)
    beside = np.concatenate([near, np.nextafter(near, np.inf), np.nextafter(near, 0)])
    any_bits = rng.integers(0, 2**64, 3000, np.uint64).view(np.float64)
    middle = rng.integers(2**52, 2**53, 3000).astype(float)
    return np.concatenate([beside, any_bits, middle, np.array(SPECIAL * 9)])


@pytest.mark.parametrize("sign", [1, -1])
def test_quotients_of_float64_have_the_bits_of_a_division(sign: int, isa: str) -> None:
    rng = np.random.default_rng(40)
    for divisor in [*EDGES, *range(2, 130), *map(int, rng.integers(2, 2**41, 50))]:
        x = _numbers(divisor, rng)
        with np.errstate(all="ignore"):
            expected = x / (sign * divisor)
        result = tp.avg_pool(x, 1, divisor_override=sign * divisor, axis=0)
        assert _same_bits(result, expected), (isa, sign * divisor)
        # Vectors without a special lane take the way of two multiplications, with one the other.
        ordinary = x[np.isfinite(x) & (abs(x) > 2.0**-890)]
        result = tp.avg_pool(ordinary, 1, divisor_override=sign * divisor, axis=0)
        assert _same_bits(result, ordinary / (sign * divisor)), (isa, sign * divisor)
