"""Pyramids of arrays: each level is what the oracle makes of the one before, and what has no meaning is refused."""

import itertools
import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import reference
import tilepool as tp
from agreement import differs, expected, using_isa, windows_of
from meanings import meaning
from tilepool import _core

Array = NDArray[Any]

# Ops that keep a dtype, with what `pyramid` adds to them where x has integers.
INTEGER_OPS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("max", {}, {}),
    ("min", {}, {}),
    ("mode", {}, {}),
    ("median", {}, {"method": "lower"}),
    ("median", {"method": "higher"}, {}),
    ("quantile", {"q": 0.9}, {"method": "lower"}),
    *(("avg", {"rounding": rounding}, {}) for rounding in ("half_even", "half_up", "floor", "trunc")),
]
FLOAT_OPS = ["max", "min", "avg", "sum", "mode", "median", "var", "std", "logsumexp", "prod"]


def numbers(shape: tuple[int, ...], dtype: str) -> Array:
    """With many equal neighbours, so that modes have something to count, and sums that are no multiples of windows."""
    drawn = np.random.default_rng(11).integers(0, 7, shape)
    return (drawn * 31 if dtype in ("uint16", "int32", "uint64") else drawn).astype(dtype)


def assert_levels(
    levels: list[Any], sizes: list[Any], op: str, axes: tuple[int, ...], options: dict[str, Any], note: str
) -> None:
    """Each level is the oracle's pooling of the level before."""
    assert len(levels) == len(sizes) + 1
    for number, (last, level, size) in enumerate(zip(levels, levels[1:], sizes, strict=False), 1):
        windows = {"kernel_size": size, "ceil_mode": True}
        values, dtype, bound = expected(op, last, axes, {**windows, **options})
        assert level.shape == values.shape, note
        assert level.dtype == dtype == levels[0].dtype, note
        assert not differs(level, values, bound).any(), f"level {number} of {note}"


@pytest.mark.parametrize("isa", _core.available_isas())
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "uint64"])
def test_levels_of_integers(dtype: str, isa: str) -> None:
    x = numbers((5, 9, 22), dtype)
    for op, given, added in INTEGER_OPS:
        options = {**given, **added, **({"dtype": dtype} if op == "avg" else {})}
        with using_isa(isa):
            levels = tp.pyramid(x, 3, op, axis=(0, 1, 2), **given)
        assert levels[0] is x
        assert_levels(levels, [2] * 3, op, (0, 1, 2), options, f"{op} {given}, {dtype}, {isa}")
        assert [level.shape for level in levels] == [(5, 9, 22), (3, 5, 11), (2, 3, 6), (1, 2, 3)]


@pytest.mark.parametrize("op", FLOAT_OPS)
def test_levels_of_floats(op: str) -> None:
    for dtype in ("float32", "float64"):
        x = numbers((2, 3, 7, 10), dtype) / 4 + 1
        levels = tp.pyramid(x.astype(dtype), 2, op)
        assert_levels(levels, [2] * 2, op, (2, 3), {}, f"{op}, {dtype}")


def test_factors() -> None:
    """Windows of each level's own, in the order in which the axes are named."""
    x = numbers((11, 6, 14), "uint16")
    sizes: list[Any] = [(2, 1, 3), 2, [5, 4, 1]]
    options = {"dtype": "uint16"}
    assert_levels(tp.pyramid(x, factors=sizes, axis=(2, 1, 0)), sizes, "avg", (2, 1, 0), options, "factors")
    levels = tp.pyramid(x, factors=[np.array([2, 1, 3]), (1, 2, 2)], levels=2, axis=(2, 1, 0))
    assert [level.shape for level in levels] == [(11, 6, 14), (4, 6, 7), (2, 3, 7)]
    assert [level.shape for level in tp.pyramid(x, 2, kernel_size=3, axis=-1)] == [(11, 6, 14), (11, 6, 5), (11, 6, 2)]


