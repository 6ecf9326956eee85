"""torch's format before 0.1.10: a tar archive of three streams of pickles, with raw bytes between them.

`storages`: how many, and for each a pickle of (key, location, class), its number of elements and its bytes; then the
storages that are views of others. `tensors`: likewise (key, storage's key, class) and sizes. `pickle`: the object, in
which a persistent id is the key of a tensor or a storage.
"""

from __future__ import annotations

import struct
from typing import Any

import wire

from guest.readers import leftover, tars
from guest.readers.constructors import KnownConstructors
from guest.readers.errors import UnreadableError
from guest.readers.inert import Global, Unresolved
from guest.readers.interface import Found
from guest.readers.known import NestedLoad, PersistentLoad
from guest.readers.pickle_file import note_behind
from guest.readers.pickles import Unpickler
from guest.readers.session import Session, Where
from guest.readers.source import Source
from guest.readers.stream import Stream
from guest.readers.tensors import Storage, TensorView
from guest.readers.torch_objects import storage_dtype

NAME = "torch-tar"
PARTS = ("storages", "tensors", "pickle")
_BESIDE = "sys_info"  # of the writer's machine; nobody reads it
_COUNT = struct.Struct("<q")
_RANK = struct.Struct("<i4x")


class _Archive:
    """One archive's streams, and what they have made so far, by its key."""

    def __init__(self, parts: dict[str, Source], session: Session, nested: NestedLoad) -> None:
        self._parts = parts
        self._session = session
        self._nested = nested
        self._objects: dict[int, Storage | TensorView] = {}

    def read(self) -> object:
        self._storages(self._open("storages", self._refuse))
        self._tensors(self._open("tensors", self._refuse))
        return self._last(self._open("pickle", self._persistent))

    def _open(self, part: str, persistent: PersistentLoad) -> Unpickler:
        source = self._parts[part]
        known = KnownConstructors(self._session, source.origin, persistent, self._nested)
        return Unpickler(Stream(source, self._session), self._session, known, NAME, part)

    def _storages(self, pickles: Unpickler) -> None:
        for _ in range(_count(pickles.load())):
            key, _, kind = _row(pickles.load(), 3)
            dtype = storage_dtype(kind)
            if dtype is None:
                raise UnreadableError("storages: a class that is no storage's")
            (numel,) = _COUNT.unpack(pickles.stream.take(_COUNT.size))
            storage = Storage(str(key), dtype, _count(numel) * dtype.itemsize, f"storage {key}")
            content = pickles.stream.leave(storage.nbytes)
            storage.source = content
            self._session.store(content, storage.record)
            self._add(key, storage)
        views = pickles.load()
        for view in views if isinstance(views, list) else ():
            self._view(*_row(view, 4))
        note_behind(pickles, self._session)

    def _view(self, key: Any, root: Any, offset: Any, numel: Any) -> None:
        whole = self._storage(root)
        size = whole.dtype.itemsize
        try:
            self._add(key, whole.view(str(key), _count(offset) * size, _count(numel) * size))
        except ValueError:
            raise UnreadableError("storages: a view that reaches outside of its storage") from None

    def _tensors(self, pickles: Unpickler) -> None:
        for _ in range(_count(pickles.load())):
            key, storage, _ = _row(pickles.load(), 3)
            (rank,) = _RANK.unpack(pickles.stream.take(_RANK.size))
            if not 0 <= rank <= wire.MAX_RANK:
                raise UnreadableError(f"tensors: one of {rank} dimensions")
            numbers = struct.unpack(f"<{2 * rank + 1}q", pickles.stream.take((2 * rank + 1) * 8))
            held = self._storage(storage)
            why = "" if held.dtype.name else f"{held.dtype.what}: safetensors has no such dtype"
            view = TensorView(held, held.dtype, numbers[-1], numbers[:rank], numbers[rank:-1], why=why)
            self._add(key, view)
        note_behind(pickles, self._session)

    def _last(self, pickles: Unpickler) -> object:
        root = pickles.load()
        note_behind(pickles, self._session)
        return root

    def _add(self, key: Any, made: Storage | TensorView) -> None:
        if type(key) is not int or key in self._objects:
            raise UnreadableError("a key that is no number, or that two objects have")
        self._objects[key] = made

    def _storage(self, key: Any) -> Storage:
        found = self._objects.get(key) if type(key) is int else None
        if not isinstance(found, Storage):
            raise UnreadableError("the key of a storage that there isn't")
        return found

    def _persistent(self, pid: object, where: Where) -> object:
        if isinstance(pid, tuple) and pid:
            return self._container(pid, where)
        try:
            return self._objects[int(pid)]  # type: ignore[call-overload]
        except (KeyError, TypeError, ValueError):
            return self._refuse(pid, where)

    def _container(self, pid: tuple[Any, ...], where: Where) -> object:
        """A class with its source code, for comparison. torch hands back the class."""
        kind, file, text = (*pid, "", "")[:3]
        if isinstance(kind, Global):
            self._session.used(where, kind, "persistent", False, None)
            self._session.sources.append((kind.name, file if isinstance(file, str) else "", text))
        return kind

    def _refuse(self, pid: object, where: Where) -> object:
        session = self._session
        session.oddity(where.form, "pickle.persistent", "a persistent id of nothing", where.record, where.offset)
        session.incomplete("a persistent id that torch would refuse")
        return Unresolved(pid)


def _count(number: object) -> int:
    if type(number) is not int or not 0 <= number <= wire.MAX_SIZE:
        raise UnreadableError("a number of objects or elements that is none")
    return number


def _row(value: object, length: int) -> tuple[Any, ...]:
    if not isinstance(value, tuple) or len(value) != length:
        raise UnreadableError("a row of another form than torch writes")
    return value


def read(source: Source, session: Session, nested: NestedLoad) -> object:
    """The model's object. Raises UnreadableError."""
    parts: dict[str, Source] = {}

    def behind(at: int) -> None:
        nested.behind(source.part(at, source.length - at), NAME)

    for name, part in tars.files(source, session, NAME, behind):
        session.count_member()
        if name in parts:
            session.oddity(NAME, "archive.duplicate", "two members have this name", name)
            session.incomplete("two members of the archive have one name")
        elif name not in (*PARTS, _BESIDE):
            session.oddity(NAME, "archive.extra", "torch wrote no such member", name)
            nested.member(part, name)
        elif name == _BESIDE:
            leftover.look(part, leftover.MEMBER, session, NAME, name)
        parts[name] = part
    missing = [name for name in PARTS if name not in parts]
    if missing:
        raise UnreadableError(f"an archive of torch's without {missing[0]}")
    return _Archive(parts, session, nested).read()


FOUND = Found(NAME, tars.NAME, read)
