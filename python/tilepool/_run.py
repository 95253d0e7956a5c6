"""The door of every pooling: what a public function describes, on the array it was given, in one place for `out`."""

from __future__ import annotations

import warnings
from functools import wraps
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from . import _arguments as arguments
from . import _arrays as arrays
from . import _averages as averages
from . import _missing as missing_cells
from . import _random as random
from ._adapters import KNOWN, pool_of
from ._core import call_key
from ._docs import complete
from ._dtypes import readable
from ._fractional import Fractional
from ._indices import Counting
from ._ops import AVERAGE, COUNT, MAX, Division, Mixed, Op, Stochastic
from ._plan import Pooling
from ._windows import Pyramid, Whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._ops import AnyOp
    from ._plan import Call
    from ._types import Array
    from ._windows import Axes, Windows

ndarray = np.ndarray
PROPAGATE, NO_CELL = "propagate", 0  # the usual arguments
MOST_KEPT = 512  # calls of a function


class Request(NamedTuple):
    """What a public function asks of an array: to keep what, of which windows, along which axes."""

    op: AnyOp
    windows: Windows | Pyramid | Fractional
    axes: Axes


class How(NamedTuple):
    """The arguments of every pooling that are about neither."""

    out: Any = None
    threads: int = 0
    nan_policy: object = PROPAGATE
    mask: Any = None
    weights: Any = None
    min_count: int = 0


def pooling(describe: Callable[..., Request]) -> Callable[..., Any]:
    """Make a public function of one that only describes what it asks for.

    The description is needed once for every form of x and set of arguments: it is kept, with what was planned for it,
    and found again by the arguments as they were given. Those that are not plain values are described at every call.
    """
    kept: dict[object, tuple[Request, Call | None]] = {}
    complete(describe).__annotations__["return"] = "Array | tuple[Array, ...]"  # what help() shows

    @wraps(describe)
    def pool(
        x: Any,
        *args: object,
        out: Any = None,
        threads: object = None,
        nan_policy: object = PROPAGATE,
        mask: Any = None,
        weights: Any = None,
        min_count: object = NO_CELL,
        **options: object,
    ) -> Any:
        if type(x) is not ndarray:
            call_on = KNOWN.get(type(x)) or pool_of(type(x))
            if call_on is not None:
                if threads is not None:
                    options["threads"] = threads
                if nan_policy is not PROPAGATE:
                    options["nan_policy"] = nan_policy
                if min_count is not NO_CELL:
                    options["min_count"] = min_count
                return call_on(pool, kept, x, args, out, mask, weights, options)
        key: object = call_key(x, args, options)
        # By `is`: comparing takes longer, and what is equal but not the same takes the longer way.
        plain = nan_policy is PROPAGATE and mask is None and weights is None and min_count is NO_CELL
        if key is not None and not plain:
            key = key_beside(key, nan_policy, mask, weights, min_count)
        found = kept.get(key)
        if found is not None:
            request, call = found
            team = 0 if threads is None else arguments.threads(threads)
            if call is not None:
                return call.run(x, out, team, missing_cells.mask_beside(x, mask))
            return run(x, request, How(out, team, nan_policy, mask, weights, arguments.count("min_count", min_count)))
        if mask is not None:
            options["mask"] = mask
        if weights is not None:
            options["weights"] = weights
        request = describe(x, *args, out=out, threads=threads, nan_policy=nan_policy, min_count=min_count, **options)
        team = arguments.threads(threads)
        how = How(out, team, nan_policy, mask, weights, arguments.count("min_count", min_count))
        if key is None or is_random(request):
            return run(x, request, how)
        call = None
        if weights is None and is_one_call(x, request):
            one = Pooling(request.op, request.windows, request.axes)  # type: ignore[arg-type] # an Op
            call = one.call(x) if plain else missing_cells.one_call(x, one, nan_policy, mask, how.min_count)
        if len(kept) >= MOST_KEPT:
            kept.clear()  # in one step: other threads may be here
        kept[key] = request, call
        if call is None:
            return run(x, request, how)
        return call.run(x, out, team, missing_cells.mask_beside(x, mask))

    return pool


