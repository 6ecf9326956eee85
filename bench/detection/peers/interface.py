"""What a peer is: how it is asked in its own environment, and what its answer means. Nothing here imports one."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """`ERROR`: it says that it could not scan the file, it crashed, or it took too long."""

    FLAGGED = "flagged"
    SILENT = "silent"
    ERROR = "error"


@dataclass(frozen=True)
class Answer:
    """`why`: of an error, in its words."""

    outcome: Outcome
    why: str = ""


class Peer(ABC):
    """One tool in one way of asking it. Members: one file each."""

    name: str
    package: str
    command: tuple[str, ...]  # what a user types before the path

    @abstractmethod
    def prepare(self) -> None:
        """Import all that a scan needs, so that no file pays for it."""

    @abstractmethod
    def ask(self, path: str) -> int:
        """Its exit code for a file or a folder; what it has to say it prints."""

    def answer(self, code: int, said: str) -> Answer:
        """By the exit code: 0 nothing, 1 found, all else is a failure."""
        outcome = {0: Outcome.SILENT, 1: Outcome.FLAGGED}.get(code, Outcome.ERROR)
        return Answer(outcome, _last_line(said) or f"exit code {code}" if outcome is Outcome.ERROR else "")


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def typed(words: tuple[str, ...], path: str) -> None:
    """As if those words had been typed."""
    sys.argv = [*words, path]
