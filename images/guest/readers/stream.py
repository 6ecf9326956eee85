"""The bytes of a pickle stream, in order, through a bounded buffer."""

from __future__ import annotations

import struct

from guest.readers.errors import UnreadableError
from guest.readers.session import Session
from guest.readers.source import Source

CHUNK = 1 << 16

_U32 = struct.Struct("<I")


class Stream:
    """Reads forward. `tell` is the offset from the start of the source.

    `buffer`, `at`, `limit` and `base` are there for the interpreter's loop, which takes its opcodes out itself.

    A frame is no more than a promise here. What is read across its end is `torn`: the C unpickler, when it reads from
    a file, forgets the part before that end, so it may see another name than stands there.
    """

    def __init__(self, source: Source, session: Session, start: int = 0) -> None:
        self.source = source
        self._session = session
        self.base = start  # where the buffer begins in the source
        self.buffer = b""
        self.at = 0  # in the buffer
        self.limit = 0  # how far of the buffer may be read without a thought: to its end, or the frame's
        self._frame = 0  # where the frame ends, in the source
        self.torn = False

    def tell(self) -> int:
        return self.base + self.at

    @property
    def left(self) -> int:
        return self.source.length - self.tell()

    def need(self, count: int) -> None:
        """Raises UnreadableError when fewer bytes are left."""
        if count > self.left:
            raise UnreadableError(f"the stream ends at {self.source.length}, {count - self.left} bytes too early")

    @property
    def framed(self) -> bool:
        """Whether a frame goes on behind here."""
        return self.tell() < self._frame

    def frame(self, length: int) -> None:
        """A frame of so many bytes begins here. The C unpickler refuses one that is cut off, and Python's reads on."""
        self.torn = self.torn or length > self.left
        end = self.tell() + min(length, self.left)
        if end > self._frame:
            self._cross(end)
            self._frame = end
            self._bound()

    def end(self) -> None:
        """The pickle ends here, and whatever frame it is in must, too."""
        self.torn = self.torn or self.tell() < self._frame
        self._frame = 0
        self._bound()

    def _bound(self) -> None:
        if self._frame < self.tell():
            self._frame = 0
        most = self._frame - self.base if self._frame else len(self.buffer)
        self.limit = min(len(self.buffer), most)

    def _cross(self, end: int) -> None:
        """The next bytes, up to `end`, are one piece."""
        self.torn = self.torn or self.tell() < self._frame < end

    def ready(self, count: int) -> None:
        """Have so many bytes in the buffer, of the frame or behind it."""
        self.need(count)
        self._cross(self.tell() + count)
        if self.tell() + count > self._frame:
            self._frame = 0
        if self.at + count > len(self.buffer):
            self._fill(count)
        self._bound()

    def _fill(self, count: int) -> None:
        held = self.buffer[self.at :]
        more = min(max(count, CHUNK), self.left) - len(held)
        self._session.spend_bytes(more)
        self.base += self.at
        self.at = 0
        self.buffer = held + self.source.at(self.base + len(held), more)

    def peek(self) -> bytes:
        """The next byte, which stays; none at the end."""
        if self.at >= self.limit and self.left:
            self.ready(1)
        return self.buffer[self.at : self.at + 1] if self.left else b""

    def byte(self) -> int:
        if self.at >= self.limit:
            self.ready(1)
        at = self.at
        self.at = at + 1
        return self.buffer[at]

    def u32(self) -> int:
        """Four bytes, the lowest first."""
        if self.at + 4 > self.limit:
            self.ready(4)
        at = self.at
        self.at = at + 4
        return int(_U32.unpack_from(self.buffer, at)[0])

    def take(self, count: int) -> bytes:
        """Exactly `count` bytes."""
        if self.at + count > self.limit:
            self.ready(count)
        at = self.at
        self.at = end = at + count
        return self.buffer[at:end]

    def line(self) -> bytes:
        """Up to the next newline, without it."""
        size = 256
        while (end := self.buffer.find(b"\n", self.at, self.limit)) < 0:
            held = self.limit - self.at
            if held >= self.left:
                raise UnreadableError("the stream ends inside a line")
            size = max(size, held) * 2
            framed = self._frame - self.tell()
            self.ready(min(size, self.left, framed if framed > held else size))
        data = self.buffer[self.at : end]
        self.at = end + 1
        return data

    def leave(self, count: int) -> Source:
        """Step over `count` bytes without reading them, and say where they are."""
        self.need(count)
        part = self.source.part(self.tell(), count)
        self._cross(self.tell() + count)
        if self.at + count <= len(self.buffer):
            self.at += count
        else:
            self.base = self.tell() + count
            self.buffer = b""
            self.at = 0
        self._bound()
        return part
