"""A call of a public function as a text, which an operator of torch can carry, and the form of its results.

The text is JSON: the function's name and its arguments by their names, without arrays. It tells all there is to know
of a call but tensors: graphs that hold it can be read, saved and loaded.
"""

from __future__ import annotations

import json
from functools import lru_cache
from inspect import signature
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

import tilepool

from .._arguments import for_each, shown
from .._arrays import dense_strides, memory_order
from .._averages import weighted_dtype
from .._core import call_key
from .._dtypes import choose, is_float
from .._fractional import Fractional
from .._ops import AVERAGE, MAX, Mixed, Op, Stochastic
from .._run import Request, is_random
from .._windows import Adaptive, Pyramid, Sliding, Whole, outputs, pooled_axes
from .torch_tensors import NUMPY, TORCH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .._windows import Cells, Slide, Windows

GRADIENTS = ("max", "min", "avg", "sum", "lp")  # ops that have one
NOTHING = np.empty(0)
KEPT: dict[bytes, tuple[str, str, int]] = {}


class Asked(NamedTuple):
    """What a text asks for."""

    name: str
    words: dict[str, Any]  # never to be changed
    request: Request

    @property
    def function(self) -> Callable[..., Any]:
        return getattr(tilepool, self.name)  # type: ignore[no-any-return]

    def but(self, **words: Any) -> str:
        """The text with other arguments: without those that are None."""
        return text_of(self.name, {k: v for k, v in (self.words | words).items() if v is not None})

    def along_last_axes(self, ndim: int) -> str:
        """The text for arrays with one more axis in front."""
        if self.words.get("index_base", "plane") in ("batch", "array"):
            raise NotImplementedError("index_base must be 'plane' or 'window' under vmap")
        axes = self.request.axes.of(ndim)
        return self.but(layout=None, axis=[axis - ndim for axis in axes])


def text_of(name: str, words: Mapping[str, Any]) -> str:
    return json.dumps([name, words], default=plain)


def plain(value: Any) -> Any:
    """A value that JSON does not know as one that it knows."""
    if isinstance(value, torch.SymInt | np.integer):
        return int(value)
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, np.dtype | type):
        return np.dtype(value).name
    if isinstance(value, torch.Tensor | np.ndarray) and value.ndim == 1:
        return value.tolist()  # boundaries
    raise TypeError(f"arguments must be plain values where a gradient or a graph is wanted, not {shown(value)}")


@lru_cache(maxsize=1024)
def asked(text: str) -> Asked:
    name, words = json.loads(text)
    words = {word: tuples(value) for word, value in words.items()}
    if name == "max_unpool":  # which has indices, and no windows
        request = Request(MAX, Whole(True), pooled_axes(words.get("layout"), words.get("axis")))
    else:
        request = getattr(tilepool, name).__wrapped__(None, **words)
    return Asked(name, words, request)


def tuples(value: Any) -> Any:
    return tuple(map(tuples, value)) if isinstance(value, list) else value


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator] # of constants: nobody need trace it
def asked_for(name: str, args: tuple[Any, ...], options: dict[str, Any], gradient: bool) -> tuple[str, str, int]:
    """The operator that answers a call, the text that it needs, and how many of its results are wanted."""
    key = call_key(NOTHING, (name, gradient, *args), options)
    found = KEPT.get(key) if key is not None else None
    if found is not None:
        return found
    bound = signature(getattr(tilepool, name)).bind(None, *args, **options).arguments
    words = {k: v for k, v in bound.items() if k not in ("x", "indices", "options")} | bound.get("options", {})
    text = text_of(name, words)
    call = asked(text)
    if gradient:
        refuse_without_gradient(call)
    if isinstance(call.request.windows, Fractional) and call.request.windows.return_boundaries:
        raise TypeError("return_boundaries must be False where a gradient or a graph is wanted: pass boundaries")
    operator = "draw" if is_random(call.request) and not is_given(call.request) else "pool"
    wanted = 2 if counting(call) else 1
    finds = gradient and call.request.op.name in ("max", "min") and has_cells_in_place(call.request)
    if wanted == 2 or finds or (gradient and operator == "draw"):
        operator += "_with_indices"  # where each gradient goes: found at once, that takes less than a search later
    if key is not None:
        if len(KEPT) >= 1024:
            KEPT.clear()
        KEPT[key] = operator, text, wanted
    return operator, text, wanted


