"""Compressed files: inflated in pieces, within bounds, and then read for what they hold.

The content is the file: a member or a name it has none. Several streams in a row are one content, as every reader of
gzip, bzip2 and xz takes them.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from guest.readers import padding
from guest.readers.errors import BoundError, UnreadableError
from guest.readers.interface import Found
from guest.readers.known import NestedLoad
from guest.readers.lz4_frames import MAGIC, Lz4Decompressor
from guest.readers.session import Session
from guest.readers.source import Memory, Source

PIECE = 1 << 20  # bytes that are inflated, or made, at once
_XZ_MEMORY = 128 << 20  # of its dictionary; xz -9 asks for half of that
_GZIP, _FIXED, _HEADER = "gzip", 10, 128 << 10  # bytes of a header: at the least, and at the most that is looked at
_EXTRA, _NAME, _COMMENT = 4, 8, 16  # flags
_MOST_PADDING = 1 << 20  # zeros between streams, or behind the last


class _Inflater(Protocol):
    """One stream. What `decompress` gives is shorter than `max_length` when it needs more input, or has ended."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Zlib:
    """zlib's, with the interface that the others share: it keeps the input that it didn't come to."""

    def __init__(self, wbits: int) -> None:
        self._inflater = zlib.decompressobj(wbits)

    @property
    def eof(self) -> bool:
        return self._inflater.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflater.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inflater.decompress(self._inflater.unconsumed_tail + data, max_length)


@dataclass(frozen=True)
class Codec:
    """`several`: streams in a row are one content; `padded`: with zeros between them."""

    name: str
    begins: Callable[[bytes], bool]
    inflater: Callable[[], _Inflater]
    several: bool = False
    padded: bool = False


def _starts(codec: Callable[[], _Inflater]) -> Callable[[bytes], bool]:
    """For formats with a weak mark: whether the beginning can be inflated. A stream may be empty: another follows."""

    def begins(head: bytes) -> bool:
        inflater = codec()
        try:
            return bool(inflater.decompress(head, 1)) or inflater.eof
        except BROKEN:
            return False

    return begins


def _is_zlib(head: bytes) -> bool:
    """The header that joblib and most writers make: a window of 32 KiB, no dictionary, its own checksum."""
    return head[:2] in (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda") and _starts(_zlib)(head)


def _is_lzma(head: bytes) -> bool:
    """The mark that joblib goes by; without it, what Python's lzma takes for this format: its header has none."""
    form = lzma.FORMAT_ALONE if head.startswith(b"\x5d\x00") else lzma.FORMAT_AUTO
    inflater = lzma.LZMADecompressor(form, memlimit=_XZ_MEMORY)
    try:
        made = inflater.decompress(head, 1)
    except (lzma.LZMAError, EOFError) as error:
        return "Memory" in str(error)  # of a header that is right, and asks for too much
    if made or not inflater.eof:
        return bool(made)
    return form == lzma.FORMAT_ALONE or _is_lzma(inflater.unused_data)  # nothing, and then another stream


def _zlib() -> _Inflater:
    return _Zlib(zlib.MAX_WBITS)


def _gzip() -> _Inflater:
    return _Zlib(16 + zlib.MAX_WBITS)


def _xz() -> _Inflater:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


def _lzma() -> _Inflater:
    return lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_XZ_MEMORY)


BROKEN = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")  # a block, or the end of a stream without one

CODECS = {
    codec.name: codec
    for codec in (
        Codec("gzip", lambda head: head.startswith(b"\x1f\x8b"), _gzip, several=True, padded=True),
        Codec("bzip2", lambda head: head[:3] == b"BZh" and head[4:10] in _BZIP2_BLOCKS, bz2.BZ2Decompressor, True),
        Codec("xz", lambda head: head.startswith(b"\xfd7zXZ\x00"), _xz, several=True, padded=True),
        Codec("lzma", _is_lzma, _lzma),
        Codec("zlib", _is_zlib, _zlib),
        Codec("lz4", lambda head: head.startswith(MAGIC), Lz4Decompressor, several=True),
    )
}


