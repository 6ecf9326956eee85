"""Bounds for one input: CPU time, wall clock, memory. Beyond them it is a find."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

CPU_SECONDS = 10.0  # of all threads; an input is a few kilobytes
WALL_SECONDS = 120.0  # for what waits instead of working; long, since the machine may have better to do
MEMORY = 1 << 30  # bytes of address space beyond what the process has when the bound is set


class HangError(BaseException):
    """It took too long. Not an Exception: nothing on the way up may take it for one of its own."""


def _too_long(number: int, _frame: object) -> NoReturn:
    raise HangError(f"over {CPU_SECONDS:.0f} s of CPU" if number == signal.SIGPROF else f"over {WALL_SECONDS:.0f} s")


@contextmanager
def bounded_time() -> Iterator[None]:
    """Raises HangError, in the main thread."""
    timers = ((signal.ITIMER_PROF, signal.SIGPROF, CPU_SECONDS), (signal.ITIMER_REAL, signal.SIGALRM, WALL_SECONDS))
    before = [signal.signal(number, _too_long) for _, number, _ in timers]
    for timer, _, seconds in timers:
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for (timer, number, _), handler in zip(timers, before, strict=True):
            signal.setitimer(timer, 0)
            signal.signal(number, handler)


def bound_memory() -> None:
    """From now on this process gets MemoryError when it wants much more than it has."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    most = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.getrlimit(resource.RLIMIT_AS)[1]))


def peak() -> int:
    """Bytes of this process's memory at its highest."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
