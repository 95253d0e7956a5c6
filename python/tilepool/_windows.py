"""Where each output looks: which axes are pooled, and the windows along them. Pure integers, nothing about values.

A value here (Axes, Sliding, Adaptive ...) is what a call asked for, checked as far as it can be without an array,
frozen and hashable. `over` resolves windows for the sizes of the pooled axes to what the core takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from . import _arguments as arguments
from ._arguments import LIMIT, PerAxis, for_each, is_integer, is_list, listed, positive, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._types import Points

Cells: TypeAlias = tuple[int, ...]
# What the core takes for a pooled axis: kernel, stride, before, after, dilation and the number that FITS has; or how
# many adaptive windows; or the first cells of listed windows, and the numbers of their cells; or those of an axis of so
# many cells whose outputs are the cells here.
Slide: TypeAlias = tuple[int, int, int, int, int, int]
Window: TypeAlias = (
    Slide
    | tuple[Literal["adaptive"], int]
    | tuple[Literal["listed"], Cells, Cells]
    | tuple[Literal["transposed"], tuple[Any, ...], int]
)

LAYOUTS = ("channels_first", "channels_last")
FITS = {"floor": 0, "ceil": 1, "full": 2}
SAME = {"same": "same", "same_upper": "same", "same_lower": "same_lower", "valid": "valid"}
SIZES = "an integer, None or a tuple of these"
PADDINGS = "an integer, an integer or a (before, after) pair per pooled axis, 'valid', 'same' or 'same_lower'"


# ---- which axes ------------------------------------------------------------------------------------------------------


class Axes(NamedTuple):
    """The axes to pool: by their numbers, else by a layout."""

    layout: str | None
    axis: PerAxis | None

    def of(self, ndim: int) -> tuple[int, ...]:
        """The pooled ones of so many, in the order in which they are named."""
        if ndim == 0:
            raise ValueError("x must have at least one axis to pool, not 0 dimensions")
        if self.axis is None:
            if ndim < 3:
                cure = "-1 for a series" if ndim == 1 else "(0, 1) for an image"
                raise ValueError(
                    f"x must have at least 3 dimensions where no axis= names the pooled axes, not {ndim}: "
                    f"pass axis={cure}"
                )
            return tuple(range(1, ndim - 1) if self.layout == "channels_last" else range(2, ndim))
        named = (self.axis,) if isinstance(self.axis, int) else self.axis
        for number in named:
            if not -ndim <= number < ndim:  # the sentence is numpy's
                raise np.exceptions.AxisError(f"axis {shown(number)} is out of bounds for array of dimension {ndim}")
        axes = tuple(number % ndim for number in named)
        if len(set(axes)) < len(axes):
            raise ValueError(f"duplicate value in 'axis': {shown(self.axis)}")
        return axes


def pooled_axes(layout: object, axis: object) -> Axes:
    if layout is not None:
        layout = arguments.choice("layout", layout, LAYOUTS)
    if axis is None:
        return Axes(layout, None)
    named = arguments.integers("axis", axis)
    if named == ():
        raise ValueError(f"axis must name at least one axis, not {shown(axis)}")
    return Axes(layout, named)


# ---- sliding windows -------------------------------------------------------------------------------------------------


class Pairs(NamedTuple):
    """The padding before and after each pooled axis."""

    each: tuple[tuple[int, ...], ...]

    def __repr__(self) -> str:
        return repr(self.each)


Pads: TypeAlias = str | PerAxis | Pairs


class Sliding(NamedTuple):
    """Windows of a kernel's size, a stride apart."""

    kernel_size: PerAxis
    stride: PerAxis | None
    padding: Pads
    dilation: PerAxis
    fit: int  # how the number of windows is rounded: one of FITS

    def over(self, sizes: Cells) -> tuple[Slide, ...]:
        count = len(sizes)
        kernels = for_each("kernel_size", self.kernel_size, count)
        strides = kernels if self.stride is None else for_each("stride", self.stride, count)
        dilations = for_each("dilation", self.dilation, count)
        extents = tuple(d * (k - 1) + 1 for k, d in zip(kernels, dilations, strict=True))
        pairs = self.pads(sizes, extents, strides)
        padded = tuple(n + before + after for n, (before, after) in zip(sizes, pairs, strict=True))
        refuse_empty(sizes)
        result: list[Slide] = []
        for n, k, s, d, e, p, (before, after) in zip(
            sizes, kernels, strides, dilations, extents, padded, pairs, strict=True
        ):
            number = outputs(n, (k, s, before, after, d, self.fit))
            if number < 1:
                dilated = f" with dilation {dilations}" if max(dilations) > 1 else ""
                raise ValueError(f"kernel_size {kernels}{dilated} is larger than the padded input {padded}")
            s = min(s, max(p, e) + 1)  # the core's 64 bits need not hold a stride that is never taken
            if max(p, number * s + e) >= LIMIT:
                raise ValueError(f"kernel_size must keep windows and padded input below 2**63 cells, not {kernels}")
            result.append((k, s, before, after, d, self.fit))
        return tuple(result)

    def pads(self, sizes: Cells, extents: Cells, strides: Cells) -> list[tuple[int, int]]:
        """The cells (before, after) each axis. "same" is SAME_UPPER of ONNX and "SAME" of TensorFlow."""
        count = len(sizes)
        if isinstance(self.padding, str):
            if self.padding == "valid":
                return [(0, 0)] * count
            totals = [max(0, -(-n // s) * s - s + e - n) for n, e, s in zip(sizes, extents, strides, strict=True)]
            halves = [(total // 2, total - total // 2) for total in totals]
            return halves if self.padding == "same" else [(more, less) for less, more in halves]
        if isinstance(self.padding, Pairs):
            result = [(pair[0], pair[1]) for pair in self.padding.each if len(pair) == 2]
            if len(result) != count or len(self.padding.each) != count:
                raise ValueError(
                    f"padding must have one (before, after) pair for each of {count} pooled axes, "
                    f"not {shown(self.padding.each)}"
                )
        elif count == 1 and not isinstance(self.padding, int) and len(self.padding) == 2:
            result = [(self.padding[0], self.padding[1])]
        else:
            result = [(pad, pad) for pad in for_each("padding", self.padding, count)]
        if any(max(pair) >= extent for pair, extent in zip(result, extents, strict=True)):
            raise ValueError(
                f"padding must be smaller than the extent of the window {extents}, not {shown(self.padding)}"
            )
        return result


def sliding(kernel_size: object, stride: object, padding: object, dilation: object, ceil_mode: object) -> Sliding:
    return Sliding(
        positive("kernel_size", kernel_size),
        None if stride is None else positive("stride", stride),
        pads(padding),
        positive("dilation", dilation),
        fit(ceil_mode),
    )


def fit(ceil_mode: object) -> int:
    rule = "ceil_mode must be False, True, 'floor', 'ceil' or 'full'"
    if isinstance(ceil_mode, str):
        if ceil_mode not in FITS:
            raise ValueError(f"{rule}, not {shown(ceil_mode)}")
        return FITS[ceil_mode]
    if not isinstance(ceil_mode, bool | np.bool_):
        raise TypeError(f"{rule}, not {shown(ceil_mode)}")
    return int(ceil_mode)


def pads(padding: object) -> Pads:
    if isinstance(padding, str):
        if padding.lower() not in SAME:
            raise ValueError(f"padding must be {PADDINGS}, not {shown(padding)}")
        return SAME[padding.lower()]
    value = listed(padding)
    if is_list(value) and value and all(map(is_list, value)):
        if not all(is_integer(number) for pair in value for number in pair):
            raise TypeError(f"padding must be {PADDINGS}, not {shown(padding)}")
        pairs = Pairs(tuple(tuple(int(number) for number in pair) for pair in value))
        numbers = [number for pair in pairs.each for number in pair]
        result: Pads = pairs
    else:
        each = arguments.integers("padding", value, PADDINGS)
        numbers = [each] if isinstance(each, int) else list(each)
        result = each
    if min(numbers, default=0) < 0:
        raise ValueError(f"padding must not be negative, not {shown(padding)}")
    return result


def outputs(n: int, window: Slide) -> int:
    """The number of outputs along an axis of n cells."""
    kernel, stride, before, after, dilation, fit = window
    room = n + before + after - dilation * (kernel - 1) - 1
    number = (-(-room // stride) if fit != FITS["floor"] else room // stride) + 1
    return number - 1 if fit == FITS["ceil"] and (number - 1) * stride >= n + before else number


def refuse_empty(sizes: Cells) -> None:
    if 0 in sizes:
        raise ValueError(f"x must not be empty along a pooled axis, not of sizes {sizes}")


# ---- windows that follow from the number of outputs ------------------------------------------------------------------


class Adaptive(NamedTuple):
    """As many windows as the result is to have: for all axes, or for each; None leaves an axis as it is."""

    output_size: int | tuple[int | None, ...] | None
    name: str = "output_size"

    def over(self, sizes: Cells) -> tuple[Window, ...]:
        each = self.output_size if isinstance(self.output_size, tuple) else (self.output_size,) * len(sizes)
        if len(each) != len(sizes):
            raise ValueError(
                f"{self.name} must have one value for each of {len(sizes)} pooled axes, not {shown(self.output_size)}"
            )
        refuse_empty(sizes)
        if any(n * (m or 1) >= LIMIT for n, m in zip(sizes, each, strict=True)):
            raise ValueError(f"{self.name} must keep cells times outputs below 2**63, not {shown(self.output_size)}")
        return tuple(("adaptive", n if m is None else m) for n, m in zip(sizes, each, strict=True))


def adaptive(output_size: object, name: str = "output_size") -> Adaptive:
    value = listed(output_size)
    if not is_list(value):
        return Adaptive(None if value is None else positive(name, value, SIZES), name)
    if not all(size is None or is_integer(size) for size in value):
        raise TypeError(f"{name} must be {SIZES}, not {shown(output_size)}")
    positive(name, [size for size in value if size is not None])
    return Adaptive(tuple(None if size is None else int(size) for size in value), name)


class Whole(NamedTuple):
    """One window of all cells; the pooled axes are then kept or dropped."""

    keepdims: bool

    def over(self, sizes: Cells) -> tuple[Window, ...]:
        refuse_empty(sizes)
        return tuple((n, n, 0, 0, 1, 0) for n in sizes)


class Pyramid(NamedTuple):
    """Several adaptive grids, whose cells come one after the other."""

    grids: tuple[Adaptive, ...]


def pyramid(grids: object) -> Pyramid:
    grids = listed(grids)
    if not is_list(grids):
        raise TypeError(f"grids must be a tuple or list of sizes, not {shown(grids)}")
    if not grids:
        raise ValueError(f"grids must name at least one size, not {shown(grids)}")
    return Pyramid(tuple(adaptive(grid, "grids") for grid in grids))


# ---- windows of uneven sizes -----------------------------------------------------------------------------------------


class Listed(NamedTuple):
    """First cells and numbers of cells of all windows along each pooled axis."""

    axes: tuple[tuple[Cells, Cells], ...]

    def over(self, sizes: Cells) -> tuple[Window, ...]:
        return tuple(("listed", firsts, counts) for firsts, counts in self.axes)


class Transposed(NamedTuple):
    """For every cell of other windows' axes, their outputs that see it."""

    windows: tuple[Window, ...]
    sizes: Cells  # cells along these axes
    order: Cells  # all axes of the result, outermost in memory first

    def over(self, sizes: Cells) -> tuple[Window, ...]:
        pairs = zip(self.windows, self.sizes, strict=True)
        return tuple(("transposed", tuple(window), n) for window, n in pairs)


class Resolved(NamedTuple):
    """Windows along each pooled axis as the core takes them: those of a part of a larger array."""

    windows: tuple[Window, ...]

    def over(self, sizes: Cells) -> tuple[Window, ...]:
        return self.windows


Windows: TypeAlias = Sliding | Adaptive | Whole | Listed | Transposed | Resolved


def has_lists(windows: Windows) -> bool:
    """Whether there is a number for each window: too many for a key, and often random ones."""
    if isinstance(windows, Transposed | Resolved):
        return any(window[0] == "listed" for window in windows.windows)
    return isinstance(windows, Listed)


# ---- how many cells a window sees ------------------------------------------------------------------------------------


def taps_along(n: int, window: Window) -> tuple[Points, Points]:
    """The taps of each window along an axis of n cells: inside the input, and inside the padded input."""
    if len(window) == 3:  # listed
        counts = np.array(window[2], np.int64)
        return counts, counts
    if len(window) == 2:  # adaptive
        edges = n * np.arange(window[1] + 1, dtype=np.int64)
        counts = -(-edges[1:] // window[1]) - edges[:-1] // window[1]
        return counts, counts
    kernel, stride, before, after, dilation, _ = window
    starts = stride * np.arange(outputs(n, window), dtype=np.int64) - before

    def below(end: int) -> Points:
        return np.asarray(np.clip(-((starts - end) // dilation), 0, kernel))

    return below(n) - below(0), below(n + after)


def window_sizes(windows: Sequence[Window]) -> tuple[int, ...] | None:
    """The taps of a window along each axis, if all have as many."""
    sizes = tuple(window[0] for window in windows if len(window) == 6)
    return sizes if len(sizes) == len(windows) else None
