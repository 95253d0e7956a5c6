"""What every function refuses, as a table: arguments, exception, and the sentence that says why."""

import contextlib
import itertools
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

import tilepool as tp
from agreement import FUNCTIONS, OPS

pytestmark = pytest.mark.timeout(120)  # no loop runs to a number of the user's; all of a test's calls take seconds

Array = NDArray[Any]
Rule = tuple[str, type[Exception], str, list[Any]]  # argument, exception, sentence, values that break the rule


def refused(exception: type[Exception], pattern: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Assert that a call raises, with a sentence one can read."""
    with pytest.raises(exception, match=pattern) as caught:
        function(*args, **kwargs)
    assert not isinstance(caught.value, OverflowError)
    assert len(str(caught.value)) < 400


def all_refused(function: Any, x: Any, rules: list[Rule], **words: Any) -> None:
    """Assert that a call refuses every value of every rule. A failure names all values that were not refused."""
    failures = []
    for name, exception, pattern, values in rules:
        for value in values:
            try:
                refused(exception, pattern, function, **({"x": x} | words | {name: value}))
            except (Exception, pytest.fail.Exception) as error:
                failures.append(f"{name} of {type(value).__name__}, for {pattern!r}: {type(error).__name__}: {error}")
    assert not failures, "\n".join(failures)


NO_INTEGERS: list[Any] = [
    2.0, np.float64(2), "2", b"2", 2 + 0j, Fraction(2), Decimal(2), True, np.True_, np.array(2), np.array([2.0, 2.0]),
    (2, 2.0), (2, True), (2, None), (np.array(2), 2), ["2", 2], [[2], [2]], ((2, 2), (2, 2)), {2, 3}, {2: 2},
    range(1, 3), (n for n in (2, 2)), np.timedelta64(2, "s"), object(), int, memoryview(b"22"),
]  # fmt: skip
NOT_POSITIVE: list[Any] = [0, -1, -(2**31), -(2**63), -(10**30), (2, 0), [0, 2], (-1, 10**30), np.int8(-1)]
NOT_TWO: list[Any] = [(), (2,), [2], (2, 2, 2), tuple([2] * 1000)]
HUGE: list[Any] = [2**63, 2**63 + 1, 2**64, 10**30, 10**5000]  # Python refuses to print the last one
LARGE: list[Any] = [2**31 - 1, 2**31, 2**32, 2**53, 2**62, 2**63 - 1]


def integer_rules(name: str) -> list[Rule]:
    """What no argument with one positive integer per axis may be (fault rows 1 and 5)."""
    return [
        (name, TypeError, f"^{name} must be an integer or a tuple", NO_INTEGERS),
        *[(name, ValueError, f"^{name} must be positive, not {re.escape(repr(v)[:40])}", [v]) for v in NOT_POSITIVE],
        (name, ValueError, rf"^{name} must be below 2\*\*63, not ", [*HUGE, *((1, value) for value in HUGE)]),
        (name, ValueError, f"^{name} must have one value for each of 2 pooled axes, not ", NOT_TWO),
    ]


# Every rule on an array with 4 x 4 pooled cells, and the kernel 2.
RULES: list[Rule] = [
    *integer_rules("kernel_size"),
    *integer_rules("stride"),
    *integer_rules("dilation"),
    ("kernel_size", TypeError, "^kernel_size must be an integer", [None]),
    ("dilation", TypeError, "^dilation must be an integer", [None]),
    # Kernels and dilations that the input has no room for (fault row 4).
    ("kernel_size", ValueError, r"^kernel_size \(5, 5\) is larger than the padded input \(4, 4\)$", [5, (5, 5)]),
    ("kernel_size", ValueError, r"^kernel_size \(1, 5\) is larger than the padded input \(4, 4\)$", [[1, 5]]),
    ("kernel_size", ValueError, "^kernel_size ", LARGE),
    ("dilation", ValueError, r"^kernel_size \(2, 2\) with dilation \(4, 4\) is larger than the padded input", [4]),
    ("dilation", ValueError, "^kernel_size ", LARGE),
    # Padding (fault row 2).
    ("padding", ValueError, "^padding must not be negative", [-1, (-1, 0), ((0, -1), (0, 0)), -(10**30)]),
    ("padding", ValueError, "^padding must be smaller than", [2, (0, 2), ((0, 0), (2, 0)), *LARGE, *HUGE]),
    ("padding", ValueError, "^padding must have one", [(), (1,), (1, 1, 1), ((1, 0),), ((1, 0),) * 3]),
    ("padding", ValueError, "^padding must have one", [((1,), (1,)), ((1, 0, 0), (1, 0, 0)), ((), ())]),
    ("padding", ValueError, "^padding must be .*'same_lower', not", ["SAMESAME", "reflect", "", "full"]),
    ("padding", TypeError, "^padding must be .* not", [None, 1.0, True, b"same", np.array(1), (1, 1.0), (1, None)]),
    ("padding", TypeError, "^padding must be .* not", [(1, (0, 1)), ((0, True), (0, 0)), np.ones((2, 2))]),
    # Switches and words.
    ("ceil_mode", TypeError, "^ceil_mode must be False, True, 'floor', .* not", [0, 1, None, b"full", 1.0, np.int8(1)]),
    ("ceil_mode", ValueError, "^ceil_mode must be False, True, 'floor', 'ceil' or 'full', not", ["yes", "", "Full"]),
    ("layout", ValueError, "^layout must be 'channels_first' or", ["NCHW", "", "channels-last"]),
    ("layout", TypeError, "^layout must be", [1, b"channels_last", ["channels_last"]]),
    ("axis", np.exceptions.AxisError, "^axis .* is out of bounds for array of dimension 4$", [4, -5, (2, 4), *HUGE]),
    ("axis", ValueError, "^duplicate value in 'axis'", [(2, 2), (3, -1), [0, 1, 0]]),
    ("axis", ValueError, "^axis must name", [(), []]),
    ("axis", TypeError, "^axis must be", [2.0, True, "2", (2, 3.0), (2, False), np.array([2.0, 3.0]), {2, 3}]),
    ("threads", ValueError, "^threads must be between 1 and 1024, not", [0, -1, 1025, *HUGE, -(2**63)]),
    ("threads", TypeError, "^threads must be None or an integer", [True, 1.0, "1", (1,), np.array(1), object()]),
]

DTYPE_RULES: list[Rule] = [
    ("dtype", TypeError, "^dtype must be .* not ", [bool, "g", complex, object, "U3", "M8[s]"]),
    ("dtype", TypeError, "dtype|data type", ["no such type", 7, object()]),
]

AVERAGE_RULES: list[Rule] = [
    ("count_include_pad", TypeError, "^count_include_pad must be True or False", [0, 1, None, "no"]),
    ("divisor_override", ValueError, "^divisor_override must not be zero", [0]),
    ("divisor_override", ValueError, "^divisor_override must be below", [2**53, -(2**53), *HUGE]),
    ("divisor_override", TypeError, "^divisor_override must be None or", [2.0, True, "2", (2,), np.array(2)]),
    ("dtype", TypeError, "^dtype must be float16, .*, float64, int8, .* or uint64, not bool", ["?"]),
    ("rounding", TypeError, "^rounding must be 'half_even', .* or 'trunc', not", [None, 1, b"floor", np.rint]),
    ("rounding", ValueError, "^rounding must be 'half_even', .* or 'trunc', not", ["", "ceil", "FLOOR"]),
    ("rounding", ValueError, "^rounding must be 'half_even' unless dtype is an integer, not", ["half_up", "floor"]),
]


@pytest.mark.parametrize("batch", [1, 0], ids=["", "empty batch"])
@pytest.mark.parametrize("op", OPS)
def test_arguments(op: str, batch: int) -> None:
    """Arguments are checked where the result is empty, too. A call that is right works before and after."""
    x = np.arange(batch * 16, dtype=np.float32).reshape(batch, 1, 4, 4)
    expected = FUNCTIONS[op](x, 2)
    own = {"avg": AVERAGE_RULES + DTYPE_RULES, "sum": DTYPE_RULES}
    all_refused(FUNCTIONS[op], x, RULES + own.get(op, []), kernel_size=2)
    assert np.array_equal(FUNCTIONS[op](x, 2), expected)


@pytest.mark.parametrize("op", OPS)
def test_huge_but_right(op: str) -> None:
    """Numbers that no loop may run to: strides beyond the input, the dilation of one tap, kernels that hang over."""
    x = np.arange(4.0)
    first, whole = x[0], {"max": 3, "min": 0, "avg": 1.5, "sum": 6}[op]
    for huge in (2**31 - 1, 2**31, 2**32, 2**53, 2**62, 2**63 - 1):
        for ceil_mode in (False, True, "full"):
            if ceil_mode == "full":  # one more, behind the end
                assert FUNCTIONS[op](x, 1, huge, axis=0, ceil_mode=ceil_mode).shape == (2,)
                continue
            assert FUNCTIONS[op](x, 1, huge, axis=0, ceil_mode=ceil_mode).tolist() == [first]
            assert FUNCTIONS[op](x, 4, huge, axis=0, ceil_mode=ceil_mode).tolist() == [whole]
            assert FUNCTIONS[op](x, 1, dilation=huge, axis=0, ceil_mode=ceil_mode).tolist() == x.tolist()
        if huge <= 2**53:
            assert FUNCTIONS[op](x, huge, axis=0, ceil_mode=True).tolist() == [whole]
            assert FUNCTIONS[op](x, 2, huge, axis=0, dilation=huge - 1, ceil_mode=True).tolist() == [first]
    for padding in (2**40, 2**61):  # as many outputs: more than there is memory, or than an array can have
        with pytest.raises((MemoryError, ValueError)):
            FUNCTIONS[op](x, 2, 1, padding, dilation=padding + 1, axis=0)


EQUAL: list[tuple[str, Any, list[Any]]] = [
    ("kernel_size", 1, [True, 1.0, np.float32(1), Fraction(1), 1 + 0j, np.array(1)]),
    ("kernel_size", (1, 1), [(True, 1), (1, 1.0), (np.float64(1), 1), [1, True]]),
    ("stride", (1, 2), [(True, 2), (1, 2.0)]),
    ("dilation", 1, [True, 1.0]),
    ("padding", 0, [False, 0.0]),
    ("padding", (0, 0), [(False, 0), (0, 0.0)]),
    ("padding", ((0, 0), (0, 0)), [((False, 0), (0, 0)), ((0, 0), (0, 0.0))]),
    ("ceil_mode", False, [0, 0.0]),
    ("ceil_mode", True, [1]),
    ("axis", 1, [True, 1.0]),
    ("axis", (0, 1), [(False, True), (0, 1.0)]),
    ("threads", 1, [True, 1.0]),
]
EQUAL_OF_AVERAGES: list[tuple[str, Any, list[Any]]] = [
    ("count_include_pad", True, [1]),
    ("divisor_override", 1, [True, 1.0]),
]


@pytest.mark.parametrize(
    ("op", "name", "right", "wrong"),
    [(op, *row) for op in OPS for row in EQUAL] + [("avg", *row) for row in EQUAL_OF_AVERAGES],
)
def test_equal_is_not_the_same(op: str, name: str, right: Any, wrong: list[Any]) -> None:
    """1, 1.0 and True are equal and hash alike: a cache of calls must not take one for the other, in either order."""
    x = np.arange(16, dtype=np.float32).reshape(1, 1, 4, 4)
    for value in wrong:
        call = {"kernel_size": 1, name: value}
        with pytest.raises(TypeError, match=name):
            FUNCTIONS[op](x, **call)
        result = FUNCTIONS[op](x, **{"kernel_size": 1, name: right})
        with pytest.raises(TypeError, match=name):
            FUNCTIONS[op](x, **call)
        assert np.array_equal(FUNCTIONS[op](x, **{"kernel_size": 1, name: right}), result)


class Alike(type):
    """Of types that claim to be every other type."""

    def __eq__(cls, _: object) -> bool:
        return True

    def __hash__(cls) -> int:
        return hash(int)


def test_words_that_claim_to_be_equal_are_told_apart() -> None:
    """A cache of calls must not take one for the other, nor give a plain word what it keeps for them.

    What a string means that equals all others is left open, and so is a word whose type claims to be another.
    """
    x = np.arange(729).reshape(1, 9, 9, 9)
    rows: list[tuple[str, type, list[Any], Callable[[Any], Any]]] = [
        ("kernel_size", int, [2, 3], lambda word: word),
        ("kernel_size", int, [2, 3], lambda word: (word, 2)),
        ("kernel_size", tuple, [(2, 2), (3, 1)], lambda word: word),
        ("kernel_size", np.int64, [2, 3], lambda word: word),
        ("stride", int, [2, 3], lambda word: word),
        ("padding", int, [0, 1], lambda word: ((word, 0), (0, word))),
        ("padding", str, ["valid", "same"], lambda word: word),
        ("dilation", np.uint8, [1, 2], lambda word: (1, word)),
        ("ceil_mode", str, ["floor", "full"], lambda word: word),
        ("axis", int, [3, 2], lambda word: word),
        ("layout", str, ["channels_first", "channels_last"], lambda word: word),
        ("divisor_override", int, [4, 5], lambda word: word),
        ("output_size", int, [2, 3], lambda word: (word, None)),
    ]
    claims = {"__eq__": lambda *_: True, "__ne__": lambda *_: False}
    for name, kind, values, word in rows:
        function: Any = {"divisor_override": tp.avg_pool, "output_size": tp.adaptive_max_pool}.get(name, tp.max_pool)
        given: dict[str, Any] = {} if name in ("kernel_size", "output_size") else {"kernel_size": 2}

        def call(value: Any, name: str = name, function: Any = function, given: Any = given, word: Any = word) -> Any:
            return function(x, **{**given, name: word(value)}).tolist()

        right = [call(value) for value in values]
        assert right[0] != right[1], name
        for metaclass, order, number in itertools.product((type, Alike), ((0, 1), (1, 0)), (0, 1)):
            liar = metaclass("Liar", (kind,), {**claims, "__hash__": lambda _, like=values[number]: hash(like)})
            open_case = kind is str or metaclass is Alike
            for _ in range(2):
                for place in order:
                    with contextlib.suppress(*[ValueError] * (kind is str)):
                        assert call(liar(values[place])) == right[place] or open_case, (name, kind, place)
                assert [call(kind(value)) for value in values] == right, (name, kind, metaclass)
                assert [call(value) for value in values] == right, (name, kind, metaclass)


@pytest.mark.parametrize("name", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_integers_of_numpy_are_integers(name: str) -> None:
    x = np.arange(16.0).reshape(4, 4)
    kind: Any = np.dtype(name).type
    one, two = kind(1), kind(2)
    result = tp.max_pool(x, (two, one), one, [one, kind(0)], one, np.False_, axis=(kind(0), 1), threads=one)
    assert np.array_equal(result, tp.max_pool(x, (2, 1), 1, (1, 0), axis=(0, 1)))
    assert np.array_equal(tp.avg_pool(x, two, axis=0, divisor_override=two), tp.avg_pool(x, 2, axis=0))


# ---- x (fault rows 6, 7 and 29) ------------------------------------------------------------------------------------


UNSUPPORTED: list[Any] = [
    "g", "F", "D", "G", "O", "U3", "S3", "M8[s]", "m8[s]", "V2", "V4", "V0", "f4,f4", "u2,", ">c8", ">g",
    ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2, ml_dtypes.int4,
]  # fmt: skip
if hasattr(np.dtypes, "StringDType"):
    UNSUPPORTED.append(np.dtypes.StringDType())


@pytest.mark.parametrize("dtype", UNSUPPORTED)
@pytest.mark.parametrize("op", OPS)
def test_unsupported_dtypes_are_refused_by_name(op: str, dtype: Any) -> None:
    for shape in ((4, 4), (0, 4)):
        x = np.zeros(shape, dtype)
        pattern = "^x must be an array of float16, bfloat16, .* or uint64, not "
        refused(TypeError, pattern + re.escape(str(x.dtype)[:20]), FUNCTIONS[op], x, 2, axis=1)


@pytest.mark.parametrize("op", OPS)
def test_what_is_no_array_is_refused(op: str) -> None:
    class Imaginary:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
            return np.zeros((4, 4), complex)

    class Broken:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
            raise RuntimeError("no array today")

    for x, exception, pattern in [
        (np.zeros((4, 4)).view(np.matrix), TypeError, "^x must be .* matrix"),
        (Imaginary(), TypeError, "^x must be an array of .* not complex128"),
        (Broken(), RuntimeError, "no array today"),
        ([["1", "2"], ["3", "4"]], TypeError, "^x must be an array of"),
        ([[1, 2], [3]], ValueError, "inhomogeneous"),
        ([[None, None]], TypeError, "^x must be an array of .* not object"),
    ]:
        refused(exception, pattern, FUNCTIONS[op], x, 1, axis=0)
    for x in (None, object(), "text", {1: 2}, len, 3.0, np.float32(1), np.array(1.0), np.array(None)):
        with pytest.raises((TypeError, ValueError), match=r"^x must"):
            FUNCTIONS[op](x, 1, axis=0)
    with pytest.raises(TypeError, match="kernel_size"):
        FUNCTIONS[op](np.zeros((1, 1, 4, 4)))
    with pytest.raises(TypeError, match="argument"):
        FUNCTIONS[op](np.zeros((1, 1, 4, 4)), 2, no_such_argument=1)


@pytest.mark.parametrize("op", OPS)
def test_shapes_without_axes_to_pool(op: str) -> None:
    for shape in ((), (4,), (4, 4), (0,), (0, 4)):
        for layout in ("channels_first", "channels_last"):
            refused(ValueError, "^x must have at least", FUNCTIONS[op], np.zeros(shape), 2, layout=layout)
    refused(ValueError, "^x must have at least|^axis 0 is out of bounds", FUNCTIONS[op], np.zeros(()), 1, axis=0)
    refused(ValueError, "^x must not be empty along a pooled axis", FUNCTIONS[op], np.zeros((4, 0)), 1, axis=1)


# ---- out (fault row 11) --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", OPS)
def test_outputs_that_cannot_be_written(op: str) -> None:
    x = np.arange(16, dtype=np.float64).reshape(1, 1, 4, 4)
    read_only = np.zeros((1, 1, 2, 2))
    read_only.flags.writeable = False
    line = np.zeros(8)
    rows: list[tuple[Any, type[Exception], str]] = [
        ([[[[0.0, 0.0], [0.0, 0.0]]]], TypeError, "^out must be a numpy array, not"),
        (0.0, TypeError, "^out must be a numpy array, not"),
        (memoryview(bytes(32)), TypeError, "^out must be a numpy array, not"),
        (np.ma.zeros((1, 1, 2, 2)), TypeError, "^out must be .* MaskedArray"),
        (np.zeros((1, 1, 2, 3)), ValueError, r"^out has shape \(1, 1, 2, 3\), expected \(1, 1, 2, 2\)$"),
        (np.zeros((2, 2)), ValueError, r"^out has shape \(2, 2\), expected \(1, 1, 2, 2\)$"),
        (np.zeros((1, 1, 2, 2, 1)), ValueError, "^out has shape"),
        (np.zeros((0, 1, 2, 2)), ValueError, "^out has shape"),
        (np.zeros((1, 1, 2, 2), np.int64), TypeError, "^out must have a dtype .*not int64"),
        (np.zeros((1, 1, 2, 2), bool), TypeError, "^out must have a dtype .*not bool"),
        (read_only, ValueError, "^output array is read-only$"),
        (np.broadcast_to(line[:2], (1, 1, 2, 2)), ValueError, "^output array is read-only$"),
        (as_strided(line, (1, 1, 2, 2), (0, 0, 0, 8)), ValueError, "^out must not share memory between its elements"),
        (as_strided(line, (1, 1, 2, 2), (0, 0, 8, 8)), ValueError, "^out must not share memory between its elements"),
        (as_strided(line, (1, 1, 2, 2), (0, 0, 4, 8)), ValueError, "^out must not share memory between its elements"),
        (as_strided(line[4:], (1, 1, 2, 2), (0, 0, -8, 8)), ValueError, "^out must not share memory"),
    ]
    for out, exception, pattern in rows:
        refused(exception, pattern, FUNCTIONS[op], x, 2, out=out)
    assert not line.any()


@pytest.mark.parametrize("op", OPS)
def test_outputs_whose_rows_interleave(op: str) -> None:
    """No axis steps over all of the other: whether elements share memory shows only when all places are compared."""
    x = np.arange(24, dtype=np.float64).reshape(4, 6)
    line = np.zeros(20)
    apart = as_strided(line, (2, 3), (24, 16))  # elements 0, 2, 4 and 3, 5, 7
    assert FUNCTIONS[op](x, 2, axis=(0, 1), out=apart) is apart
    assert np.array_equal(apart, FUNCTIONS[op](x, 2, axis=(0, 1)))
    shared = as_strided(line, (2, 3), (32, 16))  # 0, 2, 4 and 4, 6, 8
    refused(ValueError, "^out must not share memory between", FUNCTIONS[op], x, 2, axis=(0, 1), out=shared)


@pytest.mark.parametrize("dtype", ["int32", "int64", "int16", "float32", "float64", "complex128"])
def test_casting_of_outputs_is_same_kind(dtype: str) -> None:
    x = np.arange(4, dtype=np.int32)
    assert tp.max_pool(x, 2, axis=0, out=np.zeros(2, dtype)).tolist() == [1, 3]


@pytest.mark.parametrize(
    ("function", "dtype"),
    [(tp.max_pool, "uint8"), (tp.max_pool, "uint64"), (tp.max_pool, "bool"), (tp.avg_pool, "int32")],
)
def test_casting_of_outputs_to_another_kind_is_refused(function: Any, dtype: str) -> None:
    x = np.arange(4, dtype=np.int32)
    refused(TypeError, "^out must have a dtype", function, x, 2, axis=0, out=np.zeros(2, dtype))


# ---- threads -------------------------------------------------------------------------------------------------------


def test_numbers_of_threads() -> None:
    rules = [rule for rule in RULES if rule[0] == "threads"]
    assert rules
    all_refused(lambda x, threads: tp.set_threads(threads), None, rules)
    before = tp.get_threads()
    previous = tp.set_threads(3)
    try:
        assert tp.get_threads() == 3
        assert tp.set_threads(np.int64(5)) == 3
        assert tp.get_threads() == 5
    finally:
        tp.set_threads(previous)
    assert tp.get_threads() == before >= 1
