"""Every row of the semantics table of docs/semantics.md, value by value, on every instruction set."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import reference
import tilepool as tp
from agreement import EXACT_OPS, FUNCTIONS, OPS
from tilepool import _core

# ml_dtypes warns of NaN that signals, whatever is asked of it.
pytestmark = [pytest.mark.usefixtures("isa"), pytest.mark.filterwarnings("ignore:invalid value encountered")]

FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = tuple(dtype for dtype in _core.dtypes if dtype not in (*FLOATS, "bool"))
NUMBERS = (*FLOATS, *INTEGERS)


def line(n: int, dtype: str = "float32") -> NDArray[Any]:
    return np.arange(1, n + 1).astype(dtype)


# ---- output size ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "arguments", "outputs", "outputs_with_ceil"),
    [
        (5, {"kernel_size": 2}, 2, 3),
        (5, {"kernel_size": 5}, 1, 1),
        (5, {"kernel_size": 1}, 5, 5),
        (5, {"kernel_size": 1, "stride": 7}, 1, 1),  # a second window would start behind the input
        (5, {"kernel_size": 2, "stride": 100}, 1, 1),
        (5, {"kernel_size": 2, "stride": 2**62}, 1, 1),
        (7, {"kernel_size": 3, "stride": 2, "padding": 1}, 4, 4),
        (6, {"kernel_size": 3, "stride": 2, "padding": 1}, 3, 4),
        (2, {"kernel_size": 3, "stride": 3, "padding": 1}, 1, 1),  # the second would start in the padding: dropped
        (4, {"kernel_size": 2, "stride": 4, "padding": ((0, 1),)}, 1, 1),  # likewise, at the first cell behind
        (5, {"kernel_size": 2, "stride": 4, "padding": ((0, 1),)}, 2, 2),
        (9, {"kernel_size": 3, "stride": 2, "dilation": 2}, 3, 3),
        (10, {"kernel_size": 3, "stride": 2, "dilation": 2}, 3, 4),
        (3, {"kernel_size": 4, "stride": 2}, None, 1),  # larger than the input, and still one with ceil, as in PyTorch
        (3, {"kernel_size": 6, "stride": 2}, None, None),
        (1, {"kernel_size": 3, "padding": 2, "stride": 1}, 3, 3),
        (7, {"kernel_size": 4, "stride": 3, "padding": "same"}, 3, 3),
        (7, {"kernel_size": 2, "stride": 3, "padding": "same_lower"}, 3, 3),
        (7, {"kernel_size": 2, "stride": 9, "padding": "same"}, 1, 1),
    ],
)
@pytest.mark.parametrize("op", OPS)
def test_output_size(
    op: str, n: int, arguments: dict[str, Any], outputs: int | None, outputs_with_ceil: int | None
) -> None:
    for ceil_mode, expected in ((False, outputs), (True, outputs_with_ceil)):
        if expected is None:
            with pytest.raises(ValueError, match=r"kernel_size .* is larger than the padded input"):
                FUNCTIONS[op](line(n), axis=0, ceil_mode=ceil_mode, **arguments)
        else:
            assert FUNCTIONS[op](line(n), axis=0, ceil_mode=ceil_mode, **arguments).shape == (expected,)


def test_kernel_1_copies() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 7)).astype("float32")
    for function in FUNCTIONS.values():
        result = function(x, 1)
        assert np.array_equal(result, x)
        assert not np.shares_memory(result, x)


def test_the_kernel_is_the_default_stride() -> None:
    assert tp.max_pool(line(12), 3, axis=0).tolist() == [3, 6, 9, 12]
    assert tp.max_pool(np.arange(12).reshape(2, 6), (1, 3), axis=(0, 1)).tolist() == [[2, 5], [8, 11]]


# ---- padding -------------------------------------------------------------------------------------------------------


def test_padding_is_never_a_value() -> None:
    negative, positive = np.array([-3, -1, -2], np.int32), np.array([3, 1, 2], np.int32)
    assert tp.max_pool(negative, 3, 1, 1, axis=0).tolist() == [-1, -1, -1]
    assert tp.min_pool(positive, 3, 1, 1, axis=0).tolist() == [1, 1, 1]
    assert tp.max_pool(np.full(3, -np.inf, np.float32), 2, 1, 1, axis=0).tolist() == [-np.inf] * 4
    assert tp.sum_pool(positive, 3, 1, 1, axis=0).tolist() == [4, 6, 3]


def test_average_counts_padding_unless_told_not_to() -> None:
    x = np.array([6.0, 6.0])
    assert tp.avg_pool(x, 3, 1, 1, axis=0).tolist() == [4, 4]
    assert tp.avg_pool(x, 3, 1, 1, count_include_pad=False, axis=0).tolist() == [6, 6]
    assert tp.avg_pool(x, 3, 1, "same", axis=0).tolist() == [4, 4]
    assert tp.avg_pool(x, 3, 1, "same", count_include_pad=False, axis=0).tolist() == [6, 6]


def test_spellings_of_padding() -> None:
    x = np.arange(20.0).reshape(4, 5)
    for spelling, pairs in [
        (0, ((0, 0), (0, 0))),
        (1, ((1, 1), (1, 1))),
        ((0, 1), ((0, 0), (1, 1))),
        ([1, 2], ((1, 1), (2, 2))),
        ([[1, 0], [0, 2]], ((1, 0), (0, 2))),
        ("valid", ((0, 0), (0, 0))),
        ("same", ((0, 1), (1, 1))),  # 4 cells, stride 1 x 2: rows lack 1 in all, columns 2
        ("same_lower", ((1, 0), (1, 1))),
    ]:
        arguments: dict[str, Any] = {"kernel_size": (2, 3), "stride": (1, 2), "axis": (0, 1)}
        for function in FUNCTIONS.values():
            expected = function(x, padding=pairs, **arguments)
            assert np.array_equal(function(x, padding=spelling, **arguments), expected)


def test_padding_may_be_anything_below_the_extent() -> None:
    """PyTorch stops at half a kernel; here every window must only be able to reach the input."""
    x = line(4)
    assert tp.max_pool(x, 3, 1, 2, axis=0).tolist() == [1, 2, 3, 4, 4, 4]
    assert tp.max_pool(x, 2, 1, 3, 3, axis=0).tolist() == [1, 2, 3, 4, 2, 3, 4]  # extent 4: padding 3 on both sides
    for function in FUNCTIONS.values():
        for padding, extent in ((3, 3), (((0, 3),), 3), (((3, 0),), 3), (2**70, 3)):
            with pytest.raises(ValueError, match="padding"):
                function(x, extent, 1, padding, axis=0)


# ---- windows without a cell, divisors ------------------------------------------------------------------------------


def test_a_window_without_a_real_cell() -> None:
    """Kernel 2 with dilation 4 over 2 cells, 4 of padding on both sides: the taps of 2 windows of 6 are all padding."""
    for dtype in NUMBERS:
        x = np.array([5, 7], dtype)
        lowest, highest = (-np.inf, np.inf) if dtype in FLOATS else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        arguments: dict[str, Any] = {"kernel_size": 2, "stride": 1, "padding": 4, "dilation": 4, "axis": 0}
        assert tp.max_pool(x, **arguments).tolist() == [5, 7, lowest, lowest, 5, 7]
        assert tp.min_pool(x, **arguments).tolist() == [5, 7, highest, highest, 5, 7]
        assert tp.sum_pool(x, **arguments).tolist() == [5, 7, 0, 0, 5, 7]
        assert tp.avg_pool(x, **arguments).tolist() == [2.5, 3.5, 0, 0, 2.5, 3.5]
        assert tp.avg_pool(x, divisor_override=4, **arguments).tolist() == [1.25, 1.75, 0, 0, 1.25, 1.75]
        excluded = tp.avg_pool(x, count_include_pad=False, **arguments)
        assert np.array_equal(excluded, [5, 7, np.nan, np.nan, 5, 7], equal_nan=True)
        if dtype in INTEGERS:
            rounded = tp.avg_pool(x, count_include_pad=False, dtype=dtype, **arguments)
            assert rounded.tolist() == [5, 7, 0, 0, 5, 7]
    for values in ([True, False], [False, True]):
        x = np.array(values)
        for op, empty in (("max", False), ("min", True)):
            result = FUNCTIONS[op](x, **arguments)
            assert result.view(np.uint8).tolist() == [*values, empty, empty, *values]  # no byte but 0 and 1


def test_average_divisor() -> None:
    ones = np.ones(4, np.float64)
    windows: dict[str, Any] = {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "axis": 0}
    assert tp.avg_pool(ones, **windows).tolist() == [2 / 3, 1, 1 / 2]  # what hangs over the padding is not counted
    assert tp.avg_pool(ones, count_include_pad=False, **windows).tolist() == [1, 1, 1]
    assert tp.avg_pool(ones, divisor_override=1, **windows).tolist() == [2, 3, 1]
    assert tp.avg_pool(ones, divisor_override=-4, count_include_pad=False, **windows).tolist() == [-0.5, -0.75, -0.25]
    assert tp.avg_pool(np.ones((4, 4)), 3, 2, 1, True, axis=(0, 1))[2].tolist() == [2 / 6, 3 / 6, 1 / 4]
    largest = 2**53 - 1
    assert tp.avg_pool(ones, 2, divisor_override=largest, axis=0).tolist() == [2 / largest, 2 / largest]


# ---- numbers -------------------------------------------------------------------------------------------------------


def nans(dtype: str) -> NDArray[Any]:
    """Quiet, signalling, and full of ones, with either sign."""
    bits = 8 * np.dtype(dtype).itemsize
    infinity = int(np.array(np.inf, dtype).view(f"uint{bits}"))
    quiet = int(np.array(np.nan, dtype).view(f"uint{bits}")) & ~(1 << (bits - 1))
    positive = [quiet, infinity + 1, 2 ** (bits - 1) - 1]
    return np.array([*positive, *(value | 1 << (bits - 1) for value in positive)], f"uint{bits}").view(dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", OPS)
def test_nan_propagates_to_the_windows_that_see_it_and_to_no_other(op: str, dtype: str) -> None:
    """At each place of rows with every kind of tail, for NaNs of either sign and with a payload."""
    payloads = nans(dtype)
    for n in (1, 3, 8, 17, 33, 40):
        for place in range(n):
            x = np.zeros(n, dtype)
            x[place] = payloads[place % len(payloads)]
            for kernel, stride in ((2, 2), (3, 1), (3, 2), (n, 1)):
                if kernel > n:
                    continue
                result = FUNCTIONS[op](x, kernel, stride, axis=0)
                starts = np.arange(len(result)) * stride
                assert np.array_equal(np.isnan(result), (starts <= place) & (place < starts + kernel)), (n, place)
                assert np.all(result[~np.isnan(result)] == 0)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("kernel", [2, 3, 5, 9, 40])
def test_every_nan_wins_over_every_number(kernel: int, dtype: str) -> None:
    """Whatever its sign and payload: NaNs of both signs lie beyond both infinities in the order of the bits."""
    for nan, other in itertools.product(nans(dtype), (0.0, -1.0, np.inf, -np.inf, reference.finfo(dtype).max)):
        x = np.full((64, 64), other, dtype)
        x[20, 30] = nan
        for op in ("max", "min"):
            result = FUNCTIONS[op](x, kernel, 1, axis=(0, 1))
            expected = np.full(result.shape, other, dtype)
            expected[max(0, 21 - kernel) : 21, max(0, 31 - kernel) : 31] = np.nan
            assert np.array_equal(result, expected, equal_nan=True), (op, nan, other)


def test_all_nan_and_nan_beside_infinities() -> None:
    nan, inf = math.nan, math.inf
    x = np.array([nan, nan, inf, nan, -inf, nan, inf, -inf])
    assert np.array_equal(tp.max_pool(x, 2, axis=0), [nan, nan, nan, inf], equal_nan=True)
    assert np.array_equal(tp.min_pool(x, 2, axis=0), [nan, nan, nan, -inf], equal_nan=True)
    assert np.array_equal(tp.sum_pool(x, 2, axis=0), [nan, nan, nan, nan], equal_nan=True)
    assert np.array_equal(tp.avg_pool(x, 2, axis=0), [nan, nan, nan, nan], equal_nan=True)


@pytest.mark.parametrize("dtype", FLOATS)
def test_extreme_floats(dtype: str) -> None:
    info = reference.finfo(dtype)
    tiny, largest = info.smallest_subnormal, info.max
    x = np.array([tiny, 0, -tiny, tiny, largest, largest, -np.inf, largest], dtype)
    assert np.array_equal(tp.max_pool(x, 2, axis=0), np.array([tiny, tiny, largest, largest], dtype))
    assert np.array_equal(tp.min_pool(x, 2, axis=0), np.array([0, -tiny, largest, -np.inf], dtype))
    assert np.array_equal(tp.sum_pool(x, 2, axis=0), np.array([tiny, 0, np.inf, -np.inf], dtype))
    assert np.array_equal(tp.avg_pool(x[:4], 1, axis=0), x[:4])  # denormals are not flushed to zero


def test_extreme_integers() -> None:
    bytes_ = np.full((40, 40), 255, np.uint8)
    assert tp.sum_pool(bytes_, 40, axis=(0, 1)).tolist() == [[255 * 1600]]
    assert tp.avg_pool(bytes_, 40, axis=(0, 1)).tolist() == [[255]]
    assert tp.max_pool(bytes_, 40, axis=(0, 1)).tolist() == [[255]]
    for dtype in INTEGERS:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        x = np.array([low, high, low, low, high, high], dtype)
        assert tp.max_pool(x, 2, axis=0).tolist() == [high, low, high]
        assert tp.min_pool(x, 2, axis=0).tolist() == [low, low, high]
        rounded = tp.avg_pool(x, 2, axis=0, dtype=dtype)
        assert rounded.tolist() == [round((low + high) / 2), low, high]  # halves to even; the sums do not wrap
        large = np.full(40, high, dtype)
        sums = [high * 40 % 2**64 - (2**64 if low < 0 and high * 40 % 2**64 >= 2**63 else 0)]
        assert tp.sum_pool(large, 40, axis=0).tolist() == sums
        assert tp.avg_pool(large, 40, axis=0).tolist() == [float(high)]
    wide = np.array([2**31 - 1, 2**31 - 1, -(2**31), -(2**31)], np.int32)
    assert tp.sum_pool(wide, 2, axis=0).tolist() == [2**32 - 2, -(2**32)]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_averages_round_half_to_even_and_saturate(dtype: str) -> None:
    x = np.array([0, 1, 1, 2, 2, 3, 3, 4, 100, 101], dtype)
    assert tp.avg_pool(x, 2, axis=0, dtype=dtype).tolist() == [0, 2, 2, 4, 100]  # 0.5, 1.5, 2.5, 3.5, 100.5
    assert tp.avg_pool(x, 2, axis=0, dtype="int8", divisor_override=1).tolist() == [1, 3, 5, 7, 127]
    assert tp.avg_pool(x, 2, axis=0, dtype="uint8", divisor_override=-1).tolist() == [0, 0, 0, 0, 0]
    assert tp.avg_pool(x, 2, axis=0, dtype="int32", divisor_override=-2).tolist() == [0, -2, -2, -4, -100]


def test_rounded_averages_of_floats() -> None:
    x = np.array([0, 1, 1, 2, -1, -2, 500, 501], np.float32)
    assert tp.avg_pool(x, 2, axis=0, dtype="int64").tolist() == [0, 2, -2, 500]
    assert tp.avg_pool(x, 2, axis=0, dtype="uint8").tolist() == [0, 2, 0, 255]
    for dtype in INTEGERS:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        huge = np.array([1e30, -1e30, np.inf, -np.inf, high + 1.0, low - 1.0])  # the sums are floats: 2**63 for int64
        assert tp.avg_pool(huge, 1, axis=0, dtype=dtype).tolist() == [high, low, high, low, high, low]
        largest = np.nextafter(high + 1.0, 0)
        assert tp.avg_pool(np.array([largest]), 1, axis=0, dtype=dtype).tolist() == [min(high, round(largest))]
    with pytest.raises(ValueError, match="NaN"):
        tp.avg_pool(np.array([1, np.nan]), 2, axis=0, dtype="int32")


# ---- result dtypes -------------------------------------------------------------------------------------------------


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


def test_16_bit_floats_are_summed_as_float32_and_rounded_once() -> None:
    """With sums in the type itself these would stay at 2048 and 256."""
    for dtype, one_more, places in (("float16", 2048, 11), ("bfloat16", 256, 8)):
        x = np.array([one_more, 1, 1, 1, 1], dtype)
        assert tp.sum_pool(x, 5, axis=0).tolist() == [one_more + 4]
        assert tp.sum_pool(x, 2, 1, axis=0).tolist() == [one_more, 2, 2, 2]  # a half goes to the even one
        assert tp.avg_pool(x[1:3] + np.array([0, 2.0 ** (1 - places)], dtype), 2, axis=0).tolist() == [1]
        largest = reference.finfo(dtype).max
        assert tp.sum_pool(np.array([largest, largest, -largest], dtype), 3, axis=0).tolist() == [float(largest)] or (
            dtype == "bfloat16"  # whose largest numbers are those of float32
        )
        assert tp.sum_pool(np.array([largest, largest], dtype), 2, axis=0).tolist() == [np.inf]
        assert tp.avg_pool(np.array([largest, -largest], dtype), 2, axis=0).tolist() == [0]


@pytest.mark.parametrize("op", ["sum", "avg"])
def test_every_16_bit_float_is_read_and_written_exactly(op: str) -> None:
    """All patterns of bits, alone in their window: also denormals and infinities. Any NaN becomes the same one."""
    for dtype in ("float16", "bfloat16"):
        bits = np.arange(2**16, dtype=np.uint16)
        x = bits.view(dtype)
        for count in (2**16, 37):  # whole vectors, and tails
            result = FUNCTIONS[op](x[-count:], 1, axis=0)
            nan = np.isnan(x[-count:])
            expected = np.where(nan, np.array(np.nan, dtype).view(np.uint16) & 0x7FFF, bits[-count:])
            assert np.array_equal(result.view(np.uint16), expected)


def test_sums_are_rounded_to_the_nearest_16_bit_float() -> None:
    """Numbers and powers of two near half of the step to the next number: many of the sums are ties."""
    rng = np.random.default_rng(0)
    for dtype, places, exponents in (("float16", 11, (-24, 17)), ("bfloat16", 8, (-133, 128))):
        exponent = rng.integers(*exponents, 20_000)
        with np.errstate(over="ignore"):
            large = np.ldexp(rng.uniform(-1, 1, 20_000), exponent).astype(dtype)
            exponent += rng.integers(-3, 3, 20_000) - places
            small = np.ldexp(rng.choice((-1.0, 1.0), 20_000), exponent).astype(dtype)
            expected = (large.astype(np.float32) + small.astype(np.float32)).astype(dtype)
        x = np.stack([large, small], 1)
        assert np.array_equal(tp.sum_pool(x, 2, axis=1)[:, 0], expected)
        assert np.array_equal(tp.sum_pool(np.ascontiguousarray(x.T), 2, axis=0)[0], expected)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_dtype_of_the_result_is_that_of_x(dtype: str) -> None:
    x = np.arange(12).astype(dtype).reshape(3, 4)
    for op in OPS:
        for view in (x, x.T, x[:, ::2], x.astype(x.dtype.newbyteorder("S"))):
            result = FUNCTIONS[op](view, 2, axis=(0, 1))
            assert result.dtype == np.dtype(dtype)
            assert type(result[0, 0]) is type(x[0, 0])
            out = np.zeros(result.shape, dtype)
            assert FUNCTIONS[op](view, 2, axis=(0, 1), out=out) is out
            assert np.array_equal(out, result)
            wide = np.zeros(result.shape, np.float32)
            assert FUNCTIONS[op](view, 2, axis=(0, 1), out=wide) is wide
            assert np.array_equal(wide, result.astype(np.float32))
            for other in ("uint16", "int16", "bool"):  # of the same bytes, but another meaning
                with pytest.raises(TypeError, match=r"^out must have a dtype"):
                    FUNCTIONS[op](view, 2, axis=(0, 1), out=np.zeros(result.shape, other))


# ---- rounding ------------------------------------------------------------------------------------------------------

ROUNDED = {
    "half_even": [-2, -2, -2, -1, 0, 0, 0, 1, 2, 2, 2],
    "half_up": [-2, -2, -1, -1, 0, 0, 1, 1, 2, 2, 3],
    "floor": [-3, -2, -2, -2, -1, 0, 0, 0, 1, 1, 2],
    "trunc": [-2, -1, -1, -1, 0, 0, 0, 0, 1, 1, 2],
}


@pytest.mark.parametrize("rounding", ROUNDED)
def test_rounding_of_averages(rounding: Any) -> None:
    quarters = np.array([-10, -7, -6, -5, -2, 0, 2, 3, 6, 7, 10])  # of -2.5, -1.75, -1.5, -1.25, -0.5, 0, 0.5, ...
    words: dict[str, Any] = {"kernel_size": 4, "axis": 0, "rounding": rounding}
    for dtype in NUMBERS:
        if np.dtype(dtype).kind == "u":
            continue
        x = np.zeros(4 * quarters.size, dtype)
        x[::4] = quarters
        for result in ("int8", "int64"):
            assert tp.avg_pool(x, dtype=result, **words).tolist() == ROUNDED[rounding]
        unsigned = tp.avg_pool(x, dtype="uint16", **words)
        assert unsigned.tolist() == [max(0, number) for number in ROUNDED[rounding]]
        turned = tp.avg_pool(-x, dtype="int32", divisor_override=-4, **words)
        assert turned.tolist() == ROUNDED[rounding]


def test_rounded_averages_of_64_bits() -> None:
    """Beyond float64: the sums are exact, and each result is clipped once."""
    most = 2**64 - 1
    x = np.array([most, most - 1, most, most], np.uint64)
    for rounding, first in (("half_even", most - 1), ("half_up", most), ("floor", most - 1), ("trunc", most - 1)):
        words: dict[str, Any] = {"kernel_size": 2, "axis": 0, "rounding": rounding}
        assert tp.avg_pool(x, dtype="uint64", **words).tolist() == [first, most]
        assert tp.avg_pool(x, dtype="int64", **words).tolist() == [2**63 - 1] * 2
        assert tp.avg_pool(x, dtype="uint64", divisor_override=1, **words).tolist() == [most, most]
        assert tp.avg_pool(x, dtype="int64", divisor_override=-1, **words).tolist() == [-(2**63)] * 2
        assert tp.avg_pool(x, dtype="uint64", divisor_override=-1, **words).tolist() == [0, 0]
    signed = np.array([2**62, 2**62, 2**62 + 1, -1])
    assert tp.avg_pool(signed, 2, axis=0, dtype="uint64", divisor_override=1).tolist() == [2**63, 2**62]


def test_half_up_of_floats_next_to_a_half() -> None:
    """Adding a half and taking the floor would be wrong here: the sum is rounded to 1."""
    below = np.nextafter(0.5, 0)
    x = np.array([below, 0.5, -0.5, np.nextafter(-0.5, -1), 2.0**52 + 1, -below, np.inf])
    result = tp.avg_pool(x, 1, axis=0, dtype="int64", rounding="half_up")
    assert result.tolist() == [0, 1, 0, -1, 2**52 + 1, 0, 2**63 - 1]


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


# ---- empty axes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", OPS)
def test_empty_axes(op: str) -> None:
    for shape, result in (((0, 3, 4, 4), (0, 3, 2, 2)), ((2, 0, 4, 4), (2, 0, 2, 2)), ((0, 0, 4, 4), (0, 0, 2, 2))):
        assert FUNCTIONS[op](np.zeros(shape), 2).shape == result
        assert FUNCTIONS[op](np.zeros(shape, np.uint8), 2, out=None, threads=2).shape == result
    for shape in ((2, 3, 0, 4), (2, 3, 4, 0), (0, 3, 4, 0)):
        with pytest.raises(ValueError, match=r"pooled axis|pooled axes"):
            FUNCTIONS[op](np.zeros(shape), 2)
    with pytest.raises(ValueError, match=r"pooled axis|pooled axes"):
        FUNCTIONS[op](np.zeros(0), 1, axis=0)


# ---- which axes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", OPS)
def test_layouts_are_choices_of_axes(op: str) -> None:
    pool = FUNCTIONS[op]
    for ndim in (3, 4, 5, 6):
        x = np.random.default_rng(ndim).integers(0, 99, (2, 3, 4, 5, 4, 3)[:ndim])
        assert np.array_equal(pool(x, 2, 1), pool(x, 2, 1, axis=tuple(range(2, ndim))))
        last = pool(x, 2, 1, layout="channels_last")
        assert np.array_equal(last, pool(x, 2, 1, axis=tuple(range(1, ndim - 1))))
        assert np.array_equal(pool(x, 2, 1, layout="channels_last", axis=0), pool(x, 2, 1, axis=[0]))
        assert np.array_equal(pool(x, 2, axis=-1), pool(x, 2, axis=np.int64(ndim - 1)))


def test_arguments_follow_the_axes_as_named() -> None:
    x = np.arange(4 * 6 * 3).reshape(4, 6, 3)
    one = tp.max_pool(x, (2, 3), (1, 2), ((1, 0), (0, 2)), (2, 1), axis=(0, 1))
    other = tp.max_pool(x, (3, 2), (2, 1), ((0, 2), (1, 0)), (1, 2), axis=(1, -3))
    assert one.shape == (3, 3, 3)
    assert np.array_equal(one, other)


@pytest.mark.parametrize("op", EXACT_OPS)
def test_as_many_axes_as_numpy_has(op: str) -> None:
    """32 in numpy 1, 64 in numpy 2."""
    most = 64 if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else 32
    x = np.arange(2**6).reshape((2,) * 6 + (1,) * (most - 6))
    axis = tuple(range(most))
    assert FUNCTIONS[op](x, (2,) * 6 + (1,) * (most - 6), axis=axis).ravel().tolist() == [63 if op == "max" else 0]
    assert np.array_equal(FUNCTIONS[op](x, 1, axis=axis), x)
