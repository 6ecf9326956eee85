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
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import wire

from guest.reaper import Reaper

PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS = 4, 38, 39
FRAMES, COMMANDS = 3, 4  # a child's descriptors besides the standard three
_PAUSE = 0.001  # seconds between looks at a child that was killed
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


def no_new_privs() -> bool:
    """Whether no exec'd program can gain rights; asked for by call, since gVisor's /proc doesn't tell."""
    return bool(ctypes.CDLL(None).prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)


def become(uid: int, gid: int) -> None:
    """In a child: give up PID 1's identity, where the jail gave it another one than the model's. For good.

    A change of identity makes a process unreadable to its equals; a load looks at itself, so that is undone.
    """
    if (os.getuid(), os.getgid()) == (uid, gid):
        return
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


@contextlib.contextmanager
def acting_as(uid: int, gid: int) -> Iterator[None]:
    """For PID 1, while nothing hostile runs: what it makes belongs to that user, and it may read that user's limits."""
    own_uid, own_gid = os.getuid(), os.getgid()
    if (own_uid, own_gid) == (uid, gid):
        yield
        return
    os.setresgid(gid, gid, own_gid)
    os.setresuid(uid, uid, own_uid)
    try:
        yield
    finally:
        os.setresuid(own_uid, own_uid, own_uid)
        os.setresgid(own_gid, own_gid, own_gid)


def limit(limits: dict[str, int]) -> None:
    """Set resource limits on this process by name ("AS", "NOFILE", ...), hard and soft alike."""
    for name, value in limits.items():
        number = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(number)[1]
        lowered = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(number, (lowered, lowered))


def read_limits(pid: int, names: list[str]) -> dict[str, int]:
    """How far a process can raise its limits by itself. Unlimited reads as wire.MAX_SIZE."""
    hard = {name: resource.prlimit(pid, getattr(resource, f"RLIMIT_{name}"))[1] for name in names}
    return {name: wire.MAX_SIZE if value < 0 else value for name, value in hard.items()}


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
    reaper: Reaper
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

    def reap(self) -> bool:
        """Whether it has ended; its end is then in `end`."""
        if self.end is None and (ended := self.reaper.end(self.pid)):
            status, usage = ended
            seconds = round(time.monotonic() - self.started, 6)
            cpu = round(usage.ru_utime + usage.ru_stime, 6)
            self.end = wire.Gone(os.waitstatus_to_exitcode(status), seconds, cpu, usage.ru_maxrss * 1024, ())
        return self.end is not None

    def kill(self) -> None:
        """End it and wait until it is dead."""
        if not self.reap():
            kill(self.pid)
            while not self.reap():
                time.sleep(_PAUSE)


def spawn(reaper: Reaper, name: str, script: str, standard_input: bytes, variables: dict[str, str]) -> Child:
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
    reaper.keep(pid)
    for end in theirs.values():
        os.close(end)
    with contextlib.suppress(BrokenPipeError):
        view = memoryview(standard_input)  # more than a pipe holds where the input is a folder of many files
        while view:
            view = view[os.write(own[0], view) :]
    os.close(own[0])
    for number in (1, 2):
        os.set_blocking(own[number], False)
    return Child(name, pid, reaper, own[FRAMES], own[COMMANDS], {own[1]: "stdout", own[2]: "stderr"})


def kill(pid: int) -> None:
    """End a process, which may have been reaped by its own parent meanwhile."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def others(reaper: Reaper, known: set[int]) -> list[int]:
    """Processes of this jail besides those. What PID 1 has to reap is reaped before."""
    reaper.collect()
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in known]


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
