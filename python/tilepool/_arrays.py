"""What may stand for an array: `x`, `mask`, `weights` and `out`, and why other things may not."""

from __future__ import annotations

from operator import add
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arguments import shown

if TYPE_CHECKING:
    import numpy.typing as npt

    from ._types import Array

# Arrays of other libraries, by the module of their type: loaded by numpy they would lose device, names or laziness.
FOREIGN = {
    "torch": "x.numpy(force=True)",
    "tensorflow": "x.numpy()",
    "jax": "numpy.asarray(x)",
    "jaxlib": "numpy.asarray(x)",
    "cupy": "x.get()",
    "dask": "x.compute()",
    "xarray": "x.values",
    "pandas": "x.to_numpy()",
    "polars": "x.to_numpy()",
    "sparse": "x.todense()",
    "scipy": "x.toarray()",
    "pyarrow": "x.to_numpy()",
}
SUBCLASSES = (np.ndarray, np.memmap)  # whose meaning is that of an array


def plain(name: str, value: Any) -> Array:
    """`value` as a plain numpy array on the same memory, where there is one."""
    if isinstance(value, np.ndarray):
        if type(value) not in SUBCLASSES:
            refuse_subclass(name, value)
        return value.view(np.ndarray)
    refuse_foreign(name, value)
    if isinstance(value, tuple | list | int | float | np.generic | str):
        return np.asarray(value)
    try:
        return np.asarray(memoryview(value))
    except TypeError:
        pass  # it exports no buffer
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        try:
            return np.from_dlpack(value)
        except (BufferError, RuntimeError) as error:
            raise TypeError(f"{name} must be an array in the memory of the CPU, not {shown(value)}: {error}") from error
    return np.asarray(value)


