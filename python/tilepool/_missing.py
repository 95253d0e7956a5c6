"""Cells that are left out of their windows: `nan_policy`, `mask` and `min_count` over the core.

The core pools an array as if a cell that is left out held what changes nothing (the lowest value, the highest, or 0).
That leaves what such a value cannot say: where an extremum lies, and (`_averages`) by how much to divide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _arguments as arguments
from . import _arrays as arrays
from ._arrays import copied
from ._averages import average, averaged_in, counted, filled, rounded_in
from ._dtypes import INT64, choose_sum, is_float, readable
from ._ops import MAX, Op, neutral
from ._plan import Missing, Pooling
from ._windows import Axes, Whole, sliding

if TYPE_CHECKING:
    from ._ops import AnyOp
    from ._plan import Call
    from ._types import Array, DType

POLICIES = ("propagate", "omit", "raise")


def described(x: Array, nan_policy: object, mask: object) -> Missing:
    """The cells that count as if they were not there, as they are described."""
    omits = arguments.choice("nan_policy", nan_policy, POLICIES) == "omit"
    return Missing(omits and is_float(x.dtype), None if mask is None else arrays.mask_of(mask, x.shape))


def left_out(x: Array, nan_policy: object, mask: object, threads: int) -> Missing:
    """The same. Refuses a NaN among the others where none may be, and forgets a mask of all cells."""
    missing = described(x, nan_policy, mask)
    if missing.mask is not None and missing.mask.all():
        missing = missing._replace(mask=None)
    if nan_policy == "raise" and is_float(x.dtype):
        refuse_nan(x, missing, threads)
    return missing


def refuse_nan(x: Array, missing: Missing, threads: int) -> None:
    """Refuse a NaN among the cells that count. Only where there is one, all are looked at by numpy."""
    if x.size == 0:
        return
    whole = Pooling(MAX, Whole(True), Axes(None, tuple(range(x.ndim))))
    with np.errstate(invalid="ignore"):  # signalling NaNs
        if np.isnan(whole.call(x, missing).results(x, (None,), threads, missing)[0]).any():
            places = np.isnan(x) if missing.mask is None else np.isnan(x) & missing.mask
            arrays.refuse_nan("x", places, " where nan_policy is 'raise'")


def results(
    x: Array, pooling: Pooling, call: Call, missing: Missing, threads: int, targets: tuple[Array | None, ...] = ()
) -> tuple[Array, ...]:
    """The results of a call where cells are left out: in those targets that the core writes to, else new arrays."""
    op = pooling.op
    targets = targets or (None,) * len(call.dtypes)
    if missing.nothing:
        return call.results(x, targets, threads)
    in_core = alone(x, pooling, missing)
    if in_core is not None:
        return in_core.results(x, targets, threads, missing)
    if op.name == "avg" and not op.division.divisor:
        return (average(x, pooling, call, missing, threads),)
    if missing.mask is not None and op.row.neutral is None:
        return (surveyed(x, pooling, missing, threads, targets),)
    if op.counting is not None:
        return extrema(x, pooling, pooling.call(x, missing), missing, threads, targets)
    # What numpy has to convert, it also fills.
    full = filled(x, missing.cells(x), neutral(op.row, readable(x.dtype)))
    return pooling.call(full).results(full, targets, threads)


def alone(x: Array, pooling: Pooling, missing: Missing) -> Call | None:
    """The call that answers for all arrays and masks of these forms by itself, if there is one."""
    op = pooling.op
    if op.counting is not None or (missing.mask is not None and op.row.neutral is None):
        return None
    if op.name == "avg" and not op.division.divisor:
        dtypes = choose_sum("average", readable(x.dtype), op.dtype)
        quotients = rounded_in(x, pooling, dtypes.source, dtypes.result)
        if quotients is not None:
            pooling = pooling.of(op._replace(division=op.division._replace(quotients=quotients)))
        elif averaged_in(x, pooling, dtypes.source, dtypes.result) != dtypes.result:
            return None
    call = pooling.call(x, missing)
    return call if call.source is None else None


def one_call(x: Array, pooling: Pooling, nan_policy: object, mask: Any, min_count: int) -> Call | None:
    """The same for these arguments."""
    missing = described(x, nan_policy, mask)
    if min_count > 0:
        if not counts_in_core(x, pooling, missing):
            return None
        missing = missing._replace(min_count=min_count)
    if missing.nothing and not is_float(x.dtype):
        return pooling.call(x)
    return None if nan_policy == "raise" else alone(x, pooling, missing)


def counts_in_core(x: Array, pooling: Pooling, missing: Missing) -> bool:
    """Whether the core counts the cells that are left, and can say where they are too few."""
    op = pooling.op
    if missing.nothing:
        return False
    if op.name in ("max", "min", "sum"):
        return alone(x, pooling, missing) is not None
    if op.name != "avg" or op.division.divisor:
        return False
    dtypes = choose_sum("average", readable(x.dtype), op.dtype)
    averages = averaged_in(x, pooling, dtypes.source, dtypes.result)
    return averages is not None or rounded_in(x, pooling, dtypes.source, dtypes.result) is not None


def mask_beside(x: Array, mask: Any) -> Array | None:
    """A mask as the core reads it, if there is one."""
    if mask is None:
        return None
    values = arrays.mask_of(mask, x.shape)
    return values if values.shape == x.shape else np.broadcast_to(values, x.shape)


def extrema(
    x: Array, pooling: Pooling, in_core: Call, missing: Missing, threads: int, targets: tuple[Array | None, ...]
) -> tuple[Array, ...]:
    """Values and indices."""
    op = pooling.op
    nothing = neutral(op.row, readable(x.dtype))
    values, indices = in_core.results(x, targets, threads, missing)
    with np.errstate(invalid="ignore"):  # bfloat16 warns of NaN
        equal = values == nothing
    places = missing.cells(x) if equal.any() else None
    if places is not None:  # it may be that of a cell that is left out: look among the others
        with np.errstate(invalid="ignore"):
            alike = x == nothing
        alike &= ~places
        found, first = pooling.of(MAX._replace(counting=op.counting)).call(alike).results(alike, (None, None), threads)
        first[~found] = np.array(-1).astype(first.dtype)
        np.copyto(indices, first, where=equal)
    return values, indices


# ---- windows of too few cells ----------------------------------------------------------------------------------------


def erase(results: tuple[Array, ...], op: AnyOp, dtype: DType, few: Array) -> None:
    """Overwrite what windows of too few cells of that dtype give."""
    values = results[0]
    nothing: Any = np.zeros((), values.dtype)
    if is_float(values.dtype):
        nothing = np.array(np.nan).astype(values.dtype)
    elif isinstance(op, Op):
        nothing = empty_value(op, dtype)
    np.copyto(values, nothing, where=few, casting="unsafe")
    if len(results) == 2:
        np.copyto(results[1], np.array(-1).astype(results[1].dtype), where=few)


def empty_value(op: Op, dtype: DType) -> Array:
    """That of a window whose taps lie on both sides of the only cell."""
    cell = np.zeros(1, dtype)
    beside = Pooling(op._replace(counting=None), sliding(2, 1, 2, 3, False), Axes(None, 0))
    return np.asarray(beside.call(cell).results(cell, (None,), 1)[0][0])


def surveyed(x: Array, pooling: Pooling, missing: Missing, threads: int, targets: tuple[Array | None, ...]) -> Array:
    """What has no neutral value: the core pools floats and leaves out NaNs, of which it makes one of a masked cell."""
    if not is_float(x.dtype):
        return of_integers(x, pooling, missing, threads, targets)
    values = pooling.call(x, missing).results(x, targets, threads, missing)[0]
    if not missing.nans and x.size > 0:  # those that count make their windows NaN
        seen = missing._replace(nans=False)
        largest = pooling.of(MAX).call(x, seen).results(x, (None,), threads, seen)[0]
        with np.errstate(invalid="ignore"):
            np.copyto(values, np.array(np.nan).astype(values.dtype), where=np.isnan(largest), casting="unsafe")
    return values


def of_integers(x: Array, pooling: Pooling, missing: Missing, threads: int, targets: tuple[Array | None, ...]) -> Array:
    """Cells as float64: those that the result has exactly must be found again."""
    keeps = pooling.call(x).dtypes[0] == readable(x.dtype)
    if x.dtype.kind == "b" and keeps:
        return of_integers(x.view(np.uint8), pooling, missing, threads, (None,)).view(bool)
    exact = x.size == 0 or max(-int(x.min()), int(x.max())) <= 2**53
    if not keeps or exact:
        return pooling.call(x, missing).results(x, targets, threads, missing)[0]
    cells, ranks = np.unique(x, return_inverse=True)
    places = copied(x, INT64)
    places[...] = ranks.reshape(x.shape)
    values = cells[pooling.call(places, missing).results(places, (None,), threads, missing)[0]]
    np.copyto(values, 0, where=counted(x, pooling, missing, threads) == 0)
    return values
