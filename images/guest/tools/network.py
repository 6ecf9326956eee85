"""Real sockets with short patience. In the jail the sinkhole answers them; nothing of this leads anywhere else."""

from __future__ import annotations

import _socket
import time

PATIENCE = 3.0  # seconds, for each step
MOST = 1 << 20  # bytes of an answer
# glibc's own would wait for 10 s where no name server answers.
RESOLVER = "attempts:1 timeout:1"


class UnresolvedError(OSError):
    """The name has no address."""


class HandshakeError(OSError):
    """The connection stands, TLS does not."""


def addresses(host: str, port: int = 0, kind: int = _socket.SOCK_STREAM) -> list[tuple[int, tuple[object, ...]]]:
    """Families and addresses of a name. Raises UnresolvedError."""
    try:
        # As bytes: for text Python would import its codec for international names.
        rows = _socket.getaddrinfo(host.encode("utf-8", "surrogateescape"), port, 0, kind)
    except (OSError, ValueError, OverflowError) as error:
        raise UnresolvedError(host) from error
    return [(family, address) for family, _, _, _, address in rows]


def connected(host: str, port: int, kind: int = _socket.SOCK_STREAM) -> _socket.socket:
    """A connection to the first address that takes one. Raises UnresolvedError, or the last address's OSError."""
    failed = OSError("no address")
    for family, address in addresses(host, port, kind)[:4]:
        connection = _socket.socket(family, kind)
        try:
            connection.settimeout(PATIENCE)
            connection.connect(address)
            return connection
        except OSError as error:
            connection.close()
            failed = error
    raise failed


def secured(connection: _socket.socket, host: str) -> _socket.socket:
    """TLS over the connection, which is used up. Raises HandshakeError."""
    import socket  # noqa: PLC0415 - see the package's docstring
    import ssl  # noqa: PLC0415

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # whom it talks to is for the report; there is nobody else to talk to
    context.verify_mode = ssl.CERT_NONE
    plain = socket.socket(fileno=connection.detach())
    try:
        plain.settimeout(PATIENCE)
        return context.wrap_socket(plain, server_hostname=host)
    except (OSError, ValueError) as error:
        plain.close()
        raise HandshakeError(host) from error


def received(connection: _socket.socket, most: int = MOST, patience: float = PATIENCE) -> bytes:
    """What arrives first, b"" at the end or when nothing does in time."""
    connection.settimeout(patience)
    try:
        return connection.recv(most)
    except OSError:
        return b""


class Deadline:
    """Time that several steps share."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def left(self) -> float:
        return max(0.0, self._until - time.monotonic())
