"""A value that was pickled, read inertly and written as metadata is the same value when it is read back."""

from __future__ import annotations

import json
import pickle
import re
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from guest.readers import sidecar
from guest.readers.session import Bounds
from hypothesis import given, settings
from hypothesis import strategies as st

import sandbox
from sandbox.errors import CallerError
from sandbox.metadata.reader import _TYPED, MAX_DEPTH, parse_metadata, read_metadata
from sandbox.metadata.values import (
    Array,
    Bag,
    Dtype,
    Global,
    Mapping,
    NotConverted,
    Object,
    Omitted,
    Pairs,
    Python2Str,
    Scalar,
    SourceText,
    TensorName,
)
from sandbox.weights.metadata import MetadataCheck
from tests.guest.readers.reading_results import read_file


class Thing:
    """Of a class that the reader doesn't know."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


class Listed(list[Any]):
    """A list with a state."""


def there_and_back(value: Any, folder: Path, protocol: int = 4) -> Any:
    """Through the inert reader, the host's check and a file."""
    path = folder / "model.pkl"
    path.write_bytes(pickle.dumps(value, protocol))
    result = read_file(path, Bounds())
    check = MetadataCheck(64 << 20)
    check.add(result.metadata)
    (folder / "model.metadata.json").write_bytes(check.finish())
    return sandbox.read_metadata(folder / "model.metadata.json").root


