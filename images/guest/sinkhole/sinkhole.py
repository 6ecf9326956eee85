"""The sinkhole: whatever a load connects or sends to ends here, on the jail's own loopback, and is recorded.

It runs in PID 1 and never waits: every socket is non-blocking, every table bounded, every connection has its time.
"""

from __future__ import annotations

import functools
import socket
import time
from contextlib import suppress

import wire

from guest.events import Record
from guest.relay import Pump
from guest.sinkhole import dns, protocols
from guest.sinkhole.conversation import Conversation
from guest.sinkhole.places import Place, Places

_MOST_OPEN = 64  # connections at a time: PID 1 may hold a few hundred descriptors
_MOST_DATAGRAM_PLACES = 32
_MOST_WHOLE = 64  # conversations that are kept up to wire.MAX_SAID; then the first KiB of each
_MOST_TOLD = 800
_KEPT_OF_MORE = 1 << 10
_SEARCHED = 1 << 20  # bytes of one conversation, and of all together
_ALL_SEARCHED = 8 << 20
_MOST_HEARD = 64 << 20  # bytes of one connection before it is hung up
_FIRST_SECONDS, _IDLE_SECONDS, _ALL_SECONDS = 3.0, 0.7, 20.0
_FINISH_SECONDS = 1.0
_PIECE = 1 << 16
_INFO, _INFO_WAITING = 104, 24  # bytes of a struct tcp_info; where the number stands in it
_DNS_PORT = 53


class _Connection:
    """An accepted socket, its conversation and its time."""

    def __init__(self, own: socket.socket, conversation: Conversation, protocol: protocols.Protocol | None) -> None:
        self.own, self.conversation, self.protocol = own, conversation, protocol
        self.opened = self.last = time.monotonic()

    def late(self, now: float) -> bool:
        patience = _IDLE_SECONDS if self.conversation.sent_total else _FIRST_SECONDS
        return now - self.last > patience or now - self.opened > _ALL_SECONDS


