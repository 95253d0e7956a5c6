"""What is read as x and written as out: every kind of array, without a copy where none is promised, and in bounds."""

import array
import itertools
import mmap
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

import tilepool as tp
from agreement import FUNCTIONS, OPS
from guarded_memory import Margins
from interpreters import in_new_interpreter
from layouts import LAYOUTS, any_numbers, lay_out, whole_numbers
from tilepool import _core

Array = NDArray[Any]


# ---- x -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("op", OPS)
def test_views_give_what_their_copies_give(op: str, layout: str, dtype: str, isa: str) -> None:
    """Whole numbers, so that also sums are exact and may be compared with ==."""
    x = LAYOUTS[layout](whole_numbers(np.random.default_rng(1), (3, 5, 7, 9), dtype))
    before = x.copy()
    for axis in ((1, 2), (2, 3), (0, 3), (1,)):
        result = FUNCTIONS[op](x, 3, 1, 1, axis=axis)
        assert np.array_equal(result, FUNCTIONS[op](np.ascontiguousarray(x, dtype), 3, 1, 1, axis=axis))
        assert result.dtype.isnative
    assert np.array_equal(x, before), "x has been written to"


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (3, 2, 1, 0), (0, 2, 3, 1), (1, 3, 0, 2), (2, 0, 3, 1)])
def test_the_result_keeps_the_memory_order_of_x(axes: tuple[int, ...], op: str, isa: str) -> None:
    base = np.random.default_rng(0).normal(size=(4, 6, 8, 10))
    x = base.transpose(axes)
    for view in (x, x[1:, :, 1:, :-1], x[::-1], lay_out(base, steps=[2] * 4).transpose(axes)):
        result = FUNCTIONS[op](view, 2, 1, axis=(0, 2))
        assert result.transpose(np.argsort(axes)).flags.c_contiguous, (view.strides, result.strides)


def test_axes_of_size_1_may_have_any_stride(isa: str) -> None:
    line = np.arange(24.0).reshape(4, 6)
    for stride in (0, 1, 8, -8, 3, 2**40, -(2**62)):
        x = as_strided(line, (1, 4, 1, 6, 1), (stride, 48, stride, 8, stride))
        assert np.array_equal(tp.max_pool(x, 2, axis=(1, 3))[0, :, 0, :, 0], [[7, 9, 11], [19, 21, 23]])
        assert np.array_equal(tp.sum_pool(x, (1, 2, 1), axis=(0, 3, 4))[0, :, 0, 0, 0], line[:, :2].sum(1))


@pytest.mark.parametrize("op", OPS)
def test_broadcast_arrays(op: str, isa: str) -> None:
    """Any axis may have stride 0, all of them too."""
    line = np.array([3.0, 1, 2, 5])
    for x in (
        np.broadcast_to(line, (5, 6, 4)),
        np.broadcast_to(line[:, None], (5, 4, 6)),
        np.broadcast_to(line[:, None, None], (4, 5, 6)),
        np.broadcast_to(line[:1], (4, 5, 6)),
        np.broadcast_to(np.float64(7), (4, 5, 6)),
    ):
        for axis in ((0, 1), (1, 2), (0, 2), (0, 1, 2), 0, 1, 2):
            assert np.array_equal(FUNCTIONS[op](x, 2, axis=axis), FUNCTIONS[op](x.copy(), 2, axis=axis))


def test_read_only_and_memory_mapped_arrays(tmp_path: Path) -> None:
    values = np.arange(4096, dtype=np.float32).reshape(64, 64)
    values.tofile(tmp_path / "values")
    mapped = np.memmap(tmp_path / "values", np.float32, "r", shape=(64, 64))
    read_only = values.copy()
    read_only.flags.writeable = False
    for x in (mapped, read_only):
        result = tp.max_pool(x, 2, axis=(0, 1))
        assert type(result) is np.ndarray
        assert np.array_equal(result, values[1::2, 1::2])
        assert result.flags.writeable


