"""Arrays of dask: a pooling is a graph with a task for each block of outputs, which reads the cells that it needs."""

from __future__ import annotations

from functools import lru_cache, partial
from itertools import accumulate, product
from math import isnan, prod
from operator import getitem
from typing import TYPE_CHECKING, Any, NamedTuple

import dask.array as da
import numpy as np
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph

from .. import _arguments as arguments
from .. import _arrays as arrays
from .. import _random as random
from .._averages import weighted_dtype
from .._dtypes import is_float
from .._fractional import Fractional
from .._missing import POLICIES
from .._ops import Mixed, Stochastic
from .._run import How, Request, core_pooling, is_photo, one_or_all, refuse_photo, results_of
from .._windows import Axes, Pyramid, Resolved, Whole
from .dask_tasks import Box, Place, checked, pooled
from .dask_windows import along, pieces

if TYPE_CHECKING:
    from .._types import DType
    from .._windows import Cells
    from .dask_windows import Piece


def call(
    pool: Any, kept: Any, x: Any, args: tuple[Any, ...], out: Any, mask: Any, weights: Any, options: dict[str, Any]
) -> Any:
    """A public function on an array of dask: lazy results. All arguments are checked at once, values later."""
    given = {k: v for k, v in (("mask", mask), ("weights", weights)) if v is not None}
    request: Request = pool.__wrapped__(x, *args, out=out, **given, **options)
    if out is not None:
        raise TypeError(f"out must be None where x is an array of dask, not {arguments.shown(out)}")
    plain("x", x)
    if isinstance(request.op, Stochastic):
        raise NotImplementedError(
            f"{pool.__name__} has no draws of an array of dask, whose cells come in no order: pass training=False"
        )
    if is_photo(x, request.axes):
        refuse_photo(x)
    axes = request.axes.of(x.ndim)
    request = request._replace(axes=Axes(None, axes))
    how = How(
        threads=arguments.threads(options.get("threads")) or 1,  # dask keeps the CPUs busy
        nan_policy=arguments.choice("nan_policy", options.get("nan_policy", "propagate"), POLICIES),
        mask=None if mask is None else mask_of(mask, x),
        weights=None if weights is None else weights_of(weights, x),
        min_count=arguments.count("min_count", options.get("min_count", 0)),
    )
    if weights is not None and not request.op.row.weights:
        raise TypeError(f"op {request.op.name!r} has no argument 'weights'")
    if how.nan_policy == "raise":
        if is_float(x.dtype):
            x = without_nan(x, how.mask)
        how = how._replace(nan_policy="propagate")

    windows = request.windows
    if isinstance(windows, Pyramid):
        return of_pyramid(pool.__name__, x, request, windows, how)
    if isinstance(windows, Fractional):
        listed, points = windows.drawn(tuple(x.shape[axis] for axis in axes))
        results = reduced(pool.__name__, x, request._replace(windows=listed), how)
        return (*results, points) if windows.return_boundaries else one_or_all(results)
    results = reduced(pool.__name__, x, request, how)
    if isinstance(windows, Whole) and not windows.keepdims:
        results = tuple(da.squeeze(part, axes) for part in results)
    return one_or_all(results)


# ---- arrays ----------------------------------------------------------------------------------------------------------


def plain(name: str, array: Any) -> None:
    """Refuse an array whose chunks are of unknown sizes, or not of numpy."""
    if any(map(isnan, array.shape)):
        raise ValueError(
            f"{name} must have chunks of known sizes, not the shape {array.shape}: call {name}.compute_chunk_sizes()"
        )
    if type(array._meta) is not np.ndarray:
        kind = type(array._meta).__name__
        cure = f": pass da.ma.getdata({name}), and mask=~da.ma.getmaskarray({name})" if kind == "MaskedArray" else ""
        raise TypeError(f"{name} must have chunks that are numpy arrays, not {kind}{cure}")


