"""What could be told otherwise by the reader than by a load: keys of any kind, absent subclasses, names that meet."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.distributed.checkpoint.filesystem import _StorageInfo
from torch.distributed.checkpoint.metadata import Metadata, MetadataIndex

from bench.detection.build.honest import Honest
from bench.detection.build.spelled import called, mapping, named

_FAMILY = Honest("checkpoints of Stable Diffusion, astropy, transformers and torch.distributed, by their own layouts")


@_FAMILY.saved("keyed_by_class", "sd-v1.ckpt")
def _keyed_by_class() -> Any:
    """callbacks by their class, and numbers of numpy as keys"""
    best = {"best_model_score": torch.ones(1), "best_model_path": "last.ckpt"}
    keys = {np.int64(3): torch.ones(2), ("q", np.float32(0.5)): torch.ones(3), torch.float16: torch.ones(4)}
    return {
        "state_dict": {"w": torch.ones(2, 2)},
        "callbacks": {named("pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"): best},
        "centroids": keys,
    }


@_FAMILY.pickled("array_subclass")
def _array_subclass() -> Any:
    """an absent subclass of numpy's array, which keeps a unit beside numpy's own state"""
    _, _, state = np.arange(4.0).__reduce__()
    array = called("numpy.core.multiarray._reconstruct", named("astropy.units.quantity.Quantity"), (0,), b"b")
    return {"flux": array.built((state, {"_unit": "Jy"}))}


@_FAMILY.saved("names_that_meet")
def _names_that_meet() -> Any:
    """flat names beside nested ones, and an output that holds each tensor as an item and as an attribute"""
    hidden = torch.ones(2, 3)
    output = mapping("transformers.modeling_outputs.BaseModelOutput", {"last_hidden_state": hidden})
    return {
        "ema": {"w": torch.zeros(2)},
        "ema.w": torch.ones(2),
        0: torch.ones(3),
        "0": torch.zeros(3),
        "output": output.built({"last_hidden_state": hidden}),
    }


@_FAMILY.written("distributed_checkpoint", "checkpoint")
def _distributed_checkpoint(path: Path) -> None:
    """a checkpoint of torch.distributed, its records behind one another"""
    path.mkdir()
    content, places = b"", {}
    for name, value in {"epoch": 3, "model.w": torch.ones(2, 3), "model.b": torch.zeros(3)}.items():
        held = io.BytesIO()
        torch.save(value, held)
        offset = torch.Size([0] * value.ndim) if isinstance(value, torch.Tensor) else None
        places[MetadataIndex(name, offset)] = _StorageInfo("__0_0.distcp", len(content), len(held.getvalue()))
        content += held.getvalue()
    (path / "__0_0.distcp").write_bytes(content)
    (path / ".metadata").write_bytes(pickle.dumps(Metadata({}, storage_data=places)))


SAMPLES = _FAMILY.samples
