"""One conversation with the sinkhole, kept within bounds."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import wire

from guest.sinkhole.places import Place

_MOST_ADDRESS = 64


@dataclass
class Conversation:
    """What was said so far. `keep`: bytes told of each direction; `search`: bytes of what the load sent that are held
    to be searched for what it stole."""

    identity: int
    transport: str
    place: Place
    pid: int
    at: float
    keep: int
    search: int
    protocol: str = ""
    sent: bytearray = field(default_factory=bytearray)
    sent_total: int = 0
    answered: bytearray = field(default_factory=bytearray)
    answered_total: int = 0

    def heard(self, data: bytes) -> None:
        self.sent += data[: self.search - len(self.sent)]
        self.sent_total += len(data)

    def said(self, data: bytes) -> None:
        self.answered += data[: self.keep - len(self.answered)]
        self.answered_total += len(data)

    @property
    def cut(self) -> bool:
        """Whether some of what it sent is not held."""
        return self.sent_total > len(self.sent)

    def row(self) -> wire.Conversation:
        place = self.place
        return wire.Conversation(
            id=self.identity,
            pid=self.pid,
            at=self.at,
            transport=self.transport,
            address=place.address[:_MOST_ADDRESS],
            port=place.port,
            name=place.name[:256],
            protocol=self.protocol or "silent",
            sent=base64.b64encode(self.sent[: self.keep]).decode("ascii"),
            sent_total=self.sent_total,
            answered=base64.b64encode(self.answered).decode("ascii"),
            answered_total=self.answered_total,
        )
