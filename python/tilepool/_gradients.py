"""Gradients: how much each cell adds to ``sum(g * pooling(x))``. The door of `tilepool.grad`, as `_run` is of poolings.

The gradient of a sum is a sum: of `g` over the outputs that see a cell, which are windows, too (the transposed ones).
That of a maximum adds each `g` to the cell where the maximum was found.
"""

from __future__ import annotations

from functools import wraps
from math import inf, prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _arguments as arguments
from . import _arrays as arrays
from . import _averages as averages
from . import _core
from . import _indices as places
from . import _missing as missing_cells
from ._docs import complete
from ._dtypes import FLOAT32, FLOAT64, UINT16, is_bfloat16, is_float, supported
from ._fractional import Fractional
from ._indices import Counting
from ._ops import PRESENT, SUM, Division, Op
from ._plan import Pooling
from ._run import NO_CELL, PROPAGATE, Request, is_photo, refuse_photo
from ._windows import Pyramid, Transposed, Whole, window_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ._plan import Missing
    from ._types import Array, DType
    from ._windows import Cells

FLOATS = tuple(name for name in _core.dtypes if "float" in name)
TERMS = ("x", "weights")
NEVER = ("mode", "any", "all", "count_nonzero")  # results that jump, or stay as they are


class How(NamedTuple):
    """The arguments that are not about windows."""

    out: Any = None
    threads: object = None
    nan_policy: object = PROPAGATE
    mask: Any = None
    weights: Any = None
    min_count: object = NO_CELL
    wrt: object = TERMS[0]
    indices: Any = None
    index_base: object = "plane"


class Part(NamedTuple):
    """An array, one kind of windows over it, and what is known of their results."""

    g: Array
    x: Array
    pooling: Pooling
    missing: Missing
    order: Cells  # the axes of the gradient, outermost in memory first
    threads: int

    def transposed(self, g: Array, division: Division | None = None, out: Array | None = None) -> Array:
        """The sums of `g`, or averages with one divisor, over the outputs that see each cell."""
        shape = self.x.shape
        axes = self.pooling.axes.of(len(shape))
        windows = self.pooling.windows.over(tuple(shape[axis] for axis in axes))
        for number, (axis, window) in enumerate(zip(axes, windows, strict=True)):
            if len(window) == 6 and window[1] > 1 and window[4] > 1:
                g, dense = apart(g, axis, shape[axis], window)
                windows = (*windows[:number], dense, *windows[number + 1 :])
        over = Transposed(windows, tuple(shape[axis] for axis in axes), self.order)
        op = SUM if division is None else Op("avg", "average", division=division)
        return Pooling(op, over, self.pooling.axes).call(g).run(g, out, self.threads)  # type: ignore[return-value]


def gradient(describe: Callable[..., Request]) -> Callable[..., Any]:
    """Make a public function of one that only describes the pooling whose gradient it is."""
    complete(describe, "tilepool.grad").__annotations__["return"] = "Array"

    @wraps(describe)
    def grad(g: Any, x: Any, *args: object, **options: Any) -> Any:
        request = describe(g, x, *args, **options)
        how = How(**{name: options[name] for name in How._fields if name in options})
        return run(g, x, request, how)

    return grad


def refuse_op(op: Any) -> None:
    """Refuse operations that have no gradient, or none yet."""
    name = op.name
    if name in NEVER:
        raise TypeError(f"op {name!r} has no gradient: its results jump, or stay as they are")
    if name not in ("max", "min", "sum", "avg", "lp"):
        raise NotImplementedError(f"the gradient of op {name!r} does not exist yet: it comes with a later release")


