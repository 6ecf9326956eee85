"""PID 1's loop over descriptors, and the forwarding of what a child says."""

from __future__ import annotations

import functools
import os
import select
import selectors
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import wire

from guest.events import Record
from guest.processes import Child

_TICK = 0.05  # seconds between looks at what no descriptor tells: deadlines, exits, memory
_PIECE = 1 << 20

Heard = Callable[[wire.Kind, bytes], None]


class Pump:
    """Serves descriptors until something is done or the evaluation's time is up."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self._selector = selectors.DefaultSelector()
        self._each_turn: list[Callable[[], None]] = []

    def each_turn(self, act: Callable[[], None]) -> None:
        """Call it whenever the pump looks, which is every 50 ms or more often."""
        self._each_turn.append(act)

    def add(self, descriptor: int, serve: Callable[[], None], event: int = selectors.EVENT_READ) -> None:
        self._selector.register(descriptor, event, serve)

    def drop(self, descriptor: int) -> None:
        self._selector.unregister(descriptor)

    def run_until(self, done: Callable[[], bool], seconds: float | None = None) -> bool:
        """Whether it was done in time."""
        deadline = self.deadline if seconds is None else min(self.deadline, time.monotonic() + seconds)
        while not done():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            for key, _ in self._selector.select(min(left, _TICK)):
                key.data()
            for act in self._each_turn:
                act()
        return True


@dataclass
class Relay:
    """Forwards one child's frames to the host, bounded, as long as they are of the kinds this child may send now."""

    child: Child
    allowed: frozenset[int]
    frames_left: int
    output_bytes: int
    pump: Pump
    record: Record
    send: Callable[[bytes], None]
    heard: Heard  # told of each frame that was forwarded
    _decoder: wire.Decoder = field(default_factory=wire.Decoder)
    _open: dict[int, Callable[[], None]] = field(default_factory=dict)
    _taking: bool = False

    def start(self) -> None:
        """Keep what it prints, from now on."""
        for descriptor in self.child.printed:
            self._listen(descriptor, functools.partial(self._printed, descriptor))

    def hear(self) -> None:
        """Take its frames, from now on. The child can read its own pipe: what was there may be gone when we come."""
        os.set_blocking(self.child.frames, False)
        self._listen(self.child.frames, self.take_pending)

    @property
    def silent(self) -> bool:
        """Whether the child will say nothing more."""
        return self.child.frames not in self._open

    def finish(self) -> None:
        """Take what is left in the pipes. Every process that could write into them must be dead."""
        for descriptor in list(self._open):
            poll = select.poll()  # a socket's queue may keep a pipe open whose writers are all dead
            poll.register(descriptor, select.POLLIN)
            while descriptor in self._open and poll.poll(0):
                self._open[descriptor]()
            if descriptor in self._open:
                self._hang_up(descriptor)
        for descriptor in (self.child.commands, self.child.frames, *self.child.printed):
            os.close(descriptor)
        for stream, total in self.child.totals.items():
            text = self.child.kept[stream].decode("utf-8", "replace")
            if total:
                self.send(wire.encode(wire.Kind.OUTPUT, wire.Output(self.child.name, stream, text, total)))

    def _listen(self, descriptor: int, serve: Callable[[], None]) -> None:
        self._open[descriptor] = serve
        self.pump.add(descriptor, serve)

    def _hang_up(self, descriptor: int) -> None:
        self.pump.drop(descriptor)
        del self._open[descriptor]

    def take_pending(self) -> None:
        """Forward what is in the frames' pipe at this moment. Nothing once that has hung up, or while it is going on:
        what is recorded meanwhile may ask for it again."""
        if self._taking or self.silent:
            return
        self._taking = True
        try:
            self._frames()
        finally:
            self._taking = False

    def _frames(self) -> None:
        try:
            raw = os.read(self.child.frames, _PIECE)
        except BlockingIOError:
            return
        if not raw:
            self._hang_up(self.child.frames)
            return
        try:
            frames = self._decoder.feed(raw)
        except wire.WireError as error:
            self._refuse(str(error))
            return
        for kind, payload in frames:
            self.frames_left -= 1
            if kind not in self.allowed or self.frames_left < 0:
                self._refuse(kind.name if self.frames_left >= 0 else "too many frames")
                return
            self.send(wire.frame(kind, payload))
            self.heard(kind, payload)

    def _refuse(self, what: str) -> None:
        """It spoke out of turn: nothing more is taken from it, and that is an event."""
        detail = {"value": f"the {self.child.name} sent {what}"}
        self.record.add("watch.tamper", "frame", "denied", self.child.pid, detail)
        self._hang_up(self.child.frames)

    def _printed(self, descriptor: int) -> None:
        if not self.child.keep(descriptor, self.output_bytes):
            self._hang_up(descriptor)
