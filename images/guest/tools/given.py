"""What was piped into a tool."""

from __future__ import annotations

import os
import select
import stat
import time

MOST = 1 << 20
STDIN = "/dev/stdin"
# A pipe that nobody writes to must not hold the load up.
PATIENCE = 0.5


def piped() -> bytes:
    """What a pipe, socket or file on standard input has to its end; what it had in time, where there is no end."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:  # closed
        return b""
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISREG(mode)):
        return b""
    poll = select.poll()
    poll.register(0, select.POLLIN)
    until, found = time.monotonic() + PATIENCE, b""
    while len(found) < MOST and poll.poll(max(0.0, until - time.monotonic()) * 1000):
        piece = os.read(0, MOST - len(found))
        if not piece:
            break
        found += piece
    return found


def never(_arguments: list[str]) -> bool:
    """The program takes nothing from standard input."""
    return False


def always(_arguments: list[str]) -> bool:
    """It takes whatever is there."""
    return True


def dashed(arguments: list[str]) -> bool:
    """It does so where an argument says so: -, @-, file=@-, --post-file=-, @/dev/stdin."""
    return any(word == "-" or word.endswith(("@-", "=-", "T-", STDIN)) for word in arguments)


def unnamed(arguments: list[str]) -> bool:
    """It does so without arguments, or for a dash."""
    return not arguments or "-" in arguments


def fed(arguments: list[str]) -> bool:
    """It does so for a dash, and for a token or password that isn't to be seen among the arguments."""
    return dashed(arguments) or any(word in ("--with-token", "--password-stdin") for word in arguments)
