"""What a child says is forwarded in its turn: when the pump comes by, and before what it explains is told."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import wire
from guest.events import Record
from guest.relay import Pump, Relay

HINT = wire.encode(wire.Kind.HINT, wire.Hint("os.system", "id", "posix.system", ()))


@dataclass
class Said:
    """A relay whose child is this test, and what reached the host."""

    raw: list[bytes] = field(default_factory=list)
    heard: list[wire.Kind] = field(default_factory=list)

    def __post_init__(self) -> None:
        ours, self.theirs = os.pipe()
        self.pump = Pump(time.monotonic() + 5)
        self.record = Record(self.raw.append, 8, time.monotonic())
        child: Any = SimpleNamespace(name="loader", pid=7, frames=ours, printed={}, commands=-1)
        self.relay = Relay(
            child,
            wire.LOADER_SAYS,
            100,
            100,
            self.pump,
            self.record,
            self.raw.append,
            lambda kind, _: self.heard.append(kind),
        )
        self.relay.hear()
        self.record.before = self.relay.take_pending

    @property
    def kinds(self) -> list[str]:
        frames = wire.Decoder().feed(b"".join(self.raw))
        return [getattr(wire.decode(kind, payload), "kind", kind.name) for kind, payload in frames]


@pytest.fixture
def said() -> Iterator[Said]:
    made = Said()
    yield made
    for descriptor in (made.relay.child.frames, made.theirs):
        with contextlib.suppress(OSError):
            os.close(descriptor)


def add(said: Said, value: str = "") -> None:
    said.record.add("process.exec", "execve", "denied", 7, {"argv": value})


def test_what_was_said_before_an_act_is_forwarded_before_it(said: Said) -> None:
    os.write(said.theirs, HINT * 2)
    add(said)
    assert said.kinds == ["HINT", "HINT", "process.exec"]
    assert said.heard == [wire.Kind.HINT] * 2


def test_an_act_that_is_no_new_row_waits_for_nothing(said: Said) -> None:
    add(said)
    os.write(said.theirs, HINT)
    add(said)
    assert said.kinds == ["process.exec"]
    said.pump.run_until(lambda: bool(said.heard))
    assert said.kinds == ["process.exec", "HINT"]


def test_half_a_frame_is_no_frame_yet(said: Said) -> None:
    os.write(said.theirs, HINT[:9])
    add(said, "one")
    os.write(said.theirs, HINT[9:])
    add(said, "two")
    assert said.kinds == ["process.exec", "HINT", "process.exec"]


def test_an_empty_pipe_is_no_end(said: Said) -> None:
    add(said)
    assert not said.relay.silent


@pytest.mark.parametrize("garbage", [b"\xff" * 64, wire.encode(wire.Kind.END, wire.End({}, 0, 0, 0, True))])
def test_who_speaks_out_of_turn_is_recorded_once_and_heard_no_more(said: Said, garbage: bytes) -> None:
    """The record of that asks for what is pending in turn."""
    os.write(said.theirs, HINT + garbage)
    add(said, "one")
    add(said, "two")
    assert said.kinds.count("watch.tamper") == 1
    assert said.kinds[-2:] == ["process.exec"] * 2
    assert said.relay.silent
    said.relay.take_pending()


def test_a_pipe_that_hung_up_is_left_alone_by_a_pump_that_was_about_to_look(said: Said) -> None:
    os.write(said.theirs, HINT)
    os.close(said.theirs)
    add(said, "one")
    assert not said.relay.silent
    add(said, "two")
    assert said.relay.silent
    said.relay.take_pending()  # as the pump does, whose list of what is readable was made before
    assert said.kinds == ["HINT", "process.exec", "process.exec"]
    ours, said.theirs = os.pipe()
    os.close(ours)
