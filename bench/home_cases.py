"""The work of specialists (home_cases.csv), as data: what each side calls, on what, and how far results may differ."""

from __future__ import annotations

import ast
import csv
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from cases import sizes
from ops import Array

LIST = Path(__file__).with_name("home_cases.csv")
WORDS = {"fortran", "labels", "nan", "zeros"}  # of the column `cells`
MEMORIES = ("fresh", "reused")


@dataclass(frozen=True)
class Call:
    """What is called: the name of a function, and its arguments behind the array."""

    name: str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]


def parse(text: str) -> Call:
    """`resize((960, 540), interpolation=3)`: a name, and literals."""
    node = ast.parse(text, mode="eval").body
    if not isinstance(node, ast.Call):
        raise ValueError(f"{text}: not a call")
    keywords = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords}
    return Call(ast.unparse(node.func), tuple(map(ast.literal_eval, node.args)), keywords)


@dataclass(frozen=True)
class HomeCase:
    """One row of the list. The name is `family/library/what`.

    `within` of integers is 0, or what another way to round explains. That of floats is n u for n additions one after
    another, of a running sum all that came before; u is 2**-53 or 2**-24.
    """

    name: str
    theirs: str
    ours: str
    dtype: str
    shape: tuple[int, ...]
    cells: str  # words: "nan" and "zeros" (a tenth of the cells), "labels" (regions of equal cells), "fortran" (order)
    memory: str  # of the result, on both sides: "fresh" or "reused"
    margin: int  # results this near an edge are not compared: each side has a border of its own
    within: float  # how far results may lie apart: floats in units of the largest
    compares: str  # what is the same, and what is known to differ

    @property
    def library(self) -> str:
        return self.name.split("/")[1]

    @property
    def series(self) -> str:
        """No case is a larger window of another."""
        return self.name

    def call(self, library: str) -> Call:
        """What that side calls."""
        return parse(self.ours if library == "tilepool" else self.theirs)

    def make_input(self, seed: int = 0) -> Array:
        """Random cells. Labels are regions with lone cells of another label, such that no 2 x 2 window has a tie."""
        random = np.random.default_rng(seed)
        dtype, words = np.dtype(self.dtype), set(self.cells.split())
        x: Array
        if "labels" in words:
            x = random.integers(1, 100, [-(-size // 4) for size in self.shape]).astype(dtype)
            for axis, size in enumerate(self.shape):
                x = np.repeat(x, 4, axis).take(range(size), axis)
            corners = x[(slice(None, None, 2),) * x.ndim]
            corners[random.random(corners.shape, np.float32) < 0.3] = 100
        elif dtype.kind in "iu":
            x = random.integers(1, min(int(np.iinfo(dtype).max), 2**20), self.shape, dtype=dtype)
        else:
            x = (random.random(self.shape, np.float32) + 0.5).astype(dtype)
        if words & {"nan", "zeros"}:
            x[random.random(self.shape, np.float32) < 0.1] = np.nan if "nan" in words else 0
        return np.asfortranarray(x) if "fortran" in words else x

    def difference(self, result: Array, expected: Array) -> str | None:
        """What differs, or None. Theirs may begin with windows that are not full, which ours leaves out."""
        if result.ndim != expected.ndim or any(map(int.__lt__, result.shape, expected.shape)):
            return f"shape {result.shape}, expected {expected.shape}"
        result = result[tuple(slice(-size, None) for size in expected.shape)]
        inside = (slice(self.margin, -self.margin or None),) * min(2, result.ndim)
        a, b = (np.asarray(array[inside], np.float64) for array in (result, expected))
        allowed = self.within * (float(np.nanmax(np.abs(b))) if expected.dtype.kind == "f" else 1)
        wrong = ~((np.abs(a - b) <= allowed) | (np.isnan(a) & np.isnan(b)))
        worst = np.nanmax(np.abs(a - b))
        return (
            f"{wrong.sum()} of {wrong.size} outputs off by up to {worst:.3g}, allowed {allowed:.3g}"
            if wrong.any()
            else None
        )

    def as_message(self) -> dict[str, Any]:
        """A form that survives JSON; `cases.from_message` is its inverse."""
        return asdict(self)


def read_home_cases(pattern: str = "*") -> list[HomeCase]:
    """The cases whose names match one of the comma-separated globs, in the order of the list."""
    globs = pattern.split(",")
    cases: list[HomeCase] = []
    with LIST.open(newline="") as lines:
        for row in csv.DictReader(lines):
            margin, within = int(row["margin"] or 0), float(row["within"] or 0)
            words = (row["name"], row["theirs"], row["ours"], row["dtype"], sizes(row["shape"]), row["cells"])
            cases.append(HomeCase(*words, row["memory"], margin, within, row["compares"]))
            if row["memory"] not in MEMORIES or not WORDS.issuperset(row["cells"].split()):
                raise ValueError(f"{row['name']}: a word in cells or memory is wrong")
    return [case for case in cases if any(fnmatch(case.name, glob) for glob in globs)]
