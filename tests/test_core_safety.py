"""The private core refuses by itself what would not be safe: no call of it, however wrong, reaches foreign memory."""

import subprocess
import sys
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

import reference
from agreement import using_isa
from guarded_memory import Margins, between_guard_pages
from tilepool import _core

Array = NDArray[Any]

WINDOW = (2, 2, 0, 0, 1, False)  # kernel, stride, before, after, dilation, ceil
REFUSALS = (TypeError, ValueError)
FITS = (False, True, "full")
ISAS = st.sampled_from(_core.available_isas())


def plan(**changes: Any) -> _core.Plan:
    """2 x 2 maxima of float32 of 4 x 6, but for the changes."""
    words: dict[str, Any] = {
        "op": "max",
        "dtype": "float32",
        "shape": (4, 6),
        "strides": (24, 4),
        "windows": (WINDOW,) * 2,
    }
    return _core.Plan(**(words | changes))


def test_a_plan_tells_its_result() -> None:
    for op, dtype in (("max", "float32"), ("min", "float32"), ("sum", "float32"), ("average", "float32")):
        assert plan(op=op).result_dtype == dtype
    assert plan().result_shape == (2, 3)
    assert plan().result_strides == (12, 4)
    assert plan(strides=(4, 16)).result_strides == (4, 8)
    integers: dict[str, Any] = {"dtype": "int32", "op": "average_rounded"}
    assert plan(**integers).result_dtype == "int64"
    assert plan(**integers, integer="uint8").result_dtype == "uint8"


@pytest.mark.parametrize(
    "changes",
    [
        {"op": "median"},
        {"op": ""},
        {"op": "avg"},
        {"op": None},
        {"op": "average_rounded"},  # of floats
        {"dtype": "float128"},
        {"dtype": "complex64"},
        {"dtype": "f4"},
        {"dtype": np.float32},
        {"shape": (4,)},
        {"shape": (4, 6, 1)},
        {"shape": (-4, 6)},
        {"shape": (4.0, 6)},
        {"shape": "46"},
        {"shape": None},
        {"shape": (2**63, 6)},
        {"shape": (2**62, 2**62)},
        {"shape": (2**31, 2**32)},
        {"shape": (10**30, 6)},
        {"strides": (24,)},
        {"strides": (24, 4, 4)},
        {"strides": (24, 2**63)},
        {"strides": (-(2**63), 4)},
        {"strides": (2**62, 4)},
        {"strides": (10**30, 4)},
        {"windows": ()},
        {"windows": (WINDOW,)},
        {"windows": (WINDOW, WINDOW, WINDOW)},
        {"windows": (WINDOW, WINDOW[:5])},
        {"windows": (WINDOW, (*WINDOW, 1))},
        {"windows": (WINDOW, "222222")},
        {"windows": (WINDOW, 2)},
        {"windows": (WINDOW, (*WINDOW[:5], "x"))},
        {"divisor": float("nan")},
        {"divisor": "1"},
        {"no_such_word": 1},
        {"rounding": "ceil"},
        {"rounding": None},
        {"integer": "float32", "op": "average_rounded", "dtype": "int32"},
        {"integer": "bool", "op": "average_rounded", "dtype": "int32"},
        {"integer": "int128"},
        {"op": "product", "dtype": "uint8"},  # no such kernel
        {"op": "root_sum_square", "dtype": "float64"},
        {"op": "sum_magnitude", "dtype": "int32"},
        {"op": "quantile", "parameters": (1.5, 0)},
        {"op": "quantile", "parameters": (-0.1, 0)},
        {"op": "quantile_of_cells", "parameters": (float("nan"), 1)},
        {"op": "quantile", "parameters": (0.5, 5)},
        {"op": "quantile", "parameters": (0.5, float("nan"))},
        {"op": "quantile", "parameters": (0.5,)},
        {"op": "variance", "parameters": "00"},
        {"op": "variance", "omit": "no"},
        {"op": "mode", "indices": "cells", "weights": (6, 1)},
        {"dtype": "float16", "source": "float32"},  # which is not converted as it is read
        {"dtype": "int64", "source": "float64"},
        {"source": "float128"},
        {"source": 4},
        {"swapped": "no"},
        {"order": (0,)},
        {"order": (0, 0)},
        {"order": (0, 2)},
        {"order": (-1, 0)},
        {"order": (0, 2**70)},
    ],
    ids=str,
)
def test_plans_that_are_refused(changes: dict[str, Any]) -> None:
    if "divisor" in changes:
        changes = {"op": "average", **changes}
    with pytest.raises(REFUSALS):
        plan(**changes)


