"""What the jail and the host both have to know. They share no code but the wire, so this keeps the two one."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from guest import detonation, search
from guest.sinkhole import dns
from guest.tools import telling
from hypothesis import given
from hypothesis import strategies as st

from sandbox import planted
from sandbox.judge import needles, wording
from sandbox.untrusted import talk, wire

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
VALUES = st.text(min_size=8, max_size=64) | st.text("abcXYZ019+/=_-.~ ", min_size=8, max_size=200)
BESIDE = st.binary(max_size=24)


@given(VALUES)
def test_both_know_the_same_spellings(value: str) -> None:
    assert {spelling for spelling, _ in search.spellings(value)} == needles.spellings(value)


ENCODINGS = {
    "plain": lambda raw: raw,
    "upper case": lambda raw: raw.upper(),
    "reversed": lambda raw: raw[::-1],
    "hex": lambda raw: raw.hex().encode(),
    "HEX": lambda raw: raw.hex().upper().encode(),
    "utf-16": lambda raw: raw.decode().encode("utf-16-le"),
    "UTF-16": lambda raw: raw.decode().encode("utf-16-be"),
    "quoted": lambda raw: quote(raw).encode(),
    "all quoted": lambda raw: quote(raw, safe="").encode(),
    "percents": lambda raw: "".join(f"%{byte:02X}" for byte in raw).encode(),
    **{
        f"{name} at {shift}": lambda raw, encode=encode, shift=shift: encode(b"x" * shift + raw + b"y")
        for name, encode, step in (
            ("base64", base64.b64encode, 3),
            ("base64url", base64.urlsafe_b64encode, 3),
            ("base32", base64.b32encode, 5),
        )
        for shift in range(step)
    },
}


def by_both(secret: str, text: bytes) -> tuple[bool, bool]:
    """Whether the jail's search finds it, and whether the host's does."""
    values = {"it": secret}
    return bool(list(search.Needles(values).found(text))), bool(needles.Needles(values).found(text))


@pytest.mark.parametrize("how", ENCODINGS)
@given(value=st.just(SECRET) | st.text("abcXYZ019+/_-", min_size=12, max_size=64), before=BESIDE, after=BESIDE)
def test_both_find_what_is_spelled_so(how: str, value: str, before: bytes, after: bytes) -> None:
    assert by_both(value, before + ENCODINGS[how](value.encode()) + after) == (True, True)


@given(VALUES, st.binary(max_size=300))
def test_neither_finds_what_the_other_does_not(value: str, text: bytes) -> None:
    one, other = by_both(value, text)
    assert one == other


def test_both_mean_the_same_address_of_the_tools_and_the_same_decoy_of_the_home() -> None:
    address, port = wire.TOOLS_TELL
    assert (address, port) == telling.ADDRESS
    assert (address, str(port)) == wording.TOOLS
    assert detonation.BELONGING == planted.BELONGINGS


_HEAD = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
_LABELS = st.lists(st.binary(min_size=1, max_size=70), max_size=5)


@given(st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda rest: _HEAD + rest)))
def test_both_see_a_query_in_the_same_messages(message: bytes) -> None:
    assert bool(dns.asked(message)) == bool(talk.dns_name(message))


@given(_LABELS)
def test_both_read_the_same_name_where_it_is_plain(labels: list[bytes]) -> None:
    plain = [label.hex().encode()[:63] for label in labels]
    query = _HEAD + b"".join(bytes([len(label)]) + label for label in plain) + b"\0\0\1\0\1"
    assert dns.asked(query)[:255] == talk.dns_name(query)[:255]
