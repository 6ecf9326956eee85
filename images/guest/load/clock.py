"""Another time of day for libc and Python, by the vDSO: its code reads the clock without a call that could be answered.

Each of its functions that tells the time of day is written over with one that asks the kernel and adds an offset.
Clocks that only count on are told as they are, and so is whatever makes the raw system call by itself.
Symbols, layouts and numbers are from <elf.h>, <linux/time.h> and <asm/unistd_64.h>, x86-64.
"""

from __future__ import annotations

import ctypes
import re
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

Read = Callable[[int, int], bytes]
Write = Callable[[int, bytes], None]

MOST = 60 * 365 * 86400  # seconds either way: the offset has to fit into 32 bits
# Lines of /proc/PID/maps. gVisor doesn't name the mapping; there, too, it follows the one with its data.
_SPAN = r"^([0-9a-f]+)-([0-9a-f]+) r-xp 0+ 00:00 0 *"
_MAPPED = (
    re.compile(_SPAN + r"\[vdso\]$", re.MULTILINE),
    re.compile(r"(?<=\[vvar\]\n)" + _SPAN + "$", re.MULTILINE),
)
_LARGEST = 1 << 16
_PT_LOAD, _PT_DYNAMIC, _DT_STRTAB, _DT_SYMTAB = 1, 2, 5, 6
_PROGRAM_HEADER, _SYMBOL = struct.Struct("<IIQQQQQQ"), struct.Struct("<IBBHQQ")
_READ_WRITE_EXEC, _READ_EXEC = 7, 5
_SLACK = 2  # seconds between two looks at a clock that was shifted in between

# `%` stands for the offset, as a signed 32-bit number. A failed call returns its error as it is.
_STUBS = {
    "clock_gettime": (
        "b8 e4000000 0f05"  # mov eax, 228; syscall
        "85c0 7515"  # test eax, eax; jne done
        "85ff 740a"  # test edi, edi; je add: CLOCK_REALTIME
        "83ff05 7405"  # cmp edi, 5; je add: CLOCK_REALTIME_COARSE
        "83ff0b 7507"  # cmp edi, 11; jne done: not CLOCK_TAI
        "488106 %"  # add: add qword [rsi], offset
        "c3"  # done: ret
    ),
    "gettimeofday": (
        "b8 60000000 0f05"  # mov eax, 96; syscall
        "85c0 750c"  # test eax, eax; jne done
        "4885ff 7407"  # test rdi, rdi; je done
        "488107 %"  # add qword [rdi], offset
        "c3"  # done: ret
    ),
    "time": (
        "b8 c9000000 0f05"  # mov eax, 201; syscall
        "4885c0 780e"  # test rax, rax; js done
        "4805 %"  # add rax, offset
        "4885ff 7403"  # test rdi, rdi; je done
        "488907"  # mov [rdi], rax
        "c3"  # done: ret
    ),
}


class ClockError(Exception):
    """The clock can't be shifted. Carries half a sentence: why."""


def stub(offset: int) -> dict[str, bytes]:
    """For each function of the vDSO that tells the time of day the code that takes its place."""
    told = struct.pack("<i", offset).hex()
    return {name: bytes.fromhex(code.replace("%", told)) for name, code in _STUBS.items()}


def place(maps: str) -> tuple[int, int]:
    """Where the vDSO begins and ends. Raises ClockError."""
    found = next(filter(None, (line.search(maps) for line in _MAPPED)), None)
    if found is None:
        raise ClockError("there is no vDSO")
    return int(found[1], 16), int(found[2], 16)


def patch(read: Read, write: Write, maps: str, offset: int) -> None:
    """Shift the clock of the process whose memory and /proc/PID/maps these are, all of it or nothing.

    Raises ClockError, and whatever `read` and `write` raise.
    """
    start, end = place(maps)
    image = read(start, min(end - start, _LARGEST))
    try:
        functions = dict(_functions(image))
    except (struct.error, KeyError, ValueError):
        raise ClockError("the vDSO is not one that is known here") from None
    code = stub(offset)
    for name, raw in code.items():
        if functions.get(name, (0, 0))[1] < len(raw):
            raise ClockError(f"the vDSO has no room in {name}")
    for name, raw in code.items():
        write(start + functions[name][0], raw)


def _functions(image: bytes) -> Iterator[tuple[str, tuple[int, int]]]:
    """Name, place from the image's start, and size of each function that the vDSO offers, with the prefix or without.

    Raises struct.error, KeyError or ValueError.
    """
    (table,) = struct.unpack_from("<Q", image, 32)
    (count,) = struct.unpack_from("<H", image, 56)
    headers = [_PROGRAM_HEADER.unpack_from(image, table + at * _PROGRAM_HEADER.size) for at in range(count)]
    first = {header[0]: header for header in reversed(headers)}
    base = first[_PT_LOAD][3] - first[_PT_LOAD][2]
    _, _, begin, _, _, size, *_ = first[_PT_DYNAMIC]
    dynamic = dict(struct.unpack_from("<QQ", image, at) for at in range(begin, begin + size, 16))
    texts = dynamic[_DT_STRTAB] - base
    for at in range(dynamic[_DT_SYMTAB] - base, texts, _SYMBOL.size):  # the names follow the symbols
        name_at, _info, _other, section, value, length = _SYMBOL.unpack_from(image, at)
        if section:
            name = image[texts + name_at : image.index(b"\0", texts + name_at)].decode("ascii")
            yield name.removeprefix("__vdso_"), (value - base, length)


def _through_file(maps: str, offset: int) -> None:
    """By /proc, which writes where the process itself may not."""
    with Path("/proc/self/mem").open("r+b", buffering=0) as memory:

        def write(address: int, raw: bytes) -> None:
            memory.seek(address)
            memory.write(raw)

        patch(ctypes.string_at, write, maps, offset)


def _through_protection(maps: str, offset: int) -> None:
    """By making it writable for a moment, where /proc can't be written. All of it: the kernel refuses to split it."""
    start, end = place(maps)
    libc = ctypes.CDLL(None, use_errno=True)

    def protect(how: int) -> None:
        if libc.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(end - start), how):
            raise OSError(ctypes.get_errno(), "the vDSO can't be written")

    def write(address: int, raw: bytes) -> None:
        ctypes.memmove(address, raw, len(raw))

    protect(_READ_WRITE_EXEC)
    try:
        patch(ctypes.string_at, write, maps, offset)
    finally:
        protect(_READ_EXEC)


def shift(offset: int) -> str:
    """Shift this process's own clock; why it could not be done, "" when it was."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    why = ""
    for way in (_through_file, _through_protection):
        before, counted = time.time(), time.monotonic()
        try:
            way(maps, offset)
        except ClockError as error:
            return str(error)
        except OSError as error:
            why = error.strerror or "it can't be written"
            continue
        moved = time.time() - before - (time.monotonic() - counted)
        if abs(moved - offset) < _SLACK:
            return ""
        why = "what was written had no effect"
    return why


def spelled(offset: float) -> str:
    """+400d: an offset as the user wrote it, or nearly."""
    unit, seconds = next((unit, size) for unit, size in _UNITS if not offset % size)
    return f"{offset / seconds:+.0f}{unit}"


_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
