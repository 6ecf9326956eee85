"""joblib's files, held against joblib, and what is made to be read in two ways."""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from guest.load import joblib_file, unpickler, witness
from guest.readers.session import Bounds

from bench.detection.build.containers import joblib_crossed
from tests.guest.readers.reading_results import Result, read_file
from tests.malicious.pickles import stream
from tests.zoo_numpy import arrays

Read = Callable[..., Result]
WRAPPER = b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81"


class Calls:
    """Pickles as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.how = function, arguments

    def __reduce__(self) -> Any:
        return self.how


def wrapped(raw: bytes, rest: bytes, fields: bytes = b"") -> bytes:
    """One array of bytes, as joblib before 1.2 wrote it, and what stands behind it."""
    shape = b"S'shape'\nI%d\n\x85s" % len(raw)
    state = b"}" + shape + b"S'order'\nS'C'\nsS'dtype'\ncnumpy\ndtype\n(S'u1'\nI0\nI1\ntRs" + fields
    return b"\x80\x02" + WRAPPER + state + b"b" + raw + rest


@pytest.mark.parametrize("compress", [0, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)])
@pytest.mark.parametrize("protocol", [2, 5])
def test_arrays_are_as_joblib_loads_them(compress: Any, protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump({"all": arrays(), "tail": 7}, path, compress=compress, protocol=protocol)
    result = read_file(path)
    assert (result.end.reason, result.oddities) == ("", set())
    loaded = joblib.load(path)["all"]
    found = result.tensors(path.read_bytes())
    assert {name: raw for name, (_, _, raw) in found.items()} == {
        f"all.{name}": value.astype(value.dtype.newbyteorder("<")).tobytes("C") for name, value in loaded.items()
    }


def test_arrays_behind_more_than_is_tried_for_a_format_are_found(tmp_path: Path) -> None:
    path = tmp_path / "vectorizer.joblib"
    joblib.dump({"vocabulary": [f"{number:0255}" for number in range(70_000)], "idf": np.arange(9.0)}, path)
    result = read_file(path)
    assert result.end.reason == ""
    assert [row.name for row in result["TENSOR"]] == ["idf"]


def test_an_uncompressed_array_is_copied_from_behind_its_padding(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump({"w": np.arange(8.0)}, path)
    (row,) = read_file(path)["TENSOR"]
    assert row.label == "copied"
    assert row.offset % 16 == 0
    assert path.read_bytes()[row.offset :][: row.length] == np.arange(8.0).tobytes()


def test_arrays_without_padding(read: Read) -> None:
    content = wrapped(b"abc", b".")
    assert read(content, ".joblib").tensors(content) == {"tensor": ("U8", (3,), b"abc")}


def test_our_loader_does_what_joblib_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump({**arrays(), "objects": np.array([np.arange(3), None], dtype=object)}, path)
    monkeypatch.setattr(unpickler, "absent", {})

    def testimony() -> dict[str, Any]:
        with path.open("rb") as file:
            return witness.forms(joblib_file.load(file), 1 << 20)

    by_joblib = testimony()
    monkeypatch.delitem(joblib_file.sys.modules, "joblib.numpy_pickle")
    assert testimony() == by_joblib
    assert list(unpickler.absent) == ["joblib.numpy_pickle.NumpyArrayWrapper"]
    assert len(by_joblib) == len(arrays()) + 1


def test_a_payload_behind_an_array(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump([np.arange(3), Calls(os.system, "x")], path)
    assert "reduce" in read_file(path).uses("posix.system")


def test_a_payload_in_an_array_of_objects(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump(np.array([Calls(os.system, "x")], dtype=object), path)
    assert "reduce" in read_file(path).uses("posix.system")


def test_a_payload_behind_the_pickle(read: Read) -> None:
    result = read(wrapped(b"abc", b".") + pickle.dumps(Calls(os.system, "x")), ".joblib")
    assert "reduce" in result.uses("posix.system")
    assert result.oddities == {"joblib.several"}


def test_an_array_whose_bytes_are_opcodes(read: Read) -> None:
    """joblib sees an array, plain pickle a call."""
    result = read(wrapped(b"0cos\nsystem\n(S'x'\ntR.", b"."), ".pkl")
    assert "joblib.opcodes" in result.oddities
    assert result.uses("os.system") == {"reduce"}


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("text", ["model", "numpy", "os", "joblib.numpy_pickle", "pandas.core.frame"])
def test_an_array_of_objects_is_no_alarm_whatever_text_its_memo_meets(protocol: int, text: str, tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump({"a": text, text: text, "o": np.array(["x", "y", "x"], dtype=object)}, path, protocol=protocol)
    result = read_file(path)
    assert (result.end.reason, result.oddities) == ("", set())
    assert text == "numpy" or not result.uses(f"{text}.dtype")


@pytest.mark.parametrize("text", ["numpy", "scipy.optimize._minpack_py", "antigravity"])
def test_what_plain_pickle_reaches_behind_a_dtype_is_told(text: str, read: Read) -> None:
    result = read(stream(joblib_crossed(text, "posix", "system"), 4), ".joblib")
    assert result.oddities == {"joblib.opcodes"}
    assert result.uses("posix.system") == {"reduce"}
    assert bool(result.uses("antigravity.dtype")) is (text == "antigravity")


def test_what_lies_behind_a_dtype_that_is_nowhere_is_named(read: Read) -> None:
    result = read(stream(joblib_crossed("model", "posix", "system"), 4), ".joblib")
    assert result.oddities == set()
    assert result.uses("posix.system") == {"reference"}


def test_an_array_whose_bytes_are_several_pickles(read: Read) -> None:
    result = read(wrapped(b"N.cos\nsystem\n(S'x'\ntR.", b"."), ".pkl")
    assert result.uses("os.system") == {"reduce"}


def test_an_array_of_a_million_opcodes_is_followed_as_far_as_the_bound_lets(read: Read) -> None:
    content = wrapped(b"N0" * 600_000 + b"0cos\nsystem\n(S'x'\ntR.", b".")
    assert read(content, ".pkl").uses("os.system") == {"reduce"}
    assert not read(content, ".pkl", Bounds(nodes=1_000_000)).end.complete


def test_an_array_inside_of_a_frame(read: Read) -> None:
    """joblib's unpickler takes a frame out of the file before it looks for the array behind it."""
    body = wrapped(b"abc", b".")[2:]
    result = read(b"\x80\x04\x95" + struct.pack("<Q", len(body)) + body, ".joblib")
    assert "joblib.frame" in result.oddities
    assert not result.end.complete


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02" + WRAPPER + b"}b.",
        b"\x80\x02" + WRAPPER + b"I1\nb.",
        wrapped(b"abc", b".").replace(b"I3\n", b"I-1\n"),
        wrapped(b"abc", b".").replace(b"I3\n", b"I9999999999999999999\n"),
        wrapped(b"abc", b"")[:-2],
        wrapped(b"", b"\xff", b"S'numpy_array_alignment_bytes'\nI16\ns"),
    ],
)
def test_wrappers_that_are_none(content: bytes, read: Read) -> None:
    result = read(content, ".joblib")
    assert result.formats == ["joblib"]
    assert not result.end.complete


