"""The loader's process: import, arm, wait for the go, load as a user would, bear witness, exit as a user's would.

Until the go this is our code; from then on it is hostile ground, and so is every word it sends.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import sys
import time
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), "/env"]

import wire  # noqa: E402

from guest import filters, processes  # noqa: E402
from guest.load import clock, code, exercise, folder, hints, unpickler, witness  # noqa: E402
from guest.load.loaders import TORCH, load, needed  # noqa: E402
from guest.load.place import Place  # noqa: E402
from guest.readers.session import Bounds, Session  # noqa: E402

_PATIENCE = 1.0  # seconds; something of the load may hold the pipe whose end PID 1 waits for
_OOM_FIRST = "1000"  # when the jail's memory runs out, the kernel ends this process and not PID 1


def _say(raw: bytes) -> None:
    view = memoryview(raw)
    while view:
        view = view[os.write(processes.FRAMES, view) :]


def _row(kind: wire.Kind, row: object) -> None:
    _say(wire.encode(kind, row))


def _command() -> str:
    """One line of PID 1, which waits for an answer before it sends the next."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(processes.COMMANDS, 1 << 16)
        if not piece:
            sys.exit(0)
        line += piece
    return line.decode("ascii").rstrip("\n")


def _import(names: list[str]) -> None:
    """What can't be imported is absent, and the load will say so."""
    for name in names:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _shift(offset: float) -> None:
    """Shift this process's clock, where that was asked for, and say whether it could be done."""
    if offset:
        _say(f"clock {clock.shift(round(offset))}\n".encode("ascii", "replace"))


def _arm(order: dict[str, Any]) -> None:
    """Put this process under the filter, give the listener away where it has one, and wait for the go."""
    gc.collect()
    gc.freeze()  # the framework's million objects are no garbage: unfrozen, they are walked again and again at exit
    listener = filters.arm(order["allowed"], order["absent"], order["observer"])
    _say(f"armed {listener}\n".encode("ascii"))
    if _command() != "taken":
        sys.exit(0)
    if listener >= 0:
        os.close(listener)
    _say(b"ready\n")
    if _command() != "go":
        sys.exit(0)


def _loaded(order: dict[str, Any], told: dict[str, Any]) -> object:
    """What the file holds; of a folder what all files hold, one after another. Raises what the loaders raise."""
    session = Session(Bounds.of(order["bounds"]))
    named, files = order["files"], told["files"]
    formats = frozenset([*(form for _, form, _ in files), *told["inside"]])
    models = [
        (named[at][1], form, Place(named[at][0], mapped=mapped, session=session, formats=formats))
        for at, form, mapped in files
    ]
    if order["folder"]:
        return folder.load(named, models)
    (_, form, place), *_ = models
    return load(form, place)


def _load(order: dict[str, Any], told: dict[str, Any]) -> tuple[object, bool]:
    """The loaded object, and whether there is one."""
    started = time.monotonic()
    result, error = None, ""
    try:
        result = _loaded(order, told)
    except BaseException as problem:
        error = hints.describe(problem)
    if order["code"]:
        code.run(order["files"])
    seconds = round(time.monotonic() - started, 6)
    _row(wire.Kind.LOADED, wire.Loaded(not error, error, seconds))
    return result, not error


def _testify(result: object, loaded: bool, known: list[str] | None, budget: int) -> dict[str, witness.Form]:
    """Tell what was absent and, when the load went well, what the object's tensors are; these are returned, too."""
    for name, reason in unpickler.absent.items():
        row = wire.Absent(name[: wire.MAX_NAME], reason[:512], unpickler.uses[name])
        _row(wire.Kind.ABSENT, row)
    return witness.testify(result, _say, known, budget) if loaded else {}


def main() -> None:
    """Serve one order."""
    order = json.loads(sys.stdin.buffer.read())
    processes.become(order["uid"], order["gid"])
    with contextlib.suppress(OSError):  # where /proc is read-only the kernel picks the largest, which is this one
        Path("/proc/self/oom_score_adj").write_text(_OOM_FIRST, encoding="ascii")
    processes.limit(order["rlimits"])
    sys.path += order["layers"]  # last: nothing of theirs stands before what every jail has
    _import(order["preload"])
    told = json.loads(_command())
    _import(needed([*(form for _, form, _ in told["files"]), *told["inside"]], told["modules"]))
    if order["code"] and code.present(order["files"]):
        _import(list(TORCH))  # which nearly all of it is about; later it would be noise
    witness.prepare()
    _shift(order["clock"])
    _arm(order)
    told_why = hints.Hints(lambda row: _row(wire.Kind.HINT, row))
    told_why.install()
    result, loaded = _load(order, told)
    if _command() == "witness":
        known = told["known"] if order["returned"] else None
        seen = _testify(result, loaded, known, order["witness_bytes"])
        if loaded and order["exercise"] and _command() == "exercise":
            told_why.renew()
            exercise.Exercise(result, seen, lambda row: _row(wire.Kind.HINT, row), order["witness_bytes"]).run()
    os.close(processes.FRAMES)
    select.select([processes.COMMANDS], [], [], _PATIENCE)  # PID 1 notes that the end begins


if __name__ == "__main__":
    main()
