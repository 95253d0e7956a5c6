"""The core leaves cells out while it reads them: the bits of an array that is filled first, and no copy of it."""

import itertools
import tracemalloc
from collections.abc import Callable
from typing import Any

import ml_dtypes  # noqa: F401 # teaches numpy bfloat16
import numpy as np
import pytest
from numpy.typing import NDArray

import reference
import tilepool as tp
from agreement import function_of
from interpreters import in_new_interpreter
from layouts import LAYOUTS
from test_strategies import EXAMPLES, Example
from tilepool import _core

Array = NDArray[Any]
OPS = ("max", "min", "sum", "avg")
FLOATS = ("float32", "float64", "float16", "bfloat16")
CASES = [(name, number) for name, examples in EXAMPLES.items() for number in range(len(examples))]


def filled(op: str, x: Array, there: Array) -> Array:
    """A copy of x in its memory order, with what changes nothing where a cell is not there."""
    neutral = {"max": reference.lowest, "min": reference.highest}.get(op, lambda _: 0)(x.dtype)
    full = x.astype(x.dtype.newbyteorder("="), order="K", copy=True)
    full[~there] = neutral
    return full


def in_memory_order(x: Array, order: tuple[int, ...]) -> Array:
    return x.transpose(order).copy().transpose(np.argsort(order))


def expected(op: str, x: Array, there: Array, arguments: dict[str, Any]) -> Array:
    """By numpy and the same poolings of whole arrays."""
    if op != "avg":
        return np.asarray(function_of(op, arguments)(filled(op, x, there), **arguments))
    dtype = np.dtype("f4") if x.dtype.itemsize == 2 else x.dtype
    sums = function_of("sum", arguments)(filled("sum", x, there), **arguments, dtype=dtype)
    divisors = function_of("sum", arguments)(there.astype("u1"), **arguments)
    with np.errstate(all="ignore"):
        return np.asarray((sums / divisors.astype(dtype)).astype(x.dtype.newbyteorder("=")))


def same(actual: Array, wanted: Array) -> bool:
    """The same bits, but that NaNs are all alike."""
    nan = np.isnan(wanted)
    return bool(
        actual.dtype == wanted.dtype
        and np.array_equal(np.isnan(actual), nan)
        and actual[~nan].tobytes() == wanted[~nan].tobytes()
    )


