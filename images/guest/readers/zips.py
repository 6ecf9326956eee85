"""Zip archives of whatever someone put into them: each member is read for what it is."""

from __future__ import annotations

from collections.abc import Iterator

from guest.readers import members, zip_directory
from guest.readers.errors import UnreadableError
from guest.readers.interface import Found
from guest.readers.known import NestedLoad
from guest.readers.session import Session
from guest.readers.source import Source
from guest.readers.torch_zip import FAMILY, Directory
from guest.readers.zip_directory import Entry

NAME = "zip"
_UTF8, _ENCRYPTED = 0x0800, 0x0001  # flags
_MOST_CHECKED = 64 << 20  # bytes of a stored record that are read for its checksum alone


def found(directory: Directory) -> Found:
    """The row of such an archive."""

    def read(_: Source, session: Session, nested: NestedLoad) -> object:
        directory.told(session, NAME)
        return members.read(files(directory, session, NAME), NAME, session, nested)

    return Found(NAME, FAMILY, read)


def files(directory: Directory, session: Session, form: str) -> Iterator[tuple[str, Source]]:
    """Every file by its name. One that can't be had is left out, and that is said."""
    for entry in directory.entries:
        name = _name(entry)
        if name.endswith("/") and not entry.size:
            continue  # a folder; one with content is a file to whoever reads it by its name
        try:
            yield name, _content(directory.source, entry, name, session, form)
        except UnreadableError as error:
            session.incomplete(str(error))


def _name(entry: Entry) -> str:
    """As Python's zipfile spells it: in the alphabet of the first PCs, where no flag says UTF-8."""
    if entry.flags & _UTF8:
        return entry.name
    return entry.name.encode("utf-8", "surrogateescape").decode("cp437")


def _content(source: Source, entry: Entry, name: str, session: Session, form: str) -> Source:
    if entry.flags & _ENCRYPTED:
        raise UnreadableError(f"{name[:256]}: it is encrypted")
    content = zip_directory.content(source, entry, session, form)
    stored_and_big = content.placed and content.length > _MOST_CHECKED
    if not stored_and_big and not zip_directory.checked(entry, content.at(0, content.length)):
        session.oddity(form, "zip.crc", "its checksum is wrong", name)
    return content
