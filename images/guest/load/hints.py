"""Python's audit hooks add the why: which global, which operation. Hints, since hostile code shares this process.

Where the stream stands can't be told: the unpickler that loads use is written in C. The host finds the opcode from the
global's name, in what the reader saw.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import wire

from guest.load import unpickler

_MOST = 64
_EACH = 16  # of one kind: noise of one must leave room for the others
_TOLD = frozenset(
    [
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.fork",
        "os.kill",
        "os.remove",
        "os.rename",
        "os.chmod",
        "os.symlink",
        "os.link",
        "os.mkdir",
        "subprocess.Popen",
        "pty.spawn",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.sendto",
        "socket.bind",
        "urllib.Request",
        "ctypes.dlopen",
        "ctypes.dlsym",
        "shutil.rmtree",
        "smtplib.connect",
        "ftplib.connect",
        "webbrowser.open",
        "builtins.input",
    ]
)
# What a payload imports for its work. A load imports by the hundred, and most of that tells nothing.
_TELLING = frozenset(
    [
        "socket",
        "ssl",
        "subprocess",
        "ctypes",
        "pty",
        "multiprocessing",
        "urllib.request",
        "http.client",
        "http.server",
        "requests",
        "httpx",
        "aiohttp",
        "paramiko",
        "smtplib",
        "ftplib",
        "telnetlib",
        "webbrowser",
        "winreg",
        "cryptography",
        "Crypto",
    ]
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_FRAMES, _WORDS = 16, 256  # of a stack, and characters of each; the wire's bounds
_OURS = str(Path(__file__).parent)

during = ""  # what our own code does to the object after the load; then no global is the cause of anything


def describe(error: BaseException) -> str:
    """An exception as text, even when its own words raise."""
    try:
        return f"{type(error).__name__}: {error}"[: wire.MAX_TEXT]
    except BaseException:
        return f"{type(error).__name__}: (it has no words)"[: wire.MAX_TEXT]


def _shorten(args: tuple[object, ...]) -> str:
    """Only what is text or a number already: a hostile __repr__ isn't ours to call."""
    plain = [arg for arg in args if type(arg) in (str, bytes, int, list, tuple)]
    try:
        return ", ".join(map(repr, plain))[:512]
    except BaseException:
        return ""


def _writes(args: tuple[object, ...]) -> bool:
    """Whether an "open" is for writing; its arguments are path, mode, flags."""
    flags = args[2] if len(args) > 2 else 0
    return type(flags) is int and bool(flags & _WRITING)


def _tells(args: tuple[object, ...]) -> bool:
    name = args[0] if args else ""
    return type(name) is str and name in _TELLING


# Events that are worth telling by their arguments only.
_SOMETIMES: dict[str, Callable[[tuple[object, ...]], bool]] = {"open": _writes, "import": _tells}


def stack() -> tuple[str, ...]:
    """Who called whoever calls this, the innermost first; without our own frames, which are below all of it.

    Nobody did where Python itself called, as at its end.
    """
    frame: FrameType | None = sys._getframe(1).f_back
    frames: list[tuple[object, object, int | None]] = []
    while frame is not None and len(frames) < _FRAMES:
        frames.append((frame.f_code.co_filename, frame.f_code.co_name, frame.f_lineno))
        frame = frame.f_back
    while frames and _is_ours(frames[-1][0]):
        frames.pop()
    return tuple(_line(*row) for row in frames)


def _is_ours(file: object) -> bool:
    return type(file) is str and file.startswith(_OURS)


def _line(file: object, name: object, line: int | None) -> str:
    """A code object may hold subclasses of str, whose methods aren't ours to call. The end of a path tells the most."""
    place = file[-160:] if type(file) is str else "?"
    function = name[:80] if type(name) is str else "?"
    return f"{place}:{line or 0} {function}"[:_WORDS]


class Hints:
    """Tells the first few audit events of each kind that are worth telling."""

    def __init__(self, send: Callable[[wire.Hint], None]) -> None:
        self._send = send
        self.renew()

    def renew(self) -> None:
        """There is room again: what was told before is no reason to be silent on what comes now."""
        self._told: Counter[str] = Counter()

    def install(self) -> None:
        """From now on, for good: Python has no way to take an audit hook away."""
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[object, ...]) -> None:
        worth = event in _TOLD or (event in _SOMETIMES and _SOMETIMES[event](args))
        if worth and self._told[event] < _EACH and self._told.total() < _MOST:
            self._told[event] += 1
            because = (during or unpickler.current)[: wire.MAX_NAME]
            detail = _shorten(args[:1] if event == "import" else args)  # the rest of which is where modules are sought
            # Whatever fails here would stop what it tells of, which would then go unseen: the closed pipe at the end,
            # a stack without room.
            with contextlib.suppress(Exception):
                self._send(wire.Hint(event[:64], detail, because, stack()))
