"""JSON of a hostile file: no key twice, no numbers that aren't, nothing nested beyond reason."""

from __future__ import annotations

import json
from typing import Any

from guest.readers.errors import UnreadableError


def loads(raw: bytes, record: str) -> Any:
    """The value. Raises UnreadableError."""
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refused)
    except (ValueError, RecursionError, MemoryError) as error:
        raise UnreadableError(f"{record[:256]!a}: {type(error).__name__}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _refused(text: str) -> None:
    raise ValueError(text)
