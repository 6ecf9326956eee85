"""The server's name in a TLS ClientHello. Strict: whatever isn't exactly as RFC 8446 and RFC 6066 have it gives ""."""

from __future__ import annotations

import re

_HANDSHAKE = 22
_CLIENT_HELLO = 1
_SERVER_NAME = 0
_HOST_NAME = 0
_RANDOM = 2 + 32  # the version and the random bytes
_NAME = re.compile(rb"[A-Za-z0-9_-][A-Za-z0-9._-]{0,252}")


class _ShortError(ValueError):
    """A length that leads beyond its field."""


class _Fields:
    """Bytes taken from the front; each length must lie within what there is."""

    def __init__(self, untrusted_bytes: bytes) -> None:
        self._rest = untrusted_bytes

    def take(self, count: int) -> bytes:
        if count > len(self._rest):
            raise _ShortError
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")

    def counted(self, count: int) -> _Fields:
        """What follows a length of so many bytes."""
        return _Fields(self.take(self.number(count)))

    def all(self) -> bytes:
        return self._rest

    @property
    def empty(self) -> bool:
        return not self._rest


def begins(untrusted_bytes: bytes) -> bool:
    """Whether it looks like a TLS handshake at all."""
    return untrusted_bytes[:2] == bytes([_HANDSHAKE, 3]) and len(untrusted_bytes) > 5


def server_name(untrusted_bytes: bytes) -> str:
    """The host's name, or "" when there is none or anything about the message is odd."""
    try:
        record = _Fields(untrusted_bytes)
        record.take(3)
        name = _in_handshake(record.counted(2))
    except _ShortError:
        return ""
    return name.decode("ascii") if _NAME.fullmatch(name) else ""


def _in_handshake(record: _Fields) -> bytes:
    if record.number(1) != _CLIENT_HELLO:
        return b""
    hello = record.counted(3)
    hello.take(_RANDOM)
    for size in (1, 2, 1):  # session, cipher suites, compression methods
        hello.counted(size)
    if hello.empty:
        return b""
    extensions = hello.counted(2)
    return _in_extensions(extensions) if hello.empty and record.empty else b""


def _in_extensions(extensions: _Fields) -> bytes:
    """The one name of the one such extension; each takes bytes, so there is an end."""
    found = []
    while not extensions.empty:
        kind = extensions.number(2)
        content = extensions.counted(2)
        if kind == _SERVER_NAME:
            names = content.counted(2)
            known = names.number(1) == _HOST_NAME
            found.append(names.counted(2).all() if known else b"")
            if not names.empty or not content.empty:
                return b""
    return found[0] if len(found) == 1 else b""
