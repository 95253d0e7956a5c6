"""Windows that lie in many chunks: what is kept of each chunk's part of them, and how parts become results.

Sums are of float64, or of integers modulo 2**n; parts of them are added up in pairs, so that the bound of a sum holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import _missing as missing_cells
from .._averages import counted, quotients, rounded_quotients, weight_of_cells, weights_of
from .._dtypes import FLOAT64, INT64, UINT64, is_float
from .._indices import Counting
from .._ops import AVERAGE, SUM, Division, Op, neutral
from .._plan import Pooling
from .._run import How, Request, of_array
from .._windows import Axes, Resolved, Whole
from .dask_tasks import read

if TYPE_CHECKING:
    from .._types import Array, DType
    from .._windows import Cells
    from .dask_tasks import Box, Place

Parts = dict[str, Any]  # arrays: value, index, count, weight, mean
NO_INDEX = np.iinfo(np.int64).max
FIRST = Axes(None, (0,))


class Large(NamedTuple):
    """A pooling whose windows are put together. It looks to `_averages` like the call that it stands for."""

    op: Op
    part: Op  # what is kept of a part
    axes: Axes
    how: How
    source: DType
    dtypes: tuple[DType, ...]
    weighted: bool
    counted: bool  # whether cells are, beside

    @property
    def rounding(self) -> str:
        return self.op.division.rounding


def large(request: Request, how: How, source: DType, dtypes: tuple[DType, ...], weighted: bool) -> Large | None:
    """None: there is no way to put results together."""
    op = request.op
    part = part_of(op, source, dtypes[0], weighted) if isinstance(op, Op) else None
    if part is None:
        return None
    assert isinstance(op, Op)
    divides = op.name == "avg" and not op.division.divisor and not weighted
    omits = how.mask is not None or (how.nan_policy == "omit" and is_float(source))
    counts = how.min_count > 0 or (divides and omits) or op.name in ("var", "std")
    plain = how._replace(mask=None, weights=None)
    return Large(op, part, request.axes, plain, source, dtypes, weighted, counts)


def part_of(op: Op, source: DType, result: DType, weighted: bool) -> Op | None:
    """What is kept of a part of a window."""
    if op.name in ("any", "all", "count_nonzero"):
        return op
    if op.name in ("max", "min"):
        if op.counting is None:
            return op
        return op._replace(counting=Counting("window" if op.counting.base == "window" else "plane"))
    if op.name in ("sum", "prod"):
        return op._replace(dtype=FLOAT64 if is_float(result) else result)
    if op.name == "avg":
        if weighted or is_float(source):
            return SUM._replace(dtype=FLOAT64)
        if source.itemsize == 8 or op.division.divisor < 0:  # sums have more than 64 bits; quotients other signs
            return SUM._replace(dtype=FLOAT64) if is_float(result) else None
        return SUM._replace(dtype=UINT64 if source.kind == "u" else INT64)
    if op.name == "lp" and op.parameters[0] >= 0.5:  # the root of a small power makes errors larger
        return op
    if op.name in ("var", "std"):
        return Op("var", "variance")
    return None


def leaf(
    asked: Large,
    windows: Resolved,
    shape: Cells,
    at: tuple[slice, ...],
    boxes: tuple[Box | None, ...],
    place: Place,
    *chunks: Any,
) -> Parts:
    """Of the cells of one chunk, at the windows of a block that see some of them."""
    x, mask, weights = read(boxes, chunks)
    if asked.op.name in ("lp", "var", "std"):
        x = x.astype(FLOAT64)
    how = asked.how._replace(mask=mask, weights=weights, min_count=0)

    def of(op: Op, how: How = how) -> Any:
        return of_array(x, Request(op, windows, asked.axes), how)

    parts: Parts = {}
    if asked.part.counting is None:
        parts["value"] = of(asked.part)
    else:
        parts["value"], found = of(asked.part)
        parts["index"] = np.where(found < 0, NO_INDEX, place.indices(found, x.shape, asked.axes.of(x.ndim)))
    if asked.part.name == "var":
        parts["mean"] = of(AVERAGE._replace(dtype=FLOAT64, division=Division(count_include_pad=False)))
    pooling = Pooling(asked.part, windows, asked.axes)
    missing = missing_cells.described(x, how.nan_policy, mask)
    if asked.counted:
        parts["count"] = np.asarray(counted(x, pooling, missing, how.threads), INT64)
    if asked.weighted and asked.op.name == "avg":
        missing = missing._replace(weights=weights_of(weights, x.shape).astype(FLOAT64))
        parts["weight"] = weight_of_cells(x, pooling, missing, how.threads)
    return {name: spread(part, shape, at, nothing(asked, name, part.dtype)) for name, part in parts.items()}


def nothing(asked: Large, name: str, dtype: DType) -> Any:
    """What stands for a part that a window has not."""
    if name == "index":
        return NO_INDEX
    if name != "value" or asked.part.name == "var":
        return 0
    return neutral(asked.part.row, dtype)


def spread(part: Array, shape: Cells, at: tuple[slice, ...], value: Any) -> Array:
    whole = np.full(shape, value, part.dtype)
    whole[at] = part
    return whole


def joined(asked: Large, many: list[Parts]) -> Parts:
    """Parts of the same windows as one."""
    stacked = {name: np.stack([parts[name] for parts in many]) for name in many[0]}
    values = stacked["value"]
    result: Parts = {name: added(stacked[name]) for name in ("count", "weight") if name in stacked}
    if asked.part.name == "var":
        return result | moments(values, stacked["mean"], stacked["count"])
    if asked.part.name in ("sum", "count_nonzero"):
        return result | {"value": added(values)}
    best = of_array(
        values, Request(asked.part._replace(counting=None, dtype=None), Whole(False), FIRST), How(threads=1)
    )
    if "index" in stacked:
        with np.errstate(invalid="ignore"):
            found = (values == best) | (np.isnan(values) if is_float(values.dtype) else False)
        result["index"] = np.where(found, stacked["index"], NO_INDEX).min(0)
    return result | {"value": best}


def added(parts: Array) -> Array:
    """Sums along the first axis, in pairs."""
    while len(parts) > 1:
        half = len(parts) // 2
        with np.errstate(all="ignore"):
            pairs = parts[:half] + parts[half : 2 * half]
        parts = np.concatenate([pairs, parts[2 * half :]])
    return np.asarray(parts[0])


def moments(variances: Array, means: Array, counts: Array) -> Parts:
    """Chan, Golub and LeVeque, 1979: what parts differ from each other is added to what they differ within."""
    total = added(counts)
    with np.errstate(all="ignore"):
        inside = np.where(counts > 0, counts * variances, 0)
        mean = added(np.where(counts > 0, counts * means, 0)) / total
        between = np.where(counts > 0, counts * (means - mean) ** 2, 0)
        return {"value": added(inside + between) / total, "mean": mean}


def root(asked: Large, inside: Array, padded: Array, many: list[Parts]) -> Any:
    """The results of a block, whose windows have so many taps in the array and in the padded one."""
    parts = joined(asked, many)
    op, values = asked.op, parts["value"]
    with np.errstate(all="ignore"):
        if op.name == "avg":
            values = averages(asked, parts, inside, padded)
        elif asked.part.name == "var":
            count, ddof = parts["count"], op.parameters[0]
            values = np.where(count > ddof, values * count / (count - ddof), np.nan)
            values = np.sqrt(values) if op.name == "std" else values
        results = [values.astype(asked.dtypes[0], copy=False)]
    if "index" in parts:
        results.append(np.where(parts["index"] == NO_INDEX, -1, parts["index"]).astype(asked.dtypes[1]))
    if asked.how.min_count > 0:
        missing_cells.erase(tuple(results), op, asked.source, parts["count"] < asked.how.min_count)
    return results[0] if len(results) == 1 else tuple(results)


def averages(asked: Large, parts: Parts, inside: Array, padded: Array) -> Array:
    sums, division = parts["value"], asked.op.division
    divisors: Any = inside
    if division.divisor:
        divisors = np.array(division.divisor)
    else:
        divisors = parts.get("weight", parts.get("count", inside))
        if division.count_include_pad:
            divisors = divisors + (padded - inside)
    if is_float(sums.dtype) or is_float(asked.dtypes[0]):
        return quotients(sums.astype(FLOAT64, copy=False), divisors.astype(FLOAT64), asked)  # type: ignore[arg-type]
    divisors = np.maximum(np.asarray(divisors).astype(sums.dtype), 1)
    return rounded_quotients(sums // divisors, sums % divisors, divisors, asked, sums)  # type: ignore[arg-type]
