"""Archives of several files: a name is a member's own where one holds tensors, and begins with its path otherwise."""

from __future__ import annotations

import base64
import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import torch

from bench.conversion.layout import Family, named
from tests.zoo import Expected, flat, ramp

FAMILY = Family("archives", "model.tar.gz")


def saved(model: Any, **options: Any) -> bytes:
    """What torch.save writes."""
    held = io.BytesIO()
    torch.save(model, held, **options)
    return held.getvalue()


def _tarred(path: Path, mode: str, members: Mapping[str, bytes]) -> None:
    with tarfile.open(path, mode) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


_BESIDE = {"config.json": b'{"model": {"type": "simple_tagger"}}', "vocabulary/tokens.txt": b"the\nof\n"}


def _archive(name: str, file: str, mode: str, **options: Any) -> None:
    def build(path: Path) -> Expected:
        model, tensors = flat()
        _tarred(path, mode, _BESIDE | {"weights.th": saved(model, **options)})
        return named(tensors)

    FAMILY.layout(name, file)(build)


_archive("tar_gz", "model.tar.gz", "w:gz")
_archive("tar_gz_legacy", "model.tar.gz", "w:gz", _use_new_zipfile_serialization=False)
_archive("tar_plain", "model.tar", "w:")
_archive("tar_xz", "model.tar.xz", "w:xz")


@FAMILY.layout("tar_gz_two_models")
def two(path: Path) -> Expected:
    arrays = pickle.dumps({"mean": np.arange(3.0)}, 4)
    _tarred(path, "w:gz", {"encoder/weights.pt": saved({"w": ramp(3)}), "stats.pkl": arrays, "notes.txt": b"two"})
    return named({"encoder/weights.pt.w": ramp(3), "stats.pkl.mean": np.arange(3.0)})


@FAMILY.layout("zip_of_checkpoint", "model.zip")
def zipped(path: Path) -> Expected:
    model, tensors = flat()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readme.txt", "a model")
        archive.writestr("model.pt", saved(model))
    return named(tensors)


@FAMILY.layout("stable_baselines3", "model.zip")
def stable_baselines(path: Path) -> Expected:
    """Stable-Baselines3: settings as JSON with cloudpickles in it, the policy and its optimizer as torch files."""
    policy = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 1))
    optimizer = torch.optim.Adam(policy.parameters())
    policy(torch.ones(3)).sum().backward()
    optimizer.step()
    serialized = base64.b64encode(cloudpickle.dumps({"log_std_init": -2})).decode()
    settings = {"gamma": 0.99, "policy_kwargs": {":type:": "<class 'dict'>", ":serialized:": serialized}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", json.dumps(settings))
        archive.writestr("policy.pth", saved(policy.state_dict()))
        archive.writestr("policy.optimizer.pth", saved(optimizer.state_dict()))
        archive.writestr("pytorch_variables.pth", saved(None))
        archive.writestr("_stable_baselines3_version", "2.3.2")
    tensors: dict[str, Any] = {f"policy.pth.{name}": value for name, value in policy.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"policy.optimizer.pth.state.{number}.{name}": value for name, value in state.items()}
    return named(tensors)
