"""The header of a safetensors file: made here from checked values, and read back strictly.

Our reader refuses what the official library lets pass: a key twice, a leading space, unknown fields, unaligned
data, a name of `__metadata__`. What it accepts, the library reads the same way.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.errors import HostileError
from sandbox.facts import Tensor
from sandbox.untrusted.wire import WireError, parse_json
from sandbox.weights.dtypes import BITS, itemsize, size_of

LENGTH = struct.Struct("<Q")
LIBRARY_MAX_HEADER = 100_000_000  # the official reader's own limit
METADATA_KEY = "__metadata__"
METADATA = {"format": "pt"}  # what transformers asks for before it reads a file
ALIGNMENT = 8  # of the data's start
MAX_DIGITS = 20  # of any 64-bit number, its sign included

# An entry holds three objects and lists in at least 50 bytes. Denser text is no header, and would only take memory.
_LEAST_TEXT = 16
_SPARE = 8

_ENTRY_KEYS = {"dtype", "shape", "data_offsets"}


@dataclass(frozen=True)
class Layout:
    """Where each tensor goes. `starts` is in the order given, in bytes from the start of the file."""

    header: bytes
    order: tuple[int, ...]  # positions in the order given, as they lie in the file
    starts: tuple[int, ...]
    size: int  # of the whole file


@dataclass(frozen=True, slots=True)
class Entry:
    """A tensor of a finished file. Offsets are from the start of the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class Header:
    """A finished file's header: its entries in the order of their bytes."""

    entries: tuple[Entry, ...]
    metadata: dict[str, str] = field(default_factory=dict)


def _entry(name: str, dtype: str, shape: tuple[int, ...], offsets: str) -> str:
    dimensions = ",".join(map(str, shape))
    return f'{json.dumps(name)}:{{"dtype":"{dtype}","shape":[{dimensions}],"data_offsets":[{offsets}]}}'


def entry_size(name: str, dtype: str, shape: tuple[int, ...]) -> int:
    """The most bytes that a tensor can take of the header, its comma included."""
    return len(_entry(name, dtype, shape, "9" * MAX_DIGITS + "," + "9" * MAX_DIGITS)) + 1


def layout(tensors: Sequence[Tensor], metadata: Mapping[str, str] | None = None) -> Layout:
    """The header and the places for tensors of a checked plan. Raises HostileError when no reader would take it.

    `metadata` can't change what we say there ourselves.
    Big elements come first, so that without a hole each tensor is aligned to its element's size.
    """
    order = sorted(range(len(tensors)), key=lambda index: (-itemsize(tensors[index].dtype), index))
    starts = [0] * len(tensors)
    said = METADATA | {key: text for key, text in (metadata or {}).items() if key not in METADATA}
    parts = [f'"{METADATA_KEY}":{json.dumps(said, separators=(",", ":"))}']
    at = 0
    for index in order:
        tensor = tensors[index]
        starts[index] = at
        parts.append(_entry(tensor.name, tensor.dtype, tensor.shape, f"{at},{at + tensor.nbytes}"))
        at += tensor.nbytes
    text = ("{" + ",".join(parts) + "}").encode("ascii")
    text += b" " * (-len(text) % ALIGNMENT)
    if len(text) > LIBRARY_MAX_HEADER:
        raise HostileError(f"the file asks for more than {LIBRARY_MAX_HEADER} bytes of header")
    data_start = LENGTH.size + len(text)
    header = LENGTH.pack(len(text)) + text
    return Layout(header, tuple(order), tuple(data_start + start for start in starts), data_start + at)


def _sizes(untrusted_value: Any) -> tuple[int, ...]:
    if not isinstance(untrusted_value, list) or any(type(item) is not int or item < 0 for item in untrusted_value):
        raise HostileError("its header has a size that is not a number")
    return tuple(untrusted_value)


def _check_text(untrusted_text: str) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in untrusted_text):
        raise HostileError("its header has half of a surrogate pair")


def _read_entry(name: str, untrusted_entry: Any, data_start: int) -> Entry:
    _check_text(name)
    if not isinstance(untrusted_entry, dict) or untrusted_entry.keys() != _ENTRY_KEYS:
        raise HostileError("its header has an entry without exactly dtype, shape and data_offsets")
    dtype = untrusted_entry["dtype"]
    shape = _sizes(untrusted_entry["shape"])
    offsets = _sizes(untrusted_entry["data_offsets"])
    if not isinstance(dtype, str) or dtype not in BITS or len(offsets) != 2:
        raise HostileError("its header has an unknown dtype, or offsets that are not a pair")
    try:
        size = size_of(dtype, shape)
    except ValueError as error:
        raise HostileError(f"its header has an entry that can't be: {error}") from None
    if offsets[1] - offsets[0] != size or offsets[0] % itemsize(dtype):
        raise HostileError("its header has a range of the wrong size, or one that is not aligned")
    return Entry(name, dtype, shape, data_start + offsets[0], data_start + offsets[1])


def _read_metadata(untrusted_metadata: Any) -> dict[str, str]:
    if not isinstance(untrusted_metadata, dict) or not all(
        isinstance(text, str) for text in untrusted_metadata.values()
    ):
        raise HostileError("its metadata is not a mapping of text to text")
    for key, text in untrusted_metadata.items():
        _check_text(key + text)
    return dict(untrusted_metadata)


def _read_text(fd: int, size: int) -> bytes:
    prefix = os.pread(fd, LENGTH.size, 0)
    if len(prefix) < LENGTH.size:
        raise HostileError("it is too short for a safetensors file")
    length = LENGTH.unpack(prefix)[0]
    if length > min(LIBRARY_MAX_HEADER, size - LENGTH.size) or length % ALIGNMENT:
        raise HostileError("its header's length can't be")
    text = os.pread(fd, length, LENGTH.size)
    stripped = text.rstrip(b" ")
    if len(text) != length or not text.startswith(b"{") or len(text) - len(stripped) >= ALIGNMENT:
        raise HostileError("its header is not one object padded to eight bytes")
    return stripped


def _check_tiling(entries: Sequence[Entry], data_start: int, size: int) -> None:
    at = data_start
    for entry in entries:
        if entry.begin != at:
            raise HostileError("its tensors overlap, or leave a hole")
        at = entry.end
    if at != size:
        raise HostileError("its tensors do not end at the end of the file")


def strict_header(fd: int) -> Header:
    """The header of a finished safetensors file, all of it checked. Raises HostileError with a sentence."""
    size = os.fstat(fd).st_size
    text = _read_text(fd, size)
    try:
        untrusted_header = parse_json(text, len(text) // _LEAST_TEXT + _SPARE)
    except WireError as error:
        raise HostileError(f"its header is {error}") from None
    if not isinstance(untrusted_header, dict):
        raise HostileError("its header is not an object")
    data_start = LENGTH.size + len(text) + -len(text) % ALIGNMENT
    metadata = _read_metadata(untrusted_header.pop(METADATA_KEY, {}))
    entries = sorted(_read_entries(untrusted_header, data_start), key=lambda entry: (entry.begin, entry.end))
    _check_tiling(entries, data_start, size)
    return Header(tuple(entries), metadata)


def _read_entries(untrusted_header: dict[str, Any], data_start: int) -> Iterator[Entry]:
    for name, untrusted_entry in untrusted_header.items():
        yield _read_entry(name, untrusted_entry, data_start)
