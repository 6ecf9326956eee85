"""What stands in a file that was written, by the strict reader and the official library."""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open

from sandbox.weights.header import strict_header
from tests.zoo import Expected


def converted(path: Path) -> Expected:
    """A safetensors file's tensors, by the strict reader; the official library must see the same names."""
    with path.open("rb") as file:
        header = strict_header(file.fileno())
        raw = path.read_bytes()
    with safe_open(str(path), "numpy") as official:
        assert set(official.keys()) == {entry.name for entry in header.entries}
    return {entry.name: (entry.dtype, entry.shape, raw[entry.begin : entry.end]) for entry in header.entries}
