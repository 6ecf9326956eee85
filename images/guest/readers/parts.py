"""Values that are not one tensor: those that are written as several, and those that are written as none."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(eq=False, slots=True)
class Parts:
    """A tensor in a form that safetensors has not, as tensors that it has. `facts` is what else puts it together."""

    kind: str  # sparse_coo, quantized_per_tensor, complex128, structured, ...
    children: dict[str, object]
    facts: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, slots=True)
class File:
    """A file beside the model that is none itself."""

    size: int  # bytes