def test_arrays_beside_the_file_are_left_out_by_name(read: Read) -> None:
    """As joblib before 0.10 wrote them."""
    stream = b"\x80\x02}S'w'\ncjoblib.numpy_pickle\nNDArrayWrapper\n)\x81}S'filename'\nS'm.pkl_01.npy'\nsbs."
    (row,) = read(stream, ".pkl")["LEFT_OUT"]
    assert row.name == "w"
    assert "'m.pkl_01.npy' beside this file" in row.reason


@pytest.mark.parametrize("name", ["/etc/passwd", "../m.pkl_01.npy", "C:m.pkl_01.npy", "stage.npy", "m.pkl_01.pkl", ""])
def test_an_array_beside_the_file_that_joblib_would_not_call_so_is_told(name: str, read: Read) -> None:
    stream = b"\x80\x02}S'w'\ncjoblib.numpy_pickle\nNDArrayWrapper\n)\x81}S'filename'\nS'%s'\nsbs."
    assert "joblib.beside" in read(stream % name.encode(), ".pkl").oddities


@pytest.mark.parametrize("name", ["m.pkl_01.npy", "a model.joblib_123.npy", "m_00.npy.z"])
def test_one_that_joblib_calls_so_is_not(name: str, read: Read) -> None:
    stream = b"\x80\x02}S'w'\ncjoblib.numpy_pickle\nNDArrayWrapper\n)\x81}S'filename'\nS'%s'\nsbs."
    assert "joblib.beside" not in read(stream % name.encode(), ".pkl").oddities
