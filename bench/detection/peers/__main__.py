"""Asks one peer, in the peers' environment: `python -m bench.detection.peers NAME SECONDS`, a path a line.

Its libraries are imported once; each file is a child's own, which ends after so many seconds. A line of JSON for each
file: the exit code, or what happened instead, and what was printed.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import tempfile
import traceback
from typing import IO

from bench.detection.peers import PEERS, Peer

_MEMORY = 4 << 30
_KEPT = 64 << 10
_CRASHED = 70


def main(name: str, seconds: str) -> None:
    """Until the end of the input."""
    peer = PEERS[name]
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 1)  # what a library prints is no answer
        os.chdir(tempfile.mkdtemp())
        peer.prepare()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        code, why, printed = _scan(peer, json.loads(line), float(seconds))
        print(json.dumps({"code": code, "why": why, "said": printed}), file=answers, flush=True)


def _scan(peer: Peer, path: str, seconds: float) -> tuple[int, str, str]:
    with tempfile.TemporaryFile() as said:
        pid = os.fork()
        if pid == 0:
            _child(peer, path, said)
        late = not _ended(pid, seconds)
        if late:
            os.killpg(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        said.seek(0)
        printed = said.read(_KEPT).decode("utf-8", "replace")
    why = f"not done after {seconds:.0f} s" if late else f"killed by signal {-code}" if code < 0 else ""
    return code, why or ("it crashed" if code == _CRASHED else ""), printed


def _ended(pid: int, seconds: float) -> bool:
    descriptor = os.pidfd_open(pid)
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def _child(peer: Peer, path: str, said: IO[bytes]) -> None:
    """Ends the process."""
    code = _CRASHED
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
        code = peer.ask(path)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
