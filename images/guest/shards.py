"""Which files of a folder are one set, by their names and by an index beside them; for the reader and the loader.

Names are compared as text and never opened: an index may say `../../etc/passwd`.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

INDEX = ".index.json"
MOST_JSON = 32 << 20  # bytes of a JSON file that is looked into
_SHARD = re.compile(
    r"(?P<stem>.*)[-_.](?P<number>\d{1,6})-of-(?P<count>\d{1,6})(?P<extension>\.[^./]{1,32})", re.DOTALL
)


@dataclass(frozen=True)
class Index:
    """What `x.bin.index.json` says: tensor -> the path of its shard, beside the index."""

    name: str
    places: Mapping[str, str]

    @property
    def member(self) -> str:
        return self.name.removesuffix(INDEX)

    @property
    def shards(self) -> list[str]:
        return sorted(set(self.places.values()))


def parse(content: bytes) -> dict[str, object]:
    """A JSON object; an empty one when it is none."""
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def index(name: str, content: bytes) -> Index | None:
    """The index of that name, if it is one."""
    said = parse(content).get("weight_map")
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        return None
    folder = posixpath.dirname(name)
    return Index(name, {key: posixpath.join(folder, value) for key, value in said.items()})


def members(names: Iterable[str], indices: Iterable[Index]) -> dict[str, str]:
    """File -> the member that it belongs to: the file itself, or the set that it is a shard of."""
    ordered = list(names)
    listed = {shard: said.member for said in indices for shard in said.shards}
    found = {}
    for name in ordered:
        shard = _SHARD.fullmatch(name)
        found[name] = listed.get(name) or (f"{shard['stem']}{shard['extension']}" if shard else name)
    whole = {name for name, member in found.items() if name == member}
    # A file that is called as a set would be one of it: then the set is called by its first shard.
    first = {member: name for name, member in reversed(found.items()) if name != member}
    return {name: first[member] if member in whole and name != member else member for name, member in found.items()}


def lacking(names: Iterable[str]) -> list[str]:
    """The sets of which shards are not there, each in a sentence; by their own names."""
    there: dict[tuple[str, str, int], set[int]] = {}
    for shard in filter(None, map(_SHARD.fullmatch, names)):
        key = (shard["stem"], shard["extension"], int(shard["count"]))
        there.setdefault(key, set()).add(int(shard["number"]))
    return [
        f"{count - len(numbers)} of the {count} shards of {stem}{extension} are not there"
        for (stem, extension, count), numbers in there.items()
        if len(numbers) < count
    ]
