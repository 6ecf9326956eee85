"""Right, wrong or refused: what a contender wrote, against what the layout's own writer says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.zoo import Expected


class Outcome(StrEnum):
    """`UNASKED`: the contender doesn't claim to read such a file."""

    RIGHT = "right"
    WRONG = "wrong"
    REFUSED = "refused"
    UNASKED = "-"


@dataclass(frozen=True)
class Judgement:
    """One contender on one layout. `why` is a few words; seconds and bytes of the process that did it."""

    outcome: Outcome
    why: str = ""
    seconds: float = 0.0
    peak: int = 0


def written(path: Path) -> tuple[Expected, dict[str, str]]:
    """The tensors of a safetensors file, and its metadata."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header: dict[str, Any] = json.loads(content[8:start])
    metadata = header.pop("__metadata__", {})
    if "dtype" in metadata:  # a tensor of that name
        header["__metadata__"], metadata = metadata, {}
    found = {}
    for name, row in header.items():
        low, high = row["data_offsets"]
        found[name] = (row["dtype"], tuple(row["shape"]), content[start + low : start + high])
    return found, metadata


def with_dropped(found: Expected, metadata: Mapping[str, str]) -> Expected:
    """What the convert script leaves out of the tensors and notes as another name of one that it kept."""
    return found | {name: found[kept] for name, kept in metadata.items() if kept in found and name not in found}


def judge(found: Expected, expected: Expected, *, by_name: bool) -> tuple[Outcome, str]:
    """`by_name`: the names must be the expected ones; otherwise any names will do that tell the tensors apart."""
    if by_name and set(found) != set(expected):
        return Outcome.WRONG, _difference(set(expected) - set(found), set(found) - set(expected))
    if by_name:
        differing = [name for name in expected if found[name] != expected[name]]
        return (Outcome.WRONG, f"{len(differing)} differ: {differing[0]}") if differing else (Outcome.RIGHT, "")
    wanted, given = Counter(expected.values()), Counter(found.values())
    lacking, beyond = (wanted - given).total(), (given - wanted).total()
    if lacking or beyond:
        changed = min(lacking, beyond)
        said = {"changed": changed, "lacking": lacking - changed, "not in the file": beyond - changed}
        return Outcome.WRONG, ", ".join(f"{count} {what}" for what, count in said.items() if count)
    return Outcome.RIGHT, ""


def _difference(lacking: set[str], beyond: set[str]) -> str:
    said = (("lacks", lacking), ("has", beyond))
    return "; ".join(f"{verb} {', '.join(sorted(names)[:3])}" for verb, names in said if names)
