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
    return _wrapped(raw, "u1", len(raw))


def joblib_crossed(text: str, module: str, name: str) -> Opcodes:
    """An array of a class and a function to joblib, whose texts are other ones in the memo of the pickle around it.

    There plain pickle finds `text` for "numpy", and `module` for the module of the function.
    """
    texts = [text] * 30
    texts[19] = module
    held = b"".join(literal(word) + b"r" + struct.pack("<I", at) for at, word in enumerate(texts))
    array = _words("numpy._core.multiarray", "_reconstruct") + _words("numpy", "ndarray")  # 0 to 5
    array += b"K\0\x85\x94C\1b\x94\x87\x94R\x94(K\1K\2\x85\x94"  # to 10
    array += b"h\3" + _word("dtype") + b"\x93\x94" + _word("O8") + b"\x89\x88\x87\x94R\x94"  # to 15
    array += b"(K\3" + _word("|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?t\x94b\x89]\x94("  # to 18
    array += _words("acme", "Net") + b"h\x13" + _word(name) + b"\x93\x94et\x94b"
    return Opcodes(b"(" + held + _wrapped(b"\x80\5" + array + b".", "O8", 2) + b"l")


def _words(module: str, name: str) -> bytes:
    """A name as protocol 4 has it, and three places of the memo."""
    return _word(module) + _word(name) + b"\x93\x94"


def _word(text: str) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text.encode() + b"\x94"


def _wrapped(raw: bytes, kind: str, length: int) -> Opcodes:
    dtype = Opcodes(named("numpy", "dtype") + literal((kind, False, True)) + b"R")
    state = literal(
        {"subclass": named("numpy", "ndarray"), "shape": (length,), "order": "C", "dtype": dtype, "allow_mmap": False}
    )
    return Opcodes(named("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81" + state + b"b" + raw)
