"""torch's format before 1.6: five pickles in a row, then the storages' bytes."""

from __future__ import annotations

import struct

from guest.readers import padding, pickle_file
from guest.readers.constructors import KnownConstructors
from guest.readers.errors import UnreadableError
from guest.readers.inert import Global, Unresolved
from guest.readers.known import NestedLoad
from guest.readers.pickles import Unpickler
from guest.readers.session import Session, Where
from guest.readers.source import Source
from guest.readers.stream import Stream
from guest.readers.tensors import Storage
from guest.readers.torch_objects import storage_pid

NAME = "torch-legacy"
MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
_COUNT = struct.Struct("<q")


class _Storages:
    """The persistent ids of one file."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.by_key: dict[str, Storage] = {}

    def load(self, pid: object, where: Where) -> object:
        if isinstance(pid, tuple) and len(pid) == 4 and pid[0] == "module":
            return self._module(pid, where)
        parts = storage_pid(pid, where, self._session)
        if parts is None:
            return self._refuse("a persistent id of no storage", pid, where)
        dtype, key, location, numel, rest = parts
        storage = self.by_key.get(key)
        if storage is None:
            why = "a meta tensor: it has no data" if location == "meta" else ""
            storage = Storage(key, dtype, numel * dtype.itemsize, f"storage {key}", why=why)
            self.by_key[key] = storage
        if storage.dtype != dtype or (numel * dtype.itemsize != storage.nbytes and storage.root is storage):
            return self._refuse(f"storage {key} is declared twice", pid, where)
        view = rest[0] if rest else None
        return storage if view is None else self._view(storage, view, pid, where)

    def _view(self, storage: Storage, view: object, pid: object, where: Where) -> object:
        """A storage inside of another: (key, offset, elements)."""
        if not isinstance(view, tuple) or len(view) != 3 or not all(type(part) is int for part in view[1:]):
            return self._refuse("a view of a storage that is none", pid, where)
        key, offset, numel = str(view[0]), view[1], view[2]
        if key not in self.by_key:
            size = storage.dtype.itemsize
            try:
                self.by_key[key] = storage.view(key, offset * size, numel * size)
            except ValueError:
                return self._refuse("a view that reaches outside of its storage", pid, where)
        return self.by_key[key]

    def _module(self, pid: tuple[object, ...], where: Where) -> object:
        """A class with its source code, for comparison. torch hands back the class."""
        kind, file, text = pid[1:]
        if isinstance(kind, Global):
            self._session.used(where, kind, "persistent", False, None)
            self._session.sources.append((kind.name, str(file) if isinstance(file, str) else "", text))
        return kind

    def _refuse(self, detail: str, pid: object, where: Where) -> Unresolved:
        self._session.oddity(where.form, "storage.conflict", detail, where.record, where.offset)
        self._session.incomplete("a persistent id that torch would refuse, or that contradicts another")
        return Unresolved(pid)


def read(source: Source, session: Session, nested: NestedLoad, record: str = "") -> object:
    """The model's object; its storages know where their bytes lie. Raises UnreadableError.

    torch.save may have been called several times on one file: torch.load gives the first, and the next if it is called
    again. So those behind are read for what they use.
    """
    root, at = _model(source, 0, session, nested, record)
    begun, models = at, 1
    while 0 <= at < source.length and not padding.note(source, at, NAME, session, record):
        try:
            _, end = _model(source, at, session, nested, record)
        except UnreadableError:
            _note_trailing(source, at, session, nested, record)
            break
        models += 1
        if models > pickle_file.MAX_PICKLES:
            session.incomplete(f"more than {pickle_file.MAX_PICKLES} models in a row")
            break
        at = end
    if models > 1:
        session.oddity(NAME, "legacy.several", f"{models} models in one file", record, begun)
    return root


def _note_trailing(source: Source, at: int, session: Session, nested: NestedLoad, record: str) -> None:
    """What is no model may be a pickle, to whoever reads on."""
    session.oddity(NAME, "legacy.trailing", f"{source.length - at} bytes behind the last storage", record, at)
    pickle_file.read_on(source, at, NAME, session, nested, record)


def _model(source: Source, start: int, session: Session, nested: NestedLoad, record: str) -> tuple[object, int]:
    """The object, and where its storages end; -1 where that can't be said. Raises UnreadableError."""
    stream = Stream(source, session, start)
    storages = _Storages(session)
    known = KnownConstructors(session, source.origin, storages.load, nested)
    unpickler = Unpickler(stream, session, known, NAME, record)
    if unpickler.load() != MAGIC:
        raise UnreadableError("not torch's magic number")
    if unpickler.load() != PROTOCOL:
        raise UnreadableError("a protocol of torch's that there never was")
    unpickler.load()  # the writer's machine: sizes of its C types, which torch doesn't look at either
    root = unpickler.load()
    try:
        keys = unpickler.load()
        return root, _place(source, stream.tell(), keys, storages.by_key, session, record)
    except UnreadableError as error:
        session.incomplete(str(error))
    return root, -1


def _place(source: Source, at: int, keys: object, storages: dict[str, Storage], session: Session, record: str) -> int:
    """Each storage's bytes follow in the keys' order, after their number of elements. Gives where the last ends."""
    if not isinstance(keys, list):
        raise UnreadableError("storage keys that are no list")
    for key in keys:
        storage = storages.get(str(key)) if isinstance(key, str | int) else None
        if storage is None or storage.root is not storage:
            raise UnreadableError("the key of a storage that the model does not have")
        (count,) = _COUNT.unpack(source.at(at, _COUNT.size))
        if count * storage.dtype.itemsize != storage.nbytes:
            session.oddity(NAME, "legacy.record_size", f"storage {key[:64]}: {count} elements", record, at)
            raise UnreadableError("a storage of another size than the model says")
        content = source.part(at + _COUNT.size, storage.nbytes)
        storage.source = content
        session.store(content, storage.record)
        at += _COUNT.size + storage.nbytes
    return at
