"""The few lines that anybody writes between a load and save_file: nested containers become dotted names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def tensors(value: Any, prefix: str = "", seen: frozenset[int] = frozenset()) -> Iterator[tuple[str, Any]]:
    """Every tensor and array below dictionaries, lists and tuples, and in whatever has a state_dict."""
    if id(value) in seen:
        return
    seen |= {id(value)}
    if hasattr(value, "state_dict"):
        value = value.state_dict()
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from tensors(child, f"{prefix}.{key}" if prefix else str(key), seen)
    elif isinstance(value, list | tuple):
        for at, child in enumerate(value):
            yield from tensors(child, f"{prefix}.{at}" if prefix else str(at), seen)
    elif hasattr(value, "dtype") and hasattr(value, "shape") and hasattr(value, "tolist") and not _number(value):
        yield prefix or "tensor", value


def _number(value: Any) -> bool:
    """numpy's scalars are no arrays."""
    return type(value).__module__ == "numpy" and type(value).__name__ not in {"ndarray", "memmap", "recarray"}
