"""The checks of a contributor, each in an environment of its own: `nox --list`. CONTRIBUTING.md says which to run when.

Arguments behind `--` go to pytest. `nox --no-venv` runs a session in the active environment and installs nothing.
"""

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "quick"]

EXTRAS = nox.project.load_toml("pyproject.toml")["project"]["optional-dependencies"]
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
    """All but the slow tests: less than a minute."""
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
        # Not as extras of the project, which would build it.
        session.install("numpy", *(name for extra in ("lint", "test", "bench") for name in EXTRAS[extra]))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    sources = session.run("git", "ls-files", "*.cpp", "*.hpp", silent=True, external=True)
    session.run("clang-format", "--dry-run", "--Werror", *str(sources).split())


@nox.session(python="3.11")
def oldest(session: nox.Session) -> None:
    """The oldest Python and numpy that are supported."""
    install(session, "numpy==1.26.*")
    pytest(session, "-n", "2")


@nox.session
@nox.parametrize("backend", ["threads", "serial"])
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
    install(session, *EXTRAS["dev"])
    pytest(session, "-n", "2", "--cov", "--cov-report=term-missing")
