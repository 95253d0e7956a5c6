"""The tasks of a pooling: one for each block of outputs, or a tree of them where windows lie in many chunks.

A block reads the cells that its windows see, of other chunks than its own from what these hand on: a worker is sent a
few cells, not a chunk. Where each chunk can keep something smaller of the windows that see it, it does, and a tree puts
these parts together. Either way there are at most three tasks a chunk.
"""

from __future__ import annotations

from functools import cache, partial
from itertools import accumulate, pairwise, product
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import _random as random
from .._ops import Mixed
from .._windows import Resolved, taps_along
from .dask_tasks import Box, Place, handed, pooled
from .dask_trees import joined, large, leaf, root
from .dask_windows import along, ends, handed_on, pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._run import How, Request
    from .._types import Array, DType
    from .._windows import Cells
    from .dask_windows import Piece

    Spans = tuple[tuple[int, int], ...]

FAN = 16  # parts that one task puts together: a tree of them adds a fifteenth to the tasks of its leaves
MOST_TASKS = 3  # a chunk


class Form(NamedTuple):
    """What is known of results before any is calculated."""

    shape: Cells
    dtypes: tuple[DType, ...]


class Reader:
    """Finds what boxes of the cells of x are made of, in an array that broadcasts to its shape."""

    def __init__(self, array: Any, shape: Cells) -> None:
        self.name, self.chunks, self.missing = array.name, array.chunks, len(shape) - array.ndim
        self.starts = [[0, *accumulate(chunks)] for chunks in array.chunks]
        self.spans = [list(pairwise(starts)) for starts in self.starts]
        self.one = [m == 1 != n for m, n in zip(array.shape, shape[self.missing :], strict=True)]  # stands for all
        self.widths: list[list[tuple[int, int]]] = []
        self.handing = ""
        self.along = cache(self.pieces_along)

    def hand_on(self, name: str, cells: list[list[tuple[int, int]]]) -> None:
        """Have chunks hand on their ends to boxes of these cells, by tasks of that name."""
        own = cells[self.missing :]
        self.handing = name
        self.widths = [
            [(0, 0)] if one else ends(starts, boxes)
            for one, starts, boxes in zip(self.one, self.starts, own, strict=True)
        ]

    def pieces_along(self, axis: int, lo: int, hi: int) -> tuple[Piece, ...]:
        if self.one[axis]:
            lo, hi = 0, 1
        found = pieces(self.starts[axis], lo, hi)
        if self.widths:
            sizes, widths = self.chunks[axis], self.widths[axis]
            found = [handed_on(piece, sizes[piece.chunk], widths[piece.chunk]) for piece in found]
        return tuple(found)

    def box(self, cells: Spans) -> tuple[Box, list[Any]]:
        """How a box is put together, and the keys of what it is made of."""
        parts = tuple(self.along(axis, *span) for axis, span in enumerate(cells[self.missing :]))
        keys = [
            (self.handing if any(piece.side for piece in places) else self.name, *(piece.chunk for piece in places))
            for places in product(*parts)
        ]
        return Box(tuple(each[-1].target.stop for each in parts), parts), keys

    def tasks(self, keys: list[Any]) -> dict[Any, Any]:
        """Those that hand on what these keys name."""
        result = {}
        for name, *place in keys:
            if name == self.handing:
                widths = tuple(of_axis[chunk] for of_axis, chunk in zip(self.widths, place, strict=True))
                result[name, *place] = (partial(handed, widths), (self.name, *place))
        return result


