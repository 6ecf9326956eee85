"""What one watched call costs, beside strace: the same loop of openat in the jail, under strace and alone."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.measure import Peer, Sample, median

_LOOP = """
import os, time
for _ in range(500): os.close(os.open("/etc/passwd", os.O_RDONLY))
started = time.perf_counter()
for _ in range(10000): os.close(os.open("/etc/passwd", os.O_RDONLY))
print('{"microseconds": %r}' % ((time.perf_counter() - started) * 100), flush=True)
"""
_STRACE = ("strace", "-f", "-qq", "-o", "/dev/null")


class _Loop:
    """Runs the loop when it is unpickled: a model file that makes calls."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, (_LOOP,)


def peers(folder: Path, jails: Sequence[str]) -> list[Peer]:
    """The loop in each of its surroundings."""
    model = folder / "calls.pkl"
    model.write_bytes(pickle.dumps(_Loop()))
    model.chmod(0o644)
    alone = (sys.executable, "-c", _LOOP)
    evaluation = (sys.executable, "-m", "bench.evaluation", str(model))
    return [
        Peer("not watched", alone),
        *(Peer(f"watched, {jail}", (*evaluation, "--jail", jail)) for jail in jails),
        Peer("strace -f", (*_STRACE, *alone)),
        Peer("strace -f -e openat", (*_STRACE, "-e", "trace=openat", *alone)),
        Peer("strace -f --seccomp-bpf -e openat", (*_STRACE, "--seccomp-bpf", "-e", "trace=openat", *alone)),
    ]


def microseconds(samples: Mapping[str, Sequence[Sample]]) -> dict[str, float]:
    """For one openat and close, by peer."""
    return {name: median(rows, _printed) for name, rows in samples.items()}


def _printed(sample: Sample) -> float:
    """The loop's own line: in a jail it is part of what the report quotes."""
    told = json.loads(sample.told["printed"][0]) if "printed" in sample.told else sample.told
    return float(told["microseconds"])
