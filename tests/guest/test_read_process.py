"""The reader as the jail starts it: its own process, isolated Python, under its filter."""

from __future__ import annotations

import bz2
import json
import lzma
import os
import pickle
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from tests.guest.readers.reading_results import Result, collect
from tests.zoo import ZOO, suffix
from tests.zoo_archives import tarred, zipped

ROOT = Path(__file__).resolve().parents[2]
BOUNDS = {
    "nodes": 1_000_000,
    "depth": 1000,
    "pickle_bytes": 1 << 26,
    "tensors": 10_000,
    "output_bytes": 1 << 30,
    "metadata_bytes": 1 << 20,
}


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guest's code as it stands in the jail."""
    folder = tmp_path_factory.mktemp("code")
    shutil.copytree(ROOT / "images" / "guest", folder / "guest")
    shutil.copy(ROOT / "sandbox" / "untrusted" / "wire.py", folder)
    return folder


def run(code: Path, model: Path, frames: Path) -> Result:
    calls = tomllib.loads((ROOT / "configs" / "syscalls.toml").read_text())["reader"]
    order = {
        "files": [(str(model), model.name)],
        "folder": False,
        "bounds": BOUNDS,
        "uid": os.getuid(),
        "gid": os.getgid(),
        "syscalls": calls,
    }
    start = [sys.executable, "-I", "-B", str(code / "guest" / "read.py")]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" 3>"$0"', str(frames), *start],
        input=json.dumps(order).encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    return collect(frames.read_bytes())


@pytest.mark.parametrize(
    "name", ["arrays", "legacy_arrays", "strided_big", "conj_neg", "pickle_arrays_0", "pickle_tensors_2", "module"]
)
def test_reads_under_its_filter(name: str, code: Path, tmp_path: Path) -> None:
    model = tmp_path / f"model{suffix(name)}"
    expected = ZOO[name](model)
    result = run(code, model, tmp_path / "frames")
    assert result.end.reason == ""
    assert result.tensors(model.read_bytes()) == expected


def test_archives_are_opened_under_the_filter(code: Path, tmp_path: Path) -> None:
    """With names and headers for which Python might want another codec."""
    inner = zipped({"models/\u00e4.pkl": pickle.dumps(np.arange(3), 4)})
    inner = inner.replace("\u00e4".encode(), b"\x84\x81")
    for at in (6, inner.index(b"PK\x01\x02") + 8):
        inner = inner[:at] + bytes(2) + inner[at + 2 :]  # no flag that the names are UTF-8
    long = "\u00e4" * 150
    model = tmp_path / "model.bin"
    model.write_bytes(lzma.compress(tarred({f"{long}/a.zip": bz2.compress(inner), "b.pkl": pickle.dumps(np.ones(2))})))
    result = run(code, model, tmp_path / "frames")
    assert result.end.reason == ""
    assert {row.name for row in result["TENSOR"]} == {f"{long}/a.zip", "b.pkl"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04" + bytes(500),
        b"\x80\x02" + b"\x85" * 1000 + b".",
        b"\x80\x02]" + b"h\x00" * 10,
        b"\x80\x02V\\ud800\n(lp0\nS'\\xff'\np1\nab.",
        b"\x80\x02" + b"]" * 300_000 + b"a" * 299_999 + b".",
    ],
    ids=range(6),
)
def test_malformed_files_do_not_break_the_process(content: bytes, code: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.pt"
    model.write_bytes(content)
    assert not run(code, model, tmp_path / "frames").end.complete
