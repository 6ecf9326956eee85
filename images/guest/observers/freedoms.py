"""What a policy lets a load do all the same: its programs run, its files are written, its connections are answered.

What goes on is harmless whatever the caller's memory holds by then: the jail has no interface but its loopback, nothing
to write to but bounded tmpfs, and a program that is started stays under the same filter, on every thread.
"""

from __future__ import annotations

import os
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from guest.keeper import Keeper
from guest.observers.decode import CONTINUE, Arguments, Decision
from guest.observers.memory import Memory
from guest.observers.paths import AT_FDCWD, resolve
from guest.sinkhole.places import Place
from guest.sinkhole.sinkhole import Sinkhole
from guest.tree import Tree

# What stays denied, whatever the policy: these decisions were made for reasons of their own.
_NEVER = frozenset({"watch.tamper", "escape.namespace", "memory.memfd", "memory.exec"})
# A process of its own: an exit signal, where its number is told, its thread pointer. Sharing descriptors or memory with
# its parent would make it a thread that the watch doesn't count as one.
_FORK_FLAGS = 0xFF | 0x80000 | 0x100000 | 0x200000 | 0x1000000
# What is strange for a load is what shells and `ls` do where programs may run.
_CALLED = dict.fromkeys(("setsid", "setpgid"), "process.session") | dict.fromkeys(
    ("getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr"), "file.probe"
)
_CREATES = frozenset(["mkdir", "mkdirat", "mknod", "mknodat", "symlink", "symlinkat", "link", "linkat"])
_MOST_CREATED = 4096  # a tmpfs counts bytes and, in bubblewrap and gVisor, no names; those take the host's memory
# A terminal that is opened is counted by the host, for all of its containers together.
_TERMINALS = frozenset({"/dev/ptmx", "/dev/pts/ptmx"})
_MOST_TERMINALS = 16
_COPIES = frozenset({"sendfile", "splice", "tee"})
_OPENS = {"open": 1, "openat": 2}  # the register of the flags
_MESSAGES_AT = 64  # bytes of a struct mmsghdr
_MOST_MESSAGES = 16
_MOST_MESSAGE = 65507  # bytes of a datagram
_MOST_PARTS = 64


@dataclass(frozen=True)
class Letter:
    """What a process sends. `name` and `length`: its address in the caller's memory; `read` gets its bytes there."""

    pid: int
    name: int
    length: int
    read: Callable[[Memory, Arguments], bytes]
    flags: int


class Hands(ABC):
    """How an observer does elsewhere what a caller asked for. Answers are a Decision's."""

    # Whether it changes the address where it stands, so that the call can go on; else it makes the call itself.
    rewrites: bool

    @abstractmethod
    def connect(self, pid: int, memory: Memory, args: Arguments, place: Place) -> str | int:
        """Connect the caller's socket (its first argument) to the place."""

    @abstractmethod
    def send(self, memory: Memory, args: Arguments, letter: Letter, place: Place) -> str | int:
        """Send the caller's message to the place."""


