"""What newcomers try first: masked arrays, photos, arrays of other libraries, buffers, spellings, words."""

import array
import ctypes
import mmap
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilepool
from test_errors import refused

tp: Any = tilepool  # calls that type checkers would refuse, too
pytestmark = pytest.mark.wheel

Array = NDArray[Any]
RNG = np.random.default_rng(0)

# ---- masked arrays ---------------------------------------------------------------------------------------------------

MASKABLE = ("max", "min", "avg", "sum", "lp", "prod", "any", "all", "count_nonzero", "stochastic", "mixed")
SURVEYS = ("gem", "logsumexp", "softmax", "var", "std", "median", "quantile", "mode")
OPTIONS: dict[str, dict[str, Any]] = {"lp": {"norm_type": 2}, "stochastic": {"rng": 1}, "quantile": {"q": 0.5}}
WAYS: dict[str, Callable[..., Any]] = {
    "sliding": lambda x, op, **given: tp.pool(x, 2, op, 2, 1, ceil_mode=True, **given),
    "adaptive": lambda x, op, **given: tp.adaptive_pool(x, (2, 3), op, **given),
    "global": lambda x, op, **given: tp.global_pool(x, op, **given),
    "dropped": lambda x, op, **given: tp.global_pool(x, op, keepdims=False, **given),
    "pyramid": lambda x, op, **given: tp.pyramid_pool(x, [1, (2, 3)], op, **given),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("op", MASKABLE)
def test_masked_arrays_come_back_masked_where_no_cell_counts(op: str, way: str) -> None:
    data = RNG.integers(1, 9, (2, 2, 4, 6)).astype(np.float32)
    hidden = RNG.random(data.shape) < 0.3
    hidden[0, 1] = hidden[1, 1, :2, :3] = True
    given = {"axis": (2, 3)} | OPTIONS.get(op, {})
    result = WAYS[way](np.ma.array(data, mask=hidden), op, **given)
    plain = WAYS[way](data, op, mask=~hidden, **given)
    assert isinstance(result, np.ma.MaskedArray)
    assert np.array_equal(result.data, plain, equal_nan=plain.dtype.kind == "f")
    counts = WAYS[way](~hidden, "count_nonzero", axis=(2, 3))
    assert np.array_equal(np.ma.getmaskarray(result), counts == 0)
    assert (counts == 0).any()
    assert not WAYS[way](np.ma.array(data), op, **given).mask[0].any() or way == "sliding"
    out = np.empty(plain.shape, plain.dtype)
    with pytest.raises(TypeError, match=r"^out must be None where x is a MaskedArray"):
        WAYS[way](np.ma.array(data, mask=hidden), op, out=out, **given)


@pytest.mark.parametrize("op", ["max", "avg"])
def test_masked_arrays_under_drawn_windows_and_named_functions(op: str) -> None:
    x = np.ma.masked_less(np.array([1.0, 2, 3, 4, 5, np.nan]), 3)
    fractional = getattr(tp, f"fractional_{op}_pool")
    values, points = fractional(x, boundaries=([0, 2, 4, 6],), return_boundaries=True, axis=0, nan_policy="omit")
    assert [part.tolist() for part in points] == [[0, 2, 4, 6]]
    assert values.mask.tolist() == [True, False, False]
    assert values[1:].tolist() == [{"max": 4, "avg": 3.5}[op], 5]
    assert getattr(tp, f"{op}_pool")(x, 2, axis=0).mask.tolist() == [True, False, False]
    both = tp.sum_pool(x, 2, axis=0, mask=[True] * 3 + [False] * 3)
    assert both.mask.tolist() == [True, False, True]
    values, indices = tp.max_pool(x, 2, axis=0, return_indices=True)
    assert isinstance(indices, np.ndarray)
    assert indices.tolist() == [-1, 3, 5]
    assert values.mask.tolist() == [True, False, False]


@pytest.mark.parametrize("dtype", ["float64", "int16"])
@pytest.mark.parametrize("op", SURVEYS)
def test_masked_arrays_of_every_op(op: str, dtype: str) -> None:
    x = np.ma.masked_less(np.arange(6).astype(dtype), 3)
    result: Any = tp.pool(x, 2, op, axis=0, **OPTIONS.get(op, {}))
    assert result.mask.tolist() == [True, False, False]
    values = tp.pool(x.data[3:], 1, op, axis=0, **OPTIONS.get(op, {}))[:1].tolist()
    assert result[1:].tolist() == values + tp.pool(x.data[4:], 2, op, axis=0, **OPTIONS.get(op, {})).tolist()


# ---- photos, series --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(32, 32, 3), (40, 33, 4)])
def test_photos(shape: tuple[int, ...]) -> None:
    calls: list[Any] = [
        lambda x, **given: tp.max_pool(x, 2, **given),
        lambda x, **given: tp.adaptive_pool(x, 2, "median", **given),
        lambda x, **given: tp.global_pool(x, keepdims=False, **given),
        lambda x, **given: tp.pyramid_pool(x, [1], **given),
        lambda x, **given: tp.fractional_max_pool(x, output_size=2, rng=1, **given),
    ]
    for call in calls:
        for _ in range(2):  # the second one must not be found among calls that were planned
            refused(ValueError, r"looks like a photo.*axis=\(0, 1\).*layout=", call, np.zeros(shape, np.uint8))
            with pytest.warns(UserWarning, match=r"looks like a photo.*axis=\(0, 1\).*layout=") as caught:
                call(np.zeros(shape, np.float32))
            assert {warning.filename for warning in caught} == {__file__}, "the caller's line is named"
        for named in ({"axis": (0, 1)}, {"layout": "channels_first"}, {"layout": "channels_last"}, {"axis": 2}):
            call(np.zeros(shape, np.uint8), **named)
    for other in ((31, 32, 3), (32, 32, 5), (1, 32, 32, 3)):
        tp.max_pool(np.zeros(other, np.uint8), 2)


def test_series_and_planes_need_an_axis() -> None:
    for x, cure in ((np.arange(6.0), "axis=-1"), (np.ones((4, 6)), r"axis=\(0, 1\)")):
        for function, args in ((tp.max_pool, [2]), (tp.global_pool, []), (tp.adaptive_avg_pool, [2])):
            refused(ValueError, f"^x must have at least 3 dimensions where no axis= .*{cure}", function, x, *args)


# ---- what may stand for an array -------------------------------------------------------------------------------------


def test_subclasses_of_arrays(tmp_path: Path) -> None:
    class Quantity(np.ndarray):
        pass

    for kind in (Quantity, np.matrix, np.recarray):
        x = np.zeros((4, 4)).view(kind)
        refused(TypeError, rf"^x must be a plain array, not a {kind.__name__}: take numpy.asarray", tp.max_pool, x, 2,
                axis=0)  # fmt: skip
    mapped = np.memmap(tmp_path / "cells", np.float32, "w+", shape=(4,))
    mapped[:] = [1, 3, 2, 0]
    result = tp.max_pool(mapped, 2, axis=0)
    assert type(result) is np.ndarray
    assert result.tolist() == [3, 2]


@pytest.mark.parametrize(
    ("module", "cure"),
    [
        ("torch", "x.numpy(force=True)"), ("dask.array.core", "x.compute()"), ("xarray.core.dataarray", "x.values"),
        ("pandas.core.series", "x.to_numpy()"), ("jaxlib.xla", "numpy.asarray(x)"), ("scipy.sparse", "x.toarray()"),
    ],
)  # fmt: skip
def test_arrays_of_other_libraries_are_refused_with_the_cure(module: str, cure: str) -> None:
    read = {"__array__": lambda self, dtype=None, copy=None: np.zeros(4)}
    for kind in (type("Foreign", (), {"__module__": module, **read}), None):
        kind = kind or type("Mine", (type("Foreign", (), {"__module__": module, **read}),), {})
        library = module.partition(".")[0]
        refused(TypeError, rf"^x must be a numpy array, not an? \w+ of {library}: pass {re.escape(cure)}$", tp.max_pool,
                kind(), 2, axis=0)  # fmt: skip
        refused(TypeError, rf"^mask must be .* of {library}: pass .*mask", tp.max_pool, np.zeros(4), 2, axis=0,
                mask=kind())  # fmt: skip


def test_buffers_are_read_where_they_lie() -> None:
    """Read again, each gives what has been written to it: nothing is kept of what was read before."""
    numbers = array.array("f", [1, 3, 2, 0])
    raw = bytearray(bytes([1, 3, 2, 0]))
    mapped = mmap.mmap(-1, 4)
    mapped[:] = bytes(raw)
    counts = (ctypes.c_int32 * 4)(1, 3, 2, 0)
    for x, write in ((numbers, numbers.__setitem__), (raw, raw.__setitem__), (memoryview(raw), raw.__setitem__),
                     (mapped, mapped.__setitem__), (counts, counts.__setitem__)):  # fmt: skip
        write(0, 1)
        assert tp.max_pool(x, 2, axis=0).tolist() == [3, 2]
        write(0, 9)
        assert tp.max_pool(x, 2, axis=0).tolist() == [9, 2]
        assert np.shares_memory(tilepool._arrays.plain("x", x), np.asarray(memoryview(x)))
    assert tp.max_pool(bytes([1, 3, 2, 0]), 2, axis=0).tolist() == [3, 2]
    assert tp.max_pool(bytes([1, 3, 2, 0]), 2, axis=0).dtype == np.uint8


def test_dlpack_alone_is_enough() -> None:
    class Tensor:
        def __init__(self, cells: Array) -> None:
            self.cells = cells

        def __dlpack__(self, **given: Any) -> Any:
            return self.cells.__dlpack__(**given)

        def __dlpack_device__(self) -> Any:
            return self.cells.__dlpack_device__()

    class Elsewhere(Tensor):
        def __dlpack_device__(self) -> Any:
            return (2, 0)

        def __dlpack__(self, **given: Any) -> Any:
            raise BufferError("in the memory of a device")

    cells = np.array([1.0, 3, 2, 0])
    assert np.shares_memory(tilepool._arrays.plain("x", Tensor(cells)), cells)
    assert tp.max_pool(Tensor(cells), 2, axis=0).tolist() == [3, 2]
    cells[0] = 9
    assert tp.avg_pool(Tensor(cells), 2, axis=0).tolist() == [6, 1]
    refused(TypeError, "^x must be an array in the memory of the CPU", tp.max_pool, Elsewhere(cells), 2, axis=0)


# ---- spellings -------------------------------------------------------------------------------------------------------


def test_padding_in_the_spelling_of_other_libraries() -> None:
    x = RNG.normal(size=(1, 1, 5, 6))
    for name, spellings in {
        "same": ["SAME", "same_upper", "SAME_UPPER"], "valid": ["VALID"], "same_lower": ["SAME_LOWER"],
    }.items():  # fmt: skip
        for spelling in spellings:
            assert np.array_equal(tp.avg_pool(x, 3, 2, padding=spelling), tp.avg_pool(x, 3, 2, padding=name))
    assert tp.sum_pool(np.ones(4), 2, 2, (1, 0), axis=0).tolist() == [1, 2]
    assert tp.sum_pool(np.ones(4), 2, 2, [0, 1], axis=0).tolist() == [2, 2]


def test_arrays_of_integers_name_one_number_per_axis() -> None:
    x, two = RNG.normal(size=(1, 2, 6, 6)), np.array([2, 2])
    expected = tp.max_pool(x, (2, 2), (2, 2), 0, (2, 2), axis=(2, 3))
    assert np.array_equal(tp.max_pool(x, two, two, np.array([0, 0]), two, axis=np.array([2, 3])), expected)
    assert np.array_equal(tp.adaptive_max_pool(x, two), tp.adaptive_max_pool(x, (2, 2)))
    assert np.array_equal(tp.pyramid_pool(x, [two, 1]), tp.pyramid_pool(x, [(2, 2), 1]))
    assert np.array_equal(tp.max_pool(x, two), tp.max_pool(x, 2)), "again, as nothing is kept of an array"
    two[:] = 3
    assert np.array_equal(tp.max_pool(x, two), tp.max_pool(x, 3))


def test_words_that_would_change_nothing_are_refused() -> None:
    x = np.arange(6.0)
    refused(TypeError, "^out must have a dtype .*not .S3", tp.max_pool, x, 2, axis=0, out=np.empty(3, "S3"))
    refused(ValueError, "^index_base .*return_indices is False", tp.max_pool, x, 2, axis=0, index_base="array")
    refused(ValueError, "^index_dtype .*return_indices is False", tp.max_pool, x, 2, axis=0, index_dtype="int32")
    for given in ({"rng": 0}, {"return_indices": True}):
        name = next(iter(given))
        refused(ValueError, f"^{name} .*training is False", tp.stochastic_pool, x, 2, axis=0, training=False, **given)
    drawn: dict[str, Any] = {"boundaries": ([0, 3, 6],), "axis": 0}
    refused(ValueError, "^pseudorandom .*boundaries", tp.fractional_max_pool, x, pseudorandom=False, **drawn)
    refused(ValueError, "^rng .*boundaries", tp.fractional_max_pool, x, rng=1, **drawn)


# ---- numbers that make numpy warn ------------------------------------------------------------------------------------


def test_signalling_nans_warn_of_nothing() -> None:
    x = np.array([0x7F800001, 0x3F800000] * 4, np.uint32).view(np.float32)
    calls: list[tuple[Any, dict[str, Any]]] = [
        *((getattr(tp, f"{op}_pool"), {}) for op in ("max", "avg", "sum", "median", "std", "mixed")),
        (tp.avg_pool, {"dtype": "float64"}), (tp.sum_pool, {"dtype": "float16"}), (tp.stochastic_pool, {"rng": 1}),
        (tp.stochastic_pool, {"training": False}), (tp.avg_pool, {"weights": [1, 2] * 4}),
    ]  # fmt: skip
    for function, given in calls:
        assert np.isnan(function(x, 2, axis=0, **given)).all()
        assert not np.isnan(function(x, 2, axis=0, nan_policy="omit", **given)).any()
        refused(ValueError, r"nan_policy is 'raise', not NaN at \(0,\)", function, x, 2, axis=0, nan_policy="raise",
                **given)  # fmt: skip
    with pytest.raises(ValueError, match="average is NaN where dtype is int32"):
        tp.avg_pool(x, 2, axis=0, dtype="int32")


# ---- many dimensions, outputs, the calls that are kept ---------------------------------------------------------------


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="arrays have 32 dimensions at most")
def test_arrays_of_64_dimensions() -> None:
    x = np.arange(6.0).reshape((1,) * 62 + (2, 3))
    calls: list[tuple[Callable[[], Array], list[float]]] = [
        (lambda: tp.max_pool(x, 3, axis=-1), [2, 5]),
        (lambda: tp.max_pool(x, 3, axis=-1, nan_policy="omit"), [2, 5]),
        (lambda: tp.avg_pool(x, 3, axis=63, mask=np.array([True, False, True])), [1, 4]),
        (lambda: tp.median_pool(x, 3, axis=63), [1, 4]),
        (lambda: tp.global_pool(x, axis=-1), [1, 4]),
        (lambda: tp.global_pool(x, axis=-1, keepdims=False), [1, 4]),
        (lambda: tp.pyramid_pool(x, [1], axis=-1), [2, 5]),
        (lambda: tp.max_pool(x, 3, axis=-1, return_indices=True)[1], [2, 2]),
        (lambda: tp.stochastic_pool(x[..., 1:] * [0, 1], 2, axis=-1, rng=1), [2, 5]),
        (lambda: tp.mixed_pool(x, 3, axis=-1, alpha=1), [2, 5]),
        (lambda: tp.max_unpool(x[..., 1:2], np.full_like(x[..., :1], 2, int), 3, axis=-1), [0, 0, 1, 0, 0, 4]),
    ]
    for number, (call, expected) in enumerate(calls):
        assert call().ravel().tolist() == expected, number


