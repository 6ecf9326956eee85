"""Finds out which tool it is by the name it was started with, tells, and is that tool."""

from __future__ import annotations

import os

from guest.tools import telling
from guest.tools.call import Call
from guest.tools.given import piped
from guest.tools.network import RESOLVER
from guest.tools.table import row


def main(argv: list[str], address: tuple[str, int] = telling.ADDRESS) -> int:
    """The exit code. `address` is told before anything is done, since what is done may not come back."""
    name = argv[0].rpartition("/")[2]
    takes, run = row(name)
    call = Call(name, argv[1:], dict(os.environ), piped() if takes(argv[1:]) else b"")
    os.environ.setdefault("RES_OPTIONS", RESOLVER)
    telling.tell(call, address)
    try:
        return run(call)
    except (OSError, ValueError):  # odd arguments must not show what stands behind the name
        return 1
