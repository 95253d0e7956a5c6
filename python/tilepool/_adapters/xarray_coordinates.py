"""What labels an output of named dimensions: the mean of its window's coordinates, their outer bounds, or the first."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import xarray as xr
from xarray.indexes import PandasIndex, PandasMultiIndex

from .._ops import op
from .._run import How, Request, run
from .._windows import Axes, Resolved, outputs, taps_along

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from .._ops import AnyOp
    from .._types import Array, Points
    from .._windows import Window

MEAN = op("avg", count_include_pad=False)
MEAN_OF_INTEGERS = op("avg", count_include_pad=False, dtype="float64")
MEAN_OF_DATES = op("avg", count_include_pad=False, dtype="int64", rounding="floor")
NOT_A_TIME = np.iinfo(np.int64).min
SIZES_ON_DISK = {"chunks", "chunksizes", "preferred_chunks", "shards", "contiguous", "original_shape"}
MICROSECOND = timedelta(microseconds=1)


class Cut(NamedTuple):
    """An axis of n cells, and its windows; None: the axis is gone."""

    n: int
    window: Window | None

    @property
    def number(self) -> int:
        """How many windows there are."""
        window: Any = self.window
        if len(window) == 6:
            return outputs(self.n, window)
        return window[1] if len(window) == 2 else len(window[1])

    @property
    def keeps(self) -> bool:
        """Whether there is an output for each cell, in its place."""
        window = self.window
        return (
            window is not None and self.number == self.n and (len(window) == 2 or (len(window) == 6 and window[1] == 1))
        )

    @property
    def block(self) -> int | None:
        """The cells of each window, where these are what `coarsen` cuts."""
        window: Any = self.window
        if len(window) == 2:
            return None if self.n % window[1] else self.n // window[1]
        if len(window) != 6 or window[0] != window[1] or window[2] > 0 or window[4] > 1:
            return None
        size = window[0]
        return size if self.number in (self.n // size, -(-self.n // size)) else None

    def ends(self) -> tuple[Points, Points, Points]:
        """The first and the last cell of each window, and how many cells it has; where there is none, any cell."""
        window: Any = self.window
        counts, dilation = taps_along(self.n, window)[0], 1
        if len(window) == 3:
            firsts = np.array(window[1], np.int64)
        elif len(window) == 2:
            firsts = self.n * np.arange(window[1], dtype=np.int64) // window[1]
        else:
            _, stride, before, _, dilation, _ = window
            starts = stride * np.arange(len(counts), dtype=np.int64) - before
            firsts = starts + dilation * -(np.minimum(starts, 0) // dilation)
        lasts = firsts + dilation * (counts - 1)
        return np.clip(firsts, 0, self.n - 1), np.clip(lasts, 0, self.n - 1), counts


Cuts: TypeAlias = "dict[Hashable, Cut]"  # by the pooled dimension


def labels(
    variables: Mapping[Any, xr.Variable], indexes: Mapping[Any, Any], cuts: Cuts
) -> tuple[dict[Any, xr.Variable], dict[Any, Any]]:
    """Of coordinates, and bounds of such, those of the outputs; and the indexes of those that have one."""
    cuts = {dim: cut for dim, cut in cuts.items() if not cut.keeps}
    bounds = named_bounds(variables)
    stale = {id(indexes[name]) for name in indexes if not cuts.keys().isdisjoint(variables[name].dims)}
    kept = {name: index for name, index in indexes.items() if id(index) not in stale}
    result: dict[Any, xr.Variable] = {}
    for name, variable in variables.items():
        own = {dim: cuts[dim] for dim in variable.dims if dim in cuts}
        if not own:
            result[name] = variable.copy(deep=False)  # whose attributes may be changed
        elif all(cut.window is not None for cut in own.values()):
            label = outer_bounds(variable, own) if name in bounds else labelled(variable, own, indexes.get(name))
            if label is None:
                continue
            result[name] = label
            if name in indexes and (label.dims == (name,) or isinstance(indexes[name], PandasIndex)):
                data = label.data
                kept[name] = PandasIndex(data if isinstance(data, np.ndarray) else label, *label.dims)
                result |= kept[name].create_variables({name: label})
            result[name].encoding = stored(variable.encoding)
    return result, kept


def named_bounds(variables: Mapping[Any, xr.Variable]) -> set[Any]:
    """The variables that are the bounds of another one, by the conventions of climate and forecast."""
    named = (attrs.get("bounds") for one in variables.values() for attrs in (one.attrs, one.encoding))
    return {name for name in named if isinstance(name, str)}


def labelled(variable: xr.Variable, cuts: Cuts, index: Any) -> xr.Variable | None:
    """A coordinate of the outputs: the mean of cells that have one, outer intervals, else the first cell's."""
    if isinstance(index, PandasMultiIndex):
        return None
    if isinstance(index, PandasIndex) and isinstance(index.index, pd.IntervalIndex):
        return outer_intervals(variable, index.index, *cuts.values())
    dtype = variable.dtype
    numeric = isinstance(dtype, np.dtype) and dtype.kind in "biufmM" and dtype.itemsize <= 8
    if numeric or is_calendar(variable):
        return mean(variable, cuts)
    return variable.isel({dim: cut.ends()[0] for dim, cut in cuts.items()}).to_base_variable()


