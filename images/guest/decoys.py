"""A lived-in home whose files nobody has reason to open, and PID 1's own record of who did.

An open can be raced out of the syscall record; inotify sees each one (numbers: <sys/inotify.h>).
"""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

from guest.events import Record

_IN_OPEN, _IN_Q_OVERFLOW = 0x20, 0x4000
_HEAD = struct.Struct("<iIII")
_BUFFER = 1 << 16


class Decoys:
    """Plant them, then watch them. `fd` is readable when one was opened."""

    def __init__(self, home: str, files: list[tuple[str, str, str]]) -> None:
        """`files` holds (what it is, path below the home, text)."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._watched = dict(self._plant(Path(home, path), what, text) for what, path, text in files)
        self.overflow = 0

    def _plant(self, path: Path, what: str, text: str) -> tuple[int, tuple[str, str]]:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        watch = self._libc.inotify_add_watch(self.fd, os.fsencode(path), _IN_OPEN)
        if watch < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch")
        return watch, (what, str(path))

    def forget(self) -> None:
        """Drop what was recorded so far: our own planting."""
        while True:
            try:
                os.read(self.fd, _BUFFER)
            except BlockingIOError:
                return

    def drain(self, record: Record) -> None:
        """Record every opening since the last call."""
        try:
            raw = os.read(self.fd, _BUFFER)
        except BlockingIOError:
            return
        at = 0
        while at < len(raw):
            watch, mask, _cookie, length = _HEAD.unpack_from(raw, at)
            at += _HEAD.size + length
            if mask & _IN_Q_OVERFLOW:
                self.overflow += 1
            elif watch in self._watched:
                what, path = self._watched[watch]
                record.add("decoy.read", "inotify", "continued", 0, {"name": what, "path": path})
