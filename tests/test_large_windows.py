"""Windows of hundreds to a million cells: long signals, wide planes, global windows, lists of more than 1024 rows.

The oracle would take minutes here. For max and min a second one does: numpy's sliding_window_view, axis after axis,
because a window is the product of windows of its axes. Sums are those of whole numbers small enough to be exact in
every dtype, by differences of running sums, so that both can be compared with ==.
"""

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

import reference
import tilepool as tp
from agreement import EXACT_OPS, FUNCTIONS, OPS, differs, using_isa
from layouts import any_numbers, summable_numbers, whole_numbers
from tilepool import _core

Array = NDArray[Any]


def pooled_by_axes(
    op: str, x: Array, axes: Sequence[int], kernels: Sequence[int], strides: Sequence[int], pads: Sequence[int]
) -> Array:
    """The result of max, min or the sum, by one pass over each axis; padding is filled with what changes nothing."""
    fill = reference.lowest(x.dtype) if op == "max" else reference.highest(x.dtype) if op == "min" else 0
    for axis, kernel, stride, pad in zip(axes, kernels, strides, pads, strict=True):
        width = [(pad, pad) if a == axis else (0, 0) for a in range(x.ndim)]
        x = np.pad(x, width, constant_values=fill)
        if op in EXACT_OPS:
            windows = sliding_window_view(x, kernel, axis)
            windows = windows[(slice(None),) * axis + (slice(None, None, stride),)]
            with np.errstate(invalid="ignore"):  # bfloat16 warns of NaN
                x = getattr(np, op)(windows, axis=-1)
        else:
            sums = np.cumsum(x, axis=axis)
            sums = np.concatenate([np.zeros_like(np.take(sums, [0], axis)), sums], axis)
            ends = np.arange(kernel, sums.shape[axis], stride)
            x = np.take(sums, ends, axis) - np.take(sums, ends - kernel, axis)
    return np.asarray(x)


def check(op: str, x: Array, axes: Sequence[int], kernels: Sequence[int], strides: Sequence[int], pad: int = 0) -> None:
    pads = [pad] * len(axes)
    results: dict[Any, Array] = {}  # by the `dtype` that is asked for
    if op in EXACT_OPS:
        results[None] = pooled_by_axes(op, x, axes, kernels, strides, pads)
    else:
        sums = pooled_by_axes("sum", x.astype(np.int64), axes, kernels, strides, pads)
        averages = sums / np.prod(kernels)
        results[None] = reference.rounded(sums, reference.sum_dtype(x.dtype))
        if op == "avg":
            results[None] = reference.rounded(averages, reference.avg_dtype(x.dtype))
            if x.dtype.kind in "iu":
                results[x.dtype] = np.rint(averages).astype(x.dtype)  # no quotient is close to a half but not one
    for isa, (dtype, expected) in itertools.product(_core.available_isas(), results.items()):
        arguments: dict[str, Any] = {"kernel_size": tuple(kernels), "stride": tuple(strides), "padding": pad}
        arguments |= {"axis": tuple(axes), "threads": 2 if op == "max" else 1}
        arguments |= {"dtype": dtype} if dtype is not None else {}
        with using_isa(isa):
            actual = FUNCTIONS[op](x, **arguments)
        assert actual.dtype == expected.dtype
        assert np.array_equal(actual, expected, equal_nan=reference.is_float(expected.dtype)), (
            f"{op} of shape {x.shape}, dtype {x.dtype}, strides {x.strides}, {arguments}, {isa=}, "
            f"at {np.argwhere(actual != expected)[:5].tolist()}"
        )


def numbers(op: str, shape: tuple[int, ...], dtype: str) -> Array:
    rng = np.random.default_rng(sum(shape))
    return any_numbers(rng, shape, dtype) if op in EXACT_OPS else whole_numbers(rng, shape, dtype)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
def test_long_signals(op: str, dtype: str) -> None:
    signal = numbers(op, (100_000,), dtype)
    check(op, signal, [0], [1000], [1])
    check(op, signal, [0], [1000], [7], pad=999)
    check(op, signal, [0], [333], [1000])
    check(op, signal, [0], [100_000], [1])
    check(op, signal[:70_001], [0], [64], [1], pad=5)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
