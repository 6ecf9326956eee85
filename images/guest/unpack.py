"""The ways back from packed or encoded bytes, each a function of a text that gives what is in it.

Hostile input: nothing is believed but the decoders themselves, each output is bounded, what is cut short still counts.
"""

from __future__ import annotations

import binascii
import bz2
import lzma
import re
import string
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

Inner = Iterator[tuple[bytes, bool]]  # what was inside, and whether it is all of it

TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_FROM_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_PIECE = 1 << 10  # what a decoder made of the piece in which it fails is lost
_LZMA_MEMORY = 80 << 20  # xz -9 needs 65 MiB
_LEAST = 16  # bytes; less holds no secret
_WORD = 24  # characters of a run worth decoding
_ATTEMPTS = 4096  # members tried in one text
_STARTS = 64  # places of one text where a raw deflate stream may begin
_REVERSIBLE = 1 << 18
_MANY_STARTS = 1 << 20  # longer base64 is read from its beginning only
_GAP = b"\r\n\r\n"  # between runs that were decoded, as before an HTTP body: a place where a stream may begin

_MAGICS = {
    "gzip": (b"\x1f\x8b\x08",),
    "zlib": (b"\x78\x9c", b"\x78\xda", b"\x78\x5e", b"\x78\x01"),
    "bz2": (b"BZh",),
    "xz": (b"\xfd7zXZ\0",),
    "lzma": (b"\x5d\0\0",),
    "zip": (b"PK\x03\x04",),
}
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{20,}(?:\r?\n[ \t]*[A-Za-z0-9+/_-]+)*")
_BASE32 = re.compile(rb"(?:[A-Z2-7]{24,}(?:\r?\n[A-Z2-7]+)*)|(?:[a-z2-7]{24,}(?:\r?\n[a-z2-7]+)*)")
_HEX = re.compile(rb"[0-9A-Fa-f]{24,}(?:\r?\n[0-9A-Fa-f]+)*")
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_ESCAPE = re.compile(rb"\\(?:u00([0-9A-Fa-f]{2})|x([0-9A-Fa-f]{2})|(.))", re.DOTALL)
_WHITE = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_ALPHABET32 = bytes.maketrans(b"abcdefghijklmnopqrstuvwxyz234567", b"0123456789abcdefghijklmnopqrstuv")
_KEPT = (string.ascii_letters + string.digits + "+/=%_-\\").encode()
_TO_WORDS32 = bytes(byte if chr(byte) in string.ascii_letters + "234567" else 32 for byte in range(256))
_PRINTABLE = string.printable.encode()
_SEPARATORS = bytes(byte for byte in range(256) if byte not in _KEPT)
_MOSTLY = 0.45  # of a text must be left without separators: that of UTF-16 is a little under a half


class _Stream(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


_STREAMS: dict[str, Callable[[], _Stream]] = {
    "gzip": lambda: zlib.decompressobj(31),
    "zlib": lambda: zlib.decompressobj(15),
    "deflate": lambda: zlib.decompressobj(-15),
    "zip": lambda: zlib.decompressobj(-15),
    "bz2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _LZMA_MEMORY),
    "lzma": lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, _LZMA_MEMORY),
}


def _inflated(kind: str, text: bytes, at: int, most: int) -> Inner:
    """What one stream holds, as far as it can be had."""
    stream, out = _STREAMS[kind](), bytearray()
    view = memoryview(text)
    while at < len(text) and len(out) < most and not stream.eof:
        try:
            out += stream.decompress(view[at : at + _PIECE], most - len(out))  # type: ignore[arg-type]
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, MemoryError):
            break
        at += _PIECE
    if len(out) >= _LEAST:
        yield bytes(out), len(out) < most


def _members(wanted: str) -> Callable[[bytes, int], Inner]:
    """The step that opens members of one kind, wherever they begin."""

    def step(text: bytes, most: int) -> Inner:
        tried = 0
        for magic in _MAGICS[wanted]:
            at = text.find(magic)
            while at >= 0:
                if (tried := tried + 1) > _ATTEMPTS:
                    yield b"", False
                    return
                yield from _inflated(wanted, text, at if wanted != "zip" else _body(text, at), most)
                at = text.find(magic, at + 1)

    return step


