"""Two builds of tilepool in turns: the ratio of their times in each case, and whether their results are the same."""

from __future__ import annotations

import itertools
import math
import os
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cases import Case
from measure import Bench, Library, Result, Settings
from report import duration, render

LIMIT = 1.05  # a ratio above it in every run is a loss: noise seldom strikes the same case twice
HERE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Build:
    """How to start Python so that it imports one build of tilepool."""

    python: str
    folder: str = ""  # that the package must come from; "": what is installed

    @property
    def variables(self) -> dict[str, str]:
        return {"PYTHONPATH": self.folder}  # also where it is "": that of this process may name the other build


def build_at(path: Path) -> Build | None:
    """The build of a checkout (in place, or else in its environment), or of an interpreter."""
    path = Path(os.path.abspath(path))  # as Python writes the places of modules: no "..", but links as they are
    if path.is_file():
        return Build(str(path))
    if any((path / "python" / "tilepool").glob("_core*.so")):
        return Build(sys.executable, str(path / "python"))
    names = (path / folder / "bin" / "python" for folder in (".venv", "venv", "."))
    return next((Build(str(name)) for name in names if name.is_file()), None)


def builds(path: Path) -> tuple[Build, Build]:
    """The old build and the new one: that of this checkout, or what is installed for this interpreter."""
    old = build_at(path)
    if old is None:
        sys.exit(f"--against must be a checkout with a built module or an environment, or an interpreter, not {path}")
    in_place = build_at(HERE)
    return old, in_place if in_place is not None and in_place.folder else Build(sys.executable)


def start(build: Build, isa: str, threads: int, log: Path) -> Library:
    library = Library("tilepool", threads, build.python, log, build.variables | ({"TILEPOOL_ISA": isa} if isa else {}))
    if library.missing:
        sys.exit(f"{build.folder or build.python}: tilepool cannot be imported: {library.missing}")
    if build.folder and not Path(library.path).is_relative_to(build.folder):
        sys.exit(
            f"{build.folder} is not used, because {library.path} is installed for {build.python}: name another one"
        )
    return library


@dataclass
class Comparison:
    """One way of doing one case by both builds."""

    case: str
    memory: str  # of the result: "reused" or "fresh"
    isa: str
    threads: int
    old: list[list[float]] = field(default_factory=list)  # seconds per call, for every run and turn
    new: list[list[float]] = field(default_factory=list)
    results: set[str] = field(default_factory=set)  # "equal", "other bits" (but right), or what is wrong

    def add(self, old: Result, new: Result) -> None:
        """One more run. Results were compared with the definition and with each other before they were timed."""
        self.results |= {f"{name}: {one.problem}" for name, one in (("old", old), ("new", new)) if one.problem}
        if not old.problem and not new.problem:
            self.results.add("equal" if old.digest == new.digest else "other bits")
            self.old.append(old.turns)
            self.new.append(new.turns)

    def ratios(self, statistic: str) -> list[float]:
        """Of new / old, one for each run: the median of its pairs, or the ratio of its minima."""
        if statistic == "median":
            return [median for _, median, _ in self.quartiles]
        return [min(new) / min(old) for new, old in zip(self.new, self.old, strict=True)]

    @property
    def quartiles(self) -> list[tuple[float, float, float]]:
        """Of new / old in each run: a turn is compared with the one beside it."""
        ratios = (np.divide(new, old) for new, old in zip(self.new, self.old, strict=True))
        quartiles = (np.quantile(run, (0.25, 0.5, 0.75)) for run in ratios)
        return [(float(low), float(median), float(high)) for low, median, high in quartiles]

    def is_slow(self, statistic: str) -> bool:
        return bool(self.old) and min(self.ratios(statistic)) > LIMIT

    @property
    def is_right(self) -> bool:
        return not any(result.startswith("new: ") for result in self.results)

    @property
    def name(self) -> str:
        return f"{self.case} ({self.group})"

    @property
    def group(self) -> str:
        return f"{self.isa}, threads: {self.threads}, {self.memory} results"