def test_wide_planes(op: str, dtype: str) -> None:
    plane = numbers(op, (260, 301), dtype)
    check(op, plane, [0, 1], [100, 101], [1, 1])
    check(op, plane, [0, 1], [33, 65], [32, 3], pad=32)
    check(op, plane, [0, 1], [260, 301], [1, 1])
    check(op, plane.T, [0, 1], [70, 31], [2, 1], pad=30)
    check(op, plane, [0], [200], [1], pad=199)
    check(op, plane, [1], [200], [1], pad=199)
    # Columns that slide over rows with every kind of window along them.
    check(op, plane, [0, 1], [100, 301], [1, 1])
    check(op, plane, [0, 1], [50, 40], [3, 20], pad=10)
    for stride in (2, 3, 4, 5):
        for kernel in (2, 3, 5):
            check(op, plane, [0, 1], [50, kernel], [1, stride])


@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
def test_small_planes(op: str, dtype: str) -> None:
    """Planes that are combined as a whole: lines of less than a vector, of whole ones and between, many or few rows."""
    for shape, kernels, pad in (
        ((7, 20, 20), (13, 13), 6),
        ((7, 20, 20), (9, 4), 3),
        ((5, 14, 14), (9, 9), 4),
        ((40, 5, 7), (5, 7), 4),
        ((3, 33, 16), (17, 17), 8),
        ((9, 30, 47), (8, 16), 0),
        ((2, 60, 48), (31, 33), 1),
        ((2, 3, 100), (2, 12), 1),
    ):
        check(op, numbers(op, shape, dtype), [1, 2], kernels, [1, 1], pad)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
def test_many_small_planes(op: str, dtype: str) -> None:
    """Planes that are pooled side by side: a vector of them or more and some that are left; as few cells."""
    for shape, kernels, strides, pad in (
        ((37, 7, 7), (3, 3), (2, 2), 1),
        ((33, 20, 20), (13, 13), (1, 1), 6),
        ((16, 14, 15), (5, 4), (2, 3), 2),
        ((65, 9, 8), (2, 3), (1, 1), 0),
        ((19, 24, 24), (5, 5), (1, 1), 2),
        ((21, 5, 31), (5, 9), (3, 1), 4),
        ((17, 60, 62), (9, 7), (2, 2), 3),
        ((50, 4, 4), (3, 2), (1, 1), 1),
    ):
        x = numbers(op, shape, dtype)
        check(op, x, [1, 2], kernels, strides, pad)
        check(op, x[::-2, :, ::-1], [1, 2], kernels, strides, pad)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8"])
def test_windows_of_every_kind_on_many_small_planes(dtype: str) -> None:
    """They are those of each plane by itself; nothing is written beside them, wherever results lie."""
    x = whole_numbers(np.random.default_rng(0), (43, 11, 13), dtype)
    calls: list[Callable[..., Array]] = [
        functools.partial(tp.adaptive_avg_pool, output_size=(5, 4)),
        functools.partial(tp.adaptive_max_pool, output_size=(8, 9)),
        functools.partial(tp.avg_pool, kernel_size=4, stride=1, padding=2, count_include_pad=False),
        functools.partial(tp.avg_pool, kernel_size=5, stride=2, padding=2, ceil_mode=True),
        functools.partial(tp.avg_pool, kernel_size=3, stride=2, padding=1, divisor_override=7),
        functools.partial(tp.max_pool, kernel_size=4, stride=1, padding="same"),
        functools.partial(tp.max_pool, kernel_size=3, stride=1, padding=2, dilation=3),
        functools.partial(tp.min_pool, kernel_size=(2, 9), stride=1, dilation=(5, 1)),
        functools.partial(tp.sum_pool, kernel_size=(9, 5), stride=1, padding=(0, 2)),
    ]
    for isa, call in itertools.product(_core.available_isas(), calls):
        with using_isa(isa):
            expected = np.stack([call(plane, axis=(0, 1)) for plane in x])
            for offset, threads in itertools.product((0, 1, 5), (1, 2, 3)):
                memory = np.full(expected.size + 64, 7, expected.dtype)
                out = memory[offset : offset + expected.size].reshape(expected.shape)
                assert call(x, axis=(1, 2), out=out, threads=threads) is out
                assert np.array_equal(out, expected), (isa, call, offset, threads)
                assert (memory[:offset] == 7).all(), (isa, call, offset, threads)
                assert (memory[offset + out.size :] == 7).all(), (isa, call, offset, threads)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
