"""Compares the results of this build with the golden bits, rewrites those of some classes, shows a case."""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path[0] = str(Path(__file__).parents[1])  # in place of this folder: modules are named golden.cases and so on

from agreement import using_isa  # noqa: E402
from golden import record  # noqa: E402
from golden.cases import FAMILIES, case  # noqa: E402
from golden.digests import CLASSES, classes_of, made, results  # noqa: E402
from tilepool import _core  # noqa: E402


def compare(families: list[str], isas: list[str], threads: int | None) -> int:
    """Prints a table for each instruction set; returns whether something differs."""
    differs = False
    for isa in isas:
        with using_isa(isa):
            report = record.compare(record.lines(families or FAMILIES), threads)
            print(report, end="\n\n")
            differs = differs or bool(report)
    return int(differs)


def write(classes: list[str]) -> int:
    named = list(CLASSES) if classes == ["all"] else classes
    unknown = set(named) - set(CLASSES)
    if unknown:
        raise SystemExit(f"classes must be all or some of {', '.join(map(repr, CLASSES))}, not {unknown}")
    print(f"{record.write(named)} digests are others than before")
    return 0


def show(name: str, isas: list[str], threads: int | None) -> int:
    """Prints what is asked, the file's digests and those of this build, and what it gives."""
    family, number = name.split("/")
    asked = case(family, int(number))
    line = record.Line(family, asked_first := int(number) // record.CASES * record.CASES)
    recorded = record.read().get(line.name, ("", []))[1]
    place = sum(len(classes_of(other)) for other in line.cases()[: int(number) - asked_first])
    print(asked)
    for isa in isas:
        with using_isa(isa):
            team = record.threads_of(asked) if threads is None else threads
            now = [digest for digest in record.look_at(line, team)[1] if digest.case == asked]
            for digest, then in zip(now, recorded[place:], strict=False):
                print(f"{isa}, {team} threads, {digest.kind}: {digest.text or digest.error}, in the file {then}")
            for array in results(asked, made(asked.x, asked.seed), team):
                with np.printoptions(threshold=200, precision=17):
                    print(repr(array))
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    comparing = commands.add_parser("compare", help="a table of what differs from the file")
    comparing.add_argument("families", nargs="*", help=f"of {', '.join(FAMILIES)}")
    writing = commands.add_parser("write", help="write the digests of some classes, and of cases that are new")
    writing.add_argument("classes", nargs="*", help=f"of {', '.join(map(repr, CLASSES))}; or all")
    showing = commands.add_parser("show", help="one case")
    showing.add_argument("case", help="its name: family/number")
    for command in (comparing, showing):
        command.add_argument("--isa", choices=_core.available_isas(), help="default: each in turn")
        command.add_argument("--threads", type=int, help="default: one to three, by case")
    given = parser.parse_args()
    if given.command == "write":
        return write(given.classes)
    isas = [given.isa] if given.isa else list(_core.available_isas())
    if given.command == "show":
        return show(given.case, isas, given.threads)
    return compare(given.families, isas, given.threads)


if __name__ == "__main__":
    sys.exit(main())
