"""Indices of maxima and minima: where values are found, how indices count, and the way back."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

import reference
import tilepool as tp
from agreement import FUNCTIONS, using_isa, windows_of
from layouts import LAYOUTS, any_numbers
from test_oracle_agreement import Geometry, few_enough, geometries
from tilepool import _core

Array = NDArray[Any]
BASES = ("plane", "batch", "array", "window")


def expected_indices(op: str, x: Array, axes: Sequence[int], arguments: dict[str, Any], base: str) -> Array:
    """Places in row-major order of the cells, or taps, that the base counts; -1 where there is no cell."""
    axes = [axis % x.ndim for axis in axes]
    found = reference.places(op, x, axes, windows_of(x, axes, arguments), by_number=base == "window")
    nowhere = np.asarray(next(iter(found.values())) < 0)
    coordinates: list[Array] = list(np.indices(nowhere.shape))
    for axis in axes:
        coordinates[axis] = np.where(nowhere, 0, found[axis])
    counted = {"batch": range(1, x.ndim), "array": range(x.ndim)}.get(base, sorted(axes))
    kernel = arguments["kernel_size"]
    kernels = dict(zip(axes, kernel if isinstance(kernel, tuple | list) else [kernel] * len(axes), strict=True))
    sizes = [kernels[axis] if base == "window" else x.shape[axis] for axis in counted]
    return np.where(nowhere, -1, np.ravel_multi_index([coordinates[axis] for axis in counted], sizes))


def same(a: Array, b: Array) -> bool:
    """Equal, NaNs too; numpy knows bfloat16 as a type without a kind."""
    if a.dtype.kind not in "iub":
        a, b = a.astype(np.float64), b.astype(np.float64)
        return np.array_equal(a, b, equal_nan=True)
    return np.array_equal(a, b)


def check(op: str, x: Array, axis: Sequence[int], arguments: dict[str, Any], base: str, note: str = "") -> None:
    expected = expected_indices(op, x, axis, arguments, base)
    for isa in _core.available_isas():
        for threads, dtype in ((1, "int64"), (2, "int32")):
            with using_isa(isa):
                plain = FUNCTIONS[op](x, axis=tuple(axis), **arguments)
                values, indices = FUNCTIONS[op](
                    x,
                    axis=tuple(axis),
                    return_indices=True,
                    index_base=base,
                    index_dtype=dtype,
                    threads=threads,
                    **arguments,
                )
            case = f"{note} {op} {x.dtype} {x.shape} {x.strides} axis={axis} {arguments} {base} {isa} {threads}"
            assert same(values, plain), case
            assert indices.dtype == dtype, case
            assert np.array_equal(indices, expected), case


@given(geometry=geometries(), data=st.data())
def test_random_calls_agree_with_the_oracle(geometry: Geometry, data: st.DataObject) -> None:
    op = data.draw(st.sampled_from(("max", "min")))
    seed = data.draw(st.integers(0, 2**32 - 1))
    dtype = data.draw(st.sampled_from(_core.dtypes))
    layout = data.draw(st.sampled_from(sorted(LAYOUTS)))
    ndim = len(geometry.shape)
    bases = [base for base in BASES if base != "batch" or 0 not in [axis % ndim for axis in geometry.axis]]
    x = LAYOUTS[layout](any_numbers(np.random.default_rng(seed), geometry.shape, dtype))
    assume(few_enough(x, geometry.axis, geometry.arguments))
    check(op, x, geometry.axis, geometry.arguments, data.draw(st.sampled_from(bases)), f"{seed=} {layout}")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("stride", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 7])
def test_rows_of_every_length(kernel: int, stride: int, dtype: str) -> None:
    """Every way along a row, with tails of every kind, in planes and in pixels of several elements."""
    rng = np.random.default_rng(kernel * 10 + stride)
    for width in (7, 17, 33, 64, 70, 133):
        x = any_numbers(rng, (8, width), dtype)
        check("max", x, (0, 1), {"kernel_size": (2, kernel), "stride": (2, stride)}, "plane")
        check(
            "min", x, (0, 1), {"kernel_size": (2, kernel), "stride": (2, stride), "padding": (0, kernel // 2)}, "array"
        )
    for channels in (2, 3, 5, 16, 40):
        x = any_numbers(rng, (9, 9, channels), dtype)
        for base in BASES[::2]:
            check("max", x, (0, 1), {"kernel_size": kernel, "stride": stride, "padding": kernel // 2}, base)


def test_the_first_of_equal_cells_and_the_first_nan() -> None:
    nan = np.nan
    x = np.array([[1, 3, 3], [3, nan, 2], [-nan, nan, nan]])
    values, indices = tp.max_pool(x[:1], (1, 3), axis=(0, 1), return_indices=True)
    assert values == 3
    assert indices == 1
    values, indices = tp.max_pool(x, 3, axis=(0, 1), return_indices=True)
    assert np.isnan(values)
    assert indices == 4
    _, indices = tp.max_pool(np.array([0.0, -0.0, -0.0, 0.0]), 2, axis=0, return_indices=True)
    assert np.array_equal(indices, [0, 2])
    # The order of counting is that of the axes, whatever the memory order.
    same = np.ones((6, 6)).T
    assert np.array_equal(tp.min_pool(same, 3, axis=(1, 0), return_indices=True)[1], [[0, 3], [18, 21]])


def test_taps_of_windows_that_are_one_cell_wide() -> None:
    """An axis with windows of one cell is not pooled, but named: its taps have number 0."""
    x = np.array([[5, 1], [2, 4]])
    _, indices = tp.max_pool(x, (2, 1), axis=(0, 1), return_indices=True, index_base="window")
    assert np.array_equal(indices, [[0, 1]])


def test_windows_without_cells_have_no_index() -> None:
    arguments: dict[str, Any] = {"dilation": 9, "padding": 9, "stride": 1, "axis": 0, "return_indices": True}
    values, indices = tp.max_pool(np.arange(3), 2, **arguments)
    assert np.array_equal(indices, np.where(values == np.iinfo(np.int64).min, -1, values))
    assert -1 in indices
    _, small = tp.max_pool(np.arange(3), 2, **arguments, index_base="window", index_dtype="uint8")
    assert set(small.tolist()) == {0, 1, 255}


@pytest.mark.parametrize("dtype", sorted({*_core.dtypes} - {"bfloat16"}))  # numpy does not know it by name
def test_places_that_are_far_apart(dtype: str) -> None:
    """Cells of one window whose indices differ by 2**31: rows of 2**30 cells, which have the memory of one."""
    rows = np.array([[0, 1, 1], [1, 0, 0], [1, 1, 0]] if dtype == "bool" else [[1, 9, 2], [5, 3, 2], [5, 4, 8]], dtype)
    wide = np.lib.stride_tricks.as_strided(rows, (3, 2**30, 3), (rows.strides[0], 0, rows.itemsize))
    first = np.argmax(rows, axis=0) * 2**30
    for isa in _core.available_isas():
        with using_isa(isa):
            values, indices = tp.max_pool(wide, (3, 1), (3, 2**29), axis=(0, 1), return_indices=True)
        assert np.array_equal(values, [[rows.max(axis=0)] * 2])
        assert np.array_equal(indices, [[first, first + 2**29]])
    with pytest.raises(ValueError, match="index_dtype must hold indices up to"):
        tp.max_pool(wide, (3, 1), (3, 2**29), axis=(0, 1), return_indices=True, index_dtype="int32")


def test_out_and_a_result_of_another_dtype() -> None:
    x = np.array([3, 1, 2, 5], np.uint8)
    out = np.zeros(2, np.float32)
    values: Any
    values, indices = tp.max_pool(x, 2, axis=0, out=out, return_indices=True)
    assert values is out
    assert np.array_equal(out, [3, 5])
    assert np.array_equal(indices, [0, 3])


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_out_for_both(dtype: Any, step: int) -> None:
    x = np.array([3, 1, 2, 5])
    outs = np.zeros(2 * step, x.dtype)[::step], np.zeros(2 * step, dtype)[::step]
    base: Any = "window"
    pair = tp.max_pool(x, 2, axis=0, out=outs, return_indices=True, index_base=base, index_dtype=dtype)
    assert pair[0] is outs[0]
    assert pair[1] is outs[1]
    assert np.array_equal(pair, [[3, 5], [0, 1]])


def test_outs_beside_bfloat16() -> None:
    """Values go to an array of another dtype as they are."""
    x = np.array([3, 1, 2, 5], "bfloat16")
    for dtype in ("bfloat16", "float32", "float64"):
        outs = np.zeros(2, dtype), np.zeros(2, np.int64)
        pair = tp.max_pool(x, 2, axis=0, out=outs, return_indices=True)
        assert pair[0] is outs[0]
        assert np.array_equal([values.astype(float) for values in pair], [[3, 5], [0, 3]])


def test_out_for_indices_only() -> None:
    x = np.array([3, 1, 2, 5])
    only = np.zeros(2, np.int64)
    values, indices = tp.max_pool(x, 2, axis=0, out=(None, only), return_indices=True)
    assert indices is only
    assert np.array_equal([values, indices], [[3, 5], [0, 3]])


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        ((None, np.zeros(3, np.int64)), ValueError, r"out has shape \(3,\), expected \(2,\)"),
        ((None, np.zeros(2)), None, ""),
        ((None, np.zeros(2, bool)), TypeError, "out must have a dtype that int64 casts to"),
        ((None, None, None), ValueError, r"out must be an array or a pair \(values, indices\), not 3"),
        ((None, [1, 2]), TypeError, "out must be a numpy array"),
    ],
)
def test_errors_of_out(out: Any, error: type[Exception] | None, message: str) -> None:
    if error is None:
        tp.max_pool(np.arange(4), 2, axis=0, return_indices=True, out=out)
        assert np.array_equal(out[1], [1, 3])
        return
    with pytest.raises(error, match=message):
        tp.max_pool(np.arange(4), 2, axis=0, return_indices=True, out=out)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"return_indices": 1}, TypeError, "return_indices must be True or False, not 1"),
        ({"return_indices": True, "index_base": "row"}, ValueError, "index_base must be 'plane', 'batch', 'array' or"),
        ({"return_indices": True, "index_base": 3}, TypeError, "index_base must be 'plane', 'batch', 'array' or"),
        ({"return_indices": True, "index_base": "batch"}, ValueError, "where the first axis is pooled"),
        ({"return_indices": True, "index_dtype": "float32"}, TypeError, "index_dtype must be int64, int32 or uint8"),
        ({"return_indices": True, "index_dtype": "int33"}, TypeError, "index_dtype must be int64, int32 or uint8"),
        (
            {"return_indices": True, "index_dtype": "uint8"},
            ValueError,
            "index_dtype must hold indices up to 299, not uint8",
        ),
    ],
)
def test_errors(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        tp.max_pool(np.arange(300), 2, axis=0, **arguments)


def test_the_core_refuses_indices_that_would_not_fit() -> None:
    windows = ((2, 2, 0, 0, 1, False),)
    for op, (indices, weights, wide) in (
        ("max", ("cells", (2**62,), True)),
        ("max", ("cells", (2**30,), False)),
        ("max", ("cells", (-1,), True)),
        ("max", ("cells", (), True)),
        ("max", ("places", (1,), True)),
        ("sum", ("cells", (1,), True)),
    ):
        with pytest.raises(ValueError, match=r"must|unknown"):
            _core.Plan(op, "int32", (8,), (4,), windows, indices=indices, weights=weights, wide_indices=wide)


# ---- the way back ----------------------------------------------------------------------------------------------------


@given(geometry=geometries(3), seed=st.integers(0, 2**32 - 1), base=st.sampled_from(BASES[:3]))
def test_unpooling_puts_every_value_where_it_was_found(geometry: Geometry, seed: int, base: Any) -> None:
    ndim = len(geometry.shape)
    if base == "batch" and 0 in [axis % ndim for axis in geometry.axis]:
        base = "array"
    x = any_numbers(np.random.default_rng(seed), geometry.shape, "int32")
    assume(few_enough(x, geometry.axis, geometry.arguments))
    values, indices = tp.max_pool(
        x,
        axis=geometry.axis,
        return_indices=True,
        index_base=base,
        **geometry.arguments,
    )
    # Windows of whatever size, as long as they tell the size that was pooled.
    sizes = [(geometry.shape[axis], values.shape[axis]) for axis in geometry.axis]
    padding = tuple(max(0, (outputs - n + 1) // 2) for n, outputs in sizes)
    kernel = tuple(n - outputs + 1 + 2 * pad for (n, outputs), pad in zip(sizes, padding, strict=True))
    size = tuple(n for n, _ in sizes)
    back = tp.max_unpool(values, indices, kernel, 1, padding, axis=geometry.axis, index_base=base, output_size=size)
    cells = reference.places("max", x, geometry.axis, windows_of(x, geometry.axis, geometry.arguments))
    expected = np.zeros_like(x)
    for place in np.ndindex(values.shape):
        cell = [int(cells[axis][place]) if axis in cells else place[axis] for axis in range(ndim)]
        if min(cell) >= 0:
            expected[tuple(cell)] = values[place]
    assert np.array_equal(back, expected)


def test_sizes_of_unpooling_are_those_of_pytorch() -> None:
    x = np.arange(2 * 3 * 7 * 9, dtype=np.float32).reshape(2, 3, 7, 9)
    values, indices = tp.max_pool(x, 3, 2, 1, return_indices=True)
    assert tp.max_unpool(values, indices, 3, 2, 1).shape == (2, 3, 7, 9)
    values, indices = tp.max_pool(x[..., :6, :8], 2, return_indices=True)
    assert tp.max_unpool(values, indices, 2).shape == (2, 3, 6, 8)
    values, indices = tp.max_pool(x, 2, return_indices=True)
    for size in ((7, 9), [7, 9], (2, 3, 7, 9)):
        back = tp.max_unpool(values, indices, 2, output_size=size)
        assert back.shape == x.shape
        assert np.count_nonzero(back) == values.size


def test_output_sizes_of_unpooling_keep_the_axes_that_are_not_pooled() -> None:
    x = np.arange(2 * 3 * 9 * 12, dtype=np.float32).reshape(2, 3, 9, 12)
    values, indices = tp.max_pool(x, 3, return_indices=True)
    for size in ((9, 9, 9, 12), (2, 9, 9, 12), (3, 3, 9, 12), [2, 1, 9, 12], (0, 3, 9, 12), (-1, 3, 9, 12)):
        with pytest.raises(ValueError, match="output_size must have the sizes of x where none is pooled") as raised:
            tp.max_unpool(values, indices, 3, output_size=size)
        assert str(raised.value).endswith(f", (2, 3, 3, 4), not {size}")
    with pytest.raises(ValueError, match=r"sizes of x where none is pooled, \(3, 4, 2, 3\), not \(9, 12, 2, 9\)"):
        tp.max_unpool(values.transpose(2, 3, 0, 1), indices.transpose(2, 3, 0, 1), 3, axis=(0, 1),
                      output_size=(9, 12, 2, 9))  # fmt: skip
    with pytest.raises(TypeError, match="output_size must be an integer"):
        tp.max_unpool(values, indices, 3, output_size=(2.0, 3, 9, 12))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="output_size must be positive"):
        tp.max_unpool(values, indices, 3, output_size=(2, 3, 0, 12))
    assert tp.max_unpool(values, indices, 3, output_size=(np.int32(2), 3, 9, 12)).shape == x.shape
    assert tp.max_unpool(values[:0], indices[:0], 3, output_size=(0, 3, 10, 13)).shape == (0, 3, 10, 13)


def test_repeated_indices_keep_the_last_value() -> None:
    assert np.array_equal(tp.max_unpool([1, 2, 3], [1, 1, 1], 2, axis=0), [0, 3, 0, 0, 0, 0])


def test_unpooling_into_out() -> None:
    values, indices = np.array([4, 5], np.int32), np.array([1, 2])
    out = np.full(4, 9, np.int64)
    assert tp.max_unpool(values, indices, 2, axis=0, out=out) is out
    assert np.array_equal(out, [0, 4, 5, 0])
    shared = np.array([4, 5, 9, 9])
    tp.max_unpool(shared[:2], indices, 2, axis=0, out=shared)
    assert np.array_equal(shared, [0, 4, 5, 0])


@pytest.mark.parametrize(
    ("x", "indices", "arguments", "error", "message"),
    [
        ([1, 2], [0, 4], {}, ValueError, "indices must be from -1 to 3, not 4"),
        ([1, 2], [0, -2], {}, ValueError, "indices must be from -1 to 3, not -2"),
        ([1, 2], [0.0, 1.0], {}, TypeError, "indices must be integers, not float64"),
        ([1, 2], [0], {}, ValueError, "indices must have the shape of x"),
        ([1, 2], [0, 1], {"kernel_size": 0}, ValueError, "kernel_size must be positive, not 0"),
        ([1, 2], [0, 1], {"padding": 3}, ValueError, "positive output size"),
        ([1, 2], [0, 1], {"padding": -1}, ValueError, "padding must not be negative"),
        ([1, 2], [0, 1], {"output_size": 10**30}, ValueError, "output_size must be below 2\\*\\*63"),
        (
            [1, 2],
            [0, 1],
            {"stride": 2**60, "output_size": 2**60},
            ValueError,
            "output_size must keep the array below 2\\*\\*60 cells",
        ),
        ([1, 2], [0, 1], {"output_size": (2, 2)}, ValueError, "one value for each of 1 pooled axes"),
        ([1, 2], [0, 1], {"output_size": 2.5}, TypeError, "output_size must be an integer"),
        ([1, 2], [0, 1], {"index_base": "window"}, ValueError, "index_base must be 'plane', 'batch' or 'array'"),
    ],
)
def test_errors_of_unpooling(
    x: Any, indices: Any, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        tp.max_unpool(x, indices, **{"kernel_size": 2, "axis": 0, **arguments})


def test_every_base_converts_to_every_other() -> None:
    x = any_numbers(np.random.default_rng(0), (2, 6, 8, 3), "int32")
    bases: list[Any] = list(BASES[:3])
    found = {
        base: tp.max_pool(x, (3, 2), layout="channels_last", return_indices=True, index_base=base)[1] for base in bases
    }
    for source in found:
        for target in found:
            converted = tp.convert_indices(found[source], x.shape, source, target, layout="channels_last")
            assert np.array_equal(converted, found[target]), (source, target)
    # Column-major: the same places in an array whose pooled axes have changed places.
    columns = tp.convert_indices(found["plane"], x.shape, "plane", "array", layout="channels_last", column_major=True)
    assert np.array_equal(x.transpose(0, 2, 1, 3).ravel()[columns], x.ravel()[found["array"]])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([0], (1, 1, 4, 4), "plane", "array"), ValueError, "indices must have as many dimensions as shape"),
        (([[[[9]]]], (1, 1, 3, 3), "plane", "array"), ValueError, "indices must be from -1 to 8, not 9"),
        (([[[[0]]]], (2, 1, 3, 3), "plane", "array"), ValueError, "indices must have the sizes of shape"),
        (([[[[0]]]], (1, 1, 3, -3), "plane", "array"), ValueError, "shape must not be negative"),
        (([[[[0]]]], 5, "plane", "array"), TypeError, "shape must be a tuple of integers"),
        (([[[[0]]]], (1, 1, 3, 3), "plane", "window"), ValueError, "target must be 'plane', 'batch' or 'array'"),
        (([[[[0]]]], (1, 1, 3, 3), 5, "array"), TypeError, "source must be 'plane', 'batch' or 'array'"),
    ],
)
def test_errors_of_conversion(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        tp.convert_indices(*arguments)
