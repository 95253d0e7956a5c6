"""No byte outside x and out is touched: both lie against pages that fault, at every width and for every loop."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from agreement import FUNCTIONS, OPS, REDUCERS, reducer
from guarded_memory import Margins, between_guard_pages
from layouts import any_numbers, share
from reference import is_float
from test_reducers import OPTIONS
from tilepool import _core

Array = NDArray[Any]

WIDTHS = (*range(1, 40), *range(62, 68), *range(126, 131), 200, 255, 256, 257)

WINDOWS: list[dict[str, Any]] = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": 1, "padding": "same"},
    {"kernel_size": 5, "stride": 1, "padding": 2},
    {"kernel_size": (1, 3), "stride": (1, 3), "ceil_mode": True},
    {"kernel_size": (2, 4), "stride": (1, 4)},
    {"kernel_size": (3, 17), "stride": (2, 1)},
    {"kernel_size": (2, 40), "stride": (1, 2), "padding": (0, 39)},
    {"kernel_size": (2, 3), "stride": (1, 5), "dilation": (1, 4), "padding": (1, 8)},
    {"kernel_size": (1, 1), "stride": (3, 2)},
]


OUTSIDE = """
from numpy.lib.stride_tricks import as_strided
from guarded_memory import between_guard_pages

with between_guard_pages((5,), "float32", at_end={at_end}) as x:
    x[...] = 1
    print(x.sum(), flush=True)
    as_strided(x, (2,), ({stride},))[1].item()
    print("read")
"""


@pytest.mark.parametrize(("at_end", "stride"), [(True, 20), (False, -4)])
def test_a_guard_page_faults(at_end: bool, stride: int) -> None:
    """What the tests below rely on."""
    script = OUTSIDE.format(at_end=at_end, stride=stride)
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stdout) == (-signal.SIGSEGV, "5.0\n"), result.stderr


def test_margins_tell_what_was_written() -> None:
    for place in (-1, 5):
        margins = Margins((5,), "float32")
        assert margins.intact()
        as_strided(margins.array, (2,), (4 * place,))[1] = 0
        assert not margins.intact()
    gaps = Margins((5,), "float32", steps=(2,))
    as_strided(gaps.array, (9,), (4,))[3] = 0
    assert not gaps.intact()


def shapes() -> Iterator[tuple[tuple[int, ...], tuple[int, int]]]:
    for width in WIDTHS:
        yield (4, width), (0, 1)
        for channels in (1, 2, 3, 4, 5, 8, 17, 33, 65):
            if width * channels <= 300:
                yield (3, width, channels), (0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("at_end", [True, False], ids=["before a guard page", "behind a guard page"])
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
def test_guard_pages(op: str, dtype: str, at_end: bool, isa: str) -> None:
    """Each shape with one of the windows in turn. The results are compared too: what is not written is seen."""
    pool = FUNCTIONS[op]
    for number, (shape, axis) in share(enumerate(shapes()), dtype, at_end):
        arguments = WINDOWS[number % len(WINDOWS)]
        if op == "avg" and np.dtype(dtype).kind in "iu" and number % 4 < 2:
            arguments = {**arguments, "dtype": dtype}  # rounded averages have kernels of their own
        values = any_numbers(np.random.default_rng(number), shape, dtype)
        try:
            expected = pool(values, axis=axis, **arguments)
        except ValueError:  # narrower than the window
            arguments = {"kernel_size": 1, "stride": 2}
            expected = pool(values, axis=axis, **arguments)
        with (
            between_guard_pages(shape, dtype, at_end=at_end) as x,
            between_guard_pages(expected.shape, expected.dtype, at_end=at_end) as out,
        ):
            x[...] = values
            pool(x, axis=axis, out=out, **arguments)
            assert np.array_equal(out, expected, equal_nan=is_float(out.dtype)), (shape, axis, arguments)
            del x, out


@pytest.mark.parametrize("at_end", [True, False], ids=["before a guard page", "behind a guard page"])
@pytest.mark.parametrize("dtype", _core.dtypes)
@pytest.mark.parametrize("op", OPS)
def test_guard_pages_of_large_windows(op: str, dtype: str, at_end: bool, isa: str) -> None:
    for shape, axis, kernel, stride in (
        ((5003,), 0, 1000, 1),
        ((5003,), 0, 5003, 1),
        ((1500, 7), (0, 1), (1300, 2), 1),
        ((50, 51, 3), (0, 1), 30, (1, 2)),
    ):
        values = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
        expected = FUNCTIONS[op](values, kernel, stride, axis=axis)
        with between_guard_pages(shape, dtype, at_end=at_end) as x:
            x[...] = values
            assert np.array_equal(FUNCTIONS[op](x, kernel, stride, axis=axis), expected)
            del x


@pytest.mark.slow
@pytest.mark.parametrize("at_end", [True, False], ids=["before a guard page", "behind a guard page"])
@pytest.mark.parametrize("op", REDUCERS)
def test_guard_pages_of_reducers(op: str, at_end: bool, isa: str) -> None:
    """Each element type with some of the shapes and windows, and with one window of all cells."""
    for place, dtype in enumerate(_core.dtypes):
        some = [*enumerate(shapes())][place :: len(_core.dtypes)]
        for number, (shape, axis) in [*some, (0, ((2500,), (0,)))]:
            options = OPTIONS[op][number % len(OPTIONS[op])]
            windows = WINDOWS[number % len(WINDOWS)] if len(shape) > 1 else {"kernel_size": 2500}
            values = any_numbers(np.random.default_rng(number), shape, dtype)
            try:
                expected = reducer(op)(values, axis=axis, **windows, **options)
            except ValueError:  # narrower than the window
                windows = {"kernel_size": 1, "stride": 2}
                expected = reducer(op)(values, axis=axis, **windows, **options)
            with (
                between_guard_pages(shape, dtype, at_end=at_end) as x,
                between_guard_pages(expected.shape, expected.dtype, at_end=at_end) as out,
            ):
                x[...] = values
                reducer(op)(x, axis=axis, out=out, **windows, **options)
                assert np.array_equal(out, expected, equal_nan=is_float(out.dtype)), (dtype, shape, windows, options)
                del x, out
