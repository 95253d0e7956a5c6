"""The specialists of the benchmark: a well-formed list, and results that are tilepool's where they are installed."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import compare
import specialists
import tilepool
from cases import from_message
from home_cases import HomeCase, parse, read_home_cases
from measure import Result
from peers_specialists import SPECIALISTS, specialist

CASES = read_home_cases()
LARGE = 1_000_000  # cells, which take a good part of a second


def test_the_list_is_well_formed() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert {case.library for case in CASES} == set(SPECIALISTS) - {"tilepool"}
    for case in CASES:
        assert case.name.count("/") == 2
        assert np.dtype(case.dtype).name == case.dtype
        assert case.compares
        assert from_message(json.loads(json.dumps(case.as_message())), HomeCase) == case


@pytest.mark.parametrize("text", ["f(g(2))", "f(x)", "f", "f(2), 3", "f(*[2])"])
def test_calls_are_names_and_literals(text: str) -> None:
    with pytest.raises(ValueError, match=r"malformed|not a call"):
        parse(text)
    assert parse("a.b(2, (3, 4), c='d')") == parse('a.b(2, (3, 4), c="d")')


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.name, marks=pytest.mark.slow if np.prod(case.shape) > LARGE else ()) for case in CASES],
)
@pytest.mark.filterwarnings("ignore")  # theirs, of what they import
def test_results_are_those_of_tilepool(case: HomeCase) -> None:
    try:
        peer = specialist(case.library, 1)
    except (ImportError, OSError) as error:
        pytest.skip(f"{case.library}: {error}")
    threads = tilepool.get_threads()
    try:
        ours = specialist("tilepool", 1).prepare("", case, x := case.make_input())
    finally:
        tilepool.set_threads(threads)
    theirs = peer.prepare("", case, x)
    expected, result = np.array(ours.result(ours.call())), theirs.result(theirs.call())
    assert case.difference(result, expected) is None
    wrong = np.array(result)
    inside = tuple(slice(-size, None) for size in expected.shape)
    wrong[inside][(case.margin,) * wrong.ndim if wrong.ndim <= 2 else ...] = 100
    assert case.difference(wrong, expected) is not None


def test_ratios_are_of_equal_threads() -> None:
    times = {("tilepool", 1): 6.0, ("tilepool", 2): 3.0, ("opencv", 1): 2.0, ("opencv", 2): 2.0}
    results = [Result(label, threads, turns=[time]) for (label, threads), time in times.items()]
    assert specialists.row(results, [1, 2], "median") == {"1": 3.0, "2": 1.5}
    results[2].problem = "differs: a lot"
    assert specialists.row(results, [1, 2], "median") == {"problem": "opencv: differs: a lot"}


def test_losses_come_first() -> None:
    first, second, third = (case.name for case in CASES[:3])
    cases = {first: {"1": 0.5, "2": 0.25}, second: {"1": 2.0, "2": 0.9}, third: {"problem": "opencv: differs"}}
    record = {"threads": [1, 2], "cases": cases, "absent": {"ipp": "OSError"}}
    assert [case.name for case, _ in specialists.by_loss(record)] == [third, second, first]
    assert [row[3:5] for row in specialists.rows(record)[1:]] == [
        ["opencv: differs"] * 2,
        ["0.90", "**2.00**"],
        ["0.25", "0.50"],
    ]
    assert specialists.summary(record) == (
        "tilepool lost 0 with 2 threads and 1 with 1 thread of 2 cases; not timed: 1; absent: ipp"
    )


@pytest.mark.slow
def test_a_run_survives_absent_libraries(tmp_path: Path) -> None:
    """One case of numpy, which is there; pandas is not, because nothing is found where it is looked for."""
    (tmp_path / "pandas.py").write_text("raise ImportError('not here')")
    command = [sys.executable, compare.__file__, "--specialists", "--rounds", "2", "--output", str(tmp_path / "run")]
    command += ["--cases", "missing/numpy/nanmean tiny,missing/pandas/*"]
    environment = {"PYTHONPATH": f"{tmp_path}:{Path(tilepool.__file__).parents[1]}"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["absent"] == {"pandas": "ImportError: not here"}
    assert set(record["cases"]) == {"missing/numpy/nanmean tiny"}
    assert set(record["cases"]["missing/numpy/nanmean tiny"]) == {"1", "2"}
    assert "absent: pandas" in done.stdout
