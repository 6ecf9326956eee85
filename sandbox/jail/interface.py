"""What every jail offers: a check, a preparation, and a start that gives two pipes to PID 1.

A jail never parses what passes through it, and never starts anything weaker than its name says.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sandbox.facts import Limit
from sandbox.policy import Programs

# Between asking the jail to end and killing it. PID 1 needs milliseconds; a loaded machine needs some patience.
GRACE_SECONDS = 5.0

# Where things stand inside, in every jail.
CODE = "/code"  # runner.py, guest/, wire.py
ENVIRONMENT = "/env"  # the locked packages
LAYERS = "/layers"  # a folder of each further framework that `setup --with` made
TOOL = f"{CODE}/guest/tools/tool"  # what stands behind the name of every decoy tool
MODEL = "/model"  # a folder that holds the input's files, under random names
HOME = "/home/user"
TMP = "/tmp"  # noqa: S108 - inside the jail, its own
SHARED = "/dev/shm"  # noqa: S108 - likewise
# Signals that may be queued. The kernel counts them by user: without this the jail could use up those of the host's
# user of its uid, whose timers would fail.
SIGNALS = 1024

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Limits:
    """What the jail's whole tree may use. Bytes, counts, seconds."""

    memory: int
    address_space: int  # of the loader: memory + the mapped file + what the framework maps without using
    processes: int  # threads count
    tmp: int  # each writable tmpfs
    file_size: int
    open_files: int
    cpus: float


@dataclass(frozen=True)
class Mounted:
    """A layer that a jail is given. `modules`: those that a load may have imported before it is watched."""

    place: str  # in the jail
    folder: Path
    modules: frozenset[str]


@dataclass(frozen=True)
class JailSpec:
    """One jail to start."""

    models: dict[str, Path]  # random name -> a regular file that `uid` can read once it is mounted as MODEL/name
    code: Path
    hostname: str  # random
    uid: int  # never 0
    gid: int
    limits: Limits
    variables: dict[str, str]  # the whole environment of PID 1
    syscalls: tuple[str, ...]  # wall 1: what it lets through
    job: str  # random; labels whatever the engine keeps
    programs: Programs | None = None  # what may be run inside; None: nothing but the interpreter
    layers: tuple[Mounted, ...] = ()

    @property
    def mounted(self) -> dict[str, Path]:
        """Each file of the input by its path inside."""
        return {f"{MODEL}/{name}": path for name, path in self.models.items()}

    @property
    def places(self) -> tuple[str, ...]:
        """Where the files of the input stand inside, in their order."""
        return tuple(self.mounted)


@dataclass(frozen=True)
class Readiness:
    """Whether a jail can be used here."""

    name: str
    works: bool  # everything it needs of this machine is here
    prepared: bool  # and so is everything that `setup` makes
    version: str = ""
    why: str = ""  # a sentence, when it isn't ready
    fix: str = ""  # the exact command that would change that


class RunningJail(ABC):
    """A started jail. Use as a context manager: leaving it leaves nothing behind, whatever happened."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Send all of it to PID 1's standard input. Raises HostError when the jail is gone."""

    @abstractmethod
    def read(self, timeout: float) -> bytes:
        """Up to 1 MiB of PID 1's standard output, as soon as there is any; b"" at its end.

        Raises TimeoutError after `timeout` seconds without any.
        """

    @abstractmethod
    def stop(self) -> str:
        """End the jail and all in it, and return why it had ended already, as a sentence ("" if it had not).

        May be called twice. Raises HostError if something is left behind.
        """

    @abstractmethod
    def limits(self) -> tuple[Limit, ...]:
        """Each limit with what enforces it here."""

    def __enter__(self) -> RunningJail:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Jail(ABC):
    """One way to lock things up. Members: one file each."""

    name: str
    runtime: str = ""  # the OCI runtime that was named, if any
    # Whether its user is the caller in every respect, supplementary groups included: it reads what the caller reads.
    is_the_caller: bool = False
    # Whether RLIMIT_NPROC inside counts this jail's tasks alone; elsewhere it counts all that the uid runs on the host.
    counts_its_own_processes: bool = False
    # Mount points that nothing in the jail can write to, besides the code, the packages and the model.
    read_only: tuple[str, ...] = ("/",)

    def promises(self, spec: JailSpec) -> dict[str, int]:
        """What PID 1 must find inside before anything is read: names of its limits, and the most that each may be."""
        limits = spec.limits
        layers = (layer.place for layer in spec.layers)
        sealed = (*self.read_only, CODE, ENVIRONMENT, *layers, *spec.places)
        return {
            **{f"tmpfs {place}": limits.tmp for place in (TMP, SHARED, HOME)},
            **{f"writable {place}": 0 for place in sealed},
            "rlimit CORE": 0,
            "rlimit FSIZE": limits.file_size,
            "rlimit NOFILE": limits.open_files,
        }

    @abstractmethod
    def readiness(self) -> Readiness:
        """Look, without changing anything."""

    @abstractmethod
    def prepare(self, progress: Progress, *, wheels: Path | None = None, offline: bool = False) -> None:
        """Make what the jail needs; does nothing when it is there. Raises CallerError or HostError."""

    @abstractmethod
    def remove(self, progress: Progress) -> None:
        """Undo `prepare`, wholly."""

    @abstractmethod
    def hardening(self, spec: JailSpec) -> tuple[tuple[str, str], ...]:
        """Every flag the jail is started with, and its reason. `start` uses exactly these."""

    @abstractmethod
    def start(self, spec: JailSpec) -> RunningJail:
        """Start it. Raises UnpreparedError or HostError; never starts anything weaker."""
