"""Dimensions by their names: what a call on a named array asks for, as numpy's functions take it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cache
from inspect import signature
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import xarray as xr

from .._arguments import for_each, is_integer, is_list, listed, positive, shown

if TYPE_CHECKING:
    from collections.abc import Callable

Dims: TypeAlias = tuple[Hashable, ...]

LEADERS = ("kernel_size", "output_size", "output_ratio", "boundaries")  # their keys are the pooled dimensions
FOLLOWERS = ("stride", "padding", "dilation")  # and have a default for each of these


signature_of = cache(signature)


def by_name(pool: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
    """All arguments but x by their names."""
    given = dict(signature_of(pool).bind(None, *args, **options).arguments)
    more: dict[str, Any] = given.pop("options", {})
    return {name: value for name, value in given.items() if name != "x"} | more


def grids_by_name(options: dict[str, Any]) -> list[Mapping[Hashable, Any]]:
    grids = options.get("grids")
    return [grid for grid in grids if isinstance(grid, Mapping)] if is_list(grids) else []


def named_by(options: dict[str, Any]) -> tuple[Hashable, ...] | None:
    """The dimensions that the arguments name, in any order; None: they name none."""
    if options.get("axis") is not None:
        axis = listed(options["axis"])
        return tuple(axis) if is_list(axis) else (axis,)
    leaders = [options[name] for name in LEADERS if isinstance(options.get(name), Mapping)] + grids_by_name(options)
    if leaders:
        if not leaders[0]:
            raise ValueError("sizes by dimension must name at least one, not {}")
        return tuple(leaders[0])
    for name in FOLLOWERS:
        if isinstance(options.get(name), Mapping):
            raise ValueError(f"axis must be given where {name} is by dimension and kernel_size is not")
    return None


def numbered(options: dict[str, Any], dims: Dims) -> dict[str, Any]:
    """Options for an array of these dimensions, with numbers for their names."""
    named = named_by(options)
    if named is None:
        if options.get("layout") is None:
            raise ValueError(
                f"the pooled dimensions of x, which has {dims}, must be named: pass axis=, or sizes by dimension such "
                f"as {{{dims[-1] if dims else 'x'!r}: 2}}, or a layout= for arrays of batches and channels"
            )
        return options
    if options.get("axis") is None:  # in the order of x, whatever that of the keys is
        axes: list[int] = sorted(number_of("sizes by dimension", name, dims) for name in named)
    else:
        axes = [number_of("axis", name, dims) for name in named]
    pooled = tuple(dims[axis] for axis in axes if -len(dims) <= axis < len(dims))
    result = options | {"axis": tuple(axes)}
    for name in (*LEADERS, *FOLLOWERS):
        if isinstance(options.get(name), Mapping):
            result[name] = for_each_dimension(name, options, pooled, dims)
    if grids_by_name(options):
        grids = [{"grids": grid} for grid in options["grids"]]
        result["grids"] = [
            for_each_dimension("grids", grid, pooled, dims) if isinstance(grid["grids"], Mapping) else grid["grids"]
            for grid in grids
        ]
    return result


def number_of(argument: str, name: Hashable, dims: Dims) -> int:
    """The number of a dimension: by its name, or the number itself."""
    if name in dims:
        return dims.index(name)
    if argument == "axis" and is_integer(name):
        return int(name)  # whether there is such an axis is asked later
    raise ValueError(f"{argument} must name dimensions of x, which are {dims}, not {shown(name)}")


def for_each_dimension(name: str, options: dict[str, Any], pooled: Dims, dims: Dims) -> tuple[Any, ...]:
    """The values of an argument, in the order of the pooled dimensions."""
    given = options[name]
    for dim in given:
        number_of(name, dim, dims)
        if dim not in pooled:
            raise ValueError(f"{name} must be of pooled dimensions, which are {pooled}, not of {shown(dim)}")
    missing = [dim for dim in pooled if dim not in given]
    if missing and name not in FOLLOWERS:
        raise ValueError(f"{name} must have a value for each of the pooled dimensions {pooled}, not {shown(given)}")
    if name == "padding":
        return tuple(pair(given.get(dim, 0)) for dim in pooled)
    if missing and name == "stride":
        kernels = options["kernel_size"]
        if not isinstance(kernels, Mapping):
            sizes = for_each("kernel_size", positive("kernel_size", kernels), len(pooled))
            kernels = dict(zip(pooled, sizes, strict=True))
        given = {dim: kernels[dim] for dim in missing} | dict(given)
    return tuple(given.get(dim, 1) for dim in pooled)


def pair(value: Any) -> Any:
    """The padding of one dimension, before and after."""
    if is_integer(value):
        return value, value
    if not is_list(value):
        raise TypeError(f"padding of a dimension must be an integer or a (before, after) pair, not {shown(value)}")
    return value


def beside(name: str, value: Any, dims: Dims, indexes: Mapping[Any, Any]) -> Any:
    """A mask or weights: of a named array the data, with an axis for each dimension of x, which has these indexes."""
    if not isinstance(value, xr.DataArray | xr.Variable):
        return value
    variable = value.variable if isinstance(value, xr.DataArray) else value
    own = value.xindexes if isinstance(value, xr.DataArray) else {}
    for dim in variable.dims:
        if dim not in dims:
            raise ValueError(f"{name} must have dimensions of x, which are {dims}, not {shown(dim)}")
        if dim in indexes and dim in own and not own[dim].equals(indexes[dim]):
            raise ValueError(
                f"{name} must have the coordinates of x along {dim!r}, not other ones: pass {name}.reindex_like(x), or "
                f"{name}.values"
            )
    data = variable.transpose(*(dim for dim in dims if dim in variable.dims)).data
    return data[tuple(slice(None) if dim in variable.dims else np.newaxis for dim in dims)]
