"""torch's archive before 0.1.10, as torch.load loads it, but for the files that it unpacks the archive to.

torch writes those to a temporary folder; a load under watch writes nothing, so the same streams are read in memory.
"""

from __future__ import annotations

import io
import struct
import tarfile
from typing import Any

from guest.load import unpickler
from guest.load.archives import taken
from guest.load.place import Place
from guest.readers.torch_tar import PARTS

_ENCODING = "utf-8"  # torch.load's, of what Python 2 wrote


def load(place: Place) -> Any:
    """What torch.load gives."""
    with place.open() as file, tarfile.open(fileobj=file, mode="r:") as archive:
        parts = {name: io.BytesIO(taken(archive, name)) for name in PARTS}
    objects = _storages(parts["storages"])
    _tensors(parts["tensors"], objects)
    return _Unpickler(objects, parts["pickle"]).load()


class _Unpickler(unpickler.Unpickler):
    """Knows torch's persistent ids: a class with its source code, or the key of a tensor or a storage."""

    def __init__(self, objects: dict[int, Any], file: io.BytesIO) -> None:
        super().__init__(file, encoding=_ENCODING)
        self._objects = objects

    def persistent_load(self, pid: Any) -> Any:
        return pid[0] if isinstance(pid, tuple) else self._objects[int(pid)]


def _torch() -> Any:
    import torch  # noqa: PLC0415 - imported before arming; only this format needs it

    return torch


def _storages(stream: io.BytesIO) -> dict[int, Any]:
    torch = _torch()

    objects: dict[int, Any] = {}

    def add(key: int, storage: Any, dtype: Any) -> None:
        objects[key] = torch.storage.TypedStorage(wrap_storage=storage, dtype=dtype, _internal=True)

    for _ in range(_pickled(stream)):
        key, _, kind = _pickled(stream)
        dtype = kind._dtype
        (count,) = struct.unpack("<q", stream.read(8))
        raw = bytearray(stream.read(count * dtype.itemsize))
        held = torch.frombuffer(raw, dtype=torch.uint8).untyped_storage() if raw else torch.UntypedStorage(0)
        add(key, held, dtype)
    for key, root, offset, count in _pickled(stream):
        whole = objects[root]
        size = whole.dtype.itemsize
        add(key, whole._untyped_storage[offset * size : (offset + count) * size], whole.dtype)
    return objects


def _tensors(stream: io.BytesIO, objects: dict[int, Any]) -> None:
    torch = _torch()
    for _ in range(_pickled(stream)):
        key, storage_key, _ = _pickled(stream)
        (rank,) = struct.unpack("<i4x", stream.read(8))
        numbers = struct.unpack(f"<{2 * rank + 1}q", stream.read((2 * rank + 1) * 8))
        storage = objects[storage_key]
        empty = torch.empty((0,), dtype=storage.dtype)
        objects[key] = empty.set_(storage._untyped_storage, numbers[-1], numbers[:rank], numbers[rank:-1])


def _pickled(stream: io.BytesIO) -> Any:
    return unpickler.load(stream, encoding=_ENCODING)
