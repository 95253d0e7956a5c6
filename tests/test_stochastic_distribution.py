"""Cells are drawn with the probabilities of their shares, whatever others draw."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilepool as tp
from test_stochastic import drawn

Array = NDArray[Any]


def chi_square_probability(counts: Array, shares: Array) -> float:
    """How likely counts as far from the shares or farther are: exact for the even number of degrees of freedom."""
    expected = counts.sum() * shares / shares.sum()
    half = float(((counts - expected) ** 2 / expected).sum()) / 2
    degrees = len(counts) - 1
    assert degrees % 2 == 0
    return math.exp(-half) * sum(half**k / math.factorial(k) for k in range(degrees // 2))


def counts_of(indices: Array, cells: int) -> Array:
    return np.bincount(indices.ravel(), minlength=cells)


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "bfloat16", "float16"])
def test_cells_are_drawn_with_the_probability_of_their_share(dtype: str) -> None:
    """Each of several windows that share cells; many images in one call. The test can tell other shares."""
    cells = np.array([1, 5, 2, 8, 3, 1, 4]).astype(dtype)
    x = np.broadcast_to(cells, (40_000, cells.size))
    indices = drawn(x, 3, 1, axis=1, rng=3)[1]
    for first, column in enumerate(indices.T):
        counts = counts_of(column - first, 3)
        shares = cells[first : first + 3].astype(float)
        assert chi_square_probability(counts, shares) > 1e-4, (first, counts)
        assert chi_square_probability(counts, shares**2) < 1e-9
        assert chi_square_probability(counts, np.ones(3)) < 1e-9


def test_draws_of_many_calls() -> None:
    """One window of nine cells, two of them out of the race; one generator over the calls."""
    x = np.array([[0.5, 2, -3], [1, 4, 0.25], [0, 1.5, 0.75]])
    rng = np.random.default_rng(11)
    counts = counts_of(np.array([drawn(x, 3, axis=(0, 1), rng=rng)[1] for _ in range(4000)]), 9)
    assert counts[2] == counts[6] == 0
    assert chi_square_probability(counts[x.ravel() > 0], x[x > 0]) > 1e-4


def test_windows_that_share_no_cell_are_independent() -> None:
    """All nine pairs of what two neighbours draw are as likely as the products of their shares."""
    cells = np.array([1.0, 2, 3, 2, 1, 1])
    indices = drawn(np.tile(cells, (40_000, 1)), 3, axis=1, rng=4)[1] - [0, 3]
    counts = counts_of(indices[:, 0] * 3 + indices[:, 1], 9)
    assert chi_square_probability(counts, np.outer(cells[:3], cells[3:]).ravel()) > 1e-4


def test_the_mean_of_draws_is_the_expectation() -> None:
    x = np.array([1.0, 5, -2, 8, 3])
    draws = tp.stochastic_pool(np.broadcast_to(x, (50_000, 5)), 3, 1, axis=1, rng=0)
    mean = tp.stochastic_pool(x, 3, 1, axis=0, training=False)
    assert (np.abs(draws.mean(0) - mean) < 5 * draws.std(0) / math.sqrt(50_000)).all()
