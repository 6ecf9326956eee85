"""Whatever the bytes, a reading ends with READ_END: complete, or not and why. Nothing else leaves the reader."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from guest.readers.session import Bounds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.guest.readers.reading_results import Result, read_file
from tests.guest.readers.test_pickles import Calls

Read = Callable[..., Result]
SMALL = Bounds(nodes=50_000, pickle_bytes=1 << 22, tensors=1000, output_bytes=1 << 22, metadata_bytes=1 << 16)


def save(legacy: bool) -> bytes:
    held = io.BytesIO()
    model = {"w": torch.arange(6.0).reshape(2, 3).t(), "n": np.float64(2)}
    torch.save(model, held, _use_new_zipfile_serialization=not legacy)
    return held.getvalue()


SAMPLES = {
    "zip": (".pt", save(legacy=False)),
    "legacy": (".pt", save(legacy=True)),
    "pickle": (".pkl", pickle.dumps({"a": np.arange(5, dtype=">i2"), "b": [1, "x", None]}, 4)),
    "old pickle": (".pkl", pickle.dumps({"a": np.arange(3.0), "b": {1, 2}}, 0)),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_cut_off_at_every_byte(name: str, read: Read) -> None:
    extension, content = SAMPLES[name]
    assert read(content, extension).end.complete
    for length in range(len(content)):
        result = read(content[:length], extension)
        assert not result.end.complete, length


def test_a_payload_is_found_in_every_file_cut_off_behind_it(read: Read) -> None:
    content = pickle.dumps([Calls(os.system, "x"), list(range(40))], 2)
    called = content.index(b"R") + 1
    for length in range(called, len(content)):
        assert "reduce" in read(content[:length], ".pkl").uses("posix.system")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=600), extension=st.sampled_from([".pt", ".pkl", ".x"]))
def test_random_bytes(content: bytes, extension: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{extension}"
    path.write_bytes(content)
    read_file(path, SMALL)


OPCODES = [ord(opcode.code) for opcode in pickletools.opcodes]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.sampled_from([bytes([code]) for code in OPCODES] + [b"cos\nsystem\n", b"1\n", b"\x01x"])))
def test_random_opcodes(parts: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x02" + b"".join(parts) + b".")
    read_file(path, SMALL)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(SAMPLES)),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_mutations(name: str, changes: list[tuple[float, int]], tmp_path: Path) -> None:
    extension, content = SAMPLES[name]
    mutated = bytearray(content)
    for place, value in changes:
        mutated[int(place * len(content))] = value
    path = tmp_path / f"model{extension}"
    path.write_bytes(mutated)
    read_file(path, SMALL)


REFUSED = {
    "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(64),
    "gguf": b"GGUF" + bytes(64),
    "zstd": b"\x28\xb5\x2f\xfd" + bytes(64),
    "lz4-legacy": b"\x02\x21\x4c\x18" + bytes(64),
    "lzip": b"LZIP\x01" + bytes(64),
    "joblib-zfile": b"ZF0x20" + bytes(64),
    "7z": b"7z\xbc\xaf\x27\x1c" + bytes(64),
    "safetensors": (2).to_bytes(8, "little") + b"{}",
    "flax": b"\x82\xa4bert\x81\xa1w\xc7" + bytes(20) + b"\xa3cls\xc0",
    "mxnet": b"\x12\x01" + bytes(64),
    "git-lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
}
SAID = {"safetensors": "it is safetensors already", "git-lfs": "git lfs pull fetches the file"}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_supported_is_named(name: str, read: Read) -> None:
    result = read(REFUSED[name], ".pkl")
    assert [(row.name, row.supported, row.primary, row.by) for row in result["FORMAT"]] == [
        (name, False, True, "content")
    ]
    assert result.end.reason.endswith(SAID.get(name, ": not supported yet"))
    assert result["ODDITY"] == []


def test_empty_and_unknown(read: Read) -> None:
    assert read(b"").end.reason == "the file is empty"
    assert read(b"hello world, no model\n", ".x").end.reason == "not a format that is known here"
