"""What a file that begins as a pickle is: torch's legacy format does, and joblib's."""

from __future__ import annotations

from guest.readers import joblib_pickle, pickle_file, torch_legacy
from guest.readers.errors import BoundError, DisputedError, UnreadableError
from guest.readers.inert import Call, Unresolved
from guest.readers.interface import Found
from guest.readers.pickles import Unpickler
from guest.readers.session import Bounds, Session, Where
from guest.readers.source import Source
from guest.readers.stream import CHUNK, Stream
from guest.readers.zip_directory import LOCAL_MAGIC

NAME = pickle_file.NAME
FAMILY = "pickle"
_TRIAL_NODES = 1_000_000
_TRIAL_BYTES = 256 << 20  # of text: what stays in the file isn't counted
_NAMING = ("reference", "extension")  # uses that do nothing yet; other formats begin as these opcodes, too
_JOBLIB = b"joblib.numpy_pickle"
_SOUGHT = 256 << 20  # bytes from the start


class _Trial:
    """Constructors for finding out what a stream is: they do nothing."""

    def call(self, made: Call, _: Where) -> object:
        return made

    def settled(self, _: str) -> bool:
        return True

    def reads(self, _: str) -> bool:
        return False

    def build(self, *_: object) -> None:
        return None

    def persistent(self, pid: object, _: Where) -> object:
        return Unresolved(pid)  # what reads on where nothing resolves it runs what follows


def recognise(source: Source, head: bytes, *, implied: bool) -> Found | None:
    """What the stream at the front is. `implied`: the file's name says pickle, so whatever it is, it is read as one."""
    if head.startswith(LOCAL_MAGIC) and not implied:
        return None  # to a pickle it begins with a persistent id, and no reader of archives looks for that
    trial = Session(Bounds(nodes=_TRIAL_NODES, pickle_bytes=_TRIAL_BYTES))
    root, stopped = None, False
    try:
        root, stopped = _trial_object(source, trial), True
    except (BoundError, DisputedError):
        return _undecided(source)
    except UnreadableError:
        pass
    if stopped and type(root) is int and root == torch_legacy.MAGIC:
        return Found(torch_legacy.NAME, FAMILY, torch_legacy.read)
    if any(key[2] in joblib_pickle.WRAPPERS for key in trial.uses):
        return Found(joblib_pickle.NAME, FAMILY, joblib_pickle.read)
    acted = any(key[3] not in _NAMING for key in trial.uses)
    begun = len(head) > 1 and head[0] == 0x80 and head[1] <= 5
    return Found(NAME, FAMILY, pickle_file.read) if stopped or acted or begun or implied else None


def _trial_object(source: Source, trial: Session) -> object:
    return Unpickler(Stream(source, trial), trial, _Trial(), NAME, "").load()


def _undecided(source: Source) -> Found:
    """What has no fault as far as it was followed is a pickle; joblib's names its module before the first array."""
    for at in range(0, min(source.length, _SOUGHT), CHUNK):
        if _JOBLIB in source.at(at, min(CHUNK + len(_JOBLIB), source.length - at)):
            return Found(joblib_pickle.NAME, FAMILY, joblib_pickle.read)
    return Found(NAME, FAMILY, pickle_file.read)
