"""What adaptive, global, pyramid and fractional windows refuse, as a table: argument, exception, sentence, values."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import tilepool as tp
from agreement import ADAPTIVE, EXACT_OPS, FRACTIONAL
from layouts import any_numbers
from test_errors import HUGE, NO_INTEGERS, Rule, all_refused, refused

SIZES: list[Any] = [value for value in NO_INTEGERS if repr(value) != "(2, None)"]
ADAPTIVE_RULES: list[Rule] = [
    ("output_size", TypeError, "^output_size must be an integer, None or a tuple", SIZES),
    ("output_size", ValueError, "^output_size must be positive, not", [0, -1, (2, 0), (None, -1), -(10**30)]),
    ("output_size", ValueError, r"^output_size must be below 2\*\*63, not", [*HUGE, (None, 10**30)]),
    ("output_size", ValueError, r"^output_size must keep cells times outputs below", [2**62, (1, 2**61), 2**63 - 1]),
    ("output_size", ValueError, "^output_size must have one value", [(), (2,), [2, 2, 2], (None,), (None,) * 3]),
]
RATIO = "^output_ratio must be "
FRACTIONAL_RULES: list[Rule] = [
    ("output_size", TypeError, "^output_size must be an integer or", [2.0, True, "2", np.array(2), (2, None)]),
    ("output_size", ValueError, "^output_size must be positive", [0, -1, (2, 0)]),
    ("output_size", ValueError, r"^output_size must give at most \(4, 4\) outputs", [5, (4, 5), 2**62]),
    ("output_size", ValueError, "^output_size must be below", HUGE),
    ("output_size", ValueError, "^output_size must have one", [(), (2,), (2, 2, 2)]),
    ("output_ratio", TypeError, RATIO, ["0.5", True, (0.5, None), 0.5j, Fraction(1, 2), np.array(0.5), {0.5}]),
    ("output_ratio", ValueError, RATIO, [math.nan, -0.5, 0, 0.0, math.inf, 1.01, (0.5, math.nan), *HUGE, -math.inf]),
    ("output_ratio", ValueError, "^output_ratio must have one", [(), (0.5,), (0.5,) * 3]),
    ("output_ratio", ValueError, "^output_ratio must leave", [0.1, 1e-300]),
    ("boundaries", TypeError, "^boundaries must be a tuple", [0, "ab", (1, 2), np.zeros((2, 2), int), ([0, 4], None)]),
    ("boundaries", TypeError, "^boundaries must be a tuple", [([0, 4.0], [0, 4]), ([0, True], [0, 4]), ([[0]], [[4]])]),
    ("boundaries", TypeError, "^boundaries must be a tuple", [(np.array([0.0, 4]), [0, 4]), (np.array(0), [0, 4])]),
    ("boundaries", ValueError, "^boundaries must have one", [(), ([0, 4],), ([0, 4],) * 3]),
    ("boundaries", ValueError, "^boundaries must have at least 2", [([], [0, 4]), ([0, 4], [0])]),
    ("boundaries", ValueError, "^boundaries must increase", [([0, 5], [0, 4]), ([-1, 4], [0, 4]), ([0, 0], [0, 4])]),
    ("boundaries", ValueError, "^boundaries must increase", [([0, 3, 2], [0, 4]), ([0, 10**30], [0, 4])]),
    ("boundaries", ValueError, "^boundaries must increase", [([-(10**5000), 4], [0, 4])]),
]
DRAWING_RULES: list[Rule] = [
    ("rng", TypeError, "^rng must be None, an", [1.0, True, "1", (1,), np.random.RandomState(1), np.random.PCG64(1)]),
    ("rng", ValueError, "^rng must not be negative", [-1, -(10**30), -(10**5000)]),
    ("overlapping", TypeError, "^overlapping must be True or False", [1, None, "yes"]),
    ("pseudorandom", TypeError, "^pseudorandom must be True or False", [1, None, "yes"]),
    ("return_boundaries", TypeError, "^return_boundaries must be True or False", [1, None, "yes"]),
    ("kernel_size", TypeError, "^kernel_size must be an integer", [2.0, "2", True, (2, None)]),
    ("kernel_size", ValueError, "^kernel_size must be positive", [0, -1]),
    ("kernel_size", ValueError, r"^kernel_size \(5, 5\) is larger than the input \(4, 4\)", [5]),
    ("kernel_size", ValueError, r"^output_size must give at most \(2, 2\) outputs", [3]),
    ("output_ratio", ValueError, "^one of output_size, output_ratio and boundaries must be given, not 2", [0.5]),
]


@pytest.mark.parametrize("batch", [1, 0], ids=["", "empty batch"])
def test_arguments(batch: int) -> None:
    x = np.zeros((batch, 1, 4, 4), np.float32)
    for adaptive in ADAPTIVE.values():
        all_refused(adaptive, x, ADAPTIVE_RULES)
        refused(ValueError, "^x must not be empty along a pooled axis", adaptive, x[..., :0], 2)
        refused(ValueError, "^x must not be empty along a pooled axis", adaptive, x[..., :0], None)
        refused(ValueError, "^x must have at least 3", adaptive, np.zeros((4, 4)), 2)
        refused(TypeError, "^x must be an array of", adaptive, np.zeros((1, 1, 4, 4), "c8"), 2)
        refused(ValueError, r"^out has shape", adaptive, x, 2, out=np.zeros((batch, 1, 2, 3)))
    for fractional in FRACTIONAL.values():
        all_refused(fractional, x, FRACTIONAL_RULES)
        all_refused(fractional, x, DRAWING_RULES, output_size=3)
        words: dict[str, Any] = {"boundaries": ([0, 4], [0, 4])}
        refused(ValueError, "^rng must be None where boundaries", fractional, x, rng=1, **words)
        refused(
            ValueError, "^overlapping must be False where kernel", fractional, x, 2, output_size=2, overlapping=True
        )
        refused(ValueError, "^boundaries must increase from 0 or more to 2", fractional, x, 2, boundaries=([0, 3], [0]))
        refused(ValueError, "^one of output_size, output_ratio and boundaries must be given, not 0", fractional, x)
        refused(ValueError, "^x must not be empty along a pooled axis", fractional, x[..., :0], output_size=1)
        endless = np.broadcast_to(np.uint8(0), 2**62)
        refused(ValueError, "^x must have pooled axes whose cells times", fractional, endless, output_size=1, axis=0)
        refused(TypeError, "^x must be an array of", fractional, np.zeros((1, 1, 4, 4), "c8"), output_size=1)


@pytest.mark.parametrize("batch", [1, 0], ids=["", "empty batch"])
def test_arguments_of_global_pooling_and_pyramids(batch: int) -> None:
    x = np.zeros((batch, 3, 4, 4), np.float32)
    ops: list[Rule] = [
        ("op", TypeError, "^op must be 'max', ", [None, 1, b"max", ["max"], max]),
        ("op", ValueError, "^op must be 'max', ", ["", "averages", "power_sum", "MAX"]),
        ("axis", np.exceptions.AxisError, "^axis .* is out of bounds", [4, *HUGE]),
        ("layout", ValueError, "^layout must be", ["NCHW"]),
        ("threads", ValueError, "^threads must be", [0, *HUGE]),
        ("out", TypeError, "^out must be a numpy array", [0.0, [0.0]]),
    ]
    shapes: list[Rule] = [("out", ValueError, r"^out has shape .*, expected \(\d, 3", [np.zeros((batch, 3, 2, 2))])]
    grids: list[Rule] = [
        ("grids", TypeError, "^grids must be a tuple or list", [1, None, "12", np.array([1.0, 2.0]), {1, 2}]),
        ("grids", TypeError, "^grids must be an integer, None", [[1.0], [True], ["1"], [1, (1, 2.0)], [[[1, 2]]]]),
        ("grids", ValueError, "^grids must name at least one", [(), []]),
        ("grids", ValueError, "^grids must be positive", [[0], [1, -2], [(1, 0)]]),
        ("grids", ValueError, "^grids must (be below|keep)", [[10**30], [1, 2**62]]),
        ("grids", ValueError, "^grids must have one value", [[(1,)], [1, (1, 2, 3)]]),
    ]
    for keepdims in (True, False):
        all_refused(tp.global_pool, x, ops + shapes, keepdims=keepdims)
    all_refused(tp.global_pool, x, [("keepdims", TypeError, "^keepdims must be True or False", [1, None])])
    all_refused(tp.pyramid_pool, x, ops + shapes + grids, grids=[1])
    for op in EXACT_OPS:
        for function in (tp.global_pool, lambda x, **words: tp.pyramid_pool(x, [1], **words)):
            refused(TypeError, "^op '\\w+' has no argument 'dtype' here", function, x, op=op, dtype="float32")
    refused(ValueError, "^x must not be empty along a pooled axis", tp.global_pool, x[..., :0], keepdims=False)
    read_only = np.zeros((batch, 3))
    read_only.flags.writeable = False
    refused(ValueError, "^output array is read-only$", tp.global_pool, x, keepdims=False, out=read_only)
    read_only = np.zeros((batch, 3, 1))
    read_only.flags.writeable = False
    refused(ValueError, "^output array is read-only$", tp.pyramid_pool, x, [1], out=read_only)


def test_words_that_are_equal_are_not_the_same() -> None:
    """A kept call of one kind of windows is not taken for another, nor 2 for 2.0."""
    x = any_numbers(np.random.default_rng(0), (1, 1, 5, 5), "float32")
    for _ in range(2):
        assert tp.max_pool(x, 2).shape == (1, 1, 2, 2)
        assert tp.adaptive_max_pool(x, 2).shape == (1, 1, 2, 2)
        assert tp.max_pool(x, (2, 1)).shape == (1, 1, 2, 5)
        assert tp.adaptive_max_pool(x, (2, 1)).shape == (1, 1, 2, 1)
        refused(TypeError, "^output_size must be", tp.adaptive_max_pool, x, 2.0)
        refused(TypeError, "^kernel_size must be", tp.max_pool, x, (2, "output_size"))
    assert tp.adaptive_max_pool(x, 2).tobytes() != tp.max_pool(x, 2).tobytes()
