"""The oracle of reducers itself agrees with numpy, and with numbers worked by hand."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

import reference
from agreement import REDUCERS, check, expected
from rounding_errors import (
    FUNCTION_OF_NUMPY,
    assert_close,
    error,
    moved,
    norm_of_numpy,
    power_sum_of_numpy,
    root,
    variance_of_numpy,
)
from test_reducers import METHODS

Array = NDArray[Any]


def test_the_oracle_agrees_with_numpy() -> None:
    """Where numpy has a function of the same definition, whose results are off by its roundings, in float64. Those of
    the oracle are one off: it has 64 bits, and is rounded once.
    """
    rng = np.random.default_rng(5)
    for n in (1, 2, 3, 4, 9, 10, 25):
        x = np.round(rng.normal(scale=3, size=(40, n)), 1)
        whole = [reference.listed([0], [n])]
        largest = np.max(np.abs(x), 1)

        def of(op: str, x: Array = x, whole: Any = whole, **options: Any) -> Array:
            return reference.reduced(op, x, [1], whole, **options)[0][:, 0]

        for ddof in range(min(n, 3)):
            expected, around = np.var(x, 1, ddof=ddof), moved(n, n, largest, ddof)  # a mean is a sum and a division
            assert_close(of("var", ddof=ddof), expected, error(variance_of_numpy(n) + 1) * expected + around)
            expected = np.std(x, 1, ddof=ddof)
            bound = error(root(variance_of_numpy(n)) + 1) * expected + np.sqrt(expected**2 + around) - expected
            assert_close(of("std", ddof=ddof), expected, bound)
        for method in METHODS:
            for q in (0, 0.1, 0.25, 0.5, 0.7, 1):
                expected = np.quantile(x, q, axis=1, method=method)  # type: ignore[call-overload]
                # A difference, by a share that is a difference, too: 3 of up to twice the largest. A sum.
                bound = 0 if method in ("lower", "higher", "nearest") else error(2 * 3 + 1 + 1) * largest
                assert_close(of("quantile", q=q, method=method), expected, bound, f"{method}, {q}")
        assert np.array_equal(of("median"), np.median(x, 1))
        for p in (0.5, 1, 2, 3, math.inf):
            expected = np.linalg.norm(x, p, 1)
            bound = error(norm_of_numpy(n, p, expected) + 1) * expected if p < math.inf else 0
            assert_close(of("lp", norm_type=p), expected, bound, f"{p}")
            if p < math.inf:
                expected = np.mean(np.maximum(x, 1e-6) ** p, 1) ** (1 / p)
                bound = error(power_sum_of_numpy(n, p, expected, mean=True) + 1) * expected
                assert_close(of("gem", p=p), expected, bound, f"{p}")
        expected = np.prod(x, 1)
        assert_close(of("prod"), expected, error(n) * np.abs(expected))
        # logaddexp(a, b) is the larger one and log1p(exp(-d)), up to log(2). Functions of the C library are off
        # by 2 (a unit in the last place), d by 1: together by less than 3. Their sum is 1.
        sizes = largest + np.log(n)
        expected, bound = np.logaddexp.reduce(x, 1), (n - 1) * (sizes + 3) + sizes
        assert_close(of("logsumexp"), expected, error(bound))
        bound += FUNCTION_OF_NUMPY * np.log(n) + sizes
        assert_close(of("logsumexp", normalize=True), expected - np.log(n), error(bound))
        # Of both sums their exponentials and additions, of one its products; a division.
        expected = np.sum(np.exp(x / 2) * x, 1) / np.sum(np.exp(x / 2), 1)
        bound = error(2 * (FUNCTION_OF_NUMPY + n - 1) + 1 + 1 + 1) * largest
        assert_close(of("softmax", temperature=2), expected, bound)
        assert np.array_equal(of("any"), np.any(x, 1))
        assert np.array_equal(of("all"), np.all(x, 1))
        assert np.array_equal(of("count_nonzero"), np.count_nonzero(x, 1))
        bytes_ = rng.integers(0, 4, (40, n)).astype(np.uint8)
        assert np.array_equal(of("mode", bytes_), [np.argmax(np.bincount(row)) for row in bytes_])
        assert np.array_equal(of("prod", bytes_), np.prod(bytes_, 1))


def test_a_quantile_in_the_middle_of_two_results_may_be_either() -> None:
    """-4 + 3.1 * 0.7 in float32: float64's roundings decide which. Other quantiles have one result."""
    middle, other = np.array([-0.9, -4], np.float32), np.array([-0.9, -4.25], np.float32)
    arguments: dict[str, Any] = {"kernel_size": 2, "q": 0.7}
    check("quantile", middle, 0, **arguments)
    for x, bounded in ((middle, True), (other, False)):
        _, _, bound = expected("quantile", x, (0,), arguments)
        assert bound is not None
        assert (bound > 0).tolist() == [bounded]


def test_the_oracle_agrees_with_numbers_worked_by_hand() -> None:
    """The line 3, NaN, 3, 1, and padding of one cell; a window of two taps in it has one cell or none.

    What is worked out has at most 8 roundings, the oracle one. Those 8 are of the softmax: an exponential, a product
    and a sum above (2 of a function of the C library, and 1 each), an exponential and a sum below, a division.
    """
    x = np.array([3, math.nan, 3, 1])
    windows = [[*reference.sliding(4, 4), *reference.sliding(4, 2, 6, (1, 3), 2)]]  # the second: a NaN alone

    def results(op: str, **options: Any) -> list[float]:
        return [float(v) for v in reference.reduced(op, x, [0], windows, nan_policy="omit", **options)[0]]

    empty = {"lp": 0, "logsumexp": -math.inf, "prod": 1, "any": 0, "all": 1, "count_nonzero": 0}
    full = {
        "lp": 19**0.5, "gem": (55 / 3) ** (1 / 3), "logsumexp": math.log(2 * math.exp(3) + math.e),
        "softmax": (6 * math.exp(3) + math.e) / (2 * math.exp(3) + math.e), "var": 8 / 9, "std": 8**0.5 / 3,
        "median": 3, "quantile": 2, "mode": 3, "prod": 9, "any": 1, "all": 1, "count_nonzero": 3,
    }  # fmt: skip
    given: dict[str, dict[str, Any]] = {"lp": {"norm_type": 2}, "quantile": {"q": 0.25}}
    for op in REDUCERS:
        expected = [full[op], empty.get(op, math.nan)]
        np.testing.assert_allclose(results(op, **given.get(op, {})), expected, rtol=error(8 + 1), err_msg=op)
        propagated = reference.reduced(op, x, [0], windows, **given.get(op, {}))[0].tolist()
        counted = {"any": [True, True], "all": [True, True], "count_nonzero": [4, 1]}
        np.testing.assert_equal(propagated, counted.get(op, [math.nan, math.nan]), err_msg=op)
    assert results("quantile", q=0.25, method="lower")[0] == 1
    assert results("quantile", q=0.25, method="higher")[0] == 3
    assert results("quantile", q=0.25, method="nearest")[0] == 1  # h = 0.5
    assert results("quantile", q=0.75, method="nearest")[0] == 3
    assert results("var", ddof=1)[0] == 4 / 3
    assert math.isnan(results("logsumexp", normalize=True)[1])