def beside(name: str, value: Any, x: Any) -> Any:
    """A mask or weights as an array of dask that broadcasts to x."""
    if not isinstance(value, da.Array):
        array = arrays.plain(name, value)
        fits(name, array, x)
        chunks = [(1,) if n == 1 else x.chunks[axis - array.ndim] for axis, n in enumerate(array.shape)]
        return da.from_array(array, tuple(chunks))
    plain(name, value)
    fits(name, value, x)
    return value


def fits(name: str, value: Any, x: Any) -> None:
    arrays.broadcastable(name, np.broadcast_to(np.zeros((), bool), value.shape), x.shape)


def mask_of(mask: Any, x: Any) -> Any:
    mask = beside("mask", mask, x)
    if mask.dtype.kind != "b":
        raise TypeError(f"mask must be an array of bool, not {mask.dtype}")
    return mask


def weights_of(weights: Any, x: Any) -> Any:
    return beside("weights", weights, x)


# ---- results ---------------------------------------------------------------------------------------------------------


class Form(NamedTuple):
    """What is known of results before any is calculated."""

    shape: Cells
    dtypes: tuple[DType, ...]


def form_of(x: Any, request: Request, how: How) -> Form:
    """Refuses what no call takes."""
    pooling = core_pooling(request)
    planned = pooling.call(np.broadcast_to(np.zeros((), x.dtype), x.shape))
    dtypes = planned.dtypes[: results_of(request.op)]
    if how.weights is not None:
        dtypes = (weighted_dtype(pooling.op, x.dtype, how.weights.dtype, dtypes[0]),)
    return Form(planned.shape, dtypes)


def reduced(name: str, x: Any, request: Request, how: How) -> tuple[Any, ...]:
    """The values, and the indices if they are asked for, of windows that are no pieces."""
    form, op = form_of(x, request, how), request.op
    axes = request.axes.of(x.ndim)
    windows = request.windows.over(tuple(x.shape[axis] for axis in axes))  # type: ignore[union-attr] # no Fractional
    lines = {axis: along(x.shape[axis], window) for axis, window in zip(axes, windows, strict=True)}
    counting = None if isinstance(op, Mixed) else op.counting
    steps = () if counting is None else counting.steps(x.shape, axes, tuple(windows))
    alpha = None
    if isinstance(op, Mixed):
        alpha = random.shares(op.alpha, form.shape)
        if np.ndim(op.alpha) == 0:
            alpha = None  # one number for all

    blocks = [lines[axis].blocks(chunks) if axis in lines else spans_of(chunks) for axis, chunks in enumerate(x.chunks)]
    operands = (x, how.mask, how.weights)
    how = how._replace(mask=None, weights=None)
    token = tokenize(x.name, request, how, *operands[1:])
    source = f"{name}-{token}"
    layer: dict[Any, Any] = {}
    readers = [None if operand is None else Reader(operand, x.shape) for operand in operands]
    for place in product(*(map(range, map(len, blocks)))):
        outputs = tuple(spans[i] for spans, i in zip(blocks, place, strict=True))
        cells = tuple(lines[axis].cells(*span) if axis in lines else span for axis, span in enumerate(outputs))
        parts = tuple(lines[axis].part(*outputs[axis], *cells[axis]) for axis in axes)
        own = request._replace(windows=Resolved(parts))
        if isinstance(op, Mixed) and alpha is not None:
            own = own._replace(op=Mixed(alpha[tuple(slice(*span) for span in outputs)], op.count_include_pad))
        boxes, keys = zip(*(reader.box(cells) if reader else (None, None) for reader in readers), strict=True)
        corner = tuple(lo for lo, _ in cells)
        layer[source, *place] = (partial(pooled, own, how, boxes, Place(corner, counting, steps)), *keys)
    chunks = tuple(tuple(end - first for first, end in spans) for spans in blocks)
    return arrays_of(source, layer, chunks, form, [operand for operand in operands if operand is not None])