def run(g: Any, x: Any, request: Request, how: How) -> Any:
    """The gradient of a request: an array of the dtype of g and the shape of x."""
    refuse_op(request.op)
    threads = arguments.threads(how.threads)
    few = arguments.count("min_count", how.min_count)
    wrt = arguments.choice("wrt", how.wrt, TERMS)
    values = arrays.plain("g", g)
    if not is_float(values.dtype):
        raise TypeError(f"g must be an array of floats, not {values.dtype}: pass g.astype(float)")
    dtype = supported("g must be an array of", values.dtype, FLOATS)
    cells, mask, is_shape = cells_of(x, request, how, dtype)
    axes = request.axes.of(cells.ndim)
    if is_photo(cells, request.axes):
        refuse_photo(cells)
    windows = request.windows
    if isinstance(windows, Fractional):
        if windows.points is None:
            raise ValueError("boundaries must be given, not None: those that the pooling had (return_boundaries=True)")
        request = request._replace(windows=windows.drawn(tuple(cells.shape[axis] for axis in axes))[0])
    if how.weights is not None and not request.op.row.weights:
        raise TypeError(f"op {request.op.name!r} has no argument 'weights'")
    if how.weights is None and wrt == "weights":
        raise TypeError("weights must be given where wrt is 'weights', not None")
    missing = missing_cells.left_out(cells, how.nan_policy, mask, threads)
    weights = None if how.weights is None else averages.weights_of(how.weights, cells.shape)
    shape = np.shape(how.weights) if wrt == "weights" else cells.shape
    target = arrays.target(how.out, shape, dtype)

    parts = tuple(parts_of(values, cells, request))
    number = FLOAT32 if len(parts) > 1 and dtype.itemsize == 2 else dtype
    total: Array | None = None
    for piece, pooling in parts:
        like = piece if is_shape else cells
        part = Part(piece, cells, pooling, missing, arrays.memory_order(like.shape, like.strides), threads)
        part = part._replace(g=shown(part, few).astype(number, copy=False))
        if weights is not None:
            result = of_weighted(part, weights, wrt)
        elif pooling.op.name in ("max", "min"):
            result = of_extrema(part, how, target if len(parts) == 1 else None)
        elif pooling.op.name == "lp":
            result = of_norms(part)
        else:
            result = of_sums(part, target if len(parts) == 1 else None)
        total = result if total is None else np.add(total, result, out=total)
    assert total is not None
    with np.errstate(all="ignore"):
        if wrt == "weights":
            total = summed_to(total, shape)
        total = total.astype(dtype, copy=False)
    (result,) = arrays.delivered((total,), (how.out,), (target,))
    if isinstance(x, np.ma.MaskedArray) and wrt == "x":
        return np.ma.array(result, mask=np.ma.getmaskarray(x))
    return result


def cells_of(x: Any, request: Request, how: How, dtype: DType) -> tuple[Array, Any, bool]:
    """x as a plain array, the mask of its cells, and whether only its shape is known."""
    name = request.op.name
    if isinstance(x, tuple):
        if name not in ("sum", "avg"):
            raise TypeError(f"x must be the array that was pooled where op is {name!r}, not a shape")
        if how.nan_policy != PROPAGATE or how.wrt == "weights":
            argument = "wrt" if how.wrt == "weights" else "nan_policy"
            raise TypeError(f"x must be the array that was pooled where {argument} is given, not a shape")
        return np.broadcast_to(np.zeros((), dtype), arguments.shape(x)), how.mask, True
    if not isinstance(x, np.ma.MaskedArray):
        return arrays.plain("x", x), how.mask, False
    data = np.ma.getdata(x).view(np.ndarray)
    counted = ~np.ma.getmaskarray(x)
    if how.mask is not None:
        counted &= arrays.mask_of(how.mask, data.shape)
    return data, counted, False


