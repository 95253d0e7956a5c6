"""Processes that end, fork, run out of memory or threads, or come with an odd environment, in the middle of a call."""

import os
import sys
from pathlib import Path

import pytest

from interpreters import compiled, printed, python
from tilepool import _core

SETUP = """
import os, resource, signal, sys, threading
import numpy as np
import tilepool as tp

x = np.random.default_rng(0).normal(size=(1, 1, 512, 512)).astype("f4")
expected = tp.avg_pool(x, 3, 2, 1, threads=1)
def check(threads):
    assert np.array_equal(tp.avg_pool(x, 3, 2, 1, threads=threads), expected)
"""

# ---- the end -------------------------------------------------------------------------------------------------------


END = """
import threading, time
import numpy as np
import tilepool as tp

x = np.zeros((900, 900), np.float32)
def work():
    while True:
        tp.max_pool(x, 3, 1, axis=(0, 1), threads={threads})
for _ in range({callers}):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.1)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("callers", "threads"), [(1, 1), (1, 2), (3, 2)])
def test_the_interpreter_ends_during_calls_of_daemon_threads(callers: int, threads: int) -> None:
    for _ in range(5):
        assert printed(END.format(callers=callers, threads=threads)) == ""


# ---- limits --------------------------------------------------------------------------------------------------------


LIMITS = """
def limit_memory(stacks):
    with open("/proc/self/statm") as statm:
        size = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + stacks * 2**23 + 7 * 2**20, resource.RLIM_INFINITY))

def limit_threads(more):
    os.setgroups([])
    os.setresgid(*[65534] * 3)
    os.setresuid(*[65534] * 3)
    there = len(os.listdir("/proc/self/task"))
    resource.setrlimit(resource.RLIMIT_NPROC, (there + more, resource.getrlimit(resource.RLIMIT_NPROC)[1]))

def at_once(callers):  # under a limit that is set when they are all there
    failures = []
    start = threading.Barrier(callers + 1)
    def work():
        try:
            start.wait()
            for _ in range(3):
                check(8)
        except BaseException as error:
            failures.append(error)
    team = [threading.Thread(target=work) for _ in range(callers)]
    for thread in team:
        thread.start()
    limit()
    start.wait()
    for thread in team:
        thread.join()
    assert not failures, failures
"""
CALLS = {
    "one caller": "limit(); check(8)",
    "a team that shrinks and grows": "check(3); check(2); limit(); check(12); check(1); check(40)",
    "two callers": "at_once(2)",
    "sixteen callers": "at_once(16)",
}


@pytest.mark.slow
@pytest.mark.skipif(_core.backend == "openmp", reason="libgomp ends a process that cannot have its threads")
@pytest.mark.parametrize("calls", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("more", [0, 1, 5])
@pytest.mark.parametrize("what", ["memory", "threads"])
def test_threads_that_cannot_be_made(what: str, more: int, calls: str) -> None:
    """The limit leaves room for so many stacks or threads more than there are."""
    if what == "threads" and os.getuid() != 0:
        pytest.skip("other processes of the user count")
    script = f"{SETUP}{LIMITS}limit = lambda: limit_{what}({more})\n{calls}\nprint('alive')"
    assert printed(script) == "alive"


# ---- forks ---------------------------------------------------------------------------------------------------------


OTHER_USER = """
extern "C" int region() {
  int threads = 0;
#pragma omp parallel num_threads(2)
#pragma omp atomic
  ++threads;
  return threads;
}
"""
FORK = """
import ctypes
assert ctypes.CDLL({library!r}).region() == 2
pid = os.fork()
if pid == 0:
    signal.alarm(60)
    for threads in (2, 3, None):
        check(threads)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_a_fork_after_another_user_of_openmp(tmp_path: Path) -> None:
    library = compiled(OTHER_USER, tmp_path / "other.so", "-shared", "-fPIC", "-fopenmp")
    assert printed(SETUP + FORK.format(library=str(library)), warnings="ignore") == "0"


