"""Times gradients against PyTorch's and JAX's, where these are installed: backward alone, and forward and backward.

    python bench/gradients.py [--threads 1] [--rounds 15] [--cases max] [--only tilepool]

Each library has arrays in the memory order that is named, and takes turns with the others; results are compared first.
Times are milliseconds, medians over all turns; with one thread of CPU time. `indices` has those of the forward pass,
and so has `reused`, which writes to an array that is there; `search` has none. What torch keeps from its forward pass
(its indices) it keeps here, too. With several threads, run one library at a time: those of others that wait for work
take it from whose turn it is. JAX is given no forward pass to do where the gradient needs none.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import tilepool as tp

Array = npt.NDArray[np.float32]


class Case(NamedTuple):
    op: str
    shape: tuple[int, int, int, int]
    kernel: int
    stride: int
    padding: int


CASES = [
    Case("max", (8, 64, 112, 112), 3, 2, 1),
    Case("max", (8, 64, 112, 112), 2, 2, 0),
    Case("max", (8, 64, 40, 40), 5, 1, 2),
    Case("max", (8, 64, 20, 20), 13, 1, 6),
    Case("avg", (8, 64, 56, 56), 3, 1, 1),
    Case("avg", (8, 64, 112, 112), 2, 2, 0),
]
Turn = Callable[[], Any]


def installed(name: str) -> Any:
    return import_module(name) if find_spec(name) else None


def of_tilepool(case: Case, x: Array, g: Array, _: int) -> dict[str, Turn]:
    words: dict[str, Any] = {"kernel_size": case.kernel, "stride": case.stride, "padding": case.padding}
    out = np.empty_like(x)
    if case.op == "avg":
        return {
            "reused": lambda: tp.grad.avg_pool(g, x, out=out, **words),
            "backward": lambda: tp.grad.avg_pool(g, x, **words),
            "both": lambda: (tp.avg_pool(x, **words), tp.grad.avg_pool(g, x, **words)),
        }
    _, indices = tp.max_pool(x, return_indices=True, **words)

    def both() -> Any:
        _, found = tp.max_pool(x, return_indices=True, index_dtype="int32", **words)
        return tp.grad.max_pool(g, x, indices=found, **words)

    return {
        "reused": lambda: tp.grad.max_pool(g, x, indices=indices, out=out, **words),
        "indices": lambda: tp.grad.max_pool(g, x, indices=indices, **words),
        "search": lambda: tp.grad.max_pool(g, x, **words),
        "both": both,
    }


def of_torch(case: Case, x: Array, g: Array, threads: int) -> dict[str, Turn]:
    torch = installed("torch")
    if torch is None:
        return {}
    torch.set_num_threads(threads)
    pool = getattr(torch.nn.functional, f"{case.op}_pool2d")
    words = {"kernel_size": case.kernel, "stride": case.stride, "padding": case.padding}
    array, upper = torch.from_numpy(x).requires_grad_(), torch.from_numpy(g)
    result = pool(array, **words)
    return {
        "torch": lambda: torch.autograd.grad(result, array, upper, retain_graph=True)[0].numpy(),
        "torch both": lambda: torch.autograd.grad(pool(array, **words), array, upper)[0].numpy(),
    }


def of_jax(case: Case, x: Array, g: Array, _: int) -> dict[str, Turn]:
    jax = installed("jax")
    if jax is None:
        return {}
    window = (1, 1, case.kernel, case.kernel), (1, 1, case.stride, case.stride)
    pads = ((0, 0), (0, 0), (case.padding,) * 2, (case.padding,) * 2)
    start, combine = (-np.inf, jax.lax.max) if case.op == "max" else (0.0, jax.lax.add)
    scale = 1.0 if case.op == "max" else 1 / case.kernel**2

    def loss(array: Any) -> Any:
        return scale * (jax.lax.reduce_window(array, start, combine, *window, pads) * g).sum()

    gradient = jax.jit(jax.grad(loss))
    array = jax.device_put(x)
    return {"jax both": lambda: np.asarray(gradient(array).block_until_ready())}


LIBRARIES = {"tilepool": of_tilepool, "torch": of_torch, "jax": of_jax}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--cases", default="", help="part of a case's name")
    parser.add_argument("--only", choices=("tilepool", "torch", "jax"))
    chosen = parser.parse_args()
    tp.set_threads(chosen.threads)
    clock = time.process_time if chosen.threads == 1 else time.perf_counter
    random = np.random.default_rng(0)
    for case in CASES:
        name = f"{case.op} {case.kernel}x{case.kernel}/{case.stride} {'x'.join(map(str, case.shape))}"
        if chosen.cases not in name:
            continue
        for layout, order in (("first", (0, 1, 2, 3)), ("last", (0, 2, 3, 1))):
            shape = [case.shape[axis] for axis in order]
            back = np.argsort(order)
            x: Array = random.standard_normal(shape, np.float32).transpose(back)
            y = getattr(tp, f"{case.op}_pool")(x, case.kernel, case.stride, case.padding)
            g: Array = random.standard_normal([y.shape[axis] for axis in order], np.float32).transpose(back)
            turns: dict[str, Turn] = {}
            for library in ("tilepool", "torch", "jax") if chosen.only is None else (chosen.only,):
                turns |= LIBRARIES[library](case, x, g, chosen.threads)
            if not turns:
                parser.error(f"{chosen.only} is not installed")
            expected = next(iter(turns.values()))()
            expected = expected[1] if isinstance(expected, tuple) else expected
            times: dict[str, list[float]] = {turn: [] for turn in turns}
            for turn, call in turns.items():
                result = call()
                result = result[1] if isinstance(result, tuple) else result
                assert np.allclose(result, expected, rtol=1e-4, atol=1e-4), f"{name}: {turn} gives something else"
            for _ in range(chosen.rounds):
                for turn, call in turns.items():
                    time.sleep(0.02)  # threads of others spin so long
                    call()  # warms the caches
                    begin = clock()
                    call()
                    times[turn].append(clock() - begin)
            figures = (f"{turn} {1e3 * statistics.median(of):.2f}" for turn, of in times.items())
            print(f"{name}, {layout}:", ", ".join(figures), flush=True)


if __name__ == "__main__":
    main()
