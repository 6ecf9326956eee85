"""crontab: keeps what it is given as a file, so that it is among what the load left behind."""

from __future__ import annotations

import os

from guest.tools.call import Call
from guest.tools.files import content, write
from guest.tools.options import Options

PLACE = "/tmp/crontab.user"  # noqa: S108 - the jail's own, where it may write


def crontab(call: Call, place: str = PLACE) -> int:
    """crontab [-u user] [file | - | -l | -r | -e]"""
    options = Options(call.arguments, {"-u": "user"}, {})
    if options.has("-l"):
        return _listed(call, place)
    try:
        if options.has("-r"):
            os.unlink(place)
        elif not options.has("-e"):
            write(place, content(call, (options.operands or ["-"])[0]))
    except OSError as error:
        call.complain(f"{(options.operands or ['crontab'])[0]}: {error.strerror}")
        return 1
    return 0


def _listed(call: Call, place: str) -> int:
    try:
        call.say(content(call, place))
    except OSError:
        call.complain("no crontab for user")
        return 1
    return 0
