"""The sidecar of what isn't a tensor: parsed, and written again by us, so that no byte of the guest's is kept."""

from __future__ import annotations

import json

from sandbox.errors import HostileError
from sandbox.untrusted.wire import WireError, parse_json

# Objects and lists; an honest reader stops at half of them. 64 MiB of the shortest took the host 2.2 GB.
MOST_VALUES = 2_000_000

SCHEMA = "sandbox-load/metadata/1"


class MetadataCheck:
    """Takes META payloads in order; holds at most `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = bytearray()

    def add(self, untrusted_piece: bytes) -> None:
        """Raises HostileError when there is more than the policy allows."""
        if len(self._held) + len(untrusted_piece) > self._limit:
            raise HostileError(f"the file has more than {self._limit} bytes of metadata")
        self._held += untrusted_piece

    def finish(self) -> bytes:
        """The sidecar's text, b"" when the reader sent none. Raises HostileError."""
        if not self._held:
            return b""
        try:
            untrusted_value = parse_json(bytes(self._held), MOST_VALUES)
        except WireError as error:
            raise HostileError(f"the reader's metadata is {error}") from None
        if not isinstance(untrusted_value, dict) or untrusted_value.get("format") != SCHEMA:
            raise HostileError(f"the reader's metadata is not of {SCHEMA}")
        try:
            text = ",\n".join(f"{json.dumps(key)}: {_line(value)}" for key, value in untrusted_value.items())
        except (ValueError, RecursionError):
            raise HostileError("the reader's metadata holds a number or a nesting that JSON can't") from None
        return b"{\n" + text.encode("ascii") + b"\n}\n"


def _line(untrusted_value: object) -> str:
    """On one line: indented, a text that is nested a thousand deep grows a thousandfold."""
    return json.dumps(untrusted_value, allow_nan=False)
