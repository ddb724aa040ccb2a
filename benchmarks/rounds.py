"""Interleaved rounds of several programs: A B C A B C ..., each of which stays alive and is stopped when it is not its
turn.

A program calls `serve` with what is to be timed; `interleave` runs the rounds. Other processes' CPU time is measured
during each round, and a round in which it was not small is discarded and repeated. Linux only (reads /proc). A program
that ends before its rounds, because of an error or a lack of device memory, is reported, and the others continue.
"""

import contextlib
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


def resident_mb() -> int:
    """The peak of this process's memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def serve(call: Callable[[], object], *, calls: int = 1, peak_mb: Callable[[], int] = resident_mb, **facts) -> None:
    """In the timed program: calls twice to compile and warm up, then `calls` times a line that comes in, and says how
    long one call took."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no answer
    for _ in range(2):
        call()
    print(json.dumps(facts), file=answers, flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        for _ in range(calls):
            call()
        seconds = (time.perf_counter() - start) / calls
        print(json.dumps({"seconds": seconds, "peak_mb": peak_mb()}), file=answers, flush=True)


class EndedEarlyError(Exception):
    """A program ended that still had rounds to run."""


@dataclass
class Program:
    """A program and its rounds. `load` is other processes' share of the machine during a round, 0 to 1."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    facts: dict = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)
    dropped: int = 0
    peak_mb: int = 0
    failure: str = ""

    def launch(self) -> None:
        """Starts it; it warms up by itself."""
        self._notes = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by `end`)
        self._process = subprocess.Popen(
            self.command, env={**os.environ, **self.environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._notes, text=True,
        )  # fmt: skip

    def warm_up(self, seconds: float) -> None:
        """Waits until it has warmed up, for at most so many seconds, and stops it."""
        timer = threading.Timer(min(max(seconds, 0.0), threading.TIMEOUT_MAX), self._process.kill)
        timer.start()
        try:
            self.facts = self._answer()
        finally:
            timer.cancel()
        self._process.send_signal(signal.SIGSTOP)

    def round(self, *, quiet: float) -> bool:
        """One timed call. False if others used more than the share `quiet` of the machine: then it doesn't count."""
        self._process.send_signal(signal.SIGCONT)
        others, began = _busy_seconds() - self._own_seconds(), time.perf_counter()
        with contextlib.suppress(BrokenPipeError):  # then it has ended, which _answer reports
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
        answer = self._answer()
        passed = time.perf_counter() - began
        load = max(0.0, _busy_seconds() - self._own_seconds() - others) / (passed * (os.cpu_count() or 1))
        self._process.send_signal(signal.SIGSTOP)
        self.loads.append(load)
        self.peak_mb = max(self.peak_mb, answer["peak_mb"])
        if load > quiet:
            self.dropped += 1
            return False
        self.seconds.append(answer["seconds"])
        return True

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._notes.close()

    def _answer(self) -> dict:
        for line in self._process.stdout:
            if line.startswith("{"):  # anything else was printed before `serve`
                return json.loads(line)
        self._process.wait()
        self._notes.seek(0)
        self.failure = f"{self.name} ended: {self._notes.read()[-2000:]}"
        raise EndedEarlyError(self.failure)

    def _own_seconds(self) -> float:
        with open(f"/proc/{self._process.pid}/stat", encoding="ascii") as file:
            user, system = file.read().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def result(self) -> dict:
        """Minimum and median seconds of the rounds that count, and what is known of the program."""
        return {
            "name": self.name,
            **self.facts,
            "rounds": len(self.seconds),
            "dropped": self.dropped,
            "seconds_min": min(self.seconds, default=None),
            "seconds_median": statistics.median(self.seconds) if self.seconds else None,
            "seconds": self.seconds,
            "peak_mb": self.peak_mb,
            "load_of_others_max": max(self.loads, default=0.0),
            "failure": self.failure,
        }


def _busy_seconds() -> float:
    """CPU time of all processes since boot, over all cores."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _, _, irq, softirq, *_ = map(int, file.readline().split()[1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def interleave(
    programs: Sequence[Program],
    *,
    rounds: int,
    quiet: float,
    say: Callable[[str], None],
    when_warm: Callable[[], None] | None = None,
    seconds: float = float("inf"),
    together: bool = False,
    warm_up_seconds: float = float("inf"),
) -> list[dict]:
    """Runs the programs in turn until each has `rounds` rounds that count, or three times as many tries.

    when_warm: is called once all programs have warmed up, before the first round; a round may wait there for a quiet
      machine. seconds: no further round begins after so many. together: the programs warm up side by side rather than
      one after the other. warm_up_seconds: a program that has not warmed up by then is left out.
    """
    alive = []
    try:
        for program in programs:
            program.launch()
            alive.append(program)
            if not together:
                _warm_up([program], warm_up_seconds, say)
        if together:
            _warm_up(programs, warm_up_seconds, say)
        if when_warm is not None:
            when_warm()
        start = time.perf_counter()
        for number in range(3 * rounds):
            waiting = [p for p in programs if len(p.seconds) < rounds and not p.failure]
            if not waiting or time.perf_counter() - start > seconds:
                break
            for program in waiting:
                _round(program, number, quiet, say)
    finally:
        for program in alive:
            program.end()
    return [program.result() for program in programs]


def _warm_up(programs: Sequence[Program], seconds: float, say: Callable[[str], None]) -> None:
    start = time.perf_counter()
    for program in programs:
        say(f"warming up {program.name}")
        try:
            program.warm_up(max(start + seconds - time.perf_counter(), 1.0))  # one may be warm that waited for another
        except EndedEarlyError as error:
            say(str(error))


def _round(program: Program, number: int, quiet: float, say: Callable[[str], None]) -> None:
    try:
        counted = program.round(quiet=quiet)
    except EndedEarlyError as error:
        say(str(error))
        return
    last = f"{program.seconds[-1]:.4f} s" if counted else f"dropped, others {program.loads[-1]:.0%}"
    say(f"round {number + 1}: {program.name}: {last}")
