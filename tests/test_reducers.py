"""Reducers (lp, gem, logsumexp, softmax, var, std, quantiles, mode, prod, any, all, count) agree with the oracle."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import reference
import tilepool
from agreement import ADAPTIVE, FUNCTIONS, OPS, REDUCERS, check, describe, differs, expected, reducer, using_isa
from layouts import any_numbers, lay_out, share
from rounding_errors import error, logsumexp, power_sum, root, softmax, variance
from test_determinism import bits
from test_oracle_agreement import MOST_CELLS, SEEDS, TEAMS, Geometry, few_enough, geometries, memories
from tilepool import _core

Array = NDArray[Any]
Generator = np.random.Generator

tp: Any = tilepool  # operations are named by variables here, not by literals

METHODS = ("linear", "lower", "higher", "nearest", "midpoint")
MOST_OUTPUTS = 600  # for an oracle that looks at each window on its own

# What can be asked of an operation, each at least once in every sweep.
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "lp": [{"norm_type": p} for p in (2, 1, math.inf, 3, 0.5, 2.5, 40)],
    "gem": [{}, {"p": 1}, {"p": 2.5, "eps": 0.5}, {"p": 20, "eps": 1e-3}],
    "logsumexp": [{}, {"normalize": True}, {"temperature": 0.1}, {"temperature": 10, "normalize": True}],
    "softmax": [{}, {"temperature": 0.1}, {"temperature": 10.0}],
    "var": [{}, {"ddof": 1}, {"ddof": 2}],
    "std": [{}, {"ddof": 1}, {"ddof": 2}],
    "median": [{"method": method} for method in METHODS],
    "quantile": [{"q": q, "method": m} for q, m in itertools.product((0.25, 0.7, 0, 1, 0.5, 0.1), METHODS)],
    "mode": [{}],
    "prod": [{}],
    "any": [{}],
    "all": [{}],
    "count_nonzero": [{}],
}


def numbers(
    rng: Generator, shape: Sequence[int], dtype: Any, op: str, nans: bool = True, infinities: bool = True
) -> Array:
    """Of the whole range of the dtype, with ties and special values, as far as the result of `op` is defined by them.

    float64 stops at 2**-12 of its largest number: a mean of thousands need not overflow. Products are of numbers near 1
    and few others, so that no partial product is beyond the range.
    """
    if op == "prod" and reference.is_float(dtype):
        near = rng.choice((-1, 1), size=shape) * np.exp(rng.normal(scale=0.02, size=shape))
        special = rng.choice((0.0, -0.0, math.inf, math.nan), size=shape)
        x = np.where(rng.random(shape) < 0.02, special, near).astype(dtype)
    else:
        x = any_numbers(rng, shape, dtype)
    if not reference.is_float(dtype):
        return x
    if x.dtype == np.float64:
        x = np.where(np.isfinite(x) & (np.abs(x) > 1e308), x * 2.0**-12, x)
    plain = np.ones((), dtype)
    with np.errstate(invalid="ignore"):  # bfloat16 warns of NaN
        x = x if nans else np.where(np.isnan(x), plain, x)
        return x if infinities else np.where(np.isinf(x), plain, x)


def has_open_cases(op: str, options: dict[str, Any]) -> bool:
    """Whether a result beside an infinity is left open."""
    return op == "quantile" and options.get("method", "linear") == "linear" and options["q"] != 0.5


def made(rng: Generator, shape: Sequence[int], dtype: Any, op: str, options: dict[str, Any]) -> Array:
    """Half of the arrays have no NaN: in a large window there would often be one."""
    nans, infinities = bool(rng.integers(2)), bool(rng.integers(2)) and not has_open_cases(op, options)
    return numbers(rng, shape, dtype, op, nans, infinities)


# ---- random calls --------------------------------------------------------------------------------------------------


@st.composite
def options_of(draw: st.DrawFn, op: str) -> dict[str, Any]:
    options = dict(draw(st.sampled_from(OPTIONS[op])))
    if op == "quantile" and draw(st.booleans()):
        options["q"] = draw(st.floats(0, 1))
    return options


@pytest.mark.slow
@pytest.mark.parametrize("op", REDUCERS)
@settings(max_examples=150)
@given(
    data=st.data(), geometry=geometries(most_pooled=3), dtype=st.sampled_from(_core.dtypes), seed=SEEDS, threads=TEAMS
)
def test_random_calls(
    op: str, data: st.DataObject, geometry: Geometry, dtype: str, seed: int, threads: tuple[int | None, ...]
) -> None:
    options = data.draw(options_of(op))
    policy = data.draw(st.sampled_from(("propagate", "omit", "raise")))
    x = made(np.random.default_rng(seed), geometry.shape, dtype, op, options)
    x = lay_out(x, **data.draw(memories(x.ndim)))
    assume(few_enough(x, geometry.axis, geometry.arguments))
    arguments = {**geometry.arguments, **options, "nan_policy": policy}
    if policy == "raise" and reference.is_float(x.dtype) and np.isnan(x.astype(np.float64)).any():
        with pytest.raises(ValueError, match="NaN"):
            reducer(op)(x, axis=geometry.axis, threads=threads[0], **arguments)
        return
    check(op, x, geometry.axis, threads=threads, note=f"{seed=}", **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@settings(max_examples=30)
@given(data=st.data(), geometry=geometries(most_pooled=3), result=st.sampled_from(_core.dtypes), seed=SEEDS)
def test_products_in_another_dtype(dtype: str, data: st.DataObject, geometry: Geometry, result: str, seed: int) -> None:
    """x is converted first. Powers of two overflow on the way only where the result does."""
    assume(result != "bool")
    x = np.random.default_rng(seed).integers(1, 3, geometry.shape).astype(dtype)
    assume(few_enough(x, geometry.axis, geometry.arguments))
    check("prod", x, geometry.axis, dtype=result, note=f"{seed=}", **geometry.arguments)


# ---- sweeps --------------------------------------------------------------------------------------------------------

WIDTHS = (*range(1, 71), 127, 130, 257)
INNERS = (1, 3, 5, 64)


def taken(op: str, number: int) -> dict[str, Any]:
    """The options of an operation in turn."""
    return OPTIONS[op][number % len(OPTIONS[op])]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", REDUCERS)
def test_rows_of_every_width(op: str, dtype: str) -> None:
    """All tails of all vectors, for pixels of one element and of some, strides 1 to 5 and kernels of 1 to 30 taps."""
    for number, width in enumerate(share(WIDTHS, dtype, REDUCERS.index(op), parts=3)):
        rng = np.random.default_rng(number)
        inner, options = INNERS[number % 3 if width > 12 else 3], taken(op, number)
        kernel = int(rng.integers(1, min(width, 30 if width > 30 else 9) + 1))
        stride = 1 + number % 5 if width * inner <= 300 else 5
        x = made(rng, (2, width, inner), dtype, op, options)
        pads = [int(rng.integers(kernel)), int(rng.integers(kernel))]
        words = {**options, "padding": (pads,), "nan_policy": ("propagate", "omit")[number % 2]}
        check(op, x, 1, kernel_size=kernel, stride=stride, note=f"{number=}", **words)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", REDUCERS)
def test_windows_of_one_to_thirty_taps(op: str, dtype: str) -> None:
    """Selection networks, sorts and blocks of sums change with the number of taps."""
    for taps in share(range(1, 31), dtype, REDUCERS.index(op), parts=3):
        options = taken(op, taps)
        x = made(np.random.default_rng(taps), (taps + 18,), dtype, op, options)
        check(op, x, 0, kernel_size=taps, stride=1, note=f"{taps=}", **options)
    plane = made(np.random.default_rng(0), (6, 21), dtype, op, {"q": 0.1})  # without infinities
    for options in OPTIONS[op]:
        for kernel in ((3, 3), (2, 2), (5, 5), (1, 4)):
            check(op, plane, (0, 1), kernel_size=kernel, stride=(2, 1), **options)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", REDUCERS)
def test_large_windows(op: str, dtype: str) -> None:
    rng = np.random.default_rng(len(op))
    for number, options in enumerate(share(OPTIONS[op], dtype, parts=1 if op != "quantile" else 7)):
        plane = numbers(rng, (17, 23), dtype, op, nans=False, infinities=False)
        check(op, plane, (0, 1), kernel_size=15, stride=(1, 2), **options)
        line = numbers(rng, (10_000,), dtype, op, nans=number % 2 == 1, infinities=False)
        line = line[:500] if op == "prod" else line  # whose product is within the range
        check(op, line, 0, kernel_size=len(line), nan_policy="omit", **options)


# ---- the same bits -------------------------------------------------------------------------------------------------

# The first has work for several threads, whatever that is measured by; the others have tails.
CALLS: list[tuple[tuple[int, ...], Any, dict[str, Any]]] = [
    ((1, 2, 141, 143), (2, 3), {"kernel_size": 3, "stride": 1, "padding": 1}),
    ((2, 31, 33, 5), (1, 2), {"kernel_size": (5, 4), "stride": (3, 2), "padding": 2, "ceil_mode": True}),
    ((5_001,), 0, {"kernel_size": 37, "stride": 5, "padding": 36}),
    ((5_001,), 0, {"kernel_size": 5_001}),
    ((7, 9, 11, 13), (0, 2), {"kernel_size": 3, "stride": 2, "dilation": 2}),
]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", REDUCERS)
def test_instruction_sets_and_threads_give_equal_bits(op: str, dtype: str) -> None:
    for number, (shape, axis, arguments) in enumerate(CALLS):
        options = OPTIONS[op][(number + _core.dtypes.index(dtype)) % len(OPTIONS[op])]
        x = numbers(np.random.default_rng(number), shape, dtype, op)
        words = {**arguments, **options, "nan_policy": ("omit", "propagate")[number % 2]}
        first = None
        for isa, threads in itertools.product(_core.available_isas(), (1, 2, 5)):
            with using_isa(isa):
                result = bits(reducer(op)(x, axis=axis, threads=threads, **words))
            first = result if first is None else first
            assert result == first, describe(op, x, axis, words, isa, threads, f"seed={number}")


def off_in_windows_of_nine(op: str, values: Array, plain: Array) -> Any:
    """How far results of float32 of windows of 3 x 3 cells, 2 apart, may be from those without roundings."""
    once = 2.0**-24 * np.abs(plain) + 2.0**-150  # half of the least number
    if op == "prod":
        return 8 * once if reference.is_float(values.dtype) else 0
    if op in ("softmax", "logsumexp"):
        x = values.astype(np.float64)
        greatest, largest = tp.max_pool(x, 3, 2), tp.max_pool(np.abs(x), 3, 2)
        with np.errstate(invalid="ignore"):  # beside infinities
            off = softmax(9, 1, largest, greatest, plain) if op == "softmax" else logsumexp(9, 1, largest, plain)
        return once + off
    relative = {"lp": power_sum(9, 2), "gem": power_sum(9, 3, mean=True), "var": variance(9), "std": root(variance(9))}
    return once + error(relative[op]) * np.abs(plain) if op in relative else 0


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize("op", REDUCERS)
def test_positions_and_orders_in_memory_give_equal_results(op: str, dtype: str, isa: str) -> None:
    """A transposed view comes back transposed, with the numbers of its copy.

    Terms may be added up or multiplied in another order. Both results are off by the roundings of float64 and one of
    float32; products, which are multiplied in float32, by eight of these.
    """
    options = OPTIONS[op][0]
    values = numbers(np.random.default_rng(1), (2, 3, 21, 19), dtype, op)
    plain = reducer(op)(values, kernel_size=3, stride=2, **options)
    near = np.where(np.isfinite(plain), 2 * off_in_windows_of_nine(op, values, plain.astype(np.float64)), 0)
    for layout in ({"offset": 4}, {"order": (0, 2, 3, 1)}, {"order": (3, 2, 1, 0)}, {"steps": (1, 1, -1, 2)}):
        x = lay_out(values, **layout)
        result = reducer(op)(x, kernel_size=3, stride=2, **options)
        assert not differs(result, plain.astype(np.float64), near).any(), layout
        order = tp.max_pool(x, 3, 2).strides
        assert np.array_equal(np.array(result.strides) * x.itemsize, np.array(order) * result.itemsize), layout


# ---- pool(), and windows that do not slide -------------------------------------------------------------------------


@pytest.mark.parametrize("op", [*OPS, *REDUCERS])
def test_pool_is_the_function_of_the_name(op: str) -> None:
    x = any_numbers(np.random.default_rng(2), (2, 3, 9, 8), "float32")
    function = FUNCTIONS.get(op) or reducer(op)
    options: list[dict[str, Any]] = OPTIONS.get(op, [{}, {"nan_policy": "omit"}])
    for chosen in options:
        words = {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 2, "ceil_mode": True, **chosen}
        assert bits(tp.pool(x, op=op, **words)) == bits(function(x, **words))
    words = {"layout": "channels_last", "threads": 2, **options[0]}
    assert bits(tp.pool(x, (3, 2), op, 2, 1, 1, True, **words)) == bits(
        function(x, kernel_size=(3, 2), stride=2, padding=1, dilation=1, ceil_mode=True, **words)
    )
    expected = function(x, kernel_size=2, axis=1, **options[0])
    out = np.zeros(expected.shape, np.result_type(expected.dtype, np.float64))
    assert tp.pool(x, 2, op=op, axis=1, out=out, **options[0]) is out
    assert np.array_equal(out, expected.astype(out.dtype), equal_nan=True)


@pytest.mark.parametrize("op", REDUCERS)
@settings(max_examples=40)
@given(data=st.data(), dtype=st.sampled_from(_core.dtypes), seed=SEEDS, threads=TEAMS)
def test_adaptive_windows(op: str, data: st.DataObject, dtype: str, seed: int, threads: tuple[int | None, ...]) -> None:
    pooled, rest = data.draw(st.integers(1, 3)), data.draw(st.integers(0, 2))
    axis = data.draw(st.permutations(range(pooled + rest)))[:pooled]
    sizes = st.integers(1, MOST_CELLS[pooled])
    shape = [data.draw(sizes if a in axis else st.integers(1, 3)) for a in range(pooled + rest)]
    outputs = [data.draw(st.integers(1, min(9, 2 * shape[a])) | st.none()) for a in axis]
    options = data.draw(options_of(op))
    x = made(np.random.default_rng(seed), shape, dtype, op, options)
    policy = data.draw(st.sampled_from(("propagate", "omit")))
    assume(x.size // math.prod(shape[a] for a in axis) * math.prod(m or 5 for m in outputs) <= MOST_OUTPUTS)
    check(op, x, axis, threads=threads, note=f"{seed=}", output_size=outputs, nan_policy=policy, **options)


@pytest.mark.parametrize("op", [*OPS, *REDUCERS])
def test_adaptive_pool_takes_every_operation(op: str) -> None:
    x = any_numbers(np.random.default_rng(3), (2, 3, 9, 8), "float32")
    if op in ADAPTIVE:
        assert bits(tp.adaptive_pool(x, (4, 3), op)) == bits(ADAPTIVE[op](x, (4, 3)))
        return
    for options in OPTIONS[op]:  # whole windows are sliding ones
        result = tp.adaptive_pool(x, (3, 4), op, **options)
        assert bits(result) == bits(reducer(op)(x, kernel_size=(3, 2), **options))


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("op", REDUCERS)
def test_global_pools_and_pyramids(op: str, dtype: str, isa: str) -> None:
    for options in OPTIONS[op]:
        x = numbers(np.random.default_rng(4), (2, 3, 7, 5), dtype, op, infinities=False)
        for policy in ("propagate", "omit"):
            words = {**options, "nan_policy": policy}

            def agrees(result: Array, grid: tuple[int, ...], x: Array = x, words: dict[str, Any] = words) -> bool:
                values, of, bound = expected(op, x, (2, 3), {"output_size": grid, **words})
                return result.dtype == of and not differs(result.reshape(values.shape), values, bound).any()

            assert agrees(tp.global_pool(x, op, **words), (1, 1)), words
            dropped = tp.global_pool(x, op, keepdims=False, **words)
            assert dropped.shape == (2, 3)
            assert agrees(dropped, (1, 1)), words
            pyramid = tp.pyramid_pool(x, [1, (2, 3)], op, **words)
            assert pyramid.shape == (2, 3, 7)
            assert agrees(pyramid[..., :1], (1, 1)), words
            assert agrees(pyramid[..., 1:], (2, 3)), words
