"""Addresses of the sinkhole: one of the loopback's for each address that a load means, one of a test network for each
name that it asks for. So a connection's own end tells whom it was meant for.

198.51.100.0/24 is reserved for documentation (RFC 5737): nobody has it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

MOST_PLACES = 4000
MOST_NAMES = 200
_MOST_NAME = 253  # RFC 1035
MOST_ASKED = 5000
_NAMED = "198.51.100."
_FIRST_NAMED = 54  # above 198.51.100.53, the name server that the bubblewrap jail's resolver is told
_MOST_EXPECTED = 256


@dataclass
class Place:
    """Where the sinkhole takes what was meant for `address` and `port`. `expected`: who is about to come."""

    host: str
    address: str
    port: int
    name: str
    expected: deque[int] = field(default_factory=lambda: deque(maxlen=_MOST_EXPECTED))

    @property
    def detail(self) -> dict[str, str]:
        """As detail of an event."""
        named = {"host": self.name} if self.name else {}
        return {"address": self.address, "port": str(self.port), **named}


class Places:
    """Both tables, bounded: what comes when they are full gets nothing."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, int], Place] = {}
        self._hosts: dict[str, Place] = {}
        self._names: dict[str, str] = {}
        self._named: dict[str, str] = {}
        self.asked: dict[str, None] = {}  # names in the order in which they were asked for, each once

    def place(self, address: str, port: int) -> Place | None:
        """The place that stands for that address; None when there are too many."""
        found = self._places.get((address, port))
        if found is None and len(self._places) < MOST_PLACES:
            number = len(self._places) + 1
            found = Place(f"127.77.{number >> 8}.{number & 255}", address, port, self.name_of(address))
            self._places[address, port] = self._hosts[found.host] = found
        return found

    def at(self, host: str) -> Place | None:
        """The place with that address of the loopback."""
        return self._hosts.get(host)

    def address_for(self, name: str) -> str:
        """The address that the name gets, always the same one; "" when there are too many names."""
        name = name[:_MOST_NAME]
        if name not in self._names and len(self._names) < MOST_NAMES:
            self._names[name] = f"{_NAMED}{_FIRST_NAMED + len(self._names)}"
            self._named[self._names[name]] = name
        return self._names.get(name, "")

    def note(self, name: str) -> None:
        """That it was asked for, as it was spelled; what is too much is forgotten."""
        if name and len(self.asked) < MOST_ASKED:
            self.asked[name] = None

    def name_of(self, address: str) -> str:
        """The name that the address was given for; "" when it wasn't."""
        return self._named.get(address.removeprefix("::ffff:"), "")
