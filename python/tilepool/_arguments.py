"""From words to integers: what the arguments of a call mean, and every sentence that refuses one.

Sentences read *argument, rule, value*; a wrong kind is a TypeError, a wrong value a ValueError (docs/semantics.md). All
arithmetic here is on Python's integers, which do not overflow; only what fits 64 bits is handed on.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt

from ._core import roundings

Array: TypeAlias = npt.NDArray[Any]
Cells: TypeAlias = tuple[int, ...]
# What the core takes for a pooled axis: kernel, stride, before, after, dilation and the number that FITS has; or how
# many adaptive windows; or the first cells of listed windows, and the numbers of their cells.
Sliding: TypeAlias = tuple[int, int, int, int, int, int]
Windows: TypeAlias = Sliding | tuple[Literal["adaptive"], int] | tuple[Literal["listed"], Cells, Cells]

FITS = {"floor": 0, "ceil": 1, "full": 2}
LIMIT = 2**63
MAX_THREADS = 1024
INTEGERS = "an integer or a tuple of integers"
CELL_BASES = ("plane", "batch", "array")  # of indices that name cells whatever the windows are
INDEX_DTYPES = "int64, int32 or uint8"
OUTPUTS = "an integer, None or a tuple of these"
PADDINGS = "an integer, an integer or a (before, after) pair per pooled axis, 'valid', 'same' or 'same_lower'"


class Adaptive(NamedTuple):
    """In the place of a kernel size: adaptive windows, and the word that says how many."""

    word: object
    name: str = "output_size"


class Listed(NamedTuple):
    """In the place of a kernel size: first cells and numbers of cells of all windows along each pooled axis.

    A list, so that a call with these is not kept: its numbers are random, or too many for a key.
    """

    axes: list[tuple[Cells, Cells]]


def shown(value: object) -> str:
    """`value` for the end of a sentence: never long, and never an error of its own."""
    try:
        text = repr(value)
    except Exception:  # Python refuses to print integers of many digits, and anything may refuse
        text = f"an unprintable {type(value).__name__}"
    return text if len(text) <= 100 else text[:100] + "..."


def is_integer(value: object) -> TypeGuard[int | np.integer[Any]]:
    # numpy counts time spans as integers
    return isinstance(value, int | np.integer) and not isinstance(value, bool | np.timedelta64)


def integers(name: str, word: object, count: int, rule: str = INTEGERS) -> tuple[int, ...]:
    """One integer for each of `count` pooled axes."""
    values = tuple(word) if isinstance(word, tuple | list) else (word,) * count
    numbers = tuple(int(value) for value in values if is_integer(value))
    if len(numbers) != len(values):
        raise TypeError(f"{name} must be {rule}, not {shown(word)}")
    if len(numbers) != count:
        raise ValueError(f"{name} must have one value for each of {count} pooled axes, not {shown(word)}")
    return numbers


def positive(name: str, word: object, count: int, rule: str = INTEGERS) -> tuple[int, ...]:
    values = integers(name, word, count, rule)
    if min(values) < 1:
        raise ValueError(f"{name} must be positive, not {shown(word)}")
    if max(values) >= LIMIT:
        raise ValueError(f"{name} must be below 2**63, not {shown(word)}")
    return values


def flag(name: str, word: object) -> bool:
    if not isinstance(word, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, not {shown(word)}")
    return bool(word)


def fit(word: object) -> int:
    rule = "ceil_mode must be False, True, 'floor', 'ceil' or 'full'"
    if isinstance(word, str):
        if word not in FITS:
            raise ValueError(f"{rule}, not {shown(word)}")
        return FITS[word]
    if not isinstance(word, bool | np.bool_):
        raise TypeError(f"{rule}, not {shown(word)}")
    return int(word)


def threads(word: object) -> int:
    """A number of threads; 0, the core's word for the default, where `word` is None."""
    if word is None:
        return 0
    if not is_integer(word):
        raise TypeError(f"threads must be None or an integer, not {shown(word)}")
    number = int(word)
    if not 1 <= number <= MAX_THREADS:
        raise ValueError(f"threads must be between 1 and {MAX_THREADS}, not {shown(word)}")
    return number


def divisor(word: object) -> float:
    """A divisor that float64 holds exactly; 0, the core's word for none, where `word` is None."""
    if word is None:
        return 0.0
    if not is_integer(word):
        raise TypeError(f"divisor_override must be None or an integer, not {shown(word)}")
    number = int(word)
    if number == 0:
        raise ValueError("divisor_override must not be zero, not 0")
    if abs(number) >= 2**53:
        raise ValueError(f"divisor_override must be below 2**53 in magnitude, not {shown(word)}")
    return float(number)


