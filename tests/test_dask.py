"""Arrays of dask: lazy results of the exact form, equal to those of the whole array in memory, however it is cut."""

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
import tilepool as tp
from agreement import as_tuple
from layouts import any_numbers, whole_numbers
from rounding_errors import ROUNDING, in_float64
from test_oracle_agreement import SEEDS, Geometry, geometries
from tilepool import _core
from tilepool._run import of_array

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
FAN = pytest.importorskip("tilepool._adapters.dask_blocks").FAN

PLACES = {"return_indices": True}
MOST_CHUNKS = 100  # three of each of four axes, and most cuts of one or two axes: dask takes 0.5 ms for each
Ops = list[tuple[str, dict[str, Any]]]
ONE_OF_THE_CELLS: Ops = [
    ("max", {}), ("min", {}), ("max", PLACES), ("min", PLACES), ("any", {}), ("all", {}), ("median", {}),
    ("quantile", {"q": 0.3, "method": "lower"}), ("mode", {}),
]  # fmt: skip
EXACT_OF_WHOLE_NUMBERS: Ops = [("sum", {}), ("avg", {}), ("avg", {"count_include_pad": False}), ("prod", {}),
                               ("count_nonzero", {}), ("mixed", {"alpha": 0.25}),
                               ("stochastic", {"training": False})]  # fmt: skip
ROUNDED: Ops = [
    ("lp", {"norm_type": 2.0}), ("gem", {}), ("logsumexp", {}), ("softmax", {}), ("var", {"ddof": 1}), ("std", {}),
]  # fmt: skip


