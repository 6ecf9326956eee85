"""The files of a folder: listed within bounds, and opened beneath it without following a link.

One sort of link is followed, since Hugging Face's cache is made of it: `snapshots/<revision>/<file>` that points to
`../../blobs/<digest>` is that file of the cache's own `blobs`. Every other link is refused by name, as is whatever is
neither a file nor a folder. Folders whose names begin with a dot (.git, .cache) hold no model, and aren't entered.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sandbox import messages
from sandbox.policy import FolderPolicy
from sandbox.stage.file import READ_ONLY, Identity, StagedFile, identity

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SNAPSHOTS, _BLOBS = "snapshots", "blobs"
_BLOB = re.compile(r"((?:\.\./)+)blobs/([0-9a-f]{40}|[0-9a-f]{64})")
_UP = 2  # from a snapshot's own folder to the cache's

# When a folder holds more files than a jail is given, these come first: what loads, what is big, what is code or says
# which code. The rest is named as not looked at.
_WEIGHTS = frozenset(
    (".bin", ".pt", ".pth", ".ckpt", ".th", ".pkl", ".pickle", ".joblib", ".npy", ".npz", ".pdparams", ".safetensors")
)
_CODE = frozenset((".py", ".json"))
_BIG = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One file: its path below the folder, and what it was when it was listed."""

    name: str
    identity: Identity
    blob: str = ""  # its name in the cache, where it is a link to there

    @property
    def size(self) -> int:
        return self.identity[2]


@dataclass(frozen=True)
class Listing:
    """Sorted by name, so the same for the same folder. `skipped`: folders that weren't entered."""

    entries: tuple[Entry, ...]
    skipped: tuple[str, ...]


class Folder:
    """An open folder. Close it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._real = Path(os.readlink(f"/proc/self/fd/{fd}"))  # where it is, whatever links led there
        self._blobs = self._open_blobs() if self._real.parent.name == _SNAPSHOTS else -1

    def listing(self, bounds: FolderPolicy) -> Listing:
        """All files in it. Raises CallerError for what can't be evaluated."""
        return _Walk(self._fd, self._blobs, bounds).run()

    def open(self, entry: Entry) -> StagedFile:
        """Raises CallerError when that path no longer leads to the file that was listed."""
        path = self._real.parent.parent / _BLOBS / entry.blob if entry.blob else self._real / entry.name
        try:
            fd = self._blob(entry) if entry.blob else self._beneath(entry)
        except OSError as error:
            raise messages.error("folder.unopened", name=entry.name, why=error.strerror) from None
        if identity(os.fstat(fd)) != entry.identity:
            os.close(fd)
            raise messages.error("folder.moved", name=entry.name)
        return StagedFile.of(entry.name, path, fd)

    def is_at(self, path: Path) -> bool:
        """Whether that path still leads here."""
        with suppress(OSError):
            return os.path.samestat(path.stat(), os.fstat(self._fd))
        return False

    def close(self) -> None:
        for fd in (self._fd, self._blobs):
            if fd >= 0:
                with suppress(OSError):
                    os.close(fd)

    def _open_blobs(self) -> int:
        """The folder of the cache that the files of this snapshot stand in; -1 when there is none."""
        with suppress(OSError):
            cache = os.open("/".join([".."] * _UP), _FOLDER, dir_fd=self._fd)
            try:
                return os.open(_BLOBS, _FOLDER, dir_fd=cache)
            finally:
                os.close(cache)
        return -1

    def _blob(self, entry: Entry) -> int:
        return os.open(entry.blob, READ_ONLY | os.O_NOFOLLOW, dir_fd=self._blobs)

    def _beneath(self, entry: Entry) -> int:
        """Component by component, so that no link is followed, whoever renames what meanwhile."""
        *folders, name = entry.name.split("/")
        at = os.dup(self._fd)
        try:
            for part in folders:
                inner = os.open(part, _FOLDER, dir_fd=at)
                os.close(at)
                at = inner
            return os.open(name, READ_ONLY | os.O_NOFOLLOW, dir_fd=at)
        finally:
            os.close(at)


class _Walk:
    """One listing in the making."""

    def __init__(self, root: int, blobs: int, bounds: FolderPolicy) -> None:
        self._root, self._blobs, self._bounds = root, blobs, bounds
        self._seen = self._bytes = 0
        self._skipped: list[str] = []

    def run(self) -> Listing:
        entries = sorted(self._folder(os.dup(self._root), ()), key=lambda entry: entry.name)
        return Listing(tuple(entries), tuple(sorted(self._skipped)))

    def _folder(self, fd: int, way: tuple[str, ...]) -> Iterator[Entry]:
        """Everything below an open folder, which is closed at the end."""
        try:
            if len(way) > self._bounds.depth:
                raise messages.error("folder.depth", most=self._bounds.depth)
            with os.scandir(fd) as found:
                names = [self._counted(item.name) for item in found]
            for name in names:
                yield from self._one(fd, name, (*way, name))
        except OSError as error:
            raise messages.error("folder.unopened", name="/".join(way) or ".", why=error.strerror) from None
        finally:
            os.close(fd)

    def _counted(self, name: str) -> str:
        self._seen += 1
        if self._seen > self._bounds.entries:
            raise messages.error("folder.entries", most=self._bounds.entries)
        return name

    def _one(self, fd: int, name: str, way: tuple[str, ...]) -> Iterator[Entry]:
        info = os.stat(name, dir_fd=fd, follow_symlinks=False)
        path = "/".join(way)
        if stat.S_ISDIR(info.st_mode):
            if name.startswith("."):
                self._skipped.append(path)
            else:
                yield from self._folder(os.open(name, _FOLDER, dir_fd=fd), way)
        elif stat.S_ISLNK(info.st_mode):
            yield self._spent(self._linked(os.readlink(name, dir_fd=fd), way))
        elif stat.S_ISREG(info.st_mode):
            yield self._spent(Entry(path, identity(info)))
        else:
            raise messages.error("folder.special", name=path)

    def _linked(self, target: str, way: tuple[str, ...]) -> Entry:
        """The file in the cache's blobs that a link of a snapshot means."""
        name = "/".join(way)
        found = _BLOB.fullmatch(target) if self._blobs >= 0 else None
        if found is None or found[1] != "../" * (_UP + len(way) - 1):
            raise messages.error("folder.link", name=name, target=target)
        try:
            info = os.stat(found[2], dir_fd=self._blobs, follow_symlinks=False)
        except OSError as error:
            raise messages.error("folder.unopened", name=name, why=error.strerror) from None
        if not stat.S_ISREG(info.st_mode):
            raise messages.error("folder.link", name=name, target=target)
        return Entry(name, identity(info), found[2])

    def _spent(self, entry: Entry) -> Entry:
        self._bytes += entry.size
        if self._bytes > self._bounds.bytes:
            raise messages.error("folder.bytes", most=self._bounds.bytes)
        return entry


def chosen(entries: tuple[Entry, ...], most: int) -> tuple[Entry, ...]:
    """Those that a jail is given, in the order of the listing: all, up to so many."""
    kept = set(sorted(entries, key=lambda entry: (_rank(entry), entry.name))[:most])
    return tuple(entry for entry in entries if entry in kept)


def _rank(entry: Entry) -> int:
    extension = PurePosixPath(entry.name).suffix.lower()
    ranks = (extension in _WEIGHTS, entry.size >= _BIG, extension in _CODE, True)
    return ranks.index(True)
