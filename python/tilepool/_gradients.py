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
from ._core import call_key
from ._docs import complete
from ._dtypes import FLOAT32, is_float, supported
from ._fractional import Fractional
from ._gradients_of_extrema import Extrema, of_magnitudes
from ._gradients_of_norms import of_norms
from ._gradients_of_sums import Part, Sums, divisors_of, of_weighted
from ._plan import ALL, Pooling
from ._run import MOST_KEPT, NO_CELL, PROPAGATE, Request, is_photo, refuse_photo
from ._windows import Pyramid, Whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from ._plan import Missing
    from ._types import Array, DType
    from ._windows import Cells

    Parts: TypeAlias = list[tuple[Callable[[Array], Array], Pooling]]

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


class Kept(NamedTuple):
    """What a call needs that differs from another one by the values of its arrays only."""

    sums: Sums | None
    extrema: Extrema | None

    def run(self, g: Array, x: Array, out: Any, threads: int, indices: Any, index_base: object) -> Array:
        if self.sums is not None:
            return self.sums.run(g, out, threads)
        assert self.extrema is not None
        if indices is None:
            found = self.extrema.found(x, ALL, threads)
        else:
            found = self.extrema.given(indices_for(g, indices), index_base)
        if out is None:
            return self.extrema.run(g, found, threads)
        target = arrays.target(out, self.extrema.shape, g.dtype)
        return arrays.delivered((self.extrema.run(g, found, threads, target),), (out,), (target,))[0]


def gradient(describe: Callable[..., Request]) -> Callable[..., Any]:
    """Make a public function of one that only describes the pooling whose gradient it is.

    What was planned for it is kept, and found again by the arguments as they were given: see `_run.pooling`.
    """
    kept: dict[object, Kept] = {}
    complete(describe, "tilepool.grad").__annotations__["return"] = "Array"

    @wraps(describe)
    def grad(
        g: Any, x: Any, *args: object, out: Any = None, threads: object = None, indices: Any = None, **options: Any
    ) -> Any:
        is_shape = type(x) is tuple
        form = call_key(g, (), {})
        key = form, None if form is None else call_key(g if is_shape else x, (x, *args) if is_shape else args, options)
        found = None if key[1] is None else kept.get(key)
        base = options.get("index_base", "plane")
        if found is not None and (found.extrema is not None if indices is not None else base == "plane"):
            return found.run(g, x, out, 0 if threads is None else arguments.threads(threads), indices, base)
        for name, array in (("g", g), ("x", x)):  # before its axes are looked for, which may be names
            arrays.refuse_foreign(name, array)
        own = {name: value for name, value in (("out", out), ("threads", threads)) if value is not None}
        own |= {} if indices is None else {"indices": indices}
        request = describe(g, x, *args, **own, **options)
        how = How(**{name: value for name, value in (own | options).items() if name in How._fields})
        result, plan = run(g, x, request, how)
        if plan is not None and key[1] is not None:
            if len(kept) >= MOST_KEPT:
                kept.clear()
            kept[key] = plan
        return result

    return grad


def refuse_op(op: Any) -> None:
    """Refuse operations that have no gradient, or none yet."""
    name = op.name
    if name in NEVER:
        raise TypeError(f"op {name!r} has no gradient: its results jump, or stay as they are")
    if name not in ("max", "min", "sum", "avg", "lp"):
        raise NotImplementedError(f"the gradient of op {name!r} does not exist yet: it comes with a later release")


class Asked(NamedTuple):
    """A request whose arguments are checked."""

    g: Array
    x: Array  # for a shape one cell that stands for all
    is_shape: bool
    parts: Parts
    missing: Missing
    indices: Array | None
    index_base: object
    weights: Array | None
    wrt: str
    shape: Cells  # of the gradient
    dtype: DType  # of the gradient: that of g in native byte order
    target: Array | None  # `out`
    min_count: int
    threads: int


