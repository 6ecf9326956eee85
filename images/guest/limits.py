"""Which limits are really in force in this jail, in numbers that only grow as a limit gets weaker."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import wire

from guest import processes

_CGROUP = Path("/sys/fs/cgroup")
# Version 2's file, then version 1's. Most jails show none of them.
_CGROUP_FILES = {
    "cgroup memory": ("memory.max", "memory/memory.limit_in_bytes"),
    "cgroup processes": ("pids.max", "pids/pids.max"),
}
_CPU_FILES: tuple[tuple[str, ...], ...] = (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"))
_RLIMITS = ("CORE", "FSIZE", "NOFILE")


def in_force(promised: dict[str, int]) -> dict[str, int]:
    """What was promised as it is, and what else can be seen. Unlimited reads as wire.MAX_SIZE; unseen isn't there."""
    mounts = _mounts()
    seen = {"cpus": len(os.sched_getaffinity(0))}
    seen |= {f"rlimit {name}": value for name, value in processes.read_limits(0, list(_RLIMITS)).items()}
    for name in promised:
        what, _, path = name.partition(" ")
        if what == "tmpfs":
            seen |= _size(name, path)
        elif what == "writable":
            seen[name] = _writable(path, mounts)
    return seen | _cgroup()


def lacking(promised: dict[str, int], seen: dict[str, int]) -> str:
    """The first promise that isn't kept, in words; "" when all are. No number is more than any number."""
    for name, most in promised.items():
        if seen.get(name, wire.MAX_SIZE) > most:
            return f"{name} is {seen.get(name, 'not seen')}, {most} was promised"
    return ""


def _size(name: str, path: str) -> dict[str, int]:
    with contextlib.suppress(OSError):
        told = os.statvfs(path)
        return {name: min(told.f_blocks * told.f_frsize, wire.MAX_SIZE) or wire.MAX_SIZE}  # 0 blocks: no bound
    return {}


def _mounts() -> dict[str, bool]:
    """Mount points, and whether each can be written to; of several on one point the last is seen."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    return {words[1]: "ro" not in words[3].split(",") for words in map(str.split, lines)}


def _writable(path: str, mounts: dict[str, bool]) -> int:
    """gVisor's statvfs doesn't tell what is read-only; its list of mounts does."""
    while path not in mounts and path != "/":
        path = os.path.dirname(path)  # noqa: PTH120 - text, not a file
    return int(mounts.get(path, True))


def _cgroup() -> dict[str, int]:
    """Limits of the control group, where the jail shows its own."""
    seen = {}
    for name, files in _CGROUP_FILES.items():
        for words in filter(None, map(_words, files)):
            seen[name] = min(_number(words[0]), wire.MAX_SIZE)
            break
    for quota_files in _CPU_FILES:
        words = [word for file in quota_files for word in _words(file)]
        if len(words) == 2 and words[0] != "-1":
            quota = _number(words[0])
            seen["cgroup cpu"] = quota if quota == wire.MAX_SIZE else quota * 1000 // max(1, _number(words[1]))
    return seen


def _words(file: str) -> list[str]:
    with contextlib.suppress(OSError):
        return (_CGROUP / file).read_text(encoding="ascii").split()
    return []


def _number(word: str) -> int:
    return int(word) if word.isdigit() else wire.MAX_SIZE
