"""A load's acts as the source of one payload, and their outcomes out of what it printed."""

from __future__ import annotations

import json
import textwrap

from sandbox.facts import Report
from tests.abuse.case import Act, Load

# Writes by the descriptor: an act may end the interpreter, and what came before it must have been said.
_FRAME = """
import ctypes, errno, fcntl, glob, json, mmap, os, resource, select, signal, socket, struct, subprocess, sys, threading
import time
libc = ctypes.CDLL(None, use_errno=True)

def call(function, *arguments):
    # a libc function, or a call by its number; raises OSError as Python's own do
    result = function(*arguments) if callable(function) else libc.syscall(function, *arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), "call")
    return result

def outcome(source):
    scope = dict(globals())
    try:
        exec(source, scope)
        return str(scope["act"]())
    except OSError as error:
        return "refused " + errno.errorcode.get(error.errno, type(error).__name__)
    except BaseException as error:
        return "refused " + type(error).__name__

{prelude}
for number, source in enumerate({sources!r}):
    os.write(1, (json.dumps([number, outcome(source)]) + "\\n").encode())
"""


def _function(act: Act) -> str:
    source = textwrap.dedent(act.source).strip()
    body = source if "\n" in source else f"return {source}"
    return "def act():\n" + textwrap.indent(body, "    ")


def source_of(load: Load) -> str:
    """The payload."""
    return _FRAME.format(prelude=textwrap.dedent(load.prelude), sources=[_function(act) for act in load.acts])


def outcomes(load: Load, report: Report) -> list[tuple[int, str]]:
    """The number of each act and what it printed. One that is missing ended its process, or was never reached."""
    text = "".join(text for stream, text, _ in report.dynamic.printed if stream == "loader stdout")
    rows = [json.loads(line) for line in text.splitlines() if line.startswith("[")]
    return [(number, said) for number, said in rows if number < len(load.acts)]
