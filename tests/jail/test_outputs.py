"""What is asked of the output composes, is proven by `verify`, and is what torch and safetensors take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, load_model

from sandbox.controller import evaluate
from sandbox.errors import CallerError
from sandbox.facts import Exit, Report, Verdict
from sandbox.request import Request
from sandbox.verification import check
from sandbox.weights.verify import load_manifest

pytestmark = [pytest.mark.jail, pytest.mark.one_jail]
JAIL = "bubblewrap"


class Tied(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.emb = torch.nn.Embedding(50, 16)
        self.head = torch.nn.Linear(16, 50, bias=False)
        self.inner = torch.nn.Linear(16, 16)
        self.head.weight = self.emb.weight


@pytest.fixture
def model(tmp_path: Path) -> tuple[Path, Tied]:
    made = Tied()
    optimizer = torch.optim.Adam(made.parameters())
    made.head(made.inner(made.emb(torch.tensor([1])))).sum().backward()
    optimizer.step()
    path = tmp_path / "model.pt"
    extra = torch.arange(6.0).reshape(2, 3).T
    torch.save({"state_dict": made.state_dict(), "extra": extra, "optimizer": optimizer.state_dict()}, path)
    return path, made


def converted(path: Path, **options: Any) -> Report:
    return evaluate(Request(path, jail=JAIL, **({"static": True} | options)))


def test_a_tied_model_whose_names_were_dropped_loads_and_the_load_was_compared_whole(
    model: tuple[Path, Tied],
) -> None:
    path, made = model
    chosen = {"select": ["emb.*", "head.*", "inner.*"], "strip_prefix": "state_dict.", "tied": "drop"}
    report = converted(path, static=False, **chosen)
    assert report.verdict == Verdict.CLEAN
    assert report.comparison.agree == len(made.state_dict()) + 1 + 9
    assert sum(count.tensors for count in report.tensors.values()) == 3
    again = Tied()
    assert load_model(again, path.with_suffix(".safetensors")) == (set(), [])
    for name, tensor in made.state_dict().items():
        assert again.state_dict()[name].equal(tensor)
    manifest = load_manifest(path.with_suffix(".manifest.json"))
    assert manifest.dropped == (("head.weight", "emb.weight"),)
    assert len(manifest.left_out) == 10
    checked = check(path.with_suffix(".safetensors"), path, replan=True, jail=JAIL)
    assert checked.exit_code == Exit.QUIET, checked.text


def test_shards_and_the_optimizers_file_hold_every_tensor_and_are_verified_by_any_of_them(
    model: tuple[Path, Tied],
) -> None:
    path, made = model
    report = converted(path, shard_size=3300, split_optimizer=True)
    folder = path.parent
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    files = sorted(folder.glob("model-*.safetensors"))
    assert sorted(set(index["weight_map"].values())) == [file.name for file in files]
    held = {name: tensor for file in files for name, tensor in load_file(file).items()}
    assert sorted(held) == sorted(index["weight_map"])
    assert index["metadata"]["total_size"] == sum(tensor.nbytes for tensor in held.values())
    assert {name for name in held if name != "extra"} == {f"state_dict.{name}" for name in made.state_dict()}
    kinds = [output.kind for output in report.outputs]
    assert kinds.count("index") == 2
    optimizers = {name for file in folder.glob("model.optimizer-*") for name in load_file(file)}
    assert len(optimizers) == 9
    for name in ("model.safetensors.index.json", files[0].name, "model.optimizer.safetensors.index.json"):
        assert check(folder / name, path, replan=False, jail=JAIL).exit_code == Exit.QUIET
    checked = check(folder / "model.safetensors.index.json", path, replan=True, jail=JAIL)
    assert checked.exit_code == Exit.QUIET, checked.text
    for damaged in (files[1], folder / "model.safetensors.index.json"):
        good = damaged.read_bytes()
        damaged.write_bytes(good[:-3] + bytes([good[-3] ^ 1]) + good[-2:])
        assert check(files[0], path, replan=False, jail=JAIL).exit_code == Exit.ALARM
        damaged.write_bytes(good)


def test_shards_of_another_conversion_are_not_left_among_the_new_ones(model: tuple[Path, Tied]) -> None:
    path, _ = model
    stale = path.parent / "model-00001-of-00099.safetensors"
    stale.write_bytes(b"mine")
    with pytest.raises(CallerError, match="exists already"):
        converted(path, shard_size=3300)
    with pytest.raises(CallerError, match="another conversion"):
        converted(path, shard_size=3300, force=True)
    assert sorted(file.name for file in path.parent.iterdir()) == [stale.name, "model.pt"]
