"""The observer `notify`: seccomp user notification. Struct layouts and numbers are from <linux/seccomp.h>, x86-64."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import select
import struct

from guest.observers.answers import Answers
from guest.observers.borrow import borrow
from guest.observers.decode import CONTINUE, FAKE
from guest.observers.interface import Observer, WatchError
from guest.relay import Pump

_RECV, _SEND, _SET_FLAGS = 0xC0502100, 0xC0182101, 0x40082104
_SYNC_WAKE_UP = 1
_NOTIFICATION = struct.Struct("<QIIiIQ6Q")
_RESPONSE = struct.Struct("<QqiI")
_FLAG_CONTINUE = 1
_AUDIT_ARCH_X86_64 = 0xC000003E
_SECCOMP, _GET_ACTION_AVAIL, _RET_USER_NOTIF = 317, 2, 0x7FC00000


def available() -> bool:
    """Whether this kernel has user notification; gVisor's has not."""
    action = ctypes.c_uint32(_RET_USER_NOTIF)
    return bool(ctypes.CDLL(None).syscall(_SECCOMP, _GET_ACTION_AVAIL, 0, ctypes.byref(action)) == 0)


class NotifyObserver(Observer):
    """Answers notifications one at a time."""

    name = "notify"

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._buffer = bytearray(_NOTIFICATION.size)
        self.fd = -1

    def take(self, pid: int, listener: int) -> None:
        """By a copy of its descriptor: that needs no socket between us and so leaves none to close."""
        self.fd = borrow(pid, listener)
        if self.fd < 0:
            raise WatchError(f"the listener can't be taken: {os.strerror(ctypes.get_errno())}")
        try:
            fcntl.ioctl(self.fd, _SET_FLAGS, _SYNC_WAKE_UP)  # nearly halves the cost of a call, where the kernel has it
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTTY):
                raise

    def attach(self, pump: Pump) -> None:
        self._pump = pump
        pump.add(self.fd, self.handle)

    def outlived(self) -> bool:
        """The kernel hangs the listener up when the last task under the filter has been reaped."""
        if self.fd < 0:
            return True  # the loader never came as far as its filter
        poll = select.poll()
        poll.register(self.fd, 0)
        return bool(poll.poll(0))

    def handle(self) -> None:
        """Take one notification and answer it. Returns without one when its caller was killed meanwhile.

        After the last caller the listener hangs up for good: left in the pump, it would keep it turning.
        """
        self._buffer[:] = bytes(_NOTIFICATION.size)
        try:
            fcntl.ioctl(self.fd, _RECV, self._buffer)
        except OSError as error:
            if error.errno == errno.ENOENT and self.outlived():
                self._pump.drop(self.fd)
            if error.errno in (errno.ENOENT, errno.EINTR):
                return
            raise
        identity, task, _flags, number, arch, _ip, *args = _NOTIFICATION.unpack(self._buffer)
        foreign = "" if arch == _AUDIT_ARCH_X86_64 else hex(arch)
        self._send(identity, self._answers.to(task, number, tuple(args), foreign))

    def _send(self, identity: int, answer: str | int) -> None:
        value, error, flags = 0, 0, 0
        if isinstance(answer, int):
            value, error = max(answer, 0), min(answer, 0)
        elif answer == CONTINUE:
            flags = _FLAG_CONTINUE
        elif answer != FAKE:
            error = -getattr(errno, answer)
        try:
            fcntl.ioctl(self.fd, _SEND, bytearray(_RESPONSE.pack(identity, value, error, flags)))
        except OSError as problem:
            if problem.errno != errno.ENOENT:  # the caller was killed while it waited
                raise
