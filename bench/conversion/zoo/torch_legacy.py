"""torch's format from 0.1.10 to 1.5, as its old versions wrote it."""

from __future__ import annotations

import collections
import pickle
import struct
import types
from pathlib import Path
from typing import Any

import torch

from bench.conversion.layout import Family, named
from tests.zoo import Expected, ramp

FAMILY = Family("torch legacy", "model.pth")
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_SYSTEM = {
    "protocol_version": _PROTOCOL,
    "little_endian": True,
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}


class _FirstVersion(pickle.Pickler):
    """Pickles a tensor as versions before 0.4 did."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            storage = value._typed_storage()  # the same call as torch's own pickling
            return torch._utils._rebuild_tensor, (storage, value.storage_offset(), value.shape, value.stride())
        return NotImplemented


_OLD_PICKLE = types.SimpleNamespace(**{**vars(pickle), "Pickler": _FirstVersion})


@FAMILY.layout("rebuild_tensor")
def rebuild_tensor(path: Path) -> Expected:
    """_rebuild_tensor, which came before _rebuild_tensor_v2."""
    shared = ramp(6, 4)
    state = collections.OrderedDict(w=shared, t=shared.t(), row=shared[2], b=ramp(3))
    torch.save(state, path, _OLD_PICKLE, _use_new_zipfile_serialization=False)
    return named(state)


class _Storage:
    """What stands for a storage in a pickle made by hand."""

    def __init__(self, key: str, kind: type, count: int, view: tuple[str, int, int] | None) -> None:
        self.pid = ("storage", kind, key, "cpu", count, view)


class _ByHand(pickle.Pickler):
    def persistent_id(self, value: Any) -> Any:
        return value.pid if isinstance(value, _Storage) else None


def _tensor(storage: _Storage, *shape: int) -> Any:
    class Rebuilt:
        def __reduce__(self) -> Any:
            stride = torch.empty(shape).stride()
            arguments = (storage, 0, shape, stride, False, collections.OrderedDict())
            return torch._utils._rebuild_tensor_v2, arguments

    return Rebuilt()


@FAMILY.layout("storage_views")
def storage_views(path: Path) -> Expected:
    """Storages that are parts of another: 0.1.10 wrote where they begin in it."""
    content = torch.arange(12, dtype=torch.float32)
    tail = ("11", 8, 4)
    state = {
        "all": _tensor(_Storage("10", torch.FloatStorage, 12, None), 3, 4),
        "tail": _tensor(_Storage("10", torch.FloatStorage, 12, tail), 2, 2),
    }
    with path.open("wb") as file:
        for part in (_MAGIC, _PROTOCOL, _SYSTEM):
            pickle.dump(part, file, 2)
        _ByHand(file, 2).dump(state)
        pickle.dump(["10"], file, 2)
        file.write(struct.pack("<q", 12) + content.numpy().tobytes())
    return named({"all": content.view(3, 4), "tail": content[8:].view(2, 2)})


def _training(path: Path) -> Expected:
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    checkpoint = {"epoch": 3, "state_dict": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(checkpoint, path, _use_new_zipfile_serialization=False)
    tensors: dict[str, Any] = {f"state_dict.{name}": value for name, value in model.state_dict().items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors[f"optimizer.state.{number}.momentum_buffer"] = state["momentum_buffer"]
    return named(tensors)


FAMILY.layout("legacy_training", "model.pth.tar")(_training)
