"""The processes of a load as their calls show them: which began, what they became, how they ended.

All of it is the kernel's word in /proc, taken when a process makes a watched call. One that makes none isn't seen.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from guest import processes
from guest.events import Record, printable

_MOST_WORDS = 4096
_MOST_VARIABLES = 1024
_MOST_TASKS = 10_000


@dataclass(frozen=True)
class Image:
    """What a process runs."""

    path: str
    argv: str

    @classmethod
    def of(cls, pid: int) -> Image:
        """As it stands now; of a process that is gone: nothing."""
        try:
            path = printable(os.readlink(os.fsencode(f"/proc/{pid}/exe")))
            raw = Path(f"/proc/{pid}/cmdline").read_bytes()[:_MOST_WORDS]
        except OSError:
            return cls("", "")
        words = [printable(word) for word in raw.removesuffix(b"\0").split(b"\0")]
        return cls(path, shlex.join(words)[:_MOST_WORDS])


class Tree:
    """Tells the record of each process. `given`: variables of the loader, which are no news in what it starts."""

    def __init__(self, record: Record, loader: int, given: Iterable[str]) -> None:
        self._record = record
        self._given = frozenset(given)
        self._owners: dict[int, int] = {}  # task -> process
        self._alive: set[int] = {loader}
        self._before: dict[int, Image] = {}  # of those that are about to exec

    def process_of(self, task: int) -> int:
        """The process that the task belongs to. Tells what is new about it."""
        pid = self._owners.get(task)
        if pid is None:
            pid = self._meet(task)
        if pid in self._before:
            self._compare(pid)
        return pid

    def will_exec(self, pid: int) -> None:
        """It was let go on with an exec: its next call shows what became of it."""
        self._before[pid] = Image.of(pid)

    def ended(self, pid: int) -> None:
        """It is about to end, and that was told."""
        self._alive.discard(pid)
        self._before.pop(pid, None)
        self._owners = {task: owner for task, owner in self._owners.items() if owner != pid}

    def sweep(self) -> None:
        """Tell what no call told: ends of those that were killed, and what became of those that call nothing."""
        for pid in list(self._before):
            self._compare(pid)
        for pid in [pid for pid in self._alive if not Path(f"/proc/{pid}").exists()]:
            self.ended(pid)
            self._record.add("process.exit", "gone", "continued", pid, {"value": "gone"})
        if len(self._owners) > _MOST_TASKS:
            self._owners.clear()

    def _meet(self, task: int) -> int:
        try:
            status = processes.status(f"/proc/{task}/status")
            pid, parent = int(status["Tgid"]), status["PPid"]
        except (OSError, KeyError, ValueError):
            return task
        self._owners[task] = pid
        if pid not in self._alive:
            self._alive.add(pid)
            self._tell("process.start", pid, parent, Image.of(pid))
        return pid

    def _compare(self, pid: int) -> None:
        """A failed exec changes nothing. What was read of its arguments before may have been swapped meanwhile."""
        before, now = self._before.pop(pid), Image.of(pid)
        if not now.path:  # gone without a call: nobody saw what ran
            self._record.unreadable += 1
        if now == before:
            return
        try:
            parent = processes.status(f"/proc/{pid}/status")["PPid"]
        except (OSError, KeyError):
            parent = ""
        self._tell("process.image", pid, parent, now)

    def _tell(self, kind: str, pid: int, parent: str, image: Image) -> None:
        detail = {"parent": parent, "path": image.path, "argv": image.argv}
        if kind == "process.image" and (news := self._variables(pid)):
            detail["environment"] = news
        self._record.add(kind, kind.partition(".")[2], "continued", pid, detail)

    def _variables(self, pid: int) -> str:
        """What the load put into its environment."""
        try:
            raw = Path(f"/proc/{pid}/environ").read_bytes()[: 4 * _MOST_VARIABLES]
        except OSError:
            return ""
        words = [printable(word) for word in raw.split(b"\0") if word]
        news = [
            word
            for word in words
            if word not in self._given and not word.startswith(("PWD=", "OLDPWD=", "_=", "SHLVL="))
        ]
        return shlex.join(news)[:_MOST_VARIABLES]
