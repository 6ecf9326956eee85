"""One file of the input: its descriptor, and what it was when it was opened."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sandbox import messages
from sandbox.errors import HostileError

READ_ONLY = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_CHUNK = 1 << 20  # stays in a core's cache; larger ones cost page faults and memory, and read no faster
_HEAD = 64
# What copy_file_range answers for two file systems that it can't copy between, or one that has no such call.
_NOT_BETWEEN_THESE = (errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)

# The first bytes of the formats that need torch: a hint of what to import meanwhile and whether a load can map the
# file. A wrong hint costs time, nothing else; the readers decide what the file is.
_ZIP = b"PK\x03\x04"
_TORCH_LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
# Recognised by the readers, and nothing that a jail could load.
_NEVER_LOADED = (b"GGUF", b"\x89HDF\r\n\x1a\n")

Identity = tuple[int, ...]


def identity(info: os.stat_result) -> Identity:
    """What tells a file from another, and from itself after a change. Its third number is the size."""
    return (info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)


@dataclass
class StagedFile:
    """Open until `close`."""

    name: str  # as the user has it: of a folder's files the path below the folder, with slashes
    path: Path  # absolute; where the jail's mount finds it
    fd: int
    size: int
    head: bytes
    identity: Identity

    @classmethod
    def of(cls, name: str, path: Path, fd: int) -> StagedFile:
        """Of a regular file's descriptor, which is its own from now on."""
        info = os.fstat(fd)
        return cls(name, path, fd, info.st_size, os.pread(fd, _HEAD, 0), identity(info))

    @property
    def extension(self) -> str:
        return PurePosixPath(self.name).suffix.lower()

    @property
    def mappable(self) -> bool:
        """Whether a load can map it instead of holding it."""
        return self.head.startswith(_ZIP)

    @property
    def held(self) -> int:
        """Bytes that a load has to hold: none of what it can map, none of what is never loaded."""
        tensors_only = self.head[8:9] == b"{" and int.from_bytes(self.head[:8], "little") < self.size
        return 0 if self.mappable or tensors_only or self.head.startswith(_NEVER_LOADED) else self.size

    @property
    def needs_torch(self) -> bool:
        return self.head.startswith((_ZIP, _TORCH_LEGACY))

    def sha256(self, ending: threading.Event) -> str:
        """Of the whole descriptor, hexadecimal; of less when that ends meanwhile. Raises OSError."""
        digest = hashlib.sha256()
        buffer = memoryview(bytearray(min(_CHUNK, max(self.size, 1))))
        offset = 0
        while not ending.is_set() and (count := os.preadv(self.fd, [buffer], offset)):
            digest.update(buffer[:count])
            offset += count
        return digest.hexdigest()

    def range_digest(self, offset: int, length: int, digest: hashlib._Hash) -> None:
        """Feed the bytes of a range to `digest`. Raises HostileError when it isn't in the file.

        Raises HostError when the file can't be read.
        """
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
        with contextlib.suppress(OSError):
            os.close(self.fd)
