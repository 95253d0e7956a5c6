"""Kernels, paddings, strides and dilations beyond any array: time grows with cells and outputs, never with them."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import reference
import tilepool as tp
from agreement import REDUCERS, differs, expected_of, reducer
from rounding_errors import assert_close, error

Array = NDArray[Any]

LIMIT = 60  # seconds; each takes about one. What counts arguments would take hours, and hold the interpreter meanwhile.
HUGE = (2**31 - 1, 2**31 + 1, 2**40 + 1, 2**53 - 1, 2**53 + 1, 2**61 - 1)

PLAIN: dict[str, Any] = {
    "max": tp.max_pool,
    "min": tp.min_pool,
    "sum": tp.sum_pool,
    "avg": partial(tp.avg_pool, count_include_pad=False),
    **{
        op: reducer(op) if op != "lp" else lambda x, *rest, **named: tp.lp_pool(x, 3, *rest, **named) for op in REDUCERS
    },
}
PLAIN.pop("quantile", None)  # median stands for it; it has one more argument in front


def placed(kernel: int) -> list[tuple[int, int, int]]:
    """Strides, and padding before and after: windows that see all cells, some, none."""
    return [
        (1, kernel // 2, kernel // 2),
        (1, kernel - 1, 0),
        (1, 3, kernel - 4),
        (2, kernel - 5, 10),
        (kernel // 4, kernel // 2, kernel // 2),
        (kernel, kernel // 2, kernel // 2),
    ]


def seen(n: int, kernel: int, stride: int, before: int, after: int) -> list[reference.Window]:
    """What the windows see of a series of n cells: the oracle lists no padding."""
    outputs = (n + before + after - kernel) // stride + 1
    starts = [o * stride - before for o in range(outputs)]
    firsts, ends = ([min(n, max(0, tap)) for tap in taps] for taps in (starts, [start + kernel for start in starts]))
    return reference.listed(firsts, [end - first for first, end in zip(firsts, ends, strict=True)])


def limited(function: str, *arguments: object, file: str = __name__) -> None:
    """Run a function of a file of tests in another process, for no longer than the limit."""
    script = f"import {file} as t; t.{function}(*{arguments!r})"
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    where = {"PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, env=os.environ | where, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert result.returncode == 0, result.stderr


def check_all_windows() -> None:
    for op in PLAIN:
        for kernel in HUGE:
            check_windows(op, kernel)


def check_windows(op: str, kernel: int) -> None:
    x = np.random.default_rng(0).integers(1, 9, 9).astype(np.float64)
    for stride, before, after in placed(kernel):
        arguments = {"kernel_size": kernel, "stride": stride, "padding": ((before, after),), "axis": 0}
        result = PLAIN[op](x, **arguments)
        options = {"norm_type": 3} if op == "lp" else {}
        values, _, bound = expected_of(op, x, (0,), [seen(len(x), kernel, stride, before, after)], options)
        assert not differs(result, values, bound).any(), f"{op}: {arguments}: {result}, not {values}"


@pytest.mark.slow
def test_kernels_of_any_size() -> None:
    limited("check_all_windows")


def check_options(kernel: int) -> None:
    x = np.random.default_rng(1).permutation(9).astype(np.float64)
    same: dict[str, Any] = {"kernel_size": kernel, "stride": 1, "padding": "same", "axis": 0}
    n = len(x)
    sizes = [min(kernel, n + kernel // 2 - o + kernel // 2) for o in range(n)]  # of the padded input that is seen
    assert np.array_equal(tp.avg_pool(x, **same), [x.sum() / size for size in sizes])
    mask = x != 8
    assert np.array_equal(tp.max_pool(x, mask=mask, **same), np.full(n, 7.0))
    assert np.array_equal(tp.max_pool(np.where(mask, x, np.nan), nan_policy="omit", **same), np.full(n, 7.0))
    assert np.array_equal(tp.sum_pool(x, weights=np.full(n, 2.0), **same), np.full(n, 2 * x.sum()))
    for count in (True, False):
        options: dict[str, Any]
        for options in ({"mask": mask}, {"weights": np.ones(n)}):
            result = tp.avg_pool(x, count_include_pad=count, **options, **same)
            left = x[mask] if "mask" in options else x
            missing = n - len(left)
            expected = np.array([left.sum() / (size - missing if count else len(left)) for size in sizes])
            # Sums are exact. A divisor beyond 2**53 is rounded as a float, the library's once more when what is there
            # is counted; and each side divides.
            assert_close(result, expected, error(3 + 2) * expected if count else 0)
    values, places = tp.max_pool(x, return_indices=True, **same)
    assert np.array_equal(values, np.full(n, 8.0))
    assert np.array_equal(places, np.full(n, x.argmax()))
    if kernel < 2**62:
        places = tp.max_pool(x, return_indices=True, index_base="window", **same)[1]
        assert np.array_equal(places, x.argmax() - np.arange(n) + kernel // 2)
    drawn = tp.stochastic_pool(x, rng=0, **same)
    assert set(drawn) <= set(x)
    mixed = tp.mixed_pool(x, alpha=0.5, count_include_pad=False, **same)
    assert np.array_equal(mixed, np.full(n, (8 + x.mean()) / 2))
    for dtype in ("uint8", "int64", "float16"):
        assert np.array_equal(tp.sum_pool(x.astype(dtype), **same), np.full(n, 36))
    wide = np.arange(4096 * 6, dtype=np.float32).reshape(4096, 6)
    assert np.array_equal(
        tp.max_pool(wide, (kernel, 2), stride=(kernel, 2), padding="same", axis=(0, 1)), wide[-1:, 1::2]
    )
    assert tp.cost(x.shape, kernel, 1, "same", axis=0).output_shape == x.shape


@pytest.mark.slow
@pytest.mark.parametrize("kernel", [2**31 + 1, 2**53 + 1, 2**61 - 1])
def test_options_with_huge_kernels(kernel: int) -> None:
    limited("check_options", kernel)


def check_dilations() -> None:
    x = np.arange(1.0, 10.0)
    for dilation in (2**31, 2**40, 2**61):
        for op in ("max", "min", "sum", "avg", "median", "std"):
            result = PLAIN[op](x, 3, stride=1, padding=((dilation, dilation),), dilation=dilation, axis=0)
            assert np.array_equal(result, np.zeros(9) if op == "std" else x), (op, dilation)
        sparse = tp.max_pool(x, 2, stride=1, padding=((dilation // 2, dilation // 2),), dilation=dilation, axis=0)
        assert len(sparse) == 9 + dilation // 2 * 2 - dilation


def test_dilations_of_any_size() -> None:
    limited("check_dilations")


def check_growth() -> None:
    """A window that sees all is no more work than the signal."""
    x = np.random.default_rng(0).normal(size=2**20)
    for kernel in (2**21 - 1, 2**21 + 1, 2**22, 2**40):
        assert (tp.max_pool(x, kernel, 1, "same", axis=0) == x.max())[2**19]
    # Counting the taps inside of every window would take 2**40 steps.
    assert np.array_equal(tp.max_pool(x, 2**40 + 1, 1, "same", axis=0), np.full(len(x), x.max()))


@pytest.mark.slow
def test_time_does_not_grow_with_the_kernel() -> None:
    limited("check_growth")


def check_odometer() -> None:
    """Windows of millions of taps on the outer axes: nothing is listed for each of them."""
    import resource

    x = np.broadcast_to(np.arange(128, dtype=np.float32).reshape(2, 64), (3000, 3000, 2, 64))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = tp.max_pool(x, (2999, 2999, 1, 3), 1, axis=(0, 1, 2, 3), threads=1)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert np.array_equal(result, np.broadcast_to(np.arange(128).reshape(2, 64)[:, 2:], (2, 2, 2, 62)))
    assert grown < 34 << 10, f"{grown} KB"


def test_taps_of_the_line_axes_are_not_listed() -> None:
    limited("check_odometer")


def check_wide_rows() -> None:
    """A window of millions of cells along a row: a thread's buffers stay below 32 MB."""
    import resource

    n, kernel = 6_000_000, 2_500_000
    for dtype, op in (("int32", tp.max_pool), ("int64", tp.sum_pool), ("float64", tp.min_pool)):
        x = (np.arange(n) * 7919 % 1000003).astype(dtype)
        out = np.empty(n - kernel + 1, dtype)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        op(x, kernel, 1, axis=0, out=out, threads=1)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 36 << 10, f"{dtype}: {grown} KB"
        for o in (0, 1, n // 4, n - kernel):
            cells = x[o : o + kernel]
            assert out[o] == (cells.max() if op is tp.max_pool else cells.min() if op is tp.min_pool else cells.sum())


@pytest.mark.slow
def test_windows_of_millions_of_cells_along_a_row() -> None:
    limited("check_wide_rows")


def test_strides_between_elements() -> None:
    """Rows that lie 25 bytes apart: none of them but the first is aligned."""
    raw = np.random.default_rng(3).integers(0, 256, 75, np.uint8)
    x = np.ndarray((3, 4), np.float32, raw, 0, (25, 4))
    for op in ("max", "sum", "median"):
        expected = tp.pool(x.copy(), 2, op, 1, axis=(0, 1))
        assert tp.pool(x, 2, op, 1, axis=(0, 1)).tobytes() == expected.tobytes()
