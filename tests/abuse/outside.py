"""A run as the host sees it: the command line's process, and the jail's processes that it has started."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import docker
import psutil

from tests.abuse.bench import ROOT, Bench

T = TypeVar("T")
SECONDS = 30.0


@dataclass
class Outside:
    """One evaluation that runs now, in a process of its own."""

    bench: Bench
    model: Path
    process: subprocess.Popen[str]

    def pid_1(self) -> psutil.Process:
        """The jail's first process: its end is the end of all in it. Waits for it."""
        first = _in_engine if self.bench.jail != "bubblewrap" else _below
        return until(lambda: first(self.process.pid, self.model))

    def loader(self) -> psutil.Process:
        """The process that loads, once it is there. Not where a kernel of the jail's own hides its processes."""
        first = self.pid_1()
        return until(lambda: next((row for row in tree(first) if "/code/guest/load" in _words(row)), None))

    def end(self) -> dict[str, Any]:
        """What it says at its end, and its exit code."""
        out, err = self.process.communicate(timeout=SECONDS)
        assert out, err
        return {"exit": self.process.returncode, **json.loads(out)}


@contextlib.contextmanager
def started(bench: Bench, model: Path, *options: str) -> Iterator[Outside]:
    """Start it; whatever happens, it is gone afterwards."""
    command = bench.command(model, "--no-output", "--quiet", "--format", "json", *options)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield Outside(bench, model, process)
        finally:
            process.kill()


def until(look: Callable[[], T | None], seconds: float = SECONDS) -> T:
    """The first thing it finds."""
    deadline = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.02)
    return found


def tree(first: psutil.Process) -> list[psutil.Process]:
    """It and what it has started."""
    with contextlib.suppress(psutil.Error):
        return [first, *first.children(recursive=True)]
    return []


def _words(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def _below(pid: int, _model: Path) -> psutil.Process | None:
    """bubblewrap's is the one below the command that is number 1 in its own namespace."""
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            status = Path(f"/proc/{process.pid}/status")
            with contextlib.suppress(OSError):
                numbers = next(line for line in status.read_text().splitlines() if line.startswith("NSpid")).split()
                if numbers[-1] == "1" and _words(process).startswith("/usr/bin/python3"):
                    return process
    return None


def _in_engine(_pid: int, model: Path) -> psutil.Process | None:
    """The engine's is that of the container that holds this model."""
    with contextlib.closing(docker.APIClient()) as api:
        for row in api.containers():
            if any(mount.get("Source") == str(model) for mount in row["Mounts"]):
                return psutil.Process(api.inspect_container(row["Id"])["State"]["Pid"])
    return None
