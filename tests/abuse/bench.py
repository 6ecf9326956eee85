"""Where a row is run: one jail, a folder, and the ways to start an evaluation in it."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox.controller import evaluate
from sandbox.facts import Report
from sandbox.request import Request
from tests.abuse.case import Act, Case, Evidence, Limit, Load, Row
from tests.abuse.payload import outcomes, source_of
from tests.jail.payloads import running

ROOT = Path(__file__).resolve().parent.parent.parent
_CLI = [sys.executable, "-c", "from sandbox.cli import main; raise SystemExit(main())"]


class Bench:
    """One jail. Reports that many rows share are made once."""

    def __init__(self, jail: str, place: Path) -> None:
        self.jail = jail
        self._place = place
        self._reports: dict[str, Report] = {}

    def folder(self) -> Path:
        """A new, empty one."""
        return Path(tempfile.mkdtemp(dir=self._place))

    def evaluate(self, path: Path, **options: Any) -> Report:
        """A file, writing nothing unless asked."""
        return evaluate(Request(path, jail=self.jail, **({"write": False, "timeout": 60} | options)))

    def load(self, source: str, **options: Any) -> Report:
        """A checkpoint that runs this source."""
        return self.evaluate(running(source, self.folder() / "payload.pkl"), **options)

    def plain(self) -> Report:
        """A checkpoint in which nothing is hidden."""
        if "" not in self._reports:
            self._reports[""] = self.evaluate(benign(self.folder() / "plain.pkl"))
        return self._reports[""]

    def acting(self) -> Report:
        """A checkpoint that acts once, and is refused."""
        if "acting" not in self._reports:
            self._reports["acting"] = self.load("import socket\nsocket.socket(socket.AF_PACKET, 3)")
        return self._reports["acting"]

    def report(self, load: Load) -> Report:
        """Of the load that runs all these acts."""
        if load.name not in self._reports:
            self._reports[load.name] = self.load(source_of(load), **load.options)
        return self._reports[load.name]

    def command(self, model: Path, *options: str) -> list[str]:
        """The command line that evaluates it in this jail. To be run in ROOT."""
        return [*_CLI, str(model), "--jail", self.jail, *options]

    def cli(self, model: Path, *options: str, **popen: Any) -> subprocess.CompletedProcess[str]:
        """Run it and wait."""
        return run(self.command(model, *options), **popen)

    def show(self, row: Row, loads: Sequence[Load]) -> Evidence:
        """What the row shows in this jail. Raises AssertionError when it is not contained or not recorded."""
        if isinstance(row, Case):
            return row.run(self)
        if isinstance(row, Limit):
            return self._admitted(row)
        return self._acted(row, next(load for load in loads if any(act is row for act in load.acts)))

    def _acted(self, act: Act, load: Load) -> Evidence:
        report = self.report(load)
        said = next((said for number, said in outcomes(load, report) if load.acts[number] is act), None)
        assert said is not None, f"it said nothing; the load ended with {report.dynamic.end}"
        return act.judged(self.jail, said, report)

    def _admitted(self, limit: Limit) -> Evidence:
        said = self.acting().not_examined
        assert any(limit.words in line for line in said), said
        return Evidence(f"not promised: {limit.why}", f'the report\'s "unseen" lines: "{limit.words}"')


def run(command: list[str], **popen: Any) -> subprocess.CompletedProcess[str]:
    """A command in the checkout, with what it said as text."""
    options: dict[str, Any] = {"capture_output": True, "text": True, "cwd": ROOT, "timeout": 120}
    return subprocess.run(command, check=False, **(options | popen))


def benign(path: Path) -> Path:
    """A checkpoint without tensors or code at that path."""
    path.write_bytes(pickle.dumps({"step": 1, "name": "plain"}, protocol=4))
    return path
