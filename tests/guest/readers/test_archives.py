"""Archives are read member by member; what is odd about them is said, and nothing is followed or unpacked."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable

import numpy as np
import pytest
import torch
from guest.readers.session import Bounds

from tests.guest.readers.reading_results import Result
from tests.guest.readers.test_pickles import Calls
from tests.zoo_archives import (
    model_archive,
    old_torch,
    saved,
    stable_baselines,
    tarred,
    torch_tar,
    with_keys,
    zipped,
)

Read = Callable[..., Result]
MODEL = saved({"w": torch.arange(4.0)})
PAYLOAD = pickle.dumps(Calls(os.system, "x"), 2)


def entry(name: str, **fields: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def with_entries(*entries: tarfile.TarInfo) -> bytes:
    """A model, and entries without content behind it."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as new:
        new.addfile(entry("m.pt", size=len(MODEL)), io.BytesIO(MODEL))
        for made in entries:
            new.addfile(made)
    return held.getvalue()


def test_stored_members_are_copied_from_where_they_lie(read: Read) -> None:
    for content in (tarred({"m.pt": MODEL}), zipped({"m.pt": MODEL}, zipfile.ZIP_STORED)):
        (row,) = read(content)["TENSOR"]
        assert (row.name, row.label, row.record) == ("w", "copied", "archive/data/0")
        assert content[row.offset : row.offset + row.length] == torch.arange(4.0).numpy().tobytes()


def test_inflated_members_are_decoded(read: Read) -> None:
    (row,) = read(zipped({"m.pt": MODEL}))["TENSOR"]
    assert row.label == "decoded"


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (gzip.compress(tarred({"a/m.pkl": PAYLOAD, "w.pt": MODEL})), "gzip"),
        (tarred({"w.pt": MODEL, "a/m.pkl": PAYLOAD}), "tar"),
        (zipped({"a/m.pkl": PAYLOAD}), "zip"),
        (tarred({"a/m.pkl": gzip.compress(PAYLOAD)}), "tar"),
    ],
)
def test_a_payload_is_told_with_the_member_that_holds_it(content: bytes, form: str, read: Read) -> None:
    result = read(content)
    assert result.formats[0] == form
    assert [row.record for row in result["GLOBAL"] if row.name == "posix.system"] == ["a/m.pkl"]


@pytest.mark.parametrize(
    ("made", "oddity", "complete"),
    [
        (entry("l", type=tarfile.SYMTYPE, linkname="m.pt"), "archive.link", True),
        (entry("l", type=tarfile.SYMTYPE, linkname="../../etc/passwd"), "archive.path", True),
        (entry("a/b/l", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "archive.path", True),
        (entry("l", type=tarfile.LNKTYPE, linkname="m.pt"), "archive.link", True),
        (entry("d", type=tarfile.CHRTYPE), "archive.device", True),
        (entry("d", type=tarfile.FIFOTYPE), "archive.device", True),
        (entry("../m.txt"), "archive.path", True),
        (entry("/etc/m.txt"), "archive.path", True),
        (entry("m.pt"), "archive.duplicate", False),
    ],
)
def test_tricks_of_tar(made: tarfile.TarInfo, oddity: str, complete: bool, read: Read) -> None:
    result = read(with_entries(made))
    assert result.oddities == {oddity}
    assert result.end.complete == complete


@pytest.mark.parametrize("name", ["\udcff\udcfe", "x" * 9000, "a\nb\x1b[1m", "\u202e.pkl"])
def test_names_of_members_that_are_hard_to_tell(name: str, read: Read) -> None:
    link = entry(name + "l", type=tarfile.SYMTYPE, linkname="m.pt")
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.GNU_FORMAT) as new:
        for path, content in ((name, PAYLOAD), (f"{name}.pt", MODEL), ("m.gguf", b"GGUF" + bytes(64))):
            new.addfile(entry(path, size=len(content)), io.BytesIO(content))
        new.addfile(link)
    result = read(held.getvalue())
    assert "reduce" in result.uses("posix.system")
    assert [row.dtype for row in result["TENSOR"]] == ["F32"]


def test_what_lies_behind_a_tar_is_odd(read: Read) -> None:
    result = read(tarred({"m.pt": MODEL}) + tarred({"p.pkl": PAYLOAD}))
    assert "tar.trailing" in result.oddities
    assert not result.end.complete


def test_a_tar_whose_headers_lead_back_is_refused(read: Read) -> None:
    content = bytearray(tarred({"m.pt": MODEL}))
    content[124:136] = b"\xff" * 11 + b"\x00"  # a negative size
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    result = read(bytes(content))
    assert not result.end.complete
    assert result["TENSOR"] == []


