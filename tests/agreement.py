"""Compares a call of tilepool with the oracle on every instruction set, and says how to rerun what differs."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import reference
import tilepool as tp
from tilepool import _core

Array = NDArray[Any]

FUNCTIONS: dict[str, Any] = {"max": tp.max_pool, "min": tp.min_pool, "avg": tp.avg_pool, "sum": tp.sum_pool}
ADAPTIVE: dict[str, Any] = {
    "max": tp.adaptive_max_pool,
    "min": tp.adaptive_min_pool,
    "avg": tp.adaptive_avg_pool,
    "sum": tp.adaptive_sum_pool,
}
FRACTIONAL: dict[str, Any] = {"max": tp.fractional_max_pool, "avg": tp.fractional_avg_pool}
OPS = tuple(FUNCTIONS)
EXACT_OPS = ("max", "min")
REDUCERS = tuple(reference.REDUCERS)
WINDOW_WORDS = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "output_size")


@contextmanager
def using_isa(name: str) -> Iterator[None]:
    previous = _core.set_isa(name)
    try:
        yield
    finally:
        _core.set_isa(previous)


def function_of(op: str, arguments: dict[str, Any]) -> Any:
    """The public function that takes such arguments."""
    if op in REDUCERS:
        return reducer(op) if "output_size" not in arguments else partial(vars(tp)["adaptive_pool"], op=op)
    if "boundaries" in arguments:
        return FRACTIONAL[op]
    return (ADAPTIVE if "output_size" in arguments else FUNCTIONS)[op]


def reducer(op: str) -> Any:
    """The public function of a reducer: its own, or `pool` where it has none."""
    if op in ("prod", "any", "all", "count_nonzero"):
        return partial(vars(tp)["pool"], op=op)
    return vars(tp)[f"{op}_pool"]


def as_tuple(results: Any) -> tuple[Any, ...]:
    """Also of a call that has one result."""
    return results if isinstance(results, tuple) else (results,)


def windows_of(x: Array, axes: Sequence[int], arguments: dict[str, Any]) -> list[list[reference.Window]]:
    """The oracle's windows for the arguments of a call: what every spelling means, in the order of `axes`."""

    def one_each(name: str, default: Any) -> Sequence[Any]:
        given = arguments.get(name, default)
        return given if isinstance(given, tuple | list) else [given] * len(axes)

    sizes = [x.shape[axis] for axis in axes]
    if "boundaries" in arguments:
        kernels, overlapping = one_each("kernel_size", None), arguments.get("overlapping", False)
        parts = zip(sizes, arguments["boundaries"], kernels, strict=True)
        return [reference.fractional(n, part, kernel, overlapping) for n, part, kernel in parts]
    if "output_size" in arguments:
        outputs = [n if m is None else m for n, m in zip(sizes, one_each("output_size", None), strict=True)]
        return [reference.adaptive(n, m) for n, m in zip(sizes, outputs, strict=True)]
    kernels, dilations = one_each("kernel_size", None), one_each("dilation", 1)
    strides = kernels if arguments.get("stride") is None else one_each("stride", None)
    windows = []
    for position, axis in enumerate(axes):
        n, kernel, stride, dilation = x.shape[axis], kernels[position], strides[position], dilations[position]
        padding = one_each("padding", 0)[position]
        if padding == "valid":
            padding = 0
        if isinstance(padding, str):
            padding = reference.same_padding(n, kernel, stride, dilation, lower=padding == "same_lower")
        pair = padding if isinstance(padding, tuple | list) else (padding, padding)
        ceil_mode = arguments.get("ceil_mode", False)
        windows.append(reference.sliding(n, kernel, stride, (pair[0], pair[1]), dilation, ceil_mode))
    return windows


def expected(op: str, x: Array, axes: Sequence[int], arguments: dict[str, Any]) -> tuple[Array, Any, Array | None]:
    """What the oracle says: values, dtype of the result, and how far from the values it may be (None: not at all)."""
    return expected_of(op, x, axes, windows_of(x, axes, arguments), arguments)


