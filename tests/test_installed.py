"""What is tested is this clone: the package that is imported has every file of it, as it is here."""

from pathlib import Path

import pytest

import tilepool

pytestmark = pytest.mark.wheel


def files_of(package: Path) -> dict[str, bytes]:
    kinds = (".py", ".pyi", ".typed")
    return {str(path.relative_to(package)): path.read_bytes() for path in package.rglob("*") if path.suffix in kinds}


def test_every_file_of_the_package_is_installed() -> None:
    here = files_of(Path(__file__).parents[1] / "python" / "tilepool")
    there = files_of(Path(tilepool.__file__).parent)
    assert "py.typed" in here
    differing = sorted(name for name in here | there if here.get(name) != there.get(name))
    assert not differing, f"{tilepool.__file__} is not that of this clone: `pip install .`"
