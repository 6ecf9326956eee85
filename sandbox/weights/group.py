"""The output files of one run: they appear together under their final names, or not at all."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from errno import EISDIR
from hashlib import sha256
from pathlib import Path
from types import TracebackType

from sandbox import messages
from sandbox.errors import SandboxError
from sandbox.facts import Output

WEIGHTS = "weights"
MANIFEST = "manifest"
METADATA = "metadata"
OPTIMIZER = "optimizer"
INDEX = "index"
_LAST = {WEIGHTS: 1, OPTIMIZER: 1, INDEX: 2}  # who sees one of them finds what it needs
PRIVATE = 0o600  # until the verdict is in
PUBLIC = 0o666  # less the umask
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass
class _Member:
    name: str
    kind: str
    fd: int
    temporary: str = ""  # nameless while it is filled, where the file system can: then not even SIGKILL leaves it
    backup: str = ""


def output_paths(weights: Path) -> dict[str, Path]:
    """The files of one conversion, by kind. Raises CallerError for a path that can't be a file's."""
    if not weights.name:
        raise messages.error("output.special", path=weights)
    return {
        WEIGHTS: weights,
        MANIFEST: weights.with_suffix(".manifest.json"),
        METADATA: weights.with_suffix(".metadata.json"),
    }


def output_names(weights: Path) -> list[str]:
    """What a conversion may write: its files, the optimizer's, an index of either, and shards that are there."""
    names = [path.name for path in output_paths(weights).values()]
    for base in (weights.stem, f"{weights.stem}.{OPTIMIZER}"):
        names += [f"{base}.safetensors", f"{base}.safetensors.index.json", *_shards_there(weights.parent, base)]
    return list(dict.fromkeys(names))


def _shards_there(folder: Path, base: str) -> list[str]:
    shard = re.compile(re.escape(base) + r"-\d{5}-of-\d{5}\.safetensors", re.ASCII)
    try:
        return sorted(name for name in os.listdir(folder) if shard.fullmatch(name))
    except OSError:
        return []  # what is wrong with the folder is said by `refuse_existing`


def refuse_existing(
    folder: Path, names: Iterable[str], *, force: bool = False, sources: Iterable[os.stat_result] = ()
) -> None:
    """To be asked before anything starts. Raises CallerError when an output could not be put in its place.

    With `force` a file, or a link itself, is replaced, but never one of `sources`; nothing is written through a link.
    """
    if not folder.is_dir():
        raise messages.error("output.no_folder", folder=folder)
    for name in names:
        try:
            there = (folder / name).lstat()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise messages.error("output.unusable", path=folder / name, why=error.strerror) from None
        if any(os.path.samestat(there, source) for source in sources):
            raise messages.error("output.input", path=folder / name)
        if not (stat.S_ISREG(there.st_mode) or stat.S_ISLNK(there.st_mode)):
            raise messages.error("output.special", path=folder / name)
        if not force:
            raise messages.error("output.exists", path=folder / name)


def umask() -> int:
    """This process's umask, read without changing it: other threads may be creating files."""
    for line in Path("/proc/self/status").read_text("ascii", "replace").splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return 0o077


