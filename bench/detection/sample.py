"""A sample of the corpus: how its file is made, and which rules it must be caught by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Part(StrEnum):
    """The four parts of the corpus."""

    MALICIOUS = "malicious"
    BENIGN = "benign"
    EVASIVE = "evasive"
    CHANGED = "changed"


@dataclass(frozen=True)
class Sample:
    """One file, or folder, harmless in effect. `build(path)` writes the same bytes each time.

    But for benign ones that a framework's own writer makes: torch's legacy one names storages by their addresses.

    `technique`: what it shows, in one phrase. `source`: where that is publicly known from.
    `static`: the rules that spoil its verdict when it is only read, exactly those; `watched`: those that a load under
    the policy `evaluate` adds, exactly. `unexamined`: texts of which each must stand in a line of the report's
    `not_examined`, for what no look at the file or the load can show.
    """

    name: str
    part: Part
    technique: str
    source: str
    file: str
    build: Callable[[Path], object]
    static: frozenset[str] = frozenset()
    watched: frozenset[str] = frozenset()
    unexamined: tuple[str, ...] = ()

    def make(self, folder: Path) -> Path:
        """Write it into a folder of its own."""
        path = folder / self.file
        self.build(path)
        return path


def rules(words: str) -> frozenset[str]:
    """Ids of rules, apart by blanks."""
    return frozenset(words.split())
