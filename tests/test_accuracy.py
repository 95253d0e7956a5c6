"""Powers and exponentials are as exact as promised for every p and every temperature, wherever numbers lie: mpmath."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from numpy.typing import NDArray

import reference
import tilepool
from agreement import using_isa
from rounding_errors import IN_PAIRS, ROUNDING, assert_close, error, expectation, in_float64, variance
from test_determinism import bits
from tilepool import _core

Array = NDArray[Any]

tp: Any = tilepool  # operations are named by variables here, not by literals
exact: Any = mpmath.mp.clone()
exact.dps = 60  # nothing cancels below

FLOATS = ("float64", "float32", "float16", "bfloat16")
LARGEST, LEAST = math.ldexp(2 - 2.0**-52, 1023), 2.0**-1074


# ---- what is right -----------------------------------------------------------------------------------------------


def numbers_of(x: Array) -> list[Any]:
    return [exact.mpf(float(value)) for value in x]


def log_mean(logs: list[Any], scale: Any, total: bool = False) -> Any:
    """log(mean(exp(scale * logs))) / scale, or of the sum."""
    most = max(logs)
    less = exact.fsum(exact.expm1(scale * (value - most)) for value in logs) / len(logs)
    return most + (exact.log1p(less) + (exact.log(len(logs)) if total else 0)) / scale


def lp(x: Array, norm_type: float) -> Any:
    logs = [exact.log(abs(value)) for value in numbers_of(x) if value != 0]
    return exact.exp(log_mean(logs, exact.mpf(norm_type), total=True)) if logs else exact.mpf(0)


def gem(x: Array, p: float, eps: float = 1e-6) -> Any:
    return exact.exp(log_mean([exact.log(max(value, exact.mpf(eps))) for value in numbers_of(x)], exact.mpf(p)))


def logsumexp(x: Array, temperature: float, normalize: bool = False) -> Any:
    return log_mean(numbers_of(x), 1 / exact.mpf(temperature), total=not normalize)


def softmax(x: Array, temperature: float) -> Any:
    numbers = numbers_of(x)
    weights = [exact.exp((value - max(numbers)) / exact.mpf(temperature)) for value in numbers]
    return exact.fdot(weights, numbers) / exact.fsum(weights)


ORACLES: dict[str, Callable[..., Any]] = {"lp": lp, "gem": gem, "logsumexp": logsumexp, "softmax": softmax}


def whole(op: str, x: Array, **options: Any) -> Any:
    (result,) = getattr(tp, f"{op}_pool")(x, kernel_size=len(x), axis=0, **options)
    return result


def assert_right(op: str, x: Array, roundings: float, **options: Any) -> None:
    """lp and gem are measured by the result, the others by the largest number, or by a sum that is larger."""
    right = ORACLES[op](x, **options)
    measure = abs(right)
    if op == "softmax" or (op == "logsumexp" and options.get("normalize")):
        measure = exact.mpf(float(np.max(np.abs(x.astype(np.float64)))))
    elif op == "logsumexp":
        measure = max(measure, exact.mpf(float(np.max(np.abs(x.astype(np.float64))))))
    bound = roundings * ROUNDING * measure + LEAST
    for isa in _core.available_isas():
        with using_isa(isa):
            result = whole(op, x, **options)
        assert result.dtype == x.dtype
        # Rounded to the dtype of the result; 16-bit floats by way of float32.
        least, most = (nearest(end, x.dtype) for end in (right - bound, right + bound))
        assert least <= float(result) <= most, (op, isa, x.tolist()[:9], len(x), x.dtype, options, float(result), right)


def nearest(number: Any, dtype: Any) -> float:
    """The float nearest to a number, and an infinity beyond all."""
    with np.errstate(over="ignore"):
        return float(
            reference.rounded(float(number) if abs(number) <= LARGEST else math.copysign(math.inf, number), dtype)
        )


# ---- p and temperature -------------------------------------------------------------------------------------------

POWERS = (5e-324, 1e-300, 1e-100, 1e-30, 1e-17, 1e-12, 1e-6, 1e-4, 5e-4, 0.002, 0.01, 0.1, 0.3, 0.499)
LARGER_POWERS = (0.5, 0.7, 1.0, 1.5, 2.0, 2.5, 3.0, 7.0, 63.0, 64.0, 65.0, 1e3, 1e6, 1e17, 1e100, 1e300, 1.7e308)


def windows(dtype: str) -> Iterator[Array]:
    """Of some cells: near each other, decades apart, at both ends of the range, with zeros, alike, alone."""
    largest, tiny = float(reference.finfo(dtype).max), float(reference.finfo(dtype).smallest_subnormal)
    normal = float(reference.finfo(dtype).tiny)
    rng = np.random.default_rng(0)
    rows: list[Any] = [
        [1, 4, 0.3], [0, 1, 0.25], [1, 1 + float(reference.finfo(dtype).eps)], [0.1] * 7, [3], [-0.75], [0, 0, -2, 0],
        [largest, -largest], [largest, largest / 3, tiny], [largest] * 5, [tiny] * 3, [tiny, 3 * tiny, 7 * tiny],
        [normal, normal / 2, 5 * normal], [largest, 1, normal], [-largest, 0, 0], [-largest] * 3, [tiny, largest],
        np.exp(rng.uniform(math.log(normal), math.log(largest), 9)), rng.normal(size=25), 100 + rng.normal(size=9),
        largest * rng.uniform(-1, 1, 9), normal * rng.uniform(-1, 1, 9), rng.uniform(0.9, 1.1, 30),
    ]  # fmt: skip
    for row in rows:
        with np.errstate(over="ignore"):
            x = np.array(row).astype(dtype)
        yield np.where(np.isinf(x), np.array(largest, dtype), x).astype(dtype)


def share(values: Sequence[float], dtype: str) -> Sequence[float]:
    """All for float64; a third for the others, each its own, which are the same numbers rounded once more."""
    return values if dtype == "float64" else values[FLOATS.index(dtype) - 1 :: 3]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", ["lp", "gem"])
def test_powers(op: str, dtype: str) -> None:
    name = "norm_type" if op == "lp" else "p"
    for x, p in itertools.product(windows(dtype), share((*POWERS, *LARGER_POWERS), dtype)):
        sums_in_dtype = op == "lp" and p == 1 and dtype != "float64"
        roundings = IN_PAIRS if p < 0.5 else in_float64(len(x)) + (len(x) * 2**29 if sums_in_dtype else 0)
        for eps in [{}] if op == "lp" else [{}, {"eps": 1e-300}]:
            assert_right(op, x, roundings, **{name: p}, **eps)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(("op", "options"), [("logsumexp", {}), ("logsumexp", {"normalize": True}), ("softmax", {})])
def test_temperatures(op: str, options: dict[str, Any], dtype: str) -> None:
    for x in windows(dtype):
        largest = max(float(np.max(np.abs(x.astype(np.float64)))), LEAST)
        near = [t for factor in (0.01, 0.3, 1, 3.9, 4.1, 30, 1e3, 1e6, 1e17) if 0 < (t := factor * largest) < math.inf]
        for t in share((5e-324, 1e-308, 1e-100, 1e-3, 1.0, 1e6, 1e17, 1e100, 1e308, LARGEST, *near), dtype):
            assert_right(op, x, in_float64(len(x)), temperature=t, **options)


@pytest.mark.slow
def test_many_taps() -> None:
    rng = np.random.default_rng(5)
    for x in (rng.uniform(0.1, 10, 1_000), 10 ** rng.uniform(-9, 9, 1_000), np.r_[5.0, np.zeros(999)]):
        for p in (1e-17, 1e-3, 0.1):
            assert_right("lp", x, IN_PAIRS, norm_type=p)
            assert_right("gem", x, IN_PAIRS, p=p)
        for t in (0.1, 1e3, 1e12):
            assert_right("logsumexp", x, in_float64(1_000), temperature=t, normalize=True)
            assert_right("softmax", x, in_float64(1_000), temperature=t)
    x = 10 ** rng.uniform(-9, 9, 10_000)
    assert_right("lp", x, IN_PAIRS, norm_type=0.1)
    assert_right("gem", x, IN_PAIRS, p=1e-3)


def test_random_windows_side_by_side() -> None:
    """One window in each lane, some of which take another way than their neighbours."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(37, 5)) * 10.0 ** rng.integers(-3, 4, (37, 1))
    calls: list[tuple[str, dict[str, Any]]] = [
        ("lp", {"norm_type": 0.05}), ("gem", {"p": 1e-9}), ("logsumexp", {"temperature": 3.0, "normalize": True}),
        ("logsumexp", {"temperature": 1e308, "normalize": True}), ("softmax", {"temperature": 3.0}),
    ]  # fmt: skip
    for op, options in calls:
        together = getattr(tp, f"{op}_pool")(np.ascontiguousarray(x.T), kernel_size=5, axis=0, **options)[0]
        for row, result in zip(x, together.tolist(), strict=True):
            assert_right(op, row, IN_PAIRS if op in ("lp", "gem") else in_float64(5), **options)
            alone = float(whole(op, row, **options))
            measure = max(abs(alone), float(np.max(np.abs(row))))
            assert abs(result - alone) <= 2 * in_float64(5) * ROUNDING * measure


