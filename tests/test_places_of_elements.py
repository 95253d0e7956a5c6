"""Arrays whose elements do not lie side by side, or not as the core calculates: the bits of their dense copies."""

import itertools
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

import tilepool as tp
from agreement import using_isa
from layouts import any_numbers
from tilepool import _core
from tilepool._arrays import memory_order

Array = NDArray[Any]
DTYPES = [ml_dtypes.bfloat16 if name == "bfloat16" else name for name in _core.dtypes]


def dense(x: Array) -> Array:
    """A copy in native byte order, in the memory order of x."""
    order = memory_order(x.shape, x.strides)
    native = x.dtype.newbyteorder("=") if x.dtype.kind != "V" else x.dtype
    copy = np.empty([x.shape[axis] for axis in order], native).transpose(np.argsort(order))
    copy[...] = x
    return copy


def with_gaps(x: Array) -> Array:
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1] + 1), x.dtype)
    wide[..., 1::2] = x
    return wide[..., 1::2]


def unaligned(x: Array) -> Array:
    raw = np.zeros(x.nbytes + 1, np.uint8)
    other = raw[1:].view(x.dtype).reshape(x.shape)
    other[...] = x
    return other


def swapped(x: Array) -> Array:
    return x if x.dtype.kind == "V" else x.astype(x.dtype.newbyteorder("S"))


# What is done with a dense array of the same numbers.
PLACES: dict[str, Callable[[Array], Array]] = {
    "gaps": with_gaps,
    "backwards": lambda x: np.ascontiguousarray(x[..., ::-1])[..., ::-1],
    "all axes backwards": lambda x: np.ascontiguousarray(np.flip(x))[tuple(slice(None, None, -1) for _ in x.shape)],
    "swapped": swapped,
    "unaligned": unaligned,
    "swapped, with gaps": lambda x: with_gaps(swapped(x)),
    "every second row, with gaps": lambda x: with_gaps(np.repeat(x, 2, axis=0))[::2],
    "one element": lambda x: np.broadcast_to(x[..., :1], x.shape),
}

# Shapes and windows for which plans have all strategies (tests/test_strategies.py).
POOLINGS: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "direct": ((2, 3, 20, 21), (2, 3), {"kernel_size": 2}),
    "direct, in a row": ((3, 200), (1,), {"kernel_size": 3, "stride": 2, "padding": 1}),
    "direct, long": ((4, 3000), (1,), {"kernel_size": 64}),
    "gathered": ((2, 3, 40, 41), (2, 3), {"kernel_size": 5, "stride": 5}),
    "gathered, alone": ((70, 300), (0, 1), {"kernel_size": (70, 300)}),
    "gathered, pieces": ((40_001,), (0,), {"kernel_size": 40_001}),
    "gathered, many rows": ((200, 70), (0,), {"kernel_size": 100, "stride": 50}),
    "scanned": ((1, 40, 100), (1, 2), {"kernel_size": 15, "stride": 1, "padding": 7}),
    "scanned in pairs": ((150, 40), (0,), {"kernel_size": 100, "stride": 1, "padding": 30}),
    "framed": ((1, 2, 30, 31), (2, 3), {"kernel_size": 7, "stride": 1, "padding": 3}),
    "endless": ((2, 3, 40, 50), (2, 3), {"kernel_size": 3, "stride": 1, "padding": 1}),
    "endless across planes": ((1, 1, 5, 20, 30), (2, 3, 4), {"kernel_size": 3, "stride": 1, "padding": 1}),
    "bundled": ((5, 10, 13, 13), (2, 3), {"kernel_size": 5, "stride": 2, "padding": 2}),
    "pixels": ((1, 12, 13, 3), (1, 2), {"kernel_size": 2}),
}
OPS = ("max", "min", "sum", "avg", "prod", "lp", "median", "var", "mode", "any", "softmax")


def one_nan(x: Array) -> Array:
    """Which NaN it is is not promised."""
    with np.errstate(invalid="ignore"):
        return np.where(x != x, np.array(0, x.dtype), x) if x.dtype.kind in "fV" else x


def assert_same(made: Array, expected: Array, what: object) -> None:
    assert made.dtype == expected.dtype, what
    assert made.strides == expected.strides, what
    assert np.ascontiguousarray(made).tobytes() == np.ascontiguousarray(expected).tobytes(), what