def test_temporaries_live_as_long_as_they_are_read() -> None:
    """The only reference to x is the call's, and the call gives the interpreter away."""
    for n in (10, 1_000_000):
        assert tp.max_pool(np.arange(n) + 1, n, axis=0).tolist() == [n]
        assert tp.max_pool(memoryview(array.array("d", [1.0, 3.0] * (n // 2))), 2, axis=0).tolist() == [3.0] * (n // 2)


def test_references_are_neither_kept_nor_lost() -> None:
    x, out = np.zeros((8, 8)), np.zeros((4, 4))
    before = sys.getrefcount(x), sys.getrefcount(out)
    for _ in range(100):
        tp.max_pool(x, 2, axis=(0, 1), out=out)
        tp.avg_pool(x, 2, axis=(0, 1))
        with pytest.raises(ValueError, match="larger"):
            tp.max_pool(x, 9, axis=(0, 1), out=out)
    assert (sys.getrefcount(x), sys.getrefcount(out)) == before


def test_what_numpy_reads_as_an_array() -> None:
    class Wrapped:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
            return np.array([3, 1, 2, 5], np.int32)

    values = [3, 1, 2, 5]
    for x, dtype in [
        (values, np.int64),
        (tuple(values), np.int64),
        ([3.0, 1, 2, 5], np.float64),
        (array.array("f", values), np.float32),
        (array.array("i", values), np.int32),
        (memoryview(bytes(values)), np.uint8),
        (bytearray(values), np.uint8),
        (Wrapped(), np.int32),
    ]:
        result = tp.max_pool(x, 2, axis=0)  # type: ignore[call-overload]
        assert type(result) is np.ndarray
        assert result.dtype == dtype
        assert result.tolist() == [3, 5]


# ---- copies (tracemalloc sees what numpy allocates; test_processes.py measures all memory) ------------------------


def allocated(op: str, x: Array, axis: Any, **arguments: Any) -> int:
    """The most bytes that a call has had at once beyond its result."""
    FUNCTIONS[op](x, 2, axis=axis, **arguments)  # what is made once per form of x
    tracemalloc.start()
    try:
        result = FUNCTIONS[op](x, 2, axis=axis, **arguments)
        return tracemalloc.get_traced_memory()[1] - (0 if "out" in arguments else result.nbytes)
    finally:
        tracemalloc.stop()


BASE_SHAPE = (2, 3, 128, 130)


def nothing_is_copied(op: str) -> None:
    for dtype in _core.dtypes:
        base = np.ones(BASE_SHAPE, dtype)
        read_only = base.view()
        read_only.flags.writeable = False
        for x in (
            base,
            np.asfortranarray(base),
            base.transpose(0, 2, 3, 1),
            base.transpose(3, 1, 0, 2),
            base[:, 1:, 3:-2, 5:],
            base[:, :, ::2],
            base[::-1, :, ::-1],
            np.broadcast_to(base[:1], BASE_SHAPE),
            read_only,
        ):
            for axis in ((2, 3), (1, 2), (0, 3), 2):
                assert allocated(op, x, axis) < 20_000, (dtype, x.strides, axis)
        out = np.empty_like(FUNCTIONS[op](base, 2))
        assert allocated(op, base, (2, 3), out=out) < 20_000, dtype


@pytest.mark.slow
@pytest.mark.parametrize("op", OPS)
def test_nothing_is_copied_that_need_not_be(op: str) -> None:
    in_new_interpreter(nothing_is_copied, op)


def rows_are_made_in_a_cache(op: str) -> None:
    base = np.ones(BASE_SHAPE, np.float32)
    for x in (
        base[..., ::2],
        base[..., ::-1],
        np.broadcast_to(base[..., :1], BASE_SHAPE),
        base.astype(">f4"),
        lay_out(base, offset=1),
    ):
        for axis in ((1, 2), (2, 3), 3):
            assert allocated(op, x, axis) < 20_000, (x.strides, axis)
    if op in ("sum", "avg"):
        assert allocated(op, base[..., ::2], (2, 3), dtype=np.float64) < 20_000


@pytest.mark.parametrize("op", OPS)
def test_nothing_is_copied_that_is_read_with_gaps(op: str) -> None:
    """Rows of strided, swapped, unaligned and converted arrays are made in a cache, one after the other."""
    in_new_interpreter(rows_are_made_in_a_cache, op)


# ---- large arrays (fault row 14) -----------------------------------------------------------------------------------


@pytest.mark.parametrize("op", OPS)
def test_more_than_two_to_the_31_elements(op: str) -> None:
    """Of 64 KB of memory: the numbers of rows and of cells, not those of bytes, are beyond 32 bits."""
    row = np.arange(2**16, dtype=np.uint32).astype(np.uint8)
    rows = 2**16 + 3
    x = np.broadcast_to(row, (rows, 2**16))
    assert x.size > 2**32
    expected = FUNCTIONS[op](row, 256, axis=0)  # all 256 bytes in each window
    everything = ((2**15, 256), (2**15, 256))
    for kernel, stride in (((1, 256), (2**13, 256)), ((3, 256), (rows - 3, 256)), everything):
        result = FUNCTIONS[op](x, kernel, stride, axis=(0, 1))
        assert result.shape == (1 + (rows - kernel[0]) // stride[0], 256)
        factor = kernel[0] if op == "sum" else 1
        assert np.array_equal(result, np.broadcast_to(factor * expected, result.shape))


def test_more_than_two_to_the_32_bytes() -> None:
    """Memory that is reserved, not used: untouched pages cost nothing. A few cells at both ends are looked at."""
    n = 2**32 + 4097
    no_reserve = 0x4000  # MAP_NORESERVE of <sys/mman.h> on Linux
    memory = mmap.mmap(-1, n, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | no_reserve)
    x = np.frombuffer(memory, np.uint8)
    x[[0, 2**31, 2**31 + 1, 2**32 + 1, n - 1]] = [1, 2, 3, 4, 5]
    assert tp.max_pool(x, 2, 2**31, axis=0).tolist() == [1, 3, 4]
    assert tp.sum_pool(x, 2, 2**31, axis=0, dilation=2**30).tolist() == [1, 2]
    assert tp.max_pool(x, 1, 4096, axis=0, threads=2).nonzero()[0].tolist() == [0, 2**19, 2**20 + 1]
    plane = x[: 2**32].reshape(2**16, 2**16)
    assert tp.max_pool(plane, (1, 2), (2**15, 2**15), axis=(0, 1)).tolist() == [[1, 0], [3, 0]]
    assert tp.max_pool(plane.T, 2, (2**15, 2**15), axis=(0, 1)).tolist() == [[1, 3], [0, 0]]


def test_sums_of_more_bytes_than_32_bits_hold() -> None:
    taps = 2**24 + 2**10
    x = np.broadcast_to(np.full(2**10, 255, np.uint8), (taps // 2**10, 2**10))
    assert tp.sum_pool(x, x.shape, axis=(0, 1)).tolist() == [[255 * taps]]
    assert tp.avg_pool(x, x.shape, axis=(0, 1)).tolist() == [[255]]
    assert tp.avg_pool(x, x.shape, axis=(0, 1), dtype="uint8").tolist() == [[255]]
    assert tp.sum_pool(x[: 2**14], (2**14, 2**10), axis=(0, 1)).tolist() == [[255 * 2**24]]


# ---- out (fault row 11) --------------------------------------------------------------------------------------------


def outputs(shape: Sequence[int], dtype: Any) -> list[Array]:
    """Writable arrays of every kind that numpy can make."""
    swapped = np.dtype(dtype).newbyteorder("S")
    arrays = [LAYOUTS[name](np.zeros(shape, dtype)) for name in LAYOUTS if name not in ("broadcast", "overlapping")]
    arrays = [a for a in arrays if a.flags.writeable]
    rows = np.zeros((*shape[:-1], shape[-1] + 3), dtype)
    return [*arrays, rows[..., 1:-2], np.zeros(shape, swapped), np.zeros(shape, dtype).T.copy().T]


@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
def test_every_kind_of_out(op: str, dtype: str, isa: str) -> None:
    x = any_numbers(np.random.default_rng(3), (2, 3, 9, 10), "uint8").astype(dtype)
    expected = FUNCTIONS[op](x, 2)
    for out in outputs(expected.shape, expected.dtype):
        result = FUNCTIONS[op](x, 2, out=out)
        assert result is out
        assert np.array_equal(out, expected)
    subclass = np.zeros(expected.shape, expected.dtype).view(np.memmap)
    assert FUNCTIONS[op](x, 2, out=subclass) is subclass
    assert np.array_equal(subclass, expected)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("steps", [None, (1, 1, 1, 2), (2, 1, 3, 1)])
def test_nothing_is_written_beside_out(steps: tuple[int, ...] | None, op: str, dtype: str, isa: str) -> None:
    for width in (*range(2, 40), 63, 64, 65, 66, 127, 130, 257):
        x = np.arange(1 * 2 * 4 * width).astype(dtype).reshape(1, 2, 4, width)
        for window in ({"kernel_size": 2}, {"kernel_size": (1, 2), "stride": 1}):
            expected = FUNCTIONS[op](x, **window)
            margins = Margins(expected.shape, expected.dtype, steps)
            assert np.array_equal(FUNCTIONS[op](x, out=margins.array, **window), expected)
            assert margins.intact(), (width, window)


@pytest.mark.parametrize("op", OPS)
def test_out_that_overlaps_x(op: str, isa: str) -> None:
    """As if it did not."""
    x = np.random.default_rng(0).normal(size=(40, 40))
    same_size = FUNCTIONS[op](x, 3, 1, 1, axis=(0, 1))
    smaller = FUNCTIONS[op](x, 2, axis=(0, 1))
    places: list[Callable[[Array], Array]] = [lambda a: a, lambda a: a[::-1], lambda a: a[:, ::-1], lambda a: a.T]
    memory = np.empty((80, 80))
    for expected, window in ((same_size, {"kernel_size": 3, "stride": 1, "padding": 1}), (smaller, {"kernel_size": 2})):
        height, width = expected.shape
        for place, begin in itertools.product(places, (9, 10, 11, 20)):
            memory[10:50, 10:50] = x
            out = place(memory[begin : begin + height, begin : begin + width])
            assert FUNCTIONS[op](memory[10:50, 10:50], axis=(0, 1), out=out, **window) is out
            assert np.array_equal(out, expected)
    y = x.copy()
    FUNCTIONS[op](y, 3, 1, 1, axis=(0, 1), out=y)
    assert np.array_equal(y, same_size)


def test_out_of_another_dtype() -> None:
    x = np.array([[1, 300], [70_000, 2**31 - 1]], np.int32)
    assert tp.max_pool(x, (1, 2), axis=(0, 1), out=np.zeros((2, 1), np.int16)).tolist() == [[300], [-1]]  # as numpy
    assert tp.avg_pool(x, (1, 2), axis=(0, 1), out=np.zeros((2, 1), np.float32)).tolist() == [[150.5], [1073776768.0]]
    out = np.zeros((2, 1), ">i8")
    assert tp.sum_pool(x, (1, 2), axis=(0, 1), out=out) is out
    assert out.tolist() == [[301], [2**31 + 69_999]]