# ---- limits ------------------------------------------------------------------------------------------------------


def test_small_and_large_powers_are_geometric_means_and_maxima(isa: str) -> None:
    rng = np.random.default_rng(2)
    for n in (2, 3, 9, 50):
        x = np.exp(rng.normal(scale=3, size=n))
        geometric = float(exact.exp(exact.fsum(map(exact.log, numbers_of(x))) / n))
        assert abs(whole("gem", x, p=5e-324) - geometric) <= IN_PAIRS * ROUNDING * geometric
        assert whole("gem", x, p=1e-20) == whole("gem", x, p=1e-300)
        assert whole("gem", x, p=1e300) == np.max(x) == whole("lp", x, norm_type=1e300)
        assert whole("lp", x, norm_type=4e-4) == math.inf  # 2**2500 and more, times a mean
        assert whole("lp", x, norm_type=5e-324) == math.inf
    for p in (5e-324, 1e-9, 0.3, 0.5, 1, 2, 2.5, 3, 64, 1e9, 1e300):
        assert whole("lp", np.array([0.0, -7.3, 0.0]), norm_type=p) == 7.3
        assert whole("lp", np.zeros(3), norm_type=p) == 0
        assert whole("lp", np.array([-0.0]), norm_type=p) == 0


@pytest.mark.parametrize("dtype", FLOATS)
def test_means_lie_between_the_least_and_the_largest(dtype: str, isa: str) -> None:
    """Those of equal cells are these cells."""
    largest = reference.finfo(dtype).max
    for n, value in itertools.product((1, 2, 3, 5, 7, 10, 49), (largest, largest / 2, 1, 0.1)):
        x = np.full(n, value, dtype)
        for p in (5e-324, 1e-9, 0.1, 0.4):
            assert whole("gem", x, p=p) == x[0]
        for p in (0.5, 1, 1.5, 2, 3, 10, 1e9):
            assert whole("gem", x, p=p) <= x[0]
        (mean,) = tp.stochastic_pool(x, n, axis=0, training=False)
        assert mean <= x[0]
        for temperature in (1e-300, 1.0, 1e9, 1e308):
            assert whole("softmax", x, temperature=temperature) == x[0]
            assert whole("softmax", -x, temperature=temperature) == -x[0]
        for temperature in (1e9 * float(largest), 1e308):
            if temperature < math.inf:
                assert whole("logsumexp", x, temperature=temperature, normalize=True) == x[0]


