"""Known secrets in bytes that a thief sent or wrote: as they are, spelled in other ways, and inside of what is packed.

Pure, and bounded: a hostile text may make a search incomplete, never long or wrong. `Budget.why` says what was left
out.
"""

from __future__ import annotations

import base64
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from guest import unpack

LAYERS = 3
MOST_EACH = 4 << 20  # bytes that one layer of one text may become
MOST_IN_ALL = 64 << 20
_WINDOW = 4 << 20  # a longer text is searched in pieces
_OVERLAP = 64 << 10
_BLOCK = 8
_PIECE = 1 << 17  # blocks looked at in one go
_LEAST = 2 * _BLOCK - 1  # whatever is this long covers a whole aligned block


@dataclass
class Budget:
    """What a search may still use. `deadline` is of time.monotonic()."""

    deadline: float
    left: int = MOST_IN_ALL
    why: set[str] = field(default_factory=set)

    def takes(self, size: int) -> bool:
        """Whether that many bytes more may be looked at; they are taken."""
        self.left -= size
        if self.left < 0:
            self.why.add(f"more than {MOST_IN_ALL >> 20} MiB to unpack")
        return self.left >= 0

    @property
    def late(self) -> bool:
        if time.monotonic() >= self.deadline:
            self.why.add("out of time")
            return True
        return False


def spellings(value: str) -> Iterator[tuple[bytes, str]]:
    """The ways in which a value can stand in bytes, in lower case, and what each is called; the simplest come first."""
    raw = value.encode()
    yield raw.lower(), "plain"
    yield raw[::-1].lower(), "reversed"
    yield raw.hex().encode(), "hex"
    yield b"\0".join(raw[at : at + 1] for at in range(len(raw))).lower(), "utf-16"
    yield "".join(f"%{byte:02x}" for byte in raw).encode(), "url"
    yield from ((quote(value, safe=safe).lower().encode(), "url") for safe in ("", "/"))
    # The characters at either end also hold bits of what stands beside it, at each alignment.
    for step, group, encode, how in ((3, 4, base64.b64encode, "base64"), (5, 8, base64.b32encode, "base32")):
        for shift in range(step):
            text = encode(b"\0" * shift + raw).rstrip(b"=")
            inner = text[-(-shift * group // step) : -1].lower()
            yield inner, how
            yield inner.translate(unpack.TO_URL_SAFE), how


class Needles:
    """Finds all spellings of all values at once, in a time that hardly depends on how many they are.

    A spelling of 15 bytes or more covers a whole 8-byte block of any text wherever it stands. So a text that has no
    block in common with any spelling holds none of them.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        """`values`: what it is -> its unique text."""
        self._short: list[tuple[bytes, str, str]] = []
        self._blocks: dict[int, list[tuple[bytes, str, str]]] = {}
        for what, value in values.items():
            ways: dict[bytes, str] = {}
            for spelling, how in spellings(value):
                ways.setdefault(spelling, how)
            for spelling, how in ways.items():
                self._add((spelling, what, how))

    def _add(self, needle: tuple[bytes, str, str]) -> None:
        spelling = needle[0]
        if len(spelling) < _LEAST:
            self._short.append(needle)
            return
        for at in range(_BLOCK):
            for block in _blocks(spelling[at:]).tolist():
                self._blocks.setdefault(block, []).append(needle)

    def found(self, untrusted_text: bytes) -> Iterator[tuple[str, str]]:
        """(what, how) of each spelling that stands in the text, in either case."""
        text = untrusted_text.lower()
        for spelling, what, how in dict.fromkeys((*self._short, *self._candidates(text))):
            if spelling in text:
                yield what, how

    def _candidates(self, text: bytes) -> Iterator[tuple[bytes, str, str]]:
        blocks = _blocks(text)
        for at in range(0, len(blocks), _PIECE):
            piece = blocks[at : at + _PIECE].tolist()
            if not self._blocks.keys().isdisjoint(piece):
                for block in self._blocks.keys() & set(piece):
                    yield from self._blocks[block]


def _blocks(text: bytes) -> memoryview[int]:
    return memoryview(text[: len(text) // _BLOCK * _BLOCK]).cast("Q")


def search(untrusted_blob: bytes, needles: Needles, budget: Budget) -> Iterator[tuple[str, str]]:
    """(what, how) of each value in the blob, once, by the simplest way it is in there.

    `how` is what was done to it, the first step first: "plain", "base64", "gzip, base64".
    """
    known: set[str] = set()
    for at in range(0, max(1, len(untrusted_blob) - _OVERLAP), _WINDOW - _OVERLAP):
        for what, how in _layers(untrusted_blob[at : at + _WINDOW], needles, budget):
            if what not in known:
                known.add(what)
                yield what, how


def _layers(window: bytes, needles: Needles, budget: Budget) -> Iterator[tuple[str, str]]:
    queue: deque[tuple[bytes, tuple[str, ...]]] = deque([(window, ())])
    seen: set[int] = set()
    while queue and not budget.late:
        text, done = queue.popleft()
        for what, how in needles.found(text):
            yield what, ", ".join((how, *done) if how != "plain" or not done else done)
        if len(done) == LAYERS:
            continue
        for how, inner in _inner(text, done, budget):
            if hash(inner) not in seen and budget.takes(len(inner)):
                seen.add(hash(inner))
                queue.append((inner, (how, *done)))


def _inner(text: bytes, done: tuple[str, ...], budget: Budget) -> Iterator[tuple[str, bytes]]:
    for how, step in unpack.STEPS.items():
        if how in unpack.ONCE and how in done:
            continue
        if budget.late or budget.left < 0:
            return
        for inner, whole in step(text, MOST_EACH):
            if not whole:
                budget.why.add(f"something that becomes more than {MOST_EACH >> 20} MiB")
            yield how, inner
            if budget.late or budget.left < 0:
                return
