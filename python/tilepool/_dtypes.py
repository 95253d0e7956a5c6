"""Which dtypes a call reads, accumulates and returns: the rules of docs/semantics.md, "Result dtypes"."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ._arguments import shown
from ._core import dtypes

DType: TypeAlias = np.dtype[Any]

FLOAT32, FLOAT64, UINT8, INT32, INT64, UINT64 = map(np.dtype, ("f4", "f8", "u1", "i4", "i8", "u8"))
BYTE_TAPS = 2**23  # the core sums at most so many bytes in one window


class Types(NamedTuple):
    op: str  # the core's word
    source: DType  # what x is read as: it is converted where it has another dtype
    result: DType  # of the call; that of the core may be another


def choose(op: str, given: DType, asked: object, taps: int) -> Types:
    """The dtypes of a call on an array of dtype `given`, with `dtype=asked` and windows of `taps` cells or fewer."""
    if op in ("max", "min"):
        return Types(op, given, given)
    allowed = (*dtypes, "uint64") if op == "sum" else dtypes
    usual = usual_sum(given) if op == "sum" else usual_average(given)
    result = usual if asked is None else requested(asked, allowed)
    wide = given == UINT8 and taps > BYTE_TAPS

    if given.kind == "f":
        if result.kind == "f":
            source = result
        elif op == "average":
            source = FLOAT64
        else:
            source = INT32 if result == UINT8 else result  # the same bytes, and windows of any size
    elif result.kind == "f":
        converts = op == "sum" or result != usual
        source = result if converts else FLOAT64 if wide else given
    else:  # 64-bit sums wrap to what sums of converted integers are, and integer averages are exact
        op = "sum" if op == "sum" else "average_rounded"
        source = INT64 if wide else given
    return Types(op, source, result)


def readable(given: DType) -> DType:
    """The dtype of x in native byte order, if the core reads it."""
    return supported("x must be an array of", given, dtypes)


def requested(asked: object, names: Sequence[str]) -> DType:
    try:
        dtype = np.dtype(asked)  # type: ignore[call-overload]
    except Exception as error:  # numpy raises several kinds
        raise TypeError(f"dtype must be {listed(names)}, not {shown(asked)}") from error
    return supported("dtype must be", dtype, names)


def supported(rule: str, dtype: DType, names: Sequence[str]) -> DType:
    """`dtype` in native byte order, if its name is in the list."""
    if dtype.name not in names:
        raise TypeError(f"{rule} {listed(names)}, not {dtype}")
    return np.dtype(dtype.name)


def listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def usual_sum(given: DType) -> DType:
    """As `numpy.sum`."""
    return {"f": given, "u": UINT64, "i": INT64}[given.kind]


def usual_average(given: DType) -> DType:
    """Floats keep theirs; integers take the narrowest float that holds each of them."""
    if given.kind == "f":
        return given
    return FLOAT32 if given.itemsize <= 2 else FLOAT64
