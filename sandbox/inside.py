"""What PID 1 found of the jail's limits, beside what the jail was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sandbox.facts import Limit
from sandbox.jail.interface import Limits

# A limit of the report -> PID 1's names of what shows it, best first. "loader": that process's own, read before its go.
_SHOWN_BY = {
    "memory": ("cgroup memory",),
    "address space": ("loader AS",),
    "processes": ("cgroup processes", "loader NPROC"),
    "cpu": ("cgroup cpu",),
    "tmp": ("tmpfs",),
    "file size": ("loader FSIZE", "rlimit FSIZE"),
    "open files": ("loader NOFILE", "rlimit NOFILE"),
    "core files": ("loader CORE", "rlimit CORE"),
}
_TMPFS = "tmpfs "
_THOUSANDTHS = 1000  # of one CPU
_NOT_SEEN = (1 << 63) - 1


def lacking(promised: Mapping[str, int], untrusted_seen: Mapping[str, int]) -> str:
    """The first promise of the jail that isn't kept, in words; "" when all are. What isn't seen is not kept."""
    for name, most in promised.items():
        if untrusted_seen.get(name, _NOT_SEEN) > most:
            return f"{name} is {untrusted_seen.get(name, 'not to be seen')} instead of {most}"
    return ""


def read_back(
    limits: tuple[Limit, ...], untrusted_seen: Mapping[str, int], untrusted_loader: Mapping[str, int]
) -> tuple[Limit, ...]:
    """Each limit with the number that stands inside for it, where one does."""
    seen = dict(untrusted_seen) | {f"loader {name}": value for name, value in untrusted_loader.items()}
    places = [value for name, value in seen.items() if name.startswith(_TMPFS)]
    if places:
        seen["tmpfs"] = max(places)
    if "cpus" in seen:
        seen.setdefault("cgroup cpu", seen["cpus"] * _THOUSANDTHS)
    return tuple(replace(limit, inside=_shown(limit.name, seen)) for limit in limits)


def _shown(name: str, seen: Mapping[str, int]) -> int | None:
    return next((seen[shown] for shown in _SHOWN_BY.get(name, ()) if shown in seen), None)


def everywhere(limits: Limits, wall: float) -> tuple[Limit, ...]:
    """The limits that PID 1 and the host set themselves, whichever jail it is."""
    return (
        Limit("address space", limits.address_space, "bytes", "RLIMIT_AS on the loader"),
        Limit("core files", 0, "bytes", "RLIMIT_CORE"),
        Limit("wall clock", int(wall), "seconds", "PID 1, and the host 5 s later"),
    )
