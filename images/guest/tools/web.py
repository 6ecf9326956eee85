"""HTTP as curl and wget speak it: one request over one connection."""

from __future__ import annotations

import _socket
import binascii

from guest.tools.call import Call
from guest.tools.network import MOST, Deadline, connected, received, secured

_PORTS = {"http": 80, "https": 443, "ftp": 21}
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
ANSWER_SECONDS = 3.0


class SilentError(OSError):
    """The server took the request and said nothing."""


class Url:
    """A URL's parts. Raises ValueError when it has no host or no port that is a number."""

    def __init__(self, text: str) -> None:
        scheme, found, rest = text.partition("://")
        self.scheme, rest = (scheme.lower(), rest) if found else ("http", text)
        end = min((at for at in (rest.find(mark) for mark in "/?#") if at >= 0), default=len(rest))
        place, path = rest[:end], rest[end:].partition("#")[0]
        self.user, _, place = place.rpartition("@")
        self.host, self.port = _host(place, _PORTS.get(self.scheme, 80))
        self.place = place
        self.path = path if path.startswith("/") else f"/{path}"
        self.text = text if found else f"http://{text}"

    @property
    def file(self) -> str:
        """The last part of the path."""
        return self.path.partition("?")[0].rpartition("/")[2]

    def joined(self, location: str) -> Url:
        """Where a redirection leads."""
        if "://" in location:
            return Url(location)
        base = "" if location.startswith("/") else self.path.partition("?")[0].rpartition("/")[0] + "/"
        return Url(f"{self.scheme}://{self.place}{base}{location}")


class Response:
    """`head`: status line and headers, as they came."""

    def __init__(self, head: bytes, body: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ", 2)
        self.head, self.body = head, body
        self.status = int(words[1]) if len(words) > 1 and words[1].isascii() and words[1].isdigit() else 0
        self.reason = words[2] if len(words) > 2 else ""
        pairs = (line.partition(":") for line in lines[1:])
        self.headers = {name.strip().lower(): value.strip() for name, _, value in pairs}


def ask(url: Url, method: str, headers: list[str], body: bytes) -> Response:
    """Send the request and take the answer, as much of it as comes in time.

    Raises UnresolvedError, HandshakeError, SilentError, or another OSError when nothing listens there.
    """
    connection = connected(url.host, url.port)
    if url.scheme == "https":
        connection = secured(connection, url.host)
    try:
        lines = [f"{method} {url.path} HTTP/1.1", f"Host: {url.place}", *headers]
        if body or method in ("POST", "PUT"):
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
        connection.sendall(head + body)
        return _answer(connection, method)
    finally:
        connection.close()


def asked(call: Call, complaint: str, url: str, method: str, headers: list[str], body: bytes = b"") -> Response | None:
    """The answer, or None when nothing answers; that is complained of with {url}, {host} and {why}."""
    place = Url(url)
    try:
        return ask(place, method, headers, body)
    except OSError as error:
        shown = url.replace("http:", "https:")
        call.complain(complaint.format(url=shown, host=place.host, why=error.strerror or error))
        return None


def login(user: str) -> str:
    """The header that says user:password."""
    return (
        f"Authorization: Basic {binascii.b2a_base64(user.encode('utf-8', 'surrogateescape'), newline=False).decode()}"
    )


def escaped(value: bytes) -> str:
    """Percent encoding of everything that is more than a letter."""
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in value)


def _host(place: str, port: int) -> tuple[str, int]:
    """host:port, [::1]:port -> the two."""
    bracketed, _, after = place.partition("]")
    host, colon, number = place.partition(":")
    if place.startswith("["):
        host, colon, number = bracketed[1:], after[:1], after[1:]
    if not host or (number and not (number.isascii() and number.isdigit())):
        raise ValueError(place)
    return host, int(number) if colon and number else port


def _answer(connection: _socket.socket, method: str) -> Response:
    deadline, got = Deadline(ANSWER_SECONDS), b""
    while len(got) < MOST and not _whole(got, method):
        piece = received(connection, patience=deadline.left() or 0.001)
        if not piece:
            break
        got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    if not head:
        raise SilentError
    response = Response(head, body)
    if response.headers.get("transfer-encoding", "").lower() == "chunked":
        response.body = _unchunked(body)
    return response


def _whole(got: bytes, method: str) -> bool:
    head, found, body = got.partition(b"\r\n\r\n")
    if not found:
        return False
    headers = Response(head, body).headers
    length = headers.get("content-length", "")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return body.endswith(b"0\r\n\r\n")
    return method == "HEAD" or (length.isascii() and length.isdigit() and len(body) >= int(length))


def _unchunked(body: bytes) -> bytes:
    out = b""
    while body:
        line, _, body = body.partition(b"\r\n")
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            break
        if size <= 0:
            break
        out, body = out + body[:size], body[size + 2 :]
    return out