def _body(text: bytes, at: int) -> int:
    """Where a zip member's deflated bytes begin; the text's end for one that is stored, which needs no unpacking."""
    head = text[at : at + 30]
    if len(head) < 30 or head[8:10] != b"\x08\0":
        return len(text)
    return at + 30 + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")


def _deflate(text: bytes, most: int) -> Inner:
    """A stream without a head can only be tried where something begins."""
    at, tried = 0, 0
    while tried < _STARTS:
        yield from _inflated("deflate", text, at, most)
        at, tried = text.find(_GAP, at) + len(_GAP), tried + 1
        if at < len(_GAP):
            return


def _joined(parts: list[bytes], most: int) -> Inner:
    whole = _GAP.join(part for part in parts if part)
    if len(whole) >= _LEAST:
        yield whole[:most], len(whole) <= most


def _base64(text: bytes, most: int) -> Inner:
    """At each alignment: who puts something directly in front of it shifts it."""
    runs = [run.translate(_FROM_URL_SAFE, b"\r\n \t") for run in _BASE64.findall(text)]
    for start in range(4):
        cut = [run[start : start + (len(run) - start) // 4 * 4] for run in runs if not start or len(run) < _MANY_STARTS]
        yield from _joined([binascii.a2b_base64(run) for run in cut], most)
    # Whatever is over at the end of the first alignment: up to two bytes
    ends = [run[len(run) // 4 * 4 :] for run in runs]
    if any(len(end) > 1 for end in ends):
        padded = [run + b"=" * (-len(run) % 4) for run in runs if len(run) % 4 != 1]
        yield from _joined([binascii.a2b_base64(run) for run in padded], most)


def _base32(text: bytes, most: int) -> Inner:
    if not any(len(word) >= _WORD for word in text.translate(_TO_WORDS32).split()):
        return  # the search for runs takes fifty times as long
    runs = [run.lower().translate(_ALPHABET32, b"\r\n") for run in _BASE32.findall(text)]
    parts = []
    for run in runs:
        size = len(run) * 5 // 8
        parts.append((int(run, 32) >> (len(run) * 5 - size * 8)).to_bytes(size, "big"))
    yield from _joined(parts, most)


def _hex(text: bytes, most: int) -> Inner:
    runs = [run.translate(None, b"\r\n") for run in _HEX.findall(text)]
    yield from _joined([binascii.a2b_hex(run[: len(run) // 2 * 2]) for run in runs], most)
    yield from _joined([binascii.a2b_hex(run[1:]) for run in runs if len(run) % 2], most)


def _is_text(text: bytes) -> bool:
    """Nine tenths of it, at least: what undoes a text's spelling makes nothing of anything else."""
    return len(text.translate(None, _PRINTABLE)) * 10 <= len(text)


def _percent(text: bytes, _most: int) -> Inner:
    if _is_text(text) and _PERCENT.search(text):
        yield _PERCENT.sub(lambda found: binascii.a2b_hex(found[1]), text), True


def _escapes(text: bytes, _most: int) -> Inner:
    def one(found: re.Match[bytes]) -> bytes:
        return binascii.a2b_hex(found[1] or found[2]) if found[3] is None else _WHITE.get(found[3], found[3])

    if b"\\" in text and _is_text(text):
        yield _ESCAPE.sub(one, text), True


def _reversed(text: bytes, _most: int) -> Inner:
    if len(text) <= _REVERSIBLE and _is_text(text):
        yield text[::-1], True


def _unsplit(text: bytes, _most: int) -> Inner:
    """Without what stands between: lines, the labels of a name, the colons of a dump, the zeros of UTF-16."""
    whole = text.translate(None, _SEPARATORS)
    if _MOSTLY * len(text) <= len(whole) < len(text):
        yield whole, True


# What a thief did -> how to undo it.
STEPS: dict[str, Callable[[bytes, int], Inner]] = {
    **{kind: _members(kind) for kind in ("gzip", "zlib", "bz2", "xz", "lzma", "zip")},
    "deflate": _deflate,
    "base64": _base64,
    "hex": _hex,
    "base32": _base32,
    "url": _percent,
    "escapes": _escapes,
    "reversed": _reversed,
    "split": _unsplit,
}
ONCE = frozenset({"reversed", "split", "deflate"})  # a second time they undo nothing, or make anything of anything
