"""What lies behind, beside and between is read for what it is, and said; padding and leftovers are no alarm."""

from __future__ import annotations

import bz2
import gzip
import io
import pickle
from collections.abc import Callable

import joblib
import numpy as np
import pytest
import torch

from bench.detection.build.containers import FLOAT_ARRAY, legacy, legacy_body, objects, tarred, torch_tar, zipped
from bench.detection.build.zips import FLOATS, HONEST, Row, archive, deflated, torch_rows
from tests.guest.readers.reading_results import Result
from tests.malicious.pickles import call, stream

Read = Callable[..., Result]
SYSTEM = call("posix", "system", "id")
PAYLOAD = stream(SYSTEM)
HONEST_PICKLE = stream({"epoch": 3})
MAC = b"\0\5\x16\7" + bytes(64)


def told(result: Result) -> set[str]:
    """What is odd, and whether the payload was found."""
    return result.oddities | ({"found"} if "reduce" in result.uses("posix.system") else set())


@pytest.mark.parametrize("end", [b"\n", b"\r\n", bytes(512), b" \n\x1a"])
@pytest.mark.parametrize(
    ("content", "extension"),
    [
        (HONEST_PICKLE, ".pkl"),
        (legacy(legacy_body()), ".pt"),
        (FLOAT_ARRAY, ".npy"),
        (bz2.compress(HONEST_PICKLE), ".bz2"),
    ],
)
def test_padding_behind_the_end_is_padding(read: Read, content: bytes, extension: str, end: bytes) -> None:
    result = read(content + end, extension)
    assert told(result) == {"trailing.padding"}
    assert result.end.complete


@pytest.mark.parametrize(
    ("content", "extension", "odd"),
    [
        (HONEST_PICKLE + PAYLOAD, ".pkl", set()),
        (HONEST_PICKLE + b"\n" + PAYLOAD, ".pkl", {"pickle.trailing"}),
        (HONEST_PICKLE + b"\xff\xff" + PAYLOAD, ".pkl", {"pickle.trailing"}),
        (legacy(legacy_body()) + legacy(legacy_body(x=SYSTEM)), ".pt", {"legacy.several"}),
        (legacy(legacy_body()) * 2 + PAYLOAD, ".pt", {"legacy.several", "legacy.trailing"}),
        (torch_tar(more={"pickle": HONEST_PICKLE + PAYLOAD}), ".pt", {"pickle.several"}),
        (torch_tar(more={"other": PAYLOAD}), ".pt", {"archive.extra"}),
        (FLOAT_ARRAY + objects(SYSTEM), ".npy", set()),
        (FLOAT_ARRAY + PAYLOAD, ".npy", {"npy.trailing"}),
        (objects(call("builtins", "list")) + PAYLOAD, ".npy", {"npy.trailing"}),
    ],
)
def test_what_a_second_load_would_give_is_read(read: Read, content: bytes, extension: str, odd: set[str]) -> None:
    assert told(read(content, extension)) >= odd | {"found"}


def test_models_in_a_row_are_the_first_one(read: Read) -> None:
    held = io.BytesIO()
    for number in range(3):
        torch.save({"w": torch.full((2,), float(number))}, held, _use_new_zipfile_serialization=False)
    result = read(held.getvalue(), ".pt")
    assert result.tensors(held.getvalue())["w"][2] == bytes(8)
    assert (result.oddities, result.end.complete) == ({"legacy.several"}, True)


def test_arrays_in_a_row_are_a_list(read: Read) -> None:
    held = io.BytesIO()
    for array in (np.arange(3), np.ones(2)):
        np.save(held, array)
    result = read(held.getvalue(), ".npy")
    assert [row.name for row in result["TENSOR"]] == ["0", "1"]
    assert (result.oddities, result.end.complete) == (set(), True)


def test_objects_of_joblib_in_a_row_are_the_first_one(read: Read) -> None:
    held = io.BytesIO()
    for value in (np.ones(2), {"a": 1}):
        joblib.dump(value, held)
    result = read(held.getvalue(), ".joblib")
    assert (result.oddities, result.end.complete) == ({"joblib.several"}, True)


