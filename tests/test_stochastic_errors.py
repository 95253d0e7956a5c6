"""What stochastic and mixed pooling refuse, as a table: argument, exception, sentence, values."""

import math

import numpy as np
import pytest

import tilepool as tp
from test_errors import RULES, Rule, all_refused, refused
from test_windows_errors import DRAWING_RULES

RACE_RULES: list[Rule] = [
    *[rule for rule in DRAWING_RULES if rule[0] == "rng"],
    ("training", TypeError, "^training must be True or False", [1, None, "yes"]),
    ("return_indices", TypeError, "^return_indices must be True or False", [1, None, "yes"]),
    ("out", ValueError, "^out has shape", [np.zeros((1, 1, 2, 3))]),
    ("out", TypeError, "^out must be a numpy array", [[0.0], (None, None)]),
    ("x", TypeError, "^x must be an array of", [np.zeros((1, 1, 4, 4), "c8"), "abc", None]),
    ("x", ValueError, "^x must not be empty along", [np.zeros((1, 1, 0, 4))]),
    ("x", ValueError, "^x must have at least", [np.zeros(()), np.zeros((4, 4))]),
]
INDEX_RULES: list[Rule] = [
    ("index_base", ValueError, "^index_base must be 'plane', 'batch' or 'array', not 'window'", ["window"]),
    ("index_base", TypeError, "^index_base must be", [None, 1]),
    ("index_dtype", TypeError, "^index_dtype must be int64", ["float32", "int33"]),
    ("out", ValueError, r"^out must be an array or a pair", [(None, None, None)]),
    ("out", TypeError, "^out must have a dtype that int64 casts to", [(None, np.zeros((1, 1, 2, 2), bool))]),
]
MIXED_RULES: list[Rule] = [
    ("alpha", TypeError, "^alpha must be a number", [None, "1", True, 1j, [[1], [0, 1]], np.array([True]), [None]]),
    ("alpha", TypeError, "^alpha must be a plain array", [np.ma.array([0.5])]),
    ("alpha", ValueError, "^alpha must be a number", [-0.1, 1.1, math.nan, math.inf, 2, 10**30, 10**5000, [0.5, 2]]),
    (
        "alpha",
        ValueError,
        r"^alpha must broadcast to the shape of the result, \(1, 1, 2, 2\)",
        [np.zeros(3), [[[[[1]]]]]],
    ),
    ("count_include_pad", TypeError, "^count_include_pad must be True or False", [0, None]),
]


@pytest.mark.parametrize("batch", [1, 0], ids=["", "empty batch"])
def test_errors(batch: int) -> None:
    x = np.ones((batch, 1, 4, 4), np.float32)
    for training in (True, False):
        rules = [rule for rule in RULES + RACE_RULES if training or rule[0] != "rng"]
        if not training:
            rules.append(("rng", ValueError, "^rng must be None where training is False", [0, np.random.default_rng()]))
        rules.append(
            ("out", TypeError, "^out must have a dtype that float32 casts to", [np.zeros((batch, 1, 2, 2), int)])
        )
        all_refused(tp.stochastic_pool, x, rules, kernel_size=2, training=training)
    all_refused(tp.stochastic_pool, np.ones((1, 1, 4, 4)), INDEX_RULES, kernel_size=2, return_indices=True)
    refused(
        ValueError, "^return_indices must be False where", tp.stochastic_pool, x, 2, training=False, return_indices=True
    )
    all_refused(tp.mixed_pool, x, RULES + MIXED_RULES * batch, kernel_size=2)


def test_a_refused_call_draws_nothing() -> None:
    rng = np.random.default_rng(0)
    before = str(rng.bit_generator.state)
    refused(ValueError, "^out has shape", tp.stochastic_pool, np.ones(4), 2, axis=0, rng=rng, out=np.zeros(3))
    refused(ValueError, "^stride must", tp.stochastic_pool, np.ones(4), 2, 0, axis=0, rng=rng)
    assert str(rng.bit_generator.state) == before
