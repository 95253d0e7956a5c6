"""The checks of a contributor, each in an environment of its own: `nox --list`. CONTRIBUTING.md says which to run when.

Arguments behind `--` go to pytest. `nox --no-venv` runs a session in the active environment and installs nothing.
"""

import shutil
import subprocess

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "quick"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
QUICK = ("-m", "not slow")


def install(session: nox.Session, *arguments: str) -> None:
    """The package, with what its tests need."""
    if session.venv_backend != "none":
        session.install(".[test]", *arguments)


def pytest(session: nox.Session, *arguments: str) -> None:
    session.run("python", "-m", "pytest", *arguments, *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests."""
    install(session)
    pytest(session, "-n", "2")


@nox.session
def quick(session: nox.Session) -> None:
    """All but the slow tests: about a minute."""
    install(session)
    pytest(session, *QUICK)


@nox.session
def random(session: nox.Session) -> None:
    """Tests of random arguments with examples that no run had before; prints the seed that brings them back."""
    install(session)
    pytest(session, "-n", "2", "-m", "hypothesis", "--hypothesis-profile=random")


@nox.session
def lint(session: nox.Session) -> None:
    """Style and types."""
    if session.venv_backend != "none":
        # Not the project itself, which would have to be built.
        test = PYPROJECT["project"]["optional-dependencies"]["test"]
        session.install("numpy", *test, *nox.project.dependency_groups(PYPROJECT, "lint", "bench"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    session.run("pyright", "--project", "pyproject.toml")  # not what a folder above may have
    sources = session.run("git", "ls-files", "*.cpp", "*.hpp", silent=True, external=True)
    session.run("clang-format", "--dry-run", "--Werror", *str(sources).split())


@nox.session
def docs(session: nox.Session) -> None:
    """The pages of docs/ and the reference as HTML in build/docs. What Sphinx warns of is an error."""
    if session.venv_backend != "none":
        session.install(".", *nox.project.dependency_groups(PYPROJECT, "docs"))
    shutil.rmtree("docs/api", ignore_errors=True)  # pages of functions that may no longer be there
    session.run("sphinx-build", "-q", "-W", "--keep-going", "-E", "docs", "build/docs")


@nox.session(python="3.11")
def oldest(session: nox.Session) -> None:
    """The oldest Python and numpy that are supported."""
    install(session, "numpy==1.26.*")
    pytest(session, "-n", "2")


@nox.session
def torch(session: nox.Session) -> None:
    """Inside PyTorch: tensors, gradients, compiled and exported graphs, modules, and PyTorch as an oracle."""
    index = ("--extra-index-url", "https://download.pytorch.org/whl/cpu")  # wheels without CUDA, a tenth of the size
    install(session, *nox.project.dependency_groups(PYPROJECT, "torch"), *index)
    names = ("torch_tensors", "torch_gradients", "torch_modules", "against_torch")
    pytest(session, "-n", "2", *(f"tests/test_{name}.py" for name in names))


@nox.session
@nox.parametrize("backend", ["openmp", "serial"])
def backends(session: nox.Session, backend: str) -> None:
    """The other thread back ends, with the kernels of one instruction set."""
    install(
        session,
        f"--config-settings=build-dir=build/{backend}",
        f"--config-settings=cmake.define.TILEPOOL_BACKEND={backend}",
        "--config-settings=cmake.define.TILEPOOL_ISAS=baseline",
    )
    pytest(session, *QUICK)


@nox.session
def coverage(session: nox.Session) -> None:
    """Which lines of the Python package no test runs."""
    install(session, *nox.project.dependency_groups(PYPROJECT, "coverage"))
    pytest(session, "-n", "2", "--cov", "--cov-report=term-missing")


# UBSan does not count conversions of floats that are too large among what is undefined.
MEMORY_AND_ARITHMETIC = "address,undefined,float-cast-overflow"

# Tests that count memory, let allocations fail, fork or want a fault of their own: the sanitizer has these in hand.
NOT_FOR_ASAN = [f"--ignore=tests/test_{name}.py" for name in ("hostile_processes", "processes", "threads")]
NOT_FOR_ASAN += ["--deselect=tests/test_bounds.py::test_a_guard_page_faults"]

# Kernels of the other instruction sets differ from these in the width of their vectors.
SANITIZED_KERNELS = {"ISAS": "baseline", "SANITIZE_KERNELS": "ON"}


def run_engine(session: nox.Session, sanitizers: str, *arguments: str, **options: str) -> None:
    """Build the tests of the engine with sanitizers, and run them."""
    values = {"SANITIZE": sanitizers, "BACKEND": "threads", "BUILD_TESTS": "ON", **options}
    build = f"build/{session.name}"
    defined = [f"-DTILEPOOL_{name}={value}" for name, value in values.items()]
    session.run("cmake", "-S", ".", "-B", build, "-G", "Ninja", *defined, external=True)
    session.run("cmake", "--build", build, external=True)
    session.run("ctest", "--test-dir", build, "--output-on-failure", "--parallel", "2", *arguments, external=True)


def run_module(session: nox.Session, sanitizers: str, *arguments: str, **environment: str) -> None:
    """Install tilepool with sanitizers in engine and bindings, and run tests with it.

    The kernels have none, and engine and bindings do the same for those of any instruction set: there are those of one,
    so that tests do not repeat it. (The tests of the engine run on all.)
    """
    settings = [f"build-dir=build/{session.name}-module", "install.strip=false", "cmake.define.TILEPOOL_ISAS=baseline"]
    settings += ["cmake.define.TILEPOOL_BACKEND=threads", f"cmake.define.TILEPOOL_SANITIZE={sanitizers}"]
    session.install(*(f"--config-settings={setting}" for setting in settings), ".[test]")
    # The interpreter has no sanitizers: their library must come first, and before it what it watches.
    library = "libtsan.so" if sanitizers == "thread" else "libasan.so"
    find = (["g++", f"-print-file-name={name}"] for name in (library, "libstdc++.so"))
    paths = [subprocess.check_output(command, text=True) for command in find]
    environment["LD_PRELOAD"] = ":".join(path.strip() for path in paths)
    session.run("python", "-m", "pytest", *arguments, *session.posargs, env=environment)


@nox.session
def sanitize(session: nox.Session) -> None:
    """AddressSanitizer and UBSan in engine and bindings: the tests of the engine, and the quick ones of Python."""
    run_engine(session, MEMORY_AND_ARITHMETIC)
    # Leaks are looked for in the tests of the engine alone: the interpreter keeps much to its end.
    # Arrays that no memory holds are a MemoryError.
    options = "detect_leaks=0:allocator_may_return_null=1"
    run_module(session, MEMORY_AND_ARITHMETIC, "-n", "2", *QUICK, *NOT_FOR_ASAN, ASAN_OPTIONS=options)


@nox.session
def sanitize_kernels(session: nox.Session) -> None:
    """The tests of the engine with AddressSanitizer and UBSan in the kernels, too."""
    run_engine(session, MEMORY_AND_ARITHMETIC, **SANITIZED_KERNELS)


@nox.session
def tsan(session: nox.Session) -> None:
    """ThreadSanitizer: threads of the engine and of Python."""
    run_engine(session, "thread", "-R", "threads", **SANITIZED_KERNELS)
    run_module(session, "thread", "tests/test_processes.py", "-k", "eight_python_threads or meanwhile")
