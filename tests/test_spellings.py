"""The jail's search and the host's know the same spellings of a secret. They share no code, so this keeps them one."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from guest import search
from hypothesis import given
from hypothesis import strategies as st

from sandbox.judge import needles

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
