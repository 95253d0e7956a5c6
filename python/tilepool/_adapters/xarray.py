"""Arrays of xarray: their dimensions have names, and what comes back has coordinates, attributes and a name as well.

The data, whatever they are, go to the same function again; here is said which axes are meant, and what the result is.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import xarray as xr

from .._arguments import shown
from .._dtypes import readable
from .._fractional import Fractional
from .._windows import Pyramid, Whole
from .xarray_coordinates import Cut, Cuts, labels, named_bounds, stored
from .xarray_names import beside, by_name, named_by, numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    Pool: TypeAlias = Callable[..., Any]
    Options: TypeAlias = dict[str, Any]
    Kept: TypeAlias = dict[Any, Any]

DRAWS = {"output_size", "output_ratio", "rng", "pseudorandom", "return_boundaries"}  # what boundaries stand for


class Pooled(NamedTuple):
    """What came of one variable."""

    results: tuple[xr.Variable, ...]  # values, then indices where they are wanted
    cuts: Cuts
    boundaries: tuple[Any, ...] | None = None  # of fractional windows
    wants_boundaries: bool = False


def call(
    pool: Pool, kept: Kept, x: Any, args: tuple[Any, ...], out: Any, mask: Any, weights: Any, options: Options
) -> Any:
    """A public function on a named array."""
    if out is not None:
        raise TypeError(f"out must be None where x is a {type(x).__name__}, not {shown(out)}: pass x.values as x")
    options = by_name(pool, args, options)
    options |= {name: value for name, value in (("mask", mask), ("weights", weights)) if value is not None}
    if isinstance(x, xr.Dataset):
        return of_dataset(pool, x, options)
    if isinstance(x, xr.Variable):
        pooled = of_variable(pool, x.to_base_variable(), options, {})
        return one_or_all(pooled.results, pooled)
    pooled = of_variable(pool, x.variable, options, x.xindexes)
    coords, indexes = labels(x.coords.variables, x.xindexes, pooled.cuts)
    made: list[Any] = []
    for part in pooled.results:
        if made:
            coords = {name: coord.copy(deep=False) for name, coord in coords.items()}
        # As xarray does: without fastpath all coordinates are copied, which takes longer than many a pooling.
        made.append(type(x)(part, coords, name=x.name, indexes=indexes, fastpath=True))
    return one_or_all(made, pooled)


def one_or_all(results: Any, pooled: Pooled) -> Any:
    more = (pooled.boundaries,) if pooled.wants_boundaries else ()
    return results[0] if len(results) == 1 and not more else (*results, *more)


def of_variable(pool: Pool, x: xr.Variable, options: Options, indexes: Mapping[Any, Any]) -> Pooled:
    """The data pooled, and the windows that they were pooled over."""
    options = numbered(options, x.dims)
    for name, by in (("mask", indexes), ("weights", indexes), ("alpha", {})):
        if name in options:
            options[name] = beside(name, options[name], x.dims, by)
    data = x.data
    request = pool.__wrapped__(data, **options)  # type: ignore[attr-defined] # what describes it
    axes, windows = request.axes.of(data.ndim), request.windows
    sizes = tuple(data.shape[axis] for axis in axes)
    drawn = None
    if isinstance(windows, Fractional):
        windows, drawn = windows.drawn(sizes)
        options = without_draws(options) | {"boundaries": drawn}
    results = pool(data, **options)
    dims, named = x.dims, [x.dims[axis] for axis in axes]
    if isinstance(windows, Pyramid | Whole) and not getattr(windows, "keepdims", False):
        cuts = {dim: Cut(n, None) for dim, n in zip(named, sizes, strict=True)}
        one = ("_".join(str(dim) for dim in dims if dim in named),) if isinstance(windows, Pyramid) else ()
        first = min(axes)
        dims = (*dims[:first], *one, *(dim for dim in dims[first:] if dim not in named))
    else:
        cuts = {dim: Cut(n, window) for dim, n, window in zip(named, sizes, windows.over(sizes), strict=True)}
    values, *places = results if isinstance(results, tuple) else (results,)
    made = [xr.Variable(dims, values, x.attrs, stored(x.encoding) if values.dtype == x.dtype else None)]
    made += [xr.Variable(dims, part) for part in places]  # which are in no unit of x
    return Pooled(tuple(made), cuts, drawn, drawn is not None and request.windows.return_boundaries)


def without_draws(options: Options) -> Options:
    return {name: value for name, value in options.items() if name not in DRAWS}


# ---- datasets --------------------------------------------------------------------------------------------------------


def of_dataset(pool: Pool, x: xr.Dataset, options: Options) -> Any:
    """All variables that have the pooled dimensions; of the others, those are left out whose dimensions change."""
    named = named_by(options)
    if named is None:
        raise ValueError(f"the pooled dimensions of x, which has {tuple(x.dims)}, must be named: pass axis= or a dict")
    for dim in named:
        if dim not in x.dims:
            raise ValueError(f"pooled dimensions must be of x, which has {tuple(x.dims)}, not {shown(dim)}")
    pooled: dict[Hashable, Pooled] = {}
    bounds = named_bounds(x.variables)
    for name, part in x.data_vars.items():
        if name not in bounds and set(named) <= set(part.dims) and is_readable(part.dtype):
            pooled[name] = of_variable(pool, part.variable, options_of(name, options), x.xindexes)
            points = pooled[name].boundaries
            if points is not None:  # the others have the same
                by_dimension = dict(zip(pooled[name].cuts, points, strict=True))
                options = without_draws(options) | {"boundaries": by_dimension}
    if not pooled:
        raise ValueError(f"x must have a variable of numbers with all of the dimensions {named}, not only {list(x)}")
    first = next(iter(pooled.values()))
    rest = {name: part for name, part in x.variables.items() if name not in pooled}
    moved = {dim for dim, cut in first.cuts.items() if not cut.keeps}
    labelled = x.coords.keys() | bounds
    left = [name for name, part in rest.items() if name not in labelled and not moved.isdisjoint(part.dims)]
    if left:
        warnings.warn(
            f"variables without numbers, or without all of the pooled dimensions {named}, were left out: {left}",
            stacklevel=4,
        )
    others, indexes = labels({name: rest[name] for name in rest if name not in left}, x.xindexes, first.cuts)
    coords = xr.Coordinates({name: others.pop(name) for name in x.coords if name in others}, indexes)
    made = []
    for number in range(len(first.results)):
        parts = {name: part.results[number] for name, part in pooled.items()} | (others if number == 0 else {})
        made.append(xr.Dataset({name: parts[name] for name in x.data_vars if name in parts}, coords, x.attrs))
        made[-1].encoding = x.encoding
    return one_or_all(made, first)


def options_of(name: Hashable, options: Options) -> Options:
    """The options of a variable, where masks and weights may be of one each."""
    for key in ("mask", "weights"):
        given = options.get(key)
        if isinstance(given, xr.Dataset):
            if name not in given:
                raise ValueError(f"{key} must have a variable for each that is pooled, {name!r} too, not {list(given)}")
            options = options | {key: given[name]}
    return options


def is_readable(dtype: Any) -> bool:
    """Whether cells of that type can be pooled."""
    try:
        readable(dtype)
    except TypeError:
        return False
    return True