def recognise(head: bytes) -> Found | None:
    """By the beginning alone."""
    name = next((codec.name for codec in CODECS.values() if codec.begins(head)), None)
    return Found(name, name, reader(name)) if name else None


def reader(name: str) -> Callable[[Source, Session, NestedLoad], object]:
    """Reads what a file of this format holds."""

    def read(source: Source, session: Session, nested: NestedLoad) -> object:
        def behind(at: int) -> None:
            nested.behind(source.part(at, source.length - at), name)

        def begun(at: int) -> None:
            if name == _GZIP:
                nested.header(_header(source, at), name)

        return nested.content(inflate(source, CODECS[name], session, behind, begun))

    return read


def inflate(
    source: Source,
    codec: Codec,
    session: Session,
    behind: Callable[[int], None] = lambda _: None,
    begun: Callable[[int], None] = lambda _: None,
) -> Memory:
    """All of the content. Raises UnreadableError; BoundError for what would be more than the bounds allow.

    `behind` is told where bytes begin that belong to no compressed data, `begun` where each stream does.
    """
    made = bytearray()
    at = 0
    while True:
        begun(at)
        at = _stream(source, at, codec, session, made)
        ended = at
        if codec.padded:
            at = _behind_zeros(source, at)
        if not codec.several or at >= source.length or not codec.begins(source.at(at, min(16, source.length - at))):
            break
    if at < source.length and not padding.note(source, ended, codec.name, session):
        detail = f"{source.length - ended} bytes behind the compressed data"
        session.oddity(codec.name, "compressed.trailing", detail, offset=ended)
        behind(ended)
    return Memory(memoryview(made), source.origin)


def _header(source: Source, at: int) -> Source:
    """Of a gzip stream: what it has besides numbers, a place for anything, a name and a comment."""
    head = source.at(at, min(_HEADER, source.length - at))
    end = _FIXED
    if len(head) > _FIXED and head[3] & _EXTRA:
        end += 2 + int.from_bytes(head[_FIXED : _FIXED + 2], "little")
    for flag in (_NAME, _COMMENT):
        if len(head) > _FIXED and head[3] & flag:
            end = head.find(b"\0", end) + 1 or len(head)
    start, end = min(_FIXED, len(head)), min(end, len(head))
    return source.part(at + start, end - start)


def _stream(source: Source, at: int, codec: Codec, session: Session, made: bytearray) -> int:
    """Add one stream's content to what was made; where it ends."""
    inflater, read = codec.inflater(), at
    piece = b""
    try:
        while not inflater.eof:
            more = inflater.decompress(piece, PIECE)
            _spend(len(more), len(made) + len(more), codec, source, session)
            made += more
            piece = b""
            if len(more) < PIECE and not inflater.eof:
                if read >= source.length:
                    raise UnreadableError(f"the {codec.name} data ends too early")
                piece = source.at(read, min(PIECE, source.length - read))
                read += len(piece)
    except BROKEN as error:
        raise UnreadableError(f"the {codec.name} data can't be inflated: {error}") from None
    return read - len(inflater.unused_data)


def _spend(more: int, made: int, codec: Codec, source: Source, session: Session) -> None:
    try:
        session.spend_inflated(more, made, source.length)
    except BoundError:
        if session.is_bomb(made, source.length):
            session.oddity(codec.name, "compressed.bomb", f"{source.length} bytes inflate to more than {made}")
        raise


def _behind_zeros(source: Source, at: int) -> int:
    """Where the padding ends that stands at this place; behind more of it than anyone writes nothing is looked for."""
    stop = min(source.length, at + _MOST_PADDING)
    rest = source.at(at, stop - at)
    return at + len(rest) - len(rest.lstrip(b"\0"))
