"""The sidecar is always one JSON document within its bound, and says what it leaves out."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import wire
from guest.readers.session import Bounds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.guest.readers.reading_results import Result

Read = Callable[..., Result]


def root(read: Read, value: Any, **bounds: int) -> Any:
    result = read(pickle.dumps(value, 4), ".pkl", Bounds(**bounds))
    document = wire.parse_json(result.metadata)
    assert isinstance(document, dict)
    assert document["format"] == "sandbox-load/metadata/1"
    return document["root"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, 2.5, "x", None, True]}, {"a": [1, 2.5, "x", None, True]}),
        ((1, "b"), {"$tuple": [1, "b"]}),
        ({1: "a"}, {"$dict": [[1, "a"]]}),
        ({"$x": 1}, {"$dict": [["$x", 1]]}),
        ({7}, {"$set": [7]}),
        (frozenset([7]), {"$frozenset": [7]}),
        (b"ab", {"$bytes": "YWI="}),
        (bytearray(b"ab"), {"$bytearray": "YWI="}),
        (1 << 60, {"$int": str(1 << 60)}),
        (float("inf"), {"$float": "inf"}),
        (np.float32(1.5), {"$scalar": "f4", "value": 1.5}),
        (np.int64(-3), {"$scalar": "i8", "value": -3}),
        (np.dtype("<f4"), {"$dtype": "<f4"}),
        (complex(1, 2), {"$call": "builtins.complex", "args": [1.0, 2.0]}),
        (len, {"$global": "builtins.len"}),
        (np.ones(2), {"$tensor": "tensor"}),
        (
            np.zeros(2, dtype=np.complex128),
            {"$parts": "complex128", "tensors": {"real": {"$tensor": "real"}, "imag": {"$tensor": "imag"}}},
        ),
        (np.zeros(2, "<M8[s]"), {"$tensor": "tensor", "dtype": "<M8[s]"}),
        (np.array(["a", "\u20ac"]), {"$array": ["a", "\u20ac"], "shape": [2], "dtype": "<U1"}),
        ("\x1b[31m", "\x1b[31m"),
        ("\ud800\udc00", {"$text": "7aCA7bCA"}),
    ],
)
def test_values(read: Read, value: Any, expected: Any) -> None:
    assert root(read, value) == expected


def test_a_cycle_is_said(read: Read) -> None:
    value: list[Any] = [1]
    value.append(value)
    assert root(read, value) == [1, {"$omitted": "it contains itself"}]


def test_what_has_no_room_is_said(read: Read) -> None:
    found = root(read, list(range(100_000)), metadata_bytes=10_000)
    assert found[-1] == {"$omitted": "the rest: no room"}
    found = root(read, {str(number): number for number in range(100_000)}, metadata_bytes=10_000)
    assert found["$omitted"] == "the rest: no room"


def test_long_values(read: Read) -> None:
    assert root(read, "x" * 50_000) == "x" * 50_000
    assert root(read, "x" * 100_000) == {"$omitted": "text of 100000 bytes"}
    assert root(read, b"x" * 100_000) == {"$omitted": "100000 bytes"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner, inner),
    max_leaves=50,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=JSON, copies=st.integers(1, 1000))
def test_always_a_document_within_its_bound(read: Read, value: Any, copies: int) -> None:
    result = read(pickle.dumps([value] * copies, 4), ".pkl", Bounds(metadata_bytes=1 << 17))
    assert len(result.metadata) <= 1 << 17
    wire.parse_json(result.metadata)
    assert json.loads(result.metadata)


def test_more_lists_than_the_host_takes_are_left_out_and_said(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guest.readers.sidecar._CONTAINERS_MOST", 10)
    told = root(read, [[number] for number in range(100)])
    assert len(told) < 20
    assert "$omitted" in told[-1]