HUGE = (2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**64, 10**30)


@pytest.mark.parametrize("position", range(5), ids=["kernel", "stride", "before", "after", "dilation"])
def test_windows_that_are_refused(position: int) -> None:
    wrong: list[Any] = [-1, -(2**31), -(2**63), -(10**30), 2.0, "2", None, *HUGE[4:]]
    wrong += [0] if position in (0, 1, 4) else []
    wrong += HUGE if position in (0, 4) else []
    wrong += [2, 3, *HUGE] if position in (2, 3) else []
    for value in wrong:
        for ceil_mode in (False, True):
            window: list[Any] = [*WINDOW[:5], ceil_mode]
            window[position] = value
            if position == 0 and ceil_mode and value in HUGE[:4]:
                window[1] = 1  # or else ceil_mode would leave one output
            with pytest.raises(REFUSALS):
                plan(windows=(WINDOW, tuple(window)))
    with pytest.raises(REFUSALS):
        plan(shape=(0, 6), windows=(WINDOW, WINDOW))


@pytest.mark.parametrize(
    "window",
    [
        (),
        (*WINDOW[:5], 3),
        (*WINDOW[:5], -1),
        (*WINDOW[:5], 2**32),
        ("adaptive",),
        ("adaptive", 2, 2),
        ("adaptive", 0),
        ("adaptive", -1),
        ("adaptive", 2.0),
        ("adaptive", 2**62),
        ("adaptive", 2**63),
        ("adaptive", None),
        ("sliding", *WINDOW),
        ("listed",),
        ("listed", (0,)),
        ("listed", (0,), (1,), (1,)),
        ("listed", [0], [1]),
        ("listed", 0, 1),
        ("listed", (), ()),
        ("listed", (0, 1), (1,)),
        ("listed", (0,), (1, 1)),
        ("listed", (0,), (0,)),
        ("listed", (0,), (-1,)),
        ("listed", (0,), (7,)),
        ("listed", (-1,), (1,)),
        ("listed", (6,), (1,)),
        ("listed", (5,), (2,)),
        ("listed", (1,), (2**63 - 1,)),
        ("listed", (2**63 - 1,), (2**63 - 1,)),
        ("listed", (2**63,), (1,)),
        ("listed", (0,), (10**30,)),
        ("listed", (1, 0), (1, 2)),  # goes back
        ("listed", (0, 1), (4, 2)),  # ends before the one before it
        ("listed", (0, 1, 2, 3, 5), (2, 2, 2, 2, 2)),
        ("listed", (0, "1"), (1, 1)),
        ("listed", (0, None), (1, 1)),
    ],
    ids=str,
)
def test_windows_of_other_kinds_that_are_refused(window: tuple[Any, ...]) -> None:
    with pytest.raises(REFUSALS):
        plan(windows=(WINDOW, window))


# numpy has no bfloat16
@given(
    data=st.data(),
    dtype=st.sampled_from(sorted({*_core.dtypes} - {"bfloat16"})),
    op=st.sampled_from(("max", "sum")),
    isa=ISAS,
)
def test_any_lists_are_refused_or_right(data: st.DataObject, dtype: str, op: str, isa: str) -> None:
    """Listed windows of any kind, mostly right: even and uneven, with gaps, repeated, along rows, columns and lines."""
    shape = data.draw(st.lists(st.integers(1, 40), min_size=1, max_size=3))
    windows = tuple(data.draw(lists(n)) for n in shape)
    with using_isa(isa):
        try:
            made = _core.Plan(op, dtype, tuple(shape), np.empty(shape, dtype).strides, windows)
        except REFUSALS:
            event("refused")
            return
        values = np.random.default_rng(len(shape)).integers(0, 99, shape).astype(dtype)
        results = []
        for at_end in (False, True):
            with between_guard_pages(shape, dtype, at_end=at_end) as x:
                x[...] = values
                result = Margins(made.result_shape, made.result_dtype)
                made.run(x, result.array, 1 + at_end)
                del x
            results.append(result.array.copy())
            assert result.intact()
    function = reference.max_pool if op == "max" else reference.sum_pool
    expected = function(values, range(values.ndim), [reference.listed(*window[1:]) for window in windows])
    with np.errstate(over="ignore"):  # of float16
        expected = expected.astype(made.result_dtype)
    assert all(np.array_equal(result, expected) for result in results)


