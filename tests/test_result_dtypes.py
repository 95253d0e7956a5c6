"""Which dtype a result has, that of `dtype=` too, and in which it is calculated; on every instruction set."""

import numpy as np
import pytest

import tilepool as tp
from agreement import FUNCTIONS
from tilepool import _core

pytestmark = pytest.mark.usefixtures("isa")

DTYPES = [
    ("float16", "float16", "float16"),
    ("bfloat16", "bfloat16", "bfloat16"),
    ("float32", "float32", "float32"),
    ("float64", "float64", "float64"),
    ("int8", "int64", "float32"),
    ("int16", "int64", "float32"),
    ("int32", "int64", "float64"),
    ("int64", "int64", "float64"),
    ("uint8", "uint64", "float32"),
    ("uint16", "uint64", "float32"),
    ("uint32", "uint64", "float64"),
    ("uint64", "uint64", "float64"),
]


@pytest.mark.parametrize(("dtype", "of_sum", "of_average"), DTYPES)
def test_result_dtypes(dtype: str, of_sum: str, of_average: str) -> None:
    for order in ("=", "S"):  # the result of a byte-swapped array is in native order
        x = np.array([3, 1, 2, 4], dtype).astype(np.dtype(dtype).newbyteorder(order))
        for op, result, values in (
            ("max", dtype, [3, 4]),
            ("min", dtype, [1, 2]),
            ("sum", of_sum, [4, 6]),
            ("avg", of_average, [2, 3]),
        ):
            pooled = FUNCTIONS[op](x, 2, axis=0)
            assert pooled.dtype == np.dtype(result)
            assert pooled.dtype.isnative
            assert pooled.tolist() == values


def test_every_supported_dtype_is_in_the_tables_above() -> None:
    assert set(_core.dtypes) == {"bool", *(dtype for dtype, *_ in DTYPES)}


def test_bool() -> None:
    x = np.array([False, False, True, False, True, True])
    for op, dtype, values in (
        ("max", "bool", [False, True, True]),  # any
        ("min", "bool", [False, False, True]),  # all
        ("sum", "int64", [0, 1, 2]),
        ("avg", "float32", [0, 0.5, 1]),
    ):
        for flags in (x, np.repeat(x, 2)[::2]):
            result = FUNCTIONS[op](flags, 2, axis=0)
            assert result.dtype == np.dtype(dtype)
            assert result.tolist() == values
    assert tp.avg_pool(x, 2, axis=0, dtype="int8", rounding="half_up").tolist() == [0, 1, 1]
    assert tp.sum_pool(x, 2, axis=0, dtype="float16").tolist() == [0, 1, 2]


def test_dtype_of_a_sum_converts_first_and_wraps() -> None:
    x = np.array([255, 255, 1, 0], np.uint8)
    assert tp.sum_pool(x, 2, axis=0, dtype="uint8").tolist() == [254, 1]
    assert tp.sum_pool(x, 4, axis=0, dtype=np.float32).dtype == np.float32
    assert tp.sum_pool(np.array([2**62, 2**62, -(2**62), 5]), 4, axis=0, dtype="uint64").tolist() == [2**62 + 5]
    assert tp.sum_pool(np.array([2**31 - 1, 1], np.int32), 2, axis=0, dtype="int32").tolist() == [-(2**31)]
    assert tp.sum_pool(np.array([1.9, 1.9, -1.9]), 3, axis=0, dtype=np.int64).tolist() == [1]  # as numpy.sum
    one_more = np.array([2**24, 1, 1], np.int32)
    assert tp.sum_pool(one_more, 3, axis=0, dtype="float64").tolist() == [2**24 + 2]
    assert tp.sum_pool(np.array([2**62, 2**62, 2**62]), 3, axis=0).tolist() == [3 * 2**62 - 2**64]


def test_dtype_of_an_average_converts_first() -> None:
    x = np.array([2**53 + 1, 1], np.int64)
    assert tp.avg_pool(x, 1, axis=0).tolist() == [2.0**53, 1]
    assert tp.avg_pool(x, 1, axis=0, dtype="int64").tolist() == [2**53 + 1, 1]
    assert tp.avg_pool(np.array([1, 2], np.uint8), 2, axis=0, dtype=float).dtype == np.float64
    assert tp.avg_pool(np.array([1.0, 2.0]), 2, axis=0, dtype=np.float32).tolist() == [1.5]
    assert tp.avg_pool(np.array([1 + 2**-40, 1]), 1, axis=0, dtype=np.float32).tolist() == [1, 1]


def test_uint8_averages_are_rounded_once() -> None:
    x = np.random.default_rng(0).integers(0, 256, 1000).astype(np.uint8)
    for kernel in (3, 7, 49, 1000):
        sums = tp.sum_pool(x, kernel, 1, axis=0)
        assert np.array_equal(tp.avg_pool(x, kernel, 1, axis=0), (sums / kernel).astype(np.float32))
