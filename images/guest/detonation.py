"""What a load with freedoms needs beside its watch: the sinkhole, the tree of its processes, the files it leaves."""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import wire

from guest.events import Record
from guest.finding import find
from guest.keeper import Keeper
from guest.observers.freedoms import Freedoms
from guest.order import Order
from guest.reaper import Reaper
from guest.relay import Pump
from guest.sinkhole.dns import tunnelled
from guest.sinkhole.sinkhole import Sinkhole
from guest.tree import Tree

BELONGING = "file from the home"  # what the host calls the secret of the home's plain files
WRITABLE = ("/tmp", "/dev/shm")  # noqa: S108 - inside the jail, besides the home
_LOOPBACK = "lo"
_GET_FLAGS = 0x8913  # SIOCGIFFLAGS of <linux/sockios.h>
_UP = 1  # IFF_UP
_REQUEST = struct.Struct("16sH14x")


@dataclass(frozen=True)
class Left:
    """Something that may hold a secret, and the event that it is if it does."""

    kind: str
    pid: int
    detail: dict[str, str]
    content: bytes
    cut: bool = False  # there was more of it
    own: frozenset[str] = frozenset()  # secrets that were planted in it


class Detonation:
    """One load's. `begin` at the go, `sweep` now and then, `end` when nothing of the load is alive."""

    def __init__(self, order: Order, loader: int, pump: Pump, record: Record, reaper: Reaper) -> None:
        self._begun = False
        self._order, self._pump, self._record, self._reaper = order, pump, record, reaper
        record.by_process = True
        variables = [f"{name}={value}" for name, value in order.variables.items()]
        self._tree = Tree(record, loader, variables)
        self._keeper = Keeper((*WRITABLE, order.home), record.send)
        self.sinkhole = Sinkhole(pump, record) if "sinkhole" in order.freedoms else None
        self.freedoms = Freedoms(order.free, self._tree, self._keeper, self.sinkhole)

    def begin(self) -> None:
        self._begun = True
        self._keeper.mark()

    def sweep(self) -> None:
        self._tree.sweep()

    def end(self) -> None:
        """Tell what is left to tell; what was too much counts as dropped. Without a begin there is nothing."""
        if not self._begun:
            return
        for step in (self._tree.sweep, self._end_sinkhole, self._end_keeper, self._find):
            try:
                step()
            except Exception as error:  # whatever the load has left here: the last word has to be said
                self._gap(f"{step.__name__.strip('_')} failed: {type(error).__name__}")

    def _end_sinkhole(self) -> None:
        if self.sinkhole:
            self.sinkhole.finish()
            self._record.dropped += self.sinkhole.dropped

    def _end_keeper(self) -> None:
        self._keeper.sweep()
        self._record.dropped += self._keeper.dropped

    def _find(self) -> None:
        """The planted secrets in all that was said, left and passed on."""
        left = list(self._searchable())
        found, gap = find(self._pump, self._reaper, self._order, [one.content for one in left])
        for hit in found:
            one = left[hit.blob]
            if hit.what not in one.own:
                detail = {"name": hit.what, **one.detail, "value": hit.how}
                self._record.add(one.kind, "finder", "continued", one.pid, detail)
        cut = sum(1 for one in left if one.cut) + (self.sinkhole.unheard if self.sinkhole else 0)
        self._gap("; ".join(filter(None, (gap, f"{cut} texts were longer than what was kept of them" if cut else ""))))

    def _gap(self, why: str) -> None:
        if why:
            self._record.add("finder.gap", "finder", "continued", 0, {"value": why})

    def _searchable(self) -> Iterator[Left]:
        """A decoy tool tells its whole environment, in which secrets are planted: that is no theft."""
        for talk in self.sinkhole.said if self.sinkhole else []:
            if (talk.place.address, talk.place.port) != wire.TOOLS_TELL:
                yield Left("decoy.sent", talk.pid, talk.place.detail, bytes(talk.sent), talk.cut)
        for text, parent in tunnelled(self.sinkhole.places.asked if self.sinkhole else ()):
            yield Left("decoy.sent", 0, {"address": parent, "port": "53"}, text)
        planted = {f"{self._order.home}/{path}": what for what, path, _ in self._order.decoys}
        for kept in self._keeper.kept:
            own = frozenset((planted.get(kept.path, ""), BELONGING)) if kept.planted else frozenset()
            yield Left("decoy.written", 0, {"path": kept.path}, kept.content, kept.size > len(kept.content), own)
        for passed in self._keeper.arguments:
            yield Left("decoy.passed", passed.pid, {"path": passed.program}, passed.words)


def require_no_network(interfaces: Sequence[str]) -> None:
    """A load that may send must have nowhere to send to. Ends PID 1 with a sentence where an interface is up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        for name in interfaces:
            told = fcntl.ioctl(own, _GET_FLAGS, _REQUEST.pack(name.encode("ascii"), 0))
            if name != _LOOPBACK and _REQUEST.unpack(told)[1] & _UP:
                sys.exit(f"the jail has the network interface {name}, so nothing may be sent in it")
