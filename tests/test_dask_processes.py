"""Arrays of dask in other processes: larger than memory, and on workers of which one is killed."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from interpreters import PEAK_MEMORY

pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")

# 21 GB in chunks of 8 MB, or 8.6 GB.
LARGE = """
import sys
import dask, dask.array as da, numpy as np, tilepool as tp

def chunk(block_info=None):
    (z, _), (y, _), _ = block_info[None]["array-location"]
    return np.full((64, 256, 256), z + y, np.uint16)

planes = 160 if sys.argv[1] == "blocks" else 64
chunks = (64,) * planes, (256,) * 4, (256,) * 4
x = da.map_blocks(chunk, chunks=chunks, dtype=np.uint16, meta=np.empty((0, 0, 0), np.uint16))
assert x.nbytes == planes << 27
last = (planes - 1) * 64 + 3 * 256
everywhere = {"axis": (0, 1, 2)}
with dask.config.set(scheduler="threads", num_workers=2):
    if sys.argv[1] == "blocks":
        halved = tp.avg_pool(x, 2, dtype="uint16", **everywhere)
        assert tp.global_pool(halved, "max", **everywhere).compute().item() == last
    elif sys.argv[1] == "overlapping":
        assert tp.max_pool(x, 3, 1, "same", **everywhere).max().compute() == last
    else:
        assert tp.global_pool(x, "avg", **everywhere).compute().item() == last / 2
"""


@pytest.mark.slow
@pytest.mark.parametrize("windows", ["blocks", "overlapping", "tree"])
def test_an_array_larger_than_memory(windows: str) -> None:
    """Some twenty chunks beside the interpreter, which are far less than the halved array, of 2.7 GB. Blocks that wait
    for their neighbours hold more, as many as dask's order of tasks makes them.
    """
    done = subprocess.run(
        [sys.executable, "-c", LARGE + PEAK_MEMORY, windows], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < (1.5e9 if windows == "overlapping" else 4e8)


def slow_chunk(block_info: Any = None) -> Any:
    """Numbers of the whole array, after a while: so that a worker can die in the middle."""
    time.sleep(0.1)
    (lo, hi), (left, right) = block_info[None]["array-location"]
    return np.add.outer(np.arange(lo, hi) * 7 % 101, np.arange(left, right) * 13 % 97).astype(np.float32)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # a worker that dies leaves sockets behind
def test_a_worker_is_killed(tmp_path: Path) -> None:
    import dask.array as da

    import tilepool as tp

    chunks = ((50,) * 10, (60,) * 10)
    x = da.map_blocks(slow_chunk, chunks=chunks, dtype=np.float32, meta=np.empty((0, 0), np.float32))
    whole = np.add.outer(np.arange(500) * 7 % 101, np.arange(600) * 13 % 97).astype(np.float32)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, local_directory=str(tmp_path)
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        pids = client.run(os.getpid)
        window = tp.avg_pool(x, 3, 1, 1, axis=(0, 1))
        mean, largest = tp.global_pool(x, axis=(0, 1)), tp.pool(x, 130, "max", axis=(0, 1), return_indices=True)
        futures = client.compute([window, mean, *largest])
        time.sleep(2)  # of some five that it takes
        assert not all(future.done() for future in futures), "too late to kill a worker"
        os.kill(next(iter(pids.values())), 9)
        results = client.gather(futures)
    assert np.array_equal(results[0], tp.avg_pool(whole, 3, 1, 1, axis=(0, 1)))  # whole numbers are exact
    assert results[1] == tp.global_pool(da.from_array(whole, chunks=chunks), axis=(0, 1)).compute()  # in their order
    for result, expected in zip(results[2:], tp.pool(whole, 130, "max", axis=(0, 1), return_indices=True), strict=True):
        assert np.array_equal(result, expected)
