"""torch checkpoints of any size that take hardly any disk: every tensor is a hole but for its first and last bytes.

Written by hand, zip64 records included: `python -m bench.sizes.sparse zip|legacy PATH TENSORS ROWS`. Each is a matrix
of float32 with 1,000 columns.
"""

from __future__ import annotations

import collections
import pickle
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch

COLUMNS = 1000
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_SYSTEM = {"protocol_version": _PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
_ALIGN, _FULL, _VERSION = 64, 0xFFFFFFFF, 45


class _Storage:
    """What stands for a storage while its pickle is made."""

    def __init__(self, key: str, count: int) -> None:
        self.pid = ("storage", torch.FloatStorage, key, "cpu", count)


class _Tensor:
    """Pickles as a contiguous float32 matrix that has a storage of its own."""

    def __init__(self, storage: _Storage, rows: int) -> None:
        self.made = (storage, 0, (rows, COLUMNS), (COLUMNS, 1), False, collections.OrderedDict())

    def __reduce__(self) -> Any:
        return torch._utils._rebuild_tensor_v2, self.made


class _Pickler(pickle.Pickler):
    legacy = False

    def persistent_id(self, value: Any) -> Any:
        if not isinstance(value, _Storage):
            return None
        return (*value.pid, None) if self.legacy else value.pid


def _pickled(file: BinaryIO, tensors: int, rows: int, *, legacy: bool) -> None:
    state = {f"layers.{at}.weight": _Tensor(_Storage(str(at), rows * COLUMNS), rows) for at in range(tensors)}
    pickler = _Pickler(file, 2)
    pickler.legacy = legacy
    pickler.dump(state)


def _hole(file: BinaryIO, number: int, nbytes: int) -> None:
    """The tensor's number at both its ends, and nothing between."""
    mark = struct.pack("<f", float(number + 1))
    file.write(mark)
    file.seek(nbytes - 2 * len(mark), 1)
    file.write(mark)


class _Zip:
    """Stored records, each with its sizes as zip64 has them; no checksum over a hole, as torch may leave it out."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._directory: list[bytes] = []

    def add(self, name: str, nbytes: int, write: Callable[[], object], checksum: int = 0) -> None:
        start, path = self._file.tell(), f"archive/{name}".encode()
        sizes = struct.pack("<HHQQ", 1, 16, nbytes, nbytes)
        room = -(start + 30 + len(path) + len(sizes) + 4) % _ALIGN
        extra = sizes + struct.pack("<HH", 0x4246, room) + bytes(room)
        head = (_VERSION, 0, 0, 0, 0, checksum, _FULL, _FULL, len(path))
        self._file.write(struct.pack("<4sHHHHHIIIHH", b"PK\3\4", *head, len(extra)) + path + extra)
        write()
        far = struct.pack("<HHQQQ", 1, 24, nbytes, nbytes, start)
        row = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", _VERSION, *head, len(far), 0, 0, 0, 0, _FULL)
        self._directory.append(row + path + far)

    def close(self) -> None:
        """The directory, and both its ends."""
        start, count = self._file.tell(), len(self._directory)
        for row in self._directory:
            self._file.write(row)
        end, length = self._file.tell(), self._file.tell() - start
        wide = struct.pack("<HHIIQQQQ", _VERSION, _VERSION, 0, 0, count, count, length, start)
        self._file.write(struct.pack("<4sQ", b"PK\6\6", len(wide)) + wide)
        self._file.write(struct.pack("<4sIQI", b"PK\6\7", 0, end, 1))
        self._file.write(struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, _FULL, _FULL, 0))


def write_zip(path: Path, tensors: int, rows: int) -> None:
    """As torch.save writes, beyond 4 GB too."""
    with path.open("wb") as file, Path(f"{path}.pickle").open("w+b") as held:
        Path(held.name).unlink()
        _pickled(held, tensors, rows, legacy=False)
        held.seek(0)
        archive = _Zip(file)
        for name, content in {"data.pkl": held.read(), "byteorder": b"little"}.items():
            archive.add(name, len(content), lambda content=content: file.write(content), zlib.crc32(content))
        for at in range(tensors):
            nbytes = rows * COLUMNS * 4
            archive.add(f"data/{at}", nbytes, lambda at=at, nbytes=nbytes: _hole(file, at, nbytes))
        archive.add("version", 2, lambda: file.write(b"3\n"), zlib.crc32(b"3\n"))
        archive.close()
    path.chmod(0o644)


def write_legacy(path: Path, tensors: int, rows: int) -> None:
    """As torch.save wrote before 1.6."""
    with path.open("wb") as file:
        for part in (_MAGIC, _PROTOCOL, _SYSTEM):
            pickle.dump(part, file, 2)
        _pickled(file, tensors, rows, legacy=True)
        pickle.dump([str(at) for at in range(tensors)], file, 2)
        for at in range(tensors):
            file.write(struct.pack("<q", rows * COLUMNS))
            _hole(file, at, rows * COLUMNS * 4)
    path.chmod(0o644)


if __name__ == "__main__":
    {"zip": write_zip, "legacy": write_legacy}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
