"""One run of the bench, whole: what the tables and the budgets are made from."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from bench.measure import Sample

Samples = dict[str, list[Sample]]


@dataclass(frozen=True)
class Results:
    """By size ("1G"), by file, by surroundings. Load samples carry `load_seconds`."""

    sizes: dict[str, Samples] = field(default_factory=dict)
    loads: dict[str, Samples] = field(default_factory=dict)
    calls: dict[str, float] = field(default_factory=dict)  # microseconds
    largest: dict[str, int] = field(default_factory=dict)  # bytes of each size's largest tensor
    load_average: float = 0.0  # of the machine, before the first measurement


def machine() -> str:
    """What it ran on, in a sentence or two."""
    cpu = next((line for line in _lines("/proc/cpuinfo") if line.startswith("model name")), ": ?").split(":")[1].strip()
    memory = int(next(line for line in _lines("/proc/meminfo") if line.startswith("MemTotal")).split()[1]) / 2**20
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "safetensors"))
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return (
        f"{time.strftime('%Y-%m-%d')}; {os.cpu_count()} x {cpu}, {memory:.0f} GiB, {system}, "
        f"Linux {platform.release()}, Python {platform.python_version()}, {packages}; run by "
        f"{'root' if os.getuid() == 0 else 'an ordinary user'}."
    )


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines()
