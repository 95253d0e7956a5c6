"""Life outside a single quiet process: fork, spawn, many threads, environment variables, pickling, `python -m`."""

import copy
import inspect
import os
import pickle
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilepool as tp
from agreement import FUNCTIONS
from interpreters import HANG, printed, python
from tilepool import _core

pytestmark = pytest.mark.wheel

Array = NDArray[Any]

# ---- children ------------------------------------------------------------------------------------------------------


FORK = """
import os, signal, sys
import numpy as np
import tilepool as tp

x = np.random.default_rng(0).normal(size=(1, 4, 512, 512)).astype("float32")
expected = tp.avg_pool(x, 3, 2, 1, threads=2)  # libgomp now has a pool of threads
for generation in range(3):  # a child, and its child ...
    if os.fork():
        _, status = os.wait()
        sys.exit(os.waitstatus_to_exitcode(status))
    signal.alarm(60)
    for threads in (2, 3, None, 1):
        assert np.array_equal(tp.avg_pool(x, 3, 2, 1, threads=threads), expected)
print("forked")
"""


def test_a_forked_child_pools() -> None:
    result = python(
        "-c", FORK, warnings="ignore"
    )  # Python 3.12 warns of forks beside threads; that they work is the point
    assert (result.returncode, result.stdout.strip()) == (0, "forked"), result.stderr


POOL = """
import multiprocessing, sys
import numpy as np
import tilepool as tp

def work(seed):
    x = np.random.default_rng(seed).normal(size=(600, 600))
    return float(tp.max_pool(x, 600, axis=(0, 1), threads=2)[0, 0])

if __name__ == "__main__":
    expected = [work(seed) for seed in range(8)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(work, range(8)).get(60) == expected
    print("pooled")
"""


def test_a_pool_of_forked_workers() -> None:
    result = python("-c", POOL, warnings="ignore")
    assert (result.returncode, result.stdout.strip()) == (0, "pooled"), result.stderr


def test_spawned_workers_get_functions_by_pickle() -> None:
    x = np.arange(300_000.0).reshape(1, 3, 100, 1000)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        results = {op: pool.submit(function, x, 3, 2) for op, function in FUNCTIONS.items()}
        for op, function in FUNCTIONS.items():
            assert np.array_equal(results[op].result(HANG), function(x, 3, 2))


@pytest.mark.parametrize("function", [*FUNCTIONS.values(), tp.set_threads, tp.get_threads, tp.show_config])
def test_functions_are_pickled_and_copied_by_name(function: Any) -> None:
    assert pickle.loads(pickle.dumps(function)) is function
    assert copy.deepcopy(function) is function
    assert function.__module__.startswith("tilepool")
    assert function.__doc__


# ---- threads -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [20, 400])
def test_eight_python_threads_at_once(size: int) -> None:
    """Each with windows of its own on one input, so that plans are made and found at the same time."""
    x = np.random.default_rng(0).normal(size=(2, 2, size, size)).astype(np.float32)
    calls = [(op, kernel, stride) for op in FUNCTIONS for kernel in (1, 2, 3, 5) for stride in (1, 2, 3)]
    expected = [FUNCTIONS[op](x, kernel, stride) for op, kernel, stride in calls]
    start, failures = threading.Barrier(8), []

    def work(number: int) -> None:
        try:
            out = [np.empty_like(result) for result in expected]
            start.wait()
            for turn in range(len(calls)):
                at = (turn * (2 * number + 1)) % len(calls)
                op, kernel, stride = calls[at]
                FUNCTIONS[op](x, kernel, stride, out=out[at], threads=number % 3 + 1)
                assert np.array_equal(out[at], expected[at]), calls[at]
        except BaseException as error:
            failures.append(error)

    team = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in team:
        thread.start()
    for thread in team:
        thread.join(HANG)
    assert not failures
    assert not any(thread.is_alive() for thread in team)


def test_other_threads_run_meanwhile() -> None:
    """A call gives the interpreter away: a Python thread counts on while one long call runs."""
    x = np.broadcast_to(np.arange(2**16).astype(np.uint8), (2**14, 2**16))
    counted, done = 0, threading.Event()

    def count() -> None:
        nonlocal counted
        while not done.is_set():
            counted += 1

    counter = threading.Thread(target=count)
    counter.start()
    try:
        before = counted
        tp.max_pool(x, (2**14, 3), (1, 2), axis=(0, 1), threads=1)  # a thousand million cells
        assert counted > before + 100
    finally:
        done.set()
        counter.join(HANG)


