"""The observer `notify`: seccomp user notification. Struct layouts and numbers are from <linux/seccomp.h>, x86-64."""

from __future__ import annotations

import errno
import fcntl
import struct
from dataclasses import dataclass

from guest import filters
from guest.events import Record
from guest.observers.decode import CONTINUE, FAKE, Decision, decoder
from guest.observers.memory import Memory, UnreadableError

NAME = "notify"
_RECV, _SEND, _ID_VALID, _SET_FLAGS = 0xC0502100, 0xC0182101, 0x40082102, 0x40082104
_SYNC_WAKE_UP = 1
_NOTIFICATION = struct.Struct("<QIIiIQ6Q")
_RESPONSE = struct.Struct("<QqiI")
_FLAG_CONTINUE = 1
_AUDIT_ARCH_X86_64 = 0xC000003E
_X32_BIT = 0x40000000


@dataclass(frozen=True)
class Call:
    """One row of the watch's table."""

    name: str
    kind: str
    answer: str  # an errno's name, "continue" or "fake"


class NotifyObserver:
    """Answers notifications one at a time and records them. Whatever goes wrong, the answer is a denial."""

    def __init__(self, fd: int, watch: list[tuple[str, list[str], str]], record: Record, sleep_seconds: float) -> None:
        self.fd = fd
        self._record = record
        self._sleep_seconds = sleep_seconds
        self._calls = {
            number: Call(name, kind, answer)
            for kind, names, answer in watch
            if kind not in ("abi.foreign", "other.denied")
            for number, name in filters.numbers(names).items()
        }
        self._buffer = bytearray(_NOTIFICATION.size)
        try:
            fcntl.ioctl(fd, _SET_FLAGS, _SYNC_WAKE_UP)  # nearly halves the cost of a call, where the kernel has it
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTTY):
                raise

    def handle(self) -> None:
        """Take one notification and answer it. Returns without one when its caller was killed meanwhile."""
        self._buffer[:] = bytes(_NOTIFICATION.size)
        try:
            fcntl.ioctl(self.fd, _RECV, self._buffer)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):
                return
            raise
        identity, pid, _flags, number, arch, _ip, *args = _NOTIFICATION.unpack(self._buffer)
        call, decision = self._judge(pid, number, arch, tuple(args))
        answer = decision.answer or call.answer
        word = {CONTINUE: "continued", FAKE: "faked"}.get(answer, "denied")
        for row in (decision, *decision.also):
            if not row.quiet:
                self._record.add(row.kind or call.kind, call.name, word, pid, row.detail)
        self._send(identity, answer)

    def _judge(self, pid: int, number: int, arch: int, args: tuple[int, ...]) -> tuple[Call, Decision]:
        if arch != _AUDIT_ARCH_X86_64 or (number & _X32_BIT and number >= 0):
            detail = {"value": str(number), "flags": hex(arch)}
            return Call("foreign", "abi.foreign", "ENOSYS"), Decision(detail)
        call = self._calls.get(number)
        if call is None:
            name = filters.name_of(number)
            return Call(name, "other.denied", "EPERM"), Decision({"value": hex(args[0])})
        try:
            with Memory(pid) as memory:
                decision = decoder(call.name)(memory, args)
        except (UnreadableError, struct.error, ValueError, OverflowError, OSError):
            self._record.unreadable += 1
            return call, Decision({"unreadable": "yes"}, answer="EFAULT" if call.answer == CONTINUE else "")
        if call.kind == "time.sleep" and float(decision.detail["value"]) < self._sleep_seconds:
            decision = Decision(decision.detail, quiet=True)
        return call, decision

    def _send(self, identity: int, answer: str) -> None:
        error, flags = 0, 0
        if answer == CONTINUE:
            flags = _FLAG_CONTINUE
        elif answer != FAKE:
            error = -getattr(errno, answer)
        try:
            fcntl.ioctl(self.fd, _SEND, bytearray(_RESPONSE.pack(identity, 0, error, flags)))
        except OSError as problem:
            if problem.errno != errno.ENOENT:  # the caller was killed while it waited
                raise