def numbers(shape: tuple[int, ...], dtype: str, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind in "biu":
        return np.asarray(rng.integers(0, 2 if dtype == "bool" else 100, shape).astype(dtype))
    return np.asarray(rng.normal(size=shape).astype(dtype))


def arguments_of(example: Example) -> tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]:
    shape, order, axis, arguments = example
    division = {"count_include_pad": False} if "padding" in arguments else {}
    return shape, order, {**arguments, "axis": axis, "division": division}


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("op", OPS)
def test_every_strategy(op: str, case: tuple[str, int], isa: str) -> None:
    shape, order, given = arguments_of(EXAMPLES[case[0]][case[1]])
    division = given.pop("division") if op == "avg" else given.pop("division") and {}
    dtypes = FLOATS if isa == _core.available_isas()[-1] else FLOATS[:2]
    for dtype, share in itertools.product(dtypes, (0.02, 0.6)):
        x = in_memory_order(numbers(shape, dtype, 1), order)
        rng = np.random.default_rng(2)
        nan, mask = rng.random(shape) < share, rng.random(shape[-1:]) >= share
        x[nan] = np.nan
        call = function_of(op, given)
        for threads in (1, 3):
            omitted = call(x, **given, **division, nan_policy="omit", threads=threads)
            assert same(omitted, expected(op, x, ~nan, given)), (dtype, share, "omit")
            both = call(x, **given, **division, nan_policy="omit", mask=mask, threads=threads)
            assert same(both, expected(op, x, ~nan & mask, given)), (dtype, share, "both")
            masked = call(x, **given, **division, mask=~nan, threads=threads)
            assert same(masked, omitted), (dtype, share, "mask")


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("op", ["avg", "max"])
def test_windows_of_too_few_cells(op: str, case: tuple[str, int], isa: str) -> None:
    """They are NaN, whichever of their cells are left out, whether the core counts them (averages) or numpy."""
    shape, order, given = arguments_of(EXAMPLES[case[0]][case[1]])
    given.pop("division")
    call, rng = function_of(op, given), np.random.default_rng(7)
    for dtype, share in itertools.product(("float32", "float64", "float16"), (0, 0.001, 0.4)):
        x = in_memory_order(numbers(shape, dtype, 8), order)
        there = rng.random(shape) >= share
        x[~there] = np.nan
        cells = function_of("sum", given)(there.astype("u1"), **given)
        whole = call(x, **given, nan_policy="omit")
        most = int(cells.max(initial=0))
        for fewest in sorted({1, 2, most // 2, most, most + 1} - {0}):
            wanted = whole.copy()
            wanted[cells < fewest] = np.nan
            for threads in (1, 3):
                actual = call(x, **given, nan_policy="omit", min_count=fewest, threads=threads)
                assert same(actual, wanted), (dtype, share, fewest)
            assert same(call(x, **given, mask=there, min_count=fewest), wanted), (dtype, share, fewest, "mask")


@pytest.mark.parametrize("dtype", [name for name in _core.dtypes if name not in FLOATS])
@pytest.mark.parametrize("op", ["max", "min", "sum"])
def test_integers(op: str, dtype: str, isa: str) -> None:
    for case in ("direct", "gathered", "scanned", "bundled"):
        shape, order, given = arguments_of(EXAMPLES[case][0])
        given.pop("division")
        x = in_memory_order(numbers(shape, dtype, 3), order)
        mask = np.random.default_rng(4).random(shape) < 0.7
        actual = function_of(op, given)(x, **given, mask=mask)
        assert actual.tobytes() == expected(op, x, mask, given).tobytes()


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "uint16", "int64", "float32", "float16"])
@pytest.mark.parametrize("op", ["max", "min", "sum"])
def test_too_few_cells_are_none(op: str, dtype: str, isa: str) -> None:
    """They give what none gives, NaN among floats; also where rows of counts cannot be cut as those of values are."""
    wide = {"kernel_size": (2, 300), "stride": 1, "axis": (0, 1), "division": {}}
    cases = [arguments_of(EXAMPLES[name][number]) for name, number in CASES]
    for shape, order, given in [*cases, ((3, 5000), (0, 1), wide)]:
        given.pop("division")
        x = in_memory_order(numbers(shape, dtype, 3), order)
        mask = np.random.default_rng(4).random(shape) < 0.7
        cells = function_of("sum", given)(mask.astype("u1"), **given)
        fewest = int(np.median(cells)) + 1
        wanted = expected(op, x, mask, given)
        none = function_of(op, given)(np.zeros_like(x), **given, mask=np.False_)
        wanted = np.where(cells < fewest, np.nan if dtype in FLOATS else none, wanted).astype(wanted.dtype)
        actual = function_of(op, given)(x, **given, mask=mask, min_count=fewest, threads=2)
        assert same(actual, wanted), shape


@pytest.mark.parametrize("padding", [0, 3, 31])
@pytest.mark.parametrize("taps", [3, 9, 31, 63, 64, 65, 200])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_quotients(dtype: str, taps: int, padding: int, isa: str) -> None:
    """Of any sums: windows have one number, and zeros that are there or not."""
    rng, info = np.random.default_rng(taps), np.finfo(dtype)
    x = np.zeros((4000, taps), dtype)
    mantissas = rng.integers(2**info.nmant, 2 ** (info.nmant + 1), len(x))
    exponents = rng.integers(info.minexp, info.maxexp - 1, len(x))
    sums = np.ldexp(mantissas * 2.0**-info.nmant, exponents).astype(dtype) * rng.choice([-1, 1], len(x)).astype(dtype)
    sums[::50], sums[1::50], sums[2::50], sums[3::50] = 0, np.inf, info.smallest_subnormal, info.max
    x[:, 0] = sums
    counts = rng.integers(1, taps + 1, len(x))
    mask = np.arange(taps) < counts[:, np.newaxis]
    given: dict[str, Any] = {"kernel_size": taps + padding, "stride": 1, "padding": ((0, padding),), "axis": 0}
    result = tp.avg_pool(x.T.copy(), **given, mask=mask.T.copy())
    wanted = sums / (counts + padding).astype(dtype)
    assert result.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("op", OPS)
