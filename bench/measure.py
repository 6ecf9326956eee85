"""Runs commands in fresh processes and takes their times. Peers take turns, so that noise hits all alike."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Sample:
    """One run. Seconds; `told` is the JSON object that the command printed last, when it is one of ours."""

    wall: float
    cpu: float
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Peer:
    """Something to measure: its name in the tables, its command, and what it leaves to delete."""

    name: str
    command: Sequence[str]
    leaves: Sequence[Path] = ()


def run(peer: Peer) -> Sample:
    """Run it once. Raises CalledProcessError when it fails."""
    for path in peer.leaves:
        path.unlink(missing_ok=True)
    os.sync()  # nobody pays for the bytes that the one before left in the cache
    started = time.monotonic()
    process = subprocess.Popen(peer.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    assert process.stderr is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    complaint = process.stderr.read()
    if process.returncode:
        sys.stderr.buffer.write(complaint)
        raise subprocess.CalledProcessError(process.returncode, peer.command, said, complaint)
    told = json.loads(said.splitlines()[-1]) if said.strip() else {}
    return Sample(wall, usage.ru_utime + usage.ru_stime + told.get("cpu_elsewhere", 0.0), told)


def take_turns(peers: Sequence[Peer], times: int) -> dict[str, list[Sample]]:
    """Each peer `times` times, after one round that warms the caches and isn't counted."""
    samples: dict[str, list[Sample]] = {peer.name: [] for peer in peers}
    for turn in range(times + 1):
        for peer in peers:
            sample = run(peer)
            print(f"  {turn}  {peer.name}: {sample.wall:.3f} s", file=sys.stderr, flush=True)
            if turn:
                samples[peer.name].append(sample)
    for path in {path for peer in peers for path in peer.leaves}:
        path.unlink(missing_ok=True)
    return samples


def median(samples: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    """Of one value over all samples."""
    return statistics.median(value(sample) for sample in samples)


def told(samples: Sequence[Sample], name: str) -> float | None:
    """The median of a value that the command told; None when it doesn't tell it."""
    known = [sample for sample in samples if sample.told.get(name) is not None]
    return median(known, lambda sample: float(sample.told[name])) if known else None


def own_peak() -> int:
    """This process's highest resident size so far, in bytes: of this program alone, unlike ru_maxrss."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024
