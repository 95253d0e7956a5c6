"""Runs the workers: prepares every contender of a case, then lets them take turns, round after round."""

from __future__ import annotations

import json
import os
import selectors
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cases import Case
from home_cases import HomeCase

START = 120.0  # seconds that a library may take to be imported
SLICE = 0.01  # seconds of calls that make one turn
PAUSE = 0.025  # seconds between turns, in which the last peer's threads stop spinning: libgomp's do so for 20 ms


class WorkerLostError(Exception):
    """A worker crashed."""


class TooSlowError(WorkerLostError):
    """A worker did not answer in time, and was stopped."""


@dataclass
class Settings:
    rounds: int = 30
    patience: float = 20.0  # seconds that preparing a contender (with its first calls) may take
    budget: float = 2.0  # seconds of turns per contender and case; slow ones take fewer turns
    paired: bool = False  # two builds: their turns lie side by side
    cpu: bool = False  # turns of one thread are of CPU time: the same where nothing else runs


@dataclass
class Result:
    """What came of one contender in one case: times in seconds per call, or a problem."""

    label: str
    threads: int
    problem: str = ""
    turns: list[float] = field(default_factory=list)
    digest: str = ""  # of the result's bits

    @property
    def median(self) -> float:
        return statistics.median(self.turns)

    @property
    def minimum(self) -> float:
        return min(self.turns)


class Library:
    """A worker process, restarted when it is lost."""

    def __init__(
        self, name: str, threads: int, python: str, log: Path, variables: dict[str, str] | None = None
    ) -> None:
        self.name, self.threads, self.python, self.log = name, threads, python, log
        self.environment = os.environ | (variables or {})
        self.missing = self.version = self.isa = self.path = ""
        self.start()

    def start(self) -> None:
        script = str(Path(__file__).with_name("worker.py"))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.python, script, self.name, str(self.threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=self.environment,
            )
        assert self.process.stdout is not None
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)
        try:
            hello = self._receive(START)
        except WorkerLostError as lost:
            hello = {"missing": str(lost)}
        self.missing = hello.get("missing", "")
        self.version, self.isa, self.path = (hello.get(key, "") for key in ("version", "isa", "path"))

    def _receive(self, limit: float) -> dict[str, Any]:
        assert self.process.stdout is not None
        if not self.selector.select(limit):
            self.stop()
            raise TooSlowError(f"no answer in {limit:g} s")
        line = self.process.stdout.readline()
        if not line:
            self.stop()
            raise WorkerLostError(f"exit status {self.process.returncode}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, limit: float = START, **question: Any) -> dict[str, Any]:
        """Sends a question and waits for the answer."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(question).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            self.stop()
            raise WorkerLostError("its input is closed") from error
        return self._receive(limit)

    def stop(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.wait()
        self.selector.close()


@dataclass
class Entrant:
    """A contender that is ready for its turns."""

    library: Library
    result: Result
    first: float


class Bench:
    """The libraries that take part, and the way a case is run on them."""

    def __init__(self, libraries: list[Library], settings: Settings, folder: Path) -> None:
        self.libraries, self.settings, self.folder = libraries, settings, folder
        self.gave_up: set[tuple[Any, ...]] = set()

    def run(self, case: Case | HomeCase) -> list[Result]:
        """All contenders' results for one case."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            data, reference = Path(name, "input.npy"), Path(name, "reference.npy")
            np.save(data, case.make_input())
            question = {"ask": "case", "case": case.as_message(), "input": str(data), "reference": str(reference)}
            results: list[Result] = []
            entrants: list[Entrant] = []
            for library in self.libraries:
                self._prepare(library, case, question, results, entrants)
        self._take_turns(entrants)
        return results

    def _prepare(
        self,
        library: Library,
        case: Case | HomeCase,
        question: dict[str, Any],
        results: list[Result],
        entrants: list[Entrant],
    ) -> None:
        for label in self._labels(library, question):
            result = Result(label, library.threads)
            results.append(result)
            # A window that was too slow is not tried any larger.
            series = (label, library.threads, case.series)
            if series in self.gave_up:
                result.problem = f"slow: a smaller window took over {self.settings.patience:g} s"
                continue
            try:
                answer = library.ask(self.settings.patience, ask="prepare", label=label)
            except TooSlowError:
                result.problem = f"slow: over {self.settings.patience:g} s"
                self.gave_up.add(series)
                self._recover(library, question, entrants)
            except WorkerLostError as problem:
                result.problem = f"crashed: {problem}"
                self._recover(library, question, entrants)
            else:
                result.problem, result.digest = answer.get("problem", ""), answer.get("digest", "")
                if not result.problem:
                    entrants.append(Entrant(library, result, answer["first"]))

    def _labels(self, library: Library, question: dict[str, Any]) -> list[str]:
        try:
            labels: list[str] = library.ask(**question)["labels"]
        except WorkerLostError:
            library.start()
            labels = library.ask(**question)["labels"]
        return labels

    @staticmethod
    def _recover(library: Library, question: dict[str, Any], entrants: list[Entrant]) -> None:
        """Starts a lost process again and readies the contenders that were ready in it."""
        library.start()
        library.ask(**question)
        for entrant in entrants:
            if entrant.library is library:
                library.ask(ask="prepare", label=entrant.result.label)

    def _take_turns(self, entrants: list[Entrant]) -> None:
        rounds = self.settings.rounds
        shares = [max(1, min(rounds, int(self.settings.budget / max(entrant.first, SLICE)))) for entrant in entrants]
        if self.settings.paired:
            shares = [min(shares, default=1)] * len(entrants)
        for number in range(rounds):
            order = list(zip(entrants, shares, strict=True))
            if number % 2:
                order.reverse()
            if self.settings.paired:  # neither build comes after itself, with its input in the caches, more often
                order.sort(key=lambda turn: turn[0].result.label)
            for entrant, share in order:
                # Spreads `share` turns evenly over the rounds; the last round is everybody's.
                if entrant.result.problem or (number + 1) * share // rounds == number * share // rounds:
                    continue
                library = entrant.library
                cpu = self.settings.cpu and library.threads == 1
                time.sleep(PAUSE)
                try:
                    answer = library.ask(ask="time", label=entrant.result.label, slice=SLICE, cpu=cpu)
                except WorkerLostError as problem:
                    self._drop(library, entrants, str(problem))
                    continue
                entrant.result.turns.append(answer["seconds"])

    @staticmethod
    def _drop(library: Library, entrants: list[Entrant], problem: str) -> None:
        for entrant in entrants:
            if entrant.library is library:
                entrant.result.problem = f"crashed: {problem}"
        library.start()
