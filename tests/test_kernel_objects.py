"""The law of csrc/kernels, seen in the module that is imported and in the object files that it was linked from.

Code compiled for AVX-512 must be reachable through a constant table alone. A weak symbol (an inline function, a
template of the standard library) could be the copy that the linker keeps for all callers, also on a CPU without
AVX-512; a static constructor would run there when the library is loaded.
"""

import platform
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tilepool import _core

pytestmark = pytest.mark.wheel

MODULE = Path(_core.__file__).resolve()
BUILD = Path(__file__).parents[1] / "build"


def output_of(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def build_id(module: Path) -> str:
    """A hash of what was linked. It outlives `strip` and `auditwheel`."""
    found = re.search(r"Build ID: (\w+)", output_of("readelf", "--notes", module))
    assert found, f"{module} has no build id"
    return found[1]


@cache
def build_folder() -> Path:
    """Where the module that is imported was linked, of all folders in which this clone has been built."""
    modules = [MODULE, *BUILD.glob(f"**/{MODULE.name}")]
    folders = [
        path.parent for path in modules if (path.parent / "CMakeFiles").is_dir() and build_id(path) == build_id(MODULE)
    ]
    assert folders, f"{MODULE} was not built in {BUILD}, where its objects would be: `pip install .` in this clone does"
    return folders[0]


def objects(isa: str) -> list[Path]:
    paths = (build_folder() / "CMakeFiles").glob("**/*.o")
    return sorted(path for path in paths if re.search(rf"/tilepool_kernels_{isa}(?![a-z0-9])", str(path)))


def symbols(*options: str | Path) -> dict[str, str]:
    """Names, and the letters of nm: capitals are global, U is undefined, W, V and u are weak or unique."""
    lines = [line.split() for line in output_of("nm", "--format=posix", *options).splitlines()]
    return {name: letter for name, letter, *_ in lines}


@pytest.mark.parametrize("isa", _core.built_isas())
def test_one_constant_of_each_object_is_exported_and_nothing_is_weak(isa: str) -> None:
    exported: dict[str, str] = {}
    for path in objects(isa):
        letters = symbols(path)
        assert not [name for name, letter in letters.items() if letter in "WwVvu"], path
        mine = {name: letter for name, letter in letters.items() if letter.isupper() and letter != "U"}
        assert len(mine) == 1, (path, mine)
        exported |= mine
    assert exported
    assert all(f"kernels_{isa}_" in name and letter in "RD" for name, letter in exported.items()), exported


@pytest.mark.parametrize("isa", _core.built_isas())
def test_nothing_but_functions_of_c_is_called(isa: str) -> None:
    """No allocation, exception, OpenMP or standard C++: only mem... of libc and the long division of libgcc."""
    allowed = r"mem(cpy|move|set|cmp)|_GLOBAL_OFFSET_TABLE_|__(u?(div|mod|divmod)|fix(uns)?|float(un)?)[sdtx][fi]\w*"
    letters = {path: symbols(path) for path in objects(isa)}
    of_this_isa = {name for names in letters.values() for name, letter in names.items() if letter in "RD"}
    for path, names in letters.items():
        undefined = {name for name, letter in names.items() if letter == "U"} - of_this_isa
        assert not [name for name in undefined if not re.fullmatch(allowed, name)], path


@pytest.mark.parametrize("isa", _core.built_isas())
def test_nothing_runs_at_load(isa: str) -> None:
    assert objects(isa)
    for path in objects(isa):
        sections = output_of("readelf", "--sections", "--wide", path)
        assert ".text" in sections
        for name in (".init_array", ".ctors", ".preinit_array", ".fini_array", ".tbss", ".tdata"):
            assert name not in sections, path


def test_the_module_exports_nothing_of_the_kernels() -> None:
    """Its initialisation, and what templates of the standard library became in the engine and the bindings: these are
    weak and visible in every C++ module, so that another library's may take their place.
    """
    exported = set(symbols("--dynamic", "--defined-only", MODULE))
    assert "PyInit__core" in exported
    assert not [name for name in exported if "tilepool" in name]
    for isa in _core.built_isas():
        for path in objects(isa):
            assert not exported & set(symbols("--defined-only", path)), path


@pytest.mark.slow
def test_no_mmx_registers_in_the_module() -> None:
    """They are those of long doubles, which would be NaN in the caller until somebody clears them."""
    command: list[str | Path] = ["objdump", "--disassemble", "--no-show-raw-insn", MODULE]
    returns = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listing:
        assert listing.stdout is not None
        for line in listing.stdout:
            returns += "\tret" in line
            assert "%mm" not in line, line
    assert listing.returncode == 0
    assert returns > 100


def test_no_memory_of_other_libraries_threads_is_taken() -> None:
    """Thread-local variables that have their place from the start must be our own.

    Those of the C++ library cannot have it where another module has loaded that library before.
    """
    lines = output_of("readelf", "--relocs", "--wide", Path(_core.__file__)).splitlines()
    static = [line.split() for line in lines if "TPOFF64" in line and "DTPOFF64" not in line]
    assert [words[4:] for words in static if len(words) > 4] == []


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the name of the instruction")
@pytest.mark.parametrize("strategy", ["direct", "gathered"])
def test_prefetches_are_compiled(strategy: str) -> None:
    """GCC drops calls of functions that do nothing else, and results do not show it."""
    (path,) = (build_folder() / "CMakeFiles").glob(f"**/strategies/{strategy}.cpp.o")
    assert "prefetch" in output_of("objdump", "--disassemble", "--no-show-raw-insn", path)
