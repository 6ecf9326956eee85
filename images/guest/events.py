"""The record of what the loader did: bounded rows, unbounded counts."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

import wire

# What a benign load does by the hundred: kinds, and places that tell nothing (who reads in the home, inotify tells).
# Beyond their rows such events are counted, and nothing is lost by that. Their rows are their own: a late import would
# use up those of a payload's looks.
HARMLESS = frozenset({"file.read", "file.probe", "memory.library"})
INSTALLED = ("/usr/", "/lib", "/env", "/code", "/layers/", "/model/", "/sys/devices/system/", "/home/user")
FIRST = "load"  # phase
_LATER = 4  # times fewer rows in each of the later ones, which are short


class Classes:
    """What the judge tells apart among the events of one kind, as the order has it: a row for each of its rules.

    Rows that told nothing apart would let a flood of what is harmless hide the one event that isn't.
    """

    def __init__(self, told: list[dict[str, Any]]) -> None:
        self._told = [(row, {key: re.compile(like, re.DOTALL) for key, like in row["detail"].items()}) for row in told]
        self._of_kind: dict[str, list[int]] = {}

    def prepare(self, watched: Iterable[tuple[str, Iterable[str], str]]) -> None:
        """Look once at each kind and call: the first look compiles patterns, and later somebody would wait for that."""
        for kind, calls, _answer in watched:
            for call in calls:
                self.of(kind, call, {})

    def of(self, kind: str, call: str, detail: dict[str, str]) -> tuple[int, bool]:
        """The number of the first rule that takes it, -1 for none; and whether that rule thinks it harmless."""
        if kind not in self._of_kind:
            kinds = (number for number, (row, _) in enumerate(self._told) if _like(kind, row["kinds"]))
            self._of_kind[kind] = list(kinds)
        for number in self._of_kind[kind]:
            row, likes = self._told[number]
            named = not row["calls"] or _like(call, row["calls"])
            if named and _above(detail, row["value"]) and _all_like(detail, likes):
                return number, row["harmless"]
        return -1, True


def _like(word: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(word, pattern) for pattern in patterns)


def _above(detail: dict[str, str], least: float) -> bool:
    if not least:
        return True
    number = re.match(r"\d{1,15}(\.\d{1,9})?", detail.get("value", ""))
    return number is not None and float(number[0]) >= least


def _all_like(detail: dict[str, str], likes: dict[str, re.Pattern[str]]) -> bool:
    return all(key in detail and like.fullmatch(detail[key]) for key, like in likes.items())


def _nothing() -> None:
    pass


@dataclass
class Record:
    """Sends the first `raw` distinct events of each kind and class as rows at once; like ones only raise a count.

    `flush` sends the rows whose count grew once more, under the same id. An event beyond the rows is in `counts`, and
    in `dropped` unless it is harmless. Each phase has its rows: what was done in one says nothing of another.
    `before` is called before each new row, so that whatever explains it can be told first.
    """

    send: Callable[[bytes], None]
    raw: int
    started: float
    classes: Classes = field(default_factory=lambda: Classes([]))
    by_process: bool = False  # whether the same deed of two processes is two rows
    counts: Counter[str] = field(default_factory=Counter)
    dropped: int = 0
    unreadable: int = 0
    before: Callable[[], None] = _nothing
    phase: str = FIRST
    _rows: dict[tuple[object, ...], wire.Event] = field(default_factory=dict)
    _slots: Counter[tuple[str, str, int, bool]] = field(default_factory=Counter)
    _grown: Counter[tuple[object, ...]] = field(default_factory=Counter)

    def add(self, kind: str, call: str, answer: str, pid: int, detail: dict[str, str]) -> None:
        self.counts[kind] += 1
        key = (self.phase, kind, call, answer, pid if self.by_process else 0, *detail.items())
        if key in self._rows:
            self._grown[key] += 1
            return
        number, expected = self.classes.of(kind, call, detail)
        harmless = expected and kind in HARMLESS and detail.get("path", INSTALLED[0]).startswith(INSTALLED)
        if self._slots[self.phase, kind, number, harmless] < self._room():
            self._slots[self.phase, kind, number, harmless] += 1
            self._tell(key, kind, call, answer, pid, detail)
        elif not harmless:
            self.dropped += 1

    def _room(self) -> int:
        """Rows of a class in this phase. All phases together must stay within what the host takes."""
        return self.raw if self.phase == FIRST else max(1, self.raw // _LATER)

    def turn(self, phase: str, pid: int) -> None:
        """What is recorded from now on belongs to that phase. The turn is a row, and counts as nobody's doing."""
        self.phase = phase
        self._tell((phase, "phase"), "phase", phase, "continued", pid, {})

    def _tell(
        self, key: tuple[object, ...], kind: str, call: str, answer: str, pid: int, detail: dict[str, str]
    ) -> None:
        self.before()
        row = wire.Event(len(self._rows) + 1, kind, call, answer, pid, self.now(), 1, detail)
        self._rows[key] = row
        self.send(wire.encode(wire.Kind.EVENT, row))

    def now(self) -> float:
        """Seconds since the jail's start."""
        return round(time.monotonic() - self.started, 6)

    def flush(self) -> None:
        for key, more in self._grown.items():
            self.send(wire.encode(wire.Kind.EVENT, replace(self._rows[key], count=1 + more)))


def printable(raw: bytes, limit: int = 1024) -> str:
    """Bytes of the enemy as text that JSON can carry and that says what was cut. At most wire.MAX_TEXT characters."""
    text = raw[:limit].decode("utf-8", "backslashreplace")  # which makes up to four characters of a byte
    cut = f"... ({len(raw)} bytes)" if len(raw) > limit else ""
    return text[: wire.MAX_TEXT - len(cut)] + cut
