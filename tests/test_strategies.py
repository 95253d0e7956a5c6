"""Each strategy by its name: the examples are walked by it, and give what the oracle says."""

import functools
import inspect
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilepool as tp
from agreement import check, function_of
from tilepool import _plan

Array = NDArray[Any]

# Shape of an array, its axes in memory from the outermost in, the pooled axes, and the arguments.
Example = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], dict[str, Any]]
FIRST, LAST = (0, 1, 2, 3), (0, 2, 3, 1)

EXAMPLES: dict[str, list[Example]] = {
    "direct": [
        ((2, 3, 20, 21), FIRST, (2, 3), {"kernel_size": 2}),
        ((2, 3, 20, 21), LAST, (2, 3), {"kernel_size": 2}),
        ((3, 2000), (0, 1), (1,), {"kernel_size": 3, "stride": 2, "padding": 1}),
        ((4, 70_000), (0, 1), (1,), {"kernel_size": 64}),
        ((15_001,), (0,), (0,), {"kernel_size": 15_001}),
    ],
    "gathered": [
        ((2, 3, 40, 41), FIRST, (2, 3), {"kernel_size": 5, "stride": 5}),
        ((2, 5, 40, 41), LAST, (2, 3), {"kernel_size": 5, "stride": 4, "padding": 2}),
        ((2, 3, 40, 41), FIRST, (2, 3), {"output_size": (7, 9)}),
        ((7, 8, 9, 10), FIRST, (0, 1, 3), {"kernel_size": (3, 4, 5), "stride": (2, 3, 4)}),
        ((3000,), (0,), (0,), {"kernel_size": 100, "stride": 1, "padding": 50}),
        ((90_001,), (0,), (0,), {"kernel_size": 90_001}),
        ((40, 500, 3), (0, 1, 2), (0, 1), {"kernel_size": (40, 500)}),
    ],
    "scanned": [
        ((1, 40, 500), (0, 1, 2), (1, 2), {"kernel_size": 15, "stride": 1, "padding": 7}),
        ((2, 5, 70, 90), LAST, (2, 3), {"kernel_size": 9, "stride": (2, 3), "padding": 4}),
        ((110, 260), (0, 1), (0, 1), {"kernel_size": (50, 3), "stride": 1, "padding": (25, 1)}),
        ((100, 1200), (0, 1), (0,), {"kernel_size": 41, "stride": 1}),
    ],
    "framed": [
        ((1, 2, 30, 31), FIRST, (2, 3), {"kernel_size": 7, "stride": 1, "padding": 3}),
        ((1, 6, 8, 8), LAST, (2, 3), {"kernel_size": 9, "stride": 1, "padding": 4}),
        ((1, 2, 3, 20, 21), (0, 1, 2, 3, 4), (2, 3, 4), {"kernel_size": (2, 8, 8), "stride": 1}),
    ],
    "endless": [
        ((2, 3, 40, 50), FIRST, (2, 3), {"kernel_size": 3, "stride": 1, "padding": 1}),
        ((2, 3, 40, 150), FIRST, (2, 3), {"kernel_size": (1, 5), "stride": 1, "padding": (0, 2)}),
        ((2, 3, 4, 40, 50), (0, 1, 2, 3, 4), (2, 3, 4), {"kernel_size": 3, "stride": 1, "padding": 1}),
    ],
    "bundled": [
        ((5, 10, 13, 13), FIRST, (2, 3), {"kernel_size": 5, "stride": 2, "padding": 2}),
        ((5, 10, 14, 14), FIRST, (2, 3), {"kernel_size": 13, "stride": 1, "padding": 6}),
        ((5, 10, 9, 7), FIRST, (2, 3), {"kernel_size": 3, "stride": 1}),
    ],
}

# Of averages of uint8 and uint16, as what they are or as float32.
NARROW: list[Example] = [
    ((64, 66), (0, 1), (0, 1), {"kernel_size": 2}),
    ((30, 31, 3), (0, 1, 2), (0, 1), {"kernel_size": (3, 4), "stride": 4}),
    ((2, 3, 20, 21), FIRST, (2, 3), {"kernel_size": (2, 5), "stride": (2, 1), "padding": (0, 2)}),
]

