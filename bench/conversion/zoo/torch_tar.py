"""torch's format before 0.1.10: a tar file of four pickled streams, written here as its code wrote it."""

from __future__ import annotations

import collections
import io
import pickle
import struct
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from bench.conversion.layout import Family, named
from tests.zoo import Expected, ramp

FAMILY = Family("torch tar", "model.pth")
_SYSTEM = {"protocol_version": 1000, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
_View = tuple[int, int, int, int]  # its key, its root's, where it begins in that, elements


class _Pickler(pickle.Pickler):
    """Tensors stand in the pickle by their keys, as text."""

    keys: Mapping[int, int]

    def persistent_id(self, value: Any) -> str | None:
        return str(self.keys[id(value)]) if isinstance(value, torch.Tensor) else None


def _storage_kind(tensor: torch.Tensor) -> type:
    return getattr(torch, tensor.type().split(".")[-1].replace("Tensor", "Storage"))


def _storages(roots: Mapping[int, torch.Tensor], views: Sequence[_View]) -> bytes:
    file = io.BytesIO()
    pickle.dump(len(roots), file, 2)
    for key, root in roots.items():
        pickle.dump((key, "cpu", _storage_kind(root)), file, 2)
        file.write(struct.pack("<q", root.numel()) + root.numpy().tobytes())
    pickle.dump(list(views), file, 2)
    return file.getvalue()


def _tensors(tensors: Sequence[torch.Tensor], keys: Mapping[int, int], homes: Mapping[int, int]) -> bytes:
    file = io.BytesIO()
    pickle.dump(len(tensors), file, 2)
    for tensor in tensors:
        kind = getattr(torch, tensor.type().split(".")[-1])
        pickle.dump((keys[id(tensor)], homes[id(tensor)], kind), file, 2)
        file.write(struct.pack("<ii", tensor.dim(), 0))
        file.write(struct.pack(f"<{2 * tensor.dim()}q", *tensor.shape, *tensor.stride()))
        file.write(struct.pack("<q", tensor.storage_offset()))
    return file.getvalue()


def _write(path: Path, model: Any, tensors: Sequence[torch.Tensor], views: Sequence[_View] = ()) -> None:
    """`views` adds storages that are parts of others; the last tensors lie in them, one in each."""
    keys = {id(tensor): 94000000 + at for at, tensor in enumerate(tensors)}
    roots: dict[int, torch.Tensor] = {}
    homes: dict[int, int] = {}
    for tensor in tensors[: len(tensors) - len(views)]:
        whole = torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())
        roots.setdefault(homes.setdefault(id(tensor), tensor.untyped_storage()._cdata % 10**9), whole)
    first = next(iter(roots))
    views = [(key, first, start, count) for key, _, start, count in views]
    homes |= {id(tensor): view[0] for tensor, view in zip(tensors[len(tensors) - len(views) :], views, strict=True)}
    content = io.BytesIO()
    pickler = _Pickler(content, 2)
    pickler.keys = keys
    pickler.dump(model)
    members = {
        "sys_info": pickle.dumps(_SYSTEM, 2),
        "pickle": content.getvalue(),
        "tensors": _tensors(tensors, keys, homes),
        "storages": _storages(roots, views),
    }
    with tarfile.open(path, "w:", format=tarfile.PAX_FORMAT) as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


@FAMILY.layout("tar_state_dict")
def state_dict(path: Path) -> Expected:
    state = collections.OrderedDict(w=ramp(3, 4), b=ramp(3), n=ramp(2, dtype=torch.int64), h=ramp(5, dtype=torch.half))
    _write(path, state, list(state.values()))
    return named(state)


@FAMILY.layout("tar_shared_storage")
def shared(path: Path) -> Expected:
    whole = ramp(6, 5)
    state = {"all": whole, "t": whole.t(), "rows": whole[2:4], "column": whole[:, 1]}
    _write(path, state, list(state.values()))
    return named(state)


@FAMILY.layout("tar_storage_views")
def views(path: Path) -> Expected:
    whole, tail = ramp(12), ramp(12)[8:].clone()
    _write(path, {"all": whole, "tail": tail}, [whole, tail], [(777, 0, 8, 4)])
    return named({"all": whole, "tail": tail})


@FAMILY.layout("tar_nested")
def nested(path: Path) -> Expected:
    a, b = ramp(2, 2), ramp(3)
    _write(path, {"epoch": 2, "model": {"layers": [a, {"b": b}]}, "optimizer": {"lr": 0.1}}, [a, b])
    return named({"model.layers.0": a, "model.layers.1.b": b})
