"""Bytes that a class packs its numbers into: no text of any length, nothing that is run, unpickled or inflated."""

from __future__ import annotations

import re

from guest.readers import running, telling

_PICKLE = re.compile(rb"\A\x80[\x02-\x05]|\x80[\x02-\x05][c(})\]\x8cX\x95]")
# How archives and compressed streams begin, and what is marshalled; of zlib and lzma a byte is all that they have.
_BEGINNINGS = (
    b"PK",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"\x5d\0\0",
    b"\x78",
    b"\x04\x22\x4d\x18",
    b"\x28\xb5\x2f\xfd",
    b"\xe3",
)
_RUN = 24  # letters one after another that are no chance
_SPARSE = 8  # bytes; of fewer the share of letters tells nothing
_BLANKED = bytes(byte if 32 <= byte < 127 else 0 for byte in range(256))


def is_packed(data: bytes) -> bool:
    """True of nothing that a shell, an import, an unpickler or a decoder could act on."""
    if data.startswith(_BEGINNINGS) or _PICKLE.search(data) or running.kind_of(data) != ("", ""):
        return False
    blanked = data.translate(_BLANKED)
    letters = len(data) - blanked.count(0)
    if letters * 10 > len(data) * (8 if len(data) < _SPARSE else 6):
        return False
    text = blanked.decode("ascii")
    return max(map(len, text.split("\0"))) < _RUN and next(telling.told(text), None) is None
