"""Shards of one set are one member; names are compared as text and lead nowhere."""

from __future__ import annotations

import json

import pytest
from guest import shards

ONE, TWO = "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["model.bin"], ["model.bin"]),
        ([ONE, TWO, "other.bin"], ["pytorch_model.bin", "pytorch_model.bin", "other.bin"]),
        ([f"unet/{ONE}", TWO], ["unet/pytorch_model.bin", "pytorch_model.bin"]),
        (["x_1-of-2.pt", "x.2-of-2.pt"], ["x.pt", "x.pt"]),
        ([ONE, TWO, "pytorch_model.bin"], [ONE, ONE, "pytorch_model.bin"]),
        (["1-of-2", "-1-of-2.bin/x"], ["1-of-2", "-1-of-2.bin/x"]),
    ],
)
def test_the_member_that_a_file_belongs_to(names: list[str], expected: list[str]) -> None:
    assert list(shards.members(names, []).values()) == expected


def test_an_index_says_which_files_are_one_set_whatever_they_are_called() -> None:
    said = shards.index("a/x.bin.index.json", json.dumps({"weight_map": {"u": "one.bin", "v": "two.bin"}}).encode())
    assert said is not None
    assert said.shards == ["a/one.bin", "a/two.bin"]
    assert list(shards.members(["a/one.bin", "a/two.bin", "one.bin"], [said]).values()) == [
        "a/x.bin",
        "a/x.bin",
        "one.bin",
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"weight_map": []}',
        b'{"weight_map": {"a": 1}}',
        b"[" * 100_000,
        b"\xff",
        b'{"weight_map": 1',
    ],
)
def test_what_is_no_index_is_none(content: bytes) -> None:
    assert shards.index("x.index.json", content) is None


def test_shards_that_are_not_there_are_counted() -> None:
    assert shards.lacking([ONE, TWO]) == []
    assert shards.lacking([ONE, "y-1-of-4.pt", "y-3-of-4.pt"]) == [
        "1 of the 2 shards of pytorch_model.bin are not there",
        "2 of the 4 shards of y.pt are not there",
    ]