def test_nothing_overflows_on_the_way(isa: str) -> None:
    x = np.array([1.7e308, -1.7e308])
    assert_right("softmax", x, in_float64(2), temperature=1e308)
    assert whole("softmax", x, temperature=1e-308) == 1.7e308
    assert whole("softmax", np.r_[x, [-1.7e308] * 8], temperature=LARGEST) < -1e307
    assert whole("logsumexp", x, temperature=1e300) == 1.7e308
    assert_right("logsumexp", np.full(3, -1.7e308), in_float64(3), temperature=LARGEST)
    assert whole("logsumexp", np.full(3, 1.7e308), temperature=LARGEST) == math.inf
    less = x * 1e-155
    (std,), (var,) = tp.std_pool(x, 2, axis=0), tp.var_pool(less, 2, axis=0)
    assert std == 1.7e308
    assert_close(var, less[0] ** 2, error(variance(2) + 1) * less[0] ** 2)
    (mean,) = tp.stochastic_pool(np.array([1.7e308, 1.7e308 / 2, -1.7e308]), 3, axis=0, training=False)
    assert_close(mean, 1.25 / 1.5 * 1.7e308, error(expectation(3) + 2) * 1.7e308)
    assert whole("softmax", np.array([-math.inf, LEAST, -math.inf]), temperature=1e300) == LEAST


def test_bits_are_those_of_every_instruction_set() -> None:
    rng = np.random.default_rng(3)
    x = np.exp(rng.normal(scale=20, size=(40, 41)))
    x[rng.random(x.shape) < 0.1] = math.nan
    calls: list[tuple[str, dict[str, Any]]] = [
        *(("lp", {"norm_type": p}) for p in (0.01, 0.3)), *(("gem", {"p": p}) for p in (1e-300, 1e-3, 0.3)),
        *(("logsumexp", {"temperature": t, "normalize": True}) for t in (1e3, 1e12, 1e300)),
        *((op, {"temperature": 1e300}) for op in ("logsumexp", "softmax")),
    ]  # fmt: skip
    for (op, options), kernel in itertools.product(calls, (3, 40)):
        results = set()
        for isa in _core.available_isas():
            with using_isa(isa):
                result = getattr(tp, f"{op}_pool")(x, kernel_size=kernel, axis=(0, 1), nan_policy="omit", **options)
            results.add(bits(result))
        assert len(results) == 1, (op, options, kernel)