# Of max and min that tell where.
PAIRED: list[Example] = [
    ((2, 3, 20, 21), FIRST, (2, 3), {"kernel_size": 5, "stride": 1, "padding": 2}),
    ((2, 9, 20, 21), LAST, (2, 3), {"kernel_size": 5, "stride": 1, "padding": 2}),
    ((2, 3, 20, 21), LAST, (2, 3), {"kernel_size": 2}),  # pixels that fill no vector
    ((2, 9, 40, 41), LAST, (2, 3), {"kernel_size": (13, 7), "stride": (2, 1), "padding": (6, 0)}),
    ((2, 3, 40, 300), FIRST, (2, 3), {"kernel_size": (3, 70), "stride": (1, 2), "padding": (1, 35)}),
    ((2, 3, 50, 61), FIRST, (2, 3), {"kernel_size": (5, 7), "stride": (1, 3), "padding": (2, 3), "dilation": (3, 2)}),
    ((2, 40, 41), (0, 1, 2), (1, 2), {"kernel_size": 9, "stride": 4, "padding": 4, "ceil_mode": True}),
    ((7, 8, 9, 10), FIRST, (0, 2, 3), {"kernel_size": 5, "stride": 1, "padding": 2}),
    ((4, 700), (0, 1), (1,), {"kernel_size": 100, "stride": 1}),
    ((700, 40), (0, 1), (0,), {"kernel_size": 100, "stride": 1, "padding": 50}),
    ((6, 7), (0, 1), (0, 1), {"kernel_size": 9, "stride": 1, "padding": 4}),
]


def strategies(function: Any, x: Array, *words: Any, **arguments: Any) -> list[str]:
    """That of the plan which a call of a public function is answered with."""
    if isinstance(function, functools.partial):
        words, arguments = (*function.args, *words), {**function.keywords, **arguments}
        function = function.func
    request = inspect.unwrap(function)(x, *words, **arguments)
    return [_plan.Pooling(request.op, request.windows, request.axes).call(x).plan.strategy]


def ramp(shape: tuple[int, ...], order: tuple[int, ...], dtype: str) -> Array:
    """Small whole numbers, without order, in memory as `order` says."""
    count = int(np.prod(shape))
    numbers = (np.arange(count) * 7919 % 211 - (0 if dtype.startswith("u") else 100)).astype(dtype)
    return numbers.reshape([shape[axis] for axis in order]).transpose(np.argsort(order))


@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize(("name", "number"), [(name, i) for name in EXAMPLES for i in range(len(EXAMPLES[name]))])
def test_a_strategy_agrees_with_the_oracle(name: str, number: int, dtype: str) -> None:
    shape, order, axes, arguments = EXAMPLES[name][number]
    x = ramp(shape, order, dtype)
    for op in ("max", "sum", "avg"):
        if dtype == "int32" and op != "max" and name in ("endless", "bundled"):
            continue  # which depends on the accumulators: sums of integers have wider ones
        assert strategies(function_of(op, arguments), x, axis=axes, **arguments) == [name], op
        check(op, x, axes, threads=(2,), **arguments)


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize("order", [FIRST, LAST])
def test_the_strategies_that_look_at_every_tap(order: tuple[int, ...], dtype: str) -> None:
    x = ramp((2, 3, 20, 21), order, dtype)
    arguments: dict[str, Any] = {"kernel_size": 3, "stride": 2, "padding": 1}
    if order == LAST:
        x = x.repeat(3, axis=1)  # of pixels of so few elements each vector would have its tail
    assert strategies(tp.median_pool, x, **arguments) == ["surveyed"]
    check("median", x, (2, 3), threads=(1, 2), **arguments)
    assert strategies(tp.max_pool, x, return_indices=True, **arguments) == ["picked"]
    values, places = tp.max_pool(x, 3, 2, 1, return_indices=True)
    planes, found = (array.reshape(*x.shape[:2], -1) for array in (x, places))
    assert np.array_equal(np.take_along_axis(planes, found, 2), values.reshape(found.shape))
    assert np.array_equal(values, tp.max_pool(x, 3, 2, 1))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("example", NARROW, ids=[str(i) for i in range(len(NARROW))])
def test_narrow_agrees_with_the_oracle(example: Example, dtype: str) -> None:
    shape, order, axes, arguments = example
    x = ramp(shape, order, dtype)
    for words in ({}, {"dtype": dtype}):
        assert strategies(tp.avg_pool, x, axis=axes, **words, **arguments) == ["narrow"]
        check("avg", x, axes, threads=(1, 2), **words, **arguments)


@pytest.mark.parametrize("example", PAIRED, ids=[str(i) for i in range(len(PAIRED))])
def test_paired_finds_what_max_and_min_are(example: Example) -> None:
    """Which of equal cells it names is the matter of test_places_in_pairs."""
    shape, order, axes, arguments = example
    x = ramp(shape, order, "float32")
    for function in (tp.max_pool, tp.min_pool):
        words: dict[str, Any] = {"axis": axes, "return_indices": True, "index_base": "array", **arguments}
        assert strategies(function, x, **words) == ["paired"]
        values, places = function(x, **words)
        assert np.array_equal(x.ravel()[places], values)
        assert np.array_equal(function(x, axis=axes, **arguments), values)
