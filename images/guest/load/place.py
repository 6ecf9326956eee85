"""Where what is loaded lies: a file, or the bytes of a member that was taken out of one."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from guest.readers.session import Bounds, Session


@dataclass(frozen=True)
class Place:
    """`data` is None for a file of its own. `mapped`: whether torch may map it. `session`: what was inflated so far.

    `formats`: those that the reader told of, whose frameworks are imported; None for any.
    """

    path: str
    data: bytes | None = None
    mapped: bool = False
    session: Session = field(default_factory=lambda: Session(Bounds()))
    formats: frozenset[str] | None = None

    def inside(self, data: bytes) -> Place:
        """What was taken out of it."""
        return replace(self, data=data, mapped=False)

    def open(self) -> BinaryIO:
        return Path(self.path).open("rb") if self.data is None else io.BytesIO(self.data)

    def content(self) -> bytes:
        return Path(self.path).read_bytes() if self.data is None else self.data

    def for_torch(self) -> str | BinaryIO:
        """torch opens paths by itself, and maps those only."""
        return self.path if self.data is None else io.BytesIO(self.data)
