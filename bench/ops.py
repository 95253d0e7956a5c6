"""The operations of the benchmark cases, a row each: tilepool's words, the definition, how far results may differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Definition: TypeAlias = Callable[[Array, int], Any]


@dataclass(frozen=True)
class Op:
    """What a window becomes. The defaults are those of an op whose result is one of the cells, exactly."""

    define: Definition  # the value, from the cells of x that a window sees and the number of its taps
    result: Literal["given", "sum", "average", "bool", "count"] = "given"  # the rule of the result's dtype
    spread: Callable[[int, float], float] | None = None  # see `verify.tolerance`; None: exact
    of: Literal["any", "integers"] = "any"  # the dtypes there are cases of
    name: str = ""  # tilepool's, where it is another
    first: tuple[Any, ...] = ()  # arguments of tilepool's function between x and kernel_size
    options: Mapping[str, Any] = field(default_factory=dict)


def wide(cells: Array) -> NDArray[np.float64]:
    return cells.astype(np.float64)


def norm(p: float) -> Definition:
    return lambda cells, _: np.linalg.norm(wide(cells).ravel(), p)


def mode(cells: Array, _: int) -> Any:
    numbers, counts = np.unique(wide(cells), return_counts=True)
    return numbers[np.argmax(counts)]


def logsumexp(cells: Array, _: int) -> Any:
    numbers = wide(cells)
    return numbers.max() + np.log(np.sum(np.exp(numbers - numbers.max())))


def softmax(cells: Array, _: int) -> Any:
    numbers = wide(cells)
    return np.average(numbers, weights=np.exp(numbers - numbers.max()))


def product(cells: Array, _: int) -> Any:
    """That of integers wraps."""
    return np.prod(cells if cells.dtype.kind in "biu" else wide(cells))


# `spread` is how many times more than a cell's the error of a result may be; largest is that of the cells.
OPS: dict[str, Op] = {
    "max": Op(lambda cells, _: cells.max()),
    "max_indices": Op(lambda cells, _: cells.max(), name="max", options={"return_indices": True}),
    "min": Op(lambda cells, _: cells.min()),
    "min_indices": Op(lambda cells, _: cells.min(), name="min", options={"return_indices": True}),
    "sum": Op(lambda cells, _: wide(cells).sum(), "sum", lambda taps, largest: taps),
    "avg": Op(lambda cells, taps: wide(cells).sum() / taps, "average", lambda taps, largest: 1),
    "avg_rounded": Op(lambda cells, taps: np.rint(wide(cells).sum() / taps), of="integers", name="avg"),
    "lp": Op(norm(2), "average", lambda taps, largest: math.sqrt(taps), first=(2,)),
    "lp_1": Op(norm(1), "average", lambda taps, largest: taps, name="lp", first=(1,)),
    "lp_inf": Op(norm(math.inf), "average", name="lp", first=(math.inf,)),
    "gem": Op(lambda cells, _: np.mean(wide(cells) ** 3) ** (1 / 3), "average", lambda taps, largest: 1),
    "logsumexp": Op(logsumexp, "average", lambda taps, largest: 1 + math.log(taps)),
    "softmax": Op(softmax, "average", lambda taps, largest: 1),
    "var": Op(lambda cells, _: np.var(wide(cells)), "average", lambda taps, largest: largest),
    "std": Op(lambda cells, _: np.std(wide(cells)), "average", lambda taps, largest: 1),
    "stochastic": Op(
        lambda cells, _: np.sum(wide(cells) ** 2) / max(np.sum(wide(cells)), 1e-300),
        "average",
        lambda taps, largest: 1,
        options={"training": False},
    ),
    "median": Op(lambda cells, _: np.sort(wide(cells), None)[(cells.size - 1) // 2], options={"method": "lower"}),
    "quantile": Op(lambda cells, _: np.quantile(wide(cells), 0.25), "average", lambda taps, largest: 1, first=(0.25,)),
    "mode": Op(mode),
    "prod": Op(product, "sum", lambda taps, largest: largest ** (taps - 1)),
    "any": Op(lambda cells, _: cells.any(), "bool"),
    "all": Op(lambda cells, _: cells.all(), "bool"),
    "count_nonzero": Op(lambda cells, _: np.count_nonzero(cells), "count"),
}