TEAM = """
import os
import numpy as np
import tilepool as tp

before = len(os.listdir("/proc/self/task"))
tp.max_pool(np.zeros((64, 512, 512), np.float32), 2, axis=(1, 2), threads=3)
print(len(os.listdir("/proc/self/task")) - before)
"""


def test_as_many_threads_as_asked_for() -> None:
    """Threads are kept, so that they can be counted."""
    assert printed(TEAM) == ("0" if _core.backend == "serial" else "2")


LITTLE_MEMORY = """
import resource
import numpy as np
import tilepool as tp

x = np.random.default_rng(0).normal(size=(1, 4, 512, 512))
expected = tp.avg_pool(x, 3, 2, 1, threads=1)
with open("/proc/self/statm") as statm:
    size = int(statm.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 2**28, resource.RLIM_INFINITY))
{call}
assert np.array_equal(tp.avg_pool(x, 3, 2, 1, threads=1), expected)
print("alive")
"""


def test_threads_that_cannot_be_started() -> None:
    """There is room for some thirty stacks of 8 MB. libgomp ends the process where a thread cannot be created."""
    call = "assert np.array_equal(tp.avg_pool(x, 3, 2, 1, threads=500), expected)"
    assert printed(LITTLE_MEMORY.format(call=call + "\n" + call)) == "alive"


def test_memory_that_is_not_there() -> None:
    call = """
for kernel in (1, (1, 2)):
    try:
        tp.max_pool(np.broadcast_to(x, (200, 4, 512, 512)), kernel, 1)
    except MemoryError as error:
        print(error)
"""
    *messages, last = printed(LITTLE_MEMORY.format(call=call)).splitlines()
    assert [message.startswith("Unable to allocate 1.5") for message in messages] == [True, True]
    assert last == "alive"


# ---- the environment -----------------------------------------------------------------------------------------------


THREADS = "import tilepool; print(tilepool.get_threads())"


def test_the_default_number_of_threads() -> None:
    assert printed(THREADS, TILEPOOL_THREADS="3") == "3"
    assert printed(THREADS, OMP_NUM_THREADS="5") == "5"
    assert printed(THREADS, TILEPOOL_THREADS="3", OMP_NUM_THREADS="5") == "3"
    cpus = len(os.sched_getaffinity(0))
    assert 1 <= int(printed(THREADS)) <= cpus
    assert printed(f"import os; os.sched_setaffinity(0, [{min(os.sched_getaffinity(0))}]); {THREADS}") == "1"
    script = "import tilepool as tp; tp.set_threads(7); print(tp.get_threads(), tp.set_threads(None), tp.get_threads())"
    assert printed(script, TILEPOOL_THREADS="3") == "7 7 3"


@pytest.mark.parametrize("value", ["0", "-1", "many", "2.5", "99999", "9" * 30, "3x"])
def test_a_wrong_number_of_threads_is_a_warning(value: str) -> None:
    result = python("-c", THREADS, warnings="always", TILEPOOL_THREADS=value, OMP_NUM_THREADS="2")
    assert result.returncode == 0
    assert result.stdout.strip() == "2"
    assert f"RuntimeWarning: TILEPOOL_THREADS must be an integer from 1 to 1024, not {value}" in result.stderr


@pytest.mark.parametrize("value", ["", "abc", "0", "-3", "2,4", "10000"])
def test_odd_values_for_openmp_do_no_harm(value: str) -> None:
    """libgomp itself may complain on stderr."""
    script = "import numpy, tilepool; print(tilepool.max_pool(numpy.ones((1, 1, 900, 900)), 2).sum()); " + THREADS
    result = python("-c", script, OMP_NUM_THREADS=value, OMP_THREAD_LIMIT="1", OMP_DYNAMIC="true")
    assert result.returncode == 0, result.stderr
    total, threads = result.stdout.split()
    assert total == "202500.0"
    assert 1 <= int(threads) <= 1024
    assert value != "2,4" or threads == "2"


ISA = """
import numpy, tilepool
print(tilepool._core.get_isa(), tilepool.max_pool(numpy.ones(40), 4, axis=0).sum())
"""


@pytest.mark.parametrize("name", _core.available_isas())
def test_a_lower_instruction_set_can_be_forced(name: str) -> None:
    assert printed(ISA, TILEPOOL_ISA=name) == f"{name} 10.0"


def test_the_best_instruction_set_is_the_default() -> None:
    assert printed(ISA) == printed(ISA, TILEPOOL_ISA="") == f"{_core.available_isas()[-1]} 10.0"