def run(g: Any, x: Any, request: Request, how: How) -> tuple[Any, Kept | None]:
    """The gradient of a request: an array of the dtype of g and the shape of x. And what may be kept for others."""
    refuse_op(request.op)
    asked = checked(g, x, request, how)
    result, plan = summed(asked)
    (result,) = arrays.delivered((result,), (how.out,), (asked.target,))
    if isinstance(x, np.ma.MaskedArray) and asked.wrt == "x":
        result = np.ma.array(result, mask=np.ma.getmaskarray(x))
    always = how.nan_policy is PROPAGATE and how.mask is None and not is_photo(asked.x, request.axes)
    return result, plan if always else None


def checked(g: Any, x: Any, request: Request, how: How) -> Asked:
    """All arguments, of the kinds and with the values that the rules ask for."""
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
        request = request._replace(windows=windows.drawn(tuple(cells.shape[axis] for axis in axes))[0])
    if how.weights is not None and not request.op.row.weights:
        raise TypeError(f"op {request.op.name!r} has no argument 'weights'")
    if how.weights is None and wrt == "weights":
        raise TypeError("weights must be given where wrt is 'weights', not None")
    base = places.index_base("index_base", how.index_base)
    if how.indices is None and base != "plane":
        raise ValueError(f"index_base must be 'plane' where there are no indices, not {base!r}")
    if isinstance(x, np.ma.MaskedArray) and how.out is not None:
        raise TypeError(f"out must be None where x is a MaskedArray, not {arguments.shown(how.out)}")
    missing = missing_cells.left_out(cells, how.nan_policy, mask, threads)
    weights = None if how.weights is None else averages.weights_of(how.weights, cells.shape)
    shape = np.asarray(how.weights).shape if wrt == "weights" else cells.shape
    target = arrays.target(how.out, shape, dtype)
    pooled_shape, parts = parts_of(cells, request)
    if values.shape != pooled_shape:
        raise ValueError(f"g must have the shape of the result of the pooling, {pooled_shape}, not {values.shape}")
    indices = None if how.indices is None else indices_for(values, how.indices)
    return Asked(
        values, cells, is_shape, parts, missing, indices, base, weights, wrt, shape, dtype, target, few, threads
    )


def summed(asked: Asked) -> tuple[Array, Kept | None]:
    """The sum of the gradients of all kinds of windows, and what may be kept where there is one kind."""
    x, dtype, missing, threads = asked.x, asked.dtype, asked.missing, asked.threads
    in_one = len(asked.parts) == 1 and asked.g.ndim == x.ndim
    plain = in_one and asked.weights is None and asked.min_count == 0 and asked.g.dtype == dtype
    number = FLOAT32 if len(asked.parts) > 1 and dtype.itemsize == 2 else dtype
    plan, total = None, None
    for view, pooling in asked.parts:
        g, indices = view(asked.g), None if asked.indices is None else view(asked.indices)
        like = g if asked.is_shape else x
        part = Part(g, x, pooling, missing, arrays.memory_order(like.shape, like.strides), threads)
        part = passing(part, asked.min_count)
        part = part._replace(g=part.g.astype(number, copy=False))
        result, plan = of_part(part, indices, asked, asked.target if plain and missing.nothing else None)
        with np.errstate(invalid="ignore"):  # infinities of both signs
            total = result if total is None else np.add(total, result, out=total)
    assert total is not None
    with np.errstate(all="ignore"):
        total = (summed_to(total, asked.shape) if asked.wrt == "weights" else total).astype(dtype, copy=False)
    return total, plan if plain else None


def of_part(part: Part, indices: Array | None, asked: Asked, out: Array | None) -> tuple[Array, Kept | None]:
    """The gradient of some windows, and what it was planned to be."""
    name, parameters = part.pooling.op.name, part.pooling.op.parameters
    if asked.weights is not None:
        return of_weighted(part, asked.weights, asked.wrt), None
    if name == "lp":
        return of_magnitudes(part) if parameters[0] == inf else of_norms(part), None
    if name in ("max", "min"):
        extrema = Extrema(part)
        if indices is None:
            cells = extrema.found(part.x, part.missing, part.threads)
        else:
            cells = extrema.given(indices, asked.index_base)
        return extrema.run(part.g, cells, part.threads, out), Kept(None, extrema)
    sums = Sums(part, divisors_of(part) if name == "avg" else None)
    result = sums.run(part.g, out, part.threads)
    return result if part.missing.nothing else part.left_in(result), Kept(sums, None)


