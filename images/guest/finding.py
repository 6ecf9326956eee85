"""PID 1's side of the search for stolen secrets: a confined child does it; nothing here reads what the load left.

Call it when everything hostile is dead: the child is no better protected than the reader.
"""

from __future__ import annotations

import json
import os
import selectors
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guest import processes
from guest.order import Order
from guest.reaper import Reaper
from guest.relay import Pump

LENGTH = struct.Struct(">Q")  # in front of each blob
MAX_BLOBS = 256
MAX_BYTES = 64 << 20
SECONDS = 5.0  # its start included; then it is killed
_OWN_SECONDS = 3.5  # after which it says itself what it has left out
_MEMORY = 512 << 20  # bytes of its address space
_PIECE = 1 << 16
_MAX_SAID = 2 << 20
_MAX_HOW = 96
_SCRIPT = Path(__file__).resolve().with_name("finder.py")


@dataclass(frozen=True)
class Found:
    """One secret in one blob. `blob`: its index; `what`: the decoy's name; `how`: what was done to it, in words."""

    blob: int
    what: str
    how: str


def find(pump: Pump, reaper: Reaper, order: Order, blobs: Sequence[bytes]) -> tuple[list[Found], str]:
    """The planted secrets in the blobs, and why the search is not complete ("" when it is), in a few words.

    Takes `SECONDS` at most, and no more than the pump has left.
    """
    if not blobs or not order.secrets:
        return [], ""
    finder = _Finder(pump, reaper, order, blobs)
    finder.run()
    return finder.hits, "; ".join(filter(None, (finder.left_out, finder.why)))


class _Finder:
    """One search. The smallest blobs come first: one that takes all the time hides nothing but itself."""

    def __init__(self, pump: Pump, reaper: Reaper, order: Order, blobs: Sequence[bytes]) -> None:
        self._pump, self._values = pump, order.secrets
        self._chosen = _fitting(blobs)
        left = len(blobs) - len(self._chosen)
        self.left_out = f"{left} of {len(blobs)} texts were too many or too long" if left else ""
        self.why = "the finder ended before it was done"
        self.hits: list[Found] = []
        self._pieces = _pieces([blobs[index] for index in self._chosen])
        self._piece = memoryview(b"")
        self._said = bytearray()
        self._total = 0
        told = order.for_finder(_OWN_SECONDS, _MEMORY)
        self._child = processes.spawn(reaper, "finder", str(_SCRIPT), told, {})
        self._open = {self._child.commands, self._child.frames}

    def run(self) -> None:
        """To its end, or to the end of its time."""
        child = self._child
        for descriptor in self._open:
            os.set_blocking(descriptor, False)
        self._pump.add(child.frames, self._hear)
        self._pump.add(child.commands, self._feed, selectors.EVENT_WRITE)
        if not self._pump.run_until(lambda: child.frames not in self._open, SECONDS):
            self.why = "there was no time left to look for planted secrets in all of it"
        child.kill()
        for descriptor in list(self._open):
            self._close(descriptor)
        for descriptor in child.printed:
            os.close(descriptor)

    def _feed(self) -> None:
        """As much as goes in without waiting."""
        try:
            while self._piece or self._next():
                self._piece = self._piece[os.write(self._child.commands, self._piece[:_PIECE]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            pass  # it is gone, which its own pipe will say
        self._close(self._child.commands)

    def _next(self) -> bool:
        self._piece = memoryview(next(self._pieces, b""))
        return bool(self._piece)

    def _hear(self) -> None:
        try:
            raw = os.read(self._child.frames, _PIECE)
        except BlockingIOError:
            return
        self._total += len(raw)
        *lines, rest = (bytes(self._said) + raw).split(b"\n")
        self._said = bytearray(rest)
        try:
            for line in lines:
                self._note(json.loads(line))
        except (ValueError, LookupError, TypeError, RecursionError):
            self._total = _MAX_SAID + 1
        if self._total > _MAX_SAID:
            self.why = "the finder said what it never says"
        if not raw or self._total > _MAX_SAID:
            self._close(self._child.frames)

    def _note(self, untrusted_row: dict[str, Any]) -> None:
        """A hit, or the last word. Raises what a row that is neither makes it raise."""
        if "done" in untrusted_row:
            short = len(self._chosen) - int(untrusted_row["done"])
            self.why = str(untrusted_row["why"])[:256] or (f"{short} texts were not reached" if short else "")
            return
        blob, what, how = (untrusted_row[key] for key in ("blob", "what", "how"))
        if type(blob) is not int or blob < 0 or what not in self._values or not isinstance(how, str):
            raise ValueError("no hit")
        self.hits.append(Found(self._chosen[blob], what, how[:_MAX_HOW]))

    def _close(self, descriptor: int) -> None:
        self._open.remove(descriptor)
        self._pump.drop(descriptor)
        os.close(descriptor)


def _fitting(blobs: Sequence[bytes]) -> list[int]:
    """The indices of those that may be searched, the smallest first."""
    chosen, room = [], MAX_BYTES
    for index in sorted(range(len(blobs)), key=lambda index: len(blobs[index]))[:MAX_BLOBS]:
        room -= len(blobs[index])
        if room >= 0:
            chosen.append(index)
    return chosen


def _pieces(blobs: list[bytes]) -> Iterator[bytes]:
    for blob in blobs:
        yield LENGTH.pack(len(blob))
        if blob:
            yield blob