def shape(word: object) -> tuple[int, ...]:
    """The shape of an array."""
    if not isinstance(word, tuple | list) or not all(map(is_integer, word)):
        raise TypeError(f"shape must be a tuple of integers, not {shown(word)}")
    sizes = tuple(map(int, word))
    if min(sizes, default=0) < 0:
        raise ValueError(f"shape must not be negative, not {shown(word)}")
    if max(sizes, default=0) >= LIMIT:
        raise ValueError(f"shape must be below 2**63, not {shown(word)}")
    return sizes


def rounding(word: object, of_float: bool) -> str:
    """How an average becomes an integer. A float result is not rounded: any rule but the default is a mistake."""
    rule = f"rounding must be {', '.join(map(repr, roundings[:-1]))} or {roundings[-1]!r}, not {shown(word)}"
    if not isinstance(word, str):
        raise TypeError(rule)
    if word not in roundings:
        raise ValueError(rule)
    if of_float and word != roundings[0]:
        raise ValueError(f"rounding must be {roundings[0]!r} unless dtype is an integer, not {shown(word)}")
    return str(word)


def pooled_axes(layout: object, axis: object, ndim: int) -> tuple[int, ...]:
    """The axes to pool, in the order in which they are named."""
    if not isinstance(layout, str):
        raise TypeError(f"layout must be 'channels_first' or 'channels_last', not {shown(layout)}")
    if layout not in ("channels_first", "channels_last"):
        raise ValueError(f"layout must be 'channels_first' or 'channels_last', not {shown(layout)}")
    if ndim == 0:
        raise ValueError("x must have at least one axis to pool, not 0 dimensions")
    if axis is None:
        if ndim < 3:
            raise ValueError(f"x must have at least 3 dimensions where no axis= names the pooled axes, not {ndim}")
        return tuple(range(2, ndim) if layout == "channels_first" else range(1, ndim - 1))
    named = integers("axis", axis, len(axis) if isinstance(axis, tuple | list) else 1)
    if not named:
        raise ValueError(f"axis must name at least one axis, not {shown(axis)}")
    for number in named:
        if not -ndim <= number < ndim:  # the sentence is numpy's
            raise np.exceptions.AxisError(f"axis {shown(number)} is out of bounds for array of dimension {ndim}")
    axes = tuple(number % ndim for number in named)
    if len(set(axes)) < len(axes):
        raise ValueError(f"duplicate value in 'axis': {shown(axis)}")
    return axes


