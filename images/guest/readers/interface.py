"""What every format's reader offers. Members: one file each, and one row in `formats`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from guest.readers.known import NestedLoad
from guest.readers.session import Session
from guest.readers.source import Source

HEAD = 1024  # bytes from the start that recognising by magic may look at


@dataclass(frozen=True)
class Found:
    """A format that the bytes satisfy. `family`: those of one family are one thing, of two a polyglot."""

    name: str
    family: str
    read: Callable[[Source, Session, NestedLoad], object] | None  # None: recognised, and not supported yet
    globals_only: Callable[[Source, Session, NestedLoad], object] | None = None  # of one that isn't supported
    title: str = ""  # for the sentence that says so
