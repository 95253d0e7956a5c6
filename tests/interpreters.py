"""Runs scripts in new interpreters, which may hang or die, and compiles what they need."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HANG = 120  # seconds after which a child is taken to hang; each needs about one

# What a script prints last: the most bytes of memory it had. (Not `getrusage`, which counts its parent's at the fork.)
PEAK_MEMORY = """
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print(int(line.split()[1]) * 1024)
"""


def python(*arguments: str, warnings: str = "error", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a new interpreter, without the settings of this one. What it has forked does not outlive one that hangs."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TILEPOOL_", "OMP_"))}
    command = [sys.executable, "-W", warnings, *arguments]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=clean | environment, process_group=0, **pipes) as process:
        try:
            stdout, stderr = process.communicate(timeout=HANG)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def printed(script: str, *, warnings: str = "error", **environment: str) -> str:
    result = python("-c", script, warnings=warnings, **environment)
    assert result.returncode == 0, (result.returncode, result.stderr)
    assert result.stderr == ""
    return result.stdout.strip()


def in_new_interpreter(function: Callable[..., None], *arguments: object) -> None:
    """Call a function of a module of tests in an interpreter that has one thread; arguments are those that repr tells.

    That is where tracemalloc is used: up to Python 3.12.8 it may crash when it stops while another thread runs, and the
    processes that tests are given to have a second one.
    """
    here, existing = str(Path(__file__).parent), os.environ.get("PYTHONPATH")
    script = f"from {function.__module__} import {function.__name__} as f; f(*{arguments!r})"
    path = here if existing is None else here + os.pathsep + existing
    result = python("-X", "faulthandler", "-c", script, PYTHONPATH=path)
    assert result.returncode == 0, (result.returncode, result.stderr)


def compiled(source: str | Path, target: Path, *options: str) -> Path:
    """Compile C++, text or a file; skip the test where there is no compiler."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("needs g++")
    if isinstance(source, str):
        text, source = source, target.with_suffix(".cpp")
        source.write_text(text)
    subprocess.run([compiler, "-std=c++17", "-O1", "-g", str(source), "-o", str(target), *options], check=True)
    return target
