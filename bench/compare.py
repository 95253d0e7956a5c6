"""Times tilepool against every other library that is installed, on the cases of cases.csv and more_cases.csv.

    python bench/compare.py                                  # the workloads of docs/speed.md, all peers, two threads
    python bench/compare.py --cases 'bar/v*,bar/stem/*' --peers torch,onnxruntime --rounds 50
    python bench/compare.py --cases 'reducer/*'              # norms, medians, deviations, SoftPool
    python bench/compare.py --sweep windows                  # windows of 2 x 2 to 127 x 127 cells at stride 1
    python bench/compare.py --sweep threads                  # 1, 2, 4 ... threads, on work that fits the caches
    python bench/compare.py --specialists --output build/specialists        # image, label and series libraries
    python bench/compare.py --against ../old --isa avx2,avx512 --repeat 2   # another build of tilepool instead of peers

Peers (none is needed; what is not installed is named and left out): torch in both memory formats, onnxruntime (with
onnx), openvino, jax, tensorflow, opencv, scipy, scikit-image, numpy's reshape trick. `--peer-python` names another
interpreter that has them. The plot needs matplotlib in the interpreter that runs this file.

`--specialists` has other peers, on work that is theirs: home_cases.csv says what each side calls, how far results may
lie apart, and what is compared. Ratios are tilepool's time over theirs; those of one thread are of CPU time. They need
`pip install --group specialists` (and the system's libyuv0); what is absent is named.

How it is measured:

- Every library runs in a process of its own, confined to `--threads` CPUs and told to use as many threads. All
  processes get the same random input. A peer may choose the memory layout it likes best: rearranging the input is not
  timed, and neither are sessions, compilation and the first call.
- A result is compared with the definition in a few hundred places and with tilepool's result as a whole, before it is
  timed. One that differs (other rounding, or an error) is shown as such and never timed.
- The contenders of a case take turns, round after round, every other round in reverse order, so that what else the
  machine does hits all of them. A turn is about 10 ms of calls, after one that warms the caches; its figure is their
  mean. Slow contenders have fewer turns (`--budget`), and one that needs more than `--patience` seconds is given up, as
  are its larger windows.
- `copy` copies (input + result) / 2 bytes, and so reads and writes as many as the pooling must move: by tilepool's own
  threads, or by one of them where that is faster. Times are shown in units of its time.
- `tilepool` writes into a reused `out=`, `tilepool fresh` has its result allocated by each call. onnxruntime, openvino,
  opencv and scipy write into a reused result as well; the others have no such interface.

The table ends with the best peer's time over tilepool's; a case that tilepool loses says LOSS.
`--output NAME` also writes NAME.json (every turn) and NAME.png; speed_page.py makes such a run that of docs/speed.md.

`--against PATH` times this build of tilepool against an older one by the same rules: that of another checkout (built in
place, or installed in its .venv) or of another interpreter. A turn of the new build is compared with the old one's turn
beside it; the ratio of a case is the median of these. For each instruction set and number of threads there are two such
ratios, with a result that is reused and with a fresh one. `--repeat 2` makes a second run of it all in new processes:
what is slower in one run only was noise, or the luck of a process with its memory. Turns of one thread are CPU time of
the process, which other programs hardly change; for two threads on a busy machine `--statistic minimum` says more: the
ratio of the fastest turns. The exit status is 1 if a case is slower in every run, or wrong.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import against
import specialists
from cases import Case, read_cases
from home_cases import read_home_cases
from measure import Bench, Library, Settings
from plots import draw
from report import Line, document, problems, render, table, thread_table
from worker import LIBRARIES

DEFAULT_CASES = {"": "bar/*", "windows": "window/*", "threads": "size/*/L[23]*"}
AGAINST_CASES = "bar/*,reducer/*,indices/*,every/cache/*"


def cpu_model() -> str:
    """The processor's name, where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def machine() -> str:
    """Where and when the run is made."""
    cpus = len(os.sched_getaffinity(0))
    return f"{cpu_model()}, {cpus} CPUs, {platform.system()} {platform.release()}, {datetime.date.today()}"


def arguments() -> argparse.Namespace:
    first, _, rest = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=first, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", help=f"comma-separated globs of case names (default {DEFAULT_CASES['']})")
    parser.add_argument("--peers", help="comma-separated (default: all)")
    parser.add_argument("--specialists", action="store_true", help="other peers, on the cases of home_cases.csv")
    parser.add_argument("--sweep", choices=("windows", "threads"), default="", help="another question, other cases")
    parser.add_argument(
        "--threads", type=numbers, help="default: 2; with --against or --specialists a list, by default 1,2"
    )
    parser.add_argument("--rounds", type=int, help="turns of each contender (default: 30; 11 with --specialists)")
    parser.add_argument("--budget", type=float, default=2, help="seconds of turns of a slow contender (%(default)s)")
    parser.add_argument("--patience", type=float, default=20, help="seconds to get ready (default: %(default)s)")
    parser.add_argument(
        "--statistic", choices=("median", "minimum"), default="median", help="of the turns, in the table"
    )
    parser.add_argument("--peer-python", default=sys.executable, metavar="PATH", help="interpreter of the peers")
    parser.add_argument("--output", type=Path, metavar="NAME", help="write NAME.json and NAME.png")
    parser.add_argument("--against", type=Path, metavar="PATH", help="compare with the build of tilepool that is there")
    parser.add_argument(
        "--isa", default="", help="with --against: comma-separated instruction sets (default: the best)"
    )
    parser.add_argument("--repeat", type=int, default=1, help="with --against: runs (default: %(default)s)")
    options = parser.parse_args()
    if options.rounds is None:
        options.rounds = 11 if options.specialists else 30
    if options.threads is None:
        options.threads = [1, 2] if options.against or options.specialists else [2]
    if not options.against and (options.isa or options.repeat > 1):
        parser.error("--isa and --repeat are for --against")
    if not (options.against or options.specialists) and len(options.threads) > 1:
        parser.error("several numbers of --threads are for --against and --specialists")
    return options


def numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def thread_counts(options: argparse.Namespace) -> list[int]:
    """The one count that was asked for; in a sweep 1, 2, 4 ... and all CPUs."""
    if options.sweep != "threads":
        return list(options.threads)
    available = len(os.sched_getaffinity(0))
    return sorted({available, *(2**power for power in range(10) if 2**power <= available)})


def start(options: argparse.Namespace, counts: list[int], log: Path) -> list[Library]:
    """Starts the processes of all libraries that are installed. tilepool and the copy are always asked for."""
    wanted = [name.strip() for name in options.peers.split(",")] if options.peers else list(LIBRARIES)
    unknown = set(wanted) - set(LIBRARIES)
    if unknown:
        sys.exit(f"--peers: {', '.join(sorted(unknown))} is not among {', '.join(LIBRARIES)}")
    libraries = []
    for name in LIBRARIES:
        ours = name in ("tilepool", "copy")
        if name not in wanted and not ours:
            continue
        python = sys.executable if ours else options.peer_python
        for count in counts:
            library = Library(name, count, python, log)
            if library.missing:
                print(f"{name} is left out: {library.missing}", file=sys.stderr)
                break
            libraries.append(library)
    return libraries


def description(options: argparse.Namespace, command: str, counts: list[int]) -> dict[str, Any]:
    """Where, when and how the run was made."""
    return {
        "date": datetime.date.today().isoformat(),
        "command": f"python bench/compare.py {command}",
        "machine": cpu_model(),
        "cpus": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "threads": counts,
        "rounds": options.rounds,
        "statistic": options.statistic,
    }


def run_against(options: argparse.Namespace, cases: list[Case]) -> int:
    """Compares two builds; gives the exit status."""
    settings = Settings(options.rounds, options.patience, options.budget, paired=True, cpu=True)
    plan = against.Plan(cases, options.isa.split(","), options.threads, options.repeat, settings)
    with tempfile.TemporaryDirectory(prefix="tilepool-compare-") as name:
        comparisons = against.compare(*against.builds(options.against), plan, Path(name))
    print(f"{machine()}\n{options.statistic} of {options.rounds} rounds\n")
    print(f"{against.table(comparisons, options.statistic)}\n\n{against.summary(comparisons, options.statistic)}")
    if options.output:
        document = [asdict(one) | {"results": sorted(one.results)} for one in comparisons]
        options.output.with_suffix(".json").write_text(json.dumps(document, indent=1))
    return 1 if any(one.is_slow(options.statistic) or not one.is_right for one in comparisons) else 0


def run_specialists(options: argparse.Namespace) -> None:
    """Prints the ratios, and writes the record of the run."""
    wanted = options.peers.split(",") if options.peers else None
    cases = [case for case in read_home_cases(options.cases or "*") if wanted is None or case.library in wanted]
    if not cases:
        sys.exit("--cases and --peers match no case of home_cases.csv")
    settings = Settings(options.rounds, options.patience, options.budget, cpu=True)
    with tempfile.TemporaryDirectory(prefix="tilepool-compare-") as name:
        found = specialists.run(cases, options.threads, options.peer_python, settings, options.statistic, Path(name))
    command = " ".join(["--specialists", *([f"--cases '{options.cases}'"] if options.cases else [])])
    record = description(options, command, options.threads) | found
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    print(f"{machine()}, {record['isa']}\n{options.statistic} of {options.rounds} rounds\n{versions}\n")
    print(f"{render(specialists.rows(record))}\n\n{specialists.summary(record)}")
    if options.output:
        options.output.with_suffix(".json").write_text(json.dumps(record, indent=1))


def run_cases(bench: Bench, cases: list[Case]) -> list[Line]:
    lines = []
    for number, case in enumerate(cases, 1):
        print(f"[{number}/{len(cases)}] {case.name}", file=sys.stderr, flush=True)
        lines.append(Line(case, bench.run(case)))
    return lines


def main() -> None:
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that the inputs on disk are removed
    if options.specialists:
        run_specialists(options)
        return
    cases = read_cases(options.cases or (AGAINST_CASES if options.against else DEFAULT_CASES[options.sweep]))
    if not cases:
        sys.exit("--cases matches no case")
    if options.against:
        sys.exit(run_against(options, cases))
    counts = thread_counts(options)
    with tempfile.TemporaryDirectory(prefix="tilepool-compare-") as name:
        folder = Path(name)
        libraries = start(options, counts, folder / "log")
        about = description(options, f"--cases '{options.cases or DEFAULT_CASES[options.sweep]}'", counts)
        about["versions"] = {library.name: library.version for library in libraries}
        settings = Settings(options.rounds, options.patience, options.budget)
        try:
            lines = run_cases(Bench(libraries, settings, folder), cases)
        finally:
            for library in libraries:
                library.stop()
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    where = machine()
    how = f"{', '.join(map(str, counts))} threads, {options.statistic} of {options.rounds} rounds"
    print(f"{where}\n{how}; times in units of the copy\n{versions}\n")
    if options.sweep == "threads":
        print(thread_table(lines, options.statistic, counts))
    else:
        print(table(lines, options.statistic))
    if trouble := problems(lines):
        print(f"\n{trouble}")
    if options.output:
        options.output.with_suffix(".json").write_text(json.dumps(document(about, lines), indent=1))
        draw(lines, options.sweep, options.statistic, f"{where}\n{how}\n{versions}", options.output.with_suffix(".png"))


if __name__ == "__main__":
    main()