def key_beside(key: object, nan_policy: object, mask: object, weights: object, min_count: object) -> object:
    """A key with the arguments about cells: with the forms of those that are arrays."""
    if type(nan_policy) is not str or type(min_count) is not int:
        return None
    forms = [None if array is None else call_key(array, (), {}) for array in (mask, weights)]
    for array, form in zip((mask, weights), forms, strict=True):
        if array is not None and form is None:
            return None
    return key, nan_policy, min_count, *forms


def is_random(request: Request) -> bool:
    """Whether a request is another one at every call."""
    return isinstance(request.op, Stochastic) or isinstance(request.windows, Fractional)


def is_one_call(x: Array, request: Request) -> bool:
    """Whether one call of the core answers a request."""
    windows = request.windows
    in_pieces = isinstance(windows, Pyramid) or (isinstance(windows, Whole) and not windows.keepdims)
    return isinstance(request.op, Op) and not in_pieces and not is_photo(x, request.axes)


def run(x: Any, request: Request, how: How) -> Any:
    """The result of a request: an array, or a tuple of these."""
    masked = isinstance(x, np.ma.MaskedArray)
    array = np.ma.getdata(x).view(np.ndarray) if masked else arrays.plain("x", x)
    readable(array.dtype)
    axes = request.axes.of(array.ndim)
    if is_photo(array, request.axes):
        refuse_photo(array)
    windows = request.windows
    if not isinstance(windows, Fractional):
        return of_masked(x, request, how) if masked else of_array(array, request, how)
    listed, points = windows.drawn(tuple(array.shape[axis] for axis in axes))
    request = request._replace(windows=listed)
    result = of_masked(x, request, how) if masked else of_array(array, request, how)
    if not windows.return_boundaries:
        return result
    return (*result, points) if isinstance(result, tuple) else (result, points)


def is_photo(x: Array, axes: Axes) -> bool:
    """Whether x looks like a photo whose axes were not named: its columns and colours would be pooled."""
    shape = x.shape
    unnamed = axes.axis is None and axes.layout is None
    return unnamed and len(shape) == 3 and shape[2] in (3, 4) and min(shape[:2]) >= 32


def refuse_photo(x: Array) -> None:
    if x.dtype == np.uint8:
        raise ValueError(
            f"axis or layout must be given where x looks like a photo, of shape {x.shape}: pass axis=(0, 1), or "
            "layout='channels_first' to pool the last axis"
        )
    warnings.warn(
        f"x of shape {x.shape} looks like a photo, and its last axis is pooled: pass axis=(0, 1) for a photo, or "
        "layout='channels_first'",
        stacklevel=4,
    )


# ---- arrays with masks of their own ----------------------------------------------------------------------------------


def of_masked(x: np.ma.MaskedArray[Any, Any], request: Request, how: How) -> Any:
    """The result on a masked array, masked where no cell counts."""
    if how.out is not None:
        raise TypeError(f"out must be None where x is a MaskedArray, not {arguments.shown(how.out)}")
    data = np.ma.getdata(x).view(np.ndarray)
    counted = ~np.ma.getmaskarray(x)
    if how.mask is not None:
        counted &= arrays.mask_of(how.mask, data.shape)
    result = of_array(data, request, how._replace(mask=counted))
    missing = missing_cells.described(data, how.nan_policy, counted).cells(data)
    if missing is not None:
        counted = ~np.broadcast_to(missing, data.shape)
    seen = of_array(counted, request._replace(op=COUNT), How(threads=how.threads)) >= max(1, how.min_count)
    values = result[0] if isinstance(result, tuple) else result
    kept = np.ma.array(values, mask=~seen, fill_value=x.fill_value if values.dtype == x.dtype else None)
    return (kept, *result[1:]) if isinstance(result, tuple) else kept


# ---- windows in several pieces ---------------------------------------------------------------------------------------


def of_array(x: Array, request: Request, how: How) -> Any:
    windows = request.windows
    if isinstance(windows, Pyramid):
        return of_pyramid(x, request, windows, how)
    if isinstance(windows, Whole) and not windows.keepdims:
        return of_dropped(x, request, how)
    return reduced(x, request, how)