def is_given(request: Request) -> bool:
    return isinstance(request.windows, Fractional) and request.windows.points is not None


def counting(call: Asked) -> Any:
    """How the indices count that are asked for, if they are."""
    return None if isinstance(call.request.op, Mixed) else call.request.op.counting


def refuse_without_gradient(call: Asked) -> None:
    op, windows = call.request.op, call.request.windows
    if not isinstance(op, Op) or op.name not in GRADIENTS:
        raise NotImplementedError(f"{call.name} has no gradient of {op.name!r} yet: pass x.detach()")
    if op.dtype is not None and not is_float(op.dtype):
        raise TypeError(f"dtype must be a float where a gradient is needed, not {op.dtype}: pass x.detach()")
    if isinstance(windows, Fractional) and windows.points is None and op.name != "max":
        raise NotImplementedError(f"boundaries must be given where a gradient of {call.name} is needed, not None")


# ---- the form of results ---------------------------------------------------------------------------------------------


def shape_of(request: Request, shape: Cells) -> Cells:
    """That of a result. The sizes may be symbols."""
    axes, windows = request.axes.of(len(shape)), request.windows
    sizes = tuple(shape[axis] for axis in axes)
    if isinstance(windows, Pyramid):
        rest = [n for axis, n in enumerate(shape) if axis not in axes]
        cells = sum(prod(numbers(grid, sizes)) for grid in windows.grids)
        return (*rest[: min(axes)], cells, *rest[min(axes) :])
    if isinstance(windows, Whole) and not windows.keepdims:
        return tuple(n for axis, n in enumerate(shape) if axis not in axes)
    pooled = dict(zip(axes, numbers(windows, sizes), strict=True))
    return tuple(pooled.get(axis, n) for axis, n in enumerate(shape))


def numbers(windows: Windows | Fractional, sizes: Cells) -> Cells:
    """How many windows there are along each pooled axis."""
    if isinstance(windows, Fractional):
        if windows.points is not None:
            return tuple(len(part) - (windows.kernel_size is None) for part in windows.points)
        if windows.output_size is not None:
            return for_each("output_size", windows.output_size, len(sizes))
        return tuple(int(n * ratio) for n, ratio in zip(sizes, windows.ratios(len(sizes)), strict=True))
    symbols = not all(type(n) is int for n in sizes)
    if isinstance(windows, Sliding):
        along = slides(windows, sizes) if symbols else windows.over(sizes)
        return tuple(outputs(n, window) for n, window in zip(sizes, along, strict=True))
    if isinstance(windows, Adaptive) and symbols:
        each = windows.output_size if isinstance(windows.output_size, tuple) else (windows.output_size,) * len(sizes)
        return tuple(n if m is None else m for n, m in zip(sizes, each, strict=True))
    return tuple(1 if len(window) == 6 else window[1] for window in windows.over(sizes))  # type: ignore[misc] # a number


def slides(windows: Sliding, sizes: Cells) -> list[Slide]:
    """Windows over sizes that are symbols: a check of these would hold for the sizes of one call alone."""
    kernels = for_each("kernel_size", windows.kernel_size, len(sizes))
    strides = kernels if windows.stride is None else for_each("stride", windows.stride, len(sizes))
    dilations = for_each("dilation", windows.dilation, len(sizes))
    extents = tuple(d * (k - 1) + 1 for k, d in zip(kernels, dilations, strict=True))
    pads = windows.pads(sizes, extents, strides)
    each = zip(kernels, strides, pads, dilations, strict=True)
    return [(k, s, before, after, d, windows.fit) for k, s, (before, after), d in each]


def dtype_of(request: Request, x: torch.dtype, weights: torch.dtype | None) -> torch.dtype:
    op = request.op
    if not isinstance(op, Op):
        op = MAX if isinstance(op, Stochastic) else AVERAGE
    result = choose(op.core, op.parameters, NUMPY[x], op.dtype).result
    if weights is not None:
        result = weighted_dtype(op, NUMPY[x], NUMPY[weights], result)
    return TORCH[result.name]


