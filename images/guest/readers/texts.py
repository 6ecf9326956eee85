"""The strings and bytes that the streams of a file hold, and what is told of them: all of it bounded.

They wait for the end of their stream: only then it is known which of them something was called with.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import wire

from guest.readers.inert import Bag, Bytes, Call, OfBytes, Text

String = str | Bytes | Text

BEYOND = "beyond"  # the kind that isn't one: what was too much, though none of it could be of note
UNSEEN = "beyond.unseen"  # and some of that could have been
HEAD = 512  # bytes of what may be an array's
_TEXT = 8 << 20  # bytes of strings of one file
_DATA = 4 << 20  # of bytes that are no text by their type: strings don't crowd them out
_WORD = 64  # characters; a longer one may be more than a word
_DECODED = 1 << 20  # bytes that come out of them
_STEPS = 4000  # outcomes that are looked at
_NODES = 200_000  # opcodes of pickles in strings
_OF_A_KIND = 32  # rows
_NAMED = 256  # globals of pickles in strings that are told, whatever else is
_GIVEN = 20_000  # arguments that are remembered
_LEAST = 8  # characters of a line that tells something to a shell: `curl a|sh`
_LETTER = range(9, 127)  # the number of one


@dataclass
class Budget:
    """What is left of it for one file."""

    text: int = _TEXT
    data: int = _DATA
    missed: bool = False  # something was passed over that could have been of note
    passed: bool = False  # something was passed over of which honest files have more than is looked at
    decoded: int = _DECODED
    steps: int = _STEPS
    nodes: int = _NODES

    def takes(self, inner: bytes) -> bool:
        """Whether that may be looked at, too; it is taken."""
        self.steps -= 1
        self.decoded -= len(inner)
        return not self.is_spent

    @property
    def is_spent(self) -> bool:
        """Whether nothing more will be taken, which is told: to decode it would be for nothing."""
        return self.steps < 0 or self.decoded < 0


@dataclass(frozen=True)
class Place:
    """Where a string stands, and whether it is handed to something that is called."""

    format: str
    record: str
    offset: int
    file: int
    used: bool = False


@dataclass
class Texts:
    """What the strings of a file tell; those of a pickle in a string by how that was come by, and where it stands."""

    budget: Budget = field(default_factory=Budget)
    how: tuple[str, ...] = ()
    place: Place | None = None
    only: frozenset[str] | None = None  # the kinds that are told, where not all are
    _rows: dict[tuple[str, ...], wire.Text] = field(default_factory=dict)
    _named: set[str] = field(default_factory=set)
    _count: dict[tuple[str, bool, bool], int] = field(default_factory=dict)

    def within(self, how: tuple[str, ...], place: Place) -> Texts:
        """The same, for the strings of a pickle that lies in one of them."""
        return replace(self, how=how, place=place)

    def rows(self) -> list[wire.Text]:
        rows, left = list(self._rows.values()), self.budget
        if left.missed or min(left.data, left.decoded, left.steps, left.nodes) < 0:
            return [*rows, replace(_BEYOND, kind=UNSEEN)]
        return [*rows, _BEYOND] if left.text < 0 or left.passed else rows

    def tell(self, kind: str, shown: str, how: tuple[str, ...], place: Place, names: tuple[str, ...] = ()) -> None:
        """One row, unless there are many like it."""
        if self.only is not None and kind not in self.only:
            return
        way = " > ".join(how)
        key = (kind, way, shown, place.record, str(place.file))
        before = self._rows.get(key)
        if before is not None:
            self._rows[key] = replace(before, used=before.used or place.used)
            return
        # What is encoded or handed on is counted by itself: plain ones don't crowd it out.
        sort = (kind, bool(how), place.used)
        self._count[sort] = self._count.get(sort, 0) + 1
        if self._count[sort] > _OF_A_KIND and not self._is_new(names):
            return
        self._named.update(names)
        self._rows[key] = wire.Text(
            format=place.format[:64],
            kind=kind,
            how=way[:64],
            text=shown[: wire.MAX_TOLD],
            names=names,
            used=place.used,
            record=place.record,
            offset=min(max(place.offset, 0), wire.MAX_SIZE),
            file=place.file,
        )

    def _is_new(self, names: tuple[str, ...]) -> bool:
        """Whether a pickle names what none before it did: harmless ones don't crowd it out."""
        new = not self._named.issuperset(names)
        self.budget.missed |= new and len(self._named) >= _NAMED
        return new and len(self._named) < _NAMED


_BEYOND = wire.Text("", BEYOND, "", "there are more strings in the file than are looked at", (), False, "", 0)


class Met:
    """The strings of one stream."""

    def __init__(self, texts: Texts) -> None:
        self._budget = texts.budget
        self._strings: list[tuple[int, str]] = []
        self._others: list[tuple[int, Bytes | Text]] = []
        self._given: set[object] = set()

    def string(self, offset: int, value: str) -> None:
        """One that the stream pushes."""
        self._budget.text -= len(value)
        if self._budget.text >= 0:
            self._strings.append((offset, value))
        elif len(value) > _WORD or not value.isprintable():
            self._budget.missed = True

    def other(self, offset: int, value: Bytes | Text) -> None:
        """Bytes, or a long text: of those no more is read than their beginning is worth."""
        self._budget.data -= min(value.source.length, HEAD)
        if self._budget.data >= 0:
            self._others.append((offset, value))

    def given(self, arguments: object, offset: int) -> None:
        """Something that isn't known is given them there: as arguments, as its items, as its state."""
        todo, seen = [arguments], 0
        while todo and seen < HEAD and len(self._given) < _GIVEN:
            value, seen = todo.pop(), seen + 1
            if isinstance(value, String):
                if not isinstance(value, str) or len(value) >= _LEAST:
                    self._given.add(_key(value))
                continue
            spelled = _spelled(value)
            if spelled:
                self.string(offset, spelled)
                self._given.add(spelled)
            todo.extend(_parts(value))

    def ended(self) -> Ended:
        """Those of the stream, which is over. The next one begins anew."""
        ended = Ended(self._strings, self._others, self._given)
        self._strings, self._others, self._given = [], [], set()
        return ended


@dataclass(frozen=True)
class Ended:
    """The strings of a stream that is over, each with its offset."""

    strings: list[tuple[int, str]]
    others: list[tuple[int, Bytes | Text]]
    given: set[object]

    def is_used(self, value: String) -> bool:
        return _key(value) in self.given


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()][:HEAD]
    if isinstance(value, list | tuple):
        return list(value[:HEAD])
    if isinstance(value, Bag):
        return value.items[:HEAD]
    if isinstance(value, Call):  # what a call gave is handed on: join, decode, decompress
        return [value.args, value.kwargs]
    if isinstance(value, OfBytes):
        return [value.raw]
    return []


def _spelled(value: object) -> str:
    """The text of which a list or tuple gives each letter by its number."""
    if not isinstance(value, list | tuple) or len(value) < _LEAST:
        return ""
    head = value[:HEAD]
    return "".join(map(chr, head)) if all(type(item) is int and item in _LETTER for item in head) else ""


def _key(value: String) -> object:
    """The same for a text and for the bytes that are made of it, as protocols below 3 write them."""
    if isinstance(value, str):
        return value
    small = value.small if isinstance(value, Bytes) else None
    return small.decode("latin-1") if small is not None else tuple(value.source.origin)