def numbers(name: str, dtype: Any) -> Array:
    shape = POOLINGS[name][0]
    rng = np.random.default_rng(len(name))
    if np.dtype(dtype).kind in "fV":
        return np.round(rng.normal(size=shape) * 9, 2).astype(dtype)
    return any_numbers(rng, shape, dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", POOLINGS)
def test_bits_are_those_of_a_dense_copy(name: str, dtype: Any) -> None:
    _, axes, words = POOLINGS[name]
    x = numbers(name, dtype)
    slow = ("median", "var", "mode", "softmax") if x.size > 10_000 else ()
    for place, op in itertools.product(PLACES, OPS):
        if op in slow:
            continue
        other = PLACES[place](x)
        options: dict[str, Any] = {"norm_type": 1.0 if name.startswith("g") else 2.0} if op == "lp" else {}
        with np.errstate(all="ignore"):
            made = tp.pool(other, op=op, axis=axes, **words, **options)
            expected = tp.pool(dense(other), op=op, axis=axes, **words, **options)
        assert_same(made, expected, (place, op))
        if op in ("max", "min"):
            function = tp.max_pool if op == "max" else tp.min_pool
            for one, two in zip(
                function(other, axis=axes, return_indices=True, **words),
                function(dense(other), axis=axes, return_indices=True, **words),
                strict=True,
            ):
                assert_same(one, two, (place, op, "indices"))


@pytest.mark.parametrize("name", POOLINGS)
def test_numbers_are_converted_as_they_are_read(name: str, isa: str) -> None:
    _, axes, words = POOLINGS[name]
    for dtype in DTYPES:
        x = numbers(name, dtype)
        for place, asked in itertools.product(("gaps", "swapped", "unaligned"), ("float32", "float64")):
            other = PLACES[place](x)
            for op in ("sum", "avg") if x.dtype.kind in "fV" else ("sum",):  # averages of integers are better than that
                made = tp.pool(other, op=op, axis=axes, dtype=asked, **words)
                expected = tp.pool(dense(other).astype(asked), op=op, axis=axes, **words)
                assert_same(made, expected, (dtype, place, asked, op))


def test_a_window_that_is_alone_in_its_row(isa: str) -> None:
    """Its sums are made in lanes of its own; so they are of a slice whose rows have other neighbours."""
    whole = np.random.default_rng(0).normal(size=(5, 11, 11))
    for op in ("var", "std", "gem", "softmax", "logsumexp"):
        for x in (whole[:1, :3, :9].transpose(2, 1, 0), whole[:4, :3, :9].T, whole[:1, :3, :9]):
            for axis in (0, 1, 2, (0, 1), (1, 2)):
                made, expected = (tp.global_pool(array, op, axis=axis) for array in (x, dense(x)))
                assert_same(made, expected, (op, x.strides, axis))


@given(st.data())
def test_any_view(data: st.DataObject) -> None:
    """Slices, permutations, byte orders and offsets of a random array, on a random instruction set."""
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
    shape = data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    rank = len(shape)
    x = any_numbers(np.random.default_rng(data.draw(st.integers(0, 99))), [3 * n + 2 for n in shape], dtype)
    if data.draw(st.booleans()):
        x = swapped(x)
    if data.draw(st.booleans()):
        x = unaligned(x)
    steps = [(n, data.draw(st.sampled_from((1, 1, 2, 3, -1, -2)))) for n in shape]
    x = x[tuple(slice(0, n * step, step) if step > 0 else slice(-1, n * step - 1, step) for n, step in steps)]
    x = x.transpose(data.draw(st.permutations(range(rank))))
    axes = tuple(sorted(data.draw(st.sets(st.integers(0, rank - 1), min_size=1))))
    kernel = tuple(data.draw(st.integers(1, x.shape[axis])) for axis in axes)
    stride = tuple(data.draw(st.integers(1, 3)) for _ in axes)
    op = data.draw(st.sampled_from(("max", "min", "median", "any", "sum", "avg", "prod", "var", "softmax", "gem")))
    threads = data.draw(st.sampled_from((1, 2)))
    with using_isa(data.draw(st.sampled_from(_core.available_isas()))), np.errstate(all="ignore"):
        made = tp.pool(x, kernel, op, stride, axis=axes, threads=threads)
        expected = tp.pool(dense(x), kernel, op, stride, axis=axes)
    assert_same(one_nan(made), one_nan(expected), (x.strides, kernel, stride, op))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
@pytest.mark.parametrize("name", POOLINGS)
def test_slices_are_added_up_as_their_dense_copies(name: str, dtype: str, isa: str) -> None:
    """Slices whose rows can be read in place: some axes are cut, the others whole."""
    shape, axes, words = POOLINGS[name]
    wide = (np.random.default_rng(len(name)).normal(size=[n + 3 for n in shape]) * 9).astype(dtype)
    for cut in itertools.product((False, True), repeat=len(shape)):
        x = wide[tuple(slice(2, n + 2) if c else slice(None) for n, c in zip(shape, cut, strict=True))]
        for op in ("sum", "avg", "prod"):
            made, expected = (tp.pool(y, op=op, axis=axes, **words) for y in (x, dense(x)))
            assert_same(made, expected, (cut, op))


@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("dtype", ["int16", "uint8", "bool"])
def test_rows_that_overlap(dtype: str, kernel: int, isa: str) -> None:
    """The rest of a long row begins where a piece of the row below does, and is shorter."""
    piece = 4096  # pixels: see the schedule of gathered rows
    numbers = (np.arange(9 * 2 * piece) % 7).astype(dtype)
    x = as_strided(numbers, (6, 2 * piece + 100), (2 * piece * numbers.itemsize, numbers.itemsize))
    made = tp.sum_pool(x, (kernel, x.shape[1]), 1, axis=(0, 1))
    assert made.ravel().tolist() == [int(x[i : i + kernel].sum(dtype=np.int64)) for i in range(7 - kernel)]


BLOCKS: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((5, 100, 60), {"kernel_size": (9, 3), "stride": (2, 1)}),
    ((3, 400, 40), {"kernel_size": 2}),
    ((2, 300, 50), {"kernel_size": (7, 2), "stride": 1, "padding": (3, 1), "dilation": (2, 1)}),
    ((70, 28, 30), {"kernel_size": 3, "stride": 1}),
    ((70, 9, 31), {"kernel_size": (1, 3), "stride": 1}),
    ((2, 90, 800), {"kernel_size": (20, 3), "stride": 1}),
]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float16"])
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: str(block[0]))
def test_rows_that_are_made_in_blocks(block: tuple[tuple[int, ...], dict[str, Any]], dtype: str, isa: str) -> None:
    """Rows of a plane that lie end to end in the copy which is not there: more of them than a block has."""
    shape, words = block
    wide = any_numbers(np.random.default_rng(3), (*shape[:-1], 2 * shape[-1]), dtype)
    x = wide[..., ::2]
    for op, threads in itertools.product(("max", "sum", "avg"), (1, 2)):
        made, expected = (tp.pool(y, op=op, axis=(1, 2), threads=threads, **words) for y in (x, dense(x)))
        assert_same(one_nan(made), one_nan(expected), (op, threads))
    if shape[1] < 100:
        made, expected = (tp.max_pool(y, axis=(1, 2), return_indices=True, **words)[1] for y in (x, dense(x)))
        assert_same(made, expected, "indices")
        made, expected = (tp.median_pool(y, axis=(1, 2), **words) for y in (x, dense(x)))
        assert_same(one_nan(made), one_nan(expected), "median")


