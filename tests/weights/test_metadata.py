"""The sidecar is ours, byte for byte, whatever the reader sent."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.errors import HostileError
from sandbox.weights import metadata
from sandbox.weights.metadata import SCHEMA, MetadataCheck


def check(untrusted: bytes, limit: int = 1 << 20) -> bytes:
    checked = MetadataCheck(limit)
    for at in range(0, len(untrusted), 7):
        checked.add(untrusted[at : at + 7])
    return checked.finish()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON)
def test_what_is_json_survives_as_ascii(value: object) -> None:
    sent = {"format": SCHEMA, "value": value}
    text = check(json.dumps(sent, ensure_ascii=False).encode("utf-8"))
    assert text.isascii()
    assert json.loads(text) == sent


def test_nothing_sent_is_no_sidecar() -> None:
    assert check(b"") == b""


@pytest.mark.parametrize(
    "untrusted",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"format": "other/1"}',
        b'{"format": "%s", "format": "%s"}' % ((SCHEMA.encode(),) * 2),
        b'{"format": "%s", "x": NaN}' % SCHEMA.encode(),
        b'{"format": "%s", "x": 1e999}' % SCHEMA.encode(),
        b'{"format": "%s", "x": "\xff"}' % SCHEMA.encode(),
        b'{"format": "%s", "x": %s}' % (SCHEMA.encode(), b"[" * 100_000),
        b'{"format": "%s", "x": %s}' % (SCHEMA.encode(), b"9" * 10_000),
    ],
)
def test_what_is_not_ours_is_refused(untrusted: bytes) -> None:
    with pytest.raises(HostileError):
        check(untrusted)


def nested(depth: int) -> bytes:
    return b'{"format": "%s", "x": %s%s}' % (SCHEMA.encode(), b"[" * depth, b"]" * depth)


def test_nesting_is_kept_as_far_as_python_can_parse_it() -> None:
    assert json.loads(check(nested(100))) == json.loads(nested(100))
    for depth in range(150, 1100, 25):
        with suppress(HostileError):
            assert json.loads(check(nested(depth))) == json.loads(nested(depth))


def test_more_than_the_limit_is_refused_while_it_comes() -> None:
    with pytest.raises(HostileError, match="more than 10 bytes"):
        check(b" " * 11, 10)


@pytest.mark.parametrize("item", [b"[]", b"{}", b'{"a":1}', b'["[{"]'])
def test_objects_and_lists_are_counted_before_any_is_made(item: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty-four megabytes of the shortest took two gigabytes of the host."""
    text = b'{"format": "%s", "x": [%s]}' % (SCHEMA.encode(), b",".join([item] * 100))
    monkeypatch.setattr(metadata, "MOST_VALUES", 102)
    check(text)
    monkeypatch.setattr(metadata, "MOST_VALUES", 101)
    with pytest.raises(HostileError, match="more than 101 objects and lists"):
        check(text)


def test_deep_nesting_makes_no_long_text() -> None:
    """Indented, each of these numbers had a line of ninety blanks to itself."""
    text = b'{"format": "%s", "x": %s%s%s}' % (SCHEMA.encode(), b"[" * 90, b",".join([b"1"] * 1000), b"]" * 90)
    assert len(check(text)) < 2 * len(text)