class OutputGroup:
    """Private files in the target folder. Use as a context manager: leaving it uncommitted leaves nothing."""

    def __init__(self, folder: Path, *, force: bool = False) -> None:
        self._folder = folder
        self._force = force
        self._members: list[_Member] = []
        try:
            self._folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise messages.error("output.folder", folder=folder, why=error.strerror) from None

    def path(self, name: str) -> Path:
        return self._folder / name

    def require_space(self, nbytes: int) -> None:
        """Raises HostError when the target has no room for that many bytes."""
        there = os.fstatvfs(self._folder_fd)
        free = there.f_bavail * there.f_frsize
        if nbytes > free:
            raise messages.error("output.space", needed=nbytes, folder=self._folder, free=free)

    def create(self, name: str, kind: str) -> int:
        """An empty private file that `commit` will call `name`; its descriptor, which stays the group's."""
        try:
            fd = os.open(".", os.O_RDWR | os.O_TMPFILE | os.O_CLOEXEC, PRIVATE, dir_fd=self._folder_fd)
            member = _Member(name, kind, fd)
        except OSError:
            member = self._create_named(name, kind)
        self._members.append(member)
        return member.fd

    def _create_named(self, name: str, kind: str) -> _Member:
        """For file systems that have no nameless files."""
        temporary = _token()
        try:
            return _Member(name, kind, os.open(temporary, _CREATE, PRIVATE, dir_fd=self._folder_fd), temporary)
        except OSError as error:
            raise _failed(error, f"the folder {self._folder}") from None

    def write(self, name: str, kind: str, chunks: Iterable[bytes]) -> Output:
        """A whole small file of the group."""
        fd = self.create(name, kind)
        hasher = sha256()
        size = 0
        try:
            for chunk in chunks:
                hasher.update(chunk)
                write_all(fd, chunk, size)
                size += len(chunk)
        except OSError as error:
            raise _failed(error, f"{self.path(name)}") from None
        return Output(str(self.path(name)), kind, size, hasher.hexdigest())

    def commit(self) -> None:
        """Give every file its name, the weights and their index last; undo what was done if one can't have it."""
        members = sorted(self._members, key=lambda member: _LAST.get(member.kind, 0))
        mode = PUBLIC & ~umask()
        try:
            for member in members:
                os.fchmod(member.fd, mode)
                os.fsync(member.fd)
            for member in members:
                self._install(member)
            os.fsync(self._folder_fd)
        except FileExistsError as error:
            self._undo(members)
            raise messages.error("output.exists", path=error.filename2 or error.filename) from None
        except OSError as error:
            self._undo(members)
            raise _failed(error, f"the output in {self._folder}") from None
        except BaseException:
            self._undo(members)
            raise
        for member in members:
            self._forget(member.backup)
        self._close()

    def _install(self, member: _Member) -> None:
        if not self._force:
            self._link(member)
            self._forget(member.temporary)
            return
        if not member.temporary:
            member.temporary = _token()
            self._link_as(member, "", member.temporary)
        self._keep_old(member)
        self._rename(member.temporary, member.name)

    def _rename(self, old: str, new: str) -> None:
        os.rename(old, new, src_dir_fd=self._folder_fd, dst_dir_fd=self._folder_fd)

    def _link_as(self, member: _Member, old: str, new: str) -> None:
        """One more name. A nameless file is reached through its descriptor."""
        source = old or f"/proc/self/fd/{member.fd}"
        folder = self._folder_fd
        os.link(source, new, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=not old)

    def _link(self, member: _Member) -> None:
        """A link, unlike a rename, fails when the name is taken, and takes it in one step."""
        try:
            self._link_as(member, member.temporary, member.name)
        except FileExistsError:
            raise
        except OSError:
            if not member.temporary:
                raise
            self._hold_and_rename(member)

    def _hold_and_rename(self, member: _Member) -> None:
        """For file systems without links: an empty file takes the name, and is replaced."""
        os.close(os.open(member.name, _CREATE, PRIVATE, dir_fd=self._folder_fd))
        try:
            self._rename(member.temporary, member.name)
        except BaseException:
            self._forget(member.name)
            raise

    def _keep_old(self, member: _Member) -> None:
        """A second name for what is about to be replaced, so that it can come back."""
        try:
            there = os.stat(member.name, dir_fd=self._folder_fd, follow_symlinks=False)
        except FileNotFoundError:
            return
        if stat.S_ISDIR(there.st_mode):  # renamed, it would move aside with all that is in it
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR), member.name)
        member.backup = _token()
        try:
            self._link_as(member, member.name, member.backup)
        except OSError:
            self._rename(member.name, member.backup)

    def _is_ours(self, member: _Member) -> bool:
        try:
            there = os.stat(member.name, dir_fd=self._folder_fd, follow_symlinks=False)
        except OSError:
            return False
        return os.path.samestat(there, os.fstat(member.fd))

    def _undo(self, members: Sequence[_Member]) -> None:
        """Looks at what stands under each name instead of remembering: an interrupt may come between any two steps."""
        for member in members:
            if self._is_ours(member):
                self._forget(member.name)
            if member.backup:
                with suppress(FileNotFoundError):
                    self._rename(member.backup, member.name)
                self._forget(member.backup)  # a rename onto another name of the same file leaves both
        self.abort()

    def abort(self) -> None:
        """Leave nothing. Does nothing after a commit."""
        if self._folder_fd < 0:
            return
        for member in self._members:
            self._forget(member.temporary)
        self._close()

    def _forget(self, name: str) -> None:
        if name:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._folder_fd)

    def _close(self) -> None:
        for member in self._members:
            os.close(member.fd)
        os.close(self._folder_fd)
        self._members, self._folder_fd = [], -1

    def __enter__(self) -> OutputGroup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


def _token() -> str:
    return f".sandbox-load.{secrets.token_hex(8)}"


def write_all(fd: int, chunk: bytes | memoryview, at: int) -> None:
    """All of the chunk, at that place. Raises OSError."""
    rest = memoryview(chunk)
    while rest:
        count = os.pwrite(fd, rest, at)
        rest, at = rest[count:], at + count


def _failed(error: OSError, what: str) -> SandboxError:
    return messages.error("output.failed", what=what, why=error.strerror or error)
