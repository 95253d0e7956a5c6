"""What reducers write to, and what they and `pool` refuse, as a table: argument, exception, sentence, values."""

import math
from functools import partial
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import tilepool
from agreement import OPS, REDUCERS, reducer
from test_errors import NO_INTEGERS, Rule, all_refused, refused
from test_reducer_semantics import INF, NAN, whole
from test_reducers import OPTIONS, numbers

tp: Any = tilepool  # operations are named by variables here, not by literals


# ---- out -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", REDUCERS)
def test_outputs(op: str) -> None:
    """Of another dtype, strided, over x itself; and what is refused."""
    options = OPTIONS[op][0]
    x = numbers(np.random.default_rng(1), (6, 8), "float32", op)
    words = {"kernel_size": 3, "stride": 1, "padding": 1, "axis": (0, 1), **options}
    expected = reducer(op)(x, **words)
    for dtype in ("float64", expected.dtype) if expected.dtype.kind != "b" else ("bool", "uint8", "float16"):
        out = np.zeros((12, 16), dtype)[::2, ::-2]
        assert reducer(op)(x, out=out, **words) is out
        assert np.array_equal(out, expected.astype(dtype), equal_nan=True)
    own = x.copy()
    target = (
        own if expected.dtype == x.dtype else own.view(np.uint8)[:, 3:11].view(bool) if op in ("any", "all") else None
    )
    if target is not None:
        assert reducer(op)(own, out=target, **words) is target
        assert np.array_equal(target, expected, equal_nan=True)
    right = np.zeros((6, 8), expected.dtype)
    refused(ValueError, r"^out has shape \(6, 7\), expected \(6, 8\)$", reducer(op), x, out=right[:, :7], **words)
    if expected.dtype.kind == "f":
        refused(TypeError, "^out must have a dtype .*not int64", reducer(op), x, out=right.astype("i8"), **words)
    refused(TypeError, "^out must be a numpy array, not", reducer(op), x, out=[[0.0]], **words)
    right.flags.writeable = False
    refused(ValueError, "^output array is read-only$", reducer(op), x, out=right, **words)


# ---- errors --------------------------------------------------------------------------------------------------------

NO_NUMBERS: list[Any] = ["2", b"2", 2j, True, (2,), [2.0], np.array([2.0]), object()]
TOO_LARGE = 10**400  # for a float
RULES: dict[str, list[Rule]] = {
    "lp": [
        (
            "norm_type",
            ValueError,
            "^norm_type must be positive.* not ",
            [0, -1, NAN, -INF, -0.0, TOO_LARGE, -TOO_LARGE],
        ),
        ("norm_type", TypeError, "^norm_type must be .* not ", [*NO_NUMBERS, None]),
    ],
    "gem": [
        ("p", ValueError, "^p must be positive.* not ", [0, -1, NAN, -INF, TOO_LARGE]),
        ("eps", ValueError, "^eps must be positive.* not ", [0, -1e-6, NAN, TOO_LARGE]),
        ("p", TypeError, "^p must be .* not ", [*NO_NUMBERS, None]),
        ("eps", TypeError, "^eps must be .* not ", [*NO_NUMBERS, None]),
    ],
    "softmax": [
        ("temperature", ValueError, "^temperature must be positive.* not ", [0, -1, NAN, INF, -INF, TOO_LARGE]),
        ("temperature", TypeError, "^temperature must be .* not ", [*NO_NUMBERS, None]),
    ],
    "logsumexp": [
        ("temperature", ValueError, "^temperature must be positive.* not ", [0, -1, NAN, INF, -INF, TOO_LARGE]),
        ("temperature", TypeError, "^temperature must be .* not ", [*NO_NUMBERS, None]),
        ("normalize", TypeError, "^normalize must be True or False, not ", [0, 1, None, "no"]),
    ],
    "var": [
        ("ddof", ValueError, "^ddof must .* not ", [-1, -TOO_LARGE, np.int8(-3)]),
        ("ddof", TypeError, "^ddof must be .* not ", [1.0, NAN, "1", None, True, (1,), np.array(1)]),
    ],
    "median": [
        ("method", ValueError, "^method must be .*'linear'.* not ", ["", "LINEAR", "hazen", "median_unbiased"]),
        ("method", TypeError, "^method must be .* not ", [None, 1, b"linear", ["linear"]]),
    ],
    "quantile": [
        ("q", ValueError, "^q must .* not ", [-1e-9, 1.0000001, 2, -1, NAN, INF, TOO_LARGE]),
        ("q", TypeError, "^q must be .* not ", [*NO_NUMBERS, None]),
    ],
    "prod": [("dtype", TypeError, "^dtype must be .* not ", [bool, complex, object, "U3"])],
}
RULES["std"] = RULES["var"]
RULES["quantile"] += RULES["median"]
EVERY: list[Rule] = [
    ("nan_policy", ValueError, "^nan_policy must be .*'propagate'.* not ", ["", "skip", "OMIT"]),
    ("nan_policy", TypeError, "^nan_policy must be .* not ", [None, 0, True, b"omit"]),
    ("kernel_size", TypeError, "^kernel_size must be an integer", NO_INTEGERS),
    ("kernel_size", ValueError, "^kernel_size .* not ", [0, -1, (2, 0), 2**63, TOO_LARGE, (2,), (2, 2, 2)]),
    ("kernel_size", ValueError, r"^kernel_size \(5, 5\) is larger than the padded input \(4, 4\)$", [5]),
    ("stride", ValueError, "^stride must be positive, not", [0, (1, -1)]),
    ("padding", ValueError, "^padding must", [-1, 2, "reflect", TOO_LARGE]),
    ("dilation", ValueError, "^(dilation|kernel_size)", [0, 4, 2**62]),
    ("ceil_mode", TypeError, "^ceil_mode must be", [1, None]),
    ("layout", ValueError, "^layout must be", ["NCHW"]),
    ("axis", ValueError, "^duplicate value in 'axis'", [(2, 2)]),
    ("threads", ValueError, "^threads must be between", [0, 1025, TOO_LARGE]),
]


