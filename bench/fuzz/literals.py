"""Literals made by chance: the argument's form by pickletools' name of it, and the sort of value that it pushes."""

from __future__ import annotations

import pickletools
import random
import struct
from collections.abc import Callable

OPCODES = {opcode.name: opcode for opcode in pickletools.opcodes}
_LONG_TEXT = 5000  # longer than what the reader takes out of the file


def _number(chance: random.Random) -> int:
    return chance.choice((0, 1, -1, 7, 255, 256, 65535, 1 << 31, -(1 << 31), 1 << 63, chance.getrandbits(90)))


def _letters(chance: random.Random) -> str:
    text = chance.choice(("", "a", "w", "é", "\U0001f600", "x\\y", "'\"", "a.b", "\u2028", "k" * 40, "\ud800"))
    return (text * _LONG_TEXT)[:_LONG_TEXT] if chance.random() < 0.02 else text


def _octets(chance: random.Random) -> bytes:
    data = chance.choice((b"", b"a", b"\0\xff", bytes(range(256)), b"w"))
    return (data * _LONG_TEXT)[:_LONG_TEXT] if chance.random() < 0.02 else data


def _signed(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 8) // 8, "little", signed=True)


def _counted(letter: str, data: Callable[[random.Random], bytes]) -> Callable[[random.Random], bytes]:
    count = struct.Struct(f"<{letter}")
    most = (1 << (8 * count.size - (letter == "i"))) - 1

    def argument(chance: random.Random) -> bytes:
        content = data(chance)[:most]
        return count.pack(len(content)) + content

    return argument


def _utf8(chance: random.Random) -> bytes:
    return _letters(chance).encode("utf-8", "surrogatepass")


def _short_utf8(chance: random.Random) -> bytes:
    return (_letters(chance)[:60]).encode("utf-8", "surrogatepass")


def _ascii(chance: random.Random) -> bytes:
    return chance.choice((b"", b"a", b"w", b"x.y", b"k" * 40))


def _escaped(chance: random.Random) -> bytes:
    text = _letters(chance).replace("\\", "\\u005c").replace("\n", "\\u000a")
    return text.encode("raw-unicode-escape") + b"\n"


ARGUMENTS: dict[str, Callable[[random.Random], bytes]] = {
    "uint1": lambda chance: bytes([chance.choice((0, 1, 127, 255))]),
    "uint2": lambda chance: struct.pack("<H", chance.choice((0, 1, 256, 65535))),
    "int4": lambda chance: struct.pack("<i", chance.choice((0, -1, 1, (1 << 31) - 1, -(1 << 31)))),
    "decimalnl_short": lambda chance: (
        chance.choice((b"00", b"01", b"0", b"1", b"-5", b"99", b"%d" % (1 << 70))) + b"\n"
    ),
    "decimalnl_long": lambda chance: b"%d" % _number(chance) + chance.choice((b"L", b"")) + b"\n",
    "floatnl": lambda chance: chance.choice((b"1.5", b"-0.0", b"1e300", b"inf", b"nan", b"3")) + b"\n",
    "float8": lambda chance: struct.pack(">d", chance.choice((0.0, -0.0, 1.0, 1e-320, float("inf"), float("nan")))),
    "long1": _counted("B", lambda chance: _signed(_number(chance))),
    "long4": _counted("i", lambda chance: _signed(_number(chance))),
    "stringnl": lambda chance: ascii(_ascii(chance).decode("ascii")).encode("ascii") + b"\n",
    "string1": _counted("B", _ascii),
    "string4": _counted("i", _ascii),
    "bytes1": _counted("B", _octets),
    "bytes4": _counted("I", _octets),
    "bytes8": _counted("Q", _octets),
    "bytearray8": _counted("Q", _octets),
    "unicodestringnl": _escaped,
    "unicodestring1": _counted("B", _short_utf8),
    "unicodestring4": _counted("I", _utf8),
    "unicodestring8": _counted("Q", _utf8),
}
_SORTS = {
    "int": "number",
    "int_or_bool": "number",
    "bool": "number",
    "float": "number",
    "None": "none",
    "str": "text",
    "unicode": "text",
    "bytes": "bytes",
    "bytes_or_str": "text",
    "bytearray": "bytearray",
    "tuple": "tuple",
    "list": "list",
    "dict": "dict",
    "set": "set",
}
UNHASHABLE = frozenset({"list", "dict", "set", "bytearray", "mapping"})
LITERALS = {
    name: _SORTS[opcode.stack_after[0].name]
    for name, opcode in OPCODES.items()
    if not opcode.stack_before
    and len(opcode.stack_after) == 1
    and opcode.stack_after[0].name in _SORTS
    and (opcode.arg is None or opcode.arg.name in ARGUMENTS)
}