@pytest.mark.parametrize(
    ("rows", "odd"),
    [
        ([Row("archive/more.pkl", PAYLOAD)], {"zip.extra", "found"}),
        ([Row("archive/words.txt", PAYLOAD)], {"zip.extra", "format.disguised", "found"}),
        ([Row("archive/data/9", PAYLOAD)], {"zip.extra", "found"}),
        ([Row("archive/data/9", gzip.compress(PAYLOAD, mtime=0))], {"zip.extra", "found"}),
        ([Row("archive/setup.py", b"print(1)\n")], {"zip.program"}),
        ([Row("archive/x", b"\x7fELF" + bytes(60))], {"zip.program"}),
        ([Row("archive/notes.txt", b"trained on monday\n")], {"zip.note"}),
        ([Row("archive/data/9", FLOATS)], {"zip.note"}),
        ([Row("archive/"), Row("archive/data/")], set()),
        ([Row("__MACOSX/archive/._data.pkl", MAC), Row("archive/.DS_Store", b"\0\0\0\1Bud1")], {"zip.note"}),
        ([Row("archive/../x", b"1")], {"zip.note", "archive.path"}),
        ([Row("other/data.pkl", PAYLOAD)], {"zip.stranger", "zip.extra", "found"}),
    ],
)
def test_what_lies_beside_torchs_records(read: Read, rows: list[Row], odd: set[str]) -> None:
    assert told(read(archive([*torch_rows(), *rows]), ".pt")) == odd


def test_a_name_in_other_letters_is_torchs_all_the_same(read: Read) -> None:
    rows = [Row("archive/Data.PKL", stream(SYSTEM, 2)), *torch_rows()[1:]]
    assert told(read(archive(rows), ".pt")) == {"zip.case", "zip.note", "found"}


def test_comments_are_notes_until_they_hold_an_archive(read: Read) -> None:
    assert read(archive(torch_rows(), b"made by hand"), ".pt").oddities == {"zip.comment"}
    assert "zip.comment_records" in read(archive(torch_rows(), b"PK\3\4" + bytes(40)), ".pt").oddities


def test_bytes_behind_compressed_data_are_told(read: Read) -> None:
    row = Row("archive/data.pkl", HONEST, 8, deflated(HONEST) + PAYLOAD)
    assert "zip.hidden" in read(archive(torch_rows(row)), ".pt").oddities


@pytest.mark.parametrize(
    ("content", "name", "disguised"),
    [
        (PAYLOAD, ".safetensors", True),
        (b"cposix\nsystem\n(S'id'\ntR.", ".json", True),
        (archive(torch_rows()), ".h5", True),
        (HONEST_PICKLE, ".txt", True),
        (gzip.compress(PAYLOAD, mtime=0), ".json", True),
        (tarred({"a.pkl": PAYLOAD}), ".ONNX", True),
        (PAYLOAD, ".bin", False),
        (PAYLOAD, ".model", False),
        (PAYLOAD, "", False),
        (b"N.\n", ".txt", False),
        (objects(SYSTEM), ".npy", False),
        (zipped({"a.npy": objects(SYSTEM)}), ".npz", False),
        (gzip.compress(b"{}", mtime=0), ".json", False),
        (b"GGUF" + bytes(64), ".json", False),
    ],
)
def test_a_name_that_promises_no_code(read: Read, content: bytes, name: str, disguised: bool) -> None:
    assert ("format.disguised" in read(content, name).oddities) is disguised
    packed = read(zipped({f"a{name}": content, "m.pkl": HONEST_PICKLE}), ".zip")
    assert ("format.disguised" in packed.oddities) is disguised


class Set:
    """Its state is set by a function, as cloudpickle has it."""

    def __reduce__(self) -> tuple[object, ...]:
        return Set, (), {"a": 1}, None, None, setattr_all


def setattr_all(target: object, state: dict[str, object]) -> None:
    vars(target).update(state)


@pytest.mark.parametrize("protocol", range(6))
def test_what_picklers_pop_themselves_is_nothing_odd(read: Read, protocol: int) -> None:
    recursive: tuple[list[object]] = ([],)
    recursive[0].append(recursive)
    assert read(pickle.dumps([recursive, Set(), Set()], protocol), ".pkl").oddities == set()


def test_an_array_that_was_a_files_is_an_array(read: Read) -> None:
    kind = b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nmemmap\n(I0\ntS'b'\ntR"
    assert read(kind + b".", ".pkl").uses("numpy.memmap") == {"subtype"}
    assert read(b"cnumpy\nmemmap\n(S'x'\nt\x81.", ".pkl").uses("numpy.memmap") == {"newobj"}
