"""DNS queries, and the answers of a name server that knows every name (RFC 1035). Pure."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable, Iterable, Iterator

from guest.events import printable

_HEAD = struct.Struct(">HHHHHH")
_QUESTION = struct.Struct(">HH")
_ANSWER = struct.Struct(">HHHIH")
_FLAGS = 0x8180  # a response, recursion desired and available
_QUESTION_AT = 12
_NAME_AGAIN = 0xC000 | _QUESTION_AT  # a pointer to the question's name
_A, _IN = 1, 1
_SECONDS = 60
_DOMAIN_LABELS = (2, 3)


def asked(message: bytes) -> str:
    """The name that a DNS query asks for, or "" when the message is not one."""
    if len(message) < 17 or message[2] & 0xF8 or message[4:6] != b"\0\1":
        return ""
    labels: list[bytes] = []
    at = 12
    while at < len(message) and 0 < message[at] < 64 and len(labels) < 128:
        labels.append(message[at + 1 : at + 1 + message[at]])
        at += 1 + message[at]
    whole = at + 5 <= len(message) and message[at] == 0 and labels
    return printable(b".".join(labels)) if whole else ""


def tunnelled(names: Iterable[str]) -> Iterator[tuple[bytes, str]]:
    """What names below one domain say together, and the domain: their labels in a row, and the longest of each.

    Where a domain begins nobody can tell, so both two and three labels are tried. A counter in a label of its own
    doesn't break up the longest ones.
    """
    below: dict[str, list[list[str]]] = {}
    for name in names:
        labels = name.split(".")
        for size in _DOMAIN_LABELS:
            if len(labels) > size:
                below.setdefault(".".join(labels[-size:]), []).append(labels[:-size])
    for domain, rows in below.items():
        if len(rows) > 1:
            yield "".join(label for labels in rows for label in labels).encode(), domain
            yield "".join(max(labels, key=len) for labels in rows).encode(), domain


def answer(query: bytes, address_for: Callable[[str], str]) -> bytes:
    """The response: an address where one was asked for, else none; b"" for what is no query."""
    name = asked(query)
    if not name:
        return b""
    end = query.index(b"\0", _QUESTION_AT) + 1 + _QUESTION.size
    wanted, _class = _QUESTION.unpack_from(query, end - _QUESTION.size)
    address = address_for(name.lower()) if wanted == _A else ""
    record = b""
    if address:
        raw = ipaddress.IPv4Address(address).packed
        record = _ANSWER.pack(_NAME_AGAIN, _A, _IN, _SECONDS, len(raw)) + raw
    head = _HEAD.pack(int.from_bytes(query[:2], "big"), _FLAGS, 1, 1 if record else 0, 0, 0)
    return head + query[_QUESTION_AT:end] + record