def equivalent(value: Any) -> Any:
    """What stands for a value where it isn't the value itself."""
    if isinstance(value, np.generic):
        return Scalar(value.dtype.str[1:], value.item())
    if isinstance(value, complex):
        return Object("builtins.complex", (value.real, value.imag), called=True)
    if isinstance(value, list):
        return list(map(equivalent, value))
    if isinstance(value, tuple):
        return tuple(map(equivalent, value))
    if isinstance(value, dict):
        return {equivalent(key): equivalent(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return type(value)(map(equivalent, value))
    return value


def exactly(value: Any) -> Any:
    """For a comparison that tells True from 1, 0.0 from -0.0, bytes from bytearray, and one order from another.

    A class's name is as the file spells it: protocols below 3 write Python 2's."""
    if isinstance(value, dict):
        return "dict", [(exactly(key), exactly(item)) for key, item in value.items()]
    if isinstance(value, set | frozenset):
        return type(value).__name__, sorted(map(repr, map(exactly, value)))
    if isinstance(value, list | tuple):
        return type(value).__name__, list(map(exactly, value))
    if isinstance(value, Scalar):
        return "scalar", value.dtype, exactly(value.value)
    if isinstance(value, Object):
        return "object", value.callee.replace("__builtin__", "builtins"), exactly(value.args), value.called
    return type(value).__name__, repr(value)


TEXT = st.text(st.characters(exclude_categories=()) | st.sampled_from("$\ud800\udc00%"), max_size=8)
SCALARS = (
    st.integers(-(1 << 63), (1 << 63) - 1).map(np.int64)
    | st.integers(0, 255).map(np.uint8)
    | st.floats(width=32).map(np.float32)
    | st.floats().map(np.float64)
    | st.booleans().map(np.bool_)
)
HASHABLE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(0, 8000).map(lambda bits: 3 - (1 << bits))
    | st.floats()
    | TEXT
    | st.binary(max_size=40),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
VALUES = st.recursive(
    HASHABLE | st.complex_numbers() | SCALARS | st.binary(max_size=40).map(bytearray),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(TEXT | HASHABLE, inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.sets(HASHABLE, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=100)
@given(value=VALUES, protocol=st.integers(0, 5))
def test_every_value_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, value: Any, protocol: int) -> None:
    back = there_and_back(value, tmp_path_factory.mktemp("value"), protocol)
    assert exactly(back) == exactly(equivalent(value))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (defaultdict(list, {1: [2]}), Mapping("collections.defaultdict", {1: [2]}, (Global("builtins.list"),))),
        (Thing(a=1, b=(2,)), Object("tests.metadata.test_reader.Thing", (), None, ({"a": 1, "b": (2,)},))),
        (Listed([1, 2]), Object("tests.metadata.test_reader.Listed", items=(1, 2))),
        (np.dtype(">i4"), Dtype(">i4")),
        (np.ones(2), TensorName("tensor")),
        (np.array(["a", None], dtype=object), Array(("a", None), (2,))),
        (np.array(["a"]), Array(("a",), (1,), "<U1")),
        (np.array([1], dtype="M8[s]"), TensorName("tensor", "<M8[s]")),
        (np.zeros(1, dtype=np.longdouble), NotConverted("numpy dtype f16: safetensors has no such dtype")),
        (np.datetime64(1, "s"), Scalar("<M8[s]", b"\1" + bytes(7))),
        (len, Global("builtins.len")),
        (1 << 9000, Omitted("an int of 9001 bits")),
        ({"$omitted": 1}, {"$omitted": 1}),
    ],
)
def test_what_python_has_no_plain_value_for_is_typed(value: Any, expected: Any, tmp_path: Path) -> None:
    assert there_and_back(value, tmp_path) == expected


def test_a_str_of_python_2_is_told_from_bytes(tmp_path: Path) -> None:
    path = tmp_path / "old.pkl"
    path.write_bytes(b"U\2a\xffq\0.")
    assert parse_metadata(read_file(path).metadata).root == Python2Str(b"a\xff")


def test_what_was_cut_off_says_so_where_it_stood(tmp_path: Path) -> None:
    path = tmp_path / "big.pkl"
    path.write_bytes(pickle.dumps([{str(number): number for number in range(10_000)}, 1], 4))
    mapping, rest = parse_metadata(read_file(path, Bounds(metadata_bytes=10_000)).metadata).root
    assert mapping["$omitted"] == Omitted("the rest: no room")
    assert rest == Omitted("the rest: no room")


def test_every_kind_of_value_that_is_written_is_read() -> None:
    assert set(re.findall(r"\$\w+", sidecar.__doc__ or "")) == _TYPED.keys()


def document(root: str, more: str = "") -> bytes:
    return f'{{"format": "sandbox-load/metadata/1", "root": {root}{more}}}'.encode()


def test_sources_and_escaped_names_are_told() -> None:
    more = ', "sources": [{"class": "A", "file": "a.py", "text": {"$omitted": "x"}}], "escaped": {"%": ""}'
    told = parse_metadata(document("null", more))
    assert told.sources == (SourceText("A", "a.py", Omitted("x")),)
    assert told.escaped == {"%": ""}


def test_keys_that_can_not_be_looked_up_are_pairs() -> None:
    thing = '{"$object": "m.C", "state": {}}'
    assert parse_metadata(document(f'{{"$dict": [[{thing}, 1]]}}')).root == Pairs(((Object("m.C", states=({},)), 1),))
    assert parse_metadata(document(f'{{"$set": [{thing}]}}')).root == Bag((Object("m.C", states=({},)),))


def test_keys_made_to_collide_cost_no_more_than_others() -> None:
    keys = ",".join(f'[{{"$int": "{number * ((1 << 61) - 1)}"}}, 0]' for number in range(1, 50_000))
    assert isinstance(parse_metadata(document(f'{{"$dict": [{keys}]}}')).root, Pairs)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"format": "sandbox-load/metadata/2", "root": 1}',
        b'{"format": "sandbox-load/metadata/1"}',
        document("1", ', "more": 1'),
        document("1", ', "sources": {}'),
        document("1", ', "sources": [{"class": 1}]'),
        document("1", ', "escaped": {"a": 1}'),
        document("NaN"),
        document('{"a": 1, "a": 2}'),
        document('{"a": 1, "$b": 2}'),
        document('{"$b": 2}'),
        document('{"$int": "1e9"}'),
        document('{"$int": "' + "1" * 5000 + '"}'),
        document('{"$int": 1}'),
        document('{"$float": "1.0"}'),
        document('{"$bytes": "a"}'),
        document('{"$bytes": "é"}'),
        document('{"$text": "/w=="}'),
        document('{"$tuple": {}}'),
        document('{"$tuple": [], "more": 1}'),
        document('{"$dict": [[1]]}'),
        document('{"$dict": [1]}'),
        document('{"$array": [], "shape": [-1]}'),
        document('{"$array": []}'),
        document('{"$file": -1}'),
        document('{"$mapping": "m.D", "items": []}'),
        document('{"$object": "m.C", "made": 1}'),
        document("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2)),
        document("[" * 100_000 + "]" * 100_000),
        document('{"$tuple": [' * 500 + "]}" * 500),
    ],
)
def test_what_is_no_metadata_is_the_callers_mistake(text: bytes) -> None:
    with pytest.raises(CallerError, match="no metadata of sandbox-load's"):
        parse_metadata(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.dictionaries(st.sampled_from(["$tuple", "$dict", "$set", "$object", "args", "$scalar", "value"]), inner)
    ),
    max_leaves=10,
)


@given(JSON)
def test_no_other_error_leaves_the_reader(value: Any) -> None:
    try:
        parse_metadata(document(json.dumps(value)))
    except CallerError:
        return


@pytest.mark.parametrize("make", [lambda path: None, Path.mkdir], ids=["missing", "folder"])
def test_a_file_that_can_not_be_read_is_the_callers_mistake(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "x.metadata.json")
    with pytest.raises(CallerError, match=r"x\.metadata\.json can't be opened"):
        read_metadata(tmp_path / "x.metadata.json")
