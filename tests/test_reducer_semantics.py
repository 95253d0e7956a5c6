"""What reducers give for special values and windows without cells, and how stable they are."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import reference
import tilepool
from agreement import REDUCERS, reducer
from layouts import FLOATS, INTEGERS, any_numbers
from rounding_errors import error, in_float64, power_sum, root, variance
from test_accuracy import ORACLES, exact
from test_determinism import bits
from test_errors import refused
from test_reducers import METHODS, OPTIONS
from tilepool import _core

# ml_dtypes warns of NaN that signals, whatever is asked of it.
pytestmark = [pytest.mark.usefixtures("isa"), pytest.mark.filterwarnings("ignore:invalid value encountered")]

Array = NDArray[Any]

tp: Any = tilepool  # operations are named by variables here, not by literals

NAN, INF = math.nan, math.inf
CALLS = [(op, options) for op in REDUCERS for options in OPTIONS[op]]
OF_ONE_CELL = ("lp", "gem", "logsumexp", "softmax", "median", "quantile", "mode", "prod")  # give a positive cell itself


def whole(op: str, values: Any, dtype: str = "float64", **options: Any) -> float:
    """The result of one window that sees all values."""
    (result,) = reducer(op)(np.array(values, dtype), kernel_size=len(values), axis=0, **options)
    return float(result)


def near(result: float, expected: Any, roundings: float, dtype: str) -> bool:
    """Whether a number with so many roundings of float64 of itself, and one to the dtype of the result, may be it."""
    once = 0.0 if dtype == "float64" else float(reference.finfo(dtype).eps) / 2
    return bool(abs(exact.mpf(result) - expected) <= (error(roundings) + once) * abs(expected))


def same(result: float, expected: float) -> bool:
    return result == expected or (math.isnan(result) and math.isnan(expected))


def of_no_cell(op: str, options: dict[str, Any], result: np.dtype[Any]) -> float:
    if op == "logsumexp":
        return NAN if options.get("normalize") else -INF
    value = {"lp": 0.0, "prod": 1.0, "any": 0.0, "all": 1.0, "count_nonzero": 0.0}.get(op, NAN)
    return 0.0 if math.isnan(value) and not reference.is_float(result) else value


# ---- results -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", _core.dtypes)
def test_result_dtypes(dtype: str) -> None:
    """Floats keep theirs, narrow integers give float32, others float64; what is a cell of x has its dtype."""
    x = np.ones((2, 4), dtype)
    if dtype in FLOATS:
        usual, of_prod = dtype, dtype
    else:
        usual = "float32" if x.itemsize <= 2 else "float64"
        of_prod = "uint64" if dtype.startswith("u") else "int64"
    special = {"mode": dtype, "prod": of_prod, "any": "bool", "all": "bool", "count_nonzero": "int64"}
    for (op, options), shape in itertools.product(CALLS, ((2, 4), (0, 4))):
        of_cells = options.get("method") in ("lower", "higher", "nearest")
        result = reducer(op)(x[: shape[0]], kernel_size=2, axis=1, **options)
        assert result.dtype == special.get(op, dtype if of_cells else usual), (op, options)
        assert result.shape == (shape[0], 2)
    for asked in ("float32", "int8", "uint64"):
        result = tp.pool(x * 2 if dtype != "bool" else x, 2, axis=1, op="prod", dtype=asked)
        assert result.dtype == asked
        assert result.tolist() == [[1, 1] if dtype == "bool" else [4, 4]] * 2


@pytest.mark.parametrize("op", REDUCERS)
@pytest.mark.parametrize("dtype", _core.dtypes)
def test_a_window_without_a_cell(op: str, dtype: str) -> None:
    """Kernel 2 with dilation 4 over 2 cells, 4 of padding on both sides: the taps of 2 windows of 6 are all padding."""
    x = np.array([1, 1], dtype)
    for options in OPTIONS[op]:
        result = reducer(op)(x, kernel_size=2, stride=1, padding=4, dilation=4, axis=0, **options)
        empty = of_no_cell(op, options, result.dtype)
        for place, value in enumerate(result.astype(np.float64).tolist()):
            if place in (2, 3):
                assert same(value, empty), options
            elif op in ("var", "std"):
                assert same(value, NAN if options.get("ddof") else 0), options
            else:
                assert value == 1, options
        last = reducer(op)(np.ones(3, dtype), kernel_size=1, stride=3, ceil_mode="full", axis=0, **options)[-1]
        assert same(float(last), empty), options


@pytest.mark.parametrize("op", REDUCERS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_nan_policies(op: str, dtype: str) -> None:
    """A NaN of either sign, and with any bits: it is the result, a missing cell, or an error. It never outlives its
    windows. To any, all and count_nonzero it is true.
    """
    for options, sign in itertools.product(OPTIONS[op], (1, -1)):
        x = np.ones(40, dtype)
        x[[7, 20, 21]] = math.copysign(NAN, sign)
        words = {**options, "axis": 0}
        propagated = reducer(op)(x, kernel_size=2, **words).astype(np.float64)
        omitted = reducer(op)(x, kernel_size=2, nan_policy="omit", **words).astype(np.float64)
        plain = reducer(op)(np.ones(40, dtype), kernel_size=2, nan_policy="raise", **words).astype(np.float64)
        alone = float(reducer(op)(np.ones(1, dtype), kernel_size=1, **words)[0])
        others = np.ones(20, bool)
        others[[3, 10]] = False
        assert np.array_equal(propagated[others], plain[others], equal_nan=True), (op, options)
        assert np.array_equal(omitted[others], plain[others], equal_nan=True), (op, options)
        if op in ("any", "all", "count_nonzero"):
            assert np.array_equal(propagated, plain)
        else:
            assert np.all(np.isnan(propagated[[3, 10]])), (op, options)
        assert same(omitted[3], alone), (op, options)
        assert same(omitted[10], of_no_cell(op, options, reducer(op)(x, kernel_size=2, **words).dtype)), (op, options)
        refused(ValueError, "NaN", reducer(op), x, kernel_size=2, nan_policy="raise", **words)
        refused(ValueError, "NaN", reducer(op), x, kernel_size=1, stride=3, nan_policy="raise", **words)  # between


@pytest.mark.parametrize("op", REDUCERS)
def test_nan_policies_of_integers_change_nothing(op: str) -> None:
    x = any_numbers(np.random.default_rng(0), (6, 7), "int16")
    for options in OPTIONS[op]:
        results = {
            bits(reducer(op)(x, kernel_size=3, stride=1, axis=(0, 1), nan_policy=policy, **options))
            for policy in ("propagate", "omit", "raise")
        }
        assert len(results) == 1, options


# ---- special values ------------------------------------------------------------------------------------------------

SOFTMAX_OF_1_AND_2 = 1 + 1 / (1 + math.exp(-1))


@pytest.mark.parametrize("dtype", FLOATS)
def test_infinities(dtype: str) -> None:
    """[values, {call: result}], with the NaN that a variance of infinities is."""
    rows: list[tuple[list[float], dict[str, float]]] = [
        ([1, INF, 2], {"lp": INF, "gem": INF, "logsumexp": INF, "softmax": INF, "var": NAN, "std": NAN, "median": 2}),
        ([1, -INF, 2], {"lp": INF, "softmax": SOFTMAX_OF_1_AND_2, "var": NAN, "std": NAN, "median": 1, "prod": -INF}),
        ([-INF] * 3, {"lp": INF, "gem": 1e-6, "logsumexp": -INF, "softmax": -INF, "var": NAN, "median": -INF}),
        ([INF, -INF], {"lp": INF, "gem": INF, "logsumexp": INF, "softmax": INF, "median": NAN, "prod": -INF}),
        ([INF, INF], {"lp": INF, "gem": INF, "logsumexp": INF, "softmax": INF, "std": NAN, "median": INF, "mode": INF}),
        ([-INF, 0], {"logsumexp": 0, "softmax": 0, "median": -INF, "mode": -INF, "prod": NAN, "any": 1, "all": 0}),
        ([-INF, -INF, 5], {"logsumexp": 5, "softmax": 5, "mode": -INF, "median": -INF, "count_nonzero": 3}),
        ([INF], {"lp": INF, "gem": INF, "logsumexp": INF, "softmax": INF, "var": NAN, "median": INF, "mode": INF}),
    ]
    for values, results in rows:
        for op, expected in results.items():
            for options in [{"norm_type": p} for p in (1, 2, 3, INF)] if op == "lp" else [{}]:
                result = whole(op, values, dtype, **options)
                # Those of the softmax are of the largest cell, 2; what is worked out here has 4 of its own.
                off = 2 * error(in_float64(len(values)) + 4) if expected == SOFTMAX_OF_1_AND_2 else 0
                least, most = (float(reference.rounded(end, dtype)) for end in (expected - off, expected + off))
                assert same(result, least) or least <= result <= most, (op, values, options, result)
    for method, q in itertools.product(("lower", "higher", "nearest"), (0, 0.3, 0.5, 1)):
        ordered = sorted([INF, -INF, 1, 2, -INF])
        number = {"lower": math.floor, "higher": math.ceil, "nearest": round}[method](q * 4)  # type: ignore[operator]
        assert whole("quantile", [INF, -INF, 1, 2, -INF], dtype, q=q, method=method) == ordered[number]
    assert whole("logsumexp", [-INF] * 2, dtype, normalize=True) == -INF
    for temperature in (0.1, 100.0):
        assert whole("softmax", [-INF, 3, -INF], dtype, temperature=temperature) == 3


@pytest.mark.parametrize("dtype", FLOATS)
def test_zeros_of_both_signs_are_one_value(dtype: str) -> None:
    assert whole("mode", [-0.0, 1, 0.0, 1, -0.0, 1, 0.0], dtype) == 0
    assert whole("mode", [2.0, 0.0, -0.0, 2.0], dtype) == 0  # a tie: the smaller one
    for op, expected in (("any", 0), ("all", 0), ("count_nonzero", 0), ("median", 0), ("softmax", 0), ("std", 0)):
        assert whole(op, [-0.0, 0.0, -0.0], dtype) == expected
    for p in (0.5, 1, 2, INF):
        assert whole("lp", [-0.0, 0.0], dtype, norm_type=p) == 0
    assert math.copysign(1, whole("lp", [-0.0, -0.0], dtype, norm_type=INF)) == 1


@pytest.mark.parametrize("dtype", [dtype for dtype in _core.dtypes if dtype != "bool"])
def test_mode_of_ties_and_of_all_values(dtype: str) -> None:
    assert whole("mode", [9, 7, 5, 3], dtype) == 3
    assert whole("mode", [9, 7, 7, 3, 9], dtype) == 7
    assert whole("mode", [1], dtype) == 1
    if dtype in INTEGERS:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        assert reducer("mode")(np.array([high, low, high, 1], dtype), 4, axis=0).tolist() == [high]
        assert reducer("mode")(np.array([high, low, high, low], dtype), 4, axis=0).tolist() == [low]


def modes(x: Array) -> Array:
    """Of columns, by definition: of the values that occur most often the smallest one."""
    count = (x[:, None] == x[None]).sum(0)
    return np.asarray(np.where(count == count.max(0), x, x.max(0)).min(0))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_modes_of_all_windows_of_four(dtype: str) -> None:
    """Equal or not, each with each, with the greatest value and without: vectors of these windows in several orders."""
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    for values in ((low, 1, high - 1, high), (low, 0 if low else 5, 1, 2), (7, 8, 9, high)):
        windows = np.array(list(itertools.product(values, repeat=4)), dtype).T
        for order in (np.arange(256), np.arange(256)[::-1], np.random.default_rng(0).permutation(256)):
            x = np.ascontiguousarray(windows[:, order])
            assert np.array_equal(reducer("mode")(x, 4, axis=0)[0], modes(x))
            assert np.array_equal(reducer("mode")(x.T.ravel(), 4, axis=0), modes(x))


@pytest.mark.parametrize("taps", [2, 3, 5, 8, 9, 27, 130])
@pytest.mark.parametrize("dtype", INTEGERS)
def test_modes_where_majorities_come_and_go(dtype: str, taps: int) -> None:
    rng = np.random.default_rng(taps)
    labels, noise = rng.integers(0, 5, 3000), rng.integers(0, 9, (taps, 3000))
    noisy = rng.random((taps, 3000)) < np.repeat(rng.choice([0, 0.05, 0.45, 1], 30), 100)
    x = np.where(noisy, noise, labels).astype(dtype)
    x[x == 8] = np.iinfo(dtype).max
    assert np.array_equal(reducer("mode")(x, taps, axis=0)[0], modes(x))
    assert np.array_equal(reducer("mode")(x[:, :11], taps, axis=0)[0], modes(x[:, :11]))
    assert np.array_equal(reducer("mode")(x.T.ravel(), taps, axis=0), modes(x))


def test_mode_of_bools() -> None:
    assert whole("mode", [True, False, True, False], "bool") == 0
    assert whole("mode", [True, False, True], "bool") == 1


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", [op for op in OF_ONE_CELL if op not in ("gem", "logsumexp")])
def test_subnormal_numbers(op: str, dtype: str) -> None:
    """None is flushed to zero."""
    tiny = float(reference.finfo(dtype).smallest_subnormal)
    for options in OPTIONS[op]:
        assert whole(op, [tiny], dtype, **options) == tiny, options


@pytest.mark.parametrize("dtype", FLOATS)
def test_squares_of_subnormal_numbers_do_not_vanish(dtype: str) -> None:
    tiny = float(reference.finfo(dtype).smallest_subnormal)
    assert whole("lp", [3 * tiny, 4 * tiny], dtype, norm_type=2) == 5 * tiny
    assert whole("std", [0, 8 * tiny], dtype) == 4 * tiny
    assert whole("quantile", [0, 8 * tiny], dtype, q=0.25) == 2 * tiny
    assert whole("any", [0, tiny], dtype) == 1
    assert whole("count_nonzero", [0, tiny, -tiny], dtype) == 2


@pytest.mark.parametrize(("dtype", "sizes"), [("float64", (1e300, 1e-300)), ("float32", (1e30, 1e-30))])
def test_numbers_whose_powers_are_out_of_range(dtype: str, sizes: tuple[float, float]) -> None:
    """Of the cells as the dtype has them: 3 * size is rounded."""

    def of(op: str, factors: Sequence[float], roundings: float, expected: Any = None, **options: Any) -> None:
        x = (np.array(factors) * size).astype(dtype)
        expected = ORACLES[op](x, **options) if expected is None else expected(x)
        assert near(whole(op, x, dtype, **options), expected, roundings, dtype), (op, x, options)

    def deviation(x: Array, ddof: int = 0) -> Any:
        squared = reference.exact_variance(x.astype(np.float64), ddof)
        assert squared is not None
        return exact.sqrt(exact.mpf(squared.numerator) / squared.denominator)

    for size in sizes:
        for p in (0.5, 1.5, 2, 3, 10, 300):
            of("lp", (3, 0, -4), power_sum(3, p), norm_type=p)
            if size > 1:
                of("gem", (3, 4), power_sum(2, p, mean=True), p=p)
        of("std", (-1, 3), root(variance(2)), deviation)
        of("std", (1, 2, 3), root(variance(3)), lambda x: deviation(x, 1), ddof=1)
        of("softmax", (1, 0.5), 1.004 * in_float64(2), temperature=size / 10)  # of the cell that is 1.0034 times that
        low, high = np.array([size, 3 * size], dtype).tolist()
        assert whole("median", [low, high], dtype) == float(np.array((low + high) / 2, dtype))
    assert whole("var", [-sizes[0], sizes[0]], dtype) == INF
    assert whole("logsumexp", [1000, 1000], dtype) == float(np.array(1000 + math.log(2), dtype))
    assert whole("logsumexp", [-1000, -1000, -5000], dtype) == float(np.array(math.log(2) - 1000, dtype))
    assert whole("softmax", [1000, -1000], dtype) == 1000


@pytest.mark.parametrize("dtype", FLOATS)
def test_constant_windows(dtype: str) -> None:
    """Nothing is lost on the way: a variance is 0, a mean of any kind the constant itself, but for sums of float64 that
    are rounded. (Of narrower floats those that are lie too near to be another one.)
    """
    for constant, taps in itertools.product((0.1, 1 / 3, 7.0, 1e-3, 1234.5, 60000.0), (2, 3, 7, 10, 49, 225)):
        x = [constant] * taps
        c = float(np.array(constant, dtype))
        for ddof in (0, 1):
            assert whole("var", x, dtype, ddof=ddof) == 0, (c, taps)
            assert whole("std", x, dtype, ddof=ddof) == 0, (c, taps)
        for temperature in (0.1, 1, 10):
            assert whole("softmax", x, dtype, temperature=temperature) == c, (c, taps)
            assert whole("logsumexp", x, dtype, temperature=temperature, normalize=True) == c, (c, taps)
        for method, q in itertools.product(METHODS, (0, 0.3, 0.5, 1)):
            assert whole("quantile", x, dtype, q=q, method=method) == c, (c, taps)
        assert whole("median", x, dtype) == whole("mode", x, dtype) == c
        for p in (1, 2, 3, 10):
            sums = power_sum(taps, p, mean=True, lanes=8) if dtype == "float64" and p < 3 else 0
            assert abs(whole("gem", x, dtype, p=p) - c) <= error(sums) * c, (c, taps, p)


def test_small_variances_around_large_means() -> None:
    rng = np.random.default_rng(0)
    for dtype, mean, scale in (("float64", 1e6, 1e-2), ("float32", 4096, 1)):
        x = (mean + scale * rng.normal(size=2000)).astype(dtype)
        for n in (2, 9, 49, 2000):
            squared = reference.exact_variance(x[:n].astype(np.float64), 0)
            assert squared is not None
            expected = exact.mpf(squared.numerator) / squared.denominator
            assert near(whole("var", x[:n], dtype), expected, variance(n, lanes=8), dtype), (dtype, n)
            assert near(whole("std", x[:n], dtype), exact.sqrt(expected), root(variance(n, lanes=8)), dtype), (dtype, n)
    assert whole("var", [1e8 + 1, 1e8 - 1], "int64") == 1
    assert whole("var", [255] * 8 + [254] * 8, "uint8") == 0.25


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_at_their_limits(dtype: str) -> None:
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    result = "float32" if np.dtype(dtype).itemsize <= 2 else "float64"
    cells = 1 if np.dtype(dtype).itemsize == 8 else 0  # a rounding of those of 64 bits
    largest, count = max(-low, high), 2 if low else 1
    for p in (1, 2, 3):
        expected = largest * exact.mpf(count) ** (1 / exact.mpf(p))
        found = whole("lp", [low, low if low else high], dtype, norm_type=p)
        assert near(found, expected, power_sum(2, p) + cells, result), p
    assert whole("lp", [low, low if low else high], dtype, norm_type=INF) == float(largest)
    assert near(whole("std", [low, high], dtype), exact.mpf(high - low) / 2, root(variance(2)) + cells, result)
    assert whole("median", [low, high], dtype) == (float(low) + float(high)) / 2
    assert whole("softmax", [low, high], dtype) == float(high)
    assert whole("logsumexp", [high], dtype) == float(high)
    x = np.array([high, low, high - 1, low + 1, high - 2], dtype)
    for method, results in (("lower", [low + 1]), ("higher", [high - 2]), ("nearest", [low + 1])):
        assert reducer("quantile")(x, 0.3, 5, method=method, axis=0).tolist() == results
    assert reducer("median")(x, 5, method="lower", axis=0).tolist() == [high - 2]
    product = tp.pool(np.array([high, high], dtype), 2, op="prod", axis=0)
    assert product.tolist() == np.prod(np.array([high, high], dtype), keepdims=True).tolist()


def test_bools() -> None:
    x = np.array([True, False, True, True])
    rows: list[tuple[str, dict[str, Any], float]] = [
        ("lp", {"norm_type": 1}, 3), ("lp", {"norm_type": 2}, math.sqrt(3)), ("var", {}, 3 / 16), ("median", {}, 1),
        ("quantile", {"q": 0.1, "method": "lower"}, 0), ("mode", {}, 1), ("prod", {}, 0), ("any", {}, 1),
        ("all", {}, 0), ("count_nonzero", {}, 3),
    ]  # fmt: skip
    for op, options, expected in rows:
        result = reducer(op)(x, kernel_size=4, axis=0, **options)
        assert result[0] == result.dtype.type(expected), op
        if result.dtype == bool:
            assert set(result.view(np.uint8)) <= {0, 1}