@pytest.mark.parametrize("name", ["avx1024", "AVX2", "none", "0"])
def test_an_instruction_set_that_is_not_there_is_a_warning(name: str) -> None:
    result = python("-c", ISA, warnings="always", TILEPOOL_ISA=name)
    assert result.returncode == 0
    assert result.stdout.strip() == f"{_core.available_isas()[-1]} 10.0"
    assert "RuntimeWarning" in result.stderr
    assert f"TILEPOOL_ISA={name}" in result.stderr
    refused = python("-c", ISA, TILEPOOL_ISA=name)  # under -W error an exception, and no crash
    assert refused.returncode == 1
    assert "RuntimeWarning" in refused.stderr


def test_python_m_tilepool(tmp_path: Path) -> None:
    result = python("-m", "tilepool", TILEPOOL_THREADS="3")
    assert result.returncode == 0, result.stderr
    for text in (tp.__version__, _core.compiler, _core.get_isa(), *_core.built_isas(), *_core.dtypes, "3"):
        assert text in result.stdout
    assert "[13. 15.]" in result.stdout  # the last row of the array that it pools


def test_show_config(capsys: pytest.CaptureFixture[str]) -> None:
    tp.show_config()
    text = capsys.readouterr().out
    for word in (tp.__version__, np.__version__, _core.compiler, _core.get_isa(), _core.backend, str(tp.get_threads())):
        assert word in text


# ---- memory, all of it (test_arrays.py counts what numpy allocates) ------------------------------------------------


PEAK = """
import numpy as np
import tilepool as tp

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024

def ones(shape, order):  # axes in memory as in `order`
    return np.ones([shape[axis] for axis in order], np.float32).transpose(np.argsort(order))

x = ones((8, 64, 256, 256), {order})[{cut}]  # 128 MB
out = ones([n // 2 if axis in (1, 2) else n for axis, n in enumerate(x.shape)], {order})
before = peak()
for function in (tp.max_pool, tp.avg_pool, tp.sum_pool):
    function({given}, 2, axis=(1, 2), out=out, threads=2)
print(peak() - before)
"""


@pytest.mark.parametrize(
    ("order", "cut", "copied"),
    [
        ((0, 1, 2, 3), "...", False),
        ((0, 2, 3, 1), "...", False),
        ((3, 2, 1, 0), ":, :, :, :-1", False),
        ((0, 1, 2, 3), ":, ::2, ::-1, 3:", False),
        ((0, 1, 2, 3), "..., ::2", False),
        ((0, 1, 2, 3), "..., ::2", True),
    ],
)
def test_the_peak_of_memory(order: tuple[int, ...], cut: str, copied: bool) -> None:
    """A copy of x shows, whoever makes it; that the measurement can see one shows where the test makes it."""
    megabytes = int(printed(PEAK.format(order=order, cut=cut, given="x.copy()" if copied else "x")))
    assert 60 <= megabytes < 80 if copied else megabytes < 16


# ---- signatures ----------------------------------------------------------------------------------------------------