def test_a_fork_between_calls_of_many_threads() -> None:
    """The child has none of the threads, nor what they had locked."""
    script = """
def work():
    while not done.is_set():
        check(2)
done = threading.Event()
team = [threading.Thread(target=work) for _ in range(3)]
for thread in team:
    thread.start()
codes = []
for _ in range(20):
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        check(3)
        os._exit(0)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
done.set()
for thread in team:
    thread.join()
print(codes == [0] * 20)
"""
    assert printed(SETUP + script, warnings="ignore") == "True"


# ---- memory --------------------------------------------------------------------------------------------------------


FAILING = """
// The n-th of a thread's allocations fails once, where it asks for that.
#include <cerrno>
#include <cstddef>
extern "C" {
void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t);
void *__libc_realloc(void*, size_t), *__libc_memalign(size_t, size_t);
static thread_local long left __attribute__((tls_model("initial-exec"))) = 0;
void arm(long n) { left = n; }
long disarm() { long rest = left; left = 0; return rest; }
static bool fails() { if (left == 0 || --left != 0) return false; errno = ENOMEM; return true; }
void* malloc(size_t n) { return fails() ? nullptr : __libc_malloc(n); }
void* calloc(size_t m, size_t n) { return fails() ? nullptr : __libc_calloc(m, n); }
void* realloc(void* p, size_t n) { return fails() ? nullptr : __libc_realloc(p, n); }
void* memalign(size_t a, size_t n) { return fails() ? nullptr : __libc_memalign(a, n); }
void* aligned_alloc(size_t a, size_t n) { return memalign(a, n); }
int posix_memalign(void** p, size_t a, size_t n) { return (*p = memalign(a, n)) == nullptr ? ENOMEM : 0; }
}
"""
WITHOUT_MEMORY = """
import ctypes, faulthandler
from tilepool import _core

faulthandler.enable()
failing = ctypes.PyDLL(None)
arm, disarm = failing.arm, failing.disarm
arm.argtypes, arm.restype, disarm.restype = [ctypes.c_long], None, ctypes.c_long

def outcome(n, work, same):
    result = None
    arm(n)
    try:
        result = work()
    except MemoryError:
        pass
    left = disarm()
    assert result is None or same(result)
    return left == 0, result is None

def outcomes(prepare, same):  # each on a thread that has never called, with what it needs at its first call
    n, failed = 0, 0
    while True:
        n += 1
        seen = []
        work = prepare()
        thread = threading.Thread(target=lambda: seen.append(outcome(n, work, same)))
        thread.start()
        thread.join()
        (reached, missing), = seen
        if not reached:
            assert not missing
            return n - 1, failed
        failed += missing

def plan():
    return _core.Plan("max", "float32", (64, 64, 64), (16384, 256, 4), (None, (3, 1, 1, 1, 1, 0), (3, 1, 1, 1, 1, 0)))

y = np.random.default_rng(1).normal(size=(64, 64, 64)).astype("f4")
right = plan().run(y, None, 1)
shapes = iter(range(40, 10_000))
"""
ACTIONS = {
    "plan": ("lambda: plan", "lambda result: np.array_equal(result.run(y, None, 1), right)"),
    "run": (
        "lambda: lambda p=plan(), o=np.empty_like(right): p.run(y, o, 1)",
        "lambda result: np.array_equal(result, right)",
    ),
    "team": ("lambda: lambda p=plan(): p.run(y, None, 2)", "lambda result: np.array_equal(result, right)"),
    "max_pool": (
        "lambda: lambda z=np.ones((300, next(shapes))): tp.max_pool(z, 3, 2, axis=(0, 1), threads=2)",
        "lambda result: (result == 1).all()",
    ),
}