def test_arrays_and_masks_of_any_layout(op: str, layout: str) -> None:
    rng = np.random.default_rng(5)
    dense = numbers((3, 20, 21), "float32", 6)
    dense[rng.random(dense.shape) < 0.2] = np.nan
    mask = rng.random(dense.shape) < 0.7
    given = {"kernel_size": 3, "stride": 2, "padding": 1, "axis": (1, 2)}
    division = {"count_include_pad": False} if op == "avg" else {}
    for x, kept in ((LAYOUTS[layout](dense), mask), (dense, LAYOUTS[layout](mask))):
        result = function_of(op, given)(x, **given, **division, nan_policy="omit", mask=kept)
        assert same(result, expected(op, x, ~np.isnan(x) & kept, given))


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
@pytest.mark.parametrize("op", [*OPS, "median", "prod"])
def test_calls_that_were_planned_before(op: str, dtype: str) -> None:
    x = np.array([3, 1, 4, 1, 5, 9], dtype)
    masks = np.array([[True] * 6, [False, True, True, True, False, True], [True, False, True, False, True, False]])
    for mask, policy in itertools.product(masks, ("omit", "propagate", "raise")):
        wanted = [tp.pool(x[i : i + 2][mask[i : i + 2]], int(mask[i : i + 2].sum()), op, axis=0) for i in (0, 2, 4)]
        for form in (mask, mask.tolist(), mask[np.newaxis]):
            given = x[np.newaxis] if np.ndim(form) == 2 else x
            result = tp.pool(given, 2, op, axis=-1, mask=form, nan_policy=policy)
            assert result.ravel().tolist() == np.concatenate(wanted).tolist()
    for out in (np.empty(3), np.empty(6)[::2]):
        assert tp.pool(x, 2, op, axis=0, mask=masks[0], out=out) is out
        assert out.tolist() == tp.pool(x, 2, op, axis=0).tolist()
    with pytest.raises(ValueError, match=r"^nan_policy must be"):
        tp.pool(x, 2, op, axis=0, nan_policy="Omit")


# ---- pieces ----------------------------------------------------------------------------------------------------------

