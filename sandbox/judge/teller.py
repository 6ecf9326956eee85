"""Events and conversations, one by one -> the nodes of a story.

A cause is always a node that stands already, so there are no circles. What has no cause that is known is a beginning.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sandbox.facts import Conversation, DynamicFacts, Event, Node, StaticFacts, Story, Talk
from sandbox.judge import wording
from sandbox.judge.because import Because

MOST_NODES = 400
# Of which what comes later finds room in any case: what was stolen, and what was said.
_FOR_SECRETS, _FOR_TALKS = 20, 40
MOST_READERS = 16  # processes remembered to have read one path


@dataclass
class _Actor:
    """What is known of one process so far. `node`: the last step that made it what it is."""

    name: str = ""
    node: int | None = None
    started: bool = False  # what started it is known, so it is not the loader
    tried: Event | None = None  # an exec that no image has confirmed
    tried_node: int | None = None


class Teller:
    """Feed it the events in the order of time, then the conversations; `end` gives the story."""

    def __init__(self, dynamic: DynamicFacts, static: StaticFacts, more: int) -> None:
        self._nodes: list[Node] = []
        self._more = more
        self._most = MOST_NODES - _FOR_TALKS - _FOR_SECRETS
        self._because = Because(dynamic, static)
        self._roots: dict[tuple[int | None, str], int | None] = {}
        self._actors: dict[int, _Actor] = {}
        self._reached: dict[wording.Place, list[Node]] = {}
        self._talked: dict[wording.Place, list[Node]] = {}
        self._asked: dict[str, Node] = {}
        self._written: dict[str, Node] = {}
        self._secrets: list[Event] = []
        self._ran = wording.ran(dynamic.events)
        self._phases = sorted((event.at, event.call[:32]) for event in dynamic.events if event.kind == "phase")
        self._readers: dict[str, list[Event]] = {}
        for event in dynamic.events:
            if event.kind == "file.read":
                readers = self._readers.setdefault(event.detail.get("path", ""), [])
                readers.extend([event] if len(readers) < MOST_READERS else [])
        self._acts = {
            "process.start": self._start,
            "process.exec": self._exec,
            "process.image": self._image,
            "process.exit": self._exit,
            "decoy.sent": self._secrets.append,
        }

    def event(self, event: Event) -> None:
        self._acts.get(event.kind, self._other)(event)

    def end(self) -> Story:
        """What was stolen is told last: it left in conversations."""
        self._most = MOST_NODES
        for event in self._secrets:
            place = wording.target(event)
            carriers = place and (self._talked.get(place) or self._reached.get(place))
            carrier = _nearest(carriers or (), event)
            self._does(event, carrier.id if carrier else self._cause(event), event.pid)
        return Story(tuple(self._nodes), self._more)

    def conversation(self, said: Conversation, talk: Talk) -> None:
        """Its request, caused by the connect or by the process that speaks, and its answer."""
        self._most = MOST_NODES - _FOR_SECRETS
        if talk.kind == "dns" and talk.name in self._asked:
            return  # the event has told it
        place = (wording.plain_address(said.address), str(said.port))
        speaker = self._actors.get(said.pid, _Actor())
        connect = _nearest(self._reached.get(place, ()), said)
        told = talk.word is not None and wording.is_tool(talk.word.tool, self._ran.get(said.pid, ()))
        if told or (connect and connect.pid != said.pid and speaker.node is not None):
            connect = None
        to = "" if connect or told else f"{wording.whom(said)}: "
        forged = "(forged word of a tool) " if talk.word and not told else ""
        text = (to + forged + talk.asked)[: wording.MAX_TEXT]
        cause = connect.id if connect else speaker.node
        asked = self._add(Node(0, cause, "talk", said.at, said.pid, text, hint=told, conversation=said.id))
        if asked:
            self._talked.setdefault(place, []).append(asked)
            if talk.answer:
                self._add(replace(asked, cause=asked.id, kind="answer", text=talk.answer))

    def _add(self, step: Node) -> Node | None:
        """The step with its number and phase; None, and counted, when there are enough."""
        if len(self._nodes) >= self._most:
            self._more += 1
            return None
        self._nodes.append(replace(step, id=len(self._nodes) + 1, phase=self._phase(step.at)))
        return self._nodes[-1]

    def _step(self, event: Event, cause: int | None, text: str) -> int | None:
        """The number of a step made of that event; the cause's own where there is no more room."""
        step = Node(0, cause, event.kind, event.at, event.pid, text, event=event.id, count=event.count)
        added = self._add(step)
        return added.id if added else cause

    def _phase(self, at: float) -> str:
        place = bisect_right(self._phases, at, key=lambda phase: phase[0])
        return self._phases[place - 1][1] if place else ""

    def _actor(self, pid: int) -> _Actor:
        return self._actors.setdefault(pid, _Actor())

    def _cause(self, event: Event) -> int | None:
        node = self._actor(event.pid).node
        return self._beginning(event) if node is None else node

    def _beginning(self, event: Event) -> int | None:
        """One node for each reason, whatever it led to."""
        cause: int | None = None
        for kind, text in self._because.reasons(event, self._phase(event.at)):
            key = (cause, text)
            if key not in self._roots:
                pid = wording.parent(event) or event.pid
                added = self._add(Node(0, cause, kind, event.at, pid, text, hint=kind != "phase"))
                self._roots[key] = added.id if added else cause
            cause = self._roots[key]
        return cause

    def _start(self, event: Event) -> None:
        parent = self._actor(wording.parent(event))
        cause = self._beginning(event) if parent.node is None else parent.node
        who = parent.name or ("" if cause else "the load")
        node = self._step(event, cause, f"{who} forks".strip())
        self._actors[event.pid] = _Actor(parent.name or wording.program(event), node, started=True)

    def _exec(self, event: Event) -> None:
        """A name that is tried folder by folder is one step. What was refused, or failed, leads nowhere."""
        actor = self._actor(event.pid)
        tried, actor.tried = actor.tried, event
        if tried and (tried.answer, wording.command(tried)) == (event.answer, wording.command(event)):
            return
        denied = " (denied)" if event.answer == "denied" else ""
        actor.tried_node = self._step(event, self._cause(event), wording.command(event) + denied)
        if actor.started and not denied:  # a child that fails to become a program does nothing more
            actor.node, actor.name = actor.tried_node, wording.program(event)

    def _image(self, event: Event) -> None:
        actor = self._actor(event.pid)
        tried = actor.tried if actor.tried and actor.tried.answer != "denied" else None
        cause = actor.tried_node if tried else self._cause(event)
        node = self._step(event, cause, wording.command(event))
        # The name that was asked for says more than what it is a link to.
        self._actors[event.pid] = _Actor(wording.program(tried or event), node, started=True)

    def _exit(self, event: Event) -> None:
        actor = self._actor(event.pid)
        if actor.started:
            code = wording.exit_code(event)
            ends = "is gone" if code is None else f"ends with {code}"
            self._step(event, actor.node, f"{actor.name} {ends}".strip())

    def _other(self, event: Event) -> None:
        pid, detail = event.pid, event.detail
        if event.kind in wording.BY_INOTIFY:
            reader = _nearest(self._readers.get(detail.get("path", ""), ()), event)
            pid = reader.pid if reader else pid
            event = replace(event, pid=pid)
        cause: int | None = None
        if event.kind == "net.connect" and detail.get("name") in self._asked:
            cause = self._asked[detail["name"]].id
        elif event.kind == "decoy.written" and detail.get("path") in self._written:
            cause = self._written[detail["path"]].id
        done = self._does(event, self._cause(event) if cause is None else cause, pid)
        if done:
            self._remember(event, done)

    def _remember(self, event: Event, node: Node) -> None:
        place = wording.target(event)
        if event.kind in ("net.connect", "net.send") and place:
            self._reached.setdefault(place, []).append(node)
        if event.kind == "net.dns":
            self._asked[event.detail.get("name", "")] = node
        if event.kind == "file.write":
            self._written[event.detail.get("path", "")] = node

    def _does(self, event: Event, cause: int | None, pid: int) -> Node | None:
        """A step of the process: who, unless the step before says it, and what."""
        actor = self._actor(pid)
        who = "the load" if cause is None else actor.name
        if cause is not None and cause != actor.node and self._nodes[cause - 1].pid == pid:
            who = ""
        text = f"{who} {wording.doing(event)}".strip()[: wording.MAX_TEXT]
        return self._add(Node(0, cause, event.kind, event.at, pid, text, event=event.id, count=event.count))


Row = TypeVar("Row", Event, Node)


def _nearest(rows: Sequence[Row], to: Event | Conversation) -> Row | None:
    """The same process's before another's, then the nearest in time."""
    return min(rows, key=lambda row: (row.pid != to.pid, abs(row.at - to.at)), default=None)
