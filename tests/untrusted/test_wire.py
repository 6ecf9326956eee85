"""The wire: one list of rows, written and read back; and nothing but WireError leaves the reader."""

from __future__ import annotations

import dataclasses
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.untrusted import wire
from sandbox.untrusted.wire import Decoder, Kind, WireError

ROWS: list[tuple[Kind, Any]] = [
    (Kind.HELLO, wire.Hello(1, "3.11.2", "Linux 6.1", 1000, True, 2, "0/0", ("lo",), {"AS": 1 << 34})),
    (Kind.FORMAT, wire.Format("torch_zip", True, True, "content")),
    (Kind.TENSOR, wire.Tensor(0, "a.\ud800weight", "F32", (2, 3), (3, 1), "copied", "data/0", 64, 24, -1)),
    (Kind.TENSOR, wire.Tensor(1, "\x1b[31m", "BF16", (), (), "decoded", "", wire.MAX_SIZE, 0, 7)),
    (Kind.TENSOR, wire.Tensor(2, "b", "F32", (2,), (-1,), "gathered", "r", 0, 8, 0)),
    (Kind.LEFT_OUT, wire.LeftOut("c", "a quantized tensor")),
    (Kind.GLOBAL, wire.GlobalUse("pickle", "os.system", "reduce", False, "GLOBAL", "", 0, 1, "('id',)")),
    (Kind.TEXT, wire.Text("pickle", "pickle", "base64", "posix.system", ("posix.system",), True, "data.pkl", 10)),
    (Kind.ODDITY, wire.Oddity("torch_zip", "zip.duplicate", "data.pkl twice", "data.pkl", 10)),
    (Kind.PLAN_END, wire.PlanEnd(3, 24)),
    (Kind.RANGES, wire.Ranges((0, 100), (10, 20))),
    (Kind.READ_END, wire.ReadEnd(False, "it ends early", 100, "0" * 64, 12, ("torch", "collections"))),
    (Kind.READER_GONE, wire.Gone(-9, 0.5, 0.25, 1 << 20, ())),
    (Kind.ARMED, wire.Armed("notify", 4, ("torch",), 1.5, {"AS": 1 << 34})),
    (Kind.EVENT, wire.Event(1, "net.connect", "connect", "denied", 7, 1.0, 3, {"address": "192.0.2.1", "port": "443"})),
    (Kind.LOADED, wire.Loaded(False, "UnpicklingError: no", 0.001)),
    (Kind.WITNESS, wire.Witness("a", "F32", (2, 3), "f" * 64)),
    (Kind.ABSENT, wire.Absent("models.yolo.Model", "ModuleNotFoundError", 1)),
    (Kind.HINT, wire.Hint("os.system", "id", "posix.system", ("<string>:1 <module>",))),
    (Kind.RETURNED, wire.Returned(0, "made", "F32", (1,))),
    (Kind.OUTPUT, wire.Output("loader", "stdout", "hello\n", 6)),
    (Kind.TESTIFIED, wire.Testified(12, "they are nested too deeply")),
    (Kind.LOADER_GONE, wire.Gone(0, 1.5, 1.0, 1 << 28, ("12 sh -c id",))),
    (Kind.END, wire.End({"net.connect": 3}, 0, 0, 0, True)),
    (
        Kind.RESOURCES,
        wire.Resources(0.2, 3, 1.5, 0.5, 0.2, 1 << 28, 4, 9, 1, (0.2,), (1.5,), (1 << 20,), (1,), (9,), (1,)),
    ),
    (
        Kind.CONVERSATION,
        wire.Conversation(1, 7, 1.2, "tcp", "203.0.113.9", 80, "example.org", "http", "R0VU", 3, "", 0),
    ),
    (Kind.ARTIFACT, wire.Artifact("/tmp/x", "left", 0o644, 2, "f" * 64, "aGk=")),
]
EACH = pytest.mark.parametrize(("kind", "row"), ROWS, ids=[f"{at}-{kind.name}" for at, (kind, _) in enumerate(ROWS)])


def frames_of(raw: bytes) -> list[tuple[Kind, bytes]]:
    return Decoder().feed(raw)


def values(row: Any) -> dict[str, Any]:
    return {spec.name: getattr(row, spec.name) for spec in dataclasses.fields(row)}


def payload(changed: dict[str, Any]) -> bytes:
    return json.dumps(changed).encode("ascii")


def test_every_kind_that_has_a_row_is_in_the_list() -> None:
    assert {kind for kind, _ in ROWS} == set(wire.ROWS)


