"""What a pooling costs, counted from its windows without an array."""

from __future__ import annotations  # so that help() shows the short names below

from math import gcd, prod
from typing import TYPE_CHECKING, NamedTuple

from . import _arguments as arguments
from ._core import dtypes
from ._docs import complete
from ._dtypes import requested
from ._windows import outputs, pooled_axes, sliding

if TYPE_CHECKING:
    import numpy.typing as npt

    from ._types import Axis, CeilMode, Integers, Layout, Padding, Stride
    from ._windows import Slide


class Cost(NamedTuple):
    """What `cost` returns: integers of any size."""

    output_shape: tuple[int, ...]
    operations: int
    bytes_read: int
    bytes_written: int


@complete
def cost(
    shape: Integers, kernel_size: Integers, stride: Stride = None, padding: Padding = 0,
    dilation: Integers = 1, ceil_mode: CeilMode = False, *, layout: Layout | None = None,
    axis: Axis = None, dtype: npt.DTypeLike = "float32",
) -> Cost:  # fmt: skip
    """The shape of a pooling's result, and the work and memory traffic that its windows ask for.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array to pool.
    %(kernel_size)s
    %(sliding)s
    %(axes)s
    dtype : dtype_like, default "float32"
        Of the array and the result. (A result of another dtype has other ``bytes_written``: sums of uint8, say, are
        uint64.)

    Returns
    -------
    Cost
        A named tuple of Python integers.

        output_shape : tuple of int
            Shape of the result.
        operations : int
            Combinations of two values (comparisons of a maximum, additions of a sum) where each window is evaluated
            by itself: t - 1 for a window with t taps inside the array, 0 for one with none. Padding is not combined.
            An average has one division per output in addition.
        bytes_read : int
            Of the cells that at least one window looks at, each read once.
        bytes_written : int
            Of the result, each cell written once.

    Raises
    ------
    TypeError, ValueError, numpy.exceptions.AxisError
        As `max_pool` of an array of that shape and dtype.

    Notes
    -----
    The counts are those of the definition, not of what this library does: windows that overlap share work, so large
    ones take fewer operations than are counted here. They are products of closed forms, one per axis, and take no
    longer for large shapes.

    Examples
    --------
    The first pooling of a residual network, on one image:

    >>> import tilepool as tp
    >>> layer = tp.cost((1, 64, 112, 112), 3, stride=2, padding=1)
    >>> layer.output_shape, layer.operations
    ((1, 64, 56, 56), 1584192)
    >>> layer.bytes_read, layer.bytes_written
    (3211264, 802816)
    """
    sizes = arguments.shape(shape)
    axes = pooled_axes(layout, axis).of(len(sizes))
    itemsize = requested(dtype, dtypes).itemsize
    pooled = tuple(sizes[axis] for axis in axes)
    windows = sliding(kernel_size, stride, padding, dilation, ceil_mode).over(pooled)

    counts = [Counts(n, n, n, n) for n in sizes]  # an axis that is not pooled: every window is one cell
    for axis, n, window in zip(axes, pooled, windows, strict=True):
        counts[axis] = count(n, window)
    outputs, nonempty, taps, cells = map(prod, zip(*counts, strict=True))
    return Cost(
        output_shape=tuple(each.outputs for each in counts),
        operations=taps - nonempty,
        bytes_read=cells * itemsize,
        bytes_written=outputs * itemsize,
    )


class Counts(NamedTuple):
    """Of one axis. Those of a pooling are their products, because its windows are products of the axes' windows."""

    outputs: int
    nonempty: int  # outputs with a tap inside the input
    taps: int  # inside the input, of all outputs
    cells: int  # that an output looks at


def count(n: int, window: Slide) -> Counts:
    kernel, stride, before, _, dilation, _ = window
    number = outputs(n, window)

    # Output o and tap j look at cell dilation * j + stride * o - before. Two pairs that look at the same cell are a
    # multiple of (o + dilation / g, j - stride / g) apart. Of the pairs of one cell, all but the one with the smallest
    # j have a neighbour at that distance.
    g = gcd(stride, dilation)
    outputs_apart, taps_apart = dilation // g, stride // g
    taps = pairs(number, kernel, stride, dilation, before, n)
    again = pairs(
        max(0, number - outputs_apart),
        max(0, kernel - taps_apart),
        stride,
        dilation,
        before - stride * outputs_apart,
        n,
    )

    # A window without a tap inside begins behind the input, or steps over the whole of it: it begins before it, at
    # t < 0, and the first of its taps that is not before the input, at t modulo dilation, is behind it.
    empty = max(0, number + (-before - n) // stride)
    if dilation > n:
        begin_before = min(number, -(-before // stride))
        empty += floors(begin_before, stride, -before + dilation - n, dilation)
        empty -= floors(begin_before, stride, -before, dilation)
    return Counts(number, number - empty, taps, taps - again)


def pairs(outputs: int, taps: int, stride: int, dilation: int, before: int, n: int) -> int:
    """The o below `outputs` and j below `taps` with 0 <= dilation * j + stride * o - before < n."""

    def below(limit: int) -> int:
        """Those with dilation * j + stride * o < limit: for each o, limit - stride * o over dilation, rounded up."""
        some = min(outputs, max(0, -(-limit // stride)))  # so many o have one j at least
        every = min(some, max(0, -(-(limit - dilation * (taps - 1)) // stride)))  # and so many have all
        last = limit - stride * (some - 1)
        return every * taps + floors(some - every, stride, last + dilation - 1, dilation)

    return below(before + n) - below(before) if outputs and taps else 0


def floors(count: int, slope: int, start: int, divisor: int) -> int:
    """The sum of (slope * i + start) // divisor for i below `count`, in a logarithmic number of steps.

    Whole parts are summed directly; what remains are the lattice points below a line, which are counted along the
    other coordinate with slope and divisor exchanged, as in Euclid's algorithm.
    """
    total = 0
    while count > 0:
        total += count * (count - 1) // 2 * (slope // divisor) + count * (start // divisor)
        slope, start = slope % divisor, start % divisor
        count, start = divmod(slope * count + start, divisor)
        slope, divisor = divisor, slope
    return total
