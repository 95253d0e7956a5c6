"""Which dtypes a call reads, accumulates and returns: the rules of docs/semantics.md, "Result dtypes"."""

from __future__ import annotations

from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ._arguments import shown
from ._core import dtypes, methods

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._types import DType

BOOL, FLOAT32, FLOAT64, INT32, INT64 = map(np.dtype, ("?", "f4", "f8", "i4", "i8"))
UINT8, UINT16, UINT64 = map(np.dtype, ("u1", "u2", "u8"))
NUMBERS = tuple(name for name in dtypes if name != "bool")  # what sums and averages can be asked for


class Types(NamedTuple):
    op: str  # the core's name of it
    source: DType  # what x is read as: it is converted where it has another dtype
    result: DType  # of the call; that of the core may be another


# Ops of elements as truth values, and what does them.
LOGICAL = {"any": "max", "all": "min", "count_nonzero": "sum", "present": "sum"}


def choose(core: str, parameters: tuple[float, float], given: DType, asked: DType | None) -> Types:
    """The dtypes of one of the core's operations on an array of dtype `given`, where `asked` may be the result's."""
    if core in ("sum", "average"):
        return choose_sum(core, given, asked)
    if core == "product":
        result = usual_sum(given) if asked is None else asked
        if is_float(result):
            return Types(core, FLOAT64 if result == FLOAT64 else FLOAT32, result)
        return Types(core, UINT64 if result.kind == "u" else INT64, result)
    if core == "present" and asked is not None:
        return Types("sum", asked, asked)
    if core in LOGICAL:
        return Types(LOGICAL[core], BOOL, INT64 if LOGICAL[core] == "sum" else BOOL)
    if core == "quantile" and methods[int(parameters[1])] in ("lower", "higher", "nearest"):
        return Types("quantile_of_cells", given, given)  # always one of them
    if core in ("max", "min", "mode"):
        return Types(core, given, given)
    result = usual_average(given)
    if core == "norm":
        source = FLOAT64 if result == FLOAT64 else FLOAT32
        fast = {1: "sum_magnitude", inf: "max_magnitude"} | ({2: "root_sum_square"} if source == FLOAT32 else {})
        p = parameters[0]
        return Types(fast[p], source, result) if p in fast else Types("power_sum", given, result)
    return Types(core, given, result)


def choose_sum(op: str, given: DType, asked: DType | None) -> Types:
    """Those of a sum or average."""
    usual = usual_sum(given) if op == "sum" else usual_average(given)
    result = usual if asked is None else asked

    if is_float(given):
        if is_float(result):
            source = result
        elif op == "average":
            source = FLOAT64
        else:
            source = INT32 if result.itemsize < 4 else result  # the same lower bits, and windows of any size
    elif is_float(result):
        converts = op == "sum" or result != usual
        source = result if converts else given
    else:  # 64-bit sums wrap to what sums of converted integers are, and integer averages are exact
        op = "sum" if op == "sum" else "average_rounded"
        source = given
    return Types(op, source, result)


def reads(given: DType, source: DType) -> bool:
    """Whether the core makes elements of `source` of others as it reads them."""
    integers = source.name in ("int64", "uint64") and not is_float(given)
    return given == source or source.name in ("bool", "float32", "float64") or integers


def is_bfloat16(dtype: DType) -> bool:
    """Whether it is the bfloat16 that the package ml_dtypes has taught numpy."""
    return dtype.kind == "V" and dtype.itemsize == 2 and dtype.name == "bfloat16"


def is_float(dtype: DType) -> bool:
    return dtype.kind == "f" or is_bfloat16(dtype)


@lru_cache(maxsize=64)
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