def test_a_pax_header_of_a_million_names_is_refused(read: Read) -> None:
    long = entry("m.txt", pax_headers={f"k{number}": "v" * 50 for number in range(5000)})
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.PAX_FORMAT) as new:
        new.addfile(long)
    assert read(held.getvalue()).end.reason == "a tar header of an impossible size"


def test_a_tar_cut_off_anywhere_is_incomplete(read: Read) -> None:
    content = tarred({"m.pt": MODEL}).rstrip(b"\0")
    for length in range(512, len(content), 101):
        assert not read(content[:length]).end.complete, length


@pytest.mark.parametrize("pack", [tarred, zipped])
def test_an_archive_without_a_model_says_so(pack: Callable[[dict[str, bytes]], bytes], read: Read) -> None:
    assert read(pack({"a.txt": b"no\n", "b.json": b"{}"})).end.reason == "there is no model in it"
    inner = pack({"m.gguf": b"GGUF" + bytes(64)})
    assert read(inner).end.reason == "there is no model in it; m.gguf: GGUF file: not supported yet"


SENTENCEPIECE = b"\n\x0e\n\x05<unk>\x15\x00\x00\x00\x00\x18\x02" * 9
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935\nsize 12345\n"


@pytest.mark.parametrize("pack", [tarred, zipped])
def test_a_tokenizer_or_a_table_beside_a_model_is_no_broken_pickle(
    pack: Callable[[dict[str, bytes]], bytes], read: Read
) -> None:
    others = {
        "tokenizer.model": SENTENCEPIECE,
        "table.dat": b"1 2 3\n",
        "plot.png": POINTER,
        ".DS_Store": b"\0\0\0\1Bud1",
    }
    result = read(pack({"m.pt": MODEL, **others}))
    assert result.end.complete
    assert result["ODDITY"] == []


def test_a_member_that_should_be_a_model_and_is_none_is_incomplete(read: Read) -> None:
    assert not read(tarred({"m.pt": MODEL, "n.pt": SENTENCEPIECE})).end.complete
    reason = read(tarred({"m.pt": MODEL, "n.bin": POINTER})).end.reason
    assert reason == "n.bin: only a Git LFS pointer to it is here; git lfs pull fetches the file"


def test_a_payload_behind_more_than_is_tried_for_a_format_is_read(read: Read) -> None:
    payload = (b"U\xff" + b"a" * 255 + b"0") * 70_000 + b"cos\nsystem\n(S'true'\ntR."
    result = read(tarred({"m.pt": MODEL, "notes.txt": payload}))
    assert "os.system" in {row.name for row in result["GLOBAL"]}


def test_nemo_is_refused_by_name(read: Read) -> None:
    result = read(tarred({"./": b"", "./model_config.yaml": b"a: 1\n", "./model_weights.ckpt": MODEL}))
    assert result.formats == ["nemo"]
    assert result.end.reason == "NeMo archive: not supported yet"


def test_members_are_counted_over_all_archives(read: Read) -> None:
    inner = zipped({f"{number}.txt": b"x" for number in range(20)})
    content = tarred({"a.zip": inner, "b.zip": inner, "m.pt": MODEL})
    assert read(content, bounds=Bounds(members=43)).end.complete
    assert "more than 42 members" in read(content, bounds=Bounds(members=42)).end.reason


def test_a_bomb_in_an_archive(read: Read) -> None:
    bomb = pickle.dumps({"w": np.zeros(10 << 20, "u1")}, 4)
    small = Bounds(inflated_base=1 << 16, inflated_per_byte=100)
    for content in (zipped({"a/m.pkl": bomb}), tarred({"a/m.pkl": gzip.compress(bomb)})):
        result = read(content, bounds=small)
        assert result.oddities == {"compressed.bomb"}
        (row,) = result["ODDITY"]
        assert row.record == "a/m.pkl"
        assert (result["TENSOR"], result.end.complete) == ([], False)


def test_what_inflates_is_counted_over_all_members(read: Read) -> None:
    content = zipped({f"{number}.pkl": pickle.dumps(bytes(1 << 16)) for number in range(8)})
    assert read(content, bounds=Bounds(inflated_bytes=9 << 16)).end.complete
    assert "more than 327680 bytes" in read(content, bounds=Bounds(inflated_bytes=5 << 16)).end.reason


def test_overlapping_members_of_a_zip(read: Read) -> None:
    content = bytearray(zipped({"a.pkl": pickle.dumps(1), "b.pkl": pickle.dumps(1)}, zipfile.ZIP_STORED))
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)
    content[second + 42 : second + 46] = struct.pack("<I", 0)  # where the record lies
    result = read(bytes(content))
    assert {"zip.overlap", "zip.local_name"} & result.oddities
    assert not result.end.complete


