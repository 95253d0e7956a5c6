"""The threads that help with calls: how many, what they do while idle, and what they share with each other."""

import os
import subprocess
from pathlib import Path

import pytest

from interpreters import HANG, compiled, printed
from tilepool import _core

pytestmark = pytest.mark.skipif(_core.backend != "threads", reason="other back ends have no threads of their own")

SOURCES = Path(__file__).parents[1] / "csrc"


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined", "none"])
def test_parallel_for_keeps_its_promises(sanitizer: str, tmp_path: Path) -> None:
    engine = [str(SOURCES / "engine" / f"{name}.cpp") for name in ("parallel", "team", "thread_count")]
    options = ["-DTILEPOOL_THREADS", "-I", str(SOURCES), *engine, "-pthread"]
    if sanitizer != "none":
        options.append(f"-fsanitize={sanitizer}")
    program = compiled(Path(__file__).with_name("parallel_stress.cpp"), tmp_path / "stress", *options)
    arguments = [] if sanitizer == "thread" else ["forks"]
    result = subprocess.run([str(program), *arguments], capture_output=True, text=True, timeout=HANG, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "kept\n", "")


MANY = """
import os, threading, time
import numpy as np
import tilepool as tp

def there():
    return len(os.listdir("/proc/self/task"))

x = np.ones((64, 256, 256), np.float32)
def work():
    for _ in range(5):
        tp.max_pool(x, 3, 1, axis=(1, 2), threads=8)
before = there()
team = [threading.Thread(target=work) for _ in range(30)]
for thread in team:
    thread.start()
for thread in team:
    thread.join()
for _ in range(100):  # the system takes its time to bury them
    if there() - before < {most}:
        break
    time.sleep(0.1)
print(there() - before)
"""


def test_callers_share_their_helpers() -> None:
    """As many as the largest team needs, or the CPUs; not as many for each caller."""
    most = max(8, os.cpu_count() or 1)
    assert 1 <= int(printed(MANY.replace("{most}", str(most)))) < most


HELPERS = """
import os, time
import numpy as np
import tilepool as tp

x = np.ones((64, 512, 512), np.float32)
before = set(os.listdir("/proc/self/task"))
while not (helpers := set(os.listdir("/proc/self/task")) - before):
    tp.max_pool(x, 3, 1, axis=(1, 2), threads=2)
(helper,) = helpers
"""


def test_helpers_leave_signals_to_the_application() -> None:
    """But for those of faults, for which a handler may have something to say."""
    script = """
import signal
with open(f"/proc/self/task/{helper}/status") as status:
    blocked = next(int(line.split()[1], 16) for line in status if line.startswith("SigBlk"))
print([name for name in ("SIGINT", "SIGTERM", "SIGALRM", "SIGUSR1", "SIGCHLD", "SIGPROF", "SIGSEGV", "SIGBUS", "SIGFPE")
       if blocked >> getattr(signal, name) - 1 & 1])
"""
    assert printed(HELPERS + script) == "['SIGINT', 'SIGTERM', 'SIGALRM', 'SIGUSR1', 'SIGCHLD', 'SIGPROF']"


@pytest.mark.slow
def test_idle_helpers_sleep() -> None:
    """They use a few milliseconds of a CPU after a call, and then none."""
    script = """
for _ in range(20):
    tp.max_pool(x, 3, 1, axis=(1, 2), threads=2)
def used():
    with open(f"/proc/self/task/{helper}/stat") as stat:
        return sum(map(int, stat.read().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")
time.sleep(0.1)
before = used()
time.sleep(2)
print(used() - before < 0.1)
"""
    assert printed(HELPERS + script) == "True"


PLACES = """
helper = int(helper)
cpus = os.sched_getaffinity(0)
def last_cpu():
    with open(f"/proc/self/task/{helper}/stat") as stat:
        return int(stat.read().rpartition(")")[2].split()[36])
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="a single CPU")
def test_helpers_leave_the_cpu_of_their_caller() -> None:
    """Where the system wakes them on it, or had them wait there; the CPUs that they may use stay what they were."""
    script = """
import threading
mine = min(cpus)
os.sched_setaffinity(0, {mine})
def work():
    tp.max_pool(x, 15, 1, axis=(1, 2), threads=2)
