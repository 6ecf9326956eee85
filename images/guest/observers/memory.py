"""Reads the memory of a stopped caller. It can be changed afterwards: what is read here is evidence, never a permit."""

from __future__ import annotations

import os
import struct

_POINTER = struct.Struct("<Q")
_PAGE = 4096
MAX_STRING = 4096
MAX_ARGUMENTS = 64


class UnreadableError(Exception):
    """The caller is gone, or the address isn't mapped."""


class Memory:
    """One caller's memory, open for the time of one notification."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise UnreadableError from error

    def close(self) -> None:
        os.close(self._fd)

    def __enter__(self) -> Memory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, address: int, length: int) -> bytes:
        """Exactly `length` bytes."""
        try:
            raw = os.pread(self._fd, length, address)
        except (OSError, OverflowError) as error:
            raise UnreadableError from error
        if len(raw) != length:
            raise UnreadableError
        return raw

    def opened(self, descriptor: int) -> bytes:
        """What the caller's descriptor is open on, as the kernel calls it."""
        try:
            return os.readlink(os.fsencode(f"/proc/{self.pid}/fd/{descriptor}"))
        except OSError as error:
            raise UnreadableError from error

    def alone(self) -> bool:
        """Whether the caller is its process's only thread. Others can change its descriptors until the call goes on."""
        try:
            return len(os.listdir(f"/proc/{self.pid}/task")) == 1
        except OSError as error:
            raise UnreadableError from error

    def folder(self) -> bytes:
        """The caller's working folder, as the kernel calls it."""
        try:
            return os.readlink(os.fsencode(f"/proc/{self.pid}/cwd"))
        except OSError as error:
            raise UnreadableError from error

    def pointer(self, address: int) -> int:
        return int(_POINTER.unpack(self.read(address, _POINTER.size))[0])

    def string(self, address: int) -> bytes:
        """Up to the first NUL, at most MAX_STRING bytes; page by page, since the next one may not be mapped."""
        if not address:
            return b""
        raw = b""
        while len(raw) < MAX_STRING:
            piece = self.read(address + len(raw), _PAGE - (address + len(raw)) % _PAGE)
            end = piece.find(b"\0")
            if end >= 0:
                return (raw + piece[:end])[:MAX_STRING]
            raw += piece
        return raw[:MAX_STRING]

    def strings(self, address: int) -> list[bytes]:
        """A NULL-terminated vector of strings, at most MAX_ARGUMENTS of them."""
        found: list[bytes] = []
        while address and len(found) < MAX_ARGUMENTS and (pointer := self.pointer(address + 8 * len(found))):
            found.append(self.string(pointer))
        return found


class KeptMemory(Memory):
    """One that stays open until `close`: opening is the dearest part of a look in gVisor.

    For an observer that hears of every end and every exec only: after one, the number may mean another memory.
    """

    def __exit__(self, *_: object) -> None:
        pass
