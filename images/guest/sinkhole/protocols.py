"""What the sinkhole answers over one connection: enough that the next step shows. A file's family of small machines,
each told what was heard and asked what to say. Pure; whatever is heard, nothing is raised.
"""

from __future__ import annotations

import re
import struct
from abc import ABC, abstractmethod

from guest.sinkhole import dns
from guest.sinkhole.places import Places

_MOST_HEAD = 64 << 10
_MOST_ANSWERS = 256  # to what was heard at once; who says more at once is no client
_RECORD = struct.Struct(">BHH")  # of TLS: type, version, length
_HANDSHAKE = 0x16
_DNS_PORT = 53
_METHOD = re.compile(rb"[A-Z]{3,10} \S+ HTTP/1\.[01]\r?\n")
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d{1,15})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_CHUNKED = re.compile(rb"^transfer-encoding:.*chunked", re.IGNORECASE | re.MULTILINE)
_EXPECT = re.compile(rb"^expect:[ \t]*100-continue", re.IGNORECASE | re.MULTILINE)
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_BLANK = b"\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_SSH_BANNER = b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"

Said = tuple[bytes, bool]  # what to answer, and whether to hang up then


class Protocol(ABC):
    """One connection's side of ours."""

    name: str
    greeting = b""

    @abstractmethod
    def heard(self, data: bytes) -> Said:
        """What to say to it."""


class Raw(Protocol):
    """No known protocol, a remote shell most of all: nothing is said, and silence ends it."""

    name = "raw"

    def heard(self, _data: bytes) -> Said:
        return b"", False


class Http(Protocol):
    """Takes the whole request, says that all is well, and hangs up. A tunnel is opened, and its ClientHello taken."""

    name = "http"

    def __init__(self) -> None:
        self._head = bytearray()
        self._left: int | None = None
        self._tail = b""
        self._tunnel: Protocol | None = None

    def heard(self, data: bytes) -> Said:
        if self._tunnel:
            return self._tunnel.heard(data)
        if self._left is None:
            return self._in_head(data)
        return self._in_body(data, b"")

    def _in_head(self, data: bytes) -> Said:
        new = max(0, len(self._head) - len(_BLANK))  # what came before has been searched
        self._head += data
        end = self._head.find(_BLANK, new)
        if end < 0:
            return (_OK, True) if len(self._head) > _MOST_HEAD else (b"", False)
        head, body = bytes(self._head[:end]), bytes(self._head[end + len(_BLANK) :])
        if head.startswith(b"CONNECT "):
            self._tunnel = Tls()
            return _ESTABLISHED, False
        length = _LENGTH.search(head)
        self._left = int(length[1]) if length else 0
        if not length and _CHUNKED.search(head):
            self._left = -1
        return self._in_body(body, _CONTINUE if _EXPECT.search(head) else b"")

    def _in_body(self, data: bytes, first: bytes) -> Said:
        """`_left`: bytes to come, or -1 until the last chunk."""
        assert self._left is not None
        self._tail = (self._tail + data)[-5:]
        if self._left < 0:
            done = self._tail == b"0\r\n\r\n"
        else:
            self._left = max(0, self._left - len(data))
            done = self._left == 0
        return (_OK, True) if done else (first, False)


class Tls(Protocol):
    """Takes the ClientHello, which names the server, and hangs up: what is inside nobody could read."""

    name = "tls"

    def __init__(self) -> None:
        self._held = b""

    def heard(self, data: bytes) -> Said:
        self._held += data
        if len(self._held) < _RECORD.size:
            return b"", False
        _, _, length = _RECORD.unpack_from(self._held)
        return b"", len(self._held) >= _RECORD.size + length


class Ssh(Protocol):
    """A banner line; the client's own is what we want."""

    name = "ssh"
    greeting = _SSH_BANNER

    def heard(self, _data: bytes) -> Said:
        return b"", True


class Smtp(Protocol):
    """A mail server that takes everything."""

    name = "smtp"
    greeting = b"220 mail ESMTP\r\n"
    _ANSWERS = ((b"DATA", b"354 go ahead\r\n"), (b"QUIT", b"221 bye\r\n"), (b"AUTH", b"235 accepted\r\n"))

    def __init__(self) -> None:
        self._held = b""
        self._letter = False

    def heard(self, data: bytes) -> Said:
        held, at = (self._held + data)[-_MOST_HEAD:], 0
        said: list[bytes] = []
        while len(said) < _MOST_ANSWERS:
            end = b"\r\n.\r\n" if self._letter else b"\n"
            found = held.find(end, at)
            if found < 0:
                break
            said.append(self._answer(held[at:found]))
            at = found + len(end)
        self._held = held[at:]
        return b"".join(said), len(said) == _MOST_ANSWERS or said[-1:] == [b"221 bye\r\n"]

    def _answer(self, line: bytes) -> bytes:
        if self._letter:
            self._letter = False
            return b"250 queued\r\n"
        verb = line[:4].upper()
        self._letter = verb == b"DATA"
        return next((text for word, text in self._ANSWERS if verb == word), b"250 ok\r\n")


class DnsOverTcp(Protocol):
    """Queries with two bytes of length before each (RFC 1035, 4.2.2)."""

    name = "dns"

    def __init__(self, places: Places) -> None:
        self._held = b""
        self._places = places

    def heard(self, data: bytes) -> Said:
        held, at = (self._held + data)[-_MOST_HEAD:], 0
        said: list[bytes] = []
        while len(said) < _MOST_ANSWERS:
            end = at + 2 + int.from_bytes(held[at : at + 2], "big")
            if len(held) < max(end, at + 2):
                break
            query = held[at + 2 : end]
            self._places.note(dns.asked(query))
            answer = dns.answer(query, self._places.address_for)
            said.append(len(answer).to_bytes(2, "big") + answer if answer else b"")
            at = end
        self._held = held[at:]
        return b"".join(said), len(said) == _MOST_ANSWERS


# Servers that speak first, by the port they are known at.
_SPEAK_FIRST: dict[int, type[Protocol]] = {22: Ssh, 2222: Ssh, 25: Smtp, 587: Smtp, 2525: Smtp}


def by_port(port: int, places: Places) -> Protocol | None:
    """The protocol that the port tells, if it does before a byte was heard."""
    if port == _DNS_PORT:
        return DnsOverTcp(places)
    return _SPEAK_FIRST[port]() if port in _SPEAK_FIRST else None


def by_content(first: bytes) -> Protocol:
    """The protocol that the first bytes tell."""
    if _METHOD.match(first):
        return Http()
    if first[:1] == bytes([_HANDSHAKE]) and first[1:2] == b"\x03":
        return Tls()
    return Ssh() if first.startswith(b"SSH-") else Raw()
