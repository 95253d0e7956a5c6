"""The benchmarks measure what they say: a case of every op and dtype, right results, builds compared turn by turn."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import compare
import speed_page
import tilepool
from against import HERE, Build, Comparison, build_at, summary, table
from cases import read_cases
from measure import Result
from ops import OPS
from peers_arrays import Tilepool
from report import Line, document
from tilepool import _core, _ops
from verify import difference, digest, spot_check

DEFINED = set(_ops.ROWS) - {"stochastic", "mixed"}  # by one operation of the core's


def test_every_op_of_every_dtype_is_a_case() -> None:
    pairs = {(case.op, case.dtype) for case in read_cases("every/*")}
    assert {(op, dtype) for op in DEFINED for dtype in _core.dtypes} <= pairs
    assert {op for op, _ in pairs} == set(OPS)


def test_names_are_unique() -> None:
    names = [case.name for case in read_cases()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize("op", OPS)
def test_results_are_those_of_the_definition(op: str, dtype: str) -> None:
    cases = read_cases(f"every/cache/{op}/{dtype}")
    assert len(cases) == (OPS[op].of == "any" or dtype != "float32")
    threads = tilepool.get_threads()
    try:
        peer = Tilepool(1)
        for case in cases:
            x = case.make_input()
            reused, fresh = (peer.prepare(label, case, x) for label in peer.labels(case))
            result = fresh.result(fresh.call())
            assert result.dtype == case.result_dtype
            assert spot_check(case, x, result) is None
            assert difference(case, x, reused.result(reused.call()), result) is None
            wrong = np.array(result)
            wrong.flat[0] = not wrong.flat[0]
            assert spot_check(case, x, wrong) is not None
    finally:
        tilepool.set_threads(threads)


def comparison(case: str, *runs: tuple[list[float], list[float]], digests: str = "aa", problem: str = "") -> Comparison:
    """What runs with these turns of the old and the new build come to."""
    result = Comparison(case, "reused", "avx2", 1)
    for old, new in runs:
        result.add(Result("", 1, turns=old, digest=digests[0]), Result("", 1, problem, turns=new, digest=digests[1]))
    return result


def test_ratios_are_of_turns_beside_each_other() -> None:
    one = comparison("a", ([1.0, 2.0, 4.0], [2.0, 2.0, 6.0]), ([1.0, 1.0, 1.0], [1.0, 1.0, 1.0]))
    assert one.quartiles == [(1.25, 1.5, 1.75), (1.0, 1.0, 1.0)]
    assert one.ratios("median") == [1.5, 1.0]
    assert one.ratios("minimum") == [2.0, 1.0]


def test_a_summary_names_what_is_slower_in_every_run_or_not_equal() -> None:
    fast, slow = ([1.0] * 3, [1.0] * 3), ([1.0] * 3, [4.0] * 3)
    comparisons = [
        comparison("noise", fast, slow),
        comparison("slow", slow, slow),
        comparison("other", fast, fast, digests="ab"),
        comparison("wrong", fast, fast, problem="differs: a lot"),
    ]
    assert summary(comparisons, "median").splitlines() == [
        "new / old, geometric mean of 3 (avx2, threads: 1, reused results): 1.587, 2.520",
        "above 1.05 in every run: 1 of 4",
        "  slow (avx2, threads: 1, reused results): 4.000, 4.000",
        "not equal bit for bit: 2 of 4",
        "  other (avx2, threads: 1, reused results): other bits",
        "  wrong (avx2, threads: 1, reused results): new: differs: a lot",
    ]
    assert [one.is_right for one in comparisons] == [True, True, True, False]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table(comparisons, "median").splitlines()]
    assert rows[2][4:] == ["1000 ms", "2500 ms", "1.000 (1.000 to 1.000)", "4.000 (4.000 to 4.000)", "equal"]
    assert rows[5][4:] == ["-", "-", "-", "-", "new: differs: a lot"]


def test_digests_tell_all_bits() -> None:
    values = np.array([[0.0, 1.0]], np.float32)
    assert digest(values) == digest(values.copy())
    assert digest(values) != digest(np.array([[-0.0, 1.0]], np.float32))
    assert digest((values, values)) not in (digest(values), digest((values, values + 1)))
    assert digest([values]) == ""


def test_builds_are_found(tmp_path: Path) -> None:
    assert build_at(tmp_path) is None
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert build_at(tmp_path) == build_at(tmp_path / ".venv") == build_at(python) == Build(str(python))
    package = tmp_path / "python" / "tilepool"
    package.mkdir(parents=True)
    (package / "_core.so").touch()
    assert build_at(tmp_path / ".venv" / "..") == Build(sys.executable, str(tmp_path / "python"))


@pytest.mark.slow
def test_a_build_against_itself() -> None:
    """One case of 2 instruction sets at most, 1 thread, 2 runs: all that is printed but the figures."""
    build = build_at(HERE)
    path = HERE if build is not None and build.folder else Path(sys.executable)
    isas = _core.available_isas()[-2:]
    command = [sys.executable, compare.__file__, "--against", str(path), "--isa", ",".join((*isas, "unknown"))]
    command += ["--threads", "1", "--rounds", "2", "--repeat", "2", "--cases", "every/cache/max/int8"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in (0, 1), done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if "|" in line]
    expected = [["every/cache/max/int8", isa, "1", memory] for isa in isas for memory in ("reused", "fresh")]
    assert [row[:4] for row in rows[2:]] == expected
    assert {row[-1] for row in rows[2:]} == {"equal"}
    assert f"not equal bit for bit: 0 of {len(expected)}" in done.stdout
    assert "unknown is left out" in done.stderr


def test_the_pages_show_the_record_of_the_run() -> None:
    """`python bench/speed_page.py` would change nothing."""
    record = json.loads(speed_page.RECORD.read_text())
    assert len(record["cases"]) > 30
    assert speed_page.as_text(record) == speed_page.RECORD.read_text()
    home = json.loads(speed_page.SPECIALISTS.read_text())
    assert len(home["cases"]) > 50
    assert speed_page.as_text(home) == speed_page.SPECIALISTS.read_text()
    for path, text in speed_page.pages(record, home).items():
        assert path.read_text() == text, f"{path.name} has other figures of speed than the records in bench"


def test_a_run_becomes_the_record() -> None:
    """In units of the copy: a column has the fastest of a library's ways, `best` is the fastest that is not ours."""

    def results(times: dict[str, float]) -> list[Result]:
        return [Result(label, 2, turns=[time]) for label, time in times.items()]

    given = {
        "tilepool": 1.0,
        "copy": 2.0,
        "torch": 7.0,
        "torch channels-last": 5.0,
        "jax": 9.0,
        "jax channels-last": 8.0,
    }
    vgg, call = read_cases("bar/vgg/first,bar/call/first")
    lines = [Line(vgg, [*results({**given, "numpy": 4.0}), Result("scipy", 2, "slow")]), Line(call, results(given))]
    about = {"date": "2026-01-02", "command": "", "machine": "", "cpus": 2, "threads": [2], "rounds": 1}
    versions = {"tilepool": "0 (avx2)", "copy": "threads", "torch": "2.1+cpu"}
    record = speed_page.condense(document({**about, "statistic": "median", "versions": versions}, lines))
    assert record["versions"] == {"tilepool": "0 (avx2)", "torch": "2.1"}
    assert record["cases"] == {
        "bar/vgg/first": {
            "tilepool": 0.5,
            "best": ["numpy", 2.0],
            "torch": 3.5,
            "torch channels-last": 2.5,
            "jax": 4.0,
        }
    }
    assert speed_page.table(record, [vgg], ("jax", "scipy")).splitlines()[-1] == (
        "| max 2×2, stride 2; 4×64×224×224, channels first | **0.50** | 2.00 numpy | 4.00 | – |"
    )
