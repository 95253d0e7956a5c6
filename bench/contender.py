"""What a peer must offer to be timed, and the rearranging of arrays between layouts (which is never timed)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cases import Case
from ops import Array


class UnsupportedError(Exception):
    """The peer cannot do this case; the message says why."""


@dataclass
class Contender:
    """One way of doing one case, ready to be called again and again."""

    call: Callable[[], Any]
    result: Callable[[Any], Array]  # what `call` returned, as an array in the layout of the case
    batch: Callable[[int], float] | None = None  # seconds of that many calls, where a loop of `call` is not the way
    keep: object = None  # what must live as long, because the library reads it without owning it

    def time_calls(self, count: int, clock: Callable[[], float] = time.perf_counter) -> float:
        """Seconds that `count` calls take."""
        if self.batch is not None:
            return self.batch(count)
        call = self.call
        begin = clock()
        for _ in range(count):
            call()
        return clock() - begin


class Peer(Protocol):
    """A library in its own process. The constructor imports it and sets its number of threads.

    Its cases are of one kind: `Case`, or `HomeCase`.
    """

    version: str

    def labels(self, case: Any) -> tuple[str, ...]:
        """Its contenders for a case: the library's name, with a word where it has several ways."""

    def prepare(self, label: str, case: Any, x: Array) -> Contender:
        """Does all that is not to be timed. Raises UnsupportedError, or whatever the library raises."""


def arrange(case: Case, x: Array, layout: str) -> Array:
    """`x` as a dense (N, C, *spatial) or (N, *spatial, C) array, without a copy where it is one already."""
    if case.layout == "plane":
        return x[None, None] if layout == "channels_first" else x[None, ..., None]
    if case.layout == layout:
        return x
    return np.ascontiguousarray(np.moveaxis(x, -1, 1) if layout == "channels_first" else np.moveaxis(x, 1, -1))


def restore(case: Case, result: Array, layout: str) -> Array:
    """The inverse of `arrange`, for results."""
    if case.layout == "plane":
        return result[0, 0] if layout == "channels_first" else result[0, ..., 0]
    if case.layout == layout:
        return result
    return np.moveaxis(result, 1, -1) if layout == "channels_first" else np.moveaxis(result, -1, 1)


def found(x: Array, values: Array, indices: Array) -> Array:
    """Maxima that stand in the (N, C, *spatial) array where their indices, counted within each plane, say; else NaN."""
    planes = x.reshape(x.shape[0], x.shape[1], -1)
    there = np.take_along_axis(planes, indices.reshape(*indices.shape[:2], -1), axis=2).reshape(values.shape)
    return np.where(there == values, values, np.nan).astype(values.dtype)


def need(condition: bool, reason: str) -> None:
    """Raises UnsupportedError with the reason where the condition does not hold."""
    if not condition:
        raise UnsupportedError(reason)
