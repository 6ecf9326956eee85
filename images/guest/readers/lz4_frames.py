"""LZ4 frames, inflated without the library: the format is small, and the locked environment does without a wheel.

Checksums are not looked at: what the weights are is told by the bytes. Frames that need a dictionary are refused.
"""

from __future__ import annotations

MAGIC = b"\x04\x22\x4d\x18"

_WINDOW = 1 << 16  # bytes that a match may reach back
_INDEPENDENT, _BLOCK_SUMS, _SIZED, _SUMMED, _DICTIONARY = 0x20, 0x10, 0x08, 0x04, 0x01
_VERSION, _VERSION_MASK = 0x40, 0xC0
_PLAIN = 0x80000000  # of a block's size: it is not compressed
_SUM = 4
_LEAST_MATCH = 4
_MORE = 15  # of a length in a token: further bytes belong to it


class Lz4Decompressor:
    """One frame. Its interface is bz2.BZ2Decompressor's. Raises ValueError."""

    def __init__(self) -> None:
        self._held = b""  # input that isn't finished with,
        self._at = 0  # from here on
        self._made = bytearray()  # output that nobody has fetched yet
        self._window = b""
        self._flags = -1
        self._most = 0
        self._ended = False
        self.unused_data = b""

    @property
    def eof(self) -> bool:
        return self._ended and not self._made

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """At most so many bytes; fewer only when more input is needed, or the frame has ended."""
        self._held, self._at = self._held[self._at :] + data, 0
        while len(self._made) < max_length and not self._ended and self._step():
            pass
        piece = bytes(self._made[:max_length])
        del self._made[:max_length]
        if self._ended:
            self.unused_data += self._held[self._at :]
            self._held, self._at = b"", 0
        return piece

    def _step(self) -> bool:
        """The header, one block or the end, when all of it is there."""
        return self._block() if self._flags >= 0 else self._header()

    def _ahead(self, start: int, length: int) -> bytes:
        return self._held[self._at + start : self._at + start + length]

    def _take(self, length: int) -> bool:
        """Whether so many bytes are there; then they are done with."""
        if len(self._held) - self._at < length:
            return False
        self._at += length
        return True

    def _header(self) -> bool:
        head = self._ahead(0, 7)
        if len(head) < 7:
            return False
        flags, size = head[4], head[5] >> 4 & 7
        if not head.startswith(MAGIC) or flags & _VERSION_MASK != _VERSION or flags & _DICTIONARY or size < 4:
            raise ValueError("a frame of an unknown version, or one that needs a dictionary")
        if not self._take(7 + (8 if flags & _SIZED else 0)):
            return False
        self._flags, self._most = flags, 1 << 8 + 2 * size
        return True

    def _block(self) -> bool:
        head = self._ahead(0, 4)
        if len(head) < 4:
            return False
        said = int.from_bytes(head, "little")
        size = said & ~_PLAIN
        if size > self._most:
            raise ValueError("a block of more bytes than the frame's header allows")
        summed = self._flags & (_BLOCK_SUMS if said else _SUMMED)
        block = self._ahead(4, size)
        if not self._take(4 + size + (_SUM if summed else 0)):
            return False
        self._ended = said == 0
        made = block if said & _PLAIN else inflate_block(block, self._window, self._most)
        self._made += made
        if not self._flags & _INDEPENDENT:
            self._window = (self._window + made)[-_WINDOW:]
        return not self._ended


def inflate_block(block: bytes, window: bytes, most: int) -> bytes:
    """One block: literals, then a match further back, again and again; the last has literals alone."""
    made = bytearray(window)
    most += len(window)
    at, end = 0, len(block)
    while at < end:
        token = block[at]
        literals, at = _length(block, at + 1, token >> 4)
        if literals > end - at:
            raise ValueError("a block that is too short")
        made += block[at : at + literals]
        at += literals
        if at == end:
            break
        back = int.from_bytes(block[at : at + 2], "little")
        match, at = _length(block, at + 2, token & 15)
        _repeat(made, back, match + _LEAST_MATCH, most)
    if len(made) > most:
        raise ValueError("a block that inflates to more than the frame's header allows")
    return bytes(made[len(window) :])


def _length(block: bytes, at: int, length: int) -> tuple[int, int]:
    """A length that may go on in the bytes from `at`, and where it ends."""
    more = 255 if length == _MORE else 0
    while more == 255:
        if at >= len(block):
            raise ValueError("a block that is too short")
        more = block[at]
        at += 1
        length += more
    return length, at


def _repeat(made: bytearray, back: int, length: int, most: int) -> None:
    start = len(made) - back
    if back == 0 or start < 0 or len(made) + length > most:
        raise ValueError("a match outside of what there is")
    if back >= length:
        made += made[start : start + length]
    else:
        made += (made[start:] * (length // back + 1))[:length]