def test_every_kind_is_a_row_or_raw_or_the_order() -> None:
    assert set(Kind) == set(wire.ROWS) | wire.RAW | {Kind.ORDER}


@EACH
def test_a_row_reads_back_as_it_was_written(kind: Kind, row: Any) -> None:
    raw = wire.encode(kind, row)
    ((read_kind, read_payload),) = frames_of(raw)
    assert read_kind is kind
    assert read_payload.isascii()
    assert wire.decode(kind, read_payload) == row


@EACH
def test_a_field_too_many_or_too_few_is_refused(kind: Kind, row: Any) -> None:
    whole = values(row)
    with pytest.raises(WireError, match="not its fields"):
        wire.decode(kind, payload(whole | {"more": 1}))
    for name in whole:
        with pytest.raises(WireError, match="not its fields"):
            wire.decode(kind, payload({key: value for key, value in whole.items() if key != name}))


@EACH
def test_a_field_of_another_type_is_refused(kind: Kind, row: Any) -> None:
    strangers = ["text", 1, -(1 << 70), 1 << 70, 0.5, True, None, [[]], [{}], {"a": {}}, {"a": None}]
    for name, value in values(row).items():
        for stranger in strangers:
            if fits(value, stranger):
                continue
            with pytest.raises(WireError, match=f"{kind.name}.{name}"):
                wire.decode(kind, payload(values(row) | {name: stranger}))


def fits(value: object, stranger: object) -> bool:
    """Whether the stranger is a value that the field may hold."""
    if isinstance(value, str):
        return isinstance(stranger, str)
    if isinstance(value, bool):
        return isinstance(stranger, bool)
    return type(stranger) in NUMBERS.get(type(value), ()) and 0 <= stranger <= 1  # type: ignore[operator]


NUMBERS: dict[type, tuple[type, ...]] = {int: (int,), float: (int, float)}


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (Kind.TENSOR, "name", "x" * (wire.MAX_NAME + 1)),
        (Kind.TENSOR, "shape", [1] * (wire.MAX_RANK + 1)),
        (Kind.TENSOR, "shape", [-1]),
        (Kind.TENSOR, "offset", -1),
        (Kind.TENSOR, "length", wire.MAX_SIZE + 1),
        (Kind.TENSOR, "alias", -2),
        (Kind.RANGES, "offsets", [0] * (wire.MAX_ROWS + 1)),
        (Kind.EVENT, "count", 0),
        (Kind.EVENT, "at", -0.5),
        (Kind.EVENT, "at", 1e9),
        (Kind.EVENT, "detail", {str(key): "" for key in range(17)}),
        (Kind.EVENT, "detail", {"x" * (wire.MAX_TEXT + 1): ""}),
        (Kind.END, "counts", {"x" * 65: 1}),
        (Kind.END, "counts", {"x": -1}),
        (Kind.END, "counts", {"x": True}),
        (Kind.HELLO, "interfaces", ["lo"] * 33),
        (Kind.READER_GONE, "alive", ["x" * 257]),
    ],
)
def test_a_value_beyond_its_bound_is_refused(kind: Kind, name: str, value: object) -> None:
    row = next(row for known, row in ROWS if known is kind)
    with pytest.raises(WireError, match=f"{kind.name}.{name}"):
        wire.decode(kind, payload(values(row) | {name: value}))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b'{"tensors": 1, "nbytes": 1, "nbytes": 2}',
        b'{"tensors": NaN, "nbytes": 1}',
        b'{"tensors": Infinity, "nbytes": 1}',
        b'{"tensors": 1e999, "nbytes": 1}',
        b'{"tensors": ' + b"9" * 5000 + b', "nbytes": 1}',
        b'{"tensors": 1, "nbytes": 1} trailing',
        b'{"tensors": 1, "nbytes": "\xff"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda text: text[:20].decode("latin1"),
)
def test_json_that_is_not_strict_is_refused(text: bytes) -> None:
    with pytest.raises(WireError):
        wire.decode(Kind.PLAN_END, text)


@pytest.mark.parametrize("kind", [Kind.ORDER, *sorted(wire.RAW)])
def test_a_kind_without_a_row_has_nothing_to_decode(kind: Kind) -> None:
    with pytest.raises(WireError):
        wire.decode(kind, b"{}")


def test_data_carries_its_index_and_its_bytes() -> None:
    ((kind, raw),) = frames_of(wire.data(Kind.DATA, 7, b"\0\xff"))
    assert (kind, wire.DATA_HEAD.unpack_from(raw), raw[wire.DATA_HEAD.size :]) == (Kind.DATA, (7,), b"\0\xff")


