"""The opcodes that push a value written in the stream: numbers, text, bytes."""

from __future__ import annotations

import codecs
import re
import struct
from collections.abc import Callable
from math import isinf
from typing import Protocol, TypeVar

from guest.readers.errors import DisputedError, UnreadableError
from guest.readers.inert import Bytes, Text
from guest.readers.session import Where
from guest.readers.source import Memory
from guest.readers.stream import Stream
from guest.readers.telling import LEAST
from guest.readers.texts import Met

# Longer text and bytes stay in the file. A name is never longer (the wire's bound).
SMALL = 4096

B = TypeVar("B", Bytes, Text)

_I32 = struct.Struct("<i")
_U16 = struct.Struct("<H")
_U64 = struct.Struct("<Q")
_F64 = struct.Struct(">d")


class Reading(Protocol):
    """What a literal needs of the unpickler."""

    stream: Stream
    met: Met  # what is told of strings
    where: Where
    encodings: tuple[str, ...]  # to try, for Python 2's 8-bit strings


# What C's strtol takes to the end with base 0: it knows octal 010, which int() refuses, and takes nothing for 0.
_STRTOL = re.compile(rb"(?:[ \t\r\f\v]*([+-]?)(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*)))?")
_FLOAT = re.compile(rb"[+-]?(?:(?P<digits>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)|(?i:inf|infinity|nan))")
_LONG_LINE = 30  # characters that may still be a number of 64 bits


def cut(line: bytes) -> bytes:
    """A line as a string of C's, which ends at its first zero byte. The C unpickler refuses an empty one."""
    if not line:
        raise UnreadableError("an empty line")
    return line.partition(b"\0")[0]


def _strtol(text: bytes) -> int | None:
    """The number that C's strtol makes of the whole text; None when it doesn't, or when that is more than 64 bits."""
    found = _STRTOL.fullmatch(text) if len(text) <= _LONG_LINE else None
    if found is None:
        return None
    sign, hexadecimal, octal, decimal = found.groups()
    value = int(hexadecimal or octal or decimal or b"0", 16 if hexadecimal else 8 if octal else 10)
    value = -value if sign == b"-" else value
    return value if -(1 << 63) <= value < 1 << 63 else None


def _int(reading: Reading) -> int | bool:
    line = reading.stream.line()
    value = _strtol(cut(line))
    if value is None:
        return int(cut(line), 0)
    return bool(value) if len(line) == len(b"01") and value in (0, 1) else value


def _long(reading: Reading) -> int:
    return int(cut(reading.stream.line()).removesuffix(b"L"), 0)


def _float(reading: Reading) -> float:
    """As C's strtod: without the blanks and underscores that Python's float() takes, and no number too large."""
    line = cut(reading.stream.line())
    value = float(line)
    found = _FLOAT.fullmatch(line)
    if found is None:
        raise DisputedError("a FLOAT that is no number to C")
    if isinf(value) and found["digits"]:
        raise DisputedError("a FLOAT that is too large")
    return value


def _long1(reading: Reading) -> int:
    return int.from_bytes(reading.stream.take(reading.stream.byte()), "little", signed=True)


def _long4(reading: Reading) -> int:
    count = _signed(reading.stream)
    if count < 0:
        raise UnreadableError("a LONG4 of negative length")
    return int.from_bytes(reading.stream.take(count), "little", signed=True)


def _signed(stream: Stream) -> int:
    return int(_I32.unpack(stream.take(4))[0])


def length8(stream: Stream) -> int:
    return int(_U64.unpack(stream.take(8))[0])


def _bytes(length: Callable[[Stream], int], kind: str = "bytes") -> Callable[[Reading], object]:
    def read(reading: Reading) -> Bytes:
        stream = reading.stream
        count = length(stream)
        if count > SMALL:
            return _met(reading, Bytes(stream.leave(count), kind))
        stream.need(count)
        source = stream.source.part(stream.tell(), count)
        return _met(reading, Bytes(source, kind, stream.take(count)))

    return read


def _text(length: Callable[[Stream], int]) -> Callable[[Reading], object]:
    def read(reading: Reading) -> str | Text:
        stream = reading.stream
        count = length(stream)
        if count > SMALL:
            return _met(reading, Text(stream.leave(count)))
        value = str(stream.take(count), "utf-8", "surrogatepass")
        if count >= LEAST:
            reading.met.string(reading.where.offset, value)
        return value

    return read


def _string(length: Callable[[Stream], int]) -> Callable[[Reading], object]:
    """Python 2's str: text if it decodes, else bytes; numpy keeps its arrays in these."""

    def read(reading: Reading) -> str | Bytes:
        count = length(reading.stream)
        if count < 0:
            raise UnreadableError("a string of negative length")
        if count > SMALL:
            return _met(reading, Bytes(reading.stream.leave(count), "str"))
        source = reading.stream.source.part(reading.stream.tell(), count)
        return _decoded(reading, Bytes(source, "str", reading.stream.take(count)))

    return read


def _met(reading: Reading, value: B) -> B:
    if value.source.length >= LEAST:
        reading.met.other(reading.where.offset, value)
    return value


def _decoded(reading: Reading, value: Bytes) -> str | Bytes:
    _met(reading, value)
    for encoding in reading.encodings:
        try:
            return str(value.small or b"", encoding)
        except UnicodeDecodeError:
            continue
    return value


def _quoted(reading: Reading) -> str | Bytes:
    start = reading.stream.tell()
    line = reading.stream.line()
    if len(line) < 2 or line[0] != line[-1] or line[:1] not in (b'"', b"'"):
        raise UnreadableError("a STRING without its quotes")
    data: bytes = codecs.escape_decode(line[1:-1])[0]
    source = Memory(memoryview(data), reading.stream.source.part(start, len(line)).origin)
    if len(data) > SMALL:
        return _met(reading, Bytes(source, "str"))
    return _decoded(reading, Bytes(source, "str", data))


def _unicode(reading: Reading) -> str:
    value = str(reading.stream.line(), "raw-unicode-escape")
    if len(value) >= LEAST:
        reading.met.string(reading.where.offset, value)
    return value


LITERALS: dict[str, Callable[[Reading], object]] = {
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "INT": _int,
    "BININT": lambda reading: _signed(reading.stream),
    "BININT1": lambda reading: reading.stream.byte(),
    "BININT2": lambda reading: _U16.unpack(reading.stream.take(2))[0],
    "LONG": _long,
    "LONG1": _long1,
    "LONG4": _long4,
    "FLOAT": _float,
    "BINFLOAT": lambda reading: _F64.unpack(reading.stream.take(8))[0],
    "STRING": _quoted,
    "BINSTRING": _string(_signed),
    "SHORT_BINSTRING": _string(Stream.byte),
    "BINBYTES": _bytes(Stream.u32),
    "SHORT_BINBYTES": _bytes(Stream.byte),
    "BINBYTES8": _bytes(length8),
    "BYTEARRAY8": _bytes(length8, "bytearray"),
    "UNICODE": _unicode,
    "BINUNICODE": _text(Stream.u32),
    "SHORT_BINUNICODE": _text(Stream.byte),
    "BINUNICODE8": _text(length8),
    "EMPTY_TUPLE": lambda _: (),
    "EMPTY_LIST": lambda _: [],
    "EMPTY_DICT": lambda _: {},
}
