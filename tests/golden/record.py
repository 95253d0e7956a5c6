"""The file of golden bits: one line for each twenty cases, which are looked at and compared together."""

import base64
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from golden.cases import FAMILIES, Case, case
from golden.digests import CLASSES, DIGEST_BYTES, PROMISED, classes_of, digest_of_all, look
from tilepool import _core

FILE = Path(__file__).with_name("bits.txt")
CASES = 20  # of a line
LETTERS = DIGEST_BYTES // 3 * 4  # of a digest
RERUN = "python tests/golden/golden.py show"


class Line(NamedTuple):
    family: str
    first: int

    @property
    def name(self) -> str:
        return f"{self.family}/{self.first}"

    def cases(self) -> list[Case]:
        end = min(self.first + CASES, FAMILIES[self.family].count)
        return [case(self.family, number) for number in range(self.first, end)]


def lines(families: Iterable[str] = FAMILIES) -> list[Line]:
    return [Line(family, first) for family in families for first in range(0, FAMILIES[family].count, CASES)]


def sample() -> list[Line]:
    """Some fifty lines: of every family whose cases are small, more of the larger ones."""
    small = [family for family in FAMILIES if "streamed" not in family]
    return [line for family in small for line in lines([family])[2::22]]


def read() -> dict[str, tuple[str, list[str]]]:
    """Of each line what its cases ask, and its digests."""
    found = {}
    for text in FILE.read_text().splitlines() if FILE.exists() else ():
        if not text.startswith("#"):
            name, asked, given = text.split(" ")
            found[name] = asked, [given[at : at + LETTERS] for at in range(0, len(given), LETTERS)]
    return found


def shown(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


class Digest(NamedTuple):
    case: Case
    kind: str  # its class
    text: str
    error: str


def look_at(line: Line, threads: int | None) -> tuple[str, list[Digest]]:
    """What the cases of a line ask, and their digests; without `threads` they are run on one to three."""
    asked, given = [], []
    for each in line.cases():
        seen = look(each, threads_of(each) if threads is None else threads)
        asked.append(seen.asked)
        texts = [shown(digest) for digest in seen.given]
        for place, kind in enumerate(classes_of(each)):
            given.append(Digest(each, kind, "" if seen.error else texts[place], seen.error))
    return shown(digest_of_all(asked)), given


def threads_of(each: Case) -> int:
    return (1, 1, 1, 1, 2, 3)[each.seed % 6]


@dataclass
class Report:
    """How many digests of each class were compared, and which are others than those of the file."""

    threads: int | None
    compared: Counter[str] = field(default_factory=Counter)
    changed: list[Digest] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)  # lines about other cases than the file's

    def __bool__(self) -> bool:
        """Whether there is something to tell."""
        return bool(self.changed or self.strangers)

    def __str__(self) -> str:
        changed = Counter(digest.kind for digest in self.changed)
        cases = {digest.case.name: digest for digest in self.changed}
        text = [f"golden bits with TILEPOOL_ISA={_core.get_isa()}: {len(cases)} cases differ"]
        text += [f"{'class':16}{'changed':>8} /{'all':>6}"]
        for kind in CLASSES:
            promise = "promised for ever" if kind in PROMISED else "may change once"
            text.append(f"{kind:16}{changed[kind]:8} /{self.compared[kind]:6}  {promise}")
        if self.strangers:
            text.append(f"lines whose cases are not those of {FILE.name}: {', '.join(self.strangers[:9])} ...")
        for name, digest in list(cases.items())[:9]:
            threads = threads_of(digest.case) if self.threads is None else self.threads
            kinds = ", ".join(other.kind for other in self.changed if other.case.name == name)
            text.append(f"{RERUN} {name} --isa {_core.get_isa()} --threads {threads}  # {kinds} {digest.error}")
        return "\n".join(text)


def compare(which: Sequence[Line], threads: int | None = None) -> Report:
    report, file = Report(threads), read()
    for line in which:
        asked, given = look_at(line, threads)
        recorded = file.get(line.name)
        if recorded is None or recorded[0] != asked or len(recorded[1]) != len(given):
            report.strangers.append(line.name)
            continue
        for digest, text in zip(given, recorded[1], strict=True):
            report.compared[digest.kind] += 1
            if digest.text != text:
                report.changed.append(digest)
    return report


def write(classes: Iterable[str]) -> int:
    """Writes the digests of these classes, and lines that are new; returns how many digests are others than before."""
    file, texts, count, rewritten = read(), [], 0, set(classes)
    for line in lines():
        asked, given = look_at(line, 1)
        failed = [digest for digest in given if digest.error]
        if failed:
            raise ValueError(f"{failed[0].case} fails: {failed[0].error}")
        old_asked, old = file.get(line.name, ("", [""] * len(given)))
        if old_asked not in ("", asked) and rewritten != set(CLASSES):
            raise ValueError(f"the cases of {line.name} have changed: all classes must be written")
        same = len(old) == len(given)
        kept = [
            then if same and then and digest.kind not in rewritten else digest.text
            for digest, then in zip(given, old if same else [""] * len(given), strict=True)
        ]
        count += sum(now != then for now, then in zip_longest(kept, old))
        texts.append(f"{line.name} {asked} {''.join(kept)}")
    FILE.write_text("# Digests of results: see CONTRIBUTING.md, Golden bits.\n" + "\n".join(texts) + "\n")
    return count
