"""A checkpoint of torch.distributed: files of records, one behind another, and `.metadata`, which says what each is.

One rule for the readers' records and for loaded objects: `fields` tells an object's attributes.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from guest.naming import Members, Shards

EXTENSION = ".distcp"
_METADATA = ".metadata"

Fields = Callable[[Any], dict[Any, Any]]
_Place = tuple[str, int]  # path of a file, and where in it a record begins
_Item = tuple[str, tuple[int, ...]]  # what it is called, and which part of a tensor that several records hold


class Records(list[Any]):
    """What a file of records holds, and where each begins."""

    def __init__(self, records: Iterable[tuple[int, Any]] = ()) -> None:
        pairs = list(records)
        super().__init__(held for _, held in pairs)
        self.starts = tuple(start for start, _ in pairs)


def named(members: Members, fields: Fields) -> Members:
    """With each record by the name that `.metadata` beside its file gives it; the files of a checkpoint are one set."""
    found, sets = Members(), dict[str, Shards]()
    told: dict[str, dict[_Place, _Item]] = {}
    for path, held in members.items():
        folder = posixpath.dirname(path)
        if path.endswith(EXTENSION) and folder not in told:
            told[folder] = _places(folder, members.get(posixpath.join(folder, _METADATA)), fields)
        if not path.endswith(EXTENSION) or not told[folder]:
            found[path] = held
            continue
        if folder not in sets:
            found[path] = sets[folder] = Shards()
        sets[folder].append(_by_name(path, held, told[folder]))
    return found


def _by_name(path: str, held: Any, told: dict[_Place, _Item]) -> dict[Any, Any]:
    """A file's records; one that has no name keeps its place."""
    records = zip(held.starts, held, strict=True) if isinstance(held, Records) else [(0, held)]
    parts = Counter(name for name, _ in told.values())
    found: dict[Any, Any] = {}
    for start, record in records:
        name, offsets = told.get((path, start), (f"{posixpath.basename(path)}.{start}", ()))
        key = name if parts[name] < 2 else f"{name}.({','.join(map(str, offsets))})"
        found[key] = record
    return found


def _places(folder: str, metadata: Any, fields: Fields) -> dict[_Place, _Item]:
    """What `.metadata` says of the records; nothing if it is none."""
    storage = fields(metadata).get("storage_data")
    found: dict[_Place, _Item] = {}
    for index, place in storage.items() if isinstance(storage, dict) else ():
        item, where = fields(index), fields(place)
        name, offsets = item.get("fqn"), item.get("offset") or ()
        path, start = where.get("relative_path"), where.get("offset")
        if type(name) is str and type(path) is str and type(start) is int and isinstance(offsets, tuple):
            found[posixpath.join(folder, path), start] = (name, tuple(offsets))
    return found
