"""The order in which frames may come: every kind in every phase, every bound, and nothing but HostileError."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.errors import HostileError
from sandbox.facts import ProcessEnd
from sandbox.untrusted import session as session_module
from sandbox.untrusted import wire
from sandbox.untrusted.session import Phase, Session
from sandbox.untrusted.wire import Kind

RESOURCES = wire.Resources(
    0.2, 3, 1.5, 0.5, 0.25, 1 << 28, 4, 9, 1, (0.2, 0.4), (0.1, 1.5), (1 << 20, 1 << 28), (1, 4), (9, 8), (1, 1)
)
GONE = wire.Gone(0, 1.0, 0.5, 1 << 20, ())
ROWS: dict[Kind, Any] = {
    Kind.HELLO: wire.Hello(1, "3.11.2", "Linux 6.1", 1000, True, 2, "0/0", ("lo",), {"AS": 1 << 34}),
    Kind.FORMAT: wire.Format("torch_zip", True, True, "content"),
    Kind.TENSOR: wire.Tensor(0, "a", "F32", (2,), (1,), "copied", "data/0", 64, 8, -1),
    Kind.LEFT_OUT: wire.LeftOut("c", "a quantized tensor"),
    Kind.GLOBAL: wire.GlobalUse("pickle", "os.system", "reduce", False, "GLOBAL", "", 0, 1, "('id',)"),
    Kind.TEXT: wire.Text("torch_zip", "url", "", "https://x.invalid/", (), False, "data.pkl", 10),
    Kind.ODDITY: wire.Oddity("torch_zip", "zip.duplicate", "data.pkl twice", "data.pkl", 10),
    Kind.PLAN_END: wire.PlanEnd(1, 8),
    Kind.RANGES: wire.Ranges((0,), (10,)),
    Kind.READ_END: wire.ReadEnd(True, "", 100, "0" * 64, 12, ("torch",)),
    Kind.READER_GONE: GONE,
    Kind.ARMED: wire.Armed("notify", 4, ("torch",), 1.5, {"AS": 1 << 34}),
    Kind.EVENT: wire.Event(1, "net.connect", "connect", "denied", 7, 1.0, 1, {"address": "192.0.2.1"}),
    Kind.LOADED: wire.Loaded(True, "", 0.1),
    Kind.WITNESS: wire.Witness("a", "F32", (2,), "f" * 64),
    Kind.ABSENT: wire.Absent("models.yolo.Model", "ModuleNotFoundError", 1),
    Kind.HINT: wire.Hint("os.system", "id", "posix.system", ()),
    Kind.RETURNED: wire.Returned(0, "made", "F32", (1,)),
    Kind.OUTPUT: wire.Output("loader", "stdout", "hello\n", 6),
    Kind.TESTIFIED: wire.Testified(1, ""),
    Kind.LOADER_GONE: GONE,
    Kind.END: wire.End({"net.connect": 1}, 2, 3, 4, True),
    Kind.RESOURCES: RESOURCES,
    Kind.CONVERSATION: wire.Conversation(1, 7, 1.2, "tcp", "203.0.113.9", 80, "example.org", "http", "R0VU", 3, "", 0),
    Kind.ARTIFACT: wire.Artifact("/tmp/x", "left", 0o644, 2, "f" * 64, "aGk="),
}
DETONATED = ("CONVERSATION", "ARTIFACT")  # what only a load that may talk and write leaves
RAW = {
    Kind.ORDER: b"{}",
    Kind.DATA: wire.DATA_HEAD.pack(0) + b"12345678",
    Kind.META: b"{}",
    Kind.RETURNED_DATA: wire.DATA_HEAD.pack(0) + b"1234",
}


def frame(kind: Kind) -> bytes:
    return wire.frame(kind, RAW[kind]) if kind in RAW else wire.encode(kind, ROWS[kind])


# The shortest way into each phase.
WAY: dict[Phase, list[Kind]] = {
    Phase.START: [],
    Phase.READING: [Kind.HELLO],
    Phase.PLANNED: [Kind.HELLO, Kind.PLAN_END],
    Phase.READ: [Kind.HELLO, Kind.PLAN_END, Kind.READ_END],
    Phase.WAITING: [Kind.HELLO, Kind.READER_GONE],
    Phase.LOADING: [Kind.HELLO, Kind.READER_GONE, Kind.ARMED],
    Phase.LOADED: [Kind.HELLO, Kind.READER_GONE, Kind.ARMED, Kind.LOADED],
    Phase.TESTIFIED: [Kind.HELLO, Kind.READER_GONE, Kind.ARMED, Kind.LOADED, Kind.TESTIFIED],
    Phase.OVER: [Kind.HELLO, Kind.READER_GONE, Kind.ARMED, Kind.LOADED, Kind.LOADER_GONE],
    Phase.MEASURED: [Kind.HELLO, Kind.READER_GONE, Kind.ARMED, Kind.LOADED, Kind.LOADER_GONE, Kind.RESOURCES],
    Phase.ENDED: [Kind.HELLO, Kind.READER_GONE, Kind.END],
}
# What each phase hears, and where that leads; "" stays. Written out once more, against the table of the code.
HEARD: dict[Phase, dict[str, str]] = {
    Phase.START: {"HELLO": "READING"},
    Phase.READING: dict.fromkeys(
        ["FORMAT", "TENSOR", "LEFT_OUT", "GLOBAL", "ODDITY", "TEXT", "META", "RANGES", "EVENT", "OUTPUT"], ""
    )
    | {"PLAN_END": "PLANNED", "READ_END": "READ", "READER_GONE": "WAITING"},
    Phase.PLANNED: dict.fromkeys(
        ["FORMAT", "LEFT_OUT", "GLOBAL", "ODDITY", "TEXT", "META", "RANGES", "EVENT", "OUTPUT", "DATA"], ""
    )
    | {"READ_END": "READ", "READER_GONE": "WAITING"},
    Phase.READ: {"EVENT": "", "OUTPUT": "", "READER_GONE": "WAITING"},
    Phase.WAITING: {"EVENT": "", "OUTPUT": "", "ARMED": "LOADING", "LOADER_GONE": "OVER", "END": "ENDED"},
    Phase.LOADING: dict.fromkeys(["EVENT", "HINT", "OUTPUT", *DETONATED], "")
    | {"LOADED": "LOADED", "LOADER_GONE": "OVER"},
    Phase.LOADED: dict.fromkeys(["EVENT", "HINT", "OUTPUT", *DETONATED], "")
    | dict.fromkeys(["WITNESS", "ABSENT", "RETURNED", "RETURNED_DATA"], "")
    | {"TESTIFIED": "TESTIFIED", "LOADER_GONE": "OVER"},
    Phase.TESTIFIED: dict.fromkeys(["EVENT", "HINT", "OUTPUT", *DETONATED], "") | {"LOADER_GONE": "OVER"},
    Phase.OVER: dict.fromkeys(["EVENT", *DETONATED], "") | {"RESOURCES": "MEASURED", "END": "ENDED"},
    Phase.MEASURED: {"EVENT": "", "END": "ENDED"},
    Phase.ENDED: {},
}


def at(phase: Phase) -> Session:
    session = Session()
    for kind in WAY[phase]:
        list(session.feed(frame(kind)))
    assert session.phase is phase
    return session


@pytest.mark.parametrize("kind", sorted(Kind), ids=lambda kind: kind.name)
@pytest.mark.parametrize("phase", list(Phase), ids=lambda phase: phase.name)
def test_every_kind_in_every_phase(phase: Phase, kind: Kind) -> None:
    session = at(phase)
    if kind.name not in HEARD[phase]:
        with pytest.raises(HostileError, match=kind.name):
            list(session.feed(frame(kind)))
        return
    ((heard, row),) = session.feed(frame(kind))
    assert heard is kind
    assert row == (RAW[kind] if kind in RAW else ROWS[kind])
    assert session.phase is Phase[HEARD[phase][kind.name] or phase.name]


def test_a_series_has_a_value_for_each_of_its_points() -> None:
    session = at(Phase.OVER)
    with pytest.raises(HostileError, match="gaps"):
        list(session.feed(wire.encode(Kind.RESOURCES, dataclasses.replace(RESOURCES, memory=(1,)))))


def test_what_was_used_is_a_fact() -> None:
    used = at(Phase.MEASURED).dynamic(asked=True).resources
    assert used is not None
    assert vars(used) == vars(RESOURCES)


def test_the_plan_is_closed_before_the_load() -> None:
    """No TENSOR after the plan's end, none after the reader's death: what runs later can't add to it."""
    assert [phase for phase in Phase if Kind.TENSOR in session_module.ALLOWED[phase]] == [Phase.READING]
    assert [phase for phase in Phase if Kind.PLAN_END in session_module.ALLOWED[phase]] == [Phase.READING]