LARGE: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((900, 700), {"kernel_size": 3, "stride": 1, "padding": 1}),
    ((900, 700), {"kernel_size": 4, "stride": 4}),
    ((400_000,), {"kernel_size": 50, "stride": 1}),
    ((3, 300, 700), {"kernel_size": (1, 20, 20), "stride": (1, 2, 2), "padding": (0, 9, 9)}),
    ((600, 20, 20), {"kernel_size": (1, 5, 5), "stride": 1, "padding": (0, 2, 2)}),
    ((3000, 300), {"kernel_size": (40, 1), "stride": 1}),
    ((20_000, 41), {"kernel_size": (3000, 1), "stride": 1}),
    ((60, 90, 80), {"kernel_size": (9, 5, 3), "stride": 1, "padding": (4, 2, 1)}),
]
NAN_CELLS: dict[str, Callable[[int], Array]] = {
    "nowhere": lambda n: np.zeros(n, bool),
    "last": lambda n: np.arange(n) == n - 1,
    "in one half": lambda n: (np.arange(n) > n // 2) & (np.arange(n) % 3 == 0),
    "here and there": lambda n: np.arange(n) % (n // 5) == n // 7,
}


@pytest.mark.parametrize("where", NAN_CELLS)
@pytest.mark.parametrize("large", LARGE, ids=lambda large: str(large[0]))
def test_pieces(large: tuple[tuple[int, ...], dict[str, Any]], where: str) -> None:
    shape, arguments = large
    given = {**arguments, "axis": tuple(range(len(shape)))}
    x = numbers(shape, "float32", 7)
    there = ~NAN_CELLS[where](x.size).reshape(shape)
    x[~there] = np.nan
    for op, threads in itertools.product(OPS, (1, 2)):
        call, division = function_of(op, given), {"count_include_pad": False} if op == "avg" else {}
        wanted = expected(op, x, there, given)
        assert same(call(x, **given, **division, nan_policy="omit", threads=threads), wanted), (op, "omit")
        assert same(call(x, **given, **division, mask=there, threads=threads), wanted), (op, "mask")


@pytest.mark.parametrize("include", [True, False])
def test_padding_that_counts(include: bool, isa: str) -> None:
    x = np.array([[1.0, np.nan, 5.0], [np.nan, np.nan, 2.0], [4.0, 3.0, 9.0]])
    result = tp.avg_pool(x, 2, 2, 1, count_include_pad=include, axis=(0, 1), nan_policy="omit")
    # Taps beyond the input: 3 of the first window, 2 at each side, none of the last one, which lacks no cell.
    sums, cells, padding = [[1, 5], [4, 14]], [[1, 1], [1, 3]], [[3, 2], [2, 0]]
    assert result.tolist() == (np.array(sums) / (np.array(cells) + np.array(padding) * include)).tolist()


PADDED: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
    ((40, 9, 9), (1, 2), {"kernel_size": 3, "stride": 1, "padding": 1}),  # planes at once
    ((40, 30, 9), (1, 2), {"kernel_size": 5, "stride": 2, "padding": 2}),
    ((2, 70, 90), (1, 2), {"kernel_size": (4, 3), "stride": 1, "padding": (2, 1)}),  # row by row
    ((40, 9, 9, 70), (1, 2), {"kernel_size": 3, "stride": 1, "padding": 1}),
    ((7, 20_000), (0, 1), {"kernel_size": (2, 3), "stride": (2, 1), "padding": 1}),  # in tiles
    ((5, 30, 80), (0, 1, 2), {"kernel_size": 3, "stride": 1, "padding": 1}),
]


@pytest.mark.parametrize("case", PADDED, ids=lambda case: str(case[0]))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_padding_that_counts_in_pieces(
    dtype: str, case: tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]], isa: str
) -> None:
    shape, axis, given = case
    x, there = numbers(shape, dtype, 8), np.random.default_rng(9).random(shape) < 0.8
    x[~there] = np.nan
    cells = tp.sum_pool(there.astype("u1"), **given, axis=axis)
    taps = np.prod(np.broadcast_to(given["kernel_size"], len(axis)))
    padding = taps - tp.sum_pool(np.ones(shape, "u1"), **given, axis=axis)
    with np.errstate(invalid="ignore"):
        wanted = tp.sum_pool(filled("sum", x, there), **given, axis=axis) / (cells + padding).astype(dtype)
    for threads in (1, 2):
        assert same(tp.avg_pool(x, **given, axis=axis, nan_policy="omit", threads=threads), wanted)
        assert same(tp.avg_pool(x, **given, axis=axis, mask=there, threads=threads), wanted)


def test_what_is_nan_without_a_nan_in_x() -> None:
    x = np.zeros((500, 1000), np.float32)
    x[400, 400:402] = np.inf, -np.inf
    for op in ("sum", "avg"):
        result = tp.pool(x, 2, op, axis=(0, 1), nan_policy="omit")
        assert np.argwhere(np.isnan(result)).tolist() == [[200, 200]]


# ---- ops that look at whole windows ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["uint64", "int64"])
def test_cells_of_64_bits_are_found_again(dtype: str) -> None:
    high = np.iinfo(dtype).max
    labels = np.array([[high - 1, high, 0, 5], [high, high - 1, 5, high - 2], [high - 1, 7, 0, 0], [7, 2, 0, 0]], dtype)
    modes = tp.mode_pool(labels, 2, axis=(0, 1), mask=labels != 0)
    assert modes.tolist() == [[high - 1, 5], [7, 0]]
    upper = tp.quantile_pool(labels, 1.0, 2, axis=(0, 1), method="lower", mask=labels < high)
    assert upper.tolist() == [[high - 1, high - 2], [high - 1, 0]]


