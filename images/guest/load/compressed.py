"""Compressed files, as a user loads them: inflated, then by the loader of what they hold."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from guest.load.members import LoadAs
from guest.load.place import Place
from guest.readers import formats
from guest.readers.compressed import CODECS, inflate
from guest.readers.source import Memory


def load(codec: str, load_as: LoadAs, supported: Container[str], place: Place) -> Any:
    """What it holds; None where that is nothing that has a loader. Raises UnreadableError, as the reader did."""
    held = place.content()
    content = inflate(Memory(memoryview(held), (0, len(held))), CODECS[codec], place.session)
    found = formats.inside(content, "")
    if not found or found[0].name not in supported:
        return None
    return load_as(found[0].name, place.inside(bytes(content.data)))
