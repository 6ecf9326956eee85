"""The seccomp filters of the jail's own processes, and how far each of them is really in force.

Tests on arguments stand here; the plain lists come with the order from configs/syscalls.toml. Values are from
<linux/sched.h>, <linux/prctl.h>, <asm-generic/ioctls.h> and <asm-generic/fcntl.h>, x86-64.
"""

from __future__ import annotations

import ctypes.util
import errno
from collections.abc import Iterable
from pathlib import Path

_SONAMES = {"c": "libc.so.6", "seccomp": "libseccomp.so.2"}
_asking_ldconfig = ctypes.util.find_library
# pyseccomp runs ldconfig and gcc to find its library; the jail has neither, and the loader finds it by name.
ctypes.util.find_library = _SONAMES.get  # type: ignore[assignment]
import pyseccomp as seccomp  # noqa: E402

ctypes.util.find_library = _asking_ldconfig

PROT_EXEC = 0x4
MAP_SHARED = 0x1  # alone, and in MAP_SHARED_VALIDATE
CLONE_THREAD = 0x10000
# With any of these a thread would be more than a thread: CLONE_PTRACE, CLONE_UNTRACED, CLONE_NEW*, CLONE_INTO_CGROUP.
CLONE_REFUSED = 0x2000 | 0x800000 | 0x7E020080 | 0x200000000
FCNTL_ALLOWED = (0, 1, 2, 3, 4, 5, 1030)  # DUPFD, GETFD, SETFD, GETFL, SETFL, GETLK, DUPFD_CLOEXEC
IOCTL_ALLOWED = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIO(N)CLEX
# Options of sockets, by level and name. None among them makes PID 1 wait when it connects or closes a caller's socket:
# a filter or a key of the caller's own would, and so would SO_LINGER.
SETSOCKOPT_ALLOWED = (
    *((1, name) for name in (2, 6, 7, 8, 9, 15, 20, 21)),  # REUSEADDR, BROADCAST, SNDBUF, RCVBUF, KEEPALIVE, ...
    *((6, name) for name in (1, 4, 5, 6, 12, 18)),  # TCP: NODELAY, KEEPIDLE, KEEPINTVL, KEEPCNT, QUICKACK, USER_TIMEOUT
    *((0, name) for name in (1, 10, 11)),  # IP: TOS, MTU_DISCOVER, RECVERR; libc's resolver sets the last two
    *((41, name) for name in (23, 25, 26, 67)),  # IPv6: MTU_DISCOVER, RECVERR, V6ONLY, TCLASS
)
_PLAIN_THREAD = seccomp.Arg(0, seccomp.MASKED_EQ, CLONE_THREAD | CLONE_REFUSED, CLONE_THREAD)
TRACED, TRACED_FOREIGN = 1, 2  # what a traced stop says of itself: a call of this ABI, or of another one
# SET_NAME, GET_NAME, GET_DUMPABLE, CAPBSET_READ, GET_TIMERSLACK, GET_NO_NEW_PRIVS, SET_VMA
PRCTL_ALLOWED = (15, 16, 3, 23, 30, 39, 0x53564D41)


def numbers(names: Iterable[str]) -> dict[int, str]:
    """Syscall numbers of this architecture. Names that this libseccomp doesn't know are left out."""
    found = {}
    for name in names:
        number = seccomp.resolve_syscall(seccomp.Arch.NATIVE, name)
        if number >= 0:  # -1: unknown; below -1: a call of other architectures only
            found[number] = name
    return found


def confine(names: Iterable[str]) -> None:
    """Lock the reader in, for good: what isn't named kills the process.

    Opening files and terminal questions are refused instead: Python asks for both on its own.
    """
    try:
        rules = seccomp.SyscallFilter(seccomp.KILL_PROCESS)
    except OSError:  # gVisor ends threads only; the reader has one
        rules = seccomp.SyscallFilter(seccomp.KILL)
    for number in numbers(name for name in names if name != "mmap"):
        rules.add_rule(seccomp.ALLOW, number)
    rules.add_rule(seccomp.ALLOW, "mmap", seccomp.Arg(2, seccomp.MASKED_EQ, PROT_EXEC, 0))
    for name in ("openat", "newfstatat", "ioctl", "readlink"):
        rules.add_rule(seccomp.ERRNO(errno.EACCES), name)
    rules.load()


