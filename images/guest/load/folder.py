"""Loads the files of a folder one after another, and holds what they are as the readers do."""

from __future__ import annotations

from pathlib import Path

from guest import distcp, shards
from guest.load.distcp_file import fields
from guest.load.loaders import load as load_as
from guest.load.place import Place
from guest.naming import Members, Shards


def load(files: list[tuple[str, str]], models: list[tuple[str, str, Place]]) -> Members:
    """`files`: each path and name, whatever it is; `models`: name, format and place of those to load.

    Raises what the loaders raise.
    """
    indices = (_index(path, name) for path, name in files)
    member = shards.members([name for _, name in files], [said for said in indices if said])
    loaded = Members()
    for name, form, place in models:
        found = load_as(form, place)
        if member[name] == name:
            loaded[name] = found
        else:
            loaded.setdefault(member[name], Shards()).append(found)
    return distcp.named(loaded, fields)


def _index(path: str, name: str) -> shards.Index | None:
    """As whoever loads shards opens it; the reader has looked at it before, within the same bound."""
    file = Path(path)
    if not name.endswith(shards.INDEX) or file.stat().st_size > shards.MOST_JSON:
        return None
    return shards.index(name, file.read_bytes())