@st.composite
def lists(draw: st.DrawFn, n: int) -> tuple[Literal["listed"], tuple[int, ...], tuple[int, ...]]:
    kind = draw(st.sampled_from(("even", "uneven", "uneven", "wrong")))
    if kind == "even":
        kernel, stride, begin = draw(st.integers(1, n)), draw(st.integers(0, 5)), draw(st.integers(0, 1))
        firsts = [begin + i * stride for i in range(draw(st.integers(1, 9)))]
        firsts = [first for first in firsts if first + kernel <= n] or [0]
        return "listed", tuple(firsts), (kernel,) * len(firsts)
    firsts = draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=12))
    ends = [first + draw(st.integers(1, n - first)) for first in firsts]
    if kind == "uneven":
        firsts, ends = sorted(firsts), sorted(ends)  # which keeps each end behind its start
    return "listed", tuple(firsts), tuple(end - first for first, end in zip(firsts, ends, strict=True))


def foreign_inputs() -> list[Any]:
    """What is not aligned native float32 of 4 x 6 in C order. (As inputs, unaligned arrays are as good as others.)"""
    x = np.zeros((4, 6), np.float32)
    unaligned = np.zeros(100, np.uint8)[1:97].view(np.float32).reshape(4, 6)
    return [
        None, 1, "x", [[0.0] * 6] * 4, x.tobytes(), memoryview(x.tobytes()), object(), np.float32,
        x.astype(np.float64), x.view(np.int32), x.view(np.uint32), x.astype(">f4"), x.view("V4"), x.astype(object),
        x[:3], x[:, :5], x.reshape(24), x.reshape(1, 4, 6), x.reshape(6, 4), x.reshape(2, 12), x[:0],
        np.asfortranarray(x), x.T, x[::-1], x[:, ::-1], np.zeros((4, 12), np.float32)[:, ::2],
        np.zeros((4, 7), np.float32)[:, :6], np.zeros((8, 6), np.float32)[::2], unaligned,
        np.broadcast_to(np.zeros(6, np.float32), (4, 6)), as_strided(x, (4, 6), (4, 4)), np.zeros((4, 6), "m8[s]"),
    ]  # fmt: skip


def test_inputs_that_the_plan_was_not_made_for() -> None:
    for x in foreign_inputs():
        if isinstance(x, np.ndarray) and not x.flags.aligned:
            assert np.array_equal(plan().run(x), plan().run(x.copy()))  # bytes are bytes
            continue
        with pytest.raises(REFUSALS):
            plan().run(x)
        with pytest.raises(REFUSALS):
            plan().run(x, np.zeros((2, 3), np.float32))


def test_outputs_that_the_plan_was_not_made_for() -> None:
    x = np.ones((4, 6), np.float32)
    right = np.zeros((2, 3), np.float32)
    read_only = right.copy()
    read_only.flags.writeable = False
    memory = np.zeros(30, np.float32)
    wrong: list[Any] = [
        1, "out", [[0.0] * 3] * 2, memoryview(bytearray(24)), object(), right.astype(np.float64), right.astype(object),
        right.view(np.int32), right.view(np.uint32), right.astype(">f4"),
        right[:1], right[:, :2], right.reshape(6), right.reshape(3, 2), right.reshape(1, 2, 3), right[:0],
        np.asfortranarray(right), right[::-1], right[:, ::-1], np.zeros((2, 6), np.float32)[:, ::2],
        np.zeros((2, 4), np.float32)[:, :3], read_only, np.broadcast_to(np.zeros(3, np.float32), (2, 3)),
        as_strided(memory, (2, 3), (0, 4)), as_strided(memory, (2, 3), (4, 4)), as_strided(memory, (2, 3), (0, 0)),
        np.zeros(40, np.uint8)[1:25].view(np.float32).reshape(2, 3),
        x[:2, :3], as_strided(x, (2, 3), (12, 4)), as_strided(x[3:, 5:], (2, 3), (12, 4)),
    ]  # fmt: skip
    for out in wrong:
        with pytest.raises(REFUSALS):
            plan().run(x, out)
    assert np.all(x == 1)
    assert not right.any()
    assert not memory.any()
    assert plan().run(x, right) is right
    assert np.all(right == 1)


def test_threads_that_are_refused() -> None:
    x = np.zeros((4, 6), np.float32)
    for threads in (-1, -(2**31), 2**31, 2**63, -(10**30), 10**30, 1.0, "1", None):
        with pytest.raises(REFUSALS):
            plan().run(x, None, threads)  # type: ignore[arg-type]
        with pytest.raises(REFUSALS):
            _core.set_threads(threads)  # type: ignore[arg-type]
    for name in ("", "sse", "AVX2", "avx1024", None, 2):
        with pytest.raises(REFUSALS):
            _core.set_isa(name)  # type: ignore[arg-type]


