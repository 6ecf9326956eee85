"""What the watch saw, against the rules of the family `event`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from sandbox.facts import Cite, Conversation, DynamicFacts, Event
from sandbox.judge import spelling
from sandbox.judge.conditions import EventWhen
from sandbox.judge.rules import Match, Rule, Rules

Fact = tuple[str, str, str, str]  # id, evidence, subject, detail
_Place = tuple[str | None, str | None]  # address and port
_Sort = tuple[str, str, str]  # of an event: its kind, call and answer

# What an event is about, best first: the first of these that it has is its subject.
_SUBJECTS = ("argv", "name", "address", "path", "value", "family", "target", "size")

_PROGRAMS = frozenset({"process.exec", "process.image"})
_REACHING = frozenset({"net.connect", "net.send", "net.led"})  # their name is the one that the address was given for
_QUOTED = 80  # characters of what was sent


def matches(rules: Rules, dynamic: DynamicFacts) -> Iterator[Match]:
    """Each event with the first rule that takes it."""
    events = (*dynamic.events, *_only_counted(dynamic))
    rows = _Rows(rules, events)
    carriers: dict[_Place, list[Conversation]] = {}
    for conversation in dynamic.conversations:
        carriers.setdefault((conversation.address, str(conversation.port)), []).append(conversation)
    for event in events:
        row = rows.first(event)
        if row is not None:
            line = event_line(event) + (_carrier(event, carriers) if event.kind == "decoy.sent" else "")
            cite = Cite(event=event.id or None)
            yield Match(row, line, _concerned(event), str(event.count), cite=cite)


def _concerned(event: Event) -> str:
    """Its subject, but of a link what is made and not what it leads to."""
    return (event.kind == "file.link" and event.detail.get("target")) or subject(event)


def _carrier(event: Event, carriers: Mapping[_Place, Sequence[Conversation]]) -> str:
    """The conversation that it is about, and how that begins: "; conversation 3: POST /up HTTP/1.1"."""
    there = carriers.get((event.detail.get("address"), event.detail.get("port")), ())
    row = min(there, key=lambda row: (row.pid != event.pid, abs(row.at - event.at)), default=None)
    if row is None:
        return ""
    line = row.sent[: 4 * _QUOTED].lstrip().partition(b"\n")[0].rstrip()[:_QUOTED].decode("latin-1")
    return f"; conversation {row.id}" + (f": {spelling.without_arrows(line)}" if line else "")


class _Rows:
    """The rows for which these events are enough. Those that an event's kind, call and answer rule out are left out for
    all events of that sort: a load may have thousands."""

    def __init__(self, rules: Rules, events: Sequence[Event]) -> None:
        self._all = rules.of(EventWhen)
        self._of_sort: dict[_Sort, list[tuple[Rule, EventWhen]]] = {}
        needed = {id(when): when.rows for _, when in self._all if when.rows}
        met: Counter[int] = Counter()
        for event in events if needed else ():
            for _, when in self._of(event):
                if id(when) in needed and _takes(when, event):
                    met[id(when)] += 1 if event.id else event.count  # what arrived without a row counts as it counted
        self._all = [(row, when) for row, when in self._all if met[id(when)] >= when.rows]
        self._of_sort = {}

    def first(self, event: Event) -> Rule | None:
        """The first that takes it."""
        return next((row for row, when in self._of(event) if _takes(when, event)), None)

    def _of(self, event: Event) -> list[tuple[Rule, EventWhen]]:
        sort = (event.kind, event.call, event.answer)
        if sort not in self._of_sort:
            self._of_sort[sort] = [(row, when) for row, when in self._all if _takes_sort(when, sort)]
        return self._of_sort[sort]


def of_note(rules: Rules, events: Sequence[Event]) -> list[Event]:
    """Those that aren't what loads do: a rule takes them that spoils something."""
    rows = _Rows(rules, events)
    taken = ((event, rows.first(event)) for event in events)
    return [event for event, row in taken if row is not None and row.spoils]


def classes(rules: Rules) -> list[dict[str, Any]]:
    """What the rules tell apart among events, for whoever records them; numbers of events aside."""
    return [
        {
            "kinds": when.kinds,
            "calls": when.calls,
            "detail": {key: like.pattern for key, like in when.detail.items()},
            "value": when.value,
            "harmless": not row.spoils,
        }
        for book in reversed(list(rules.books()))  # a user's own tell apart what ours take together
        for row, when in book.of(EventWhen)
        if not when.count
    ]


def _only_counted(dynamic: DynamicFacts) -> list[Event]:
    """Kinds of which not one row arrived: judged as the barest event of the kind."""
    seen = {event.kind for event in dynamic.events}
    return [
        Event(0, kind, kind, "", 0, 0.0, count, {})
        for kind, count in sorted(dynamic.counts.items())
        if count and kind not in seen
    ]


def _takes_sort(when: EventWhen, sort: _Sort) -> bool:
    kind, call, answer = sort
    return (
        (not when.kinds or any(fnmatchcase(kind, glob) for glob in when.kinds))
        and (not when.calls or any(fnmatchcase(call, glob) for glob in when.calls))
        and (not when.answers or answer in when.answers)
    )


def _takes(when: EventWhen, event: Event) -> bool:
    """The conditions that ask for more than its sort."""
    return (
        event.count >= when.count
        and all(key in event.detail and like.fullmatch(event.detail[key]) for key, like in when.detail.items())
        and (not when.value or _number(event.detail.get("value", "")) * event.count >= when.value)
    )


def _number(untrusted_text: str) -> float:
    found = re.match(r"\d{1,15}(\.\d{1,9})?", untrusted_text)
    return float(found[0]) if found else 0.0


def subject(event: Event) -> str:
    """What the event is about, in a few words."""
    detail = event.detail
    if event.kind in _PROGRAMS and (detail.get("argv") or detail.get("path")):
        return spelling.command(detail.get("path", ""), detail.get("argv", ""))
    where = spelling.place(detail, named=event.kind in _REACHING)
    if event.kind == "decoy.sent" and "name" in detail:
        return f"the decoy {detail['name']}{f' to {where}' if where else ''}"
    if where:
        return where
    if "name" in detail and "path" in detail:
        return f"{detail['name']} ({detail['path']})"
    return next((detail[key] for key in _SUBJECTS if detail.get(key)), event.call)


def event_line(event: Event) -> str:
    """event 12: connect 203.0.113.7:4444 (denied)"""
    if not event.id:
        return f"{event.kind}: {event.count} counted, no row of them arrived"
    about = subject(event)
    about = spelling.without_arrows(spelling.quoted(about, len(about)) if about == event.detail.get("path") else about)
    towards = event.detail.get("target", "") if "path" in event.detail else ""
    target = f" -> {spelling.without_arrows(spelling.quoted(towards, len(towards)))}" if towards else ""
    text = f"event {event.id}: {event.call}{'' if about == event.call else f' {about}'}{target} ({event.answer})"
    how = event.detail.get("value", "") if event.kind in ("decoy.sent", "decoy.written") else ""
    text += f", {how}" if how else ""
    return f"{text}, {event.count} times" if event.count > 1 else text