def test_blocks_of_many_long_rows(op: str, dtype: str) -> None:
    """They are combined row by row: of 40 rows and more with 512 bytes or more each, from one plane or several."""
    check(op, numbers(op, (300, 1030), dtype), [0, 1], [40, 3], [1, 2], pad=1)
    check(op, numbers(op, (100, 515, 3), dtype), [0, 1], [43, 8], [1, 1], pad=7)
    cube = numbers(op, (4, 120, 520), dtype)
    check(op, cube, [0, 1, 2], [3, 50, 2], [1, 1, 1], pad=1)
    check(op, cube, [0, 1], [2, 100], [1, 2], pad=1)
    check(op, cube.transpose(0, 2, 1), [0, 2], [2, 41], [2, 1], pad=1)


def test_windows_of_many_long_rows_that_end_behind_the_last_cell() -> None:
    """Those that start there see nothing; the others what is left, whoever computes them."""
    x = whole_numbers(np.random.default_rng(0), (100, 520), "float32")
    for isa, threads in itertools.product(_core.available_isas(), (1, 2, 3)):
        with using_isa(isa):
            actual = tp.max_pool(x, (90, 1), (2, 1), [(0, 89), (0, 0)], axis=(0, 1), ceil_mode="full", threads=threads)
        assert actual.shape == (51, 520)
        for row, values in enumerate(actual):
            expected = x[2 * row : 2 * row + 90].max(axis=0) if row < 50 else np.float32(-np.inf)
            assert (values == expected).all(), (isa, threads, row)


@pytest.mark.parametrize("op", ["max", "min", "sum"])
@pytest.mark.parametrize("kernel", [(2, 2), (9, 2), (9, 20), (45, 2)])
def test_windows_behind_the_last_plane(op: str, kernel: tuple[int, int]) -> None:
    """They see nothing, whatever loops pool the others."""
    for shape in ((4, 120, 520), (4, 50, 60)):
        x = whole_numbers(np.random.default_rng(0), shape, "float32")
        nothing = {"max": -np.inf, "min": np.inf, "sum": 0}[op]
        for isa in _core.available_isas():
            with using_isa(isa):
                volume = FUNCTIONS[op](
                    x, (3, *kernel), (2, 1, 1), [(0, 2), (0, 0), (0, 0)], axis=(0, 1, 2), ceil_mode="full"
                )
                plane = FUNCTIONS[op](x[2:], (2, *kernel), 1, axis=(0, 1, 2))
            assert len(volume) == 3
            assert np.array_equal(volume[1], plane[0]), (isa, shape)
            assert (volume[2] == nothing).all(), (isa, shape)


def test_windows_behind_the_last_cell() -> None:
    """They see nothing, also where the others are made of blocks of pixels that lie inside the row."""
    x = whole_numbers(np.random.default_rng(0), (3, 21, 20, 17), "float32")
    arguments: dict[str, Any] = {"kernel_size": 9, "stride": 2, "padding": [(0, 8), (0, 8)], "ceil_mode": "full"}
    for isa in _core.available_isas():
        with using_isa(isa):
            last = tp.max_pool(x, layout="channels_last", **arguments)
            for channel in range(17):
                alone = tp.max_pool(np.ascontiguousarray(x[..., channel]), axis=(1, 2), **arguments)
                assert np.array_equal(last[..., channel], alone), (isa, channel)
            assert (last[:, :, -1] == -np.inf).all(), isa


