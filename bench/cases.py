"""The benchmark cases (cases.csv, more_cases.csv, and one of every op and dtype), as data: shapes, bytes, inputs."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np

from ops import OPS, Array

with suppress(ImportError):
    import ml_dtypes  # noqa: F401 # teaches numpy the name of bfloat16

Sizes: TypeAlias = tuple[int, ...]
Kind = TypeVar("Kind")

# The first is that of the C++ benchmark, too.
LISTS = tuple(Path(__file__).with_name(name) for name in ("cases.csv", "more_cases.csv"))
COLUMNS = ("name", "op", "dtype", "layout", "shape", "kernel", "stride", "padding")
LAYOUTS = ("channels_first", "channels_last", "plane")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
DTYPES = ("float16", "bfloat16", "float32", "float64", "bool", *INTEGERS)


@dataclass(frozen=True)
class Case:
    """One row of a list. `kernel`, `stride` and `padding` have one entry per pooled axis, in memory order."""

    name: str
    op: str
    dtype: str
    layout: str
    shape: Sizes
    kernel: Sizes
    stride: Sizes
    padding: Sizes

    @property
    def axes(self) -> Sizes:
        """The pooled axes of the array."""
        first = {"channels_first": 2, "channels_last": 1, "plane": 0}[self.layout]
        return tuple(range(first, first + len(self.kernel)))

    @property
    def result_shape(self) -> Sizes:
        shape = list(self.shape)
        for axis, kernel, stride, padding in zip(self.axes, self.kernel, self.stride, self.padding, strict=True):
            shape[axis] = (shape[axis] + 2 * padding - kernel) // stride + 1
        return tuple(shape)

    @property
    def result_dtype(self) -> np.dtype[Any]:
        """That of tilepool's result: what is calculated from integers widens."""
        given, rule = np.dtype(self.dtype), OPS[self.op].result
        if rule in ("bool", "count"):
            return np.dtype(np.bool_ if rule == "bool" else np.int64)
        if given.kind not in "biu" or rule == "given":
            return given
        if rule == "sum":
            return np.dtype(np.uint64 if given.kind == "u" else np.int64)
        return np.dtype(np.float32 if given.itemsize <= 2 else np.float64)

    @property
    def has_indices(self) -> bool:
        """Whether the result is a pair: values, and int64 indices."""
        return self.op.endswith("_indices")

    @property
    def moved(self) -> int:
        """Bytes that any pooling has to move: the whole input and the whole result, once each."""
        result = self.result_dtype.itemsize + (np.dtype(np.int64).itemsize if self.has_indices else 0)
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize + math.prod(self.result_shape) * result

    @property
    def taps(self) -> int:
        """Cells of one window."""
        return math.prod(self.kernel)

    @property
    def series(self) -> tuple[Any, ...]:
        """What it shares with cases of other windows over the same array."""
        return (self.op, self.dtype, self.layout, self.shape, self.stride)

    @property
    def is_global(self) -> bool:
        """Whether one window covers the whole of every pooled axis."""
        return not any(self.padding) and all(
            self.shape[axis] == kernel for axis, kernel in zip(self.axes, self.kernel, strict=True)
        )

    @property
    def is_blocks(self) -> bool:
        """Whether windows neither overlap nor leave gaps, and no cell is padded or left over."""
        return (
            self.kernel == self.stride
            and not any(self.padding)
            and all(self.shape[axis] % kernel == 0 for axis, kernel in zip(self.axes, self.kernel, strict=True))
        )

    def make_input(self, seed: int = 0) -> Array:
        """Random values; never zeros, which some memory systems and branch predictors flatter."""
        random = np.random.default_rng(seed)
        dtype = np.dtype(self.dtype)
        if dtype.kind not in "biu":
            values: Array = random.random(self.shape, np.float64 if dtype == np.float64 else np.float32)
            return np.add(values, 0.5, out=values).astype(dtype, copy=False)
        if dtype.kind == "b":
            return random.random(self.shape, np.float32) < 0.5
        high = min(int(np.iinfo(dtype).max), 2**20)
        return random.integers(1, high, self.shape, dtype=dtype)

    def as_message(self) -> dict[str, Any]:
        """A form that survives JSON; `from_message` is its inverse."""
        return asdict(self)


def from_message(message: dict[str, Any], kind: type[Kind]) -> Kind:
    """The case that `as_message` described."""
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in message.items()}
    return kind(**values)


def sizes(text: str, count: int | None = None) -> Sizes:
    """Sizes from a cell such as `8x64x112x112`; one number stands for `count` equal ones."""
    values = tuple(int(part) for part in text.split("x"))
    return values * count if count is not None and len(values) == 1 else values


def _parse(row: dict[str, str]) -> Case:
    shape = sizes(row["shape"])
    rank = len(shape) if row["layout"] == "plane" else len(shape) - 2
    kernel, stride, padding = (sizes(row[column], rank) for column in ("kernel", "stride", "padding"))
    if row["layout"] not in LAYOUTS or row["op"] not in OPS or {len(kernel), len(stride), len(padding)} != {rank}:
        raise ValueError(f"{row['name']}: a layout, an op or a number of sizes is wrong")
    return Case(row["name"], row["op"], row["dtype"], row["layout"], shape, kernel, stride, padding)


def every_case() -> list[Case]:
    """One of every op and dtype twice: 3 x 3 windows of a plane that caches hold, 2 x 2 of 32 MiB of pixels."""
    cases = []
    known = [dtype for dtype in DTYPES if dtype in np.sctypeDict]
    for op, words in OPS.items():
        for dtype in INTEGERS if words.of == "integers" else known:
            width = 1024 // np.dtype(dtype).itemsize
            for place, *cells in (
                ("cache", "plane", "160x160", "3", "1", "1"),
                ("memory", "channels_last", f"2x1024x{width}x16", "2", "2", "0"),
            ):
                row = (f"every/{place}/{op}/{dtype}", op, dtype, *cells)
                cases.append(_parse(dict(zip(COLUMNS, row, strict=True))))
    return cases


def read_cases(pattern: str = "*", paths: Sequence[Path] = LISTS) -> list[Case]:
    """The cases whose names match one of the comma-separated globs in `pattern`, in the order of the lists."""
    globs = pattern.split(",")
    cases: list[Case] = []
    for path in paths:
        with path.open(newline="") as lines:
            cases += [_parse(row) for row in csv.DictReader(lines)]
    cases += every_case()
    return [case for case in cases if any(fnmatch(case.name, glob) for glob in globs)]
