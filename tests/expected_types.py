"""What type checkers must find of the public functions: mypy and pyright read this file, and it runs as well."""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import tilepool as tp

Array = NDArray[Any]
Indices = NDArray[np.integer[Any]]
Boundaries = tuple[NDArray[np.int64], ...]

f4 = np.arange(32.0, dtype=np.float32).reshape(1, 2, 4, 4)
u1 = np.arange(32, dtype=np.uint8).reshape(1, 2, 4, 4)
rows = [[1, 2], [3, 4]]
maybe = bool(rows)

# The dtype stays, and indices come by keyword, by position, and by a variable.
assert_type(tp.max_pool(f4, 2), NDArray[np.float32])
assert_type(tp.max_pool(u1, (2, 2), np.array([1, 1]), "SAME", axis=(2, 3)), NDArray[np.uint8])
assert_type(tp.max_pool(f4, 3, 2, 1, 1, False, True), tuple[NDArray[np.float32], Indices])
assert_type(tp.max_pool(f4, 3, 2, 1, 1, False, False), NDArray[np.float32])
assert_type(tp.min_pool(u1, 2, return_indices=True, index_dtype="int32"), tuple[NDArray[np.uint8], Indices])
assert_type(tp.max_pool(f4, 2, return_indices=maybe), Array | tuple[Array, Indices])
assert_type(tp.max_pool(rows, 2, axis=-1), Array)
assert_type(tp.adaptive_max_pool(u1, (2, None)), NDArray[np.uint8])
assert_type(tp.adaptive_min_pool(f4, 2, return_indices=True), tuple[NDArray[np.float32], Indices])
assert_type(tp.mode_pool(u1, 2), NDArray[np.uint8])
assert_type(tp.stochastic_pool(f4, 2, rng=1), NDArray[np.float32])
assert_type(tp.stochastic_pool(f4, 2, rng=1, return_indices=True), tuple[NDArray[np.float32], Indices])
assert_type(tp.median_pool(u1, 2, method="lower"), NDArray[np.uint8])
assert_type(tp.fractional_max_pool(u1, output_size=2), NDArray[np.uint8])
assert_type(tp.fractional_max_pool(u1, output_size=2, return_boundaries=True), tuple[NDArray[np.uint8], Boundaries])

# Floats stay floats of their kind; what integers become is not told apart.
assert_type(tp.avg_pool(f4, 2), NDArray[np.float32])
assert_type(tp.avg_pool(u1, 2), Array)
assert_type(tp.avg_pool(f4, 2, dtype="float64"), Array)
assert_type(tp.sum_pool(f4, 2, mask=True), NDArray[np.float32])
assert_type(tp.adaptive_avg_pool(f4, 2, weights=[1, 2, 3, 4]), NDArray[np.float32])
assert_type(tp.lp_pool(f4, 2, 2), NDArray[np.float32])
assert_type(tp.std_pool(u1, 2), Array)
assert_type(tp.median_pool(f4, 3), NDArray[np.float32])
assert_type(tp.quantile_pool(f4, 0.25, 3), NDArray[np.float32])
assert_type(tp.mixed_pool(f4, 2, alpha=[[[0.5]], [[1.0]]]), NDArray[np.float32])

# The way back.
values, indices = tp.max_pool(f4, 2, return_indices=True)
assert_type(tp.max_unpool(values, indices, 2), NDArray[np.float32])
assert_type(tp.convert_indices(indices, f4.shape, "plane", "array"), NDArray[np.int64])
layer = tp.nn.MaxPool2d(2, padding=1).eval()
assert_type(layer, tp.nn.MaxPool2d)
assert_type(layer.return_indices, bool)
assert_type(layer.backward(layer(f4)), Array)
assert_type(tp.cost(f4.shape, 2).output_shape, tuple[int, ...])


def refused_by_type_checkers() -> None:
    """Each line has an error, and only where it says so: mypy warns of ignored errors that are none."""
    tp.max_pool(f4)  # type: ignore[call-overload] # pyright: ignore
    tp.max_pool(f4, 2, padding="full")  # type: ignore[arg-type] # pyright: ignore
    tp.max_pool(f4, 2, weights=[1])  # type: ignore[call-overload] # pyright: ignore
    tp.median_pool(f4, 2, method="hazen")  # type: ignore[call-overload] # pyright: ignore
    tp.avg_pool(f4, 2, rounding="up")  # type: ignore[call-overload] # pyright: ignore
    tp.adaptive_max_pool(f4, 2, stride=2)  # type: ignore[call-overload] # pyright: ignore
