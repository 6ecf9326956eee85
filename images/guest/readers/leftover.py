"""What lies in a file where no reader of its format looks: in gaps, padding and comments, in records nobody opens.

Whatever needs a place for a payload finds one there. So it is held to the same finders as strings are, and not only by
how it begins: something else may stand in front.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import PurePosixPath

from guest.readers import decoding, seeing, telling
from guest.readers.pickles import names_in
from guest.readers.session import Session
from guest.readers.source import Source
from guest.readers.texts import Budget, Place, Texts

# Where it lies, as it is told and as rules ask for it.
GAP, COMMENT, EXTRA = "a gap", "a comment", "an extra field"
PADDING, BEHIND, HEADER = "the padding", "the bytes behind the end", "a header"
MEMBER, WEIGHTS, UNUSED = "an unread file", "the weights", "the unused weights"

# What is told of places that honest files fill with anything: programs, and what fetches or starts them.
RUNS = frozenset({"program", "pickle"})
STARTS = RUNS | {"python.stage", "shell.reverse", "shell.fetch"}
CODE = STARTS | {"code", "code.file", "shell"}

PIECE = 512 << 10  # bytes of one place that are looked through
_HEAD = 4096  # of one that many others came before
_FOUND = 96  # beginnings of one kind in one place
_PICKLE = 64 << 10  # bytes of one amid others
_INSIDE = 256 << 10  # of anything else
_MARKED = 64  # bytes in front of a name in which a mark may stand
_NODES = 50_000  # opcodes of pickles in one place
_MOST_ASIDES = 20_000  # of one archive

# What is found amid other bytes. Each pattern begins with one byte, for the speed of it, and takes no more than that
# with it: a name in front of a name would hide it.
_WORD = rb"[A-Za-z_][\w.]{0,99}"
_SHORT = rb"[\x01-\x64]%b(?:\x94|q.)?" % _WORD
_PICKLES = (
    re.compile(rb"\x80[\x02-\x05]"),
    re.compile(rb"c(?=%b\n%b\n)" % (_WORD, _WORD)),
    re.compile(rb"i(?=%b\n%b\n)" % (_WORD, _WORD)),
    re.compile(rb"\x8c(?=%b\x8c%b\x93)" % (_SHORT, _SHORT), re.DOTALL),
)
_OTHERS = tuple(
    re.compile(begins)
    for begins in (
        rb"\x7fELF",
        rb"MZ",
        rb"\xcf\xfa\xed\xfe",
        rb"\xce\xfa\xed\xfe",
        rb"\x1f\x8b\x08",
        rb"\xfd7zXZ\0",
        rb"BZh[1-9](?:1AY&SY|\x17rE8P)",
    )
)
# Texts amid bytes: every letter as a 1, every zero as a 2, so that a run is found at the speed of memory.
_LETTERS = bytes(1 if byte in b"\t\n\r" or 32 <= byte < 127 else 2 * (byte == 0) for byte in range(256))
_RUNS = ((b"\1", re.compile(rb"\x01+")), (b"\1\2", re.compile(rb"(?:\x01\x02)+")))
_LEAST_RUN = 12  # letters
_NOTHING = b"\0\xff \t\r\nZ"  # what padding is made of
# What times and numbers of users are not.
_TELLING = re.compile(rb"[\t\n\r -~]{7}|\x80[\x02-\x05]|\x7fELF|MZ|\x1f\x8b|PK\x03\x04|\x8c[\s\S]{1,40}\x93")
# Programs that are called so: who lays them beside weights hides nothing.
_PROGRAMS = re.compile(r"\.(?:so(?:\.\d+)*|dll|dylib|pyd|exe|o|a|node|whl|jar|egg|apk|cubin|com|msi)")


@dataclass(frozen=True)
class Aside:
    """Bytes of an archive that belong to the content of none of its records."""

    where: str
    source: Source
    record: str = ""


@dataclass
class Asides:
    """All of one archive, to be looked at once it is known who reads it."""

    found: list[Aside] = field(default_factory=list)
    missed: bool = False

    def add(self, where: str, source: Source, record: str = "") -> None:
        if len(self.found) < _MOST_ASIDES:
            self.found.append(Aside(where, source, record))
        else:
            self.missed = True

    def look(self, session: Session, form: str) -> None:
        session.texts.budget.missed |= self.missed
        for aside in self.found:
            look(aside.source, aside.where, session, form, aside.record)


def is_of_note(data: bytes) -> bool:
    """A quick no, of what each record of an archive may have."""
    return len(data) >= telling.LEAST and _TELLING.search(data.rstrip(_NOTHING)) is not None


def look(source: Source, where: str, session: Session, form: str, record: str = "", offset: int = 0) -> None:
    """At bytes that honest writers leave empty or use for a few words: all is told that matters there."""
    budget = session.aside
    size = min(source.length, PIECE, max(budget.data, 0))
    budget.data -= size
    _search(source.at(0, size), where, replace(session.texts, budget=budget), _place(session, form, record, offset))
    spent = min(budget.steps, budget.nodes, budget.decoded) < 0
    session.texts.budget.missed |= size < source.length or budget.passed or spent


def beside(source: Source, name: str, session: Session, form: str) -> None:
    """At a file that no reader opens: whether it is a program or a pickle, or holds one.

    Texts are for people, or for a program that they are named for.
    """
    if decoding.is_text(source.at(0, min(source.length, PIECE))):
        return
    only = RUNS - {"program"} if _PROGRAMS.fullmatch(PurePosixPath(name).suffix.lower()) else RUNS
    look_through(source, MEMBER, only, session, _place(session, form, ""))


def starts(source: Source, session: Session, form: str, record: str) -> None:
    """At a record among weights that no reader opens: whether it is a program, or starts one."""
    look_through(source, MEMBER, STARTS, session, _place(session, form, record))


def look_through(source: Source, where: str, only: frozenset[str], session: Session, place: Place) -> None:
    """At what honest files fill with anything: only what is of these kinds is told."""
    size = min(source.length, PIECE if session.filled > 0 else _HEAD)
    session.filled -= size
    budget = Budget(decoded=PIECE, steps=_FOUND * 4, nodes=_NODES)
    _search(source.at(0, size), where, replace(session.texts, budget=budget, only=only), place)
    session.texts.budget.passed |= budget.passed or session.filled <= 0


def _place(session: Session, form: str, record: str, offset: int = 0) -> Place:
    return Place(form, session.named(record), offset, session.file)


def _search(data: bytes, where: str, texts: Texts, place: Place) -> None:
    if data.translate(None, _NOTHING):
        content = data.lstrip(b"\0")
        _Search(texts, place, len(data) - len(content)).at(content, (where,))


@dataclass(frozen=True)
class _Search:
    """`front`: bytes before those that are searched."""

    texts: Texts
    place: Place
    front: int = 0

    def at(self, data: bytes, how: tuple[str, ...]) -> None:
        """As one string, then whatever begins within."""
        text = seeing.as_text(data)
        self._looking(0).at(text, data, how)
        for at in self._places(_OTHERS, data):
            self._looking(at).at("", data[at : at + _INSIDE], how)
        self._pickles(data, how)
        if not text:
            self._texts(data, how)
        if len(how) < seeing.LAYERS:
            for packed in decoding.records(data):
                if self.texts.budget.takes(packed):
                    self.at(packed, (*how, "zip"))

    def _looking(self, at: int) -> seeing.Look:
        place = replace(self.place, offset=self.place.offset + self.front + at)
        return seeing.Look(self.texts, place, names_in)

    def _places(self, patterns: tuple[re.Pattern[bytes], ...], data: bytes) -> list[int]:
        """Where they are found, the first ones of each."""
        places: list[int] = []
        for pattern in patterns:
            found = [found.start() for found in islice(pattern.finditer(data), _FOUND)]
            self.texts.budget.passed |= len(found) == _FOUND
            places += found
        return sorted(places)

    def _pickles(self, data: bytes, how: tuple[str, ...]) -> None:
        """From where one begins, from a name in it, or from a mark before that."""
        done = 0
        for at in self._places(_PICKLES, data):
            mark = data.rfind(b"(", max(0, at - _MARKED), at) if data[at] != 0x80 else -1
            for start in (at, mark) if at >= done else ():
                if start >= 0 and self._looking(start).pickle(data[start : start + _PICKLE], how):
                    done = at + _MARKED
                    break

    def _texts(self, data: bytes, how: tuple[str, ...]) -> None:
        for at, text in _texts(data):
            kinds = telling.candidates(text)
            if kinds or decoding.may_hold(text):
                self._looking(at).at(text, b"", how, kinds)


def _texts(data: bytes) -> Iterator[tuple[int, str]]:
    """Runs of letters, of one byte each or of two."""
    letters = data.translate(_LETTERS)
    for letter, run in _RUNS:
        at = letters.find(letter * _LEAST_RUN)
        for _ in range(_FOUND):
            found = run.match(letters, at) if at >= 0 else None
            if found is None:
                break
            yield at, data[at : found.end() : len(letter)].decode("ascii")
            at = letters.find(letter * _LEAST_RUN, found.end())