WINDOWS = "x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, "
OP = "op='max', stride"
AXES = "layout=None, axis=None, "
COUNTING = "index_dtype='int64', index_base='plane', "
HOW = "nan_policy='propagate', min_count=0, mask=None, out=None, threads=None)"
WEIGHTED = HOW.replace("out", "weights=None, out")
GENERIC = f"{AXES}{WEIGHTED[:-1]}, **options)"
DIVIDED = "dtype=None, rounding='half_even', "
DRAWN = (
    "(x, kernel_size=None, *, output_size=None, output_ratio=None, overlapping=False, pseudorandom=True, rng=None, "
    "boundaries=None, return_boundaries=False, "
)
SIGNATURES = {
    "max_pool": f"({WINDOWS}return_indices=False, *, {AXES}{COUNTING}{HOW}",
    "min_pool": f"({WINDOWS}return_indices=False, *, {AXES}{COUNTING}{HOW}",
    "sum_pool": f"({WINDOWS}*, {AXES}dtype=None, {WEIGHTED}",
    "avg_pool": "(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, "
    f"divisor_override=None, *, dilation=1, {AXES}{DIVIDED}{WEIGHTED}",
    "lp_pool": "(x, norm_type, kernel_size, stride=None, padding=0, ceil_mode=False, *, dilation=1, " + AXES + HOW,
    "gem_pool": f"({WINDOWS}*, p=3.0, eps=1e-06, {AXES}{HOW}",
    "logsumexp_pool": f"({WINDOWS}*, temperature=1.0, normalize=False, {AXES}{HOW}",
    "softmax_pool": f"({WINDOWS}*, temperature=1.0, {AXES}{HOW}",
    "var_pool": f"({WINDOWS}*, ddof=0, {AXES}{HOW}",
    "std_pool": f"({WINDOWS}*, ddof=0, {AXES}{HOW}",
    "quantile_pool": f"({WINDOWS.replace('x, ', 'x, q, ')}*, method='linear', {AXES}{HOW}",
    "median_pool": f"({WINDOWS}*, method='linear', {AXES}{HOW}",
    "mode_pool": f"({WINDOWS}*, {AXES}{HOW}",
    "pool": f"({WINDOWS.replace('stride', OP)}*, {GENERIC}",
    "adaptive_max_pool": f"(x, output_size, *, return_indices=False, {AXES}{COUNTING}{HOW}",
    "adaptive_min_pool": f"(x, output_size, *, return_indices=False, {AXES}{COUNTING}{HOW}",
    "adaptive_avg_pool": f"(x, output_size, *, {AXES}{DIVIDED}{WEIGHTED}",
    "adaptive_sum_pool": f"(x, output_size, *, {AXES}dtype=None, {WEIGHTED}",
    "adaptive_pool": f"(x, output_size, op, *, {GENERIC}",
    "global_pool": f"(x, op='avg', *, keepdims=True, {GENERIC}",
    "pyramid": f"(x, levels=None, op='avg', kernel_size=2, *, factors=None, {AXES}nan_policy='propagate', min_count=0, "
    "mask=None, threads=None, **options)",
    "pyramid_pool": f"(x, grids, op='max', *, {GENERIC}",
    "fractional_max_pool": f"{DRAWN}return_indices=False, {AXES}{COUNTING}{HOW}",
    "fractional_avg_pool": f"{DRAWN}{AXES}{DIVIDED}{WEIGHTED}",
    "max_unpool": f"(x, indices, kernel_size, stride=None, padding=0, output_size=None, *, {AXES}"
    "index_base='plane', out=None)",
    "convert_indices": f"(indices, shape, source, target, *, {AXES}column_major=False)",
    "stochastic_pool": f"({WINDOWS}*, training=True, rng=None, return_indices=False, {AXES}{COUNTING}{HOW}",
    "mixed_pool": f"({WINDOWS}*, alpha=0.5, count_include_pad=True, {AXES}{HOW}",
    "cost": f"(shape, {WINDOWS.removeprefix('x, ')}*, {AXES}dtype='float32')",
    "Cost": "(output_shape, operations, bytes_read, bytes_written)",
    "set_threads": "(threads)",
    "get_threads": "()",
    "show_config": "()",
}


def test_every_public_function_has_a_signature_here() -> None:
    """The positional order is PyTorch's."""
    public = {name for name in vars(tp) if callable(getattr(tp, name)) and not name.startswith("_")}
    assert public == set(SIGNATURES)
    assert set(tp.__all__) == {*SIGNATURES, "__version__", "grad", "nn"}


@pytest.mark.parametrize("name", SIGNATURES)
def test_the_signature_of(name: str) -> None:
    signature = inspect.signature(getattr(tp, name))
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    assert str(inspect.Signature(bare)) == SIGNATURES[name]


def test_every_name_of_a_parameter_works_as_a_keyword() -> None:
    x = np.arange(16.0).reshape(4, 4)
    windows: dict[str, Any] = {"kernel_size": 2, "stride": 1, "padding": 1, "dilation": 1, "ceil_mode": True}
    places: dict[str, Any] = {"layout": "channels_last", "axis": (0, 1), "out": np.zeros((5, 5)), "threads": 1}
    division: dict[str, Any] = {"count_include_pad": False, "divisor_override": 3}
    for function in (tp.max_pool, tp.min_pool):
        assert np.array_equal(function(x=x, **windows, **places), function(x, 2, 1, 1, 1, True, axis=(0, 1)))
    result = tp.sum_pool(x=x, dtype="float64", **windows, **places)
    assert np.array_equal(result, tp.sum_pool(x, 2, 1, 1, 1, True, axis=(0, 1)))
    result = tp.avg_pool(x=x, dtype="float64", **windows, **division, **places)
    assert np.array_equal(result, tp.avg_pool(x, 2, 1, 1, True, False, 3, axis=(0, 1)))
