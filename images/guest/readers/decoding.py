"""What is encoded or compressed in a string: one step back at a time, each within a budget.

A step gives what came out and its name. Whether that tells anything is for who asks; most of what decodes is nothing.
"""

from __future__ import annotations

import base64
import binascii
import re
import string
import struct
import zlib
from collections.abc import Callable, Iterator

from guest.readers import compressed

PROBE = 1 << 10  # bytes of an encoding that are decoded to see whether it's worth more
MOST = 256 << 10  # bytes of one step's outcome
_RUNS = 64  # encoded runs of one text
_PRINTABLE = string.printable.encode()

RUN = 24  # characters of a run of letters that may be an encoding

Wanted = Callable[[bytes], bool]
Found = Iterator[tuple[str, bytes]]

_LETTERS = string.ascii_lowercase
_ALNUM = (string.ascii_letters + string.digits).encode()
_BETWEEN = bytes(byte if byte in _ALNUM + b"+/=_-" else 32 for byte in range(256))
# From the beginning of a run only, and without trying less of it: a long line without an end costs no more than one.
_RUN64 = re.compile(r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{24,}+\r?\n[ \t]*)+[A-Za-z0-9+/_-]+")
_ESCAPES = 12
_ESCAPED = re.compile(r"(?:\\x[0-9A-Fa-f]{2}|%[0-9A-Fa-f]{2}){12,}")
_HEX = re.compile(r"(?:0[xX])?((?:[0-9A-Fa-f]{2}){16,})")
_BASE32 = re.compile(r"[A-Z2-7]{24,}={0,6}")
_BASE64 = re.compile(r"={0,2}([A-Za-z0-9+/_-]{20,})={0,2}")
_DENSE = 30
_BASE85 = re.compile(r"[!-~]{30,}")
_OF_NAMES = _ALNUM + b"._-/ \n"
_TURNED = ("tropmi", "(cexe", "(lave", "metsys.so", "ssecorpbus", "__tropmi__", "hsab/", "ptth")
_ROT13 = str.maketrans(
    _LETTERS + _LETTERS.upper(), _LETTERS[13:] + _LETTERS[:13] + _LETTERS[13:].upper() + _LETTERS[:13].upper()
)
_ROTATED = ("vzcbeg ", "rkrp(", "riny(", "flfgrz(", "fhocebprff", "__vzcbeg__", "/qri/gpc/")
_RECORD = b"PK\x03\x04"  # of a zip archive
_LOCAL = struct.Struct("<4s5H3I2H")
_DEFLATED = 8
# How those begin that are recognised: a quick no.
_PACKED = bytes([0x1F, 0x42, 0xFD, 0x5D, 0x78, 0x04])


def may_hold(text: str) -> bool:
    """A quick no, of one text or of many together."""
    return bool(_runs(text)) or _is_spelled(text) or _is_dense(text)


def _is_spelled(text: str) -> bool:
    return (
        "\\x" in text or "%" in text or any(word in text for word in _TURNED) or any(word in text for word in _ROTATED)
    )


def _is_escaped(text: str) -> bool:
    return text.count("\\x") >= _ESCAPES or text.count("%") >= _ESCAPES


def _is_dense(text: str) -> bool:
    """A long run of which no other encoding could be made: of every letter that there is, without a blank."""
    if not text.encode("utf-8", "replace").translate(None, _OF_NAMES):
        return False
    return len(max(text.split(), key=len, default="")) >= _DENSE


def _runs(text: str) -> list[str]:
    raw = text.encode("utf-8", "replace").translate(_BETWEEN)
    runs = [word.decode("ascii") for word in raw.split() if len(word) >= RUN]
    # Words that are joined by low lines have one case; random letters have both.
    return [run for run in runs if not run.islower() or _HEX.fullmatch(run)]


def is_text(data: bytes) -> bool:
    """Nine tenths of it, at least."""
    return len(data.translate(None, _PRINTABLE)) * 10 <= len(data)


def begins(head: bytes) -> bool:
    """Whether that is the beginning of something compressed."""
    return head[:1] in _PACKED and any(codec.begins(head[:PROBE]) for codec in compressed.CODECS.values())


def inflated(data: bytes) -> Found:
    """What is compressed in bytes, its beginning at least."""
    for name, codec in compressed.CODECS.items() if data[:1] in _PACKED else ():
        if codec.begins(data[:PROBE]):
            yield name, _inflate(codec, data)
            return


