"""Hands of the observer `trace`, in kernels that lend no sockets: the address is changed in the caller's memory, and
the call goes on.

Another thread could change it back. Then it is led nowhere: beside the sinkhole the jail's loopback has nothing.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

from guest.observers.decode import CONTINUE, Arguments
from guest.observers.freedoms import Hands, Letter
from guest.observers.memory import Memory
from guest.sinkhole.places import Place
from guest.sinkhole.sinkhole import Sinkhole

_V4, _V6 = struct.Struct(">2sH4s8x"), struct.Struct(">2sHI16sI")  # the family stands in the machine's own order
_REFUSED = "ENETUNREACH"
_DNS_PORT = 53

Write = Callable[[int, int, bytes], None]  # task, address, bytes


class RewritingHands(Hands):
    """See the module's docstring."""

    rewrites = True

    def __init__(self, sinkhole: Sinkhole, write: Write) -> None:
        self._sinkhole, self._write = sinkhole, write

    def connect(self, pid: int, memory: Memory, args: Arguments, place: Place) -> str | int:
        return self._lead(pid, memory, (args[1], args[2]), place)

    def send(self, memory: Memory, _args: Arguments, letter: Letter, place: Place) -> str | int:
        return self._lead(letter.pid, memory, (letter.name, letter.length), place)

    def _lead(self, pid: int, memory: Memory, name: tuple[int, int], place: Place) -> str | int:
        """Registers don't tell what kind of socket it is: the place takes both."""
        at, length = name[0], name[1] & 0xFFFFFFFF
        if length < 2:
            return _REFUSED
        (family,) = struct.unpack("<H", memory.read(at, 2))
        head = struct.pack("<H", family)
        if family == socket.AF_INET and length >= _V4.size:
            raw = _V4.pack(head, self._sinkhole.port, socket.inet_aton(place.host))
        elif family == socket.AF_INET6 and length >= _V6.size:
            mapped = b"\0" * 10 + b"\xff\xff" + socket.inet_aton(place.host)
            raw = _V6.pack(head, self._sinkhole.port, 0, mapped, 0)
        else:
            return _REFUSED
        self._sinkhole.take_datagrams(place, pid)
        if place.port != _DNS_PORT:
            place.expected.append(pid)
        self._write(memory.pid, at, raw)
        return CONTINUE
