"""Windows that see no cell at all: what every op gives for them, and that nothing beside `out` is written."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilepool
from agreement import differs, expected
from tilepool import _core

tp: Any = tilepool  # operations are named by variables here, not by literals
Array = NDArray[Any]

# Shape, pooled axes and windows of which some, in the first or last rows or planes, lie in the padding.
PLACES: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "behind the end": ((2, 3, 5, 6), (2, 3), {"kernel_size": 2, "padding": 1, "ceil_mode": "full"}),
    "one cell each": ((2, 3, 5, 6), (2, 3), {"kernel_size": 1, "stride": (4, 3), "ceil_mode": "full"}),
    "long rows": ((2, 3, 7, 64), (2, 3), {"kernel_size": 2, "stride": (6, 2), "padding": 1, "ceil_mode": "full"}),
    "dilated": ((2, 3, 3, 40), (2, 3), {"kernel_size": 2, "stride": 1, "dilation": (5, 1), "padding": (4, 0)}),
    "dilated planes": (
        (2, 3, 3, 30, 20),
        (2, 3, 4),
        {"kernel_size": (2, 3, 3), "stride": 1, "dilation": (5, 1, 1), "padding": (4, 1, 1)},
    ),
    "wide": ((2, 3, 3, 300), (2, 3), {"kernel_size": (2, 15), "stride": 1, "dilation": (5, 1), "padding": (4, 7)}),
}
DTYPES = [dtype for dtype in _core.dtypes if dtype != "bfloat16"]
OPS: list[tuple[str, dict[str, Any], Any]] = [
    ("sum", {}, 0),
    ("sum", {"dtype": "float32"}, 0),
    ("sum", {"dtype": "int8"}, 0),
    ("avg", {"count_include_pad": False}, math.nan),
    ("avg", {"count_include_pad": False, "dtype": "uint8"}, 0),
    ("lp", {"norm_type": 1}, 0),
    ("lp", {"norm_type": 2}, 0),
    ("lp", {"norm_type": math.inf}, 0),
    ("lp", {"norm_type": 3}, 0),
    ("prod", {}, 1),
    ("any", {}, 0),
    ("all", {}, 1),
    ("count_nonzero", {}, 0),
    ("max", {}, None),
    ("min", {}, None),
]


def nothing(op: str, dtype: Any) -> Any:
    """What an extremum of no cells is."""
    if dtype.kind == "b":
        return op == "min"
    if dtype.kind == "f":
        return math.inf if op == "min" else -math.inf
    return getattr(np.iinfo(dtype), "max" if op == "min" else "min")


def surrounded(like: Array) -> tuple[Array, Array, Array]:
    """Memory of the same form, and the bytes before and behind it."""
    guard = 1024
    memory = np.full(like.nbytes + 2 * guard, 0xAB, np.uint8)
    order = np.argsort([-stride for stride in like.strides], kind="stable")
    inside = memory[guard:-guard].view(like.dtype).reshape([like.shape[axis] for axis in order])
    return inside.transpose(np.argsort(order)), memory[:guard], memory[-guard:]


@pytest.mark.parametrize("channels_last", [False, True], ids=["first", "last"])
@pytest.mark.parametrize("place", PLACES)
def test_windows_without_cells(place: str, channels_last: bool, isa: str) -> None:
    shape, axes, windows = PLACES[place]
    cells = tp.pool(np.ones(shape, np.int64), op="sum", axis=axes, **windows)
    assert (cells == 0).any()
    for dtype in DTYPES:
        x = np.ones(shape, dtype)
        if channels_last:
            x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, axes[0] - 1, -1)), -1, axes[0] - 1)
        for op, options, given in OPS:
            result = tp.pool(x, op=op, axis=axes, **windows, **options)
            out, before, behind = surrounded(result)
            tp.pool(x, op=op, axis=axes, out=out, **windows, **options)
            what = (dtype, op, options)
            assert (before == 0xAB).all(), what
            assert (behind == 0xAB).all(), what
            value = nothing(op, out.dtype) if given is None else given
            empty = out[cells == 0]
            assert np.array_equal(empty, np.full_like(empty, value), equal_nan=out.dtype.kind == "f"), what


FUSED: list[tuple[str, dict[str, Any], str]] = [
    ("lp", {"norm_type": 2}, "float32"),  # sums of squares are larger than its results
    ("lp", {"norm_type": math.inf}, "float32"),
    ("lp", {"norm_type": 1}, "float64"),
    ("avg", {}, "uint8"),
    ("avg", {"count_include_pad": False}, "int16"),
    ("avg", {}, "bool"),
    ("max", {}, "float32"),
    ("min", {}, "float32"),
]


@pytest.mark.parametrize(("op", "options", "dtype"), FUSED)
def test_rows_without_cells_where_loops_are_fused(op: str, options: dict[str, Any], dtype: str, isa: str) -> None:
    """They have the value of no cell, and nothing is written beside them."""
    ways: list[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = [
        ((6, 5, 6), (1, 2), {"kernel_size": 2, "padding": 1}),  # the last row sees padding alone
        ((2, 4, 16, 40), (1, 2, 3), {"kernel_size": (2, 3, 3), "stride": (4, 1, 1), "padding": (0, 1, 1)}),
        ((2, 4, 16, 40), (1, 2, 3), {"kernel_size": (1, 3, 3), "stride": (5, 1, 1), "padding": (0, 1, 1)}),
    ]
    for shape, axes, way in ways:
        x, arguments = np.ones(shape, dtype), way | options | {"ceil_mode": "full"}
        values, result, bound = expected(op, x, axes, arguments)
        memory = np.full(values.size + 8192, 7, result)
        out = memory[4096 : 4096 + values.size].reshape(values.shape)
        tp.pool(x, op=op, axis=axes, out=out, **arguments)
        assert (memory[:4096] == 7).all(), (shape, isa)
        assert (memory[4096 + values.size :] == 7).all(), (shape, isa)
        assert not differs(out, values, bound).any(), (shape, isa)
