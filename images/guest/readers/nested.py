"""Files inside of files: torch's in a pickle's bytes, which plain pickle makes of a tensor, and members of archives."""

from __future__ import annotations

from guest.readers import bare_pickle, disguise, formats, leftover, pickle_file, refused, torch_legacy, torch_zip
from guest.readers.errors import UnreadableError
from guest.readers.inert import Unresolved
from guest.readers.interface import HEAD, Found
from guest.readers.known import NestedLoad
from guest.readers.parts import File
from guest.readers.session import Session
from guest.readers.source import Source
from guest.readers.zip_directory import LOCAL_MAGIC

MAX_UNREAD = 1_000  # members that are listed
_BEHIND = "behind it"
_NONE = "file"


class Nested:
    """Reads such files, to a depth. What fails is said, and the outer reading goes on."""

    def __init__(self, session: Session, depth: int = 0) -> None:
        self._session = session
        self._depth = depth

    def __call__(self, source: Source, record: str) -> object:
        """The object inside."""
        if self._too_deep():
            return Unresolved(record)
        try:
            return self._load(source, record)
        except UnreadableError as error:
            self._session.incomplete(f"a file inside of the pickle: {error}")
            return Unresolved(record)

    def member(self, source: Source, name: str) -> object:
        """The object of an archive's member; a `File` where it is no model, or in a format without a reader."""
        if self._too_deep():
            return Unresolved(name)
        with self._session.within(name) as path:
            found, uses = formats.inside(source, name), len(self._session.uses)
            held = self._read(source, found, path)
            disguise.note(found, name, source.at(0, min(source.length, 1)), self._session, uses)
            return held

    def content(self, source: Source) -> object:
        """What was compressed stands where the compressed file stood: the same name, the same path."""
        if self._too_deep():
            return Unresolved("compressed")
        return self._read(source, formats.inside(source, ""), self._session.member)

    def header(self, source: Source, form: str) -> None:
        leftover.look(source, leftover.HEADER, self._session, form)

    def behind(self, source: Source, form: str) -> None:
        """What begins as no format may have pickles in it all the same."""
        leftover.look(source, leftover.BEHIND, self._session, form)
        if isinstance(self.member(source, _BEHIND), File):
            pickle_file.read_on(source, 0, form, self._session, self, _BEHIND)

    def _read(self, source: Source, found: list[Found], path: str) -> object:
        session = self._session
        if len({form.family for form in found}) > 1:
            names = " and ".join(form.name for form in found)
            session.oddity(found[0].name, "format.polyglot", f"the same bytes are {names}")
        objects = [self._read_as(form, source, path) for form in found]
        if not objects:
            leftover.beside(source, path, session, _NONE)
        return objects[0] if objects else File(source.length)

    def _read_as(self, form: Found, source: Source, path: str) -> object:
        session = self._session
        session.inside.setdefault(form.name, form.read is not None)
        inner = Nested(session, self._depth + 1)
        try:
            if form.read is not None:
                return form.read(source, session, inner)
            self._unread(form, path)
            leftover.beside(source, path, session, form.name)
            if form.globals_only is not None:
                form.globals_only(source, session, inner)
        except UnreadableError as error:
            session.incomplete(f"{path}: {error}" if path else str(error))
            return Unresolved(path)
        return File(source.length)

    def _unread(self, form: Found, path: str) -> None:
        """A member in a format without a reader is no reason to leave the others, unless code may hide in it."""
        if len(self._session.unread) < MAX_UNREAD:
            self._session.unread.setdefault(path or "its content", refused.why(form))
        if formats.is_lacking(form, path):
            self._session.incomplete(f"{path or 'its content'}: {refused.why(form)}")

    def _too_deep(self) -> bool:
        deepest = self._session.bounds.archives
        if self._depth >= deepest:
            self._session.incomplete(f"files inside of files, more than {deepest} deep")
        return self._depth >= deepest

    def _load(self, source: Source, record: str) -> object:
        inner = Nested(self._session, self._depth + 1)
        head = source.at(0, min(HEAD, source.length))
        if head.startswith(LOCAL_MAGIC):
            return self._archive(source, inner)
        found = bare_pickle.recognise(source, head, implied=False)
        if found is not None and found.name == torch_legacy.NAME:
            return torch_legacy.read(source, self._session, inner, record)
        return pickle_file.read_first(source, self._session, inner, record)

    def _archive(self, source: Source, inner: NestedLoad) -> object:
        """torch looks inside for which kind it is, too: a TorchScript archive it loads by running its code."""
        directory = torch_zip.Directory.parse(source)
        kind = torch_zip.flavour(directory.entries)
        if kind == torch_zip.NAME:
            return torch_zip.read_directory(directory, self._session, inner)
        self._session.incomplete(f"a {kind} archive inside of the pickle: not supported yet")
        torch_zip.read_globals(directory, kind, self._session, inner)
        return Unresolved(kind)
