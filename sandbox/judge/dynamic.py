"""What the watch saw, against the rules of the family `event`, and the planted secrets wherever they turned up."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from sandbox.facts import DynamicFacts, Event, Verdict
from sandbox.judge.rules import EventWhen, Match, Rule, Rules

Fact = tuple[str, str, str, str]  # id, evidence, subject, detail

# What an event is about, best first: the first of these that it has is its subject.
_SUBJECTS = ("argv", "name", "address", "path", "value", "family", "target", "size")
_SHORTEST_SECRET = 8  # anything shorter turns up by chance


def matches(rules: Rules, dynamic: DynamicFacts) -> Iterator[Match]:
    """Each event with the first rule that takes it."""
    rows = rules.of(EventWhen)
    for event in (*dynamic.events, *_only_counted(dynamic)):
        row = _row_of(rows, event)
        if row is not None:
            yield Match(row, event_line(event), subject(event), str(event.count))


def _row_of(rows: list[tuple[Rule, EventWhen]], event: Event) -> Rule | None:
    return next((row for row, when in rows if _takes(when, event)), None)


def of_note(rules: Rules, events: Iterable[Event]) -> list[Event]:
    """Those that aren't what loads do: a rule takes them that spoils something."""
    rows = rules.of(EventWhen)
    taken = ((event, _row_of(rows, event)) for event in events)
    return [event for event, row in taken if row is not None and row.verdict is not Verdict.CLEAN]


def classes(rules: Rules) -> list[dict[str, Any]]:
    """What the rules tell apart among events, for whoever records them; numbers of events aside."""
    return [
        {
            "kinds": when.kinds,
            "calls": when.calls,
            "detail": {key: like.pattern for key, like in when.detail.items()},
            "value": when.value,
            "harmless": row.verdict is Verdict.CLEAN,
        }
        for row, when in rules.of(EventWhen)
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


def _takes(when: EventWhen, event: Event) -> bool:
    conditions = (
        any(fnmatchcase(event.kind, kind) for kind in when.kinds),
        not when.calls or any(fnmatchcase(event.call, call) for call in when.calls),
        not when.answers or event.answer in when.answers,
        all(key in event.detail and like.fullmatch(event.detail[key]) for key, like in when.detail.items()),
        event.count >= when.count,
        not when.value or _number(event.detail.get("value", "")) * event.count >= when.value,
    )
    return all(conditions)


def _number(untrusted_text: str) -> float:
    found = re.match(r"\d{1,15}(\.\d{1,9})?", untrusted_text)
    return float(found[0]) if found else 0.0


def subject(event: Event) -> str:
    """What the event is about, in a few words."""
    detail = event.detail
    if "address" in detail:
        return f"{detail['address']}:{detail['port']}" if "port" in detail else detail["address"]
    if "name" in detail and "path" in detail:
        return f"{detail['name']} ({detail['path']})"
    return next((detail[key] for key in _SUBJECTS if detail.get(key)), event.call)


def event_line(event: Event) -> str:
    """event 12: connect 203.0.113.7:4444 (denied)"""
    if not event.id:
        return f"{event.kind}: {event.count} counted, no row of them arrived"
    about = subject(event)
    target = f" -> {event.detail['target']}" if event.detail.get("target") and "path" in event.detail else ""
    text = f"event {event.id}: {event.call}{'' if about == event.call else f' {about}'}{target} ({event.answer})"
    return f"{text}, {event.count} times" if event.count > 1 else text


def secrets(dynamic: DynamicFacts, decoys: dict[str, str]) -> Iterator[Fact]:
    """The planted secrets that turned up in an event, or in what the load printed or said."""
    # Put in lower case once: a guest may send a hundred megabytes, and there are a hundred spellings.
    events = [(event, _lower(event.detail.values())) for event in dynamic.events]
    printed = [text for _, text, _ in dynamic.printed]
    said = _lower(
        [*printed, dynamic.load_error, *(text for hint in dynamic.hints for text in (hint.detail, hint.because))]
    )
    for what, value in sorted(decoys.items()):
        if len(value) < _SHORTEST_SECRET:
            continue
        spellings = _spellings(value)
        for event, detail in events:
            if _holds(detail, spellings):
                yield "decoy.sent", f"{event_line(event)}: holds {what}", what, subject(event)
        if _holds(said, spellings):
            yield "decoy.printed", f"output of the load: holds {what}", what, ""


def _lower(untrusted_texts: Iterable[str]) -> str:
    """All of them in one; no spelling of a secret holds a line break."""
    return "\n".join(untrusted_texts).lower()


def _holds(untrusted_text: str, spellings: frozenset[str]) -> bool:
    return any(spelling in untrusted_text for spelling in spellings)


def _spellings(value: str) -> frozenset[str]:
    """The value as it is, reversed, as hexadecimal, base32, and base64 at each alignment; in lower case."""
    raw = value.encode()
    found = {value, value[::-1], raw.hex(), base64.b32encode(raw).decode().rstrip("=")[:-1]}
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        inner = text[shift + 1 if shift else 0 : -1]  # the characters at either end also hold bits of what is beside
        found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return frozenset(text.lower() for text in found)
