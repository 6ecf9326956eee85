"""modelaudit: many formats, by its own readers. Without its cache, and without its telemetry."""

from __future__ import annotations

import contextlib
import importlib
import os
import re

from bench.detection.peers.interface import Answer, Outcome, Peer, typed

_FOUND = re.compile(r"^\s*\S+\s+[1-9]\d* (?:Critical|Warning)", re.MULTILINE)
_FAILED = re.compile(r"^.*(?:Error|error|unsupported|Incomplete|incomplete).*$", re.MULTILINE)


class ModelAudit(Peer):
    """Core and those extras that need no framework."""

    name = package = "modelaudit"
    command = ("modelaudit", "scan", "--no-cache")

    def prepare(self) -> None:
        """Its scanners are imported when they are first wanted; its own diagnosis wants them all."""
        os.environ["NO_ANALYTICS"] = os.environ["PROMPTFOO_DISABLE_TELEMETRY"] = "1"
        typed(("modelaudit",), "doctor")
        with contextlib.suppress(SystemExit):
            self._run()

    def ask(self, path: str) -> int:
        typed(self.command, path)
        self._run()
        return 0

    def answer(self, code: int, said: str) -> Answer:
        """What it found before it failed counts."""
        if code and _FOUND.search(said):
            return Answer(Outcome.FLAGGED)
        answer = super().answer(code, said)
        found = _FAILED.search(said)
        return Answer(answer.outcome, found[0].strip()) if answer.outcome is Outcome.ERROR and found else answer

    def _run(self) -> None:
        importlib.import_module("modelaudit.__main__")._run()
