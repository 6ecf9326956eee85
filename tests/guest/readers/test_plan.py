"""Names in the plan: collisions and names that no safetensors file can hold are said, never guessed."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.guest.readers.reading_results import Result

Read = Callable[..., Result]


def save(model: Any, **options: Any) -> bytes:
    held = io.BytesIO()
    torch.save(model, held, **options)
    return held.getvalue()


def test_two_tensors_of_one_name(read: Read) -> None:
    result = read(save({"a": {"b": torch.ones(1)}, "a.b": torch.ones(2), 1: torch.ones(3), "1": torch.ones(4)}))
    assert result.oddities == {"name.collision"}
    assert "'a.b'" in result.end.reason
    assert "'1'" in result.end.reason


@pytest.mark.parametrize("name", ["", "__metadata__", "a\0b", "\ud800"])
def test_names_that_safetensors_cannot_hold(name: str, read: Read) -> None:
    result = read(save({name: torch.ones(1), "kept": torch.ones(2)}))
    assert [row.name for row in result["TENSOR"]] == ["kept"]
    assert [row.name for row in result["LEFT_OUT"]] == [name]
    assert "safetensors can't hold the name" in result.end.reason


@pytest.mark.parametrize("zipped", [True, False])
def test_who_shares_bytes_with_whom(read: Read, zipped: bool) -> None:
    base, other = torch.arange(12.0), torch.arange(3.0)
    model = {"all": base, "head": base[:4], "tail": base[8:], "other": other, "again": other, "own": torch.ones(2)}
    halves = torch.arange(8.0)
    model |= {"left": halves[:4], "right": halves[4:]}
    rows = {row.name: row.alias for row in read(save(model, _use_new_zipfile_serialization=zipped))["TENSOR"]}
    assert rows["all"] == rows["head"] == rows["tail"] >= 0
    assert rows["other"] == rows["again"] >= 0
    assert rows["other"] != rows["all"]
    assert rows["own"] == rows["left"] == rows["right"] == -1