@dataclass(frozen=True)
class Plan:
    """What is to be run."""

    cases: Sequence[Case]
    isas: Sequence[str]  # "": the best
    threads: Sequence[int]
    repeat: int
    settings: Settings


def compare(old: Build, new: Build, plan: Plan, folder: Path) -> list[Comparison]:
    """Every case in both builds; each run has new processes, whose memory differs, and changes which build is first."""
    found: dict[tuple[Any, ...], Comparison] = {}
    for run, isa, threads in itertools.product(range(plan.repeat), plan.isas, plan.threads):
        order = -1 if run % 2 else 1
        libraries = [start(build, isa, threads, folder / "log") for build in (old, new)[::order]]
        where = f"run {run + 1}, {libraries[0].isa}, threads: {threads}"
        try:
            for name, library in zip(("old", "new")[::order], libraries, strict=True):
                print(f"[{where}] {name}: {library.version}, {library.path}", file=sys.stderr)
            if isa and {library.isa for library in libraries} != {isa}:
                print(f"[{where}] {isa} is left out: not every build can use it here", file=sys.stderr)
                continue
            bench = Bench(libraries, plan.settings, folder)
            for number, case in enumerate(plan.cases, 1):
                print(f"[{where}] {number}/{len(plan.cases)} {case.name}", file=sys.stderr, flush=True)
                results = bench.run(case)
                half = len(results) // 2
                for pair in zip(*(results[:half], results[half:])[::order], strict=True):
                    memory = "fresh" if pair[0].label.endswith("fresh") else "reused"
                    key = (case.name, memory, libraries[0].isa, threads)
                    found.setdefault(key, Comparison(*key)).add(*pair)
        finally:
            for library in libraries:
                library.stop()
    return list(found.values())


def table(comparisons: Sequence[Comparison], statistic: str) -> str:
    """One row per comparison: both times, and for each run the ratio with its quartiles."""
    figure = statistics.median if statistic == "median" else min
    runs = max((len(one.old) for one in comparisons), default=0)
    rows = [["case", "isa", "threads", "result", "old", "new", *["new / old (quartiles of pairs)"] * runs, "results"]]
    for one in comparisons:
        times = [duration(figure([*itertools.chain(*turns)]) if turns else math.nan) for turns in (one.old, one.new)]
        ratios = [
            f"{ratio:.3f} ({low:.3f} to {high:.3f})"
            for ratio, (low, _, high) in zip(one.ratios(statistic), one.quartiles, strict=True)
        ]
        ratios += ["-"] * (runs - len(ratios))
        rows.append([one.case, one.isa, str(one.threads), one.memory, *times, *ratios, ", ".join(sorted(one.results))])
    return render(rows)


def summary(comparisons: Sequence[Comparison], statistic: str) -> str:
    """The geometric mean of each run, and what is slower in every run or not equal: for a commit's message."""
    lines = []
    groups = list(dict.fromkeys(one.group for one in comparisons))
    for group in ["all", *groups] if len(groups) > 1 else groups:
        ratios = [one.ratios(statistic) for one in comparisons if one.old and group in ("all", one.group)]
        means = [math.exp(statistics.fmean(map(math.log, run))) for run in zip(*ratios, strict=False)]
        lines.append(
            f"new / old, geometric mean of {len(ratios)} ({group}): {', '.join(f'{mean:.3f}' for mean in means)}"
        )
    slow = [one for one in comparisons if one.is_slow(statistic)]
    lines.append(f"above {LIMIT} in every run: {len(slow)} of {len(comparisons)}")
    lines += [f"  {one.name}: {', '.join(f'{ratio:.3f}' for ratio in one.ratios(statistic))}" for one in slow]
    unequal = [one for one in comparisons if one.results != {"equal"}]
    lines.append(f"not equal bit for bit: {len(unequal)} of {len(comparisons)}")
    lines += [f"  {one.name}: {', '.join(sorted(one.results))}" for one in unequal]
    return "\n".join(lines)
