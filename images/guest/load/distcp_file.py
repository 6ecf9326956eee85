"""A file of a checkpoint of torch.distributed: each of its records as torch.distributed loads it, by torch.load."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, BinaryIO

from guest.distcp import Records
from guest.load.place import Place
from guest.readers import distcp
from guest.readers.source import Memory


def load(load_torch: Callable[[BinaryIO], Any], place: Place) -> Records:
    """The records, in their order."""
    content = memoryview(place.content())
    found = distcp.pieces(Memory(content, (0, 0)))
    return Records((start, load_torch(io.BytesIO(content[start : start + length]))) for start, length in found)


def fields(held: object) -> dict[Any, Any]:
    """The attributes of an object."""
    return getattr(held, "__dict__", {})
