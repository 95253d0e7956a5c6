"""The process of one library: answers questions about cases, one JSON line each, on standard input and output.

Run by compare.py as `python worker.py LIBRARY THREADS`. The questions:

    {"ask": "case", "case": ..., "input": PATH, "reference": PATH}   -> {"labels": [...]}
    {"ask": "prepare", "label": ...}                   -> {"first": seconds, "digest": ...} or {"problem": why not}
    {"ask": "time", "label": ..., "slice": seconds, "cpu": bool}     -> {"seconds": per call, "calls": n}
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from cases import Case, from_message
from contender import Contender, Peer, UnsupportedError
from home_cases import HomeCase
from ops import Array
from verify import difference, digest, spot_check

# Name of each library, and where its contenders are.
LIBRARIES = {
    "tilepool": ("peers_arrays", "Tilepool"),
    "copy": ("peers_arrays", "Copy"),
    "torch": ("peers_frameworks", "Torch"),
    "onnxruntime": ("peers_frameworks", "OnnxRuntime"),
    "openvino": ("peers_frameworks", "OpenVino"),
    "jax": ("peers_frameworks", "Jax"),
    "tensorflow": ("peers_frameworks", "TensorFlow"),
    "opencv": ("peers_arrays", "OpenCv"),
    "scipy": ("peers_arrays", "Scipy"),
    "scikit-image": ("peers_arrays", "ScikitImage"),
    "numpy": ("peers_arrays", "Numpy"),
}
QUICK = 0.05  # seconds; only calls below it are worth repeating, or doing once more to warm the caches


def pin(threads: int) -> None:
    """Confines the process to as many CPUs as it may have threads, one per core where there are enough.

    It is the only way to set the thread count that every library obeys.
    """
    cpus = sorted(os.sched_getaffinity(0))
    cores: dict[str, int] = {}
    for cpu in cpus:
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        cores.setdefault(siblings.read_text() if siblings.exists() else str(cpu), cpu)
    chosen = [*cores.values(), *(cpu for cpu in cpus if cpu not in cores.values())][:threads]
    os.sched_setaffinity(0, chosen)


def quiet_environment(threads: int) -> None:
    """Variables that libraries read when they are imported."""
    for name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        os.environ[f"{name}_NUM_THREADS"] = str(threads)
    os.environ.update(VIPS_CONCURRENCY=str(threads), POLARS_MAX_THREADS=str(threads))
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", JAX_PLATFORMS="cpu", CUDA_VISIBLE_DEVICES="")


def read(path: str | Path, dtype: Any) -> Array:
    """A saved array; a dtype that numpy does not know by itself, bfloat16, is saved as bytes."""
    array: Array = np.load(path)
    return array.view(np.dtype(dtype)) if array.dtype.kind == "V" else array


class Worker:
    """The state of the process: one peer, one case, its contenders."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.case: Case | HomeCase | None = None
        self.x: Array | None = None
        self.input = Path()
        self.reference = Path()
        self.contenders: dict[str, Contender] = {}
        self.estimates: dict[str, float] = {}  # seconds per call

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        if question["ask"] == "case":
            return self._load(question)
        if question["ask"] == "prepare":
            return self._prepare(question["label"])
        return self._time(question["label"], question["slice"], question["cpu"])

    def _load(self, question: dict[str, Any]) -> dict[str, Any]:
        self.contenders.clear()
        self.estimates.clear()
        case = question["case"]
        self.case = from_message(case, HomeCase) if "theirs" in case else from_message(case, Case)
        self.x, self.input = None, Path(question["input"])
        self.reference = Path(question["reference"])
        return {"labels": self.peer.labels(self.case)}

    def _prepare(self, label: str) -> dict[str, Any]:
        assert self.case is not None
        try:
            if self.x is None:
                self.x = read(self.input, self.case.dtype)
            contender = self.peer.prepare(label, self.case, self.x)
            begin = time.perf_counter()
            returned = contender.call()
            first = time.perf_counter() - begin
            problem = None if label == "copy" else self._check(contender.result(returned))
            if first < 10 * QUICK:  # the first call may have compiled something
                first = min(contender.time_calls(1) for _ in range(3))
        except UnsupportedError as reason:
            return {"problem": f"unsupported: {reason}"}
        except Exception as error:  # a peer's own refusal, whatever its type; or numpy does not know the dtype
            return {"problem": f"unsupported: {type(error).__name__}: {str(error).strip()[:200]}"}
        if problem is not None:
            return {"problem": f"differs: {problem}"}
        self.contenders[label] = contender
        self.estimates[label] = first
        return {"first": first, "digest": digest(returned)}

    def _check(self, result: Array) -> str | None:
        """Every result is checked in places against the definition, and as a whole against the first peer's."""
        assert self.case is not None
        assert self.x is not None
        problem = spot_check(self.case, self.x, result) if isinstance(self.case, Case) else None
        if problem is not None:
            return problem
        if self.reference.exists():
            if isinstance(self.case, HomeCase):
                return self.case.difference(result, np.load(self.reference))
            return difference(self.case, self.x, result, read(self.reference, result.dtype))
        np.save(self.reference, result)
        return None

    def _time(self, label: str, slice_: float, cpu: bool) -> dict[str, Any]:
        contender, estimate = self.contenders[label], self.estimates[label]
        if estimate < QUICK:  # wakes its threads, and has the caches hold its data rather than the last peer's
            contender.time_calls(1)
        calls = max(1, min(100_000, int(slice_ / max(estimate, 1e-7))))
        seconds = contender.time_calls(calls, time.process_time if cpu else time.perf_counter) / calls
        self.estimates[label] = seconds
        return {"seconds": seconds, "calls": calls}


def start(library: str, threads: int) -> Peer:
    """The peer of that name; `home/NAME` is a library with its own functions, on its own work."""
    peer: Peer
    if library.startswith("home/"):
        peer = import_module("peers_specialists").specialist(library.removeprefix("home/"), threads)
    else:
        module, name = LIBRARIES[library]
        peer = getattr(import_module(module), name)(threads)
    return peer


def main() -> None:
    library, threads = sys.argv[1], int(sys.argv[2])
    channel = os.fdopen(os.dup(1), "w")  # what libraries print must not end up between the answers
    os.dup2(2, 1)

    def say(answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=channel, flush=True)

    pin(threads)
    quiet_environment(threads)
    try:
        peer = start(library, threads)
    except Exception as error:
        say({"missing": f"{type(error).__name__}: {error}"})
        return
    say({"version": peer.version, "isa": getattr(peer, "isa", ""), "path": getattr(peer, "path", "")})
    worker = Worker(peer)
    for line in sys.stdin:
        say(worker.answer(json.loads(line)))


if __name__ == "__main__":
    main()