def test_out_is_what_comes_back() -> None:
    x = RNG.normal(size=(2, 3, 6, 6)).astype(np.float32)
    for threads in (None, 1, 2):
        for call in (
            partial(tp.global_pool, x, "max", keepdims=False),
            partial(tp.pyramid_pool, x, [1, 2]),
            partial(tp.adaptive_pool, x, 2, "max"),
        ):
            values, indices = call(return_indices=True)
            for dtype in (np.float32, np.float64):
                out = np.full(values.shape, 7, dtype)
                assert call(out=out, threads=threads) is out
                assert np.array_equal(out, values)
            pair = np.full(values.shape, 7, np.float32), np.full(values.shape, 7)
            for given in (pair, (pair[0], None), (None, pair[1])):
                result = call(out=given, threads=threads, return_indices=True)
                assert all(part is out for part, out in zip(result, given, strict=True) if out is not None)
                assert all(map(np.array_equal, result, (values, indices)))
            refused(ValueError, "^out has shape", call, out=np.empty(5, np.float32), threads=threads)


def test_equal_arguments_of_other_types_are_not_mixed() -> None:
    x = np.arange(16.0).reshape(4, 4)
    for right, wrong in ((1, (True, 1.0)), ((1, 1), ((True, 1), (1, 1.0))), ([1, 1], ([1.0, 1],))):
        for _ in range(2):
            assert np.array_equal(tp.max_pool(x, right, axis=(0, 1)), x)
            for value in wrong:
                refused(TypeError, "^kernel_size must be an integer", tp.max_pool, x, value, axis=(0, 1))
    for _ in range(2):
        assert tp.avg_pool(x, 2, axis=1, count_include_pad=True).shape == (4, 2)
        refused(TypeError, "^count_include_pad", tp.avg_pool, x, 2, axis=1, count_include_pad=1)
        refused(TypeError, "^op 'avg' has no argument 'q'", tp.pool, x, 2, "avg", axis=1, q=1)