def expected_of(
    op: str, x: Array, axes: Sequence[int], windows: Sequence[reference.Windows], arguments: dict[str, Any]
) -> tuple[Array, Any, Array | None]:
    """The same of windows that are given; of the arguments what is not about windows counts."""
    if op in REDUCERS:
        return expected_of_reducer(op, x, axes, windows, arguments)
    if op in EXACT_OPS:
        function = reference.max_pool if op == "max" else reference.min_pool
        return function(x, axes, windows), reference.native(x.dtype), None
    dtype = arguments.get("dtype")
    given = {name: arguments[name] for name in ("count_include_pad", "divisor_override") if name in arguments}
    rounding = {"rounding": arguments["rounding"]} if "rounding" in arguments else {}
    if op == "sum":
        result = reference.sum_dtype(x.dtype) if dtype is None else np.dtype(dtype)
        values = reference.sum_pool(x, axes, windows, dtype)
    else:
        result = reference.avg_dtype(x.dtype) if dtype is None else np.dtype(dtype)
        values = reference.avg_pool(x, axes, windows, dtype=dtype, **rounding, **given)
    if not reference.is_float(result):
        return values, result, None

    # Sums of small whole numbers are exact in every order of addition, and one correctly rounded division is what
    # `values` has too: rounding the quotient of two whole numbers twice, first to float64, changes nothing.
    taps = math.prod(max(len(window.taps) for window in windows_of_axis) for windows_of_axis in windows)
    number = reference.number_dtype(result)
    limit = 2.0 ** (np.finfo(number).nmant + 1)
    numbers = np.abs(x.astype(np.float64))
    largest_divisor = abs(given.get("divisor_override") or taps)
    if max(taps * np.max(numbers, initial=0), largest_divisor) <= limit and np.all(numbers == np.rint(numbers)):
        return reference.rounded(values, result), result, None

    # An average adds to the roundings of its sum those of the divisor, of the division and of the oracle's quotient.
    bound = reference.sum_bound(x, axes, windows, number, extra=3 if op == "avg" else 0)
    if op == "avg":
        divisors = reference.pool(x, axes, windows, lambda c, size: _divisor(c, size, **given), np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            bound = bound / np.abs(divisors)
    return values, result, bound + float(np.finfo(number).smallest_subnormal)


def expected_of_reducer(
    op: str, x: Array, axes: Sequence[int], windows: Sequence[reference.Windows], arguments: dict[str, Any]
) -> tuple[Array, Any, Array | None]:
    """A float is calculated in float64 and rounded once: a result of 32 bits lies within an ulp, equal where the
    calculation is exact. One of 16 bits is that of 32 bits, rounded.
    """
    options = {name: value for name, value in arguments.items() if name not in WINDOW_WORDS}
    result = reference.reduced_dtype(op, x.dtype, **options)
    values, errors = reference.reduced(op, x, axes, windows, **options)
    if not reference.is_float(result):
        return values, result, None
    number = reference.number_dtype(result)
    nearest = reference.rounded(values, result).astype(np.float64)
    exact = (errors == 0) | np.isinf(nearest)
    with np.errstate(invalid="ignore", over="ignore"):
        once = 2 * reference.unit(number) * np.abs(values) + 4 * float(np.finfo(number).smallest_subnormal)
    return np.where(exact, nearest, values), result, np.where(exact, 0, errors + once)


def _divisor(cells: Array, size: int, count_include_pad: bool = True, divisor_override: int | None = None) -> int:
    return divisor_override or (size if count_include_pad else cells.shape[-1])


def differs(actual: Array, values: Array, bound: Array | None) -> Array:
    """Where a result is not what the oracle says. NaN and infinities must be at the same places.

    A result of 16 bits is rounded from a number within the bound: it lies between the roundings of both ends.
    """
    equal = (actual == values) | ((actual != actual) & (values != values))
    if bound is None:
        return np.asarray(~equal)
    with np.errstate(invalid="ignore", over="ignore"):
        if actual.itemsize == 2:
            least, most = (end.astype(actual.dtype) for end in (values - bound, values + bound))
            return np.asarray(~(equal | ((least <= actual) & (actual <= most))))
        return np.asarray(~(equal | (np.abs(actual.astype(np.float64) - values) <= bound)))


def other_zero(actual: Array, values: Array) -> Array:
    """Where a zero has another sign."""
    if not reference.is_float(actual.dtype):
        return np.zeros(actual.shape, bool)
    return np.asarray((values == 0) & (np.signbit(actual) != np.signbit(values)))


def check(
    op: str,
    x: Array,
    axis: int | Sequence[int],
    *,
    threads: Sequence[int | None] = (None,),
    isas: Sequence[str] = _core.available_isas(),
    note: str = "",
    **arguments: Any,
) -> None:
    """Assert that a call agrees with the oracle on every instruction set and for each number of threads.

    `note` should say where the numbers in `x` come from (a seed): the message of a failure repeats it.
    """
    axes = tuple(axis) if isinstance(axis, Sequence) else (axis,)
    values, dtype, bound = expected(op, x, axes, arguments)
    for isa in isas:
        for count in threads:
            with using_isa(isa):
                actual = function_of(op, arguments)(x, axis=axis, threads=count, **arguments)
            wrong = differs(actual, values, bound) if actual.shape == values.shape else np.ones(actual.shape, bool)
            if op in EXACT_OPS and actual.shape == values.shape:
                wrong |= other_zero(actual, values)
            if wrong.any() or actual.dtype != dtype or actual.shape != values.shape:
                raise AssertionError(
                    describe(op, x, axis, arguments, isa, count, note) + _difference(actual, values, dtype, bound)
                )


def describe(
    op: str, x: Array, axis: Any, arguments: dict[str, Any], isa: str, threads: int | None, note: str = ""
) -> str:
    """A line that names all that a rerun needs but the numbers in `x`, whose origin `note` tells."""
    words = "".join(f", {name}={value!r}" for name, value in arguments.items())
    function = getattr(function_of(op, arguments), "__name__", f"pool[op={op!r}]")
    return (
        f"{note}\ntp.{function}(x, axis={axis}, threads={threads}{words}) with "
        f"TILEPOOL_ISA={isa} and x of shape {x.shape}, "
        f"dtype {x.dtype.str}, strides {x.strides}, address % 64 = {x.ctypes.data % 64}\n"
    )


def _difference(actual: Array, values: Array, dtype: Any, bound: Array | None) -> str:
    if actual.shape != values.shape or actual.dtype != dtype:
        return f"has shape {actual.shape} and dtype {actual.dtype}, expected {values.shape} and {dtype}"
    places = np.argwhere(differs(actual, values, bound))
    first = tuple(places[0])
    allowed = "" if bound is None else f" within {bound[first]}"
    return (
        f"differs at {len(places)} of {actual.size} outputs, first at {tuple(map(int, first))}: "
        f"{actual[first]!r}, expected {values[first]!r}{allowed}"
    )
