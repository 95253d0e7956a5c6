"""Arrays of dask: a pooling is a graph with a task for each block of outputs, which reads the cells that it needs."""

from __future__ import annotations

from functools import partial
from math import isnan, prod
from operator import getitem
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph

from .. import _arguments as arguments
from .. import _arrays as arrays
from .._averages import weighted_dtype
from .._dtypes import is_float
from .._fractional import Fractional
from .._missing import POLICIES
from .._ops import Stochastic
from .._run import How, Request, core_pooling, is_photo, one_or_all, refuse_photo, results_of
from .._windows import Axes, Pyramid, Whole
from .dask_blocks import Blocks, Form, Reader
from .dask_tasks import checked

if TYPE_CHECKING:
    from .._windows import Cells


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
    form = form_of(x, request, how)
    source = f"{name}-{tokenize(x.name, request, how)}"
    blocks = Blocks(source, x, request, how, form)
    operands = [operand for operand in (x, how.mask, how.weights) if operand is not None]
    return arrays_of(source, blocks.layer(), blocks.chunks, form, operands)


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
        picked = {(name, *key[1:]): (getitem, key, number) for key in layer if key[0] == source}
        whole = HighLevelGraph({**graph.layers, name: picked}, {**graph.dependencies, name: {source}})
        results.append(da.Array(whole, name, chunks, meta=meta))
    return tuple(results)


def without_nan(x: Any, mask: Any) -> Any:
    """x, whose chunks are looked at before anything is made of them."""
    operands = [operand for operand in (x, mask) if operand is not None]
    readers = [Reader(operand, x.shape) for operand in operands]
    source = f"without-nan-{tokenize(x.name, mask)}"
    layer = {}
    for place in np.ndindex(*x.numblocks):
        cells = tuple(spans[i] for spans, i in zip(readers[0].spans, place, strict=True))
        boxes, keys = zip(*(reader.box(cells) for reader in readers), strict=True)
        layer[source, *place] = (partial(checked, boxes, tuple(lo for lo, _ in cells)), *keys)
    return arrays_of(source, layer, x.chunks, Form(x.shape, (x.dtype,)), operands)[0]


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