def records(data: bytes) -> Iterator[bytes]:
    """Of a zip archive amid bytes: the beginning of each record that is deflated. What is stored stands there."""
    at = data.find(_RECORD)
    for _ in range(_RUNS):
        if at < 0 or len(data) - at < _LOCAL.size:
            return
        _, _, _, method, _, _, _, _, _, name, extra = _LOCAL.unpack_from(data, at)
        if method == _DEFLATED:
            made = _deflated(data[at + _LOCAL.size + name + extra :])
            if made:
                yield made
        at = data.find(_RECORD, at + 1)


def _deflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, MOST)
    except zlib.error:
        return b""


def _inflate(codec: compressed.Codec, data: bytes) -> bytes:
    inflater = codec.inflater()
    made = bytearray()
    for at in range(0, len(data), PROBE):  # a piece that is broken takes only its own with it
        try:
            made += inflater.decompress(data[at : at + PROBE], MOST - len(made))
        except compressed.BROKEN:
            break
        if inflater.eof or len(made) >= MOST:
            break
    return bytes(made)


def inside(text: str, wanted: Wanted) -> Found:
    """What a text holds in encodings. `wanted`: whether the first bytes are worth the rest."""
    if len(text) > MOST * 2:
        text = text[: MOST * 2]
    runs = _runs(text)
    lines = [re.sub(r"\s+", "", found[0]) for found in _RUN64.finditer(text)] if len(runs) > 1 and "\n" in text else []
    for run in [*lines, *runs][:_RUNS]:
        yield from _of_run(run, wanted)
    if _is_escaped(text):
        yield from _escapes(text, wanted)
    if not runs or text == runs[0]:
        yield from _base85(text, wanted)
    if any(word in text for word in _TURNED):
        yield "reversed", text[::-1].encode("utf-8", "replace")
    if any(word in text for word in _ROTATED):
        yield "rot13", text.translate(_ROT13).encode("utf-8", "replace")


def _of_run(run: str, wanted: Wanted) -> Found:
    """The first decoding of it that is worth anything."""
    for how, decode in _DECODERS:
        head = decode(run[:PROBE])
        if head and wanted(head):
            yield how, decode(run[: 2 * MOST])[:MOST]
            return


def _hex(run: str) -> bytes:
    found = _HEX.fullmatch(run)
    return binascii.a2b_hex(found[1]) if found else b""


def _base32(run: str) -> bytes:
    if not _BASE32.fullmatch(run):
        return b""
    letters = run.rstrip("=")
    letters = letters[: len(letters) - {1: 1, 3: 1, 6: 1}.get(len(letters) % 8, 0)]
    return base64.b32decode(letters + "=" * (-len(letters) % 8))


def _base64(run: str) -> bytes:
    """Random bits have letters of both cases; words that are joined by low lines have one."""
    found = _BASE64.fullmatch(run)
    if not found or run.islower() or run.isupper():
        return b""
    letters = found[1].replace("-", "+").replace("_", "/")
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(letters + "=" * (-len(letters) % 4))


def _backwards(run: str) -> bytes:
    return _base64(run[::-1])


_DECODERS = (("hex", _hex), ("base32", _base32), ("base64", _base64), ("reversed > base64", _backwards))


def _escapes(text: str, wanted: Wanted) -> Found:
    for found, _ in zip(_ESCAPED.finditer(text), range(_RUNS), strict=False):
        data = binascii.a2b_hex(re.sub(r"\\x|%", "", found[0])[: 2 * MOST])
        if wanted(data[:PROBE]):
            yield "escapes", data


def _base85(text: str, wanted: Wanted) -> Found:
    """Only of a text that is nothing else: its letters are those of any text."""
    letters = text.strip()
    if len(letters) > MOST or not _BASE85.fullmatch(letters) or letters.isalnum():
        return
    for how, decode in (("base85", base64.b85decode), ("ascii85", _unascii85)):
        try:
            data = decode(letters)
        except ValueError:
            continue
        if wanted(data[:PROBE]):
            yield how, data


def _unascii85(letters: str) -> bytes:
    return base64.a85decode(letters, adobe=letters.startswith("<~") and letters.endswith("~>"))