def strides_of(shape: Cells, x: Any) -> Cells:
    """Those of a result: dense, in the memory order of x, if it has the axes of x."""
    order = memory_order(x.shape, x.stride()) if len(shape) == x.ndim else range(len(shape))
    return dense_strides(shape, 1, tuple(order))


def forms(text: str, x: Any, weights: Any) -> tuple[Cells, Cells, torch.dtype, torch.dtype]:
    """Shape, strides and dtype of the values, and the dtype of indices."""
    call = asked(text)
    shape = shape_of(call.request, tuple(x.shape))
    dtype = dtype_of(call.request, x.dtype, None if weights is None else weights.dtype)
    counted = counting(call)
    return shape, strides_of(shape, x), dtype, torch.int64 if counted is None else TORCH[counted.dtype]


@lru_cache(maxsize=1024)
def sees_all(text: str, shape: Cells) -> bool:
    """Whether a sum or average is one of all cells of the pooled axes, whatever they are."""
    call = asked(text)
    windows, op = call.request.windows, call.request.op
    if op.name not in ("sum", "avg") or call.words.keys() & {"nan_policy", "min_count", "divisor_override"}:
        return False
    if isinstance(windows, Adaptive):
        results = shape_of(call.request, shape)
        return all(results[axis] == 1 for axis in call.request.axes.of(len(shape)))
    return isinstance(windows, Whole)


@lru_cache(maxsize=1024)
def faster_order(text: str, shape: Cells, strides: Cells) -> Cells | None:
    """The axes, outermost in memory first, of a copy in which places are found in less time; None: that is x itself.

    A search looks at many windows at once where they lie side by side along the innermost axis. Rows of few windows
    leave that idle: many channels are faster there, by 2 to 20 times from 16 taps on, all copies included. Of long rows
    they are so from some 100 taps on.
    """
    request, order = asked(text).request, memory_order(shape, strides)
    axes = sorted(request.axes.of(len(shape)))
    others = [axis for axis in order if axis not in axes and shape[axis] > 1]
    innermost = [axis for axis in order if shape[axis] > 1][-1:]
    if not others or shape[others[-1]] < 16 or innermost[0] not in axes or not has_cells_in_place(request):
        return None
    results = shape_of(request, shape)
    sizes = [-(-shape[axis] // max(1, results[axis])) for axis in axes]
    if isinstance(request.windows, Sliding):
        sizes = list(for_each("kernel_size", request.windows.kernel_size, len(axes)))
    least = 16 if results[innermost[0]] < 48 else 100
    if prod(sizes) < least:
        return None
    inner = others[-1]
    return (*(axis for axis in order if axis not in axes and axis != inner), *axes, inner)


# ---- planes ----------------------------------------------------------------------------------------------------------


def planes(x: Any, request: Request) -> Any:
    """Cells of the pooled axes in one axis, the last."""
    axes = sorted(request.axes.of(x.ndim))
    return x.movedim(axes, list(range(-len(axes), 0))).flatten(-len(axes))


def has_cells_in_place(request: Request) -> bool:
    """Whether a result has the axes of the array."""
    windows = request.windows
    return not (isinstance(windows, Pyramid) or (isinstance(windows, Whole) and not windows.keepdims))


def pooled_planes(results: Any, request: Request, ndim: int) -> Any:
    """Results, of an array of `ndim` axes, likewise."""
    if isinstance(request.windows, Pyramid):
        return results.movedim(min(request.axes.of(ndim)), -1)
    if isinstance(request.windows, Whole) and not request.windows.keepdims:
        return results.unsqueeze(-1)
    return planes(results, request)


def unplaned(cells: Any, like: Any, request: Request, ndim: int) -> Any:
    """The way back from `pooled_planes`, to the shape of `like`."""
    if isinstance(request.windows, Pyramid):
        return cells.movedim(-1, min(request.axes.of(ndim)))
    if isinstance(request.windows, Whole) and not request.windows.keepdims:
        return cells.squeeze(-1)
    axes = sorted(request.axes.of(ndim))
    return cells.unflatten(-1, [like.shape[axis] for axis in axes]).movedim(list(range(-len(axes), 0)), axes)
