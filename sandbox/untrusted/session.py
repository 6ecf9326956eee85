"""The order in which frames may come, and what they add up to. Pure: bytes in, checked rows and facts out.

Whoever breaks the order or a bound has ended the exchange: ProtocolError.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterator
from enum import Enum
from typing import Any

from sandbox.errors import ProtocolError
from sandbox.facts import (
    Absent,
    Artifact,
    Conversation,
    DynamicFacts,
    Event,
    FormatFact,
    GlobalUse,
    Hint,
    LeftOut,
    Oddity,
    ProcessEnd,
    Resources,
    StaticFacts,
    TextFact,
    Witness,
)
from sandbox.untrusted import wire
from sandbox.untrusted.wire import Kind


class Phase(Enum):
    """Where the exchange stands."""

    START = "before the jail's first word"
    READING = "while the reader lives"
    PLANNED = "after the plan"
    READ = "after the reader's last word"
    WAITING = "after the reader's death"
    LOADING = "after the arming"
    LOADED = "after the loader's word that it is done"
    TESTIFIED = "after the loader's testimony"
    OVER = "after the loader's death"
    MEASURED = "after the samples"
    ENDED = "after the last frame"


_ROWS = {Kind.FORMAT, Kind.LEFT_OUT, Kind.GLOBAL, Kind.ODDITY, Kind.TEXT, Kind.META, Kind.RANGES}
_READER = {*_ROWS, Kind.READ_END, Kind.EVENT}
_LOADER = {Kind.EVENT, Kind.HINT, Kind.LOADER_GONE, Kind.OUTPUT, Kind.CONVERSATION, Kind.ARTIFACT}
_TESTIMONY = {Kind.WITNESS, Kind.ABSENT, Kind.RETURNED, Kind.RETURNED_DATA, Kind.TESTIFIED}

# Which kinds may come in which phase. The reader can die in any of its phases.
ALLOWED: dict[Phase, frozenset[Kind]] = {
    Phase.START: frozenset({Kind.HELLO}),
    Phase.READING: frozenset({*_READER, Kind.TENSOR, Kind.PLAN_END, Kind.OUTPUT, Kind.READER_GONE}),
    Phase.PLANNED: frozenset({*_READER, Kind.DATA, Kind.OUTPUT, Kind.READER_GONE}),
    Phase.READ: frozenset({Kind.EVENT, Kind.OUTPUT, Kind.READER_GONE}),
    Phase.WAITING: frozenset({Kind.ARMED, Kind.EVENT, Kind.OUTPUT, Kind.LOADER_GONE, Kind.END}),
    Phase.LOADING: frozenset({*_LOADER, Kind.LOADED}),
    Phase.LOADED: frozenset({*_LOADER, *_TESTIMONY}),
    Phase.TESTIFIED: frozenset(_LOADER),
    Phase.OVER: frozenset({Kind.RESOURCES, Kind.EVENT, Kind.CONVERSATION, Kind.ARTIFACT, Kind.END}),
    Phase.MEASURED: frozenset({Kind.EVENT, Kind.END}),
    Phase.ENDED: frozenset(),
}
NEXT: dict[Kind, Phase] = {
    Kind.HELLO: Phase.READING,
    Kind.PLAN_END: Phase.PLANNED,
    Kind.READ_END: Phase.READ,
    Kind.READER_GONE: Phase.WAITING,
    Kind.ARMED: Phase.LOADING,
    Kind.LOADED: Phase.LOADED,
    Kind.TESTIFIED: Phase.TESTIFIED,
    Kind.LOADER_GONE: Phase.OVER,
    Kind.RESOURCES: Phase.MEASURED,
    Kind.END: Phase.ENDED,
}

# Rows of each kind that one exchange may hold: far above any honest file's, and small in memory.
MOST: dict[Kind, int] = {
    Kind.FORMAT: 4_096,
    Kind.LEFT_OUT: 250_000,
    Kind.GLOBAL: 50_000,
    Kind.ODDITY: 20_000,
    Kind.TEXT: 4_000,
    Kind.RANGES: 4_000,
    Kind.EVENT: 20_000,
    Kind.WITNESS: 250_000,
    Kind.ABSENT: 10_000,
    Kind.HINT: 1_000,
    Kind.RETURNED: 250_000,
    Kind.OUTPUT: 8,
    Kind.CONVERSATION: 1_000,
    Kind.ARTIFACT: 1_000,
}

# What a value takes of the host's memory beyond its text, about: a shape of 64 small numbers is 36 bytes each.
_VALUE = 16
# Bytes of frames whose rows are kept: twice what the longest honest plan needs. As Python's text they take up to four
# times as much, and without a bound of their own 250,000 rows with names of 4,096 characters took 9 GB.
MOST_HELD = 128 << 20

_SERIES = ("at", "cpu", "memory", "threads", "descriptors", "processes")  # of RESOURCES: one point each

_FACTS: dict[Kind, type[Any]] = {
    Kind.FORMAT: FormatFact,
    Kind.LEFT_OUT: LeftOut,
    Kind.GLOBAL: GlobalUse,
    Kind.ODDITY: Oddity,
    Kind.TEXT: TextFact,
    Kind.WITNESS: Witness,
    Kind.ABSENT: Absent,
    Kind.HINT: Hint,
    Kind.CONVERSATION: Conversation,
    Kind.ARTIFACT: Artifact,
}
_BYTES = ("sent", "answered", "content")  # fields that travel in base64


class Session:
    """One exchange. Feed it bytes; it yields what the caller must act on and keeps the rest as facts."""

    def __init__(self) -> None:
        self.phase = Phase.START
        self._decoder = wire.Decoder()
        self._rows: dict[Kind, list[Any]] = {kind: [] for kind in MOST}
        self._events: dict[int, Event] = {}
        self._hint_of: dict[int, int] = {}
        self._single: dict[Kind, Any] = {}
        self._held = 0

    def feed(self, untrusted_bytes: bytes) -> Iterator[tuple[Kind, Any]]:
        """Every frame these bytes complete, in order: its checked row, or the raw payload of DATA and META."""
        try:
            for kind, untrusted_payload in self._decoder.feed(untrusted_bytes):
                yield kind, self._take(kind, untrusted_payload)
        except wire.WireError as error:
            raise ProtocolError(f"the jail broke the protocol: {error}") from None

    @property
    def hello(self) -> wire.Hello | None:
        return self._single.get(Kind.HELLO)

    @property
    def loader_limits(self) -> dict[str, int]:
        armed: wire.Armed | None = self._single.get(Kind.ARMED)
        return armed.limits if armed else {}

    @property
    def read_end(self) -> wire.ReadEnd | None:
        return self._single.get(Kind.READ_END)

    @property
    def ranges(self) -> list[wire.Ranges]:
        return self._rows[Kind.RANGES]

    def _take(self, kind: Kind, untrusted_payload: bytes) -> Any:
        if kind not in ALLOWED[self.phase]:
            raise ProtocolError(f"the jail sent {kind.name} {self.phase.value}")
        self.phase = NEXT.get(kind, self.phase)
        if kind in wire.RAW:
            return untrusted_payload
        self._hold(kind, len(untrusted_payload) + _VALUE * untrusted_payload.count(b","))
        row = wire.decode(kind, untrusted_payload)
        if kind == Kind.EVENT:
            self._keep_event(Event(**_values(row)))
            self._bound(kind, len(self._events))
        elif kind in MOST:
            self._rows[kind].append(_FACTS[kind](**_values(row)) if kind in _FACTS else row)
            self._bound(kind, len(self._rows[kind]))
        elif kind in NEXT:
            self._single[kind] = row
            if kind == Kind.RESOURCES and len({len(getattr(row, name)) for name in _SERIES}) > 1:
                raise ProtocolError("the jail sent a series with gaps")
        return row

    def _keep_event(self, event: Event) -> None:
        """What was told once stands: the same event may come again with a higher count, and in nothing else changed."""
        before = self._events.get(event.id)
        if before is not None and (
            dataclasses.replace(event, count=before.count) != before or event.count < before.count
        ):
            raise ProtocolError(f"the jail took back event {event.id}")
        self._hint_of.setdefault(event.id, len(self._rows[Kind.HINT]) - 1)
        self._events[event.id] = event

    def _hold(self, kind: Kind, size: int) -> None:
        self._held += size if kind in MOST else 0
        if self._held > MOST_HELD:
            raise ProtocolError(f"the jail sent more than {MOST_HELD >> 20} MiB of rows")

    def _bound(self, kind: Kind, count: int) -> None:
        if count > MOST[kind]:
            raise ProtocolError(f"the jail sent more than {MOST[kind]} {kind.name} rows")

    def static(self) -> StaticFacts:
        """What the reader said, as far as it got."""
        end = self.read_end
        return StaticFacts(
            formats=tuple(self._rows[Kind.FORMAT]),
            globals=tuple(self._rows[Kind.GLOBAL]),
            oddities=tuple(self._rows[Kind.ODDITY]),
            texts=tuple(self._rows[Kind.TEXT]),
            left_out=tuple(self._rows[Kind.LEFT_OUT]),
            complete=end is not None and end.complete,
            reason=end.reason if end else "the reader ended before it was done",
            end=self._process(Kind.READER_GONE),
        )

    def dynamic(self, *, asked: bool) -> DynamicFacts:
        """What the watch and the loader said, as far as they got."""
        armed: wire.Armed | None = self._single.get(Kind.ARMED)
        loaded: wire.Loaded | None = self._single.get(Kind.LOADED)
        facts = DynamicFacts(
            asked=asked,
            events=tuple(self._events.values()),
            witnesses=tuple(self._rows[Kind.WITNESS]),
            absent=tuple(self._rows[Kind.ABSENT]),
            hints=tuple(self._rows[Kind.HINT]),
            hint_of={event: hint for event, hint in self._hint_of.items() if hint >= 0},
            conversations=tuple(self._rows[Kind.CONVERSATION]),
            artifacts=tuple(self._rows[Kind.ARTIFACT]),
            printed=tuple((f"{row.process} {row.stream}", row.text, row.total) for row in self._rows[Kind.OUTPUT]),
            loaded=loaded.ok if loaded else None,
            load_error=loaded.error if loaded else "",
            end=self._process(Kind.LOADER_GONE),
        )
        if armed:
            named: dict[str, Any] = {"armed_at": armed.at, "tasks": armed.tasks, "imported": armed.imported}
            facts = dataclasses.replace(facts, armed=True, observer=armed.observer, **named)
        testified: wire.Testified | None = self._single.get(Kind.TESTIFIED)
        if testified:
            whole = testified.rows == len(facts.witnesses) and not testified.reason
            facts = dataclasses.replace(facts, testified=whole, testimony_gap=testified.reason)
        used: wire.Resources | None = self._single.get(Kind.RESOURCES)
        if used:
            facts = dataclasses.replace(facts, resources=Resources(**_values(used)))
        end: wire.End | None = self._single.get(Kind.END)
        if end is None:
            return facts
        counters = {name: getattr(end, name) for name in ("counts", "dropped", "unreadable", "decoy_overflow")}
        outlived = end.observer_outlived_loader
        return dataclasses.replace(facts, ended=True, observer_outlived_loader=outlived, **counters)

    def _process(self, kind: Kind) -> ProcessEnd | None:
        row = self._single.get(kind)
        return ProcessEnd(**_values(row)) if row else None


def _values(row: Any) -> dict[str, Any]:
    values = {spec.name: getattr(row, spec.name) for spec in dataclasses.fields(row)}
    return values | {name: base64.b64decode(values[name]) for name in _BYTES if name in values}
