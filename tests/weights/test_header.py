"""Our header is what the official library reads, and our reader takes nothing that the library would read otherwise."""

from __future__ import annotations

import json
import os
import struct
from math import prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError, deserialize, safe_open
from safetensors.numpy import save

from sandbox.errors import HostileError
from sandbox.facts import Label, Tensor
from sandbox.weights.dtypes import BITS, itemsize, size_of
from sandbox.weights.header import METADATA, Entry, entry_size, layout, strict_header

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20).filter(
    lambda name: name != "__metadata__"
)


@st.composite
def plans(draw: st.DrawFn) -> tuple[Tensor, ...]:
    tensors: list[Tensor] = []
    for name in draw(st.lists(NAMES, unique=True, max_size=8)):
        dtype = draw(st.sampled_from(sorted(BITS)))
        shape = tuple(draw(st.lists(st.integers(0, 4), max_size=3)))
        if prod(shape) * BITS[dtype] % 8:
            shape = (*shape, 4)
        nbytes = size_of(dtype, shape)
        tensors.append(Tensor(len(tensors), name, dtype, shape, (), Label.COPIED, "", 0, nbytes, nbytes, -1))
    return tuple(tensors)


def read(data: bytes) -> tuple[Entry, ...]:
    fd = os.memfd_create("header")
    try:
        os.write(fd, data)
        return strict_header(fd).entries
    finally:
        os.close(fd)


def write(header: object, body: bytes = b"", text: bytes | None = None) -> bytes:
    text = json.dumps(header).encode() if text is None else text
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


@given(plans())
def test_the_library_reads_what_we_lay_out(plan: tuple[Tensor, ...]) -> None:
    made = layout(plan)
    bodies = {tensor.name: os.urandom(tensor.nbytes) for tensor in plan}
    data = bytearray(made.header) + bytes(made.size - len(made.header))
    for tensor in plan:
        assert made.starts[tensor.index] % itemsize(tensor.dtype) == 0
        data[made.starts[tensor.index] : made.starts[tensor.index] + tensor.nbytes] = bodies[tensor.name]
    assert len(data) == made.size
    oracle = library(bytes(data))
    assert {name: bytes(entry["data"]) for name, entry in oracle.items()} == bodies
    assert {name: (entry["dtype"], tuple(entry["shape"])) for name, entry in oracle.items()} == {
        tensor.name: (tensor.dtype, tensor.shape) for tensor in plan
    }
    ours = {entry.name: (entry.dtype, entry.shape, entry.begin) for entry in read(bytes(data))}
    assert ours == {tensor.name: (tensor.dtype, tensor.shape, made.starts[tensor.index]) for tensor in plan}


def library(data: bytes) -> dict[str, dict[str, object]]:
    return dict(deserialize(data))


@given(plans())
def test_an_entry_never_takes_more_of_the_header_than_was_counted(plan: tuple[Tensor, ...]) -> None:
    counted = sum(entry_size(tensor.name, tensor.dtype, tensor.shape) for tensor in plan)
    assert len(layout(plan).header) <= len(layout(()).header) + counted + 8


def test_a_file_without_tensors_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(layout(()).header)
    with safe_open(path, "np") as file:
        assert list(file.keys()) == []
        assert file.metadata() == METADATA
    assert read(path.read_bytes()) == ()


def test_our_reader_takes_what_the_library_writes() -> None:
    array = np.arange(2, dtype=np.float32)
    data = save({"a": array}, {"format": "pt"})
    (entry,) = read(data)
    assert (entry.name, entry.dtype, entry.shape) == ("a", "F32", (2,))
    assert data[entry.begin : entry.end] == array.tobytes()


def one(**changes: object) -> dict[str, object]:
    return {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]} | changes


