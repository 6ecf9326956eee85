"""A torch file inside of a pickle's bytes: what plain pickle makes of a tensor."""

from __future__ import annotations

from guest.readers import bare_pickle, torch_legacy, torch_zip
from guest.readers.errors import UnreadableError
from guest.readers.inert import Unresolved
from guest.readers.interface import HEAD
from guest.readers.known import NestedLoad
from guest.readers.session import Session
from guest.readers.source import Source
from guest.readers.zip_directory import LOCAL_MAGIC

MAX_DEPTH = 8


class Nested:
    """Reads such files, to a depth. What fails is said, and the outer reading goes on."""

    def __init__(self, session: Session, depth: int = 0) -> None:
        self._session = session
        self._depth = depth

    def load(self, source: Source, record: str) -> object:
        """The object inside."""
        if self._depth >= MAX_DEPTH:
            self._session.incomplete(f"files inside of files, more than {MAX_DEPTH} deep")
            return Unresolved(record)
        try:
            return self._load(source, record)
        except UnreadableError as error:
            self._session.incomplete(f"a file inside of the pickle: {error}")
            return Unresolved(record)

    def _load(self, source: Source, record: str) -> object:
        inner = Nested(self._session, self._depth + 1).load
        head = source.at(0, min(HEAD, source.length))
        if head.startswith(LOCAL_MAGIC):
            return self._archive(source, inner)
        found = bare_pickle.recognise(source, head, implied=False)
        if found is not None and found.name == torch_legacy.NAME:
            return torch_legacy.read(source, self._session, inner, record)
        return bare_pickle.read(source, self._session, inner, record)

    def _archive(self, source: Source, inner: NestedLoad) -> object:
        """torch looks inside for which kind it is, too: a TorchScript archive it loads by running its code."""
        directory = torch_zip.Directory.parse(source)
        kind = torch_zip.flavour(directory.entries)
        if kind == torch_zip.NAME:
            return torch_zip.read_directory(directory, self._session, inner)
        self._session.incomplete(f"a {kind} archive inside of the pickle: not supported yet")
        torch_zip.read_globals(directory, kind, self._session, inner)
        return Unresolved(kind)
