"""Image pyramids: an array, and smaller and smaller ones, each pooled from the last."""

from __future__ import annotations  # so that help() shows the short names below

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _arguments as arguments
from .. import _arrays as arrays
from .._arguments import is_list, listed, shown
from .._docs import complete
from .._ops import row_name
from .by_name import pool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from .._types import Array, Axis, Integers, Layout, NanPolicy, Threads

MOST_LEVELS = 64  # after which an axis of any size has one cell
LEVELS = 3  # where neither `levels` nor `factors` is given
# Arguments of poolings that have no meaning from level to level, and why.
REFUSED = {
    "stride": "windows lie side by side: see factors",
    "padding": "a window at the end is smaller",
    "dilation": "windows lie side by side: see factors",
    "ceil_mode": "no cell is lost",
    "weights": "a level has no weights of its own",
    "dtype": "each level keeps the dtype of x",
    "out": "the levels are new arrays",
    "return_indices": "the levels are values alone",
    "index_dtype": "the levels are values alone",
    "index_base": "the levels are values alone",
}


@complete
def pyramid(
    x: ArrayLike, levels: int | None = None, op: str = "avg", kernel_size: Integers = 2, *,
    factors: Sequence[Integers] | None = None, layout: Layout | None = None, axis: Axis = None,
    nan_policy: NanPolicy = "propagate", min_count: int = 0, mask: ArrayLike | None = None,
    threads: Threads = None, **options: Any,
) -> list[Array]:  # fmt: skip
    """An image pyramid: x, and smaller and smaller arrays, each pooled from the one before.

    Entry i of the list is x after i poolings, as the levels of a multiscale image are counted. Windows lie side by side
    and cover every cell: where a size is odd, the last window is smaller, and is averaged over the cells that it has.

    Parameters
    ----------
    %(x)s
    levels : int, optional
        How many arrays follow x. Default: 3, or as many as `factors` has.
    %(op)s
        The default is "avg". All levels have the dtype of x: averages of integers are rounded (``rounding`` as in
        `avg_pool`), and medians and quantiles of integers are one of the cells: the lower of two, where no ``method``
        is given. An op that gives another dtype is refused.
    kernel_size : int or tuple of int, default 2
        Size of the window of every level along each pooled axis.
    factors : sequence of int or tuple of int, optional
        Instead of `levels` and `kernel_size`: the size of the window of each level, ``[2, (1, 2, 2)]``.
    layout : {"channels_first", "channels_last"}, optional
        As in all functions: without `axis` the pooled axes are all but the first two of ``(batch, channel, *spatial)``,
        the default, or all but the first and the last of ``(batch, *spatial, channel)``. An array of three dimensions,
        which may be a volume, needs `layout` or `axis`.
    axis : int or tuple of int, optional
        The axes to pool: ``(0, 1, 2)`` for a volume, ``(-2, -1)`` for planes; `layout` is then not used.
    %(nan_policy)s
    %(min_count)s
    mask : array_like of bool, optional
        True where a cell of x counts, in a shape that broadcasts to that of x. A cell of the next level counts where
        `min_count` cells, and at least one, of its window do.
    threads : int, optional
        Number of threads, 1 to 1024. Default: that of `set_threads`.
    %(options)s

    Returns
    -------
    list of numpy.ndarray
        x itself, then the levels. What `pool` gives of other arrays, this does: lists of lazy arrays are lazy.

    %(errors)s

    See Also
    --------
    pool : each level is ``pool(last, kernel_size, op, ceil_mode=True)``.
    pyramid_pool : spatial pyramids: one array of several grids.

    Examples
    --------
    %(imports)s
    >>> labels = np.array([[1, 1, 2, 2, 7], [1, 3, 2, 2, 7], [5, 5, 5, 6, 7]], np.uint8)
    >>> for level in tp.pyramid(labels, 2, "mode", axis=(0, 1)):
    ...     print(level)
    [[1 1 2 2 7]
     [1 3 2 2 7]
     [5 5 5 6 7]]
    [[1 2 7]
     [5 5 7]]
    [[5 7]]
    >>> [level.shape for level in tp.pyramid(np.zeros((40, 301, 200)), factors=[(1, 2, 2), 2], axis=(0, 1, 2))]
    [(40, 301, 200), (40, 151, 100), (20, 76, 50)]
    """
    sizes = sizes_of(levels, kernel_size, factors)
    for name, reason in REFUSED.items():
        if name in options:
            raise TypeError(f"pyramid has no argument {name!r}: {reason}")
    last: Any = x if hasattr(x, "dtype") and hasattr(x, "shape") else arrays.plain("x", x)
    if last.ndim == 3 and axis is None and layout is None:
        raise ValueError(
            f"axis or layout must be given where x has 3 dimensions, of shape {tuple(last.shape)}: "
            "pass axis=(0, 1, 2) for a volume, (1, 2) for planes, (0, 1) for a photo"
        )
    op, kept = row_name(op), name_of(last.dtype)
    if op == "avg" and "int" in kept:
        options["dtype"] = kept
    if op in ("median", "quantile") and "float" not in kept:
        options.setdefault("method", "lower")
    least = max(1, arguments.count("min_count", min_count))
    where: dict[str, Any] = {"ceil_mode": True, "layout": layout, "axis": axis, "threads": threads}
    counted: Any = mask
    if mask is not None:  # that of an array of dask may be one
        counted = np.broadcast_to(mask if hasattr(mask, "dask") else arrays.mask_of(mask, last.shape), last.shape)
    result = [last]
    for size in sizes:
        smaller = pool(last, size, op, nan_policy=nan_policy, min_count=min_count, mask=counted, **where, **options)
        if name_of(smaller.dtype) != kept:
            raise TypeError(
                f"op must keep the dtype of x, and {op!r} of {kept} gives {name_of(smaller.dtype)}: "
                "pass x as floats, or op 'max', 'min', 'mode' or 'median'"
            )
        if counted is not None:
            counted = pool(counted, size, "count_nonzero", **where) >= least
        result.append(last := smaller)
    return result


def sizes_of(levels: object, kernel_size: object, factors: object) -> list[Any]:
    """The windows of each level."""
    if factors is None:
        number = LEVELS if levels is None else arguments.count("levels", levels)
        if number > MOST_LEVELS:
            raise ValueError(f"levels must be at most {MOST_LEVELS}, not {shown(levels)}")
        return [kernel_size] * number
    factors = listed(factors)
    if not is_list(factors):
        raise TypeError(f"factors must be a list with the window of each level, not {shown(factors)}")
    if levels is not None and arguments.count("levels", levels) != len(factors):
        raise ValueError(f"levels must be None or the number of factors, {len(factors)}, not {shown(levels)}")
    if arguments.positive("kernel_size", kernel_size) != 2:
        raise ValueError(f"kernel_size must not be given beside factors, not {shown(kernel_size)}")
    for factor in factors:
        if not isinstance(factor, Mapping):  # by names of axes, where x has such
            arguments.positive("factors", factor)
    return list(factors)


def name_of(dtype: Any) -> str:
    """Of any library's dtype, in any byte order: "uint16"."""
    return str(getattr(dtype, "name", str(dtype).rpartition(".")[2]))
