"""Archives that two readers would read differently: each is an oddity of its own, and nothing is guessed."""

from __future__ import annotations

import io
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest
import torch
from guest.readers.session import Bounds

from tests.guest.readers.reading_results import Result
from tests.guest.readers.test_pickles import Calls

Read = Callable[..., Result]
PAYLOAD = pickle.dumps(Calls(os.system, "id"), 2)


def saved() -> bytes:
    held = io.BytesIO()
    torch.save({"w": torch.arange(6.0)}, held)
    return held.getvalue()


def rebuilt(change: Callable[[zipfile.ZipFile, str, bytes], None]) -> bytes:
    """torch's archive, written again by zipfile: `change` writes each record."""
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved())) as old, zipfile.ZipFile(held, "w") as new:
        for name in old.namelist():
            change(new, name, old.read(name))
    return held.getvalue()


def as_is(new: zipfile.ZipFile, name: str, content: bytes) -> None:
    new.writestr(name, content)


def test_an_archive_that_was_packed_again_is_fine(read: Read) -> None:
    result = read(rebuilt(as_is))
    assert result.end.complete
    assert result["ODDITY"] == []


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("twin", "oddity"), [("archive/data.pkl", "zip.duplicate"), ("archive/DATA.pkl", "zip.case_collision")]
)
@pytest.mark.parametrize("first", [True, False])
def test_two_records_of_one_name(read: Read, twin: str, oddity: str, first: bool) -> None:
    def change(new: zipfile.ZipFile, name: str, content: bytes) -> None:
        pickled = name == "archive/data.pkl"
        if pickled and first:
            new.writestr(twin, PAYLOAD)
        new.writestr(name, content)
        if pickled and not first:
            new.writestr(twin, PAYLOAD)

    result = read(rebuilt(change))
    assert oddity in result.oddities
    assert not result.end.complete
    assert "reduce" in result.uses("posix.system")


def test_a_second_pickle_that_torch_does_not_read(read: Read) -> None:
    def change(new: zipfile.ZipFile, name: str, content: bytes) -> None:
        new.writestr(name, content)
        if name.endswith("data.pkl"):
            new.writestr("archive/extra.pkl", PAYLOAD)

    result = read(rebuilt(change))
    assert "reduce" in result.uses("posix.system")


def test_a_deflated_record(read: Read) -> None:
    def change(new: zipfile.ZipFile, name: str, content: bytes) -> None:
        new.writestr(name, content, zipfile.ZIP_DEFLATED)

    content = rebuilt(change)
    result = read(content)
    assert result.oddities == {"zip.deflated_record"}
    (row,) = result["TENSOR"]
    assert row.label == "decoded"
    assert result.tensors(content)["w"][2] == torch.arange(6.0).numpy().tobytes()


def central(content: bytes, name: bytes) -> int:
    """Where the directory's entry of a record begins."""
    at = content.rindex(name)
    return content.rindex(b"PK\x01\x02", 0, at)


def local(content: bytes, name: bytes) -> int:
    return content.rindex(b"PK\x03\x04", 0, content.index(name))


def patched(content: bytes, at: int, value: bytes) -> bytes:
    return content[:at] + value + content[at + len(value) :]


DATA = b"archive/data/0"


@pytest.mark.parametrize(
    ("at", "value", "oddity", "complete"),
    [
        (lambda content: local(content, DATA) + 30, b"A", "zip.local_name", True),
        (lambda content: local(content, DATA) + 6, b"\x09", "zip.encrypted_flag", True),
        (lambda content: local(content, DATA) + 8, b"\x08", "zip.local_method", True),
        (lambda content: local(content, DATA) + 18, b"\x01\0\0\0", "zip.local_size", True),
        (lambda content: central(content, DATA) + 8, b"\x09", "zip.encrypted_flag", True),
        (lambda content: central(content, b"archive/data.pkl") + 16, b"\x01\0\0\0", "zip.crc", True),
        (lambda content: central(content, DATA) + 20, struct.pack("<II", 4, 4), "zip.record_short", False),
        (lambda content: central(content, DATA) + 20, struct.pack("<II", 40, 40), "zip.record_long", True),
        (lambda content: central(content, b"archive/version") + 42, b"\0\0\0\0", "zip.overlap", False),
    ],
)
def test_headers_that_disagree(
    read: Read, at: Callable[[bytes], int], value: bytes, oddity: str, complete: bool
) -> None:
    content = saved()
    result = read(patched(content, at(content), value))
    assert oddity in result.oddities
    assert result.end.complete is complete