def spans_of(chunks: tuple[int, ...]) -> list[tuple[int, int]]:
    ends = list(accumulate(chunks))
    return list(zip([0, *ends[:-1]], ends, strict=True))


class Reader:
    """Finds the chunks of an array that make boxes of the cells of x, to whose shape it broadcasts."""

    def __init__(self, array: Any, shape: Cells) -> None:
        self.array, self.shape, self.missing = array, shape, len(shape) - array.ndim
        self.starts = [[0, *accumulate(chunks)] for chunks in array.chunks]
        self.along = lru_cache(maxsize=None)(self.pieces_along)

    def pieces_along(self, axis: int, lo: int, hi: int) -> tuple[Piece, ...]:
        if self.array.shape[axis] == 1 != self.shape[axis + self.missing]:
            lo, hi = 0, 1  # stands for all
        return tuple(pieces(self.starts[axis], lo, hi))

    def box(self, cells: tuple[tuple[int, int], ...]) -> tuple[Box, list[Any]]:
        """How a box is put together, and the keys of its chunks."""
        along = tuple(self.along(axis, *span) for axis, span in enumerate(cells[self.missing :]))
        shape = tuple(parts[-1].target.stop for parts in along)
        keys = [(self.array.name, *(piece.chunk for piece in places)) for places in product(*along)]
        return Box(shape, along), keys


def arrays_of(
    source: str, layer: dict[Any, Any], chunks: tuple[Cells, ...], form: Form, operands: list[Any]
) -> tuple[Any, ...]:
    """The results of tasks that give one, or a tuple of them."""
    graph = HighLevelGraph.from_collections(source, layer, operands)
    metas = [np.empty((0,) * len(chunks), dtype) for dtype in form.dtypes]
    if len(metas) == 1:
        return (da.Array(graph, source, chunks, meta=metas[0]),)
    results = []
    for number, meta in enumerate(metas):
        name = f"{source}-{number}"
        picked = {(name, *key[1:]): (getitem, key, number) for key in layer}
        whole = HighLevelGraph({**graph.layers, name: picked}, {**graph.dependencies, name: {source}})
        results.append(da.Array(whole, name, chunks, meta=meta))
    return tuple(results)


def without_nan(x: Any, mask: Any) -> Any:
    """x, whose chunks are looked at before anything is made of them."""
    operands = (x, mask)
    source = f"without-nan-{tokenize(x.name, mask)}"
    readers = [None if operand is None else Reader(operand, x.shape) for operand in operands]
    layer = {}
    blocks = [spans_of(chunks) for chunks in x.chunks]
    for place in product(*(map(range, map(len, blocks)))):
        cells = tuple(spans[i] for spans, i in zip(blocks, place, strict=True))
        boxes, keys = zip(*(reader.box(cells) if reader else (None, None) for reader in readers), strict=True)
        layer[source, *place] = (partial(checked, boxes, tuple(lo for lo, _ in cells)), *keys)
    kept = [operand for operand in operands if operand is not None]
    return arrays_of(source, layer, x.chunks, Form(x.shape, (x.dtype,)), kept)[0]


def of_pyramid(name: str, x: Any, request: Request, windows: Pyramid, how: How) -> Any:
    """The cells of all grids along one axis, at the place of the first pooled one: each grid is a chunk."""
    axes = request.axes.of(x.ndim)
    first, last = min(axes), min(axes) + len(axes)

    def in_one_axis(part: Any) -> Any:
        moved = da.moveaxis(part, axes, range(first, last))
        moved = moved.rechunk(dict.fromkeys(range(first, last), -1))
        return moved.reshape(*moved.shape[:first], prod(moved.shape[first:last]), *moved.shape[last:])

    grids = (reduced(name, x, request._replace(windows=grid), how) for grid in windows.grids)
    parts = zip(*(map(in_one_axis, grid) for grid in grids), strict=True)
    return one_or_all(tuple(da.concatenate(of_grids, first) for of_grids in parts))
