"""What lies in a file where no reader of its format looks: in gaps, padding and comments, in records that nothing opens.

Whatever needs a place for a payload finds one there. So it is held to the same finders as strings are, and not only by
how it begins: something else may stand in front.
"""

from __future__ import annotations

import re
import struct
import zlib

from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from guest.readers import decoding, seeing, telling
from guest.readers.errors import UnreadableError
from guest.readers.pickles import names_in
from guest.readers.session import Session
from guest.readers.source import Source
from guest.readers.texts import Budget, Place, Texts

# Where it lies, as it is told and as rules ask for it.
GAP, COMMENT, EXTRA = "in a gap", "in a comment", "in an extra field"
PADDING, BEHIND, HEADER = "in padding", "behind the end", "in a header"
MEMBER, WEIGHTS, UNUSED = "in an unread file", "in the weights", "in unused weights"

# What is told of places that honest files fill with what they like: programs, and what fetches or starts them.
RUNS = frozenset({"program", "pickle"})
STARTS = RUNS | {"python.stage", "shell.reverse", "shell.fetch"}
CODE = STARTS | {"code", "code.file", "shell"}

PIECE = 1 << 20  # bytes of one place that are looked through
_MOST = 64 << 20  # of all those that honest files fill, too
_ASIDE = 8 << 20  # of those that they don't
_LEAST = telling.LEAST
_FOUND = 96  # beginnings in one place
_PICKLE = 64 << 10  # bytes of one amid others
_INSIDE = 256 << 10  # of anything else
_MARKED = 64  # bytes in front of a name in which a mark may stand

