"""picklescan: pickles, and those in zip archives, against lists of dangerous and of known harmless globals."""

from __future__ import annotations

import importlib
import re

from bench.detection.peers.interface import Answer, Outcome, Peer, typed

_DANGEROUS = re.compile(r"^Dangerous globals: [1-9]", re.MULTILINE)
_NOTHING_SCANNED = re.compile(r"^Scanned files: 0$", re.MULTILINE)
_MODULES = ("picklescan.cli", "numpy", "py7zr", "zipfile")


class PickleScan(Peer):
    """`strict`: what it doesn't know is dangerous, too."""

    package = "picklescan"

    def __init__(self, *, strict: bool = False) -> None:
        self.name = "picklescan --strict" if strict else "picklescan"
        self.command = ("picklescan", *(("--strict",) if strict else ()), "-p")

    def prepare(self) -> None:
        for module in _MODULES:
            importlib.import_module(module)

    def ask(self, path: str) -> int:
        typed(self.command, path)
        return int(importlib.import_module("picklescan.cli").main())

    def answer(self, code: int, said: str) -> Answer:
        """What it found before it failed counts; what it passed over without a look is no word on the file."""
        if _DANGEROUS.search(said):
            return Answer(Outcome.FLAGGED)
        if code == 0 and _NOTHING_SCANNED.search(said):
            return Answer(Outcome.ERROR, "it scanned nothing")
        return super().answer(code, "scan failed")
