"""Checks that take a build of their own."""

import subprocess
from pathlib import Path

import nox

nox.options.sessions = []


def build(session: nox.Session, sanitize: str, **options: str) -> Path:
    """Install tilepool with these sanitizers, and build the tests of the engine beside it."""
    folder = Path("build") / session.name
    options = {"TILEPOOL_SANITIZE": sanitize, "TILEPOOL_BUILD_TESTS": "ON", **options}
    defined = [f"-Ccmake.define.{name}={value}" for name, value in options.items()]
    session.install(f"-Cbuild-dir={folder}", "-Cinstall.strip=false", *defined, ".[test]")
    return folder


def preloaded(*libraries: str) -> str:
    """What LD_PRELOAD must be for a Python that was not compiled with sanitizers."""
    find = ["g++", *(f"-print-file-name={library}" for library in libraries)]
    return ":".join(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() for command in
                    ([find[0], argument] for argument in find[1:]))


@nox.session
def sanitize(session: nox.Session) -> None:
    """AddressSanitizer and UBSan in engine and bindings: the tests of the engine and the quick ones of Python."""
    folder = build(session, "address,undefined")
    session.run("ctest", "--test-dir", str(folder), "--output-on-failure", external=True)
    # The interpreter frees little before it ends: leaks are looked for in the tests of the engine.
    environment = {"LD_PRELOAD": preloaded("libasan.so", "libstdc++.so"), "ASAN_OPTIONS": "detect_leaks=0"}
    session.run("python", "-m", "pytest", "-m", "not slow", *session.posargs, env=environment)
