"""Gradients of maxima and minima: each `g` is added to the cell where its window's value was found."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _arrays as arrays
from . import _core
from . import _indices as places
from . import _missing as missing_cells
from ._dtypes import FLOAT64, INT32, INT64, UINT8, UINT16, is_bfloat16
from ._indices import Counting
from ._ops import MAX
from ._windows import window_sizes

if TYPE_CHECKING:
    from ._gradients_of_sums import Part
    from ._types import Array


class Extrema:
    """Planned for any arrays of one form."""

    def __init__(self, part: Part) -> None:
        x, g, pooling = part.x, part.g, part.pooling
        self.shape, self.axes = x.shape, tuple(sorted(pooling.axes.of(x.ndim)))
        self.along = pooling.along(x.shape)
        short = prod(x.shape[axis] for axis in self.axes) < 2**31
        self.searched = pooling.of(pooling.op._replace(counting=Counting("plane", "int32" if short else "int64")))
        self.search = self.searched.call(x)
        # Planes of pooled axes, as far as the memory has them side by side.
        axes = self.axes
        first = next((i for i, axis in enumerate(part.order) if axis in axes and x.shape[axis] > 1), 0)
        unpooled = [(i < first, axis) for i, axis in enumerate(part.order) if axis not in axes]
        outer, inner = ([axis for is_outer, axis in unpooled if is_outer is side] for side in (True, False))
        self.order = (*outer, *axes, *inner)
        self.back = tuple(map(int, np.argsort(self.order)))
        self.sizes = tuple(x.shape[axis] for axis in self.order)
        self.planes, self.inner = (prod(x.shape[axis] for axis in part) for part in (outer, inner))
        self.of_axes = tuple(x.shape[axis] for axis in axes), tuple(self.along[axis] for axis in axes)
        self.name, itemsize = g.dtype.name, g.dtype.itemsize
        made, wanted = (arrays.dense_strides(x.shape, itemsize, order) for order in (self.order, part.order))
        alike = all(n <= 1 or a == b for n, a, b in zip(x.shape, made, wanted, strict=True))
        self.wanted = None if alike else part.order

    def found(self, x: Array, missing: Any, threads: int) -> Array:
        """The indices that the pooling has, as counted in a plane."""
        if missing.nothing:
            return self.search.run(x, None, threads)[1]
        return missing_cells.results(x, self.searched, self.search, missing, threads)[1]

    def run(self, g: Array, indices: Array, threads: int, out: Array | None = None) -> Array:
        """Indices count the cells of a plane: int64 or int32. Writes to `out` if it can, or else to a new array."""
        values, cells = (self.dense(array) for array in (g, indices))
        result = None if out is None else self.writable(out, values, cells)
        written = result is not None
        if result is None:
            result = np.empty(self.sizes, g.dtype)
        seen, of_axes = result, self.of_axes
        if is_bfloat16(g.dtype):
            values, seen = values.view(UINT16), result.view(UINT16)
        if not _core.add_to_cells(values, cells, seen, self.name, self.planes, self.inner, *of_axes, threads, written):
            places.refuse_outside(indices, prod(of_axes[0]))
            raise ValueError("indices must name cells of their windows, or be -1")
        if written and out is not None:
            return out
        moved = result.transpose(self.back)
        return moved if self.wanted is None else arrays.copied(moved, g.dtype, self.wanted)

    def writable(self, out: Array, values: Array, cells: Array) -> Array | None:
        """`out` as the core writes it, if it can."""
        moved = out.transpose(self.order)
        flags = moved.flags
        if out.dtype != values.dtype or not (flags.c_contiguous and flags.aligned):
            return None
        return None if np.may_share_memory(moved, values) or np.may_share_memory(moved, cells) else moved

    def dense(self, array: Array) -> Array:
        """An array as the core reads it."""
        moved = np.ascontiguousarray(array.transpose(self.order))
        return moved if moved.flags.aligned else moved.copy()

    def given(self, array: Array, index_base: object) -> Array:
        """Indices of the caller's, as counted in a plane."""
        base = places.index_base("index_base", index_base)
        if array.dtype == UINT8:
            array = np.where(array == 255, -1, array.astype(np.int32))
        if base == "window":
            return self.of_taps(array)
        if base != "plane":
            return places.convert(array, self.shape, base, "plane", self.axes, False)
        if array.dtype in (INT64, INT32):
            return array
        if array.size > 0 and int(array.max()) >= 2**63:
            raise ValueError(f"indices must be below 2**63, not {int(array.max())}")
        return array.astype(np.int64)

    def of_taps(self, indices: Array) -> Array:
        """Indices that count the taps of a window as those of cells."""
        kernels = window_sizes(tuple(self.along.values()))
        if kernels is None:
            raise ValueError("index_base must not be 'window' where windows are adaptive or drawn")
        sizes = dict(zip(self.along, kernels, strict=True))
        places.refuse_outside(indices, prod(kernels))
        rest, result, step = np.maximum(indices, 0).astype(np.int64), np.zeros(indices.shape, np.int64), 1
        for axis in reversed(self.axes):
            rest, taps = np.divmod(rest, sizes[axis])
            window: Any = self.along[axis]
            _, stride, before, _, dilation, _ = window
            starts = stride * np.arange(indices.shape[axis]) - before
            cells = taps * dilation + starts.reshape([-1 if other == axis else 1 for other in range(indices.ndim)])
            if ((cells < 0) | (cells >= self.shape[axis]))[indices >= 0].any():
                raise ValueError("indices must name taps that see a cell, or -1")
            result += cells * step
            step *= self.shape[axis]
        return np.where(indices < 0, -1, result)


def of_magnitudes(part: Part) -> Array:
    """Of the largest magnitudes: to each g the sign of the cell."""
    signs = np.sign(part.x.astype(FLOAT64))
    magnitudes = part._replace(x=np.abs(part.x.astype(FLOAT64)), pooling=part.pooling.of(MAX))
    largest = Extrema(magnitudes)
    result = largest.run(part.g, largest.found(magnitudes.x, part.missing, part.threads), part.threads)
    with np.errstate(all="ignore"):
        signed = np.multiply(result, signs.astype(part.g.dtype)) + np.zeros((), part.g.dtype)  # -0 is 0
    np.copyto(signed, 0, where=result == 0)  # of NaNs that no window has found
    return part.left_in(signed)
