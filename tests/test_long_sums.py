"""Sums and averages of short integers over more taps than their accumulators hold: exact, and without a copy of x."""

import itertools
import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilepool as tp
from interpreters import in_new_interpreter

Array = NDArray[Any]

# Elements of so many bits in accumulators of 32 bits (of 64: averages of 32-bit integers as integers).
HELD = {"bool": 2**23, "int8": 2**23, "uint8": 2**23, "int16": 2**15, "uint16": 2**15}


def extremes(dtype: str) -> tuple[int, ...]:
    return (1,) if dtype == "bool" else (np.iinfo(dtype).max, np.iinfo(dtype).min)


@pytest.mark.parametrize(("dtype", "extra"), list(itertools.product(HELD, (0, 1, 7, 2**13))))
def test_around_what_accumulators_hold(dtype: str, extra: int, isa: str) -> None:
    """All cells are the largest or the lowest number: one sum too many in 32 bits would wrap."""
    for number in extremes(dtype):
        row = HELD[dtype] // 64 + extra
        x = np.broadcast_to(np.full(row, number).astype(dtype), (64, row))
        assert tp.sum_pool(x, x.shape, axis=(0, 1)).tolist() == [[number * x.size]]
        assert tp.avg_pool(x, x.shape, axis=(0, 1)).tolist() == [[number]]
        if dtype != "bool":
            assert tp.avg_pool(x, x.shape, axis=(0, 1), dtype=dtype).tolist() == [[number]]


def views(x: Array) -> list[Array]:
    """The same numbers of 3 x n x 2, or some of them, in memory of several orders."""
    return [x, x.transpose(2, 0, 1).copy().transpose(1, 2, 0), x[:, ::-1], x[:, 5:-3], np.asfortranarray(x)]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["uint16", "int16", "uint8", "int8"])
def test_windows_of_all_kinds(dtype: str, isa: str) -> None:
    n = 40_000 if dtype.endswith("16") else 3_000_000
    limits = np.iinfo(dtype)
    numbers = (np.arange(6 * n, dtype=np.int64) * 7919 % 100_003) * (limits.max - limits.min) // 100_002 + limits.min
    for x in views(numbers.reshape(3, n, 2).astype(dtype)):
        total = x.astype(np.int64).sum(axis=(0, 1))
        assert np.array_equal(tp.sum_pool(x, (3, x.shape[1]), axis=(0, 1))[0, 0], total), x.strides
        assert np.array_equal(tp.sum_pool(x, x.shape, axis=(0, 1, 2))[0, 0, 0], total.sum()), x.strides
        exact = total / (3 * x.shape[1])
        assert np.array_equal(tp.avg_pool(x, (3, x.shape[1]), axis=(0, 1))[0, 0], exact.astype(np.float32)), x.strides
        rounded = tp.avg_pool(x, (3, x.shape[1]), axis=(0, 1), dtype=dtype, rounding="floor")[0, 0]
        assert np.array_equal(rounded, total // (3 * x.shape[1])), x.strides


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["uint16", "int8"])
def test_windows_that_slide(dtype: str, isa: str) -> None:
    """Down a column, along a row and both, clipped and not, against sums of prefixes."""
    shape, kernel = ((260, 260), (250, 251)) if dtype == "uint16" else ((3000, 3100), (2995, 2890))
    numbers = np.arange(shape[0] * shape[1], dtype=np.int64) * 7919 % 251 + (2**16 - 300 if dtype == "uint16" else -128)
    x = numbers.reshape(shape).astype(dtype)
    before = tuple(k // 3 for k in kernel)
    padded = np.pad(x.astype(np.int64), [(b + 1, b) for b in before])
    prefix = padded.cumsum(0).cumsum(1)
    high, low = kernel
    expected = prefix[high:, low:] - prefix[:-high, low:] - prefix[high:, :-low] + prefix[:-high, :-low]
    result = tp.sum_pool(x, kernel, 1, tuple((b, b) for b in before), axis=(0, 1))
    assert np.array_equal(result, expected)
    assert np.array_equal(
        tp.sum_pool(x, kernel, (2, 3), tuple((b, b) for b in before), axis=(0, 1)), expected[::2, ::3]
    )


def test_a_series_in_a_row(isa: str) -> None:
    x = (np.arange(100_000) * 7919 % 65_536).astype(np.uint16)
    prefix = np.concatenate([[0], x.astype(np.int64).cumsum()])
    for kernel, stride in ((2**15 + 1, 1), (40_000, 3), (99_999, 1), (50_000, 50_000)):
        expected = (prefix[kernel:] - prefix[:-kernel])[::stride]
        assert np.array_equal(tp.sum_pool(x, kernel, stride, axis=0), expected)
        assert np.array_equal(tp.avg_pool(x, kernel, stride, axis=0), (expected / kernel).astype(np.float32))
        assert np.array_equal(
            tp.avg_pool(x, kernel, stride, axis=0, dtype="int64", rounding="floor"), expected // kernel
        )


@pytest.mark.slow
def test_integer_averages_of_32_bits(isa: str) -> None:
    """More than 2**29 taps."""
    for dtype in ("int32", "uint32"):
        for number in extremes(dtype):
            x = np.broadcast_to(np.full(2**14, number, dtype), (2**15 + 8, 2**14))
            result = tp.avg_pool(x, x.shape, axis=(0, 1), dtype=dtype, rounding="floor")
            assert result.tolist() == [[number]]


def nothing_is_copied() -> None:
    x = np.broadcast_to(np.arange(2**13).astype(np.uint8), (2**17, 2**13))
    tracemalloc.start()
    result = tp.sum_pool(x, x.shape, axis=(0, 1))
    mean = tp.avg_pool(x, x.shape, axis=(0, 1))
    peak = tracemalloc.get_traced_memory()[1]
    assert result.tolist() == [[2**17 * 32 * 255 * 128]]
    assert mean.tolist() == [[127.5]]
    assert peak < 1 << 20


def test_nothing_is_copied() -> None:
    """A virtual array of 1 GB, no thousandth of which is."""
    in_new_interpreter(nothing_is_copied)
