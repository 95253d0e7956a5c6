"""Gradients of sums and averages: sums over the outputs that see a cell, which are windows, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _arrays as arrays
from . import _averages as averages
from ._dtypes import FLOAT32, FLOAT64
from ._ops import SUM, Division, Op
from ._plan import Pooling
from ._windows import Transposed

if TYPE_CHECKING:
    from ._plan import Call, Missing
    from ._types import Array
    from ._windows import Cells, Window


class Part(NamedTuple):
    """An array, one kind of windows over it, and what is known of their results."""

    g: Array
    x: Array
    pooling: Pooling
    missing: Missing
    order: Cells  # the axes of the gradient, outermost in memory first
    threads: int
    constant: Array | None = None  # windows whose result depends on no cell

    def transposed(self, g: Array) -> Array:
        """The sums of `g` over the outputs that see each cell."""
        return Sums(self, None).run(g, None, self.threads)

    def left_in(self, result: Array) -> Array:
        """The same, 0 for the cells that are left out. Overwrites it."""
        cells = self.missing.cells(self.x)
        if cells is not None:
            np.copyto(result, 0, where=cells)
        return result


# ---- sums and averages -----------------------------------------------------------------------------------------------


class Apart(NamedTuple):
    """Outputs of dilated windows at a stride with zeros between them, as those of a window at each cell."""

    axis: int
    seeing: int  # outputs that begin in front of the last cell
    stride: int
    size: int

    def of(self, g: Array) -> Array:
        sizes = (*g.shape[: self.axis], self.size, *g.shape[self.axis + 1 :])
        spread = arrays.empty(sizes, g.dtype, arrays.memory_order(g.shape, g.strides))
        spread[...] = 0
        along = (slice(None),) * self.axis
        spread[(*along, slice(0, (self.seeing - 1) * self.stride + 1, self.stride))] = g[(*along, slice(self.seeing))]
        return spread


class Sums:
    """Sums of `g`, or of its quotients, over the outputs that see each cell: planned for any g of one form."""

    def __init__(self, part: Part, divisors: Array | None) -> None:
        self.divisors, division = divisors, None
        if divisors is not None and divisors.size > 0 and 0 < divisors.min() == divisors.max() < 2**53:
            division, self.divisors = Division(divisor=float(divisors.flat[0])), None
        shape, self.apart = part.x.shape, []
        windows: list[Window] = []
        for axis, window in part.pooling.along(shape).items():
            if len(window) == 6 and window[1] > 1 and window[4] > 1:
                kernel, stride, before, _, dilation, _ = window
                seeing = min(part.g.shape[axis], (shape[axis] - 1 + before) // stride + 1)
                reach = (kernel - 1) * dilation
                after = max(0, (seeing - 1) * stride + reach + 1 - shape[axis] - before)
                self.apart.append(Apart(axis, seeing, stride, shape[axis] + before + after - reach))
                window = kernel, 1, before, after, dilation, 0
            windows.append(window)
        sizes = tuple(shape[axis] for axis in part.pooling.axes.of(len(shape)))
        op = SUM if division is None else Op("avg", "average", division=division)
        self.pooling = Pooling(op, Transposed(tuple(windows), sizes, part.order), part.pooling.axes)
        self.kept: tuple[object, Call] | None = None

    def run(self, g: Array, out: Any, threads: int) -> Array:
        dtype = g.dtype
        if self.divisors is not None:
            g = quotients(g, self.divisors)
        for axis in self.apart:
            g = axis.of(g)
        form, kept = (g.dtype, g.strides), self.kept
        if kept is None or kept[0] != form:
            self.kept = kept = form, self.pooling.call(g)
        if g.dtype == dtype:
            return kept[1].run(g, out, threads)  # type: ignore[return-value] # no pair
        with np.errstate(all="ignore"):
            result = np.asarray(kept[1].run(g, None, threads)).astype(dtype)
        return arrays.delivered((result,), (out,), (arrays.target(out, result.shape, dtype),))[0]


def divisors_of(part: Part) -> Array:
    """By what each window is divided, in a shape that broadcasts."""
    x, pooling, missing = part.x, part.pooling, part.missing
    division = pooling.op.division
    if division.divisor:
        return np.array(division.divisor)
    inside, padded = averages.taps(x.shape, pooling)
    if missing.nothing:
        return padded if division.count_include_pad else inside
    counts = averages.counted(x, pooling, missing, part.threads)
    return np.asarray(counts + (padded - inside)) if division.count_include_pad else counts


def quotients(g: Array, divisors: Array) -> Array:
    """g divided, 16-bit floats as float32; 0 where a window has no cell that g could go to."""
    number = FLOAT32 if g.dtype.itemsize == 2 else g.dtype
    with np.errstate(all="ignore"):
        result: Array = np.divide(g.astype(number, copy=False), divisors.astype(number))
        np.copyto(result, 0, where=divisors == 0)
        return np.add(result, 0, out=result)  # -0 is 0


def of_weighted(part: Part, weights: Array, wrt: str) -> Array:
    """Of sums and averages of weighted cells, in float64."""
    x, pooling, missing = part.x, part.pooling, part.missing._replace(weights=weights.astype(FLOAT64, copy=False))
    g, division = part.g.astype(FLOAT64), pooling.op.division
    average = pooling.op.name == "avg"
    divisors: Array | None = None
    with np.errstate(all="ignore"):
        if average and division.divisor:
            g = g / division.divisor
        elif average:
            divisors = averages.weight_of_windows(x, pooling, missing, part.threads)
            g = g / divisors
            np.copyto(g, 0, where=averages.counted(x, pooling, part.missing, part.threads) == 0)
        result = part.transposed(g)
        if wrt == "x":
            return part.left_in(result * weights + 0.0)  # -0 is 0
        cells = x.astype(FLOAT64)
        if not np.isfinite(cells).all():  # 0 times these would be NaN, where no window holds them
            passing = np.ones(g.shape) if part.constant is None else np.where(part.constant, 0.0, 1.0)
            cells = np.where(part.transposed(passing) > 0, cells, 0)
        result = result * cells
        if divisors is not None:
            sums = pooling.of(SUM._replace(dtype=FLOAT64))
            averaged = sums.call(x, missing).results(x, (None,), part.threads, missing)[0] / divisors
            result -= part.transposed(np.where(g == 0, 0, g * averaged))
        return part.left_in(result + 0.0)
