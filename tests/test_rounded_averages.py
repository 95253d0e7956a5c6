"""Averages of integers as integers: every quotient there is of small sums, ties, limits and divisors; small windows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilepool as tp
from agreement import check, using_isa
from guarded_memory import Margins, between_guard_pages
from layouts import any_numbers, in_turn
from test_strategies import strategies
from tilepool import _core

Array = NDArray[Any]
ROUNDINGS: Any = _core.roundings


def rounded(sums: Array, divisor: int, rounding: str, dtype: str) -> Array:
    """The oracle, of sums below 2**61: in integers, by the definition of each rule."""
    by = abs(divisor)
    signed = sums if divisor > 0 else -sums
    floors, rests = signed // by, signed % by
    ups = {
        "half_even": (2 * rests > by) | ((2 * rests == by) & (floors % 2 == 1)),
        "half_up": 2 * rests >= by,
        "floor": np.zeros(sums.shape, bool),
        "trunc": (floors < 0) & (rests > 0),
    }
    limits = np.iinfo(dtype)
    return np.asarray(np.clip(floors + ups[rounding], limits.min, min(limits.max, 2**62))).astype(dtype)


def each_sum_of_256_bytes() -> Array:
    """A window of 16 x 16 at each column i has the sum i: from one to the next, a single cell grows by one."""
    columns, rows = np.arange(256 * 255 + 16), np.arange(16)
    return ((columns // 16 + rows[:, None]) // 16).astype("uint8")


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_every_sum_of_bytes_by_every_divisor(rounding: Any) -> None:
    x, sums = each_sum_of_256_bytes(), np.arange(256 * 255 + 1)
    assert strategies(tp.avg_pool, x, 16, 1, axis=(0, 1), dtype="uint8") == ["narrow"]
    for divisor in range(1, 257):
        expected = rounded(sums, divisor, rounding, "uint8")
        for isa in _core.available_isas():
            with using_isa(isa):
                actual = tp.avg_pool(x, 16, 1, axis=(0, 1), dtype="uint8", rounding=rounding, divisor_override=divisor)
            assert np.array_equal(actual[0], expected), (divisor, isa)


@pytest.mark.parametrize("pixel", [1, 3, 4])
@pytest.mark.parametrize(
    ("dtype", "taps"), [(dtype, taps) for dtype in ("uint8", "uint16") for taps in (2, 3, 4, 5, 7, 8, 9, 16, 33)]
)
def test_sums_of_windows_that_lie_end_to_end(dtype: str, taps: int, pixel: int) -> None:
    """All sums of bytes; of uint16 some thousand and those next to the limits."""
    cells, largest = 2 * taps, 2 * taps * np.iinfo(dtype).max
    sums: Array = np.arange(largest + 1)
    if dtype == "uint16":
        sums = np.concatenate([np.random.default_rng(0).integers(0, largest, 4000), sums[:64], sums[-64:]])
    sums = sums[: len(sums) // pixel * pixel].reshape(-1, pixel)
    windows = ((sums[:, None] + np.arange(cells)[:, None]) // cells).astype(dtype).reshape(-1, 2, taps, pixel)
    x = np.ascontiguousarray(windows.transpose(1, 0, 2, 3).reshape(2, -1, pixel))
    arguments: dict[str, Any] = {"kernel_size": (2, taps), "axis": (0, 1), "dtype": dtype}
    assert (strategies(tp.avg_pool, x, **arguments) == ["narrow"]) == (pixel == 1 or taps <= 16)
    for rounding in ROUNDINGS:
        for divisor in (1, 2, 3, 4, 6, 7, 8, 12, 16, 24, 64, 127, 128, 255, 256):
            expected = rounded(sums, divisor, rounding, dtype)
            for isa in _core.available_isas():
                with using_isa(isa):
                    actual = tp.avg_pool(x, rounding=rounding, divisor_override=divisor, **arguments)
                assert np.array_equal(actual[0], expected), (rounding, divisor, isa)


@pytest.mark.parametrize("stride", [1, 2, 4, 5, 9, 10, 33, 200])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_windows_of_many_taps_along_a_row(dtype: str, stride: int, isa: str) -> None:
    """Whatever is done with the windows that begin at other places, and with those that fill no vector."""
    rng = np.random.default_rng(stride)
    for taps in (*range(2, 20), 31, 32, 33, 64, 127, 128):
        x = rng.integers(0, np.iinfo(dtype).max + 1, (2, taps + stride * int(rng.integers(0, 300)))).astype(dtype)
        x[:, ::7] = np.iinfo(dtype).max
        sums = np.lib.stride_tricks.sliding_window_view(x, taps, axis=1)[:, ::stride].sum(-1, dtype="int64")
        actual = tp.avg_pool(x, taps, stride, axis=1, dtype=dtype)
        assert np.array_equal(actual, rounded(sums, taps, "half_even", dtype)), taps
        assert np.array_equal(tp.avg_pool(x, taps, stride, axis=1), sums.astype("f4") / np.float32(taps)), taps


def test_every_sum_of_bytes_as_a_float(isa: str) -> None:
    x, sums = each_sum_of_256_bytes(), np.arange(256 * 255 + 1, dtype="f4")
    assert strategies(tp.avg_pool, x, 16, 1, axis=(0, 1)) == ["narrow"]
    for divisor in (*range(1, 257), -7, 10**9):
        actual = tp.avg_pool(x, 16, 1, axis=(0, 1), divisor_override=divisor)
        assert np.array_equal(actual[0], sums / np.float32(divisor)), divisor


DIVISORS = (*range(1, 33), 49, 225, 255, 256, 257, 4095, 4096, 65535, 65536, 2**20 - 1, 2**20, 2**21 + 1, 2**40 + 2)


SHORT = ("int8", "uint8", "int16", "uint16")


@pytest.mark.parametrize(
    ("result", "dtype"), in_turn([(result,) for result in (*SHORT, "int32", "uint32", "int64", "uint64")], SHORT)
)
def test_every_short_integer_by_many_divisors(dtype: str, result: str) -> None:
    """Divided as float32, but for the bytes of the test above."""
    limits = np.iinfo(dtype)
    x = np.arange(limits.min, limits.max + 1).astype(dtype)
    for rounding in ROUNDINGS:
        for divisor in (*DIVISORS, *(-divisor for divisor in DIVISORS)):
            expected = rounded(x.astype("int64"), divisor, rounding, result)
            for isa in _core.available_isas():
                with using_isa(isa):
                    actual = tp.avg_pool(x, 1, axis=0, dtype=result, rounding=rounding, divisor_override=divisor)
                assert np.array_equal(actual, expected), (rounding, divisor, isa)


@pytest.mark.parametrize("dtype", ["int16", "uint16"])
def test_the_largest_sums_that_float32_divides(dtype: str, isa: str) -> None:
    """Up to 2**20 = 16 * 2**16 and 2**23, as far as the proofs in kernels/rounded.hpp go; and beyond, by float64."""
    limits = np.iinfo(dtype)
    rng = np.random.default_rng(0)
    for taps in (16, 17, 128, 129) if dtype == "uint16" else (32, 33, 256, 257):
        lowest, highest = taps * limits.min, taps * limits.max
        sums = np.concatenate([rng.integers(lowest, highest, 9000), lowest + np.arange(999), highest - np.arange(999)])
        x = ((sums[:, None] + np.arange(taps)) // taps).astype(dtype)
        assert np.array_equal(x.sum(1), sums)
        for rounding in ROUNDINGS:
            for divisor in (1, 2, 3, 6, 7, 16, 30, 254, -14, 65534, 2**20 - 2, 2**20, 2**23 - 2, 2**24, 2**24 + 1):
                actual = tp.avg_pool(x, taps, axis=1, dtype=dtype, rounding=rounding, divisor_override=divisor)
                assert np.array_equal(actual[:, 0], rounded(sums, divisor, rounding, dtype)), (taps, rounding, divisor)


def near_ties(rng: np.random.Generator, largest: int, divisors: Array, count: int) -> Iterator[tuple[int, Array]]:
    """Divisors, and sums that are multiples of their halves, or one more or less."""
    for divisor in map(int, divisors):
        most = 2 * largest // divisor
        yield divisor, rng.integers(-most, most + 1, count) * divisor // 2 + rng.integers(-1, 2, count)


@pytest.mark.parametrize(("dtype", "taps"), [("int32", 1), ("int32", 2**16), ("int64", 1)])
def test_larger_sums_next_to_ties(dtype: str, taps: int, isa: str) -> None:
    """Of int32 up to 2**48, as float64 divides them; of int64 by integers."""
    rng = np.random.default_rng(taps)
    largest = np.iinfo(dtype).max // 4 * taps
    divisors = (2 ** rng.uniform(0, min(53, np.log2(largest)), 40)).astype("int64")
    for divisor, sums in near_ties(rng, largest, divisors, 20 if taps > 1 else 500):
        x = (sums[:, None] // taps).astype(dtype)
        if taps > 1:
            x = np.ascontiguousarray(np.broadcast_to(x, (len(sums), taps)))
            x[np.arange(taps) < (sums % taps)[:, None]] += 1
        for rounding in ROUNDINGS if taps == 1 else ROUNDINGS[:2]:
            actual = tp.avg_pool(x, taps, axis=1, dtype=dtype, rounding=rounding, divisor_override=divisor)
            assert np.array_equal(actual[:, 0], rounded(sums, divisor, rounding, dtype)), (rounding, divisor)


# Shape, pooled axes, and the arguments of windows that are averaged in few steps, whatever the layout.
NARROW: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((9, 301), (0, 1), {"kernel_size": 2}),
    ((40, 57), (0, 1), {"kernel_size": 4, "stride": 2}),
    ((4, 4200), (0, 1), {"kernel_size": (2, 3)}),
    ((13, 150), (0, 1), {"kernel_size": (3, 2), "stride": 1, "padding": 1}),
    ((13, 150), (0, 1), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    ((4, 1400, 3), (0, 1), {"kernel_size": 2}),
    ((12, 90, 3), (0, 1), {"kernel_size": 3, "stride": 3, "padding": 1}),
    ((12, 90, 4), (0, 1), {"kernel_size": 2}),
    ((12, 90, 4), (0, 1), {"kernel_size": 4, "stride": (3, 2), "dilation": (2, 1)}),
    ((12, 90, 4), (0, 1), {"kernel_size": (5, 3), "padding": 1}),
    ((9, 150, 3), (0, 1), {"kernel_size": 4, "padding": 1}),
    ((9, 150), (0, 1), {"kernel_size": (2, 8)}),
    ((130, 40), (0, 1), {"kernel_size": (128, 2)}),  # as many rows as are not averaged in registers
    ((12, 90, 3), (0, 1), {"kernel_size": (2, 6)}),
    ((7, 30, 17), (0, 1), {"kernel_size": (2, 3), "stride": 2}),
    ((7, 9, 300), (0, 1), {"kernel_size": 2}),
    ((3, 7, 8, 41), (1, 2, 3), {"kernel_size": 2}),
    ((6, 40, 41), (0, 1, 2), {"kernel_size": (2, 2, 1)}),
    ((70, 3), (0,), {"kernel_size": 6, "stride": 4, "padding": 3}),
    ((8200,), (0,), {"kernel_size": 2}),
    ((5, 5), (0, 1), {"kernel_size": 1, "stride": 3}),
    # Rows that slide from line to line, and taps of which neighbours are added up beforehand.
    ((20, 60), (0, 1), {"kernel_size": 15, "stride": 1, "padding": 7}),
    ((12, 60, 3), (0, 1), {"kernel_size": (4, 11), "stride": (1, 2), "dilation": (1, 2)}),
    ((12, 90), (0, 1), {"kernel_size": (3, 29), "stride": 1, "padding": (1, 14)}),
    ((3, 30, 70), (1, 2), {"kernel_size": (5, 2), "stride": 1}),
    ((9, 200), (1,), {"kernel_size": 16, "stride": 1}),
    ((9, 20, 30), (0, 1), {"kernel_size": 4, "stride": (1, 4)}),
]


@pytest.mark.parametrize(("shape", "axis", "arguments", "dtype"), in_turn(NARROW, ("bool", "uint8", "uint16")))
def test_small_windows(shape: tuple[int, ...], axis: tuple[int, ...], arguments: dict[str, Any], dtype: str) -> None:
    rng = np.random.default_rng(0)
    result = "uint16" if dtype == "uint16" else "uint8"
    cells = np.prod(np.broadcast_to(arguments["kernel_size"], len(axis)))
    if dtype != "uint16" or cells <= 16:
        assert strategies(tp.avg_pool, any_numbers(rng, shape, dtype), axis=axis, dtype=result, **arguments) == [
            "narrow"
        ]
    check("avg", any_numbers(rng, shape, dtype), axis, threads=(1, 2), **arguments)
    check("avg", any_numbers(rng, shape, dtype), axis, count_include_pad=False, **arguments)
    for number, rounding in enumerate(ROUNDINGS):
        x = any_numbers(rng, shape, dtype)
        if number % 2 == 1:
            x = np.asfortranarray(x)
        check("avg", x, axis, dtype=result, rounding=rounding, threads=(1, 2), **arguments)
        wide = np.repeat(x, 2, -1)[..., ::2]
        if number % 2 == 0:
            check("avg", wide, axis, dtype=result, rounding=rounding, count_include_pad=False, **arguments)
        else:
            check("avg", x, axis, dtype=result, rounding=rounding, divisor_override=3 * number - 2, **arguments)


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_small_windows_touch_nothing_else(dtype: str, at_end: bool, isa: str) -> None:
    for width in (*range(2, 70), *range(254, 262), 4099):
        for pixel in (1, 3, 4, 17):
            for kernel, stride in ((2, 2), (4, 4), (3, 3), (8, 8), (6, 6), (2, 1), (1, 2)):
                if kernel > width:
                    continue
                with between_guard_pages((2, width, pixel), dtype, at_end=at_end) as x:
                    outputs = (width - kernel) // stride + 1
                    out = Margins((2, outputs, pixel), dtype)
                    arguments: dict[str, Any] = {"kernel_size": (1, kernel), "stride": (1, stride), "axis": (0, 1)}
                    result = tp.avg_pool(x, dtype=dtype, out=out.array, **arguments)
                    assert np.array_equal(result, tp.avg_pool(x.astype("int64"), dtype=dtype, **arguments))
                    assert out.intact()


@pytest.mark.parametrize("stride", [2**31, 2**61, 2**62, 2**63 - 2])
def test_strides_beyond_the_array(stride: int, isa: str) -> None:
    """There is one window: what lies behind the next one's place is not calculated with."""
    for channels in (1, 2, 3, 4, 8):
        x = np.arange(5 * channels, dtype=np.uint8).reshape(1, 5, channels)
        actual = tp.avg_pool(x, 4, stride, axis=1, dtype="uint8", rounding="floor")
        assert actual.tolist() == [[(x[0, :4].sum(axis=0) // 4).tolist()]]
