"""The sinkhole: what it answers, whom a connection was meant for, and that nothing makes it wait or grow."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator

import pytest
import wire
from guest.events import Record
from guest.relay import Pump
from guest.sinkhole import dns, protocols, sinkhole
from guest.sinkhole.places import MOST_NAMES, MOST_PLACES, Places
from guest.sinkhole.sinkhole import Sinkhole
from hypothesis import given
from hypothesis import strategies as st

REQUEST = b"POST /x HTTP/1.1\r\nHost: example.com\r\nContent-Length: 4\r\n\r\n"
CHUNKED = b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"


def query(name: str, kind: int = 1) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


def test_each_address_has_a_place_and_each_name_an_address_of_its_own() -> None:
    places = Places()
    one, again, other = places.place("203.0.113.9", 80), places.place("203.0.113.9", 80), places.place("::1", 80)
    assert one is again
    assert one is not None
    assert other is not None
    assert one.host != other.host
    assert places.at(one.host) is one
    address = places.address_for("example.com")
    assert address == places.address_for("example.com") != places.address_for("example.org")
    named = places.place(f"::ffff:{address}", 443)
    assert named is not None
    assert named.name == "example.com"


def test_places_and_names_are_bounded() -> None:
    places = Places()
    assert all(places.place("203.0.113.9", port) for port in range(MOST_PLACES))
    assert places.place("203.0.113.10", 1) is None
    assert all(places.address_for(f"{at}.example.com") for at in range(MOST_NAMES))
    assert places.address_for("one.more.example.com") == ""
    hosts = {places.place("203.0.113.9", port).host for port in range(MOST_PLACES)}  # type: ignore[union-attr]
    assert len(hosts) == MOST_PLACES


@pytest.mark.parametrize(("kind", "answers"), [(1, 1), (28, 0), (16, 0)])
def test_a_name_is_answered_with_an_address_where_one_is_asked_for(kind: int, answers: int) -> None:
    answer = dns.answer(query("evil.example.com", kind), lambda name: f"198.51.100.{len(name)}")
    identity, flags, questions, found, _, _ = struct.unpack_from(">HHHHHH", answer)
    assert (identity, flags & 0x8000, questions, found) == (7, 0x8000, 1, answers)
    assert answer.endswith(socket.inet_aton("198.51.100.16")) == bool(answers)


def test_names_below_one_domain_are_put_together() -> None:
    names = [f"{at}.{part}.t.example.com" for at, part in enumerate(("c2Vj", "cmV0"))]
    told = dict.fromkeys(dns.tunnelled([*names, "www.example.org"]))
    assert (b"c2Vjcmv0".replace(b"v", b"V"), "t.example.com") in told
    assert (b"0c2Vjt1cmV0t", "example.com") in told
    assert not any(domain.endswith("org") for _, domain in told)


@given(st.binary(max_size=80))
def test_whatever_is_asked_is_answered_or_not(message: bytes) -> None:
    answer = dns.answer(message, lambda _name: "198.51.100.60")
    assert bool(answer) == bool(dns.asked(message))


@pytest.mark.parametrize(
    ("heard", "answered", "done"),
    [
        ([REQUEST, b"body"], b"HTTP/1.1 200 OK", True),
        ([REQUEST[:20], REQUEST[20:], b"bo", b"dy"], b"HTTP/1.1 200 OK", True),
        ([REQUEST], b"", False),
        ([b"GET / HTTP/1.0\r\n\r\n"], b"HTTP/1.1 200 OK", True),
        ([CHUNKED, b"4\r\nbody\r\n"], b"", False),
        ([CHUNKED, b"4\r\nbody\r\n", b"0\r\n", b"\r\n"], b"HTTP/1.1 200 OK", True),
        ([b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"], b"HTTP/1.1 100", False),
        ([b"CONNECT a:1 HTTP/1.1\r\n\r\n"], b"HTTP/1.1 200 Connection established", False),
        ([b"CONNECT a:1 HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x02ab"], b"HTTP/1.1 200 Conn", True),
        ([b"\x16\x03\x01\x00\x02a"], b"", False),
        ([b"\x16\x03\x01\x00\x02a", b"b"], b"", True),
        ([b"$ "], b"", False),
        ([b"SSH-2.0-Go\r\n"], b"", True),
    ],
)
def test_protocols_by_their_first_bytes(heard: list[bytes], answered: bytes, done: bool) -> None:
    protocol = protocols.by_content(heard[0])
    said, end = b"", False
    for piece in heard:
        answer, end = protocol.heard(piece)
        said += answer
    assert (said.startswith(answered) and bool(said) == bool(answered), end) == (True, done)


def test_a_mail_is_taken_to_its_end() -> None:
    protocol = protocols.by_port(25, Places())
    assert protocol is not None
    assert protocol.greeting.startswith(b"220 ")
    answer, done = protocol.heard(b"EHLO me\r\nDATA\r\n")
    assert (answer[:3], answer.splitlines()[1][:3], done) == (b"250", b"354", False)
    assert protocol.heard(b"text\r\n.\r\nQUIT\r\n") == (b"250 queued\r\n221 bye\r\n", True)


def test_who_says_too_much_at_once_is_hung_up() -> None:
    """Every line is answered; sixty thousand of them at once would keep PID 1 from everybody else."""
    for port, bomb in ((25, b"\n" * 65536), (53, bytes(65536))):
        protocol = protocols.by_port(port, Places())
        assert protocol is not None
        answer, done = protocol.heard(bomb)
        assert done
        assert len(answer) <= 256 * 8


def test_names_are_answered_over_tcp_in_pieces() -> None:
    places = Places()
    protocol = protocols.by_port(53, places)
    assert protocol is not None
    raw = query("example.com")
    framed = len(raw).to_bytes(2, "big") + raw
    assert protocol.heard(framed[:9]) == (b"", False)
    answer, _ = protocol.heard(framed[9:])
    assert int.from_bytes(answer[:2], "big") == len(answer) - 2
    assert list(places.asked) == ["example.com"]


@given(st.lists(st.binary(max_size=40), max_size=8), st.sampled_from([22, 25, 53, 80]))
def test_nothing_that_is_heard_raises(pieces: list[bytes], port: int) -> None:
    for piece in pieces:
        protocol = protocols.by_port(port, Places()) or protocols.by_content(piece)
        for again in pieces:
            protocol.heard(again)


class Kept:
    """A sinkhole on this machine's loopback, and what it told."""

    def __init__(self) -> None:
        self.rows: list[wire.Conversation] = []
        self.pump = Pump(time.monotonic() + 20)
        self.sinkhole = Sinkhole(self.pump, Record(self._row, 64, time.monotonic()))

    def _row(self, raw: bytes) -> None:
        ((kind, payload),) = wire.Decoder().feed(raw)
        self.rows.append(wire.decode(kind, payload))

    def connect(self, address: str, port: int) -> socket.socket:
        place = self.sinkhole.place(address, port)
        assert place is not None
        own = socket.create_connection((place.host, self.sinkhole.port), timeout=5)
        place.expected.append(42)
        self.sinkhole.accept()
        return own

    def until(self, rows: int) -> None:
        assert self.pump.run_until(lambda: len(self.rows) >= rows)


