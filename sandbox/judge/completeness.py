"""What was not looked at, and what the host saw go wrong: facts for rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sandbox.facts import DynamicFacts, Evidence, HostFacts, Input, ProcessEnd, StaticFacts
from sandbox.judge.dynamic import Fact

_SIGSYS = 31
_SHOWN = 5  # names in one sentence
_INSIDE = "inside"  # how a format was found that is a file's of a folder or an archive
_NEEDS_NO_READER = {"safetensors": "format.safetensors", "git-lfs": "format.pointer"}
# Archives that nobody who looks for pickles opens.
_HIDES = ", nor opened by scanners, and pickles were brought past them in such archives (nullifAI)"
_SEALED = {"7z": _HIDES, "rar": _HIDES}
FOLDER = "folder"  # what the readers call a folder as a whole


def facts(evidence: Evidence, formats: Mapping[str, str]) -> Iterator[Fact]:
    """Everything that is missing or went wrong."""
    yield from _formats(evidence.static, formats)
    yield from _reading(evidence.static)
    yield from _host(evidence.host, evidence.dynamic.armed)
    yield from _beyond(evidence.input)
    if evidence.dynamic.asked:
        yield from _loading(evidence.dynamic)
        yield from _watching(evidence)
    for absent in evidence.dynamic.absent:
        yield "absent", f"absent: {absent.name}: {absent.reason}", absent.name, ""


def _formats(static: StaticFacts, titles: Mapping[str, str]) -> Iterator[Fact]:
    is_folder = any(fact.name == FOLDER for fact in static.formats)
    nothing_loads = not any(fact.supported and fact.name != FOLDER for fact in static.formats)
    for fact in static.formats:
        alone = fact.by == "content" or (fact.primary and fact.by != _INSIDE)
        # Beside files that are read it is listed; where all are of this sort there is nothing to judge.
        if not fact.supported and (alone or (is_folder and nothing_loads)):
            says = _NEEDS_NO_READER.get(fact.name, "format.unsupported")
            yield says, f"format: {fact.name}", titles.get(fact.name, fact.name), _SEALED.get(fact.name, "")
    if not {fact.name for fact in static.formats} - {FOLDER} and static.complete:
        yield "format.none", "formats: none", "", ""


def _reading(static: StaticFacts) -> Iterator[Fact]:
    end = static.end
    if not static.complete and not _nothing_to_read(static):
        yield "reader.incomplete", f"reader: {static.reason}", static.reason.rstrip("."), ""
    elif static.complete and (end is None or end.exit != 0):
        said = "its end was not seen" if end is None else f"it ended with {end.exit}"
        yield "reader.incomplete", f"reader: {said}", said, ""
    if end is not None and end.exit == -_SIGSYS:
        yield "reader.killed", f"reader: killed by signal {_SIGSYS}", "", ""
    if end is not None and end.alive:
        yield from _alive("reader", "reader.leftover", end)


def _nothing_to_read(static: StaticFacts) -> bool:
    """Whether the file is one that waits for no reader, which is said already, and nothing else."""
    return len(static.formats) == 1 and static.formats[0].name in _NEEDS_NO_READER


def _beyond(given: Input | None) -> Iterator[Fact]:
    """Files of a folder that the jail was not given."""
    names = given.beyond if given else ()
    if names:
        shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        yield "folder.beyond", f"folder: not looked at: {shown}", str(len(names)), shown


def _alive(process: str, fact: str, end: ProcessEnd) -> Iterator[Fact]:
    for name in end.alive:
        yield fact, f"{process}: still running: {name}", name, ""


def _host(host: HostFacts, armed: bool) -> Iterator[Fact]:
    rows = (
        ("guest.forged" if armed else "guest.garbled", host.wire),
        ("host.ranges", host.ranges),
        ("host.plan", host.plan),
        ("host.input_changed", host.input_changed),
        ("host.timed_out", host.timed_out),
        ("host.jail", host.jail),
    )
    for fact, sentence in rows:
        if sentence:
            yield fact, f"host: {sentence}", sentence.rstrip("."), ""


def _loading(dynamic: DynamicFacts) -> Iterator[Fact]:
    """How the load ended, when it didn't end well."""
    if not dynamic.armed:
        yield "load.unarmed", "load: the filter was never armed", "", ""
    elif dynamic.loaded is False:
        yield "load.failed", f"load: {dynamic.load_error}", dynamic.load_error.rstrip("."), ""
    elif dynamic.loaded is None and dynamic.end is None:
        yield "load.silent", "load: no word of its end", "", ""
    elif dynamic.loaded is None and dynamic.end is not None:
        code = dynamic.end.exit
        fact, subject = ("load.vanished", str(code)) if code >= 0 else ("load.killed", str(-code))
        yield fact, f"load: ended with {code} before it said how it went", subject, ""
    # Before its word on the load, what still lives is the load itself: out of time, which is said elsewhere.
    if dynamic.end is not None and dynamic.loaded is not None:
        yield from _alive("loader", "load.leftover", dynamic.end)


def _watching(evidence: Evidence) -> Iterator[Fact]:
    """Whether the watch saw it all."""
    dynamic, host = evidence.dynamic, evidence.host
    if dynamic.armed and not dynamic.ended:
        yield "watch.lost", "watch: no end frame", "", ""
        # The host ends a jail that is out of time, and the kernel one that is out of memory: those are not attacks.
        if not host.timed_out and not host.jail:
            yield "watch.killed", "watch: no end frame, and nothing on the host ended the jail", "", ""
    elif dynamic.ended and dynamic.armed and not dynamic.observer_outlived_loader:
        yield "watch.lost", "watch: the observer ended before the loader", ": its observer ended first", ""
    counters = (
        ("watch.dropped", dynamic.dropped, "events dropped"),
        ("watch.unreadable", dynamic.unreadable, "calls unreadable"),
        ("watch.decoys", dynamic.decoy_overflow, "overflows of the decoys' watch"),
    )
    for fact, number, what in counters:
        if number:
            yield fact, f"watch: {number} {what}", str(number), ""
