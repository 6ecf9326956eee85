"""Readings under watch: what the inert reader does with a pickle, held against what it may do, and its value against
the standard unpickler's."""

from __future__ import annotations

import os
import sys
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import ROOT

sys.path[:0] = [str(ROOT / "images"), str(ROOT / "sandbox" / "untrusted")]

import wire  # noqa: E402 - the path above comes first
from guest.read import warm_up  # noqa: E402
from guest.readers import pickle_file  # noqa: E402
from guest.readers.errors import UnreadableError  # noqa: E402
from guest.readers.nested import Nested  # noqa: E402
from guest.readers.reading import Reading, Sink  # noqa: E402
from guest.readers.session import Bounds, Session  # noqa: E402
from guest.readers.source import File, whole  # noqa: E402

from bench.fuzz import agreement, vocabulary  # noqa: E402
from bench.fuzz.checks import require  # noqa: E402
from bench.fuzz.vocabulary import Watched  # noqa: E402

BOUNDS = Bounds(nodes=60_000, pickle_bytes=4 << 20, tensors=1000, output_bytes=4 << 20, metadata_bytes=256 << 10)
# Where a reader may say more than a bound: the opcode, or the thing, that it met when it stopped.
_ONE_MORE = 1
_LARGEST_PIECE = 16 << 20  # bytes of frames for one input

# Events of the interpreter that a reading never causes. What it opens, it was given open.
_FORBIDDEN = ("import", "exec", "compile", "open", "socket.", "subprocess.", "os.", "ctypes.", "pickle.", "marshal.")
_seen: list[str] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if Watched.reading and event.startswith(_FORBIDDEN):
        _seen.append(f"{event} {ascii(arguments)[:80]}")


sys.addaudithook(_watch)
warm_up()


@contextmanager
def watched() -> Iterator[None]:
    """Nothing is imported, opened, run or called meanwhile, or it is a find."""
    _seen.clear()
    Watched.reading, Watched.calls = True, 0
    try:
        yield
    finally:
        Watched.reading = False
    require(not _seen, f"the reader caused {_seen[:3]}")
    require(not Watched.calls, "the reader called something of the pickle's")


@dataclass(frozen=True)
class Read:
    """What a reading told, of what `pickle` alone can't say."""

    complete: bool
    reason: str
    oddities: frozenset[str]
    uses: int


def read(path: Path, extension: str, bounds: Bounds = BOUNDS) -> Read:
    """One whole reading, by the jail's own code, with what must hold of each."""
    told = path.with_name("frames")
    model = os.open(path, os.O_RDONLY)
    frames = os.open(told, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        file, session, sink = File(model, os.fstat(model).st_size), Session(bounds), Sink(frames)
        with watched():
            Reading(file, extension, session, sink).run()
        return _told(told.read_bytes(), session, bounds)
    finally:
        os.close(frames)
        os.close(model)
        told.unlink()


def _told(frames: bytes, session: Session, bounds: Bounds) -> Read:
    require(len(frames) <= _LARGEST_PIECE, "the reader sent more than its bounds allow")
    decoder, kinds, rows, metadata = wire.Decoder(), [], [], 0
    for kind, payload in decoder.feed(frames):
        kinds.append(kind)
        metadata += len(payload) * (kind == wire.Kind.META)
        rows += [] if kind in wire.RAW else [wire.decode(kind, payload)]
    require(decoder.empty and kinds[-1:] == [wire.Kind.READ_END], "a reading without its last word")
    end = rows[-1]
    require(end.complete == (not end.reason), "complete, with a reason why not")
    require(kinds.count(wire.Kind.PLAN_END) == 1, "not one end of the plan")
    require(kinds.count(wire.Kind.TENSOR) <= bounds.tensors + _ONE_MORE, "more tensors than may be")
    require(metadata <= bounds.metadata_bytes, "more metadata than may be")
    require(session.nodes <= bounds.nodes + _ONE_MORE, "more opcodes than may be")
    require(session.pickle_bytes <= bounds.pickle_bytes * 2, "more bytes than may be")
    oddities = frozenset(row.id for row in rows if isinstance(row, wire.Oddity))
    return Read(end.complete, end.reason, oddities, kinds.count(wire.Kind.GLOBAL))


@contextmanager
def value(path: Path, bounds: Bounds = BOUNDS) -> Iterator[tuple[Any, Session, str]]:
    """The reader's own value of the first pickle, as long as its file is open, and why there is none."""
    model = os.open(path, os.O_RDONLY)
    try:
        session, source = Session(bounds), whole(File(model, os.fstat(model).st_size))
        root, stopped = None, ""
        with watched():
            try:
                root = pickle_file.read_first(source, session, Nested(session))
            except UnreadableError as error:
                stopped = str(error)
        yield root, session, stopped
    finally:
        os.close(model)


# Where a complete reading without any oddity may stand beside a load that fails: what only values tell.
_ONLY_THE_LOAD_KNOWS = (
    ("ModuleNotFoundError", "No module named"),  # Python 2's name of a module, in a later protocol
    ("UnicodeDecodeError", "'utf-8' codec"),  # long text stays in the file until the metadata is written
    ("MemoryError", ""),  # the memo is an array in C: one place far out takes all of it
)
# Where a load may go through beside a reading that stops without an oddity: bounds of ours, in their words.
_ONLY_THE_READER_MINDS = (
    "is not known with",  # arguments that no pickler writes
    "more than",
    "inflates",
)


def loaded(stream: bytes) -> tuple[Any, BaseException | None]:
    """The standard unpickler's value, or what it raised."""
    try:
        return vocabulary.load(stream), None
    except (Exception, MemoryError) as error:
        return None, error


def pickled(raw: bytes, folder: Path) -> Hashable:
    """One pickle, read as a whole, and its value held against the standard unpickler's."""
    path = folder / "model.pkl"
    path.write_bytes(raw)
    told = read(path, ".pkl")
    if raw.count(b"\x85") > _DEEPEST or raw.count(b"\x86") > _DEEPEST:
        return "deep", told.complete, told.oddities
    with value(path) as (inert, session, stopped):
        return _agreed(raw, inert, session, stopped), told.oddities, told.complete


def _agreed(raw: bytes, inert: Any, session: Session, stopped: str) -> Hashable:
    real, error = loaded(raw)
    odd = {oddity.id for oddity in session.oddities} - _NO_MATTER
    if odd or isinstance(error, vocabulary.NotHarmlessError):
        return "odd"
    if stopped or session.reasons:
        said = stopped or session.reasons[0]
        minded = any(word in said for word in _ONLY_THE_READER_MINDS)
        require(error is not None or minded, f"the unpickler takes it, the reader says: {said}")
        return "refused", minded, type(error).__name__
    if error is not None:
        known = any(type(error).__name__ == kind and word in str(error) for kind, word in _ONLY_THE_LOAD_KNOWS)
        require(known, f"the reader takes it, the unpickler says {type(error).__name__}: {str(error)[:100]}")
        return "taken", type(error).__name__
    agreement.compare(inert, real)
    return "same", type(real).__name__


# Of opcodes that no pickler writes in that order, and of keys that none makes, which every unpickler takes alike.
UNUSUAL = frozenset({"pickle.protocol", "pickle.leftover", "pickle.dropped", "pickle.order", "key.kept", "state.name"})
# Beside which the value is still the standard unpickler's: what lies behind the pickle, a load doesn't look at.
_NO_MATTER = UNUSUAL | {"pickle.several", "pickle.trailing", "trailing.padding"}
_DEEPEST = 1000  # tuples in each other: hashing more of them ends the standard unpickler's process
