"""Sparse checkpoints are ordinary ones to torch, and the page says which budgets hold."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bench.contest import COPY
from bench.measure import Sample
from bench.sizes import sparse
from bench.sizes.cases import CASES, FULL, MAPPED, STATIC, budgets
from bench.sizes.page import page


@pytest.mark.parametrize("write", [sparse.write_zip, sparse.write_legacy])
def test_torch_loads_what_is_written_by_hand(write: Callable[[Path, int, int], None], tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    write(path, 3, 500)
    loaded = torch.load(path, weights_only=True)
    assert list(loaded) == [f"layers.{at}.weight" for at in range(3)]
    for at, tensor in enumerate(loaded.values()):
        assert tensor.shape == (500, sparse.COLUMNS)
        assert (tensor[0, 0], tensor[-1, -1], tensor.count_nonzero()) == (at + 1, at + 1, 2)
    assert path.stat().st_blocks * 512 < path.stat().st_size / 10


def test_records_of_a_zip_are_zip64(tmp_path: Path) -> None:
    sparse.write_zip(tmp_path / "model.pt", 2, 10)
    with zipfile.ZipFile(tmp_path / "model.pt") as archive:
        rows = {info.filename: info for info in archive.infolist()}
    assert rows["archive/data/1"].file_size == 10 * sparse.COLUMNS * 4
    assert rows["archive/data/1"].extract_version == 45


def samples() -> dict[str, Sample]:
    ours = {"host_peak": 60e6, "reader_peak": 22e6, "jail_private_peak": 600e6, "verdict": "clean", "reasons": []}
    return {
        COPY: Sample(4.0, 1.0),
        STATIC: Sample(5.0, 2.0, ours | {"jail_private_peak": 0}),
        FULL: Sample(9.0, 3.0, ours | {"reasons": ["It took long."]}),
        MAPPED: Sample(10.0, 5.0, {"host_peak": 8e9}),
    }


def test_budgets_are_held_against_what_was_measured() -> None:
    reached = {line.what: line.measured <= line.allowed for line in budgets(CASES["8G"], samples())}
    assert reached == {
        "host's peak: 64 MB + 1 KB a tensor": True,
        "--static: 2 x (cp + fsync) + 0.3 s": True,
        "loader's anonymous memory: 400 MB + the largest tensor": False,
        f"full: {MAPPED}": True,
    }


def test_page_shows_each_case_and_what_was_said() -> None:
    text = page({"8G": samples()}, {"8G": (2_000_000, 8_000_000_000)}, "a machine")
    assert "| sandbox-load | 9.00 | 0.90 | 3.00 | 60 | 22 | 600 | clean |" in text
    assert "The input takes 2.0 MB of disk, the output 8,000.0 MB." in text
    assert "| 600.0 MB | 500.0 MB | 1.20 | **not reached** |" in text
    assert "- 8 GB, torch zip, sandbox-load: It took long." in text