def test_a_plan_cannot_be_changed() -> None:
    made = plan()
    for name in ("result_shape", "result_strides", "result_dtype"):
        with pytest.raises(AttributeError):
            setattr(made, name, ())
    with pytest.raises(TypeError):
        _core.Plan()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        _core.Plan.run(None, np.zeros((4, 6), np.float32))  # type: ignore[arg-type]


NEVER_MADE = """
import copy, pickle
import numpy as np
from tilepool._core import Plan

window = (2, 2, 0, 0, 1, False)
made = Plan("max", "float32", (4, 6), (24, 4), (window, window))
for make in (lambda: Plan.__new__(Plan), lambda: copy.copy(made), lambda: pickle.loads(pickle.dumps(made))):
    for use in (lambda plan: plan.run(np.zeros((4, 6), np.float32)), lambda plan: plan.result_shape):
        try:
            print(use(make()))
        except (TypeError, RuntimeError) as error:
            print(type(error).__name__)
"""


def test_a_plan_that_was_never_made_is_refused() -> None:
    """Python can make an object without calling __init__, and does so for a copy. Its memory must not be read."""
    result = subprocess.run([sys.executable, "-c", NEVER_MADE], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, f"exit status {result.returncode}: {result.stderr}"
    assert set(result.stdout.split()) <= {"TypeError", "RuntimeError"}


@given(
    shape=st.lists(st.integers(1, 9) | st.sampled_from((0, 33)), min_size=1, max_size=4),
    data=st.data(),
    dtype=st.sampled_from(_core.dtypes),
    op=st.sampled_from(("max", "min", "sum", "average", "average_rounded")),
)
def test_any_plan_is_refused_or_right(shape: list[int], data: st.DataObject, dtype: str, op: str) -> None:
    """Random words, mostly wrong in some place. Where the core takes them, it writes a maximum, and inside `out`."""
    x = np.random.default_rng(len(shape)).integers(0, 99, shape).astype(dtype)
    number = st.integers(-1, 4) | st.integers(0, 3) | st.sampled_from((2**31, 2**62, 2**63 - 1, 2**63))
    window = st.none() | st.tuples(number, number, st.integers(0, 2), st.integers(0, 2), number, st.integers(0, 2))
    small = st.none() | st.tuples(*(st.integers(*r) for r in ((1, 4), (1, 3), (0, 1), (0, 1), (1, 2), (0, 2))))
    windows = tuple(data.draw(st.one_of(small, small, window)) for _ in shape)
    strides = tuple(data.draw(st.sampled_from((stride, stride, -stride, 0, stride * 2, 2**60))) for stride in x.strides)
    strides = data.draw(st.sampled_from((x.strides, x.strides, strides)))
    try:
        made = _core.Plan(op, dtype, tuple(shape), strides, windows)
        result = Margins(made.result_shape, made.result_dtype)
        made.run(x, result.array)
    except REFUSALS:
        return
    except MemoryError:
        return  # numpy's, for a result of 2**62 elements
    if op == "max":
        axes = [axis for axis, window in enumerate(windows) if window is not None]
        lists = [
            reference.sliding(shape[axis], window[0], window[1], (window[2], window[3]), window[4], FITS[window[5]])
            for axis, window in enumerate(windows)
            if window is not None
        ]
        expected = reference.max_pool(x, axes, lists) if axes else x
        assert np.array_equal(result.array, expected)
    assert result.intact()


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("size", [0, 1, 7, 4096, 100_001])
def test_a_copy_is_whole(size: int, threads: int) -> None:
    source = np.random.default_rng(size).integers(0, 256, size, np.uint8)
    with between_guard_pages((size,), np.uint8, at_end=True) as target:
        _core.copy(source, target, threads, times=2)
        np.testing.assert_array_equal(target, source)


def test_copies_that_are_refused() -> None:
    memory = np.arange(64, dtype=np.uint8)
    source, target = memory[:16], memory[16:32]
    read_only = target.copy()
    read_only.flags.writeable = False
    wrong: list[tuple[Any, ...]] = [
        (source, target[:15]),
        (source, memory[15:31]),  # overlaps
        (source, memory[32::2]),
        (source.astype(object), target.astype(object)),
        (source.view(np.int8), target.view(np.int8)),
        (source, read_only),
        (list(source), target),
        (source, None),
        (source, target, -1),
        (source, target, 1025),
        (source, target, 1, 1.5),
    ]
    for arguments in wrong:
        with pytest.raises(REFUSALS):
            _core.copy(*arguments)
    assert memory.tolist() == list(range(64))
