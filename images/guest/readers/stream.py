"""The bytes of a pickle stream, in order, through a bounded buffer."""

from __future__ import annotations

from guest.readers.errors import UnreadableError
from guest.readers.session import Session
from guest.readers.source import Source

CHUNK = 1 << 16


class Stream:
    """Reads forward. `tell` is the offset from the start of the source."""

    def __init__(self, source: Source, session: Session, start: int = 0) -> None:
        self.source = source
        self._session = session
        self._base = start  # where the buffer begins in the source
        self._buffer = b""
        self._at = 0
        self.frame_end = 0  # of the last frame that was announced

    def tell(self) -> int:
        return self._base + self._at

    @property
    def left(self) -> int:
        return self.source.length - self.tell()

    def need(self, count: int) -> None:
        """Raises UnreadableError when fewer bytes are left."""
        if count > self.left:
            raise UnreadableError(f"the stream ends at {self.source.length}, {count - self.left} bytes too early")

    def _fill(self, count: int) -> None:
        self.need(count)
        held = self._buffer[self._at :]
        more = min(max(count, CHUNK), self.left) - len(held)
        self._session.spend_bytes(more)
        self._base += self._at
        self._at = 0
        self._buffer = held + self.source.at(self._base + len(held), more)

    def byte(self) -> int:
        if self._at >= len(self._buffer):
            self._fill(1)
        value = self._buffer[self._at]
        self._at += 1
        return value

    def take(self, count: int) -> bytes:
        """Exactly `count` bytes."""
        if self._at + count > len(self._buffer):
            self._fill(count)
        data = self._buffer[self._at : self._at + count]
        self._at += count
        return data

    def line(self) -> bytes:
        """Up to the next newline, without it."""
        size = 256
        while (end := self._buffer.find(b"\n", self._at)) < 0:
            if len(self._buffer) - self._at >= self.left:
                raise UnreadableError("the stream ends inside a line")
            size = max(size, len(self._buffer) - self._at) * 2
            self._fill(min(size, self.left))
        data = self._buffer[self._at : end]
        self._at = end + 1
        return data

    def leave(self, count: int) -> Source:
        """Step over `count` bytes without reading them, and say where they are."""
        self.need(count)
        part = self.source.part(self.tell(), count)
        if self._at + count <= len(self._buffer):
            self._at += count
        else:
            self._base = self.tell() + count
            self._buffer = b""
            self._at = 0
        return part
