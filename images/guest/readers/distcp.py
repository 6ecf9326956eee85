"""A file of a checkpoint of torch.distributed: torch's archives, one behind another and nothing between."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from guest import distcp
from guest.readers import torch_zip
from guest.readers.errors import UnreadableError
from guest.readers.inert import Call
from guest.readers.interface import Found
from guest.readers.known import NestedLoad
from guest.readers.session import Session
from guest.readers.source import Source
from guest.readers.torch_zip import Directory
from guest.readers.zip_directory import LOCAL_MAGIC

NAME = "torch-distcp"
_PIECE = 1 << 20
_END, _END_MAGIC = struct.Struct("<4s8xII2x"), b"PK\x05\x06"
_END64, _END64_MAGIC = struct.Struct("<4s36xQQ"), b"PK\x06\x06"
_LOCATOR = 20  # bytes between the two of them


def recognise(source: Source, extension: str) -> Found | None:
    """By its name and its first record, behind which another begins; of a single one nothing is to be told apart."""
    if extension != distcp.EXTENSION or not _begins(source, 0):
        return None
    try:
        end = _end(source, 0)
    except UnreadableError:
        return None
    return FOUND if _begins(source, end) else None


def pieces(source: Source) -> Iterator[tuple[int, int]]:
    """Where each record begins, and its length. Raises UnreadableError for anything between them, or behind."""
    start = 0
    while start < source.length:
        if not _begins(source, start):
            raise UnreadableError(f"no record of the checkpoint begins at {start}")
        end = _end(source, start)
        yield start, end - start
        start = end


def fields(node: object) -> dict[object, object]:
    """The attributes of an object of the file."""
    states = node.states if isinstance(node, Call) else ()
    return {key: value for state in states if isinstance(state, dict) for key, value in state.items()}


def _read(source: Source, session: Session, nested: NestedLoad) -> distcp.Records:
    found: list[tuple[int, object]] = []
    for start, length in pieces(source):
        session.count_member()
        with session.within(str(start)):
            directory = Directory.parse(source.part(start, length))
            if torch_zip.flavour(directory.entries) != torch_zip.NAME:
                raise UnreadableError(f"the record at {start} is no file of torch.save")
            found.append((start, torch_zip.read_directory(directory, session, nested)))
    return distcp.Records(found)


def _begins(source: Source, start: int) -> bool:
    return source.length - start >= len(LOCAL_MAGIC) and source.at(start, len(LOCAL_MAGIC)) == LOCAL_MAGIC


def _end(source: Source, start: int) -> int:
    """Behind the end record of the archive that begins there: the first whose directory stands right before it."""
    at = start
    while True:
        at = _find(source, _END_MAGIC, at)
        if at + _END.size > source.length:
            raise UnreadableError(f"the record at {start} has no end")
        if _is_end(source, start, at):
            return at + _END.size
        at += len(_END_MAGIC)


def _is_end(source: Source, start: int, at: int) -> bool:
    _, size, offset = _END.unpack(source.at(at, _END.size))
    longer = at - _LOCATOR - _END64.size
    if longer >= start:
        magic, *numbers = _END64.unpack(source.at(longer, _END64.size))
        if magic == _END64_MAGIC:
            (size, offset), at = numbers, longer
    return bool(start + offset + size == at)


def _find(source: Source, word: bytes, start: int) -> int:
    """Where it is found; the source's length when it isn't."""
    for at in range(start, source.length, _PIECE):
        found = source.at(at, min(_PIECE + len(word) - 1, source.length - at)).find(word)
        if found >= 0:
            return at + found
    return source.length


FOUND = Found(NAME, torch_zip.FAMILY, _read)
