"""Freed memory is retained: using it again causes no page faults."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

MALLOC = Path(__file__).parents[2] / "sagan_tf" / "training" / "malloc.py"
PROGRAM = f"""
import resource, runpy
import numpy as np
heard = runpy.run_path({str(MALLOC)!r})["keep_freed_memory"](one_arena=True)
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def use():
    for _ in range(8):
        np.empty(64 << 20, np.uint8).fill(1)
use()
before = faults()
use()
print(heard, faults() - before)
"""
IN_TURN = f"""
import resource, runpy, sys, threading
import numpy as np
runpy.run_path({str(MALLOC)!r})["keep_freed_memory"](one_arena=sys.argv[1] == "one")
resident = lambda: int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() >> 20
before = resident()
done = threading.Event()
def use(turn, then):
    turn.wait()
    np.empty(40 << 20, np.uint8).fill(1)
    then.set()
    done.wait()
turns = [threading.Event() for _ in range(5)]
threads = [threading.Thread(target=use, args=pair) for pair in zip(turns, turns[1:])]
[thread.start() for thread in threads]
turns[0].set(), turns[-1].wait()
print(resident() - before)
done.set()
"""


def heard_and_faults(environment):
    outputs = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, check=True, capture_output=True, text=True
    ).stdout.split()
    return outputs[0] == "True", int(outputs[1])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc only")
def test_kept_memory_is_not_faulted_in_again_and_the_users_own_settings_are_left_alone():
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    heard, kept = heard_and_faults(plain)
    if not heard:
        pytest.skip("this C library has no mallopt")
    heard, given_back = heard_and_faults({**plain, "MALLOC_ARENA_MAX": "1"})
    assert not heard
    assert kept < 20 < 100 < given_back


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc only")
def test_what_one_thread_frees_serves_the_next_in_one_arena():
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    if not heard_and_faults(plain)[0]:
        pytest.skip("this C library has no mallopt")
    grown = {
        arenas: int(subprocess.check_output([sys.executable, "-c", IN_TURN, arenas], env=plain, text=True))
        for arenas in ("one", "several")
    }
    assert 40 <= grown["one"] < 60 < 120 < grown["several"], grown  # MiB; four threads, 40 MiB each
