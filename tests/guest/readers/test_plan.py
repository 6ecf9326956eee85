"""Names in the plan: collisions and names that no safetensors file can hold are said, never guessed."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
import wire

from sandbox.weights.names import original
from tests.guest.readers.reading_results import Result

Read = Callable[..., Result]


def save(model: Any, **options: Any) -> bytes:
    held = io.BytesIO()
    torch.save(model, held, **options)
    return held.getvalue()


def test_two_tensors_of_one_name_are_told_apart_by_a_number(read: Read) -> None:
    result = read(save({"a": {"b": torch.ones(1)}, "a.b": torch.ones(2), 1: torch.ones(3), "1": torch.ones(4)}))
    assert result.oddities == {"name.collision"}
    rows = {row.name: (row.shape, row.escaped) for row in result["TENSOR"]}
    plain, numbered = {"a.b": ((1,), False), "1": ((3,), False)}, {"a.b%(2)": ((2,), True), "1%(2)": ((4,), True)}
    assert rows == plain | numbered
    assert [original(name) for name in numbered] == ["a.b", "1"]
    assert wire.parse_json(result.metadata)["escaped"] == {"a.b%(2)": "a.b", "1%(2)": "1"}
    assert result.end.complete


def test_a_tensor_that_is_met_twice_by_one_name_is_one(read: Read) -> None:
    tensor = torch.ones(3)
    result = read(save({"a": {"b": tensor}, "a.b": tensor.view(3)}))
    assert [row.name for row in result["TENSOR"]] == ["a.b"]
    assert result.oddities == set()
    assert result.end.complete


def test_a_number_that_is_a_name_already_is_passed_over(read: Read) -> None:
    model = {"w%(2)": torch.ones(1), "w": torch.ones(2), "": {"x": torch.ones(3)}, ".x": torch.ones(4)}
    nested = {"n": {"w": torch.ones(5)}, "n.w": torch.ones(6), "n.w%(2)": torch.ones(7)}
    names = [row.name for row in read(save(model | nested))["TENSOR"]]
    assert names == ["w%(2)", "w", ".x", ".x%(2)", "n.w", "n.w%(2)", "n.w%(2)%(2)"]


@pytest.mark.parametrize("key", ["\u6a21" * 2000, "a" * 4096, "\U0001f600" * 4096])
def test_a_key_of_many_bytes_and_few_letters_keeps_its_name(read: Read, key: str) -> None:
    (tensor,) = read(save({key: torch.ones(2)}))["TENSOR"]
    assert tensor.name == key


@pytest.mark.parametrize("name", ["", "__metadata__", "a\0b%", "\ud800", "\ud800\udc00"])
def test_a_name_that_safetensors_cannot_hold_is_escaped_and_the_sidecar_tells_the_original(
    name: str, read: Read
) -> None:
    result = read(save({name: torch.ones(1), "kept%": torch.ones(2)}))
    rows = {row.name: row.escaped for row in result["TENSOR"]}
    (safe,) = [row for row in rows if rows[row]]
    assert rows == {safe: True, "kept%": False}
    assert original(safe) == name
    told = wire.parse_json(result.metadata)["escaped"][safe]
    assert name == (base64.b64decode(told["$text"]).decode("utf-8", "surrogatepass") if "\ud800" in name else told)
    assert result.end.complete


def test_an_escaped_name_that_is_taken_is_a_collision_that_names_both(read: Read) -> None:
    result = read(save({"a%00": torch.ones(1), "a\0": torch.ones(2)}))
    (row,) = result["ODDITY"]
    assert row.id == "name.collision"
    assert "'a%00' and 'a\\x00'" in row.detail
    assert [row.name for row in result["TENSOR"]] == ["a%00", "a%00%(2)"]
    assert original("a%00%(2)") == "a\0"


def test_the_very_same_tensor_is_pointed_at(read: Read) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    model = {"a": base, "b": base.view(3, 4), "t": base.T, "u": base.t(), "part": base[0], "row": base[1].clone()}
    rows = {row.name: row.twin for row in read(save(model))["TENSOR"]}
    assert rows == {"a": -1, "b": 0, "t": -1, "u": 2, "part": -1, "row": -1}


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
