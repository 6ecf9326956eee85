"""Hands of the observer `notify`: PID 1 borrows the caller's socket and does with it what the caller asked for.

What was borrowed is held against the kernel's own word of it, since the number may mean another socket by then, and
nothing is done that could wait.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import socket
from collections.abc import Callable

from guest.observers.decode import Arguments
from guest.observers.freedoms import Hands, Letter
from guest.observers.memory import Memory
from guest.sinkhole.places import Place
from guest.sinkhole.sinkhole import Sinkhole

_PIDFD_OPEN, _PIDFD_GETFD = 434, 438
_FAMILIES = (socket.AF_INET, socket.AF_INET6)
_KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
_SOON_MS = 50  # the loopback takes microseconds; a socket that its owner has tampered with may take for ever
_FAILED = "ENETUNREACH"
_AT_ONCE = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL


def borrow(pid: int, descriptor: int) -> int:
    """A descriptor of what that of the process is open on; -1 when it can't be had."""
    libc = ctypes.CDLL(None, use_errno=True)
    process = libc.syscall(_PIDFD_OPEN, pid, 0)
    if process < 0:
        return -1
    try:
        return int(libc.syscall(_PIDFD_GETFD, process, descriptor, 0))
    finally:
        os.close(process)


class BorrowingHands(Hands):
    """See the module's docstring."""

    rewrites = False

    def __init__(self, sinkhole: Sinkhole) -> None:
        self._sinkhole = sinkhole

    def connect(self, pid: int, _memory: Memory, args: Arguments, place: Place) -> str | int:
        own = self._socket(pid, args[0])
        if own is None:
            return _FAILED
        with own:
            return self._connect(own, pid, place)

    def send(self, memory: Memory, args: Arguments, letter: Letter, place: Place) -> str | int:
        message, pid = letter.read(memory, args), letter.pid
        own = self._socket(pid, args[0])
        if own is None:
            return _FAILED
        with own:
            if own.type == socket.SOCK_STREAM:  # TCP fast open: it connects by sending
                led = self._connect(own, pid, place)
                if led != 0:
                    return led
                return _sent(lambda: own.send(message, _AT_ONCE))
            if not self._sinkhole.take_datagrams(place, pid):
                return _FAILED
            where = self._address(own, place)
            return _sent(lambda: own.sendto(message, _AT_ONCE, where))

    def _socket(self, pid: int, register: int) -> socket.socket | None:
        """The caller's internet socket; None when it is anything else."""
        descriptor = borrow(pid, register & 0xFFFFFFFF)
        if descriptor < 0:
            return None
        try:
            own = socket.socket(fileno=descriptor)
        except OSError:
            os.close(descriptor)
            return None
        if own.family in _FAMILIES and own.type in _KINDS:
            return own
        own.close()
        return None

    def _connect(self, own: socket.socket, pid: int, place: Place) -> str | int:
        """0, or as the kernel says it of a socket that doesn't wait: that it is under way."""
        stream = own.type == socket.SOCK_STREAM
        if not stream and not self._sinkhole.take_datagrams(place, pid):
            return _FAILED
        waits = os.get_blocking(own.fileno())
        os.set_blocking(own.fileno(), False)  # for its owner, too, as long as this takes
        try:
            error = own.connect_ex(self._address(own, place))
            if error == errno.EINPROGRESS:
                poll = select.poll()
                poll.register(own.fileno(), select.POLLOUT)
                error = own.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if poll.poll(_SOON_MS) else errno.ETIMEDOUT
        except (OSError, OverflowError):
            return _FAILED
        finally:
            os.set_blocking(own.fileno(), waits)
        if error:
            return errno.errorcode.get(error, _FAILED)
        if stream:
            place.expected.append(pid)
        return 0 if waits or not stream else -errno.EINPROGRESS

    def _address(self, own: socket.socket, place: Place) -> tuple[str, int]:
        mapped = "::ffff:" if own.family == socket.AF_INET6 else ""
        return mapped + place.host, self._sinkhole.port


def _sent(send: Callable[[], int]) -> str | int:
    try:
        return send()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, _FAILED)