def parts_of(g: Array, x: Array, request: Request) -> Iterator[tuple[Array, Pooling]]:
    """What of g belongs to which windows. Refuses shapes that poolings of x do not give."""
    windows, axes = request.windows, request.axes.of(x.ndim)

    def pooled(of: Any) -> Pooling:
        return Pooling(request.op, of, request.axes)  # type: ignore[arg-type] # an Op

    def require(shape: Cells) -> None:
        if g.shape != shape:
            raise ValueError(f"g must have the shape of the result of the pooling, {shape}, not {g.shape}")

    if isinstance(windows, Whole) and not windows.keepdims:
        pooled(windows).call(x)
        require(tuple(n for axis, n in enumerate(x.shape) if axis not in axes))
        yield np.expand_dims(g, axes), pooled(windows)
    elif isinstance(windows, Pyramid):
        shapes = [pooled(grid).call(x).shape for grid in windows.grids]
        counts = [prod(shape[axis] for axis in axes) for shape in shapes]
        first = min(axes)
        outer, inner = (tuple(n for axis, n in enumerate(x.shape) if axis not in axes and (axis < first) is before)
                        for before in (True, False))  # fmt: skip
        require((*outer, sum(counts), *inner))
        begin = 0
        for grid, shape, count in zip(windows.grids, shapes, counts, strict=True):
            cells = g[(slice(None),) * first + (slice(begin, begin + count),)]
            of_axes = cells.reshape(*outer, *(shape[axis] for axis in axes), *inner)
            yield np.moveaxis(of_axes, range(first, first + len(axes)), axes), pooled(grid)
            begin += count
    else:
        require(pooled(windows).call(x).shape)
        yield g, pooled(windows)


def shown(part: Part, min_count: int) -> Array:
    """g, but 0 where a window has too few cells: its result is NaN whatever they are."""
    if min_count == 0:
        return part.g
    few = averages.counted(part.x, part.pooling, part.missing, part.threads) < min_count
    return np.where(few, np.zeros((), part.g.dtype), part.g)


def summed_to(total: Array, shape: Cells) -> Array:
    """Sums over the axes along which an array of that shape was broadcast."""
    front = tuple(range(total.ndim - len(shape)))
    repeated = tuple(axis + len(front) for axis, n in enumerate(shape) if n == 1)
    return np.asarray(total.sum(axis=front + repeated, keepdims=True).reshape(shape))


# ---- sums and averages -----------------------------------------------------------------------------------------------


def of_sums(part: Part, out: Array | None) -> Array:
    """Sums, or averages: each g is divided as its window was."""
    g, division = part.g, None
    plain = part.missing.nothing
    if part.pooling.op.name == "avg":
        divisors = divisors_of(part)
        if divisors.size > 0 and divisors.min() == divisors.max() != 0:
            division = Division(divisor=float(divisors.flat[0]))
        else:
            g = quotients(g, divisors)
    result = part.transposed(g, division, out if plain else None)
    return result if plain else left_in(result, part)


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
    """g divided; 0 where a window has no cell that g could go to."""
    number = FLOAT32 if g.dtype.itemsize == 2 else g.dtype
    with np.errstate(all="ignore"):
        result: Array = np.divide(g.astype(number, copy=False), divisors.astype(number))
        np.copyto(result, 0, where=divisors == 0)
        return result.astype(g.dtype, copy=False)


def left_in(result: Array, part: Part) -> Array:
    """The same, 0 for the cells that are left out. Overwrites it."""
    cells = part.missing.cells(part.x)
    if cells is not None:
        np.copyto(result, 0, where=cells)
    return result


