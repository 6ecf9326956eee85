"""What constructors need of the record they stand in, and the entry of a table of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from guest.readers.inert import Call
from guest.readers.session import Session, Where
from guest.readers.source import Source

PersistentLoad = Callable[[object, Where], object]


class NestedLoad(Protocol):
    """Reads files that lie inside of the one that is being read."""

    def __call__(self, source: Source, record: str) -> object:
        """A torch file in a pickle's bytes."""

    def member(self, source: Source, name: str) -> object:
        """A member of an archive, whatever it is; `Unresolved` for what is no model."""

    def content(self, source: Source) -> object:
        """What a compressed file holds, whatever it is. Raises UnreadableError for what is no model."""

    def header(self, source: Source, form: str) -> None:
        """What the header of a file of that format has room for."""

    def behind(self, source: Source, form: str) -> None:
        """What lies behind the end of a file of that format, which has been told: pickles, to whoever reads on."""


@dataclass
class Record:
    """One pickle record: where it lies, what its persistent ids mean, how a file inside of it is read."""

    session: Session
    where: Where
    origin: tuple[int, int]
    persistent_load: PersistentLoad
    nested_load: NestedLoad
    call: Callable[[Call, Where], Any]  # constructs again: some constructors call their arguments


Constructor = Callable[[Call, Record], object]
Table = dict[str, Constructor]
