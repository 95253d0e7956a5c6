"""Windows along an axis that is cut in chunks: which outputs make a block, and which cells each block looks at.

Pure integers. A block's outputs are the windows whose anchor lies in its chunks: of sliding windows, which may begin in
the padding, the cell ``output * stride``, so that windows which keep the size of an axis keep its chunks; of others the
first cell.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from .._windows import FITS, outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._windows import Slide, Window

ROOM = 3  # a block reads at most so many times its own cells: these, and as many on either side


class Listed:
    """Windows along an axis of n cells, by the first cell of each and the one behind its last."""

    def __init__(self, n: int, starts: Sequence[int], stops: Sequence[int]) -> None:
        self.n, self.starts, self.stops, self.every = n, starts, stops, range(len(starts))

    def start(self, output: int) -> int:
        return self.starts[output]

    def stop(self, output: int) -> int:
        return self.stops[output]

    def anchor(self, output: int) -> int:
        return self.start(output)

    def part(self, first: int, end: int, lo: int, hi: int) -> Window:
        """The windows from `first` to before `end` over cells from `lo` to before `hi` alone: others are not there."""
        starts = tuple(max(lo, self.start(output)) for output in range(first, end))
        stops = tuple(min(hi, self.stop(output)) for output in range(first, end))
        return "listed", tuple(a - lo for a in starts), tuple(b - a for a, b in zip(starts, stops, strict=True))

    def cells(self, first: int, end: int) -> tuple[int, int]:
        """The cells that windows from `first` to before `end` look at."""
        return max(0, self.start(first)), min(self.n, self.stop(end - 1))

    def seeing(self, lo: int, hi: int) -> tuple[int, int]:
        """The windows that look at cells from `lo` to before `hi`, from the first to behind the last."""
        return bisect_right(self.every, lo, key=self.stop), bisect_left(self.every, hi, key=self.start)

    def blocks(self, chunks: tuple[int, ...]) -> list[tuple[int, int]]:
        """The outputs of each block, from the first to behind the last: a block a chunk, unless windows are longer."""
        bounds, begun = [0], 0
        inside = bisect_left(self.every, self.n, key=self.start) - 1  # ceil_mode "full" has a window behind all cells
        for end in accumulate(chunks[:-1]):
            bound = min(inside, bisect_left(self.every, end, key=self.anchor))
            if bound > bounds[-1]:
                lo, hi = self.cells(bounds[-1], bound)
                if hi - lo <= ROOM * (end - begun):
                    bounds.append(bound)
                    begun = end
        return list(zip(bounds, [*bounds[1:], len(self.every)], strict=True))


class Sliding(Listed):
    """The same of windows that slide: by a few numbers."""

    def __init__(self, n: int, window: Slide) -> None:
        self.n, self.window, self.every = n, window, range(outputs(n, window))

    def start(self, output: int) -> int:
        return output * self.window[1] - self.window[2]

    def stop(self, output: int) -> int:
        kernel, _, _, _, dilation, _ = self.window
        return self.start(output) + dilation * (kernel - 1) + 1

    def anchor(self, output: int) -> int:
        return output * self.window[1]

    def part(self, first: int, end: int, lo: int, hi: int) -> Window:
        kernel, stride, _, after, dilation, _ = self.window
        behind = min(self.stop(end - 1), self.n + after) - hi
        return kernel, stride, lo - self.start(first), behind, dilation, FITS["full"]


def along(n: int, window: Window) -> Listed:
    """The windows along an axis of n cells."""
    if len(window) == 6:
        return Sliding(n, window)
    if window[0] == "listed":
        firsts, counts = window[1], window[2]
        return Listed(n, firsts, tuple(first + count for first, count in zip(firsts, counts, strict=True)))
    assert window[0] == "adaptive"
    number = window[1]
    if n % number == 0:  # windows of as many cells, side by side
        size = n // number
        return Sliding(n, (size, size, 0, 0, 1, FITS["floor"]))
    edges = range(0, n * (number + 1), n)
    return Listed(n, [edge // number for edge in edges[:-1]], [-(-edge // number) for edge in edges[1:]])


class Piece(NamedTuple):
    """The part of a chunk that lies in a box of cells."""

    chunk: int
    source: slice  # in the chunk
    target: slice  # in the box
    side: str = ""  # "low", "high": a few cells at an end of the chunk
    strip: slice = slice(0)  # among the cells of that end that are handed on


def pieces(starts: list[int], lo: int, hi: int) -> list[Piece]:
    """Those of the cells from `lo` to before `hi` of an axis whose chunks begin at `starts`, of which the last is n."""
    if lo == hi:
        return [Piece(0, slice(0, 0), slice(0, 0))]
    result = []
    chunk = bisect_right(starts, lo) - 1
    while starts[chunk] < hi:
        begin = starts[chunk]
        start, stop = max(lo, begin), min(hi, starts[chunk + 1])
        if start < stop:
            result.append(Piece(chunk, slice(start - begin, stop - begin), slice(start - lo, stop - lo)))
        chunk += 1
        if chunk == len(starts) - 1:
            break
    return result


def ends(starts: list[int], boxes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """How many cells at either end of each chunk are handed on to boxes that need no more: less than half of it."""
    widths = [[0, 0] for _ in starts[1:]]
    for lo, hi in boxes:
        for piece in pieces(starts, lo, hi):
            size, of_chunk = starts[piece.chunk + 1] - starts[piece.chunk], widths[piece.chunk]
            if 2 * (piece.source.stop - piece.source.start) < size:
                if piece.source.start == 0:
                    of_chunk[0] = max(of_chunk[0], piece.source.stop)
                elif piece.source.stop == size:
                    of_chunk[1] = max(of_chunk[1], size - piece.source.start)
    return [(low, high) for low, high in widths]


def handed_on(piece: Piece, size: int, widths: tuple[int, int]) -> Piece:
    """The piece of a chunk of that size as one of its ends, if it lies in one."""
    start, stop = piece.source.start, piece.source.stop
    if 0 < 2 * (stop - start) < size:
        if start == 0:
            return piece._replace(side="low", strip=piece.source)
        if stop == size:
            first = size - widths[1]
            return piece._replace(side="high", strip=slice(start - first, stop - first))
    return piece
