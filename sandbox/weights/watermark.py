"""How far a file that is filled in several places at once is whole from its start."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Condition


class Watermark:
    """Pieces that tile a file, filled each from its own start; another thread follows the whole part."""

    def __init__(self, start: int, sizes: Sequence[int]) -> None:
        self._sizes = sizes
        self._filled = [0] * len(sizes)
        self._front = 0
        self._base = start  # where the piece at `_front` begins
        self._closed = False
        self._changed = Condition()
        self._pass_full()

    def _pass_full(self) -> None:
        while self._front < len(self._sizes) and self._filled[self._front] == self._sizes[self._front]:
            self._base += self._sizes[self._front]
            self._front += 1

    def _level(self) -> int:
        return self._base + (self._filled[self._front] if self._front < len(self._sizes) else 0)

    def advance(self, piece: int, count: int) -> None:
        """`count` more bytes of a piece stand."""
        with self._changed:
            self._filled[piece] += count
            self._pass_full()
            self._changed.notify_all()

    def wait(self, wanted: int) -> int:
        """The whole part's end, once it is at least `wanted` or nothing more will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._level() >= wanted)
            return self._level()

    def close(self) -> None:
        """Nothing more will come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
