"""Where bytes come from: the file, a contiguous extent of it, or memory that was decoded out of it.

Every byte of the file that a reader interprets passes through `File.read`, which keeps the ranges and their digest:
the host recomputes both from its own descriptor, and so knows that the jail was shown the same file.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import wire

from guest.readers.errors import UnreadableError

# Ranges closer than this are read as one: fewer rows on the wire for a page of extra hashing.
MERGE_GAP = 4096


class Ledger:
    """Every range that was read, in order, with its file; one for all files of an input."""

    def __init__(self) -> None:
        self.files = array("H")
        self.offsets = array("Q")
        self.lengths = array("Q")
        self._digest = hashlib.sha256()

    def last_end(self, file: int) -> int:
        """Where the last range ends, if that is in this file; else -1."""
        here = bool(self.files) and self.files[-1] == file
        return self.offsets[-1] + self.lengths[-1] if here else -1

    def add(self, file: int, offset: int, data: bytes) -> None:
        """A range of its own, or more of the last one where it begins at that one's end."""
        if offset == self.last_end(file):
            self.lengths[-1] += len(data)
        else:
            self.files.append(file)
            self.offsets.append(offset)
            self.lengths.append(len(data))
        self._digest.update(data)

    def rows(self) -> Iterator[wire.Ranges]:
        """Each of one file, and no longer than a row may be."""
        start = 0
        for at in range(1, len(self.files) + 1):
            if at == len(self.files) or self.files[at] != self.files[start] or at - start == wire.MAX_ROWS:
                part = slice(start, at)
                yield wire.Ranges(tuple(self.offsets[part]), tuple(self.lengths[part]), self.files[start])
                start = at

    @property
    def sha256(self) -> str:
        """Over all ranges in their order."""
        return self._digest.hexdigest()


class File:
    """A file of the input, by pread only: a mapped file that shrinks would kill the reader with SIGBUS."""

    def __init__(
        self, descriptor: int, size: int, name: str = "", index: int = 0, ledger: Ledger | None = None
    ) -> None:
        """`name`: as the user has it, which is anybody's text. `index`: its place in the order's list."""
        self._descriptor = descriptor
        self.size = size
        self.name = name
        self.index = index
        self.ledger = ledger or Ledger()

    def read(self, offset: int, length: int) -> bytes:
        """Exactly these bytes. Raises UnreadableError when the file has fewer."""
        if length <= 0:
            return b""
        end = self.ledger.last_end(self.index)
        gap = offset - end if end >= 0 and 0 <= offset - end <= MERGE_GAP else 0
        data = self._pread(offset - gap, gap + length)
        self.ledger.add(self.index, offset - gap, data)
        return data[gap:] if gap else data

    def _pread(self, offset: int, length: int) -> bytes:
        if offset < 0 or offset + length > self.size:
            raise UnreadableError(f"the file ends before byte {offset + length}")
        data = os.pread(self._descriptor, length, offset)
        if len(data) == length:
            return data
        pieces = [data]  # one pread gives at most 2 GiB
        missing = length - len(data)
        while missing:
            piece = os.pread(self._descriptor, missing, offset + length - missing)
            if not piece:
                raise UnreadableError("the file became shorter while it was read")
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)


class Origin(tuple[int, int]):
    """Start and length of a range, which knows its file. What is decoded out of it passes it on."""

    file = 0

    @classmethod
    def of(cls, file: File, start: int, length: int) -> Origin:
        made = cls((start, length))
        made.file = file.index
        return made


class Source(Protocol):
    """Bytes at known places. `origin` is the range of the file that they are, or were decoded from."""

    @property
    def length(self) -> int: ...

    @property
    def origin(self) -> tuple[int, int]: ...

    @property
    def placed(self) -> bool:
        """Whether byte i of the source is byte origin[0] + i of the file."""

    def at(self, offset: int, length: int) -> bytes:
        """Exactly these bytes, or UnreadableError."""

    def part(self, offset: int, length: int) -> Source:
        """A source of these bytes, or UnreadableError."""


@dataclass(frozen=True, slots=True)
class Extent:
    """A contiguous run of the file."""

    file: File
    start: int
    length: int

    @property
    def origin(self) -> tuple[int, int]:
        return Origin.of(self.file, self.start, self.length)

    @property
    def placed(self) -> bool:
        return True

    def at(self, offset: int, length: int) -> bytes:
        _check(offset, length, self.length)
        return self.file.read(self.start + offset, length)

    def part(self, offset: int, length: int) -> Extent:
        _check(offset, length, self.length)
        return Extent(self.file, self.start + offset, length)


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes that were inflated or re-encoded."""

    data: memoryview
    origin: tuple[int, int]

    @property
    def length(self) -> int:
        return len(self.data)

    @property
    def placed(self) -> bool:
        return False

    def at(self, offset: int, length: int) -> bytes:
        _check(offset, length, len(self.data))
        return bytes(self.data[offset : offset + length])

    def part(self, offset: int, length: int) -> Memory:
        _check(offset, length, len(self.data))
        return Memory(self.data[offset : offset + length], self.origin)


def file_of(source: Source) -> int:
    """Which file of the input its bytes are from."""
    return getattr(source.origin, "file", 0)


def whole(file: File) -> Extent:
    """The file from its first byte to its last."""
    return Extent(file, 0, file.size)


def _check(offset: int, length: int, limit: int) -> None:
    if offset < 0 or length < 0 or offset + length > limit:
        raise UnreadableError(f"{length} bytes at {offset} are outside of {limit}")
