"""A run as text: the tables and the JSON document."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from cases import Case
from measure import Result

OURS = ("tilepool", "tilepool fresh")  # with `out=`, and with an output that numpy allocates
COPY = "copy"


@dataclass
class Line:
    """One case of a run, with all its results."""

    case: Case
    results: list[Result]

    def find(self, label: str, threads: int | None = None) -> Result | None:
        return next((r for r in self.results if r.label == label and threads in (None, r.threads)), None)


def seconds(result: Result | None, statistic: str) -> float:
    """The figure of a result; NaN where there is none."""
    if result is None or result.problem or not result.turns:
        return math.nan
    return result.median if statistic == "median" else result.minimum


def number(value: float) -> str:
    """Three digits, without an exponent."""
    if math.isnan(value):
        return "-"
    return f"{value:.0f}" if value >= 99.95 else f"{value:.{1 if value >= 9.995 else 2}f}"


def duration(value: float) -> str:
    return "-" if math.isnan(value) else f"{number(value * 1e6)} us" if value < 1e-3 else f"{number(value * 1e3)} ms"


def labels_of(lines: list[Line]) -> list[str]:
    """Every contender that finished some case, in the order in which they came, those of a library side by side."""
    seen = [r.label for line in lines for r in line.results if r.turns and not r.problem]
    libraries = list(dict.fromkeys(label.split()[0] for label in seen if label != COPY))
    labels = [label for label in dict.fromkeys(seen) if label != COPY]
    return sorted(labels, key=lambda label: libraries.index(label.split()[0]))


def cell(result: Result | None, copy: float, statistic: str) -> str:
    """Time over copy; or in a word why there is no figure."""
    if result is not None and result.problem:
        return {"slow": "too slow", "differs": "differs", "crashed": "crashed"}.get(result.problem.split(":")[0], "-")
    return number(seconds(result, statistic) / copy)


def best_peer(line: Line, statistic: str) -> tuple[str, float]:
    """The fastest contender that is not ours, and its time (NaN where there is none)."""
    times = {r.label: seconds(r, statistic) for r in line.results if r.label not in (*OURS, COPY)}
    times = {label: time for label, time in times.items() if not math.isnan(time)}
    label = min(times, key=lambda name: times[name], default="-")
    return label, times.get(label, math.nan)


def render(rows: list[list[str]]) -> str:
    """Rows of text as an aligned Markdown table, the first row being the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rows = [rows[0], ["-" * width for width in widths], *rows[1:]]
    lines = ["| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line + " |" for line in lines)


def table(lines: list[Line], statistic: str) -> str:
    """One row per case: two times, every contender's time over the copy's, and how far we are ahead."""
    labels = labels_of(lines)
    rows = [["case", "copy's time", "tilepool's time", *labels, "best peer", "best peer / tilepool"]]
    for line in lines:
        copy = seconds(line.find(COPY), statistic)
        best, best_time = best_peer(line, statistic)
        ours = seconds(line.find(OURS[0]), statistic)
        lead = best_time / ours
        verdict = number(lead) + (" LOSS" if lead < 1 else "")
        cells = [cell(line.find(label), copy, statistic) for label in labels]
        rows.append([line.case.name, duration(copy), duration(ours), *cells, best, verdict])
    return render(rows)


def thread_table(lines: list[Line], statistic: str, counts: list[int]) -> str:
    """One row per case and contender: its time with each thread count, and how often the last goes into the first."""
    rows = [["case", "contender", *(f"threads: {count}" for count in counts), "speed-up"]]
    for line in lines:
        for label in (COPY, *labels_of([line])):
            times = [seconds(line.find(label, count), statistic) for count in counts]
            rows.append([line.case.name, label, *map(duration, times), number(times[0] / times[-1])])
    return render(rows)


def problems(lines: list[Line]) -> str:
    """Every contender that did not finish a case for another reason than not having the operation."""
    texts = [
        f"{line.case.name}: {r.label}: {r.problem}"
        for line in lines
        for r in line.results
        if r.problem and not r.problem.startswith("unsupported")
    ]
    return "\n".join(texts)


def document(about: dict[str, Any], lines: list[Line]) -> dict[str, Any]:
    """Everything that was measured, for JSON. Times are seconds per call, one per turn."""
    return {
        **about,
        "cases": [
            {
                "case": line.case.as_message(),
                "bytes": line.case.moved,
                "results": [
                    {"label": r.label, "threads": r.threads, "problem": r.problem}
                    if r.problem
                    else {
                        "label": r.label,
                        "threads": r.threads,
                        "median": r.median,
                        "minimum": r.minimum,
                        "gigabytes_per_second": line.case.moved / r.median / 1e9,
                        "turns": r.turns,
                    }
                    for r in line.results
                ],
            }
            for line in lines
        ],
    }
