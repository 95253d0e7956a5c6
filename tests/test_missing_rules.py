"""Cells that are left out and cells that weigh: each rule of docs/semantics.md on its own."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import reference
import tilepool as tp
from agreement import EXACT_OPS, FUNCTIONS, OPS, differs, function_of, using_isa, windows_of
from layouts import FLOATS, INTEGERS, LAYOUTS, any_numbers, summable_numbers, whole_numbers
from test_errors import refused
from test_missing import agree, valid_cells, with_nans
from tilepool import _core

Array = NDArray[Any]


@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
def test_a_window_without_cells(op: str, dtype: str, isa: str) -> None:
    """That of a window in which all is masked is that of one that sees only padding."""
    x = np.ones((2, 6), dtype)
    mask = np.array([True, True, False, False, False, True])
    given: dict[str, Any] = {"count_include_pad": False} if op == "avg" else {}
    result = FUNCTIONS[op](x, 2, axis=1, mask=mask, **given)
    nowhere = FUNCTIONS[op](x, 1, 10, ceil_mode="full", axis=1)[:, 1]  # the second window starts behind the input
    assert not differs(result[:, 1], nowhere, None).any()
    assert (result[:, [0, 2]] == ([2, 1] if op == "sum" else [1, 1])).all()


@pytest.mark.parametrize("dtype", _core.dtypes)
def test_what_is_left_of_a_window_without_cells(dtype: str, isa: str) -> None:
    """The divisor counts padding, or is given; weights of nothing are nothing."""
    x = np.ones((2, 6), dtype)
    assert tp.avg_pool(x, 2, 1, 1, axis=1, mask=False)[0].tolist()[0] == 0  # a tap over the padding is counted
    assert math.isnan(tp.avg_pool(x, 2, 1, 1, axis=1, mask=False, count_include_pad=False)[0, 0])
    assert tp.avg_pool(x, 2, axis=1, mask=False, divisor_override=2).tolist() == [[0] * 3] * 2
    assert tp.sum_pool(x, 2, axis=1, mask=False, weights=3).tolist() == [[0] * 3] * 2
    assert np.isnan(tp.avg_pool(x, 2, axis=1, mask=False, weights=3)).all()
    if dtype not in FLOATS:
        for weights in (None, 2):
            result = tp.avg_pool(x, 2, axis=1, mask=False, dtype=np.int16, weights=weights)
            assert result.tolist() == [[0] * 3] * 2


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", OPS)
def test_raise(op: str, dtype: str) -> None:
    x = np.ones((2, 3, 4, 5), dtype)
    plain = FUNCTIONS[op](x, 2)
    assert np.array_equal(FUNCTIONS[op](x, 2, nan_policy="raise"), plain)
    x[1, 2, 3, 4] = math.nan  # in no window
    x[1, 2, 0, 1] = math.copysign(math.nan, -1)
    sentence = r"^x must be free of NaN where nan_policy is 'raise', not NaN at \(1, 2, 0, 1\)$"
    refused(ValueError, sentence, FUNCTIONS[op], x, 2, nan_policy="raise")
    mask = np.ones((3, 4, 5), bool)
    mask[2, 0, 1] = False
    refused(ValueError, r"not NaN at \(1, 2, 3, 4\)$", FUNCTIONS[op], x, 2, nan_policy="raise", mask=mask)
    mask[2, 3, 4] = False
    masked = FUNCTIONS[op](x, 2, nan_policy="raise", mask=mask)
    assert np.array_equal(masked, FUNCTIONS[op](x, 2, nan_policy="propagate", mask=mask))
    assert not np.isnan(masked).any()
    if op in EXACT_OPS:
        refused(ValueError, "NaN at", FUNCTIONS[op], x, 2, return_indices=True, nan_policy="raise")


@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
def test_without_a_nan_the_bits_are_the_same(op: str, dtype: str) -> None:
    """Whatever the policy, and with a mask that hides nothing; words that are equal but not the same object count."""
    values = summable_numbers(np.random.default_rng(3), (2, 3, 37, 41), dtype)
    for layout in LAYOUTS.values():
        x = layout(values)
        plain = FUNCTIONS[op](x, 3, 2, 1)
        policies = ("propagate", "".join(["propa", "gate"]), "omit", "raise")
        for policy, mask in itertools.product(policies, (None, True)):
            result = FUNCTIONS[op](x, 3, 2, 1, nan_policy=policy, mask=mask)
            assert result.tobytes("A") == plain.tobytes("A")
            assert result.strides == plain.strides


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("dtype", ["bool", *INTEGERS])
def test_integers_have_no_nan(op: str, dtype: str) -> None:
    x = any_numbers(np.random.default_rng(1), (7, 9), dtype)
    for policy in ("omit", "raise"):
        assert np.array_equal(FUNCTIONS[op](x, 3, axis=1, nan_policy=policy), FUNCTIONS[op](x, 3, axis=1))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "int8", "uint64", "bool"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("op", OPS)
def test_every_memory_layout(op: str, layout: str, dtype: str) -> None:
    rng = np.random.default_rng(len(layout))
    x = LAYOUTS[layout](with_nans(rng, whole_numbers(rng, (3, 4, 7, 9), dtype), 0.3))
    values = np.array(x)
    mask = rng.random((4, 1, 9)) < 0.7
    for axis in ((2, 3), (1, 3), (0, 2)):
        windows = windows_of(x, axis, {"kernel_size": 3, "stride": 2, "padding": 1})
        place = (values, axis, windows, valid_cells(values, "omit", mask))
        if op in EXACT_OPS:
            expected = reference.extremum_without(op, *place)
        else:
            result = (reference.sum_dtype if op == "sum" else reference.avg_dtype)(values.dtype)
            expected = reference.sum_without(*place, result)
            if op == "avg":
                with np.errstate(all="ignore"):
                    expected = expected / reference.divisor_without(*place)
            expected = reference.rounded(expected, result) if reference.is_float(result) else expected
        call = {"kernel_size": 3, "stride": 2, "padding": 1, "axis": axis, "nan_policy": "omit", "mask": mask}
        agree(FUNCTIONS[op], x, expected, expected.dtype, None, layout, None, **call)


@pytest.mark.parametrize("op", OPS)
def test_threads_and_instruction_sets(op: str) -> None:
    """Large enough for threads, with sums that depend on the order of the additions."""
    rng = np.random.default_rng(5)
    x = with_nans(rng, summable_numbers(rng, (2, 3, 211, 223), "float32"), 0.2)
    extra = {} if op in EXACT_OPS else {"weights": rng.random((211, 1))}
    for call in ({}, extra):
        results = set()
        for isa, threads in itertools.product(_core.available_isas(), (1, 2, 3, 8)):
            with using_isa(isa):
                results.add(FUNCTIONS[op](x, 5, 2, 2, nan_policy="omit", threads=threads, **call).tobytes())
        assert len(results) == 1


@pytest.mark.parametrize("op", EXACT_OPS)
def test_ways_of_counting_indices(op: str, isa: str) -> None:
    """All bases name the same cells, and what has no cell is -1, or 255."""
    rng = np.random.default_rng(8)
    x = with_nans(rng, any_numbers(rng, (3, 4, 7, 9), "float32"), 0.8)
    call: dict[str, Any] = {"kernel_size": 2, "return_indices": True, "nan_policy": "omit"}
    places = FUNCTIONS[op](x, index_base="array", **call)[1]
    assert (places == -1).any()
    assert (places != -1).any()
    bases: tuple[Any, ...] = ("plane", "batch")
    for base in bases:
        indices = FUNCTIONS[op](x, index_base=base, **call)[1]
        assert np.array_equal(tp.convert_indices(indices, x.shape, base, "array"), places)
    small = FUNCTIONS[op](x, index_base="plane", index_dtype="uint8", **call)[1]
    assert small.dtype == np.uint8
    plane = FUNCTIONS[op](x, **call)[1]
    assert np.array_equal(small, np.where(plane == -1, 255, plane))


def test_indices_beside_nans_by_hand(isa: str) -> None:
    line = np.array([np.nan, -np.inf, -np.inf, np.nan, np.nan, np.nan, 2, np.nan], np.float32)
    values, numbers = tp.max_pool(line, 2, axis=0, return_indices=True, index_base="window", nan_policy="omit")
    assert values.tolist() == [-math.inf, -math.inf, -math.inf, 2]
    assert numbers.tolist() == [1, 0, -1, 0]


@pytest.mark.parametrize("op", OPS)
def test_out(op: str) -> None:
    """Of any strides, overlapping x, of another dtype; with indices a pair. What cannot be written is left alone."""
    rng = np.random.default_rng(2)
    ways: list[dict[str, Any]] = [{"nan_policy": "omit"}, {"mask": rng.random((6, 8)) < 0.5}]
    if op not in EXACT_OPS:
        ways += [{"weights": rng.random(8)}, {"weights": rng.random(8), "nan_policy": "omit"}]
    for way, dtype in itertools.product(ways, ("float32", "float64")):
        x = with_nans(rng, whole_numbers(rng, (6, 8), dtype), 0.3)
        expected = FUNCTIONS[op](x, 2, axis=(0, 1), **way)
        for out in (
            np.full((3, 4), 7, dtype),
            np.full((4, 3), 7, dtype).T,
            np.full((6, 8), 7, dtype)[::-2, ::2],
            np.full((3, 4), 7, np.float64),
            np.full((3, 4), 7, ">c16"),
        ):
            assert FUNCTIONS[op](x, 2, axis=(0, 1), out=out, **way) is out
            assert np.array_equal(out, expected, equal_nan=True)
        y = x.copy()
        assert np.array_equal(FUNCTIONS[op](y, 2, axis=(0, 1), out=y[1:4, 2:6], **way), expected, equal_nan=True)
        refused(ValueError, r"^out has shape", FUNCTIONS[op], x, 2, axis=(0, 1), out=np.zeros((3, 3)), **way)
        refused(TypeError, r"^out must have", FUNCTIONS[op], x, 2, axis=(0, 1), out=np.zeros((3, 4), int), **way)
        refused(TypeError, r"^out must be", FUNCTIONS[op], x, 2, axis=(0, 1), out=[1], **way)
        if op in EXACT_OPS:
            values, indices = FUNCTIONS[op](x, 2, axis=(0, 1), return_indices=True, **way)
            for pair in (
                (np.zeros((3, 4), dtype), np.zeros((3, 4), np.int64)),
                (np.zeros((4, 3), np.float64).T, None),
                (None, np.zeros((3, 4), np.int32)),
            ):
                result = FUNCTIONS[op](x, 2, axis=(0, 1), return_indices=True, out=pair, **way)
                assert np.array_equal(result[0], values, equal_nan=True)
                assert np.array_equal(result[1], indices)
                assert all(given is None or given is got for given, got in zip(pair, result, strict=True))
            untouched = np.full((3, 4), 7, dtype)
            refused(
                ValueError, "^out has shape", FUNCTIONS[op], x, 2, axis=(0, 1), return_indices=True,
                out=(untouched, np.zeros(3, np.int64)), **way,
            )  # fmt: skip
            assert (untouched == 7).all()


BOUNDARIES = ((0, 1, 3, 5), (0, 4, 5, 12, 13))
LISTS = [((0, 1, 3), (1, 2, 2)), ((0, 4, 5, 12), (4, 1, 7, 1))]


@pytest.mark.parametrize(
    ("given_windows", "windows"),
    [
        ({"output_size": (3, 4)}, [reference.adaptive(5, 3), reference.adaptive(13, 4)]),
        ({"output_size": (7, 20)}, [reference.adaptive(5, 7), reference.adaptive(13, 20)]),
        ({"output_size": 1}, [reference.adaptive(5, 1), reference.adaptive(13, 1)]),
        ({"boundaries": BOUNDARIES}, [reference.listed(*along) for along in LISTS]),
    ],
    ids=["fewer", "more", "one", "listed"],
)
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_windows_that_do_not_slide(dtype: str, given_windows: Any, windows: Any, isa: str) -> None:
    """Adaptive and listed windows, and those of all cells."""
    rng = np.random.default_rng(4)
    x = with_nans(rng, whole_numbers(rng, (3, 5, 13), dtype), 0.4)
    mask, weights = rng.random((5, 13)) < 0.6, rng.integers(0, 5, size=13)
    words: dict[str, Any] = {**given_windows, "axis": (1, 2), "nan_policy": "omit", "mask": mask}
    place = (x, (1, 2), windows, valid_cells(x, "omit", mask))
    for op in EXACT_OPS if "output_size" in words else ("max",):
        result = function_of(op, words)(x, **words)
        assert np.array_equal(result, reference.extremum_without(op, *place)), op
    for heavy in (None, weights):
        sums = reference.sum_without(*place, np.float64, heavy)
        if "output_size" in words:
            assert np.array_equal(tp.adaptive_sum_pool(x, weights=heavy, **words), sums)
        with np.errstate(all="ignore"):
            averages = (sums / reference.divisor_without(*place, weights=heavy)).astype(np.float32)
        result = function_of("avg", words)(x, weights=heavy, **words)
        assert np.array_equal(result, averages, equal_nan=True)


WAYS: list[dict[str, Any]] = [{"nan_policy": "omit"}, {"mask": False}, {"weights": 2}]


@pytest.mark.parametrize(
    ("op", "way"), [(op, way) for op in OPS for way in WAYS if "weights" not in way or op not in EXACT_OPS]
)
@pytest.mark.parametrize("shape", [(0, 3, 4, 4), (2, 0, 4, 4)])
def test_empty_arrays(op: str, way: dict[str, Any], shape: tuple[int, ...]) -> None:
    assert FUNCTIONS[op](np.zeros(shape), 2, **way).shape == (*shape[:2], 2, 2)


def test_empty_arrays_have_no_indices() -> None:
    assert tp.max_pool(np.zeros((0, 3, 4, 4)), 2, mask=False, return_indices=True)[1].shape == (0, 3, 2, 2)


def test_weights_and_a_divisor() -> None:
    """The divisor is the one that is given, whatever the weights, and whatever is left of the window."""
    x = np.array([1.0, 2.0, 3.0, np.nan, 5.0, 6.0])
    words: dict[str, Any] = {"axis": 0, "weights": np.arange(6), "divisor_override": -4, "nan_policy": "omit"}
    assert tp.avg_pool(x, 2, **words).tolist() == [-2 / 4, -6 / 4, -50 / 4]
    assert tp.avg_pool(x, 2, mask=np.arange(6) < 4, **words).tolist() == [-2 / 4, -6 / 4, 0]


def test_divisors_beyond_64_bits() -> None:
    """Windows that are all padding but for a cell: their taps are counted whatever their number."""
    x = np.array([[[5.0, np.nan], [7.0, 9.0]]])
    wide: dict[str, Any] = {"kernel_size": 2**40, "padding": 2**40 - 1, "stride": 2**41, "nan_policy": "omit"}
    assert tp.avg_pool(x, axis=(0, 1, 2), **wide).tolist() == [[[5 / 2.0**120]]]
    narrow = (2**63 - 1 - np.arange(4)).reshape(1, 2, 2)
    wide |= {"nan_policy": "propagate", "mask": [[True, False], [True, True]], "dtype": np.int64}
    for rounding in _core.roundings:
        assert tp.avg_pool(narrow, axis=(0, 1, 2), **wide | {"rounding": rounding}).tolist() == [[[0]]]
    assert tp.avg_pool(-narrow, axis=(0, 1, 2), **wide | {"rounding": "floor"}).tolist() == [[[-1]]]


@pytest.mark.slow
@pytest.mark.parametrize("rounding", _core.roundings)
@pytest.mark.parametrize("dtype", ["bool", *INTEGERS])
def test_averages_of_integers_as_integers(dtype: str, rounding: str) -> None:
    """Exact by every rule of rounding: halves, odd and even, of both signs; windows without a cell; extremes."""
    rng = np.random.default_rng(6)
    axis, place = (1, 2), {"kernel_size": 2, "stride": 1, "padding": 1}
    for numbers in (whole_numbers, any_numbers):
        x, mask = numbers(rng, (2, 7, 9), dtype), rng.random((7, 9)) < 0.5
        windows = windows_of(x, axis, place)
        for padded in (True, False):
            divisors = reference.divisor_without(x, axis, windows, mask, padded)
            assert padded or (divisors == 0).any()
            for result in ("int8", "uint8", "int64", "uint64"):
                target = np.dtype(result)
                expected = reference.rounded_average_without(x, axis, windows, mask, divisors, target, rounding)
                call: dict[str, Any] = {"axis": axis, "mask": mask, "count_include_pad": padded, **place}
                actual = tp.avg_pool(x, dtype=result, **call | {"rounding": rounding})
                assert actual.dtype == target
                assert np.array_equal(actual, expected), (numbers, padded, result)


@pytest.mark.parametrize("rounding", _core.roundings)
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32", "uint32"])
def test_averages_of_integers_near_ties(dtype: str, rounding: Any) -> None:
    """Averages that are integers, or half way between two, or next to that: of small and of the largest sums."""
    info, rng = np.iinfo(dtype), np.random.default_rng(8)
    for cells in (*range(1, 40), 127, 128, 129, 255, 1000, 40_000):
        x = rng.integers(info.min, info.max, (cells, 60), dtype, endpoint=True)
        x[:, ::3] = info.max
        # Small numbers in the last cells make the rest of each sum what is wanted.
        last = cells // 64 + 1
        wanted = (rng.choice([0, cells // 2, (cells + 1) // 2], 60) + rng.integers(-1, 2, 60)) % cells
        lacking = (wanted - x[:-last].sum(axis=0, dtype=np.int64)) % cells
        x[-last:] = lacking // last + (np.arange(last)[:, np.newaxis] < lacking % last)
        assert np.array_equal(x.sum(axis=0, dtype=np.int64) % cells, wanted)
        mask = np.ones((cells + 1, 1), bool)
        mask[cells] = False
        with_one_more = np.concatenate([x, x[:1]])
        actual = tp.avg_pool(with_one_more, (cells + 1, 1), axis=(0, 1), mask=mask, dtype=dtype, rounding=rounding)
        sums = x.sum(axis=0, dtype=np.int64)
        floors, rests = sums // cells, sums % cells
        up = {
            "half_even": (2 * rests > cells) | ((2 * rests == cells) & (floors % 2 == 1)),
            "half_up": 2 * rests >= cells,
            "floor": np.zeros(60, bool),
            "trunc": (floors < 0) & (rests > 0),
        }[rounding]
        assert np.array_equal(actual[0], floors + up), cells


@pytest.mark.parametrize("dtype", ["int16", "uint16"])
def test_sums_of_16_bits_are_exact(dtype: str) -> None:
    """One rounding to float32, of the sum, and one of the division."""
    rng = np.random.default_rng(9)
    x, mask = any_numbers(rng, (50, 4001), dtype), rng.random(4001) < 0.8
    sums = np.where(mask, x.astype(np.int64), 0).sum(axis=1)
    expected = sums.astype(np.float32) / np.float32(mask.sum())
    assert np.array_equal(tp.avg_pool(x, 4001, axis=1, mask=mask)[:, 0], expected)


@pytest.mark.parametrize("extreme", [min, max])
@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_sums_of_64_bits_are_exact(dtype: str, extreme: Any) -> None:
    """An average of the largest integers is not that of their wrapped sum."""
    limits = np.iinfo(dtype)
    limit = int(extreme(limits.min, limits.max))
    x = np.full(1000, limit, dtype)
    mask = np.arange(1000) % 3 > 0
    assert tp.avg_pool(x, 1000, axis=0, mask=mask, dtype=dtype).tolist() == [limit]


@pytest.mark.parametrize("policy", ["omit", "raise"])
def test_words_of_adaptive_and_fractional_functions(policy: str) -> None:
    """The words of the adaptive and fractional functions lead to the same place."""
    x = np.array([1.0, np.nan, 3.0, 5.0, np.nan, 2.0, 8.0, np.nan, 4.0])
    edges, overlapping = [0, 2, 5, 9], [(0, 3), (3, 6), (6, 9)]
    calls: list[tuple[Any, Any, Any, list[tuple[int, int]]]] = [
        (tp.adaptive_max_pool, np.nanmax, {"output_size": 3}, overlapping),
        (tp.adaptive_min_pool, np.nanmin, {"output_size": 3}, overlapping),
        (tp.adaptive_avg_pool, np.nanmean, {"output_size": 3}, overlapping),
        (tp.adaptive_sum_pool, np.nansum, {"output_size": 3}, overlapping),
        (tp.fractional_max_pool, np.nanmax, {"boundaries": (edges,)}, list(itertools.pairwise(edges))),
        (tp.fractional_avg_pool, np.nanmean, {"boundaries": (edges,)}, list(itertools.pairwise(edges))),
    ]
    for function, keep, words, windows in calls:
        if policy == "raise":
            refused(ValueError, "^x must be free of NaN", function, x, axis=0, nan_policy=policy, **words)
        else:
            expected = [keep(x[begin:end]) for begin, end in windows]
            assert function(x, axis=0, nan_policy=policy, **words).tolist() == expected
