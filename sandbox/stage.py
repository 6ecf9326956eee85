"""Opens the user's path, once. All that follows uses the descriptor."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import messages
from sandbox.errors import HostileError

_CHUNK = 1 << 20  # stays in a core's cache; larger ones cost page faults and memory, and read no faster
_HEAD = 64
# What copy_file_range answers for two file systems that it can't copy between, or one that has no such call.
_NOT_BETWEEN_THESE = (errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)

# The first bytes of the formats that need torch: a hint of what to import meanwhile and whether a load can map the
# file. A wrong hint costs time, nothing else; the readers decide what the file is.
_ZIP = b"PK\x03\x04"
_TORCH_LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."


@dataclass
class Staged:
    """The input: its descriptor, and what it was when it was opened. Close it, or use it as a context manager."""

    path: Path  # absolute, as the user named it
    fd: int
    size: int
    head: bytes
    _identity: tuple[int, ...]
    _digest: str = ""
    _error: str = ""
    _thread: threading.Thread | None = None
    _closing: threading.Event = field(default_factory=threading.Event)

    @property
    def mappable(self) -> bool:
        """Whether a load can map it instead of holding it."""
        return self.head.startswith(_ZIP)

    @property
    def preload(self) -> tuple[str, ...]:
        """Frameworks worth importing while the file is read."""
        return ("torch",) if self.head.startswith((_ZIP, _TORCH_LEGACY)) else ()

    def start_digest(self) -> None:
        """Hash in a thread; `sha256` waits for it."""
        self._thread = threading.Thread(target=self._hash, name="sha256", daemon=True)
        self._thread.start()

    def sha256(self) -> str:
        """Of the whole descriptor, hexadecimal. Raises HostError when it could not be read."""
        if self._thread is None:
            self._hash()
        else:
            self._thread.join()
        if self._error:
            raise messages.error("input.unread", why=self._error)
        return self._digest

    def changed(self) -> str:
        """A sentence when the file is no longer what it was at the start, else ""."""
        if _identity(os.fstat(self.fd)) != self._identity:
            return "the input changed while it was evaluated"
        try:
            now = self.path.stat()
        except OSError:
            return "the input was removed or replaced while it was evaluated"
        return "" if _identity(now) == self._identity else "the input was replaced while it was evaluated"

    def range_digest(self, offsets: tuple[int, ...], lengths: tuple[int, ...], digest: hashlib._Hash) -> None:
        """Feed the bytes of the ranges to `digest`, in order. Raises HostileError when one isn't in the file.

        Raises HostError when the file can't be read.
        """
        if len(offsets) != len(lengths):
            raise HostileError("the reader's ranges have no ends")
        for offset, length in zip(offsets, lengths, strict=True):
            if offset + length > self.size:
                raise HostileError("the reader's ranges lie outside the file")
            done = 0
            while done < length:
                chunk = self._read(min(_CHUNK, length - done), offset + done)
                if not chunk:
                    raise HostileError("the reader's ranges lie outside what is left of the file")
                digest.update(chunk)
                done += len(chunk)

    def _read(self, length: int, offset: int) -> bytes:
        try:
            return os.pread(self.fd, length, offset)
        except OSError as error:
            raise messages.error("input.unread", why=error.strerror or error) from None

    def copy_to(self, target: Path) -> None:
        """A private copy that any uid can read, by reflink where the file system can. Raises HostError."""
        try:
            with target.open("xb") as out:
                offset = 0
                while offset < self.size:
                    done = self._copy_some(out.fileno(), offset)
                    if done == 0:
                        raise messages.error("input.shrank")
                    offset += done
                os.fchmod(out.fileno(), 0o444)
        except OSError as error:
            raise messages.error("output.copy", why=error.strerror or error) from None

    def _copy_some(self, target_fd: int, offset: int) -> int:
        try:
            return os.copy_file_range(self.fd, target_fd, self.size - offset, offset, offset)
        except OSError as error:
            if error.errno not in _NOT_BETWEEN_THESE:
                raise
        os.lseek(target_fd, offset, os.SEEK_SET)
        return os.sendfile(target_fd, self.fd, offset, self.size - offset)

    def readable_by(self, uid: int, gid: int) -> bool:
        """Whether that user may read it, by its mode alone."""
        info = os.fstat(self.fd)
        if info.st_uid == uid:
            return bool(info.st_mode & stat.S_IRUSR)
        if info.st_gid == gid:
            return bool(info.st_mode & stat.S_IRGRP)
        return bool(info.st_mode & stat.S_IROTH)

    def close(self) -> None:
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        with contextlib.suppress(OSError):
            os.close(self.fd)

    def __enter__(self) -> Staged:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hash(self) -> None:
        digest = hashlib.sha256()
        buffer = memoryview(bytearray(_CHUNK))
        offset = 0
        try:
            while not self._closing.is_set() and (count := os.preadv(self.fd, [buffer], offset)):
                digest.update(buffer[:count])
                offset += count
        except OSError as error:
            self._error = error.strerror or str(error)
        self._digest = digest.hexdigest()


def _identity(info: os.stat_result) -> tuple[int, ...]:
    return (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)


# Each refusal of a path, in the order they are looked at.
_REFUSALS: tuple[tuple[Callable[[os.stat_result], bool], str], ...] = (
    (lambda info: stat.S_ISDIR(info.st_mode), "input.folder"),
    (lambda info: not stat.S_ISREG(info.st_mode), "input.special"),
    (lambda info: info.st_size == 0, "input.empty"),
)


def stage(path: Path) -> Staged:
    """Open the file read-only. Raises CallerError for what can't be evaluated."""
    absolute = path.absolute()
    try:
        fd = os.open(absolute, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        raise messages.error("input.missing") from None
    except OSError as error:
        raise messages.error("input.unopened", why=error.strerror) from None
    info = os.fstat(fd)
    for refused, key in _REFUSALS:
        if refused(info):
            os.close(fd)
            raise messages.error(key)
    return Staged(absolute, fd, info.st_size, os.pread(fd, _HEAD, 0), _identity(info))
