"""ONNX's tests of pooling, all node tests and what came from PyTorch: all pass.

The expected values are the tests' own data. onnx's reference evaluator is not asked: it shifts the windows of
ceil_mode that hang over the input by two cells or more.
"""

import numpy as np
import pytest

from agreement import using_isa
from onnx_adapter import converted_tests, pooling_tests, rounding, run
from tilepool import _core

TESTS = pooling_tests() | converted_tests()

# This test has numbers of a computation as it printed them, with four decimals: half of the last for the average, and
# as much for each of the four cells that are divided by nine.
PRINTED_WITHIN = {"test_averagepool_2d_ceil_last_window_starts_on_pad": 0.5e-4 * (1 + 4 / 9)}


def test_all_of_them_are_here() -> None:
    """A new version of onnx may add some: then this number, and what they need."""
    assert (len(pooling_tests()), len(converted_tests())) == (53, 14)
    assert len(TESTS) == 67


@pytest.mark.parametrize("name", TESTS)
def test_onnx(name: str) -> None:
    """Maxima and what is not rounded are equal; others are as near as two roundings of the same number can be."""
    node, inputs, outputs = TESTS[name]
    for isa in _core.available_isas():
        with using_isa(isa):
            results = run(node, *inputs)
        assert len(results) >= len(outputs), node.output
        for result, output in zip(results, outputs, strict=False):
            assert (result.shape, result.dtype) == (output.shape, output.dtype), isa
            bound = rounding(node, inputs[0]) + PRINTED_WITHIN.get(name, 0)
            wrong = ~(np.abs(result.astype(np.float64) - output) <= bound)
            assert not wrong.any(), f"{isa}: {np.argwhere(wrong)[0]} is {result[wrong][0]!r}, not {output[wrong][0]!r}"