def test_what_surrounds_an_archive(read: Read) -> None:
    assert "zip.trailing" in read(saved() + b"more").oddities
    comment = saved()[:-2] + struct.pack("<H", 4) + b"note"
    assert "zip.comment" in read(comment).oddities


def test_a_pickle_before_an_archive_is_two_formats(read: Read) -> None:
    result = read(PAYLOAD + saved())
    assert result.formats == ["pickle", "torch-zip"]
    assert {"format.polyglot", "zip.prefix_data"} <= result.oddities
    assert {row.format for row in result["GLOBAL"]} == {"pickle", "torch-zip"}
    assert not result.end.complete


def test_a_pickle_that_is_a_tar(read: Read) -> None:
    block = bytearray(512)
    name = b"(S'id'\nios\nsystem\n."
    block[: len(name)] = name
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    result = read(bytes(block) + bytes(1024))
    assert result.formats == ["tar", "pickle"]
    assert "format.polyglot" in result.oddities
    assert result.uses("os.system") == {"inst"}
    assert result.end.reason.startswith("there is no model in it")


def declared(view: bytes) -> bytes:
    """An archive with one tensor of a storage of six floats, its offset, sizes and strides given as opcodes."""
    body = b"\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n"
    body += b"X\x01\0\0\x000X\x03\0\0\0cpuK\x06tQ" + view + b"\x89ccollections\nOrderedDict\n)RtRs."
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as new:
        new.writestr("a/data.pkl", body)
        new.writestr("a/data/0", bytes(24))
    return held.getvalue()


def test_a_tensor_that_is_declared_by_hand(read: Read) -> None:
    result = read(declared(b"K\x00K\x06\x85K\x01\x85"))
    assert result.end.complete
    assert result["ODDITY"] == []


@pytest.mark.parametrize(
    "view",
    [
        b"K\x01K\x06\x85K\x01\x85",  # one element too far
        b"K\x00K\x03K\x03\x86K\x03K\x01\x86",
        b"K\x00K\x02\x85K\x06\x85",
        b"J\xff\xff\xff\xffK\x01\x85K\x01\x85",
        b"K\x00J\xff\xff\xff\xff\x85K\x01\x85",
        b"K\x00K\x02\x85J\xff\xff\xff\xff\x85",
        b"K\x00\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01\x85K\x00\x85",
    ],
)
def test_tensors_that_reach_outside(read: Read, view: bytes) -> None:
    result = read(declared(view))
    assert result["TENSOR"] == []
    assert result.oddities == {"tensor.out_of_bounds"}
    assert not result.end.complete


def test_output_amplification_is_stopped(read: Read) -> None:
    held = io.BytesIO()
    torch.save({f"w{number}": torch.zeros(1).expand(1 << 20) for number in range(20)}, held)
    result = read(held.getvalue(), bounds=Bounds(output_bytes=10 << 20))
    assert "tensors of more than" in result.end.reason
    assert result.oddities == {"plan.limit"}
    assert result["PLAN_END"][0].nbytes <= 10 << 20


def test_checksums_that_nobody_made_are_fine(read: Read) -> None:
    content = saved()
    at = central(content, b"archive/data.pkl") + 16
    assert struct.unpack_from("<I", content, at)[0] == zlib.crc32(
        zipfile.ZipFile(io.BytesIO(content)).read("archive/data.pkl")
    )
    assert "zip.crc" not in read(patched(content, at, bytes(4))).oddities


def test_an_archive_inside_of_a_pickle_is_read_as_torch_would(read: Read) -> None:
    """What looks like TorchScript is handed to its interpreter, wherever it is found."""

    def change(new: zipfile.ZipFile, name: str, content: bytes) -> None:
        new.writestr(name, content)
        if name == "archive/data.pkl":
            new.writestr("archive/constants.pkl", PAYLOAD)

    inner = rebuilt(change)
    result = read(pickle.dumps(Calls(torch.storage._load_from_bytes, inner), 2))
    assert not result.end.complete
    assert "torchscript" in result.end.reason
    assert any(row.name.endswith("system") for row in result["GLOBAL"])