@pytest.fixture
def kept() -> Iterator[Kept]:
    made = Kept()
    yield made
    made.sinkhole.finish()
    made.sinkhole._listener.close()


def test_a_request_is_kept_with_whom_it_was_meant_for(kept: Kept) -> None:
    with kept.connect("203.0.113.9", 8080) as own:
        own.sendall(REQUEST + b"body")
        kept.until(1)
        assert own.recv(100).startswith(b"HTTP/1.1 200")
    (row,) = kept.rows
    assert (row.address, row.port, row.protocol, row.pid, row.sent_total) == ("203.0.113.9", 8080, "http", 42, 62)


def test_silence_ends_a_remote_shell(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinkhole, "_IDLE_SECONDS", 0.1)
    with kept.connect("203.0.113.9", 4444) as own:
        own.sendall(b"$ ")
        kept.until(1)
        assert own.recv(10) == b""
    assert kept.rows[0].protocol == "raw"


def test_datagrams_are_kept_by_place(kept: Kept) -> None:
    place = kept.sinkhole.place("203.0.113.53", 53)
    assert place is not None
    assert kept.sinkhole.take_datagrams(place, 42)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.settimeout(5)
        own.sendto(query("stolen.example.com"), (place.host, kept.sinkhole.port))
        kept.pump.run_until(lambda: False, 0.2)
        assert own.recv(100).endswith(socket.inet_aton(kept.sinkhole.places.address_for("stolen.example.com")))
    kept.sinkhole.finish()
    assert [(row.protocol, row.transport, row.address) for row in kept.rows] == [("dns", "udp", "203.0.113.53")]


