"""The rules of the safetensors project's converter (its convert.py, `convert_file`), without the model hub around it.

One dictionary of tensors, or the one under "state_dict"; of names that share memory one is kept, and the others are
noted in the metadata, by the project's own `_remove_duplicate_names`; then contiguous tensors, a check of the file's
size, and a comparison by value of what was written.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import _remove_duplicate_names, load_file, save_file

_MOST_GROWTH = 0.01
_KINDS = {".bin", ".ckpt"}  # of the files of a folder that it converts


def convert(model: str, out: str) -> None:
    """A file; or each of a folder's, whose outputs are put together here so that they can be judged as one."""
    if Path(model).is_file():
        _convert_file(model, out)
        return
    found: dict[str, torch.Tensor] = {}
    metadata: dict[str, str] = {}
    for path in sorted(path for path in Path(model).rglob("*") if path.suffix in _KINDS):
        _convert_file(str(path), out)
        with safe_open(out, "pt") as opened:
            metadata |= opened.metadata()
        found |= {f"{path.name}.{name}": tensor.clone() for name, tensor in load_file(out).items()}
    save_file(found, out, metadata=metadata)


def _convert_file(model: str, out: str) -> None:
    loaded = torch.load(model, map_location="cpu", weights_only=True)
    if "state_dict" in loaded:
        loaded = loaded["state_dict"]
    metadata = {"format": "pt"}
    for kept, dropped in _remove_duplicate_names(loaded).items():
        for name in dropped:
            metadata.setdefault(name, kept)
            del loaded[name]
    loaded = {name: tensor.contiguous() for name, tensor in loaded.items()}
    save_file(loaded, out, metadata=metadata)
    _check_size(Path(model).stat().st_size, Path(out).stat().st_size)
    again = load_file(out)
    for name, tensor in loaded.items():
        if not torch.equal(tensor, again[name]):
            raise RuntimeError(f"the output tensors do not match for key {name}")


def _check_size(before: int, after: int) -> None:
    if (after - before) / before > _MOST_GROWTH:
        raise RuntimeError("the file size difference is more than 1 %")
