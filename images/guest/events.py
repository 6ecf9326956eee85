"""The record of what the loader did: bounded rows, unbounded counts."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import wire

# What a benign load does by the hundred: kinds, and places that tell nothing. Beyond their rows such events are
# counted, and nothing is lost by that. Their rows are their own: a late import would use up those of a payload's looks.
HARMLESS = frozenset({"file.read", "file.probe", "memory.library"})
INSTALLED = ("/usr/", "/lib", "/env", "/code", "/sys/devices/system/")


@dataclass
class Record:
    """Sends the first `raw` distinct events of each kind as rows at once; like ones only raise a count.

    `flush` sends the rows whose count grew once more, under the same id. An event beyond the rows is in `counts`, and
    in `dropped` unless it is harmless.
    """

    send: Callable[[bytes], None]
    raw: int
    started: float
    counts: Counter[str] = field(default_factory=Counter)
    dropped: int = 0
    unreadable: int = 0
    _rows: dict[tuple[object, ...], wire.Event] = field(default_factory=dict)
    _slots: Counter[tuple[str, bool]] = field(default_factory=Counter)
    _grown: Counter[tuple[object, ...]] = field(default_factory=Counter)

    def add(self, kind: str, call: str, answer: str, pid: int, detail: dict[str, str]) -> None:
        self.counts[kind] += 1
        key = (kind, call, answer, *detail.items())
        harmless = kind in HARMLESS and detail.get("path", INSTALLED[0]).startswith(INSTALLED)
        if key in self._rows:
            self._grown[key] += 1
        elif self._slots[kind, harmless] < self.raw:
            self._slots[kind, harmless] += 1
            row = wire.Event(len(self._rows) + 1, kind, call, answer, pid, self.now(), 1, detail)
            self._rows[key] = row
            self.send(wire.encode(wire.Kind.EVENT, row))
        elif not harmless:
            self.dropped += 1

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