def refuse_subclass(name: str, value: Array) -> None:
    """Refuse the arrays whose meaning a plain array would lose."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must be a plain array, not a MaskedArray: take its filled() or its data")
    raise TypeError(f"{name} must be a plain array, not a {type(value).__name__}: take numpy.asarray of it")


def refuse_foreign(name: str, value: object) -> None:
    for kind in type(value).__mro__:
        library = str(kind.__module__).partition(".")[0]
        cure = FOREIGN.get(library)
        if cure is not None:
            cure = cure.replace("x", name, 1) if cure.startswith("x") else cure.replace("(x)", f"({name})")
            kind_name = type(value).__name__
            article = "an" if kind_name[0] in "AEIOU" else "a"
            raise TypeError(f"{name} must be a numpy array, not {article} {kind_name} of {library}: pass {cure}")


# ---- mask and weights ------------------------------------------------------------------------------------------------


def mask_of(mask: Any, shape: tuple[int, ...]) -> Array:
    """Which cells count, in as many dimensions as `shape`, to which it broadcasts."""
    values = plain("mask", mask)
    if values.dtype.kind != "b":
        raise TypeError(f"mask must be an array of bool, not {values.dtype}")
    return broadcastable("mask", values, shape)


def refuse_nan(name: str, places: Array, when: str = "", corner: tuple[int, ...] | None = None) -> None:
    """Refuse an array that holds a NaN at one of these places, counted from the corner of a larger array."""
    if places.any():
        first = tuple(map(int, np.unravel_index(np.argmax(places), places.shape)))
        if corner is not None:
            first = tuple(map(add, first, corner))
        raise ValueError(f"{name} must be free of NaN{when}, not NaN at {first}")


def broadcastable(name: str, values: Array, shape: tuple[int, ...]) -> Array:
    sizes = (1,) * (len(shape) - values.ndim) + values.shape
    if len(sizes) != len(shape) or any(n not in (1, size) for n, size in zip(sizes, shape, strict=True)):
        raise ValueError(f"{name} must have a shape that broadcasts to that of x, {shape}, not {values.shape}")
    return values.reshape(sizes)


# ---- out -------------------------------------------------------------------------------------------------------------


def outputs(out: Any, count: int) -> tuple[Any, ...]:
    """One `out` for each result: that of the values, or a pair."""
    if not isinstance(out, tuple):
        return (out, *(None,) * (count - 1))
    if len(out) != count or count == 1:
        if count == 1:
            raise TypeError(f"out must be a numpy array, not {shown(out)}")
        raise ValueError(f"out must be an array or a pair (values, indices), not {len(out)} of them")
    return out


def of_shape(out: Any, shape: tuple[int, ...]) -> Array:
    """`out` as a plain array of that shape."""
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a numpy array, not {shown(out)}")
    array = plain("out", out)
    if array.shape != shape:
        raise ValueError(f"out has shape {array.shape}, expected {shape}")
    return array


def target(out: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array | None:
    """`out` as a plain array, if a result of that shape and dtype can be copied to it."""
    if out is None:
        return None
    array = of_shape(out, shape)
    numeric = array.dtype.kind in "?biufcV"  # V: bfloat16, and what nothing casts to
    if not numeric or not np.can_cast(dtype, array.dtype, "same_kind"):
        raise TypeError(f"out must have a dtype that {dtype} casts to under 'same_kind', not {array.dtype}")
    if not array.flags.writeable:
        raise ValueError("output array is read-only")
    if shares_own_memory(array):
        raise ValueError(f"out must not share memory between its elements, not have strides {array.strides}")
    return array


def shares_own_memory(array: Array) -> bool:
    """Whether two elements of the array overlap. Exact, and fast for all that slicing and transposing can make."""
    if array.flags.forc:
        return False
    axes = sorted((abs(stride), n) for n, stride in zip(array.shape, array.strides, strict=True) if n > 1)
    extent, nested = array.itemsize, True
    for stride, n in axes:
        nested &= stride >= extent  # each step passes over all that the axes before reach
        extent += stride * (n - 1)
    if nested or array.size == 0:
        return False
    if array.nbytes > extent:
        return True
    starts = np.zeros(1, np.int64)
    for stride, n in axes:
        starts = np.add.outer(starts, stride * np.arange(n)).ravel()
    starts.sort()
    return bool((np.diff(starts) < array.itemsize).any())


# ---- order in memory -------------------------------------------------------------------------------------------------


def memory_order(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, ...]:
    """The axes, outermost in memory first. Axes of size 1 or stride 0 have no place of their own and stay put."""
    order: list[int] = []
    for axis, (n, stride) in enumerate(zip(shape, strides, strict=True)):
        place = len(order)
        for before in reversed(range(len(order))):
            other = order[before]
            if n <= 1 or shape[other] <= 1 or stride == 0 or strides[other] == 0:  # no min(): sizes may be symbols
                continue
            if abs(strides[other]) >= abs(stride):
                break
            place = before
        order.insert(place, axis)
    return tuple(order)


def dense_strides(shape: tuple[int, ...], itemsize: int, order: tuple[int, ...]) -> tuple[int, ...]:
    strides = [0] * len(shape)
    for axis in reversed(order):
        strides[axis] = itemsize
        itemsize *= max(1, shape[axis])
    return tuple(strides)


def empty(shape: tuple[int, ...], dtype: npt.DTypeLike, order: tuple[int, ...]) -> Array:
    """A new dense array with the given axes outermost in memory first."""
    return np.empty([shape[axis] for axis in order], dtype).transpose(np.argsort(order))


def copied(x: Array, dtype: npt.DTypeLike, order: tuple[int, ...] | None = None) -> Array:
    """A dense copy, in the memory order of x or another."""
    copy = empty(x.shape, dtype, memory_order(x.shape, x.strides) if order is None else order)
    with np.errstate(all="ignore"):  # signalling NaNs, and numbers that the dtype has no room for
        np.copyto(copy, x, casting="unsafe")
    return copy


def delivered(
    results: tuple[Array, ...], outs: tuple[Any, ...], targets: tuple[Array | None, ...]
) -> tuple[Array, ...]:
    """Each result in its `out`, where there is one; what was written there already stays."""
    for result, target in zip(results, targets, strict=True):
        if target is not None and result is not target:
            with np.errstate(all="ignore"):
                np.copyto(target, result, casting="unsafe")
    return tuple(result if out is None else out for result, out in zip(results, outs, strict=True))
