"""What a load with freedoms needs beside its watch: the sinkhole, the tree of its processes, the files it leaves."""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
from collections.abc import Sequence

import wire

from guest.events import Record
from guest.finding import find
from guest.keeper import Keeper
from guest.observers.freedoms import Freedoms
from guest.order import Order
from guest.reaper import Reaper
from guest.relay import Pump
from guest.sinkhole.sinkhole import Sinkhole
from guest.tree import Tree

WRITABLE = ("/tmp", "/dev/shm")  # noqa: S108 - inside the jail, besides the home
_LOOPBACK = "lo"
_GET_FLAGS = 0x8913  # SIOCGIFFLAGS of <linux/sockios.h>
_UP = 1  # IFF_UP
_REQUEST = struct.Struct("16sH14x")


class Detonation:
    """One load's. `begin` at the go, `sweep` now and then, `end` when nothing of the load is alive."""

    def __init__(self, order: Order, loader: int, pump: Pump, record: Record, reaper: Reaper) -> None:
        self._order, self._pump, self._record, self._reaper = order, pump, record, reaper
        record.by_process = True
        variables = [f"{name}={value}" for name, value in order.variables.items()]
        self._tree = Tree(record, loader, variables)
        self._keeper = Keeper((*WRITABLE, order.home), record.send)
        self.sinkhole = Sinkhole(pump, record) if "sinkhole" in order.freedoms else None
        self.freedoms = Freedoms(order.free, self._tree, self._keeper, self.sinkhole)

    def begin(self) -> None:
        self._keeper.mark()

    def sweep(self) -> None:
        self._tree.sweep()

    def end(self) -> None:
        """Tell what is left to tell; what was too much counts as dropped."""
        self._tree.sweep()
        if self.sinkhole:
            self.sinkhole.finish()
            self._record.dropped += self.sinkhole.dropped
        self._keeper.sweep()
        self._record.dropped += self._keeper.dropped
        self._find()

    def _find(self) -> None:
        """The planted secrets in all that was said and left."""
        said = self.sinkhole.said if self.sinkhole else []
        # A decoy tool tells its whole environment, in which secrets are planted: that is no theft.
        talks = [talk for talk in said if (talk.place.address, talk.place.port) != wire.TOOLS_TELL]
        places = [("decoy.sent", talk.pid, talk.place.detail) for talk in talks]
        places += [("decoy.written", 0, {"path": kept.path}) for kept in self._keeper.kept]
        blobs = [bytes(talk.sent) for talk in talks] + [kept.content for kept in self._keeper.kept]
        found, gap = find(self._pump, self._reaper, self._order, blobs)
        for hit in found:
            kind, pid, where = places[hit.blob]
            self._record.add(kind, "finder", "continued", pid, {"name": hit.what, **where, "value": hit.how})
        if gap:
            self._record.add("finder.gap", "finder", "continued", 0, {"value": gap})


def require_no_network(interfaces: Sequence[str]) -> None:
    """A load that may send must have nowhere to send to. Ends PID 1 with a sentence where an interface is up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        for name in interfaces:
            told = fcntl.ioctl(own, _GET_FLAGS, _REQUEST.pack(name.encode("ascii"), 0))
            if name != _LOOPBACK and _REQUEST.unpack(told)[1] & _UP:
                sys.exit(f"the jail has the network interface {name}, so nothing may be sent in it")
