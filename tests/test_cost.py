"""`cost` counts what a walk over all windows counts, refuses what a pooling refuses, and does not walk itself."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import reference
import tilepool as tp
from agreement import windows_of
from test_errors import RULES, all_refused, refused
from test_oracle_agreement import Geometry, few_enough, geometries


def counted(shape: tuple[int, ...], axes: tuple[int, ...], arguments: dict[str, Any], itemsize: int) -> tp.Cost:
    """Visits every window."""
    numbers = np.arange(np.prod(shape)).reshape(shape)
    looked_at: set[int] = set()

    def taps(cells: Any, _: int) -> Any:
        looked_at.update(cells.ravel().tolist())
        return cells.shape[-1]

    counts = reference.pool(numbers, axes, windows_of(numbers, axes, arguments), taps, np.int64)
    combinations = int(np.sum(np.maximum(counts - 1, 0)))
    return tp.Cost(counts.shape, combinations, len(looked_at) * itemsize, counts.size * itemsize)


@given(geometry=geometries(), dtype=st.sampled_from(("float32", "float64", "uint8")))
def test_as_counted(geometry: Geometry, dtype: str) -> None:
    shape, axis, arguments = geometry.shape, geometry.axis, geometry.arguments
    assume(few_enough(np.empty(shape), axis, arguments))
    actual = tp.cost(shape, axis=axis, dtype=dtype, **arguments)
    assert actual == counted(shape, axis, arguments, np.dtype(dtype).itemsize)
    assert actual.output_shape == tp.max_pool(np.zeros(shape, dtype), axis=axis, **arguments).shape
    assert {type(number) for number in (*actual.output_shape, *actual[1:])} == {int}


@pytest.mark.slow
@given(data=st.data(), n=st.integers(1, 300), kernel=st.integers(1, 60), dilation=st.integers(1, 400))
def test_long_windows_of_one_axis(data: st.DataObject, n: int, kernel: int, dilation: int) -> None:
    """Where windows overlap in part, share cells, step over each other's or over the whole input."""
    extent = dilation * (kernel - 1) + 1
    pad = st.integers(0, extent - 1) | st.integers(0, min(extent - 1, 400))
    arguments: dict[str, Any] = {
        "kernel_size": kernel,
        "stride": data.draw(st.integers(1, 100) | st.integers(1, extent)),
        "padding": [(data.draw(pad), data.draw(pad))],
        "dilation": dilation,
        "ceil_mode": data.draw(st.booleans()),
    }
    (windows,) = windows_of(np.empty(n), (0,), arguments)
    assume(0 < len(windows) < 2000)
    assert tp.cost((n,), axis=0, dtype="uint8", **arguments) == counted((n,), (0,), arguments, 1)


def test_empty_windows_cost_nothing() -> None:
    """One cell, taps 3 apart: every third window sees it, the others see padding only."""
    assert tp.cost((1,), 3, 1, [(6, 6)], 3, axis=0) == ((7,), 0, 4, 28)
    assert tp.max_pool(np.zeros(1), 3, 1, [(6, 6)], 3, axis=0).tolist() == [0, *[-np.inf] * 2] * 2 + [0]


def test_cells_that_no_window_looks_at_are_not_read() -> None:
    assert tp.cost((10,), 2, 5, axis=0, dtype="uint8") == ((2,), 2, 4, 2)
    assert tp.cost((0, 3, 8, 8), 2) == ((0, 3, 4, 4), 0, 0, 0)
    assert tp.cost((2, 8, 8, 3), (2, 4), layout="channels_last", dtype="uint8") == ((2, 4, 2, 3), 336, 384, 48)


def test_huge() -> None:
    """Known by hand. Of 3 taps at stride 2 on an even number of cells, padded by 1, the first window has 2."""
    n = 10**9
    layer = tp.cost((n, n, n, n), 3, stride=2, padding=1)
    half = n // 2
    assert layer.output_shape == (n, n, half, half)
    assert layer.operations == n**2 * ((3 * half - 1) ** 2 - half**2)
    assert (layer.bytes_read, layer.bytes_written) == (4 * n**4, 4 * n**2 * half**2)

    # A window as long as the input, at stride 1: all outputs but the one in the middle are cut at an edge.
    m = 10**9
    assert tp.cost((2 * m + 1,), 2 * m + 1, 1, m, axis=0).operations == m * (3 * m + 1)

    # Windows of every third cell, each the last one moved by a tap.
    d, k = 3, 10**6
    assert tp.cost((3 * n,), k, d, 0, d, axis=0, dtype="uint8") == ((n - k + 1,), (n - k + 1) * (k - 1), n, n - k + 1)


def test_refuses_what_a_pooling_refuses() -> None:
    """In the same words."""
    rules = [rule for rule in RULES if rule[0] not in ("out", "threads")]
    assert {rule[0] for rule in rules} >= {
        "kernel_size",
        "stride",
        "padding",
        "dilation",
        "ceil_mode",
        "layout",
        "axis",
    }
    all_refused(lambda x, **words: tp.cost(x.shape, **words), np.zeros((1, 1, 4, 4), np.float32), rules, kernel_size=2)
    huge = 2**62
    refused(ValueError, "^kernel_size must keep windows and padded", tp.cost, (huge,), huge, 1, huge - 1, axis=0)
    with pytest.raises(ValueError, match=r"^x must not be empty along a pooled axis, not of sizes \(4, 0\)"):
        tp.cost((1, 1, 4, 0), 2)


@pytest.mark.parametrize(
    ("shape", "exception", "pattern"),
    [
        (4, TypeError, "^shape must be a tuple of integers, not 4$"),
        ((4, 4.0), TypeError, r"^shape must be a tuple of integers, not \(4, 4.0\)$"),
        ((4, True), TypeError, "^shape must be a tuple of integers"),
        (np.array([4.0, 4.0]), TypeError, "^shape must be a tuple of integers"),
        ("44", TypeError, "^shape must be a tuple of integers"),
        ((4, -1), ValueError, r"^shape must not be negative, not \(4, -1\)$"),
        ((4, 10**5000), ValueError, r"^shape must be below 2\*\*63, not"),
        ((), ValueError, "^x must have at least one axis to pool"),
        ((4, 4), ValueError, "^x must have at least 3 dimensions where no axis="),
    ],
)
def test_shapes_that_are_none(shape: Any, exception: type[Exception], pattern: str) -> None:
    refused(exception, pattern, tp.cost, shape, 2)


@pytest.mark.parametrize("dtype", ["complex64", "U3", "no such type", 7])
def test_dtypes_that_are_none(dtype: Any) -> None:
    refused(TypeError, "^dtype must be float16, ", tp.cost, (4,), 2, axis=0, dtype=dtype)
