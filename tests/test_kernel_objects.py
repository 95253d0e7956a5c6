"""The law of csrc/kernels, seen in the object files: one exported table each, nothing weak, nothing that runs at load.

Code compiled for AVX-512 must be reachable through the table alone. A weak symbol (an inline function, a template of
the standard library) could be the copy that the linker keeps for all callers, also on a CPU without AVX-512; a static
constructor would run there when the library is loaded.
"""

import re
import subprocess
from pathlib import Path

import pytest

from tilepool import _core

BUILD = Path(__file__).parents[1] / "build"


def objects() -> dict[str, Path]:
    """The newest object file of each instruction set, of those that `pip install` left in build/."""
    found: dict[str, Path] = {}
    for path in sorted(BUILD.glob("**/tilepool_kernels_*/**/*.o"), key=lambda path: path.stat().st_mtime):
        found[re.findall(r"tilepool_kernels_(\w+)", str(path))[0]] = path
    return found


def output_of(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_every_instruction_set_has_its_objects() -> None:
    assert set(objects()) == set(_core.built_isas()), f"`pip install .` in this clone builds them into {BUILD}"


@pytest.mark.parametrize("isa", _core.built_isas())
def test_one_symbol_is_exported_and_none_is_weak(isa: str) -> None:
    """The letters of nm: capitals are global, U is undefined, W, V and u are weak or unique."""
    lines = [line.split() for line in output_of("nm", "--format=posix", objects()[isa]).splitlines()]
    letters = {name: letter for name, letter, *_ in lines}
    exported = [name for name, letter in letters.items() if letter.isupper() and letter != "U"]
    assert len(exported) == 1, exported
    assert f"table_{isa}" in exported[0]
    assert letters[exported[0]] in "RD"
    assert not [name for name, letter in letters.items() if letter in "WwVvu"]


@pytest.mark.parametrize("isa", _core.built_isas())
def test_nothing_but_functions_of_c_is_called(isa: str) -> None:
    """No allocation, exception, OpenMP or standard C++: only mem... of libc and the long division of libgcc."""
    lines = output_of("nm", "--undefined-only", "--format=posix", objects()[isa]).splitlines()
    undefined = {line.split()[0] for line in lines}
    allowed = r"mem(cpy|move|set|cmp)|_GLOBAL_OFFSET_TABLE_|__(u?(div|mod|divmod)|fix(uns)?|float(un)?)[sdtx][fi]\w*"
    assert not [name for name in undefined if not re.fullmatch(allowed, name)]


@pytest.mark.parametrize("isa", _core.built_isas())
def test_nothing_runs_at_load(isa: str) -> None:
    sections = output_of("readelf", "--sections", "--wide", objects()[isa])
    assert ".text" in sections
    for name in (".init_array", ".ctors", ".preinit_array", ".fini_array", ".tbss", ".tdata"):
        assert name not in sections


@pytest.mark.parametrize("isa", _core.built_isas())
def test_no_mmx_registers(isa: str) -> None:
    """They are those of long doubles, which would be NaN in the caller until somebody clears them."""
    code = output_of("objdump", "--disassemble", "--no-show-raw-insn", objects()[isa])
    assert "ret" in code
    assert not re.search(r"%mm\d", code)
