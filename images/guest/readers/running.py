"""Bytes that a processor or Python runs: executables, compiled code. Random bytes and a model's numbers are neither."""

from __future__ import annotations

import re
import struct

# Marshalled code: a few small numbers (four of Python 2, five or six since), then its instructions. The last two are
# the stack's size and flags.
_CODE = re.compile(rb"[c\xe3](?:[\s\S]{2}\0\0){3,5}[\s\S]{4}[s\xf3]")
_FOLLOWS = b"()[r\xa8\xa9\xdb"  # behind the instructions: the constants, a tuple or a reference to one
_MOST_STACK = 1 << 12
_MOST_ARGUMENTS = 1 << 8
_PYC = re.compile(rb"[\s\S]{2}\r\n(?:[\s\S]{4}|[\s\S]{8}|[\s\S]{12})[c\xe3]\0\0\0\0")
_ELF = re.compile(rb"\x7fELF(?:\x02\x01|\x01\x01)\x01[\s\S]{9}[\x02\x03]\0([\s\S]{2})\x01\0\0\0")
_PROCESSORS = frozenset({3, 40, 62, 183, 243})  # a compiled kernel for a graphics card is an ELF file, too
_MACH = tuple(struct.pack("<I", number) for number in (0xFEEDFACE, 0xFEEDFACF))
_MACH_PROCESSORS = frozenset({7, 12, 0x01000007, 0x0100000C})
_PE_AT = 60  # where the place of the second header stands

BEGINNINGS = (b"\x7fELF", b"MZ", b"c", b"\xe3", *_MACH)


def kind_of(data: bytes) -> tuple[str, str]:
    """The kind, and what it was seen by; two empty texts for other bytes."""
    if _is_code(data):
        compiled = _PYC.match(data) is not None
        return ("code.file", "a compiled Python file") if compiled else ("code", "a marshalled code object")
    if b"\x7fELF" in data:
        found = _ELF.search(data)
        if found and int.from_bytes(found[1], "little") in _PROCESSORS:
            return "program", "an ELF file"
    if data.startswith(b"MZ") and len(data) > _PE_AT + 4:
        at = int.from_bytes(data[_PE_AT : _PE_AT + 4], "little")
        if data[at : at + 4] == b"PE\0\0":
            return "program", "a Windows executable"
    if data.startswith(_MACH) and int.from_bytes(data[4:8], "little") in _MACH_PROCESSORS:
        return "program", "a Mach-O file"
    return "", ""


def _is_code(data: bytes) -> bool:
    for found in _CODE.finditer(data):
        numbers = struct.unpack(f"<{(found.end() - found.start() - 2) // 4}I", found[0][1:-1])
        at = found.end()
        size = int.from_bytes(data[at : at + 4], "little")
        behind = data[at + 4 + size : at + 5 + size]
        small = numbers[0] < _MOST_ARGUMENTS and 1 <= numbers[-2] <= _MOST_STACK
        if small and size and behind and behind in _FOLLOWS:
            return True
    return False