def test_what_was_said_and_left_are_bytes_again() -> None:
    session = at(Phase.OVER)
    for kind in (Kind.CONVERSATION, Kind.ARTIFACT):
        list(session.feed(frame(kind)))
    facts = session.dynamic(asked=True)
    assert (facts.conversations[0].sent, facts.artifacts[0].content) == (b"GET", b"hi")


def test_an_event_keeps_the_hint_that_came_before_it() -> None:
    session = at(Phase.LOADING)
    event = ROWS[Kind.EVENT]
    for number, kind in enumerate((Kind.EVENT, Kind.HINT, Kind.EVENT)):
        row = dataclasses.replace(event, id=number) if kind is Kind.EVENT else ROWS[kind]
        list(session.feed(wire.encode(kind, row)))
    list(session.feed(wire.encode(Kind.EVENT, dataclasses.replace(event, id=0, count=9))))
    assert session.dynamic(asked=True).hint_of == {2: 0}


@pytest.mark.parametrize("kind", sorted(session_module.MOST), ids=lambda kind: kind.name)
def test_one_row_more_than_the_bound_ends_the_exchange(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(session_module.MOST, kind, 3)
    phase = next(phase for phase in Phase if kind.name in HEARD[phase])
    session = at(phase)
    for number in range(3):
        list(session.feed(numbered(kind, number)))
    with pytest.raises(HostileError, match="more than 3"):
        list(session.feed(numbered(kind, 3)))


def test_kept_rows_are_bounded_by_their_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many rows are honest, and so is a long name; many long names would fill the host's memory."""
    long = wire.encode(Kind.WITNESS, wire.Witness("x" * wire.MAX_NAME, "F32", (1,), ""))
    session = Session()
    for kind in WAY[Phase.LOADED]:
        list(session.feed(frame(kind)))
    monkeypatch.setattr(session_module, "MOST_HELD", 3 * len(long) + 1000)
    for _ in range(3):
        list(session.feed(long))
    with pytest.raises(HostileError, match="of rows"):
        list(session.feed(long))


def numbered(kind: Kind, number: int) -> bytes:
    """Events of one id are one row that grows."""
    if kind is not Kind.EVENT:
        return frame(kind)
    return wire.encode(kind, wire.Event(number, "net.connect", "connect", "denied", 7, 1.0, 1, {}))


def test_every_kind_that_repeats_has_a_bound() -> None:
    """TENSOR is bounded by the plan check, META and DATA by their bytes; the rest is counted here."""
    once = set(session_module.NEXT)
    bounded_elsewhere = {Kind.TENSOR, Kind.ORDER} | wire.RAW
    assert set(Kind) - once - bounded_elsewhere == set(session_module.MOST)


@pytest.mark.parametrize(
    "change", [{"kind": "file.read"}, {"detail": {"address": "127.0.0.1"}}, {"count": 1}, {"answer": "continued"}]
)
def test_an_event_that_was_told_is_not_taken_back(change: dict[str, Any]) -> None:
    told = wire.Event(1, "net.connect", "connect", "denied", 7, 1.0, 3, {"address": "203.0.113.7"})
    session = Session()
    list(session.feed(wire.encode(Kind.HELLO, ROWS[Kind.HELLO]) + wire.encode(Kind.EVENT, told)))
    with pytest.raises(HostileError, match="took back event 1"):
        list(session.feed(wire.encode(Kind.EVENT, dataclasses.replace(told, **change))))
    assert [event.kind for event in session.dynamic(asked=True).events] == ["net.connect"]


def test_an_event_sent_again_replaces_its_count() -> None:
    session = at(Phase.LOADING)
    for count in (1, 5):
        event = wire.Event(1, "file.read", "openat", "continued", 7, 1.0, count, {"path": "/x"})
        list(session.feed(wire.encode(Kind.EVENT, event)))
    (event_fact,) = session.dynamic(asked=True).events
    assert event_fact.count == 5


def test_facts_of_a_whole_exchange() -> None:
    session = Session()
    kinds = [
        *(
            Kind.HELLO,
            Kind.FORMAT,
            Kind.TENSOR,
            Kind.LEFT_OUT,
            Kind.GLOBAL,
            Kind.ODDITY,
            Kind.TEXT,
            Kind.PLAN_END,
            Kind.DATA,
        ),
        *(Kind.META, Kind.RANGES, Kind.READ_END, Kind.READER_GONE, Kind.ARMED, Kind.EVENT, Kind.HINT, Kind.LOADED),
        *(Kind.WITNESS, Kind.ABSENT, Kind.OUTPUT, Kind.LOADER_GONE, Kind.END),
    ]
    assert [kind for kind, _ in session.feed(b"".join(map(frame, kinds)))] == kinds
    static, dynamic = session.static(), session.dynamic(asked=True)
    assert (len(static.formats), len(static.globals), len(static.oddities), len(static.left_out)) == (1, 1, 1, 1)
    assert (static.complete, static.reason) == (True, "")
    assert static.end == ProcessEnd(0, 1.0, 0.5, 1 << 20, ())
    assert (dynamic.asked, dynamic.armed, dynamic.loaded, dynamic.ended) == (True, True, True, True)
    assert (dynamic.observer, dynamic.armed_at, dynamic.tasks, dynamic.imported) == ("notify", 1.5, 4, ("torch",))
    assert (dynamic.counts, dynamic.dropped, dynamic.unreadable, dynamic.decoy_overflow) == (
        {"net.connect": 1},
        2,
        3,
        4,
    )
    assert (len(dynamic.events), len(dynamic.witnesses), len(dynamic.absent), len(dynamic.hints)) == (1, 1, 1, 1)
    assert dynamic.printed == (("loader stdout", "hello\n", 6),)
    assert dynamic.observer_outlived_loader
    assert session.hello == ROWS[Kind.HELLO]
    assert session.ranges == [ROWS[Kind.RANGES]]


def test_an_exchange_that_stops_early_says_so() -> None:
    session = at(Phase.LOADING)
    static, dynamic = session.static(), session.dynamic(asked=True)
    assert (static.complete, static.reason) == (False, "the reader ended before it was done")
    assert (dynamic.armed, dynamic.loaded, dynamic.ended, dynamic.observer_outlived_loader) == (
        True,
        None,
        False,
        False,
    )
    assert dynamic.end is None


def test_nothing_heard_is_nothing_claimed() -> None:
    session = Session()
    assert session.hello is None
    assert session.read_end is None
    assert not session.static().complete
    assert not session.dynamic(asked=True).armed


def test_what_was_whole_before_the_rule_was_broken_stands() -> None:
    session = at(Phase.LOADING)
    with pytest.raises(HostileError):
        list(session.feed(frame(Kind.EVENT) + frame(Kind.TENSOR)))
    assert len(session.dynamic(asked=True).events) == 1


@given(st.lists(st.sampled_from(sorted(Kind)), max_size=30))
def test_only_hostile_errors_leave_it_whatever_the_order(kinds: list[Kind]) -> None:
    session = Session()
    try:
        list(session.feed(b"".join(map(frame, kinds))))
    except HostileError:
        return
    session.static()
    session.dynamic(asked=True)


@given(st.binary(max_size=500), st.sampled_from(list(Phase)))
def test_only_hostile_errors_leave_it_whatever_the_bytes(raw: bytes, phase: Phase) -> None:
    session = at(phase)
    try:
        list(session.feed(raw))
    except HostileError:
        return


def test_many_numbers_weigh_more_than_their_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shapes of 64 numbers took nine times the memory of their text."""
    wide = wire.encode(Kind.WITNESS, wire.Witness("x", "F32", (999,) * 64, ""))
    session = at(Phase.LOADED)
    monkeypatch.setattr(session_module, "MOST_HELD", 3 * len(wide))
    with pytest.raises(HostileError, match="of rows"):
        list(session.feed(wide * 2))
