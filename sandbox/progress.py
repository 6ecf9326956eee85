"""Progress on standard error: one line that is rewritten on a terminal, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import os
import sys
import time

from sandbox.report.neutral import neutral

_EVERY = 0.1  # seconds between two rewritings
_MB = 1_000_000
_STDERR = 2
_CLEAR = "\r\x1b[K"


def tell(text: str) -> None:
    """On standard error, where it can be written to: a full or closed one changes no exit code."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), _STDERR)  # Python would try again as it ends


class Progress:
    """Use as a context manager: leaving it clears the line."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._stage = ""
        self._started = time.monotonic()
        self._next = 0.0

    def say(self, line: str) -> None:
        """A new stage begins. The line may hold anybody's text."""
        self._stage = neutral(line)
        self._show(f"{_CLEAR}{self._stage}" if self._terminal else f"{self._stage}\n")

    def copied(self, nbytes: int) -> None:
        """So many bytes of output stand; called from the writer's threads."""
        now = time.monotonic()
        if self._terminal and now >= self._next:
            self._next = now + _EVERY
            rate = nbytes / _MB / max(now - self._started, 1e-3)
            self._show(f"{_CLEAR}{self._stage}: {nbytes / _MB:.0f} MB written, {rate:.0f} MB/s")

    def _show(self, text: str) -> None:
        if not self._quiet:
            tell(text)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            self._show(_CLEAR)
