"""Loads the members of an archive as the readers read them: each by the loader of what its content is."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import Any

from guest.load.place import Place
from guest.naming import Members
from guest.readers import formats
from guest.readers.source import Memory

LoadAs = Callable[[str, Place], Any]


def load(members: Iterable[tuple[str, Place]], load_as: LoadAs, supported: Container[str]) -> Members:
    """Every member that is in one of the supported formats, by its path. Raises what the loaders raise."""
    loaded = Members()
    for name, place in members:
        source = Memory(memoryview(place.content()), (0, 0))
        found = formats.inside(source, name)
        if found and found[0].name in supported:
            loaded[name] = load_as(found[0].name, place)
    return loaded
