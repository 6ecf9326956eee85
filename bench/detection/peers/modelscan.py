"""modelscan: pickles, numpy's files, zip archives, Keras and TensorFlow, against a list of unsafe operators."""

from __future__ import annotations

import importlib
import re

from bench.detection.peers.interface import Answer, Outcome, Peer, typed

_ISSUES = re.compile(r"^Total Issues: [1-9]", re.MULTILINE)
_SAID_OF = {2: "the scan met errors", 3: "no file of a kind that it supports"}


class ModelScan(Peer):
    """With its default settings."""

    name = package = "modelscan"
    command = ("modelscan", "-p")

    def prepare(self) -> None:
        importlib.import_module("modelscan.cli")
        settings = importlib.import_module("modelscan.settings").DEFAULT_SETTINGS
        for scanner in (*settings["scanners"], *settings["middlewares"]):
            importlib.import_module(scanner.rpartition(".")[0])
        importlib.import_module("modelscan.reports")

    def ask(self, path: str) -> int:
        typed(self.command, path)
        importlib.import_module("modelscan.cli").main()
        return 0

    def answer(self, code: int, said: str) -> Answer:
        """What it found before it failed counts."""
        if _ISSUES.search(said):
            return Answer(Outcome.FLAGGED)
        return super().answer(code, _SAID_OF.get(code, said))