def apart(g: Array, axis: int, cells: int, window: Any) -> tuple[Array, Any]:
    """Outputs of dilated windows at a stride with zeros between them, as those of a window at each cell."""
    kernel, stride, before, _, dilation, _ = window
    seeing = min(g.shape[axis], (cells - 1 + before) // stride + 1)  # the others begin behind the last cell
    last, reach = (seeing - 1) * stride, (kernel - 1) * dilation
    after = max(0, last + reach + 1 - cells - before)
    sizes = list(g.shape)
    sizes[axis] = cells + before + after - reach
    spread = arrays.empty(tuple(sizes), g.dtype, arrays.memory_order(g.shape, g.strides))
    spread[...] = 0
    along = (slice(None),) * axis
    spread[(*along, slice(0, last + 1, stride))] = g[(*along, slice(0, seeing))]
    return spread, (kernel, 1, before, after, dilation, 0)


def of_weighted(part: Part, weights: Array, wrt: str) -> Array:
    """Of sums and averages of weighted cells, in float64."""
    x, pooling, missing = part.x, part.pooling, part.missing._replace(weights=weights)
    g, division = part.g.astype(FLOAT64), pooling.op.division
    average = pooling.op.name == "avg"
    divisors: Array | None = None
    with np.errstate(all="ignore"):
        if average and division.divisor:
            g = g / division.divisor
        elif average:
            present = pooling.of(PRESENT._replace(dtype=FLOAT64))
            divisors = present.call(x, missing).results(x, (None,), part.threads, missing)[0]
            if division.count_include_pad:
                inside, padded = averages.taps(x.shape, pooling)
                divisors = divisors + (padded - inside).astype(FLOAT64)
            g = g / divisors
            np.copyto(g, 0, where=averages.counted(x, pooling, part.missing, part.threads) == 0)
        result = part.transposed(g)
        if wrt == "x":
            return left_in(result * weights, part)
        cells = x.astype(FLOAT64)
        np.copyto(cells, 0, where=False if (out := missing.cells(x)) is None else out)
        result = result * cells
        if divisors is not None:
            sums = pooling.of(SUM._replace(dtype=FLOAT64))
            averaged = sums.call(x, missing).results(x, (None,), part.threads, missing)[0] / divisors
            result -= part.transposed(np.where(g == 0, 0, g * averaged))
        return left_in(result, part)


# ---- maxima and minima -----------------------------------------------------------------------------------------------


def of_extrema(part: Part, how: How, out: Array | None) -> Array:
    """Each g is added to the cell where its window's value was found."""
    g, x = part.g, part.x
    axes = tuple(sorted(part.pooling.axes.of(x.ndim)))
    indices = found(part) if how.indices is None else given(part, how, axes)
    # Planes of pooled axes, as far as the memory has them side by side.
    first = next((i for i, axis in enumerate(part.order) if axis in axes and x.shape[axis] > 1), 0)
    unpooled = [(i < first, axis) for i, axis in enumerate(part.order) if axis not in axes]
    outer, inner = ([axis for is_outer, axis in unpooled if is_outer is side] for side in (True, False))
    order = (*outer, *axes, *inner)
    sizes = tuple(x.shape[axis] for axis in order)
    back = np.argsort(order)

    def dense(array: Array, dtype: DType) -> Array:
        moved = np.ascontiguousarray(array.transpose(order), dtype)
        return moved.view(UINT16) if is_bfloat16(dtype) else moved

    target = None
    if out is not None and out.dtype == g.dtype and not any(map(np.may_share_memory, (out,) * 3, (g, x, indices))):
        moved = out.transpose(order)
        target = moved if how.indices is None and moved.flags.c_contiguous and moved.flags.aligned else None
    result = np.empty(sizes, g.dtype) if target is None else target
    counts = (
        prod(x.shape[axis] for axis in outer),
        x.shape[axes[0]],
        prod(x.shape[axis] for axis in axes[1:]),
        prod(g.shape[axis] for axis in axes[1:]),
        prod(x.shape[axis] for axis in inner),
    )
    window = part.pooling.along(x.shape)[axes[0]]
    seen = result.view(UINT16) if is_bfloat16(g.dtype) else result
    cells = dense(indices, indices.dtype)
    _core.add_to_cells(dense(g, g.dtype), cells, seen, g.dtype.name, counts, window, part.threads)
    if target is not None:
        return out  # type: ignore[return-value]
    result = result.transpose(back)
    wanted = arrays.dense_strides(x.shape, g.dtype.itemsize, part.order)
    alike = all(n <= 1 or a == b for n, a, b in zip(x.shape, result.strides, wanted, strict=True))
    return result if alike or out is not None else arrays.copied(result, g.dtype, part.order)


def found(part: Part) -> Array:
    """The indices that the pooling has, as counted in a plane."""
    x, axes = part.x, part.pooling.axes.of(part.x.ndim)
    short = prod(x.shape[axis] for axis in axes) < 2**31
    op = part.pooling.op._replace(counting=Counting("plane", "int32" if short else "int64"))
    pooling = part.pooling.of(op)
    return missing_cells.results(x, pooling, pooling.call(x), part.missing, part.threads)[1]


def given(part: Part, how: How, axes: Cells) -> Array:
    """Indices of the caller's, as counted in a plane."""
    base = places.index_base("index_base", how.index_base)
    indices = places.as_indices(how.indices)
    if indices.shape != part.g.shape:
        raise ValueError(f"indices must have the shape of g, {part.g.shape}, not {indices.shape}")
    if indices.dtype.name == "uint8":
        if base == "plane":
            return indices
        indices = np.where(indices == 255, -1, indices.astype(np.int64))
    if base == "window":
        return of_taps(part, indices, axes)
    if base != "plane":
        return places.convert(indices, part.x.shape, base, "plane", axes, False)
    if indices.dtype.newbyteorder("=").name in ("int32", "int64"):
        return indices.astype(indices.dtype.newbyteorder("="), copy=False)
    if indices.size > 0 and int(indices.max()) >= 2**63:
        raise ValueError(f"indices must be below 2**63, not {int(indices.max())}")
    return indices.astype(np.int64)


def of_taps(part: Part, indices: Array, axes: Cells) -> Array:
    """Indices that count the taps of a window as those of cells."""
    shape, windows = part.x.shape, part.pooling.along(part.x.shape)
    kernels = window_sizes(tuple(windows.values()))
    if kernels is None:
        raise ValueError("index_base must not be 'window' where windows are adaptive or drawn")
    sizes = dict(zip(windows, kernels, strict=True))
    places.refuse_outside(indices, prod(kernels))
    rest, result, step = np.maximum(indices, 0).astype(np.int64), np.zeros(indices.shape, np.int64), 1
    for axis in reversed(axes):
        rest, taps = np.divmod(rest, sizes[axis])
        window: Any = windows[axis]
        _, stride, before, _, dilation, _ = window
        starts = stride * np.arange(indices.shape[axis]) - before
        cells = taps * dilation + starts.reshape([-1 if other == axis else 1 for other in range(len(shape))])
        if ((cells < 0) | (cells >= shape[axis]))[indices >= 0].any():
            raise ValueError("indices must name taps that see a cell, or -1")
        result += cells * step
        step *= shape[axis]
    return np.where(indices < 0, -1, result)


# ---- norms -----------------------------------------------------------------------------------------------------------


def of_norms(part: Part) -> Array:
    """``g * sign(x) * (abs(x) / norm)**(p - 1)``, in float64; 0 where x is 0.

    The power of the quotient is a quotient of powers, so that sums over transposed windows do. Powers fit float64 where
    norms differ by a factor of 2**bits at most: windows of smaller and larger norms are taken apart.
    """
    x, pooling = part.x, part.pooling
    p = pooling.op.parameters[0]
    with np.errstate(all="ignore"):
        magnitudes = np.abs(x.astype(FLOAT64))
        if p == inf:
            largest = Op("max", "max", counting=Counting())
            of_magnitudes = part._replace(x=magnitudes, pooling=pooling.of(largest))
            return np.multiply(of_extrema(of_magnitudes, How(), None), np.sign(x).astype(part.g.dtype))
        missing = part.missing
        # What numpy has converted has no NaN other than that of x.
        norms = missing_cells.results(magnitudes, pooling, pooling.call(magnitudes), missing, part.threads)[0]
        g = part.g.astype(FLOAT64)
        bits = 600 / max(abs(p - 1), 1e-9)
        floors = np.floor(np.log2(norms) / bits)
        result = np.zeros(x.shape, FLOAT64)
        for level in np.unique(floors[np.isfinite(floors)]):
            top = 2.0 ** min(1023.0, (level + 1) * bits)
            here = floors == level
            scaled = np.where(here, g * (np.where(here, norms, 1) / top) ** (1 - p), 0)
            result += part.transposed(scaled) * np.minimum(magnitudes / top, 1) ** (p - 1)
        unknown = ~np.isfinite(norms)
        if unknown.any():  # NaN, and infinity: its share of itself is not known, that of others is 0
            seen = part.transposed(np.where(unknown, 1.0, 0.0)) > 0
            of_nan = part.transposed(np.where(np.isnan(norms), 1.0, 0.0)) > 0
            result[of_nan | (seen & np.isinf(magnitudes))] = np.nan
        result *= np.sign(x.astype(FLOAT64))
        result[magnitudes == 0] = 0
        result = left_in(result, part)
        return arrays.copied(result, part.g.dtype, part.order)
