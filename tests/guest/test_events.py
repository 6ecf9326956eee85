"""The record: the first of each kind as rows, all of them as counts, and text that fits the wire."""

from __future__ import annotations

import json
import time
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import wire
from guest.events import HARMLESS, Classes, Record, printable
from hypothesis import given
from hypothesis import strategies as st

from sandbox.judge import classes as judged
from sandbox.judge import judge
from sandbox.judge.because import PHASES
from sandbox.judge.rules import EventWhen
from sandbox.untrusted.session import MOST
from tests.judge.rows import RULES, dynamic

KINDS = ("file.read", "file.probe", "net.connect", "other.denied", "escape.bpf", "limit.time", "no.such")


class Told:
    """A record, and the rows that it sent."""

    def __init__(self, raw: int) -> None:
        self._sent: list[bytes] = []
        classes = Classes(json.loads(json.dumps(judged(RULES))))
        self.record = Record(self._sent.append, raw, time.monotonic(), classes)

    @property
    def rows(self) -> list[wire.Event]:
        frames = wire.Decoder().feed(b"".join(self._sent))
        return [wire.decode(kind, payload) for kind, payload in frames]

    def add(self, kind: str, value: str = "", times: int = 1) -> None:
        for _ in range(times):
            self.record.add(kind, "call", "denied", 7, {"value": value})


def test_an_event_is_sent_when_it_happens() -> None:
    told = Told(2)
    told.record.add("net.connect", "connect", "denied", 7, {"port": "443"})
    (row,) = told.rows
    assert (row.id, row.kind, row.call, row.answer, row.pid, row.count) == (1, "net.connect", "connect", "denied", 7, 1)
    assert row.detail == {"port": "443"}


def test_what_was_prepared_is_classified_alike() -> None:
    fresh, prepared = Told(2).record.classes, Told(2).record.classes
    watched = [(kind, [call], "EPERM") for kind in KINDS for call in ("openat", "ioctl", "alarm")]
    prepared.prepare(watched)
    for kind, (call,), _answer in watched:
        for detail in ({}, {"path": "/home/x"}, {"value": "12.5"}):
            assert prepared.of(kind, call, detail) == fresh.of(kind, call, detail)


def test_events_that_are_alike_are_one_row_that_grows() -> None:
    told = Told(2)
    told.add("net.connect", times=5)
    assert len(told.rows) == 1
    told.record.flush()
    assert [(row.id, row.count) for row in told.rows] == [(1, 1), (1, 5)]
    assert told.record.counts == {"net.connect": 5}


def test_a_second_flush_never_tells_less() -> None:
    told = Told(2)
    told.add("net.connect", times=5)
    told.record.flush()
    told.add("net.connect")
    told.record.flush()
    assert told.rows[-1].count == 6


def test_what_happens_in_another_phase_is_a_row_of_its_own() -> None:
    told = Told(2)
    told.add("net.connect", times=3)
    told.record.turn("after", 7)
    told.add("net.connect", times=2)
    told.record.flush()
    assert [(row.id, row.kind, row.call, row.answer, row.count) for row in told.rows] == [
        (1, "net.connect", "call", "denied", 1),
        (2, "phase", "after", "continued", 1),
        (3, "net.connect", "call", "denied", 1),
        (1, "net.connect", "call", "denied", 3),
        (3, "net.connect", "call", "denied", 2),
    ]
    assert told.record.counts == {"net.connect": 5}  # a turn is nobody's doing


def test_a_flood_in_one_phase_hides_nothing_of_the_next() -> None:
    told = Told(2)
    for number in range(100):
        told.add("file.write", str(number))
    told.record.turn("exercise", 7)
    told.add("file.write", "later")
    told.add("file.write", "and later")
    assert told.rows[-1].detail == {"value": "later"}
    assert told.record.dropped == 99