def pads(
    word: object, sizes: tuple[int, ...], extents: tuple[int, ...], strides: tuple[int, ...]
) -> list[tuple[int, int]]:
    """The cells (before, after) each axis.

    "same" and "same_lower" are SAME_UPPER and SAME_LOWER of ONNX; the former is the "SAME" of TensorFlow.
    """
    if isinstance(word, str):
        if word == "valid":
            return [(0, 0)] * len(sizes)
        if word not in ("same", "same_lower"):
            raise ValueError(f"padding must be {PADDINGS}, not {shown(word)}")
        totals = [max(0, -(-n // s) * s - s + e - n) for n, e, s in zip(sizes, extents, strides, strict=True)]
        halves = [(total // 2, total - total // 2) for total in totals]
        return halves if word == "same" else [(more, less) for less, more in halves]

    pairs: list[tuple[int, int]]
    if isinstance(word, tuple | list) and word and all(isinstance(pair, tuple | list) for pair in word):
        if not all(is_integer(value) for pair in word for value in pair):
            raise TypeError(f"padding must be {PADDINGS}, not {shown(word)}")
        if len(word) != len(sizes) or any(len(pair) != 2 for pair in word):
            raise ValueError(
                f"padding must have one (before, after) pair for each of {len(sizes)} pooled axes, not {shown(word)}"
            )
        pairs = [(int(before), int(after)) for before, after in word]
    else:
        pairs = [(value, value) for value in integers("padding", word, len(sizes), PADDINGS)]
    if min(map(min, pairs)) < 0:
        raise ValueError(f"padding must not be negative, not {shown(word)}")
    if any(max(pair) >= extent for pair, extent in zip(pairs, extents, strict=True)):
        raise ValueError(f"padding must be smaller than the extent of the window {extents}, not {shown(word)}")
    return pairs


def refuse_empty(sizes: tuple[int, ...]) -> None:
    if 0 in sizes:
        raise ValueError(f"x must not be empty along a pooled axis, not of sizes {sizes}")


def adaptive(sizes: tuple[int, ...], name: str, word: object) -> list[Windows]:
    """As many windows as the word says, or as many as cells where it is None."""
    values = tuple(word) if isinstance(word, tuple | list) else (word,) * len(sizes)
    kept = [value is None for value in values]
    given = tuple(1 if value is None else value for value in values) if any(kept) else word
    outputs = positive(name, given, len(sizes), OUTPUTS)
    refuse_empty(sizes)
    if any(n * m >= LIMIT for n, m in zip(sizes, outputs, strict=True)):
        raise ValueError(f"{name} must keep cells times outputs below 2**63, not {shown(word)}")
    return [("adaptive", n if keep else m) for n, m, keep in zip(sizes, outputs, kept, strict=True)]


def windows(
    sizes: tuple[int, ...], kernel_size: object, stride: object, padding: object, dilation: object, ceil_mode: object
) -> list[Windows]:
    """The windows over pooled axes of the given sizes, as the core takes them."""
    if isinstance(kernel_size, Adaptive):
        return adaptive(sizes, kernel_size.name, kernel_size.word)
    if isinstance(kernel_size, Listed):
        return [("listed", *axis) for axis in kernel_size.axes]
    return list(sliding(sizes, kernel_size, stride, padding, dilation, ceil_mode))


def sliding(
    sizes: tuple[int, ...], kernel_size: object, stride: object, padding: object, dilation: object, ceil_mode: object
) -> list[Sliding]:
    count = len(sizes)
    kernels = positive("kernel_size", kernel_size, count)
    strides = kernels if stride is None else positive("stride", stride, count)
    dilations = positive("dilation", dilation, count)
    rounding = fit(ceil_mode)
    extents = tuple(d * (k - 1) + 1 for k, d in zip(kernels, dilations, strict=True))
    pairs = pads(padding, sizes, extents, strides)

    padded = tuple(n + before + after for n, (before, after) in zip(sizes, pairs, strict=True))
    refuse_empty(sizes)
    result: list[Sliding] = []
    for n, k, s, d, e, p, (before, after) in zip(
        sizes, kernels, strides, dilations, extents, padded, pairs, strict=True
    ):
        number = outputs(n, (k, s, before, after, d, rounding))
        if number < 1:
            dilated = f" with dilation {dilations}" if max(dilations) > 1 else ""
            raise ValueError(f"kernel_size {kernels}{dilated} is larger than the padded input {padded}")
        s = min(s, max(p, e) + 1)  # the core's 64 bits need not hold a stride that is never taken
        if max(p, number * s + e) >= LIMIT:
            raise ValueError(f"kernel_size must keep windows and padded input below 2**63 cells, not {kernels}")
        result.append((k, s, before, after, d, rounding))
    return result


def outputs(n: int, window: Sliding) -> int:
    """The number of outputs along an axis of n cells."""
    kernel, stride, before, after, dilation, fit = window
    room = n + before + after - dilation * (kernel - 1) - 1
    number = (-(-room // stride) if fit != FITS["floor"] else room // stride) + 1
    return number - 1 if fit == FITS["ceil"] and (number - 1) * stride >= n + before else number


class Indices(NamedTuple):
    """How the core counts the places of extrema."""

    counts: str  # the core's word: "cells" or "taps"
    weights: tuple[int, ...]  # what a step along each axis adds
    dtype: np.dtype[Any]


def index_base(name: str, word: object, bases: Sequence[str]) -> str:
    rule = f"{name} must be {', '.join(map(repr, bases[:-1]))} or {bases[-1]!r}, not {shown(word)}"
    if not isinstance(word, str):
        raise TypeError(rule)
    if word not in bases:
        raise ValueError(rule)
    return word


def index_weights(base: str, shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """What a cell further along each axis adds to an index that counts as `base` says."""
    counted = {"plane": sorted(axes), "batch": range(1, len(shape)), "array": range(len(shape))}[base]
    if base == "batch" and 0 in axes:
        raise ValueError("index_base must not be 'batch' where the first axis is pooled")
    weights, weight = [0] * len(shape), 1
    for axis in reversed(counted):
        weights[axis] = weight
        weight *= shape[axis]
    return tuple(weights)


def indices(
    base: object, dtype: object, shape: tuple[int, ...], axes: tuple[int, ...], pooled: Sequence[Windows]
) -> Indices | None:
    """How to count, if a `base` is given."""
    if base is None:
        return None
    base = index_base("index_base", base, (*CELL_BASES, "window"))
    try:
        wanted = np.dtype(dtype)  # type: ignore[call-overload]
    except Exception as error:  # numpy raises several kinds
        raise TypeError(f"index_dtype must be {INDEX_DTYPES}, not {shown(dtype)}") from error
    if wanted.name not in ("int64", "int32", "uint8"):
        raise TypeError(f"index_dtype must be {INDEX_DTYPES}, not {wanted}")
    if base == "window":
        kernels = {axis: k for axis, (k, *_) in zip(axes, pooled, strict=True) if isinstance(k, int)}
        sizes = tuple(kernels.get(axis, 1) for axis in range(len(shape)))
        weights = index_weights("plane", sizes, axes)
    else:
        sizes = shape
        weights = index_weights(base, shape, axes)
    count = 1 + sum(weight * (size - 1) for weight, size in zip(weights, sizes, strict=True) if size > 0)
    limit = np.iinfo(wanted).max
    if count > limit:  # uint8 has no -1: its 255 is that of a window without cells
        raise ValueError(f"index_dtype must hold indices up to {count - 1}, not {wanted}")
    return Indices("taps" if base == "window" else "cells", weights, np.dtype(wanted.name))


def array(x: npt.ArrayLike) -> Array:
    """`x` as a plain numpy array."""
    if type(x) is np.ndarray:
        return x
    refuse_meaningful("x", x)
    return np.asarray(x)


def nan_policy(word: object) -> str:
    rule = f"nan_policy must be 'propagate', 'omit' or 'raise', not {shown(word)}"
    if not isinstance(word, str):
        raise TypeError(rule)
    if word not in ("propagate", "omit", "raise"):
        raise ValueError(rule)
    return str(word)


def mask(word: Any, shape: tuple[int, ...]) -> Array:
    """Which cells are there; of as many dimensions as `shape`, to which it broadcasts."""
    refuse_meaningful("mask", word)
    values = np.asarray(word)
    if values.dtype.kind != "b":
        raise TypeError(f"mask must be an array of bool, not {values.dtype}")
    return broadcastable("mask", values, shape)


def refuse_nan(name: str, places: Array, when: str = "") -> None:
    """Refuse an array that holds a NaN at one of these places."""
    if places.any():
        first = tuple(map(int, np.unravel_index(np.argmax(places), places.shape)))
        raise ValueError(f"{name} must be free of NaN{when}, not NaN at {first}")


def broadcastable(name: str, values: Array, shape: tuple[int, ...]) -> Array:
    sizes = (1,) * (len(shape) - values.ndim) + values.shape
    if len(sizes) != len(shape) or any(n not in (1, size) for n, size in zip(sizes, shape, strict=True)):
        raise ValueError(f"{name} must have a shape that broadcasts to that of x, {shape}, not {values.shape}")
    return values.reshape(sizes)


def output(out: object) -> Array | None:
    """`out`, if there is one, as a plain numpy array on the same memory."""
    if out is None or type(out) is np.ndarray:
        return out
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a numpy array, not {shown(out)}")
    refuse_meaningful("out", out)
    return out.view(np.ndarray)


def output_pair(out: object) -> tuple[Any, Any]:
    """`out` of a call with indices: for the values, or for both."""
    if not isinstance(out, tuple):
        return out, None
    if len(out) != 2:
        raise ValueError(f"out must be an array or a pair (values, indices), not {len(out)} of them")
    return out


def refuse_meaningful(name: str, value: object) -> None:
    """Refuse the arrays whose meaning a plain array would lose."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must be a plain array, not a MaskedArray: take its filled() or its data")
    if isinstance(value, np.matrix):
        raise TypeError(f"{name} must be a plain array, not a matrix: take numpy.asarray of it")


def check_shape(out: Array, shape: tuple[int, ...]) -> None:
    if out.shape != shape:
        raise ValueError(f"out has shape {out.shape}, expected {shape}")


def check_output(out: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse an `out` that a result of the given shape and dtype cannot be copied to."""
    check_shape(out, shape)
    if not np.can_cast(dtype, out.dtype, "same_kind"):
        raise TypeError(f"out must have a dtype that {dtype} casts to under 'same_kind', not {out.dtype}")
    if not out.flags.writeable:
        raise ValueError("output array is read-only")
    if shares_own_memory(out):
        raise ValueError(f"out must not share memory between its elements, not have strides {out.strides}")


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