# What it begins with that is found amid other bytes; each pattern begins with a letter, for the speed of it.
_WORD = rb"[A-Za-z_][\w.]{0,99}"
_PICKLES = (
    re.compile(rb"\x80[\x02-\x05]"),
    re.compile(rb"c%b\n%b\n" % (_WORD, _WORD)),
    re.compile(rb"i%b\n%b\n" % (_WORD, _WORD)),
    re.compile(rb"\x8c[\x01-\x64]%b(?:\x94|q.)?\x8c[\x01-\x64]%b(?:\x94|q.)?\x93" % (_WORD, _WORD), re.DOTALL),
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
_ZIPPED = re.compile(rb"PK\x03\x04")
_LOCAL = struct.Struct("<4s5H3I2H")
_DEFLATED = 8
_RUN = re.compile(rb"[\t\n\r -~]{12,}")
_WIDE = re.compile(rb"(?:[\t\n\r -~]\0){12,}")
_NOTHING = b"\0\xff \t\r\nZ"  # what padding is made of
# What has room for nothing, such as times and numbers of users.
_TELLING = re.compile(rb"[\t\n\r -~]{7}|\x80[\x02-\x05]|\x7fELF|MZ|\x1f\x8b|PK\x03\x04|\x8c[\s\S]{1,40}\x93")
# Programs that are called so: who lays them beside weights hides nothing.
_PROGRAMS = re.compile(r"\.(?:so(?:\.\d+)*|dll|dylib|pyd|exe|bin|o|a|node|whl|jar|egg|apk|elf|cubin|nexe|com|msi)")


@dataclass(frozen=True)
class Aside:
    """Bytes of an archive that belong to none of its records' contents."""

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


_MOST_ASIDES = 20_000


def is_of_note(data: bytes) -> bool:
    """A quick no, of what many records have."""
    return len(data) >= _LEAST and _TELLING.search(data.rstrip(_NOTHING)) is not None


def look(source: Source, where: str, session: Session, form: str, record: str = "", offset: int = 0) -> None:
    """At bytes that honest writers leave empty or use for a few words: all is told that matters there."""
    texts = replace(session.texts, budget=session.aside)
    size = min(source.length, PIECE, max(session.aside.data, 0))
    if size < source.length:
        session.texts.budget.missed = True
    session.aside.data -= size
    _search(source.at(0, size), where, texts, _place(session, form, record, offset))
    session.texts.budget.missed |= min(session.aside.steps, session.aside.nodes, session.aside.decoded) < 0


def beside(source: Source, name: str, session: Session, form: str) -> None:
    """At a file, or a record, that no reader opens: whether it is a program, or a pickle, or holds one."""
    head = source.at(0, min(source.length, PIECE))
    if decoding.is_text(head):
        return  # for people, or for a program that it is named for
    only = RUNS - {"program"} if _PROGRAMS.fullmatch(PurePosixPath(name).suffix.lower()) else RUNS
    look_through(source, MEMBER, only, session, _place(session, form, ""))


def starts(source: Source, session: Session, form: str, record: str) -> None:
    """At a record of an archive of weights that none of its readers opens: whether it is a program, or starts one."""
    look_through(source, MEMBER, STARTS, session, _place(session, form, record))


def look_through(source: Source, where: str, only: frozenset[str], session: Session, place: Place) -> None:
    """At what honest files fill with anything: only what is of these kinds is told."""
    size = min(source.length, PIECE, max(session.filled, 0))
    session.texts.budget.passed |= session.filled < 0
    session.filled -= size
    texts = replace(session.texts, budget=Budget(decoded=PIECE, steps=_FOUND * 4, nodes=_NODES), only=only)
    _search(source.at(0, size), where, texts, place)


_NODES = 50_000  # opcodes of pickles in one place


def _place(session: Session, form: str, record: str, offset: int = 0) -> Place:
    return Place(form, session.named(record), offset, session.file)


def _search(data: bytes, where: str, texts: Texts, place: Place) -> None:
    if not data.translate(None, _NOTHING):
        return
    front = len(data) - len(data.lstrip(b"\0"))
    found = _Search(texts, place)
    found.at(data[front:], (where,))


@dataclass
class _Search:
    texts: Texts
    place: Place

    def at(self, data: bytes, how: tuple[str, ...]) -> None:
        """As one string, then whatever begins within."""
        text = seeing.as_text(data)
        self._looking(0).at(text, data, how)
        for at in _first(_OTHERS, data):
            self._looking(at).at("", data[at : at + _INSIDE], how)
        self._pickles(data, how)
        if not text:
            self._texts(data, how)
        if len(how) < seeing.LAYERS:
            self._zipped(data, how)

    def _looking(self, at: int) -> seeing.Look:
        return seeing.Look(self.texts, replace(self.place, offset=self.place.offset + at), names_in)

    def _pickles(self, data: bytes, how: tuple[str, ...]) -> None:
        """From where one begins, or a name in it, or a mark before that."""
        done = 0
        for at in _first(_PICKLES, data):
            if at < done:
                continue
            mark = data.rfind(b"(", max(0, at - _MARKED), at)
            for start in (at, mark) if data[at] != 0x80 and mark >= 0 else (at,):
                if self._looking(start).pickle(data[start : start + _PICKLE], how):
                    done = at + _MARKED
                    break

    def _texts(self, data: bytes, how: tuple[str, ...]) -> None:
        runs = [(found.start(), found[0].decode("ascii")) for _, found in zip(range(_FOUND), _RUN.finditer(data))]
        wide = [(found.start(), found[0][::2].decode("ascii")) for _, found in zip(range(_FOUND), _WIDE.finditer(data))]
        for at, text in (*runs, *wide):
            kinds = telling.candidates(text)
            if kinds or decoding.may_hold(text):
                self._looking(at).at(text, b"", how, kinds)

    def _zipped(self, data: bytes, how: tuple[str, ...]) -> None:
        """The records of an archive; what is stored in it was found already."""
        for at in _first((_ZIPPED,), data):
            packed = _packed(data, at)
            if packed and self.texts.budget.takes(packed):
                self.at(packed, (*how, "zip"))


def _first(patterns: tuple[re.Pattern[bytes], ...], data: bytes) -> list[int]:
    """Where they are found, the first ones of each."""
    places = (found.start() for pattern in patterns for _, found in zip(range(_FOUND), pattern.finditer(data)))
    return sorted(places)


def _packed(data: bytes, at: int) -> bytes:
    """The beginning of a record that is deflated."""
    if len(data) - at < _LOCAL.size:
        return b""
    _, _, _, method, _, _, _, _, _, name, extra = _LOCAL.unpack_from(data, at)
    if method != _DEFLATED:
        return b""
    try:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        return inflater.decompress(data[at + _LOCAL.size + name + extra :], _INSIDE)
    except zlib.error:
        return b""
