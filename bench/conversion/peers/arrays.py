"""From loaded objects to numpy's save_file."""

from __future__ import annotations

from typing import Any

import numpy as np
from safetensors.numpy import save_file

from bench.conversion.peers.walk import tensors


def save(loaded: Any, out: str) -> None:
    """Every array, and every tensor as an array."""
    save_file({name: _array(value) for name, value in tensors(_opened(loaded))}, out)


def _opened(value: Any) -> Any:
    """An array of objects is a container."""
    if isinstance(value, np.ndarray) and value.dtype.hasobject and value.dtype.names is None:
        return _opened(value.item()) if value.ndim == 0 else [_opened(each) for each in value]
    if isinstance(value, dict):
        return {key: _opened(each) for key, each in value.items()}
    return [_opened(each) for each in value] if isinstance(value, list | tuple) else value


def _array(value: Any) -> np.ndarray[Any, Any]:
    return np.ascontiguousarray(value.detach().numpy() if hasattr(value, "detach") else value).reshape(value.shape)
