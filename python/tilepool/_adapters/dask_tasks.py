"""What a task of dask does: parts of chunks become one array, which is pooled. Nothing about graphs."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import _arrays as arrays
from .._indices import Counting, cells
from .._ops import Mixed
from .._run import How, Request, of_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._types import Array
    from .._windows import Cells
    from .dask_windows import Piece


class Box(NamedTuple):
    """A block of cells, and how it is put together from chunks, or from what these hand on."""

    shape: Cells
    pieces: tuple[tuple[Piece, ...], ...]  # along each axis

    def of(self, chunks: Sequence[Any]) -> Array:
        sources = [source(chunk, places) for chunk, places in zip(chunks, product(*self.pieces), strict=True)]
        if len(sources) == 1:
            return sources[0]
        box = np.empty(self.shape, sources[0].dtype)
        for part, places in zip(sources, product(*self.pieces), strict=True):
            box[tuple(piece.target for piece in places)] = part
        return box


def source(chunk: Any, places: tuple[Piece, ...]) -> Array:
    """A part of a chunk, from the first axis along which that is one of its ends."""
    slices = [piece.source for piece in places]
    for axis, piece in enumerate(places):
        if piece.side:
            chunk, slices[axis] = chunk[axis, piece.side], piece.strip
            break
    return np.asarray(chunk[tuple(slices)])


def handed(widths: tuple[tuple[int, int], ...], chunk: Array) -> dict[tuple[int, str], Array]:
    """Copies of so many cells at either end of a chunk along each axis: others need not have all of it."""
    result = {}
    for axis, ((low, high), n) in enumerate(zip(widths, chunk.shape, strict=True)):
        for side, end in (("low", slice(0, low)), ("high", slice(n - high, n))):
            if end.start < end.stop:
                result[axis, side] = chunk[(slice(None),) * axis + (end,)].copy()
    return result


class Place(NamedTuple):
    """Where a block lies in the whole array, whose indices count."""

    corner: Cells
    counting: Counting | None
    steps: Cells  # what a cell further along each axis adds to an index

    def indices(self, found: Array, shape: Cells, axes: Cells) -> Array:
        """Indices of the pooled cells of a block of that shape as those of the whole array."""
        assert self.counting is not None
        if self.counting.base != "window":
            places = cells(found, shape, axes, "plane")
            total = np.zeros(found.shape, np.int64)
            for place, corner, step in zip(places, self.corner, self.steps, strict=True):
                total += (place + corner) * step
            found = np.where(found < 0, -1, total)
        return found.astype(self.counting.dtype, copy=False)


def read(boxes: Sequence[Box | None], chunks: tuple[Any, ...]) -> list[Any]:
    """A block of each array, None where there is none."""
    return [None if box is None else box.of(part) for box, part in zip(boxes, chunks, strict=True)]


def pooled(request: Request, how: How, boxes: tuple[Box | None, ...], place: Place, *chunks: Any) -> Any:
    """The outputs of a block: of an array, its mask and its weights."""
    x, mask, weights = read(boxes, chunks)
    op = request.op
    if not isinstance(op, Mixed) and op.counting is not None:
        base = "window" if op.counting.base == "window" else "plane"
        request = request._replace(op=op._replace(counting=Counting(base)))
    result = of_array(x, request, how._replace(mask=mask, weights=weights))
    if not isinstance(result, tuple):
        return result
    values, found = result
    return values, place.indices(found, x.shape, request.axes.of(x.ndim))


def checked(boxes: tuple[Box, ...], corner: Cells, *chunks: Any) -> Any:
    """A chunk, none of whose cells that count, by the mask beside it, is NaN."""
    x, *masks = read(boxes, chunks)
    with np.errstate(invalid="ignore"):
        places = np.isnan(x)
    for mask in masks:
        places &= arrays.mask_of(mask, x.shape)
    arrays.refuse_nan("x", places, " where nan_policy is 'raise'", corner)
    return x
