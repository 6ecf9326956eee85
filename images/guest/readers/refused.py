"""Formats that are recognised and named, and that nothing here reads yet. A reader that comes takes its row away."""

from __future__ import annotations

import re

from guest.readers import beside, zip_directory
from guest.readers.interface import Found
from guest.readers.known import NestedLoad
from guest.readers.session import Session
from guest.readers.source import Source
from guest.readers.torch_zip import FAMILY as ZIP
from guest.readers.torch_zip import Directory, read_globals

# Archives by the flavour of their records' names.
ARCHIVES = {
    "torch-package": "torch.package archive",
    "keras": "Keras archive",
}

POINTER = "git-lfs"

# name, title, offset, magic
_MAGICS = (
    ("hdf5", "HDF5 or Keras file", 0, b"\x89HDF\r\n\x1a\n"),
    ("gguf", "GGUF file", 0, b"GGUF"),
    ("ggml", "GGML file", 0, b"lmgg"),
    ("zstd", "zstd-compressed file", 0, b"\x28\xb5\x2f\xfd"),
    ("zstd", "zstd-compressed file", 1, b"\x2a\x4d\x18"),  # a frame to skip, in front
    ("lz4-legacy", "lz4-compressed file of its first version", 0, b"\x02\x21\x4c\x18"),
    ("lzip", "lzip-compressed file", 0, b"LZIP"),
    ("joblib-zfile", "compressed file of joblib before 0.10", 0, b"ZF0x"),
    ("7z", "7z archive", 0, b"7z\xbc\xaf\x27\x1c"),
    ("rar", "RAR archive", 0, b"Rar!\x1a\x07"),
    ("tflite", "TensorFlow Lite file", 4, b"TFL3"),
    ("mxnet", "MXNet parameters", 0, b"\x12\x01" + bytes(14)),
    (POINTER, "Git LFS pointer", 0, b"version https://git-lfs.github.com/spec/"),
)
# What is said of those that wait for no reader.
_WHY = {
    "safetensors": "it is safetensors already",
    POINTER: "only a Git LFS pointer to it is here; git lfs pull fetches the file",
}

# Those that hold nothing which whoever loads them would run.
INERT = frozenset(
    {"safetensors", "gguf", "ggml", "tflite", "onnx", "tensorflow-index", "tensorflow-data", "flax", "mxnet"}
)

_LEVELDB_MAGIC = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"  # ends a TensorFlow bundle's index
_FLAX = re.compile(
    rb"(?:[\x81-\x8f]|\xde..|\xdf....)(?P<size>[\xa1-\xbf]|\xd9.)(?P<word>[\w.-]+)(?:[\x80-\x8f\xde\xdf\xc7-\xc9\xd4-\xd8])",
    re.DOTALL,
)
_MAX_SAFETENSORS_HEADER = 100_000_000


# The one format without any mark of its own: TensorFlow's shards are known by their names, x.data-00000-of-00001.
BUNDLE_DATA = Found("tensorflow-data", "tensorflow-data", None, None, "TensorFlow bundle's data")


NEMO = Found("nemo", "tar", None, None, "NeMo archive")


def why(form: Found) -> str:
    """Why it isn't read."""
    return _WHY.get(form.name, f"{form.title}: not supported yet")


def archive(flavour: str, directory: Directory) -> Found:
    """The row of an archive's flavour."""

    def globals_only(_: Source, session: Session, nested: NestedLoad) -> None:
        read_globals(directory, flavour, session, nested)
        code = beside.Beside(flavour, session)
        for entry in directory.entries:
            if beside.is_python(entry.name):  # torch.package runs it as an import does
                code.add(entry.name, zip_directory.content(directory.source, entry, session, flavour))
        code.end()

    return Found(flavour, ZIP, None, globals_only, ARCHIVES[flavour])


def recognise(source: Source, head: bytes) -> list[Found]:
    """All that the content satisfies."""
    found = [
        Found(name, name, None, None, title) for name, title, offset, magic in _MAGICS if head.startswith(magic, offset)
    ]
    for test, name, title in _TESTS:
        if test(source, head):
            found.append(Found(name, name, None, None, title))
    return found


def _is_safetensors(source: Source, head: bytes) -> bool:
    length = int.from_bytes(head[:8], "little")
    return 2 <= length <= min(source.length - 8, _MAX_SAFETENSORS_HEADER) and head[8:9] == b"{"


def _is_bundle_index(source: Source, _: bytes) -> bool:
    return source.length >= 48 and source.at(source.length - 8, 8) == _LEVELDB_MAGIC


def _is_saved_model(_: Source, head: bytes) -> bool:
    """Protocol buffers have no magic: field 1 is the version 1, field 2 the graph."""
    return head.startswith(b"\x08\x01\x12")


def _is_onnx(_: Source, head: bytes) -> bool:
    """Field 1 is a version below 32; field 2, the producer's name, follows, or field 7, the graph."""
    return len(head) > 3 and head[0] == 0x08 and 2 < head[1] < 32 and head[2] in (0x12, 0x3A)


def _is_flax(_: Source, head: bytes) -> bool:
    """MessagePack has no magic: a map whose first key is a word, and behind it a map again, or flax's array."""
    found = _FLAX.match(head)
    return found is not None and len(found["word"]) == found["size"][-1] & (0x1F if len(found["size"]) == 1 else 0xFF)


_TESTS = (
    (_is_flax, "flax", "Flax file"),
    (_is_safetensors, "safetensors", "safetensors file"),
    (_is_bundle_index, "tensorflow-index", "TensorFlow bundle's index"),
    (_is_saved_model, "tensorflow-saved-model", "TensorFlow SavedModel"),
    (_is_onnx, "onnx", "ONNX model"),
)
