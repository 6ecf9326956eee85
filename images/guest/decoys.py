"""A lived-in home whose files nobody has reason to open, and PID 1's own record of who did.

An open can be raced out of the syscall record; inotify sees each one (numbers: <sys/inotify.h>). Credentials are
watched one by one. The home's other files are watched by their folders: a user's watches are few on some hosts, and are
counted for all of that user's jails together.
"""

from __future__ import annotations

import ctypes
import os
import struct
import time
from collections.abc import Sequence
from pathlib import Path

from guest.events import Record

_IN_OPEN, _IN_Q_OVERFLOW, _IN_ONLYDIR, _IN_ISDIR = 0x20, 0x4000, 0x1000000, 0x40000000
_HEAD = struct.Struct("<iIII")
_BUFFER = 1 << 16
_MOST = 32  # buffers taken in one go: twice what the kernel's queue of 16384 events can hold
_ONE_BY_ONE = 32  # plain files that are named in the record; of further ones, their folder, so that no row is lost
_AGES = 3 * 86400 + 3607  # seconds between the last changes of two files: a home is not written in one second


class Decoys:
    """Plant them, then watch them. `fd` is readable when one was opened."""

    def __init__(
        self, home: str, files: Sequence[tuple[str, str, str]], belongings: Sequence[tuple[str, list[str], str]] = ()
    ) -> None:
        """`files` holds (what it is, path below the home, content), `belongings` (folder, names, content)."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self.overflow = 0
        self._changed = time.time()
        self._made: set[Path] = set()
        self._credentials: dict[int, tuple[str, str]] = {}
        self._folders: dict[int, tuple[str, set[str]]] = {}
        self._opened: set[tuple[int, str]] = set()
        for what, path, content in files:
            self._plant(Path(home, path), content.encode("latin-1"))
            self._credentials[self._watch(Path(home, path), _IN_OPEN)] = (what, str(Path(home, path)))
        for folder, names, content in belongings:
            raw = content.encode("latin-1")
            for name in names:
                self._plant(Path(home, folder, name), raw + name.encode() + b"\n")
            watch = self._watch(Path(home, folder), _IN_OPEN | _IN_ONLYDIR)
            self._folders.setdefault(watch, (str(Path(home, folder)), set()))[1].update(names)

    def _plant(self, path: Path, content: bytes) -> None:
        """In few calls: in gVisor each takes its time, and there are hundreds of files."""
        if path.parent not in self._made:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._made.add(path.parent)
        self._changed -= _AGES
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.write(descriptor, content)
        os.utime(descriptor, (self._changed, self._changed))
        os.close(descriptor)

    def _watch(self, path: Path, mask: int) -> int:
        watch = int(self._libc.inotify_add_watch(self.fd, os.fsencode(path), mask))
        if watch < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch")
        return watch

    def forget(self) -> None:
        """Drop what was recorded so far: our own planting."""
        while True:
            try:
                os.read(self.fd, _BUFFER)
            except BlockingIOError:
                return

    def drain(self, record: Record) -> None:
        """Record every opening since the last call. Who opens faster than we record is left for the next one."""
        for _ in range(_MOST):
            try:
                raw = os.read(self.fd, _BUFFER)
            except BlockingIOError:
                return
            self._record(raw, record)

    def _record(self, raw: bytes, record: Record) -> None:
        at = 0
        while at < len(raw):
            watch, mask, _cookie, length = _HEAD.unpack_from(raw, at)
            name = os.fsdecode(raw[at + _HEAD.size : at + _HEAD.size + length].rstrip(b"\0"))
            at += _HEAD.size + length
            if mask & _IN_Q_OVERFLOW:
                self.overflow += 1
            elif watch in self._credentials:
                what, path = self._credentials[watch]
                record.add("decoy.read", "inotify", "continued", 0, {"name": what, "path": path})
            elif watch in self._folders:
                self._note(record, watch, name, is_folder=bool(mask & _IN_ISDIR))

    def _note(self, record: Record, watch: int, name: str, *, is_folder: bool) -> None:
        """A folder's watch tells of itself, of what was planted in it, and of what is none of its business."""
        folder, names = self._folders[watch]
        if is_folder and not name:
            record.add("home.list", "inotify", "continued", 0, {"path": folder})
        elif not is_folder and name in names:
            known = (watch, name) in self._opened
            if not known and len(self._opened) < _ONE_BY_ONE:
                self._opened.add((watch, name))
                known = True
            path = f"{folder}/{name}" if known else f"{folder}/*"
            record.add("home.read", "inotify", "continued", 0, {"path": path})
