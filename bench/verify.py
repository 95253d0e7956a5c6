"""Whether a contender's result is the right one: no timing counts before this said so."""

from __future__ import annotations

import hashlib
import itertools
import math

import numpy as np

from cases import Case
from ops import OPS, Array

SPOTS = 200  # outputs computed one by one from the definition


def tolerance(case: Case, x: Array) -> float:
    """How far two right results may lie apart.

    A float sum of n positive values below M that is rounded n times has an error of about eps * sqrt(n) * n * M, its
    average the nth part of that; the factor 8 is for what is not average. A norm is below sqrt(n) * M, a deviation and
    a weighted mean are below M, a variance is below M**2, a product below M**n: the op's `spread` is the bound over M.
    """
    spread = OPS[case.op].spread
    if spread is None or case.result_dtype.kind in "iu":
        return 0.0
    largest = float(x.max())
    eps = 2.0**-7 if case.dtype == "bfloat16" else float(np.finfo(case.result_dtype).eps)
    return 8 * eps * math.sqrt(case.taps) * largest * spread(case.taps, largest)


def one_output(case: Case, x: Array, index: tuple[int, ...]) -> float:
    """The output at `index` by the definition. Padded cells hold nothing, but averages count them."""
    window: list[slice | int] = list(index)
    for axis, kernel, stride, padding in zip(case.axes, case.kernel, case.stride, case.padding, strict=True):
        first = index[axis] * stride - padding
        window[axis] = slice(max(first, 0), min(first + kernel, case.shape[axis]))
    return float(OPS[case.op].define(x[tuple(window)], case.taps))


def spot_check(case: Case, x: Array, result: Array) -> str | None:
    """Compares corners and random outputs with the definition; says what is wrong, or None."""
    if result.shape != case.result_shape:
        return f"shape {result.shape}, expected {case.result_shape}"
    random = np.random.default_rng(1)
    corners = itertools.product(*({0, size - 1} for size in result.shape))
    inside = (tuple(int(random.integers(size)) for size in result.shape) for _ in range(SPOTS))
    allowed = tolerance(case, x)
    for index in itertools.chain(corners, inside):
        expected = one_output(case, x, index)
        if not abs(float(result[index]) - expected) <= allowed:
            return f"{result[index]} at {index}, expected {expected}"
    return None


def difference(case: Case, x: Array, result: Array, reference: Array) -> str | None:
    """Compares two whole results; says what differs, or None."""
    if result.shape != reference.shape:
        return f"shape {result.shape}, expected {reference.shape}"
    allowed = tolerance(case, x)
    if allowed == 0:
        wrong = result != reference
        worst = "not equal"
    else:
        distance = np.abs(result - reference)
        wrong = ~(distance <= allowed)
        worst = f"off by up to {float(distance.max()):.3g}, allowed {allowed:.3g}"
    return f"{np.count_nonzero(wrong)} of {wrong.size} outputs {worst}" if wrong.any() else None


def digest(returned: object) -> str:
    """A name for the bits of a numpy array or a pair of them; "" for anything else."""
    arrays = returned if isinstance(returned, tuple) else (returned,)
    bits = hashlib.blake2b(digest_size=16)
    for array in arrays:
        if not isinstance(array, np.ndarray):
            return ""
        bits.update(np.ascontiguousarray(array).view(np.uint8).data)
    return bits.hexdigest()