@pytest.mark.parametrize("flag", ["central", "both"])
def test_an_encrypted_member(flag: str, read: Read) -> None:
    content = bytearray(zipped({"m.pt": MODEL, "n.txt": b"x"}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    if flag == "both":
        content[6] |= 1
    result = read(bytes(content))
    assert "zip.encrypted_flag" in result.oddities
    assert "m.pt: it is encrypted" in result.end.reason


def test_a_wrong_checksum(read: Read) -> None:
    content = bytearray(zipped({"m.pkl": pickle.dumps([1, 2])}, zipfile.ZIP_STORED))
    for place in (14, content.index(b"PK\x01\x02") + 16):
        content[place : place + 4] = b"\x01\x02\x03\x04"
    assert read(bytes(content)).oddities == {"zip.crc"}


def test_two_members_of_one_name_in_a_zip(read: Read) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as new:
        new.writestr("m.pkl", pickle.dumps(1))
        with pytest.warns(UserWarning, match="Duplicate name"):
            new.writestr("m.pkl", PAYLOAD)
    result = read(held.getvalue())
    assert {"zip.duplicate", "archive.duplicate"} <= result.oddities
    assert not result.end.complete
    assert "reduce" in result.uses("posix.system")


# Stable-Baselines3


def test_a_payload_among_the_settings(read: Read) -> None:
    result = read(stable_baselines(PAYLOAD)[0])
    assert [row.record for row in result["GLOBAL"] if row.name == "posix.system"] == ["data!extra"]


@pytest.mark.parametrize(
    "data",
    [
        b"not json",
        b"[1]",
        b"[" * 100_000,
        json.dumps({"a": {":serialized:": "%%%"}}).encode(),
        json.dumps({"a": {":serialized:": base64.b64encode(b"\x80\x04").decode()}}).encode(),
    ],
)
def test_settings_that_are_none(data: bytes, read: Read) -> None:
    result = read(zipped({"data": data, "policy.pth": MODEL}))
    assert result.end.reason.startswith("data")
    assert [row.name for row in result["TENSOR"]] == ["w"]


# torch before 0.1.10


def test_old_torch_is_copied(read: Read) -> None:
    content, _ = old_torch()
    labels = {row.name: row.label for row in read(content)["TENSOR"]}
    assert labels == dict.fromkeys(("w", "tied", "n.0", "view", "s"), "copied") | {"t": "gathered"}


def old(**changes: bytes) -> bytes:
    storages = {1: (torch.FloatStorage, bytes(16))}
    members = torch_tar(storages, [], {2: (1, (4,), (1,), 0)}, with_keys({"w": 1}))
    return tarred(members | changes)


@pytest.mark.parametrize("part", ["storages", "tensors", "pickle"])
def test_a_payload_in_each_stream_of_old_torch(part: str, read: Read) -> None:
    result = read(old(**{part: PAYLOAD}))
    assert [row.record for row in result["GLOBAL"] if row.name == "posix.system"] == [part]


@pytest.mark.parametrize(
    ("storages", "views", "tensors", "reason"),
    [
        ({1: (torch.FloatStorage, bytes(16))}, [(3, 1, 2, 9)], {}, "reaches outside"),
        ({1: (torch.FloatStorage, bytes(16))}, [(3, 7, 0, 1)], {}, "a storage that there isn't"),
        ({1: (torch.FloatStorage, bytes(16))}, [(1, 1, 0, 1)], {}, "two objects have"),
        ({1: (torch.FloatStorage, bytes(16))}, [], {2: (9, (4,), (1,), 0)}, "a storage that there isn't"),
        ({1: (torch.FloatStorage, bytes(16))}, [], {2: (1, (1,) * 65, (1,) * 65, 0)}, "65 dimensions"),
    ],
)
def test_old_torch_that_contradicts_itself(
    storages: dict[int, tuple[type, bytes]],
    views: list[tuple[int, int, int, int]],
    tensors: dict[int, tuple[int, tuple[int, ...], tuple[int, ...], int]],
    reason: str,
    read: Read,
) -> None:
    result = read(tarred(torch_tar(storages, views, tensors, pickle.dumps({}, 2))))
    assert reason in result.end.reason


def test_old_torch_cut_off_anywhere_is_incomplete(read: Read) -> None:
    content = old_torch()[0].rstrip(b"\0")
    for length in range(1, len(content), 53):
        assert not read(content[:length]).end.complete, length


def test_a_link_in_the_place_of_a_stream(read: Read) -> None:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as new:
        for name in ("pickle", "tensors"):
            new.addfile(entry(name, size=len(PAYLOAD)), io.BytesIO(PAYLOAD))
        new.addfile(entry("storages", type=tarfile.SYMTYPE, linkname="/etc/passwd"))
    result = read(held.getvalue())
    assert "archive.path" in result.oddities
    assert not result.end.complete


def test_model_archives_need_no_name_of_their_weights(read: Read) -> None:
    content, tensors = model_archive()
    assert {row.name for row in read(content)["TENSOR"]} == set(tensors)


# What one reader finds, and another overlooks


def respelled(checksum: Callable[[int], bytes], content: bytes) -> bytes:
    """A tar whose first header tells its checksum in another way."""
    blank = content[:148] + b" " * 8 + content[156:]
    return content[:148] + checksum(sum(blank[:512])) + content[156:]


@pytest.mark.parametrize(
    "checksum",
    [lambda total: b"\x80" + total.to_bytes(7, "big"), lambda total: b"%o\0" % total + b"z" * (7 - len(b"%o" % total))],
)
def test_a_tar_is_what_tarfile_opens(checksum: Callable[[int], bytes], read: Read) -> None:
    content = respelled(checksum, tarred({"evil.pkl": PAYLOAD, "m.pt": MODEL}))
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        assert archive.getnames() == ["evil.pkl", "m.pt"]
    assert read(content).uses("posix.system") == {"reduce"}


def test_old_torch_behind_many_other_members(read: Read) -> None:
    content, _ = old_torch()
    with tarfile.open(fileobj=io.BytesIO(content)) as old:
        parts = {name: old.extractfile(name).read() for name in old.getnames()}  # type: ignore[union-attr]
    parts["pickle"] = b"P1\n0" + pickle.dumps(Calls(os.system, "x"), 0)
    result = read(tarred({f"{number}.txt": b"" for number in range(20)} | parts | {"m.pt": MODEL}))
    assert result.uses("posix.system") == {"reduce"}


def test_a_folder_with_content_is_a_file(read: Read) -> None:
    array = io.BytesIO()
    np.save(array, np.array([Calls(os.system, "x")], dtype=object), allow_pickle=True)
    content = zipped({"m.pt": MODEL, "evil/": array.getvalue()})
    assert read(content, ".npz").uses("posix.system") == {"reduce"}


def test_settings_without_a_policy_are_settings(read: Read) -> None:
    data = {"x": {":serialized:": base64.b64encode(PAYLOAD).decode()}}
    result = read(zipped({"data": json.dumps(data).encode(), "m.pt": MODEL}))
    assert result.formats[0] == "stable-baselines3"
    assert result.uses("posix.system") == {"reduce"}


def test_settings_beside_torchs_own_folder(read: Read) -> None:
    held = io.BytesIO(MODEL)
    with zipfile.ZipFile(held, "a") as archive:
        archive.writestr("data", "{}")
    assert read(held.getvalue(), ".zip").oddities == {"zip.stranger"}


@pytest.mark.parametrize("stored_as_tensor", [True, False])
def test_torchs_archive_that_numpy_opens(stored_as_tensor: bool, read: Read) -> None:
    array = io.BytesIO()
    np.save(array, np.array([Calls(os.system, "x")], dtype=object), allow_pickle=True)
    held = io.BytesIO(MODEL)
    if stored_as_tensor:
        held = io.BytesIO(saved({"w": torch.frombuffer(bytearray(array.getvalue()), dtype=torch.uint8)}))
    else:
        with zipfile.ZipFile(held, "a") as archive:
            archive.writestr("archive/evil", array.getvalue())
    result = read(held.getvalue(), ".npz")
    assert result.formats[:2] == ["torch-zip", "npz"]
    assert "format.polyglot" in result.oddities
    assert result.uses("posix.system") == {"reduce"}


@pytest.mark.parametrize("before", [b"hello", (2).to_bytes(8, "little") + b"{}"])
def test_an_archive_amid_other_bytes_is_what_zipfile_opens(before: bytes, read: Read) -> None:
    content = before + zipped({"evil.pkl": PAYLOAD}) + b"\n"
    assert zipfile.ZipFile(io.BytesIO(content)).namelist() == ["evil.pkl"]
    result = read(content, ".x")
    assert not result.end.complete
    assert result.uses("posix.system") == {"reduce"}


def test_a_second_name_of_a_zip_member(read: Read) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        info = zipfile.ZipInfo("notes")
        info.extra = struct.pack("<HHBI", 0x7075, 9, 1, 0) + b"data"
        archive.writestr(info, "{}")
        archive.writestr("m.pt", MODEL)
    assert "zip.name" in read(held.getvalue(), ".zip").oddities
