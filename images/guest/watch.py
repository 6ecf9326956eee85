"""The loader under watch: arming, the go, the load, the time after it, the end."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from typing import Any

import wire

from guest import processes
from guest.decoys import Decoys
from guest.detonation import Detonation
from guest.events import Record
from guest.load import clock
from guest.observers.interface import Observer, WatchError
from guest.order import Order
from guest.processes import Child
from guest.relay import Pump, Relay
from guest.samples import Samples

_SECCOMP_FILTER = "2"
_LINE = 256
_EXERCISED = b'"exercise.done"'
_IDLE_SECONDS = 0.1  # of CPU in the time after a load: an idle pool of threads takes a tenth of it
# What the loader may hold when the first hostile byte is read. A listener or a socket among them would be the watch's.
_HARMLESS_LINKS = ("pipe:", "/dev/null", "/dev/urandom", "/dev/random", "anon_inode:[eventpoll]", "/proc/")


class Watch:
    """One load. `run` leads it; `end` makes sure that nothing of it is alive and says how it went."""

    relay: Relay  # set by whoever makes this: it tells `heard`

    def __init__(
        self,
        order: Order,
        loader: Child,
        observer: Observer,
        pump: Pump,
        record: Record,
        decoys: Decoys,
        detonation: Detonation | None,
    ) -> None:
        self._order, self._loader, self._observer, self._pump = order, loader, observer, pump
        self._record, self._decoys, self._detonation = record, decoys, detonation
        self._loaded = self._testified = self._exercising = self._exercised = False
        self._armed = False
        self._limits: dict[str, int] = {}
        self._alive: tuple[str, ...] = ()
        self.outlived = False  # whether the observer watched until nothing of the loader was left
        self.samples = Samples(order.watch["sample_ms"] / 1000, order.memory, record.started)

    def run(self, told: dict[str, Any]) -> None:
        """From the imports to the loader's exit. Returns early when it can't be armed: then nothing was loaded.

        `told` goes to the loader: each file with its format and whether to map it, the modules to import first, the
        names it knows.
        """
        self._loader.command(json.dumps(told))
        # Now, while the loader imports, and not when its first call waits for an answer:
        self._sample()  # which loads psutil
        self._record.classes.prepare(self._order.watched)
        try:
            baseline = self._arm(told["modules"])
        except WatchError as error:
            text = str(error)
            self._record.send(wire.encode(wire.Kind.OUTPUT, wire.Output("supervisor", "arming", text, len(text))))
            return
        self.relay.hear()
        self._record.before = self.relay.take_pending
        self.samples.mark("armed", self._tree())
        self._loader.command("go")
        self._pump.run_until(lambda: self._loaded or self.relay.silent or self._over())
        self._note_cpu("cpu.load", self.samples.mark("loaded", self._tree()), self._order.allowance)
        self._turn("after")
        self._wait_for_what_stays(baseline)
        self._note_cpu("cpu.after_load", self.samples.mark("watched", self._tree()), _IDLE_SECONDS)
        self._loader.command("witness")
        self._pump.run_until(lambda: self._testified or self._mute())
        if self._order.exercise and not self._mute():
            self._exercise(baseline)
        self._turn("end")
        self._loader.command("end")
        self._pump.run_until(self._over, self._order.linger)
        self._pump.run_until(lambda: self._over() and not self._children(), self._order.linger)

    def _exercise(self, baseline: int) -> None:
        """Have the loaded object touched, and wait for what that leaves as for what the load left."""
        self._turn("exercise")
        self._exercising = True
        self._loader.command("exercise")
        self._pump.run_until(lambda: self._exercised or self._mute())
        self._exercising = not (self._exercised or self._mute())
        self._wait_for_what_stays(baseline)

    def _turn(self, phase: str) -> None:
        self._record.turn(phase, self._loader.pid)

    def _wait_for_what_stays(self, baseline: int) -> None:
        if not self._pump.run_until(lambda: self._still(baseline) or self._over(), self._order.linger):
            self._record.add("leftover", "linger", "continued", self._loader.pid, {"value": self._busy(baseline)})

    def _mute(self) -> bool:
        """The loader will say nothing more."""
        return self._over() or self.relay.silent

    def end(self) -> wire.Gone:
        """Kill what is left, take its last words, and return how the loader ended."""
        reaped = self._loader.reap()
        self._note_leftovers(reaped)
        if not reaped:
            self._loader.kill()
        while left := processes.others(self._loader.reaper, {1}):
            for pid in left:
                processes.kill(pid)
            time.sleep(0.001)
        self.outlived = self._observer.outlived()
        self._decoys.drain(self._record)
        if self._armed:
            self._pump.drop(self._decoys.fd)  # from here on it is PID 1 who opens files
        if self._loaded:  # which may have been said too early: then the load's end is yet to come
            self._note_cpu("cpu.after_load", self.samples.mark("ended", []), self._order.allowance)
        if self._detonation:
            self._detonation.end()
        self.relay.finish()
        assert self._loader.end is not None
        return replace(self._loader.end, alive=self._alive)

    def _note_leftovers(self, reaped: bool) -> None:
        left = self._children() if reaped else [self._loader.pid, *self._children()]
        late = time.monotonic() >= self._pump.deadline
        busy = late and self._exercising  # with what it was asked to do: that is no leftover
        self._alive = () if busy else tuple(processes.describe(pid)[:256] for pid in left[:64])
        if left and self._loaded and not busy:
            self._record.add("leftover", "exit", "denied", left[0], {"value": str(len(left))})
        elif left and late:
            self._record.add("limit.time", "exit", "denied", left[0], {"value": str(self._order.wall)})

    def _note_cpu(self, kind: str, seconds: float, least: float) -> None:
        if seconds >= least:
            self._record.add(kind, "sample", "continued", self._loader.pid, {"value": f"{seconds:.2f}"})

    def heard(self, kind: wire.Kind, payload: bytes) -> None:
        """Note the words that move the load on."""
        self._loaded = self._loaded or kind == wire.Kind.LOADED
        self._testified = self._testified or kind == wire.Kind.TESTIFIED
        self._exercised = self._exercised or (kind == wire.Kind.HINT and _EXERCISED in payload)

    def _still(self, baseline: int) -> bool:
        """No thread and no child beyond those that were there at the go."""
        return len(processes.tasks(self._loader.pid)) <= baseline and not self._children()

    def _children(self) -> list[int]:
        """What the loader started. The loader itself is never among them: its end is `reap`'s alone to take."""
        return processes.others(self._loader.reaper, {1, self._loader.pid})

    def _busy(self, baseline: int) -> str:
        threads = max(0, len(processes.tasks(self._loader.pid)) - baseline)
        return f"{threads} threads, {len(self._children())} processes"

    def _over(self) -> bool:
        if self.samples.due:
            self._sample()
        return self._loader.reap()

    def _arm(self, modules: list[str]) -> int:
        """Take the armed loader over, check that arming is complete, and return the number of its threads."""
        self._note_clock()
        words = self._line().split()
        if len(words) != 2 or words[0] != "armed":
            raise WatchError(" ".join(words)[:200] or "the loader ended before it was armed")
        self._observer.take(self._loader.pid, int(words[1]))
        self._loader.command("taken")
        if self._line() != "ready":
            raise WatchError("the loader ended before the go")
        threads = self._check()
        self._observer.attach(self._pump)
        if self._detonation:
            self._detonation.begin()
        self._decoys.forget()
        self._pump.add(self._decoys.fd, lambda: self._decoys.drain(self._record))
        self._armed = True
        row = wire.Armed(self._observer.name, threads, tuple(modules), self._record.now(), self._limits)
        self._record.send(wire.encode(wire.Kind.ARMED, row))
        return threads

    def _note_clock(self) -> None:
        """Record whether the loader, which is still ours, could shift its clock as asked."""
        if not self._order.clock:
            return
        word, _, why = self._line().partition(" ")
        if word != "clock":
            raise WatchError("the loader ended before it was armed")
        told = f"not shifted: {why}" if why else clock.spelled(self._order.clock)
        self._record.add("clock", "shift", "continued" if why else "faked", self._loader.pid, {"value": told})

    def _check(self) -> int:
        """Every thread under the filter, every limit set, no descriptor that belongs to the watch."""
        pid = self._loader.pid
        tasks = processes.tasks(pid)
        for task in tasks:
            seen = processes.status(f"/proc/{pid}/task/{task}/status")["Seccomp"]
            if seen != _SECCOMP_FILTER:
                raise WatchError(f"thread {task} has no filter")
        for name in os.listdir(f"/proc/{pid}/fd"):
            link = os.readlink(f"/proc/{pid}/fd/{name}")
            if not link.startswith(_HARMLESS_LINKS):
                raise WatchError(f"descriptor {name} is {link}"[:200])
        with processes.acting_as(self._order.uid, self._order.gid):
            self._limits = processes.read_limits(pid, list(self._order.rlimits))
        for name, value in self._limits.items():
            if value > self._order.rlimits[name]:
                raise WatchError(f"limit {name} is {value}")
        return len(tasks)

    def _line(self) -> str:
        """One line of the loader before the go; "" when it is gone or the time is up."""
        held = bytearray()

        def take() -> None:
            raw = os.read(self._loader.frames, 1)
            held.extend(raw or b"\n")

        self._pump.add(self._loader.frames, take)
        self._pump.run_until(lambda: b"\n" in held or len(held) > _LINE)
        self._pump.drop(self._loader.frames)
        return held.split(b"\n")[0].decode("ascii", "replace")

    def _tree(self) -> list[int]:
        return [self._loader.pid, *self._children()]

    def _sample(self) -> None:
        """The tree's use of the jail; its private memory against its limit, where no cgroup watches it."""
        if self._detonation:
            self._detonation.sweep()
        if self.samples.take(self._tree()):
            self._record.add("limit.memory", "sample", "denied", self._loader.pid, {"size": str(self._order.memory)})
            self._loader.kill()