@pytest.mark.parametrize(("prepare", "same"), ACTIONS.values(), ids=ACTIONS.keys())
def test_every_allocation_may_fail(prepare: str, same: str, tmp_path: Path) -> None:
    """Each in turn: MemoryError, or the right result in spite of it; never a signal."""
    library = compiled(FAILING, tmp_path / "failing.so", "-shared", "-fPIC", "-Wno-attributes")
    script = f"{SETUP}{WITHOUT_MEMORY}\nreached, failed = outcomes({prepare}, {same})\nprint(reached, failed)"
    reached, failed = map(int, printed(script, LD_PRELOAD=str(library)).split())
    assert reached >= failed >= 1


# ---- subinterpreters -----------------------------------------------------------------------------------------------


SUBINTERPRETER = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
{before}
script = '''
import signal
signal.set_wakeup_fd
try:
    import tilepool
except ImportError as error:
    print(error, flush=True)
'''
other = interpreters.create({config})
interpreters.run_string(other, script)
"""


@pytest.mark.parametrize("before", ["", "import tilepool", "import numpy"])
@pytest.mark.parametrize("config", ["isolated=False", ""] if sys.version_info < (3, 13) else ["'legacy'", ""])
def test_a_subinterpreter_is_told(config: str, before: str) -> None:
    script = SUBINTERPRETER.format(config=config, before=before)
    assert "must be imported in the main interpreter, not in a subinterpreter" in printed(script, warnings="ignore")


# ---- the environment -----------------------------------------------------------------------------------------------


THREADS = """
import numpy, tilepool
print(int(tilepool.max_pool(numpy.ones((900, 900)), 2, axis=(0, 1)).sum()), tilepool.get_threads())
"""


@pytest.mark.parametrize("value", ["0", "0-7", "2", "nonsense", "0 99"])
def test_affinities_for_openmp_do_no_harm(value: str) -> None:
    if _core.backend == "openmp":
        pytest.skip("libgomp ends a process that cannot have its CPUs")
    assert printed(THREADS, GOMP_CPU_AFFINITY=value, OMP_NUM_THREADS="2") == "202500 2"


@pytest.mark.parametrize("value", ["3,x", "3,2", "3,", ",3", "3;", "\udcff", "3\udcff", "\u00e9"])
def test_odd_numbers_of_threads_are_a_warning(value: str) -> None:
    result = python("-c", THREADS, warnings="always", TILEPOOL_THREADS=value, OMP_NUM_THREADS="2")
    assert (result.returncode, result.stdout.split()) == (0, ["202500", "2"])
    shown = os.fsencode(value).decode("utf-8", "backslashreplace").encode("ascii", "backslashreplace").decode()
    said = result.stderr.encode("ascii", "backslashreplace").decode()
    assert f"TILEPOOL_THREADS must be an integer from 1 to 1024, not {shown.strip()}" in said.replace("\\\\", "\\")


@pytest.mark.parametrize(("value", "threads"), [("4,2", "4"), (" 3 , 1 ", "3"), ("3,x", ""), ("3,-1", "")])
def test_openmp_may_list_levels(value: str, threads: str) -> None:
    fallback = printed(THREADS)
    assert printed(THREADS, OMP_NUM_THREADS=value) == (f"202500 {threads}" if threads else fallback)


@pytest.mark.parametrize("name", ["TILEPOOL_ISA", "TILEPOOL_THREADS"])
def test_a_warning_that_is_an_error_leaves_nothing_behind(name: str) -> None:
    script = """
import sys, warnings
for action in ("error", "error", "ignore"):
    warnings.simplefilter(action)
    try:
        import tilepool
    except RuntimeWarning as warning:
        assert "tilepool" not in sys.modules
        print("refused")
import numpy as np
print(int(tilepool.max_pool(np.arange(16.0).reshape(4, 4), 2, axis=(0, 1)).sum()))
"""
    environment = {name: "a\udcff"}
    assert printed(script, **environment).split() == ["refused", "refused", "40"]
