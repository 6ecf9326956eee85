"""Evidence -> what led to what. Pure, and whatever the evidence says there is a story: it may all be lies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from sandbox.facts import Conversation, Event, Evidence, Process, Story, Talk
from sandbox.judge import wording
from sandbox.judge.dynamic import of_note
from sandbox.judge.rules import Rules
from sandbox.judge.teller import Teller
from sandbox.judge.tree import processes

MOST_ROWS = 300  # events and conversations that are told; a kind that floods leaves the others their share

_STRUCTURE = frozenset({"process.start", "process.image", "process.exit"})
_UNTOLD = frozenset({"phase", "clock", "cpu.load", "limit.time", "limit.memory", "finder.gap"})
_NETWORK = frozenset({"net.connect", "net.send", "net.dns", "net.listen"})
_RESOLVER = "53"

T = TypeVar("T")


def account(evidence: Evidence, talks: Sequence[Talk], rules: Rules) -> tuple[Story, tuple[Process, ...]]:
    """The story, empty when nothing happened but what loads do; and the processes.

    `talks`: what each of the conversations says, in their order.
    """
    noted = of_note(rules, evidence.dynamic.events)  # once for both: it is most of the work
    return _story(evidence, talks, noted), processes(evidence.dynamic, noted)


def _story(evidence: Evidence, talks: Sequence[Talk], noted: Sequence[Event]) -> Story:
    dynamic = evidence.dynamic
    said = list(zip(dynamic.conversations, talks, strict=False))
    parents = {wording.parent(event) for event in dynamic.events if event.kind == "process.start"}
    untold = [event for event in noted if event.kind not in _UNTOLD]
    ran = wording.ran(dynamic.events)
    tools = {row.pid for row, talk in said if talk.word and wording.is_tool(talk.word.tool, ran.get(row.pid, ()))}
    told = {id(event) for event in _without_prologues(untold, tools, parents)}
    if not told and not said:
        return Story()
    events = [event for event in dynamic.events if id(event) in told or event.kind in _STRUCTURE]
    rows: list[Event | tuple[Conversation, Talk]] = [*events, *said]
    chosen = {id(row) for row in _fair(rows, lambda row: row.kind if isinstance(row, Event) else "")}
    teller = Teller(dynamic, evidence.static, len(rows) - len(chosen))
    for event in sorted((event for event in events if id(event) in chosen), key=lambda event: event.at):
        teller.event(event)
    for conversation, talk in sorted((row for row in said if id(row) in chosen), key=lambda row: row[0].at):
        teller.conversation(conversation, talk)
    return teller.end()


def _without_prologues(events: Sequence[Event], tools: set[int], parents: set[int]) -> Iterator[Event]:
    """All but the steps that only prepare another one that is told.

    `tools`: processes that are planted tools, and have told. `parents`: those that have started others.
    """
    network = {event.pid for event in events if event.kind in _NETWORK}
    resolving = {event.pid for event in events if event.kind == "net.dns"}
    running = {event.pid for event in events if event.kind == "process.exec"}
    for event in events:
        place = wording.target(event)
        vfork = event.detail.get("flags") == "vfork"  # whose child can only run a program, or end
        prologues = (
            event.kind == "process.fork"
            and event.answer != "denied"
            and (event.pid in parents or (vfork and bool(running - {event.pid}))),
            event.kind == "net.socket" and event.pid in network,
            event.kind == "net.connect" and place is not None and place[1] == _RESOLVER and event.pid in resolving,
            event.kind == "net.connect" and place == wording.TOOLS and event.pid in tools,
        )
        if not any(prologues):
            yield event


def _fair(rows: Sequence[T], kind: Callable[[T], str]) -> list[T]:
    """At most so many of them, the first of each kind before the second of any."""
    seen: Counter[str] = Counter()
    ranked = []
    for place, row in enumerate(rows):
        seen[kind(row)] += 1
        ranked.append((seen[kind(row)], place))
    return [rows[place] for _, place in sorted(ranked)[:MOST_ROWS]]
