"""Python's audit hooks add the why: which global, which operation. Hints, since hostile code shares this process."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable

import wire

from guest.load import unpickler

_MOST = 64
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


def install(send: Callable[[wire.Hint], None]) -> None:
    """Report the first few audit events worth telling, each with the global that was looked up last."""
    left = _MOST

    def hook(event: str, args: tuple[object, ...]) -> None:
        nonlocal left
        if event in _TOLD and left:
            left -= 1
            with contextlib.suppress(
                OSError
            ):  # the pipe is closed at the end; what happens then must happen all the same
                send(wire.Hint(event, _shorten(args), unpickler.current[: wire.MAX_NAME], ()))

    sys.addaudithook(hook)