def arm(names: Iterable[str], absent: Iterable[str], observer: str) -> int:
    """Load wall 2 over all threads and every ABI; return the listener's descriptor, which the caller must give away.

    What `names` and the argument tests below allow goes on; all else waits for the supervisor's answer. Under the
    observer "trace" there is no listener (-1), and a call fails with ENOSYS until the supervisor traces its thread.
    """
    traced = observer == "trace"
    rules = seccomp.SyscallFilter(seccomp.TRACE(TRACED) if traced else seccomp.NOTIFY)
    rules.set_attr(seccomp.Attr.CTL_TSYNC, 1)
    rules.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.TRACE(TRACED_FOREIGN) if traced else seccomp.NOTIFY)
    for number in numbers(names):
        rules.add_rule(seccomp.ALLOW, number)
    for number in numbers(absent):
        rules.add_rule(seccomp.ERRNO(errno.ENOSYS), number)
    _allow_with_arguments(rules)
    if not traced:  # where PID 1 traces, it counts the threads as well
        rules.add_rule(seccomp.ALLOW, "clone", _PLAIN_THREAD)
    rules.load()
    return -1 if traced else _listener(rules)


def _allow_with_arguments(rules: seccomp.SyscallFilter) -> None:
    """Each test compares whole registers, so that upper bits can't smuggle anything past it."""
    equal = seccomp.EQ
    not_run = seccomp.Arg(2, seccomp.MASKED_EQ, PROT_EXEC, 0)
    rules.add_rule(seccomp.ALLOW, "mmap", not_run, seccomp.Arg(3, seccomp.MASKED_EQ, MAP_SHARED, 0))
    rules.add_rule(seccomp.ALLOW, "mprotect", not_run)
    rules.add_rule(seccomp.ALLOW, "tgkill", seccomp.Arg(0, equal, _own_pid()))
    rules.add_rule(seccomp.ALLOW, "prlimit64", seccomp.Arg(0, equal, 0), seccomp.Arg(2, equal, 0))
    for level, option in SETSOCKOPT_ALLOWED:
        rules.add_rule(seccomp.ALLOW, "setsockopt", seccomp.Arg(1, equal, level), seccomp.Arg(2, equal, option))
    for name, at, allowed in (("fcntl", 1, FCNTL_ALLOWED), ("ioctl", 1, IOCTL_ALLOWED), ("prctl", 0, PRCTL_ALLOWED)):
        for value in allowed:
            rules.add_rule(seccomp.ALLOW, name, seccomp.Arg(at, equal, value))


def starts_plain_thread(flags: int) -> bool:
    """Whether clone's flags start a thread that is nothing more than one."""
    return flags & (CLONE_THREAD | CLONE_REFUSED) == CLONE_THREAD


def _own_pid() -> int:
    return int(Path("/proc/self/stat").read_text(encoding="ascii").split(" ", 1)[0])


def _listener(rules: seccomp.SyscallFilter) -> int:
    """pyseccomp keeps the filter's handle but doesn't give out the descriptor; libseccomp does."""
    descriptor = seccomp._libseccomp.seccomp_notify_fd(rules._filter)
    if descriptor < 0:
        raise OSError(-descriptor, "the kernel gave no listener")
    return int(descriptor)


def name_of(number: int) -> str:
    """A syscall's name, or its number where libseccomp knows none."""
    try:
        return str(seccomp.resolve_syscall(seccomp.Arch.NATIVE, number).decode("ascii"))
    except ValueError:
        return f"syscall {number}"