def test_a_nan_that_counts_beside_a_mask(isa: str) -> None:
    x = np.array([1.0, np.nan, np.nan, 4.0, 5.0, 6.0])
    mask = [True, True, False, True, True, False]
    for op in ("median", "mode", "std", "softmax"):
        assert tp.pool(x, 2, op, axis=0, mask=mask).tolist()[1:] == tp.pool([4.0, 5.0], 1, op, axis=0).tolist()
        assert np.isnan(tp.pool(x, 2, op, axis=0, mask=mask)[0])


# ---- memory ----------------------------------------------------------------------------------------------------------


def most_bytes(x: Array, op: str, **options: Any) -> int:
    """The most bytes that a call has at once."""
    tp.pool(x, 8, op, axis=(0, 1), **options)  # what is made once per form of x
    tracemalloc.start()
    tp.pool(x, 8, op, axis=(0, 1), **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def nothing_as_large_as_x_is_made(op: str) -> None:
    for dtype in ("float32", "float64", "float16"):
        x = np.ones((512, 512), dtype)
        x[5, 5:9] = np.nan
        mask = np.ones(x.shape, bool)
        mask[3] = False
        pairs: list[dict[str, Any]] = [{"nan_policy": "omit"}, {"mask": mask}, {"nan_policy": "omit", "mask": mask}]
        if op in ("sum", "avg"):
            pairs.append({"weights": np.arange(512.0)[:, np.newaxis], "nan_policy": "omit", "mask": mask})
        for options in pairs:
            assert most_bytes(x, op, **options) < x.size // 4, (dtype, options)
        assert most_bytes(np.ones_like(x), op, nan_policy="raise") < x.size // 4, dtype


@pytest.mark.parametrize("op", [*OPS, "prod", "any", "count_nonzero"])
def test_nothing_as_large_as_x_is_made(op: str) -> None:
    in_new_interpreter(nothing_as_large_as_x_is_made, op)


# ---- plans -----------------------------------------------------------------------------------------------------------


def plan(**changes: Any) -> Any:
    x = np.ones((4, 6), np.float32)
    window = (2, 2, 0, 0, 1, 0)
    words = {"op": "max", "dtype": "float32", "shape": x.shape, "strides": x.strides, "windows": (window, window)}
    return _core.Plan(**{**words, **changes})


def test_masks_that_a_plan_was_not_made_for() -> None:
    x, mask = np.ones((4, 6), np.float32), np.ones((4, 6), bool)
    masked = plan(mask=mask.strides)
    assert masked.run(x, mask=mask).tolist() == [[1] * 3] * 2
    for wrong, exception in (
        (None, ValueError),
        (mask.astype("u1"), ValueError),
        (mask[:2], ValueError),
        (np.asfortranarray(mask), ValueError),
        ([[True]], TypeError),
    ):
        with pytest.raises(exception, match=r"^mask must"):
            masked.run(x, mask=wrong)
    with pytest.raises(ValueError, match=r"^mask must be None"):
        plan().run(x, mask=mask)
    with pytest.raises(ValueError, match="as many axes"):
        plan(mask=(1,))
    with pytest.raises(ValueError, match=r"^averages of what is not left out"):
        plan(op="average", dtype="float16", strides=(12, 2), omit=True)
    for other in ({"op": "max"}, {"dtype": "float32"}):
        with pytest.raises(ValueError, match=r"^cells with weights"):
            plan(**{"op": "sum", "dtype": "float64", "strides": (48, 8), "cell_weights": (0, 0), **other})
    with pytest.raises(ValueError, match=r"^cells that are present"):
        plan(present=True)


def test_out_must_not_overlap_the_mask() -> None:
    both = np.zeros((8, 6), bool)
    x, mask, out = np.ones((4, 6), bool), both[:4], both[3:5, :3]
    words = {"dtype": "bool", "strides": x.strides, "mask": mask.strides}
    target = np.lib.stride_tricks.as_strided(both[3:], (2, 3), (3, 1))
    with pytest.raises(ValueError, match=r"^out must not overlap mask"):
        plan(**words).run(x, target, 0, mask)
    mask[:] = True
    assert tp.max_pool(x, 2, axis=(0, 1), mask=mask, out=out).all()