class Blocks:
    """The outputs of a pooling, cut along the chunks of x."""

    def __init__(self, source: str, x: Any, request: Request, how: How, form: Form) -> None:
        self.source, self.request, self.form, self.dtype = source, request, form, x.dtype
        self.axes = request.axes.of(x.ndim)
        windows = request.windows.over(tuple(x.shape[axis] for axis in self.axes))  # type: ignore[union-attr]
        self.windows = dict(zip(self.axes, windows, strict=True))
        self.lines = {axis: along(x.shape[axis], window) for axis, window in self.windows.items()}
        operands = (x, how.mask, how.weights)
        self.readers = [None if operand is None else Reader(operand, x.shape) for operand in operands]
        self.of_x = Reader(x, x.shape)
        self.outputs = [
            self.lines[axis].blocks(chunks) if axis in self.lines else self.of_x.spans[axis]
            for axis, chunks in enumerate(x.chunks)
        ]
        self.chunks = tuple(tuple(end - first for first, end in spans) for spans in self.outputs)
        counting = None if isinstance(request.op, Mixed) else request.op.counting
        steps = () if counting is None else counting.steps(x.shape, self.axes, tuple(windows))
        self.place = Place((), counting, steps)
        self.alpha = alphas(request.op, form.shape)
        self.how = how._replace(mask=None, weights=None)
        self.large = large(request, how, x.dtype, form.dtypes, how.weights is not None)
        if self.large is not None and not self.is_small(x.npartitions):
            self.large = None

    def is_small(self, chunks: int) -> bool:
        """Whether trees have few tasks."""
        leaves = 1
        for axis, spans in enumerate(self.outputs):
            leaves *= sum(len(self.of_x.along(axis, *self.cells(axis, span))) for span in spans)
        results = len(self.form.dtypes)
        blocks = prod(map(len, self.outputs)) * (1 if results == 1 else 1 + results)
        return leaves * FAN / (FAN - 1) + blocks <= MOST_TASKS * chunks

    def cells(self, axis: int, outputs: tuple[int, int]) -> tuple[int, int]:
        return self.lines[axis].cells(*outputs) if axis in self.lines else outputs

    def layer(self) -> dict[Any, Any]:
        if self.large is None and len(self.form.dtypes) == 1:  # others have two tasks a chunk that pick a result
            seen = [[self.cells(axis, span) for span in spans] for axis, spans in enumerate(self.outputs)]
            for number, reader in enumerate(self.readers):
                if reader is not None:
                    reader.hand_on(f"{self.source}-ends-{number}", seen)
        layer: dict[Any, Any] = {}
        for place in product(*map(range, map(len, self.outputs))):
            outputs = tuple(spans[i] for spans, i in zip(self.outputs, place, strict=True))
            cells = tuple(self.cells(axis, span) for axis, span in enumerate(outputs))
            leaves = list(self.leaves(outputs, cells))
            layer |= self.tree(place, outputs, leaves) if leaves else self.one(place, outputs, cells)
        return layer

    def read(self, cells: Spans) -> tuple[tuple[Box | None, ...], tuple[Any, ...], dict[Any, Any]]:
        """How a box of each array is put together, the keys of what it is made of, and tasks for it."""
        read = [(None, None) if reader is None else reader.box(cells) for reader in self.readers]
        tasks: dict[Any, Any] = {}
        for reader, (_, keys) in zip(self.readers, read, strict=True):
            if reader is not None and keys is not None:
                tasks |= reader.tasks(keys)
        return tuple(box for box, _ in read), tuple(keys for _, keys in read), tasks

    def one(self, place: Cells, outputs: Spans, cells: Spans) -> dict[Any, Any]:
        """One task for a block."""
        windows = tuple(self.lines[axis].part(*outputs[axis], *cells[axis]) for axis in self.axes)
        request = self.request._replace(windows=Resolved(windows))
        if isinstance(request.op, Mixed) and self.alpha is not None:
            own = self.alpha[tuple(slice(*span) for span in outputs)]
            request = request._replace(op=Mixed(own, request.op.count_include_pad))
        boxes, keys, tasks = self.read(cells)
        corner = self.place._replace(corner=tuple(lo for lo, _ in cells))
        return tasks | {(self.source, *place): (partial(pooled, request, self.how, boxes, corner), *keys)}

    def leaves(self, outputs: Spans, cells: Spans) -> Iterator[tuple[Spans, Spans]]:
        """The outputs and cells of each chunk's part of a block, if these together are smaller than what they see."""
        if self.large is None:
            return
        shares: list[list[tuple[tuple[int, int], tuple[int, int]]]] = []
        for axis, (span, (lo, hi)) in enumerate(zip(outputs, cells, strict=True)):
            of_axis = []
            for piece in self.of_x.along(axis, lo, hi):
                seen, part = span, (lo + piece.target.start, lo + piece.target.stop)
                if axis in self.lines:
                    line = self.lines[axis]
                    first, end = line.seeing(*part)
                    seen = max(first, span[0]), min(end, span[1])
                    if seen[0] >= seen[1]:
                        continue
                    part = max(part[0], line.start(seen[0])), min(part[1], line.stop(seen[1] - 1))
                of_axis.append((seen, part))
            shares.append(of_axis)
        number = prod(map(len, shares))
        made = number * prod(end - first for first, end in outputs)
        if number < 2 or 2 * made > prod(hi - lo for lo, hi in cells):
            return
        for chosen in product(*shares):
            yield tuple(seen for seen, _ in chosen), tuple(part for _, part in chosen)

    def tree(self, place: Cells, outputs: Spans, leaves: list[tuple[Spans, Spans]]) -> dict[Any, Any]:
        """A task for each chunk's part of a block, and those that put parts together."""
        assert self.large is not None
        shape = tuple(end - first for first, end in outputs)
        layer: dict[Any, Any] = {}
        keys: list[Any] = []
        for number, (seen, cells) in enumerate(leaves):
            windows = Resolved(tuple(self.lines[axis].part(*seen[axis], *cells[axis]) for axis in self.axes))
            at = tuple(slice(a - first, b - first) for (a, b), (first, _) in zip(seen, outputs, strict=True))
            boxes, parts, tasks = self.read(cells)
            corner = self.place._replace(corner=tuple(lo for lo, _ in cells))
            keys.append((f"{self.source}-part", *place, number))
            layer |= tasks
            layer[keys[-1]] = (partial(leaf, self.large, windows, shape, at, boxes, corner), *parts)
        level = 0
        while len(keys) > FAN:
            level += 1
            groups = [keys[start : start + FAN] for start in range(0, len(keys), FAN)]
            keys = [(f"{self.source}-joined-{level}", *place, number) for number in range(len(groups))]
            layer |= {key: (partial(joined, self.large), group) for key, group in zip(keys, groups, strict=True)}
        inside, padded = self.taps(outputs)
        layer[self.source, *place] = (partial(root, self.large, inside, padded), keys)
        return layer

    @cache  # noqa: B019 # as long as the graph is made
    def taps_along(self, axis: int) -> tuple[Array, Array]:
        return taps_along(self.lines[axis].n, self.windows[axis])

    def taps(self, outputs: Spans) -> tuple[Array, Array]:
        """How many taps the windows of a block have in x, and in the padded x, in shapes that broadcast."""
        results = [np.ones((1,) * len(outputs), np.int64)] * 2
        for axis in self.axes:
            along_axis = [-1 if other == axis else 1 for other in range(len(outputs))]
            counts = self.taps_along(axis)
            results = [
                result * count[slice(*outputs[axis])].reshape(along_axis)
                for result, count in zip(results, counts, strict=True)
            ]
        return results[0], results[1]


def alphas(op: Any, shape: Cells) -> Array | None:
    """The shares of a mixture, if there is one for each output."""
    if not isinstance(op, Mixed):
        return None
    shares = random.shares(op.alpha, shape)
    return None if np.ndim(op.alpha) == 0 else shares