def cells_of(x: Any, request: Request, how: How, dtype: DType) -> tuple[Array, Any, bool]:
    """x as a plain array, the mask of its cells, and whether only its shape is known."""
    name = request.op.name
    if isinstance(x, tuple):
        if name not in ("sum", "avg"):
            raise TypeError(f"x must be the array that was pooled where op is {name!r}, not a shape")
        if how.nan_policy != PROPAGATE or how.wrt == "weights":
            argument = "wrt" if how.wrt == "weights" else "nan_policy"
            raise TypeError(f"x must be the array that was pooled where {argument} is given, not a shape")
        return np.broadcast_to(np.zeros((), dtype), arguments.shape(x, "x")), how.mask, True
    if not isinstance(x, np.ma.MaskedArray):
        return arrays.plain("x", x), how.mask, False
    data = np.ma.getdata(x).view(np.ndarray)
    counted = ~np.ma.getmaskarray(x)
    if how.mask is not None:
        counted &= arrays.mask_of(how.mask, data.shape)
    return data, counted, False


def indices_for(g: Array, indices: Any) -> Array:
    array = places.as_indices(indices)
    if array.shape != g.shape:
        raise ValueError(f"indices must have the shape of g, {g.shape}, not {array.shape}")
    return array


def parts_of(x: Array, request: Request) -> tuple[Cells, Parts]:
    """The shape of the pooling's result, and what of an array of that shape belongs to which windows."""
    windows, axes = request.windows, request.axes.of(x.ndim)

    def pooled(of: Any) -> Pooling:
        return Pooling(request.op, of, request.axes)  # type: ignore[arg-type] # an Op

    if isinstance(windows, Whole) and not windows.keepdims:
        pooled(windows).call(x)  # refuses what no call takes
        kept = tuple(n for axis, n in enumerate(x.shape) if axis not in axes)
        return kept, [(lambda array: np.expand_dims(array, axes), pooled(windows))]
    if not isinstance(windows, Pyramid):
        return pooled(windows).call(x).shape, [(lambda array: array, pooled(windows))]
    first, last = min(axes), min(axes) + len(axes)
    outer = tuple(n for axis, n in enumerate(x.shape) if axis not in axes and axis < first)
    inner = tuple(n for axis, n in enumerate(x.shape) if axis not in axes and axis > first)
    parts: Parts = []
    begin = 0
    for grid in windows.grids:
        sizes = tuple(pooled(grid).call(x).shape[axis] for axis in axes)

        def of_grid(array: Array, begin: int = begin, sizes: Cells = sizes) -> Array:
            cells = array[(slice(None),) * first + (slice(begin, begin + prod(sizes)),)]
            return np.moveaxis(cells.reshape(*outer, *sizes, *inner), range(first, last), axes)

        parts.append((of_grid, pooled(grid)))
        begin += prod(sizes)
    return (*outer, begin, *inner), parts


def passing(part: Part, min_count: int) -> Part:
    """The same with 0 for g where a window has too few cells: its result is NaN whatever they are."""
    if min_count == 0:
        return part
    few = averages.counted(part.x, part.pooling, part.missing, part.threads) < min_count
    return part._replace(
        g=np.where(few, np.zeros((), part.g.dtype), part.g), constant=np.broadcast_to(few, part.g.shape)
    )


def summed_to(total: Array, shape: Cells) -> Array:
    """Sums over the axes along which an array of that shape was broadcast."""
    front = tuple(range(total.ndim - len(shape)))
    repeated = tuple(axis + len(front) for axis, n in enumerate(shape) if n == 1)
    return np.asarray(total.sum(axis=front + repeated, keepdims=True).reshape(shape))
