"""The one place where PID 1 waits: for the ends of its children and orphans, and for the stops of those it traces.

`wait4` hands each word out once. With two who ask, one would take what the other needs.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from abc import ABC, abstractmethod

_WALL = 0x40000000  # __WALL of <linux/wait.h>: threads and clones too
_PIECE = 1 << 12
_WORDS = 256  # taken in one go: tasks that stop as fast as they are told to go on must not keep PID 1 from the rest


class Tracer(ABC):
    """Who is told what the kernel says of traced tasks."""

    @abstractmethod
    def stopped(self, task: int, status: int) -> None:
        """A task stopped, as wait4 describes it; it goes on when it is told to."""

    @abstractmethod
    def gone(self, task: int) -> None:
        """A task ended. Also called for tasks that were never traced."""


class Reaper:
    """Ends of the children it was told to `keep`; those of others are taken and forgotten."""

    def __init__(self) -> None:
        self.tracer: Tracer | None = None
        self._ends: dict[int, tuple[int, resource.struct_rusage] | None] = {}

    def wake(self) -> int:
        """A descriptor that is readable whenever `collect` may have something to do. Main thread only."""
        own, theirs = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # a signal without a handler wakes nobody
        signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)
        self._wake = own
        return own

    def serve(self) -> None:
        """What to do when it woke: nothing is lost when several signals became one byte, or none."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, _PIECE)
        self.collect()

    def keep(self, pid: int) -> None:
        """A child whose end somebody will ask for."""
        self._ends.setdefault(pid)

    def end(self, pid: int) -> tuple[int, resource.struct_rusage] | None:
        """The wait status and the usage of a kept child; None while it lives."""
        self.collect()
        return self._ends[pid]

    def collect(self) -> None:
        """Take the words there are, up to so many: the rest comes with the next look, which the pump's tick brings."""
        for _ in range(_WORDS):
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG | _WALL)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if os.WIFSTOPPED(status):
                if self.tracer:
                    self.tracer.stopped(pid, status)
                continue
            if pid in self._ends:
                self._ends[pid] = (status, usage)
            if self.tracer:
                self.tracer.gone(pid)
