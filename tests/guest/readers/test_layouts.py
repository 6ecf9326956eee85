"""Every benign layout becomes what torch and numpy say it is, and nothing about it is odd."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.guest.readers.reading_results import read_file
from tests.zoo import ZOO, suffix
from tests.zoo_archives import ARCHIVES, SUFFIXES

LEFT_OUT = {
    "left_out": {"meta"},
    "exported": {"example_inputs.0.0"},
    "storage_alone": {"storage.storage"},
    "absent_module": {"net.cache", "net.loose"},
    "legacy_absent_module": {"net.cache", "net.loose"},
}


BUILDS = ZOO | ARCHIVES


@pytest.mark.parametrize("name", sorted(BUILDS))
def test_layout(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{SUFFIXES.get(name) or suffix(name)}"
    expected = BUILDS[name](path)
    result = read_file(path)
    assert result.end.reason == ""
    assert result["ODDITY"] == []
    assert result.tensors(path.read_bytes()) == expected
    assert {row.name for row in result["LEFT_OUT"]} == LEFT_OUT.get(name, set())
    (plan,) = result["PLAN_END"]
    assert (plan.tensors, plan.nbytes) == (len(expected), sum(len(raw) for _, _, raw in expected.values()))
    assert json.loads(result.metadata)["format"] == "sandbox-load/metadata/1"
