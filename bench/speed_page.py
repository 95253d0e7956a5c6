"""Writes the tables and pictures of speed in docs/speed.md and README.md, from the records of runs.

    python bench/compare.py --cases 'bar/*,indices/*,reducer/*' --output build/speed
    python bench/speed_page.py build/speed.json     # makes that run the record, and writes
    python bench/compare.py --specialists --output build/specialists
    python bench/speed_page.py build/specialists.json
    python bench/speed_page.py                      # writes from the records that there are

The records are bench/speed.json and bench/specialists.json. What stands between `<!-- run -->` and
`<!-- end of run -->` and the like is written here, all else by hand. The pictures need matplotlib.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import fill
from typing import Any, TypeAlias

import specialists
from cases import Case, read_cases
from measure import Result
from plots import draw
from report import COPY, OURS, Line, number

Record: TypeAlias = dict[str, Any]  # about the run; "cases": for each a time in copies by column, and the best label

ROOT = Path(__file__).parents[1]
RECORD = Path(__file__).with_name("speed.json")
SPECIALISTS = Path(__file__).with_name("specialists.json")
PAGE, README = ROOT / "docs" / "speed.md", ROOT / "README.md"
PICTURE, SMALL_PICTURE = ROOT / "docs" / "speed.png", ROOT / "docs" / "speed_in_five_rows.png"

# A library's column has the fastest of its ways, but for torch, whose memory format changes most.
COLUMNS = ("torch", "torch channels-last", "onnxruntime", "openvino", "tensorflow", "jax", "opencv", "scipy")
README_COLUMNS = ("torch", "torch channels-last", "onnxruntime", "opencv")
README_CASES = ("bar/stem/first", "bar/halving/last", "bar/dilate63", "bar/rgb", "bar/volume/first")
PROPER_NAMES = {
    "torch": "PyTorch",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "tensorflow": "TensorFlow",
    "jax": "JAX",
    "opencv": "OpenCV",
    "scipy": "SciPy",
}


def column_of(label: str) -> str:
    return label if label in COLUMNS else label.split()[0]


def condense(document: Record) -> Record:
    """The record of what `compare.py --output` wrote: times in units of the copy."""
    statistic, cases = document["statistic"], {}
    for measured in document["cases"]:
        name = measured["case"]["name"]
        times = {result["label"]: result[statistic] for result in measured["results"] if "median" in result}
        if name.startswith("bar/call/") or OURS[0] not in times:
            continue  # a copy of a few bytes is no unit
        copies = {label: float(number(time / times[COPY])) for label, time in times.items() if label != COPY}
        others = [label for label in copies if label not in OURS]
        if not others:
            continue
        best = min(others, key=lambda label: copies[label])
        ways = {column: [copies[label] for label in others if column_of(label) == column] for column in COLUMNS}
        cases[name] = {
            OURS[0]: copies[OURS[0]],
            "best": [best, copies[best]],
            **{column: min(times) for column, times in ways.items() if times},
        }
    versions = {name: version.split("+")[0] for name, version in document["versions"].items() if name != COPY}
    kept = ("date", "command", "machine", "cpus", "rounds", "statistic")
    return {
        **{key: document[key] for key in kept},
        "threads": max(document["threads"]),
        "versions": versions,
        "note": "",
        "cases": cases,
    }


def as_text(record: Record) -> str:
    """JSON with a line for each case, so that a change can be read."""
    about = ",\n".join(
        f" {json.dumps(key)}: {json.dumps(it, ensure_ascii=False)}" for key, it in record.items() if key != "cases"
    )
    cases = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in record["cases"].items())
    return f'{{\n{about},\n "cases": {{\n{cases}\n }}\n}}\n'


def describe(case: Case) -> str:
    """A case in words: `max 3×3, stride 2, padding 1; 8×64×112×112, channels first`."""
    words = [f"{case.op.replace('_', ' with ')} {'×'.join(map(str, case.kernel))}", f"stride {case.stride[0]}"]
    if any(case.padding):
        words.append(f"padding {case.padding[0]}")
    shape = "×".join(map(str, case.shape)) + (f" {case.dtype}" if case.dtype != "float32" else "")
    layout = "" if case.layout == "plane" else f", {case.layout.replace('_', ' ')}"
    return f"{', '.join(words)}; {shape}{layout}"


def about(record: Record, how: str) -> str:
    """Where, when and with what the run was made."""
    versions = ", ".join(f"{PROPER_NAMES.get(name, name)} {version}" for name, version in record["versions"].items())
    run = (
        f"One run of `{record['command']}` on {record['date']}: {record['cpus']} CPUs ({record['machine']}), "
        f"{how}, {record['statistic']} of {record['rounds']} alternating rounds, results in "
        f"reused memory where a library can; {versions}. {record['note']}"
    )
    return fill(run.strip(), 140, break_long_words=False, break_on_hyphens=False)


def table(record: Record, cases: Iterable[Case], columns: Sequence[str]) -> str:
    """A row for each case: the times in units of the copy."""
    heads = [
        "workload",
        OURS[0],
        "best other",
        *(column.replace(" channels-last", ", channels last") for column in columns),
    ]
    rows = [heads, ["---" for _ in heads]]
    for case in cases:
        row = record["cases"][case.name]
        label, time = row["best"]
        times = [number(row[column]) if column in row else "–" for column in columns]
        rows.append([describe(case), f"**{number(row[OURS[0]])}**", f"{number(time)} {label}", *times])
    return markdown(rows)


def markdown(rows: Iterable[Iterable[str]]) -> str:
    """Without padding: a figure that changes leaves the other lines as they are."""
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def recorded(record: Record, names: Iterable[str]) -> list[Case]:
    known = {case.name: case for case in read_cases()}
    return [known[name] for name in names]


def put(text: str, place: str, new: str) -> str:
    """The text with `new` between the marks of that place."""
    first, last = f"<!-- {place} -->", f"<!-- end of {place} -->"
    changed, count = re.subn(f"{first}.*?{last}", lambda _: f"{first}\n\n{new}\n\n{last}", text, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"a page must have one place for {place}, not {count}")
    return changed


def pages(record: Record, home: Record) -> dict[Path, str]:
    """The two files, with what the records say: of the run against all, and of that against specialists."""
    page = put(PAGE.read_text(), "run", about(record, f"{record['threads']} threads"))
    page = put(page, "run of specialists", about(home, f"instruction set {home['isa']}"))
    head, *losses_first = specialists.rows(home)
    shown = markdown([head, ["---" for _ in head], *losses_first])
    page = put(page, "specialists", f"{specialists.summary(home)}.\n\n{shown}")
    page = put(page, "table", table(record, recorded(record, record["cases"]), COLUMNS))
    rows = table(record, recorded(record, README_CASES), README_COLUMNS)
    return {PAGE: page, README: put(README.read_text(), "speed", rows)}


def small_picture(record: Record) -> None:
    """The README's rows as `compare.py` draws all: the record's times are turns, and the copy takes 1."""
    lines = []
    for case in recorded(record, README_CASES):
        row = record["cases"][case.name]
        labels = [column for column in (*COLUMNS, OURS[0]) if column in row]
        results = [Result(label, record["threads"], turns=[row[label]]) for label in labels]
        results.append(Result(COPY, record["threads"], turns=[1.0]))
        lines.append(Line(replace(case, name=describe(case)), results))
    draw(lines, "", "median", f"{record['cpus']} CPUs ({record['machine']}), {record['date']}", SMALL_PICTURE)


def main() -> None:
    if len(sys.argv) > 2:
        sys.exit(__doc__)
    for name in sys.argv[1:]:
        run = Path(name)
        document = json.loads(run.read_text())
        if "absent" in document:
            SPECIALISTS.write_text(as_text(document))
        else:
            RECORD.write_text(as_text(condense(document)))
            shutil.copyfile(run.with_suffix(".png"), PICTURE)
    record = json.loads(RECORD.read_text())
    for path, text in pages(record, json.loads(SPECIALISTS.read_text())).items():
        path.write_text(text)
    small_picture(record)


if __name__ == "__main__":
    main()