@pytest.mark.parametrize("shape", [(5, 20, 20), (40, 20, 20), (5, 9, 11), (1, 70, 150), (1, 200, 300)])
@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
def test_averages_of_the_cells_inside(shape: tuple[int, int, int], layout: str) -> None:
    """Divisors that differ from window to window, where windows are put together from doubled ones or blocks."""
    x = numbers("avg", shape, "float32")
    for kernel in (7, 8, 9):
        pads = [kernel // 2] * 2
        sums, counts = (
            pooled_by_axes("sum", values.astype(np.int64), [1, 2], [kernel] * 2, [1, 1], pads)
            for values in (x, np.ones_like(x))
        )
        expected = reference.rounded(sums / counts, np.dtype(np.float32))
        for isa in _core.available_isas():
            with using_isa(isa):
                if layout == "channels_first":
                    actual = FUNCTIONS["avg"](x, kernel, 1, kernel // 2, count_include_pad=False, axis=(1, 2))
                else:  # as many equal channels as fill a cache line and more
                    last = np.repeat(np.moveaxis(x, 0, 2)[:, :, :1], 17, axis=2)
                    actual = FUNCTIONS["avg"](last, kernel, 1, kernel // 2, count_include_pad=False, axis=(0, 1))
                    assert (actual == actual[:, :, :1]).all()
                    actual = actual[None, :, :, 0]
            assert np.array_equal(actual, expected[: len(actual)]), (isa, kernel)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("channels", [2, 3, 17])
@pytest.mark.parametrize("op", OPS)
def test_channels_last(op: str, channels: int, dtype: str) -> None:
    image = numbers(op, (70, 80, channels), dtype)
    check(op, image, [0, 1], [40, 40], [1, 1])
    check(op, image, [0, 1], [70, 80], [1, 1])
    check(op, image, [0, 1], [31, 50], [5, 2], pad=30)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
def test_windows_of_more_rows_than_a_kernel_is_given_at_once(op: str, dtype: str) -> None:
    """The engine lists 1024 rows for one call of a kernel; longer lists are combined in several."""
    tall = numbers(op, (3000, 37), dtype)
    for kernel in (1023, 1024, 1025, 2049, 3000):
        check(op, tall, [0, 1], [kernel, 3], [100, 2])
    check(op, tall, [0], [1500], [150])
    cube = numbers(op, (40, 40, 9), dtype)
    check(op, cube, [0, 1, 2], [36, 36, 4], [2, 2, 3], pad=2)
    check(op, cube, [0, 1], [40, 40], [1, 1])


@pytest.mark.slow
@pytest.mark.parametrize("op", ["max", "sum"])
def test_blocks_of_sliding_rows_that_are_too_large_to_be_kept_whole(op: str) -> None:
    """The engine keeps at most 32 MiB of partly combined rows; here a block would have 260 rows of 160 kB."""
    check(op, numbers(op, (500, 20_003), "float64"), [0, 1], [260, 20_000], [1, 1])


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_results_that_no_cache_keeps(dtype: str) -> None:
    """They are written past the caches, in whole vectors where the result's memory lets them, and nothing beside it."""
    width = 4101
    height = (33 << 20) // (width * np.dtype(dtype).itemsize)
    x = np.random.default_rng(0).integers(0, 256, (2 * height, 2 * width + 1), np.uint8).astype(dtype)
    expected = np.maximum(x[::2], x[1::2])
    expected = np.maximum(expected[:, :-1:2], expected[:, 1::2])
    for isa, offset in itertools.product(_core.available_isas(), (0, 4, 16)):
        memory = np.full(height * width + 64, 7, dtype)
        out = memory[offset : offset + height * width].reshape(height, width)
        with using_isa(isa):
            FUNCTIONS["max"](x, 2, axis=(0, 1), out=out, threads=2)
        assert np.array_equal(out, expected), (isa, offset)
        assert (memory[:offset] == 7).all(), (isa, offset)
        assert (memory[offset + height * width :] == 7).all(), (isa, offset)


@pytest.mark.slow
@pytest.mark.parametrize("op", ["sum", "avg"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float64"])
def test_sums_do_not_remember_what_left_the_window(op: str, dtype: str) -> None:
    """No running difference: an infinity, a NaN or a huge number is gone when its window is, and nothing cancels."""
    for kernel in (3, 50, 1000):
        for stride in (1, 2, kernel):
            x = np.ones(20_000, dtype)
            x[7000], x[9500], x[12_000] = np.inf, np.nan, reference.finfo(dtype).max
            windows = sliding_window_view(x, kernel)[::stride]
            clean = np.all(windows == 1, axis=-1)
            for isa in _core.available_isas():
                with using_isa(isa):
                    actual = FUNCTIONS[op](x, kernel, stride, axis=0)
                assert np.all(actual[clean] == (kernel if op == "sum" else 1)), (isa, kernel, stride)
                assert np.all(np.isnan(actual[np.isnan(windows).any(axis=-1)])), (isa, kernel, stride)
                assert np.all(np.isposinf(actual[np.isinf(windows).any(axis=-1)])), (isa, kernel, stride)


@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", ["sum", "avg"])
def test_float_sums_of_large_windows_are_within_their_bound(op: str, dtype: str) -> None:
    """Against the oracle's exact sums, at places spread over the signal."""
    signal = summable_numbers(np.random.default_rng(0), (50_000,), dtype)
    windows = reference.sliding(50_000, 1000, 490)
    values = (reference.sum_pool if op == "sum" else reference.avg_pool)(signal, [0], [windows])
    for isa in _core.available_isas():
        with using_isa(isa):
            actual = FUNCTIONS[op](signal, 1000, 1, axis=0)[::490]
        if not reference.is_float(actual.dtype):
            assert np.array_equal(actual, values)
            continue
        unit = reference.number_dtype(actual.dtype)
        bound = reference.sum_bound(signal, [0], [windows], unit, extra=3) / (1000 if op == "avg" else 1)
        assert not differs(actual, values, bound).any(), isa