@pytest.mark.parametrize("batch", [1, 0], ids=["", "empty batch"])
@pytest.mark.parametrize("op", REDUCERS)
def test_arguments(op: str, batch: int) -> None:
    """By the function and by pool(). A call that is right works before and after."""
    x = np.arange(batch * 16, dtype=np.float32).reshape(batch, 1, 4, 4)
    right = {"kernel_size": 2, **OPTIONS[op][0]}
    expected = reducer(op)(x, **right)
    for function in (reducer(op), partial(tp.pool, op=op)):
        all_refused(function, x, RULES.get(op, []) + EVERY, **right)
    assert np.array_equal(reducer(op)(x, **right), expected)


@pytest.mark.parametrize("op", ["var", "std"])
def test_a_ddof_of_any_size(op: str) -> None:
    """NaN, or a refusal; no overflow."""
    assert math.isnan(whole(op, [1, 2], ddof=2))
    assert math.isnan(whole(op, [1, 2], ddof=2**31))
    refused(ValueError, "^ddof must ", reducer(op), np.ones(4), kernel_size=2, axis=0, ddof=TOO_LARGE)


@pytest.mark.parametrize("op", [*OPS, *REDUCERS])
def test_options_that_an_operation_does_not_have(op: str) -> None:
    x = np.ones((1, 1, 4, 4))
    needed = OPTIONS.get(op, [{}])[0]
    own = {name for options in OPTIONS.get(op, []) for name in options}
    own |= {"prod": {"dtype"}, "quantile": {"method"}}.get(op, set())
    for name, value in {"norm_type": 2, "q": 0.5, "ddof": 1, "temperature": 1.0, "eps": 1.0, "no_such_word": 1}.items():
        if name in own:
            continue
        for call in (
            lambda **words: tp.pool(x, 2, op=op, **words),
            lambda **words: tp.adaptive_pool(x, 2, op, **words),
            lambda **words: tp.global_pool(x, op, **words),
            lambda **words: tp.pyramid_pool(x, [2], op, **words),
        ):
            refused(TypeError, name, call, **needed, **{name: value})


@pytest.mark.parametrize(
    "call",
    [
        lambda op: tp.pool(np.ones((1, 1, 4, 4)), 2, op=op),
        lambda op: tp.adaptive_pool(np.ones((1, 1, 4, 4)), 2, op),
        lambda op: tp.global_pool(np.ones((1, 1, 4, 4)), op),
        lambda op: tp.pyramid_pool(np.ones((1, 1, 4, 4)), [2], op),
    ],
    ids=["pool", "adaptive_pool", "global_pool", "pyramid_pool"],
)
def test_operations_that_there_are_not(call: Any) -> None:
    for op in ("", "MAX", "averages", "lp_pool", "argmax", "__class__"):
        refused(ValueError, "^op must be .*'max'.* not ", call, op)
    for kind in (None, 1, b"max", ["max"], np.max):
        refused(TypeError, "^op must be .* not ", call, kind)


@pytest.mark.parametrize("dtype", ["F", "D", "O", "U3", "S3", "M8[s]", "m8[s]", "V4", "g", ml_dtypes.float8_e5m2])
@pytest.mark.parametrize("op", REDUCERS)
def test_dtypes_that_are_refused(op: str, dtype: Any) -> None:
    words = {"kernel_size": 2, "axis": 1, **OPTIONS[op][0]}
    for shape in ((4, 4), (0, 4)):
        pattern = "^x must be an array of float16, bfloat16, .* or uint64, not "
        refused(TypeError, pattern, reducer(op), np.zeros(shape, dtype), **words)


@pytest.mark.parametrize("op", REDUCERS)
def test_arrays_that_are_refused(op: str) -> None:
    words = {"kernel_size": 2, "axis": 1, **OPTIONS[op][0]}
    refused(ValueError, "^x must not be empty along a pooled axis", reducer(op), np.zeros((4, 0)), **words)
    refused(
        ValueError, "^mask must have a shape that broadcasts", reducer(op), np.zeros((4, 4)), mask=[True] * 3, **words
    )
    with pytest.raises(TypeError, match="kernel_size"):
        reducer(op)(np.zeros((1, 1, 4, 4)), **OPTIONS[op][0])


def test_words_without_a_default() -> None:
    x = np.ones((1, 1, 4, 4))
    for function, name in ((tp.lp_pool, "norm_type"), (tp.quantile_pool, "q")):
        refused(TypeError, name, function, x, kernel_size=2)
    for op, name in (("lp", "norm_type"), ("quantile", "q")):
        refused(TypeError, name, tp.pool, x, 2, op=op)
    assert tp.lp_pool(x, 2, 2, 1, 1, True).shape == (1, 1, 5, 5)  # PyTorch's order: ceil_mode after the padding
    assert tp.quantile_pool(x, 0.5, 2, 1, 1).shape == (1, 1, 5, 5)
    with pytest.raises(TypeError):
        tp.lp_pool(x, 2, 2, 1, 1, True, 1)
