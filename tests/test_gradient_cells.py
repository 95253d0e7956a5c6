"""Gradients at single cells: ties, NaNs, zeros of both signs, infinities, what is left out, and what x may be."""

import array
import itertools
import math
from typing import Any

import ml_dtypes  # noqa: F401 # teaches numpy bfloat16
import numpy as np
import pytest
from numpy.typing import NDArray

import tilepool as tp
from gradient_cases import OPS, WORDS
from layouts import FLOATS, lay_out
from rounding_errors import (
    FUNCTION,
    assert_close,
    error,
    gradient_of_norm,
    gradient_of_norm_of_numpy,
    power_sum,
    power_sum_of_numpy,
)
from tilepool import _core

Array = NDArray[Any]
grad: Any = vars(tp)["grad"]

NAN, INF = math.nan, math.inf


def of_line(op: str, g: Any, x: Any, *window: Any, **words: Any) -> list[float]:
    """The gradient of a pooling of a line."""
    result: Any = grad.pool(np.array(g, float), np.array(x), window[0], op, *window[1:], axis=0, **WORDS[op], **words)
    return list(result)


@pytest.mark.parametrize("dtype", _core.dtypes)
def test_the_first_of_equal_cells_has_all(dtype: str, isa: str) -> None:
    for op in ("max", "min"):
        x = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 0, 0]]).astype(dtype)
        first = np.argmax if op == "max" else np.argmin
        for kernel in ((1, 2), (2, 2), (3, 4), (3, 1), (2, 3)):
            places = tp.pool(x, kernel, op, 1, axis=(0, 1), return_indices=True)[1]
            g = np.arange(1.0, places.size + 1).reshape(places.shape).astype(np.float32)
            wanted = np.zeros(x.shape, np.float32)
            for o, p in np.ndindex(places.shape):
                cell = np.unravel_index(first(x[o : o + kernel[0], p : p + kernel[1]]), kernel)
                wanted[o + cell[0], p + cell[1]] += g[o, p]
            assert np.array_equal(grad.pool(g, x, kernel, op=op, stride=1, axis=(0, 1)), wanted)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_first_is_in_the_order_of_the_axes_whatever_that_in_memory(order: tuple[int, ...], isa: str) -> None:
    x = lay_out(np.zeros((2, 6, 40), np.float32), order=order)
    g = np.ones((2, 3, 20), np.float32)
    for indices in ({}, {"indices": tp.max_pool(x, 2, axis=(1, 2), return_indices=True)[1]}):
        result = grad.max_pool(g, x, 2, axis=(1, 2), **indices)
        assert np.argwhere(result).tolist() == [[n, 2 * h, 2 * w] for n, h, w in np.ndindex(2, 3, 20)]


