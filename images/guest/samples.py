"""What the loader's tree uses: CPU, memory, threads, descriptors, processes, sampled at a fixed rate and bounded.

Every number is the kernel's word on the tree, not the tree's own.
"""

from __future__ import annotations

import contextlib
import functools
import re
import resource
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import wire

from guest import processes

# A mapping's line in smaps that names a file, up to the two numbers that tell what the file alone holds of it.
_MAPPED_FILE = re.compile(
    r"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+ +/(?!dev/zero|memfd:|SYSV|dev/shm/).*\n"
    r"(?:[A-Z]\w+: .*\n)*?Rss: +(\d+) kB\n(?:[A-Z]\w+: .*\n)*?Anonymous: +(\d+) kB\n",
    re.MULTILINE,
)
_REST = 4  # times as long as the last sample took, at least, before the next


@dataclass(frozen=True)
class Sample:
    """The tree at one moment. `cpu`: seconds since the tree began, those of its dead included."""

    at: float
    cpu: float = 0.0
    memory: int = 0
    threads: int = 0
    descriptors: int = 0
    processes: int = 0


@dataclass
class Series:
    """At most `most` samples, spread over the whole time: when full, every other one goes and the pace halves."""

    most: int = wire.MAX_SAMPLES
    kept: list[Sample] = field(default_factory=list)
    stride: int = 1
    taken: int = 0

    def add(self, sample: Sample) -> None:
        if self.taken % self.stride == 0:
            if len(self.kept) == self.most:
                self.kept = self.kept[::2]
                self.stride *= 2
            if self.taken % self.stride == 0:
                self.kept.append(sample)
        self.taken += 1


class Samples:
    """The samples of one load. `memory` is the limit in bytes, which `take` holds the tree against."""

    def __init__(self, interval: float, memory: int, started: float) -> None:
        self._interval, self._memory, self._started = interval, memory, started
        self._next = 0.0
        self._series = Series()
        self._peaks = {"memory": 0, "threads": 0, "descriptors": 0, "processes": 0}
        self._dead = _dead_cpu()  # of what ended before: it isn't this tree's
        self._marks: dict[str, float] = {}
        self._cpu = 0.0

    @property
    def due(self) -> bool:
        return time.monotonic() >= self._next

    def take(self, pids: list[int]) -> bool:
        """One sample of these processes; whether they hold more memory than they may."""
        now = time.monotonic()
        used = [usage(pid) for pid in pids]
        sums = {name: sum(row[name] for row in used) for name in ("memory", "threads", "descriptors")}
        cpu = sum(row["cpu"] for row in used) + _dead_cpu() - self._dead
        self._cpu = max(self._cpu, cpu)  # between a death and its reaping a process is in neither number
        sums["processes"] = sum(1 for row in used if row["threads"])
        # Hundreds of processes take long to look at; most of PID 1's time belongs to those who wait for an answer.
        self._next = max(now + self._interval, time.monotonic() + _REST * (time.monotonic() - now))
        self._series.add(Sample(round(now - self._started, 3), round(self._cpu, 3), **sums))
        for name, value in sums.items():
            self._peaks[name] = max(self._peaks[name], value)
        return sums["memory"] > self._memory and sum(map(least_memory, pids)) > self._memory

    def mark(self, step: str, pids: list[int]) -> float:
        """Take a sample and remember the CPU time up to here; the time since the step before it is returned."""
        before = max(self._marks.values(), default=0.0)
        self.take(pids)
        self._marks[step] = self._cpu
        return round(self._cpu - before, 3)

    def row(self) -> wire.Resources:
        """All of it, once the tree is dead."""
        kept = self._series.kept
        total = max(self._cpu, _dead_cpu() - self._dead)
        marks = self._marks
        loading = marks.get("loaded", total) - marks.get("armed", total)
        after = marks["watched"] - marks["loaded"] if {"watched", "loaded"} <= marks.keys() else 0.0
        return wire.Resources(
            interval=round(self._interval * self._series.stride, 3),
            samples=self._series.taken,
            cpu_seconds=round(total, 3),
            load_cpu_seconds=round(loading, 3),
            after_cpu_seconds=round(after, 3),
            peak_memory=self._peaks["memory"],
            peak_threads=self._peaks["threads"],
            peak_descriptors=self._peaks["descriptors"],
            peak_processes=self._peaks["processes"],
            at=tuple(sample.at for sample in kept),
            cpu=tuple(sample.cpu for sample in kept),
            memory=tuple(sample.memory for sample in kept),
            threads=tuple(sample.threads for sample in kept),
            descriptors=tuple(sample.descriptors for sample in kept),
            processes=tuple(sample.processes for sample in kept),
        )


def _dead_cpu() -> float:
    """CPU seconds of every process that PID 1 has reaped, however short it lived."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def usage(pid: int) -> dict[str, Any]:
    """One process's CPU seconds, resident bytes that aren't a mapped file's, threads and descriptors; zeros when gone.

    Shared anonymous memory counts. The first thread can end before the others: whichever lives tells. gVisor doesn't
    say what of the memory is a file's: there mapped files count, and `least_memory` tells them apart when it matters.
    """
    import psutil  # noqa: PLC0415 - not at PID 1's start, for which everything waits

    tasks = processes.tasks(pid)
    for task in tasks:
        with contextlib.suppress(psutil.Error, OSError, KeyError):
            status = processes.status(f"/proc/{pid}/task/{task}/status")
            resident = _kilobytes(status["VmRSS"])  # a thread that has ended has no such line
            memory = _kilobytes(status["RssAnon"]) + _kilobytes(status["RssShmem"]) if _tells_files() else resident
            process = psutil.Process(task)
            times = process.cpu_times()
            cpu = times.user + times.system + times.children_user + times.children_system
            used = {"cpu": cpu, "memory": memory, "threads": len(tasks), "descriptors": 0}
            with contextlib.suppress(psutil.AccessDenied):  # of what made itself unreadable
                used["descriptors"] = process.num_fds()
            return used
    return {"cpu": 0.0, "memory": 0, "threads": 0, "descriptors": 0}


def least_memory(pid: int) -> int:
    """The memory of `usage` without mapped files, whoever the kernel is."""
    held = int(usage(pid)["memory"])
    with contextlib.suppress(OSError):
        if held and not _tells_files():
            files = _MAPPED_FILE.findall(Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8", errors="replace"))
            return held - sum(1024 * (int(resident) - int(anonymous)) for resident, anonymous in files)
    return held


@functools.cache
def _tells_files() -> bool:
    """Whether this kernel tells files' memory apart. PID 1's own status says: in gVisor a name can hold such a line."""
    return "RssAnon" in processes.status("/proc/self/status")


def _kilobytes(text: str) -> int:
    return 1024 * int(text.split(maxsplit=1)[0])