seen = []
for i in range(8):
    time.sleep(0.005 * (i % 2))
    os.sched_setaffinity(helper, {mine})
    os.sched_setaffinity(helper, cpus)
    call = threading.Thread(target=work)
    call.start()
    os.sched_setaffinity(0, cpus)
    time.sleep(0.01)
    seen.append(last_cpu() != mine)
    call.join()
    os.sched_setaffinity(0, {mine})
    assert os.sched_getaffinity(helper) == cpus
print(sum(seen) >= 6)
"""
    assert printed(HELPERS + PLACES + script) == "True"


def test_helpers_stay_where_they_must() -> None:
    """On the only CPU that they may use, be it that of the caller."""
    script = """
only = {min(cpus)}
expected = tp.max_pool(x, 3, 1, axis=(1, 2), threads=1)
os.sched_setaffinity(helper, only)
for mine in (only, cpus):
    os.sched_setaffinity(0, mine)
    for i in range(6):
        time.sleep(0.005 * (i % 2))
        assert np.array_equal(tp.max_pool(x, 3, 1, axis=(1, 2), threads=2), expected)
        assert os.sched_getaffinity(helper) == only
    assert os.sched_getaffinity(0) == mine
print(last_cpu() in only)
"""
    assert printed(HELPERS + PLACES + script) == "True"


# ---- how many ------------------------------------------------------------------------------------------------------


UNIFIED = "0::/user.slice/user-0.slice/job\n"
DIVIDED = "5:memory:/job\n4:cpu,cpuacct:/outer/inner\n0::/\n"


@pytest.mark.parametrize(
    ("groups", "quotas", "cpus"),
    [
        (UNIFIED, {}, 1024),
        (UNIFIED, {"": "max 100000"}, 1024),
        (UNIFIED, {"user.slice/user-0.slice/job": "150000 100000"}, 2),
        (UNIFIED, {"user.slice/user-0.slice/job": "max 100000", "user.slice": "300000 100000"}, 3),
        (UNIFIED, {"user.slice/user-0.slice/job": "400000 100000", "user.slice/user-0.slice": "200000 100000"}, 2),
        (UNIFIED, {"user.slice/user-0.slice/job": "100000 100000", "user.slice": "800000 100000"}, 1),
        (UNIFIED, {"": "2500 100000"}, 1),
        (UNIFIED, {"user.slice/other": "100000 100000"}, 1024),
        ("0::/of/the/host\n", {"": "700000 100000"}, 7),  # in a container that sees its own group only
        ("0::/\n", {"": "50000 10000"}, 5),
        ("0::/../elsewhere\n", {"": "300000 100000"}, 3),
        ("", {"": "300000 100000"}, 1024),
        ("nonsense\n::\n:\n0::\n", {"": "300000 100000"}, 1024),
        (UNIFIED, {"": "nonsense"}, 1024),
        (UNIFIED, {"": "100000 0"}, 1024),
        (UNIFIED, {"": "-1 100000"}, 1024),
        (UNIFIED, {"": "9" * 400 + " 1"}, 1024),
        (DIVIDED, {"cpu/outer/inner": (-1, 100000)}, 1024),
        (DIVIDED, {"cpu/outer/inner": (250000, 100000)}, 3),
        (DIVIDED, {"cpu,cpuacct/outer": (200000, 100000), "cpu,cpuacct/outer/inner": (-1, 100000)}, 2),
        (DIVIDED, {"cpu": (400000, 100000)}, 4),
        (DIVIDED, {"memory/job": (100000, 100000)}, 1024),
        ("3:cpuset:/a\n", {"cpu/a": (100000, 100000)}, 1024),
    ],
)
def test_the_least_quota_on_the_way_up_counts(
    groups: str, quotas: dict[str, str | tuple[int, int]], cpus: int, tmp_path: Path
) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(groups)
    for group, quota in quotas.items():
        folder = tmp_path / "sys/fs/cgroup" / group
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(quota, str):
            (folder / "cpu.max").write_text(f"{quota}\n")
        else:
            for name, value in zip(("quota", "period"), quota, strict=True):
                (folder / f"cpu.cfs_{name}_us").write_text(f"{value}\n")
    assert _core.quota_cpus(str(tmp_path)) == cpus


def test_quotas_without_any_files(tmp_path: Path) -> None:
    assert _core.quota_cpus(str(tmp_path / "nothing")) == 1024