BAD = {
    "empty": b"",
    "no header": struct.pack("<Q", 0),
    "length beyond the end": struct.pack("<Q", 16) + b"{}      ",
    "huge length": struct.pack("<Q", 1 << 63) + b"{}      ",
    "length not of eight": struct.pack("<Q", 2) + b"{}",
    "padded too much": struct.pack("<Q", 16) + b"{}" + b" " * 14,
    "leading space": struct.pack("<Q", 8) + b" {}     ",
    "a list": write([]),
    "not JSON": write({}, text=b"{'a': 1}"),
    "not UTF-8": write({}, text=b'{"\xff": 1}'),
    "key twice": write({}, b"1234", b'{"a":%s,"a":%s}' % ((json.dumps(one()).encode(),) * 2)),
    "unknown field": write({"a": one(more=1)}, b"1234"),
    "missing field": write({"a": {"dtype": "U8", "shape": [4]}}, b"1234"),
    "unknown dtype": write({"a": one(dtype="U7")}, b"1234"),
    "dtype a list": write({"a": one(dtype=["U8"])}, b"1234"),
    "negative shape": write({"a": one(shape=[-4])}, b"1234"),
    "shape of floats": write({"a": one(shape=[4.0])}, b"1234"),
    "shape of booleans": write({"a": one(shape=[True], data_offsets=[0, 1])}, b"1"),
    "size and shape differ": write({"a": one(shape=[3])}, b"1234"),
    "three offsets": write({"a": one(data_offsets=[0, 2, 4])}, b"1234"),
    "hole": write({"a": one(), "b": one(data_offsets=[5, 9])}, b"123456789"),
    "hole before": write({"a": one(data_offsets=[1, 5])}, b"12345"),
    "overlap": write({"a": one(), "b": one(data_offsets=[2, 6])}, b"123456"),
    "bytes after": write({"a": one()}, b"12345"),
    "bytes missing": write({"a": one()}, b"123"),
    "unaligned": write(
        {"a": one(shape=[1], data_offsets=[0, 1]), "b": one(dtype="U16", shape=[1], data_offsets=[1, 3])}, b"123"
    ),
    "metadata of numbers": write({"__metadata__": {"a": 1}}),
    "metadata a tensor": write({"__metadata__": one()}, b"1234"),
    "overflowing shape": write({"a": one(shape=[1 << 62, 4, 0], data_offsets=[0, 0])}),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_a_file_that_is_not_sound_is_refused(data: bytes) -> None:
    with pytest.raises(HostileError):
        read(data)


@given(st.binary(max_size=64) | st.binary(max_size=40).map(lambda text: write({}, text=b"{" + text)))
def test_only_hostile_errors_leave_the_reader_and_the_library_agrees(data: bytes) -> None:
    try:
        entries = read(data)
    except HostileError:
        return
    assert {entry.name for entry in entries} == set(library(data))


@given(plans(), st.data())
def test_what_the_library_refuses_so_do_we(plan: tuple[Tensor, ...], choice: st.DataObject) -> None:
    data = bytearray(layout(plan).header)
    data[choice.draw(st.integers(0, len(data) - 1))] ^= 1 << choice.draw(st.integers(0, 7))
    data += bytes(layout(plan).size - len(data))
    try:
        oracle = library(bytes(data))
    except SafetensorError:
        with pytest.raises(HostileError):
            read(bytes(data))
        return
    try:
        ours = read(bytes(data))
    except HostileError:
        return
    assert {(entry.name, entry.dtype, entry.shape) for entry in ours} == {
        (name, entry["dtype"], tuple(entry["shape"])) for name, entry in oracle.items()
    }


def test_a_header_denser_than_entries_are_is_refused_unparsed(tmp_path: Path) -> None:
    text = b'{"a":[' + b"[]," * 1000 + b"[]]}"
    text += b" " * (-len(text) % 8)
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    with path.open("rb") as opened, pytest.raises(HostileError, match="objects and lists"):
        strict_header(opened.fileno())


def test_the_densest_sound_header_passes(tmp_path: Path) -> None:
    entries = {chr(number): {"dtype": "U8", "shape": [], "data_offsets": [0, 1]} for number in (97,)}
    entries |= {f"{number}": {"dtype": "U8", "shape": [0], "data_offsets": [1, 1]} for number in range(1000)}
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"x")
    with path.open("rb") as opened:
        assert len(strict_header(opened.fileno()).entries) == 1001
