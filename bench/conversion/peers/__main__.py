"""Runs one peer: `python -m bench.conversion.peers NAME MODEL OUT`, or without files, on those that lines of JSON name.

In the second form its libraries are imported once, and every file is converted by a child of its own.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import traceback
import warnings
from collections.abc import Callable

from bench.conversion.peers import PEERS
from bench.measure import own_peak


def _child(convert: Callable[[str, str], None], model: str, out: str) -> tuple[str, float, int]:
    """What it complained of, "" when it finished; seconds, and its peak of memory."""
    reading, writing = os.pipe()
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        complaint = _complaint(convert, model, out)
        os.write(writing, complaint.encode("utf-8", "replace")[:4096])
        os._exit(bool(complaint))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode("utf-8", "replace")
    _, status, usage = os.wait4(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return said or (f"ended with {code}" if code else ""), time.monotonic() - started, usage.ru_maxrss * 1024


def _complaint(convert: Callable[[str, str], None], model: str, out: str) -> str:
    try:
        convert(model, out)
    except BaseException as error:  # whatever it is, it is the peer's answer
        return traceback.format_exception_only(error)[-1].strip() or type(error).__name__
    return ""


def main(name: str, *files: str) -> None:
    """One JSON object for each file."""
    warnings.simplefilter("ignore")
    convert = PEERS[name].load()
    if files:
        convert(*files)
        print(json.dumps({"host_peak": own_peak()}))
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        why, seconds, peak = _child(convert, *json.loads(line))
        print(json.dumps({"why": why, "seconds": seconds, "peak": peak}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
