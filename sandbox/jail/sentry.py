"""gVisor's kernel, the Sentry, as the host sees it: one process that holds all of the jail's memory.

Where runsc was registered with --ignore-cgroups the engine limits none of it, so the host watches it and ends the jail.
And where the Sentry hangs the engine's kill hangs with it, so whoever may ends the process itself.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil

from sandbox import messages

_PERIOD = 0.05  # seconds; a jail that writes to memory as fast as it can takes 40 MiB in it
_BLOCK = 512  # bytes, of st_blocks
_MEMORY_FILE = "/memfd:runsc-memory"
_PROGRAMS = ("runsc-", "containerd-shim")
_ANONYMOUS = re.compile(r"^RssAnon:\s+(\d+) kB$", re.MULTILINE)
_SHARED = re.compile(r"^RssShmem:\s+(\d+) kB$", re.MULTILINE)


class Sentry:
    """One Sentry. Its pid is held, so that nothing here can reach another process of that number."""

    def __init__(self, pid: int, container: str) -> None:
        """Raises HostError unless it is seen here to be this container's."""
        self.pid = pid
        with ExitStack() as held:
            try:
                self._handle = os.pidfd_open(pid)
                held.callback(os.close, self._handle)
                words = psutil.Process(pid).cmdline()
                groups = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8", errors="replace")
            except (OSError, psutil.Error) as error:
                raise messages.error("gvisor.unseen") from error
            if container not in words:
                raise messages.error("gvisor.unseen")
            self._held = held.pop_all()
        self.limited = container in memory_group(groups)  # the engine's limits hold it, too
        self._memory = self._memory_file()

    @property
    def exact(self) -> bool:
        """Whether the memory itself is seen, which takes root, or just what of it stands in page tables."""
        return self._memory is not None

    def memory(self) -> int:
        """Bytes that the jail and the Sentry hold together. Raises OSError or psutil.Error once it has ended.

        Mapped files of the host count nowhere: the host can drop those pages.
        """
        if self._memory is not None:
            return _resident(self.pid, _ANONYMOUS) + self._memory.stat().st_blocks * _BLOCK
        # Pages that two of the jail's processes share count twice: rather too much than too little.
        tree = [self.pid, *(child.pid for child in psutil.Process(self.pid).children(recursive=True))]
        return sum(_resident(pid, _ANONYMOUS) + _resident(pid, _SHARED) for pid in tree)

    def kill(self) -> bool:
        """Whether it is ending now; False when this user may not end it."""
        try:
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return True

    def close(self) -> None:
        self._held.close()

    def _memory_file(self) -> Path | None:
        """The file that all of the jail's memory is mapped from. By its path: a descriptor would keep it from going."""
        folder = Path(f"/proc/{self.pid}/fd")
        with suppress(OSError):
            for link in folder.iterdir():
                if os.readlink(link).startswith(_MEMORY_FILE):
                    return link
        return None


class MemoryWatch:
    """Ends the jail when the Sentry holds more than `most` bytes; leaves that to the engine where the engine does it.

    A thread, which lasts no longer than the Sentry.
    """

    def __init__(self, sentry: Sentry, most: int, end: Callable[[], None]) -> None:
        self.sentry = sentry
        self._most = most
        self._end = end
        self._reached = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sentry-memory", daemon=True)
        if not sentry.limited:
            self._thread.start()

    def limits(self) -> tuple[str, str]:
        """What limits memory, and what processor time."""
        if self.sentry.limited:
            return "cgroup around gVisor, by Docker", "cgroup around gVisor, by Docker"
        if self.sentry.exact:
            seen = "all that gVisor holds"
        else:
            seen = "gVisor's resident memory, which miss a part of it (register runsc without --ignore-cgroups)"
        return f"the host's samples of {seen}, every {_PERIOD:g} s", "nothing: runsc runs with --ignore-cgroups"

    def stop(self) -> str:
        """Once the jail is gone. Returns why this watch has ended it, as a sentence."""
        self._stop.set()
        if self._thread.ident:
            self._thread.join()
        self.sentry.close()
        return "the jail reached its memory limit and the host ended it" if self._reached else ""

    def _run(self) -> None:
        with suppress(OSError, psutil.Error):  # the Sentry has ended
            while not self._stop.wait(_PERIOD):
                if self.sentry.memory() > self._most:
                    self._reached = True
                    self._end()


def end_leftovers(container: str) -> None:
    """After a start that failed: runsc then leaves its processes behind, and the engine forgets them.

    Those of another user, which is to say all unless this is root, stay.
    """
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or [""]
        if Path(words[0]).name.startswith(_PROGRAMS) and any(container in word for word in words):
            with suppress(psutil.Error):
                process.kill()


def memory_group(groups: str) -> str:
    """The path of a process's control group for memory, of its /proc/PID/cgroup."""
    rows = [line.split(":", 2) for line in groups.splitlines()]
    first = [path for _, controllers, path in rows if "memory" in controllers.split(",")]
    return (first or [path for number, _, path in rows if number == "0"] or [""])[0]


def _resident(pid: int, kind: re.Pattern[str]) -> int:
    """Bytes; 0 of a process that is ending and holds none any more."""
    found = kind.search(Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace"))
    return int(found[1]) << 10 if found else 0