def test_swapped_bfloat16_without_its_nans() -> None:
    """numpy writes numbers into such arrays in the other byte order."""
    native = np.array([[2, 3], [np.nan, 5]]).astype(ml_dtypes.bfloat16)
    swapped = native.astype(native.dtype.newbyteorder("S"))
    for op, expected in (("prod", [2, 15]), ("any", [1, 1]), ("sum", [2, 8]), ("max", [2, 5])):
        assert tp.pool(swapped, 2, op=op, axis=0, nan_policy="omit").astype(float).tolist() == [expected], op


@pytest.mark.parametrize("dtype", ["float16", "float32", "uint8", "int16"])
@pytest.mark.parametrize("width", [5, 79, 237, 300])
def test_planes_that_are_made_in_blocks(dtype: str, width: int) -> None:
    """More rows than there is room for what becomes of them before it is converted."""
    x = (np.arange(4 * 26 * width) % 7).astype(dtype).reshape(4, 26, width)
    backwards = np.ascontiguousarray(x[:, ::-1, ::-1])[:, ::-1, ::-1]
    for pool in (tp.sum_pool, tp.avg_pool, tp.max_pool):
        for kernel, stride in (((1, 1), (1, 1)), ((1, 2), (1, 1)), ((2, 3), (1, 1)), ((1, 3), (1, 2))):
            expected = pool(x, kernel, stride, axis=(1, 2))
            assert np.array_equal(pool(backwards, kernel, stride, axis=(1, 2)), expected)