class Freedoms:
    """`free`: calls that go on unless their decision forbids it. `hands` is set by whoever makes the observer."""

    hands: Hands

    def __init__(self, free: Iterable[str], tree: Tree, keeper: Keeper, sinkhole: Sinkhole | None) -> None:
        self.free = frozenset(free)
        self._tree, self._keeper, self.sinkhole = tree, keeper, sinkhole
        self.process_of = tree.process_of
        self._created = self._terminals = 0

    def revise(self, name: str, memory: Memory, args: Arguments, decision: Decision) -> Decision:
        """The decision on a call of that name under this policy."""
        if self.sinkhole and name in _LEADS:
            return _LEADS[name](self, memory, args, decision)
        if name not in self.free or decision.kind in _NEVER:
            return decision
        if name == "clone" and args[0] & ~_FORK_FLAGS and decision.answer != CONTINUE:
            return decision
        refused = self._refused(name, args, decision.detail.get("path", ""))
        if refused:
            return replace(decision, answer=refused)
        if name in _NOTED:
            _NOTED[name](self, memory, args)
        if name in _COPIES:  # their registers tell nothing
            return Decision({}, "net.copy", CONTINUE)
        return replace(decision, kind=_CALLED.get(name, decision.kind), answer=CONTINUE)

    def _refused(self, name: str, args: Arguments, path: str) -> str:
        """The error for what would take more than a jail should: names, terminals, the host's own device nodes."""
        flags = args[_OPENS[name]] if name in _OPENS else 0
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            return "EOPNOTSUPP"  # a file without a name would be kept by nobody
        if path in _TERMINALS:
            self._terminals += 1
            return "ENOSPC" if self._terminals > _MOST_TERMINALS else ""
        if flags & os.O_CREAT or name in _CREATES:
            self._created += 1
            return "ENOSPC" if self._created > _MOST_CREATED else ""
        changes = name not in _OPENS and path.startswith("/dev/") and not path.startswith("/dev/shm/")  # noqa: S108
        return "EPERM" if changes else ""

    def _connect(self, memory: Memory, args: Arguments, decision: Decision) -> Decision:
        place = self._place(decision)
        if place is None:
            return decision
        assert self.sinkhole
        answer = self.hands.connect(self.process_of(memory.pid), memory, args, place)
        self.sinkhole.accept()
        return self._led(decision, place, answer)

    def _sendto(self, memory: Memory, args: Arguments, decision: Decision) -> Decision:
        letter = Letter(self.process_of(memory.pid), args[4], args[5], _plain, args[3])
        return self._send(memory, args, decision, letter)

    def _sendmsg(self, memory: Memory, args: Arguments, decision: Decision) -> Decision:
        return self._header(memory, args, decision, args[2])

    def _header(self, memory: Memory, args: Arguments, decision: Decision, flags: int) -> Decision:
        name, length = struct.unpack("<QI", memory.read(args[1], 12))
        letter = Letter(self.process_of(memory.pid), name, length, _gathered, flags)
        return self._send(memory, args, decision, letter)

    def _sendmmsg(self, memory: Memory, args: Arguments, decision: Decision) -> Decision:
        """One that is sent for its caller is the first one only; who calls sendmmsg has to expect that."""
        led = self._header(memory, args, decision, args[3])
        if isinstance(led.answer, int):
            return replace(led, answer=min(led.answer, 1))
        for at, row in enumerate(decision.also[: _MOST_MESSAGES - 1] if self.hands.rewrites else (), 1):
            self._header(memory, (args[0], args[1] + _MESSAGES_AT * at, *args[2:]), row, args[3])
        return led

    def _send(self, memory: Memory, args: Arguments, decision: Decision, letter: Letter) -> Decision:
        """Over a connection it goes where that leads, and is told there: here is no more than that it happened."""
        if not letter.name and letter.flags & socket.MSG_FASTOPEN:
            return decision  # it would connect by itself
        if not letter.name:
            asks = decision.kind == "net.dns"
            return replace(decision, answer=CONTINUE) if asks else Decision({}, "net.led", CONTINUE)
        place = self._place(decision)
        if place is None:
            return decision
        return self._led(decision, place, self.hands.send(memory, args, letter, place))

    def _place(self, decision: Decision) -> Place | None:
        assert self.sinkhole
        address, port = decision.detail.get("address"), decision.detail.get("port")
        return self.sinkhole.place(address, int(port)) if address and port else None

    def _led(self, decision: Decision, place: Place, answer: str | int) -> Decision:
        detail = decision.detail | place.detail
        led = isinstance(answer, int) or answer == CONTINUE
        return replace(decision, detail=detail, answer=answer, word="faked" if led else "")

    def _exec(self, memory: Memory, args: Arguments) -> None:
        """What it runs is kept, and so is each file among its arguments: of `sh FILE` that is the script."""
        pid = self.process_of(memory.pid)
        self._tree.will_exec(pid)
        words = memory.strings(args[1])
        self._keeper.passed(pid, words)
        for word in (memory.string(args[0]), *words[1:]):
            self._keep(memory, AT_FDCWD, word, "run")

    def _exec_at(self, memory: Memory, args: Arguments) -> None:
        self._exec(memory, args[1:])
        self._keep(memory, args[0], memory.string(args[1]), "run")

    def _exit(self, memory: Memory, _args: Arguments) -> None:
        self._tree.ended(self.process_of(memory.pid))

    def _open(self, memory: Memory, args: Arguments) -> None:
        self._open_at(memory, (AT_FDCWD, *args))

    def _open_at(self, memory: Memory, args: Arguments) -> None:
        if args[2] & os.O_TRUNC:
            self._keep(memory, args[0], memory.string(args[1]), "overwritten")

    def _shorten(self, memory: Memory, args: Arguments) -> None:
        self._keep(memory, AT_FDCWD, memory.opened(args[0] & 0xFFFFFFFF), "overwritten")

    def _keep(self, memory: Memory, folder: int, word: bytes, why: str) -> None:
        path, _ = resolve(memory, folder, word)
        if path.startswith(b"/"):
            self._keeper.keep(path, why)


def _keeps(folder: int, at: int, why: str) -> Callable[[Freedoms, Memory, Arguments], None]:
    """Keep the file that the register `at` names, relative to that of the register `folder`, or to where it works."""

    def note(freedoms: Freedoms, memory: Memory, args: Arguments) -> None:
        base = AT_FDCWD if folder < 0 else args[folder]
        freedoms._keep(memory, base, memory.string(args[at]), why)

    return note


def _plain(memory: Memory, args: Arguments) -> bytes:
    return memory.read(args[1], min(args[2], _MOST_MESSAGE))


def _gathered(memory: Memory, args: Arguments) -> bytes:
    """The bytes of a struct msghdr's parts."""
    vector, count = struct.unpack("<QQ", memory.read(args[1] + 16, 16))
    message = b""
    for at in range(min(count, _MOST_PARTS)):
        base, size = struct.unpack("<QQ", memory.read(vector + 16 * at, 16))
        message += memory.read(base, min(size, _MOST_MESSAGE - len(message)))
    return message


_LEADS: dict[str, Callable[[Freedoms, Memory, Arguments, Decision], Decision]] = {
    "connect": Freedoms._connect,
    "sendto": Freedoms._sendto,
    "sendmsg": Freedoms._sendmsg,
    "sendmmsg": Freedoms._sendmmsg,
}
_NOTED: dict[str, Callable[[Freedoms, Memory, Arguments], None]] = {
    "execve": Freedoms._exec,
    "execveat": Freedoms._exec_at,
    "exit_group": Freedoms._exit,
    "open": Freedoms._open,
    "openat": Freedoms._open_at,
    "ftruncate": Freedoms._shorten,
    "creat": _keeps(-1, 0, "overwritten"),
    "truncate": _keeps(-1, 0, "overwritten"),
    "rename": _keeps(-1, 1, "overwritten"),
    "renameat": _keeps(2, 3, "overwritten"),
    "renameat2": _keeps(2, 3, "overwritten"),
    "unlink": _keeps(-1, 0, "deleted"),
    "unlinkat": _keeps(0, 1, "deleted"),
}
