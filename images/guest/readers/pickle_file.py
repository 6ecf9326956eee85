"""A pickle by itself, or several in a row, as pickle.load reads them one after the other."""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import islice

from guest.readers import leftover, padding
from guest.readers.constructors import KnownConstructors
from guest.readers.errors import UnreadableError
from guest.readers.inert import Unresolved
from guest.readers.known import NestedLoad, PersistentLoad
from guest.readers.pickles import Unpickler
from guest.readers.session import Session, Where
from guest.readers.source import Source
from guest.readers.stream import Stream

NAME = "pickle"
MAX_PICKLES = 1000
_PROTO = re.compile(rb"\x80[\x00-\x05]")
_SOUGHT = 1 << 20  # bytes behind a pickle in which others are looked for
_MOST_FOUND = 16


def unresolved(session: Session) -> PersistentLoad:
    """For pickles that plain pickle.load reads: it knows no persistent id."""

    def persistent(pid: object, where: Where) -> object:
        session.oddity(where.form, "pickle.persistent", "a persistent id", where.record, where.offset)
        session.incomplete("a persistent id, where nothing resolves it")
        return Unresolved(pid)

    return persistent


def read_first(source: Source, session: Session, nested: NestedLoad, record: str = "") -> object:
    """The first pickle's object, where whoever loads it stops there. Raises UnreadableError."""
    unpickler = _unpickler(source, session, nested, record)
    root = unpickler.load()
    note_behind(unpickler, session)
    return root


def read(source: Source, session: Session, nested: NestedLoad, record: str = "") -> object:
    """The object, or the list of them where several pickles follow each other. Raises UnreadableError."""
    unpickler = _unpickler(source, session, nested, record)
    root = unpickler.load()
    others = behind(unpickler, session)
    return [root, *others] if others else root


def _unpickler(source: Source, session: Session, nested: NestedLoad, record: str) -> Unpickler:
    known = KnownConstructors(session, source.origin, unresolved(session), nested)
    return Unpickler(Stream(source, session), session, known, NAME, record, encodings=("ascii",))


def note_behind(unpickler: Unpickler, session: Session) -> None:
    """Where whoever loads the pickle stops at its end: what follows is read for what it uses, and is odd."""
    where, start = unpickler.where, unpickler.stream.tell()
    if behind(unpickler, session):
        session.oddity(where.form, "pickle.several", "another pickle behind the first", where.record, start)


def read_on(source: Source, at: int, form: str, session: Session, nested: NestedLoad, record: str) -> None:
    """What lies behind a model may be pickles, to whoever reads on from here: they are read for what they use.

    That something lies there has been told.
    """
    known = KnownConstructors(session, source.origin, unresolved(session), nested)
    behind(Unpickler(Stream(source, session, at), session, known, form, record), session, told=True)


def behind(unpickler: Unpickler, session: Session, *, told: bool = False) -> list[object]:
    """The objects of the pickles that follow the one that was read. What is no pickle is an oddity, unless `told`."""
    stream, where = unpickler.stream, unpickler.where
    objects: list[object] = []
    while stream.left and not padding.note(stream.source, stream.tell(), where.form, session, where.record):
        if len(objects) >= MAX_PICKLES:
            session.incomplete(f"more than {MAX_PICKLES} pickles in a row")
            break
        start = stream.tell()
        try:
            objects.append(unpickler.load())
        except UnreadableError:
            detail = f"{stream.source.length - start} bytes behind it"
            if not told:
                session.oddity(where.form, "pickle.trailing", detail, where.record, start)
            _look_further(unpickler, start, session)
            break
    return objects


def _look_further(unpickler: Unpickler, start: int, session: Session) -> None:
    """Pickles amid what is none, for whoever finds them there: read for what they use, the first ones."""
    source, where = unpickler.stream.source, unpickler.where
    behind = source.part(start, source.length - start)
    leftover.look(behind, leftover.BEHIND, session, where.form, where.record, start)
    content = source.at(start, min(source.length - start, _SOUGHT))
    for found in islice(_PROTO.finditer(content), _MOST_FOUND):
        if found.start():
            unpickler.stream = Stream(source, session, start + found.start())
            with suppress(UnreadableError):
                unpickler.load()
    where.offset = start
