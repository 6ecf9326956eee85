"""The whole input: the one file, or the folder's files in their order."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import messages
from sandbox.errors import HostileError, SandboxError
from sandbox.policy import FolderPolicy
from sandbox.stage.file import READ_ONLY, StagedFile, identity
from sandbox.stage.folder import Folder, Listing, chosen

# For who has no policy at hand.
BOUNDS = FolderPolicy(entries=10_000, depth=16, files=512, bytes=1 << 42, letters=1 << 15)


@dataclass
class _Opened:
    """A folder as it was when its files were opened."""

    folder: Folder
    listing: Listing
    bounds: FolderPolicy


@dataclass
class Staged:
    """The input. `files` are those that the jail is given. Close it, or use it as a context manager."""

    path: Path  # absolute, as the user named it
    files: tuple[StagedFile, ...]
    _opened: _Opened | None = None  # None: a single file
    _digests: tuple[str, ...] = ()
    _error: str = ""
    _thread: threading.Thread | None = None
    _closing: threading.Event = field(default_factory=threading.Event)

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def is_folder(self) -> bool:
        return self._opened is not None

    def holds(self, folder: Path) -> bool:
        """Whether that is the input's own folder, or one in it."""
        return self.is_folder and folder.resolve().is_relative_to(self.path.resolve())

    @property
    def held(self) -> int:
        """Bytes that a load has to hold."""
        return sum(file.held for file in self.files)

    @property
    def preload(self) -> tuple[str, ...]:
        """Frameworks worth importing while the input is read."""
        return ("torch",) if any(file.needs_torch for file in self.files) else ()

    @property
    def beyond(self) -> tuple[str, ...]:
        """Files that the jail isn't given, for there are too many."""
        entries = self._opened.listing.entries if self._opened else ()
        given = {file.name for file in self.files}
        return tuple(entry.name for entry in entries if entry.name not in given)

    @property
    def skipped(self) -> tuple[str, ...]:
        """Folders that weren't entered."""
        return self._opened.listing.skipped if self._opened else ()

    def start_digest(self) -> None:
        """Hash in a thread; `sha256` and `digests` wait for it."""
        self._thread = threading.Thread(target=self._hash, name="sha256", daemon=True)
        self._thread.start()

    def digests(self) -> tuple[str, ...]:
        """SHA-256 of each file, hexadecimal. Raises HostError when one could not be read."""
        if self._thread is None:
            self._hash()
        else:
            self._thread.join()
        if self._error:
            raise messages.error("input.unread", why=self._error)
        return self._digests

    def sha256(self) -> str:
        """Of the file; of a folder that of the lines `<sha256>  <name>` of its files, in their order."""
        digests = self.digests()
        if not self.is_folder:
            return digests[0]
        lines = (f"{digest}  {file.name}\n" for digest, file in zip(digests, self.files, strict=True))
        return hashlib.sha256(b"".join(map(os.fsencode, lines))).hexdigest()

    def range_digest(
        self, index: int, offsets: tuple[int, ...], lengths: tuple[int, ...], digest: hashlib._Hash
    ) -> None:
        """Feed the bytes of a file's ranges to `digest`, in order. Raises HostileError when one isn't in the file.

        Raises HostError when the file can't be read.
        """
        if index >= len(self.files):
            raise HostileError("the reader's ranges are of a file that there isn't")
        if len(offsets) != len(lengths):
            raise HostileError("the reader's ranges have no ends")
        for offset, length in zip(offsets, lengths, strict=True):
            self.files[index].range_digest(offset, length, digest)

    def changed(self) -> str:
        """A sentence when the input is no longer what it was at the start, else ""."""
        if any(identity(os.fstat(file.fd)) != file.identity for file in self.files):
            return "the input changed while it was evaluated"
        if self._opened:
            return self._listed_otherwise(self._opened)
        try:
            now = self.path.stat()
        except OSError:
            return "the input was removed or replaced while it was evaluated"
        return "" if identity(now) == self.files[0].identity else "the input was replaced while it was evaluated"

    def _listed_otherwise(self, opened: _Opened) -> str:
        if not opened.folder.is_at(self.path):
            return "the input was removed or replaced while it was evaluated"
        try:
            same = opened.folder.listing(opened.bounds).entries == opened.listing.entries
        except SandboxError:  # what is there now would not have been taken
            same = False
        return "" if same else "the folder's files were changed or replaced while they were evaluated"

    def close(self) -> None:
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        for file in self.files:
            file.close()
        if self._opened:
            self._opened.folder.close()

    def __enter__(self) -> Staged:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hash(self) -> None:
        try:
            self._digests = tuple(file.sha256(self._closing) for file in self.files)
        except OSError as error:
            self._error = error.strerror or str(error)


# Each refusal of a path, in the order they are looked at.
_REFUSALS: tuple[tuple[Callable[[os.stat_result], bool], str], ...] = (
    (lambda info: not stat.S_ISREG(info.st_mode), "input.special"),
    (lambda info: info.st_size == 0, "input.empty"),
)


def stage(path: Path, bounds: FolderPolicy = BOUNDS) -> Staged:
    """Open the file, or the folder's files, read-only. Raises CallerError for what can't be evaluated."""
    absolute = path.absolute()
    try:
        fd = os.open(absolute, READ_ONLY)
    except FileNotFoundError:
        raise messages.error("input.missing") from None
    except OSError as error:
        raise messages.error("input.unopened", why=error.strerror) from None
    info = os.fstat(fd)
    if stat.S_ISDIR(info.st_mode):
        return _stage_folder(absolute, Folder(fd), bounds)
    for refused, key in _REFUSALS:
        if refused(info):
            os.close(fd)
            raise messages.error(key)
    return Staged(absolute, (StagedFile.of(absolute.name, absolute, fd),))


def _stage_folder(path: Path, folder: Folder, bounds: FolderPolicy) -> Staged:
    files: list[StagedFile] = []
    try:
        listing = folder.listing(bounds)
        if not any(entry.size for entry in listing.entries):
            raise messages.error("folder.empty")
        entries = chosen(listing.entries, bounds.files)
        if sum(len(entry.name) for entry in entries) > bounds.letters:
            raise messages.error("folder.letters", most=bounds.letters)
        files.extend(map(folder.open, entries))  # those before one that fails are closed below
    except BaseException:
        for file in files:
            file.close()
        folder.close()
        raise
    return Staged(path, tuple(files), _Opened(folder, listing, bounds))