# ---- means -----------------------------------------------------------------------------------------------------------


def mean(variable: xr.Variable, cuts: Cuts) -> xr.Variable:
    """The mean of the cells of each window that are there, in the bits of `coarsen` where it cuts the same windows.

    Up to seven float64 in a row are added up in one order by all that it may call; else this depends on what is
    installed.
    """
    blocks = {dim: block for dim, cut in cuts.items() if (block := cut.block) is not None}
    numbers = variable.dtype.kind in "biu" or variable.dtype == np.float64
    few = numbers and variable.ndim == 1 and max(blocks.values(), default=0) < 8
    if not few and len(blocks) == len(cuts):
        hangs = {dim: "pad" if cuts[dim].number * block > cuts[dim].n else "trim" for dim, block in blocks.items()}
        return variable.to_base_variable().coarsen(blocks, "mean", boundary=hangs, keep_attrs=True)
    if variable.chunks is None:
        return xr.Variable(variable.dims, means(variable.values, variable.dims, cuts), variable.attrs)
    from dask.array import from_delayed
    from dask.delayed import delayed

    shape = tuple(cuts[dim].number if dim in cuts else n for dim, n in variable.sizes.items())
    dtype = np.dtype(np.float64) if variable.dtype.kind in "biu" else variable.dtype
    lazy = from_delayed(delayed(means)(variable.data, variable.dims, cuts), shape, dtype)
    return xr.Variable(variable.dims, lazy, variable.attrs)


def means(values: Array, dims: tuple[Hashable, ...], cuts: Cuts) -> Any:
    if values.dtype == object:
        origin = values.min()
        spans = np.array([span // MICROSECOND for span in (values - origin).flat], np.int64).reshape(values.shape)
        return origin + averaged(spans, dims, cuts, MEAN_OF_DATES).astype(object) * MICROSECOND
    if values.dtype.kind in "mM":
        times = np.ma.array(values.view(np.int64), mask=np.isnat(values))
        return averaged(times, dims, cuts, MEAN_OF_DATES).filled(NOT_A_TIME).view(values.dtype)
    return averaged(values, dims, cuts, MEAN if values.dtype.kind == "f" else MEAN_OF_INTEGERS)


def averaged(values: Array, dims: tuple[Hashable, ...], cuts: Cuts, average: AnyOp) -> Any:
    windows = Resolved(tuple(cut.window for cut in cuts.values() if cut.window is not None))
    request = Request(average, windows, Axes(None, tuple(map(dims.index, cuts))))
    return run(values, request, How(nan_policy="omit"))


def is_calendar(variable: xr.Variable) -> bool:
    """Whether a coordinate has the dates of another calendar."""
    dates = variable.dtype == object and variable.size > 0
    return dates and type(variable.values.flat[0]).__module__.startswith("cftime")


# ---- bounds ----------------------------------------------------------------------------------------------------------


def outer_bounds(variable: xr.Variable, cuts: Cuts) -> xr.Variable | None:
    """The lower and upper bounds of each window's cells, in the order that each cell has. None: of areas."""
    if len(cuts) > 1 or variable.ndim != 2 or 2 not in variable.shape:
        return None
    ((dim, cut),) = cuts.items()
    firsts, lasts, counts = cut.ends()
    (vertices,) = (other for other in variable.dims if other != dim)
    values = variable.transpose(dim, vertices).values
    ends = np.concatenate([values[firsts], values[lasts]], axis=1)
    lower, upper, falls = ends.min(1), ends.max(1), ends[:, 0] > ends[:, 1]
    result = np.stack([np.where(falls, upper, lower), np.where(falls, lower, upper)], 1)
    if (counts == 0).any():
        result = result.astype(np.float64) if result.dtype.kind in "iu" else result
        result[counts == 0] = None  # NaN, or no date
    return xr.Variable((dim, vertices), result, variable.attrs).transpose(*variable.dims)


def outer_intervals(variable: xr.Variable, index: pd.IntervalIndex, cut: Cut) -> xr.Variable:
    firsts, lasts, counts = cut.ends()
    first, last = index[firsts], index[lasts]
    lower = first.left.where(first.left < last.left, last.left).where(counts > 0)
    upper = first.right.where(first.right > last.right, last.right).where(counts > 0)
    return xr.Variable(variable.dims, pd.IntervalIndex.from_arrays(lower, upper, index.closed), variable.attrs)


# ---- how variables are stored ----------------------------------------------------------------------------------------


def stored(encoding: Mapping[Any, Any]) -> dict[Any, Any]:
    """How a variable is stored, without what is about its size."""
    return {name: value for name, value in encoding.items() if name not in SIZES_ON_DISK}
