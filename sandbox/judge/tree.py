"""The processes of a load, from its events: who started whom, what each ran, reached and touched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sandbox.facts import DynamicFacts, Event, Process
from sandbox.judge import wording

MOST = 64  # addresses, and files, of one process; the events have them all

_REACHES = ("net.connect", "net.send", "net.listen")
_TOUCHES = ("file.", "decoy.", "home.")


@dataclass
class _Growing:
    """A process as far as it is known. The lists are dictionaries: each entry once, in order."""

    pid: int
    start: float
    parent: int = 0
    path: str = ""
    argv: str = ""
    end: float | None = None
    exit: int | None = None
    sockets: dict[str, None] = field(default_factory=dict)
    files: dict[str, None] = field(default_factory=dict)

    def done(self) -> Process:
        sockets, files = tuple(self.sockets)[:MOST], tuple(self.files)[:MOST]
        return Process(self.pid, self.parent, self.path, self.argv, self.start, self.end, self.exit, sockets, files)


def processes(dynamic: DynamicFacts, of_note: Iterable[Event]) -> tuple[Process, ...]:
    """Every process that an event names, in the order in which they were first seen.

    A number that was given again stands again. `of_note`: those of the events that aren't what loads do.
    """
    noted = {id(event) for event in of_note}
    stolen = {event.detail.get("path") for event in dynamic.events if event.kind in wording.BY_INOTIFY}
    current: dict[int, _Growing] = {}
    found: list[_Growing] = []
    for event in sorted(dynamic.events, key=lambda event: event.at):
        if not event.pid:
            continue  # seen by inotify, which doesn't say whose it is
        known = current.get(event.pid)
        if known is None or (event.kind == "process.start" and (known.parent or known.end is not None)):
            known = current[event.pid] = _Growing(event.pid, event.at)
            found.append(known)
        _take(known, event, noted=id(event) in noted or event.detail.get("path") in stolen)
    return tuple(process.done() for process in found)


def _take(process: _Growing, event: Event, *, noted: bool) -> None:
    detail = event.detail
    if event.kind in ("process.start", "process.image"):
        process.parent = wording.parent(event) or process.parent
        process.path, process.argv = detail.get("path", process.path), detail.get("argv", process.argv)
    elif event.kind == "process.exec" and process.parent and event.answer != "denied":
        # What makes no watched call has no image; a child that fails to become a program does nothing more.
        process.path, process.argv = detail.get("path", ""), detail.get("argv", "")
    elif event.kind == "process.exit":
        process.end, process.exit = event.at, wording.exit_code(event)
    elif event.kind in _REACHES and "address" in detail:
        process.sockets[f"{detail['address']}:{detail['port']}" if "port" in detail else detail["address"]] = None
    elif event.kind.startswith(_TOUCHES) and noted and "path" in detail:
        process.files[detail["path"]] = None
