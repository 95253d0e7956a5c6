"""tilepool against specialists on their own work: runs home_cases.csv, and shows the ratios of times.

A ratio is tilepool's time over the other's: above 1 tilepool loses. Both sides have as many threads (a library without
threads has one), and write into reused memory where theirs does, else into fresh.
"""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from home_cases import HomeCase, read_home_cases
from measure import Bench, Library, Result, Settings
from report import number, seconds

Record: TypeAlias = dict[
    str, Any
]  # about the run; "cases": for each the ratio with each number of threads, or a problem


def start(name: str, threads: Sequence[int], python: str, log: Path) -> list[Library]:
    """A process for each number of threads."""
    return [Library(f"home/{name}", count, python, log) for count in threads]


def row(results: Sequence[Result], threads: Sequence[int], statistic: str) -> dict[str, Any]:
    problems = [f"{result.label}: {result.problem}" for result in results if result.problem]
    if problems:
        return {"problem": problems[0]}
    ours, theirs = (
        {result.threads: seconds(result, statistic) for result in results if (result.label == "tilepool") == is_ours}
        for is_ours in (True, False)
    )
    return {str(count): float(number(ours[count] / theirs[count])) for count in threads}


def run(
    cases: Sequence[HomeCase], threads: Sequence[int], python: str, settings: Settings, statistic: str, folder: Path
) -> Record:
    """All that the record says of what was run; a library that cannot be imported is absent."""
    note = f"The load of the machine was {os.getloadavg()[0]:.1f} when the run began."
    found: Record = {"note": note, "versions": {}, "absent": {}, "cases": {}}
    log = folder / "log"
    ours = start("tilepool", threads, sys.executable, log)
    theirs: list[Library] = []
    try:
        if ours[0].missing:
            sys.exit(f"tilepool cannot be imported: {ours[0].missing}")
        found["isa"], found["versions"]["tilepool"] = ours[0].isa, ours[0].version
        for name in dict.fromkeys(case.library for case in cases):
            theirs = start(name, threads, python, log)
            if theirs[0].missing:
                found["absent"][name] = theirs[0].missing
                print(f"{name} is left out: {theirs[0].missing}", file=sys.stderr)
                continue
            found["versions"][name] = theirs[0].version
            bench = Bench([*ours, *theirs], settings, folder)
            for case in cases:
                if case.library == name:
                    found["cases"][case.name] = row(bench.run(case), threads, statistic)
                    print(f"{case.name}: {found['cases'][case.name]}", file=sys.stderr, flush=True)
            for library in theirs:
                library.stop()
    finally:
        for library in (*ours, *theirs):
            library.stop()
    return found


def worst(ratios: Mapping[str, Any]) -> float:
    """That of any number of threads; of what was not timed infinity."""
    return math.inf if "problem" in ratios else max(ratios.values())


def by_loss(record: Record) -> list[tuple[HomeCase, dict[str, Any]]]:
    """The largest loss first."""
    known = {case.name: case for case in read_home_cases()}
    names = sorted(record["cases"], key=lambda name: worst(record["cases"][name]), reverse=True)
    return [(known[name], record["cases"][name]) for name in names]


def rows(record: Record) -> list[list[str]]:
    """A row for each case under a head, with a column for each number of threads. Losses are bold."""
    counts = [str(count) for count in sorted(record["threads"], reverse=True)]
    table = [["specialist", "work", "array", *(f"threads: {count}" for count in counts), "what is compared"]]
    for case, ratios in by_loss(record):
        family, library, what = case.name.split("/")
        texts = [number(ratios[count]) if count in ratios else ratios["problem"] for count in counts]
        texts = [f"**{text}**" if ratios.get(count, 0) > 1 else text for count, text in zip(counts, texts, strict=True)]
        work = re.sub(r"(?<=\d)x(?=\d)", "×", f"{family}: {what}")
        table.append([library, work, f"{'×'.join(map(str, case.shape))} {case.dtype}", *texts, case.compares])
    return table


def summary(record: Record) -> str:
    """How many were lost, and who was not there."""
    ratios = [row for row in record["cases"].values() if "problem" not in row]
    lost = [
        f"{sum(row[str(count)] > 1 for row in ratios)} with {count} thread{'s' if count > 1 else ''}"
        for count in sorted(record["threads"], reverse=True)
    ]
    absent = f"; absent: {', '.join(record['absent'])}" if record["absent"] else ""
    failed = len(record["cases"]) - len(ratios)
    unequal = f"; not timed: {failed}" if failed else ""
    return f"tilepool lost {' and '.join(lost)} of {len(ratios)} cases{unequal}{absent}"