def test_calls_that_are_kept_do_not_grow_without_bound() -> None:
    """Of 1500 calls that differ, a function keeps as many as it says; the first one is then planned again."""
    closure = [cell.cell_contents for cell in tp.max_pool.__closure__]
    kept = next(value for value in closure if isinstance(value, dict))
    x = np.arange(3000.0)
    for stride in range(1, 1501):
        assert tp.max_pool(x, 1, stride, axis=0)[-1] == (2999 // stride) * stride
    assert len(kept) <= 512
    assert tp.max_pool(x, 1, 1, axis=0).size == 3000


# ---- unpooling -------------------------------------------------------------------------------------------------------


def test_unpooling_keeps_memory_order_and_refuses_what_it_cannot_know() -> None:
    x = RNG.permutation(2 * 3 * 5 * 7).reshape(2, 3, 5, 7).astype(np.float32)
    values, indices = tp.max_pool(x, 2, return_indices=True)
    refused(ValueError, "^indices must be from -1 to 23", tp.max_unpool, values, indices, 2)  # of 5 x 7, not 4 x 6
    first = tp.max_pool(x[:, :, :3], 2, return_indices=True)  # all of them within 2 x 6
    refused(ValueError, "^output_size must be given where indices are not of", tp.max_unpool, first[0], [[[[5, 8, 9]]]]
            * np.ones((2, 3, 1, 1), int), 2)  # fmt: skip
    back = tp.max_unpool(values, indices, 2, output_size=(5, 7))
    assert np.array_equal(tp.max_pool(back, 2), values)
    assert np.array_equal(back[back != 0], x[back != 0])
    last = np.moveaxis(values, 1, -1).copy().transpose(0, 3, 1, 2), np.asfortranarray(indices)
    other = tp.max_unpool(*last, 2, output_size=(5, 7))
    assert np.argsort(other.strides).tolist() == np.argsort(last[0].strides).tolist()
    assert np.array_equal(other, back)
    for size in ((6, 8), (2, 6), (4, 4)):
        refused(ValueError, r"^output_size must lie between \(2, 4\) and \(6, 8\)", tp.max_unpool, values, indices, 2,
                output_size=size)  # fmt: skip
    line, places = tp.max_pool(np.arange(7.0), 2, axis=0, return_indices=True)
    assert tp.max_unpool(line, places, 2, axis=0).tolist() == [0, 1, 0, 3, 0, 5]  # one axis: all sizes count alike
