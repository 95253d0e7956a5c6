"""Where the cases look: shapes and windows, one function for each way in which the engine walks an array.

The sizes are chosen so that the way is taken for many ops and dtypes (docs/design.md, "The two moves"); they stay valid
and worth pooling whatever an engine does with them.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from golden.values import Draw


class Place(NamedTuple):
    """What of a call is about windows."""

    shape: tuple[int, ...]
    axis: tuple[int, ...]
    windows: dict[str, Any]  # the arguments of a sliding, adaptive or fractional pooling


def sliding(
    d: Draw,
    shape: Sequence[int],
    axis: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int] | int = 1,
    dilation: Sequence[int] | int = 1,
    padded: float = 0.5,
    named: float = 0.1,
    ceil: Sequence[Any] = (False, False, False, True, "full"),
) -> Place:
    """Windows that fit: of an axis that is too short for them they see all."""
    strides = [stride] * len(axis) if isinstance(stride, int) else list(stride)
    dilations = [dilation] * len(axis) if isinstance(dilation, int) else list(dilation)
    kernels, pads, kept = list(kernel), [], list(shape)
    for i, a in enumerate(axis):
        reach = dilations[i] * (kernels[i] - 1) + 1
        if reach > shape[a]:
            dilations[i], kernels[i] = 1, min(kernels[i], shape[a])
            reach = kernels[i]
        most = min(reach - 1, kernels[i]) if d.chance(0.8) else reach - 1
        pads.append((d.number(0, most), d.number(0, most)) if d.chance(padded) else (0, 0))
    windows: dict[str, Any] = {"kernel_size": tuple(kernels), "stride": tuple(strides)}
    if max(dilations) > 1:
        windows["dilation"] = tuple(dilations)
    if d.chance(named):
        windows["padding"] = d.of(("same", "same_lower", "valid"))
    elif any(map(any, pads)):
        windows["padding"] = tuple(pads)
    ceil_mode = d.of(ceil)
    if ceil_mode:
        windows["ceil_mode"] = ceil_mode
    if d.chance(0.2):  # one number for all
        windows |= {name: word[0] for name, word in windows.items() if isinstance(word, tuple) and len(set(word)) == 1}
        if isinstance(windows.get("padding"), tuple):
            windows["padding"] = max(map(min, pads)) if len(set(map(min, pads))) == 1 else tuple(pads)
        if windows["stride"] == windows["kernel_size"]:
            del windows["stride"]
    return Place(tuple(kept), tuple(axis), windows)


def endless(d: Draw) -> Place:
    """Stride 1, rows that keep their width: a plane is one row. Through several planes, too."""
    taps, height, width = d.of((3, 3, 5)), d.number(3, 20), d.number(6, 90)
    planes = d.number(1, 7) if taps == 5 else d.of((1, 2, 5, 17))
    through = d.of((1, 1, 2, 3))
    kernel = [d.of((1, 2, 3, 3, 5)) if through == 1 else d.number(1, 3), taps]
    dilation = d.of((1, 1, 1, 2)) if kernel[0] > 1 and height > 4 else 1
    reach = dilation * (kernel[0] - 1)
    pads = [(d.number(0, reach), d.number(0, reach)), (taps // 2, taps // 2)]
    windows: dict[str, Any] = {"kernel_size": (through, *kernel), "stride": 1, "dilation": (1, dilation, 1)}
    windows["padding"] = ((d.number(0, through - 1), 0), *pads)
    if through > 1:
        return Place((planes % 4 + 1, through + 2, height, width), (1, 2, 3), windows)
    return Place((planes, 1, max(height, kernel[0]), width), (1, 2, 3), windows)


def bundles(d: Draw) -> Place:
    """Many small planes."""
    kernel = (d.number(2, 9), d.number(2, 9))
    height = d.number(max(5, kernel[0]), kernel[0] + 8)
    width = d.number(max(5, kernel[1]), min(2 * sum(kernel), kernel[1] + 8))
    planes = d.of(((17,), (33,), (5, 7), (16,), (24,)))
    shape, axis = (*planes, height, width), (len(planes), len(planes) + 1)
    if d.chance(0.3):
        return Place(shape, axis, {"output_size": (d.number(3, height), d.number(6, width + 3))})
    stride = (d.of((1, 1, 2)), d.of((1, 1, 1, 2)))
    return sliding(d, shape, axis, kernel, stride, ceil=(False, False, True))


def planes(d: Draw) -> Place:
    """Blocks with borders in the first-level cache, up to 7 taps down the columns."""
    kernel = (d.number(2, 7), d.number(3, 12))
    height, width = d.number(kernel[0] + 2, 24), d.number(kernel[1] + 2, 40)
    if d.chance(0.3):
        channels = d.of((2, 3, 5, 8, 17, 20))
        shape = [d.number(1, 2), height // 2 + 5, width // 2 + 5, channels]
    else:
        shape = [d.number(1, 4), height, width]
    return sliding(d, shape, (1, 2), kernel, (1, d.of((1, 1, 2, 3))), (d.of((1, 1, 1, 2)), d.of((1, 1, 2))))


def tall_planes(d: Draw) -> Place:
    """The same in blocks: 8 taps and more down the columns."""
    kernel = (d.number(8, 16), d.number(2, 14))
    height, width = d.number(kernel[0] + 2, kernel[0] + 20), d.number(kernel[1] + 2, kernel[1] + 24)
    shape = [d.number(1, 3), height, width]
    if d.chance(0.3):
        shape = [1, height, d.number(8, 16), d.of((2, 3, 5, 9))]
    return sliding(d, shape, (1, 2), kernel, (1, d.of((1, 1, 2))))


def columns(d: Draw) -> Place:
    """Suffixes and prefixes of blocks, a few columns at a time."""
    kernel = (d.number(5, 24), d.of((1, 1, 2, 3, 5, 9, 14)))
    stride = (d.number(2, max(2, (kernel[0] - 1) // 2)), d.of((1, 1, 2, 3)))
    if stride[0] > (kernel[0] - 1) // 2 or d.chance(0.2):
        stride = (1, 1)  # rows must be too long for a plane
        return sliding(d, (d.number(30, 40), d.number(420, 600)), (0, 1), kernel, stride)
    height, width = d.number(kernel[0] + 3 * stride[0], kernel[0] + 9 * stride[0]), d.number(15, 90)
    kind = d.number(0, 4)
    if kind == 4:  # the last window sees nothing
        height, pads = (kernel[0] // stride[0] + 4) * stride[0] + 2, ((0, kernel[0] - 1), (0, 0))
        windows = {"kernel_size": kernel, "stride": stride, "padding": pads, "ceil_mode": "full"}
        return Place((2, height, width), (1, 2), windows)
    if kind == 0:
        return sliding(d, (height, width // 4 + 12, d.of((3, 5, 16, 40))), (0, 1), kernel, stride)
    if kind == 1:
        return sliding(d, (2, height, width), (1,), kernel[:1], stride[:1])
    if kind == 2:
        return sliding(d, (3, height, width), (0, 1, 2), (2, *kernel), (1, *stride))
    return sliding(d, (d.number(1, 2), height, width), (1, 2), kernel, stride)


def rows(d: Draw) -> Place:
    """The same, one row after the other: 40 rows and more that are long."""
    kernel = (d.number(40, 50), d.of((1, 2, 3, 9)))
    height, width = d.number(kernel[0] + 41, kernel[0] + 60), d.number(130, 160)
    if d.chance(0.4):
        channels = d.of((4, 10, 16))
        return sliding(d, (height, 160 // channels + 8, channels), (0, 1), (kernel[0], d.of((1, 3, 8, 9, 9))))
    return sliding(d, (height, width), (0, 1), kernel, (1, d.of((1, 1, 2))))


def gathered(d: Draw) -> Place:
    """More rows than are pooled at once, in a buffer with borders."""
    channels = d.of(((), (), (), (2,), (3,), (9,), (40,)))
    size = 40 if not channels else 14
    if d.chance(0.4):
        shape = (2, d.number(4, 6), d.number(5, 8), d.number(7, size // 2 + 7), *channels)
        return sliding(d, shape, (1, 2, 3), (2, 2, d.number(2, 4)), (d.of((1, 2)), 2, d.of((1, 2, 3))))
    kernel = (d.number(4, 7), d.number(2, 9))
    shape = (2, d.number(9, 24), d.number(12, size + 12), *channels)
    return sliding(d, shape, (1, 2), kernel, (d.number((kernel[0] + 1) // 2, kernel[0] + 1), d.of((1, 2, 3, 4, 5))))


def listed(d: Draw) -> Place:
    """Windows that do not slide, in lists or adaptive."""
    channels = d.of(((), (), (3,), (10,)))
    shape = (d.of((1, 2, 9)), d.number(5, 30), d.number(7, 50 if not channels else 16), *channels)
    if d.chance(0.5):
        return Place(shape, (1, 2), {"output_size": (d.number(2, shape[1]), d.number(2, shape[2] + 5))})
    return Place(shape, (1, 2), fractional(d, [shape[1], shape[2]]))


def fractional(d: Draw, sizes: Sequence[int]) -> dict[str, Any]:
    """Boundaries from the seed, because what numpy draws may change."""
    windows: dict[str, Any] = {"boundaries": (), "overlapping": d.chance(0.5)}
    for n in sizes:
        inner = [cell for cell in range(1, n) if d.chance(0.4)]
        windows["boundaries"] += ((0, *inner, n),)
    return windows


def direct(d: Draw) -> Place:
    """Up to three rows, from memory to result."""
    channels = d.of(((), (), (), (), (2,), (4,), (8,), (17,), (70,)))
    kernel = (d.number(1, 3), d.number(1, 4) if d.chance(0.7) else d.number(5, 9))
    stride = (d.number(1, 4), d.of((1, 2, 2, 3, 4, 5, 7)))
    shape = (d.of((1, 2, 3)), d.number(4, 16), d.number(9, 100 if not channels else 20), *channels)
    return sliding(d, shape, (1, 2), kernel, stride, (d.of((1, 1, 1, 2)), d.of((1, 1, 1, 2, 3))))


def colours(d: Draw) -> Place:
    """Pixels of 3 and 4 elements at stride 2."""
    kernel = (d.number(1, 3), d.of((2, 2, 3, 4)))
    shape = (d.of((1, 2)), d.number(4, 10), d.number(20, 70), d.of((3, 4)))
    return sliding(d, shape, (1, 2), kernel, (2, 2))


def doubled(d: Draw) -> Place:
    """8 taps and more along single elements."""
    kernel = d.number(8, 40) if d.chance(0.7) else d.number(41, 300)
    stride = 1 if d.chance(0.6) else d.number(1, kernel // 4)
    width = kernel + d.number(20, 400)
    if d.chance(0.4):
        return sliding(d, (d.number(2, 6), width), (0, 1), (d.number(1, 2), kernel), (1, stride))
    return sliding(d, (d.number(1, 4), width), (1,), (kernel,), stride, d.of((1, 1, 1, 2)))


def row_blocks(d: Draw) -> Place:
    """8 taps and more along pixels of 64 bytes and more."""
    kernel, channels = d.number(8, 24), d.of((8, 16, 17, 32, 33, 64, 70))
    stride = d.number(1, kernel // 4)
    width = kernel + d.number(4, 24)
    if d.chance(0.3):  # in the first-level cache
        kernel = d.number(8, 10)
        return sliding(d, (2, 5, kernel + d.number(2, 4), d.of((8, 16, 17))), (1, 2), (d.number(2, 3), kernel))
    if d.chance(0.4):
        rows_seen = d.of((2, 3, 9))
        return sliding(d, (d.number(rows_seen + 1, 12), width, channels), (0, 1), (rows_seen, kernel), (1, stride))
    return sliding(d, (2, width, channels), (1,), (kernel,), stride)


def long_windows(d: Draw) -> Place:
    """A few long windows along the row, or one."""
    kernel = d.number(24, 1500)
    if d.chance(0.5):
        shape, window = (d.number(1, 3), kernel), kernel
        if d.chance(0.3):
            return sliding(d, (2, 7, kernel + 3), (1, 2), (d.number(2, 4), window), (3, 4), padded=0.2)
        return sliding(d, shape, (1,), (window,), padded=0.2, named=0)
    stride = d.number(max(5, kernel // 4 + 1), kernel)
    return sliding(d, (d.number(1, 3), kernel + d.number(1, 5) * stride), (1,), (kernel,), stride)


def whole(d: Draw) -> Place:
    """One output: planes, channels last, several axes that are or are not neighbours in memory."""
    shape = (d.number(1, 4), d.number(3, 12), d.number(3, 16), d.number(3, 20))
    axis = d.of(((2, 3), (1, 2), (1, 2, 3), (0, 1, 2, 3), (1, 3), (0, 3), (0,), (3,), (2,)))
    return Place(shape, axis, {"output_size": 1})


def empty_windows(d: Draw) -> Place:
    """Windows that see nothing, or little: dilated over padding, or behind the input."""
    rank = d.number(1, 3)
    shape = (d.of((1, 2, 18)), *[d.number(1, 9) for _ in range(rank)])
    axis = tuple(range(1, rank + 1))
    kernel, dilation = [d.number(1, 3) for _ in axis], [d.of((1, 2, 3, 5, 9)) for _ in axis]
    reach = [e * (k - 1) + 1 for k, e in zip(kernel, dilation, strict=True)]
    windows: dict[str, Any] = {
        "kernel_size": tuple(kernel),
        "stride": tuple(d.number(1, 5) for _ in axis),
        "dilation": tuple(dilation),
        "padding": tuple((r - 1 - d.number(0, r - 1) // 2, r - 1 - d.number(0, r - 1) // 2) for r in reach),
        "ceil_mode": d.of((False, True, "full", "full")),
    }
    fits = [n + sum(p) >= r for n, p, r in zip(shape[1:], windows["padding"], reach, strict=True)]
    return Place(shape, axis, windows) if all(fits) else empty_windows(d)


def small(d: Draw) -> Place:
    """Anything: any rank, axes and windows."""
    rank = d.number(1, 5)
    shape = tuple(d.number(1, (300, 30, 12, 7, 5)[rank - 1]) for _ in range(rank))
    axis = d.order(rank)[: d.number(1, rank)]
    most = (9, 6, 4, 3, 2)[rank - 1]
    kernel = [d.number(1, most) for _ in axis]
    return sliding(d, shape, axis, kernel, [d.number(1, 3) for _ in axis], [d.of((1, 1, 2)) for _ in axis])


def tiles(d: Draw) -> Place:
    """Long rows that are cut into tiles, and enough of them for several threads."""
    kind = d.number(0, 7)
    if kind == 0:
        return sliding(d, (d.number(20_000, 40_000),), (0,), (d.of((2, 3, 7)),), d.number(1, 5), d.of((1, 2)))
    if kind == 1:
        return sliding(d, (d.number(20_000, 30_000),), (0,), (d.number(8, 60),), d.of((1, 1, 2, 3)))
    if kind == 2:
        kernel = d.number(4, 9), d.of((2, 3, 5, 9, 20))
        return sliding(d, (11, d.number(4_500, 6_000)), (0, 1), kernel, d.of((1, 1, 2, 3)))
    if kind == 3:
        return sliding(d, (d.number(90, 110), d.number(300, 400)), (0, 1), (d.number(9, 60), 3))
    if kind == 4:
        return sliding(d, (6, d.number(1_500, 2_500), 5), (0, 1), (d.number(1, 3), d.number(2, 9)), d.of((1, 2)))
    if kind == 5:
        return sliding(d, (d.number(90, 130), 20, 20), (1, 2), (d.number(2, 5), d.number(2, 9)), d.of((1, 2)))
    if kind == 6:
        return Place((3, 100, d.number(90, 130)), (1, 2), {"output_size": (d.of((1, 7, 30)), d.of((1, 9, 40)))})
    return sliding(d, (2, 130, d.number(140, 160)), (1, 2), (3, d.of((2, 3, 5))), d.of((1, 1, 2)), padded=0.8)


def distant(d: Draw) -> Place:
    """Rows of up to a page, several a window, of arrays that no second-level cache holds."""
    if d.chance(0.3):
        return sliding(d, (4, 200, d.number(300, 340)), (0, 1, 2), (2, 2, 2), 2, padded=0.2)
    kernel = (d.number(2, 5), d.number(2, 3))
    return sliding(d, (3, 300, d.number(290, 310)), (1, 2), kernel, (d.number(2, 4), d.number(1, 3)), padded=0.2)


def streamed(d: Draw, size: int) -> Place:
    """Results of 32 MiB, of elements of that size, in rows of a page and more. The first axis repeats the others."""
    width = 2 * d.number(2_100, 2_200)
    rows_read = d.of((1, 2))
    pooled = 2 * 10, width
    kernel = (rows_read, d.of((2, 2, 2, 3)))
    windows: dict[str, Any] = {"kernel_size": kernel, "stride": (rows_read, 2)}
    outputs = pooled[0] // rows_read * (width // 2)
    return Place((2**25 // size // outputs + 1, *pooled), (1, 2), windows)


Places = Callable[[Draw], Place]
