"""A pickle by itself, or several in a row. Also says what begins as one: torch's legacy format does."""

from __future__ import annotations

from guest.readers import torch_legacy
from guest.readers.constructors import KnownConstructors
from guest.readers.errors import UnreadableError
from guest.readers.inert import Call, Unresolved
from guest.readers.interface import Found
from guest.readers.known import NestedLoad
from guest.readers.pickles import Unpickler
from guest.readers.session import Bounds, Session, Where
from guest.readers.source import Source
from guest.readers.stream import Stream

NAME = "pickle"
JOBLIB = "joblib"
FAMILY = "pickle"
MAX_PICKLES = 1000
_TRIAL_NODES = 1_000_000
# What joblib leaves in place of an array, whose bytes then stand inside of the pickle.
_JOBLIB_ARRAYS = ("joblib.numpy_pickle.", "sklearn.externals.joblib.numpy_pickle.")


class _Trial:
    """Constructors for finding out what a stream is: they do nothing, and know no persistent id."""

    def call(self, made: Call, _: Where) -> object:
        return made

    def settled(self, _: str) -> bool:
        return True

    def reads(self, _: str) -> bool:
        return False

    def build(self, *_: object) -> bool:
        return False

    def persistent(self, *_: object) -> object:
        raise UnreadableError("a persistent id, where nothing resolves it")


def recognise(source: Source, head: bytes, *, implied: bool) -> Found | None:
    """What the stream at the front is. `implied`: the file's name says pickle, so whatever it is, it is read as one."""
    trial = Session(Bounds(nodes=_TRIAL_NODES, pickle_bytes=_TRIAL_NODES * 16))
    root, stopped = _try(source, trial)
    if stopped and type(root) is int and root == torch_legacy.MAGIC:
        return Found(torch_legacy.NAME, FAMILY, torch_legacy.read)
    names = [key[2] for key in trial.uses]
    if any(name.startswith(_JOBLIB_ARRAYS) for name in names):
        return Found(JOBLIB, FAMILY, None, read, "joblib's arrays inside of a pickle")
    acted = any(key[3] != "reference" for key in trial.uses)
    begun = len(head) > 1 and head[0] == 0x80 and head[1] <= 5
    return Found(NAME, FAMILY, read) if stopped or acted or begun or implied else None


def _try(source: Source, trial: Session) -> tuple[object, bool]:
    try:
        return Unpickler(Stream(source, trial), trial, _Trial(), NAME, "").load(), True
    except UnreadableError:
        return None, trial.nodes > _TRIAL_NODES  # so many opcodes without a fault are a pickle, too


def read(source: Source, session: Session, nested: NestedLoad, record: str = "") -> object:
    """The first pickle's object; those behind it are read for their globals. Raises UnreadableError."""

    def persistent(pid: object, where: Where) -> object:
        session.oddity(where.form, "pickle.persistent", "a persistent id", where.record, where.offset)
        session.incomplete("a persistent id, where nothing resolves it")
        return Unresolved(pid)

    stream = Stream(source, session)
    known = KnownConstructors(session, source.origin, persistent, nested)
    unpickler = Unpickler(stream, session, known, NAME, record, encodings=("ascii",))
    root = unpickler.load()
    _read_behind(unpickler, session, record)
    return root


def _read_behind(unpickler: Unpickler, session: Session, record: str) -> None:
    stream = unpickler.stream
    for number in range(MAX_PICKLES):
        if not stream.left:
            return
        start = stream.tell()
        try:
            unpickler.load()
        except UnreadableError:
            session.oddity(NAME, "pickle.trailing", f"{stream.source.length - start} bytes behind it", record, start)
            return
        if number == 0:
            session.oddity(NAME, "pickle.several", "another pickle behind the first", record, start)
    session.incomplete(f"more than {MAX_PICKLES} pickles in a row")
