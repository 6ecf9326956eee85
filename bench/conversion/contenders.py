"""Runs this tool and its peers on one layout after another."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bench.conversion.judge import Judgement, Outcome, judge, with_dropped, written
from bench.conversion.peers import PEERS, Peer
from bench.measure import ROOT
from tests.zoo import Expected

OURS = {"sandbox-load --static": ("--static",), "sandbox-load": ()}
_NOTHING_TO_WRITE = "the file holds no tensors"


class Contender(Protocol):
    """`name` heads its column."""

    name: str

    def convert(self, path: Path, expected: Expected) -> Judgement:
        """Convert it, and judge what was written."""
        ...

    def close(self) -> None:
        """Nothing of it runs any more."""
        ...


@dataclass
class Tool:
    """This tool, as its users start it."""

    name: str
    words: Sequence[str]

    def convert(self, path: Path, expected: Expected) -> Judgement:
        """With a report as JSON, whose first reason is what it says of a refusal."""
        out = path.parent / "ours.safetensors"
        command = [sys.executable, "-m", "bench.cli", str(path), "-o", str(out), "--jail", "bubblewrap", "-q"]
        started = time.monotonic()
        done = subprocess.run(
            [*command, "--format", "json", "--force", *self.words],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        seconds = time.monotonic() - started
        report, last = done.stdout.rstrip().rpartition("\n")[::2]
        peak = int(json.loads(last)["host_peak"]) if last else 0
        outcome, why = _of_report(json.loads(report) if report else {}, done.stderr, out, expected)
        for left in path.parent.glob("ours.*"):
            left.unlink()
        return Judgement(outcome, why, seconds, peak)

    def close(self) -> None:
        """Each command has ended already."""


def _of_report(report: dict[str, Any], complaint: str, out: Path, expected: Expected) -> tuple[Outcome, str]:
    if out.exists():
        outcome, why = judge(written(out)[0], expected, by_name=True)
        return outcome, why or ("" if report["exit_code"] == 0 else f"called {report['verdict']}")
    if not expected and report and report["exit_code"] == 0 and report["not_written"].startswith(_NOTHING_TO_WRITE):
        return Outcome.RIGHT, ""
    reasons = report.get("reasons") or [report.get("not_written") or complaint.strip() or "nothing was said"]
    return Outcome.REFUSED, str(reasons[0])


@dataclass
class Other:
    """A peer: one process that has its libraries, and a child of it for each file."""

    peer: Peer
    name: str = ""
    _process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.peer.name
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.conversion.peers", self.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def convert(self, path: Path, expected: Expected) -> Judgement:
        """By a child of the process that waits for it."""
        if not self.peer.takes(path):
            return Judgement(Outcome.UNASKED)
        out = path.parent / "theirs.safetensors"
        out.unlink(missing_ok=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([str(path), str(out)]), file=self._process.stdin, flush=True)
        told = json.loads(self._process.stdout.readline())
        if told["why"]:
            return Judgement(Outcome.REFUSED, told["why"], told["seconds"], told["peak"])
        outcome, why = judge(with_dropped(*written(out)), expected, by_name=False)
        return Judgement(outcome, why, told["seconds"], told["peak"])

    def close(self) -> None:
        """The end of its input ends it."""
        self._process.communicate()


def contenders(wanted: str = "") -> list[Contender]:
    """All whose names have that in them."""
    tools: list[Contender] = [Tool(name, words) for name, words in OURS.items() if wanted in name]
    return tools + [Other(peer) for name, peer in PEERS.items() if wanted in name]
