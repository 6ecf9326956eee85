"""torch.load and save_file, by somebody who knows what save_file wants: contiguous tensors that share nothing."""

from __future__ import annotations

from typing import Any

import torch
from safetensors.torch import save_file

from bench.conversion.peers.walk import tensors


def safe(model: str, out: str) -> None:
    """With the unpickler that refuses what it doesn't know."""
    _convert(model, out, weights_only=True)


def unsafe(model: str, out: str) -> None:
    """With the one that runs whatever the file says."""
    _convert(model, out, weights_only=False)


def _convert(model: str, out: str, *, weights_only: bool) -> None:
    loaded = torch.load(model, map_location="cpu", weights_only=weights_only)
    found: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, value in tensors(loaded):
        tensor = _tensor(value)
        shared = tensor.layout is torch.strided and tensor.untyped_storage().data_ptr() in seen
        found[name] = tensor.clone(memory_format=torch.contiguous_format) if shared else tensor.contiguous()
        if tensor.layout is torch.strided:
            seen.add(tensor.untyped_storage().data_ptr())
    save_file(found, out)


def _tensor(value: Any) -> torch.Tensor:
    tensor = value.detach() if isinstance(value, torch.Tensor) else torch.from_numpy(value)
    if tensor.layout is not torch.strided:
        return tensor
    whole = tensor.numel() * tensor.element_size() == tensor.untyped_storage().nbytes()
    return tensor if whole else tensor.clone(memory_format=torch.contiguous_format)
