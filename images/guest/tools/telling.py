"""A tool's own account of what it was asked, for whoever listens at an address that leads nowhere outside the jail."""

from __future__ import annotations

import _socket
import binascii
from _json import encode_basestring_ascii as quoted

from guest.tools.call import Call

# Of TEST-NET-1, which is never routed (RFC 5737), and the port named discard.
ADDRESS = ("192.0.2.1", 9)
PATIENCE = 0.3
ARGUMENTS = 32 << 10
ENVIRONMENT = 8 << 10
GIVEN = 16 << 10
# No word takes the room of all others.
_ARGUMENT = 8 << 10
_VARIABLE = 1 << 10


def tell(call: Call, address: tuple[str, int]) -> None:
    """Send it, over a connection of its own. A failure is nobody's business."""
    connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    try:
        connection.settimeout(PATIENCE)
        connection.connect(address)
        connection.sendall(account(call).encode("ascii"))
    except OSError:
        pass
    finally:
        connection.close()


def account(call: Call) -> str:
    """The JSON object, bounded: text by text, and in all."""
    arguments = _bounded([call.name, *call.arguments], ARGUMENTS, _ARGUMENT)
    flat = [word for pair in call.environment.items() for word in pair]
    kept = _bounded(flat, ENVIRONMENT, _VARIABLE)
    pairs = zip(kept[::2], kept[1::2], strict=False)
    variables = ", ".join(f"{quoted(name)}: {quoted(value)}" for name, value in pairs)
    stdin = binascii.b2a_base64(call.given[:GIVEN], newline=False).decode("ascii")
    listed = ", ".join(quoted(word) for word in arguments)
    return f'{{"tool": {quoted(call.name)}, "argv": [{listed}], "environment": {{{variables}}}, "stdin": "{stdin}"}}'


def _bounded(words: list[str], most: int, each: int) -> list[str]:
    """The first of them that fit, each cut."""
    kept: list[str] = []
    for word in words:
        most -= min(len(word), each)
        if most < 0:
            break
        kept.append(word[:each])
    return kept