def of_dropped(x: Array, request: Request, how: How) -> Any:
    """One window of all cells, without the pooled axes."""
    axes = request.axes.of(x.ndim)
    shape = tuple(n for axis, n in enumerate(x.shape) if axis not in axes)
    outs = arrays.outputs(how.out, results_of(request.op))
    views = tuple(None if out is None else np.expand_dims(arrays.of_shape(out, shape), axes) for out in outs)
    results = as_tuple(reduced(x, request, how._replace(out=one_or_all(views))))
    return one_or_all(
        tuple(np.squeeze(part, axes) if out is None else out for part, out in zip(results, outs, strict=True))
    )


def of_pyramid(x: Array, request: Request, windows: Pyramid, how: How) -> Any:
    """The cells of all grids, one grid after the other, along one axis at the place of the first pooled one."""
    axes = request.axes.of(x.ndim)
    first, last = min(axes), min(axes) + len(axes)
    outs = arrays.outputs(how.out, results_of(request.op))

    def in_one_axis(part: Array) -> Array:
        moved = np.moveaxis(part, axes, range(first, last))
        return moved.reshape(*moved.shape[:first], prod(moved.shape[first:last]), *moved.shape[last:])

    grids = (reduced(x, request._replace(windows=grid), how._replace(out=None)) for grid in windows.grids)
    parts = zip(*(map(in_one_axis, as_tuple(grid)) for grid in grids), strict=True)
    results = tuple(np.concatenate(of_grids, first) for of_grids in parts)
    targets = tuple(arrays.target(out, part.shape, part.dtype) for out, part in zip(outs, results, strict=True))
    return one_or_all(arrays.delivered(results, outs, targets))


def as_tuple(results: Any) -> tuple[Array, ...]:
    return results if isinstance(results, tuple) else (results,)


def one_or_all(results: tuple[Any, ...]) -> Any:
    return results[0] if len(results) == 1 else results


def results_of(op: AnyOp) -> int:
    """How many arrays an operation gives."""
    return 1 if isinstance(op, Mixed) or op.counting is None else 2


# ---- one pooling -----------------------------------------------------------------------------------------------------


def core_pooling(request: Request) -> Pooling:
    """The pooling whose call tells the form of a result, and does all or most of it."""
    op = request.op
    if isinstance(op, Stochastic):
        op = MAX._replace(counting=op.counting or Counting())
    elif isinstance(op, Mixed):
        op = AVERAGE._replace(division=Division(op.count_include_pad))
    return Pooling(op, request.windows, request.axes)  # type: ignore[arg-type] # neither drawn nor in pieces


def reduced(x: Array, request: Request, how: How) -> Any:
    """The result on a plain array of windows that are no pieces."""
    op, row = request.op, request.op.row
    if how.weights is not None and not row.weights:
        raise TypeError(f"op {op.name!r} has no argument 'weights'")
    pooling = core_pooling(request)
    call = pooling.call(x)  # refuses what no call takes
    outs = arrays.outputs(how.out, results_of(op))
    missing = missing_cells.left_out(x, how.nan_policy, how.mask, how.threads)
    if missing.nothing and how.weights is None and how.min_count == 0 and pooling.op is op:
        return call.run(x, how.out, how.threads)

    weights = None if how.weights is None else averages.weights_of(how.weights, x.shape)
    dtypes = call.dtypes[: results_of(op)]
    if weights is not None:
        dtypes = (averages.weighted_dtype(pooling.op, x.dtype, weights.dtype, dtypes[0]),)
    targets = tuple(arrays.target(out, call.shape, dtype) for out, dtype in zip(outs, dtypes, strict=True))
    in_core = weights is None and isinstance(op, Op) and missing_cells.counts_in_core(x, pooling, missing)
    if weights is not None:
        results: tuple[Array, ...] = (averages.weighted(x, pooling, call, missing, weights, dtypes[0], how.threads),)
    elif isinstance(op, Stochastic):
        results = random.drawn(x, op, pooling, call, missing.cells(x), how.threads)
    elif isinstance(op, Mixed):
        results = (random.mixed(x, op, pooling, call, missing, how.threads),)
    else:
        if in_core:
            missing = missing._replace(min_count=how.min_count)
        results = missing_cells.results(x, pooling, call, missing, how.threads, targets)
    if how.min_count > 0 and not in_core:
        few = averages.counted(x, pooling, missing, how.threads) < how.min_count
        missing_cells.erase(results, op, x.dtype, few)
    return one_or_all(arrays.delivered(results, outs, targets))
