"""What users read runs, and says what it should: the examples, the docstrings, the pages, the README's first lines."""

import doctest
import importlib
import io
import re
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tilepool
from rounding_errors import assert_close, error, in_float64

ROOT = Path(__file__).parents[1]
OPTIONS = doctest.NORMALIZE_WHITESPACE


def run_example(name: str, *arguments: str | Path) -> str:
    command = [sys.executable, "-W", "error", ROOT / "examples" / name, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_textbook_chapter() -> None:
    """The example checks each result itself; here, that it has all of the chapter's, in its words."""
    printed = run_example("textbook_pooling.py")
    assert printed.endswith("All results match the chapter.\n")
    numbers = re.sub(r"[\s.]+", " ", printed)
    for result in ("[4 5 ] [7 8 ]]", "[2 3 ] [5 6 ]]", "[[[[10 ]]]]", "[[[[ 5 7 ] [13 15 ]]]]", "[ 6 8 ] [14 16 ]]]]"):
        assert result in numbers
    for library in ("PyTorch", "MXNet", "Flax", "Keras"):
        assert printed.count(library) > 5
    assert printed.count("    layer      tp.nn.") == printed.count("    tilepool   tp.") == 12


def test_the_exercises_of_the_chapter() -> None:
    """The example checks each answer itself; here, that it has all seven, with the numbers that were asked for."""
    printed = run_example("textbook_exercises.py")
    assert printed.endswith("All answers hold.\n")
    assert re.findall(r"^(\d)\. ", printed, re.MULTILINE) == list("1234567")
    assert "2 x 2: 2 layers of 3 channels" in printed
    assert "3 x 3: 4 layers of 3 channels" in printed
    assert re.search(r"tp\.cost, exact at the edges +1,584,192", printed)


@pytest.mark.slow
def test_the_photograph(tmp_path: Path) -> None:
    matplotlib_image = pytest.importorskip("matplotlib.image")  # of the extra `examples`
    run_example("photo.py", "--output", tmp_path / "pooled.png")
    picture = matplotlib_image.imread(tmp_path / "pooled.png")
    assert min(picture.shape[:2]) > 500
    assert picture[..., :3].std() > 0.1, "an empty picture"


@pytest.mark.parametrize(
    ("epochs", "least"),
    [(5, 80), pytest.param(None, 95, marks=pytest.mark.slow)],  # 93.3 and 97.8 where this was written
)
def test_lenet(epochs: int | None, least: float, tmp_path: Path) -> None:
    """The network learns, and the example has checked its gradients; a seed gives about the same on any machine."""
    for module in ("sklearn", "matplotlib"):  # of the extra `examples`
        pytest.importorskip(module)
    options = [] if epochs is None else ["--epochs", str(epochs)]
    printed = run_example("lenet_numpy.py", *options, tmp_path / "lenet.png")
    right = re.search(r"^([\d.]+)% of 360 digits that it has not seen are right\.$", printed, re.MULTILINE)
    assert right is not None
    assert float(right[1]) > least, printed
    assert printed.count("\nepoch ") == (epochs or 30)
    assert (tmp_path / "lenet.png").stat().st_size > 20_000, "an empty picture"


@pytest.mark.parametrize("name", [name for name in tilepool.__all__ if callable(getattr(tilepool, name))])
def test_docstrings(name: str) -> None:
    """Every public function has an example, and it runs."""
    function = getattr(tilepool, name)
    tests = doctest.DocTestFinder(recurse=False).find(function, name, module=False, globs={})
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    results = [runner.run(test) for test in tests]
    assert sum(result.failed for result in results) == 0
    assert sum(result.attempted for result in results) >= 1 or isinstance(function, type)
    assert "%(" not in function.__doc__


@pytest.mark.parametrize(
    ("name", "least", "needs"),
    [
        ("semantics.md", 10, "numpy"), ("index.md", 5, "numpy"), ("training.md", 30, "numpy"),
        ("larger_than_memory.md", 9, "dask.array"),
    ],
)  # fmt: skip
def test_pages(name: str, least: int, needs: str) -> None:
    pytest.importorskip(needs)
    results = doctest.testfile(str(ROOT / "docs" / name), module_relative=False)
    assert results.attempted >= least
    assert results.failed == 0


def test_calls_of_other_libraries() -> None:
    """Each call of tilepool in a table of docs/coming_from.md gives what the numpy expression beside it gives."""
    page = (ROOT / "docs" / "coming_from.md").read_text()
    examples = doctest.DocTestParser().get_doctest(page, {}, "coming_from.md", None, 0)
    assert doctest.DocTestRunner().run(examples, clear_globs=False).failed == 0
    rows = re.findall(r"^\| `.*` \| `(tp\..*)` \| `(.*)` \|$", page, re.MULTILINE)
    for call, numpy in rows:
        result, expected = eval(call, examples.globs), eval(numpy, examples.globs)
        if result.dtype == np.float32:
            expected = expected.astype(np.float32)  # whole numbers, and their quotients rounded once more
        assert result.shape == expected.shape, call
        bound: Any = 0
        if re.search(r'tp\.(lp|gem|logsumexp|softmax|var|std)_pool|"lp"', call):
            # Up to 80 cells, whose logarithms and exponentials are of up to 9: in float64, rounded once, on both sides.
            sizes = np.abs(expected)
            bound = 2 * 2.0**-24 * sizes + error(2 * in_float64(80)) * np.maximum(sizes, 9)
        assert_close(result, expected, bound, call)
    in_tables = sum(call.count("tp.") for call, _ in rows)
    in_examples = sum(example.source.count("tp.") for example in examples.examples)
    assert in_tables + in_examples == page.count("tp.") > 60, "a call stands where it is not run"


def test_the_first_lines_of_the_readme() -> None:
    """The first block of Python prints the block that follows it."""
    blocks = re.findall(r"```(\w*)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    languages = [language for language, _ in blocks]
    first = languages.index("python")
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(blocks[first][1], {})
    assert printed.getvalue() == blocks[first + 1][1]


def test_the_reference_has_every_public_name() -> None:
    """Those of tilepool, and those of its two modules, each behind the name of its module."""
    page = (ROOT / "docs" / "api.md").read_text()
    _, *parts = re.split(r"^\.\. (?:currentmodule|module):: ", page, flags=re.MULTILINE)
    modules = {part.partition("\n")[0]: part for part in parts}
    assert list(modules) == ["tilepool", "tilepool.grad", "tilepool.nn"]
    for module, part in modules.items():
        listed = re.findall(r"^   (\w+)$|^\.\. (?:autoclass|data):: (\w+)$", part, re.MULTILINE)
        public = set(importlib.import_module(module).__all__) - {"grad", "nn"}
        assert sorted(name or other for name, other in listed) == sorted(public), module