def test_the_largest_frame_passes_and_a_larger_one_is_never_made() -> None:
    largest = wire.frame(Kind.META, bytes(wire.MAX_PAYLOAD))
    assert frames_of(largest) == [(Kind.META, bytes(wire.MAX_PAYLOAD))]
    assert len(wire.data(Kind.DATA, 0, bytes(wire.MAX_DATA))) == len(largest)
    with pytest.raises(WireError):
        wire.frame(Kind.META, bytes(wire.MAX_PAYLOAD + 1))


def test_a_frame_over_the_limit_is_refused_by_its_header_alone() -> None:
    with pytest.raises(WireError, match="bytes"):
        frames_of(wire.HEADER.pack(Kind.META, wire.MAX_PAYLOAD + 1))


@pytest.mark.parametrize("number", sorted(set(range(256)) - set(Kind)))
def test_an_unknown_kind_is_refused_by_its_header_alone(number: int) -> None:
    with pytest.raises(WireError, match="unknown kind"):
        frames_of(wire.HEADER.pack(number, 0))


def test_no_infinity_is_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        wire.encode(Kind.LOADED, wire.Loaded(True, "", float("inf")))


STREAM = b"".join(wire.encode(kind, row) for kind, row in ROWS) + wire.data(Kind.DATA, 0, b"abc")
WHOLE = frames_of(STREAM)


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_frames_are_the_same_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    decoder = Decoder()
    edges = [0, *sorted(cuts), len(STREAM)]
    got = [frame for start, end in itertools.pairwise(edges) for frame in decoder.feed(STREAM[start:end])]
    assert got == WHOLE
    assert decoder.empty


def test_a_stream_can_be_fed_byte_by_byte() -> None:
    decoder = Decoder()
    assert [frame for byte in STREAM for frame in decoder.feed(bytes([byte]))] == WHOLE


def test_a_stream_that_ends_within_a_frame_is_not_empty() -> None:
    decoder = Decoder()
    decoder.feed(STREAM[:-1])
    assert not decoder.empty


def read(raw: bytes) -> None:
    """All that a reader does with bytes of the enemy."""
    decoder = Decoder()
    for kind, untrusted_payload in decoder.feed(raw):
        wire.decode(kind, untrusted_payload)
    assert len(decoder._held) <= wire.HEADER.size + wire.MAX_PAYLOAD


def only_wire_errors(raw: bytes) -> None:
    try:
        read(raw)
    except WireError:
        return


@given(st.binary(max_size=2000))
def test_only_wire_errors_leave_the_reader_of_any_bytes(raw: bytes) -> None:
    only_wire_errors(raw)


@given(st.sampled_from(sorted(Kind)), st.binary(max_size=2000))
def test_only_wire_errors_leave_the_reader_of_any_payload(kind: Kind, raw: bytes) -> None:
    only_wire_errors(wire.frame(kind, raw))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(ROWS), st.data())
def test_only_wire_errors_leave_the_reader_of_any_value(known: tuple[Kind, Any], data: st.DataObject) -> None:
    kind, row = known
    name = data.draw(st.sampled_from(sorted(values(row))))
    only_wire_errors(wire.frame(kind, payload(values(row) | {name: data.draw(JSON)})))


@given(st.lists(st.tuples(st.integers(0, len(STREAM) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_only_wire_errors_leave_the_reader_of_a_changed_stream(changes: list[tuple[int, int]]) -> None:
    raw = bytearray(STREAM)
    for at, byte in changes:
        raw[at] = byte
    only_wire_errors(bytes(raw))


@pytest.mark.parametrize(
    ("text", "opened"),
    [
        (b'{"a": [1, [], {}]}', 4),
        (b'["[{", "\\"[{", "\\\\", []]', 2),
        (b'["no end [[[', 1),
        (b'"\\' + b'\\"' * 1000, 0),
    ],
)
def test_objects_and_lists_are_counted_outside_of_strings(text: bytes, opened: int) -> None:
    assert not wire._opens_more(text, opened)
    assert not opened or wire._opens_more(text, opened - 1)


def test_a_text_with_more_objects_and_lists_than_allowed_is_not_parsed() -> None:
    assert wire.parse_json(b"[[],[]]", 3) == [[], []]
    with pytest.raises(WireError, match="more than 2"):
        wire.parse_json(b"[[],[]]", 2)
