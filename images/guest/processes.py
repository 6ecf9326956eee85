"""PID 1's own protection, and the children it starts, limits and ends."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import resource
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import wire

PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_THP_DISABLE = 4, 38, 41
FRAMES, COMMANDS = 3, 4  # a child's descriptors besides the standard three
_OWN_FROM = 16  # PID 1's ends stay clear of the numbers that children get


def protect() -> None:
    """Make this process unreadable and deaf: no dump, no ptrace by its equals, every signal ignored.

    Children are exec'd afterwards, so they inherit neither. Nor do they get what the jail's start left open.
    """
    os.closerange(3, 1 << 20)
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((PR_SET_DUMPABLE, 0), (PR_SET_NO_NEW_PRIVS, 1)):
        if libc.prctl(option, value, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        with contextlib.suppress(OSError):  # glibc keeps two real-time signals to itself
            signal.signal(number, signal.SIG_IGN)


def limit(limits: dict[str, int]) -> None:
    """Set resource limits on this process by name ("AS", "NOFILE", ...), hard and soft alike."""
    for name, value in limits.items():
        number = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(number)[1]
        lowered = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (lowered, lowered))


def read_limits(pid: int, names: list[str]) -> dict[str, int]:
    """The limits that are really in force on a process. Unlimited reads as wire.MAX_SIZE."""
    soft = {name: resource.prlimit(pid, getattr(resource, f"RLIMIT_{name}"))[0] for name in names}
    return {name: wire.MAX_SIZE if value < 0 else value for name, value in soft.items()}


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _OWN_FROM) for end in ends)
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


@dataclass
class Child:
    """An exec'd child: where it speaks, what it printed, how it ended."""

    name: str
    pid: int
    frames: int
    commands: int
    printed: dict[int, str]  # descriptor -> "stdout" or "stderr"
    started: float = field(default_factory=time.monotonic)
    kept: dict[str, bytes] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    end: wire.Gone | None = None

    def command(self, text: str) -> None:
        """One line to the child. A child that is gone is noticed elsewhere."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self.commands, text.encode("ascii") + b"\n")

    def keep(self, descriptor: int, limit_bytes: int) -> bool:
        """Read what it printed; False at the end. Only the first `limit_bytes` are held."""
        try:
            chunk = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return True
        stream = self.printed[descriptor]
        held = self.kept.get(stream, b"")
        self.kept[stream] = held + chunk[: max(0, limit_bytes - len(held))]
        self.totals[stream] = self.totals.get(stream, 0) + len(chunk)
        return bool(chunk)

    def reap(self, *, block: bool = False) -> bool:
        """Whether it has ended; its end is then in `end`."""
        if self.end is not None:
            return True
        try:
            pid, status, usage = os.wait4(self.pid, 0 if block else os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return False
        seconds = round(time.monotonic() - self.started, 6)
        cpu = round(usage.ru_utime + usage.ru_stime, 6)
        self.end = wire.Gone(os.waitstatus_to_exitcode(status), seconds, cpu, usage.ru_maxrss * 1024, ())
        return True

    def kill(self) -> None:
        """End it and wait until it is dead."""
        if not self.reap():
            kill(self.pid)
            self.reap(block=True)


def spawn(name: str, script: str, standard_input: bytes, variables: dict[str, str]) -> Child:
    """Start `script` in a fresh interpreter with an isolated path, a pipe for frames and one for commands."""
    own, theirs = {}, {}
    for number in (0, COMMANDS):
        theirs[number], own[number] = _pipe()
    for number in (1, 2, FRAMES):
        own[number], theirs[number] = _pipe()
    actions = [(os.POSIX_SPAWN_DUP2, end, number) for number, end in theirs.items()]
    argv = [sys.executable, "-I", "-B", script]
    signals = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
    pid = os.posix_spawn(argv[0], argv, variables, file_actions=actions, setsigdef=signals, setsigmask=())
    for end in theirs.values():
        os.close(end)
    with contextlib.suppress(BrokenPipeError):
        os.write(own[0], standard_input)
    os.close(own[0])
    for number in (1, 2):
        os.set_blocking(own[number], False)
    return Child(name, pid, own[FRAMES], own[COMMANDS], {own[1]: "stdout", own[2]: "stderr"})


def kill(pid: int) -> None:
    """End a process, which may have been reaped by its own parent meanwhile."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def others(known: set[int]) -> list[int]:
    """Processes of this jail besides those. Zombies that are ours are reaped on the way."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in known]
    alive = []
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG)[0] == pid:
                continue
        alive.append(pid)
    return alive


def describe(pid: int) -> str:
    """A process in a few words, as it calls itself."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()[:200].replace(b"\0", b" ")
        return f"{pid} {words.decode('utf-8', 'replace').strip()}"
    except OSError:
        return str(pid)


def tasks(pid: int) -> list[int]:
    """A process's threads; none when it is gone."""
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []


def status(path: str) -> dict[str, str]:
    """A /proc status file as a mapping. Raises OSError when its process is gone."""
    lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
