"""numpy's files, held against numpy, and those that numpy and we must refuse alike."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.guest.readers.reading_results import Result

Read = Callable[..., Result]


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.how = function, arguments

    def __reduce__(self) -> Any:
        return self.how


def header(text: str, version: int = 1) -> bytes:
    """A file's beginning."""
    raw = text.encode()
    width = 2 if version == 1 else 4
    return b"\x93NUMPY" + bytes([version, 0]) + len(raw).to_bytes(width, "little") + raw


def described(descr: str, shape: str = "(2,)", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}\n"


def tensor(read: Read, content: bytes, name: str = "tensor") -> tuple[str, tuple[int, ...], bytes]:
    result = read(content, ".npy")
    assert result.end.reason == ""
    return result.tensors(content)[name]


@pytest.mark.parametrize("version", [1, 2, 3])
def test_every_version_of_the_header(version: int, read: Read) -> None:
    value = np.arange(6, dtype="<i4").reshape(2, 3)
    held = io.BytesIO()
    np.lib.format.write_array(held, value, (version, 0))
    assert tensor(read, held.getvalue()) == ("I32", (2, 3), value.tobytes())


def test_a_plain_array_is_copied_from_its_place(read: Read) -> None:
    held = io.BytesIO()
    np.save(held, np.arange(4.0))
    (row,) = read(held.getvalue(), ".npy")["TENSOR"]
    assert (row.label, row.offset, row.length) == ("copied", len(held.getvalue()) - 32, 32)


def test_a_header_of_python_2(read: Read) -> None:
    content = header(described("'<i2'", "(2L,)")) + b"\1\0\2\0"
    assert tensor(read, content) == ("I16", (2,), b"\1\0\2\0")


def test_fields_with_titles_padding_and_shapes(read: Read) -> None:
    dtype = np.dtype([(("a title", "a"), "<i2"), ("b", "<f4", (2, 2))], align=True)
    value = np.zeros(3, dtype)
    value["b"] = np.arange(12).reshape(3, 2, 2)
    held = io.BytesIO()
    np.save(held, value)
    result = read(held.getvalue(), ".npy")
    found = result.tensors(held.getvalue())
    assert found["b"] == ("F32", (3, 2, 2), value["b"].tobytes())
    assert {row.name: row.label for row in result["TENSOR"]} == {"a": "gathered", "b": "gathered"}


@pytest.mark.parametrize(
    ("descr", "sentence"),
    [("'<f16'", "f16"), ("'<c32'", "c32"), ("'|V16'", "V16"), ("'<q9'", "q9")],
)
def test_what_has_no_form_is_left_out_by_name(descr: str, sentence: str, read: Read) -> None:
    size = int("".join(filter(str.isdigit, descr)))
    (row,) = read(header(described(descr)) + bytes(2 * size), ".npy")["LEFT_OUT"]
    assert sentence in row.reason


@pytest.mark.parametrize(
    "text",
    [
        "{'descr': '<f4'}",
        described("'<f4'", "[2]"),
        described("'<f4'", "(-1,)"),
        described("'<f4'", "(1 << 40,)"),
        described("'<f4'", f"({1 << 62}, {1 << 62})"),
        described("'<f4'", "(3,)"),
        described("'<f4'", order="'no'"),
        described("[('a', '<f4'), ('a', '<f4')]"),
        described("[('a', '<f4', (-1,))]"),
        described("[('a',)]"),
        described("[" + "[" * 30 + "]" * 30 + "]"),
        described("__import__('os').system('x')"),
        "(" * 5000 + ")" * 5000,
        "-" * 9000 + "1",
        "9" * 60_000,
        "{" * 60_000,
        "\0",
        "",
    ],
)
def test_a_header_that_is_none(text: str, read: Read) -> None:
    result = read(header(text, 2) + bytes(8), ".npy")
    assert result.end.reason
    assert result["TENSOR"] == []


def test_headers_are_bounded(read: Read) -> None:
    assert "a header of" in read(b"\x93NUMPY\2\0" + (1 << 20).to_bytes(4, "little") + bytes(1 << 20), ".npy").end.reason


def test_fields_that_share_are_bounded(read: Read) -> None:
    """Two fields of one type, thirty deep, are a milliard of columns."""
    dtype = b"cnumpy\ndtype\n(S'V0'\nI0\nI1\ntRq\x00"
    for _ in range(30):
        state = b"(I3\nS'|'\nNS'a'\nS'b'\n\x86(S'a'\nh\x00I0\n\x86S'b'\nh\x00I0\n\x86dI0\nI1\nI0\ntb"
        dtype += b"0cnumpy\ndtype\n(S'V0'\nI0\nI1\ntR" + state + b"q\x00"
    array = b"0cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I0\nth\x00I0\nS''\ntb"
    result = read(b"\x80\x02" + dtype + array + b".", ".pkl")
    assert "a dtype of too many parts" in result.end.reason


def test_a_payload_in_an_array_of_objects(read: Read) -> None:
    held = io.BytesIO()
    np.save(held, np.array([Calls(os.system, "x")], dtype=object), allow_pickle=True)
    assert "reduce" in read(held.getvalue(), ".npy").uses("posix.system")


def test_a_payload_in_an_archive(read: Read) -> None:
    held = io.BytesIO()
    np.savez_compressed(held, a=np.arange(3), b=np.array([Calls(os.system, "x")], dtype=object))
    result = read(held.getvalue(), ".npz")
    assert result.formats == ["npz"]
    assert "reduce" in result.uses("posix.system")
    assert [row.name for row in result["TENSOR"]] == ["a"]


def test_the_last_record_of_a_name_counts_as_in_zipfile(read: Read, recwarn: pytest.WarningsRecorder) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for value in (1, 2):
            one = io.BytesIO()
            np.save(one, np.array([value], "<i4"))
            archive.writestr("a.npy", one.getvalue())
    with np.load(io.BytesIO(held.getvalue())) as loaded:
        oracle = loaded["a"].tobytes()
    result = read(held.getvalue(), ".npz")
    assert result.tensors(held.getvalue())["a"][2] == oracle
    assert "zip.duplicate" in result.oddities
    assert not result.end.complete


def test_bytes_behind_an_array_are_odd(read: Read) -> None:
    held = io.BytesIO()
    np.save(held, np.arange(3))
    assert read(held.getvalue() + pickle.dumps(Calls(os.system, "x")), ".npy").oddities == {"npy.trailing"}


def test_a_member_that_is_no_array_leaves_the_others(read: Read) -> None:
    held = io.BytesIO()
    np.savez(held, a=np.arange(3))
    with zipfile.ZipFile(held, "a") as archive:
        archive.writestr("b.npy", b"no array")
    result = read(held.getvalue(), ".npz")
    assert [row.name for row in result["TENSOR"]] == ["a"]
    assert "b.npy: an array without its magic" in result.end.reason
