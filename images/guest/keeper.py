"""Files that a load wrote, kept for the analyst: what it deletes or runs when it does, what it leaves at the end."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import wire

from guest.events import printable

MOST_FILES = 400
MOST_NAMES, SECONDS = 20_000, 1.0  # of one look at all that is there; the host waits 5 s for the last word
MOST_BYTES = 8 << 20
MOST_PROGRAMS, MOST_WORDS = 64, 64 << 10
_PLAIN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO would make PID 1 wait

Stamp = tuple[int, int, int]  # inode, size, time of the last change


@dataclass(frozen=True)
class Kept:
    """One file's first part."""

    path: str
    content: bytes
    size: int  # of all of it
    planted: bool = False  # it stood there before the load


@dataclass(frozen=True)
class Passed:
    """The arguments that a program was given."""

    pid: int
    program: str
    words: bytes


class Keeper:
    """Keeps files below `roots` that are not as they were at the `mark`."""

    def __init__(self, roots: Sequence[str], send: Callable[[bytes], None]) -> None:
        self._roots = tuple(os.fsencode(root.rstrip("/") + "/") for root in roots)
        self._send = send
        self._known: dict[bytes, Stamp] = {}
        self._planted: frozenset[bytes] = frozenset()
        self._bytes = 0
        self.kept: list[Kept] = []
        self.arguments: list[Passed] = []
        self.dropped = 0

    def mark(self) -> None:
        """What is there now isn't the load's."""
        self._known = {path: _stamp(info) for path, info in self._files()}
        self._planted = frozenset(self._known)

    def passed(self, pid: int, words: Sequence[bytes]) -> None:
        """Hold a program's arguments, to be searched."""
        if words and len(self.arguments) < MOST_PROGRAMS:
            raw = b"\n".join(words)[:MOST_WORDS]
            self.arguments.append(Passed(pid, printable(words[0], 256), raw))

    def keep(self, path: bytes, why: str) -> None:
        """Keep one file as it is now, if it is a plain file below a root, and news.

        What was there at the mark waits for the end: opening it now would read as if the load had.
        """
        if path not in self._planted:
            self._keep(path, why)

    def _keep(self, path: bytes, why: str) -> None:
        try:
            fd = os.open(path, _PLAIN)
        except PermissionError:
            self.dropped += path.startswith(self._roots)
            return
        except OSError:
            return
        try:
            # By its own name, since a folder on the way may be a link that leads elsewhere.
            real = os.readlink(os.fsencode(f"/proc/self/fd/{fd}"))
            info = os.fstat(fd)
            if stat.S_ISREG(info.st_mode) and real.startswith(self._roots) and self._known.get(real) != _stamp(info):
                self._known[real] = _stamp(info)
                self._take(fd, real, info, why)
        except OSError:
            self.dropped += 1
        finally:
            os.close(fd)

    def sweep(self) -> None:
        """Keep what is left. Nothing of the load is alive by now."""
        for path, info in self._files():
            if self._known.get(path) == _stamp(info):
                continue
            if not info.st_mode & stat.S_IRUSR:
                with suppress(OSError):
                    os.chmod(path, info.st_mode | stat.S_IRUSR, follow_symlinks=False)  # noqa: PTH101 - bytes
            self._keep(path, "left")

    def _take(self, fd: int, path: bytes, info: os.stat_result, why: str) -> None:
        if len(self.kept) >= MOST_FILES:
            self.dropped += 1
            return
        content = os.pread(fd, max(0, min(wire.MAX_FILE, MOST_BYTES - self._bytes)), 0)
        self._bytes += len(content)
        row = wire.Artifact(
            path=printable(path),
            why=why,
            mode=stat.S_IMODE(info.st_mode),
            size=info.st_size,
            sha256=hashlib.sha256(content).hexdigest(),
            content=base64.b64encode(content).decode("ascii"),
        )
        self.kept.append(Kept(row.path, content, info.st_size, path in self._planted))
        self._send(wire.encode(wire.Kind.ARTIFACT, row))

    def _files(self) -> Iterator[tuple[bytes, os.stat_result]]:
        """Every plain file below the roots; what is beyond `MOST_NAMES` names or `SECONDS` counts as dropped."""
        folders = [root.rstrip(b"/") for root in self._roots]
        left, deadline = MOST_NAMES, time.monotonic() + SECONDS
        while folders:
            folder = folders.pop()
            for name in self._names(folder):
                left -= 1
                if left < 0 or time.monotonic() > deadline:
                    self.dropped += 1
                    return
                path = folder + b"/" + name
                with suppress(OSError):
                    info = os.lstat(path)
                    if stat.S_ISDIR(info.st_mode):
                        folders.append(path)
                    elif stat.S_ISREG(info.st_mode):
                        yield path, info

    def _names(self, folder: bytes) -> list[bytes]:
        """What stands in it, though it was closed; a folder that can't be listed is counted."""
        for mode in (0o700, None):
            try:
                return os.listdir(folder)
            except OSError:
                with suppress(OSError):
                    if mode:
                        os.chmod(folder, mode, follow_symlinks=False)  # noqa: PTH101 - bytes
        self.dropped += 1
        return []


def _stamp(info: os.stat_result) -> Stamp:
    return info.st_ino, info.st_size, info.st_ctime_ns  # which, unlike the time of writing, can't be set