class Sinkhole:
    """Listens on the loopback. `port` is the same for both transports."""

    def __init__(self, pump: Pump, record: Record) -> None:
        """Raises OSError where there is no loopback."""
        self.places = Places()
        self.said: list[Conversation] = []  # all that were told
        self.dropped = 0
        self.unheard = 0  # connections of which not all was taken
        self._pump, self._record = pump, record
        self._open: dict[int, _Connection] = {}
        self._datagrams: dict[str, tuple[socket.socket, Conversation]] = {}
        self._count = 0
        self._held = 0  # bytes of what was sent
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._listener.bind(("0.0.0.0", 0))  # noqa: S104 - the loopback is all there is
        self._listener.listen(2 * _MOST_OPEN)
        self.port = int(self._listener.getsockname()[1])
        pump.add(self._listener.fileno(), self.accept)
        pump.each_turn(self._hang_up_the_late)

    def place(self, address: str, port: int) -> Place | None:
        """Where a connection or datagram for that address is taken instead; None when there is no more room.

        An address that was changed where it stood in memory may be used again as it is now.
        """
        self.accept()
        if len(self._open) >= _MOST_OPEN:  # whoever has been silent for longest makes room
            self._hang_up(min(self._open.values(), key=lambda connection: connection.last))
        place = None
        if self._waiting() < _MOST_OPEN:  # a full queue would keep PID 1 waiting for itself
            again = self.places.at(address.removeprefix("::ffff:")) if port == self.port else None
            place = again or self.places.place(address, port)
        self.dropped += place is None
        return place

    def _waiting(self) -> int:
        """How many have connected and weren't accepted yet, whoever led them here (<linux/tcp.h>, tcpi_unacked)."""
        told = self._listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO)
        return int.from_bytes(told[_INFO_WAITING : _INFO_WAITING + 4], "little")

    def take_datagrams(self, place: Place, pid: int) -> bool:
        """Have a socket that takes datagrams at the place; False when there are too many."""
        if place.host in self._datagrams:
            return True
        if len(self._datagrams) >= _MOST_DATAGRAM_PLACES * (2 if place.port == _DNS_PORT else 1):
            return False
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        own.bind((place.host, self.port))
        self._datagrams[place.host] = own, self._conversation("udp", place, pid)
        self._pump.add(own.fileno(), lambda: self._take_datagram(place))
        return True

    def accept(self) -> None:
        """Take what has connected, as much as may be open at a time."""
        while len(self._open) < _MOST_OPEN:
            try:
                own, _ = self._listener.accept()
            except OSError:  # nobody is there any more
                return
            own.setblocking(False)
            place = self.places.at(own.getsockname()[0])
            if place is None:  # nobody was led there
                own.close()
                continue
            pid = place.expected.popleft() if place.expected else 0
            talk = self._conversation("tcp", place, pid)
            connection = _Connection(own, talk, protocols.by_port(place.port, self.places))
            self._open[own.fileno()] = connection
            self._pump.add(own.fileno(), functools.partial(self._serve, connection))
            if connection.protocol:
                talk.protocol = connection.protocol.name
                self._say(connection, connection.protocol.greeting)

    def finish(self) -> None:
        """End everything and tell what wasn't told, in bounded time. Nothing of the load is alive by now."""
        self.accept()
        deadline = time.monotonic() + _FINISH_SECONDS
        for connection in list(self._open.values()):
            heard = -1
            while heard < connection.conversation.sent_total and connection.own.fileno() in self._open:
                if time.monotonic() > deadline:
                    self.unheard += 1
                    break
                heard = connection.conversation.sent_total
                self._serve(connection)
            self._hang_up(connection)
        for own, talk in self._datagrams.values():
            self._pump.drop(own.fileno())
            own.close()
            if talk.sent_total:
                self._tell(talk)
        self._datagrams.clear()

    def _conversation(self, transport: str, place: Place, pid: int) -> Conversation:
        self._count += 1
        keep = wire.MAX_SAID if self._count <= _MOST_WHOLE else _KEPT_OF_MORE
        search = max(keep, min(_SEARCHED, _ALL_SEARCHED - self._held))
        return Conversation(self._count, transport, place, pid, self._record.now(), keep, search)

    def _serve(self, connection: _Connection) -> None:
        """Hear and answer once."""
        try:
            data = connection.own.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        talk = connection.conversation
        if not data:
            self._hang_up(connection)
            return
        connection.last = time.monotonic()
        self._hear(talk, data)
        connection.protocol = connection.protocol or protocols.by_content(data)
        talk.protocol = connection.protocol.name
        answer, done = connection.protocol.heard(data)
        self._say(connection, answer)
        if done or talk.sent_total > _MOST_HEARD:
            self._hang_up(connection)

    def _hear(self, talk: Conversation, data: bytes) -> None:
        before = len(talk.sent)
        talk.heard(data)
        self._held += len(talk.sent) - before

    def _say(self, connection: _Connection, answer: bytes) -> None:
        if answer:
            with suppress(OSError):  # it has gone, or doesn't listen
                sent = connection.own.send(answer)
                connection.conversation.said(answer[:sent])

    def _hang_up(self, connection: _Connection) -> None:
        if self._open.pop(connection.own.fileno(), None) is None:
            return
        self._pump.drop(connection.own.fileno())
        with suppress(OSError):
            connection.own.shutdown(socket.SHUT_WR)
        connection.own.close()
        self._tell(connection.conversation)

    def _hang_up_the_late(self) -> None:
        now = time.monotonic()
        for connection in [one for one in self._open.values() if one.late(now)]:
            self._hang_up(connection)

    def _take_datagram(self, place: Place) -> None:
        own, talk = self._datagrams[place.host]
        try:
            data, sender = own.recvfrom(_PIECE)
        except OSError:
            return
        self._hear(talk, data)
        self.places.note(dns.asked(data) if place.port == _DNS_PORT else "")
        answer = dns.answer(data, self.places.address_for) if place.port == _DNS_PORT else b""
        talk.protocol = "dns" if place.port == _DNS_PORT else "raw"
        if answer:
            with suppress(OSError):
                own.sendto(answer, sender)
                talk.said(answer)

    def _tell(self, talk: Conversation) -> None:
        if len(self.said) >= _MOST_TOLD:
            self.dropped += 1
            return
        self.said.append(talk)
        self._record.send(wire.encode(wire.Kind.CONVERSATION, talk.row()))
