"""One conversation with the sinkhole, kept within bounds."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import wire

from guest.sinkhole.places import Place

_MOST_ADDRESS = 64


@dataclass
class Conversation:
    """What was said so far. `keep`: bytes held of each direction."""

    identity: int
    transport: str
    place: Place
    pid: int
    at: float
    keep: int
    protocol: str = ""
    sent: bytearray = field(default_factory=bytearray)
    sent_total: int = 0
    answered: bytearray = field(default_factory=bytearray)
    answered_total: int = 0

    def heard(self, data: bytes) -> None:
        self.sent += data[: self.keep - len(self.sent)]
        self.sent_total += len(data)

    def said(self, data: bytes) -> None:
        self.answered += data[: self.keep - len(self.answered)]
        self.answered_total += len(data)

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
            sent=base64.b64encode(self.sent).decode("ascii"),
            sent_total=self.sent_total,
            answered=base64.b64encode(self.answered).decode("ascii"),
            answered_total=self.answered_total,
        )
