"""A control group for a jail that has no engine to make one: where this process may, else none, and said so."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

from sandbox.jail.interface import Limits

_ROOT = Path("/sys/fs/cgroup")
_PREFIX = "sandbox-load-"
# A group this old without a process in it is what a killed run left; a younger one may be about to get its first.
_SETTLED_SECONDS = 60
# Joins each group named before "--", then becomes the command after it.
_ENTER = 'while [ "$1" != -- ]; do echo $$ > "$1"; shift; done; shift; exec "$@"'


class Cgroup(ABC):
    """Holds one jail's processes."""

    name: str  # what enforces the limits, for the report; "" for nothing
    prefix: list[str]  # the command that runs another one inside it, from its first instruction on

    @abstractmethod
    def oom(self) -> str:
        """A sentence when the kernel killed something in it for memory."""

    @abstractmethod
    def remove(self) -> None:
        """Take it away; its processes are dead."""


class NoCgroup(Cgroup):
    """Nothing: the limits are RLIMIT_AS and the supervisor's samples."""

    def __init__(self, name: str = "", prefix: list[str] | None = None) -> None:
        self.name, self.prefix = name, prefix or []

    def oom(self) -> str:
        return ""

    def remove(self) -> None:
        pass


class Folders(Cgroup):
    """Folders of the cgroup file system, with the files that set the limits and the one that tells of a kill."""

    def __init__(self, name: str, folders: list[Path], settings: dict[Path, int], told: Path) -> None:
        self.name = name
        self.prefix = ["sh", "-c", _ENTER, "enter", *(str(folder / "cgroup.procs") for folder in folders), "--"]
        self._folders, self._told = folders, told
        try:
            for folder in folders:
                _sweep(folder.parent)
                folder.mkdir()
            for path, value in settings.items():
                path.write_text(str(value), encoding="ascii")
            (folders[0] / "cgroup.procs").open("a").close()
        except OSError:
            self.remove()
            raise

    def oom(self) -> str:
        with contextlib.suppress(OSError):
            for line in self._told.read_text(encoding="ascii").splitlines():
                word, _, count = line.partition(" ")
                if word == "oom_kill" and int(count) > 0:
                    return "the jail reached its memory limit and the kernel killed in it"
        return ""

    def remove(self) -> None:
        for folder in self._folders:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _sweep(parent: Path) -> None:
    """Take away the empty groups of runs that were killed; one that holds a process can't be removed."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > _SETTLED_SECONDS:
                folder.rmdir()


def make(job: str, limits: Limits) -> Cgroup:
    """The best that can be had without asking anybody."""
    for attempt in (_unified, _version_one, _scope):
        try:
            return attempt(f"{_PREFIX}{job}", limits)
        except OSError:
            continue
    return NoCgroup()


def _own(controller: str) -> str:
    """This process's group under a controller; "" is version 2's single hierarchy."""
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path.lstrip("/")
    raise FileNotFoundError(controller)


def _unified(name: str, limits: Limits) -> Cgroup:
    if not (_ROOT / "cgroup.controllers").exists():
        raise FileNotFoundError("no unified hierarchy")
    folder = _ROOT / _own("") / name
    settings = {"memory.max": limits.memory, "memory.swap.max": 0, "pids.max": limits.processes}
    paths = {folder / key: value for key, value in settings.items()}
    return Folders("cgroup v2", [folder], paths, folder / "memory.events")


def _version_one(name: str, limits: Limits) -> Cgroup:
    memory, pids = (_ROOT / kind / _own(kind) / name for kind in ("memory", "pids"))
    settings = {memory / "memory.limit_in_bytes": limits.memory, pids / "pids.max": limits.processes}
    return Folders("cgroup v1", [memory, pids], settings, memory / "memory.oom_control")


def _scope(name: str, limits: Limits) -> Cgroup:
    """A transient scope of the user's own systemd, where one runs."""
    if os.getuid() == 0 or shutil.which("systemd-run") is None:
        raise FileNotFoundError("no user's systemd")
    properties = {"MemoryMax": limits.memory, "MemorySwapMax": 0, "TasksMax": limits.processes}
    options = [word for key, value in properties.items() for word in ("-p", f"{key}={value}")]
    command = ["systemd-run", "--user", "--scope", "--quiet", "--collect", *options]
    if subprocess.run([*command, "--", "true"], capture_output=True, check=False).returncode:
        raise PermissionError("the user's systemd makes no scopes")
    return NoCgroup("systemd-run --user --scope", [*command, f"--unit={name}", "--"])
