"""Which dtypes a call reads, accumulates and returns: the rules of docs/semantics.md, "Result dtypes"."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ._arguments import shown
from ._core import dtypes, taps_limit

DType: TypeAlias = np.dtype[Any]

FLOAT32, FLOAT64, INT32, INT64, UINT16, UINT64 = map(np.dtype, ("f4", "f8", "i4", "i8", "u2", "u8"))
NUMBERS = tuple(name for name in dtypes if name != "bool")  # what sums and averages can be asked for


class Types(NamedTuple):
    op: str  # the core's word
    source: DType  # what x is read as: it is converted where it has another dtype
    result: DType  # of the call; that of the core may be another


def choose(op: str, given: DType, asked: object, taps: int) -> Types:
    """The dtypes of a call on an array of dtype `given`, with `dtype=asked` and windows of `taps` cells or fewer."""
    if op in ("max", "min"):
        return Types(op, given, given)
    usual = usual_sum(given) if op == "sum" else usual_average(given)
    result = usual if asked is None else requested(asked, NUMBERS)

    if is_float(given):
        if is_float(result):
            source = result
        elif op == "average":
            source = FLOAT64
        else:
            source = INT32 if result.itemsize < 4 else result  # the same lower bits, and windows of any size
    elif is_float(result):
        converts = op == "sum" or result != usual
        source = result if converts else FLOAT64 if taps > taps_limit(op, given.name) else given
    else:  # 64-bit sums wrap to what sums of converted integers are, and integer averages are exact
        op = "sum" if op == "sum" else "average_rounded"
        source = INT64 if taps > taps_limit(op, given.name) else given
    return Types(op, source, result)


def is_bfloat16(dtype: DType) -> bool:
    """Whether it is the bfloat16 that the package ml_dtypes has taught numpy."""
    return dtype.kind == "V" and dtype.itemsize == 2 and dtype.name == "bfloat16"


def is_float(dtype: DType) -> bool:
    return dtype.kind == "f" or is_bfloat16(dtype)


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
    return dtype.newbyteorder("=") if is_bfloat16(dtype) else np.dtype(dtype.name)


def listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def usual_sum(given: DType) -> DType:
    """As `numpy.sum`."""
    if is_float(given):
        return given
    return UINT64 if given.kind == "u" else INT64


def usual_average(given: DType) -> DType:
    """Floats keep theirs; integers take the narrowest float of 32 bits or more that holds each of them."""
    if is_float(given):
        return given
    return FLOAT32 if given.itemsize <= 2 else FLOAT64