def test_the_host_s_bound_on_events_holds_every_phase_s_rows() -> None:
    """Whatever a load does, PID 1 must not be the one that breaks the protocol."""
    configs = Path(__file__).resolve().parents[2] / "configs"
    kinds = {*tomllib.loads((configs / "syscalls.toml").read_text(encoding="utf-8"))["watch"], "decoy.read", "net.dns"}
    kinds |= {"file.write", "memory.library", "limit.memory", "limit.time", "limit.processes", "leftover", "clock"}
    slots = 0
    for kind in kinds:
        rules = [when for _, when in RULES.of(EventWhen) if any(fnmatchcase(kind, like) for like in when.kinds)]
        slots += (len(rules) + 1) * (2 if kind in HARMLESS else 1)
    for name in ("evaluate", "detonate"):
        raw = tomllib.loads((configs / "policies" / f"{name}.toml").read_text(encoding="utf-8"))["watch"]["raw_events"]
        later = len(PHASES)
        assert slots * (raw + later * (raw // 4)) + later <= MOST[wire.Kind.EVENT]


def test_what_explains_a_row_is_told_before_it() -> None:
    told = Told(2)
    order: list[object] = []

    def hint() -> None:
        order.append(len(told.rows))
        if len(order) == 1:  # what is recorded on the way has its own row, and its own number
            told.record.add("watch.tamper", "frame", "denied", 7, {})

    told.record.before = hint
    told.add("net.connect", times=3)
    assert order == [0, 0]
    assert [(row.id, row.kind) for row in told.rows] == [(1, "watch.tamper"), (2, "net.connect")]


def test_each_kind_has_its_own_slots() -> None:
    """A flood of one kind hides no other."""
    told = Told(2)
    for number in range(1000):
        told.add("file.write", str(number))
    told.add("net.connect")
    assert [row.kind for row in told.rows] == ["file.write", "file.write", "net.connect"]
    assert told.record.counts == {"file.write": 1000, "net.connect": 1}
    assert told.record.dropped == 998


# A kind, what is harmless of it, and what must not vanish behind a flood of that.
HIDDEN = [
    ("net.connect", {"family": "AF_UNIX", "path": "/run/systemd/userdb/{}"}, {"address": "203.0.113.7", "port": "443"}),
    ("net.connect", {"family": "AF_UNIX", "path": "/run/systemd/userdb/{}"}, {"path": "/run/docker.sock"}),
    ("net.socket", {"family": "AF_UNIX", "protocol": "{}"}, {"family": "AF_PACKET"}),
    ("file.write", {"path": "/proc/self/task/{}/comm"}, {"path": "/home/user/.ssh/authorized_keys"}),
    ("file.write", {"path": "/tmp/{}"}, {"path": "/home/user/.ssh/authorized_keys"}),
    ("file.delete", {"path": "/tmp/{}"}, {"path": "/home/user/thesis.tex"}),
    ("file.read", {"path": "/usr/lib/{}"}, {"path": "/etc/shadow"}),
    ("file.probe", {"path": "/usr/lib/{}"}, {"path": "/.dockerenv"}),
    ("time.sleep", {"value": "0.{:03}"}, {"value": "3600.000"}),
]


@pytest.mark.parametrize(("kind", "harmless", "act"), HIDDEN)
def test_a_flood_of_what_is_harmless_hides_nothing_of_its_kind(
    kind: str, harmless: dict[str, str], act: dict[str, str]
) -> None:
    told = Told(2)
    for number in range(100):
        told.record.add(kind, "call", "denied", 7, {key: text.format(number) for key, text in harmless.items()})
    told.record.add(kind, "call", "denied", 7, act)
    assert told.rows[-1].detail == act
    alone = judge(dynamic(events=(told.rows[-1],)), RULES).verdict
    assert judge(dynamic(events=tuple(told.rows)), RULES).verdict is alone


def test_of_what_is_harmless_by_kind_only_the_harmless_goes_unsaid() -> None:
    told = Told(2)
    for number in range(10):
        told.record.add("file.read", "openat", "continued", 7, {"path": f"/proc/{number}/environ"})
    assert told.record.dropped == 8


@pytest.mark.parametrize("kind", sorted(HARMLESS))
def test_what_a_benign_load_does_by_the_hundred_is_counted_and_not_dropped(kind: str) -> None:
    told = Told(2)
    for number in range(1000):
        told.add(kind, str(number))
    assert len(told.rows) == 2
    assert told.record.counts == {kind: 1000}
    assert told.record.dropped == 0


@pytest.mark.parametrize("kind", ["file.read", "file.probe"])
def test_a_late_import_hides_no_look_at_anything_else(kind: str) -> None:
    told = Told(2)
    for number in range(1000):
        told.record.add(kind, "openat", "continued", 7, {"path": f"/env/numpy/{number}"})
    for number in range(3):
        told.record.add(kind, "openat", "continued", 7, {"path": f"/proc/{number}"})
    assert [row.detail["path"] for row in told.rows[2:]] == ["/proc/0", "/proc/1"]
    assert told.record.dropped == 1


def test_what_the_record_holds_is_bounded() -> None:
    told = Told(2)
    for number in range(1000):
        told.add("file.write", str(number))
    assert len(told.record._rows) == 2


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", "plain"),
        ("ü".encode(), "ü"),
        (b"\xff\x00\x1b", "\\xff\x00\x1b"),
        (b"x" * 1025, "x" * 1024 + "... (1025 bytes)"),
    ],
)
def test_bytes_as_text(raw: bytes, text: str) -> None:
    assert printable(raw) == text


@given(st.binary(max_size=64), st.integers(0, 200))
def test_any_bytes_fit_into_a_row(piece: bytes, times: int) -> None:
    told = Told(1)
    told.add("file.write", printable(piece * times))
    assert len(told.rows) == 1
