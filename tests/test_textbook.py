"""What users read runs, and says what it should: the examples, the docstrings, the pages, the README's first lines."""

import doctest
import io
import re
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType

import pytest

from tilepool import _adaptive, _api

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


def test_the_photograph(tmp_path: Path) -> None:
    matplotlib_image = pytest.importorskip("matplotlib.image")  # of the extra `examples`
    run_example("photo.py", "--output", tmp_path / "pooled.png")
    picture = matplotlib_image.imread(tmp_path / "pooled.png")
    assert min(picture.shape[:2]) > 500
    assert picture[..., :3].std() > 0.1, "an empty picture"


@pytest.mark.parametrize("module", [_api, _adaptive])
def test_docstrings(module: ModuleType) -> None:
    results = doctest.testmod(module, optionflags=OPTIONS)
    assert results.attempted >= 10
    assert results.failed == 0


@pytest.mark.parametrize("name", ["semantics.md"])
def test_pages(name: str) -> None:
    results = doctest.testfile(str(ROOT / "docs" / name), module_relative=False)
    assert results.attempted >= 10
    assert results.failed == 0


def test_the_first_lines_of_the_readme() -> None:
    """The first block of Python prints the block that follows it."""
    blocks = re.findall(r"```(\w*)\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    languages = [language for language, _ in blocks]
    first = languages.index("python")
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(blocks[first][1], {})
    assert printed.getvalue() == blocks[first + 1][1]
