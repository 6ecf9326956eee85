"""Folders as Hugging Face's repositories are: shards with an index, or weights beside what belongs to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from bench.conversion.layout import Family, named
from tests.zoo import Expected, ramp

FAMILY = Family("folders", "model")
_CONFIG = {"architectures": ["Model"], "auto_map": {"AutoModel": "modeling_model.Model"}}


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "config.json").write_text(json.dumps(_CONFIG), encoding="utf-8")
    (path / "modeling_model.py").write_text("class Model:\n    pass\n", encoding="utf-8")
    (path / "README.md").write_text("# A model\n", encoding="utf-8")


@FAMILY.layout("sharded_folder")
def sharded(path: Path) -> Expected:
    _folder(path)
    shards = [{"a.weight": ramp(3, 4), "a.bias": ramp(3)}, {"b.weight": ramp(2, 5)}]
    names = [f"pytorch_model-{at:05}-of-00002.bin" for at in (1, 2)]
    for name, shard in zip(names, shards, strict=True):
        torch.save(shard, path / name)
    weights = {tensor: name for name, shard in zip(names, shards, strict=True) for tensor in shard}
    index = {"metadata": {"total_size": 100}, "weight_map": weights}
    (path / "pytorch_model.bin.index.json").write_text(json.dumps(index), encoding="utf-8")
    return named(shards[0] | shards[1])


@FAMILY.layout("single_file_folder")
def single(path: Path) -> Expected:
    _folder(path)
    state = {"a.weight": ramp(3, 4), "lm_head.weight": ramp(2)}
    torch.save(state, path / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    return named(state)


@FAMILY.layout("several_files_folder")
def several(path: Path) -> Expected:
    _folder(path)
    (path / "vae").mkdir()
    files: dict[str, dict[str, Any]] = {
        "pytorch_model.bin": {"w": ramp(3)},
        "optimizer.pt": {"state": {0: {"exp_avg": ramp(4)}}},
        "vae/diffusion_pytorch_model.bin": {"conv": ramp(2, 2)},
    }
    for name, model in files.items():
        torch.save(model, path / name)
    return named(
        {
            "pytorch_model.bin.w": ramp(3),
            "optimizer.pt.state.0.exp_avg": ramp(4),
            "vae/diffusion_pytorch_model.bin.conv": ramp(2, 2),
        }
    )
