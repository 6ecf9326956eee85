"""Checkpoints of torch.distributed: `.metadata` names the records of all files, for the reader and the loader alike."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.checkpoint as dcp
from guest.load import folder as loading
from guest.load import witness
from guest.load.place import Place
from torch.distributed.checkpoint.filesystem import _StorageInfo
from torch.distributed.checkpoint.metadata import Metadata, MetadataIndex

from tests.guest.readers.reading_results import Result
from tests.guest.readers.test_folder import names_in, read_folder, tensors
from tests.malicious.pickles import archive, call

MODEL = {
    "model": {"w": torch.arange(6.0).reshape(2, 3), "b": torch.ones(3)},
    "extra": {"note": "x", "ema": {"w": torch.zeros(2)}},
    "epoch": 3,
}


def saved(value: Any) -> bytes:
    held = io.BytesIO()
    torch.save(value, held)
    return held.getvalue()


def records(path: Path, *values: Any) -> list[tuple[int, int]]:
    """A file of them; where each is."""
    places, content = [], b""
    for raw in map(saved, values):
        places.append((len(content), len(raw)))
        content += raw
    path.write_bytes(content)
    return places


def told(root: Path, rows: dict[tuple[str, tuple[int, ...] | None], tuple[str, int, int]]) -> None:
    """What is called how: the name and the part of it, the file, the place in it."""
    storage = {MetadataIndex(*item): _StorageInfo(*place) for item, place in rows.items()}
    (root / ".metadata").write_bytes(pickle.dumps(Metadata({}, storage_data=storage)))


def in_memory(root: Path, result: Result) -> dict[str, str]:
    """The digest of each tensor that a load has."""
    names = names_in(root)
    models = [
        (names[row.file], row.name, Place(str(root / names[row.file]))) for row in result["FORMAT"] if row.primary
    ]
    loaded = loading.load([(str(root / name), name) for name in names], models[1:])
    return {name: digest for name, (_, _, digest) in witness.forms(loaded, 1 << 30).items()}


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
def test_records_have_the_names_that_the_metadata_gives_them(tmp_path: Path) -> None:
    dcp.save(MODEL, checkpoint_id=str(tmp_path))
    result = read_folder(tmp_path)
    assert result.end.complete, result.end.reason
    assert result.oddities == set()
    assert tensors(result, tmp_path).keys() == {"model.w", "model.b", "extra.ema.w"}
    assert in_memory(tmp_path, result).keys() == {"model.w", "model.b", "extra.ema.w"}


def test_parts_of_one_tensor_in_several_files_are_told_apart(tmp_path: Path) -> None:
    (first,) = records(tmp_path / "__0_0.distcp", torch.ones(2))
    second, other = records(tmp_path / "__1_0.distcp", torch.zeros(2), {"step": torch.ones(1)})
    rows = {("w", (0,)): ("__0_0.distcp", *first), ("w", (2,)): ("__1_0.distcp", *second)}
    told(tmp_path, rows | {("optim", None): ("__1_0.distcp", *other)})
    result = read_folder(tmp_path)
    names = {"w.(0)", "w.(2)", "optim.step"}
    assert result.end.complete, result.end.reason
    assert tensors(result, tmp_path).keys() == in_memory(tmp_path, result).keys() == names


def test_records_that_nothing_names_keep_their_place(tmp_path: Path) -> None:
    (_, second) = records(tmp_path / "__0_0.distcp", torch.ones(2), torch.zeros(3))
    result = read_folder(tmp_path)
    assert tensors(result, tmp_path).keys() == in_memory(tmp_path, result).keys() == {"0", "1"}
    told(tmp_path, {("w", None): ("__0_0.distcp", *second)})
    result = read_folder(tmp_path)
    assert tensors(result, tmp_path).keys() == in_memory(tmp_path, result).keys() == {"__0_0.distcp.0", "w"}


def test_what_a_record_calls_is_told(tmp_path: Path) -> None:
    archive(call("posix", "system", "id"), {}, tmp_path / "second")
    path = tmp_path / "__0_0.distcp"
    path.write_bytes(saved(torch.ones(2)) + (tmp_path / "second").read_bytes())
    (tmp_path / "second").unlink()
    assert read_folder(tmp_path).uses("posix.system") == {"reduce"}


@pytest.mark.parametrize("between", [b"x", b"cos\nsystem\n(S'id'\ntR."])
def test_bytes_between_records_or_behind_are_said(between: bytes, tmp_path: Path) -> None:
    first, second = saved(torch.ones(2)), saved(torch.zeros(2))
    for content in (first + second + between, first + second + between + first):
        (tmp_path / "__0_0.distcp").write_bytes(content)
        assert not read_folder(tmp_path).end.complete
