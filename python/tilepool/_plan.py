"""A pooling planned for one form of x: the core's plan, and what numpy does before and after it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _arrays as arrays
from ._arguments import shown
from ._arrays import copied, dense_strides, memory_order
from ._core import Plan, roundings
from ._dtypes import FLOAT64, UINT16, choose, is_bfloat16, is_float, readable, reads
from ._windows import Transposed, has_lists

if TYPE_CHECKING:
    from ._ops import Op
    from ._types import Array, DType
    from ._windows import Axes, Cells, Window, Windows


class Missing(NamedTuple):
    """Which cells count as if they were not there: NaNs, and those that a mask has not. And what the others weigh."""

    nans: bool
    mask: Array | None  # of bool, True where a cell counts, in a shape that broadcasts to that of x
    weights: Array | None = None  # of float64, likewise
    min_count: int = 0  # where the core counts them: fewer cells give what none gives

    @property
    def nothing(self) -> bool:
        return self.mask is None and not self.nans

    def beside(self, x: Array) -> tuple[Array | None, Array | None]:
        """The mask and the weights as the core reads them."""
        mask, weights = (part if part is None else np.broadcast_to(part, x.shape) for part in (self.mask, self.weights))
        return mask, weights

    def cells(self, x: Array) -> Array | None:
        """Which cells of x these are, in a shape that broadcasts to that of x; None: there are none."""
        hidden = None if self.mask is None else ~self.mask
        if not self.nans:
            return hidden
        with np.errstate(invalid="ignore"):  # signalling NaNs
            nan = np.isnan(x)
        if hidden is not None:
            nan |= hidden
        return nan if nan.any() else None


ALL = Missing(False, None)  # every cell counts


class Pooling(NamedTuple):
    """What is asked of an array, its cells apart: what is kept of which windows along which axes."""

    op: Op
    windows: Windows
    axes: Axes

    def call(self, x: Array, missing: Missing = ALL) -> Call:
        """The call for arrays of the form of x, cells of which the core leaves out."""
        mask, weights = (None if part is None else part.strides for part in missing.beside(x))
        form = x.dtype, x.shape, x.strides, missing.nans, mask, weights, missing.min_count
        make_or_find = make if has_lists(self.windows) else kept
        return make_or_find(self, *form)

    def of(self, op: Op) -> Pooling:
        """The same windows for another operation."""
        return self._replace(op=op)

    def along(self, shape: Cells) -> dict[int, Window]:
        """The windows of each pooled axis of an array of that shape."""
        axes = self.axes.of(len(shape))
        return dict(zip(axes, self.windows.over(tuple(shape[axis] for axis in axes)), strict=True))


class Call(NamedTuple):
    """Depends on dtype, shape and strides of x, never on its values."""

    plan: Plan
    shape: Cells  # of the result
    dtypes: tuple[DType, ...]  # of the result, or of values and indices
    wraps: bool  # integers that the dtype does not hold wrap, as in sums; else they saturate
    source: DType | None  # x is copied to this dtype first; None: the core reads it, whatever its strides
    order: Cells  # the axes of that copy, outermost in memory first
    view: DType | None  # what x is seen as by the core: it knows no other byte order, and numpy no bfloat16
    sums: Plan | None  # for averages in integers: tells the 0 / 0 of a window without cells from a NaN in x
    direct: bool  # the plan's results are the call's
    plain: bool  # and nothing has to be done before or after
    bits: DType | None  # bfloat16, if that is what the plan reads and writes: numpy has none, the core sees bits
    rounding: str  # of averages in integers
    on_bits: Call | None = None  # the same on bits: nothing else has to be done where both are bfloat16

    def run(self, x: Array, out: object, threads: int, mask: Array | None = None) -> Array | tuple[Array, ...]:
        """The result, or the pair of values and indices: in `out`, where that is given."""
        if self.plain and len(self.dtypes) == 2:
            pair: tuple[Any, Any] = out if type(out) is tuple and len(out) == 2 else (out, None)
            values, indices = pair
            if out is None or (
                type(values) is type(indices) is np.ndarray and self.plan.fits(x, values, indices, mask)
            ):
                return self.plan.pick(x, values, indices, threads, mask)
        elif self.plain and (out is None or (type(out) is np.ndarray and self.plan.fits(x, out, None, mask))):
            return self.plan.run(x, out, threads, mask)
        outs = arrays.outputs(out, len(self.dtypes))
        values, *places = outs
        if self.on_bits is not None and (values is None or (type(values) is np.ndarray and values.dtype == self.bits)):
            bits = None if values is None else values.view(UINT16)
            found: Any = self.on_bits.run(
                x.view(UINT16), (bits, *places) if places and out is not None else bits, threads, mask
            )
            first, *others = found if places else (found,)
            first = first.view(self.bits) if values is None else values
            return (first, *others) if places else first
        targets = self.targets(outs)
        results = arrays.delivered(self.results(x, targets, threads, Missing(False, mask)), outs, targets)
        return results[0] if len(results) == 1 else results

    def targets(self, outs: tuple[object, ...]) -> tuple[Array | None, ...]:
        """Each `out` as a plain array; refuses one that cannot take its result."""
        return tuple(arrays.target(out, self.shape, dtype) for out, dtype in zip(outs, self.dtypes, strict=True))

    def results(
        self, x: Array, targets: tuple[Array | None, ...], threads: int, missing: Missing = ALL
    ) -> tuple[Array, ...]:
        """The results, in those targets that the core writes to. The call must be one for what is missing."""
        x, (mask, weights) = self.readable(x), missing.beside(x)
        seen = tuple(self.seen(target, dtype) for target, dtype in zip(targets, self.dtypes, strict=True))
        written = self.direct and self.plan.fits(x, seen[0], seen[1] if len(seen) == 2 else None, mask)
        if not written:
            seen = (None,) * len(seen)
        if len(seen) == 1:
            result = self.plan.run(x, seen[0], threads, mask, weights)
            results: tuple[Array, ...] = (self.finished(result, x, threads, mask),)
        else:
            values, indices = self.plan.pick(x, seen[0], seen[1], threads, mask)
            results = self.finished(values, x, threads, mask), indices.astype(self.dtypes[1], copy=False)
        if not written:
            return results
        return tuple(result if target is None else target for result, target in zip(results, targets, strict=True))

    def readable(self, x: Array) -> Array:
        """x as the core reads it."""
        if self.source is not None:
            x = copied(x, self.source, self.order)
        return x if self.view is None else x.view(self.view)

    def seen(self, target: Array | None, dtype: DType) -> Array | None:
        """A target as the core sees it."""
        if target is None or self.bits is None or dtype != self.bits or target.dtype != dtype:
            return target
        return target.view(UINT16)

    def finished(self, result: Array, x: Array, threads: int, mask: Array | None = None) -> Array:
        """The plan's result on x in the call's dtype."""
        dtype = self.dtypes[0]
        if self.bits is not None:
            result = result.view(self.bits)
        if result.dtype == dtype:
            return result
        if self.wraps or is_float(dtype):
            with np.errstate(all="ignore"):  # float32 becomes float16
                return result.astype(dtype)
        empty = np.isnan(result)
        if empty.any():
            if self.sums is not None and np.isnan(self.sums.run(x, None, threads, mask)).any():
                raise ValueError(f"x must not have a window whose average is NaN where dtype is {dtype}")
            result[empty] = 0
        return saturated(result, dtype, self.rounding)


def saturated(numbers: Array, dtype: DType, rounding: str) -> Array:
    """Floats rounded to integers of `dtype` by the named rule. Overwrites `numbers`, which are not NaN."""
    limits = np.iinfo(dtype)
    rounded(numbers, rounding)
    over = numbers >= float(limits.max)  # 2**63 for int64: float64 has no 2**63 - 1
    numbers[over] = 0
    integers = np.maximum(numbers, float(limits.min), out=numbers).astype(dtype)
    integers[over] = limits.max
    return integers


def rounded(numbers: Array, rounding: str) -> None:
    """Round floats in place."""
    if rounding != "half_up":
        {"half_even": np.rint, "floor": np.floor, "trunc": np.trunc}[rounding](numbers, out=numbers)
        return
    floors = np.floor(numbers)
    with np.errstate(invalid="ignore"):  # infinity - infinity, which is no half and more
        np.add(floors, numbers - floors >= 0.5, out=numbers)


def make(
    pooling: Pooling,
    given: DType,
    shape: Cells,
    strides: Cells,
    omit: bool = False,
    mask: Cells | None = None,
    weights: Cells | None = None,
    min_count: int = 0,
) -> Call:
    """The call of a pooling on arrays of the given form, beside which lie masks and weights of these strides."""
    op = pooling.op
    native = readable(given)
    windows = pooling.along(shape)
    axes = tuple(windows)
    core_op, source, result = choose(op.core, op.parameters, native, op.dtype)
    if op.division.quotients is not None:
        source = op.division.quotients
    elif weights is not None or (mask is not None and op.row.neutral is None and not is_float(source)):
        source = FLOAT64  # which products are of, and which has NaNs
    elif mask is not None and core_op == "average" and is_float(result) and not op.division.divisor:
        source = result  # which counts
    if is_float(result) and op.division.rounding != roundings[0]:
        raise ValueError(
            f"rounding must be {roundings[0]!r} unless dtype is an integer, not {shown(op.division.rounding)}"
        )
    order, ordered = memory_order(shape, strides), False
    if isinstance(pooling.windows, Transposed):
        order, ordered = pooling.windows.order, pooling.windows.order != order
    places: Cells = ()
    counts = "none"
    if op.counting is not None:
        places = op.counting.steps(shape, axes, tuple(windows.values()))
        counts = "taps" if op.counting.base == "window" else "cells"
        # Of equal cells the first one counts, in the order of the axes: that of the memory must be the same.
        pooled = [axis for axis in order if axis in axes and shape[axis] > 1]
        if pooled != sorted(pooled):
            order, ordered = tuple(range(len(shape))), True
    copies = not reads(native, source)
    if copies:
        native, strides = source, dense_strides(shape, source.itemsize, order)
    swapped = not copies and given != native

    def plan(core_op: str) -> Plan:
        return Plan(
            core_op,
            source.name,
            shape,
            strides,
            windows=tuple(map(windows.get, range(len(shape)))),
            count_padding=op.division.count_include_pad,
            divisor=op.division.divisor,
            rounding=op.division.rounding,
            integer=result.name if core_op == "average_rounded" else "int64",
            indices=counts,
            weights=places,
            wide_indices=op.counting is None or op.counting.dtype == "int64",
            parameters=op.parameters,
            omit=omit,
            source=native.name,
            swapped=swapped,
            order=order if ordered else (),
            mask=mask,
            cell_weights=weights,
            present=op.core == "present",
            min_count=min_count,
        )

    core = plan(core_op)
    bits = source if is_bfloat16(source) else None
    direct = core.result_dtype == result.name
    narrow = op.counting if op.counting is not None and op.counting.dtype == "uint8" else None
    view = UINT16 if is_bfloat16(native) else native if swapped else None
    call = Call(
        plan=core,
        shape=core.result_shape,
        dtypes=(result,) if op.counting is None else (result, np.dtype(op.counting.dtype)),
        wraps=op.core in ("sum", "product"),
        source=source if copies else None,
        order=order,
        view=view,
        sums=plan("sum") if core_op == "average" and not is_float(result) else None,
        direct=direct,
        plain=direct and not copies and view is None and bits is None and narrow is None,
        bits=bits,
        rounding=op.division.rounding,
    )
    if bits is None or view is None or copies or not direct:
        return call
    dtypes = UINT16, *call.dtypes[1:]
    return call._replace(on_bits=call._replace(dtypes=dtypes, view=None, bits=None, plain=narrow is None))


kept = lru_cache(maxsize=512)(make)
