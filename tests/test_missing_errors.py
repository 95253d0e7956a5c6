"""What `nan_policy`, `mask` and `weights` refuse, as a table: arguments, exception, sentence."""

import math
import re
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import tilepool as tp
from agreement import EXACT_OPS, FUNCTIONS, OPS
from test_errors import refused


@pytest.mark.parametrize("op", OPS)
def test_errors(op: str) -> None:
    x = np.ones((2, 3, 4, 4), np.float32)
    shape = re.escape("(2, 3, 4, 4)")
    nan = np.array([[1.0, 2.0, math.nan, 3.0]])
    rows: list[tuple[dict[str, Any], type[Exception], str]] = [
        *[({"nan_policy": word}, TypeError, "^nan_policy must be 'propagate', 'omit' or 'raise', not ")
          for word in (None, 1, True, b"omit", np.array(["omit", "omit"]), ["omit"], object())],
        *[({"nan_policy": word}, ValueError, "^nan_policy must be 'propagate', 'omit' or 'raise', not ")
          for word in ("", "OMIT", "ignore")],
        *[({"mask": mask}, TypeError, f"^mask must be an array of bool, not {dtype}") for mask, dtype in (
            (1, "int64"), (np.ones(4), "float64"), ("yes", "<U3"), (np.ones(4, "u1"), "uint8"), (object(), "object"))],
        ({"mask": np.ma.ones((4, 4), bool)}, TypeError, "^mask must be a plain array, not a MaskedArray"),
        *[({"mask": np.ones(sizes, bool)}, ValueError,
           f"^mask must have a shape that broadcasts to that of x, {shape}, not {re.escape(str(sizes))}$")
          for sizes in ((3,), (2,), (0,), (4, 1, 3), (1, 2, 3, 4, 4), (2, 1, 1, 4, 4), (8, 3, 4, 4))],
    ]  # fmt: skip
    if op not in EXACT_OPS:
        rows += [
            *[({"weights": w}, TypeError, f"^weights must be an array of float16, .* or uint64, not {dtype}")
              for w, dtype in (
                  (1j, "complex128"), ("1", "<U1"), ([None], "object"), (10**30, "object"),
                  (np.longdouble(1), "float128"), (np.ones(4, "m8[s]"), "timedelta64"),
                  (np.ones(4, ml_dtypes.float8_e5m2), "float8_e5m2"))],
            ({"weights": np.ones((4, 4)).view(np.matrix)}, TypeError, "^weights must be a plain array, not a matrix"),
            ({"weights": np.ones(3)}, ValueError, f"^weights must have a shape that broadcasts .* {shape}, not"),
            ({"weights": nan}, ValueError, r"^weights must be free of NaN, not NaN at \(0, 2\)$"),
            ({"weights": math.nan}, ValueError, r"^weights must be free of NaN, not NaN at \(\)$"),
        ]  # fmt: skip
    for words, exception, sentence in rows:
        refused(exception, sentence, FUNCTIONS[op], x, 2, **words)
        if op in EXACT_OPS:
            refused(exception, sentence, FUNCTIONS[op], x, 2, return_indices=True, **words)
    for word in ("nan_policy", "mask", "weights")[: 2 if op in EXACT_OPS else 3]:
        good: Any = {"nan_policy": "omit", "mask": False, "weights": 1}[word]
        refused(TypeError, "^x must be an array of", FUNCTIONS[op], x.astype(complex), 2, **{word: good})
        refused(ValueError, "^stride must be positive", FUNCTIONS[op], x, 2, 0, **{word: good})
        refused(ValueError, "^threads must be", FUNCTIONS[op], x, 2, threads=0, **{word: good})
    if op == "sum":
        refused(TypeError, "^weights must be integers where dtype is int32, not float64$", tp.sum_pool, x, 2,
                weights=0.5, dtype=np.int32)  # fmt: skip
    if op == "avg":
        sentence = "^x must not have a window whose average is NaN where dtype is int8$"
        x[0, 0, 0, 0] = math.nan
        refused(ValueError, sentence, tp.avg_pool, x, 2, dtype=np.int8, mask=np.arange(4) < 3)
        refused(ValueError, sentence, tp.avg_pool, x, 2, dtype=np.int8, weights=2)