@pytest.mark.parametrize("n", [1, 2, 3, 7, 16, 33, 64, 100])
def test_zeros_of_both_signs_are_equal(n: int, isa: str) -> None:
    for op in ("max", "min"):
        for first in (-0.0, 0.0):
            x = np.full((2, n), -first)
            x[:, 0] = first
            result = grad.global_pool(np.ones((2, 1)), x, op, axis=1)
            assert np.array_equal(result, np.eye(1, n).repeat(2, 0)), (op, first)


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_first_nan_has_all(dtype: str, isa: str) -> None:
    for op, best in (("max", INF), ("min", -INF)):
        for n, at in ((3, 1), (40, 20), (300, 290), (16, 0), (64, 63)):
            x = np.zeros(n, dtype)
            x[: at // 2] = best
            x[at::2] = NAN
            result = grad.pool(np.ones(1, np.float32), x, n, op=op, axis=0)
            assert np.flatnonzero(result).tolist() == [at], (op, n)
            left = np.flatnonzero(~np.isnan(x))
            result = grad.pool(np.ones(1, np.float32), x, n, op=op, axis=0, nan_policy="omit")
            assert np.flatnonzero(result).tolist() == left[:1].tolist(), (op, n)


def test_nan_in_x_passes_on_what_sums_and_averages_do(isa: str) -> None:
    """They are linear: what is in x says nothing of it."""
    x = [1, NAN, 3, INF]
    assert of_line("sum", [5, 7], x, 2) == [5, 5, 7, 7]
    assert of_line("avg", [5, 7], x, 2) == [2.5, 2.5, 3.5, 3.5]
    assert of_line("sum", [5, 7], x, 2, nan_policy="omit") == [5, 0, 7, 7]
    assert of_line("avg", [5, 7], x, 2, nan_policy="omit") == [5, 0, 3.5, 3.5]


@pytest.mark.parametrize("dtype", FLOATS)
def test_infinities_in_g_stay_with_their_windows(dtype: str, isa: str) -> None:
    for n in (5, 37, 200):
        x, g = np.arange(n, dtype=dtype), np.ones(n - 1, dtype)
        g[n // 2], g[n // 2 + 1], g[0] = INF, -INF, NAN
        wanted = np.full(n, 2.0)
        wanted[[0, 1, n // 2, n // 2 + 1, n // 2 + 2]] = [NAN, NAN, INF, NAN, -INF]
        wanted[-1] = 1 if n > 5 else wanted[-1]
        result = grad.sum_pool(g, x, 2, 1, axis=0).astype(float)
        assert np.array_equal(result, wanted, equal_nan=True), n
        assert np.array_equal(grad.avg_pool(2 * g, x, 2, 1, axis=0), result, equal_nan=True), n
        x = np.tile(np.array([0, 1], dtype), n)
        g = np.ones(n, dtype)
        g[[0, n // 2]] = INF, NAN
        for op, at in (("max", 1), ("min", 0)):
            result = grad.pool(g, x, 2, op=op, axis=0)
            assert np.array_equal(result[at::2], g, equal_nan=True)
            assert not result[1 - at :: 2].any()


def test_what_no_window_reaches_is_plus_zero(isa: str) -> None:
    for op, dtype in itertools.product(OPS, FLOATS):
        for n, kernel, stride in ((9, 2, 4), (200, 1, 3), (70, 2, 3)):
            x = np.arange(1, n + 1).astype(np.float32)
            g = np.full((n - kernel) // stride + 1, -0.0, dtype)
            result = grad.pool(g, x, kernel, op=op, stride=stride, axis=0, **WORDS[op])
            reached = np.zeros(n, bool)
            for o in range(len(g)):
                reached[o * stride : o * stride + kernel] = True
            assert not result.any()
            assert not np.signbit(result[~reached]).any(), (op, dtype, n)


def test_cells_that_are_left_out_get_plus_zero(isa: str) -> None:
    mask = np.array([True, False] * 30)
    x = np.where(mask, np.arange(1, 61), NAN)
    for op in OPS:
        for words in ({"mask": mask}, {"nan_policy": "omit"}, {"mask": mask, "nan_policy": "raise"}):
            result = np.array(of_line(op, np.full(30, -1), x, 2, **words))
            assert not np.signbit(result[1::2]).any(), (op, words)
            bound = error(gradient_of_norm(2, power_sum(1, 2))) if op == "lp" else 0
            assert_close(result, np.where(mask, -1, 0), bound * mask, f"{op}, {words}")


def test_windows_without_cells_pass_nothing_on(isa: str) -> None:
    for op in OPS:
        g = [1.0, INF, NAN, 4.0]
        x = np.arange(1.0, 9.0)
        mask = np.array([1, 1, 0, 0, 0, 0, 1, 0], bool)
        result = of_line(op, g, x, 2, mask=mask)
        assert not np.array(result)[2:6].any(), op
        assert np.array_equal(result[6:], [4, 0]), op
        assert of_line(op, g, x, 2, mask=np.zeros(8, bool)) == [0] * 8
        # The last window starts behind the array.
        assert of_line(op, [2.0, NAN], [1.0, 3.0, 3.0], 1, 3, ceil_mode="full") == [2, 0, 0]
        # A window whose taps are all in the padding.
        assert of_line(op, [NAN], [5.0], 2, 1, 2, dilation=4) == [0]


@pytest.mark.parametrize("op", OPS)
def test_min_count(op: str, isa: str) -> None:
    """Windows of fewer cells are constant."""
    g, x = [1.0, INF, 3.0], np.array([1.0, NAN, 3.0, NAN, 7.0, 0.0])
    for least, reached in ((0, [0, 2, 4]), (1, [0, 2, 4]), (2, [4]), (3, []), (2**40, [])):
        result = np.array(of_line(op, g, x, 2, nan_policy="omit", min_count=least))
        if op not in ("max", "lp", "min"):
            assert np.flatnonzero(result[::2]).tolist() == [cell // 2 for cell in reached], least
        else:
            best = 5 if op == "min" else 4
            assert np.flatnonzero(result).tolist() == [best if cell == 4 else cell for cell in reached], least
        assert not np.isnan(result).any()
    # Those of the padding are none.
    assert of_line(op, [NAN, 2.0], np.ones(4), 4, 4, ((2, 2),), min_count=3) == [0] * 4


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_empty_arrays(op: str, dtype: str) -> None:
    for shape in ((0, 3, 4, 6), (3, 0, 4, 6)):
        x = np.empty(shape, dtype)
        for name, words in (
            ("pool", {"kernel_size": 2}),
            ("adaptive_pool", {"output_size": (2, 3)}),
            ("global_pool", {}),
            ("global_pool", {"keepdims": False}),
            ("pyramid_pool", {"grids": (1, 2)}),
        ):
            y = getattr(tp, name)(x, op=op, **words, **WORDS[op])
            result = getattr(grad, name)(y, x, op=op, **words, **WORDS[op])
            assert (result.shape, result.dtype) == (x.shape, x.dtype)
            out = np.empty(shape)
            assert getattr(grad, name)(y, x, op=op, out=out, **words, **WORDS[op]) is out
    if op in ("sum", "avg"):
        assert grad.pool(np.empty((0, 3, 2, 3), dtype), (0, 3, 4, 6), 2, op=op).shape == (0, 3, 4, 6)


def test_an_empty_pooled_axis_is_refused() -> None:
    for op in OPS:
        with pytest.raises(ValueError, match=r"^x must not be empty along a pooled axis"):
            grad.pool(np.empty((4, 0)), np.empty((4, 0)), 1, op=op, axis=1, **WORDS[op])


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("axes", [(0, 1, 2, 3), (3, 2, 1, 0), (0, 2, 3, 1), (1, 3, 0, 2)])
def test_the_result_has_the_memory_order_of_x(axes: tuple[int, ...], op: str) -> None:
    base = np.random.default_rng(0).normal(size=(4, 6, 8, 10))
    x = base.transpose(axes)
    for view in (x, x[1:, :, 1:, :-1], x[::-1], lay_out(base, steps=[2] * 4).transpose(axes)):
        g = np.ones(tp.pool(view, 2, op, 1, axis=(0, 2), **WORDS[op]).shape, np.float32)
        result = grad.pool(g, view, 2, op=op, stride=1, axis=(0, 2), **WORDS[op])
        assert result.transpose(np.argsort(axes)).flags.c_contiguous, (view.strides, result.strides)
        assert result.dtype == np.float32
        if op in ("sum", "avg"):
            given = grad.pool(g, view.shape, 2, op=op, stride=1, axis=(0, 2))
            assert given.flags.c_contiguous
            turned = np.asarray(lay_out(g, order=axes))
            given = grad.pool(turned, view.shape, 2, op=op, stride=1, axis=(0, 2))
            assert given.transpose(axes).flags.c_contiguous, "the memory order is that of g"


def test_integers_have_gradients_too(isa: str) -> None:
    """Of all their range: 2**53 + 1 is no float64."""
    x = np.array([2**53, 2**53 + 1, 2**53, -(2**63)])
    assert of_line("max", [3.0], x, 4) == [0, 3, 0, 0]
    assert of_line("min", [3.0], x, 4) == [0, 0, 0, 3]
    assert of_line("sum", [3.0], x, 4) == [3] * 4
    wide = np.array([2**64 - 2, 2**64 - 1, 0], np.uint64)
    assert of_line("max", [3.0], wide, 3) == [0, 3, 0]
    assert of_line("lp", [5.0], np.array([3, 0, -4]), 3) == [3, 0, -4]


def test_norms(isa: str) -> None:
    def of_norm(x: Any, p: float) -> Any:
        return grad.lp_pool(np.ones(1), np.array(x, float), p, len(x), axis=0).tolist()

    def check(x: list[float], p: float, expected: list[float], roundings: float) -> None:
        """What is expected has some roundings itself."""
        bound = error(gradient_of_norm(p, power_sum(len(x), p)) + roundings) * np.abs(expected)
        assert_close(of_norm(x, p), expected, bound, f"{x}, {p}")

    check([3, 0, -4], 2, [0.6, 0, -0.8], 1)
    assert of_norm([3, 0, -4], 1) == [1, 0, -1]
    for p in (0.5, 1, 1.5, 2, 7, INF):
        assert of_norm([0, 0], p) == [0, 0], "nothing beside zeros alone"
        assert of_norm([-5], p) == [-1]
    assert of_norm([3, -4, 1], INF) == [0, -1, 0]
    check([4, -9], 0.5, [(25 / 4) ** 0.5, -((25 / 9) ** 0.5)], 1 / 2 + 1)  # a quotient, its root
    # Nothing overflows or vanishes on the way.
    for scale in (1e300, 1e-300, 1.0):
        for p in (2, 30):
            # 1 / p is off by half of what 1 is, the difference by as much: a power of 2 makes log(2) of that.
            check([scale, scale], p, [2 ** (1 / p - 1)] * 2, math.log(2) + FUNCTION)


@pytest.mark.parametrize("op", OPS)
def test_masked_arrays(op: str) -> None:
    rng = np.random.default_rng(0)
    values, mask = rng.integers(1, 9, (7, 8)).astype(np.float32), rng.random((7, 8)) < 0.3
    x = np.ma.masked_array(values, mask)
    g = rng.integers(1, 9, (3, 4)).astype(np.float32)
    result = grad.pool(g, x, 2, op=op, axis=(0, 1), **WORDS[op])
    plain = grad.pool(g, values, 2, op=op, axis=(0, 1), mask=~mask, **WORDS[op])
    assert isinstance(result, np.ma.MaskedArray)
    assert np.array_equal(np.ma.getmaskarray(result), mask)
    assert np.array_equal(result.filled(0), plain)
    more = rng.random((7, 8)) < 0.5
    both = grad.pool(g, x, 2, op=op, axis=(0, 1), mask=more, **WORDS[op])
    plain = grad.pool(g, values, 2, op=op, axis=(0, 1), mask=~mask & more, **WORDS[op])
    assert np.array_equal(both.filled(0), plain)
    with pytest.raises(TypeError, match=r"\bout\b"):
        grad.pool(g, x, 2, op=op, axis=(0, 1), out=np.empty((7, 8), np.float32), **WORDS[op])


def test_weights(isa: str) -> None:
    g, x, w = [2.0, 3.0], [1.0, 5.0, 2.0, 4.0], np.array([3.0, 1.0, 0.5, 1.5])
    assert of_line("sum", g, x, 2, weights=w) == [6, 2, 1.5, 4.5]
    assert of_line("avg", g, x, 2, weights=w) == [1.5, 0.5, 0.75, 2.25]
    assert of_line("sum", g, x, 2, weights=w, wrt="weights") == [2, 10, 6, 12]
    assert of_line("avg", g, x, 2, weights=w, wrt="weights") == [-0.5, 1.5, -2.25, 0.75]
    assert of_line("avg", g, x, 2, weights=w, wrt="weights", divisor_override=2) == [1, 5, 3, 6]
    # A weight of 0 passes nothing on, and has a derivative itself; those that add up to 0 divide by 0.
    assert of_line("avg", [2.0], [1.0, 5.0], 2, weights=[0, 1]) == [0, 2]
    assert of_line("avg", [2.0], [1.0, 5.0], 2, weights=[0, 1], wrt="weights") == [-8, 0]
    assert np.isinf(of_line("avg", [2.0], [1.0, 5.0], 2, weights=[1, -1])).all()
    assert np.isnan(of_line("avg", [2.0], [1.0, 5.0], 2, weights=[0, 0])).all()


def test_weights_have_the_shape_that_they_are_given_in() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-9, 9, (2, 3, 4, 6)).astype(float)
    g = rng.integers(-4, 5, (2, 3, 2, 3)).astype(np.float32)
    full: Array = grad.sum_pool(g, x, 2, weights=np.ones(x.shape), wrt="weights")
    assert np.array_equal(full, x * g.repeat(2, 2).repeat(2, 3))
    assert full.dtype == np.float32
    for shape in ((6,), (4, 1), (3, 1, 1), (2, 1, 1, 1), (1, 1, 1, 1), (1, 3, 1, 6), (1,), ()):
        found: Any = grad.sum_pool(g, x, 2, weights=np.ones(shape), wrt="weights")
        wanted = full.astype(float)
        for axis in range(4):
            if ((1,) * (4 - len(shape)) + shape)[axis] == 1:
                wanted = wanted.sum(axis, keepdims=True)
        assert np.shape(found) == shape
        assert np.array_equal(found, wanted.reshape(shape)), shape
    out = np.empty(6)
    assert grad.sum_pool(g, x, 2, weights=np.ones(6), wrt="weights", out=out) is out
    assert np.array_equal(out, full.sum((0, 1, 2)))


def test_shapes_instead_of_arrays(isa: str) -> None:
    rng = np.random.default_rng(0)
    x = np.zeros((2, 3, 8, 9))
    for op in ("sum", "avg"):
        for name, words in (
            ("pool", {"kernel_size": 3, "stride": 2, "padding": 1}),
            ("adaptive_pool", {"output_size": 3}),
            ("global_pool", {}),
            ("pyramid_pool", {"grids": (2, 1)}),
            (f"{op}_pool", {"kernel_size": 2}),
            (f"adaptive_{op}_pool", {"output_size": 3}),
        ):
            named = {"op": op} if op not in name else {}
            g = rng.normal(size=getattr(tp, name)(x, **words, **named).shape).astype(np.float32)
            for mask in ({}, {"mask": rng.random(9) < 0.6}):
                given = getattr(grad, name)(g, x.shape, **words, **named, **mask)
                assert np.array_equal(given, getattr(grad, name)(g, x, **words, **named, **mask), equal_nan=True)
    points = ([0, 2, 8], [0, 4, 9])
    assert grad.fractional_avg_pool(np.ones((2, 3, 2, 2)), x.shape, boundaries=points).shape == x.shape


def test_x_and_g_are_what_numpy_reads_as_arrays() -> None:
    assert grad.max_pool([1.0, 2.0], [3, 4, 6, 5], 2, axis=0).tolist() == [0, 1, 2, 0]
    assert grad.sum_pool([1.0, 2.0], [3, 4, 6, 5], 2, axis=0).tolist() == [1, 1, 2, 2]
    g = np.array([1.0, 2.0])
    g.flags.writeable = False
    assert grad.max_pool(g, array.array("d", [3.0, 4, 6, 5]), 2, axis=0).tolist() == [0, 1, 2, 0]


def test_one_call_with_all_names_as_the_page_has_it() -> None:
    """The example of the interface."""
    x = np.random.default_rng(0).normal(size=(2, 3, 6, 6))
    y, indices = tp.max_pool(x, 3, stride=2, padding=1, return_indices=True)
    g = np.ones_like(y)
    result = grad.max_pool(g, x, 3, stride=2, padding=1)
    assert np.array_equal(result, grad.max_pool(g, x, 3, 2, 1, indices=indices))
    assert result.sum() == g.sum()


@pytest.mark.parametrize("p", [0.5, 1.5, 2.0, 3.0, 7.0, 60.0])
def test_norms_of_any_size(p: float) -> None:
    """Powers of these fit no float64; those of their quotients, from 1/3 to 1, do."""
    scales = 10.0 ** np.arange(-300, 301, 50)
    x = np.stack([scales, -3 * scales], axis=1)
    g = np.arange(1.0, 1 + len(scales))
    found = tp.grad.lp_pool(g[:, None], x, p, 2, axis=1)
    norm = (1 + 3.0**p) ** (1 / p)
    share = np.array([1.0, 3.0]) / norm
    expected = g[:, None] * [1, -1] * share ** (p - 1)
    roundings = gradient_of_norm(p, power_sum(2, p)) + gradient_of_norm_of_numpy(p, power_sum_of_numpy(2, p, norm))
    assert_close(found, expected, error(roundings) * np.abs(expected))


@pytest.mark.parametrize("shape", [(0, 2, 4, 4), (2, 4, 4, 0)])
def test_indices_and_out_of_arrays_without_cells(shape: tuple[int, ...]) -> None:
    axis = (2, 3) if shape[0] == 0 else (1, 2)
    x = np.zeros(shape)
    values, indices = tp.max_pool(x, 2, axis=axis, return_indices=True)
    out = np.zeros(shape)
    for _ in range(2):  # planned, then found again
        assert tp.grad.max_pool(values, x, 2, axis=axis, indices=indices, out=out) is out
