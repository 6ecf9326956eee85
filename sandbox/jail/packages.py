"""The packages that the guest may import: installed once from the wheels of a lock, shared by every jail.

They live in <cache>/sandbox-load/<digest of the lock>/env. That folder appears whole, by a rename, or not at all.
What has been downloaded before an interruption is not downloaded again. A jail reads it under another uid than
the caller's, so everything in it is readable by all, whatever the umask.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox import messages
from sandbox.jail.installer import Pip, interpreter, run
from sandbox.jail.interface import ENVIRONMENT, Progress
from sandbox.policy import parse_size, read_table

# Parts of wheels that nothing imports: C++ headers, test programs, 200 MB in all.
PRUNED = ("bin", "share", "torch/include", "torch/share", "torch/test")
# torch/__init__ looks for this one program beside it and refuses to be imported without.
KEPT_PROGRAM = "torch/bin/torch_shm_manager"

# Begins the names of the files that bytecode.py keeps beside the packages.
BYTECODE = "bytecode-"

_DIGEST = re.compile(r"[0-9a-f]{16}")
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)((?:\s*\\\n\s*--hash=sha256:[0-9a-f]{64})+)", re.MULTILINE)


@dataclass(frozen=True)
class Guest:
    """configs/guest.toml. Sizes in bytes."""

    python: str
    base_image: str
    local_base: str
    cpu_wheel_index: str
    download: int
    installed: int

    @classmethod
    def read(cls, configs: Path) -> Guest:
        table = read_table(configs / "guest.toml")
        sizes = {name: parse_size(table[name]) for name in ("download", "installed")}
        return cls(**{**table, **sizes})


@dataclass(frozen=True)
class Requirement:
    """One package of the lock, and the digests that its wheel may have."""

    name: str
    version: str
    hashes: frozenset[str]
    text: str


def read_lock(lock: Path) -> tuple[Requirement, ...]:
    """The lock's packages. Raises HostError when something of it is not a pinned and hashed package."""
    text = "".join(line for line in lock.read_text(encoding="utf-8").splitlines(True) if not line.startswith("#"))
    found = tuple(
        Requirement(match[1], match[2], frozenset(re.findall(r"[0-9a-f]{64}", match[3])), match[0])
        for match in _REQUIREMENT.finditer(text)
    )
    if not found or _REQUIREMENT.sub("", text).strip():
        raise messages.error("lock", file=lock.name)
    return found