def test_what_is_kept_is_bounded_and_the_rest_is_counted(kept: Kept) -> None:
    size = wire.MAX_SAID + 12345
    with kept.connect("203.0.113.9", 1) as own:
        own.setblocking(False)
        sent = 0
        while sent < size:
            try:
                sent += own.send(b"x" * min(1 << 14, size - sent))
            except BlockingIOError:
                kept.pump.run_until(lambda: False, 0.01)
    kept.until(1)
    (row,) = kept.rows
    assert row.sent_total == size
    (talk,) = kept.sinkhole.said
    assert len(talk.sent) == size
    assert not talk.cut
    assert len(row.sent) == -(-wire.MAX_SAID // 3) * 4


def test_who_was_silent_for_longest_makes_room(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinkhole, "_MOST_OPEN", 2)
    opened = [kept.connect("203.0.113.9", port) for port in (1, 2)]
    opened[0].sendall(b"x")
    assert kept.pump.run_until(lambda: any(talk.conversation.sent_total for talk in kept.sinkhole._open.values()))
    opened.append(kept.connect("203.0.113.9", 3))
    assert [row.port for row in kept.rows] == [2]
    for own in opened:
        own.close()


def test_nobody_is_led_into_a_full_queue(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who knows a place's address can connect there unseen, as often as he likes; PID 1 would wait for itself."""
    monkeypatch.setattr(sinkhole, "_MOST_OPEN", 2)
    place = kept.sinkhole.place("203.0.113.9", 1)
    assert place is not None
    crowd = [socket.create_connection((place.host, kept.sinkhole.port), timeout=5) for _ in range(6)]
    assert kept.sinkhole.place("203.0.113.9", 2) is None
    assert kept.sinkhole.place(place.host, kept.sinkhole.port) is None
    assert kept.sinkhole.dropped == 2
    for own in crowd:
        own.close()


def test_a_place_too_many_is_counted(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guest.sinkhole.places.MOST_PLACES", 1)
    assert kept.sinkhole.place("203.0.113.9", 1)
    assert kept.sinkhole.place("203.0.113.9", 2) is None
    assert kept.sinkhole.dropped == 1


def test_what_was_told_is_bounded(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinkhole, "_MOST_TOLD", 2)
    for port in range(3):
        kept.connect("203.0.113.9", port).close()
    assert kept.pump.run_until(lambda: kept.sinkhole.dropped == 1)
    assert len(kept.rows) == 2


def test_a_stranger_on_the_port_is_hung_up(kept: Kept) -> None:
    with socket.create_connection(("127.0.0.1", kept.sinkhole.port), timeout=5) as own:
        kept.sinkhole.accept()
        assert own.recv(1) == b""
    assert kept.rows == []
