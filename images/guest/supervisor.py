"""One evaluation as PID 1 sees it, from the order to the END frame.

Nothing that a child says is believed. What a child does is taken from the kernel: its notifications, its exit, its
tasks and descriptors in /proc, inotify.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import wire

from guest import limits, processes
from guest.decoys import Decoys
from guest.detonation import Detonation, require_no_network
from guest.events import Classes, Record
from guest.observers import family
from guest.order import Order
from guest.processes import Child
from guest.reaper import Reaper
from guest.relay import Heard, Pump, Relay
from guest.watch import Watch

FOLDER = "folder"  # what the reader calls a folder as a whole: no loader's word
KEPT = "kept."  # begins the ids of what objects hold, which says nothing about the file's structure
MAPPED = frozenset({"torch-zip"})  # formats whose loader can map the file instead of holding it
_HERE = Path(__file__).resolve().parent


@dataclass
class ReadResult:
    """The little that PID 1 needs of what the reader said."""

    names_wanted: bool = False
    formats: dict[int, str] = field(default_factory=dict)  # file -> its primary one, if supported: which loader
    inside: list[str] = field(default_factory=list)  # formats of what they hold
    odd: set[int] = field(default_factory=set)  # files with oddities, which a load had better not map
    frameworks: tuple[str, ...] = ()
    names: list[str] = field(default_factory=list)

    def heard(self, kind: wire.Kind, payload: bytes) -> None:
        """Note it from a frame of the reader."""
        if kind == wire.Kind.FORMAT:
            row = wire.decode(kind, payload)
            if row.primary and row.supported and row.name != FOLDER:
                self.formats[row.file] = row.name
            self.inside += [row.name] if row.by == "inside" and row.supported else []
        elif kind == wire.Kind.ODDITY:
            row = wire.decode(kind, payload)
            self.odd.update(() if row.id.startswith(KEPT) else (row.file,))
        elif kind == wire.Kind.TENSOR and self.names_wanted:
            self.names.append(wire.decode(kind, payload).name)
        elif kind == wire.Kind.READ_END:
            self.frameworks = wire.decode(kind, payload).frameworks

    def for_loader(self, importable: list[str]) -> dict[str, Any]:
        """What the loader is told of it."""
        named = dict.fromkeys(prefix for name in self.frameworks for prefix in _packages(name))
        modules = [name for name in importable if name in named][: wire.MAX_MODULES]
        files = [[file, name, name in MAPPED and file not in self.odd] for file, name in sorted(self.formats.items())]
        return {"files": files, "inside": sorted(set(self.inside)), "modules": modules, "known": self.names}


def _packages(module: str) -> Iterator[str]:
    """The packages around a module, then itself. It may have gone from a package that is still there."""
    words = module.split(".")
    return accumulate(words, "{}.{}".format)


class Supervisor:
    """Runs the two children one after the other, and tells the host."""

    def __init__(self, order: Order, out: int) -> None:
        self._order = order
        self._out = out
        started = time.monotonic()
        self._pump = Pump(started + order.wall)
        self._record = Record(self._send, order.watch["raw_events"], started, Classes(order.classes))
        # The host says nothing after the order: the end of this pipe is the end of the host, so of the jail.
        self._pump.add(0, lambda: os._exit(0))
        self._reaper = Reaper()
        self._pump.add(self._reaper.wake(), self._reaper.serve)

    def run(self) -> None:
        order = self._order
        seen = limits.in_force(order.promised)
        hello = _hello(seen)
        self._say(wire.Kind.HELLO, hello)
        if lacking := limits.lacking(order.promised, seen):
            sys.exit(f"the jail is weaker than promised: {lacking}")  # the host has the numbers, too
        if "sinkhole" in order.freedoms:
            require_no_network(hello.interfaces)
        with processes.acting_as(order.uid, order.gid):
            decoys = Decoys(order.home, order.decoys, order.belongings)
        observing = family.choose()
        loader = self._loader(observing) if order.load else None
        read = self._read({1, loader.pid} if loader else {1})
        watch = None
        if loader:
            ground = (self._pump, self._record, self._reaper)
            detonation = Detonation(order, loader.pid, *ground) if order.freedoms else None
            freedoms = detonation.freedoms if detonation else None
            observer = family.make(observing, order, self._record, self._reaper, freedoms)
            watch = Watch(order, loader, observer, self._pump, self._record, decoys, detonation)
            watch.relay = self._relay(loader, wire.LOADER_SAYS, watch.heard)
            watch.relay.start()
            if read.formats:
                watch.run(read.for_loader(order.frameworks))
            self._say(wire.Kind.LOADER_GONE, watch.end())
            self._say(wire.Kind.RESOURCES, watch.samples.row())
        self._record.flush()
        self._say(wire.Kind.END, self._last_word(decoys, watch))

    def _read(self, known: set[int]) -> ReadResult:
        """The reader's whole life. It is dead and its words are with the host before this returns."""
        order = self._order
        result = ReadResult(order.returned)
        reader = self._spawn("reader", "read.py", order.for_reader(), {})
        relay = self._relay(reader, wire.READER_SAYS, result.heard)
        relay.start()
        relay.hear()
        self._pump.run_until(reader.reap)
        reader.kill()
        for pid in processes.others(self._reaper, known):
            self._record.add("watch.tamper", "reader", "denied", pid, {"value": "the reader left a process behind"})
            processes.kill(pid)
        relay.finish()
        self._say(wire.Kind.READER_GONE, reader.end)
        return result

    def _loader(self, observer: str) -> Child:
        return self._spawn("loader", "load/process.py", self._order.for_loader(observer), self._order.variables)

    def _spawn(self, name: str, script: str, told: bytes, variables: dict[str, str]) -> Child:
        return processes.spawn(self._reaper, name, str(_HERE / script), told, variables)

    def _relay(self, child: Child, allowed: frozenset[int], heard: Heard) -> Relay:
        watch = self._order.watch
        limits = (watch["frames"], watch["output_bytes"])
        return Relay(child, allowed, *limits, self._pump, self._record, self._send, heard)

    def _last_word(self, decoys: Decoys, watch: Watch | None) -> wire.End:
        record = self._record
        return wire.End(
            counts=dict(record.counts),
            dropped=record.dropped,
            unreadable=record.unreadable,
            decoy_overflow=decoys.overflow,
            observer_outlived_loader=watch is not None and watch.outlived,
        )

    def _say(self, kind: wire.Kind, row: object) -> None:
        self._send(wire.encode(kind, row))

    def _send(self, raw: bytes) -> None:
        view = memoryview(raw)
        while view:
            view = view[os.write(self._out, view) :]


def _hello(in_force: dict[str, int]) -> wire.Hello:
    """What the jail looks like from inside."""
    own = processes.status("/proc/self/status")
    network = Path("/proc/self/net/dev").read_text(encoding="ascii").splitlines()[2:]
    return wire.Hello(
        version=wire.VERSION,
        python=platform.python_version(),
        kernel=f"{os.uname().sysname} {os.uname().release}",
        uid=os.getuid(),
        no_new_privs=processes.no_new_privs(),
        seccomp=int(own["Seccomp"]),
        capabilities=own["CapEff"][-10:] + "/" + own["CapBnd"][-10:],
        interfaces=tuple(line.split(":")[0].strip() for line in network),
        limits=in_force,
    )


def _read_order() -> dict[str, Any]:
    """The one frame on standard input."""
    decoder = wire.Decoder()
    while raw := os.read(0, 1 << 16):
        for kind, payload in decoder.feed(raw):
            order = wire.parse_json(payload)
            if kind == wire.Kind.ORDER and isinstance(order, dict):
                return order
    sys.exit(0)


def main() -> int:
    """Serve one order."""
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nothing but frames may reach the host
    Supervisor(Order(**_read_order()), out).run()
    return 0