@st.composite
def cuts(draw: st.DrawFn, n: int) -> tuple[int, ...]:
    """Chunks of an axis: even ones, odd ones, single cells, and some of none."""
    size = draw(st.integers(1, max(1, n)))
    if draw(st.booleans()):
        return (size,) * (n // size) + ((n % size,) if n % size else ())
    points = sorted(draw(st.lists(st.integers(0, n), max_size=6)))
    return tuple(np.diff([0, *points, n]).tolist())


@st.composite
def chunkings(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """An axis that would make too many of them is one chunk."""
    chunks, several = [], 1
    for n in shape:
        of_axis = draw(cuts(n))
        if several * len(of_axis) > MOST_CHUNKS:
            of_axis = (n,)
        several *= len(of_axis)
        chunks.append(of_axis)
    return tuple(chunks)


def computed(lazy: Any) -> Any:
    """An array in memory, of which each chunk is what was said of it."""
    assert type(lazy) is da.Array
    assert type(lazy._meta) is np.ndarray
    assert (lazy._meta.dtype, lazy._meta.ndim) == (lazy.dtype, lazy.ndim)
    *parts, whole = dask.compute(*lazy.to_delayed().ravel(), lazy, scheduler="sync")
    for place, part in zip(np.ndindex(*lazy.numblocks), parts, strict=True):
        assert part.dtype == lazy.dtype
        assert part.shape == tuple(chunks[i] for chunks, i in zip(lazy.chunks, place, strict=True))
    return whole


def check(function: Any, x: Any, chunks: Any, *args: Any, rounded: bool = False, **options: Any) -> None:
    """The same from an array of dask as from one in memory, and the same errors."""
    lazy = da.from_array(x, chunks=chunks)
    with np.errstate(all="ignore"):
        try:
            expected = as_tuple(function(x, *args, **options))
        except (TypeError, ValueError) as refusal:
            text = str(refusal).partition(" at (")[0]  # any NaN: chunks are looked at in no order
            with pytest.raises(type(refusal), match=f"^{re.escape(text)}"):
                dask.compute(function(lazy, *args, **options), scheduler="sync")
            return
        results = as_tuple(function(lazy, *args, **options))
        for result, values in zip(results, expected, strict=True):
            assert result.dtype == values.dtype
            assert result.shape == values.shape
            found = computed(result)
            if rounded and reference.is_float(values.dtype):
                assert_near(found, values, options["op"], x, options["axis"])
                continue
            if reference.is_float(values.dtype):
                found, values = found.astype(np.float64), values.astype(np.float64)  # numpy knows no NaN of bfloat16
                number = ~np.isnan(values)
                assert np.array_equal(np.signbit(found[number]), np.signbit(values[number]))
            np.testing.assert_array_equal(found, values)


def assert_near(found: Any, values: Any, op: str, x: Any, axis: tuple[int, ...]) -> None:
    """Two results of float64 that are off by their roundings, and are then rounded to their dtype: to neighbours."""
    limits = reference.finfo(values.dtype)
    found, values = found.astype(np.float64), values.astype(np.float64)
    largest = float(np.nanmax(np.abs(x.astype(np.float64)), initial=0))
    off = ROUNDING * roundings(op, math.prod(x.shape[a] for a in axis), np.abs(values), largest)
    neighbour = float(limits.eps) * np.maximum(np.abs(found), np.abs(values)) + float(limits.smallest_subnormal)
    near = (found == values) | (np.isnan(found) & np.isnan(values)) | (np.abs(found - values) <= 2 * off + neighbour)
    assert near.all(), (found[~near], values[~near])


def roundings(op: str, cells: int, sizes: Any, largest: float) -> Any:
    """By how many roundings of float64 results of windows of up to so many whole numbers are off; their sums are exact.

    Windows of many chunks are put together of parts, up to FAN at a time: a tree of `joins` levels above its leaves. A
    norm of norms is off by what each level is.

    A variance is off by n roundings of its sum and four of its terms, and by 7 of each level (a product, an addition, a
    sum of 16 in pairs, a division), all of up to M**2, where M is the largest number. A mean is off by one, of up to M,
    and by 6 of each level (7, but for the addition); the difference of two by twice that, and by one of up to 2 M; its
    square by 4 M times as much, and by two, of its own and of its product, of up to 4 M**2. `ddof` at most doubles all
    of that, and adds two. The root of a number has at most its relative error, and a rounding.
    """
    joins = max(1, math.ceil(math.log(cells, FAN)))
    if op in ("lp", "gem"):
        return (1 + joins) * in_float64(cells) * sizes
    if op in ("logsumexp", "softmax"):
        return in_float64(cells) * np.maximum(sizes, largest)
    mean = 1 + 6 * joins
    variance = 2 * (cells + 4 + joins * (7 + 4 * (2 * mean + 2) + 2 * 4) + 2) * largest**2
    if op == "var":
        return variance
    assert op == "std"
    return np.divide(variance, sizes, out=np.zeros_like(sizes), where=sizes > 0) + sizes


def factors(x: Any) -> Any:
    """Those of products that are exact in any order, and no part of which overflows (float16: from 2**16 on)."""
    return np.clip(x, 0 if x.dtype.kind in "bu" else -1, 2 if x.size <= 15 and x.dtype.kind != "b" else 1)


GEOMETRIES = geometries(most_pooled=3)
DTYPES = st.sampled_from(_core.dtypes)
GROUPS = [(ONE_OF_THE_CELLS, any_numbers), (EXACT_OF_WHOLE_NUMBERS, whole_numbers), (ROUNDED, whole_numbers)]


@pytest.mark.parametrize(("ops", "numbers"), GROUPS, ids=["cells", "sums", "rounded"])
@given(data=st.data(), geometry=GEOMETRIES, dtype=DTYPES, seed=SEEDS)
def test_sliding_windows(
    ops: Ops, numbers: Any, data: st.DataObject, geometry: Geometry, dtype: str, seed: int
) -> None:
    x = numbers(np.random.default_rng(seed), geometry.shape, dtype)
    op, own = data.draw(st.sampled_from(ops))
    if op == "prod":
        x = factors(x)
    chunks = data.draw(chunkings(geometry.shape))
    check(tp.pool, x, chunks, op=op, axis=geometry.axis, rounded=ops is ROUNDED, **geometry.arguments, **own)


@st.composite
def omissions(draw: st.DrawFn, shape: tuple[int, ...], seed: int) -> dict[str, Any]:
    """Which cells are left out: by arrays of dask cut in another way, or of numpy, that broadcast."""
    rng = np.random.default_rng(seed)
    options: dict[str, Any] = {"nan_policy": draw(st.sampled_from(("propagate", "omit", "raise")))}
    if draw(st.booleans()):
        sizes = [draw(st.sampled_from((1, n))) for n in shape][draw(st.integers(0, len(shape) - 1)) :]
        options["mask"] = rng.random(sizes) < 0.8
    options["min_count"] = draw(st.sampled_from((0, 0, 1, 2)))
    return options


LARGE: Ops = [
    ("max", {}), ("min", {}), ("max", PLACES), ("min", PLACES), ("max", {**PLACES, "index_base": "array"}),
    ("any", {}), ("all", {}), ("sum", {}), ("sum", {"dtype": "int8"}), ("avg", {}), ("avg", {"dtype": "uint8"}),
    ("avg", {"dtype": "int16", "rounding": "half_up"}), ("prod", {}), ("count_nonzero", {}), ("median", {}),
]  # fmt: skip
LARGE_ROUNDED: Ops = [("lp", {"norm_type": 3.0}), ("lp", {"norm_type": 0.7}), ("var", {"ddof": 1}), ("std", {})]


@pytest.mark.parametrize("ops", [LARGE, LARGE_ROUNDED], ids=["exact", "rounded"])
@given(data=st.data(), dtype=DTYPES, seed=SEEDS)
def test_large_windows_of_cells_that_are_left_out(ops: Ops, data: st.DataObject, dtype: str, seed: int) -> None:
    """Windows of many chunks are put together from parts, and have the results of whole ones."""
    shape = data.draw(st.sampled_from(((40,), (3, 60), (20, 20), (8, 2, 9))))
    x = whole_numbers(np.random.default_rng(seed), shape, dtype)
    if reference.is_float(x.dtype):
        x[np.random.default_rng(seed).random(shape) < 0.1] = np.nan
    op, own = data.draw(st.sampled_from(ops))
    if op == "prod":
        x = factors(x)
    options = data.draw(omissions(shape, seed))
    axes = (-1,) if len(shape) == 1 else data.draw(st.sampled_from(((-1,), (0, -1), (-1, 0))))
    chunks = tuple(data.draw(st.integers(1, 7)) for _ in shape)
    window: dict[str, Any] = data.draw(
        st.sampled_from(({"kernel_size": 15, "stride": 13, "padding": 3}, {"output_size": 3}, {}))
    )
    if "kernel_size" in window:
        window["ceil_mode"] = data.draw(st.sampled_from((False, True, "full")))
        if op == "avg":
            own = {**own, **data.draw(st.sampled_from(({}, {"count_include_pad": False}, {"divisor_override": 7})))}
    function = tp.pool if "kernel_size" in window else tp.adaptive_pool if "output_size" in window else tp.global_pool
    if op in ("avg", "sum") and data.draw(st.booleans()):
        options["weights"] = np.random.default_rng(seed).integers(0, 3, shape[-1:])
    check(function, x, chunks, op=op, axis=axes, rounded=ops is LARGE_ROUNDED, **window, **own, **options)


def test_every_kind_of_window() -> None:
    """Adaptive, drawn and pyramid windows, a share for each output, masks and weights cut otherwise."""
    rng = np.random.default_rng(0)
    x = rng.integers(-50, 50, (3, 23, 31)).astype(np.float32)
    mask, weights = rng.random(x.shape) < 0.7, rng.integers(0, 4, (23, 1)).astype(np.float32)
    chunks, functions = (2, 5, 7), vars(tp)
    check(tp.adaptive_max_pool, x, chunks, (7, 40), axis=(1, 2), return_indices=True, index_dtype="int32")
    check(tp.adaptive_avg_pool, x, chunks, (None, 5), axis=(1, 2))
    check(tp.fractional_max_pool, x, chunks, output_ratio=0.7, axis=(1, 2), rng=3)
    check(tp.fractional_max_pool, x, chunks, 2, output_size=9, axis=(1, 2), rng=3)
    check(tp.mixed_pool, x, chunks, 2, alpha=rng.integers(0, 2, (11, 1)), axis=(1, 2))
    for op, own in (("max", {}), ("max", PLACES), ("median", {}), ("sum", {})):
        check(tp.pyramid_pool, x, chunks, [1, 2, (3, 4)], op=op, axis=(2, 1), **own)
        check(tp.global_pool, x, chunks, op=op, keepdims=False, axis=(1, 2), **own)
    lazy = da.from_array(x, chunks=chunks)
    beside = {"mask": da.from_array(mask, chunks=(3, 4, 11)), "weights": da.from_array(weights, chunks=(6, 1))}
    expected = tp.sum_pool(x, 3, 1, "same", axis=(1, 2), mask=mask, weights=weights)
    result: Any = tp.sum_pool(lazy, 3, 1, "same", axis=(1, 2), **beside)
    assert np.array_equal(result.compute(), expected)
    values, points = functions["fractional_avg_pool"](lazy, output_ratio=0.5, axis=1, rng=1, return_boundaries=True)
    assert np.array_equal(values.compute(), tp.fractional_avg_pool(x, boundaries=points, axis=1))
    assert tp.max_pool(lazy, 3, 1, "same", axis=(1, 2)).chunks == lazy.chunks
    assert tp.max_pool(lazy, 9, 1, ((8, 0),), axis=2).chunks[1:] == (lazy.chunks[1], lazy.chunks[2])
    assert tp.max_pool(da.from_array(x, chunks=(2, 4, 8)), 2, axis=(1, 2)).chunks == (
        (2, 1),
        (2,) * 5 + (1,),
        (4,) * 3 + (3,),
    )


def test_what_is_refused() -> None:
    x = np.arange(24.0).reshape(4, 6)
    lazy = da.from_array(x, chunks=2)
    unknown = da.from_delayed(dask.delayed(x), (np.nan, 6), float)
    masked = da.ma.masked_greater(lazy, 3)
    wrong: Any = x
    cases: list[tuple[type[Exception], str, Any]] = [
        (ValueError, r"^x must have chunks of known sizes, .*x\.compute_chunk_sizes\(\)$",
         lambda: tp.max_pool(unknown, 2, axis=0)),
        (ValueError, "^mask must have chunks of known sizes", lambda: tp.max_pool(lazy, 2, axis=0, mask=unknown > 0)),
        (TypeError, "^out must be None where x is an array of dask", lambda: tp.max_pool(lazy, 2, axis=0, out=wrong)),
        (TypeError, r"^x must have chunks that are numpy arrays, not MaskedArray: pass da\.ma\.getdata\(x\), and mask=",
         lambda: tp.max_pool(masked, 2, axis=0)),
        (NotImplementedError, "^stochastic_pool .* pass training=False$", lambda: tp.stochastic_pool(lazy, 2, axis=0)),
        (TypeError, "^mask must be an array of bool, not float64$", lambda: tp.max_pool(lazy, 2, axis=0, mask=lazy)),
        (ValueError, "^mask must have a shape that broadcasts", lambda: tp.max_pool(lazy, 2, axis=0, mask=x[:3] > 0)),
        (TypeError, "has no argument .weights.", lambda: tp.pool(lazy, 2, axis=0, weights=wrong)),
        (ValueError, r"^kernel_size \(9,\) is larger than the padded input", lambda: tp.max_pool(lazy, 9, axis=0)),
        (TypeError, r"pass g\.compute\(\)$", lambda: tp.grad.max_pool(lazy, lazy, 2, axis=0)),
        (TypeError, r"pass x\.compute\(\)$", lambda: tp.max_unpool(lazy, lazy, 2, axis=0)),
        (ValueError, "photo", lambda: tp.max_pool(da.zeros((64, 64, 3), dtype="u1"), 2)),
        (ValueError, "^threads must be between 1", lambda: tp.max_pool(lazy, 2, axis=0, threads=0)),
    ]  # fmt: skip
    for kind, text, call in cases:
        with pytest.raises(kind, match=text):
            call()


@pytest.mark.parametrize(
    ("call", "most"),
    [
        (lambda x: tp.max_pool(x, 2, axis=(0, 1, 2)), 1),  # whole windows in each chunk
        (lambda x: tp.max_pool(x, 3, 1, 1, axis=(0, 1, 2)), 2),
        (lambda x: tp.max_pool(x, 3, 1, 1, axis=(0, 1, 2), return_indices=True)[1], 2),
        (lambda x: tp.avg_pool(x, 3, 1, 1, axis=(0, 1, 2), nan_policy="raise"), 3),
        (lambda x: tp.avg_pool(x, 7, 7, axis=(0, 1, 2)), 2),
        (lambda x: tp.global_pool(x, axis=(0, 1, 2)), 1.1),
        (lambda x: tp.sum_pool(x, 50, axis=(0, 1, 2)), 2),
    ],
)
def test_tasks(call: Any, most: float) -> None:
    """At most three a chunk, of those that make one array."""
    x = da.zeros((160, 160, 160), chunks=16)
    names = {key if isinstance(key, str) else key[0] for key in x.__dask_graph__()}
    tasks = [key for key in dict(call(x).__dask_graph__()) if (key if isinstance(key, str) else key[0]) not in names]
    assert len(tasks) <= most * x.npartitions


def test_float_sums_of_trees_are_within_their_bound() -> None:
    """(64 + log2(cells)) * u * sum(abs(x)), as of an array in memory."""
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        x = (rng.normal(size=(64, 5000)) * 10 ** rng.uniform(-5, 5, (64, 5000))).astype(dtype)
        found = tp.global_pool(da.from_array(x, chunks=(7, 210)), "sum", axis=(0, 1)).compute()
        exact = math.fsum(x.ravel().tolist())
        unit = float(np.finfo(dtype).eps) / 2
        assert abs(float(found[0, 0]) - exact) <= (64 + math.log2(x.size)) * unit * math.fsum(
            np.abs(x).ravel().tolist()
        )


def test_one_thread_in_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless another number is given."""
    seen = []

    def watched(x: Any, request: Any, how: Any) -> Any:
        seen.append(how.threads)
        return of_array(x, request, how)

    monkeypatch.setattr("tilepool._adapters.dask_tasks.of_array", watched)
    for threads in (None, 2):
        tp.max_pool(da.zeros(8, chunks=4), 2, axis=0, threads=threads).compute(scheduler="sync")
    assert seen == [1, 1, 2, 2]
