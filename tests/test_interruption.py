"""Signals during calls: their handlers run soon, on the main thread, and what they raise ends the call."""

import pytest

from interpreters import printed, python
from tilepool import _core

SETUP = """
import os, signal, sys, threading
import numpy as np
import tilepool as tp

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it

def soon(number=signal.SIGINT):
    threading.Timer(0.3, lambda: os.kill(os.getpid(), number)).start()

def works():
    return int(tp.max_pool(np.arange(16.0).reshape(4, 4), 2, axis=(0, 1)).sum()) == 40

rng = np.random.default_rng(0)
square = rng.normal(size=(4000, 4000))
tall = np.broadcast_to(rng.normal(size=2**16).astype("f4"), (2**30, 2**16))
y = rng.normal(size=(300, 300))
def second(threads):  # about as long, so that handlers run meanwhile
    return tp.std_pool(y, 100, 1, axis=(0, 1), threads=threads)
"""

# They would take a quarter of an hour at least.
LONG = {
    "rows": "tp.max_pool(tall, (2**30, 2), axis=(0, 1), threads={threads})",
    "one output": "tp.global_pool(tall, 'sum', axis=(0, 1), threads={threads})",
    "survey": "tp.std_pool(square, 2000, 1, axis=(0, 1), threads={threads})",
    "order": "tp.median_pool(square, 2000, 1, axis=(0, 1), threads={threads})",
    "indices": "tp.max_pool(square, 2000, 1, axis=(0, 1), return_indices=True, threads={threads})",
}


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("call", LONG.values(), ids=LONG.keys())
def test_ctrl_c_ends_a_call(call: str, threads: int) -> None:
    script = f"""{SETUP}
soon()
try:
    {call.format(threads=threads)}
except KeyboardInterrupt:
    print("interrupted", works())
"""
    assert printed(script) == "interrupted True"


def test_what_a_handler_raises_arrives() -> None:
    script = f"""{SETUP}
class Mine(Exception):
    pass
def handler(number, frame):
    raise Mine(number)
signal.signal(signal.SIGUSR1, handler)
soon(signal.SIGUSR1)
try:
    {LONG["survey"].format(threads=2)}
except Mine as error:
    frames, trace = [], error.__traceback__
    while trace:
        frames.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    print(error.args == (signal.SIGUSR1,), frames[0], frames[-1], works())
"""
    assert printed(script) == "True <module> handler True"


def test_a_handler_may_end_the_process() -> None:
    script = f"{SETUP}\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\nsoon(signal.SIGTERM)\n"
    result = python("-c", script + LONG["order"].format(threads=2))
    assert (result.returncode, result.stdout, result.stderr) == (3, "", "")


HANDLED = """
expected = second(1)
inner = y[:60]
inner_expected = tp.max_pool(inner, 3, 1, axis=(0, 1), threads=1)
runs, during = [], False
def handler(number, frame):
    runs.append(during)
    {action}
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.03, 0.03)
while runs.count(True) < 3:
    during = True
    result = second({threads})
    during = False
    assert np.array_equal(result, expected)
signal.setitimer(signal.ITIMER_REAL, 0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(
    "action",
    [
        "pass",
        "assert np.array_equal(tp.max_pool(inner, 3, 1, axis=(0, 1), threads=2), inner_expected)",
        "assert len(runs) % 5 or np.array_equal(second(2)[:9], expected[:9])",
    ],
    ids=["nothing", "a call", "a call as long"],
)
def test_calls_go_on_after_handlers(action: str, threads: int) -> None:
    """They run during the call, and may call themselves."""
    # A handler that is as long as the call is not interrupted by the next alarm.
    script = HANDLED.format(action=action, threads=threads)
    if "second" in action:
        script = script.replace("runs.append(during)", "runs.append(during); signal.setitimer(signal.ITIMER_REAL, 0)")
        script = script.replace(action, f"{action}\n    signal.setitimer(signal.ITIMER_REAL, 0.03, 0.03)")
    assert printed(f"{SETUP}{script}\nprint(works())") == "True"


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_handler_may_fork(threads: int) -> None:
    """The child goes on with the call, without the threads that had begun."""
    if _core.backend == "openmp" and threads > 1:
        pytest.skip("libgomp waits for the threads that are gone")
    # Noted first: where a fork takes longer than the time to the next alarm, that handler runs before it has ended.
    action = "if during and not forked: forked.append(True); children.append(os.fork())"
    script = HANDLED.format(action=action, threads=threads).replace(
        "    assert np",
        """    if 0 in children:
        os._exit(7 if np.array_equal(result, expected) and np.array_equal(second(2), expected) else 1)
    assert np""",
    )
    script = f"""{SETUP}
forked, children = [], []
{script}
print({{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children}})
"""
    assert printed(script, warnings="ignore") == "{7}"


def test_calls_of_other_threads_are_not_interrupted() -> None:
    script = f"""{SETUP}
expected = second(1)
results = []
def work():
    for _ in range(3):
        results.append(second(2))
thread = threading.Thread(target=work)
thread.start()
try:
    os.kill(os.getpid(), signal.SIGINT)
    thread.join()
except KeyboardInterrupt:
    thread.join()
    print(len(results), all(np.array_equal(result, expected) for result in results))
"""
    assert printed(script) == "3 True"


def test_the_thread_that_forks_is_the_main_thread_of_the_child() -> None:
    script = f"""{SETUP}
def work():
    global code
    child = os.fork()
    if child == 0:
        soon()
        try:
            {LONG["survey"].format(threads=2)}
        except KeyboardInterrupt:
            os._exit(7)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(code)
"""
    assert printed(script, warnings="ignore") == "7"