class Packages:
    """The folder of installed packages that belongs to one lock: the base's, or a layer's.

    `what` they are called; `place`: where they stand in a jail.
    """

    def __init__(
        self,
        lock: Path,
        cache: Path | None,
        guest: Guest,
        *,
        what: str = "the guest's packages",
        place: str = ENVIRONMENT,
    ) -> None:
        self.lock = lock
        self.guest = guest
        self.place = place
        self._what = what
        self.digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
        self._base = cache_base(cache)
        self._root = self._base / self.digest

    def ready(self) -> Path | None:
        """The folder, when it is whole."""
        environment = self._root / "env"
        return environment if environment.is_dir() else None

    def prepare(self, progress: Progress, *, wheels: Path | None = None, offline: bool = False) -> Path:
        """Make the folder unless it is there, and return it. Raises HostError."""
        ready = self.ready()
        if ready:
            return ready
        try:
            with self._locked(progress) as lock_fd:
                guest = self.guest
                pip = Pip(guest.python, guest.cpu_wheel_index, lock_fd, wheels, offline)
                return self.ready() or self._make(progress, pip)
        except OSError as error:
            raise messages.error("packages.failed", folder=self._root, why=error.strerror or error) from error

    def remove(self, progress: Progress) -> None:
        """Remove what `prepare` made, for this lock and for those of earlier versions, and all byte-code."""
        if not self._base.is_dir():
            return
        with self._locked(progress):
            for folder in self._base.iterdir():
                if _DIGEST.fullmatch(folder.name):
                    progress(f"removing {folder}")
                    shutil.rmtree(folder)
            for file in self._base.glob(f"{BYTECODE}*"):
                file.unlink(missing_ok=True)
            self._lock_path.unlink()
        self._base.rmdir()

    @property
    def _lock_path(self) -> Path:
        return self._base / "lock"

    @contextmanager
    def _locked(self, progress: Progress) -> Iterator[int]:
        """Hold the cache's lock. Its descriptor goes to pip too, so that an orphaned pip still holds it."""
        make_folder(self._base)
        while True:
            held = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                _wait_for(held, progress)
                # Whoever held it before may have removed the file, and then this lock keeps nobody out.
                if self._lock_path.exists() and os.path.samestat(os.fstat(held), self._lock_path.stat()):
                    yield held
                    return
            finally:
                os.close(held)

    def _make(self, progress: Progress, pip: Pip) -> Path:
        make_folder(self._root)
        for stale in self._root.glob("tmp-*"):
            shutil.rmtree(stale)
        self._announce(progress)
        with tempfile.TemporaryDirectory(prefix="tmp-", dir=self._root) as scratch:
            wheels = self._root / "wheels"
            wheels.mkdir(exist_ok=True)
            self._download(progress, pip, wheels, Path(scratch))
            progress(f"installing {self._what}")
            made = Path(scratch) / "env"
            pip.install(self.lock, wheels, made, Path(scratch))
            _prune(made)
            _compile(made, self.guest.python, self.place, progress)
            _make_readable(made)
            made.rename(self._root / "env")
        shutil.rmtree(wheels)
        return self._root / "env"

    def _announce(self, progress: Progress) -> None:
        """Say size and place before the first byte; refuse what can't fit."""
        free = shutil.disk_usage(self._root).free
        download, installed = self.guest.download >> 20, self.guest.installed >> 20
        progress(f"{self._what}: up to {download} MiB to download, {installed} MiB in {self._root}")
        if free < self.guest.download + self.guest.installed:
            raise messages.error("packages.space", folder=self._root, free=free >> 20, needed=download + installed)

    def _download(self, progress: Progress, pip: Pip, wheels: Path, scratch: Path) -> None:
        """Each package by itself, so that an interruption loses at most one of them."""
        have = {_sha256(wheel) for wheel in wheels.glob("*.whl")}
        missing = [wanted for wanted in read_lock(self.lock) if not wanted.hashes & have]
        for number, wanted in enumerate(missing, 1):
            package = f"{wanted.name} {wanted.version}"
            progress(f"fetching {package} ({number} of {len(missing)})")
            one = scratch / "one.txt"
            one.write_text(wanted.text, encoding="utf-8")
            pip.download(package, one, wheels, scratch, progress)


def cache_base(cache: Path | None) -> Path:
    """Our folder in that cache, by default the user's."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    return (cache or (Path(named) if Path(named).is_absolute() else Path.home() / ".cache")) / "sandbox-load"


def make_folder(folder: Path) -> None:
    """A folder that other users may pass through, whatever the umask; those above it stay as they are."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)


def _wait_for(held: int, progress: Progress) -> None:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        progress("another set-up is under way; waiting for it to end")
        fcntl.flock(held, fcntl.LOCK_EX)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _prune(environment: Path) -> None:
    kept = environment / KEPT_PROGRAM
    for path in (*(environment / name for name in PRUNED), *kept.parent.glob("*")):
        if path.is_dir():
            shutil.rmtree(path)
        elif path != kept:
            path.unlink(missing_ok=True)


def _compile(environment: Path, python: str, place: str, progress: Progress) -> None:
    """Byte-code for the jail's interpreter, since the jail can't write any: it halves the time of an import.

    Unchecked, because nothing in the folder ever changes. Files in the syntax of later versions fail; that is fine.
    """
    found = interpreter(python)
    if not found:
        progress(f"there is no Python {python} here to compile the packages with; imports will be slower")
        return
    where = ["-s", str(environment), "-p", place, str(environment)]
    run([found, "-I", "-m", "compileall", "-qq", "-j", "0", "--invalidation-mode", "unchecked-hash", *where])


def _make_readable(environment: Path) -> None:
    for folder, _, names in os.walk(environment):
        Path(folder).chmod(0o755)
        for name in names:
            path = Path(folder, name)
            path.chmod(0o755 if path.stat().st_mode & 0o111 else 0o644)