def test_no_cell_is_lost() -> None:
    """Of any size: the last window of each level has the cells that are left."""
    for size in range(1, 40):
        x = np.zeros(size, np.uint8)
        x[-1] = 255
        for kernel in (2, 3, 5):
            levels = tp.pyramid(x, 6, "max", kernel, axis=0)
            assert [level[-1] for level in levels] == [255] * 7
            assert [len(level) for level in levels] == [-(-size // kernel**i) for i in range(7)]


def test_how_many_levels() -> None:
    x = np.zeros((1, 1, 4, 4), np.float32)
    assert len(tp.pyramid(x)) == 4
    assert len(tp.pyramid(x, 1)) == 2
    assert len(tp.pyramid(x, factors=[2, 3])) == 3
    (only,) = tp.pyramid(x, 0)
    assert only is x
    (first, _) = tp.pyramid([[1, 2], [3, 4]], 1, axis=(0, 1))
    assert isinstance(first, np.ndarray)


def test_layouts() -> None:
    x = numbers((2, 9, 7, 3), "uint8")
    last = tp.pyramid(x, 2, layout="channels_last")
    assert [level.shape for level in last] == [(2, 9, 7, 3), (2, 5, 4, 3), (2, 3, 2, 3)]
    first = tp.pyramid(np.moveaxis(x, 3, 1), 2)
    for a, b in zip(last, first, strict=True):
        assert np.array_equal(np.moveaxis(a, 3, 1), b)
    assert [level.shape for level in tp.pyramid(x[0], 1, layout="channels_last")] == [(9, 7, 3), (9, 4, 3)]


def test_strides_byte_orders_and_bools() -> None:
    x = numbers((20, 30), "uint16")
    wanted = tp.pyramid(x, 2, axis=(0, 1))
    for other in (x.astype(">u2"), np.asfortranarray(x), np.repeat(x, 2, 1)[:, ::2]):
        for level, same in zip(tp.pyramid(other, 2, axis=(0, 1)), wanted, strict=True):
            assert np.array_equal(level, same)
    for op in ("mode", "max", "any", "median"):
        assert [level.dtype for level in tp.pyramid(x > 90, 2, op, axis=(0, 1))] == [np.bool_] * 3


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_short_floats_stay(dtype: str) -> None:
    x = numbers((1, 1, 8, 9), dtype)
    assert [level.dtype.name for level in tp.pyramid(x, 2)] == [dtype] * 3


# ---- cells that do not count -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("min_count", [0, 1, 3])
@pytest.mark.parametrize("op", ["avg", "max", "mode"])
def test_masks_descend(op: str, min_count: int) -> None:
    """A cell of a level counts where `min_count` cells of its window, and at least one, did."""
    x = numbers((9, 14), "int32")
    mask = np.random.default_rng(3).random(x.shape) < 0.4
    options: dict[str, Any] = {"dtype": "int32"} if op == "avg" else {}
    levels = tp.pyramid(x, 3, op, axis=(0, 1), mask=mask, min_count=min_count)
    for last, level in itertools.pairwise(levels):
        windows = windows_of(last, (0, 1), {"kernel_size": 2, "ceil_mode": True})
        words = {"mask": mask, "min_count": min_count, **options}
        assert np.array_equal(level, meaning(op, last, (0, 1), windows, words).values)
        counts = reference.pool(mask, (0, 1), windows, lambda cells, _: cells.sum(-1), np.int64)
        mask = counts >= max(1, min_count)


def test_a_mask_may_broadcast() -> None:
    x, row = numbers((4, 6, 8), "uint16"), np.arange(8) < 5
    levels = tp.pyramid(x, 2, axis=(1, 2), mask=row)
    for level, same in zip(levels, tp.pyramid(x, 2, axis=(1, 2), mask=np.tile(row, (4, 6, 1))), strict=True):
        assert np.array_equal(level, same)
    assert not np.array_equal(levels[2], tp.pyramid(x, 2, axis=(1, 2))[2])


def test_nans_are_left_out_at_every_level() -> None:
    x = numbers((8, 8), "float32")
    x[:4, :4] = np.nan
    x[0, 7] = np.nan
    first, second, third = tp.pyramid(x, 3, axis=(0, 1), nan_policy="omit")[1:]
    assert np.array_equal(np.isnan(first), np.isnan(first[:2, :2].sum()) & (np.indices((4, 4)) < 2).all(0))
    assert np.isnan(second[0, 0])
    assert third[0, 0] == np.nanmean(second)
    assert np.isnan(tp.pyramid(x, 3, axis=(0, 1))[3]).all()
    with pytest.raises(ValueError, match="x must be free of NaN"):
        tp.pyramid(x, axis=(0, 1), nan_policy="raise")


def test_masked_arrays_stay_masked() -> None:
    x = np.ma.array(numbers((6, 7), "uint8"), mask=np.zeros((6, 7), bool))
    x[:4, :4] = np.ma.masked
    levels = tp.pyramid(x, 2, axis=(0, 1))
    assert [np.ma.getmaskarray(level).sum() for level in levels] == [16, 4, 1]


# ---- other arrays ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", ["avg", "mode", "median"])
def test_arrays_of_dask_stay_lazy(op: str) -> None:
    """Chunks of odd sizes, and masks that are lazy or not, included."""
    da = pytest.importorskip("dask.array")
    x = numbers((9, 21, 14), "uint16")
    mask = np.random.default_rng(3).random(x.shape) < 0.4
    lazy, lazy_mask = (da.from_array(array, chunks=(4, 5, 14)) for array in (x, mask))
    for of_array, of_lazy in ((None, None), (mask, mask), (mask, lazy_mask)):
        levels = tp.pyramid(lazy, 2, op, axis=(0, 1, 2), mask=of_lazy, min_count=2)
        for level, same in zip(levels, tp.pyramid(x, 2, op, axis=(0, 1, 2), mask=of_array, min_count=2), strict=True):
            assert isinstance(level, da.Array)
            assert (level.dtype, level.shape) == (same.dtype, same.shape)
            assert np.array_equal(level.compute(scheduler="sync"), same)


# ---- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "exception", "sentence"),
    [
        ({"levels": -1}, ValueError, "levels must be an integer of 0 or more, not -1"),
        ({"levels": 2.0}, TypeError, "levels must be an integer of 0 or more, not 2.0"),
        ({"levels": 65}, ValueError, "levels must be at most 64, not 65"),
        ({"levels": 1, "factors": [2, 2]}, ValueError, "levels must be None or the number of factors, 2, not 1"),
        ({"kernel_size": 3, "factors": [2]}, ValueError, "kernel_size must not be given beside factors, not 3"),
        ({"kernel_size": 0}, ValueError, "kernel_size must be positive, not 0"),
        ({"kernel_size": (2, 2, 2)}, ValueError, "kernel_size must have one value for each of 2 pooled axes"),
        ({"factors": 2}, TypeError, "factors must be a list with the window of each level, not 2"),
        ({"factors": [2, 0]}, ValueError, "factors must be positive, not 0"),
        ({"factors": [2, "2"]}, TypeError, "factors must be an integer or a tuple of integers, not '2'"),
        ({"op": "sum"}, TypeError, "op must keep the dtype of x, and 'sum' of uint8 gives uint64"),
        ({"op": "std"}, TypeError, "op must keep the dtype of x, and 'std' of uint8 gives float32"),
        ({"op": "median", "method": "linear"}, TypeError, "op must keep the dtype of x"),
        ({"op": "highest"}, ValueError, "op must be 'max', 'min'"),
        ({"op": "max", "rounding": "floor"}, TypeError, "op 'max' has no argument 'rounding' here"),
        ({"stride": 1}, TypeError, "pyramid has no argument 'stride'"),
        ({"padding": 1}, TypeError, "pyramid has no argument 'padding'"),
        ({"dilation": 2}, TypeError, "pyramid has no argument 'dilation'"),
        ({"ceil_mode": False}, TypeError, "pyramid has no argument 'ceil_mode': no cell is lost"),
        ({"weights": [1]}, TypeError, "pyramid has no argument 'weights'"),
        ({"dtype": "float32"}, TypeError, "pyramid has no argument 'dtype': each level keeps the dtype of x"),
        ({"out": None}, TypeError, "pyramid has no argument 'out'"),
        ({"op": "max", "return_indices": True}, TypeError, "pyramid has no argument 'return_indices'"),
        ({"mask": np.ones(3, bool)}, ValueError, "mask must have a shape that broadcasts to that of x"),
        ({"mask": np.ones((4, 4))}, TypeError, "mask must be an array of bool, not float64"),
        ({"min_count": -1}, ValueError, "min_count must be an integer of 0 or more, not -1"),
        ({"axis": (0, 3)}, np.exceptions.AxisError, "axis 3 is out of bounds"),
        ({"axis": None}, ValueError, "x must have at least 3 dimensions where no axis= names the pooled axes"),
    ],
    ids=str,
)
def test_refusals(arguments: dict[str, Any], exception: type[Exception], sentence: str) -> None:
    x = np.zeros((4, 4), np.uint8)
    with pytest.raises(exception, match=re.escape(sentence)):
        tp.pyramid(x, **{"axis": (0, 1), **arguments})


def test_three_dimensions_are_asked_about() -> None:
    """They may be those of a volume, whose last axis alone would be pooled."""
    volume = np.zeros((8, 8, 8), np.uint8)
    with pytest.raises(ValueError, match=r"axis or layout must be given where x has 3 dimensions.*axis=\(0, 1, 2\)"):
        tp.pyramid(volume)
    assert tp.pyramid(volume, 1, layout="channels_first")[1].shape == (8, 8, 4)


def test_other_arrays_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match="x must be a plain array, not a recarray"):
        tp.pyramid(np.zeros((4, 4)).view(np.recarray), axis=(0, 1))
    with pytest.raises(ValueError, match="x must not be empty along a pooled axis"):
        tp.pyramid(np.zeros((0, 4)), axis=(0, 1))
