"""The door of every pooling: what a public function describes, on the array it was given, in one place for `out`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from math import prod
from typing import Any

import numpy as np

from . import _arguments as arguments
from . import _arrays as arrays
from . import _missing as missing_cells
from . import _random as random
from ._arguments import Array
from ._core import call_key
from ._docs import complete
from ._dtypes import readable
from ._indices import Counting
from ._ops import AVERAGE, MAX, AnyOp, Division, Mixed, Op, Stochastic
from ._plan import Call, Pooling
from ._windows import Axes, Fractional, Pyramid, Whole, Windows

PROPAGATE = "propagate"
MOST_CALLS = 512  # of a function, that are kept


@dataclass(frozen=True, slots=True)
class Request:
    """What a public function asks of an array: to keep what, of which windows, along which axes."""

    op: AnyOp
    windows: Windows
    axes: Axes


@dataclass(frozen=True, slots=True)
class How:
    """The arguments of every pooling that are about neither."""

    out: Any = None
    threads: int = 0
    nan_policy: object = PROPAGATE
    mask: Any = None
    weights: Any = None


def pooling(describe: Callable[..., Request]) -> Callable[..., Any]:
    """Make a public function of one that only describes what it asks for.

    The description is needed once for every form of x and set of arguments: what was planned for it is kept, and found
    again by the arguments as they were given. Those that are not plain values are described at every call.
    """
    calls: dict[bytes, Call] = {}
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
        **options: object,
    ) -> Any:
        key = None
        if nan_policy is PROPAGATE and mask is None and weights is None:  # by `is`: another equal string takes longer
            key = call_key(x, args, options)
            call = calls.get(key)  # type: ignore[arg-type] # None is not there
            if call is not None:
                return call.run(x, out, 0 if threads is None else arguments.threads(threads))
        if mask is not None:
            options["mask"] = mask
        if weights is not None:
            options["weights"] = weights
        request = describe(x, *args, out=out, threads=threads, nan_policy=nan_policy, **options)
        team = arguments.threads(threads)
        if key is None or not is_plain(x, request):
            return run(x, request, How(out, team, nan_policy, mask, weights))
        call = Pooling(request.op, request.windows, request.axes).call(x)  # type: ignore[arg-type] # an Op
        while len(calls) >= MOST_CALLS:
            calls.pop(next(iter(calls)), None)
        calls[key] = call
        return call.run(x, out, team)

    return pool


def is_plain(x: Array, request: Request) -> bool:
    """Whether one call of the core answers a request, and the next one like it."""
    windows = request.windows
    if not isinstance(request.op, Op) or isinstance(windows, Fractional | Pyramid):
        return False
    return not (isinstance(windows, Whole) and not windows.keepdims) and not is_photo(x, request.axes)


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
    request = replace(request, windows=listed)
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
    if request.op.row.neutral is None:
        raise TypeError(
            f"x must not be a MaskedArray where op is {request.op.name!r}, which has no mask yet: pass "
            "x.filled(numpy.nan) and nan_policy='omit'"
        )
    data = np.ma.getdata(x).view(np.ndarray)
    counted = ~np.ma.getmaskarray(x)
    if how.mask is not None:
        counted &= arrays.mask_of(how.mask, data.shape)
    result = of_array(data, request, replace(how, mask=counted))
    missing = missing_cells.left_out(data, how.nan_policy, counted)
    if missing is not None:
        counted = ~np.broadcast_to(missing, data.shape)
    seen = of_array(counted, replace(request, op=MAX), How(threads=how.threads))
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
    results = reduced(x, request, replace(how, out=views if len(views) > 1 else views[0]))
    each = results if isinstance(results, tuple) else (results,)
    kept = tuple(np.squeeze(part, axes) if out is None else out for part, out in zip(each, outs, strict=True))
    return kept if len(kept) > 1 else kept[0]


def of_pyramid(x: Array, request: Request, windows: Pyramid, how: How) -> Any:
    """The cells of all grids, one grid after the other, along one axis at the place of the first pooled one."""
    axes = request.axes.of(x.ndim)
    first, count = min(axes), len(axes)
    outs = arrays.outputs(how.out, results_of(request.op))
    grids = []
    for grid in windows.grids:
        results = reduced(x, replace(request, windows=grid), replace(how, out=None))
        moved = (np.moveaxis(part, axes, range(first, first + count)) for part in as_tuple(results))
        grids.append(
            [
                part.reshape(
                    *part.shape[:first],
                    -1 if part.size else prod(part.shape[first : first + count]),
                    *part.shape[first + count :],
                )
                for part in moved
            ]
        )
    results = tuple(np.concatenate(parts, first) for parts in zip(*grids, strict=True))
    targets = tuple(arrays.target(out, part.shape, part.dtype) for out, part in zip(outs, results, strict=True))
    kept = arrays.delivered(results, outs, targets)
    return kept if len(kept) > 1 else kept[0]


def as_tuple(results: Any) -> tuple[Array, ...]:
    return results if isinstance(results, tuple) else (results,)


def results_of(op: AnyOp) -> int:
    """How many arrays an operation gives."""
    return 1 if isinstance(op, Mixed) or op.counting is None else 2


# ---- one pooling -----------------------------------------------------------------------------------------------------


def reduced(x: Array, request: Request, how: How) -> Any:
    """The result on a plain array of windows that are no pieces."""
    op, row = request.op, request.op.row
    if how.mask is not None and row.neutral is None:
        raise TypeError(f"op {op.name!r} has no argument 'mask' yet")
    if how.weights is not None and not row.weights:
        raise TypeError(f"op {op.name!r} has no argument 'weights'")
    core = op
    if isinstance(op, Stochastic):
        core = replace(MAX, counting=op.counting or Counting())
    elif isinstance(op, Mixed):
        core = replace(AVERAGE, division=Division(op.count_include_pad))
    pooling = Pooling(core, request.windows, request.axes)  # type: ignore[arg-type] # an Op
    call = pooling.call(x)  # refuses what no call takes
    missing = missing_cells.left_out(x, how.nan_policy, how.mask)
    if missing is None and how.weights is None and core is op:
        return call.run(x, how.out, how.threads)

    weights = None if how.weights is None else missing_cells.weights_of(how.weights, x.shape)
    dtypes = call.dtypes[: results_of(op)]
    if weights is not None:
        dtypes = (missing_cells.weighted_dtype(x, pooling, call, weights),)
    outs = arrays.outputs(how.out, len(dtypes))
    targets = tuple(arrays.target(out, call.shape, dtype) for out, dtype in zip(outs, dtypes, strict=True))
    masked = how.mask is not None
    if weights is not None:
        results: tuple[Array, ...] = (
            missing_cells.weighted(x, pooling, call, missing, weights, dtypes[0], how.threads),
        )
    elif isinstance(op, Stochastic):
        results = random.drawn(x, op, pooling, call, missing, how.threads)
    elif isinstance(op, Mixed):
        results = (random.mixed(x, op, pooling, call, missing, masked, how.threads),)
    else:
        results = missing_cells.results(x, pooling, call, missing, masked, how.threads)
    kept = arrays.delivered(results, outs, targets)
    return kept if len(kept) > 1 else kept[0]
