"""The finder's process: looks for the planted secrets in what a load sent and wrote, under the reader's filter.

Standard input holds its orders, one JSON object. On descriptor 4 come the blobs, each a big-endian 64-bit length and
its bytes, until its end. One JSON line for each hit goes to descriptor 3, {"blob": index, "what": name, "how": text},
and a last one, {"done": blobs, "why": what was left out}.
"""

from __future__ import annotations

import sys
from pathlib import Path

# -I leaves the script's folder out; the code's folder and the environment with the filter's library are named here.
sys.path[:0] = [str(Path(__file__).resolve().parent.parent), "/env"]

import json  # noqa: E402
import os  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator  # noqa: E402

from guest import processes  # noqa: E402
from guest.finding import LENGTH  # noqa: E402
from guest.search import LAYERS, Budget, Needles, search  # noqa: E402

_PIECE = 1 << 20


def main() -> None:
    """Take the orders, lock up, search."""
    order = json.loads(sys.stdin.buffer.read())
    processes.become(order["uid"], order["gid"])
    processes.limit({"AS": order["memory"]})
    needles = Needles(order["values"])
    _warm_up(needles)
    from guest.filters import confine  # noqa: PLC0415 - needs the jail's library

    confine(order["syscalls"])
    _run(needles, Budget(time.monotonic() + order["seconds"]))
    os._exit(0)


def _warm_up(needles: Needles) -> None:
    """Under the filter nothing can be imported late."""
    list(search(b"%41" * LAYERS, needles, Budget(time.monotonic() + 1)))


def _run(needles: Needles, budget: Budget) -> None:
    done = 0
    for index, blob in enumerate(_blobs()):
        if budget.late:
            break
        try:
            for what, how in search(blob, needles, budget):
                _say({"blob": index, "what": what, "how": how})
        except MemoryError:
            budget.why.add("out of memory")
        done += 1
    _say({"done": done, "why": ", ".join(sorted(budget.why))})


def _blobs() -> Iterator[bytes]:
    while head := _take(LENGTH.size):
        yield _take(*LENGTH.unpack(head))


def _take(size: int) -> bytes:
    taken = bytearray()
    while len(taken) < size and (piece := os.read(processes.COMMANDS, min(size - len(taken), _PIECE))):
        taken += piece
    return bytes(taken)


def _say(row: dict[str, object]) -> None:
    line = json.dumps(row).encode("ascii") + b"\n"
    while line:
        line = line[os.write(processes.FRAMES, line) :]


if __name__ == "__main__":
    main()
