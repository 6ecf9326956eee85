"""Containers other than torch's archive, byte for byte the same each time."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zlib
from collections.abc import Callable, Mapping

from bench.detection.build.zips import FLOATS, Row, archive
from tests.malicious.pickles import Opcodes, literal, named, stream, tensor

MAGIC = 0x1950A86A20F9469CFC6C
_SYSTEM_INFO = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


def tarred(members: Mapping[str, bytes], *entries: tarfile.TarInfo) -> bytes:
    """A tar of files, then of entries without content."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.PAX_FORMAT) as new:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            new.addfile(entry, io.BytesIO(content))
        for entry in entries:
            new.addfile(entry)
    return held.getvalue()


def zipped(members: Mapping[str, bytes]) -> bytes:
    return archive([Row(name, content) for name, content in members.items()])


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda content: gzip.compress(content, mtime=0),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda content: lzma.compress(content, lzma.FORMAT_ALONE),
    "zlib": zlib.compress,
}


def legacy(body: object, *, system: object = None, keys: object = None) -> bytes:
    """PyTorch's format before 1.6, with a pickle of choice in each place."""
    parts = (MAGIC, 1001, system or _SYSTEM_INFO, body, keys or ["0"])
    return b"".join(stream(part, 2) for part in parts) + struct.pack("<q", 6) + FLOATS


def legacy_body(**more: object) -> dict[str, object]:
    return {"weight": tensor("0", (2, 3), (3, 1), 6, legacy=True), **more}


def torch_tar(
    *, storages: bytes = b"", tensors: bytes = b"", pickled: object = None, more: Mapping[str, bytes] | None = None
) -> bytes:
    """PyTorch's archive before 0.1.10: one tensor. `storages` and `tensors` stand in front of those streams."""
    kind = named("torch", "FloatStorage")
    of_storages = stream(1, 2) + stream((1, "cpu", kind), 2) + struct.pack("<q", 6) + FLOATS + stream([], 2)
    of_tensors = stream(1, 2) + stream((2, 1, named("torch", "FloatTensor")), 2)
    of_tensors += struct.pack("<i4x5q", 2, 2, 3, 3, 1, 0)
    body = {"weight": Opcodes(literal("2") + b"Q")} if pickled is None else pickled
    parts = {"sys_info": stream(_SYSTEM_INFO, 2), "pickle": stream(body, 2)}
    return tarred(parts | {"tensors": tensors + of_tensors, "storages": storages + of_storages} | (more or {}))


def npy(content: bytes, descr: str, shape: tuple[int, ...]) -> bytes:
    """numpy's file: header, then bytes, or a pickle for objects."""
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + content


def objects(payload: Opcodes) -> bytes:
    """numpy's file of one object that is a payload."""
    return npy(stream([payload]), "|O", (1,))


FLOAT_ARRAY = npy(FLOATS, "<f4", (2, 3))


def joblib_array(raw: bytes) -> Opcodes:
    """An array of bytes as joblib writes it: its wrapper, then its bytes, in the midst of the pickle."""
    kind = named("numpy", "ndarray")
    dtype = Opcodes(named("numpy", "dtype") + literal(("u1", False, True)) + b"R")
    state = literal({"subclass": kind, "shape": (len(raw),), "order": "C", "dtype": dtype, "allow_mmap": False})
    return Opcodes(named("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81" + state + b"b" + raw)
